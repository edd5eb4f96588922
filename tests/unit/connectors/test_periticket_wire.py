"""Work logs and people as rows: what becomes an entity, and what is refused without showing it."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from pydantic import SecretStr

from periferia_link.connectors.base import Row
from periferia_link.connectors.periticket import (
    PERITICKET_FIELDS,
    Periticket,
    employee_from_wire,
    time_entry_from_wire,
)
from periferia_link.domain import Ref
from periferia_link.errors import RecordInvalidError

WORKLOG = {
    "id": "wl-1",
    "ticket_id": "tk-1",
    "person_id": "pe-1",
    "project_code": "PRY-1",
    "cost_centre": "CC-10",
    "worked_on": "2026-11-19",
    "hours": "7.50",
    "note": "Análisis",
    "billable": False,
    "approved_at": "2026-11-20T09:10:00-05:00",
    "updated_at": "2026-11-20T14:10:00Z",
    "deleted_at": None,
    "revision": 3,
}
PERSON = {
    "id": "pe-1",
    "employee_code": "E-1001",
    "name": "Ana Ruiz",
    "email": None,
    "active": False,
    "updated_at": "2026-11-20T14:10:00Z",
    "revision": 1,
}


@pytest.fixture
def helpdesk():
    with Periticket("https://helpdesk.periferia.example", token=SecretStr("t")) as helpdesk:
        yield helpdesk


class TestTimeEntryFromWire:
    """A work log becomes a time entry."""

    def test_every_column(self):
        """Members of the contract stand in the fields of the domain; instants are in UTC."""
        entry = time_entry_from_wire(WORKLOG, PERITICKET_FIELDS, "desk")
        assert Ref("desk", "TimeEntry", "wl-1") == entry.ref
        assert "3" == entry.version
        assert ("pe-1", "PRY-1", "CC-10", "Análisis") == (entry.person, entry.project, entry.cost_centre, entry.note)
        assert (date(2026, 11, 19), Decimal("7.50"), False) == (entry.worked_on, entry.hours, entry.is_billable)
        assert Ref("desk", "Ticket", "tk-1") == entry.ticket
        assert datetime(2026, 11, 20, 14, 10, tzinfo=timezone.utc) == entry.approved_at == entry.updated_at

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_what_is_not_said(self, nothing):
        """Null and an empty text both mean: nothing known."""
        names = ("ticket_id", "project_code", "cost_centre", "note", "approved_at", "billable")
        entry = time_entry_from_wire(WORKLOG | dict.fromkeys(names, nothing), PERITICKET_FIELDS, "desk")
        assert (None,) * 5 == (entry.ticket, entry.project, entry.cost_centre, entry.note, entry.approved_at)
        assert entry.is_billable

    def test_ids_that_are_numbers(self):
        """Some installations count: the ids become text."""
        row = WORKLOG | {"id": 7, "person_id": 12, "ticket_id": 0}
        entry = time_entry_from_wire(row, PERITICKET_FIELDS, "desk")
        assert ("7", "12", "0") == (entry.ref.id, entry.person, entry.ticket.id)

    def test_columns_of_this_installation(self):
        """Another column holds the project; one more travels in custom."""
        fields = PERITICKET_FIELDS.merged({"TimeEntry": {"columns": {"project": "obra"}, "extra": ["turno"]}})
        entry = time_entry_from_wire(WORKLOG | {"obra": "P-9", "turno": "noche"}, fields, "desk")
        assert ("P-9", {"turno": "noche"}) == (entry.project, dict(entry.custom))

    @pytest.mark.parametrize("hours", ["NaN", "-1", "0", "24.01", "Infinity", None, "", "siete", [], True])
    def test_hours_that_are_none(self, hours):
        """They are refused here, and typed by decode."""
        with pytest.raises(ValueError, match=r"^hours: "):
            time_entry_from_wire(WORKLOG | {"hours": hours}, PERITICKET_FIELDS, "desk")


class TestEmployeeFromWire:
    """A person becomes an employee without rates."""

    def test_every_column(self):
        """The code is what other systems know; the id is Periticket's."""
        employee = employee_from_wire(PERSON, PERITICKET_FIELDS, "desk")
        assert Ref("desk", "Employee", "pe-1") == employee.ref
        assert ("E-1001", "Ana Ruiz", None, False, ()) == (
            employee.code,
            employee.name,
            employee.email,
            employee.is_active,
            employee.rates,
        )


class TestDecode:
    """What does not fit parks one record."""

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"hours": "-7.77"}, "hours: Input should be greater than 0"),
            ({"hours": "NaN"}, "hours: Input should be a finite number"),
            ({"hours": None}, "hours: Field required"),
            ({"worked_on": "19/11/2026 7.77"}, "worked_on: "),
            ({"updated_at": "2026-11-20T14:10:00"}, "updated_at: Input should have timezone info"),
            ({"person_id": "7.77" * 50}, "person_id: "),
        ],
    )
    def test_the_column_is_named_and_the_value_is_not(self, helpdesk, change, told):
        """The message says where and why; hint, reference and system are there."""
        with pytest.raises(RecordInvalidError) as caught:
            helpdesk.decode("TimeEntry", Row("wl-1", "3", WORKLOG | change))
        assert told in str(caught.value)
        assert "7.77" not in f"{caught.value} {caught.value.to_dict()}"
        assert Ref("helpdesk", "TimeEntry", "wl-1") == caught.value.ref
        assert caught.value.__cause__ is None

    def test_bytes_keep_every_digit(self, helpdesk):
        """A ledger may hand the row back as text; a number in it is not rounded."""
        body = json.dumps(WORKLOG).replace('"7.50"', "7.10").encode()
        assert Decimal("7.10") == helpdesk.decode("TimeEntry", Row("wl-1", "3", body)).hours
