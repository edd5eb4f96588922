"""Employee: who works, and what an hour of that person costs since when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, ClassVar

from pydantic import Field, model_validator

from periferia_link.domain._base import Entity, Instant, Money, Text, _Value
from periferia_link.errors import MissingReferenceError

__all__ = ["Employee", "Rate"]


class Rate(_Value):
    """Cost of one hour from ``valid_from`` on (inclusive) until a later rate begins."""

    valid_from: date
    hourly: Money

    @model_validator(mode="after")
    def _positive(self) -> Rate:
        if self.hourly.amount < 0:
            msg = "a rate cannot be negative"
            raise ValueError(msg)
        return self

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # what a person earns is nobody's business in a log
        yield "valid_from", self.valid_from


class Employee(Entity):
    """
    A person of the company with dated cost rates.

    ``code`` is the number that other systems use for the person (ExternalEmployeeNumber in Business One).
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"name", "email", "document", "rates"})

    code: str = Field(min_length=1, max_length=50)
    name: Text
    email: str | None = Field(default=None, max_length=200)
    document: str | None = Field(default=None, max_length=40)
    cost_centre: str | None = Field(default=None, max_length=50)
    rates: tuple[Rate, ...] = ()
    is_active: bool = True
    updated_at: Instant | None = None

    @model_validator(mode="after")
    def _one_rate_a_day(self) -> Employee:
        by_day: dict[date, Money] = {}
        for rate in self.rates:
            if by_day.setdefault(rate.valid_from, rate.hourly) != rate.hourly:
                msg = f"two different rates begin on {rate.valid_from}"
                raise ValueError(msg)
        return self

    def rate_on(self, day: date) -> Money:
        """
        Return the cost of an hour worked on *day*.

        Raises:
            MissingReferenceError: No rate is valid on that day.
        """
        valid = [rate for rate in self.rates if rate.valid_from <= day]
        if not valid:
            msg = f"employee {self.code} has no cost rate valid on {day}"
            raise MissingReferenceError(msg, hint="add the rate in the ERP; the entry is tried again then")
        return max(valid, key=lambda rate: rate.valid_from).hourly
