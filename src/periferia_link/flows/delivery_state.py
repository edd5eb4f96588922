"""The state of the work back: requirements to the tickets that asked for them, projects to the CRM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from periferia_link.domain import Interaction, Ticket, WorkItem
from periferia_link.engine import Context, Flow, Lookup, MatchKey, Skip
from periferia_link.rules import DeliveryRule, read_delivery

__all__ = ["delivery_to_crm", "delivery_to_helpdesk"]

_WORDS: Mapping[str, tuple[str, str]] = {
    "delivery": ("Entrega", "Delivery"),
    "proposed": ("propuesto", "proposed"),
    "in_progress": ("en curso", "in progress"),
    "resolved": ("resuelto", "resolved"),
    "completed": ("terminado", "completed"),
    "removed": ("retirado", "removed"),
    "item": ("Elemento de trabajo", "Work item"),
    "closed": ("Terminado el", "Completed on"),
}


def delivery_to_helpdesk(
    *,
    delivery: DeliveryRule | Mapping[str, Any] | None = None,
    source: str = "devops",
    target: str = "helpdesk",
    **changes: Any,
) -> Flow:
    """
    Return the flow that tells a ticket how far the work is that it asked for.

    Which state means what stands in the rule. A ticket that people closed stays closed.

    Args:
        delivery: The table ``[delivery]``: ``states``.

        source: Role of the delivery tool.

        target: Role of the help desk.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The rule or the changes are not valid.
    """
    rule = delivery if isinstance(delivery, DeliveryRule) else read_delivery(delivery or {})

    def asked(ticket: Ticket) -> str | None:
        return ticket.ref.id if ticket.ref is not None and ticket.type in rule.requirements else None

    def project(item: WorkItem, context: Context) -> Ticket | Skip:
        if item.ref is None or not (item.external_ref or "").startswith("requirement:"):
            return Skip("no requirement of a ticket")
        status = rule.states.get(item.category) if item.category is not None else None
        ref = context.linked(item.ref, target, "Ticket")
        if status is None or ref is None:
            return Skip("its state says nothing to the ticket")
        there: Ticket | None = context.find("delivery_tickets", ref.id)
        if there is None or (not there.is_open and there.status != status):
            return Skip("the ticket is over")
        return Ticket(ref=ref, title=there.title, status=status)

    flow = Flow(
        name="delivery_to_helpdesk",
        source=(source, "WorkItem"),
        target=(target, "Ticket"),
        project=project,
        lookups={"delivery_tickets": Lookup(target, "Ticket", asked, "ticket that asks for work")},
        match=(MatchKey("id", lambda ticket: ticket.ref.id if ticket.ref is not None else None),),
        creates=False,
        overwrites=True,
        owns=frozenset({"status"}),
        after=("requirements_to_devops",),
        relation="event of",
        rules=str(sorted(rule.states.items())),
    )
    return flow.but(**changes) if changes else flow


def delivery_to_crm(
    *, language: Literal["es", "en"] = "es", source: str = "devops", target: str = "crm", **changes: Any
) -> Flow:
    """
    Return the flow that keeps one note on the opportunity of a project: how far its delivery is.

    Args:
        language: Of the note.

        source: Role of the delivery tool.

        target: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """

    def word(name: str) -> str:
        return _WORDS[name][language == "en"]

    def project(item: WorkItem, context: Context) -> Interaction | Skip:
        if item.ref is None or not (item.external_ref or "").startswith("project:"):
            return Skip("no project")
        sale = context.linked(item.ref, target, "Opportunity")
        if sale is None or item.category is None:
            return Skip("no opportunity is known for it")
        lines = [f"{word('item')}: #{item.ref.id}"]
        if item.closed_at is not None and not item.is_open:
            lines.append(f"{word('closed')} {item.closed_at.astimezone(context.zone):%Y-%m-%d}")
        subject = f"{word('delivery')}: {item.title}"[:400]
        return Interaction(
            subject=f"{subject} — {word(item.category)}",
            text="\n".join(lines),
            channel="note",
            regarding=sale,
            is_done=True,
        )

    flow = Flow(
        name="delivery_to_crm",
        source=(source, "WorkItem"),
        target=(target, "Interaction"),
        project=project,
        keeps=frozenset({"channel", "regarding", "is_done"}),
        owns=frozenset({"subject", "text", "channel", "regarding", "is_done"}),
        after=("project_to_devops",),
        relation="event of",
        rules=language,
    )
    return flow.but(**changes) if changes else flow
