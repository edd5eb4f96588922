"""Suggested assignment against first come, first served, on the real incidents."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from periferia_link.assignment import Arrival, Effort, Open, as_suggested, first_come, people_from, replay
from periferia_link.sla import BusinessCalendar, Policy, measure, time_in_state
from periferia_link.sla.fit import Sample, halves
from periferia_link.sla.incident_log import incidents_of

FILE = Path(__file__).parents[3] / "shared" / "data" / "incident_events.csv"
NOW = datetime(2018, 1, 1, tzinfo=timezone.utc)
OFFICE = BusinessCalendar.weekdays("office", ("08:00", "18:00"))
# half of the incidents are played: everybody has half a day for them
HALF_DAY = BusinessCalendar.weekdays("half-day", ("08:00", "13:00"))
POLICY = Policy(
    id="desk",
    calendar="office",
    targets=[
        {"metric": "resolution", "within": within, "priority": priority}
        for priority, within in (("critical", "4h"), ("high", "12h"), ("normal", "24h"), ("low", "72h"))
    ],
)

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the real data (../shared/data) is not part of a clone")


def spent(ticket):
    """Return the work in a ticket: business time in new and in progress, a quarter of an hour to eight hours."""
    states = time_in_state(ticket, now=NOW, calendar=OFFICE)
    work = states.get("new", timedelta(0)) + states.get("in_progress", timedelta(0))
    return min(max(work, timedelta(minutes=15)), timedelta(hours=8))


def arrival(ticket):
    """Return a ticket as it came in: with its promise, without what happened later."""
    fresh = ticket.model_copy(update={"events": ()})
    (clock,) = measure(fresh, [POLICY], now=ticket.opened_at, calendars={"office": OFFICE}, metrics=("resolution",))
    return Arrival(Open(ticket, clock.breach_at), ticket.opened_at, spent(ticket))


@pytest.fixture(scope="module")
def tickets():
    """Read the log once, in two halves."""
    with FILE.open(encoding="utf-8-sig", newline="") as file:
        samples = [Sample(one.ticket, one.made_sla) for one in incidents_of(csv.DictReader(file))]
    return [[sample.ticket for sample in half] for half in halves(samples)]


class TestAgainstFirstCome:
    def test_breaches_avoided(self, tickets, capsys):
        """Skills and efforts are learned on one half, the other one is played, and the other way round."""
        plain_late = suggested_late = 0
        plain_spent = suggested_spent = timedelta(0)
        for learned, played in (tickets, tickets[::-1]):
            effort, people = Effort(learned, spent), people_from(learned, calendar=HALF_DAY)
            arrivals = [arrival(one) for one in played]
            plain = replay(arrivals, people, first_come, effort=effort)
            better = replay(arrivals, people, as_suggested, effort=effort)
            with capsys.disabled():
                print(
                    f"\n{len(arrivals)} incidents, {len(people)} people: first come {plain.breaches} breaches", end=""
                )
                print(f" ({plain.mean}), as suggested {better.breaches} ({better.mean})")
            assert plain.tickets == better.tickets == len(played)
            assert better.breaches <= plain.breaches
            plain_late, suggested_late = plain_late + plain.breaches, suggested_late + better.breaches
            plain_spent, suggested_spent = (
                plain_spent + plain.mean * len(played),
                suggested_spent + better.mean * len(played),
            )
        assert suggested_late <= 0.9 * plain_late
        assert suggested_spent <= 1.01 * plain_spent

    def test_a_desk_with_time(self, tickets, capsys):
        """Where somebody is always free there is little to choose: both keep nearly every promise."""
        late = [0, 0]
        for learned, played in (tickets, tickets[::-1]):
            effort, people = Effort(learned, spent), people_from(learned, calendar=OFFICE)
            arrivals = [arrival(one) for one in played]
            for place, strategy in enumerate((first_come, as_suggested)):
                late[place] += replay(arrivals, people, strategy, effort=effort).breaches
        with capsys.disabled():
            print(f"\nwhole days: first come {late[0]} breaches of {sum(map(len, tickets))}, as suggested {late[1]}")
        assert max(late) <= 0.02 * sum(map(len, tickets))
