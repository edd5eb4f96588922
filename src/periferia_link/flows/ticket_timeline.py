"""Timeline: every step in the life of a ticket stands as a note on its case in the CRM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from itertools import groupby
from types import MappingProxyType
from typing import Any, Literal

from periferia_link.domain import Employee, Interaction, Ticket, TicketEvent
from periferia_link.engine import Context, Flow, Lookup, Skip

__all__ = ["ticket_timeline"]

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "new": ("Nuevo", "New"),
        "open": ("Abierto", "Open"),
        "in_progress": ("En curso", "In progress"),
        "pending_customer": ("Espera al cliente", "Waiting for the client"),
        "on_hold": ("En pausa", "On hold"),
        "resolved": ("Resuelto", "Resolved"),
        "closed": ("Cerrado", "Closed"),
        "cancelled": ("Anulado", "Cancelled"),
        "critical": ("Crítica", "Critical"),
        "high": ("Alta", "High"),
        "normal": ("Normal", "Normal"),
        "low": ("Baja", "Low"),
        "status": ("Estado", "Status"),
        "reopened": ("Reabierto", "Reopened"),
        "priority": ("Prioridad", "Priority"),
        "group": ("Grupo", "Group"),
        "assignee": ("Asignado a", "Assigned to"),
        "actor": ("Por", "By"),
        "agent": ("Respuesta al cliente", "Reply to the client"),
        "customer": ("Mensaje del cliente", "Message from the client"),
        "note": ("Nota interna", "Internal note"),
        "step": ("Actualización", "Update"),
    }
)
_ENDED = frozenset({"resolved", "closed", "cancelled"})
_LONGEST = 500  # subject of a note in Dynamics 365


def ticket_timeline(
    *,
    language: Literal["es", "en"] = "es",
    people: bool = True,
    ignored_types: tuple[str, ...] = ("allocation",),
    source: str = "helpdesk",
    target: str = "crm",
    **changes: Any,
) -> Flow:
    """
    Return the flow that writes the history of each ticket onto its case, one note a step, in order of time.

    What one person did at one moment is one step. History only grows: a new step is one new note, and the notes that
    stand are not touched. The notes of a ticket wait until its case is there.

    Args:
        language: Of the notes: people read them.

        people: The help desk has a list of people: names stand in the notes instead of their ids.

        ignored_types: Types of tickets that are no cases.

        source: Role of the help desk.

        target: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="ticket_timeline",
        source=(source, "Ticket"),
        target=(target, "Interaction"),
        project=_projection(language, frozenset(ignored_types), has_people=people),
        lookups=(
            {"actors": Lookup(source, "Employee", lambda person: person.ref.id if person.ref else None, "person")}
            if people
            else {}
        ),
        owns=frozenset({"subject", "text", "channel", "regarding", "happened_at", "is_done"}),
        after=("tickets_to_crm",),
        relation="event of",
        rules=f"{language}|{people}|{sorted(ignored_types)}",
    )
    return flow.but(**changes) if changes else flow


def _projection(
    language: str, ignored_types: frozenset[str], *, has_people: bool
) -> Callable[[Ticket, Context], list[Interaction] | Skip]:
    def word(name: str) -> str:
        return _WORDS[name][language == "en"]

    def person(code: str, context: Context) -> str:
        found: Employee | None = context.find("actors", code) if has_people else None
        return found.name if found is not None else code

    def project(ticket: Ticket, context: Context) -> list[Interaction] | Skip:
        if ticket.type in ignored_types:
            return Skip(f"a ticket of the type {ticket.type} is no case")
        if not ticket.events:
            return Skip("the help desk serves no history")
        assert ticket.ref is not None  # noqa: S101 - a record that was read has a ref
        case = context.link(ticket.ref, once=True)
        return [
            Interaction(
                subject=_cut(subject),
                text="\n".join(lines),
                channel="note",
                regarding=case,
                happened_at=moment,
                is_done=True,
            )
            for moment, subject, lines in _steps(ticket, context, word, person)
        ]

    return project


def _steps(
    ticket: Ticket, context: Context, word: Callable[[str], str], person: Callable[[str, Context], str]
) -> Iterator[tuple[Any, str, list[str]]]:
    """Put together what one person did at one moment: (when, subject, lines of text)."""
    held: dict[str, str | None] = {"status": None, "group": None, "assignee": None}
    # a stable sort: events of one moment stay in the order in which the help desk lists them
    events = sorted(ticket.events, key=lambda event: event.at)
    for (moment, actor), group in groupby(events, key=lambda event: (event.at, event.actor)):
        told: dict[str, str] = {}
        notes: list[str] = []
        for event in group:
            told |= _told(event, held, context, word, person)
            if event.note:
                notes += [f"{word(event.reply or 'note')}:", event.note]
        first = next(iter(told.values()), None) or (notes[0].rstrip(":") if notes else word("step"))
        lines = [_local(moment, context.zone), *list(told.values()), *notes]
        lines += [f"{word('actor')}: {person(actor, context)}"] if actor else []
        yield moment, first, lines


def _told(
    event: TicketEvent,
    held: dict[str, str | None],
    context: Context,
    word: Callable[[str], str],
    person: Callable[[str, Context], str],
) -> dict[str, str]:
    """Say what an event changed, one sentence for each field; ``held`` is what the ticket had before it."""
    told = {}
    if event.status is not None and event.status != held["status"]:
        is_back = held["status"] in _ENDED and event.status not in _ENDED
        told["status"] = f"{word('reopened' if is_back else 'status')}: {word(event.status)}"
        held["status"] = event.status
    if event.priority is not None:
        told["priority"] = f"{word('priority')}: {word(event.priority)}"
    if event.group and event.group != held["group"]:
        told["group"] = f"{word('group')}: {event.group}"
        held["group"] = event.group
    if event.assignee and event.assignee != held["assignee"]:
        told["assignee"] = f"{word('assignee')}: {person(event.assignee, context)}"
        held["assignee"] = event.assignee
    return told


def _local(moment: Any, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
