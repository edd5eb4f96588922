"""The total deadline, against servers that never quite stop answering."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

import pytest

from periferia_link.clock import SystemClock
from periferia_link.errors import OutcomeUnknownError, RequestTimeoutError, UnavailableError
from periferia_link.transport._transport import Transport

DEADLINE = 0.25
GRACE = 1.0


class NoPauses(SystemClock):
    """Real time on the line, no pauses between attempts."""

    def sleep(self, seconds: float) -> None:
        """Return at once."""


@pytest.fixture
def transport(authority):
    made = []

    def make(server, url=None, **options):
        options = {"clock": NoPauses(), "deadline": DEADLINE, "allow_private": True, **options}
        made.append(Transport(url or server.url, system="erp", ca_file=authority[1], **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@contextlib.contextmanager
def in_time(deadline=DEADLINE):
    """The block ends before the deadline and a second."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < deadline + GRACE


def unknown(serve, play, transport, body, *, tls=False):
    """Send until a write is unknown, and return the server that got it."""
    for _ in range(5):
        server = serve(play, tls=tls)
        with in_time(), pytest.raises((OutcomeUnknownError, UnavailableError)) as told:
            transport(server).send("POST", "a", body=body)
        if told.type is OutcomeUnknownError:
            return server
        assert [] == server.requests  # a busy machine used the time up while it connected: said rightly
    pytest.fail(f"never unknown, but: {told.value}")


def dripping(data: bytes, *, skip: int = 0):
    """Send one byte every 20 ms, far below any timeout per read."""

    def play(line):
        line.request()
        line.answer(data[:skip])
        pause = threading.Event()
        for position in range(skip, len(data)):
            line.answer(data[position : position + 1])
            pause.wait(0.02)

    return play


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SLOW = {
    "silence": lambda line: (line.request(), line.wait_for_the_end()),
    "headers dripped": dripping(HEAD + b"X: " + b"x" * 500),
    "body dripped": dripping(HEAD + b"Content-Length: 500\r\n\r\n" + b"x" * 500, skip=len(HEAD)),
    "endless chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200, skip=len(HEAD)),
    "endless informational answers": dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
}


@pytest.mark.parametrize("play", SLOW.values(), ids=SLOW.keys())
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
class TestSlowAnswers:
    """However slowly an answer comes, control is back in time."""

    def test_a_read(self, serve, transport, play, tls) -> None:
        """All attempts share the deadline; the error says so."""
        server = serve(play, tls=tls)
        with in_time(), pytest.raises(RequestTimeoutError, match="before the deadline"):
            transport(server).read("GET", "a")

    def test_a_write(self, serve, transport, play, tls) -> None:
        """It was sent: unknown."""
        server = unknown(serve, play, transport, b"{}", tls=tls)
        assert len(server.requests) <= 1  # never twice; a busy server may not have read it yet


class TestSlowBeginnings:
    """Nothing was sent yet: in time, and known not to have happened."""

    def test_a_resolver_that_hangs(self, monkeypatch) -> None:
        """The look-up of a name knows no timeout; the deadline covers it."""
        release = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(10) and [])
        ours = Transport("https://erp.example", system="erp", deadline=DEADLINE)
        with in_time(), pytest.raises(UnavailableError, match="not resolved in time"):
            ours.send("POST", "a")
        release.set()

    def test_a_handshake_that_hangs(self, serve, transport) -> None:
        """A server that accepts and says nothing."""
        server = serve(lambda line: line.wait_for_the_end())
        with in_time(), pytest.raises(UnavailableError, match="nothing was sent"):
            transport(server, f"https://localhost:{server.port}").send("POST", "a")

    def test_a_handshake_that_drips(self, serve, transport, authority) -> None:
        """A handshake in single bytes is no way around the deadline."""

        def play(line):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            incoming.write(line.sock.recv(65536))
            machine = authority[0].wrap_bio(incoming, outgoing, server_side=True)
            with contextlib.suppress(ssl.SSLWantReadError):
                machine.do_handshake()
            dripping(outgoing.read())(_Deaf(line))

        server = serve(play)
        with in_time(), pytest.raises(UnavailableError, match="nothing was sent"):
            transport(server, f"https://localhost:{server.port}").send("POST", "a")

    def test_a_black_hole_leaves_time_for_the_next_address(self, monkeypatch, serve, transport, tools) -> None:
        """An address that swallows packets gets half of the time that is left, not all of it."""
        server = serve(tools.answer())
        connect = socket.socket.connect

        def slow_connect(sock, address):
            if address[1] == 1:
                threading.Event().wait(sock.gettimeout())
                raise TimeoutError
            connect(sock, address)

        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        found = [(*stream, ("127.0.0.1", 1)), (*stream, ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        monkeypatch.setattr(socket.socket, "connect", slow_connect)
        with in_time(2.0):
            assert 200 == transport(server, deadline=2.0).send("POST", "a").status

    def test_a_proxy_that_hangs(self, serve, transport, tools) -> None:
        """The CONNECT left, the request did not."""
        server, proxy = serve(tools.answer(), tls=True), serve(SLOW["silence"])
        with in_time(), pytest.raises(UnavailableError, match="nothing was sent"):
            transport(server, proxy=f"http://127.0.0.1:{proxy.port}").send("POST", "a")

    def test_no_time_at_all(self, serve, transport, tools) -> None:
        """A deadline that has passed sends nothing."""
        server = serve(tools.answer())
        with pytest.raises(UnavailableError, match="before anything was sent"):
            transport(server, deadline=0.0).send("POST", "a")
        with pytest.raises(RequestTimeoutError):
            transport(server, deadline=0.0).read("GET", "a")
        assert [] == server.requests


class _Deaf:
    """A line whose request was read already."""

    def __init__(self, line) -> None:
        self.request = lambda: None
        self.answer = line.answer


class TestSlowReaders:
    """A server that does not take what we send."""

    def test_a_large_write(self, serve, transport) -> None:
        """The body fills every buffer and stays there: unknown, in time."""
        release = threading.Event()

        def play(line):
            line.sock.recv(1000)
            release.wait(10)

        unknown(serve, play, transport, b"x" * 30_000_000)
        release.set()

    def test_sips(self, serve, transport) -> None:
        """The body is taken in sips: each makes progress, the deadline counts all the same."""
        release = threading.Event()

        def play(line):
            line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            while line.sock.recv(2000) and not release.wait(0.01):
                pass

        unknown(serve, play, transport, b"x" * 30_000_000)
        release.set()


class TestAttempts:
    """The attempts of a read share one deadline."""

    def test_a_quick_failure_leaves_time(self, serve, transport, tools) -> None:
        """Broken off at once, then answered: the read succeeds."""

        def play(line):
            line.request()
            if line.number == 3:
                line.answer(tools.answer())

        server = serve(play)
        assert 200 == transport(server, deadline=30.0).read("GET", "a").status
        assert 3 == server.connections

    def test_threads_have_deadlines_of_their_own(self, serve, transport, tools) -> None:
        """A slow request on one thread does not shorten a quick one on another."""
        release = threading.Event()

        def play(line):
            request = line.request()
            if b"slow" in request:
                release.wait(30)
            line.answer(tools.answer())

        ours = transport(serve(play), deadline=1.0)
        failures = []

        def slow():
            try:
                ours.read("GET", "slow")
            except RequestTimeoutError as exc:
                failures.append(exc)

        thread = threading.Thread(target=slow)
        thread.start()
        assert 200 == ours.read("GET", "quick").status
        thread.join(30)
        release.set()
        assert 1 == len(failures)
