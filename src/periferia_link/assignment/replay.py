"""A help desk played again: the same tickets and people, once first come first served, once as suggested."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from periferia_link.assignment.person import Effort, Person
from periferia_link.assignment.suggest import Open, suggest_assignee

__all__ = ["Arrival", "Played", "Strategy", "as_suggested", "first_come", "replay"]


class Arrival(NamedTuple):
    """A ticket that comes in with its promise, and how long it takes somebody who knows the category."""

    open: Open
    at: datetime
    takes: timedelta


Strategy: TypeAlias = "Callable[[Sequence[Arrival], Sequence[Person], datetime, Effort], list[tuple[int, int]]]"
"""``(waiting in order of arrival, free people in order of idleness, now, effort)`` to pairs of their places."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it: breaches, and the mean business time from arrival to the end."""

    tickets: int
    breaches: int
    mean: timedelta
    unsolved: int


def first_come(
    waiting: Sequence[Arrival], free: Sequence[Person], now: datetime, effort: Effort
) -> list[tuple[int, int]]:
    """Give each ticket, in order of arrival, to whoever of those who may take it is idle for longest."""
    del now, effort
    left = dict(enumerate(free))
    pairs = []
    for number, arrival in enumerate(waiting):
        place = next((place for place, one in left.items() if one.may_take(arrival.open.ticket)), None)
        if place is not None:
            pairs.append((number, place))
            del left[place]
        if not left:
            break
    return pairs


def as_suggested(
    waiting: Sequence[Arrival], free: Sequence[Person], now: datetime, effort: Effort
) -> list[tuple[int, int]]:
    """Give tickets as :func:`~periferia_link.assignment.suggest_assignee` says."""
    places = {person.code: place for place, person in enumerate(free)}
    suggested = suggest_assignee([arrival.open for arrival in waiting], free, now=now, effort=effort)
    return [(number, places[one.person]) for number, one in enumerate(suggested) if one.person is not None]


def replay(arrivals: Iterable[Arrival], people: Sequence[Person], strategy: Strategy, *, effort: Effort) -> Played:
    """
    Play the desk: a person has one ticket at a time, works on the own calendar, and takes ``effort.newcomer`` times as
    long for a category that is new; decisions are made whenever a ticket arrives or somebody becomes free.

    Args:
        arrivals: In any order.

        people: Who works.

        strategy: Who gets what.

        effort: What the strategy may know about durations; the real ones are in the arrivals.
    """
    coming = sorted(arrivals, key=lambda one: (one.at, one.open.ticket.number or ""))
    events: list[tuple[datetime, int, int]] = [(one.at, 0, number) for number, one in enumerate(coming)]
    heapq.heapify(events)
    waiting: list[Arrival] = []
    idle = list(range(len(people)))
    ended: list[tuple[Arrival, datetime, Person]] = []
    while events:
        now, kind, number = heapq.heappop(events)
        if kind == 0:
            waiting.append(coming[number])
        else:
            idle.append(number)
        if events and events[0][0] == now:
            continue
        pairs = strategy(waiting, [people[place] for place in idle], now, effort) if waiting and idle else []
        for which, place in pairs:
            arrival, person = waiting[which], people[idle[place]]
            takes = arrival.takes if person.knows(arrival.open.ticket) else arrival.takes * effort.newcomer
            end = person.calendar.add(person.calendar.next_open(now), takes)
            ended.append((arrival, end, person))
            heapq.heappush(events, (end, 1, idle[place]))
        given, busy = {which for which, _ in pairs}, {place for _, place in pairs}
        waiting = [one for which, one in enumerate(waiting) if which not in given]
        idle = [one for place, one in enumerate(idle) if place not in busy]
    return _result(ended, waiting)


def _result(ended: Sequence[tuple[Arrival, datetime, Person]], waiting: Sequence[Arrival]) -> Played:
    late = sum(one.open.due_at is not None and end > one.open.due_at for one, end, _ in ended)
    spent = sum((person.calendar.between(one.at, end) for one, end, person in ended), timedelta(0))
    mean = spent / len(ended) if ended else timedelta(0)
    return Played(len(ended) + len(waiting), late + len(waiting), mean, len(waiting))
