"""Who can take a ticket: skills learned from what was solved, load, calendar."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

from periferia_link.domain import Allocation, Ticket
from periferia_link.sla import BusinessCalendar

__all__ = ["Effort", "Person", "people_from", "with_allocations", "with_tickets"]

_LEARNED = 3  # tickets of a category that say something about its effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    Somebody who solves tickets.

    ``solved`` counts what the person solved by category; ``load`` is the work that waits for the person already, in
    business time; ``groups`` are the teams whose tickets the person takes; ``share`` is the part of the working time
    that is left for tickets, 0 to 1.
    """

    code: str
    calendar: BusinessCalendar = field(default_factory=BusinessCalendar.always)
    groups: frozenset[str] = frozenset()
    solved: Mapping[str, int] = field(default_factory=dict)
    load: timedelta = timedelta(0)
    share: float = 1.0

    def may_take(self, ticket: Ticket) -> bool:
        """Whether the ticket belongs to a team of the person, or is of a kind that the person has solved."""
        if self.share <= 0:
            return False
        if ticket.group is None:
            return True
        return ticket.group in self.groups or bool(ticket.category and self.solved.get(ticket.category))

    def knows(self, ticket: Ticket) -> int:
        """Return how many tickets of that category the person has solved."""
        return self.solved.get(ticket.category or "", 0)


class Effort:
    """
    How long tickets take, learned from tickets that were solved: the median of the category, else of all.

    ``newcomer`` is how many times as long somebody takes who never solved that category: the median of first tickets
    over that of the others, at least 1.
    """

    def __init__(self, solved: Iterable[Ticket], spent: Callable[[Ticket], timedelta]) -> None:
        by_category: dict[str, list[timedelta]] = defaultdict(list)
        known: Counter[tuple[str | None, str | None]] = Counter()
        tickets = list(solved)
        for ticket in tickets:
            by_category[ticket.category or ""].append(spent(ticket))
            known[ticket.resolver or ticket.assignee, ticket.category] += 1
        everything = [one for each in by_category.values() for one in each]
        self.usual = _median(everything) if everything else timedelta(hours=1)
        self._of = {name: _median(each) for name, each in by_category.items() if len(each) >= _LEARNED}
        first: dict[bool, list[timedelta]] = {True: [], False: []}
        for ticket in tickets:
            who = ticket.resolver or ticket.assignee
            if who is not None:
                first[known[who, ticket.category] == 1].append(spent(ticket))
        is_known = all(first.values()) and _median(first[False]) > timedelta(0)
        self.newcomer = max(1.0, _median(first[True]) / _median(first[False])) if is_known else 1.0

    def of(self, ticket: Ticket, person: Person) -> timedelta:
        """Return how long the person will take for the ticket, in business time."""
        usual = self._of.get(ticket.category or "", self.usual)
        takes = usual if person.knows(ticket) else usual * self.newcomer
        return takes / person.share if person.share > 0 else takes


def with_tickets(people: Iterable[Person], assigned: Iterable[Ticket], *, effort: Effort) -> list[Person]:
    """Return people with the load of the open tickets that they have (by the code of the assignee)."""
    held: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in assigned:
        if ticket.assignee is not None and ticket.is_open:
            held[ticket.assignee].append(ticket)
    return [
        replace(person, load=sum((effort.of(one, person) for one in held[person.code]), timedelta(0)))
        for person in people
    ]


def with_allocations(
    people: Iterable[Person], allocations: Iterable[Allocation], *, on: date, week: Decimal = Decimal(40)
) -> list[Person]:
    """
    Return people with the share of their time that projects leave on a day.

    Args:
        people: By the codes that the allocations use.

        allocations: Of the help desk or the ERP.

        on: The day.

        week: Hours of a full week.
    """
    given: dict[str, Decimal] = defaultdict(Decimal)
    for one in allocations:
        if one.starts_on <= on and (one.ends_on is None or on <= one.ends_on):
            given[one.person] += one.hours_per_week
    return [replace(one, share=max(0.0, float(1 - given[one.code] / week))) for one in people]


def _median(spans: Iterable[timedelta]) -> timedelta:
    return timedelta(seconds=median(span.total_seconds() for span in spans))


def people_from(solved: Iterable[Ticket], *, calendar: BusinessCalendar) -> list[Person]:
    """
    Return the people of a log with what they solved, by code; tickets without resolver or assignee are left out.

    Args:
        solved: Tickets that were resolved.

        calendar: When everybody works.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    groups: dict[str, set[str]] = defaultdict(set)
    for ticket in solved:
        who = ticket.resolver or ticket.assignee
        if who is None:
            continue
        counts[who][ticket.category or ""] += 1
        if ticket.group is not None:
            groups[who].add(ticket.group)
    return [
        Person(code=code, calendar=calendar, groups=frozenset(groups[code]), solved=dict(counts[code]))
        for code in sorted(counts)
    ]
