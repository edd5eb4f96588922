"""Signed webhooks: genuine, timely and new, or refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timezone

import pytest
from pydantic import SecretStr

from periferia_link.connectors.periticket import Periticket
from periferia_link.connectors.ticketing.webhooks import WebhookVerifier
from periferia_link.errors import AuthenticationError, ConfigurationError, RecordConflictError
from periferia_link.testing import ManualClock
from periferia_link.testing.emulators import InProcessWire
from periferia_link.testing.emulators.periticket import PeriticketEmulator

KEY = b"a-secret-of-24-bytes-2026"
SECRET = SecretStr("whsec_" + base64.b64encode(KEY).decode())
BODY = '{"type":"ticket.updated","data":{"id":"tk-1","título":"señal"}}'.encode()
NOW = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)


def signed(number="msg_1", moment=NOW, body=BODY, key=KEY, stamp=None):
    told = str(int(moment.timestamp())) if stamp is None else stamp
    digest = hmac.new(key, f"{number}.{told}.".encode() + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": number,
        "Webhook-Timestamp": told,
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def verifier(clock):
    return WebhookVerifier([SECRET], clock=clock)


class TestTheVectors:
    """The six of the specification, and a known one."""

    def test_a_known_delivery(self):
        """The example that the specification gives, to the byte."""
        clock = ManualClock(datetime.fromtimestamp(1614265330, timezone.utc))
        verifier = WebhookVerifier([SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")], clock=clock)
        headers = {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }
        assert "msg_p5jXN8AQM9LWM0D4loKWxJek" == verifier.verify(headers, b'{"test": 2432232314}').id

    def test_valid(self, verifier):
        """Genuine: its id and its body, unread."""
        assert ("msg_1", BODY) == verifier.verify(signed(), BODY)

    def test_several_signatures(self, verifier):
        """While a secret is replaced: one of them is enough, unknown versions are passed over."""
        headers = signed()
        headers["Webhook-Signature"] = f"v1,AAAA v2,{'A' * 43}= v1a,zzz {headers['Webhook-Signature']}"
        assert "msg_1" == verifier.verify(headers, BODY).id

    def test_several_secrets(self, clock):
        """The old one and the new one hold side by side."""
        verifier = WebhookVerifier([SecretStr("another-secret-of-mine"), SECRET], clock=clock)
        assert "msg_1" == verifier.verify(signed(), BODY).id

    def test_tampered(self, verifier):
        """One byte of the body."""
        with pytest.raises(AuthenticationError, match="not the sender's"):
            verifier.verify(signed(), BODY.replace(b"tk-1", b"tk-2"))

    def test_wrong_secret(self, verifier):
        """Somebody else's."""
        with pytest.raises(AuthenticationError, match="not the sender's"):
            verifier.verify(signed(key=b"x" * 24), BODY)

    @pytest.mark.parametrize("seconds", [-301, 301])
    def test_old_and_future(self, verifier, clock, seconds):
        """Five minutes on both sides."""
        headers = signed()
        clock.advance(400)
        moment = datetime.fromtimestamp(clock.now().timestamp() + seconds, timezone.utc)
        with pytest.raises(AuthenticationError, match="too old"):
            verifier.verify(signed(moment=moment), BODY)
        with pytest.raises(AuthenticationError, match="too old"):
            verifier.verify(headers, BODY)

    @pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
    def test_missing(self, verifier, name):
        """Each header belongs to it."""
        headers = signed()
        del headers[name]
        with pytest.raises(AuthenticationError, match="not signed"):
            verifier.verify(headers, BODY)


class TestMore:
    """Repeated, malformed, badly configured."""

    def test_a_replay(self, verifier, clock):
        """The same delivery a second time is told apart; a forged one never counts as seen."""
        with pytest.raises(AuthenticationError):
            verifier.verify(signed(key=b"x" * 24), BODY)
        verifier.verify(signed(), BODY)
        clock.advance(60)
        with pytest.raises(RecordConflictError):
            verifier.verify(signed(), BODY)

    @pytest.mark.parametrize("stamp", ["", "abc", "-5", "1e9", "9" * 40, "²"])
    def test_a_time_that_is_none(self, verifier, stamp):
        """It is refused before anything is computed with it."""
        with pytest.raises(AuthenticationError):
            verifier.verify(signed(stamp=stamp), BODY)

    @pytest.mark.parametrize("text", ["v1,", "v1", "v1,ñ", "v1,!!!!", "v1," + "A" * 10_000, " "])
    def test_a_signature_that_is_none(self, verifier, text):
        """It is no crash."""
        with pytest.raises(AuthenticationError):
            verifier.verify(signed() | {"Webhook-Signature": text}, BODY)

    @pytest.mark.parametrize("secret", ["", "   ", "whsec_", "whsec_!!!", "corto"])
    def test_a_secret_that_protects_nothing(self, secret):
        """It is refused when the verifier is made."""
        with pytest.raises(ConfigurationError):
            WebhookVerifier([SecretStr(secret)])

    def test_no_secret_at_all(self):
        """Nothing to verify with."""
        with pytest.raises(ConfigurationError):
            WebhookVerifier([])

    def test_it_hides_its_secrets(self, verifier):
        """Nothing of them shows."""
        assert "WebhookVerifier(1 secrets)" == repr(verifier)


class TestReconciledByPolling:
    """A webhook is a reason to look; what is true is read."""

    def test_a_lost_and_a_forged_delivery_change_nothing(self, clock):
        """Both changes are found by the pull: the one that was told, and the one whose delivery was lost."""
        desk = PeriticketEmulator()
        keys = [desk.enter("tickets", {"subject": f"Caso {n}"}, clock)["id"] for n in range(2)]
        verifier = WebhookVerifier([SecretStr(desk.webhook_secret)], clock=clock)
        token = SecretStr(desk.credentials()["token"])
        with Periticket("https://desk.example", token=token, clock=clock, wire=wire_to(desk, clock)) as helpdesk:
            cursor = list(helpdesk.pull("Ticket"))[-1].cursor
            clock.advance(600)
            for key in keys:
                desk.amend("tickets", key, {"status": "resolved"}, clock)
            sent = desk.webhook("tickets", keys[0], clock)  # that of the other one never arrives
            assert verifier.verify(dict(sent.headers), sent.body).body == sent.body
            with pytest.raises(AuthenticationError):
                verifier.verify(dict(sent.headers), sent.body.replace(keys[0].encode(), keys[1].encode()))
            rows = {row.key: row for page in helpdesk.pull("Ticket", cursor) for row in page.rows}
            assert ["resolved"] * 2 == [helpdesk.decode("Ticket", rows[key]).status for key in keys]


def wire_to(desk, clock):
    return InProcessWire({"https://desk.example": desk}, clock)
