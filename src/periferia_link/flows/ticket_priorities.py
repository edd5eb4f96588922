"""Ticket priorities: open tickets of critical clients come first, as the context of their client says."""

from __future__ import annotations

from typing import Any

from periferia_link.domain import Ticket
from periferia_link.domain.client_context import ClientContext
from periferia_link.engine import Context, Flow, Lookup, MatchKey, Skip
from periferia_link.sla.priority import higher

__all__ = ["ticket_priorities"]


def _project(ticket: Ticket, context: Context) -> Ticket | Skip:
    if not ticket.is_open or ticket.client is None:
        return Skip("over" if ticket.client else "no client")
    known: ClientContext | None = context.find("contexts", ticket.client.id)
    least = higher(ticket.priority, known.priority if known is not None else None)
    if least == ticket.priority:
        return Skip("urgent enough")
    return Ticket(title=ticket.title, number=ticket.number, priority=least)


def ticket_priorities(*, role: str = "helpdesk", **changes: Any) -> Flow:
    """
    Return the flow that raises open tickets to the least priority of their client; it never lowers one.

    Reads and writes the help desk; the reasons stand in the client's context (``explanation``). Tickets are known by
    their number. A person who lowers a ticket afterwards has the last word: it is raised again only when the context
    of the client asks for another priority than it did.

    Args:
        role: Role of the help desk.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="ticket_priorities",
        source=(role, "Ticket"),
        target=(role, "Ticket"),
        project=_project,
        lookups={
            "contexts": Lookup(role, "ClientContext", lambda one: one.ref.id if one.ref else None, "client context")
        },
        match=(MatchKey("number", lambda ticket: ticket.number),),
        creates=False,
        overwrites=True,
        owns=frozenset({"priority"}),
        after=("client_context",),
        relation="same",
    )
    return flow.but(**changes) if changes else flow
