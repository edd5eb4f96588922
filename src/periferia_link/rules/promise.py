"""Promises: until when something that begins now is promised, by the policies of the SLA; on business calendars."""

from __future__ import annotations

from datetime import datetime, timedelta

from periferia_link.domain import Ticket
from periferia_link.errors import ConfigurationError
from periferia_link.sla import BusinessCalendar, SlaRules
from periferia_link.sla.duration import Within
from periferia_link.sla.policy import policy_for

__all__ = ["calendar_of", "end_of", "promised"]


def promised(ticket: Ticket, begin: datetime, sla: SlaRules, *, tier: str | None = None) -> datetime | None:
    """
    Return until when the first policy that applies promises to resolve a ticket; ``None`` when none promises it.

    Args:
        ticket: As it is opened: type, priority, group.

        begin: When the clock starts.

        sla: Calendars and policies.

        tier: Tier of the client.

    Raises:
        ConfigurationError: A policy names a calendar that there is none of.
    """
    policy = policy_for(
        ticket, sla.policies, opened_on=lambda one: calendar_of(sla, one.calendar).day_of(begin), tier=tier
    )
    target = policy.target("resolution", ticket.priority, tier) if policy is not None else None
    if policy is None or target is None:
        return None
    return end_of(target.within, begin, calendar_of(sla, target.calendar or policy.calendar))


def calendar_of(sla: SlaRules, name: str) -> BusinessCalendar:
    """
    Return a calendar by name; ``always`` never closes.

    Raises:
        ConfigurationError: There is no calendar of that name.
    """
    found = sla.calendars.get(name)
    if found is not None:
        return found
    if name == "always":
        return BusinessCalendar.always()
    msg = f"there is no calendar {name}"
    raise ConfigurationError(msg, hint=f"known are {', '.join(sla.calendars)}; add [sla.calendars.{name}]")


def end_of(within: Within, begin: datetime, calendar: BusinessCalendar) -> datetime:
    """Return when a promise that began then ends: time on the calendar, or the end of a working day."""
    if within.working_days is not None:
        return calendar.end_of(calendar.working_days_after(calendar.day_of(begin), within.working_days))
    return calendar.add(begin, within.time or timedelta(0))
