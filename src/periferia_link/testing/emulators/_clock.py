"""Clocks for stand-ins: one that only moves when told, one that runs ahead of another."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

from periferia_link.typing import Clock

__all__ = ["ManualClock", "OffsetClock"]


class ManualClock:
    """
    Time that stands still until it is moved; sleeping moves it.

    ``sleeps`` keeps every sleep asked for, in seconds and in order, so that a test can say how long
    somebody waited without waiting.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = (start or datetime(2026, 3, 2, 13, tzinfo=timezone.utc)).astimezone(timezone.utc)
        self._monotonic = 0.0
        self._lock = threading.Lock()
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        with self._lock:
            return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Move on by that many seconds, at once."""
        self.sleeps.append(seconds)
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move both readings; a negative step sets the wall clock back and leaves the monotonic one."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
            self._monotonic += max(0.0, seconds)

    def __repr__(self) -> str:
        return f"ManualClock({self.now():%Y-%m-%dT%H:%M:%SZ})"


class OffsetClock:
    """Another clock, some seconds ahead: it runs by itself and can be moved."""

    def __init__(self, inner: Clock, *, seconds: float = 0.0) -> None:
        self._inner = inner
        self._wall = seconds
        self._ahead = max(0.0, seconds)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the current instant of the inner clock plus the offset."""
        with self._lock:
            return self._inner.now() + timedelta(seconds=self._wall)

    def monotonic(self) -> float:
        """Return seconds that never go back; a step forward is in them."""
        with self._lock:
            return self._inner.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Wait on the inner clock."""
        self._inner.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Add to the offset; a negative step sets the wall clock back and leaves the monotonic one."""
        with self._lock:
            self._wall += seconds
            self._ahead += max(0.0, seconds)

    def __repr__(self) -> str:
        return f"OffsetClock({self._inner!r}, {self._wall:+g} s)"
