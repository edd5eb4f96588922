"""What the trace knows of the kinds: which comes before which in the life of a deal, and what is missing without it."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HUBS", "HUB_RELATIONS", "LEFT_OUT", "MISSING", "RANKS"]

RANKS: Mapping[str, int] = {
    "Campaign": 0,
    "Client": 1,
    "Contact": 2,
    "Lead": 3,
    "Opportunity": 4,
    "Project": 5,
    "Allocation": 6,
    "Ticket": 6,
    "ServiceCall": 6,
    "WorkItem": 7,
    "TimeEntry": 8,
    "CostEntry": 9,
    "Invoice": 9,
    "Interaction": 10,
    "Survey": 10,
}
"""A record that points at one of a higher rank became it (a lead its opportunity); else it belongs to what it names."""

HUBS = frozenset({"CostCentre", "Employee"})
"""Kinds that half of the ledger points at: shown beside what was asked for only, never walked through."""

HUB_RELATIONS = frozenset({"owner"})

MISSING: Mapping[tuple[str, str], str] = {
    ("Client", "Client"): "is not linked to a client on the other side",
    ("Lead", "Opportunity"): "is qualified and its opportunity is not linked",
    ("Opportunity", "Project"): "is won and no project is linked",
    ("Ticket", "Ticket"): "is not linked to a ticket on the other side",
    ("TimeEntry", "CostEntry"): "is approved and no posting holds it",
}
"""(kind, kind that a flow makes of it) -> what is said of a record without one."""

LEFT_OUT: Mapping[tuple[str, str], str] = {
    ("Lead", "Opportunity"): "no opportunity is due",
    ("Opportunity", "Project"): "no project is due",
    ("TimeEntry", "CostEntry"): "nothing is posted",
}
"""(kind, kind that a flow makes of it) -> what follows when a flow leaves the record out; its reason comes first."""
