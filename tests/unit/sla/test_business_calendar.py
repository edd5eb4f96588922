"""Business calendars: exact answers, also where the clock on the wall jumps."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.sla import BusinessCalendar, HolidaySet
from periferia_link.sla.calendar import MIDNIGHT
from sla_examples import BOGOTA, COLOMBIA, OFFICE

NEW_YORK = ZoneInfo("America/New_York")
SANTIAGO = ZoneInfo("America/Santiago")
HOUR = timedelta(hours=1)


def bogota(text):
    """Return a moment in Bogotá."""
    return datetime.fromisoformat(text).replace(tzinfo=BOGOTA)


def new_york(text):
    """Return a moment in New York."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


class TestFixedVectors:
    """Known answers: Monday to Friday 8-12 and 13-17 in Bogotá, with the holidays of Colombia."""

    def test_between(self):
        """Three weeks in June 2026, three holidays among them."""
        found = OFFICE.between(bogota("2026-06-05 16:37"), bogota("2026-06-30 10:12"))
        assert timedelta(hours=106, minutes=35) == found

    def test_add(self):
        """Forty hours later."""
        assert bogota("2026-06-16 16:37") == OFFICE.add(bogota("2026-06-05 16:37"), 40 * HOUR)

    def test_a_legal_term(self):
        """Received on Wednesday, fifteen working days counted from the next one."""
        assert date(2026, 7, 3) == OFFICE.working_days_after(date(2026, 6, 10), 15)


class TestBetween:
    @pytest.mark.parametrize(
        ("begin", "end", "minutes"),
        [
            ("2026-09-07 08:00", "2026-09-07 17:00", 480),
            ("2026-09-07 12:00", "2026-09-07 13:00", 0),
            ("2026-09-07 11:59", "2026-09-07 13:01", 2),
            ("2026-09-05 00:00", "2026-09-06 23:59", 0),
            ("2026-09-04 16:00", "2026-09-07 09:00", 120),
            ("2026-12-08 08:00", "2026-12-08 17:00", 0),
            ("2026-09-07 09:00", "2026-09-07 09:00", 0),
            ("2026-09-07 10:00", "2026-09-07 09:00", -60),
        ],
    )
    def test_minutes(self, begin, end, minutes):
        """Windows, lunch, weekend, holiday; backwards it is negative."""
        assert timedelta(minutes=minutes) == OFFICE.between(bogota(begin), bogota(end))

    def test_to_the_microsecond(self):
        """Nothing is rounded."""
        begin = bogota("2026-09-07 08:00:00.000001")
        assert timedelta(hours=8, microseconds=-1) == OFFICE.between(begin, bogota("2026-09-07 17:00"))

    def test_any_zone_asks(self):
        """A moment is a moment, whatever zone it is written in."""
        assert HOUR == OFFICE.between(datetime(2026, 9, 7, 13, tzinfo=timezone.utc), bogota("2026-09-07 09:00"))

    def test_years_apart(self):
        """The table grows as it is asked."""
        calendar = BusinessCalendar.weekdays("x", ("08:00", "09:00"), days=range(7))
        calendar.between(bogota("2026-01-01"), bogota("2026-01-02"))
        assert 365 * HOUR == calendar.between(bogota("2011-01-01"), bogota("2012-01-01"))
        assert 365 * HOUR == calendar.between(bogota("2041-01-01"), bogota("2042-01-01"))

    def test_a_naive_time(self):
        """Is refused: its zone would be a guess."""
        with pytest.raises(ValueError, match="naive"):
            OFFICE.between(datetime(2026, 9, 7), bogota("2026-09-07"))


class TestClockChanges:
    """Daylight saving time begins on 8 March 2026 at 02:00 in New York, and ends on 1 November at 02:00."""

    def calendar(self, begin, end):
        return BusinessCalendar.weekdays("x", (begin, end), zone=NEW_YORK, days=[6])

    def test_a_short_night(self):
        """From 00:00 to 04:00 the clock shows four hours and three pass."""
        found = self.calendar("00:00", "04:00").between(new_york("2026-03-08"), new_york("2026-03-08 06:00"))
        assert 3 * HOUR == found

    def test_a_long_night(self):
        """In autumn five pass."""
        found = self.calendar("00:00", "04:00").between(new_york("2026-11-01"), new_york("2026-11-01 06:00"))
        assert 5 * HOUR == found

    def test_a_whole_day(self):
        """A day of 23 hours, and one of 25."""
        calendar = self.calendar("00:00", "24:00")
        assert 23 * HOUR == calendar.between(new_york("2026-03-08"), new_york("2026-03-09"))
        assert 25 * HOUR == calendar.between(new_york("2026-11-01"), new_york("2026-11-02"))

    def test_a_window_that_begins_at_a_time_that_is_skipped(self):
        """There is no 02:30: it opens at the change, at 03:00."""
        calendar = self.calendar("02:30", "05:00")
        assert new_york("2026-03-08 03:00") == calendar.next_open(new_york("2026-03-08 00:00"))
        assert 2 * HOUR == calendar.between(new_york("2026-03-08"), new_york("2026-03-09"))

    def test_a_window_inside_the_hour_that_is_skipped(self):
        """It does not take place."""
        calendar = self.calendar("02:10", "02:50")
        assert timedelta(0) == calendar.between(new_york("2026-03-08"), new_york("2026-03-09"))

    def test_a_time_that_comes_twice(self):
        """Means the first one."""
        calendar = self.calendar("00:00", "01:30")
        assert 1.5 * HOUR == calendar.between(new_york("2026-11-01"), new_york("2026-11-02"))

    def test_a_change_at_midnight(self):
        """In Santiago the clock jumps from 24:00 to 01:00."""
        calendar = BusinessCalendar.weekdays("x", ("00:00", "24:00"), zone=SANTIAGO, days=range(7), holidays=[])
        begin = datetime(2026, 9, 5, tzinfo=SANTIAGO)
        assert 47 * HOUR == calendar.between(begin, datetime(2026, 9, 7, tzinfo=SANTIAGO))
        assert datetime(2026, 9, 6, 4, tzinfo=timezone.utc) == calendar.end_of(date(2026, 9, 5))

    def test_add_over_a_change(self):
        """``add`` and ``between`` agree."""
        calendar = self.calendar("00:00", "04:00")
        end = calendar.add(new_york("2026-03-08 01:00"), 2 * HOUR)
        assert new_york("2026-03-08 04:00") == end


class TestAdd:
    @pytest.mark.parametrize(
        ("begin", "hours", "end"),
        [
            ("2026-09-07 08:00", 4, "2026-09-07 12:00"),
            ("2026-09-07 08:00", 4.5, "2026-09-07 13:30"),
            ("2026-09-05 10:00", 1, "2026-09-07 09:00"),
            ("2026-09-07 10:00", 0, "2026-09-07 10:00"),
            ("2026-09-07 10:00", -1, "2026-09-07 09:00"),
            ("2026-09-07 13:30", -1, "2026-09-07 11:30"),
            ("2026-09-07 17:00", -8, "2026-09-07 08:00"),
        ],
    )
    def test_hours(self, begin, hours, end):
        """Used up at the end of a window, it ends there; backwards too."""
        assert bogota(end) == OFFICE.add(bogota(begin), hours * HOUR)

    def test_far_away(self):
        """Ten thousand hours need more years than were laid out."""
        calendar = BusinessCalendar.weekdays("x", ("08:00", "09:00"), holidays=[], days=[0])
        end = calendar.add(bogota("2026-09-07 08:00"), 1_000 * HOUR)
        assert 1_000 * HOUR == calendar.between(bogota("2026-09-07 08:00"), end)

    @pytest.mark.parametrize("hours", [300, -300])
    def test_generations_away(self, hours):
        """Ten minutes a week: the last stretch of years that is laid out is looked at as well."""
        calendar = BusinessCalendar.weekdays("x", ("08:00", "08:10"), holidays=[], days=[0])
        begin = bogota("2026-09-07 08:00")
        assert hours * HOUR == calendar.between(begin, calendar.add(begin, hours * HOUR))

    def test_closed_for_ever(self):
        """A calendar without an end in sight says so instead of looking for ever."""
        calendar = BusinessCalendar.weekdays("x", ("08:00", "08:01"), days=[0])
        with pytest.raises(ConfigurationError, match=r"is not open for .* in the 200 years"):
            calendar.add(bogota("2026-09-07"), 100_000 * HOUR)


class TestOpen:
    def test_open_and_closed(self):
        """At the end of a window nobody works any more."""
        moments = ["07:59", "08:00", "11:59", "12:00", "13:00", "17:00"]
        found = [OFFICE.is_open(bogota(f"2026-09-07 {moment}")) for moment in moments]
        assert [False, True, True, False, True, False] == found

    def test_next_open(self):
        """Now, or when somebody comes back."""
        assert bogota("2026-09-07 09:00") == OFFICE.next_open(bogota("2026-09-07 09:00"))
        assert bogota("2026-09-07 13:00") == OFFICE.next_open(bogota("2026-09-07 12:00"))
        assert bogota("2026-12-09 08:00") == OFFICE.next_open(bogota("2026-12-07 17:00"))

    def test_next_open_after_a_generation(self):
        """A site that is closed for thirty years is found open again."""
        shut = [date(2027, 1, 1) + timedelta(n) for n in range(30 * 366)]
        calendar = BusinessCalendar.weekdays("x", ("08:00", "17:00"), holidays=shut)
        found = calendar.next_open(bogota("2027-01-04 09:00"))
        assert found.year == 2057
        assert calendar.is_open(found)

    def test_windows_of_a_day(self):
        """In UTC, in order."""
        found = OFFICE.windows_on(date(2026, 9, 7))
        assert [("13:00", "17:00"), ("18:00", "22:00")] == [(f"{a:%H:%M}", f"{z:%H:%M}") for a, z in found]
        assert [] == OFFICE.windows_on(date(2026, 9, 6))

    def test_round_the_clock(self):
        """24×7 is a calendar too."""
        always = BusinessCalendar.always()
        begin, end = bogota("2026-09-05"), bogota("2026-09-07")
        assert (48 * HOUR, end, True) == (
            always.between(begin, end),
            always.add(begin, 48 * HOUR),
            always.is_open(begin),
        )
        assert begin == always.next_open(begin)


class TestNights:
    """A shift that runs over midnight."""

    NIGHT = BusinessCalendar.weekdays("night", ("22:00", "06:00"), days=[4], holidays=[date(2026, 9, 12)])

    def test_over_midnight(self):
        """Friday night ends on Saturday morning."""
        assert 8 * HOUR == self.NIGHT.between(bogota("2026-09-04 12:00"), bogota("2026-09-05 12:00"))

    def test_a_holiday_begins_at_midnight(self):
        """And closes what is left of the shift."""
        assert 2 * HOUR == self.NIGHT.between(bogota("2026-09-11 12:00"), bogota("2026-09-12 12:00"))

    def test_the_morning_after_is_no_working_day(self):
        """A day works when a window begins on it."""
        assert self.NIGHT.is_working_day(date(2026, 9, 4))
        assert not self.NIGHT.is_working_day(date(2026, 9, 5))


class TestDays:
    def test_special_days(self):
        """24 December until noon; a bridge day closed; a Saturday worked."""
        special = {
            date(2026, 12, 24): [(time(8), time(12))],
            date(2026, 12, 31): [],
            date(2026, 12, 19): [(time(8), MIDNIGHT)],
        }
        windows = {day: [(time(8), time(17))] for day in range(5)}
        calendar = BusinessCalendar("x", windows=windows, zone=BOGOTA, holidays=COLOMBIA, special=special)
        hours = [
            calendar.between(bogota(f"2026-12-{day} 00:00"), bogota(f"2026-12-{day} 23:59:59"))
            for day in (19, 24, 25, 31)
        ]
        assert [16 * HOUR - timedelta(seconds=1), 4 * HOUR, 0 * HOUR, 0 * HOUR] == hours
        assert [True, False] == [calendar.is_working_day(date(2026, 12, day)) for day in (19, 31)]

    def test_a_term_of_no_days(self):
        """Ends on its day."""
        assert date(2026, 9, 7) == OFFICE.working_days_after(date(2026, 9, 7), 0)

    def test_a_negative_term(self):
        """Does not exist."""
        with pytest.raises(ValueError, match="negative"):
            OFFICE.working_days_after(date(2026, 9, 7), -1)

    def test_over_the_new_year(self):
        """Christmas and New Year are no working days."""
        years = [*(date(2026, *day) for day in ((12, 8), (12, 25))), date(2027, 1, 1), date(2027, 1, 11)]
        calendar = BusinessCalendar.weekdays("x", ("08:00", "17:00"), holidays=years)
        assert date(2027, 1, 4) == calendar.working_days_after(date(2026, 12, 23), 6)

    def test_without_working_days(self):
        """A calendar whose days are all holidays says so."""
        every = [date(2026, 1, 1) + timedelta(days=n) for n in range(4_000)]
        calendar = BusinessCalendar.weekdays("x", ("08:00", "17:00"), holidays=every)
        with pytest.raises(ConfigurationError, match="too few working days"):
            calendar.working_days_after(date(2026, 9, 7), 3)


class TestWhatItIs:
    def test_the_version_follows_windows_zone_and_holidays(self):
        """Any change of what it rests on gives another version, the same gives the same."""
        plain = BusinessCalendar.weekdays("x", ("08:00", "17:00"))
        versions = {
            plain.version,
            BusinessCalendar.weekdays("x", ("08:00", "16:00")).version,
            BusinessCalendar.weekdays("x", ("08:00", "17:00"), zone="America/Lima").version,
            BusinessCalendar.weekdays("x", ("08:00", "17:00"), holidays=[date(2026, 1, 1)]).version,
        }
        assert 4 == len(versions)
        assert plain.version == BusinessCalendar.weekdays("y", ("08:00", "17:00")).version

    def test_the_years_it_knows(self):
        """Holidays that nobody gave are not silently working days."""
        assert (2027,) == OFFICE.unknown_years(bogota("2026-12-01"), bogota("2027-02-01"))
        assert () == BusinessCalendar.weekdays("x", ("08:00", "17:00")).unknown_years(
            bogota("2026-12-01"), bogota("2027-02-01")
        )

    @pytest.mark.parametrize(
        ("windows", "message"),
        [
            ({}, "no window"),
            ({7: [(time(8), time(9))]}, "weekday 7"),
        ],
    )
    def test_what_is_no_calendar(self, windows, message):
        """Is refused with what to do."""
        with pytest.raises(ConfigurationError, match=message) as caught:
            BusinessCalendar("x", windows=windows, zone=BOGOTA)
        assert caught.value.hint

    def test_windows_that_overlap_are_one(self):
        """Time is not counted twice."""
        calendar = BusinessCalendar.weekdays("x", ("08:00", "12:00"), ("10:00", "14:00"))
        assert 6 * HOUR == calendar.between(bogota("2026-09-07"), bogota("2026-09-08"))

    def test_a_time_that_is_none(self):
        """Is said with an example."""
        with pytest.raises(ConfigurationError, match="not written HH:MM"):
            BusinessCalendar.weekdays("x", ("8", "25:00"))


class TestHolidayPackage:
    def test_colombia_with_the_law_of_2026(self):
        """Nineteen days in 2026, the new one in July among them; earlier years are untouched by it."""
        pytest.importorskip("holidays", reason="the extra calendars is not installed")
        from periferia_link.sla import holidays_of

        colombia = holidays_of("co")
        assert [colombia.has(date(2026, 7, 13)), colombia.has(date(2025, 7, 14))] == [True, False]
        days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
        assert [day for day in days if COLOMBIA.has(day)] == [day for day in days if colombia.has(day)]
        assert "CO" in colombia.version

    def test_a_country_that_is_none(self):
        """Is refused with what to do."""
        pytest.importorskip("holidays", reason="the extra calendars is not installed")
        from periferia_link.sla import holidays_of

        for country, region in (("XX", None), ("CO", "ZZ")):
            with pytest.raises(ConfigurationError, match="does not know"):
                holidays_of(country, region=region)

    def test_without_the_package(self, monkeypatch):
        """The sentence that installs it."""
        import sys

        from periferia_link.errors import MissingDependencyError
        from periferia_link.sla import holidays_of

        monkeypatch.setitem(sys.modules, "holidays", None)
        with pytest.raises(MissingDependencyError, match=r"periferia-link\[calendars\]"):
            holidays_of("CO")

    def test_given_dates_know_their_years(self):
        """From the first to the last."""
        given = HolidaySet.of("own", [date(2026, 5, 1), date(2028, 5, 1)])
        assert [False, True, True, True, False] == [given.knows(year) for year in range(2025, 2030)]
        assert "own" in repr(given)
