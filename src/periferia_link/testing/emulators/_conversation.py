"""What is said on one connection: requests in, answers out, and the faults between them."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from periferia_link.testing.emulators._connection import Connection
from periferia_link.testing.emulators._emulator import Answer
from periferia_link.testing.emulators._faults import Fault
from periferia_link.testing.emulators._holding import Holding
from periferia_link.testing.emulators._message import BadMessage, Head, encode, read_body, read_head
from periferia_link.typing import Clock, Request, Response

__all__ = ["Answerer", "Conversation"]

_log = logging.getLogger(__name__)


class Answerer(Protocol):
    """What a conversation asks: an emulator, or its admin address."""

    base_url: str

    @property
    def max_requests(self) -> int | None:
        """After how many requests the connection closes."""
        ...

    def handle(self, request: Request, clock: Clock) -> Answer:
        """Answer a request, or name a fault."""
        ...

    def handle_expectation(self, request: Request, clock: Clock) -> Response | None:
        """Refuse a request before its body comes."""
        ...


class Conversation:
    """Reads requests from connections, asks the answerer, and plays what it says."""

    def __init__(
        self, answerer: Answerer, *, clock: Clock, holding: Holding, closing: threading.Event, latency: float = 0.0
    ) -> None:
        self._answerer = answerer
        self._clock = clock
        self._holding = holding
        self._closing = closing
        self._latency = latency

    def talk(self, connection: Connection) -> None:
        """Answer the requests of one connection until either side ends it."""
        most, served, goes_on = self._answerer.max_requests, 0, True
        try:
            while goes_on and (head := read_head(connection.reader)) is not None:
                served += 1
                goes_on = self._exchange(connection, head, last=served == most)
        except BadMessage as exc:
            text = (("Content-Type", "text/plain; charset=utf-8"),)
            self._send(connection, Response(exc.status, text, str(exc).encode()), close=True)
            connection.linger()

    def _exchange(self, connection: Connection, head: Head, *, last: bool) -> bool:
        """Answer one request; whether the connection goes on."""
        close = last or not head.keeps_alive
        target = head.target
        url = target if target.startswith(("http://", "https://")) else self._answerer.base_url + target
        request = Request(head.method, url, head.headers)
        if head.expects_continue:
            refused = self._answerer.handle_expectation(request, self._clock)
            if refused is not None:
                self._send(connection, refused, close=True)
                connection.linger()
                return False
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Request(head.method, url, head.headers, read_body(connection.reader, head))
        if self._latency:
            self._closing.wait(self._latency)
        answer = self._ask(request)
        if isinstance(answer, Fault):
            return self._play(answer, connection, close=close)
        return self._send(connection, answer, method=head.method, close=close)

    def _ask(self, request: Request) -> Answer:
        try:
            return self._answerer.handle(request, self._clock)
        except Exception:  # noqa: BLE001 - a bug of an emulator is answered as a server's bug
            _log.exception("the emulator failed on %r", request)
            text = (("Content-Type", "text/plain; charset=utf-8"),)
            return Response(500, text, b"the emulator itself failed; its log says why")

    def _send(self, connection: Connection, response: Response, *, method: str = "GET", close: bool = False) -> bool:
        """Send a whole answer; whether the connection goes on."""
        block = encode(response, now=self._clock.now(), method=method, close=close)
        return connection.send(block) and not close

    def _play(self, fault: Fault, connection: Connection, *, close: bool) -> bool:
        """Do on the wire what the fault says; whether the connection goes on."""
        if fault.kind == "reset":
            connection.reset()
        elif fault.kind in {"hang", "late"}:
            connection.wait()
        elif fault.kind == "hold":
            return self._holding.hold(fault, connection) and self._complete(fault, connection, close=close)
        elif fault.kind == "delay":
            # The commit does not depend on whether the client has the patience to wait for it.
            return not self._closing.wait(fault.seconds) and self._complete(fault, connection, close=close)
        elif fault.kind == "drip":
            return self._drip(fault, connection, close=close)
        elif fault.kind == "truncate":
            connection.send(self._cut(fault))
        elif fault.kind == "close":
            connection.send(self._block(fault))
        return False

    def _complete(self, fault: Fault, connection: Connection, *, close: bool) -> bool:
        response = fault.answer(self._clock)
        return self._send(connection, response, method=fault.request.method, close=close)

    def _drip(self, fault: Fault, connection: Connection, *, close: bool) -> bool:
        for byte in self._block(fault, close=close):
            if not connection.send(bytes((byte,))) or connection.wait(fault.seconds) == "left":
                return False
        return not close

    def _cut(self, fault: Fault) -> bytes:
        """Return the answer up to the share of its body; one without body is cut in its header."""
        block = self._block(fault, close=fault.bare, bare=fault.bare)
        body = block.partition(b"\r\n\r\n")[2]
        kept = int(len(body or block) * fault.share)
        return block[: len(block) - len(body) + kept] if body else block[:kept]

    def _block(self, fault: Fault, *, close: bool = False, bare: bool = False) -> bytes:
        response = fault.answer(self._clock)
        return encode(response, now=self._clock.now(), method=fault.request.method, close=close, bare=bare)
