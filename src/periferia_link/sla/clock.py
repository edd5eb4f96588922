"""SLA clocks: worked out from the history, a policy and a calendar each time somebody asks; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeAlias

from periferia_link.domain import Ref, Ticket
from periferia_link.domain.ticket import TicketPriority
from periferia_link.errors import ConfigurationError
from periferia_link.sla._cycles import turns_of
from periferia_link.sla._elapsed import Course, Track
from periferia_link.sla.calendar import BusinessCalendar
from periferia_link.sla.duration import spoken
from periferia_link.sla.history import History, history_of
from periferia_link.sla.policy import METRICS, Metric, Policy, policy_for

__all__ = ["ClockState", "Cycle", "SlaClock", "Step", "measure"]

ClockState: TypeAlias = Literal["not started", "in progress", "paused", "completed", "cancelled"]

_ALWAYS = BusinessCalendar.always()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """
    One run of a clock, from a question to its answer.

    ``elapsed`` and ``target`` are business time; ``paused`` are the spells in which the clock stood still, and
    ``paused_for`` the business time in them. ``outside`` is real time beyond the windows of the calendar.
    ``breach_at`` is when the target was used up, or will be if nothing pauses from now on; ``original_breach_at`` is
    what it was when the cycle began, before pauses and changes of priority moved it.
    """

    begin: datetime
    end: datetime | None
    elapsed: timedelta
    target: timedelta
    paused: tuple[tuple[datetime, datetime | None], ...]
    paused_for: timedelta
    outside: timedelta
    breach_at: datetime
    original_breach_at: datetime
    breached: bool

    @property
    def remaining(self) -> timedelta:
        """Business time that is left; negative when it was not enough."""
        return self.target - self.elapsed


@dataclass(frozen=True, slots=True)
class Step:
    """An escalation threshold: when it was or will be reached, and who is told."""

    name: str
    share: float
    at: datetime
    is_reached: bool
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaClock:
    """
    What a policy says about one metric of one ticket, as of one moment.

    ``state`` says whether the clock runs; ``breached`` and ``outside_calendar`` (nobody works now) are flags beside
    it, so that a clock can be paused, breached and outside its hours at once. ``data_gaps`` name what the history did
    not hold. ``remaining`` and ``breach_at`` are those of the last cycle. Everything that the result rests on is in
    it: ids and versions of policy and calendar, and the events.
    """

    ticket: Ref | None
    metric: Metric
    policy: str
    policy_version: str
    calendar: str
    calendar_version: str
    priority: TicketPriority | None
    tier: str | None
    within: str
    state: ClockState
    breached: bool
    outside_calendar: bool
    cycles: tuple[Cycle, ...]
    steps: tuple[Step, ...]
    events: tuple[str, ...]
    data_gaps: tuple[str, ...]
    as_of: datetime

    @property
    def is_running(self) -> bool:
        """Whether somebody still owes something; a paused clock is running in this sense."""
        return self.state in ("in progress", "paused")

    @property
    def remaining(self) -> timedelta | None:
        """Business time that the last cycle has left."""
        return self.cycles[-1].remaining if self.cycles else None

    @property
    def breach_at(self) -> datetime | None:
        """When the last cycle uses up its target, or did."""
        return self.cycles[-1].breach_at if self.cycles else None

    @property
    def used(self) -> float:
        """Share of the target that the last cycle used: 1 is all of it."""
        return self.cycles[-1].elapsed / self.cycles[-1].target if self.cycles else 0.0

    @property
    def level(self) -> str | None:
        """Name of the highest escalation step that is reached."""
        return next((step.name for step in reversed(self.steps) if step.is_reached), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the clock as JSON-ready fields: ISO times in UTC, durations in seconds."""
        fields = {name: _json(getattr(self, name)) for name in self.__slots__}
        more = {name: _json(getattr(self, name)) for name in ("remaining", "breach_at", "used", "level")}
        return fields | more

    def __str__(self) -> str:
        left = f", {spoken(self.remaining)} left" if self.remaining is not None and self.is_running else ""
        flags = [
            flag for flag, is_on in (("breached", self.breached), ("outside hours", self.outside_calendar)) if is_on
        ]
        return f"{self.metric} {self.within}: {', '.join([self.state, *flags])}{left}"


def measure(
    ticket: Ticket,
    policies: Iterable[Policy],
    *,
    now: datetime,
    calendars: Mapping[str, BusinessCalendar] | None = None,
    tier: str | None = None,
    metrics: Sequence[Metric] = METRICS,
) -> tuple[SlaClock, ...]:
    """
    Work out the clocks of a ticket: one for each metric that its policy promises something for.

    Args:
        ticket: With its events.

        policies: All of them; the first by position that applies counts.

        now: As of when; a clock that runs has run until then.

        calendars: By name; ``always`` is there without being named.

        tier: Tier of the client.

        metrics: Which ones to work out.

    Raises:
        ConfigurationError: A policy names a calendar that is not given.
    """
    known = {"always": _ALWAYS, **(calendars or {})}
    history = history_of(ticket, until=now)

    def opened_on(policy: Policy) -> date | None:
        return history.opened_at and _calendar(policy, policy.calendar, known).day_of(history.opened_at)

    policy = policy_for(ticket, policies, opened_on=opened_on, tier=tier)
    if policy is None:
        return ()
    clocks = (_clock(ticket, metric, policy, history, known=known, now=now, tier=tier) for metric in metrics)
    return tuple(clock for clock in clocks if clock is not None)


def _calendar(policy: Policy, name: str, known: Mapping[str, BusinessCalendar]) -> BusinessCalendar:
    try:
        return known[name]
    except KeyError:
        msg = f"policy {policy.id} names the calendar {name}, which is not there"
        raise ConfigurationError(msg, hint=f"add [sla.calendars.{name}], or name one of {sorted(known)}") from None


def _clock(
    ticket: Ticket,
    metric: Metric,
    policy: Policy,
    history: History,
    *,
    known: Mapping[str, BusinessCalendar],
    now: datetime,
    tier: str | None,
) -> SlaClock | None:
    priority = history.spells[-1].priority if history.spells else ticket.priority
    target = policy.target(metric, priority, tier)
    if target is None:
        return None

    def track(of: TicketPriority | None) -> Track | None:
        found = policy.target(metric, of, tier)
        name = found and (found.calendar or policy.calendar)
        return Track(found, _calendar(policy, name, known)) if found and name else None

    calendar = _calendar(policy, target.calendar or policy.calendar, known)
    turns = [turn for turn in turns_of(metric, history, policy) if turn.begin <= now]
    courses = [Course(turn, history.spells, policy, track, now) for turn in turns]
    cycles = tuple(_cycle(course) for course in courses)
    last = courses[-1] if courses else None
    state = _state(last)
    return SlaClock(
        ticket=ticket.ref,
        metric=metric,
        policy=policy.id,
        policy_version=policy.mark,
        calendar=calendar.name,
        calendar_version=calendar.version,
        priority=priority,
        tier=tier,
        within=str(target.within),
        state=state,
        breached=any(cycle.breached for cycle in cycles),
        outside_calendar=state in ("in progress", "paused") and not calendar.is_open(now),
        cycles=cycles,
        steps=_steps(last, policy) if last else (),
        events=tuple(dict.fromkeys(name for turn in turns for name in turn.events if name)),
        data_gaps=_gaps(metric, policy, history, calendar=calendar, cycles=cycles, now=now),
        as_of=now,
    )


def _cycle(course: Course) -> Cycle:
    return Cycle(
        begin=course.begin,
        end=course.ended_at,
        elapsed=course.elapsed,
        target=course.allowed,
        paused=course.paused,
        paused_for=course.paused_for,
        outside=course.outside,
        breach_at=course.breach_at,
        original_breach_at=course.original_breach_at,
        breached=course.is_breached,
    )


def _state(last: Course | None) -> ClockState:
    if last is None:
        return "not started"
    if last.how is not None:
        return last.how
    return "paused" if last.is_paused else "in progress"


def _steps(last: Course, policy: Policy) -> tuple[Step, ...]:
    return tuple(
        Step(one.name, one.at, *last.share_at(one.at), one.notify)
        for one in sorted(policy.escalations, key=lambda one: one.at)
    )


def _gaps(
    metric: Metric,
    policy: Policy,
    history: History,
    *,
    calendar: BusinessCalendar,
    cycles: Sequence[Cycle],
    now: datetime,
) -> tuple[str, ...]:
    by_reply = metric == "next_response" or (metric == "first_response" and policy.response != "state")
    gaps = [gap for gap in history.gaps if by_reply or gap != "no replies recorded"]
    if cycles:
        years = calendar.unknown_years(cycles[0].begin, max(now, cycles[-1].breach_at))
        gaps += [f"holidays of {year} unknown" for year in years]
    return tuple(gaps)


def _json(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Ref):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_json(one) for one in value]
    if isinstance(value, (Cycle, Step)):
        return {name: _json(getattr(value, name)) for name in value.__slots__}
    return value
