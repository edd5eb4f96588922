"""The history of a ticket, from whatever rows a server keeps it in; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from periferia_link.connectors.ticketing._paths import first_set, look_up
from periferia_link.connectors.ticketing._values import Values
from periferia_link.connectors.ticketing.profile import EventRules, FieldRules, TimeRules
from periferia_link.domain import Instant

__all__ = ["FETCHED", "Events"]

FETCHED = "@events"
"""Under this member a ticket holds the history that was asked for at an address of its own."""

_LONGEST = {"raw_status": 100, "note": 4000, "group": 200, "assignee": 200, "actor": 200}
_REPLIES = frozenset({"agent", "customer"})
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Instant)


class Events:
    """
    Reads the history of tickets.

    Args:
        rules: Where it is; ``None``: tickets have none.

        status: How the state of a ticket is read: its words are those of the events.

        priority: The same for its priority.

        times: What times look like.
    """

    def __init__(
        self, rules: EventRules | None, status: Values | None, priority: Values | None, times: TimeRules
    ) -> None:
        self._rules = rules
        self._words = {"status": status, "priority": priority}
        self._times = times

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return "" if self._rules is None else self._rules.rows

    def read(self, ticket: Mapping[str, Any], *, opened_at: Any = None) -> list[dict[str, Any]]:
        """
        Return the history as values of :class:`~periferia_link.domain.TicketEvent`, in order of time.

        Args:
            ticket: The row of the ticket.

            opened_at: When it was opened: where the profile names a first state, the history begins there.

        Raises:
            ValueError: A row does not fit.
        """
        rules = self._rules
        if rules is None:
            return []
        rows = ticket.get(FETCHED) if rules.path is not None else look_up(ticket, rules.rows)
        found = [event for row in rows or () for event in self._of(row)]
        found.sort(key=lambda event: event["at"])  # stable: events of one moment stay in the order of the server
        if rules.first_status is not None and not any("status" in event for event in found[:1]):
            at = opened_at or (found[0]["at"] if found else None)
            if at is not None:
                found.insert(0, {"at": at, "status": rules.first_status})
        return found

    def _of(self, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        assert self._rules is not None  # noqa: S101 - asked by read() only
        rules = self._rules
        told: dict[str, Any] = {"at": self._at(row)}
        number = look_up(row, rules.id)
        if number is not None:
            told["id"] = str(number)
        for name, field in rules.fields.items():
            told |= self._told(name, field.const if field.const is not None else first_set(row, field.paths), field)
        if rules.member is None:
            yield told
            return
        for change in look_up(row, rules.changes) or () if rules.changes else (row,):
            field_name = rules.members.get(str(look_up(change, rules.member)))
            if field_name is not None:
                yield told | self._told(field_name, look_up(change, rules.new), None)
            elif rules.changes is None and set(told) - {"at", "id"}:
                yield told

    def _at(self, row: Mapping[str, Any]) -> datetime:
        assert self._rules is not None  # noqa: S101 - as above
        rules = self._rules.at
        value = first_set(row, rules.paths)
        return _MOMENT.validate_python(Values(rules, "time", self._times).read(value, ""))

    def _told(self, name: str, value: Any, rules: FieldRules | None) -> dict[str, Any]:
        if value in (None, "") or (rules is not None and rules.null is not None and value in rules.null):
            return {}
        words = self._words.get(name)
        if words is not None:
            told = {name: words.read(value, "")}
            return told | {"raw_status": str(value)[:100]} if name == "status" else told
        if name == "reply":
            return {"reply": value} if value in _REPLIES else {}
        text = value if isinstance(value, str) else str(value)
        return {name: text[: _LONGEST.get(name, 200)]}
