from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from periferia_link.connectors.sap_business_one.webhooks import Hint, SapWebhooks, subscription
from periferia_link.errors import AuthenticationError, ConfigurationError, RecordInvalidError

SECRET = "una-clave-de-prueba-2026"
EVENT = {"WebhookID": "w1", "BusinessObject": "oInvoices", "TransactionType": "Updated", "ObjectKey": "17"}


def body_of(content):
    return json.dumps(content).encode()


def signed(body, *, secret=SECRET, digest=hashlib.sha256, form="hex", header="X-Signature"):
    raw = hmac.new(secret.encode(), body, digest).digest()
    text = {"hex": raw.hex(), "base64": base64.b64encode(raw).decode(), "named": f"sha256={raw.hex()}"}[form]
    return {header: text}


@pytest.fixture
def hooks():
    return SapWebhooks([SecretStr(SECRET)])


class TestSignatures:
    """Only the sender is heard."""

    @pytest.mark.parametrize("form", ["hex", "base64", "named"])
    def test_genuine(self, hooks, form):
        """Hexadecimal, base64, or with the algorithm in front."""
        body = body_of(EVENT)

        assert (Hint("Invoice", ("17",), "updated"),) == hooks.receive(signed(body, form=form), body)

    @pytest.mark.parametrize(
        ("algorithm", "digest"),
        [("HMACSha256", hashlib.sha256), ("HMACSha384", hashlib.sha384), ("HMACSha512", hashlib.sha512)],
    )
    def test_algorithms(self, algorithm, digest):
        """The three of the Service Layer; another one than the subscription's does not pass."""
        body = body_of(EVENT)
        hooks = SapWebhooks([SecretStr(SECRET)], algorithm=algorithm)

        assert hooks.receive(signed(body, digest=digest), body)
        with pytest.raises(AuthenticationError):
            hooks.receive(signed(body, digest=hashlib.sha1), body)

    def test_while_a_secret_is_replaced(self):
        """The old and the new one count."""
        body = body_of(EVENT)
        hooks = SapWebhooks([SecretStr("otra-clave-de-prueba-1"), SecretStr(SECRET)])

        assert hooks.receive(signed(body), body)

    def test_header_by_name_and_case(self):
        """Where the signature stands can be told; case does not count."""
        body = body_of(EVENT)
        hooks = SapWebhooks([SecretStr(SECRET)], header="X-B1-Hmac")

        assert hooks.receive({"x-b1-HMAC": signed(body)["X-Signature"]}, body)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-Signature": ""},
            {"X-Signature": "x"},
            {"X-Signature": "ñ" * 64},
            {"X-Signature": "0" * 64},
            {"X-Signature": "A" * 10_000},
            {"Authorization": "x"},
        ],
    )
    def test_refused(self, hooks, headers):
        """No signature, none that is one, none of the sender."""
        with pytest.raises(AuthenticationError) as caught:
            hooks.receive(headers, body_of(EVENT))

        assert SECRET not in str(caught.value)

    def test_changed_body(self, hooks):
        """One byte more is another message."""
        body = body_of(EVENT)
        with pytest.raises(AuthenticationError):
            hooks.receive(signed(body), body + b" ")

    @given(st.binary(max_size=200), st.text(max_size=80))
    def test_strangers(self, body, signature):
        """Whatever a stranger sends ends in an error of ours."""
        with pytest.raises(AuthenticationError):
            SapWebhooks([SecretStr(SECRET)]).receive({"X-Signature": signature}, body)

    def test_bounded(self):
        """A body that is too large is refused before anything is calculated; one that is no JSON, after."""
        hooks = SapWebhooks([SecretStr(SECRET)], max_bytes=100)
        with pytest.raises(RecordInvalidError, match="more than 100 bytes"):
            hooks.receive({}, b" " * 101)
        with pytest.raises(RecordInvalidError, match="no JSON"):
            hooks.receive(signed(b"{"), b"{")

    @pytest.mark.parametrize("secrets", [[], [""], ["short"], [SECRET, "short"]])
    def test_secrets(self, secrets):
        """Without a secret, or with a short one, everybody could send."""
        with pytest.raises(ConfigurationError):
            SapWebhooks([SecretStr(secret) for secret in secrets])

    def test_unknown_algorithm(self, hooks):
        """An algorithm that SAP does not have; the secret is never shown."""
        with pytest.raises(ConfigurationError):
            SapWebhooks([SecretStr(SECRET)], algorithm="HMACMd5")
        assert "SapWebhooks(1 secrets)" == repr(hooks)


class TestHints:
    """Which kinds are worth a look."""

    def told(self, hooks, content):
        body = body_of(content)
        return hooks.receive(signed(body), body)

    def test_several(self, hooks):
        """One hint for each kind, keys once, in their order; different changes are no change."""
        events = [
            {"BusinessObject": "oBusinessPartners", "TransactionType": "Created", "ObjectKey": "C1"},
            {"BusinessObject": "2", "TransactionType": "Updated", "ObjectKey": "C2"},
            {"ObjectType": 30, "TransactionType": "Canceled", "DocEntry": 7},
            {"BusinessObject": 2, "TransactionType": "Updated", "ObjectKey": "C1"},
        ]

        assert (Hint("Client", ("C1", "C2"), None), Hint("CostEntry", ("7",), "cancelled")) == self.told(
            hooks, {"Events": events}
        )

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("oDrafts", "Invoice"),
            ("112", "Invoice"),
            ("oProfitCenters", "CostCentre"),
            ("oDistributionRules", "CostCentre"),
            ("63", "Project"),
            ("oSalesOpportunities", "Opportunity"),
            ("171", "Employee"),
            ("oServiceCalls", "ServiceCall"),
        ],
    )
    def test_objects(self, hooks, name, kind):
        """By name and by number."""
        assert (Hint(kind),) == self.told(hooks, {"BusinessObject": name})

    @pytest.mark.parametrize(
        "content", [{}, [], None, 5, "x", {"BusinessObject": "oItems"}, {"BusinessObject": [1]}, [[[[{}]]]]]
    )
    def test_nothing_of_ours(self, hooks, content):
        """What is no kind of ours is passed over."""
        assert () == self.told(hooks, content)

    def test_keys_of_several_columns(self, hooks):
        """A key may be a list or an object; what cannot be one is left out."""
        event = {"BusinessObject": "oInvoices", "Keys": [1, None, True, "x" * 200, {"a": 1}], "Key": {"DocEntry": 2}}

        assert {"1", "2"} == set(self.told(hooks, event)[0].keys)

    def test_wide_and_deep(self, hooks):
        """A body that is all brackets costs little."""
        assert () == self.told(hooks, [[]] * 50_000)


class TestSubscription:
    """The body that asks SAP for webhooks."""

    def test_body(self):
        """Signed, standard mode, one entry for each object and change; no secret in it."""
        body = subscription("periferia", "https://hooks.periferia.example/sap", ["Invoice"], changes=["created"])

        assert ("periferia", "HMAC", "Standard", "Active") == tuple(
            body[name] for name in ("WebhookID", "AuthenticationType", "WorkMode", "State")
        )
        assert [
            {"BusinessObject": "oDrafts", "TransactionType": "Created"},
            {"BusinessObject": "oInvoices", "TransactionType": "Created"},
        ] == body["EventCollection"]
        assert "Inactive" == subscription("p", "https://a.example", ["Client"], active=False)["State"]

    @pytest.mark.parametrize(
        ("name", "url", "kinds"),
        [
            ("p", "http://a.example", ["Client"]),
            ("", "https://a.example", ["Client"]),
            ("p" * 41, "https://a.example", ["Client"]),
            ("p", f"https://{'a' * 250}.example", ["Client"]),
            ("p", "https://a.example", ["Ticket"]),
            ("p", "https://a.example", []),
        ],
    )
    def test_refused(self, name, url, kinds):
        """What SAP would not take."""
        with pytest.raises(ConfigurationError):
            subscription(name, url, kinds)
