"""Project: what was sold and is delivered (proyecto; also stands for an internal order in Business One)."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Ref, Text

__all__ = ["Project"]


class Project(Entity):
    """A piece of delivery that costs are booked on; ``code`` is its key in the ERP."""

    name: Text
    code: str | None = Field(default=None, max_length=50)
    client: Ref | None = None
    opportunity: Ref | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    is_active: bool = True
    updated_at: Instant | None = None
