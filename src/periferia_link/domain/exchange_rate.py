"""ExchangeRate: what one unit of a currency is worth in another on a day (tasa de cambio; TRM in Colombia)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import Field, model_validator

from periferia_link.domain._base import Entity, Exact, Money, _Value

__all__ = ["Exchange", "ExchangeRate"]


class Exchange(_Value):
    """
    The rate that a posting was converted with: units of the books' currency for one unit of the document's.

    ``on`` is the day that the rate belongs to, ``source`` who published it (``TRM``, a bank, the ERP).
    """

    factor: Exact = Field(gt=0)
    on: date
    source: str = Field(min_length=1, max_length=50)

    def convert(self, amount: Money, currency: str, decimals: int | None = None) -> Money:
        """Return *amount* in *currency*, rounded half up to its decimals or to those of the books."""
        return Money(amount=(amount * self.factor).amount, currency=currency).rounded(decimals)


class ExchangeRate(Entity):
    """
    A published rate: one unit of ``currency`` is ``factor`` units of ``into``, from ``on`` to ``until``, both included.

    Without ``until`` it holds for one day. The TRM of a Friday holds until Monday: such rates name their last day.
    """

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    into: str = Field(pattern=r"^[A-Z]{3}$")
    on: date
    until: date | None = None
    factor: Exact = Field(gt=Decimal(0))
    source: str = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _in_order(self) -> ExchangeRate:
        if self.until is not None and self.until < self.on:
            msg = "a rate cannot end before it begins"
            raise ValueError(msg)
        if self.currency == self.into:
            msg = "a currency has no rate into itself"
            raise ValueError(msg)
        return self

    @property
    def exchange(self) -> Exchange:
        """What a posting keeps of it."""
        return Exchange(factor=self.factor, on=self.on, source=self.source)
