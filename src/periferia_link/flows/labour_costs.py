"""Labour costs: approved hours of the help desk become balanced postings, one for each project, centre and day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from periferia_link.domain import CostEntry
from periferia_link.engine import Flow, Lookup
from periferia_link.errors import ConfigurationError
from periferia_link.flows._labour_cost import LabourCost, table_of
from periferia_link.flows._labour_posting import LabourPosting
from periferia_link.rules import ExchangeTable, LabourBooks, RateCard, read_exchange_rates, read_rate_card
from periferia_link.rules.exchange_table import rate_key
from periferia_link.rules.labour_books import read_labour_books

__all__ = ["labour_costs"]

_KINDS = {
    "Employee": ("employees", "employee"),
    "CostCentre": ("centres", "cost centre"),
    "Project": ("projects", "project"),
}


def labour_costs(
    *,
    starts: date | None,
    debit: str | Mapping[str, Decimal] | None = None,
    credit: str | None = None,
    per: Literal["day", "entry"] = "day",
    corrections: Literal["same day", "today"] = "same day",
    corrects: Literal["difference", "reversal"] = "difference",
    decimals: int | None = None,
    currency: str | None = None,
    dimensions: Mapping[str, str] | None = None,
    activity: str | None = None,
    orders: bool = False,
    distribution_rules: bool = True,
    closed_through: date | None = None,
    companies: Mapping[str, LabourBooks | Mapping[str, Any]] | None = None,
    rate_card: RateCard | Mapping[str, Any] | None = None,
    exchange_rates: ExchangeTable | Mapping[str, Any] | str | None = None,
    reads: tuple[str, ...] = ("Employee", "CostCentre", "Project"),
    source: str = "helpdesk",
    target: str = "erp",
    **changes: Any,
) -> Flow:
    """
    Return the flow that books labour cost.

    cost of an entry = hours times the person's rate on that day, rounded half up to the decimals of the currency; a
    posting is the sum of its entries, to the cent. A later correction posts the difference. Entries count when they
    are approved. Rate and distribution rule are looked up when the run starts; a missing one parks the record, and a
    change of a rate posts the difference for every day it applies to.

    A rate in another currency than the books' is converted at the exchange rate of the day worked; source and day of
    that rate stand in the posting. When it changes later, the cost is taken back at the old rate and booked at the new
    one.

    Args:
        starts: First day whose hours are booked by this flow; earlier ones were booked by hand.

        debit: Account of labour cost, or several with their shares (wages and social charges).

        credit: Offset account.

        per: One posting for each project, centre and day, or one for each time entry.

        corrections: Day of a posting that corrects: the day worked, or today when that period is closed.

        corrects: How: by the difference, or by a reversal of the whole posting and a new one.

        decimals: Decimals of the books where they differ from ISO 4217 (COP is often kept without cents).

        currency: Currency of the books; without it every posting is in the currency of its rate.

        dimensions: Code of each further dimension, by number: a constant or ``entry:NAME``, ``person:NAME``,
            ``project:NAME``, a column of that record.

        activity: Activity type of the hours, for ERPs that allocate activities; the hours then stand in the posting.

        orders: Whether project codes are internal orders (FI/CO).

        distribution_rules: Whether a cost centre needs a distribution rule to be booked on.

        closed_through: Last day of the closed books: what belongs to an earlier day waits, or is booked today where
            ``corrections`` says so.

        companies: Books by instance where several ERPs take labour cost; each has the options above, as far as it
            differs. The project decides: by the patterns ``projects``, else the company whose ERP holds it.

        rate_card: The table ``[rate_card]``; without it the ERP's employees give the rates.

        exchange_rates: The table ``[exchange_rates]``, or the role of a system that keeps exchange rates (the ERP's own
            role: every company converts by its own); without it the ERP converts when it posts.

        reads: Kinds of the ERP that are read; leave out what it does not have.

        source: Role of the help desk.

        target: Role of the ERP.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: ``starts`` or an account is missing, or the changes do not make a valid flow.
    """
    usual = {
        "debit": debit,
        "credit": credit,
        "decimals": decimals,
        "currency": currency,
        "dimensions": dimensions,
        "activity": activity,
        "orders": orders,
        "distribution_rules": distribution_rules,
        "closed_through": closed_through,
    }
    books = _books({name: value for name, value in usual.items() if value is not None}, companies)
    card = read_rate_card(rate_card) if isinstance(rate_card, Mapping) else rate_card
    exchange = read_exchange_rates(exchange_rates) if isinstance(exchange_rates, Mapping) else exchange_rates
    age = exchange.max_age_days if isinstance(exchange, ExchangeTable) else None if exchange is None else 0
    has_own_rates = exchange == target and "" not in books
    cost = LabourCost(books, per == "entry", frozenset(reads), card is not None, age, has_own_rates)
    posting = LabourPosting(books, corrections, frozenset(reads))
    said = [per, corrections, corrects, *sorted(reads), str(age), *(f"{n}={own.text()}" for n, own in books.items())]
    flow = Flow(
        name="labour_costs",
        source=(source, "TimeEntry"),
        target=(target, "CostEntry"),
        contribute=cost.contribute,
        project=posting.project,
        lookups={**_tables(books, reads, source, target), **_rates(card, exchange, books if has_own_rates else [""])},
        corrects=corrects,
        on_delete="adjust",
        after=("clients", "projects"),
        starts=starts,
        dated=lambda entry: entry.worked_on,
        posts_money=True,
        relation="made from",
        rules="|".join(said),
        **_routed(books),
    )
    return flow.but(**changes) if changes else flow


def _books(
    usual: Mapping[str, Any], companies: Mapping[str, LabourBooks | Mapping[str, Any]] | None
) -> dict[str, LabourBooks]:
    """Return the books by instance; a company says only what differs from the usual."""
    if companies:
        return {
            name: own if isinstance(own, LabourBooks) else read_labour_books({**usual, **own}, name=name)
            for name, own in companies.items()
        }
    for name in ("debit", "credit"):
        if name not in usual:
            msg = f"[flows.labour_costs.options] {name} is missing"
            raise ConfigurationError(msg, hint=f"set {name} there; the flow cannot be made without it")
    return {"": read_labour_books(usual)}


def _tables(books: Mapping[str, LabourBooks], reads: Iterable[str], source: str, target: str) -> dict[str, Lookup]:
    tables = {"people": Lookup(source, "Employee", lambda person: person.ref.id if person.ref else None, "person")}
    for kind in reads:
        if kind not in _KINDS:
            msg = f"labour_costs does not read {kind}"
            raise ConfigurationError(msg, hint=f"reads may name {', '.join(_KINDS)}")
        name, title = _KINDS[kind]
        for company in books:
            tables[table_of(name, company)] = Lookup(company or target, kind, lambda one: one.code, title)
    return tables


def _rates(card: RateCard | None, exchange: ExchangeTable | str | None, companies: Iterable[str]) -> dict[str, Lookup]:
    tables: dict[str, Lookup] = {}
    if card is not None:
        tables["rates"] = Lookup("rate_card", "Employee", lambda one: one.code, "rate", rows=card.employees)
    if exchange is not None:
        role = exchange if isinstance(exchange, str) else "exchange_rates"
        rows = exchange.by_day if isinstance(exchange, ExchangeTable) else None
        for company in companies:
            tables[table_of("exchange", company)] = Lookup(
                company or role, "ExchangeRate", _key_of_rate, "exchange rate", rows=rows
            )
    return tables


def _key_of_rate(one: Any) -> str:
    return rate_key(one.currency, one.into, one.on)


def _routed(books: Mapping[str, LabourBooks]) -> dict[str, Any]:
    """Return how a flow finds the company of a posting; its code travels only where one was given."""
    codes = {own.code or name: name for name, own in books.items()}
    if len(codes) != len(books):
        msg = "two companies have the same code"
        raise ConfigurationError(msg, hint="each of [flows.labour_costs.options.companies] has a code of its own")
    if "" in books:
        return {}
    sent = frozenset(CostEntry.model_fields) - {"ref", "version"}
    owns = sent if any(own.code for own in books.values()) else sent - {"company"}
    return {"route": lambda posting: codes[posting.company], "owns": owns}
