"""Allocation: a person given to a project for some time (asignación de recursos)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field, model_validator

from periferia_link.domain._base import Entity, Exact, Instant

__all__ = ["Allocation"]


class Allocation(Entity):
    """
    ``hours_per_week`` of a person for a project from ``starts_on`` to ``ends_on``, both inclusive (``None``: open end).

    ``person`` and ``project`` are the codes that people use in every system.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"person"})

    person: str = Field(min_length=1, max_length=100)
    project: str = Field(min_length=1, max_length=100)
    role: str | None = Field(default=None, max_length=200)
    cost_centre: str | None = Field(default=None, max_length=50)
    hours_per_week: Exact = Field(gt=0, le=168)
    starts_on: date
    ends_on: date | None = None
    updated_at: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Allocation:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            msg = "an allocation cannot end before it starts"
            raise ValueError(msg)
        return self
