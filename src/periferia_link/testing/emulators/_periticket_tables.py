"""What Periticket keeps: the members of each record, which of them a client may write, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, TypeAlias

from periferia_link.testing.emulators._books import Record

__all__ = ["TABLES", "Refused", "Table", "instant", "stamp"]

Check: TypeAlias = Callable[[Any], Any]


class Refused(Exception):  # noqa: N818 - control flow of one request, never leaves the emulator
    """The request is answered with a problem (RFC 9457); ``fields`` says what is wrong with which member."""

    def __init__(self, status: int, code: str, detail: str, **members: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.members = members


def instant(moment: datetime) -> str:
    """Write a moment as Periticket does: UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(text: str) -> str:
    """
    Bring an instant with a zone to the form of :func:`instant`.

    Raises:
        ValueError: It is no instant, or it has no zone.
    """
    moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text))
    if moment.tzinfo is None:
        msg = "an instant needs a zone"
        raise ValueError(msg)
    return instant(moment)


def _text(longest: int, *, empty: bool = False) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or len(value) > longest or not (empty or value.strip()):
            msg = f"text of 1 to {longest} characters expected"
            raise ValueError(msg)
        return value

    return check


def _one_of(*words: str) -> Check:
    def check(value: Any) -> Any:
        if value not in words:
            msg = f"one of {', '.join(words)} expected"
            raise ValueError(msg)
        return value

    return check


def _or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _flag(value: Any) -> Any:
    if not isinstance(value, bool):
        msg = "true or false expected"
        raise ValueError(msg)  # noqa: TRY004 - the caller turns every ValueError into a problem
    return value


def _day(value: Any) -> Any:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError) as exc:
        msg = "a date as 2026-11-21 expected"
        raise ValueError(msg) from exc


def _hours(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,2}(\.\d{1,2})?", value) or not 0 < Decimal(value) <= 24:
        msg = "a decimal string above 0, at most 24, with two decimals expected"
        raise ValueError(msg)
    return str(Decimal(value).quantize(Decimal("0.01")))


def _zoned(value: Any) -> Any:
    try:
        return stamp(value)
    except (TypeError, ValueError) as exc:
        msg = "an instant with a zone expected"
        raise ValueError(msg) from exc


@dataclass(frozen=True)
class Table:
    """
    One resource.

    ``writable`` are the members that a client may send, ``required`` those that a new record needs, ``refers`` maps
    members to the resource that they point at, ``filters`` are the members that a list can be asked for by value.
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


_STAMPS = {"created_at": None, "updated_at": None, "deleted_at": None, "revision": 1}

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
        "ticket_id": _or_null(_text(40)),
        "person_id": _text(40),
        "project_code": _or_null(_text(50)),
        "cost_centre": _or_null(_text(50)),
        "worked_on": _day,
        "hours": _hours,
        "note": _or_null(_text(4000, empty=True)),
        "billable": _flag,
        "status": _one_of("draft", "submitted", "approved", "rejected"),
        "external_ref": _or_null(_text(100)),
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
        "active": True,
        "created_at": None,
        "updated_at": None,
        "revision": 1,
    },
    filters=frozenset({"employee_code"}),
)

_TICKETS = Table(
    prefix="tk",
    blank={
        "type": "incident",
        "subject": None,
        "description": None,
        "status": "new",
        "priority": "normal",
        "client_tax_id": None,
        "project_code": None,
        "requester_email": None,
        "assignee_id": None,
        "external_ref": None,
        "due_at": None,
        "closed_at": None,
        **_STAMPS,
    },
    writable={
        "type": _one_of(
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
        "subject": _text(255),
        "description": _or_null(_text(100_000, empty=True)),
        "status": _one_of(
            "new", "open", "in_progress", "pending_customer", "on_hold", "resolved", "closed", "cancelled"
        ),
        "priority": _one_of("urgent", "high", "normal", "low"),
        "client_tax_id": _or_null(_text(20)),
        "project_code": _or_null(_text(50)),
        "requester_email": _or_null(_text(200)),
        "assignee_id": _or_null(_text(40)),
        "external_ref": _or_null(_text(100)),
        "due_at": _or_null(_zoned),
    },
    required=frozenset({"subject"}),
    refers={"assignee_id": "people"},
    filters=frozenset({"external_ref"}),
    keeps_tombstones=True,
)

TABLES: Mapping[str, Table] = {"worklogs": _WORKLOGS, "people": _PEOPLE, "tickets": _TICKETS}
"""The resources under ``/api/v1``, by name."""
