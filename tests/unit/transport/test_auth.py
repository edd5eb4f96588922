"""Entra ID: real msal against a small authority on this machine."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import traceback
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    LinkError,
    OriginError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.transport._auth import BearerAuth, ClientSecret
from periferia_link.transport._json import NotJsonError
from periferia_link.transport._transport import Transport

TENANT = "11111111-1111-1111-1111-111111111111"
SCOPE = "https://contoso.example/.default"
CANARY = "c4n4ry~s3cret"


class Entra:
    """Answers discovery and the token endpoint; the next answers can be set."""

    def __init__(self, tools, serve) -> None:
        self._tools = tools
        self.lifetime = 3599
        self.refresh_in = None
        self.next = []
        self.token_endpoint = None
        self.hangs_up = False
        self.posts = []
        self.lock = threading.Lock()
        self.server = serve(self.play, tls=True)

    @property
    def url(self) -> str:
        return self.server.url

    def play(self, line) -> None:
        while request := line.request():
            head, _, body = request.partition(b"\r\n\r\n")
            is_token = head.startswith(b"POST")
            line.answer(self.token(body) if is_token else self.discovery(head))
            if is_token and self.hangs_up:
                return

    def discovery(self, head: bytes) -> bytes:
        path = head.split(b" ")[1].decode()
        if path != f"/{TENANT}/v2.0/.well-known/openid-configuration":
            body = {"error": "invalid_tenant", "error_description": "AADSTS90002: …", "error_codes": [90002]}
            return self._tools.answer(json.dumps(body).encode(), status="400 Bad Request")
        base = f"{self.url}/{TENANT}"
        body = {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": self.token_endpoint or f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "tenant_region_scope": None,
        }
        return self._tools.answer(json.dumps(body).encode())

    def token(self, body: bytes) -> bytes:
        with self.lock:
            self.posts.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
            if self.next:
                return self.next.pop(0)
            number = len(self.posts)
        if self.posts[-1]["client_secret"] != CANARY:
            refusal = {
                "error": "invalid_client",
                "error_description": "AADSTS7000215: Invalid client secret provided.",
                "error_codes": [7000215],
            }
            return self._tools.answer(json.dumps(refusal).encode(), status="401 Unauthorized")
        answer = {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": f"token-{number}",
        }
        return self._tools.answer(
            json.dumps(answer | ({"refresh_in": self.refresh_in} if self.refresh_in else {})).encode()
        )


class CountingLock:
    """A lock that tells when so many threads have come to it."""

    def __init__(self, threads: int) -> None:
        self._lock = threading.Lock()
        self._count = threading.Semaphore(threads - 1)
        self.everybody_waits = threading.Event()

    def __enter__(self) -> None:
        if not self._count.acquire(blocking=False):
            self.everybody_waits.set()
        self._lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self._lock.release()


@pytest.fixture
def entra(serve, tools):
    return Entra(tools, serve)


@pytest.fixture
def credential(entra, clock, authority):
    """Make credentials of that authority; closed with the test."""
    made = []

    def make(secret=CANARY, **options):
        options = {"tenant_id": TENANT, "client_id": "app", "authority": entra.url, "clock": clock, **options}
        made.append(ClientSecret(client_secret=SecretStr(secret), ca_file=authority[1], allow_private=True, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


class TestToken:
    """Fetched once, kept while it is good."""

    def test_request(self, entra, credential) -> None:
        """Discovery and one POST, client credentials with the secret in the body."""
        token = credential().get_token(SCOPE)
        assert ("token-1", 2) == (token.token, len(entra.server.requests))
        (form,) = entra.posts
        assert ("app", "client_credentials", SCOPE) == (form["client_id"], form["grant_type"], form["scope"])

    def test_making_one_does_no_network(self, entra, credential) -> None:
        """Not even a connection; msal's own constructor does."""
        credential()
        assert 0 == entra.server.connections

    def test_kept(self, entra, credential, clock) -> None:
        """One request per scope; expiry by the given clock."""
        ours = credential()
        assert ours.get_token(SCOPE) is ours.get_token(SCOPE)
        assert int(clock.now().timestamp()) + 3599 == ours.get_token(SCOPE).expires_on
        ours.get_token("https://graph.example/.default")
        assert 2 == len(entra.posts)

    def test_sixteen_threads_cold(self, entra, credential) -> None:
        """One token request; msal alone would make sixteen."""
        ours, barrier, tokens = credential(), threading.Barrier(16), []

        def work():
            barrier.wait(60)
            tokens.append(ours.get_token(SCOPE).token)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert ["token-1"] * 16 == tokens
        assert 1 == len(entra.posts)

    @pytest.mark.parametrize(("secret", "error"), [("wrong", AuthenticationError), (CANARY, UnavailableError)])
    def test_one_failure_is_enough_for_all(self, entra, credential, tools, secret, error) -> None:
        """Threads that waited for the same request share its failure; the next one tries anew."""
        ours, failures, token = credential(secret=secret), [], entra.token
        ours._lock = lock = CountingLock(8)

        def slow(body):
            assert lock.everybody_waits.wait(60)
            return tools.answer(b"{}", status="503 Down") if error is UnavailableError else token(body)

        entra.token = slow

        def work():
            with pytest.raises(error) as caught:
                ours.get_token(SCOPE)
            failures.append(caught.value)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert 8 == len({id(failure) for failure in failures})
        assert 1 == sum(request.startswith(b"POST") for request in entra.server.requests)
        entra.token = token
        ours._client_secret = SecretStr(CANARY)
        assert ours.get_token(SCOPE).token.startswith("token-")

    def test_renewed_before_it_expires(self, entra, credential, clock) -> None:
        """Five minutes before; a tenth of its life when that is shorter."""
        ours = credential()
        ours.get_token(SCOPE)
        clock.seconds += 3298
        assert "token-1" == ours.get_token(SCOPE).token
        clock.seconds += 2
        entra.lifetime = 20
        assert "token-2" == ours.get_token(SCOPE).token
        clock.seconds += 17
        assert "token-2" == ours.get_token(SCOPE).token
        clock.seconds += 1.5
        assert "token-3" == ours.get_token(SCOPE).token

    def test_renewed_when_advised(self, entra, credential, clock) -> None:
        """``refresh_in`` of the answer comes first."""
        entra.refresh_in = 100
        ours = credential()
        ours.get_token(SCOPE)
        clock.seconds += 101
        assert "token-2" == ours.get_token(SCOPE).token

    def test_an_authority_that_is_down(self, entra, credential, clock, tools) -> None:
        """The old token is used to its end, then the failure is told."""
        ours = credential()
        ours.get_token(SCOPE)
        clock.seconds += 3400
        entra.next = [tools.answer(b"{}", status="503 Service Unavailable")] * 2
        assert ["token-1"] * 3 == [ours.get_token(SCOPE).token for _ in range(3)]
        assert 2 == len(entra.posts), "asked again at once"
        clock.seconds += 200
        with pytest.raises(UnavailableError):
            ours.get_token(SCOPE)
        assert "token-4" == ours.get_token(SCOPE).token

    def test_forgotten(self, entra, credential) -> None:
        """A refused token is fetched again; one that was fetched meanwhile stays."""
        ours = credential()
        ours.get_token(SCOPE)
        ours.forget("token-0")
        assert "token-1" == ours.get_token(SCOPE).token
        ours.forget("token-1")
        assert "token-2" == ours.get_token(SCOPE).token


class TestEnvironment:
    """What the machine is told does not matter."""

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY"])
    def test_nonsense(self, credential, monkeypatch, name: str) -> None:
        """The client that msal uses is ours."""
        monkeypatch.setenv(name, "http://127.0.0.1:1/nonsense")
        assert "token-1" == credential().get_token(SCOPE).token

    def test_an_unknown_certificate(self, entra, clock) -> None:
        """The authority is verified like everybody."""
        ours = ClientSecret(
            tenant_id=TENANT,
            client_id="app",
            client_secret=SecretStr(CANARY),
            authority=entra.url,
            clock=clock,
            allow_private=True,
        )
        with pytest.raises(UnavailableError, match="ca_file"):
            ours.get_token(SCOPE)
        ours.close()
        assert [] == entra.server.requests


class TestRefusals:
    """Typed, with the code and the next step, never tried again by itself."""

    def test_a_wrong_secret(self, entra, credential) -> None:
        """AADSTS7000215, one POST; and no memory of it when it is corrected elsewhere."""
        ours = credential(secret="wrong")
        with pytest.raises(AuthenticationError, match=r"AADSTS7000215.*value of the client secret") as caught:
            ours.get_token(SCOPE)
        assert ("AADSTS7000215", 1) == (caught.value.code, len(entra.posts))

    def test_a_corrected_refusal_counts_at_once(self, entra, credential, tools) -> None:
        """msal would repeat a 400 from memory for a minute."""
        body = b'{"error":"invalid_client","error_description":"AADSTS7000222: expired"}'
        entra.next = [tools.answer(body, status="400 Bad Request")]
        ours = credential()
        with pytest.raises(AuthenticationError, match=r"AADSTS7000222.*make a new one"):
            ours.get_token(SCOPE)
        assert "token-2" == ours.get_token(SCOPE).token

    def test_an_unknown_tenant(self, credential) -> None:
        """Refused by discovery."""
        with pytest.raises(AuthenticationError, match=r"AADSTS90002.*tenant_id"):
            credential(tenant_id="nobody.example").get_token(SCOPE)

    @pytest.mark.parametrize("tenant", ["", "a/b", "..", "a?b", "ñ"])
    def test_what_is_no_tenant(self, credential, tenant: str) -> None:
        """It stands in a path."""
        with pytest.raises(ConfigurationError):
            credential(tenant_id=tenant)

    def test_an_authority_without_tls(self, credential) -> None:
        """Not even on this machine: msal refuses it, too."""
        with pytest.raises(ConfigurationError):
            credential(authority="http://127.0.0.1:8080")

    @pytest.mark.parametrize(
        ("status", "headers", "body", "error"),
        [
            ("503 Unavailable", "", b"", UnavailableError),
            ("429 Slow", "Retry-After: 9\r\n", b"{}", ThrottledError),
            ("200 OK", "", b"<html>", AuthenticationError),
            ("200 OK", "", b"nonsense", NotJsonError),
            ("200 OK", "", b"[]", NotJsonError),
            ("200 OK", "", b'{"access_token":"x","expires_in":"soon"}', NotJsonError),
            ("200 OK", "", b'{"access_token":"x","expires_in":60,"refresh_in":-1}', NotJsonError),
            ("200 OK", "", b"{}", AuthenticationError),
            ("400 Bad", "", b'{"error":"temporarily_unavailable"}', UnavailableError),
            ("302 Found", "Location: https://evil.example/\r\n", b"", OriginError),
        ],
    )
    def test_other_answers(self, entra, credential, tools, status, headers, body, error) -> None:
        """By what happens next; the one after that succeeds."""
        entra.next = [tools.answer(body, status=status, headers=headers)]
        ours = credential()
        with pytest.raises(error):
            ours.get_token(SCOPE)
        assert 1 == len(entra.posts)

    def test_a_line_that_breaks(self, entra, credential) -> None:
        """Asking for a token twice does no harm: unavailable, not unknown."""
        entra.next = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"]
        entra.hangs_up = True
        with pytest.raises(UnavailableError):
            credential().get_token(SCOPE)
        assert 1 == len(entra.posts)

    def test_discovery_that_leads_away(self, entra, credential, serve, tools) -> None:
        """The secret is not sent to another origin that the authority names."""
        other = serve(tools.answer(), tls=True)
        entra.token_endpoint = f"{other.url}/token"
        with pytest.raises(OriginError):
            credential().get_token(SCOPE)
        assert 0 == other.connections


class TestSecrecy:
    """The secret and the token stay where they are."""

    @pytest.mark.parametrize("case", ["good", "refused", "down", "html", "nonsense"])
    def test_canary(self, entra, credential, tools, caplog, case: str) -> None:
        """Log at DEBUG, errors with their chains and the variables of their frames."""
        caplog.set_level(logging.DEBUG)
        entra.next = {
            "good": [],
            "refused": [
                tools.answer(b'{"error":"invalid_client","error_description":"AADSTS700016: x"}', status="401 No")
            ],
            "down": [tools.answer(b"", status="503 Down")],
            "html": [tools.answer(b"<html>")],
            "nonsense": [tools.answer(CANARY.encode())],
        }[case]
        ours, told = credential(), []
        try:
            told.append(repr(ours.get_token(SCOPE)))
        except LinkError as exc:
            error: BaseException | None = exc
            while error is not None:
                frames = [
                    frame
                    for frame in traceback.walk_tb(error.__traceback__)
                    if "/tests/" not in frame[0].f_code.co_filename
                ]
                shown = traceback.StackSummary.extract(iter(frames), capture_locals=True)
                told += [str(error), repr(error), *(str(frame.locals) for frame in shown)]
                error = error.__cause__ or error.__context__
        told += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
        assert len(told) > 3
        assert [] == [line for line in told if CANARY in line or "token-1" in line]


class TestLoading:
    """msal is slow to import and asks the network when it is used."""

    def test_not_before_the_first_token(self) -> None:
        """A credential can be made without it."""
        program = (
            "import sys\n"
            "from pydantic import SecretStr\n"
            "from periferia_link.transport._auth import ClientSecret\n"
            "ClientSecret(tenant_id='t', client_id='c', client_secret=SecretStr('s'))\n"
            "print({'msal', 'requests'} & set(sys.modules))\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "set()" == done.stdout.strip()


class TestTogether:
    """Transport, bearer and authority."""

    def test_an_expired_token_in_the_middle(self, entra, credential, serve, tools, clock, authority) -> None:
        """Eight threads meet a 401: the system sees one replay each, the authority one new token."""
        barrier = threading.Barrier(8)

        def play(line):
            while request := line.request():
                is_old = b"Bearer token-1\r\n" in request
                if is_old:
                    barrier.wait(60)
                line.answer(tools.answer(b"{}", status="401 Unauthorized" if is_old else "200 OK"))

        server = serve(play, tls=True)
        auth = BearerAuth(credential(), SCOPE)
        ours = Transport(server.url, system="crm", clock=clock, allow_private=True, auth=auth, ca_file=authority[1])
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ours.read("GET", "a").status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        ours.close()
        assert [200] * 8 == answers
        assert (16, 2) == (len(server.requests), len(entra.posts))
