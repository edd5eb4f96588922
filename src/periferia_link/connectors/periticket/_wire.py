"""Work logs and people of Periticket as the domain knows them; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.domain import Employee, Entity, Ref, TimeEntry

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "DECODERS",
    "PERITICKET_FIELDS",
    "employee_from_wire",
    "key_of",
    "reasons",
    "time_entry_from_wire",
    "version_of",
]

PERITICKET_FIELDS = FieldMap(
    {
        "TimeEntry": KindMap(
            "worklogs",
            "id",
            {
                "person": "person_id",
                "project": "project_code",
                "cost_centre": "cost_centre",
                "worked_on": "worked_on",
                "hours": "hours",
                "ticket": "ticket_id",
                "note": "note",
                "is_billable": "billable",
                "approved_at": "approved_at",
                "updated_at": "updated_at",
            },
        ),
        "Employee": KindMap(
            "people",
            "id",
            {
                "code": "employee_code",
                "name": "name",
                "email": "email",
                "is_active": "active",
                "updated_at": "updated_at",
            },
        ),
    }
)
"""The columns of docs/reference/periticket-contract.md."""


def time_entry_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str) -> TimeEntry:
    """
    Make a time entry of a work log; its person is Periticket's id of the person.

    Raises:
        ValidationError: The work log does not fit: no hours, hours below 0, a day that is none.
    """
    values = _values(row, "TimeEntry", fields, system)
    for name in ("person", "ticket"):
        values[name] = _id(values.get(name)) or values.get(name)
    if isinstance(values["ticket"], str):
        values["ticket"] = Ref(system, "Ticket", values["ticket"])
    return TimeEntry.model_validate(values)


def employee_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str) -> Employee:
    """
    Make an employee of a person; the rates of an hour are kept in the ERP.

    Raises:
        ValidationError: The person does not fit: no employee code, no name.
    """
    return Employee.model_validate(_values(row, "Employee", fields, system))


DECODERS: Mapping[str, Callable[[Mapping[str, Any], FieldMap, str], Entity]] = {
    "TimeEntry": time_entry_from_wire,
    "Employee": employee_from_wire,
}


def key_of(row: Mapping[str, Any], columns: KindMap) -> str | None:
    """Return the id of a record, or ``None`` where it has none."""
    return _id(row.get(columns.key))


def version_of(row: Mapping[str, Any]) -> str | None:
    """Return the revision of a record: a number that grows with every change."""
    return _id(row.get("revision"))


def reasons(error: ValidationError, columns: KindMap) -> str:
    """Say which columns do not fit and why, without a value: it may be personal."""
    wrong = []
    for fault in error.errors(include_input=False, include_context=False, include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else "the record"
        # validators of ours may quote the value, those of pydantic do not
        why = "not valid" if fault["type"] == "value_error" else fault["msg"]
        wrong.append(f"{columns.columns.get(name, name)}: {why}")
    return "; ".join(wrong)


def _values(row: Mapping[str, Any], kind: str, fields: FieldMap, system: str) -> dict[str, Any]:
    """Return the fields of the entity; an empty text says no more than null."""
    columns = fields[kind]
    values = {name: row[column] for name, column in columns.columns.items() if row.get(column) not in (None, "")}
    own = {"ref": (system, kind, key_of(row, columns)), "version": version_of(row), "custom": columns.custom(row)}
    return values | own


def _id(value: Any) -> str | None:
    """Return an id as text: it is a number in some installations."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
