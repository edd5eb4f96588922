"""What a person decides about records that wait: try again, let go, link, keep apart; the audit remembers it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from periferia_link.domain import Ref
from periferia_link.errors import AmbiguousMatchError, LedgerError, RecordNotFoundError
from periferia_link.ledger._records import PART
from periferia_link.ledger.protocol import AMBIGUOUS, HELD, Parked, Review

__all__ = ["ByHand", "Waiting"]

_BY_HAND = 0  # the number of a run in the audit that was none


class Waiting(NamedTuple):
    """
    One record that waits for a person.

    ``row`` is what is written down about it. ``source`` is the record itself (of a posting: none). ``operation`` is the
    state of a write that is open, ``not_before`` when it is looked for; ``body`` what would be written (JSON).
    ``verdict`` is what was decided already.
    """

    stream: int
    row: Parked | Review
    source: Ref | None
    kind: str
    target: Ref | None = None
    operation: int | None = None
    not_before: float | None = None
    body: bytes | None = None
    verdict: str | None = None


class ByHand:
    """Decisions of a person, each in one transaction; a run that is going sees them in its next pass."""

    def __init__(self, connection: sqlite3.Connection, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._db = connection
        self._transaction = transaction

    # ------------------------------------------------------------------ which record

    def parked(self, record: str | None = None, *, flow: str | None = None) -> list[Waiting]:
        """Return parked records: all of them, or those called *record* (its key, its reference, a posting's names)."""
        rows = self._db.execute(
            "SELECT p.stream, s.flow, p.key, p.error, p.reason, p.next_step, p.since, p.attempts, p.retry_at, p.body"
            " FROM parked p JOIN stream s ON s.id=p.stream WHERE ? IS NULL OR s.flow=?"
            " ORDER BY p.since, s.flow, p.key",
            (flow, flow),
        ).fetchall()
        found = [self._waiting(row[0], Parked(*row[1:9]), row[9]) for row in rows]
        return [one for one in found if record is None or record in _names_of(one)]

    def reviews(
        self, record: str | None = None, *, flow: str | None = None, with_decided: bool = False
    ) -> list[Waiting]:
        """Return records in review, or those called *record*; those decided too when it is asked for."""
        rows = self._db.execute(
            "SELECT r.stream, s.flow, r.key, r.reason, r.candidates, r.since, r.verdict FROM review r"
            " JOIN stream s ON s.id=r.stream WHERE (? IS NULL OR s.flow=?) AND (? OR r.verdict IS NULL)"
            " ORDER BY r.since, s.flow, r.key",
            (flow, flow, with_decided),
        ).fetchall()
        found = [
            self._waiting(stream, Review(name, key, reason, json.loads(candidates), since, verdict), None)
            for stream, name, key, reason, candidates, since, verdict in rows
        ]
        return [one for one in found if record is None or record in _names_of(one)]

    def _waiting(self, stream: int, row: Parked | Review, body: bytes | None) -> Waiting:
        part, system, kind, target_kind = self._db.execute(
            "SELECT part, system, kind, target_kind FROM stream WHERE id=?", (stream,)
        ).fetchone()
        known = (
            self._db.execute(
                "SELECT r.system, r.target, r.base, o.state, o.not_before, o.body FROM record r"
                " LEFT JOIN operation o ON o.record=r.id WHERE r.stream=? AND r.key=?",
                (stream, row.key),
            ).fetchone()
            or (None,) * 6
        )
        if part == "group":
            target_kind = self._db.execute(
                "SELECT target_kind FROM stream WHERE flow=? AND part='source'", (row.flow,)
            ).fetchone()[0]
        source = Ref(system, kind, row.key.partition(PART)[0]) if part == "source" and system and kind else None
        other, id_ = known[:2]
        target = Ref(other, target_kind or "", id_) if part == "source" and other and id_ else None
        held = body or known[5] or (known[2] if target is None else None)
        verdict = row.verdict if isinstance(row, Review) else None
        return Waiting(stream, row, source, target_kind or "", target, known[3], known[4], held, verdict)

    def described(self, waiting: Waiting) -> dict[str, str]:
        """Return candidate → how it is called over there, as far as the match columns tell without personal data."""
        assert isinstance(waiting.row, Review)  # noqa: S101 - only reviews have candidates
        found: dict[str, str] = {}
        for candidate in waiting.row.candidates:
            rows = self._db.execute(
                "SELECT DISTINCT c.value FROM candidate c JOIN stream s ON s.id=c.stream"
                " WHERE s.flow=? AND s.part LIKE 'index:%' AND c.key=? AND c.field IN ('code','name','number')"
                " ORDER BY c.field",
                (waiting.row.flow, candidate),
            )
            found[candidate] = ", ".join(value for (value,) in rows)
        return found

    # ------------------------------------------------------------------ parked

    def retry(self, waiting: Waiting, *, actor: str, now: float) -> None:
        """Let the next run try the record at once, whatever its schedule was."""
        with self._transaction():
            self._db.execute(
                "UPDATE parked SET retry_at=NULL WHERE stream=? AND key=?", (waiting.stream, waiting.row.key)
            )
            self._audit(waiting, "retry", actor, now)

    def drop(self, waiting: Waiting, *, actor: str, now: float) -> None:
        """
        Forget that the record was parked: it is looked at again when it changes in its own system.

        Raises:
            LedgerError: A write of it is open, whose fate only the next run can settle.
        """
        with self._transaction():
            fresh = self.parked(waiting.row.key, flow=waiting.row.flow)
            state = fresh[0].operation if fresh else None
            if state in (AMBIGUOUS, HELD):
                msg = f"a write of {waiting.row.key} was sent, and what came of it is not known yet"
                raise LedgerError(msg, hint=f"periferia-link run {waiting.row.flow} settles it; drop it then")
            if state is not None:
                msg = f"a write of {waiting.row.key} is planned by a run"
                raise LedgerError(msg, hint="wait until the run is over, and look at the list again")
            self._db.execute("DELETE FROM parked WHERE stream=? AND key=?", (waiting.stream, waiting.row.key))
            self._audit(waiting, "drop", actor, now)

    # ------------------------------------------------------------------ review

    def accept(self, waiting: Waiting, *, actor: str, now: float, link: str | None = None, create: bool = False) -> str:
        """
        Decide that the record goes on, and return the verdict.

        Without more it is linked to its one candidate; one without candidates is written as it is; one that is linked
        already is written although its keys say otherwise.

        Args:
            waiting: The record.

            actor: Who decides.

            now: Seconds since the epoch.

            link: The id on the other side that it is.

            create: It is none of the candidates: make a record of its own.

        Raises:
            AmbiguousMatchError: Several candidates and no word which one, or both words at once.
            RecordNotFoundError: The other side has no record of that id.
        """
        verdict = self._verdict(waiting, link, create=create)
        self._decide(waiting, verdict, actor, now)
        return verdict

    def reject(self, waiting: Waiting, *, actor: str, now: float) -> None:
        """Decide that the record stays out, for good: changes of it do not ask again."""
        self._decide(waiting, "ignore", actor, now)

    def _verdict(self, waiting: Waiting, link: str | None, *, create: bool) -> str:
        assert isinstance(waiting.row, Review)  # noqa: S101 - only reviews are accepted
        candidates = waiting.row.candidates
        if link is not None and create:
            msg = "a record is either linked or created"
            raise AmbiguousMatchError(msg, hint="give one of the two")
        if link is not None:
            self._check_candidate(waiting, link)
            return f"link:{link}"
        if create or waiting.target is not None or not candidates:
            return "create"
        if len(candidates) > 1:
            msg = f"{waiting.row.key} has {len(candidates)} candidates: {', '.join(candidates)}"
            raise AmbiguousMatchError(
                msg, hint="say which one with --link ID, or that it is none of them with --create"
            )
        return f"link:{candidates[0]}"

    def _check_candidate(self, waiting: Waiting, link: str) -> None:
        assert isinstance(waiting.row, Review)  # noqa: S101 - only reviews are accepted
        if waiting.target is not None:
            msg = f"{waiting.row.key} is linked to {waiting.target.id} already"
            raise AmbiguousMatchError(msg, hint="accept it as it is, or reject it; a link is taken apart by hand")
        indexes = "SELECT id FROM stream WHERE flow=? AND part LIKE 'index:%'"
        known = self._db.execute(
            f"SELECT 1 FROM candidate WHERE stream IN ({indexes}) AND key=? LIMIT 1",  # noqa: S608
            (waiting.row.flow, link),
        ).fetchone()
        if known is None and link not in waiting.row.candidates:
            msg = f"the other side has no {waiting.kind} {link} that this ledger knows"
            raise RecordNotFoundError(msg, hint="check the id; a record that is new there is known after the next run")

    def _decide(self, waiting: Waiting, verdict: str, actor: str, now: float) -> None:
        with self._transaction():
            place = (waiting.stream, waiting.row.key)
            self._db.execute("UPDATE review SET verdict=? WHERE stream=? AND key=?", (verdict, *place))
            self._db.execute("UPDATE record SET dirty=1 WHERE stream=? AND key=?", place)
            self._audit(waiting, "review", actor, now, verdict)

    def _audit(self, waiting: Waiting, mode: str, actor: str, now: float, verdict: str | None = None) -> None:
        told: dict[str, Any] = {"key": waiting.row.key, "reason": waiting.row.reason}
        detail = json.dumps(told | ({"verdict": verdict} if verdict else {}), ensure_ascii=False)
        self._db.execute(
            "INSERT INTO audit (run, flow, at, actor, planned_by, mode, bodies, applied, refused, unknown, detail)"
            " VALUES (?,?,?,?,NULL,?,NULL,0,0,0,?)",
            (_BY_HAND, waiting.row.flow, now, actor, mode, detail),
        )


def _names_of(waiting: Waiting) -> set[str]:
    """Every text that means the record: key, reference, names of a posting as they are shown."""
    key = waiting.row.key
    names = {key, key.partition(PART)[0]}
    if waiting.source is not None:
        names.add(str(waiting.source))
    if key.startswith("["):
        try:
            names.add(" / ".join(str(name) for name in json.loads(key)))
        except ValueError:
            return names
    return names
