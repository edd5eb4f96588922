"""Opportunity: a sale in the making (oportunidad)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Money, Ref, Text

__all__ = ["Opportunity", "OpportunityState"]

OpportunityState = Literal["open", "won", "lost"]


class Opportunity(Entity):
    """
    A sale in the making; ``won`` ones become projects.

    ``number`` is the human key; ``closes_on`` the expected date, ``closed_on`` the real one (company calendar).
    """

    name: Text
    number: str | None = Field(default=None, max_length=100)
    client: Ref | None = None
    state: OpportunityState = "open"
    value: Money | None = None
    closes_on: date | None = None
    closed_on: date | None = None
    owner: Ref | None = None
    updated_at: Instant | None = None
