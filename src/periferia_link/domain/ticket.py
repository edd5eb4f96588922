"""Ticket: something a client asked for or complained about, with its history (caso, PQR, incidente)."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field

from periferia_link.domain._base import Entity, Instant, Ref, Text, _Value

__all__ = ["Ticket", "TicketEvent", "TicketPriority", "TicketStatus", "TicketType"]

TicketStatus = Literal["new", "open", "in_progress", "pending_customer", "on_hold", "resolved", "closed", "cancelled"]
TicketPriority = Literal["critical", "high", "normal", "low"]
TicketType = Literal[
    "petition",  # petición
    "complaint",  # queja
    "claim",  # reclamo
    "suggestion",  # sugerencia
    "report",  # denuncia
    "praise",  # felicitación
    "incident",
    "service_request",
    "allocation",  # of people to projects
]


class TicketEvent(_Value):
    """
    One step in the life of a ticket; SLA clocks are computed from these and from nothing else.

    Attributes:
        at: When it happened (UTC).
        id: The system's own id of the event, where it has one.
        status: State after the event; ``None`` where the event did not touch it.
        raw_status: The system's own word for it.
        priority: Priority after the event; ``None`` where the event did not touch it.
        group: Team that holds the ticket after the event.
        assignee: Code of the person who holds it after the event.
        actor: Code of the person who acted.
        reply: Who wrote to whom in public, where the event is a message: ``"agent"`` or ``"customer"``.
        note: What was written.
    """

    at: Instant
    id: str | None = Field(default=None, max_length=100)
    status: TicketStatus | None = None
    raw_status: str | None = Field(default=None, max_length=100)
    priority: TicketPriority | None = None
    group: str | None = Field(default=None, max_length=200)
    assignee: str | None = Field(default=None, max_length=200)
    actor: str | None = Field(default=None, max_length=200)
    reply: Literal["agent", "customer"] | None = None
    note: str | None = Field(default=None, max_length=4000)


class Ticket(Entity):
    """
    A PQR, incident or request; ``events`` is its whole history in order of time, where the system serves one.

    ``status`` and ``priority`` are the neutral words, ``raw_status`` and ``raw_priority`` those of the system.
    ``group``, ``assignee`` and ``resolver`` are codes or names that people use there; ``due_at`` is what was promised.
    ``owner`` is the user or team that answers for it, in systems that have such records. ``external_ref`` is our key
    where a ticket was opened by this library.
    """

    personal_fields: ClassVar[frozenset[str]] = frozenset({"description", "caller", "assignee", "resolver", "events"})

    title: Text
    number: str | None = Field(default=None, max_length=100)
    description: str | None = Field(default=None, max_length=100_000)
    type: TicketType | None = None
    status: TicketStatus = "new"
    raw_status: str | None = Field(default=None, max_length=100)
    priority: TicketPriority | None = None
    raw_priority: str | None = Field(default=None, max_length=100)
    category: str | None = Field(default=None, max_length=200)
    channel: str | None = Field(default=None, max_length=100)
    client: Ref | None = None
    contact: Ref | None = None
    project: str | None = Field(default=None, max_length=100)
    caller: str | None = Field(default=None, max_length=200)
    group: str | None = Field(default=None, max_length=200)
    assignee: str | None = Field(default=None, max_length=200)
    resolver: str | None = Field(default=None, max_length=200)
    owner: Ref | None = None
    external_ref: str | None = Field(default=None, max_length=200)
    opened_at: Instant | None = None
    resolved_at: Instant | None = None
    closed_at: Instant | None = None
    due_at: Instant | None = None
    updated_at: Instant | None = None
    events: tuple[TicketEvent, ...] = Field(default=(), max_length=10_000)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.status not in {"resolved", "closed", "cancelled"}

    @property
    def reopenings(self) -> int:
        """How often it came back after it had been resolved, closed or cancelled, counted from the events."""
        ended = {"resolved", "closed", "cancelled"}
        states = [event.status for event in self.events if event.status is not None]
        return sum(before in ended and after not in ended for before, after in pairwise(states))
