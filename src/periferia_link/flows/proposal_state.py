"""Proposals back to the CRM: state, amounts and financial approval of what a sale bills, in its opportunity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from periferia_link.domain import Invoice, Money, Opportunity, Project
from periferia_link.domain.opportunity import ProposalState
from periferia_link.engine import Context, Flow, Lookup, MatchKey, Skip

__all__ = ["proposal_state"]

_FIELDS = frozenset({"proposal_state", "proposal", "proposed", "invoiced", "approved_on"})


def proposal_state(*, source: str = "erp", target: str = "crm", **changes: Any) -> Flow:
    """
    Return the flow that tells the CRM how far the billing of each won opportunity is.

    ``proposal_state`` and ``proposal`` are those of the newest proposal or invoice of its project, ``approved_on`` the
    day it was approved, where the ERP tells it. ``proposed`` is the sum of drafts that are not cancelled, ``invoiced``
    that of booked invoices, both before tax and in the currency of the newest; documents in other currencies are left
    out. The opportunity is the one that the project was made from; none is created.

    Args:
        source: Role of the ERP.

        target: Role of the CRM; its map must name columns for these fields.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """

    def project(one: Project, context: Context) -> Opportunity | Skip:
        sale = context.linked(one.ref, target, "Opportunity") if one.ref is not None else None
        if sale is None or one.code is None:
            return Skip("no opportunity is known for it")
        documents = sorted(context.each("invoices", one.code), key=_age)
        if not documents:
            return Skip("nothing is billed")
        newest = next((one for one in reversed(documents) if one.approval != "cancelled"), documents[-1])
        told = _amounts(documents, newest.currency)
        approved = newest.approved_on if _state(newest) in ("approved", "invoiced") else None
        name = newest.number or newest.reference
        return Opportunity(
            ref=sale, name=one.name, proposal_state=_state(newest), proposal=name, approved_on=approved, **told
        )

    flow = Flow(
        name="proposal_state",
        source=(source, "Project"),
        target=(target, "Opportunity"),
        project=project,
        lookups={"invoices": Lookup(source, "Invoice", lambda one: one.project, "invoices of a project", several=True)},
        match=(MatchKey("id", lambda sale: sale.ref.id if sale.ref is not None else None),),
        creates=False,
        overwrites=True,
        owns=_FIELDS,
        after=("projects", "billing_proposals"),
        relation="billed by",
    )
    return flow.but(**changes) if changes else flow


def _age(invoice: Invoice) -> tuple[str, str, str]:
    """Sort by month, then day, then what was made first."""
    return (invoice.period or f"{invoice.posted_on:%Y-%m}", invoice.posted_on.isoformat(), invoice.number or "")


def _state(invoice: Invoice) -> ProposalState:
    if invoice.approval == "cancelled":
        return "cancelled"
    return (invoice.approval or "draft") if invoice.is_draft else "invoiced"


def _amounts(documents: Iterable[Invoice], currency: str) -> dict[str, Any]:
    counted = [one for one in documents if one.approval != "cancelled" and one.currency == currency]
    drafts = Money.sum((one.total for one in counted if one.is_draft), currency)
    return {"proposed": drafts, "invoiced": Money.sum((one.total for one in counted if not one.is_draft), currency)}
