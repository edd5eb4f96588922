"""The priority rule: points for what is known of a client, levels for the points, and the reasons in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from pydantic import Field, field_validator

from periferia_link.domain import Money
from periferia_link.domain.client_context import ClientContext
from periferia_link.domain.ticket import TicketPriority
from periferia_link.sla._priority_words import Fact, sentence
from periferia_link.sla.policy import _Rule

__all__ = ["PRIORITIES", "Decision", "PriorityRule", "Reason", "decide_priority", "higher"]

PRIORITIES: tuple[TicketPriority, ...] = ("low", "normal", "high", "critical")
"""From the least to the most urgent."""

_Bands: TypeAlias = Mapping[str, int]


class Reason(NamedTuple):
    """One thing that counted, and how many points it gave."""

    fact: Fact
    points: int


class Decision(NamedTuple):
    """
    What the rule says: ``priority`` is at least ``was``; ``reasons`` begin with the weightiest.

    ``score`` is the sum of the points.
    """

    priority: TicketPriority | None
    was: TicketPriority | None
    score: int
    reasons: tuple[Reason, ...]

    @property
    def is_raised(self) -> bool:
        """Whether the ticket gets a higher priority than it has."""
        return self.priority != self.was

    def words(self, language: Literal["es", "en"] = "en") -> str:
        """Say it: ``raised from normal to critical because renewal in 20 days and two breaches``."""
        return sentence(language, self.was, self.priority, [reason.fact for reason in self.reasons])


def _number_keys(bands: _Bands) -> _Bands:
    for key in bands:
        if not key.isascii() or not key.replace(".", "", 1).isdigit():
            msg = 'needs numbers in quotes on the left, as "30" = 40'
            raise ValueError(msg)
    return bands


class PriorityRule(_Rule):
    """
    Points for what the CRM knows of a client, and the least priority that its tickets get from so many points on.

    ``renewal_within_days`` gives the points of the smallest number of days that the renewal lies within;
    ``value_from`` and ``open_value_from`` those of the largest amount that is reached (in the currency of the books);
    ``satisfaction_below`` those of the smallest mark that the mean lies below. Every breach and overdue PQR counts, up
    to ``most_each`` of a kind. A rule only ever raises.
    """

    tiers: Mapping[str, int] = Field(default_factory=dict, description="points for each tier, as { gold = 30 }")
    renewal_within_days: _Bands = Field(default_factory=dict, description='points by days, as { "30" = 40, "90" = 15 }')
    value_from: _Bands = Field(default_factory=dict, description='points by value, as { "500000000" = 30 }')
    open_value_from: _Bands = Field(default_factory=dict, description='points by open value, as { "100000000" = 10 }')
    satisfaction_below: _Bands = Field(default_factory=dict, description='points by mark, as { "50" = 20 }')
    open_opportunity: int = Field(default=0, ge=0, description="points when at least one opportunity is open")
    breach: int = Field(default=0, ge=0, description="points for each SLA breach of the last 90 days")
    open_pqr: int = Field(default=0, ge=0, description="points for each open PQR")
    overdue_pqr: int = Field(default=0, ge=0, description="points for each PQR beyond its day")
    most_each: int = Field(default=3, ge=1, description="how many breaches or PQRs of a kind count at most")
    levels: Mapping[TicketPriority, int] = Field(
        default_factory=dict, description="points from which a priority is given, as { high = 40, critical = 70 }"
    )

    _check_renewal = field_validator("renewal_within_days", "value_from", "open_value_from", "satisfaction_below")(
        _number_keys
    )

    @field_validator("levels")
    @classmethod
    def _levels_rise(cls, levels: Mapping[TicketPriority, int]) -> Mapping[TicketPriority, int]:
        points = [levels[one] for one in PRIORITIES if one in levels]
        if points != sorted(points):
            msg = "must rise with the priority"
            raise ValueError(msg)
        return levels


def higher(one: TicketPriority | None, other: TicketPriority | None) -> TicketPriority | None:
    """Return the more urgent of two priorities; ``None`` is less than all."""
    return max(one, other, key=lambda each: -1 if each is None else PRIORITIES.index(each))


def decide_priority(
    rule: PriorityRule, context: ClientContext, *, today: date, was: TicketPriority | None = None
) -> Decision:
    """
    Return the least priority of a client's tickets, or that of one ticket.

    Args:
        rule: Points and levels.

        context: What is known of the client.

        today: Day from which the renewal is counted.

        was: Priority that the ticket has; it is never lowered.
    """
    reasons = sorted(_reasons(rule, context, today), key=lambda reason: -reason.points)
    score = sum(reason.points for reason in reasons)
    reached = [one for one in PRIORITIES if one in rule.levels and score >= rule.levels[one]]
    given = reached[-1] if reached else None
    return Decision(higher(was, given), was, score, tuple(reasons))


def _reasons(rule: PriorityRule, context: ClientContext, today: date) -> list[Reason]:
    days = (context.renews_on - today).days if context.renews_on is not None else None
    near = [int(band) for band in rule.renewal_within_days if days is not None and 0 <= days <= int(band)]
    found = [
        Reason(Fact("tier", context.tier or ""), rule.tiers.get(context.tier or "", 0)),
        Reason(Fact("renewal", days or 0), rule.renewal_within_days[str(min(near))] if near else 0),
        Reason(Fact("value", context.value), _reached(rule.value_from, context.value)),
        Reason(
            Fact("open_value", context.open_value),
            _reached(rule.open_value_from, context.open_value),
        ),
        Reason(Fact("satisfaction", context.satisfaction), _below(rule.satisfaction_below, context.satisfaction)),
        Reason(
            Fact("opportunities", context.open_opportunities),
            rule.open_opportunity if context.open_opportunities else 0,
        ),
        Reason(Fact("breaches", context.breaches), rule.breach * min(context.breaches, rule.most_each)),
        Reason(Fact("overdue", context.overdue_pqrs), rule.overdue_pqr * min(context.overdue_pqrs, rule.most_each)),
        Reason(Fact("pqrs", context.open_pqrs), rule.open_pqr * min(context.open_pqrs, rule.most_each)),
    ]
    return [reason for reason in found if reason.points]


def _reached(bands: _Bands, money: Money | None) -> int:
    fitting = [Decimal(band) for band in bands if money is not None and money.amount >= Decimal(band)]
    return _points(bands, max(fitting)) if fitting else 0


def _below(bands: _Bands, mark: Decimal | None) -> int:
    fitting = [Decimal(band) for band in bands if mark is not None and mark < Decimal(band)]
    return _points(bands, min(fitting)) if fitting else 0


def _points(bands: _Bands, wanted: Decimal) -> int:
    return next(points for band, points in bands.items() if Decimal(band) == wanted)
