"""Opportunity: a sale in the making (oportunidad)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Money, Ref, Text

__all__ = ["Opportunity", "OpportunityState", "ProposalState"]

OpportunityState = Literal["open", "won", "lost"]
ProposalState = Literal["draft", "pending", "approved", "rejected", "cancelled", "invoiced"]
"""Where the billing of a sale stands in the ERP; ``approved`` is the financial approval (aprobación financiera)."""


class Opportunity(Entity):
    """
    A sale in the making; ``won`` ones become projects.

    ``number`` is the human key; ``closes_on`` the expected date, ``closed_on`` the real one (company calendar).
    What the ERP says of its billing comes back in ``proposal_state``, ``proposed`` (proposals that are not booked),
    ``invoiced`` (booked) and ``approved_on``.
    """

    name: Text
    number: str | None = Field(default=None, max_length=100)
    client: Ref | None = None
    state: OpportunityState = "open"
    value: Money | None = None
    closes_on: date | None = None
    closed_on: date | None = None
    owner: Ref | None = None
    proposal_state: ProposalState | None = None
    proposal: str | None = Field(default=None, max_length=100)
    proposed: Money | None = None
    invoiced: Money | None = None
    approved_on: date | None = None
    updated_at: Instant | None = None
