"""What Periticket keeps: the members of each record, which of them a client may write, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._periticket_checks import (
    Check,
    Refused,
    amount,
    day,
    flag,
    hours,
    number,
    one_of,
    or_null,
    text,
    zoned,
)

__all__ = ["EVENTS", "TABLES", "Table"]


@dataclass(frozen=True)
class Table:
    """
    One resource.

    ``writable`` are the members that a client may send, ``required`` those that a new record needs, ``refers`` maps
    members to the resource that they point at (``people.employee_code``: to another member than the id), ``filters``
    are the members that a list can be asked for by value. Only what keeps tombstones can be deleted.
    """

    prefix: str
    blank: Record
    writable: Mapping[str, Check] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    refers: Mapping[str, str] = field(default_factory=dict)
    filters: frozenset[str] = frozenset()
    keeps_tombstones: bool = False

    def checked(self, values: Any, *, new: bool) -> Record:
        """
        Return the members to store.

        Raises:
            Refused: Something that the client sent cannot be stored; every fault is listed.
        """
        if not isinstance(values, dict):
            raise Refused(400, "bad-body", "A JSON object is expected.")
        wrong = [{"field": name, "message": "missing"} for name in sorted(self.required - set(values)) if new]
        stored: Record = {}
        for name, value in values.items():
            if name not in self.writable:
                wrong.append({"field": name, "message": "not a member that can be written"})
                continue
            try:
                stored[name] = self.writable[name](value)
            except ValueError as exc:
                wrong.append({"field": name, "message": str(exc)})
        if wrong:
            raise Refused(422, "invalid", "Some members cannot be stored.", errors=wrong)
        return stored

    def offers(self, method: str) -> bool:
        """Whether clients may use that method on records of this kind."""
        return method == "GET" or (bool(self.writable) and (method != "DELETE" or self.keeps_tombstones))


_LIVING = {"created_at": None, "updated_at": None, "revision": 1}
_STAMPS = {"created_at": None, "updated_at": None, "deleted_at": None, "revision": 1}

_REF = or_null(text(100))
_ID = or_null(text(40))
_CODE = or_null(text(50))
_PRIORITY = one_of("urgent", "high", "normal", "low")

_WORKLOGS = Table(
    prefix="wl",
    blank={
        "ticket_id": None,
        "person_id": None,
        "project_code": None,
        "cost_centre": None,
        "worked_on": None,
        "hours": None,
        "note": None,
        "billable": True,
        "status": "draft",
        "approved_at": None,
        "external_ref": None,
        **_STAMPS,
    },
    writable={
        "ticket_id": _ID,
        "person_id": text(40),
        "project_code": _CODE,
        "cost_centre": _CODE,
        "worked_on": day,
        "hours": hours(24),
        "note": or_null(text(4000, empty=True)),
        "billable": flag,
        "status": one_of("draft", "submitted", "approved", "rejected"),
        "external_ref": _REF,
    },
    required=frozenset({"person_id", "worked_on", "hours"}),
    refers={"person_id": "people", "ticket_id": "tickets"},
    filters=frozenset({"external_ref"}),
    keeps_tombstones=True,
)

_PEOPLE = Table(
    prefix="pe",
    blank={
        "employee_code": None,
        "name": None,
        "email": None,
        "groups": [],
        "skills": [],
        "active": True,
        **_LIVING,
    },
    filters=frozenset({"employee_code"}),
)

_TICKETS = Table(
    prefix="tk",
    blank={
        "number": None,
        "type": "incident",
        "subject": None,
        "description": None,
        "status": "new",
        "priority": "normal",
        "category": None,
        "channel": None,
        "client_id": None,
        "client_tax_id": None,
        "project_code": None,
        "requester_email": None,
        "group": None,
        "assignee_id": None,
        "resolver_id": None,
        "external_ref": None,
        "opened_at": None,
        "due_at": None,
        "resolved_at": None,
        "closed_at": None,
        **_STAMPS,
    },
    writable={
        "type": one_of(
            "peticion",
            "queja",
            "reclamo",
            "sugerencia",
            "denuncia",
            "felicitacion",
            "incident",
            "service_request",
            "allocation",
        ),
        "subject": text(255),
        "description": or_null(text(100_000, empty=True)),
        "status": one_of(
            "new", "open", "in_progress", "pending_customer", "on_hold", "resolved", "closed", "cancelled"
        ),
        "priority": _PRIORITY,
        "category": or_null(text(200)),
        "channel": or_null(text(100)),
        "client_id": _ID,
        "client_tax_id": or_null(text(20)),
        "project_code": _CODE,
        "requester_email": or_null(text(200)),
        "group": or_null(text(200)),
        "assignee_id": _ID,
        "resolver_id": _ID,
        "external_ref": _REF,
        "opened_at": zoned,
        "due_at": or_null(zoned),
    },
    required=frozenset({"subject"}),
    refers={"assignee_id": "people", "resolver_id": "people", "client_id": "clients"},
    filters=frozenset({"external_ref", "number"}),
    keeps_tombstones=True,
)

EVENTS = Table(
    prefix="ev",
    blank={
        "ticket_id": None,
        "at": None,
        "member": None,
        "old": None,
        "new": None,
        "actor_id": None,
        "note": None,
        "external_ref": None,
        "updated_at": None,
    },
    writable={
        "member": one_of("reply", "note"),
        "new": or_null(one_of("agent", "customer")),
        "actor_id": _ID,
        "note": text(4000),
        "external_ref": _REF,
    },
    required=frozenset({"member", "note"}),
    refers={"actor_id": "people"},
    filters=frozenset({"ticket_id", "external_ref"}),
)
"""The history of tickets; a client may write messages, the rest is told by Periticket itself."""

_CLIENTS = Table(
    prefix="cl",
    blank={
        "name": None,
        "tax_id": None,
        "active": True,
        "tier": None,
        "value": None,
        "currency": None,
        "renewal_on": None,
        "open_opportunities": None,
        "open_value": None,
        "satisfaction": None,
        "answers": None,
        "open_pqrs": None,
        "overdue_pqrs": None,
        "breaches": None,
        "score": None,
        "priority": None,
        "priority_reason": None,
        "external_ref": None,
        **_LIVING,
    },
    writable={
        "name": text(200),
        "tax_id": or_null(text(20)),
        "active": flag,
        "tier": or_null(text(40)),
        "value": or_null(amount),
        "currency": or_null(text(3)),
        "renewal_on": or_null(day),
        "open_opportunities": or_null(number),
        "open_value": or_null(amount),
        "satisfaction": or_null(amount),
        "answers": or_null(number),
        "open_pqrs": or_null(number),
        "overdue_pqrs": or_null(number),
        "breaches": or_null(number),
        "score": or_null(number),
        "priority": or_null(_PRIORITY),
        "priority_reason": or_null(text(2000)),
        "external_ref": _REF,
    },
    required=frozenset({"name"}),
    filters=frozenset({"external_ref", "tax_id"}),
)

_PROJECTS = Table(
    prefix="pj",
    blank={
        "code": None,
        "name": None,
        "client_id": None,
        "status": "open",
        "starts_on": None,
        "ends_on": None,
        "external_ref": None,
        **_LIVING,
    },
    writable={
        "code": text(50),
        "name": text(200),
        "client_id": _ID,
        "status": one_of("open", "closed"),
        "starts_on": or_null(day),
        "ends_on": or_null(day),
        "external_ref": _REF,
    },
    required=frozenset({"code", "name"}),
    refers={"client_id": "clients"},
    filters=frozenset({"external_ref", "code"}),
)

_ALLOCATIONS = Table(
    prefix="al",
    blank={
        "person_code": None,
        "project_code": None,
        "role": None,
        "cost_centre": None,
        "hours_per_week": None,
        "starts_on": None,
        "ends_on": None,
        "external_ref": None,
        **_STAMPS,
    },
    writable={
        "person_code": text(50),
        "project_code": text(50),
        "role": or_null(text(200)),
        "cost_centre": _CODE,
        "hours_per_week": hours(168),
        "starts_on": day,
        "ends_on": or_null(day),
        "external_ref": _REF,
    },
    required=frozenset({"person_code", "project_code", "hours_per_week", "starts_on"}),
    refers={"person_code": "people.employee_code"},
    filters=frozenset({"external_ref", "person_code", "project_code"}),
    keeps_tombstones=True,
)

TABLES: Mapping[str, Table] = {
    "worklogs": _WORKLOGS,
    "people": _PEOPLE,
    "tickets": _TICKETS,
    "clients": _CLIENTS,
    "projects": _PROJECTS,
    "allocations": _ALLOCATIONS,
}
"""The resources under ``/api/v1``, by name."""
