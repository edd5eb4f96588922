"""The status history of a ticket as spells, and the measures that need no policy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from periferia_link.domain import Ticket, TicketEvent
from periferia_link.domain.ticket import TicketPriority, TicketStatus
from periferia_link.sla.calendar import BusinessCalendar

__all__ = ["ENDED", "History", "Spell", "history_of", "reassignments", "reopenings", "time_in_state"]

ENDED: frozenset[TicketStatus] = frozenset({"resolved", "closed", "cancelled"})


class Spell(NamedTuple):
    """A stretch in which neither state nor priority changed; ``end`` is ``None`` for the last one."""

    begin: datetime
    end: datetime | None
    status: TicketStatus
    priority: TicketPriority | None
    event: str | None


class History(NamedTuple):
    """
    What is known of the life of a ticket, in order of time.

    ``gaps`` say what the system did not serve: clocks built on it are as good as that.
    """

    opened_at: datetime | None
    spells: tuple[Spell, ...]
    events: tuple[TicketEvent, ...]
    gaps: tuple[str, ...]


def history_of(ticket: Ticket, *, until: datetime | None = None) -> History:
    """
    Lay out the events of a ticket; where there are none, its own dates stand in and the gap is named.

    Args:
        ticket: With its events.

        until: What happened after this moment is not known yet.
    """
    events = tuple(sorted(ticket.events, key=lambda event: event.at))  # stable: equal times keep the system's order
    gaps = []
    if list(events) != list(ticket.events):
        gaps.append("events out of order")
    if not any(event.status for event in events):
        gaps.append("no status history")
        events = tuple(sorted((*events, *_from_dates(ticket)), key=lambda event: event.at))
    opened_at = ticket.opened_at or (events[0].at if events else None)
    if ticket.opened_at is None and opened_at is not None:
        gaps.append("no opening date")
    if opened_at is not None and events and events[0].at < opened_at:
        gaps.append("events before the opening")
    if not any(event.reply for event in events):
        gaps.append("no replies recorded")
    # until the history says otherwise a ticket has the priority of the first event that names one
    first = next((event.priority for event in events if event.priority is not None), ticket.priority)
    if until is not None:
        events = tuple(event for event in events if event.at <= until)
    return History(opened_at, _spells(events, opened_at, first), events, tuple(gaps))


def _from_dates(ticket: Ticket) -> list[TicketEvent]:
    found = []
    if ticket.opened_at is not None:
        found.append(TicketEvent(at=ticket.opened_at, status="new"))
    ended: TicketStatus = ticket.status if ticket.status in ENDED else "resolved"
    if ticket.resolved_at is not None:
        found.append(TicketEvent(at=ticket.resolved_at, status="resolved"))
    if ticket.closed_at is not None:
        found.append(TicketEvent(at=ticket.closed_at, status=ended if ended != "resolved" else "closed"))
    if ticket.updated_at is not None and (not found or found[-1].status != ticket.status):
        found.append(TicketEvent(at=max([ticket.updated_at, *(one.at for one in found)]), status=ticket.status))
    return found


def _spells(
    events: Sequence[TicketEvent], opened_at: datetime | None, first: TicketPriority | None
) -> tuple[Spell, ...]:
    if opened_at is None:
        return ()
    status: TicketStatus = "new"
    priority, begin, name = first, opened_at, None
    spells: list[Spell] = []
    for number, event in enumerate(events):
        to_status, to_priority = event.status or status, event.priority or priority
        if (to_status, to_priority) == (status, priority):
            continue
        at = max(event.at, opened_at)
        if at > begin:
            spells.append(Spell(begin, at, status, priority, name))
        status, priority, begin, name = to_status, to_priority, at, event.id or f"#{number}"
    spells.append(Spell(begin, None, status, priority, name))
    return tuple(spells)


def time_in_state(
    ticket: Ticket, *, now: datetime, calendar: BusinessCalendar | None = None
) -> dict[TicketStatus, timedelta]:
    """
    Return how long a ticket was in each state, until *now* or, once it is closed or cancelled, until then.

    Args:
        ticket: With its events.

        now: End of the last spell of a ticket that is not over.

        calendar: Business time on it; real time without it.
    """
    spent: dict[TicketStatus, timedelta] = defaultdict(timedelta)
    for spell in history_of(ticket).spells:
        if spell.end is None and spell.status in ENDED:
            break
        end = spell.end or max(now, spell.begin)
        spent[spell.status] += calendar.between(spell.begin, end) if calendar else end - spell.begin
    return dict(spent)


def reassignments(ticket: Ticket) -> int:
    """Return how often the group that holds the ticket changed; the first group is no reassignment."""
    groups = [event.group for event in history_of(ticket).events if event.group is not None]
    return sum(before != after for before, after in pairwise(groups))


def reopenings(ticket: Ticket) -> int:
    """Return how often the ticket came back after it had been resolved, closed or cancelled."""
    states = [spell.status for spell in history_of(ticket).spells]
    return sum(before in ENDED and after not in ENDED for before, after in pairwise(states))
