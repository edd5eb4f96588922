"""One accepted connection: what a server does with its socket, rudeness included."""

from __future__ import annotations

import selectors
import socket
import ssl
import struct
import time
from typing import Literal, TypeAlias

from periferia_link.testing.emulators._message import Reader

__all__ = ["Connection", "Ended"]

Ended: TypeAlias = Literal["left", "woken", "elapsed"]

# On a socket under TLS these reach the TCP socket below it, without touching the TLS state that the
# thread of the connection may be using.
_tcp_shutdown = socket.socket.shutdown
_tcp_recv = socket.socket.recv


class Connection:
    """A socket with a client on the other end."""

    def __init__(self, sock: socket.socket, *, idle_seconds: float) -> None:
        self._sock = sock
        self._sock.settimeout(idle_seconds)
        self.reader = Reader(self._receive)

    def shake_hands(self) -> None:
        """
        Agree on TLS, if the socket is one of TLS.

        Raises:
            OSError: The client did not agree, or said nothing for as long as a connection may be idle.
        """
        if isinstance(self._sock, ssl.SSLSocket):
            self._sock.do_handshake()

    def _receive(self, size: int) -> bytes:
        """Return what came, or nothing when the client left or has been idle for too long."""
        try:
            return self._sock.recv(size)
        except OSError:
            return b""

    def send(self, block: bytes) -> bool:
        """Send everything in one call; False when the client has left."""
        try:
            self._sock.sendall(block)
        except OSError:
            return False
        return True

    def wait(self, seconds: float | None = None, *, wake: socket.socket | None = None) -> Ended:
        """
        Wait until the client leaves, *wake* becomes readable, or the time is up.

        Args:
            seconds: How long; None waits for ever.

            wake: A socket that somebody writes to in order to end the waiting.
        """
        end = None if seconds is None else time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            if wake is not None:
                selector.register(wake, selectors.EVENT_READ)
            while True:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return "elapsed"
                ready = [key.fileobj for key, _ in selector.select(left)]
                if wake in ready:
                    return "woken"
                if ready and not self._still_there():
                    return "left"

    def _still_there(self) -> bool:
        """Take what the client sent ahead; whether it is still connected."""
        block = self._receive(65536)
        self.reader.feed(block)
        return bool(block)

    def reset(self) -> None:
        """Close with RST: the client sees a reset, whatever was under way."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def linger(self) -> None:
        """
        Stop sending, and swallow for up to a second what the client still sends.

        Closing over unread bytes would reset the connection and take the answer away from a client that
        is still busy sending (RFC 9112, 9.6).
        """
        end = time.monotonic() + 1.0
        try:
            _tcp_shutdown(self._sock, socket.SHUT_WR)
            self._sock.settimeout(1.0)
            while time.monotonic() < end and _tcp_recv(self._sock, 65536):
                pass
        except OSError:
            return

    def interrupt(self) -> None:
        """End, from another thread, whatever the connection is waiting for."""
        try:
            _tcp_shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Close without a word."""
        self._sock.close()
