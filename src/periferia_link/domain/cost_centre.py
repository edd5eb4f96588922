"""CostCentre: where costs are collected (centro de costo)."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from periferia_link.domain._base import Entity, Text

__all__ = ["CostCentre"]


class CostCentre(Entity):
    """
    A cost centre; postings need its distribution rule, not its own code, in Business One.

    ``dimension`` is 1 to 5. ``distribution_rule`` is ``None`` where the ERP has none: nothing can be booked then.
    """

    code: str = Field(min_length=1, max_length=50)
    name: Text
    dimension: int = Field(default=1, ge=1, le=5)
    distribution_rule: str | None = Field(default=None, max_length=50)
    valid_from: date | None = None
    valid_to: date | None = None
    is_active: bool = True
