"""ClientContext: what the help desk should know about a client before it answers (contexto del cliente)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field

from periferia_link.domain._base import Entity, Exact, Instant, Money, Ref, Text
from periferia_link.domain._tax_id import TaxId
from periferia_link.domain.ticket import TicketPriority

__all__ = ["ClientContext"]


class ClientContext(Entity):
    """
    One client as sales sees it, for the people who answer its tickets; written by this library, read by the help desk.

    ``code`` is the key that people use for the client in both systems: a NIT without its check digit, another tax
    id, else the code of the CRM. ``value`` is what it buys, ``open_value`` what it may buy next. ``satisfaction``
    is the mean of its answers on a scale from 0 to 100. ``open_pqrs`` counts petitions, complaints and claims that
    wait for an answer, ``overdue_pqrs`` those beyond their day. ``priority`` is the least priority that its tickets
    get (``None``: no rule applies), ``score`` the points behind it and ``explanation`` the reasons in a sentence.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset()

    code: str = Field(min_length=1, max_length=100)
    name: Text
    client: Ref | None = None
    tax_id: TaxId | None = None
    tier: str | None = Field(default=None, max_length=100)
    value: Money | None = None
    renews_on: date | None = None
    open_opportunities: int = Field(default=0, ge=0)
    open_value: Money | None = None
    satisfaction: Exact | None = Field(default=None, ge=0, le=100)
    answers: int = Field(default=0, ge=0)
    open_pqrs: int = Field(default=0, ge=0)
    overdue_pqrs: int = Field(default=0, ge=0)
    breaches: int = Field(default=0, ge=0)
    score: int = Field(default=0, ge=0)
    priority: TicketPriority | None = None
    explanation: str | None = Field(default=None, max_length=2000)
    updated_at: Instant | None = None
