"""Open operations: the intent log. A row is lean, and leaves with its outcome."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from periferia_link.errors import LedgerError
from periferia_link.ledger._binding import write_all
from periferia_link.ledger._records import in_list
from periferia_link.ledger.protocol import AMBIGUOUS, HELD, PLANNED, Operation

__all__ = ["Operations"]

_COLUMNS = (
    "o.record, r.stream, r.key, o.mode, o.create_key, o.system, o.kind, o.target, o.if_version, o.action, o.fields,"
    " o.body, o.extra, o.state, o.not_before, o.attempt, o.note"
)
_EVERY = (PLANNED, AMBIGUOUS, HELD)


class Operations:
    """
    The view ``operation`` (rows of ``operation_row``, and the new records that ``creates`` covers) and ``request``.

    CROSS JOIN fixes the order of the tables: without statistics SQLite walks all records to find the few open ones.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def plan(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """
        Write (record, mode, create_key, system, kind, target, if_version, action, fields, body, extra).

        A create without a body has it as the base of its record.

        A second open operation on one record or one target row is refused: callers look before, the keys are the proof.

        Raises:
            LedgerError: One of the records, or targets, has an open operation.
        """
        rows = list(rows)
        for first, last in self._db.execute("SELECT first, last FROM creates"):
            if any(first <= row[0] <= last for row in rows):
                msg = "a record whose creation is planned cannot be planned again"
                raise LedgerError(
                    msg, hint="this is a defect of the library; please report it with the flow's definition"
                )
        write_all(
            self._db,
            "INSERT INTO operation_row (record, mode, create_key, system, kind, target, if_version, action, fields,"
            " body, extra) VALUES ({},{},{},{},{},{},{},{},{},{},{})",
            rows,
        )

    def plan_creates(self, records: Sequence[int], system: str, kind: str) -> None:
        """Plan the creation of new records, whose rows hold the create key and, as base, the body."""
        for first, last in _spans(records):
            self._db.execute("INSERT INTO creates VALUES (?,?,?,?)", (first, last, system, kind))

    def fulfil_creates(self, records: Sequence[int], system: str, state: int) -> bool:
        """
        Note planned creates that arrived under their key, of no known version; whether all of them are such.

        An unbroken run is one statement: a third of the CPU of one for each (measured).
        """
        spans = _spans(records)
        for first, last in spans:
            covering = "SELECT 1 FROM creates WHERE first<=? AND last>=? AND system=?"
            if self._db.execute(covering, (first, last, system)).fetchone() is None:
                return False  # planned in another way: the key stands elsewhere
        self._db.executemany(
            "UPDATE record SET state=?, system=?, target=create_key, target_version=NULL, create_key=NULL"
            " WHERE id BETWEEN ? AND ?",
            [(state, system, first, last) for first, last in spans],
        )
        return True

    def _unfold(self, spans: Iterable[tuple[int, int]]) -> None:
        """Turn planned creates within *spans* into operations of their own, and leave the rest as it is."""
        for first, last in spans:
            self._db.execute(
                "INSERT INTO operation_row (record, mode, create_key, system, kind)"
                " SELECT record, mode, create_key, system, kind FROM operation WHERE record BETWEEN ? AND ?"
                " AND record NOT IN (SELECT record FROM operation_row WHERE record BETWEEN ? AND ?)",
                (first, last, first, last),
            )
            self._cut(first, last)

    def _cut(self, first: int, last: int) -> None:
        """Take the records from *first* to *last* out of the planned creates."""
        touched = self._db.execute(
            "SELECT first, last, system, kind FROM creates WHERE first<=? AND last>=?", (last, first)
        ).fetchall()
        for begin, end, system, kind in touched:
            self._db.execute("DELETE FROM creates WHERE first=?", (begin,))
            left = [(begin, first - 1), (last + 1, end)]
            self._db.executemany(
                "INSERT INTO creates VALUES (?,?,?,?)", [(low, high, system, kind) for low, high in left if low <= high]
            )

    def intent(
        self, records: Sequence[int], *, run: int, stream: int, sent_at: float, deadline: float, epoch: int
    ) -> None:
        """Note that operations are in flight in one request: one short row, committed before the first byte leaves."""
        self._db.executemany(
            "INSERT INTO request (run, stream, first, last, sent_at, deadline, epoch) VALUES (?,?,?,?,?,?,?)",
            [(run, stream, first, last, sent_at, deadline, epoch) for first, last in _spans(records)],
        )

    def answered(self, records: Sequence[int]) -> None:
        """Forget the intent of operations whose outcome is being recorded in this transaction."""
        self._db.executemany("DELETE FROM request WHERE first>=? AND last<=?", _spans(records))

    def inflight(self, stream: int) -> list[tuple[Operation, float]]:
        """Return operations that a request without outcome covers, with the deadline of that request."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS}, max(q.deadline) FROM request q"  # noqa: S608
            " CROSS JOIN operation o ON o.record BETWEEN q.first AND q.last"
            " CROSS JOIN record r ON r.id=o.record WHERE r.stream=? AND o.state=0 GROUP BY o.record ORDER BY o.record",
            (stream,),
        )
        return [(Operation(*row[:-1]), row[-1]) for row in rows]

    def close(self, records: Iterable[int]) -> None:
        """Remove operations whose outcome is recorded: body erased, hashes and ids stay elsewhere."""
        spans = _spans(list(records))
        self._db.executemany("DELETE FROM operation_row WHERE record BETWEEN ? AND ?", spans)
        for first, last in spans:
            self._cut(first, last)

    def reopen(self, rows: Sequence[tuple[int, int, float | None, int, str | None]]) -> None:
        """Set (state, not_before, attempt, note) by (record, state, not_before, attempt, note)."""
        self._unfold(_spans([row[0] for row in rows]))
        self._db.executemany(
            "UPDATE operation_row SET state=?, not_before=?, attempt=?, note=? WHERE record=?",
            [(state, not_before, attempt, note, record) for record, state, not_before, attempt, note in rows],
        )

    def may_arrive(self, rows: Iterable[tuple[int, float]]) -> None:
        """Note (record, until) of creates that may still be under way although their operation is settled."""
        self._db.executemany("INSERT OR REPLACE INTO late VALUES (?,?)", rows)

    def arrives_until(self, record: int) -> float:
        """Return until when a lost create of the record may still arrive, 0 for none."""
        row = self._db.execute("SELECT until FROM late WHERE record=?", (record,)).fetchone()
        return float(row[0]) if row else 0.0

    def open(self, stream: int, states: Sequence[int] = _EVERY) -> list[Operation]:
        """Return the open operations of a stream."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM operation o CROSS JOIN record r ON r.id=o.record"  # noqa: S608
            f" WHERE r.stream=? AND o.state IN ({in_list(len(states))}) ORDER BY o.record",
            (stream, *states),
        )
        return [Operation(*row) for row in rows]

    def open_keys(self, stream: int, keys: Sequence[str]) -> set[str]:
        """Return those keys that have an open operation."""
        rows = self._db.execute(
            "SELECT r.key FROM operation o CROSS JOIN record r ON r.id=o.record WHERE r.stream=?", (stream,)
        )
        # few operations are open between pages: reading them all is cheaper than asking for every key
        opened = {row[0] for row in rows}
        return opened.intersection(keys) if opened else opened

    def open_targets(self, system: str, kind: str) -> set[str]:
        """Return all target ids of a system and kind that some flow has an open operation on."""
        rows = self._db.execute(
            "SELECT target FROM operation_row WHERE system=? AND kind=? AND target IS NOT NULL", (system, kind)
        )
        return {row[0] for row in rows}


def _spans(records: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last number of each unbroken run."""
    numbers = set(records)
    if numbers and (last := max(numbers)) - (first := min(numbers)) + 1 == len(numbers):
        return [(first, last)]  # those of one page mostly follow each other
    found: list[tuple[int, int]] = []
    for record in sorted(records):
        if found and found[-1][1] == record - 1:
            found[-1] = (found[-1][0], record)
        else:
            found.append((record, record))
    return found
