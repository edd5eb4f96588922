"""Who should take which ticket: the best assignment of all tickets at once, each with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import exp
from typing import Literal, NamedTuple

from periferia_link.assignment._cheapest import cheapest
from periferia_link.assignment.person import Effort, Person
from periferia_link.domain import Ref, Ticket
from periferia_link.domain.ticket import TicketPriority
from periferia_link.sla.duration import spoken

__all__ = ["Open", "Suggestion", "suggest_assignee"]

_WEIGHT: dict[TicketPriority | None, float] = {"critical": 8.0, "high": 4.0, "normal": 2.0, "low": 1.0, None: 2.0}
_NO = 1e6  # more than any score: the pair is out of the question
_LATE = 0.15  # worth of a ticket that is late whoever takes it, of one that can still be saved


class Open(NamedTuple):
    """A ticket that waits for somebody, and ``breach_at`` of its clock: the end of its promise (``None``: none)."""

    ticket: Ticket
    due_at: datetime | None = None


class Suggestion(NamedTuple):
    """
    One ticket and who should take it; ``person`` is ``None`` when nobody can, or others need everybody more.

    ``begins_at`` and ``ends_at`` are expected by load, calendar and usual effort.
    """

    ticket: Ref | None
    person: str | None
    begins_at: datetime | None
    ends_at: datetime | None
    due_at: datetime | None
    solved: int
    load: timedelta
    category: str | None
    can_take: int
    share: float = 1.0

    @property
    def is_in_time(self) -> bool:
        """Whether the promise is expected to be kept."""
        return self.ends_at is not None and (self.due_at is None or self.ends_at <= self.due_at)

    def words(self, language: Literal["es", "en"] = "en") -> str:
        """Say why: skill, load, calendar and SLA; times are in UTC."""
        if self.person is None or self.begins_at is None or self.ends_at is None:
            return _WORDS["nobody" if not self.can_take else "waits"][language].format(n=self.can_take)
        skill = _WORDS["knows" if self.solved else "new"][language].format(n=self.solved, what=self.category or "?")
        load = _WORDS["free" if not self.load else "busy"][language].format(load=spoken(self.load))
        if self.share < 1:
            load += ", " + _WORDS["share"][language].format(n=round(100 * self.share))
        end = _WORDS["ends"][language].format(begin=f"{self.begins_at:%d %H:%M}", end=f"{self.ends_at:%d %H:%M}")
        parts = [f"{self.person}: {skill}", load, end]
        if self.due_at is not None:
            left = spoken(abs(self.due_at - self.ends_at))
            parts.append(_WORDS["in time" if self.is_in_time else "late"][language].format(left=left))
        return ", ".join(parts)


_WORDS = {
    "nobody": {
        "en": "nobody has the skill or the team for it",
        "es": "nadie tiene la habilidad ni el equipo para ello",
    },
    "waits": {
        "en": "waits: the {n} people who could take it are needed more elsewhere",
        "es": "espera: las {n} personas que podrían tomarlo hacen más falta en otros casos",
    },
    "knows": {"en": "solved {n} of {what}", "es": "ha resuelto {n} de {what}"},
    "new": {"en": "has solved none of {what} yet", "es": "aún no ha resuelto ninguno de {what}"},
    "free": {"en": "free", "es": "libre"},
    "busy": {"en": "{load} of work before it", "es": "{load} de trabajo antes"},
    "share": {"en": "{n} % of the week for tickets", "es": "{n} % de la semana para casos"},
    "ends": {"en": "from {begin} to {end} UTC by calendar", "es": "de {begin} a {end} UTC según calendario"},
    "in time": {"en": "{left} before the SLA breach", "es": "{left} antes de incumplir el SLA"},
    "late": {
        "en": "{left} after the SLA breach, nobody is sooner",
        "es": "{left} después de incumplir el SLA, nadie antes",
    },
}


def suggest_assignee(
    waiting: Iterable[Open], people: Sequence[Person], *, now: datetime, effort: Effort, each: int = 1
) -> list[Suggestion]:
    """
    Return one suggestion for each ticket, in the given order: together they save the most promises.

    A pair is worth more the more urgent the ticket is, the nearer its breach, and the less time the person needs for
    it; a ticket that is late whoever takes it counts little, one that nobody may take nothing. The assignment of all
    tickets at once is optimal for that worth (Hungarian method), not ticket by ticket.

    Args:
        waiting: Tickets without an assignee, with their promises.

        people: Who works, with load and skills.

        now: As of when.

        effort: How long tickets take.

        each: How many tickets one person may get at once; the second waits for the first.
    """
    tickets = list(waiting)
    places = [(person, turn) for turn in range(each) for person in people]
    plans = [[_plan(one, person, turn, now, effort) for person, turn in places] for one in tickets]
    costs = [[_cost(one, plan, effort) for plan in row] for one, row in zip(tickets, plans, strict=True)]
    found = []
    for number, (one, column) in enumerate(zip(tickets, cheapest(costs), strict=True)):
        can_take = sum(person.may_take(one.ticket) for person in people)
        if column is None or costs[number][column] >= _NO:
            found.append(_nobody(one, can_take))
            continue
        person, turn = places[column]
        plan = plans[number][column]
        assert plan is not None  # noqa: S101 - its cost is that of a plan
        solved, load = person.knows(one.ticket), person.load + turn * effort.usual
        category, ref = one.ticket.category, one.ticket.ref
        about = (one.due_at, solved, load, category, can_take, person.share)
        found.append(Suggestion(ref, person.code, plan.begin, plan.end, *about))
    return found


class _Plan(NamedTuple):
    begin: datetime
    end: datetime
    takes: timedelta
    delay: timedelta  # business time before it begins
    slack: timedelta | None  # business time that is left if it begins now
    is_late: bool


def _nobody(one: Open, can_take: int) -> Suggestion:
    return Suggestion(one.ticket.ref, None, None, None, one.due_at, 0, timedelta(0), one.ticket.category, can_take)


def _plan(one: Open, person: Person, turn: int, now: datetime, effort: Effort) -> _Plan | None:
    if not person.may_take(one.ticket):
        return None
    calendar, takes = person.calendar, effort.of(one.ticket, person)
    begin = calendar.next_open(calendar.add(now, person.load + turn * effort.usual))
    end = calendar.add(begin, takes)
    slack = calendar.between(now, one.due_at) - takes if one.due_at is not None else None
    is_late = one.due_at is not None and end > one.due_at
    return _Plan(begin, end, takes, calendar.between(now, begin), slack, is_late)


def _cost(one: Open, plan: _Plan | None, effort: Effort) -> float:
    if plan is None:
        return _NO
    scale = max(effort.usual, timedelta(minutes=1))
    quick = scale / (scale + plan.takes)
    urgency = 0.5
    if plan.is_late:
        urgency = _LATE
    elif plan.slack is not None:
        urgency = 1.0 + exp(-max(plan.slack, timedelta(0)) / (2 * scale))
    # a little for beginning soon decides between equals
    return -_WEIGHT[one.ticket.priority] * urgency * (quick - 1e-3 * min(plan.delay / scale, 100.0))
