"""Durations as people write them: ``4h``, ``1h30m``, ``15 working days``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple

__all__ = ["Within", "spoken", "within_of"]

_PARTS = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?", re.ASCII)
_DAYS = re.compile(r"(\d{1,4}) (?:working|business) days?", re.ASCII)


class Within(NamedTuple):
    """
    How much time a promise gives: ``time`` on the calendar, or ``working_days`` counted from the next working day.

    Exactly one of the two is set.
    """

    time: timedelta | None = None
    working_days: int | None = None

    def __str__(self) -> str:
        if self.time is not None:
            return spoken(self.time)
        return f"{self.working_days} working days"


def within_of(text: str) -> Within:
    """
    Read ``4h``, ``90m``, ``1d`` (24 hours of the calendar), ``1h30m`` or ``15 working days``.

    Raises:
        ValueError: The text is none of these, or zero.
    """
    text = text.strip()
    days = _DAYS.fullmatch(text)
    if days:
        found = Within(working_days=int(days[1]))
    else:
        parts = _PARTS.fullmatch(text)
        numbers = [int(part or 0) for part in parts.groups()] if parts else [0]
        found = Within(timedelta(**dict(zip(("days", "hours", "minutes", "seconds"), numbers, strict=False))))
    if not found.time and not found.working_days:
        msg = 'is no duration: write "4h", "1h30m", "1d" or "15 working days"'
        raise ValueError(msg)
    return found


def spoken(span: timedelta) -> str:
    """Write a duration short: ``26h05m``, ``45m``, ``30s``; negative ones with a minus."""
    seconds = int(abs(span).total_seconds())
    hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
    sign = "-" if span < timedelta(0) else ""
    if hours:
        return f"{sign}{hours}h{minutes:02}m"
    return f"{sign}{minutes}m" if minutes or not rest else f"{sign}{rest}s"
