"""From a group of labour cost to a balanced posting: accounts, rules, dimensions, both currencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from periferia_link.domain import CostCentre, CostEntry, CostLine, Money, Period, exact_sum
from periferia_link.engine import Context, Group, Skip
from periferia_link.errors import MissingReferenceError
from periferia_link.flows._labour_cost import table_of
from periferia_link.flows._labour_group import LabourGroup
from periferia_link.rules.labour_books import LabourBooks

__all__ = ["LabourPosting"]

_ACCOUNT = "amount "
_NOTHING = Decimal(0)


class _Part(NamedTuple):
    """What moves on one account, in the currency of the posting and in that of the books; signed."""

    account: str
    amount: Decimal
    local: Decimal


class LabourPosting(NamedTuple):
    """How a group becomes a posting of the difference, or of the whole."""

    companies: Mapping[str, LabourBooks]
    corrections: Literal["same day", "today"]
    reads: frozenset[str]

    def project(self, group: Group, context: Context) -> CostEntry | Skip:
        """Return the posting; an amount of zero moves nothing."""
        named = LabourGroup.read(group.names)
        books = self.companies[named.company]
        parts = [part for part in _parts(group, named, books) if part.amount]
        if not parts:
            return Skip("no cost")
        if named.exchange is not None and not any(part.local for part in parts):
            return Skip("no cost", stays_due=True)  # less than the books can hold; with what comes later it may be more
        place = self._place(named, books, context)
        if books.activity is not None and group.delta.get("hours"):
            place |= {"activity": books.activity, "quantity": group.delta["hours"].copy_abs()}
        word = "Labour" if group.ordinal == 0 else "Labour adj." if group.posted is None else "Labour rev."
        memo = f"{word} {named.project} {named.centre} {named.day.isoformat()}"[:50]
        offset = _Part(
            books.credit,
            exact_sum(-part.amount for part in parts),
            exact_sum(-part.local for part in parts),
        )
        is_abroad = named.exchange is not None
        lines = [_line(part, is_abroad, {**place, "memo": memo}) for part in parts]
        lines += [_line(offset, is_abroad, {})] if offset.amount else []
        given: dict[str, Any] = {"memo": memo, "reference": f"{named.project}/{named.centre}"[:27]}
        if is_abroad:
            given |= {"local_currency": books.currency, "exchange": named.exchange}
        if named.company or books.code:
            given["company"] = books.code or named.company
        if group.posted is not None:
            given["reverses"] = group.posted
        if not books.orders:
            given["project"] = named.project
        return CostEntry(
            posted_on=self._day(group, named.day, books, context),
            currency=named.currency,
            lines=tuple(sorted(lines, key=lambda line: not line.debit)),
            **given,
        )

    def _day(self, group: Group, worked_on: date, books: LabourBooks, context: Context) -> date:
        """Return the day of the posting: the day worked; of a correction today, where that was chosen."""
        closed = books.closed_through
        is_closed = closed is not None and worked_on <= closed
        if self.corrections == "today" and (group.ordinal or is_closed):
            return context.today
        if is_closed:
            msg = f"the period {Period.of(worked_on)} is closed in the books"
            hint = "open it again and move closed_through back, or book what comes late today: corrections = 'today'"
            raise MissingReferenceError(msg, hint=hint)
        return worked_on

    def _place(self, named: LabourGroup, books: LabourBooks, context: Context) -> dict[str, Any]:
        """Return where the cost belongs: project or order, centre with its rule, further dimensions."""
        place: dict[str, Any] = {"internal_order" if books.orders else "project": named.project}
        place["cost_centre"] = named.centre
        rule = self._rule(named.centre, named.company, books, context)
        if rule is not None:
            place["distribution_rule"] = rule
        if named.dimensions:
            codes: list[str | None] = [None] * max(named.dimensions)
            for number, code in named.dimensions.items():
                codes[number - 1] = self._code(code, named.company, context)
            place["dimensions"] = tuple(codes)
        return place

    def _rule(self, centre_code: str, company: str, books: LabourBooks, context: Context) -> str | None:
        if "CostCentre" not in self.reads:
            return None
        centre: CostCentre = context.lookup(table_of("centres", company), centre_code)
        if centre.distribution_rule is None and books.distribution_rules:
            msg = f"cost centre {centre_code} has no distribution rule"
            raise MissingReferenceError(msg, hint="create the rule in the ERP; the posting is tried again then")
        return centre.distribution_rule

    def _code(self, code: str, company: str, context: Context) -> str:
        """Return the rule of a centre of another dimension; a code that is no centre is a rule itself."""
        if "CostCentre" not in self.reads:
            return code
        centre: CostCentre | None = context.find(table_of("centres", company), code)
        if centre is None:
            return code
        if centre.distribution_rule is None:
            msg = f"cost centre {code} has no distribution rule"
            raise MissingReferenceError(msg, hint="create the rule in the ERP; the posting is tried again then")
        return centre.distribution_rule


def _parts(group: Group, named: LabourGroup, books: LabourBooks) -> Iterator[_Part]:
    """
    Yield what moves on each account.

    The amount of the books is the total of the account, converted and rounded, less what was so booked before: it
    stands for the whole, so that rounding never adds up, however often a group is corrected.
    """
    for name, amount in sorted(group.delta.items()):
        if name != "amount" and not name.startswith(_ACCOUNT):
            continue
        account = name[len(_ACCOUNT) :] or (books.debit if isinstance(books.debit, str) else next(iter(books.debit)))
        local = _NOTHING
        if named.exchange is not None and books.currency is not None:
            total = group.total.get(name, _NOTHING)
            now, before = (
                named.exchange.convert(Money.of(held, named.currency), books.currency, books.decimals).amount
                for held in (total, exact_sum((total, -amount)))
            )
            local = exact_sum((now, -before))
        yield _Part(account, amount, local)


def _line(part: _Part, is_abroad: bool, place: Mapping[str, Any]) -> CostLine:  # noqa: FBT001 - private
    side = "debit" if part.amount > 0 else "credit"
    given: dict[str, Any] = {side: part.amount.copy_abs()}
    if is_abroad:
        given[f"local_{side}"] = part.local.copy_abs()
    return CostLine(account=part.account, **place, **given)
