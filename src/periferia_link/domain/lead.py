"""Lead: somebody who may become a client (prospecto)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Money, Ref, Text

__all__ = ["Lead", "LeadState"]

LeadState = Literal["open", "qualified", "disqualified"]


class Lead(Entity):
    """
    The beginning of the chain; a qualified one names the client, contact and opportunity that it became.

    ``subject`` says what it is about, ``company`` and ``person`` who asked, ``source`` the channel it came by
    (referral, web, event …).
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"person", "email", "phone"})

    subject: Text
    number: str | None = Field(default=None, max_length=100)
    company: str | None = Field(default=None, max_length=400)
    person: str | None = Field(default=None, max_length=400)
    email: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=60)
    source: str | None = Field(default=None, max_length=100)
    state: LeadState = "open"
    value: Money | None = None
    client: Ref | None = None
    contact: Ref | None = None
    opportunity: Ref | None = None
    owner: Ref | None = None
    opened_at: Instant | None = None
    updated_at: Instant | None = None
