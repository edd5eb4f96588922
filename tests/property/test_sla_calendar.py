"""Business time against two oracles: a naive loop over days, and the package workclock."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.sla import BusinessCalendar
from periferia_link.sla.calendar import MIDNIGHT

ZONES = ("America/Bogota", "America/Santiago", "America/New_York", "America/Mexico_City", "Europe/Madrid", "UTC")
FIRST = datetime(2019, 1, 1, tzinfo=timezone.utc)
MINUTES = 8 * 366 * 24 * 60

moments = st.integers(0, MINUTES * 60).map(lambda seconds: FIRST + timedelta(seconds=seconds))
durations = st.integers(-9 * 86_400, 9 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
# the clock jumps between midnight and 03:00 in these zones: no window begins or ends there, for a time that is
# skipped or comes twice means different things to different programs. A window is ten minutes or longer: one of a
# minute a week needs more than the two centuries of a search to add up to nine days
clocks = st.integers(4 * 6, 23 * 6 + 5).map(lambda tens: time(tens // 6, tens % 6 * 10 + 3))


@st.composite
def weeks(draw):
    """Draw weekly windows without overlap."""
    windows = {}
    for day in draw(st.sets(st.integers(0, 6), min_size=1)):
        edges = sorted(draw(st.sets(clocks, min_size=2, max_size=4)))
        windows[day] = list(zip(edges[::2], edges[1::2], strict=False))
    return windows


free_days = st.sets(st.dates(date(2019, 1, 1), date(2026, 12, 31)), max_size=40)


@st.composite
def calendars(draw):
    """Draw a calendar with windows, zone and holidays."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    return BusinessCalendar("drawn", windows=draw(weeks()), zone=zone, holidays=draw(free_days)), zone


def naive(windows, zone, holidays, begin, end):
    """Return business time by looking at every day, in UTC where it is subtracted."""
    total = timedelta(0)
    day = begin.astimezone(zone).date() - timedelta(1)
    while day <= end.astimezone(zone).date():
        for opens, closes in windows.get(day.weekday(), []) if day not in holidays else []:
            low = max(datetime.combine(day, opens, zone).astimezone(timezone.utc), begin)
            high = min(datetime.combine(day, closes, zone).astimezone(timezone.utc), end)
            total += max(timedelta(0), high - low)
        day += timedelta(1)
    return total


class TestNaiveOracle:
    @settings(max_examples=60, deadline=None)
    @given(weeks(), st.sampled_from(ZONES), free_days, moments, st.integers(0, 40 * 86_400))
    def test_between(self, windows, name, holidays, begin, seconds):
        """The table says what a loop over the days says."""
        zone, end = ZoneInfo(name), begin + timedelta(seconds=seconds)
        calendar = BusinessCalendar("x", windows=windows, zone=zone, holidays=holidays)
        assert naive(windows, zone, holidays, begin, end) == calendar.between(begin, end)


class TestLaws:
    @settings(max_examples=60, deadline=None)
    @given(calendars(), moments, moments, moments)
    def test_time_adds_up(self, drawn, a, b, c):
        """From a to b and on to c is from a to c, in any order."""
        calendar, _ = drawn
        assert calendar.between(a, c) == calendar.between(a, b) + calendar.between(b, c)
        assert calendar.between(a, b) == -calendar.between(b, a)

    @settings(max_examples=60, deadline=None)
    @given(calendars(), moments, durations)
    def test_add_is_the_other_way_round(self, drawn, begin, duration):
        """What is added is what lies between; and not one microsecond sooner."""
        calendar, _ = drawn
        end = calendar.add(begin, duration)
        assert duration == calendar.between(begin, end)
        if duration:
            tick = timedelta(microseconds=1 if duration > timedelta(0) else -1)
            assert duration != calendar.between(begin, end - tick)

    @settings(max_examples=60, deadline=None)
    @given(calendars(), moments)
    def test_next_open(self, drawn, moment):
        """Is open, and nothing was missed before it."""
        calendar, _ = drawn
        found = calendar.next_open(moment)
        assert calendar.is_open(found)
        assert timedelta(0) == calendar.between(moment, found)

    @settings(max_examples=40, deadline=None)
    @given(calendars(), st.dates(date(2019, 2, 1), date(2026, 6, 1)), st.integers(0, 30))
    def test_working_days(self, drawn, day, days):
        """A term of n days has n working days in it and ends on one."""
        calendar, _ = drawn
        end = calendar.working_days_after(day, days)
        between = [day + timedelta(n + 1) for n in range((end - day).days)]
        assert days == sum(calendar.is_working_day(one) for one in between)
        assert not days or calendar.is_working_day(end)

    @settings(max_examples=40, deadline=None)
    @given(st.sampled_from(ZONES), moments, moments)
    def test_round_the_clock_is_real_time(self, name, a, b):
        """A calendar that is open all day on all days measures real time, over every change of the clock."""
        windows = {day: [(time(0), time(12)), (time(12), MIDNIGHT)] for day in range(7)}
        calendar = BusinessCalendar("x", windows=windows, zone=ZoneInfo(name), holidays=[])
        assert b - a == calendar.between(a, b)


class TestWorkclock:
    """An independent program with the same rules."""

    @staticmethod
    def schedule(windows, name, holidays):
        workclock = pytest.importorskip("workclock", reason="workclock is not installed: pip install workclock")
        rules = [workclock.WorkDay(a, z, days=[day]) for day, spans in windows.items() for a, z in spans]
        rules += [workclock.Holidays(sorted(holidays))] if holidays else []
        return workclock.Schedule(rules, time_zone=name)

    @settings(max_examples=120, deadline=None)
    @given(weeks(), st.sampled_from(ZONES), free_days, moments, moments)
    def test_between(self, windows, name, holidays, a, b):
        """The same to the microsecond."""
        schedule = self.schedule(windows, name, holidays)
        calendar = BusinessCalendar("x", windows=windows, zone=ZoneInfo(name), holidays=holidays)
        assert schedule.between(a, b) == calendar.between(a, b)

    @settings(max_examples=120, deadline=None)
    @given(weeks(), st.sampled_from(ZONES), free_days, moments, st.integers(1, 60 * 86_400))
    def test_add(self, windows, name, holidays, begin, seconds):
        """The same moment."""
        schedule = self.schedule(windows, name, holidays)
        calendar = BusinessCalendar("x", windows=windows, zone=ZoneInfo(name), holidays=holidays)
        duration = timedelta(seconds=seconds)
        assert schedule.add(begin, duration) == calendar.add(begin, duration)
        assert schedule.sub(begin, duration) == calendar.add(begin, -duration)

    @settings(max_examples=60, deadline=None)
    @given(st.sets(st.integers(0, 6), min_size=1), st.sampled_from(ZONES), free_days, moments, moments)
    def test_nights(self, days, name, holidays, a, b):
        """Shifts over midnight, where a holiday closes its civil day."""
        windows = {day: [(time(21, 30), time(5, 15))] for day in days}
        schedule = self.schedule(windows, name, holidays)
        calendar = BusinessCalendar("x", windows=windows, zone=ZoneInfo(name), holidays=holidays)
        assert schedule.between(a, b) == calendar.between(a, b)
