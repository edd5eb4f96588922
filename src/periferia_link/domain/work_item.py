"""WorkItem: a piece of planned work in a delivery tool (elemento de trabajo; feature, requirement, bug, task)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Exact, Instant, Ref, Text, _Value

__all__ = ["WorkItem", "WorkItemCategory", "WorkItemLink"]

WorkItemCategory = Literal["proposed", "in_progress", "resolved", "completed", "removed"]


class WorkItemLink(_Value):
    """
    A relation of a work item: ``relation`` is ``parent``, ``child``, ``related``, ``hyperlink`` or the system's word.

    ``target`` is the id of the other item, or a URL.
    """

    relation: str = Field(min_length=1, max_length=200)
    target: str = Field(min_length=1, max_length=2000)
    comment: str | None = Field(default=None, max_length=1000)


class WorkItem(Entity):
    """
    An epic, feature, requirement, bug or task.

    ``category`` is the neutral state (processes rename their states), ``state`` the process's own word. ``estimate``
    and ``remaining`` are hours, or points for stories.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"assignee"})

    title: Text
    type: str = Field(default="Task", min_length=1, max_length=128)
    state: str | None = Field(default=None, max_length=128)
    category: WorkItemCategory | None = None
    reason: str | None = Field(default=None, max_length=256)
    project: str | None = Field(default=None, max_length=256)
    area: str | None = Field(default=None, max_length=4000)
    iteration: str | None = Field(default=None, max_length=4000)
    assignee: str | None = Field(default=None, max_length=400)
    description: str | None = Field(default=None, max_length=1_000_000)
    acceptance: str | None = Field(default=None, max_length=1_000_000)
    priority: int | None = Field(default=None, ge=1, le=4)
    tags: tuple[str, ...] = Field(default=(), max_length=100)
    parent: Ref | None = None
    links: tuple[WorkItemLink, ...] = Field(default=(), max_length=1_000)
    estimate: Exact | None = Field(default=None, ge=0)
    remaining: Exact | None = Field(default=None, ge=0)
    due_on: date | None = None
    external_ref: str | None = Field(default=None, max_length=200)
    opened_at: Instant | None = None
    closed_at: Instant | None = None
    updated_at: Instant | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.category not in {"completed", "removed"}
