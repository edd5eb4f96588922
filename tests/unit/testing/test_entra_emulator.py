"""The Entra emulator: as the protocol says, as msal expects it, as sibling emulators ask it."""

import json
import threading
from urllib.parse import urlencode

import pytest

from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock, TlsIdentity, host
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.typing import Request
from toy_system import admin

BASE = "https://login.test"
CRM = "https://crm.test"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def entra():
    return EntraEmulator()


@pytest.fixture
def wire(entra, clock):
    return InProcessWire({BASE: entra}, clock)


def token_request(entra, *, tenant=None, method="POST", **form):
    credentials = entra.credentials()
    fields = {
        "client_id": credentials["client_id"],
        "grant_type": "client_credentials",
        "client_info": "1",
        "client_secret": credentials["client_secret"],
        "scope": f"{CRM}/.default",
    } | form
    body = urlencode({name: value for name, value in fields.items() if value is not None}).encode()
    url = f"{BASE}/{tenant or entra.tenant_id}/oauth2/v2.0/token"
    return Request(method, url, (("Content-Type", "application/x-www-form-urlencoded"),), body, "session")


def issued(entra, wire, **form):
    answer = wire.send(token_request(entra, **form), deadline=5)
    return json.loads(answer.body)


class TestDiscovery:
    """The OpenID configuration of the one tenant."""

    def test_endpoints_are_on_the_own_base(self, entra, wire):
        """msal refuses endpoints elsewhere."""
        url = f"{BASE}/{entra.tenant_id}/v2.0/.well-known/openid-configuration"
        found = json.loads(wire.send(Request("GET", url), deadline=5).body)

        assert f"{BASE}/{entra.tenant_id}/oauth2/v2.0/token" == found["token_endpoint"]
        assert f"{BASE}/{entra.tenant_id}/v2.0" == found["issuer"]
        assert {"authorization_endpoint", "device_authorization_endpoint", "tenant_region_scope"} < set(found)

    @pytest.mark.parametrize(
        ("path", "status"),
        [("/common/v2.0/.well-known/openid-configuration", 400), ("/", 404), ("/x/oauth2/authorize", 404)],
    )
    def test_other_addresses(self, wire, path, status):
        """Unknown tenants and paths are refused."""
        assert status == wire.send(Request("GET", BASE + path), deadline=5).status


class TestTokens:
    """Client credentials with a secret."""

    def test_a_token_is_issued(self, entra, wire):
        """In the shape that clients expect, not to be cached by anything between."""
        answer = wire.send(token_request(entra), deadline=5)
        body = json.loads(answer.body)

        assert (200, "no-store, no-cache") == (answer.status, answer.header("Cache-Control"))
        assert {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599} == {
            key: value for key, value in body.items() if key != "access_token"
        }
        assert body["access_token"].count(".") == 2

    def test_siblings_recognise_it(self, entra, wire, clock):
        """For the audience it was issued for, with or without a slash, and for no other."""
        token = issued(entra, wire)["access_token"]

        assert [True, True, False] == [
            entra.validate(token, audience, clock) for audience in (CRM, f"{CRM}/", "https://erp.test")
        ]
        assert not entra.validate("forged", CRM, clock)

    def test_the_lifetime_can_be_set(self, entra, wire, clock):
        """A token is good until its last second."""
        entra.expires_in, entra.refresh_in = 301, 120
        body = issued(entra, wire)
        clock.advance(300)
        before = entra.validate(body["access_token"], CRM, clock)
        clock.advance(1)

        assert (301, 120) == (body["expires_in"], body["refresh_in"])
        assert (301, 120) == (entra.expires_in, entra.refresh_in)
        assert (True, False) == (before, entra.validate(body["access_token"], CRM, clock))

    def test_tokens_can_be_revoked(self, entra, wire, clock):
        """What was issued before is no longer good."""
        token = issued(entra, wire)["access_token"]
        entra.revoke()

        assert not entra.validate(token, CRM, clock)
        assert entra.validate(issued(entra, wire)["access_token"], CRM, clock)

    def test_requests_are_counted(self, entra, wire):
        """Refused ones too; discovery is none."""
        issued(entra, wire)
        issued(entra, wire, client_secret="wrong")
        wire.send(Request("GET", f"{BASE}/{entra.tenant_id}/v2.0/.well-known/openid-configuration"), deadline=5)

        assert 2 == entra.token_requests
        assert 0 == sum(entry.wrote for entry in entra.log)

    def test_the_seed_makes_everything(self):
        """Same seed, same ids, secrets and tokens; another seed, other ones."""

        def run(seed):
            entra = EntraEmulator(seed=seed)
            return entra.credentials(), issued(entra, InProcessWire({BASE: entra}, ManualClock()))

        assert run(1) == run(1)
        assert run(1)[0]["client_secret"] != run(2)[0]["client_secret"]

    def test_applications_can_be_seeded(self, entra, wire):
        """With their own secret."""
        entra.load(
            {"applications": [{"id": "other", "client_secret": "s"}], "settings": [{"id": "token", "expires_in": 5}]}
        )

        assert 5 == issued(entra, wire, client_id="other", client_secret="s")["expires_in"]

    def test_reset_forgets_tokens_and_settings(self, entra, wire, clock):
        """As at the start."""
        entra.expires_in = 5
        token = issued(entra, wire)["access_token"]
        entra.reset()

        assert (3599, False, 0) == (entra.expires_in, entra.validate(token, CRM, clock), entra.token_requests)


class TestRefusals:
    """Errors with the fields that clients and support read."""

    @pytest.mark.parametrize(
        ("form", "status", "error", "code"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
            ({"client_secret": None}, 401, "invalid_client", 7000218),
            ({"client_secret": None, "client_assertion": "e.y.J"}, 400, "invalid_request", 900144),
            ({"client_id": "nobody"}, 400, "unauthorized_client", 700016),
            ({"client_id": None}, 400, "invalid_request", 900144),
            ({"grant_type": None}, 400, "invalid_request", 900144),
            ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
            ({"scope": None}, 400, "invalid_request", 900144),
            ({"scope": f"{CRM}/user_impersonation"}, 400, "invalid_scope", 1002012),
            ({"scope": f"{CRM}/.default https://erp.test/.default"}, 400, "invalid_scope", 1002012),
            ({"tenant": "nowhere"}, 400, "invalid_tenant", 90002),
            ({"method": "GET"}, 400, "invalid_request", 900561),
        ],
    )
    def test_mistakes(self, entra, wire, form, status, error, code):
        """Status, OAuth error and AADSTS code of each."""
        answer = wire.send(token_request(entra, **form), deadline=5)
        body = json.loads(answer.body)

        assert (status, error, [code]) == (answer.status, body["error"], body["error_codes"])
        assert body["error_description"].startswith(f"AADSTS{code}: ")
        assert {"timestamp", "trace_id", "correlation_id", "error_uri"} < set(body)
        assert "2026-03-02 13:00:00Z" == body["timestamp"]

    def test_no_secret_is_repeated(self, entra, wire):
        """Neither the right one nor the one that was tried."""
        answer = wire.send(token_request(entra, client_secret="tried-secret"), deadline=5)

        assert b"tried-secret" not in answer.body
        assert entra.credentials()["client_secret"].encode() not in answer.body

    @pytest.mark.parametrize(("fault", "status"), [("throttle", 429), ("status", 500)])
    def test_faults_apply_here_too(self, entra, wire, fault, status):
        """A throttled or broken token endpoint."""
        entra.faults.add(FaultRule(fault, path="*/token"))

        assert status == wire.send(token_request(entra), deadline=5).status


class TestMsal:
    """The real client, over TLS."""

    @pytest.fixture
    def served(self, entra, clock, tmp_path):
        identity = TlsIdentity.make(tmp_path)
        with host(entra, tls=identity, clock=clock) as running:
            yield running

    @pytest.fixture
    def application(self, served):
        msal, requests = pytest.importorskip("msal"), pytest.importorskip("requests")
        with requests.Session() as session:
            session.verify, session.trust_env = served.ca_file, False
            credentials = served.emulator.credentials()

            def make(secret=credentials["client_secret"]):
                return msal.ConfidentialClientApplication(
                    credentials["client_id"],
                    client_credential=secret,
                    authority=f"{credentials['authority']}/{credentials['tenant_id']}",
                    instance_discovery=False,
                    http_client=session,
                )

            yield make

    def test_a_token_is_acquired_and_cached(self, served, application, clock):
        """Two requests for the first token, none for the second."""
        app = application()
        first = app.acquire_token_for_client([f"{CRM}/.default"])
        second = app.acquire_token_for_client([f"{CRM}/.default"])

        assert ("identity_provider", "cache") == (first["token_source"], second["token_source"])
        assert served.emulator.validate(first["access_token"], CRM, clock)
        assert [("GET", 200), ("POST", 200)] == [(entry.method, entry.status) for entry in served.emulator.log]

    def test_a_wrong_secret_is_reported(self, served, application):
        """As the dictionary that msal makes of it."""
        answer = application("wrong").acquire_token_for_client([f"{CRM}/.default"])

        assert ("invalid_client", [7000215]) == (answer["error"], answer["error_codes"])

    def test_a_herd_is_counted(self, served, application):
        """msal has no single flight: the counter shows it, which is what it is for."""
        app = application()
        scopes = [f"{CRM}/.default"]
        served.emulator.faults.add(FaultRule("hold", path="*/token", times=None))
        herd = [threading.Thread(target=app.acquire_token_for_client, args=(scopes,)) for _ in range(4)]
        for thread in herd:
            thread.start()
        last = 0
        for _ in herd:
            last = admin(served, "GET", f"/holding?wait=20&after={last}")[0]["n"]
        admin(served, "POST", "/release")
        for thread in herd:
            thread.join()

        assert 4 == served.emulator.token_requests
