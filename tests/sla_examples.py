"""Calendars and tickets that the SLA tests share."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from periferia_link.domain import Ref, Ticket, TicketEvent
from periferia_link.sla import BusinessCalendar, HolidaySet

BOGOTA = ZoneInfo("America/Bogota")
_DAYS_OFF = """
2025-01-01 2025-01-06 2025-03-24 2025-04-17 2025-04-18 2025-05-01 2025-06-02 2025-06-23 2025-06-30 2025-07-20 2025-08-07
2025-08-18 2025-10-13 2025-11-03 2025-11-17 2025-12-08 2025-12-25
2026-01-01 2026-01-12 2026-03-23 2026-04-02 2026-04-03 2026-05-01 2026-05-18 2026-06-08 2026-06-15 2026-06-29 2026-07-13
2026-07-20 2026-08-07 2026-08-17 2026-10-12 2026-11-02 2026-11-16 2026-12-08 2026-12-25
"""
# holidays of Colombia in 2025 and 2026 as the package holidays 0.109 gives them, Ley 2578 of 2026 included
COLOMBIA = HolidaySet.of(
    "CO",
    [date.fromisoformat(day) for day in _DAYS_OFF.split()],
)
OFFICE = BusinessCalendar.weekdays("office", ("08:00", "12:00"), ("13:00", "17:00"), holidays=COLOMBIA)
MONDAY = date(2026, 9, 7)  # a week without holidays


def at(text, day=MONDAY):
    """Return ``HH:MM`` in Bogotá on a day, or ``+n HH:MM`` n days later; in UTC."""
    more, _, clock = text.rpartition(" ")
    hours, minutes = clock.split(":")
    when = datetime(day.year, day.month, day.day, int(hours), int(minutes), tzinfo=BOGOTA)
    return (when + timedelta(days=int(more or 0))).astimezone(timezone.utc)


def ticket(*steps, opened="08:00", priority="normal", **values):
    """
    Return a ticket whose history is written in steps of (time, what): a state, ``agent`` or ``customer`` for a message,
    ``!high`` for a change of priority, ``@group`` for one of the group.
    """
    events = []
    for number, (when, what) in enumerate(steps, 1):
        fields = {"at": at(when), "id": f"e{number}"}
        if what in ("agent", "customer"):
            fields["reply"] = what
        elif what[0] == "!":
            fields["priority"] = what[1:]
        elif what[0] == "@":
            fields["group"] = what[1:]
        else:
            fields["status"] = what
        events.append(TicketEvent(**fields))
    first = TicketEvent(at=at(opened), id="e0", status="new", priority=priority)
    states = [event.status for event in events if event.status]
    given = {"title": "It does not open", "status": states[-1] if states else "new", "priority": priority} | values
    priorities = [event.priority for event in events if event.priority]
    if priorities:
        given["priority"] = priorities[-1]
    ref = Ref("helpdesk", "Ticket", "t1")
    return Ticket(ref=ref, number="T-1", opened_at=at(opened), events=(first, *events), **given)
