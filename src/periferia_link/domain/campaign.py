"""Campaign: a marketing activity and what came of it (campaña)."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Money, Ref, Text

__all__ = ["Campaign"]


class Campaign(Entity):
    """A mailing, post or event with its counts: sent, delivered, opened, clicked, answered, unsubscribed (people)."""

    name: Text
    code: str | None = Field(default=None, max_length=100)
    channel: str | None = Field(default=None, max_length=100)
    status: str | None = Field(default=None, max_length=50)
    starts_on: date | None = None
    ends_on: date | None = None
    cost: Money | None = None
    sent: int | None = Field(default=None, ge=0)
    delivered: int | None = Field(default=None, ge=0)
    opened: int | None = Field(default=None, ge=0)
    clicked: int | None = Field(default=None, ge=0)
    answered: int | None = Field(default=None, ge=0)
    unsubscribed: int | None = Field(default=None, ge=0)
    owner: Ref | None = None
    updated_at: Instant | None = None
