"""The socket server: messages, TLS, faults as a client sees them, the admin address."""

import contextlib
import json
import logging
import socket
import stat
import struct
import threading
import time
import urllib.error
from pathlib import Path

import pytest

from periferia_link.errors import ConfigurationError, MissingDependencyError
from periferia_link.testing.emulators import FaultRule, ManualClock, TlsIdentity, host, temporary_identity
from toy_system import RawClient, ToySystem, admin


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return TlsIdentity.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def toy():
    return ToySystem()


@pytest.fixture(params=["plain", "tls"])
def running(request, toy, identity):
    with host(toy, tls=identity if request.param == "tls" else None, clock=ManualClock()) as served:
        yield served


@pytest.fixture
def client(running):
    with RawClient(running.url, ca_file=running.ca_file) as connected:
        yield connected


@pytest.fixture
def plain(toy):
    with host(toy, clock=ManualClock()) as served:
        yield served


@pytest.fixture
def caller(plain):
    with RawClient(plain.url) as connected:
        yield connected


def status_of(block):
    return int(block.split(b" ", 2)[1])


class TestMessages:
    """Requests as clients frame them, answers as servers do."""

    def test_an_answer_comes_in_one_piece(self, client):
        """Header and body leave in one write: the first receive call brings both."""
        block = client.exchange("GET", "/things/1")

        head, _, body = block.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert {"at": "2026-03-02T13:00:00+00:00"} == json.loads(body)

    def test_the_date_is_that_of_the_clock(self, client):
        """The Date header shows the time of the system, which may be skewed on purpose."""
        assert b"Date: Mon, 02 Mar 2026 13:00:00 GMT\r\n" in client.exchange("GET", "/things/1")

    def test_a_connection_serves_many_requests(self, client):
        """Keep-alive is the default of HTTP/1.1."""
        answers = [status_of(client.exchange("GET", f"/things/{n}")) for n in range(20)]

        assert [200] * 20 == answers

    def test_requests_sent_ahead_are_answered_in_order(self, client):
        """Two requests in one packet get two answers."""
        client.sock.sendall(b"GET /things/1 HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n")

        got = client.rest()
        assert got.index(b"HTTP/1.1 200") < got.index(b"HTTP/1.1 204")

    def test_close_is_honoured(self, client):
        """A client that asks for it gets the connection closed, and is told."""
        client.ask("GET", "/things/1", headers=["Connection: close"])

        assert b"\r\nConnection: close\r\n" in client.rest()

    def test_http_1_0_closes(self, caller):
        """A client of HTTP/1.0 reads to the end of the connection."""
        caller.sock.sendall(b"GET /things/1 HTTP/1.0\r\n\r\n")

        assert caller.rest().startswith(b"HTTP/1.1 200")

    def test_http_1_0_may_keep_alive(self, caller):
        """Unless it asks to go on."""
        caller.sock.sendall(b"GET /nothing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        caller.piece()

        assert 204 == status_of(caller.exchange("GET", "/nothing"))

    def test_chunked_bodies_are_read(self, client):
        """Chunks, their extensions and trailers are taken apart."""
        client.ask("POST", "/echo", headers=["Transfer-Encoding: chunked"])
        client.sock.sendall(b"4;x=y\r\nabcd\r\n")
        client.sock.sendall(b"A\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n")

        assert b'"body":"abcd0123456789"' in client.piece()
        assert 204 == status_of(client.exchange("GET", "/nothing"))

    def test_a_body_may_come_in_pieces(self, client):
        """The body is complete when as many bytes came as announced."""
        client.ask("POST", "/echo", headers=["Content-Length: 6"])
        client.sock.sendall(b"abc")
        client.sock.sendall(b"def")

        assert b'"body":"abcdef"' in client.piece()

    def test_head_and_204_have_no_body(self, client):
        """HEAD tells the length only; 204 has no length at all."""
        head = client.exchange("HEAD", "/things/1")
        nothing = client.exchange("GET", "/nothing")

        assert (b"Content-Length" in head, head.endswith(b"\r\n\r\n")) == (True, True)
        assert (b"Content-Length" in nothing, nothing.endswith(b"\r\n\r\n")) == (False, True)

    def test_the_url_is_absolute(self, toy, plain, caller):
        """The emulator sees absolute URLs on its own base, and absolute targets as they came."""
        seen = []
        toy.serve = lambda request, clock: seen.append(request.url) or ToySystem.serve(toy, request, clock)
        caller.exchange("GET", "/a?b=c")
        caller.exchange("GET", "http://other.test/d")

        assert [f"{plain.url}/a?b=c", "http://other.test/d"] == seen
        assert plain.url == toy.base_url

    def test_a_server_may_limit_the_requests_of_a_connection(self):
        """Behind the last request it says that it closes, and closes."""

        class Brief(ToySystem):
            max_requests = 2

        with host(Brief()) as served, RawClient(served.url) as caller:
            assert b"Connection: close" not in caller.exchange("GET", "/nothing")
            caller.ask("GET", "/nothing")
            assert b"Connection: close" in caller.rest()

    def test_an_idle_connection_is_closed(self):
        """As long as the system says, and no longer."""

        class Impatient(ToySystem):
            idle_seconds = 0.05

        with host(Impatient()) as served, RawClient(served.url) as caller:
            caller.exchange("GET", "/nothing")
            assert b"" == caller.piece()

    def test_a_bug_of_the_emulator_is_a_500(self, client, caplog):
        """The client sees a server error, the log sees the traceback, the connection goes on."""
        with caplog.at_level(logging.ERROR):
            block = client.exchange("GET", "/broken")

        assert 500 == status_of(block)
        assert "a bug of the emulator" in caplog.text
        assert 204 == status_of(client.exchange("GET", "/nothing"))


class TestLimits:
    """What is malformed or too large ends the connection with a reason."""

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"NONSENSE\r\n\r\n", 400),
            (b"GET nowhere HTTP/1.1\r\n\r\n", 400),
            (b"GET / SPDY/3\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nNo colon here\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nBlank : 1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nA: " + b"x" * 140_000, 431),
            (b"PUT / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
            (b"PUT / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 400),
            (b"PUT / HTTP/1.1\r\nContent-Length: -4\r\n\r\n", 400),
            (b"PUT / HTTP/1.1\r\nContent-Length: 268435457\r\n\r\n", 413),
            (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
            (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
            (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000001\r\n", 413),
        ],
    )
    def test_bad_requests_are_refused(self, plain, sent, status):
        """With the status that says why, and without reaching the emulator."""
        with RawClient(plain.url) as caller:
            caller.sock.sendall(sent)
            block = caller.rest()

        assert status == status_of(block)
        assert b"Connection: close" in block
        assert [] == plain.emulator.log

    def test_a_client_that_leaves_inside_a_body_is_forgotten(self, plain):
        """Nothing reaches the emulator, and the next client is served."""
        with RawClient(plain.url) as leaver:
            leaver.ask("PUT", "/things/1", headers=["Content-Length: 10"])
        with RawClient(plain.url) as chunky:
            chunky.ask("PUT", "/things/1", headers=["Transfer-Encoding: chunked"])
        with RawClient(plain.url) as caller:
            assert 204 == status_of(caller.exchange("GET", "/nothing"))

        assert ["/nothing"] == [entry.path for entry in plain.emulator.log]

    def test_a_header_with_a_line_break_never_leaves(self, toy, caller):
        """A record that smuggles one into a header ends the conversation, not the next answer."""
        toy.serve = lambda request, clock: json_with_header("Location", "/x\r\nSet-Cookie: evil")
        caller.ask("GET", "/things/1")

        assert b"" == caller.rest()

    def test_only_loopback_is_bound(self, plain):
        """Both addresses are on 127.0.0.1."""
        assert plain.url.startswith("http://127.0.0.1:")
        assert plain.admin_url.startswith("http://127.0.0.1:")


def json_with_header(name, value):
    from periferia_link.testing.emulators import json_response

    return json_response(200, {}, {name: value})


class TestExpect:
    """``Expect: 100-continue``."""

    def test_the_body_is_asked_for(self, client):
        """By default the client hears 100 before it sends the body."""
        client.ask("POST", "/echo", headers=["Expect: 100-continue", "Content-Length: 2"])
        interim = client.piece()
        client.sock.sendall(b"hi")

        assert b"HTTP/1.1 100 Continue\r\n\r\n" == interim
        assert b'"Expect":"100-continue"' in client.piece()

    def test_an_emulator_may_refuse_it(self, toy, client):
        """Before the body comes, in the log, and the connection closes."""
        toy.refuses_expect = True
        client.ask("POST", "/echo", headers=["Expect: 100-continue", "Content-Length: 2"])

        assert client.rest().startswith(b"HTTP/1.1 500 ")
        assert [("/echo", 500)] == [(entry.path, entry.status) for entry in toy.log]

    def test_a_refusal_survives_a_client_that_sends_anyway(self, toy, plain, caller):
        """The answer is not lost to a reset when the body comes all the same."""
        toy.refuses_expect = True
        caller.ask("POST", "/echo", headers=["Expect: 100-continue", "Content-Length: 200000"])
        caller.sock.sendall(b"x" * 200_000)
        caller.sock.shutdown(socket.SHUT_WR)

        assert caller.rest().startswith(b"HTTP/1.1 500 ")


class TestTls:
    """Certificates of one run."""

    def test_a_client_must_trust_the_authority(self, toy, identity):
        """The machine's own authorities do not vouch for it."""
        with host(toy, tls=identity) as served, pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            RawClient(served.url)

    def test_a_plain_client_does_no_harm(self, toy, identity):
        """A failed handshake ends that connection only."""
        with host(toy, tls=identity) as served:
            with RawClient(served.url.replace("https", "http")) as lost:
                lost.ask("GET", "/")
                with contextlib.suppress(ConnectionResetError):
                    assert not lost.piece().startswith(b"HTTP")
            with RawClient(served.url, ca_file=identity.ca_file) as client:
                assert 204 == status_of(client.exchange("GET", "/nothing"))

    def test_the_authority_lives_in_a_private_folder(self):
        """Mode 0700, only the public certificate in it, gone at the end."""
        with temporary_identity() as identity:
            folder = Path(identity.ca_file).parent
            assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
            assert ["ca.pem"] == [file.name for file in folder.iterdir()]
            assert "PRIVATE" not in Path(identity.ca_file).read_text()
        assert not folder.exists()

    def test_without_trustme_the_extra_is_named(self, monkeypatch, tmp_path):
        """The error is the command that installs it."""
        monkeypatch.setitem(__import__("sys").modules, "trustme", None)

        with pytest.raises(MissingDependencyError, match=r'pip install "periferia-link\[testing\]"'):
            TlsIdentity.make(tmp_path)

    def test_a_system_may_insist_on_tls(self):
        """Its clients would refuse plain HTTP, so it is not served that way."""

        class Careful(ToySystem):
            needs_tls = True

        with pytest.raises(ConfigurationError, match="TLS only"):
            host(Careful())


class TestBrokenWire:
    """Every fault of the wire, as the bytes show it, plain and over TLS."""

    def put(self, running, client, when="before", **rule):
        running.emulator.faults.add(FaultRule(method="PUT", when=when, **rule))
        client.ask("PUT", "/things/1", b'{"n":1}')

    @pytest.mark.parametrize(("when", "kept"), [("before", {}), ("after", {"1": {"n": 1}})])
    def test_reset(self, running, client, when, kept):
        """The connection is reset, on either side of the commit."""
        self.put(running, client, when, fault="reset")

        # Below TLS: Python's ssl module reports a reset as an end.
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: socket.socket.recv(client.sock, 65536), b""))
        assert kept == admin(running, "GET", "/books").get("things", {})

    @pytest.mark.parametrize(("when", "kept"), [("before", {}), ("after", {"1": {"n": 1}})])
    def test_hang(self, running, client, when, kept):
        """No answer comes; other connections go on."""
        self.put(running, client, when, fault="hang")

        assert client.is_silent()
        assert kept == admin(running, "GET", "/books").get("things", {})
        with RawClient(running.url, ca_file=running.ca_file) as other:
            assert 204 == status_of(other.exchange("GET", "/nothing"))

    def test_late(self, running, client):
        """The client is gone before the system commits."""
        self.put(running, client, fault="late", params={"seconds": 60})
        assert client.is_silent()
        client.sock.close()

        assert {} == admin(running, "GET", "/books").get("things", {})
        admin(running, "POST", "/clock", {"advance": 59})
        assert {"requests": 1, "writes": 0} == admin(running, "GET", "/log/summary")
        admin(running, "POST", "/clock", {"advance": 1})
        assert {"requests": 1, "writes": 1} == admin(running, "GET", "/log/summary")
        assert {"1": {"n": 1}} == admin(running, "GET", "/books")["things"]

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_delay(self, running, client, when):
        """The answer is the real one, later; the connection goes on."""
        started = time.monotonic()
        self.put(running, client, when, fault="delay", params={"seconds": 0.05})

        assert 204 == status_of(client.piece())
        assert time.monotonic() - started >= 0.05
        assert 204 == status_of(client.exchange("GET", "/nothing"))

    def test_a_delayed_commit_outlives_the_client(self, running, client):
        """Leaving does not stop a server that is at work."""
        committed = threading.Event()
        serve = running.emulator.serve
        running.emulator.serve = lambda request, clock: (serve(request, clock), committed.set())[0]
        self.put(running, client, fault="delay", params={"seconds": 0.05})
        client.sock.close()

        assert committed.wait(60)

    def test_drip(self, running, client):
        """Header and body come a byte at a time."""
        self.put(running, client, fault="drip", params={"seconds": 0.001})

        pieces = []
        while not b"".join(pieces).endswith(b"\r\n\r\n"):
            pieces.append(client.piece())
        assert b"".join(pieces).startswith(b"HTTP/1.1 204 ")
        assert len(pieces) > 40

    def test_a_drip_ends_when_the_client_leaves(self, running, client):
        """Nobody is dripped upon for ever: the server closes without waiting out the hour."""
        self.put(running, client, fault="drip", params={"seconds": 3600})

        assert b"H" == client.piece()

    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_truncate(self, running, client, share):
        """The length promises more than comes."""
        running.emulator.load({"things": [{"id": "1", "name": "Andina"}]})
        running.emulator.faults.add(FaultRule("truncate", params={"share": share}))
        client.ask("GET", "/things/1")

        head, _, body = client.rest().partition(b"\r\n\r\n")
        assert b"Content-Length: 26" in head
        assert b'{"id":"1","name":"Andina"}'[: int(26 * share)] == body

    def test_truncate_bare(self, running, client):
        """Without a length the client cannot tell."""
        running.emulator.load({"things": [{"id": "1", "name": "Andina"}]})
        running.emulator.faults.add(FaultRule("truncate", params={"bare": True}))
        client.ask("GET", "/things/1")

        head, _, body = client.rest().partition(b"\r\n\r\n")
        assert b"Content-Length" not in head
        assert b'{"id":"1","na' == body

    def test_truncate_without_a_body_cuts_the_header(self, running, client):
        """There is nothing else to cut; the commit happened."""
        self.put(running, client, fault="truncate")

        block = client.rest()
        assert (block.startswith(b"HTTP/1.1 204"), b"\r\n\r\n" in block) == (True, False)
        assert {"1": {"n": 1}} == admin(running, "GET", "/books")["things"]

    def test_close(self, running, client):
        """The answer is whole and does not say that it is the last one."""
        self.put(running, client, fault="close")

        block = client.rest()
        assert (204, False) == (status_of(block), b"Connection" in block)

    @pytest.mark.parametrize(
        ("fault", "params", "status", "shown"),
        [
            ("status", {}, 500, b'{"error":{"code":"","message":"The server is not available."}}'),
            ("status", {"status": 503, "code": "Busy", "headers": {"X-A": "1"}}, 503, b"\r\nX-A: 1\r\n"),
            ("status", {"status": 400, "body": "plain"}, 400, b"\r\n\r\nplain"),
            ("html", {}, 200, b"<title>Sign in to your account</title>"),
            ("html", {"status": 203}, 203, b"Content-Type: text/html"),
            ("throttle", {}, 429, b"\r\nRetry-After: 1\r\n"),
            ("throttle", {"retry_after": "nonsense"}, 429, b"\r\nRetry-After: nonsense\r\n"),
            ("garbage", {}, 200, b"[NaN, "),
            ("redirect", {}, 302, b"\r\nLocation: https://elsewhere.invalid/\r\n"),
            ("redirect", {"status": 307, "location": "/b"}, 307, b"\r\nLocation: /b\r\n"),
        ],
    )
    @pytest.mark.parametrize(("when", "writes"), [("before", 0), ("after", 1)])
    def test_whole_answers(self, running, client, fault, params, status, shown, when, writes):
        """Faults that are answers come in one piece, on either side of the commit; the connection goes on."""
        self.put(running, client, when, fault=fault, params=params)

        block = client.piece()
        assert (status, True) == (status_of(block), shown in block)
        assert {"requests": 1, "writes": writes} == admin(running, "GET", "/log/summary")
        assert 204 == status_of(client.exchange("GET", "/nothing"))


class TestHolding:
    """A harness that acts exactly between send and outcome."""

    @pytest.mark.parametrize(("when", "kept"), [("before", {}), ("after", {"1": {"n": 1}})])
    def test_a_held_request_is_announced(self, running, client, when, kept):
        """The harness waits without polling and sees on which side of the commit it is."""
        admin(running, "POST", "/faults", {"fault": "hold", "method": "PUT", "when": when})
        client.ask("PUT", "/things/1", b'{"n":1}')

        held = admin(running, "GET", "/holding?wait=10")
        assert [{"n": 1, "method": "PUT", "path": "/things/1", "when": when}] == held
        assert kept == admin(running, "GET", "/books").get("things", {})
        assert client.is_silent()

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_release_lets_it_go_on(self, running, client, when):
        """It commits if it has not, and answers; the connection goes on."""
        admin(running, "POST", "/faults", {"fault": "hold", "when": when})
        client.ask("PUT", "/things/1", b'{"n":1}')
        held = admin(running, "GET", "/holding?wait=10")

        assert {"released": 0} == admin(running, "POST", "/release", {"n": 99})
        assert {"released": 1} == admin(running, "POST", "/release", {"n": held[0]["n"]})
        assert 204 == status_of(client.piece())
        assert {"requests": 1, "writes": 1} == admin(running, "GET", "/log/summary")
        assert 204 == status_of(client.exchange("GET", "/nothing"))

    @pytest.mark.parametrize(("when", "writes"), [("before", 0), ("after", 1)])
    def test_a_killed_client_leaves_nothing_held(self, running, client, when, writes):
        """Gone before the commit means never committed."""
        admin(running, "POST", "/faults", [{"fault": "hold", "when": when}, {"fault": "hold", "path": "/next"}])
        client.ask("PUT", "/things/1", b'{"n":1}')
        admin(running, "GET", "/holding?wait=10")
        # Over TLS too: a killed process says no goodbye.
        socket.socket.setsockopt(client.sock, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sock.close()

        with RawClient(running.url, ca_file=running.ca_file) as second:
            second.ask("GET", "/next")
            assert ["/next"] == [held["path"] for held in admin(running, "GET", "/holding?wait=10&after=1")]
        assert {"requests": 2, "writes": writes} == admin(running, "GET", "/log/summary")

    def test_waiting_ends(self, running):
        """With an empty list when nothing is held in time."""
        assert [] == admin(running, "GET", "/holding?wait=0.01")
        assert [] == admin(running, "GET", "/holding")

    def test_a_reset_drops_what_is_held(self, running, client):
        """The held request neither commits nor is answered."""
        admin(running, "POST", "/faults", {"fault": "hold"})
        client.ask("PUT", "/things/1", b'{"n":1}')
        admin(running, "GET", "/holding?wait=10")
        admin(running, "POST", "/reset")

        assert b"" == client.rest()
        assert {} == admin(running, "GET", "/books").get("things", {})

    def test_bytes_sent_ahead_are_kept(self, running, client):
        """A client that sends its next request while one is held has not left."""
        admin(running, "POST", "/faults", {"fault": "hold"})
        client.ask("GET", "/nothing")
        admin(running, "GET", "/holding?wait=10")
        client.ask("GET", "/nothing", headers=["Connection: close"])
        admin(running, "POST", "/release")

        assert 2 == client.rest().count(b"HTTP/1.1 204")


class TestAdmin:
    """What a harness reads and changes."""

    def test_the_log_has_a_cursor(self, plain, caller):
        """Every request, or only those behind a number."""
        for n in (1, 2, 3):
            caller.exchange("GET", f"/things/{n}?$select=name")

        assert ["/things/1", "/things/2", "/things/3"] == [entry["path"] for entry in admin(plain, "GET", "/log")]
        assert [
            {
                "n": 3,
                "at": "2026-03-02T13:00:00Z",
                "method": "GET",
                "path": "/things/3",
                "query": "$select=name",
                "status": 200,
                "wrote": 0,
                "fault": None,
                "operations": [],
            }
        ] == admin(plain, "GET", "/log?after=2")

    def test_faults_are_listed_and_cleared(self, plain, caller):
        """Rules go in one by one or as a list, and out all at once."""
        admin(plain, "POST", "/faults", {"fault": "html"})
        rules = admin(plain, "POST", "/faults", [{"fault": "reset", "path": "*/x"}])

        assert ["html", "reset"] == [rule["fault"] for rule in rules]
        assert rules == admin(plain, "GET", "/faults")
        assert [] == admin(plain, "DELETE", "/faults")
        assert 204 == status_of(caller.exchange("GET", "/nothing"))

    def test_seeds_merge_into_the_books(self, plain):
        """Records come by table; known ones get the new values; nothing counts as a request."""
        admin(plain, "POST", "/seed", {"things": [{"id": "1", "name": "A", "n": 1}, {"id": "2"}]})

        assert {"things": 1} == admin(plain, "POST", "/seed", {"things": [{"id": "1", "n": 2}]})
        assert {"1": {"id": "1", "name": "A", "n": 2}, "2": {"id": "2"}} == admin(plain, "GET", "/books")["things"]
        assert ["things"] == list(admin(plain, "GET", "/books?table=things"))
        assert {} == admin(plain, "GET", "/books?table=nothing")
        assert {"requests": 0, "writes": 0} == admin(plain, "GET", "/log/summary")

    def test_reset_goes_back_to_the_start(self, plain, caller):
        """Books, log and faults."""
        caller.exchange("PUT", "/things/1", b"{}")
        admin(plain, "POST", "/faults", {"fault": "reset"})
        admin(plain, "POST", "/reset")

        assert ({}, [], []) == tuple(admin(plain, "GET", path) for path in ("/books", "/log", "/faults"))

    def test_credentials(self, plain):
        """What a client signs in with."""
        assert {} == admin(plain, "GET", "/credentials")

    @pytest.mark.parametrize(
        ("method", "path", "value", "status", "said"),
        [
            ("POST", "/faults", {"fault": "flood"}, 400, "there is no fault 'flood'"),
            ("POST", "/faults", {"fault": "reset", "then": 1}, 400, "no field then"),
            ("POST", "/faults", "reset", 400, "an object"),
            ("POST", "/clock", {"advance": "soon"}, 400, "advance is not a number"),
            ("POST", "/clock", {}, 400, "advance is not a number"),
            ("POST", "/seed", {"things": {}}, 400, "lists of records"),
            ("POST", "/seed", {"things": [1]}, 400, "lists of records"),
            ("POST", "/seed", {"things": [{"name": "no key"}]}, 400, "a record for things has no id"),
            ("GET", "/log?after=x", None, 400, "after is not a number"),
            ("GET", "/nowhere", None, 404, "there is no GET /nowhere"),
        ],
    )
    def test_mistakes_are_told(self, plain, method, path, value, status, said):
        """With what is wrong and the next step."""
        with pytest.raises(urllib.error.HTTPError) as caught:
            admin(plain, method, path, value)

        with caught.value as answer:
            assert (status, True) == (answer.code, said in answer.read().decode())

    def test_a_body_that_is_not_json(self, plain):
        """Is said to be that."""
        with RawClient(plain.admin_url) as caller:
            assert b"the body is not JSON" in caller.exchange("POST", "/faults", b"{")

    def test_a_foreign_clock_cannot_be_moved(self, toy):
        """Somebody else's time is left alone."""
        from periferia_link.clock import SystemClock

        with host(toy, clock=SystemClock()) as served, RawClient(served.admin_url) as caller:
            assert b"cannot be moved" in caller.exchange("POST", "/clock", b'{"advance":1}')

    def test_the_real_clock_runs_ahead(self, toy):
        """Served without a clock, the system has real time plus what was advanced."""
        with host(toy) as served:
            before = admin(served, "POST", "/clock", {"advance": 0})["now"]
            after = admin(served, "POST", "/clock", {"advance": 86400})["now"]

        assert before[:10] < after[:10]


class TestLife:
    """Starting and ending."""

    def test_closing_ends_every_conversation(self, toy, identity):
        """Also those that hang, are held, delayed or idle, and a harness that waits."""
        served = host(toy, tls=identity)
        toy.faults.add(FaultRule("hang", path="/hang"), FaultRule("hold", path="/hold"))
        toy.faults.add(FaultRule("delay", path="/delay", params={"seconds": 3600}))
        clients = [RawClient(served.url, ca_file=identity.ca_file) for _ in range(4)]
        for client, path in zip(clients, ("/hang", "/hold", "/delay", "/nothing"), strict=True):
            client.ask("GET", path)
        waiter = RawClient(served.admin_url)
        waiter.ask("GET", "/holding?wait=30&after=99")
        started = time.monotonic()
        served.close()
        served.close()

        assert time.monotonic() - started < 5
        assert [] == [thread.name for thread in threading.enumerate() if thread.name.startswith(("talk-", "accept-"))]
        for client in [*clients, waiter]:
            client.sock.close()

    def test_a_taken_port_is_said(self, toy, plain):
        """The next step is another port."""
        port = int(plain.url.rpartition(":")[2])

        with pytest.raises(ConfigurationError, match=f"port {port} cannot be used"):
            host(toy, port=port)

    def test_latency_is_before_the_commit(self, toy):
        """A client that leaves while the system works does not stop it."""
        committed = threading.Event()
        serve = toy.serve
        toy.serve = lambda request, clock: (serve(request, clock), committed.set())[0]
        with host(toy, latency=0.05) as served:
            with RawClient(served.url) as caller:
                started = time.monotonic()
                caller.ask("PUT", "/things/1", b"{}")
            assert committed.wait(60)
        assert time.monotonic() - started >= 0.05

    def test_many_clients_at_once(self, running):
        """Each in a thread of its own; the log has them all."""

        def work():
            with RawClient(running.url, ca_file=running.ca_file) as client:
                for _ in range(25):
                    client.exchange("PUT", "/things/1", b"{}")

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert {"requests": 200, "writes": 200} == admin(running, "GET", "/log/summary")
        assert list(range(1, 201)) == [entry["n"] for entry in admin(running, "GET", "/log")]

    def test_repr_says_where(self, plain):
        """A running emulator shows its name and address."""
        assert f"RunningEmulator(toy at {plain.url})" == repr(plain)
