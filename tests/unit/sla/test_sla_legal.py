"""Legal terms: counted from the next working day, named, dated, off unless somebody asks for them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.sla import LEGAL_TERMS, legal_deadline, measure, read_sla
from periferia_link.sla.legal import NOTICE, legal_policy, legal_term
from sla_examples import COLOMBIA, OFFICE, at, ticket

RECEIVED = date(2026, 6, 10)


class TestTerms:
    @pytest.mark.parametrize(
        ("term", "due"),
        [
            ("co.ley1755.peticion", date(2026, 7, 3)),
            ("co.ley1755.informacion", date(2026, 6, 25)),
            ("co.ley1755.consulta", date(2026, 7, 28)),
            ("co.ley1755.traslado", date(2026, 6, 18)),
        ],
    )
    def test_the_last_day(self, term, due):
        """Fifteen, ten, thirty and five working days, over the holidays of June and July 2026."""
        found = legal_deadline(term, RECEIVED, calendar=OFFICE)
        assert due == found.due_on
        assert date(2026, 7, 3) != due or found.due_at == OFFICE.end_of(due)

    def test_each_has_a_source_and_a_day(self):
        """And says that it is no legal advice."""
        assert all(term.source and term.as_of.year >= 2026 and term.working_days > 0 for term in LEGAL_TERMS.values())
        assert all(name == term.id and name.startswith("co.") for name, term in LEGAL_TERMS.items())
        assert NOTICE == legal_deadline("co.ley1755.peticion", RECEIVED, calendar=OFFICE).notice

    def test_what_was_not_verified_says_so(self):
        """A term from memory carries it in every deadline."""
        assert any("memory" in gap for gap in legal_deadline("co.ley1480.reclamo", RECEIVED, calendar=OFFICE).gaps)
        assert () == legal_deadline("co.ley1755.peticion", RECEIVED, calendar=OFFICE).gaps

    def test_holidays_that_nobody_knows(self):
        """A term over the new year names the year whose holidays are missing."""
        found = legal_deadline("co.ley1755.peticion", date(2026, 12, 20), calendar=OFFICE)
        assert ("holidays of 2027 unknown",) == found.gaps

    def test_a_new_law_moves_the_deadline(self):
        """The deadline names the holidays that it rests on."""
        from periferia_link.sla import BusinessCalendar, HolidaySet

        before = HolidaySet.of("CO", [d for d in _days(2026) if COLOMBIA.has(d) and d != date(2026, 7, 13)])
        old = BusinessCalendar.weekdays("office", ("08:00", "12:00"), ("13:00", "17:00"), holidays=before)
        one, other = (legal_deadline("co.ley1755.consulta", RECEIVED, calendar=each) for each in (old, OFFICE))
        assert timedelta(days=1) == other.due_on - one.due_on
        assert one.calendar_version != other.calendar_version

    def test_an_unknown_term(self):
        """Is refused with those that are known."""
        with pytest.raises(ConfigurationError, match="no legal term") as caught:
            legal_term("co.ley1")
        assert "co.ley1755.peticion" in caught.value.hint


def _days(year):
    return [date(year, 1, 1) + timedelta(days=n) for n in range(365)]


class TestExtensions:
    DEADLINE = legal_deadline("co.ley1755.peticion", RECEIVED, calendar=OFFICE)

    def test_told_in_time(self):
        """The longer term counts from receipt; when and why is kept."""
        found = self.DEADLINE.extended(30, told_on=date(2026, 7, 1), reason="a report is missing", calendar=OFFICE)
        assert (date(2026, 7, 28), date(2026, 7, 1), "a report is missing") == (
            found.due_on,
            found.told_on,
            found.reason,
        )
        assert 15 == found.term.working_days

    @pytest.mark.parametrize(
        ("days", "told", "reason"),
        [
            (31, date(2026, 7, 1), "x"),
            (10, date(2026, 7, 1), "x"),
            (30, date(2026, 7, 6), "x"),
            (30, date(2026, 7, 1), " "),
        ],
    )
    def test_what_the_law_does_not_know(self, days, told, reason):
        """More than double, less than before, told too late, without reasons."""
        with pytest.raises(ConfigurationError):
            self.DEADLINE.extended(days, told_on=told, reason=reason, calendar=OFFICE)

    def test_a_term_that_cannot_be_extended(self):
        """Transfer to the competent authority has no longer term."""
        with pytest.raises(ConfigurationError, match="not at all"):
            legal_deadline("co.ley1755.traslado", RECEIVED, calendar=OFFICE).extended(
                6, told_on=RECEIVED, reason="x", calendar=OFFICE
            )


class TestAsPolicy:
    def test_off_by_default(self):
        """Without [sla.legal] no policy is made of them."""
        assert () == read_sla({}).policies

    def test_a_clock_beside_the_others(self):
        """For the types that were named; the version is the day of the source."""
        rule = legal_policy("co.ley1755.peticion", types=frozenset({"petition"}), calendar="office")
        (found,) = measure(ticket(type="petition"), [rule], now=at("10:00"), calendars={"office": OFFICE})
        assert OFFICE.end_of(date(2026, 9, 28)) == found.breach_at
        assert ("co.ley1755.peticion", "2026-11-01") == (found.policy, found.policy_version)
        assert () == measure(ticket(type="incident"), [rule], now=at("10:00"), calendars={"office": OFFICE})
