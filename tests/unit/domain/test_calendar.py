"""Instants, accounting dates and periods."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from periferia_link.domain import Instant, Period, TimeEntry, accounting_date

BOGOTA = ZoneInfo("America/Bogota")
INSTANT = TypeAdapter(Instant)


class TestAccountingDate:
    def test_half_past_eleven_in_bogota_is_today(self):
        """23:30 in Bogotá is tomorrow in UTC; the books keep the company's day."""
        moment = datetime(2026, 11, 30, 23, 30, tzinfo=BOGOTA)
        assert date(2026, 12, 1) == moment.astimezone(timezone.utc).date()
        assert date(2026, 11, 30) == accounting_date(moment.astimezone(timezone.utc), BOGOTA)

    def test_the_other_side_of_midnight(self):
        """00:30 in Bogotá is the new day."""
        assert date(2026, 12, 1) == accounting_date(datetime(2026, 12, 1, 5, 30, tzinfo=timezone.utc), BOGOTA)

    def test_a_naive_time_has_none(self):
        """The zone of a naive time would be a guess."""
        with pytest.raises(ValueError, match="naive"):
            accounting_date(datetime(2026, 11, 30, 23, 30), BOGOTA)


class TestInstant:
    def test_kept_in_utc(self):
        """Another zone is the same moment."""
        read = INSTANT.validate_python("2026-11-30T23:30:00-05:00")
        assert datetime(2026, 12, 1, 4, 30, tzinfo=timezone.utc) == read
        assert timedelta(0) == read.utcoffset()

    def test_equal_moments_have_equal_json(self):
        """Two spellings of one moment are stored alike."""
        spellings = ["2026-12-01T04:30:00Z", "2026-11-30T23:30:00.000-05:00", "2026-12-01T04:30:00+00:00"]
        assert 1 == len({INSTANT.dump_json(INSTANT.validate_python(text)) for text in spellings})

    @pytest.mark.parametrize("value", ["2026-11-30T23:30:00", datetime(2026, 11, 30), "yesterday", ""])
    def test_naive_times_are_refused(self, value):
        """No zone, no instant."""
        with pytest.raises(ValidationError):
            INSTANT.validate_python(value)

    @pytest.mark.parametrize("value", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
    def test_the_no_date_of_dotnet_is_refused_as_a_value(self, value):
        """A moment that UTC cannot hold is a wrong value of one record, not a crash."""
        with pytest.raises(ValidationError, match="years 1 to 9999"):
            INSTANT.validate_python(value)

    def test_kinds_refuse_them_too(self):
        """A naive approval is refused wherever it comes from."""
        with pytest.raises(ValidationError):
            TimeEntry(person="P1", worked_on=date(2026, 11, 30), hours=1, approved_at=datetime(2026, 11, 30))


class TestPeriod:
    def test_a_month_of_the_books(self):
        """A period knows its days."""
        period = Period.of(date(2028, 2, 10))
        assert (date(2028, 2, 1), date(2028, 2, 29)) == (period.first, period.last)
        assert date(2028, 2, 29) in period
        assert date(2028, 3, 1) not in period
        assert "2028-02" == str(period)

    @pytest.mark.parametrize(("year", "month"), [(2026, 0), (2026, 13), (1899, 1), (10000, 1)])
    def test_other_months_do_not_exist(self, year, month):
        """Thirteen months a year are refused."""
        with pytest.raises(ValidationError):
            Period(year=year, month=month)

    def test_periods_are_keys(self):
        """Equal months are one key."""
        assert 1 == len({Period.of(date(2026, 1, 1)), Period(year=2026, month=1)})
