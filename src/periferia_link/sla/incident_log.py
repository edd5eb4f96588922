"""Audit logs in the layout of ServiceNow's incident export (one row a change of state), read as tickets with events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from periferia_link.domain import Ref, Ticket, TicketEvent
from periferia_link.domain.ticket import TicketPriority, TicketStatus
from periferia_link.errors import ConfigurationError

__all__ = ["COLUMNS", "Incident", "incidents_of", "tickets_of"]

COLUMNS = (
    *("number", "incident_state", "reassignment_count", "reopen_count", "sys_mod_count", "made_sla", "caller_id"),
    *("opened_at", "sys_updated_by", "sys_updated_at", "contact_type", "location", "category", "u_symptom"),
    *("priority", "assignment_group", "assigned_to", "resolved_by", "resolved_at", "closed_at"),
)
"""Columns that the reader uses; a file may have more."""

_STATES: dict[str, TicketStatus] = {
    "New": "new",
    "Active": "in_progress",
    "Awaiting User Info": "pending_customer",
    "Awaiting Evidence": "pending_customer",
    "Awaiting Vendor": "on_hold",
    "Awaiting Problem": "on_hold",
    "Resolved": "resolved",
    "Closed": "closed",
}
_PRIORITIES: dict[str, TicketPriority] = {"1": "critical", "2": "high", "3": "normal", "4": "low"}
_MISSING = ("", "?", "-100")


class Incident(NamedTuple):
    """
    A ticket and what the exporting system recorded about it: the other side of a comparison, never an input.

    ``made_sla`` is its own verdict at the end; the counts are its own counters.
    """

    ticket: Ticket
    made_sla: bool
    reassignment_count: int
    reopen_count: int
    modifications: int


def tickets_of(
    rows: Iterable[Mapping[str, str]], *, system: str = "helpdesk", zone: tzinfo | None = None
) -> list[Ticket]:
    """
    Return the tickets of an audit log, each with its whole history; see :func:`incidents_of`.

    Raises:
        ConfigurationError: A column is missing, or a value cannot be read.
    """
    return [incident.ticket for incident in incidents_of(rows, system=system, zone=zone)]


def incidents_of(
    rows: Iterable[Mapping[str, str]], *, system: str = "helpdesk", zone: tzinfo | None = None
) -> list[Incident]:
    """
    Read an audit log: rows of a ``csv.DictReader``, in any order; ``?`` is missing, times are ``dd-mm-yyyy HH:MM``.

    Rows of one incident are ordered by ``sys_mod_count``. Each row becomes one event with state, priority, group and
    person after it. The category of the log stands in ``category``, the location in ``custom``.

    Args:
        rows: One mapping for each row.

        system: Instance name in the references.

        zone: Where the clock of the log hangs; Bogotá without it.

    Raises:
        ConfigurationError: A column is missing, or a value cannot be read.
    """
    by_number: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        missing = [name for name in COLUMNS if name not in row] if not by_number else []
        if missing:
            msg = f"the incident log has no column {missing[0]}"
            raise ConfigurationError(msg, hint=f"its columns must include {', '.join(COLUMNS)}")
        by_number[row["number"]].append(row)
    place = zone or ZoneInfo("America/Bogota")
    return [_incident(number, log, system, place) for number, log in by_number.items()]


def _incident(number: str, rows: Sequence[Mapping[str, str]], system: str, zone: tzinfo) -> Incident:
    log = sorted(rows, key=lambda row: _whole(row, "sys_mod_count"))
    last = log[-1]
    opened_at = _moment(last, "opened_at", zone)
    status = _status(last)
    ticket = Ticket(
        ref=Ref(system, "Ticket", number),
        title=f"{number} {_text(last, 'u_symptom') or ''}".strip(),
        number=number,
        type="incident",
        status=status,
        raw_status=last["incident_state"],
        priority=_priority(last),
        raw_priority=last["priority"],
        category=_text(last, "category"),
        channel=_text(last, "contact_type"),
        caller=_text(last, "caller_id"),
        group=_text(last, "assignment_group"),
        assignee=_text(last, "assigned_to"),
        resolver=_text(last, "resolved_by"),
        opened_at=opened_at,
        resolved_at=_moment(last, "resolved_at", zone),
        closed_at=_moment(last, "closed_at", zone) if status == "closed" else None,
        updated_at=_moment(last, "sys_updated_at", zone),
        events=tuple(_event(number, row, zone) for row in log),
        custom={"location": _text(last, "location")},
    )
    return Incident(
        ticket,
        last["made_sla"].strip().upper() == "TRUE",
        _whole(last, "reassignment_count"),
        _whole(last, "reopen_count"),
        _whole(last, "sys_mod_count"),
    )


def _event(number: str, row: Mapping[str, str], zone: tzinfo) -> TicketEvent:
    at = _moment(row, "sys_updated_at", zone)
    if at is None:
        msg = f"{number}: a row has no sys_updated_at"
        raise ConfigurationError(msg, hint="every change of state has its time; export the log again")
    values: dict[str, Any] = {
        "status": _status(row),
        "raw_status": row["incident_state"],
        "priority": _priority(row),
        "group": _text(row, "assignment_group"),
        "assignee": _text(row, "assigned_to"),
        "actor": _text(row, "sys_updated_by"),
    }
    return TicketEvent(at=at, id=f"{number}/{row['sys_mod_count']}", **values)


def _text(row: Mapping[str, str], name: str) -> str | None:
    text = " ".join(row[name].split())
    return None if text in _MISSING else text


def _whole(row: Mapping[str, str], name: str) -> int:
    try:
        return int(row[name])
    except ValueError:
        msg = f"{row['number']}: {name} is no whole number"
        raise ConfigurationError(msg, hint="export the log again") from None


def _moment(row: Mapping[str, str], name: str, zone: tzinfo) -> datetime | None:
    text = _text(row, name)
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%d-%m-%Y %H:%M").replace(tzinfo=zone)
    except ValueError:
        msg = f"{row['number']}: {name} is no day and time"
        raise ConfigurationError(msg, hint="they are written dd-mm-yyyy HH:MM") from None


def _status(row: Mapping[str, str]) -> TicketStatus:
    try:
        return _STATES[row["incident_state"]]
    except KeyError:
        msg = f"{row['number']}: nobody knows this incident_state"
        raise ConfigurationError(msg, hint=f"known are {', '.join(_STATES)}") from None


def _priority(row: Mapping[str, str]) -> TicketPriority | None:
    return _PRIORITIES.get(row["priority"][:1])
