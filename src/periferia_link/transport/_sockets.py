"""
Sockets that keep the deadline of a whole request, and remember whether anything left or came.

A timeout per read is no deadline: a server that drips one byte a second never meets it. Here every wait, from the
look-up of the name to the last byte, gets only what is left of the request that runs on this thread.
"""

from __future__ import annotations

import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from periferia_link.errors import ConfigurationError
from periferia_link.transport._origin import is_public

__all__ = ["DeadlineSocket", "Exchange", "connected", "exchange", "is_under_way"]

_Address: TypeAlias = tuple[socket.AddressFamily, Any]


class Exchange:
    """
    One request under way on this thread: when it has to be over, whether a byte left, whether one came.

    Args:
        seconds: How long it may take in all.
    """

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self.is_sent = False
        self.is_heard = False

    @property
    def is_over(self) -> bool:
        """Whether the deadline passed; the system wakes a few milliseconds early."""
        return self._ends_at - time.monotonic() < 0.02

    def remaining(self) -> float:
        """
        Return the seconds left.

        Raises:
            TimeoutError: None are.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            msg = "the deadline passed"
            raise TimeoutError(msg)
        return left


_RECORD: Final = 16_384  # bytes of a full record of TLS (RFC 8446, 5.1)
# Bytes. Whoever takes them does much for each piece; beyond 128 kB malloc takes fresh memory for each copy (measured).
_AT_ONCE: Final = 7 * _RECORD
_current: ContextVar[Exchange | None] = ContextVar("periferia_link_exchange", default=None)


@contextmanager
def exchange(seconds: float) -> Iterator[Exchange]:
    """Let every socket operation of this thread in the block end within *seconds*."""
    current = Exchange(seconds)
    token = _current.set(current)
    try:
        yield current
    finally:
        _current.reset(token)


def is_under_way() -> bool:
    """Whether an exchange of ours runs on this thread."""
    return _current.get() is not None


def _remaining() -> float:
    current = _current.get()
    return current.remaining() if current else 0.0


class DeadlineSocket:
    """
    A connected socket whose waits end with the exchange of the calling thread.

    Args:
        sock: The socket; it is owned from now on.

        carries_requests: What is written is the request proper: not a CONNECT to a proxy, not a TLS handshake.
    """

    def __init__(self, sock: socket.socket, *, carries_requests: bool) -> None:
        self._sock = sock
        self._carries_requests = carries_requests
        self._long: memoryview | None = None  # made for the first long answer

    def read(self) -> bytes:
        """Return what has come, of a long answer up to 112 kB at once; nothing when the other side closed."""
        self._sock.settimeout(_remaining())
        received = self._sock.recv(_RECORD)
        if (current := _current.get()) is not None:
            current.is_heard = True
        # one read gives one record of TLS: of a long answer the next ones are mostly there
        return self._with_more(received) if len(received) == _RECORD else received

    def _with_more(self, received: bytes) -> bytes:
        if self._long is None:
            self._long = memoryview(bytearray(_AT_ONCE))
        buffer, size = self._long, len(received)
        buffer[:size] = received
        self._sock.settimeout(0.0)
        with suppress(OSError):  # nothing is there yet; or the line broke, which the next read tells
            while size < _AT_ONCE and (more := self._sock.recv_into(buffer[size:])):
                size += more
        return bytes(buffer[:size])

    def write(self, data: bytes) -> None:
        """Send everything."""
        view = memoryview(data)
        while view:
            self._sock.settimeout(_remaining())
            current = _current.get()
            if current is not None and self._carries_requests:
                # Before the call: whatever it raises, "nothing was sent" is never claimed wrongly.
                current.is_sent = True
            view = view[self._sock.send(view) :]

    def start_tls(self, context: ssl.SSLContext, server_hostname: str) -> DeadlineSocket:
        """Return the encrypted socket; what it carries is the request proper."""
        try:
            self._sock.settimeout(_remaining())
            secured = context.wrap_socket(self._sock, server_hostname=server_hostname, do_handshake_on_connect=False)
        except BaseException:
            self._sock.close()
            raise
        try:
            # by ourselves: what wrap_socket makes is lost, and open, when Ctrl-C ends its handshake
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return DeadlineSocket(secured, carries_requests=True)

    @property
    def is_readable(self) -> bool:
        """Whether an idle connection has something to say: nearly always that the other side closed it."""
        descriptor = self._sock.fileno()
        if descriptor < 0:
            return True
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([descriptor], [], [], 0)[0])
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close it."""
        self._sock.close()


def connected(host: str, port: int, *, public_only: bool, carries_requests: bool) -> DeadlineSocket:
    """
    Connect to the first address of *host* that answers, within the exchange of this thread.

    An address gets half of the time that is left: one that swallows packets leaves time for the next, or for
    another attempt.

    Args:
        host: Name or address.

        port: Port.

        public_only: Refuse addresses that are not of the internet; checked on the very address that is connected.

        carries_requests: As in :class:`DeadlineSocket`.

    Raises:
        ConfigurationError: The name leads into a private network.
        OSError: No address answered; a ``TimeoutError`` when time was over.
    """
    failure: OSError = OSError("the name has no address")
    for family, address in _addresses(host, port):
        if public_only and not is_public(address[0]):
            msg = f"{host} leads to a private address"
            raise ConfigurationError(msg, hint="set allow_private for a system in your own network")
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_remaining() / 2)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            sock.close()
            failure = exc
        except BaseException:  # Ctrl-C while it connects
            sock.close()
            raise
        else:
            return DeadlineSocket(sock, carries_requests=carries_requests)
    raise failure


def _addresses(host: str, port: int) -> list[_Address]:
    """Look a name up; the resolver of the system knows no deadline, so a thread waits for it."""
    answers: queue.SimpleQueue[list[_Address] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as exc:
            answers.put(exc)
        except UnicodeError:
            answers.put(OSError("the name is not a legal host name"))
        else:
            answers.put([(family, address) for family, _, _, _, address in found])

    threading.Thread(target=look_up, name="periferia-link-resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=_remaining() / 2)
    except queue.Empty:
        msg = "the name was not resolved in time"
        raise TimeoutError(msg) from None
    if isinstance(answer, OSError):
        raise answer
    return answer
