"""Projects: a won opportunity of the CRM becomes a project of the ERP that costs can be booked on."""

from __future__ import annotations

from typing import Any

from periferia_link.domain import Opportunity, Project
from periferia_link.engine import Context, Flow, MatchKey, Skip

__all__ = ["project_code", "projects"]


def _project(opportunity: Opportunity, context: Context) -> Project | Skip:
    if opportunity.state != "won":
        return Skip("not won")
    client = context.link(opportunity.client) if opportunity.client is not None else None
    return Project(
        name=opportunity.name[:100],
        code=project_code(opportunity),
        client=client,
        starts_on=opportunity.closed_on,
        is_active=True,
    )


def project_code(opportunity: Opportunity) -> str:
    """Return the code of the project that a sale becomes."""
    if opportunity.number:
        return opportunity.number
    assert opportunity.ref is not None  # noqa: S101 - a record that was read has a ref
    return f"P{opportunity.ref.id.replace('-', '')[:15].upper()}"


def projects(*, source: str = "crm", target: str = "erp", **changes: Any) -> Flow:
    """
    Return the flow that opens a project for every won opportunity.

    The project waits until its client is linked. Matches by code, so that projects opened by hand are adopted.

    Args:
        source: Role of the CRM.

        target: Role of the ERP.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="projects",
        source=(source, "Opportunity"),
        target=(target, "Project"),
        project=_project,
        match=(MatchKey("code", lambda project: project.code),),
        keeps=frozenset({"code"}),
        owns=frozenset({"code", "name", "client", "starts_on"}),
        after=("clients",),
        relation="made from",
    )
    return flow.but(**changes) if changes else flow
