"""Business time: weekly windows, a holiday set and a zone; exact to the microsecond over changes of the clock."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import cached_property
from typing import TypeAlias
from zoneinfo import ZoneInfo

from periferia_link.errors import ConfigurationError
from periferia_link.sla._table import EPOCH, MICROSECOND, Span, Table, instant_of, table_of
from periferia_link.sla.holiday_set import NO_HOLIDAYS, HolidaySet

__all__ = ["MIDNIGHT", "BusinessCalendar", "Windows", "window_of"]

MIDNIGHT = timedelta(hours=24)
"""End of a window that lasts until the day is over; ``datetime.time`` has no 24:00."""

Windows: TypeAlias = Mapping[int, Sequence[tuple[time, "time | timedelta"]]]
"""Weekday (0 is Monday) to windows (begin, end) by the clock on the wall."""

_WHOLE_DAY: Span = (0, 86_400)
_FARTHEST = 200  # years that a search goes before it gives up
_FURTHER = (0, 1, 5, 25, _FARTHEST)  # years laid out by and by: most answers are near
_LAST_YEAR = 9_998
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_DAY = 86_400_000_000


class BusinessCalendar:
    """
    When somebody works: ``add``, ``between``, ``next_open`` and ``working_days_after``.

    Immutable and cheap to ask: the windows of the years in question are laid out once, in UTC, with running totals;
    a question is two searches in that table. A window whose end is not after its begin runs over midnight. A
    holiday closes its civil day, from 00:00 to 24:00, also for a shift that began the day before. A window that
    begins or ends at a time that the clock skips begins or ends at the moment of the change; a time that comes
    twice means its first one.

    Args:
        name: Id in policies and results.

        windows: Weekday to windows; days that are not named are closed.

        zone: Where the clock hangs.

        holidays: A :class:`HolidaySet`, or plain dates.

        special: Days with windows of their own (24 December until noon); an empty list closes the day.
    """

    def __init__(
        self,
        name: str,
        *,
        windows: Windows,
        zone: tzinfo,
        holidays: HolidaySet | Iterable[date] = NO_HOLIDAYS,
        special: Mapping[date, Sequence[tuple[time, time | timedelta]]] | None = None,
    ) -> None:
        self.name = name
        self.zone = zone
        self.holidays = holidays if isinstance(holidays, HolidaySet) else HolidaySet.of("given", holidays)
        self._weekly = _weekly(name, windows)
        self._begun = frozenset(weekday for weekday, spans in windows.items() if spans)
        self._special = {day: _day_spans(name, spans) for day, spans in (special or {}).items()}
        self.is_always = (
            all(spans == (_WHOLE_DAY,) for spans in self._weekly.values())
            and not self._special
            and self.holidays is NO_HOLIDAYS
        )
        self._table: Table | None = None

    @classmethod
    def always(cls, name: str = "always", zone: tzinfo = timezone.utc) -> BusinessCalendar:
        """Return the calendar that never closes (24×7); *zone* only says which day it is."""
        return cls(name, windows={day: [(time(0), MIDNIGHT)] for day in range(7)}, zone=zone)

    @classmethod
    def weekdays(
        cls,
        name: str,
        *spans: tuple[str, str],
        zone: tzinfo | str = "America/Bogota",
        days: Iterable[int] = range(5),
        holidays: HolidaySet | Iterable[date] = NO_HOLIDAYS,
    ) -> BusinessCalendar:
        """
        Return a calendar with the same windows on every day of *days*: ``weekdays("office", ("08:00", "17:00"))``.

        Raises:
            ConfigurationError: A time is not written HH:MM, or a window is empty.
        """
        windows = [window_of(begin, end, name) for begin, end in spans]
        place = ZoneInfo(zone) if isinstance(zone, str) else zone
        return cls(name, windows=dict.fromkeys(days, windows), zone=place, holidays=holidays)

    @cached_property
    def version(self) -> str:
        """Text that changes when the windows, the zone or the holiday set do; stands in every result."""
        special = sorted((day.isoformat(), spans) for day, spans in self._special.items())
        text = repr((sorted(self._weekly.items()), sorted(self._begun), str(self.zone), special))
        digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
        return f"{digest} {self.holidays.version}".strip()

    # ------------------------------------------------------------------ questions

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """
        Return the business time from *begin* to *end*; negative when *end* is earlier.

        Raises:
            ValueError: A time is naive.
        """
        a, z = _micros(begin), _micros(end)
        if self.is_always:
            return timedelta(microseconds=z - a)
        table = self._table
        if table is None or not table.first <= a < table.last or not table.first <= z < table.last:
            table = self._covering(min(a, z), max(a, z))
        return timedelta(microseconds=table.until(z) - table.until(a))

    def add(self, begin: datetime, duration: timedelta) -> datetime:
        """
        Return the first moment at which *duration* of business time has passed since *begin* (UTC).

        A duration that is used up exactly at the end of a window ends there, not at the next opening. A negative
        duration goes back, to the last moment from which the way to *begin* takes that long.

        Raises:
            ValueError: *begin* is naive.
            ConfigurationError: The calendar is not open for that long in 200 years.
        """
        a, wanted = _micros(begin), duration // MICROSECOND
        if self.is_always or not wanted:
            return instant_of(a + wanted)
        table = self._covering(a, a)
        for years in _FURTHER:
            if years:
                table = self._reaching(a, years if wanted > 0 else -years)
            goal = table.until(a) + wanted
            if 0 < goal <= table.totals[-1] if wanted > 0 else 0 <= goal < table.totals[-1]:
                break
        else:
            msg = f"calendar {self.name} is not open for {duration} in the {_FARTHEST} years around {begin.date()}"
            raise ConfigurationError(msg, hint="look at its windows and holidays")
        if wanted > 0:
            i = bisect_left(table.totals, goal) - 1
            return instant_of(table.begins[i] + goal - table.totals[i])
        i = bisect_right(table.totals, goal) - 1
        return instant_of(table.begins[i] + goal - table.totals[i])

    def next_open(self, moment: datetime) -> datetime:
        """
        Return *moment* when the calendar is open then, else the next opening (UTC).

        Raises:
            ValueError: *moment* is naive.
            ConfigurationError: The calendar is closed for as long as one can look.
        """
        at = _micros(moment)
        if self.is_always:
            return instant_of(at)
        table = self._covering(at, at)
        for years in _FURTHER:
            if years:
                table = self._reaching(at, years)
            i = bisect_right(table.ends, at)
            if i < len(table.ends):
                return instant_of(max(at, table.begins[i]))
        msg = f"calendar {self.name} never opens after {moment.date()}"
        raise ConfigurationError(msg, hint="look at its windows and holidays")

    def is_open(self, moment: datetime) -> bool:
        """
        Whether somebody works at that moment; at the end of a window nobody does any more.

        Raises:
            ValueError: *moment* is naive.
        """
        at = _micros(moment)
        if self.is_always:
            return True
        table = self._covering(at, at)
        i = bisect_right(table.ends, at)
        return i < len(table.ends) and table.begins[i] <= at

    def is_working_day(self, day: date) -> bool:
        """Whether a window begins on that day, and it is no holiday."""
        special = self._special.get(day)
        if special is not None:
            return bool(special)
        return day.weekday() in self._begun and not self.holidays.has(day)

    def working_days_after(self, day: date, days: int) -> date:
        """
        Return the last day of a term of *days* working days, counted from the next working day after *day*.

        So are legal terms counted: received on Wednesday, day 1 is Thursday. A term of 0 days ends on *day*.

        Raises:
            ValueError: *days* is negative.
            ConfigurationError: The calendar is closed for as long as one can look.
        """
        if days < 0:
            msg = "a term has no negative days"
            raise ValueError(msg)
        limit = day.toordinal() + 366 + 7 * days + _FARTHEST * 2
        while days:
            day += timedelta(1)
            days -= self.is_working_day(day)
            if day.toordinal() > limit:
                msg = f"calendar {self.name} has too few working days"
                raise ConfigurationError(msg, hint="look at its windows and holidays")
        return day

    def day_of(self, moment: datetime) -> date:
        """Return the civil day of *moment* in the zone of the calendar."""
        return moment.astimezone(self.zone).date()

    def end_of(self, day: date) -> datetime:
        """Return the moment at which the civil day is over (24:00 in the zone of the calendar), in UTC."""
        return datetime.combine(day + timedelta(1), time(0), self.zone).astimezone(timezone.utc)

    def windows_on(self, day: date) -> list[tuple[datetime, datetime]]:
        """Return the open windows of a civil day, in UTC; windows that touch are one."""
        first = datetime.combine(day, time(0), self.zone).astimezone(timezone.utc)
        a, z = _micros(first), _micros(self.end_of(day))
        table = self._covering(a, z)
        found = []
        for i in range(bisect_right(table.ends, a), len(table.begins)):
            if table.begins[i] >= z:
                break
            found.append((instant_of(max(a, table.begins[i])), instant_of(min(z, table.ends[i]))))
        return found

    def unknown_years(self, begin: datetime, end: datetime) -> tuple[int, ...]:
        """Return the years between two moments whose holidays nobody told the calendar: its answers ignore them."""
        years = range(self.day_of(begin).year, self.day_of(end).year + 1)
        return tuple(year for year in years if not self.holidays.knows(year))

    def __repr__(self) -> str:
        return f"BusinessCalendar({self.name!r}, {self.zone}, {self.version})"

    # ------------------------------------------------------------------ the table

    def _covering(self, a: int, z: int) -> Table:
        table = self._table
        if table is None or a < table.first or z >= table.last:
            # some weeks more, so that a due date just beyond does not lay everything out again
            first, last = instant_of(a - 3 * _DAY).year, instant_of(z + 60 * _DAY).year
            if table is not None:
                first, last = min(first, table.years[0]), max(last, table.years[1])
            table = self._build(first, last)
        return table

    def _reaching(self, at: int, years: int) -> Table:
        table = self._covering(at, at)
        first, last = table.years
        return self._build(min(first, first + years), max(last, last + years))

    def _build(self, first: int, last: int) -> Table:
        years = (max(first, 2), min(last, _LAST_YEAR))
        self._table = table = table_of(years, self.zone, self._spans_of)
        return table

    def _spans_of(self, day: date) -> Sequence[Span]:
        special = self._special.get(day)
        if special is not None:
            return special
        spans = self._weekly.get(day.weekday(), ())
        return () if spans and self.holidays.has(day) else spans


def window_of(begin: str, end: str, calendar: str) -> tuple[time, time | timedelta]:
    """
    Read a window from two times of the day, ``HH:MM`` or ``HH:MM:SS``; the end may be ``24:00``.

    Raises:
        ConfigurationError: A text is no time of the day.
    """
    return _clock(begin, calendar), MIDNIGHT if end in ("24:00", "24:00:00") else _clock(end, calendar)


def _clock(text: str, calendar: str) -> time:
    parts = _CLOCK.fullmatch(text)
    if parts is None:
        msg = f"calendar {calendar}: a time of the day is not written HH:MM"
        raise ConfigurationError(msg, hint='write "08:00"; the end of a day is "24:00"')
    return time(int(parts[1]), int(parts[2]), int(parts[3] or 0))


def _micros(moment: datetime) -> int:
    try:
        since = moment - EPOCH
    except TypeError:
        msg = "a naive time has no place on a calendar; give it a zone first"
        raise ValueError(msg) from None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _seconds(clock: time | timedelta) -> int:
    if isinstance(clock, timedelta):
        return int(clock.total_seconds())
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def _day_spans(name: str, spans: Sequence[tuple[time, time | timedelta]]) -> tuple[Span, ...]:
    """Return windows of one day that stay within it, sorted, merged."""
    found: list[Span] = []
    for begin, end in sorted((_seconds(begin), _seconds(end)) for begin, end in spans):
        if not 0 <= begin < end <= _WHOLE_DAY[1]:
            msg = f"calendar {name} has a window that ends before it begins"
            raise ConfigurationError(msg, hint="write two windows, one until 24:00 and one from 00:00")
        if found and begin <= found[-1][1]:
            begin, end = found[-1][0], max(end, found.pop()[1])  # noqa: PLW2901 - two windows that touch are one
        found.append((begin, end))
    return tuple(found)


def _weekly(name: str, windows: Windows) -> dict[int, tuple[Span, ...]]:
    """Return the windows of the seven weekdays; those over midnight are cut there."""
    days: dict[int, list[tuple[timedelta, timedelta]]] = {}
    for weekday, spans in windows.items():
        if weekday not in range(7):
            msg = f"calendar {name} has a weekday {weekday}"
            raise ConfigurationError(msg, hint="weekdays are 0 (Monday) to 6 (Sunday)")
        for begin, end in spans:
            a, z = _seconds(begin), _seconds(end)
            days.setdefault(weekday, []).append((timedelta(seconds=a), timedelta(seconds=z) if z > a else MIDNIGHT))
            if 0 < z <= a:
                days.setdefault((weekday + 1) % 7, []).append((timedelta(0), timedelta(seconds=z)))
    if not days:
        msg = f"calendar {name} has no window: it would never open"
        raise ConfigurationError(
            msg, hint='give it hours, such as ["08:00-12:00", "13:00-17:00"] from Monday to Friday'
        )
    return {weekday: _day_spans(name, spans) for weekday, spans in sorted(days.items())}  # type: ignore[arg-type]
