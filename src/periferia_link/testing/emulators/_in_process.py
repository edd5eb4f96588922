"""Emulators as a wire in the same process: deterministic, without sockets, with simulated time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from periferia_link.errors import ConnectorError, OutcomeUnknownError, RequestTimeoutError, UnavailableError
from periferia_link.testing.emulators._emulator import Emulator
from periferia_link.testing.emulators._faults import Fault
from periferia_link.typing import Clock, Request, Response

__all__ = ["InProcessWire"]

_USUAL_PORTS = {"https": 443, "http": 80}


class InProcessWire:
    """
    Carries requests to emulators by origin and shows their faults as an HTTP client would see them.

    Nothing sleeps: what takes time moves the clock. ``on_io`` hears ``"before METHOD /path"`` when the first
    byte would leave and ``"after METHOD /path"`` when the whole answer has come; a hook that raises is a
    crash at that point. Origins in ``unreachable`` refuse connections.

    What cannot be shown without a socket: ``close`` is an ordinary answer here, ``hold`` hangs, and a bare
    ``truncate`` is the same as one with a length (our transport refuses answers that do not say where they end).
    """

    def __init__(
        self, emulators: Mapping[str, Emulator], clock: Clock, *, on_io: Callable[[str], None] | None = None
    ) -> None:
        self._emulators = {_origin(origin): emulator for origin, emulator in emulators.items()}
        self._clock = clock
        self._on_io = on_io
        self.unreachable: set[str] = set()
        for origin, emulator in emulators.items():
            emulator.base_url = origin.rstrip("/")

    def send(self, request: Request, *, deadline: float) -> Response:
        """
        Hand the request to the emulator of its origin and return the answer.

        Args:
            request: What to send; ``url`` is absolute.

            deadline: Seconds of simulated time that the exchange may take.

        Raises:
            UnavailableError: No emulator has that origin, it is unreachable, or the line broke during a read.
            RequestTimeoutError: No whole answer to a read came in time.
            OutcomeUnknownError: The request arrived, and no whole answer came back.
        """
        origin = _origin(request.url)
        emulator = self._emulators.get(origin)
        if emulator is None or origin in self.unreachable:
            msg = f"nothing was sent: {origin} refuses connections"
            raise UnavailableError(msg, hint="start the system, or correct its address")
        self._tell("before", request)
        arrived = self._clock.now()
        answer = emulator.handle(request, self._clock)
        if isinstance(answer, Fault):
            answer = self._suffer(answer, emulator, arrived=arrived, deadline=deadline)
        self._tell("after", request)
        return answer

    def close(self) -> None:
        """Close nothing: there are no connections."""

    def _tell(self, moment: str, request: Request) -> None:
        if self._on_io is not None:
            self._on_io(f"{moment} {request.method} {urlsplit(request.url).path}")

    def _suffer(self, fault: Fault, emulator: Emulator, *, arrived: datetime, deadline: float) -> Response:
        """Return what the client makes of the fault, or raise."""
        if fault.kind == "close":
            return fault.answer(self._clock)
        if fault.kind in {"reset", "truncate"}:
            raise _broken_line(fault.request)
        if fault.kind in {"delay", "drip"}:
            seconds = fault.seconds * (_length(fault) if fault.kind == "drip" else 1)
            if seconds < deadline:
                self._clock.sleep(seconds)
                return fault.answer(self._clock)
            if fault.response is None:
                emulator.commit_later(fault, arrived + timedelta(seconds=seconds))
        self._clock.sleep(deadline)
        raise _deadline_passed(fault.request, deadline)


def _broken_line(request: Request) -> ConnectorError:
    reason = "the connection ended early"
    if request.intent == "read":
        return UnavailableError(f"no whole answer came: {reason}", hint="try again")
    return _unknown(reason)


def _deadline_passed(request: Request, deadline: float) -> ConnectorError:
    reason = f"the deadline of {deadline:g} s passed"
    if request.intent == "read":
        return RequestTimeoutError(f"no whole answer came: {reason}", hint="try again, or allow more time")
    return _unknown(reason)


def _unknown(reason: str) -> OutcomeUnknownError:
    msg = f"it was sent, and no whole answer came back: {reason}"
    return OutcomeUnknownError(msg, hint="read it back before sending again")


def _length(fault: Fault) -> int:
    response = fault.response or Response(200)
    return len(response.body) + sum(len(name) + len(value) + 4 for name, value in response.headers) + 20


def _origin(url: str) -> str:
    """Return scheme, host and port of a URL; the usual port is left out."""
    parts = urlsplit(url)
    port = "" if parts.port in {None, _USUAL_PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"
