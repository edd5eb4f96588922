"""What one time entry costs: person, rate of the day, company, centre, exchange rate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from periferia_link.domain import Employee, Exchange, ExchangeRate, Money, Project, TimeEntry
from periferia_link.engine import Context, Contribution, Skip
from periferia_link.errors import MissingReferenceError
from periferia_link.flows._labour_group import LabourGroup
from periferia_link.rules.exchange_table import rate_key
from periferia_link.rules.labour_books import LabourBooks
from periferia_link.rules.rate_card import EVERYBODY

__all__ = ["LabourCost", "table_of"]

_LONGEST_WEEKEND = 7  # days that a published rate may hold without a line of its own


def table_of(name: str, company: str) -> str:
    """Return the name of the table of one company's ERP."""
    return f"{name} {company}" if company else name


class LabourCost(NamedTuple):
    """
    How hours become contributions.

    ``companies`` are the books by instance; a single one has the name ``""``. ``reads`` are the kinds that the ERP
    gives, ``has_card`` whether rates come from a card, ``rate_age`` how old an exchange rate may be (``None``: the ERP
    converts by itself). ``has_own_rates``: each company's ERP gives the exchange rates of its books.
    """

    companies: Mapping[str, LabourBooks]
    per_entry: bool
    reads: frozenset[str]
    has_card: bool
    rate_age: int | None
    has_own_rates: bool = False

    def contribute(self, entry: TimeEntry, context: Context) -> Contribution | Skip:
        """Return what an entry adds to which posting; it counts when it is approved."""
        if entry.approved_at is None:
            return Skip("not approved")
        if entry.project is None:
            msg = "the time entry names no project"
            raise MissingReferenceError(msg, hint="choose the project in the help desk")
        person: Employee = context.lookup("people", entry.person)
        name = self._company(entry.project, context)
        books = self.companies[name]
        employee = self._employee(person.code, name, context)
        card = self._card(person.code, context)
        centre = entry.cost_centre or (card and card.cost_centre) or (employee and employee.cost_centre)
        if not centre:
            msg = "neither the time entry nor the employee names a cost centre"
            raise MissingReferenceError(msg, hint=f"set the cost centre of employee {person.code} in the ERP")
        project = context.lookup(table_of("projects", name), entry.project) if "Project" in self.reads else None
        cost = self._cost(entry, books, card or employee, person.code)
        group = LabourGroup(
            entry.project,
            centre,
            entry.worked_on,
            cost.currency,
            entry.ref.id if self.per_entry and entry.ref is not None else "",
            name,
            self._exchange(cost.currency, name, entry.worked_on, context),
            {number: _column(text, entry, employee or person, project) for number, text in books.dimensions.items()},
        )
        return Contribution(group.names(), {**_shared(cost, books), "hours": entry.hours})

    # ------------------------------------------------------------------ whose books

    def _company(self, project: str, context: Context) -> str:
        """Return the company of a project: by the patterns of its codes, else the one whose ERP holds it."""
        if len(self.companies) == 1:
            return next(iter(self.companies))
        by_code = [name for name, books in self.companies.items() if books.keeps(project)]
        found = by_code or [
            name
            for name, books in self.companies.items()
            if not books.projects and context.find(table_of("projects", name), project) is not None
        ]
        if len(found) == 1:
            return found[0]
        if found:
            msg = f"project {project} belongs to {' and '.join(found)}"
            raise MissingReferenceError(msg, hint="give the companies patterns of their project codes")
        msg = f"no company keeps the project {project}"
        raise MissingReferenceError(
            msg, hint=f"open it in {' or '.join(self.companies)}; the entry is tried again then"
        )

    def _employee(self, code: str, company: str, context: Context) -> Employee | None:
        """Return the person in the ERP of the company, or where else the person is employed."""
        if "Employee" not in self.reads:
            return None
        for name in (company, *(other for other in self.companies if other != company)):
            employee: Employee | None = context.find(table_of("employees", name), code)
            if employee is not None:
                return employee
        if self.has_card:
            return None
        found: Employee = context.lookup(table_of("employees", company), code)
        return found

    # ------------------------------------------------------------------ what it costs

    def _card(self, code: str, context: Context) -> Employee | None:
        if not self.has_card:
            return None
        named: Employee | None = context.find("rates", code) or context.find("rates", EVERYBODY)
        if named is None:
            msg = f"the rate card names no rate for {code}"
            raise MissingReferenceError(msg, hint="add the person to it; the entry is tried again then")
        return named

    def _cost(self, entry: TimeEntry, books: LabourBooks, paid: Employee | None, code: str) -> Money:
        if paid is None:
            msg = f"nothing says what an hour of {code} costs"
            raise MissingReferenceError(msg, hint="give the flow a rate card, or let it read employees of the ERP")
        try:
            rate = paid.rate_on(entry.worked_on)
        except MissingReferenceError as exc:
            if not self.has_card:
                raise
            msg = f"the rate card has no rate for {code} valid on {entry.worked_on}"
            raise MissingReferenceError(msg, hint="add it there; the entry is tried again then") from exc
        is_local = books.currency in (None, rate.currency)
        return (rate * entry.hours).rounded(books.decimals if is_local else None)

    def _exchange(self, currency: str, company: str, day: date, context: Context) -> Exchange | None:
        """Return the rate of the day, or the one that stands in for it; every day that was asked is a dependency."""
        books = self.companies[company]
        table = table_of("exchange", company if self.has_own_rates else "")
        if self.rate_age is None or books.currency in (None, currency):
            return None
        assert books.currency is not None  # noqa: S101 - the line above looked
        for age in range(max(self.rate_age, _LONGEST_WEEKEND) + 1):
            found: ExchangeRate | None = context.find(
                table, rate_key(currency, books.currency, day - timedelta(days=age))
            )
            if found is not None and (age <= self.rate_age or (found.until is not None and found.until >= day)):
                return found.exchange
        msg = f"no exchange rate {currency} to {books.currency} of {day}"
        raise MissingReferenceError(msg, hint="add it to the exchange rates; the entry is tried again then")


def _shared(cost: Money, books: LabourBooks) -> dict[str, Decimal]:
    """Return the cost by account; one account takes all of it."""
    if isinstance(books.debit, str):
        return {"amount": cost.amount}
    places = -int(cost.amount.as_tuple().exponent)
    parts = cost.split(list(books.debit.values()), places)
    return {f"amount {account}": part.amount for account, part in zip(books.debit, parts, strict=True)}


def _column(text: str, entry: TimeEntry, person: Employee, project: Project | None) -> str:
    """Return the code of a dimension: a constant, or what a column of a record says."""
    owner, colon, column = text.partition(":")
    records: Mapping[str, Any] = {"entry": entry, "person": person, "project": project}
    if not colon or owner not in records:
        return text
    record = records[owner]
    value = None if record is None else record.custom.get(column)
    if value in (None, ""):
        msg = f"the column {column} of the {owner} names no code of a dimension"
        raise MissingReferenceError(msg, hint=f"fill {column} in; the entry is tried again then")
    return str(value)
