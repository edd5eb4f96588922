"""Open operations: the intent log. A row is lean, and leaves with its outcome."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from periferia_link.ledger._records import in_list
from periferia_link.ledger.protocol import AMBIGUOUS, HELD, INFLIGHT, PLANNED, Operation

__all__ = ["Operations"]

_COLUMNS = (
    "seq, stream, key, mode, create_key, system, kind, target, if_version, action, fields, body, extra,"
    " state, request, not_before, attempt, note"
)
_EVERY = (PLANNED, INFLIGHT, AMBIGUOUS, HELD)


class Operations:
    """Rows of ``operation`` and ``request``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def plan(self, rows: Sequence[tuple[Any, ...]]) -> list[int]:
        """
        Write (stream, key, mode, create_key, system, kind, target, if_version, action, fields, body, extra).

        Returns their sequence numbers, contiguous and in order. The unique indexes of the table refuse a second open
        operation on one link or one target row: callers check before, the index is the proof.
        """
        if not rows:
            return []
        # max(seq) alone would reuse numbers of closed rows; requests keep their own numbers, so reuse is harmless
        first = self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM operation").fetchone()[0]
        seqs = list(range(first, first + len(rows)))
        self._db.executemany(
            "INSERT INTO operation (seq, stream, key, mode, create_key, system, kind, target, if_version, action,"
            " fields, body, extra) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [(seq, *row) for seq, row in zip(seqs, rows, strict=True)],
        )
        return seqs

    def intent(
        self, seqs: Sequence[int], *, run: int, stream: int, sent_at: float, deadline: float, epoch: int
    ) -> int:
        """Mark operations as in flight in one request; commits before the first byte leaves."""
        request = self._db.execute(
            "INSERT INTO request (run, stream, sent_at, deadline, epoch) VALUES (?,?,?,?,?)",
            (run, stream, sent_at, deadline, epoch),
        ).lastrowid
        assert request is not None  # noqa: S101 - an INSERT always has a rowid
        if seqs[-1] - seqs[0] == len(seqs) - 1:
            self._db.execute(
                "UPDATE operation SET state=?, request=?, attempt=attempt+1 WHERE seq BETWEEN ? AND ?",
                (INFLIGHT, request, seqs[0], seqs[-1]),
            )
        else:
            self._db.executemany(
                "UPDATE operation SET state=?, request=?, attempt=attempt+1 WHERE seq=?",
                [(INFLIGHT, request, seq) for seq in seqs],
            )
        return request

    def close(self, seqs: Iterable[int]) -> None:
        """Remove operations whose outcome is recorded: body erased, hashes and ids stay elsewhere."""
        self._db.executemany("DELETE FROM operation WHERE seq=?", [(seq,) for seq in seqs])

    def reopen(self, rows: Iterable[tuple[int, int, float | None, int, str | None]]) -> None:
        """Set (state, not_before, attempt, note) by (seq, state, not_before, attempt, note)."""
        self._db.executemany(
            "UPDATE operation SET state=?, not_before=?, attempt=?, note=? WHERE seq=?",
            [(state, not_before, attempt, note, seq) for seq, state, not_before, attempt, note in rows],
        )

    def open(self, stream: int, states: Sequence[int] = _EVERY) -> list[Operation]:
        """Return the open operations of a stream in the order they were planned."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM operation WHERE stream=? AND state IN ({in_list(len(states))}) ORDER BY seq",  # noqa: S608
            (stream, *states),
        )
        return [Operation(*row) for row in rows]

    def open_keys(self, stream: int, keys: Sequence[str]) -> set[str]:
        """Return those keys that have an open operation."""
        if not self._db.execute("SELECT 1 FROM operation WHERE stream=? LIMIT 1", (stream,)).fetchone():
            return set()
        rows = self._db.execute(
            f"SELECT key FROM operation WHERE stream=? AND key IN ({in_list(len(keys))})",  # noqa: S608
            (stream, *keys),
        )
        return {row[0] for row in rows}

    def open_targets(self, system: str, kind: str, targets: Sequence[str]) -> set[str]:
        """Return those target ids that some flow has an open operation on."""
        if not targets:
            return set()
        rows = self._db.execute(
            f"SELECT target FROM operation WHERE system=? AND kind=? AND target IN ({in_list(len(targets))})",  # noqa: S608
            (system, kind, *targets),
        )
        return {row[0] for row in rows}

    def sent(self, request: int) -> tuple[float, float] | None:
        """Return (sent_at, deadline) of a request, in seconds since the epoch."""
        row = self._db.execute("SELECT sent_at, deadline FROM request WHERE id=?", (request,)).fetchone()
        return (row[0], row[1]) if row else None

    def end_requests(self) -> None:
        """Forget requests that no open operation belongs to."""
        self._db.execute(
            "DELETE FROM request WHERE id NOT IN (SELECT request FROM operation WHERE request IS NOT NULL)"
        )
