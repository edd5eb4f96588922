"""
Periticket is a help desk with a profile: ``connectors/ticketing/profiles/periticket.toml``.

Source: docs/reference/periticket-contract.md, an assumed contract: the API of Periticket is not public.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.ticketing import Records, Ticketing, fields_of, load_profile
from periferia_link.domain import Employee, TimeEntry

__all__ = ["PERITICKET_FIELDS", "Periticket", "employee_from_wire", "time_entry_from_wire"]

_PROFILE = load_profile("periticket")

PERITICKET_FIELDS: FieldMap = fields_of(_PROFILE)
"""The columns of docs/reference/periticket-contract.md."""


class Periticket(Ticketing):
    """
    Tickets with their history, work logs (``TimeEntry``), people (``Employee``), allocations and client context.

    A work log names its person by Periticket's own id: ``TimeEntry.person`` is the id of an ``Employee`` here, and
    the ``code`` of that employee is the number that the other systems use; the same holds for the ``assignee`` of a
    ticket. Changes come by ``updated_since`` with an overlap, deletions as tombstones. The settings are those of
    :class:`~periferia_link.connectors.ticketing.Ticketing`, with the profile ``periticket``.
    """

    product: ClassVar[str] = "Periticket"
    default_profile: ClassVar[str | None] = "periticket"


def time_entry_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str) -> TimeEntry:
    """
    Make a time entry of a work log; its person is Periticket's id of the person.

    Raises:
        ValueError: The work log does not fit: no hours, hours below 0, a day that is none.
    """
    entry = Records("TimeEntry", _PROFILE, fields["TimeEntry"]).entity(row, system)
    assert isinstance(entry, TimeEntry)  # noqa: S101 - the kind says so
    return entry


def employee_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str) -> Employee:
    """
    Make an employee of a person; the rates of an hour are kept in the ERP.

    Raises:
        ValueError: The person does not fit: no employee code, no name.
    """
    person = Records("Employee", _PROFILE, fields["Employee"]).entity(row, system)
    assert isinstance(person, Employee)  # noqa: S101 - the kind says so
    return person
