"""Where the cycles of each metric begin and end, read from the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from periferia_link.domain import TicketEvent
from periferia_link.sla.history import ENDED, History, Spell
from periferia_link.sla.policy import Metric, Policy

__all__ = ["Turn", "turns_of"]


class Turn(NamedTuple):
    """One cycle: from where to where, how it ended (``None``: it runs), and the events that say so."""

    begin: datetime
    end: datetime | None
    how: Literal["completed", "cancelled"] | None
    events: tuple[str, ...]


def turns_of(metric: Metric, history: History, policy: Policy) -> list[Turn]:
    """Return the cycles of a metric, in order of time."""
    if history.opened_at is None:
        return []
    if metric == "resolution":
        return _resolutions(history, policy)
    if metric == "first_response":
        return _first_response(history, policy)
    return _next_responses(history)


def _named(history: History, event: TicketEvent) -> str:
    return event.id or f"#{history.events.index(event)}"


def _replies(history: History) -> list[TicketEvent]:
    """Return the public messages but the one that opened the ticket: that is the question, whoever typed it."""
    replies = [event for event in history.events if event.reply is not None]
    if replies and history.opened_at is not None and replies[0].at <= history.opened_at:
        return replies[1:]
    return replies


def _ended(history: History, after: datetime) -> Spell | None:
    return next((spell for spell in history.spells if spell.status in ENDED and spell.begin >= after), None)


def _first_response(history: History, policy: Policy) -> list[Turn]:
    opened = history.opened_at
    assert opened is not None  # noqa: S101 - the caller looked
    found: list[Turn] = []
    answer = next((event for event in _replies(history) if event.reply == "agent"), None)
    moved = next((spell for spell in history.spells if spell.status != "new"), None)
    if answer is not None and policy.response != "state":
        found.append(Turn(opened, max(answer.at, opened), "completed", (_named(history, answer),)))
    if moved is not None and policy.response != "reply":
        how: Literal["completed", "cancelled"] = "cancelled" if moved.status == "cancelled" else "completed"
        found.append(Turn(opened, moved.begin, how, (moved.event or "",)))
    over = _ended(history, opened)
    if over is not None:
        found.append(Turn(opened, over.begin, "cancelled", (over.event or "",)))
    if not found:
        return [Turn(opened, None, None, ())]
    # an answer in the moment of the ending is an answer; one that comes later finds the clock stopped
    return [min(found, key=lambda turn: (turn.end or opened, turn.how == "cancelled"))]


def _next_responses(history: History) -> list[Turn]:
    turns: list[Turn] = []
    asked: TicketEvent | None = None
    has_begun = False
    steps = _steps(history)
    for at, event, over in steps:
        if event is not None and event.reply == "customer" and has_begun and asked is None:
            asked = event
        elif event is not None and event.reply == "agent":
            has_begun = True
            if asked is not None:
                turns.append(Turn(asked.at, at, "completed", (_named(history, asked), _named(history, event))))
                asked = None
        elif over is not None and asked is not None:
            turns.append(Turn(asked.at, at, "cancelled", (_named(history, asked), over.event or "")))
            asked = None
    if asked is not None:
        turns.append(Turn(asked.at, None, None, (_named(history, asked),)))
    return turns


def _steps(history: History) -> list[tuple[datetime, TicketEvent | None, Spell | None]]:
    """Return messages and endings in order; a message of the moment of the ending comes before it."""
    steps: list[tuple[datetime, TicketEvent | None, Spell | None]] = [(one.at, one, None) for one in _replies(history)]
    steps += [(spell.begin, None, spell) for spell in history.spells if spell.status in ENDED]
    return sorted(steps, key=lambda step: (step[0], step[1] is None))


def _resolutions(history: History, policy: Policy) -> list[Turn]:
    turns: list[Turn] = []
    begin: datetime | None = history.opened_at
    began_by: tuple[str, ...] = ()
    for spell in history.spells:
        is_over = spell.status in policy.resolved_by
        if begin is None and not is_over:
            begin, began_by = spell.begin, (spell.event or "",)
        elif begin is not None and is_over:
            how: Literal["completed", "cancelled"] = "cancelled" if spell.status == "cancelled" else "completed"
            turns.append(Turn(begin, spell.begin, how, (*began_by, spell.event or "")))
            begin = None
    if begin is not None:
        turns.append(Turn(begin, None, None, began_by))
    return [_joined(turns)] if policy.reopened == "goes on" and turns else turns


def _joined(turns: Sequence[Turn]) -> Turn:
    names = tuple(name for turn in turns for name in turn.events)
    return Turn(turns[0].begin, turns[-1].end, turns[-1].how, names)
