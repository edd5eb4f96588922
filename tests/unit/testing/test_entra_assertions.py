"""Client assertions at the Entra emulator: judged as the protocol says, by keys that are checked for real."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from entra_certificates import Pair
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators._entra_assertions import ASSERTION_TYPE
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.typing import Request

BASE = "https://login.test"
NOW = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)


def text(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture(scope="module")
def pair():
    return Pair()


@pytest.fixture
def entra(pair):
    entra = EntraEmulator()
    entra.enrol(pair.private_key + pair.certificate)
    return entra


@pytest.fixture
def wire(entra):
    return InProcessWire({BASE: entra}, ManualClock(NOW))


@pytest.fixture
def assertion(entra, pair):
    def made(*, header=(), key=pair.key, **claims):
        head = {"alg": "RS256", "typ": "JWT", "x5t": text(bytes.fromhex(pair.thumbprint))} | dict(header)
        body = {
            "aud": f"{BASE}/{entra.tenant_id}/oauth2/v2.0/token",
            "iss": entra.client_id,
            "sub": entra.client_id,
            "jti": "1",
            "exp": NOW.timestamp() + 600,
        } | claims
        signed = f"{text(json.dumps(head).encode())}.{text(json.dumps(body).encode())}"
        if key is None:
            return f"{signed}.{text(b'nothing')}"
        return f"{signed}.{text(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    return made


@pytest.fixture
def ask(entra, wire):
    def asked(proof, **changes):
        form = {
            "client_id": entra.client_id,
            "grant_type": "client_credentials",
            "scope": "https://crm.test/.default",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": proof,
        } | changes
        url = f"{BASE}/{entra.tenant_id}/oauth2/v2.0/token"
        answer = wire.send(Request("POST", url, (), urlencode(form).encode(), "session"), deadline=5)
        return answer.status, json.loads(answer.body)

    return asked


class TestBelieved:
    """Signed by a registered certificate, addressed to this authority, in time."""

    def test_a_token_is_issued(self, ask, assertion):
        """The least that a client must do by hand."""
        assert 200 == ask(assertion())[0]

    @pytest.mark.parametrize("audience", ["{base}/{tenant}/v2.0", "{base}/{tenant}", ["x", "{base}/{tenant}/v2.0"]])
    def test_audiences(self, ask, assertion, entra, audience):
        """Token endpoint, issuer or tenant; also one of several."""
        named = json.loads(json.dumps(audience).replace("{base}", BASE).replace("{tenant}", entra.tenant_id))

        assert 200 == ask(assertion(aud=named))[0]

    def test_it_may_be_used_again(self, ask, assertion):
        """msal sends one assertion for ten minutes."""
        proof = assertion()

        assert [200, 200] == [ask(proof)[0], ask(proof)[0]]

    def test_one_use_only_where_asked(self, ask, assertion, entra):
        """The strict setting takes each ``jti`` once."""
        entra.books["settings"]["assertion"]["is_single_use"] = True
        proof = assertion()

        assert [(200, None), (401, [700027])] == [
            (status, body.get("error_codes")) for status, body in (ask(proof), ask(proof))
        ]
        assert 200 == ask(assertion(jti="2"))[0]

    def test_a_thumbprint_is_told(self, pair):
        """Enrolling answers what the portal would show."""
        assert pair.thumbprint.upper() == EntraEmulator().enrol(pair.certificate)


class TestRefused:
    """AADSTS code by code."""

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"aud": "https://login.test/other/oauth2/v2.0/token"}, 700023),
            ({"aud": None}, 700023),
            ({"iss": "somebody"}, 700021),
            ({"sub": "somebody"}, 700021),
            ({"exp": NOW.timestamp() - 301}, 700024),
            ({"nbf": NOW.timestamp() + 301}, 700024),
            ({"exp": 1e300, "header": {"alg": "none"}}, 700027),
            ({"exp": "soon"}, 50027),
            ({"header": {"x5t": "AAAA"}}, 700027),
            ({"header": {"x5t": "!"}}, 700027),
            ({"header": {"x5t": "", "x5t#S256": "BBBB"}}, 700027),
            ({"header": {"alg": "none"}}, 700027),
            ({"header": {"alg": "PS256"}}, 700027),
            ({"key": None}, 700027),
        ],
    )
    def test_each_mistake(self, ask, assertion, changes, code):
        """A claim, a time, a name or a signature that does not fit."""
        status, body = ask(assertion(**changes))

        assert (401, "invalid_client", [code]) == (status, body["error"], body["error_codes"])

    @pytest.mark.parametrize("proof", ["", "a.b", "e30.e30.e30", "!.!.!", "W10.W10.W10", "a.b.c.d"])
    def test_no_assertion_at_all(self, ask, proof):
        """What is no JWT is said to be none."""
        status, body = ask(proof or "x")

        assert (401, [50027]) == (status, body["error_codes"])

    def test_the_type_must_be_given(self, ask, assertion):
        """A form without the type of the assertion is incomplete."""
        status, body = ask(assertion(), client_assertion_type="")

        assert (400, [900144]) == (status, body["error_codes"])

    def test_an_application_without_certificates(self, ask, assertion, entra):
        """Nothing is registered, nothing is believed."""
        entra.books["applications"][entra.client_id] = {"id": entra.client_id, "client_secret": "s"}

        assert [700027] == ask(assertion())[1]["error_codes"]


class TestMsal:
    """The three forms that msal knows (wire sheet of Entra), checked by signature."""

    @pytest.mark.parametrize(
        ("form", "algorithm"),
        [
            ({"thumbprint"}, "RS256"),
            ({"thumbprint", "public_certificate"}, "RS256"),
            ({"public_certificate"}, "PS256"),
        ],
    )
    def test_each_form_is_believed(self, entra, pair, form, algorithm):
        """Old and new thumbprints, PKCS #1 and PSS."""
        msal = pytest.importorskip("msal")
        clock = ManualClock(datetime.now(timezone.utc))
        wire = InProcessWire({BASE: entra}, clock)
        heads = []

        class Client:
            def _of(self, request):
                answer = wire.send(request, deadline=5)
                answered = type("Answered", (), {"raise_for_status": lambda self: None})()
                answered.status_code, answered.text = answer.status, answer.body.decode()
                answered.headers = dict(answer.headers)
                return answered

            def get(self, url, **_):
                return self._of(Request("GET", url))

            def post(self, url, *, data, **_):
                proof = data["client_assertion"]
                head = (proof if isinstance(proof, str) else proof.decode()).partition(".")[0]
                heads.append(json.loads(base64.urlsafe_b64decode(head + "==")))
                return self._of(Request("POST", url, (), urlencode(data).encode()))

            def close(self):
                pass

        known = {"thumbprint": pair.thumbprint, "public_certificate": pair.certificate}
        application = msal.ConfidentialClientApplication(
            entra.client_id,
            client_credential={"private_key": pair.private_key} | {name: known[name] for name in form},
            authority=f"{BASE}/{entra.tenant_id}",
            instance_discovery=False,
            http_client=Client(),
        )
        answer = application.acquire_token_for_client(["https://crm.test/.default"])

        assert entra.validate(answer["access_token"], "https://crm.test", clock)
        assert [algorithm] == [head["alg"] for head in heads]
