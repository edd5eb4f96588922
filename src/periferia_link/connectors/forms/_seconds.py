"""Times as seconds since 1970: hours are asked of the time zone once each, dates written as text are read once each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from periferia_link.connectors.forms._times import DayOrder, instant_of

__all__ = ["Seconds"]

_DAY = 24
_KNOWN = 100_000
_NO_TEXT = DayOrder(day_first=True, why="unneeded")


class Seconds:
    """
    Reads the times of one file.

    Args:
        order: Which number of a date is the day; asked when the first time stands there as text.

        zone: Of times that have none.
    """

    def __init__(self, order: Callable[[], DayOrder], zone: tzinfo) -> None:
        self._order, self._zone = order, zone
        self._hours: dict[int, float | None] = {}
        self._days: dict[str, int | None] = {}

    def of(self, cell: Any) -> float | None:
        """Return the instant of a cell, ``None`` for one that is empty or no time."""
        if type(cell) is datetime and cell.tzinfo is None:
            begin = self._hour(cell.toordinal() * _DAY + cell.hour)
            if begin is not None:
                return begin + cell.minute * 60 + cell.second + cell.microsecond / 1_000_000
        elif type(cell) is str:
            found = self._of_text(cell)
            if found is not None:
                return found
        if cell is None or cell == "":
            return None
        order = self._order() if type(cell) is str else _NO_TEXT
        try:
            moment = instant_of(cell, order, self._zone)
        except (ValueError, OverflowError):
            return None
        return moment.timestamp() if moment else None

    def _of_text(self, text: str) -> float | None:
        """Return the instant of ``DATE HH:MM:SS``, ``None`` for what has to be looked at closely."""
        date, _, clock = text.partition(" ")
        hour, minute, second = clock[:2], clock[3:5], clock[6:]
        if len(clock) != 8 or clock[2] != ":" or clock[5] != ":" or not (hour + minute + second).isdecimal():
            return None
        if date not in self._days:
            if len(self._days) >= _KNOWN:
                self._days.clear()
            self._days[date] = self._day(date)
        day = self._days[date]
        if day is None or hour > "23" or minute > "59" or second > "59":
            return None
        begin = self._hour(day * _DAY + int(hour))
        return None if begin is None else begin + int(minute) * 60 + int(second)

    def _day(self, date: str) -> int | None:
        try:
            moment = instant_of(date, self._order(), timezone.utc)
        except (ValueError, OverflowError):
            return None
        return moment.toordinal() if moment else None

    def _hour(self, number: int) -> float | None:
        """Return when a local hour begins, ``None`` where clocks change within it."""
        try:
            return self._hours[number]
        except KeyError:
            pass
        if len(self._hours) >= _KNOWN:
            self._hours.clear()
        day, hour = divmod(number, _DAY)
        begin = datetime.fromordinal(day).replace(hour=hour, tzinfo=self._zone)
        ends = [each.utcoffset() for end in (begin, begin + timedelta(minutes=59, seconds=59)) for each in _both(end)]
        self._hours[number] = found = begin.timestamp() if len({*ends}) == 1 else None
        return found


def _both(moment: datetime) -> tuple[datetime, datetime]:
    return moment.replace(fold=0), moment.replace(fold=1)
