"""The real clock; everything that needs time takes a clock as an argument."""

from __future__ import annotations

import time
from datetime import datetime, timezone

__all__ = ["SystemClock"]


class SystemClock:
    """Time of this machine (see :class:`periferia_link.typing.Clock`)."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        if seconds > 0:
            time.sleep(seconds)

    def __repr__(self) -> str:
        return "SystemClock()"
