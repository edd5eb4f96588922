"""Checklists: when a requirement is ready to be built (Definition of Ready) and when work is done."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from periferia_link.domain import WorkItem
from periferia_link.domain.work_item import WorkItemCategory
from periferia_link.rules.detractor_rule import folded
from periferia_link.rules.reading import Rule, read_rule

__all__ = ["Check", "Checklist", "Checklists", "Failure", "failures", "plain_text", "read_checklists"]

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_FIELDS = frozenset(WorkItem.model_fields) - {"ref", "version", "custom"}


class Check(Rule):
    """
    One point of a checklist; everything that it asks must hold.

    ``field`` is a field of the work item, ``custom:NAME`` a column of one's own. Texts are read without markup.
    """

    field: str = Field(description='a field of the work item, as "acceptance", or "custom:NAME"')
    says: str = Field(min_length=1, max_length=300, description="what is missing, for the person who reads it")
    min_length: int = Field(default=1, ge=0, description="the fewest letters of a text")
    mentions: tuple[str, ...] = Field(default=(), description="words of which at least one must be there")
    avoids: tuple[str, ...] = Field(default=(), description='vague words that must not be there, as ["etc"]')
    at_least: int = Field(default=1, ge=0, description="the fewest tags or links")
    relation: str | None = Field(default=None, description='of links: only these count, as "child"')
    most: float | None = Field(default=None, description="the largest number, as the points that fit a sprint")
    equals: str | None = Field(default=None, description='the value it must have, as "0"')

    @model_validator(mode="after")
    def _names_a_field(self) -> Check:
        if self.field not in _FIELDS and not self.field.startswith("custom:"):
            msg = f"there is no field {self.field}; known are {', '.join(sorted(_FIELDS))} and custom:NAME"
            raise ValueError(msg)
        return self

    def holds(self, item: WorkItem) -> bool:
        """Whether the item has what this point asks for."""
        value = item.custom.get(self.field[7:]) if self.field.startswith("custom:") else getattr(item, self.field)
        if isinstance(value, (tuple, list)):
            counted = [one for one in value if self.relation is None or getattr(one, "relation", None) == self.relation]
            return len(counted) >= self.at_least
        text = "" if value is None else plain_text(str(value))
        if self.equals is not None:
            return _same(text, self.equals)
        if len(text) < self.min_length:
            return False
        if self.most is not None:
            return not text or _number(text) <= self.most
        told = folded(text)
        if self.mentions and not any(_has(told, word) for word in self.mentions):
            return False
        return not any(_has(told, word) for word in self.avoids)


class Checklist(Rule):
    """
    Points for items of some types in some states.

    Ready is asked of what is about to be worked on (``proposed``), done of what is said to be finished.
    """

    title: str = Field(default="", max_length=200, description="what people call it")
    stage: Literal["ready", "done"] = Field(description='"ready" (before the work) or "done" (after it)')
    types: frozenset[str] = Field(default=frozenset(), description='types of items, as ["User Story"]')
    categories: frozenset[WorkItemCategory] = Field(
        default=frozenset(), description='states in which it is asked, as ["proposed", "in_progress"]'
    )
    tags: frozenset[str] = Field(default=frozenset(), description="only items with one of these tags")
    checks: tuple[Check, ...] = Field(min_length=1, max_length=100, description="a list of tables, one for each point")

    def applies(self, item: WorkItem) -> bool:
        """Whether the points are asked of the item as it is now."""
        usual = {"ready": {"proposed", "in_progress"}, "done": {"resolved", "completed"}}[self.stage]
        if item.category not in (self.categories or usual):
            return False
        if self.types and item.type not in self.types:
            return False
        return not self.tags or not {tag.casefold() for tag in self.tags}.isdisjoint(t.casefold() for t in item.tags)


class Checklists(Rule):
    """Every checklist of an installation, by name."""

    checklists: Mapping[str, Checklist] = Field(default_factory=dict, description="a table for each checklist")


class Failure(NamedTuple):
    """One point that does not hold: the name of the checklist, its stage, and what is missing."""

    checklist: str
    stage: str
    says: str


def failures(rules: Checklists, item: WorkItem) -> list[Failure] | None:
    """Return the points that do not hold, in the order of the file; ``None`` when nothing is asked of the item."""
    asked = [(name, one) for name, one in rules.checklists.items() if one.applies(item)]
    if not asked:
        return None
    return [
        Failure(one.title or name, one.stage, check.says)
        for name, one in asked
        for check in one.checks
        if not check.holds(item)
    ]


def plain_text(text: str) -> str:
    """Return a text without markup and double blanks."""
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _has(told: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(folded(word))}(?!\w)", told) is not None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


def _same(one: str, other: str) -> bool:
    numbers = _number(one), _number(other)
    return numbers[0] == numbers[1] if float("inf") not in numbers else folded(one) == folded(other)


def read_checklists(table: Mapping[str, Any], *, file: str = "periferia.toml") -> Checklists:
    """
    Read the table ``[readiness]``: ``[readiness.checklists.NAME]``.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    return read_rule(Checklists, table, section="readiness", file=file)
