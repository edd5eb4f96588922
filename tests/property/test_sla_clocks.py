"""Laws of SLA clocks, for any history."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.domain import Ticket, TicketEvent
from periferia_link.sla import Policy, measure
from sla_examples import OFFICE, at

START = at("08:00")
STATES = ("new", "open", "in_progress", "pending_customer", "on_hold", "resolved", "closed", "cancelled")
CALENDARS = {"office": OFFICE}

steps = st.tuples(
    st.integers(0, 14 * 24 * 60),
    st.one_of(
        st.sampled_from(STATES).map(lambda state: {"status": state}),
        st.sampled_from(("agent", "customer")).map(lambda who: {"reply": who}),
        st.sampled_from(("critical", "high", "normal", "low")).map(lambda priority: {"priority": priority}),
    ),
)
policies = st.builds(
    lambda calendar, hours, fast, reopened, lowered: Policy(
        id="p",
        calendar=calendar,
        reopened=reopened,
        lowered=lowered,
        targets=[
            *(
                {"metric": metric, "within": f"{hours}h"}
                for metric in ("first_response", "next_response", "resolution")
            ),
            {"metric": "resolution", "within": f"{fast}h", "priority": "critical", "calendar": "always"},
        ],
        escalations=[{"at": 0.5, "name": "half"}, {"at": 1, "name": "breach"}],
    ),
    st.sampled_from(("office", "always")),
    st.integers(1, 60),
    st.integers(1, 24),
    st.sampled_from(("new cycle", "goes on")),
    st.sampled_from(("breach stays", "judged anew")),
)
minutes = st.integers(0, 15 * 24 * 60).map(lambda number: START + timedelta(minutes=number))


@st.composite
def tickets(draw):
    """Draw a ticket with a history in order of time."""
    drawn = sorted(draw(st.lists(steps, max_size=12)), key=lambda step: step[0])
    events = [
        TicketEvent(at=START + timedelta(minutes=minute), id=f"e{number}", **fields)
        for number, (minute, fields) in enumerate(drawn)
    ]
    return Ticket(title="x", priority="normal", opened_at=START, events=(TicketEvent(at=START, status="new"), *events))


def clocks(ticket, policy, now):
    """Return the clocks by metric."""
    return {clock.metric: clock for clock in measure(ticket, [policy], now=now, calendars=CALENDARS)}


class TestLaws:
    @settings(max_examples=50, deadline=None)
    @given(tickets(), policies, minutes, minutes)
    def test_time_does_not_run_back(self, ticket, policy, one, other):
        """Later there are as many cycles or more, each ran as long or longer, and what ended stays ended."""
        earlier, later = (clocks(ticket, policy, now) for now in sorted((one, other)))
        for metric in earlier.keys() & later.keys():
            before, after = earlier[metric], later[metric]
            if policy.reopened == "goes on" or before.priority != after.priority:
                continue
            assert len(before.cycles) <= len(after.cycles)
            for first, second in zip(before.cycles, after.cycles, strict=False):
                assert first.elapsed <= second.elapsed
                assert first.end is None or first.end == second.end

    @settings(max_examples=50, deadline=None)
    @given(tickets(), policies, minutes)
    def test_time_is_all_there(self, ticket, policy, now):
        """Real time is what ran, what paused and what lay outside the hours; a cycle never begins after its end."""
        for clock in clocks(ticket, policy, now).values():
            for cycle in clock.cycles:
                end = cycle.end or now
                assert cycle.begin <= end <= max(now, cycle.begin)
                assert end - cycle.begin == cycle.elapsed + cycle.paused_for + cycle.outside
                assert min(cycle.elapsed, cycle.paused_for, cycle.outside) >= timedelta(0)

    @settings(max_examples=50, deadline=None)
    @given(tickets(), policies, minutes)
    def test_a_breach_has_a_moment(self, ticket, policy, now):
        """It lies within the cycle; without one the moment is still to come, or would have been after the end."""
        for clock in clocks(ticket, policy, now).values():
            assert clock.breached == any(cycle.breached for cycle in clock.cycles)
            for cycle in clock.cycles:
                end = cycle.end or now
                assert cycle.breach_at < end if cycle.breached else cycle.breach_at >= end
                if policy.lowered == "judged anew":
                    assert cycle.breached == (cycle.elapsed > cycle.target)

    @settings(max_examples=50, deadline=None)
    @given(tickets(), policies, minutes)
    def test_the_future_is_not_known(self, ticket, policy, now):
        """A clock as of then says what it would have said then, with the events that there were."""
        known = tuple(event for event in ticket.events if event.at <= now)
        # the ticket that was read then had the priority of then
        changes = [event.priority for event in known if event.priority]
        if not changes and any(event.priority for event in ticket.events):
            return
        then = ticket.model_copy(update={"events": known, "priority": changes[-1] if changes else ticket.priority})
        for metric, clock in clocks(then, policy, now).items():
            hindsight = clocks(ticket, policy, now)[metric]
            if hindsight.priority == clock.priority:
                assert clock.cycles == hindsight.cycles
                assert clock.state == hindsight.state
