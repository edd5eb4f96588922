"""Time for tests over real servers: it runs as it does, and nobody waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from periferia_link.clock import SystemClock


class LeapingClock(SystemClock):
    """The real clock, except that waiting takes no time: its hands jump."""

    def __init__(self) -> None:
        self.leapt = 0.0

    def now(self) -> datetime:
        """Return the instant, waits counted."""
        return super().now() + timedelta(seconds=self.leapt)

    def monotonic(self) -> float:
        """Return seconds, waits counted."""
        return super().monotonic() + self.leapt

    def sleep(self, seconds: float) -> None:
        """Jump."""
        self.leapt += max(seconds, 0.0)
