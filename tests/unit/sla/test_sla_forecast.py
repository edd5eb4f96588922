"""Forecasts: when, how likely, and on what it rests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from periferia_link.sla import Experience, Policy, forecast, measure
from sla_examples import OFFICE, at, ticket

RULE = Policy(id="std", calendar="office", targets=[{"metric": "resolution", "within": "8h"}])


def clock(*steps, now="+9 08:00", **values):
    """Return the clock of a ticket."""
    return measure(ticket(*steps, **values), [RULE], now=at(now), calendars={"office": OFFICE})[0]


def past(quick=10, slow=30):
    """Return clocks of tickets that took four hours, and of some that took twelve."""
    return [clock(("12:00", "resolved"))] * quick + [clock(("+1 12:00", "resolved"))] * slow


class TestForecast:
    def test_on_the_calendar(self):
        """When nothing pauses it; without experience it is about the present pace only."""
        found = forecast(clock(now="11:00"))
        assert (at("17:00"), None, 0) == (found.breach_at, found.probability, found.basis)
        assert "5h00m are left" in found.words()
        assert "too few" in found.words()

    def test_by_what_came_before(self):
        """Of those that ran as long as this one, the share that took longer than the target."""
        found = forecast(clock(now="11:00"), Experience(past()))
        assert (40, pytest.approx(0.75)) == (found.basis, found.probability)
        assert "Of 40 tickets of this priority that had run 3h00m, about 30 took longer than 8h00m" in found.words()

    def test_what_is_over_counts_no_more(self):
        """After five hours only the slow ones are comparable."""
        found = forecast(clock(now="14:00"), Experience(past()))
        assert (30, 1.0) == (found.basis, found.probability)

    def test_open_tickets_are_not_quick_ones(self):
        """One that has run for six hours says that it took more than six, not that it ended."""
        running = [clock(now="15:00")] * 10
        found = forecast(clock(now="09:00"), Experience(past(quick=10, slow=10) + running))
        assert found.probability == pytest.approx(2 / 3)

    def test_other_priorities_say_nothing(self):
        """Too few comparable ones: no probability."""
        found = forecast(clock(now="11:00", priority="low"), Experience(past()))
        assert (None, 0) == (found.probability, found.basis)

    def test_breached(self):
        """It is certain, and since when."""
        found = forecast(clock(now="+1 09:00"))
        assert (1.0, at("17:00")) == (found.probability, found.breach_at)
        assert "Breached at 2026-09-07 22:00 UTC." == found.words()
        assert found.words("es").startswith("Incumplido desde")

    def test_over(self):
        """Nothing is to be feared any more."""
        found = forecast(clock(("09:00", "resolved")))
        assert (None, 0.0) == (found.breach_at, found.probability)
        assert "stopped in time" in found.words()

    def test_paused(self):
        """The moment holds if it went on now, and the sentence says so."""
        found = forecast(clock(("10:00", "pending_customer"), now="12:00"))
        assert "Paused with 6h00m left" in found.words()
        assert "En pausa con 6h00m" in found.words("es")

    def test_nothing_to_forecast(self):
        """A clock that never began."""
        rule = Policy(id="x", targets=[{"metric": "next_response", "within": "1h"}])
        found = forecast(measure(ticket(), [rule], now=at("09:00"))[0])
        assert (None, None) == (found.breach_at, found.probability)
        assert timedelta(0) == timedelta(seconds=found.basis)
