"""CostEntry: a balanced posting of cost (asiento de costo; journal entry in the ERP)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator

from periferia_link.domain._base import Entity, Exact, Instant, Money, _Value, exact_sum

__all__ = ["CostEntry", "CostLine"]


class CostLine(_Value):
    """One side of a posting: a debit or a credit on an account, never both, never negative."""

    account: str = Field(min_length=1, max_length=50)
    debit: Exact = Field(default=Decimal(0), ge=0)
    credit: Exact = Field(default=Decimal(0), ge=0)
    project: str | None = Field(default=None, max_length=50)
    cost_centre: str | None = Field(default=None, max_length=50)
    distribution_rule: str | None = Field(default=None, max_length=50)
    memo: str | None = Field(default=None, max_length=50)

    @model_validator(mode="after")
    def _one_side(self) -> CostLine:
        if (self.debit > 0) == (self.credit > 0):
            msg = f"account {self.account}: a line has a debit or a credit, exactly one of them"
            raise ValueError(msg)
        return self


class CostEntry(Entity):
    """
    A posting that owns its lines; one that does not balance cannot be built.

    ``posted_on`` is a plain date of the company's books. Amounts of all lines are in ``currency``.
    """

    posted_on: date
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    lines: tuple[CostLine, ...] = Field(min_length=2)
    memo: str | None = Field(default=None, max_length=50)
    reference: str | None = Field(default=None, max_length=100)
    project: str | None = Field(default=None, max_length=50)
    updated_at: Instant | None = None

    @model_validator(mode="after")
    def _balanced(self) -> CostEntry:
        debit = exact_sum(line.debit for line in self.lines)
        credit = exact_sum(line.credit for line in self.lines)
        if debit != credit:
            msg = f"debits {debit} and credits {credit} differ"
            raise ValueError(msg)
        return self

    @property
    def total(self) -> Money:
        """Sum of the debits, equal to the sum of the credits."""
        return Money(amount=exact_sum(line.debit for line in self.lines), currency=self.currency)

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
        given: dict[str, Any] = {"memo": memo, "reference": reference, "project": project}
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
