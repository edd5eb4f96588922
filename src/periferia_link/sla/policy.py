"""Policies: what is promised to whom, on which calendar, and what stops or pauses the clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from periferia_link.domain import Ticket
from periferia_link.domain.ticket import TicketPriority, TicketStatus, TicketType
from periferia_link.sla.duration import Within, within_of

__all__ = ["METRICS", "Applies", "Escalation", "Metric", "Policy", "Target", "policy_for"]

Metric: TypeAlias = Literal["first_response", "next_response", "resolution"]

METRICS: tuple[Metric, ...] = ("first_response", "next_response", "resolution")

_PAUSES: dict[Metric, frozenset[TicketStatus]] = {
    # reply timers reset and never pause; the time to resolve waits for the client
    "first_response": frozenset(),
    "next_response": frozenset(),
    "resolution": frozenset({"pending_customer"}),
}
_ENDS: frozenset[TicketStatus] = frozenset({"resolved", "closed", "cancelled"})


def _within(value: Any) -> Any:
    return within_of(value) if isinstance(value, str) else value


class _Rule(BaseModel):
    """Base of what stands in the file: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


class Applies(_Rule):
    """Which tickets a policy is for: a list that is given must hold the ticket's value, an empty one asks nothing."""

    types: frozenset[TicketType] = Field(default=frozenset(), description='types of tickets, as ["incident"]')
    priorities: frozenset[TicketPriority] = Field(default=frozenset(), description='priorities, as ["critical"]')
    categories: frozenset[str] = Field(default=frozenset(), description="categories of the help desk")
    groups: frozenset[str] = Field(default=frozenset(), description="groups that hold the ticket")
    projects: frozenset[str] = Field(default=frozenset(), description="codes of projects")
    tiers: frozenset[str] = Field(default=frozenset(), description='tiers of clients, as ["gold"]')

    def to(self, ticket: Ticket, tier: str | None) -> bool:
        """Whether the ticket of a client of that tier is meant."""
        asked: list[tuple[frozenset[Any], str | None]] = [
            (self.types, ticket.type),
            (self.priorities, ticket.priority),
            (self.categories, ticket.category),
            (self.groups, ticket.group),
            (self.projects, ticket.project),
            (self.tiers, tier),
        ]
        return all(not wanted or value in wanted for wanted, value in asked)


class Target(_Rule):
    """
    One promise: this metric within this time, for a priority and a tier (``None``: for all).

    The most exact target counts: one for priority and tier, then priority, then tier, then neither. ``pauses`` are
    the states in which its clock stands still; without it those of the metric (resolution waits for the client).
    """

    metric: Metric = Field(description='"first_response", "next_response" or "resolution"')
    within: Annotated[Within, BeforeValidator(_within)] = Field(description='"4h", "1h30m", "1d" or "15 working days"')
    priority: TicketPriority | None = Field(default=None, description='"critical", "high", "normal" or "low"')
    tier: str | None = Field(default=None, description='the tier of the client, as "gold"')
    calendar: str | None = Field(default=None, description='the name of a calendar, or "always" for 24×7')
    pauses: frozenset[TicketStatus] | None = Field(
        default=None, description='states in which the clock stands still, as ["pending_customer"]'
    )

    @property
    def paused_in(self) -> frozenset[TicketStatus]:
        """States in which the clock stands still; a term in working days never does."""
        if self.within.working_days is not None:
            return frozenset()
        return _PAUSES[self.metric] if self.pauses is None else self.pauses

    @model_validator(mode="after")
    def _terms_run_through(self) -> Target:
        if self.within.working_days is not None and self.pauses:
            msg = "a term in working days never pauses"
            raise ValueError(msg)
        return self


class Escalation(_Rule):
    """A step of warning: at this share of the target (``0.75``, ``1`` is the breach), somebody is told."""

    at: float = Field(gt=0, le=10, description="a share of the target: 0.75 is three quarters, 1 the breach")
    name: str = Field(min_length=1, max_length=100, description='what it is called, as "warn"')
    notify: tuple[str, ...] = Field(default=(), description='who is told, as ["team-lead"]')


class Policy(_Rule):
    """
    Promises to some tickets.

    The first policy by ``position`` that applies to a ticket counts, for tickets opened from ``enforce_from`` on (day
    in the zone of its calendar). Versions are told apart by ``version``; without one it is worked out of the content.
    """

    id: str = Field(min_length=1, max_length=100, description="the name of its table")
    title: str = Field(default="", max_length=200, description="what people call it")
    version: str = Field(default="", max_length=100, description="your own mark, as 2026-11; changes are told by it")
    position: int = Field(default=100, description="policies are tried from the lowest number on")
    enforce_from: date | None = Field(default=None, description="the first day whose tickets count, as 2026-01-31")
    calendar: str = Field(default="always", description='the name of a calendar, or "always" for 24×7')
    applies: Applies = Field(default_factory=Applies, description="a table of what the ticket must have")
    targets: tuple[Target, ...] = Field(min_length=1, description="a list of tables, one for each promise")
    escalations: tuple[Escalation, ...] = Field(default=(), description="a list of tables {at, name, notify}")
    response: Literal["reply", "state", "reply or state"] = Field(
        default="reply",
        description='what counts as response: a public "reply", a "state" (out of new), or the first: "reply or state"',
    )
    resolved_by: frozenset[TicketStatus] = Field(
        default=_ENDS, description='states that end the time to resolve, as ["resolved", "closed", "cancelled"]'
    )
    reopened: Literal["new cycle", "goes on"] = Field(
        default="new cycle", description='what a reopening does: "new cycle" from zero, or the old clock "goes on"'
    )
    lowered: Literal["breach stays", "judged anew"] = Field(
        default="breach stays",
        description='what a lower priority does to a breach that happened: "breach stays" or "judged anew"',
    )
    source: str = Field(default="", max_length=1000, description="law or contract that it comes from")

    @field_validator("resolved_by")
    @classmethod
    def _ends_somewhere(cls, states: frozenset[TicketStatus]) -> frozenset[TicketStatus]:
        if not states <= _ENDS or "closed" not in states:
            msg = 'are some of "resolved", "closed" and "cancelled", "closed" among them'
            raise ValueError(msg)
        return states

    @cached_property
    def mark(self) -> str:
        """``version``, or a digest of the content."""
        if self.version:
            return self.version
        return hashlib.blake2b(repr(_plain(self.model_dump())).encode(), digest_size=4).hexdigest()

    def target(self, metric: Metric, priority: TicketPriority | None, tier: str | None) -> Target | None:
        """Return the most exact promise for a metric, if there is one."""
        fitting = [
            one
            for one in self.targets
            if one.metric == metric and one.priority in (None, priority) and one.tier in (None, tier)
        ]
        return max(fitting, key=lambda one: (one.priority is not None, one.tier is not None), default=None)


def policy_for(
    ticket: Ticket, policies: Iterable[Policy], *, opened_on: Callable[[Policy], date | None], tier: str | None
) -> Policy | None:
    """
    Return the first policy, by position, that applies to a ticket.

    Args:
        ticket: Whose promises are asked for.

        policies: In any order.

        opened_on: The day on which the ticket was opened, in the zone of a policy.

        tier: Tier of its client.
    """
    for policy in sorted(policies, key=lambda one: one.position):
        if policy.enforce_from is not None:
            day = opened_on(policy)
            if day is None or day < policy.enforce_from:
                continue
        if policy.applies.to(ticket, tier):
            return policy
    return None


def _plain(value: Any) -> Any:
    """Sets have no order; a digest needs one."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, dict):
        return [(key, _plain(one)) for key, one in sorted(value.items())]
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value
