"""
Times of an export: which number is the day is decided once a file, and the zone is what the mapping says.

The rule: what is set; else what the file shows (a first number above 12, or the order of the answers under one reading
only); else the language of its headers, Spanish day first, English month first, and then it is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from periferia_link.errors import ConfigurationError

__all__ = ["DayOrder", "instant_of", "order_of"]

_MIXED = re.compile(
    r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})"
    r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap])?\.?\s?(?:m\.?)?)?",
    re.IGNORECASE,
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_SERIAL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - serial dates of Excel have no zone
_FURTHER = 1_000
_LAST_SERIAL = 2_958_466.0


class DayOrder(NamedTuple):
    """
    Whether the day comes first, and how that is known.

    ``why``: ``set`` in the mapping, ``seen`` in the file, ``order`` of the answers, ``language`` of the headers (an
    assumption), ``unneeded`` where no date is ambiguous by its form.
    """

    day_first: bool
    why: Literal["set", "seen", "order", "language", "unneeded"]

    @property
    def is_assumed(self) -> bool:
        """Whether nothing in the file proves it."""
        return self.why == "language"

    def __str__(self) -> str:
        return f"{'day' if self.day_first else 'month'} first{', assumed' if self.is_assumed else ''}"


def order_of(times: Iterable[str], *, language: Literal["es", "en"], day_first: bool | None = None) -> DayOrder:
    """
    Decide for a whole file.

    Args:
        times: As written, in the order of the answers; reading stops a thousand rows after the file has shown it.

        language: Of the headers.

        day_first: What the mapping says.

    Raises:
        ConfigurationError: The file writes dates in both orders.
    """
    if day_first is not None:
        return DayOrder(day_first, "set")
    day = month = False
    left = _FURTHER  # a later row of the other order is refused by itself: its month would be 13 or more
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for text in times:
        parts = None if _ISO.match(text) else _MIXED.match(text)
        if parts is None or len(parts[1]) > 2:
            continue
        first, second = int(parts[1]), int(parts[2])
        left -= day or month
        if not left:
            break
        day, month = day or first > 12, month or second > 12
        clock = (int(parts[4] or 0), int(parts[5] or 0))
        if not (day or month) and (not pairs or pairs[-1][0][1:3] != (second, first)):
            pairs.append(((int(parts[3]), second, first, *clock), (int(parts[3]), first, second, *clock)))
    if day and month:
        msg = "the file writes dates in both orders: day first and month first"
        raise ConfigurationError(msg, hint="export it again from Forms; a program in between rewrote some dates")
    if day or month:
        return DayOrder(day, "seen")
    if not pairs:
        return DayOrder(language == "es", "unneeded")
    backwards = [_goes_back([pair[reading] for pair in pairs]) for reading in (0, 1)]
    if backwards[0] != backwards[1]:
        return DayOrder(not backwards[0], "order")
    return DayOrder(language == "es", "language")


def _goes_back(moments: Sequence[tuple[int, ...]]) -> bool:
    return any(later[:3] < earlier[:3] for earlier, later in pairwise(moments))


def instant_of(cell: Any, order: DayOrder, zone: tzinfo) -> datetime | None:
    """
    Return the instant of a cell in UTC, ``None`` for an empty one.

    Args:
        cell: A date of the workbook, a serial number, or a text.

        order: Of the file.

        zone: Of times that have none.

    Raises:
        ValueError: It is no time; the message does not quote it.
    """
    if cell is None or cell == "":
        return None
    local = _local(cell, order)
    return local.astimezone(timezone.utc) if local.tzinfo else local.replace(tzinfo=zone).astimezone(timezone.utc)


def _local(cell: Any, order: DayOrder) -> datetime:
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - the zone is added by the caller
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and 0 < cell < _LAST_SERIAL:
        return _SERIAL_ZERO + timedelta(seconds=round(float(cell) * 86_400))
    text = cell.strip() if isinstance(cell, str) else ""
    if _ISO.match(text):
        return _iso(text)
    parts = _MIXED.fullmatch(text)
    if parts is None:
        msg = "it is no time"
        raise ValueError(msg)
    return _of_parts(parts, order)


def _iso(text: str) -> datetime:
    # what fromisoformat of Python 3.10 does not take: Z, seven digits of a second
    plain = re.sub(
        r"([.,]\d{1,6})\d*", lambda found: found[1].ljust(7, "0").replace(",", "."), text.replace("Z", "+00:00")
    )
    return datetime.fromisoformat(plain)


def _of_parts(parts: re.Match[str], order: DayOrder) -> datetime:
    first, second, third = int(parts[1]), int(parts[2]), int(parts[3])
    hour, minute, second_of = int(parts[4] or 0), int(parts[5] or 0), int(parts[6] or 0)
    if parts[7]:
        hour = hour % 12 + (12 if parts[7].lower() == "p" else 0)
    if len(parts[1]) > 2:
        return datetime(first, second, third, hour, minute, second_of)  # noqa: DTZ001 - the caller adds the zone
    year = third + 2000 if third < 100 else third
    day, month = (first, second) if order.day_first else (second, first)
    return datetime(year, month, day, hour, minute, second_of)  # noqa: DTZ001 - the caller adds the zone
