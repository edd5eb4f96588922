"""SLA clocks: what runs, pauses, breaches and begins again, read from the events."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from periferia_link.domain import Ticket
from periferia_link.errors import ConfigurationError
from periferia_link.sla import Policy, measure
from sla_examples import MONDAY, OFFICE, at, ticket

HOUR = timedelta(hours=1)
CALENDARS = {"office": OFFICE}


def policy(within="8h", metric="resolution", *, target=None, **values):
    """Return a policy with one promise on the office calendar."""
    promise = {"metric": metric, "within": within, **(target or {})}
    return Policy(**({"id": "std", "calendar": "office", "targets": [promise]} | values))


def clock(one, rule, now="+9 08:00", **values):
    """Return the only clock of a ticket."""
    (found,) = measure(one, [rule], now=at(now), calendars=CALENDARS, **values)
    return found


class TestResolution:
    def test_made_in_time(self):
        """Seven hours of eight, on the calendar."""
        found = clock(ticket(("16:00", "resolved")), policy())
        assert ("completed", False) == (found.state, found.breached)
        assert (7 * HOUR, HOUR) == (found.cycles[0].elapsed, found.remaining)

    def test_exactly_the_target_is_in_time(self):
        """The promise is "within"; a minute more is late."""
        assert not clock(ticket(("17:00", "resolved")), policy()).breached
        late = clock(ticket(("+1 08:01", "resolved")), policy())
        assert late.breached
        assert at("17:00") == late.breach_at

    def test_running(self):
        """What is left, and when it is used up if nothing pauses it."""
        found = clock(ticket(("09:00", "open")), policy(), now="11:00")
        assert ("in progress", 5 * HOUR, at("17:00")) == (found.state, found.remaining, found.breach_at)
        assert 0.375 == found.used

    def test_the_night_does_not_count(self):
        """Outside the windows nothing runs, and the clock says that it is so."""
        found = clock(ticket(("09:00", "open")), policy(), now="20:00")
        assert found.outside_calendar
        assert "in progress" == found.state
        assert timedelta(0) == found.remaining
        assert not found.breached

    def test_paused_while_the_client_answers(self):
        """The pause moves the breach; what it was at first is kept."""
        steps = [("10:00", "pending_customer"), ("14:00", "in_progress")]
        found = clock(ticket(*steps), policy(), now="15:00")
        cycle = found.cycles[0]
        assert (3 * HOUR, 3 * HOUR) == (cycle.elapsed, cycle.paused_for)
        assert ((at("10:00"), at("14:00")),) == cycle.paused
        assert (at("+1 11:00"), at("17:00")) == (cycle.breach_at, cycle.original_breach_at)

    def test_paused_now_and_outside_hours_are_told_apart(self):
        """Both flags, and a pause that is still open."""
        found = clock(ticket(("10:00", "pending_customer")), policy(), now="20:00")
        assert ("paused", True) == (found.state, found.outside_calendar)
        assert ((at("10:00"), None),) == found.cycles[0].paused
        assert 2 * HOUR == found.cycles[0].elapsed

    def test_pausing_states_are_those_of_the_promise(self):
        """On hold counts unless the policy says otherwise; round the clock ignores the calendar."""
        one = ticket(("10:00", "on_hold"))
        assert 7 * HOUR == clock(one, policy(), now="16:00").cycles[0].elapsed
        rule = policy(target={"pauses": ["on_hold"]})
        assert 2 * HOUR == clock(one, rule, now="16:00").cycles[0].elapsed
        assert 8 * HOUR == clock(one, policy(target={"calendar": "always"}), now="16:00").cycles[0].elapsed

    def test_cancelled(self):
        """Nobody waits any more; a breach before that stays one."""
        found = clock(ticket(("09:00", "cancelled")), policy())
        assert ("cancelled", False) == (found.state, found.breached)
        assert clock(ticket(("+2 09:00", "cancelled")), policy()).breached

    def test_closed_only(self):
        """A policy may run until the ticket is closed."""
        one = ticket(("09:00", "resolved"), ("+1 09:00", "closed"))
        found = clock(one, policy(resolved_by=["closed", "cancelled"]))
        assert 9 * HOUR == found.cycles[0].elapsed
        assert found.breached


class TestReopening:
    STEPS = (("10:00", "resolved"), ("+1 08:00", "open"), ("+1 16:00", "resolved"), ("+2 09:00", "closed"))

    def test_a_new_cycle(self):
        """Each has its own time, its own target."""
        found = clock(ticket(*self.STEPS), policy("4h"))
        assert [2 * HOUR, 7 * HOUR] == [cycle.elapsed for cycle in found.cycles]
        assert [False, True] == [cycle.breached for cycle in found.cycles]
        assert found.breached

    def test_the_clock_goes_on(self):
        """One cycle; the time in between is a pause."""
        found = clock(ticket(*self.STEPS), policy("8h", reopened="goes on"))
        (cycle,) = found.cycles
        assert (9 * HOUR, True) == (cycle.elapsed, cycle.breached)
        assert ((at("10:00"), at("+1 08:00")),) == cycle.paused

    def test_what_is_not_yet_is_not_known(self):
        """As of an earlier moment, later events do not exist."""
        found = clock(ticket(*self.STEPS), policy("4h"), now="11:00")
        assert 1 == len(found.cycles)
        assert "completed" == found.state
        running = clock(ticket(*self.STEPS), policy("4h"), now="09:00")
        assert "in progress" == running.state


class TestFirstResponse:
    def test_the_first_public_answer(self):
        """A message of the client is none."""
        one = ticket(("09:00", "customer"), ("11:00", "agent"), ("14:00", "agent"))
        found = clock(one, policy("2h", "first_response"))
        assert (3 * HOUR, True) == (found.cycles[0].elapsed, found.breached)
        assert ("e2",) == found.events

    def test_a_ticket_that_an_agent_opened(self):
        """The opening message is the question: the second one counts."""
        one = ticket(("08:00", "agent"), ("10:00", "agent"))
        assert 2 * HOUR == clock(one, policy("4h", "first_response")).cycles[0].elapsed

    def test_waiting_for_the_client_is_no_pause(self):
        """Reply clocks reset, they do not pause."""
        one = ticket(("09:00", "pending_customer"), ("11:00", "agent"))
        assert 3 * HOUR == clock(one, policy("4h", "first_response")).cycles[0].elapsed

    def test_systems_without_messages(self):
        """The first move out of new counts when the policy says so; otherwise the gap is named."""
        assert ("no replies recorded",) == clock(ticket(("10:00", "open")), policy("4h", "first_response")).data_gaps
        found = clock(ticket(("10:00", "open")), policy("4h", "first_response", response="state"))
        assert (2 * HOUR, ()) == (found.cycles[0].elapsed, found.data_gaps)

    def test_only_replies_count(self):
        """A ticket that ends without one is cancelled, not answered."""
        found = clock(ticket(("10:00", "resolved")), policy("4h", "first_response"))
        assert ("cancelled", False) == (found.state, found.breached)
        assert "in progress" == clock(ticket(), policy("4h", "first_response"), now="09:00").state

    def test_whichever_is_first(self):
        """A reply or a move out of new, where the policy takes both."""
        one = ticket(("09:00", "open"), ("11:00", "agent"))
        assert HOUR == clock(one, policy("4h", "first_response", response="reply or state")).cycles[0].elapsed
        assert 3 * HOUR == clock(one, policy("4h", "first_response")).cycles[0].elapsed


class TestNextResponse:
    def test_each_question_has_its_clock(self):
        """From the first unanswered message to the answer; several messages are one question."""
        one = ticket(
            ("09:00", "agent"),
            ("10:00", "customer"),
            ("10:30", "customer"),
            ("11:00", "agent"),
            ("13:00", "customer"),
        )
        found = clock(one, policy("2h", "next_response"), now="16:00")
        assert [HOUR, 3 * HOUR] == [cycle.elapsed for cycle in found.cycles]
        assert ("in progress", True) == (found.state, found.breached)

    def test_before_the_first_answer(self):
        """A message belongs to the first response."""
        found = clock(ticket(("09:00", "customer")), policy("2h", "next_response"))
        assert ("not started", ()) == (found.state, found.cycles)
        assert (None, None, 0.0) == (found.remaining, found.breach_at, found.used)

    def test_an_end_cancels_it(self):
        """A resolved ticket owes no answer."""
        one = ticket(("09:00", "agent"), ("10:00", "customer"), ("10:30", "resolved"))
        assert "cancelled" == clock(one, policy("2h", "next_response")).state


class TestPriorities:
    RULE = Policy(
        id="std",
        calendar="office",
        targets=[
            {"metric": "resolution", "within": "16h"},
            {"metric": "resolution", "within": "4h", "priority": "high"},
            {"metric": "resolution", "within": "2h", "priority": "high", "tier": "gold"},
            {"metric": "resolution", "within": "12h", "tier": "gold"},
        ],
    )

    @pytest.mark.parametrize(
        ("priority", "tier", "hours"),
        [("high", "gold", 2), ("high", "silver", 4), ("low", "gold", 12), ("low", None, 16)],
    )
    def test_the_most_exact_promise(self, priority, tier, hours):
        """Priority and tier, priority, tier, neither: in this order."""
        found = clock(ticket(priority=priority), self.RULE, tier=tier)
        assert hours * HOUR == found.cycles[0].target

    def test_raised_on_the_way(self):
        """The time that ran counts, and what had run already is a breach at that moment."""
        found = clock(ticket(("13:00", "!high")), self.RULE, now="14:00")
        assert ("high", 4 * HOUR) == (found.priority, found.cycles[0].target)
        assert (True, at("13:00")) == (found.breached, found.breach_at)

    def test_lowering_does_not_hide_a_breach(self):
        """It happened under the promise of then; a policy may judge anew."""
        one = ticket(("14:00", "!low"), priority="high")
        assert at("12:00") == clock(one, self.RULE, now="15:00").breach_at
        assert not clock(one, self.RULE.model_copy(update={"lowered": "judged anew"}), now="15:00").breached

    def test_no_promise_for_it(self):
        """A priority without a target has no clock."""
        rule = policy(target={"priority": "high"})
        assert () == measure(ticket(priority="low"), [rule], now=at("10:00"), calendars=CALENDARS)


class TestWhichPolicy:
    def test_the_first_by_position(self):
        """As lists of rules are read."""
        rules = [policy(id="second", position=20), policy(id="first", position=10)]
        (found,) = measure(ticket(), rules, now=at("10:00"), calendars=CALENDARS)
        assert "first" == found.policy

    @pytest.mark.parametrize(
        "applies",
        [
            {"types": ["claim"]},
            {"priorities": ["high"]},
            {"categories": ["x"]},
            {"groups": ["x"]},
            {"projects": ["x"]},
            {"tiers": ["x"]},
        ],
    )
    def test_what_does_not_apply(self, applies):
        """Every list that is given must hold the value of the ticket."""
        assert () == measure(ticket(type="incident"), [policy(applies=applies)], now=at("10:00"), calendars=CALENDARS)

    def test_enforced_from_a_day(self):
        """Tickets opened before have the next policy."""
        rules = [policy(id="new", position=1, enforce_from=date(2026, 9, 8)), policy(id="old", position=2)]
        (found,) = measure(ticket(), rules, now=at("10:00"), calendars=CALENDARS)
        assert "old" == found.policy
        assert "new" == clock(ticket(opened="+1 08:00"), rules[0]).policy

    def test_a_calendar_that_is_not_there(self):
        """Is said with those that are."""
        with pytest.raises(ConfigurationError, match="calendar moon"):
            measure(ticket(), [policy(calendar="moon")], now=at("10:00"), calendars=CALENDARS)


class TestWorkingDays:
    def test_a_term(self):
        """The answer is in time until the last day is over, also late in the evening."""
        rule = policy("2 working days")
        due = OFFICE.end_of(date(2026, 9, 9))
        found = clock(ticket(("10:00", "pending_customer")), rule, now="14:00")
        assert (due, due, "in progress") == (found.breach_at, found.cycles[0].original_breach_at, found.state)
        assert not clock(ticket(("+2 23:30", "resolved")), rule).breached
        assert clock(ticket(("+3 00:30", "resolved")), rule).breached

    def test_a_term_never_pauses(self):
        """So a policy that says it does is refused."""
        with pytest.raises(ValueError, match="never pauses"):
            policy("2 working days", target={"pauses": ["on_hold"]})


class TestEscalations:
    RULE = policy(
        escalations=[
            {"at": 1, "name": "breach", "notify": ["director"]},
            {"at": 0.5, "name": "half", "notify": ["lead"]},
        ]
    )

    def test_steps_in_order(self):
        """Each says when it is or was reached, on the calendar."""
        found = clock(ticket(), self.RULE, now="13:30")
        assert [("half", at("12:00"), True), ("breach", at("17:00"), False)] == [
            (step.name, step.at, step.is_reached) for step in found.steps
        ]
        assert ("half", ("lead",)) == (found.level, found.steps[0].notify)

    def test_none_reached(self):
        """No level yet."""
        found = clock(ticket(), self.RULE, now="09:00")
        assert (None, at("12:00")) == (found.level, found.steps[0].at)


class TestWhatItRestsOn:
    def test_ids_and_versions(self):
        """Policy, calendar and events stand in the result; a version of one's own goes before the digest."""
        found = clock(ticket(("09:00", "resolved")), policy(version="2026-11"))
        assert ("std", "2026-11", "office", OFFICE.version) == (
            found.policy,
            found.policy_version,
            found.calendar,
            found.calendar_version,
        )
        assert ("e1",) == found.events
        assert policy().mark != policy("9h").mark
        assert policy().mark == policy().mark

    def test_nothing_is_stored(self):
        """The same events give the same clock, at any time, and json holds all of it."""
        one = ticket(("09:00", "open"))
        assert clock(one, policy()) == clock(one, policy())
        told = json.loads(json.dumps(clock(one, policy()).to_dict()))
        assert {"metric", "policy_version", "calendar_version", "cycles", "data_gaps", "remaining"} <= told.keys()
        assert "breached" in str(clock(one, policy()))

    def test_a_system_without_history(self):
        """The dates of the ticket stand in, and the gap is named."""
        one = ticket()
        bare = Ticket(
            title="x",
            priority="normal",
            status="closed",
            opened_at=one.opened_at,
            resolved_at=at("12:00"),
            closed_at=at("16:00"),
        )
        found = clock(bare, policy())
        assert (4 * HOUR, "completed") == (found.cycles[0].elapsed, found.state)
        assert "no status history" in found.data_gaps

    def test_a_ticket_without_any_date(self):
        """Has no clock that could run, and says why."""
        found = clock(Ticket(title="x", priority="normal"), policy())
        assert ("not started", True) == (found.state, "no status history" in found.data_gaps)

    def test_years_whose_holidays_nobody_gave(self):
        """A clock that runs into them says so."""
        found = clock(ticket(), policy("2000h"))
        assert "holidays of 2027 unknown" in found.data_gaps

    def test_events_out_of_order(self):
        """Are sorted, and named."""
        one = ticket(("12:00", "resolved"), ("09:00", "open"))
        found = clock(one.model_copy(update={"status": "resolved"}), policy())
        assert 4 * HOUR == found.cycles[0].elapsed
        assert "events out of order" in found.data_gaps

    def test_time_beyond_the_windows(self):
        """Real time is business time and time outside."""
        cycle = clock(ticket(("+1 08:00", "resolved")), policy()).cycles[0]
        assert timedelta(hours=24) == cycle.elapsed + cycle.outside + cycle.paused_for
        assert MONDAY == OFFICE.day_of(cycle.begin)
