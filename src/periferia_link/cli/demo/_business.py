"""What the four systems of the demo hold before anything runs, in the rows that each of them keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from periferia_link.cli.demo._helpdesk import Desk, Row, Sales, stamp

__all__ = [
    "CREDIT",
    "DEBIT",
    "Business",
    "Changes",
    "Person",
    "Row",
    "WorkLog",
    "account_row",
    "opportunity_row",
    "partner_row",
    "rate_row",
    "stamp",
]

DEBIT = "613595"
"""Labour of services: what the hours are booked on (PUC)."""

CREDIT = "510595"
"""Payroll cost distributed to projects: the other side."""

_STATES = {"open": (0, 1), "won": (1, 3), "lost": (2, 4)}


class Person(NamedTuple):
    """Somebody who works: ``id`` in Periticket, ``code`` everywhere; COP an hour since each day, in order of days."""

    id: str
    code: str
    first_name: str
    last_name: str
    centre: str
    rates: tuple[tuple[date, Decimal], ...]


class WorkLog(NamedTuple):
    """One work log of Periticket; only approved ones become cost."""

    id: str
    person: str
    project: str
    centre: str | None
    day: date
    hours: Decimal
    is_approved: bool
    note: str
    updated_at: datetime
    revision: int = 1
    ticket: str | None = None
    """Id of the ticket that the work was for."""

    @property
    def row(self) -> Row:
        """Return the row of the help desk."""
        return {
            "id": self.id,
            "ticket_id": self.ticket,
            "person_id": self.person,
            "project_code": self.project,
            "cost_centre": self.centre,
            "worked_on": self.day.isoformat(),
            "hours": f"{self.hours:.2f}",
            "note": self.note,
            "status": "approved" if self.is_approved else "submitted",
            "approved_at": stamp(self.updated_at) if self.is_approved else None,
            "updated_at": stamp(self.updated_at),
            "revision": self.revision,
        }


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What people change between the second and the third run."""

    account: Row
    opportunity: Row
    log: WorkLog
    """The corrected work log; ``before`` are its hours until then."""
    before: Decimal
    person: Person
    since: date
    hourly: Decimal


@dataclass(frozen=True, kw_only=True)
class Business:
    """
    A company before the first run.

    ``logs`` gives the work logs, as often as it is called, without keeping them. ``rules`` are sentences for the
    screen, by name of the text, with their values: how the rows were made.
    """

    starts: date
    accounts: Sequence[Row]
    opportunities: Sequence[Row]
    partners: Sequence[Row]
    centres: Mapping[str, str]
    """Code and name; the distribution rule of a centre has its code behind ``R-``."""
    people: Sequence[Person]
    logs: Callable[[], Iterator[WorkLog]]
    changes: Changes
    desk: Desk = field(default_factory=Desk)
    sales: Sales = field(default_factory=Sales)
    rules: Sequence[tuple[str, Mapping[str, Any]]] = field(default_factory=tuple)

    @property
    def erp_tables(self) -> Mapping[str, Sequence[Row]]:
        """Return what SAP holds: partners of old, centres with their rules, people with dated rates."""
        return {
            "BusinessPartners": self.partners,
            "ProfitCenters": [{"CenterCode": code, "CenterName": name} for code, name in self.centres.items()],
            "DistributionRules": [
                {
                    "FactorCode": f"R-{code}",
                    "FactorDescription": name,
                    "TotalFactor": 100,
                    "DistributionRuleLines": [{"CenterCode": code, "TotalInCenter": 100}],
                }
                for code, name in self.centres.items()
            ],
            "EmployeesInfo": [
                {
                    "FirstName": person.first_name,
                    "LastName": person.last_name,
                    "ExternalEmployeeNumber": person.code,
                    "CostCenterCode": person.centre,
                }
                for person in self.people
            ],
            "U_PL_RATES": [rate_row(person, since, hourly) for person in self.people for since, hourly in person.rates],
        }

    @property
    def helpdesk_people(self) -> list[Row]:
        """Return the people as Periticket knows them."""
        known = [
            {"id": person.id, "employee_code": person.code, "name": f"{person.first_name} {person.last_name}"}
            for person in self.people
        ]
        ids = {row["id"] for row in known}
        return [*known, *(row for row in self.desk.people if row["id"] not in ids)]

    @property
    def sizes(self) -> dict[str, int]:
        """Return how many records there are to read, by flow."""
        return {
            "clients": len(self.accounts),
            "projects": len(self.opportunities),
            "leads": len(self.sales.leads),
            "helpdesk_clients": len(self.desk.clients),
            "tickets_to_crm": len(self.desk.tickets),
            "ticket_timeline": len(self.desk.tickets),
        }

    @property
    def rates(self) -> dict[str, list[tuple[date, Decimal]]]:
        """Return the rates by Periticket's id of the person."""
        return {person.id: list(person.rates) for person in self.people}


def rate_row(person: Person, since: date, hourly: Decimal) -> Row:
    """Return one row of the user table of dated rates."""
    return {
        "Code": f"{person.code}-{since:%Y%m%d}",
        "Name": f"{person.code} {since}",
        "U_Employee": person.code,
        "U_From": since.isoformat(),
        "U_Hourly": str(hourly),
        "U_Currency": "COP",
    }


def account_row(key: str, name: str, nit: str | None, city: str, owner: str | None = None) -> Row:
    """Return an account of the CRM; the NIT as somebody typed it, ``owner`` the user who answers for it."""
    row = {"accountid": key, "name": name, "pl_nit": nit, "address1_city": city, "address1_country": "Colombia"}
    if owner is not None:
        row |= {"_ownerid_value": owner, "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "systemuser"}
    return row


def opportunity_row(
    key: str, account: str, name: str, *, number: str, state: str, value: int, closed_on: date | None = None
) -> Row:
    """Return an opportunity of the CRM: ``open``, ``won`` or ``lost``."""
    code, status = _STATES[state]
    lookup = "@Microsoft.Dynamics.CRM.lookuplogicalname"
    row: Row = {"opportunityid": key, "name": name, "pl_number": number, "statecode": code, "statuscode": status}
    for column in ("_customerid_value", "_parentaccountid_value"):
        row |= {column: account, column + lookup: "account"}
    row["estimatedvalue"] = value
    if closed_on is not None:
        row |= {"actualclosedate": closed_on.isoformat(), "actualvalue": value}
    return row


def partner_row(code: str, name: str, nit: str, city: str) -> Row:
    """Return a customer that SAP has had for years."""
    return {"CardCode": code, "CardName": name, "FederalTaxID": nit, "City": city, "Country": "CO", "Currency": "COP"}
