"""Serves an emulator on a loopback port, plain or over TLS, and plays its faults on the wire."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import final

from periferia_link.clock import SystemClock
from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators._admin import Admin
from periferia_link.testing.emulators._clock import OffsetClock
from periferia_link.testing.emulators._connection import Connection
from periferia_link.testing.emulators._conversation import Conversation
from periferia_link.testing.emulators._emulator import Emulator
from periferia_link.testing.emulators._holding import Holding
from periferia_link.testing.emulators._tls import TlsIdentity
from periferia_link.typing import Clock

__all__ = ["RunningEmulator", "Server", "host"]

_LOOPBACK = "127.0.0.1"
_log = logging.getLogger(__name__)


class Server:
    """Accepts connections on a loopback port and talks to each in a thread of its own."""

    def __init__(
        self, talk: Callable[[Connection], None], *, port: int, tls: TlsIdentity | None, idle_seconds: float
    ) -> None:
        self._talk = talk
        self._context: ssl.SSLContext | None = tls.context if tls else None
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Connection] = {}
        self._closing = False
        self._listener = socket.create_server((_LOOPBACK, port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{_LOOPBACK}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, name=f"accept-{self.port}", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with self._lock:
                if self._closing:
                    sock.close()
                    return
                connection = Connection(self._wrapped(sock), idle_seconds=self._idle_seconds)
                thread = threading.Thread(target=self._meet, args=(connection,), name=f"talk-{self.port}", daemon=True)
                self._open[thread] = connection
            thread.start()

    def _wrapped(self, sock: socket.socket) -> socket.socket:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return sock
        # The handshake is left to the thread of the connection: a client that says nothing delays nobody.
        return self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def _meet(self, connection: Connection) -> None:
        try:
            connection.shake_hands()
            self._talk(connection)
        except OSError as exc:
            _log.debug("a connection to port %s ended: %s", self.port, exc)
        except Exception:  # noqa: BLE001 - a thread has nobody above it to tell
            _log.exception("a conversation on port %s failed", self.port)
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)
            connection.close()

    def close(self) -> None:
        """Stop accepting, end every conversation and wait for the threads."""
        with self._lock:
            self._closing = True
            conversations = dict(self._open)
        # Closing a listener does not wake accept() everywhere; a last visitor does.
        with socket.create_connection((_LOOPBACK, self.port), timeout=5):
            self._acceptor.join(5)
        self._listener.close()
        for thread, connection in conversations.items():
            connection.interrupt()
            thread.join(5)


@final
class RunningEmulator:
    """
    An emulator with an address, and its admin address; closes both at the end of a ``with`` block.

    ``url`` has no slash at the end. ``admin_url`` is plain HTTP: see :class:`Admin`.
    """

    def __init__(self, emulator: Emulator, *, tls: TlsIdentity | None, port: int, latency: float, clock: Clock) -> None:
        self.emulator = emulator
        self.clock = clock
        self.ca_file = tls.ca_file if tls else None
        self.holding = Holding()
        self._closing = threading.Event()
        self._conversation = Conversation(
            emulator, clock=clock, holding=self.holding, latency=latency, closing=self._closing
        )
        self._server = Server(self._conversation.talk, port=port, tls=tls, idle_seconds=emulator.idle_seconds)
        emulator.base_url = self.url = self._server.url
        admin = Admin(emulator, clock=clock, holding=self.holding)
        self._admin = Server(
            Conversation(admin, clock=clock, holding=self.holding, closing=self._closing).talk,
            port=0,
            tls=None,
            idle_seconds=admin.idle_seconds,
        )
        self.admin_url = admin.base_url = self._admin.url
        self._server.start()
        self._admin.start()

    def close(self) -> None:
        """Close every connection and both ports; closing twice does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self.holding.close()
        self._server.close()
        self._admin.close()

    def __enter__(self) -> RunningEmulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RunningEmulator({self.emulator.name} at {self.url})"


def host(
    emulator: Emulator,
    *,
    tls: TlsIdentity | None = None,
    port: int = 0,
    latency: float = 0.0,
    clock: Clock | None = None,
) -> RunningEmulator:
    """
    Serve *emulator* on 127.0.0.1 from threads of this process until it is closed.

    Args:
        emulator: What answers; it learns its address as ``base_url``.

        tls: The certificate to show; None serves plain HTTP.

        port: Where to listen; 0 takes a free port.

        latency: Seconds that the system takes before it commits and answers. A client that leaves
            meanwhile does not stop the commit, as with a real server.

        clock: The time of the system; by default the real one, which ``POST /clock`` can move. What happens
            on the wire (latency, delays, drips) always takes real time.

    Raises:
        ConfigurationError: The system is only ever served over TLS, or the port is taken.
    """
    if emulator.needs_tls and tls is None:
        msg = f"the emulator of {emulator.name} is served over TLS only: its clients refuse plain HTTP"
        raise ConfigurationError(msg, hint="pass tls=TlsIdentity.make(folder)")
    try:
        return RunningEmulator(emulator, tls=tls, port=port, latency=latency, clock=clock or OffsetClock(SystemClock()))
    except OSError as exc:
        msg = f"port {port} cannot be used: {exc.strerror}"
        raise ConfigurationError(msg, hint="choose another port, or 0 for a free one") from exc
