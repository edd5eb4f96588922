"""The windows of some years, laid out in UTC with running totals: a question is two binary searches."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import TypeAlias

__all__ = ["EPOCH", "MICROSECOND", "Span", "Table", "instant_of", "table_of"]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_DAY_SECONDS = 86_400
_DAY_MICROS = _DAY_SECONDS * _SECOND
_EPOCH_DAY = EPOCH.toordinal()
_MIDNIGHT, _NOON = time(0), time(12)

Span: TypeAlias = "tuple[int, int]"
"""Begin and end in seconds of the clock on the wall, 0 to 86,400."""


@dataclass(frozen=True, slots=True)
class Table:
    """
    Open windows between ``first`` and ``last``, all in microseconds since 1970 UTC.

    ``totals[i]`` is the open time before window *i*; the list has one more entry, the whole.
    """

    years: tuple[int, int]
    first: int
    last: int
    begins: list[int]
    ends: list[int]
    totals: list[int]

    def until(self, at: int) -> int:
        """Return the open time from the beginning of the table to *at*."""
        i = bisect_right(self.begins, at) - 1
        if i < 0:
            return 0
        end = self.ends[i]
        return self.totals[i] + (at if at < end else end) - self.begins[i]


def instant_of(micros: int) -> datetime:
    """Return the moment, in UTC."""
    return EPOCH + timedelta(microseconds=micros)


def table_of(years: tuple[int, int], zone: tzinfo, spans_of: Callable[[date], Sequence[Span]]) -> Table:
    """Lay out the windows of every day from the first year to the last, both included; those that touch become one."""
    begins: list[int] = []
    ends: list[int] = []
    first_day, end_day = date(years[0], 1, 1), date(years[1] + 1, 1, 1)
    offset = datetime.combine(first_day, _MIDNIGHT, zone).utcoffset()
    for number in range(first_day.toordinal(), end_day.toordinal()):
        day = date.fromordinal(number)
        before, offset = offset, datetime.combine(date.fromordinal(number + 1), _MIDNIGHT, zone).utcoffset()
        spans = spans_of(day)
        if not spans:
            continue
        # two changes on one day could cancel out; noon tells
        is_plain = before == offset == datetime.combine(day, _NOON, zone).utcoffset()
        today = (number - _EPOCH_DAY) * _DAY_MICROS - (offset // MICROSECOND if offset else 0)
        for begin, end in spans:
            if is_plain:
                a, z = today + begin * _SECOND, today + end * _SECOND
            else:
                a, z = _on_the_wall(day, begin, zone), _on_the_wall(day, end, zone)
            if ends and a <= ends[-1]:
                ends[-1] = max(ends[-1], z)
            elif z > a:
                begins.append(a)
                ends.append(z)
    totals = [0]
    for begin, end in zip(begins, ends, strict=True):
        totals.append(totals[-1] + end - begin)
    return Table(years, _on_the_wall(first_day, 0, zone), _on_the_wall(end_day, 0, zone), begins, ends, totals)


def _on_the_wall(day: date, seconds: int, zone: tzinfo) -> int:
    """Return the first moment at which the clock on the wall shows that time, or the moment at which it skips it."""
    if seconds == _DAY_SECONDS:
        day, seconds = day + timedelta(1), 0
    wall = datetime.combine(day, time(0), zone) + timedelta(seconds=seconds)
    found = (wall - EPOCH) // MICROSECOND
    shown = (EPOCH + timedelta(microseconds=found)).astimezone(zone)
    if shown.replace(tzinfo=None) == wall.replace(tzinfo=None):
        return found
    # the clock jumps over it: look for the jump between the two readings
    early, late = (wall.replace(fold=1) - EPOCH) // MICROSECOND, found
    offset = instant_of(early).astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = (early + late) // (2 * _SECOND) * _SECOND
        if instant_of(middle).astimezone(zone).utcoffset() == offset:
            early = middle
        else:
            late = middle
    return late // _SECOND * _SECOND
