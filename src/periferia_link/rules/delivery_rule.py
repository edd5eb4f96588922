"""Delivery: which work items a project has, and what their state means for the ticket that asked for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from periferia_link.domain.ticket import TicketStatus, TicketType
from periferia_link.domain.work_item import WorkItemCategory
from periferia_link.rules.reading import Addresses, Rule, read_rule

__all__ = ["DeliveryRule", "read_delivery"]


def _usual_states() -> Mapping[WorkItemCategory, TicketStatus]:
    return {"in_progress": "in_progress", "resolved": "in_progress", "completed": "resolved"}


class DeliveryRule(Rule):
    """
    The tree of a project: the project itself, its features, and the requirements that clients ask for below them.

    Features are kept apart by their place in the list: new ones are added at its end.
    """

    project_type: str = Field(default="Epic", min_length=1, description='the type of a project, as "Epic"')
    feature_type: str = Field(default="Feature", min_length=1, description='the type of a feature, as "Feature"')
    requirement_type: str = Field(default="User Story", min_length=1, description='as "User Story" or "Requirement"')
    team_project: str | None = Field(default=None, description="the team project; without it that of the connector")
    features: tuple[str, ...] = Field(default=(), max_length=100, description='as ["Análisis", "Construcción"]')
    of_project: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description='features by project code, as { "P-1" = ["Portal", "Pagos"] }'
    )
    requirements: frozenset[TicketType] = Field(
        default=frozenset({"service_request"}), description='types of tickets that ask for work, as ["service_request"]'
    )
    states: Mapping[WorkItemCategory, TicketStatus] = Field(
        default_factory=_usual_states,
        description='what a state means for the ticket, as { completed = "resolved" }',
    )
    tags: tuple[str, ...] = Field(default=(), max_length=20, description="tags of every item")
    addresses: Addresses = Field(
        default_factory=dict,
        description='addresses of records by role, as { helpdesk = "https://desk.example/tickets/{id}" }',
    )

    def features_of(self, code: str) -> tuple[str, ...]:
        """Return the features of a project."""
        return self.of_project.get(code, self.features)


def read_delivery(table: Mapping[str, Any], *, file: str = "periferia.toml") -> DeliveryRule:
    """
    Read the table ``[delivery]``.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    return read_rule(DeliveryRule, table, section="delivery", file=file)
