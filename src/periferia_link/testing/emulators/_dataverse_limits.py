"""
Service protection of the emulated Dataverse: three limits per user and web server, and the headers that announce them.

Source: ``api-limits.md``. Windows slide with the clock; the numbers can be set, tenants differ too.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused

__all__ = ["ServiceProtection"]


@dataclass(slots=True)
class _Server:
    """What one web server remembers of the last window: when each request came and how long it took."""

    requests: deque[datetime] = field(default_factory=deque)
    blocked_until: datetime | None = None
    executions: deque[tuple[datetime, float]] = field(default_factory=deque)


@dataclass(slots=True)
class ServiceProtection:
    """
    The limits of one user.

    ``requests`` and ``execution_seconds`` hold per ``window`` seconds, ``concurrent`` at once; ``seconds_a_request``
    is the execution time that every operation is charged. A request that comes before the ``Retry-After`` of a refusal
    has passed is refused too and adds ``penalty`` seconds to it (none by default). ``servers`` web servers share the
    load: a client that brings the affinity cookie stays on one, others go round.
    """

    requests: int = 6000
    execution_seconds: float = 1200.0
    concurrent: int = 52
    window: float = 300.0
    seconds_a_request: float = 0.02
    penalty: float = 0.0
    servers: int = 1
    in_flight: int = 0
    _turn: int = 0
    _seen: dict[int, _Server] = field(default_factory=dict)

    def restart(self) -> None:
        """Forget what was used; the limits stay."""
        self._seen.clear()
        self._turn = 0

    def server_of(self, cookie: str | None) -> int:
        """Return the web server that takes a request: the one of its cookie, or the next in turn."""
        wanted = (cookie or "").partition("ARRAffinity=")[2].partition(";")[0]
        if wanted.isdigit() and int(wanted) < self.servers:
            return int(wanted)
        self._turn += 1
        return self._turn % self.servers

    def admit(self, server: int, now: datetime) -> list[tuple[str, str]]:
        """
        Count a request and return the headers that say what is left.

        Raises:
            DataverseRefused: 429 with the code of the limit and ``Retry-After``.
        """
        seen = self._seen.setdefault(server, _Server())
        begin = now - timedelta(seconds=self.window)
        while seen.requests and seen.requests[0] <= begin:
            seen.requests.popleft()
        while seen.executions and seen.executions[0][0] <= begin:
            seen.executions.popleft()
        if self.in_flight > self.concurrent:
            msg = f"Number of concurrent requests exceeded the limit of {self.concurrent}."
            raise _throttled(msg, "0x80072326", 1)
        msg = f"Number of requests exceeded the limit of {self.requests} {self._over}."
        if seen.blocked_until is not None and now < seen.blocked_until:
            seen.blocked_until += timedelta(seconds=self.penalty)
            raise _throttled(msg, "0x80072322", _seconds(seen.blocked_until - now))
        if len(seen.requests) >= self.requests:
            wait = self._wait(seen.requests[0], now)
            seen.blocked_until = now + timedelta(seconds=wait) if self.penalty else None
            raise _throttled(msg, "0x80072322", wait)
        spent = sum(seconds for _, seconds in seen.executions)
        if seen.executions and spent >= self.execution_seconds:
            msg = (
                "Combined execution time of incoming requests exceeded limit of "
                f"{self.execution_seconds * 1000:,.0f} milliseconds {self._over}. Decrease number of concurrent "
                "requests or reduce the duration of requests and try again later."
            )
            raise _throttled(msg, "0x80072321", self._wait(seen.executions[0][0], now))
        seen.requests.append(now)
        return [
            ("x-ms-ratelimit-burst-remaining-xrm-requests", str(self.requests - len(seen.requests))),
            ("x-ms-ratelimit-time-remaining-xrm-requests", f"{max(0.0, self.execution_seconds - spent):,.2f}"),
        ]

    def charge(self, server: int, now: datetime, operations: int) -> None:
        """Add the execution time of a request with that many operations."""
        seen = self._seen.setdefault(server, _Server())
        seen.executions.append((now, operations * self.seconds_a_request))

    @property
    def _over(self) -> str:
        return f"over time window of {self.window:.0f} seconds"

    def _wait(self, oldest: datetime, now: datetime) -> int:
        return _seconds(oldest + timedelta(seconds=self.window) - now)


def _seconds(left: timedelta) -> int:
    return max(1, math.ceil(left.total_seconds()))


def _throttled(message: str, code: str, seconds: int) -> DataverseRefused:
    return DataverseRefused(429, code, message, headers=(("Retry-After", str(seconds)),))
