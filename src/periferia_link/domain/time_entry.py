"""TimeEntry: hours that a person worked for a project (registro de tiempo)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field

from periferia_link.domain._base import Entity, Exact, Instant, Ref

__all__ = ["TimeEntry"]


class TimeEntry(Entity):
    """
    Hours worked. ``worked_on`` is the company's calendar day; ``hours`` is decimal, more than 0, at most 24.

    ``person``, ``project`` and ``cost_centre`` are the codes that people use in every system; ``ticket`` points into
    the help desk. Only entries with ``approved_at`` become cost.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"person", "note"})

    person: str = Field(min_length=1, max_length=100)
    project: str | None = Field(default=None, max_length=100)
    cost_centre: str | None = Field(default=None, max_length=50)
    worked_on: date
    hours: Exact = Field(gt=0, le=24)
    ticket: Ref | None = None
    note: str | None = Field(default=None, max_length=4000)
    is_billable: bool = True
    approved_at: Instant | None = None
    updated_at: Instant | None = None
