"""A raw-socket server that plays what it is told, a private authority, and a clock that never waits."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme

from periferia_link.transport._transport import Transport


class Line:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, server: RawServer, number: int) -> None:
        self.sock = sock
        self.number = number
        self._server = server
        self._rest = b""

    def request(self) -> bytes | None:
        """Read one request with its body; None when the client left."""
        data = self._rest
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        self._rest = body[length:]
        whole = head + b"\r\n\r\n" + body[:length]
        with self._server.lock:
            self._server.requests.append(whole)
        return whole

    def answer(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def wait_for_the_end(self) -> None:
        """Read until the client hangs up."""
        while self.sock.recv(65536):
            pass


Play = Callable[[Line], None]


@dataclass
class RawServer:
    """Accepts connections on a free port of 127.0.0.1 and hands each to the play, on a thread of its own."""

    play: Play
    context: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._open: set[socket.socket] = set()
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self.context else f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self._open.add(sock)
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        plain = sock
        try:
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.play(Line(sock, self, number))
        except OSError:
            pass
        finally:
            with self.lock:
                self._open.discard(plain)
            sock.close()
            plain.close()


def answer(body: bytes = b"{}", *, status: str = "200 OK", headers: str = "", kind: str = "application/json") -> bytes:
    """A whole HTTP answer with its length."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def always(data: bytes) -> Play:
    """Answer every request of a connection with the same bytes."""

    def play(line: Line) -> None:
        while line.request() is not None:
            line.answer(data)

    return play


class Clock:
    """Time that moves only by sleeping; every sleep is kept."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 13, tzinfo=timezone.utc) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)
            self.seconds += seconds


class Tools:
    """What the tests of this folder share; a fixture, because test modules do not import each other."""

    Clock = Clock
    Line = Line
    always = staticmethod(always)
    answer = staticmethod(answer)


@pytest.fixture
def tools() -> type[Tools]:
    return Tools


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """Server context for localhost, and the file of the authority to trust."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    ca_file = Path(tmp_path_factory.mktemp("authority")) / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    return context, str(ca_file)


@pytest.fixture
def serve(authority: tuple[ssl.SSLContext, str]) -> Iterator[Callable[..., RawServer]]:
    """Start servers that end with the test: ``serve(play)``, ``serve(play, tls=True)``."""
    started: list[RawServer] = []

    def start(play: Play | bytes, *, tls: bool = False) -> RawServer:
        server = RawServer(always(play) if isinstance(play, bytes) else play, authority[0] if tls else None)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def transport(clock, authority):
    """Make transports to loopback servers; they are closed with the test."""
    made = []

    def make(server, **options):
        options = {"system": "erp", "clock": clock, "allow_private": True, "deadline": 5.0, **options}
        if server.context is not None:
            options.setdefault("ca_file", authority[1])
        made.append(Transport(options.pop("url", server.url), **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
