"""Leads: each qualified lead of the CRM is linked to the opportunity that it became; nothing is written."""

from __future__ import annotations

from typing import Any

from periferia_link.domain import Lead, Opportunity
from periferia_link.engine import Context, Flow, MatchKey, Skip

__all__ = ["leads"]


def _project(lead: Lead, context: Context) -> Opportunity | Skip:
    del context
    if lead.opportunity is None:
        return Skip("no opportunity yet" if lead.state == "qualified" else f"the lead is {lead.state}")
    return Opportunity(ref=lead.opportunity, name=lead.subject[:300])


def _id(opportunity: Opportunity) -> str | None:
    return opportunity.ref.id if opportunity.ref is not None else None


def leads(*, source: str = "crm", target: str = "crm", **changes: Any) -> Flow:
    """
    Return the flow with which the trace begins: from a lead to its client, contact and opportunity.

    The CRM itself knows what a lead became; this flow reads it and writes to no system. With it a project, a ticket
    and a posting are found from the lead, and the lead from them.

    Args:
        source: Role of the CRM.

        target: Role of the system that holds the opportunities: the CRM, too.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="leads",
        source=(source, "Lead"),
        target=(target, "Opportunity"),
        project=_project,
        match=(MatchKey("id", _id),),
        creates=False,
        owns=frozenset(),
        relation="became",
    )
    return flow.but(**changes) if changes else flow
