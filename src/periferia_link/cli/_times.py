"""Moments and durations as people read them."""

from __future__ import annotations

from datetime import datetime, timezone, tzinfo

from periferia_link.cli._words import Texts, Words

__all__ = ["TEXTS", "ago", "iso", "lasting", "moment"]

TEXTS: Texts = {
    "time.never": ("nunca", "never"),
    "time.ago": ("hace {time}", "{time} ago"),
    "time.seconds": ("{n} s", "{n} s"),
    "time.minutes": ("{n} min", "{n} min"),
    "time.hours": ("{n} h", "{n} h"),
    "time.days": ("{n} día|{n} días", "{n} day|{n} days"),
}
_UNITS = (("time.days", 86_400.0), ("time.hours", 3_600.0), ("time.minutes", 60.0))


def iso(seconds: float | None) -> str | None:
    """Return a moment for programs: ISO 8601 in UTC, whole seconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(seconds: float, zone: tzinfo) -> str:
    """Return a moment for people: ``2026-11-20 09:05`` on the company's clock."""
    return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M")


def lasting(words: Words, seconds: float) -> str:
    """Return a duration in the largest unit of which there are two or more: ``90 min``, ``3 days``."""
    for name, size in _UNITS:
        if seconds >= 2 * size:
            return words(name, n=int(seconds // size))
    return words("time.seconds", n=max(0, int(seconds)))


def ago(words: Words, seconds: float | None, now: float) -> str:
    """Return how long ago something was."""
    return words("time.never") if seconds is None else words("time.ago", time=lasting(words, now - seconds))
