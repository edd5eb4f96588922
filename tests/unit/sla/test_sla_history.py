"""Measures of the history that need no policy."""

from __future__ import annotations

from datetime import timedelta

from periferia_link.sla import history_of, reassignments, reopenings, time_in_state
from sla_examples import OFFICE, at, ticket

HOUR = timedelta(hours=1)


class TestTimeInState:
    def test_real_time(self):
        """Until the ticket is over."""
        one = ticket(("09:00", "open"), ("11:00", "pending_customer"), ("12:00", "open"), ("14:00", "closed"))
        assert {"new": HOUR, "open": 4 * HOUR, "pending_customer": HOUR} == time_in_state(one, now=at("+5 08:00"))

    def test_business_time_until_now(self):
        """An open ticket is measured until now."""
        found = time_in_state(ticket(("11:00", "open")), now=at("+1 09:00"), calendar=OFFICE)
        assert {"new": 3 * HOUR, "open": 6 * HOUR} == found


class TestCounts:
    def test_groups(self):
        """The first group is no reassignment, nor is the same one again."""
        one = ticket(("09:00", "@a"), ("10:00", "@a"), ("11:00", "@b"), ("12:00", "@a"))
        assert 2 == reassignments(one)

    def test_comings_back(self):
        """From resolved to closed is none."""
        one = ticket(("09:00", "resolved"), ("10:00", "open"), ("11:00", "resolved"), ("12:00", "closed"))
        assert 1 == reopenings(one) == one.reopenings


class TestSpells:
    def test_state_and_priority(self):
        """A change of either begins a new one."""
        spells = history_of(ticket(("09:00", "open"), ("10:00", "!high"))).spells
        assert [("new", "normal"), ("open", "normal"), ("open", "high")] == [(s.status, s.priority) for s in spells]
        assert [None, "e1", "e2"] == [spell.event for spell in spells]

    def test_events_before_the_opening(self):
        """Count from the opening on, and are named."""
        found = history_of(ticket(("07:00", "open")))
        assert ("events out of order", "events before the opening", "no replies recorded") == found.gaps
        assert at("08:00") == found.spells[0].begin
