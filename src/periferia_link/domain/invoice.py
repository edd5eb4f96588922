"""Invoice: what a client is asked to pay (factura; a draft is a billing proposal)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from periferia_link.domain._base import Entity, Exact, Instant, Money, Ref, _Value, exact_sum

__all__ = ["Invoice", "InvoiceApproval", "InvoiceLine"]

InvoiceApproval = Literal["draft", "pending", "approved", "rejected", "cancelled"]
"""How far a proposal is: written, before an approver, decided, or taken back."""


class InvoiceLine(_Value):
    """One line: ``quantity`` × ``unit_price`` before tax, in the currency of the invoice."""

    description: str = Field(min_length=1, max_length=200)
    quantity: Exact = Field(gt=0)
    unit_price: Exact = Field(ge=0)
    item: str | None = Field(default=None, max_length=50)
    account: str | None = Field(default=None, max_length=50)
    project: str | None = Field(default=None, max_length=50)
    distribution_rule: str | None = Field(default=None, max_length=50)
    tax_code: str | None = Field(default=None, max_length=20)


class Invoice(Entity):
    """
    An invoice or, while ``is_draft``, the proposal of one; dates are plain dates of the company's books.

    ``total`` is before tax. ``approval`` is the state of the proposal where the system tells it: ``approved`` while
    ``is_draft`` was let through and is not booked yet; booked, it is an invoice. ``period`` is the month that it bills
    (``2026-10``). ``company`` is the code of the company that bills, where one system keeps several.
    """

    client: Ref
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    lines: tuple[InvoiceLine, ...] = Field(min_length=1, max_length=1_000)
    number: str | None = Field(default=None, max_length=50)
    project: str | None = Field(default=None, max_length=50)
    posted_on: date
    due_on: date | None = None
    reference: str | None = Field(default=None, max_length=100)
    is_draft: bool = True
    approval: InvoiceApproval | None = None
    approved_on: date | None = None
    period: str | None = Field(default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    company: str | None = Field(default=None, max_length=50)
    updated_at: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Invoice:
        if self.due_on is not None and self.due_on < self.posted_on:
            msg = "an invoice cannot be due before it is posted"
            raise ValueError(msg)
        return self

    @property
    def is_open(self) -> bool:
        """Whether it may still be written anew: a proposal that nobody has been asked about, or that was sent back."""
        return self.is_draft and self.approval in (None, "draft", "rejected")

    @property
    def total(self) -> Money:
        """Sum of the lines before tax, each rounded to the decimals of the currency as an invoice prints it."""
        lines = [Money(amount=line.quantity * line.unit_price, currency=self.currency).rounded() for line in self.lines]
        return Money(amount=exact_sum(line.amount for line in lines), currency=self.currency)
