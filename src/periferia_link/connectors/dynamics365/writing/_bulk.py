"""
``CreateMultiple`` and ``UpdateMultiple``: many records in one message, all of them or none.

A create carries the id that the engine chose, so a second one is refused like any other. An update carries no version:
it is used only for kinds that this installation alone writes. What a message refuses because of one record is sent
again record by record. Source: "Use bulk operation messages" (bulk-operations.md).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from periferia_link.connectors.base import Applied, NotApplied, Outcome
from periferia_link.connectors.dynamics365.kinds._columns import guids
from periferia_link.connectors.dynamics365.reading._web_api import WebApi
from periferia_link.connectors.dynamics365.writing._actions import NAMESPACE
from periferia_link.connectors.dynamics365.writing._outcomes import is_from_dataverse, outcome_of
from periferia_link.connectors.dynamics365.writing._requests import Operation
from periferia_link.errors import ConnectorError, RejectedError, UnavailableError
from periferia_link.transport._json import NotJsonError, dumps, loads
from periferia_link.transport._odata import BatchPart, any_of, both, eq, query
from periferia_link.typing import Response

__all__ = ["MESSAGES", "Messages", "bulk_request", "outcomes_of_bulk"]

MESSAGES: Final = {"create": "CreateMultiple", "update": "UpdateMultiple"}
_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}


class Messages:
    """Which tables have which bulk message, asked once; and which writes must go one by one. Thread-safe."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._known: dict[tuple[str, str], bool] = {}
        self._apart: set[str] = set()

    def has(self, logical: str, message: str) -> bool:
        """Whether a table takes a message; no, while it cannot be found out."""
        known = self._known.get((logical, message))
        if known is None:
            with self._asking:  # chunks that are sent side by side ask once
                known = self._known.get((logical, message))
                if known is None:
                    self._ask([logical], message)
                    known = self._known.get((logical, message), False)
        return known

    def look_up(self, tables: Iterable[str], message: str) -> None:
        """Find out which tables take a message, in one question, before anything waits for it."""
        with self._asking:
            missing = [logical for logical in tables if (logical, message) not in self._known]
            if missing:
                self._ask(missing, message)

    def _ask(self, tables: Sequence[str], message: str) -> None:
        told = both(eq("sdkmessageid/name", message), any_of("primaryobjecttypecode", tables))
        try:
            rows, _ = self._api.page(query("sdkmessagefilters", select=["primaryobjecttypecode"], filter=told))
        except ConnectorError:
            return
        found = {row.get("primaryobjecttypecode") for row in rows}
        is_only = len(tables) == 1  # then every row is about it
        self._known.update({(logical, message): bool(rows) if is_only else logical in found for logical in tables})

    def set_apart(self, operations: Sequence[Operation]) -> None:
        """Note that these writes are sent one by one from now on: one of them is refused."""
        with self._lock:
            self._apart.update(each.write.create_key for each in operations)

    def are_apart(self, operations: Sequence[Operation]) -> bool:
        """Whether a write of these was refused within a bulk message; it is forgotten then."""
        if not self._apart:
            return False
        with self._lock:
            keys = {each.write.create_key for each in operations}
            found = not keys.isdisjoint(self._apart)
            self._apart -= keys
            return found


def bulk_request(operations: Sequence[Operation], table: str, key: str, logical: str, tag: str) -> BatchPart:
    """
    Return the one request that writes records of one table.

    Args:
        operations: Creates, or updates; each of one request.

        table: Entity set.

        key: Its primary key.

        logical: Its logical name, which every target tells.

        tag: Query with the marker for plug-ins.
    """
    # the columns of each stand written already: the record and its type are put before them
    before = b'{"@odata.type":%s,%s:"' % (dumps(NAMESPACE + logical), dumps(key))
    targets = b",".join(
        [
            before + record.encode() + (b'",' + body[1:] if len(body) > 2 else b'"}')
            for record, body in zip(_records(operations), [each.body for each in operations], strict=True)
            if body
        ]
    )
    message = MESSAGES[operations[0].write.mode]
    return BatchPart("POST", f"{table}/{NAMESPACE}{message}{tag}", _JSON, b'{"Targets":[%s]}' % targets)


def _records(operations: Sequence[Operation]) -> list[str]:
    """Return the ids, without the table that stands before them in kinds of several tables."""
    ids = [each.ref.id for each in operations]
    return [id_.rpartition("/")[2] for id_ in ids] if "/" in ids[0] else ids


def outcomes_of_bulk(operations: Sequence[Operation], answer: Response, *, now: datetime) -> tuple[list[Outcome], bool]:
    """
    Classify the answer to a bulk message; whether its writes must go one by one from now on.

    Args:
        operations: What was sent, in order.

        answer: What came back.

        now: The current instant.
    """
    if answer.status in (200, 204) and is_from_dataverse(answer):
        made = _ids(answer) if operations[0].write.mode == "create" else None
        if made is None or made == _records(operations):
            new = tuple.__new__  # the constructor of a named tuple costs as much as all else here
            return [new(Applied, (each.ref, None)) for each in operations], False
    first = outcome_of(operations[0], answer, now=now)
    if isinstance(first, Applied):  # it says something else than what was asked
        broken = Response(202, answer.headers, b"")
        return [outcome_of(each, broken, now=now) for each in operations], False
    if isinstance(first, NotApplied) and not isinstance(first.error, RejectedError):
        return [outcome_of(each, answer, now=now) for each in operations], False
    if answer.status < 500 and answer.status != 408 and isinstance(first.error, ConnectorError) and first.error.code:
        msg = "one record of a bulk message is refused, so none was written; they are sent one by one"
        error = UnavailableError(msg, system=operations[0].ref.system, code=first.error.code)
        return [NotApplied(error, retry_after=0.0) for _ in operations], True
    return [outcome_of(each, answer, now=now) for each in operations], False


def _ids(answer: Response) -> list[str | None]:
    try:
        told = loads(answer.body)
    except NotJsonError:
        return []
    ids = told.get("Ids") if isinstance(told, dict) else None
    return guids(ids) if isinstance(ids, list) else []
