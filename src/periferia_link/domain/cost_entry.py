"""CostEntry: a balanced posting of cost (asiento de costo; journal entry in the ERP)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from periferia_link.domain._base import Entity, Exact, Instant, Money, Ref, _Value, exact_sum
from periferia_link.domain.exchange_rate import Exchange

__all__ = ["CostEntry", "CostLine"]

_DIMENSIONS = 5


def _trimmed(codes: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Return the codes without empty places at the end: equal values have equal JSON."""
    kept = tuple(code or None for code in codes)
    while kept and kept[-1] is None:
        kept = kept[:-1]
    if len(kept) > _DIMENSIONS or any(len(code) > 50 for code in kept if code):
        msg = "there are five dimensions, their codes have at most 50 characters"
        raise ValueError(msg)
    return kept


class CostLine(_Value):
    """
    One side of a posting: a debit or a credit on an account, never both, never negative.

    ``distribution_rule`` is that of ``cost_centre``. ``dimensions`` are the rules of the other dimensions, by place:
    ``(None, "BOG")`` is ``BOG`` in the second. ``internal_order`` (orden interna) takes the place of the project in
    FI/CO; ``activity`` and ``quantity`` (hours) are what an activity allocation needs. ``local_debit`` and
    ``local_credit`` are the amount in the currency of the books where the posting has another one.
    """

    account: str = Field(min_length=1, max_length=50)
    debit: Exact = Field(default=Decimal(0), ge=0)
    credit: Exact = Field(default=Decimal(0), ge=0)
    project: str | None = Field(default=None, max_length=50)
    cost_centre: str | None = Field(default=None, max_length=50)
    distribution_rule: str | None = Field(default=None, max_length=50)
    memo: str | None = Field(default=None, max_length=50)
    dimensions: Annotated[tuple[str | None, ...], AfterValidator(_trimmed)] = ()
    internal_order: str | None = Field(default=None, max_length=50)
    activity: str | None = Field(default=None, max_length=50)
    quantity: Exact | None = None
    local_debit: Exact | None = Field(default=None, ge=0)
    local_credit: Exact | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_side(self) -> CostLine:
        if (self.debit > 0) == (self.credit > 0):
            msg = f"account {self.account}: a line has a debit or a credit, exactly one of them"
            raise ValueError(msg)
        if self.local_credit if self.debit else self.local_debit:
            msg = f"account {self.account}: both currencies are on one side"
            raise ValueError(msg)
        return self


class CostEntry(Entity):
    """
    A posting that owns its lines; one that does not balance cannot be built, in neither currency.

    ``posted_on`` is a plain date of the company's books. ``debit`` and ``credit`` of all lines are in ``currency``; in
    a posting of another currency than the books' ``local_currency`` is that of the books, and ``exchange`` says how
    the amounts were converted. ``company`` is the code of the company whose books these are (sociedad), where one
    system keeps several. ``reverses`` names the posting that this one takes back (storno).
    """

    posted_on: date
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    lines: tuple[CostLine, ...] = Field(min_length=2)
    memo: str | None = Field(default=None, max_length=50)
    reference: str | None = Field(default=None, max_length=100)
    project: str | None = Field(default=None, max_length=50)
    updated_at: Instant | None = None
    local_currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    exchange: Exchange | None = None
    company: str | None = Field(default=None, max_length=50)
    reverses: Ref | None = None
    is_cancelled: bool = False

    @model_validator(mode="after")
    def _balanced(self) -> CostEntry:
        debit = exact_sum(line.debit for line in self.lines)
        credit = exact_sum(line.credit for line in self.lines)
        if debit != credit:
            msg = f"debits {debit} and credits {credit} differ"
            raise ValueError(msg)
        if self.local_currency is not None:
            debit = exact_sum(line.local_debit or Decimal(0) for line in self.lines)
            credit = exact_sum(line.local_credit or Decimal(0) for line in self.lines)
            if debit != credit:
                msg = f"debits {debit} and credits {credit} in {self.local_currency} differ"
                raise ValueError(msg)
        elif any(line.local_debit is not None or line.local_credit is not None for line in self.lines):
            msg = "amounts of the books need the currency of the books"
            raise ValueError(msg)
        return self

    @property
    def total(self) -> Money:
        """Sum of the debits, equal to the sum of the credits."""
        return Money(amount=exact_sum(line.debit for line in self.lines), currency=self.currency)

    @property
    def local_total(self) -> Money:
        """Sum of the debits in the currency of the books; the total where the posting has no other one."""
        if self.local_currency is None:
            return self.total
        amount = exact_sum(line.local_debit or Decimal(0) for line in self.lines)
        return Money(amount=amount, currency=self.local_currency)

    @classmethod
    def transfer(
        cls,
        amount: Money,
        *,
        debit: CostLine | str,
        credit: CostLine | str,
        posted_on: date,
        memo: str | None = None,
        reference: str | None = None,
        project: str | None = None,
        **more: Any,
    ) -> CostEntry:
        """
        Build the two-line posting that moves *amount* from *credit* to *debit*.

        A negative amount swaps the sides: that is how a correction is booked. Lines given as objects lend their
        account, project, cost centre and rule; their amounts are replaced.

        Raises:
            ValueError: The amount is zero.
        """
        if not amount:
            msg = "a posting of zero moves nothing"
            raise ValueError(msg)
        size = amount.amount.copy_abs()  # abs() would round to the context
        to, source = (debit, credit) if amount.amount > 0 else (credit, debit)
        given: dict[str, Any] = {"memo": memo, "reference": reference, "project": project, **more}
        return cls(
            posted_on=posted_on,
            currency=amount.currency,
            lines=(CostLine(**_place(to), debit=size), CostLine(**_place(source), credit=size)),
            # a field that nobody gave stays unset: unset fields are never sent
            **{name: value for name, value in given.items() if value is not None},
        )


def _place(line: CostLine | str) -> dict[str, Any]:
    """Return what a line says beside its amounts."""
    if isinstance(line, str):
        return {"account": line}
    return line.model_dump(exclude={"debit", "credit"}, exclude_unset=True)
