"""What an outcome does to the ledger: one transaction a request, bodies erased with it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown
from periferia_link.domain import Ref
from periferia_link.engine._decide import group_names
from periferia_link.engine._session import Session
from periferia_link.engine._work import Item, retry_at
from periferia_link.errors import (
    ConnectorError,
    FatalConnectorError,
    RecordConflictError,
    RecordNotFoundError,
    RejectedError,
)
from periferia_link.identity import PENDING
from periferia_link.ledger.protocol import AMBIGUOUS, HELD, OK, PARKED, PLANNED

__all__ = ["WORDS", "Settled", "hold_items", "park_open", "settle"]

_NEVER = 1e9  # seconds: about thirty years

WORDS = {"create": "created", "update": "updated", "delete": "deleted", "action": "actions"}


@dataclass(slots=True)
class Settled:
    """What is left to do after the outcome of one request was recorded."""

    again: list[Item] = field(default_factory=list)  # certainly not applied: issue again
    again_at: float = 0.0
    halves: list[list[Item]] = field(default_factory=list)
    reread: list[Item] = field(default_factory=list)  # the target moved: read it, decide again
    unknown: list[Item] = field(default_factory=list)
    fatal: ConnectorError | None = None


def settle(session: Session, items: Sequence[Item], outcomes: Sequence[Outcome], *, recovered: bool = False) -> Settled:
    """
    Record the outcomes of one request and say what is left to do.

    *recovered* outcomes come from a read-back: they are audited as such.
    """
    left = Settled()
    book = _Book(session)
    if items[0].write.mode == "create" and not session.flow.is_grouped and {type(o) for o in outcomes} == {Applied}:
        book.all_created(items, outcomes)  # type: ignore[arg-type]  # the line above looked
        book.commit(items, outcomes, recovered=recovered)
        return left
    refused = [o for o in outcomes if isinstance(o, NotApplied) and isinstance(o.error, RejectedError)]
    abilities = session.targets[items[0].system].supports(session.flow.target[1])
    if abilities.is_atomic and len(items) > 1 and len(refused) == len(items):
        middle = len(items) // 2
        left.halves = [list(items[:middle]), list(items[middle:])]
        book.plan_again(items, None)
    else:
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Applied):
                book.applied(item, outcome)
            elif isinstance(outcome, Unknown):
                book.unknown(item, outcome.error, is_answered=outcome.is_answered)
                left.unknown.append(item)
            else:
                _not_applied(session, book, left, item, outcome)
    book.commit(items, outcomes, recovered=recovered)
    return left


def hold_items(session: Session, held: Sequence[tuple[Item, str]]) -> None:
    """Keep operations whose effect exists and does not count yet: written no more, looked at every run."""
    book = _Book(session)
    for item, reason in held:
        book.hold(item, reason)
    book.commit([], [], recovered=True)


def park_open(session: Session, item: Item, error: ConnectorError) -> None:
    """Park a create of unknown fate that was looked for in vain; its operation stays for the next look."""
    book = _Book(session)
    book.park_open(item, error)
    book.commit([], [], recovered=True)


def _not_applied(session: Session, book: _Book, left: Settled, item: Item, outcome: NotApplied) -> None:
    error = outcome.error
    mode = item.write.mode
    if isinstance(error, FatalConnectorError):
        left.fatal = error
        book.plan_again([item], None)
    elif isinstance(error, RejectedError):
        if mode == "delete" and isinstance(error, RecordNotFoundError):
            book.applied(item, Applied(item.write.ref or session.target_ref(item.system, "")))
        elif isinstance(error, RecordConflictError) and mode == "create" and item.tries < 1:
            # "taken" may mean taken by our own lost request: look before judging
            item.tries += 1
            book.unknown(item, error, is_answered=True)
            left.unknown.append(item)
        elif isinstance(error, RecordConflictError) and mode in ("update", "delete") and item.tries < 3:
            item.tries += 1
            book.plan_again([item], None)
            left.reread.append(item)
        elif mode == "create" and session.ledger.operations.arrives_until(item.record) > session.now():
            # refused now, but an earlier request of ours may still arrive: judged when that is over
            book.wait_for_late(item, error)
            left.unknown.append(item)
        else:
            book.park(item, error)
    else:
        wait = outcome.retry_after if outcome.retry_after is not None else error.retry_after or 0.0
        left.again_at = max(left.again_at, session.now() + wait)
        book.plan_again([item], left.again_at)
        left.again.append(item)


class _Book:
    """Collects ledger rows of one outcome transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stream = session.work_stream
        self._linked: list[tuple[Any, ...]] = []
        self._created: list[tuple[Item, Applied]] = []
        self._closed: list[int] = []
        self._reopened: list[tuple[int, int, float | None, int, str | None]] = []
        self._parks: list[tuple[Any, ...]] = []
        self._parked: list[int] = []
        self._dropped: list[str] = []
        self._orphaned: list[tuple[str, str]] = []
        self._edges: list[tuple[str, str, str, str | None]] = []
        self._joined: list[str] = []
        self._settled: list[str] = []
        self._late: list[tuple[int, float]] = []
        self._posted: list[tuple[str, dict[str, str | None], Ref]] = []
        self._indexed: list[tuple[Item, Ref]] = []
        self._counts: dict[str, int] = {}

    def all_created(self, items: Sequence[Item], outcomes: Sequence[Applied]) -> None:
        """Every create of the request arrived: the usual case of a first load, all at once."""
        self._closed = [item.record for item in items]
        self._settled = [item.key for item in items]
        self._joined = self._settled
        self._created = list(zip(items, outcomes, strict=True))
        self._counts[WORDS["create"]] = len(items)
        if self._session.flow.match:
            self._indexed = [(item, outcome.ref) for item, outcome in zip(items, outcomes, strict=True)]

    def applied(self, item: Item, outcome: Applied) -> None:
        """The effect is there: link it, erase the body."""
        session, ref = self._session, outcome.ref
        self._closed.append(item.record)
        word = WORDS[item.write.mode]
        self._counts[word] = self._counts.get(word, 0) + 1
        self._settled.append(item.key)
        if item.members is not None:
            self._posted.append((item.key, item.members, ref))
            if session.flow.corrects != "difference":
                # the next change comes back to this record
                self._linked.append((OK, item.system, ref.id, outcome.version, item.base, item.record))
            self._edges += [
                (str(ref), str(session.source_ref(key)), session.flow.relation, session.flow.name)
                for key in item.members
            ]
            return
        if item.write.mode == "delete":
            self._dropped.append(item.key)
            self._orphaned.append((item.system, ref.id))
            return
        base = None if item.write.mode == "create" else item.base
        version = None if item.drifted else outcome.version
        self._linked.append((OK, item.system, ref.id, version, base, item.record))
        if item.write.mode == "create":
            self._joined.append(item.key)
            if session.flow.match:
                self._indexed.append((item, ref))

    def unknown(self, item: Item, error: ConnectorError, *, is_answered: bool = False) -> None:
        """Nobody knows: read back, not before a request under way must have ended."""
        session = self._session
        connector = session.targets[item.system]
        abilities = connector.supports(session.flow.target[1])
        wait = 0.0
        if not is_answered:
            longest = connector.deadline + abilities.settle_seconds
            if item.write.mode == "create":
                self._late.append((item.record, (item.sent_at or session.now()) + longest))
            # a server-enforced key makes a second look and try safe at once; after that a slow server gets its time
            if abilities.create_guard != "server-key" or item.write.mode == "action" or item.attempt:
                wait = longest
            if abilities.create_guard != "server-key":
                session.report.windows.add(f"{connector.name}: a create later than {wait:g} s after it was sent")
        self._reopened.append(
            (item.record, AMBIGUOUS, (item.sent_at or session.now()) + wait, item.attempt, _brief(error))
        )

    def wait_for_late(self, item: Item, error: ConnectorError) -> None:
        """Look again when a lost request can no longer arrive."""
        until = self._session.ledger.operations.arrives_until(item.record)
        self._reopened.append((item.record, AMBIGUOUS, until, item.attempt, _brief(error)))

    def park_open(self, item: Item, error: ConnectorError) -> None:
        """Put aside what never arrived and keep its operation: the next try begins with a look, never with a send."""
        self.park(item, error)
        self._closed.pop()
        session = self._session
        again = retry_at(session.now(), session.ledger.desk.attempts(self._stream, item.key) + 1)
        self._reopened.append((item.record, AMBIGUOUS, again, 1, "nothing of it arrived"))

    def hold(self, item: Item, reason: str) -> None:
        """It exists and does not count yet: keep the operation, write nothing."""
        self._reopened.append((item.record, HELD, None, item.attempt, reason))
        now = self._session.now()
        hint = "finish it in the system; the next run takes the result over"
        self._parks.append((self._stream, item.key, "Pending", reason, hint, now, now + _NEVER, None))
        self._parked.append(item.record)
        self._session.report.note(f"held {item.key}: {reason}")
        self._counts["parked"] = self._counts.get("parked", 0) + 1

    def plan_again(self, items: Sequence[Item], not_before: float | None) -> None:
        """Certainly not applied: the operation stays planned."""
        self._reopened += [(item.record, PLANNED, not_before, item.attempt, None) for item in items]

    def park(self, item: Item, error: ConnectorError) -> None:
        """Refused: put aside with reason and next step."""
        session = self._session
        self._closed.append(item.record)
        now = session.now()
        hint = error.hint or "correct the record; it is tried again then"
        again = retry_at(now, session.ledger.desk.attempts(self._stream, item.key))
        if item.needs_person:
            again = now + _NEVER
        self._parks.append(
            (
                self._stream,
                item.key,
                type(error).__name__,
                error.message,
                hint,
                now,
                again,
                item.body,
            )
        )
        self._parked.append(item.record)
        session.report.note(f"parked {_readable(item)}: {error.message} → {hint}")
        self._counts["parked"] = self._counts.get("parked", 0) + 1

    def commit(self, items: Sequence[Item], outcomes: Sequence[Outcome], *, recovered: bool) -> None:
        """Make everything durable together."""
        session, ledger, stream = self._session, self._session.ledger, self._stream
        with ledger.transaction():
            session.renew_lease()
            if self._linked:
                ledger.records.linked(self._linked)
            if self._created:
                self._commit_created()
            self._commit_desk()
            if self._dropped:
                self._commit_dropped()
            # a difference does not stand for its group: no flow comes back to it
            is_whole = session.flow.corrects != "difference"
            for group, members, ref in self._posted:
                ledger.records.members_posted(session.stream, group, members)
                ledger.records.posted(stream, group, ref.id, ref.system if is_whole else None)
                if session.flow.corrects == "reversal":
                    ledger.records.mark_unposted(session.stream, stream, group)
            if self._edges:
                ledger.links.edges(self._edges)
            if self._joined:
                ledger.links.touch_links(session.source.name, session.flow.source[1], self._joined)
            self._index_created()
            if items:
                ledger.operations.answered([item.record for item in items])
            ledger.operations.close(self._closed)
            if self._late:
                ledger.operations.may_arrive(self._late)
            if self._reopened:
                ledger.operations.reopen(self._reopened)
            self._audit(items, outcomes, recovered=recovered)
        for what, number in self._counts.items():
            session.report.counts[what] += number

    def _commit_created(self) -> None:
        ledger, created = self._session.ledger, self._created
        if all(version is None and ref.id == item.write.create_key for item, (ref, version) in created):
            records = [item.record for item, _ in created]
            if ledger.operations.fulfil_creates(records, created[0][0].system, OK):
                return
        ledger.records.created((OK, item.system, ref.id, version, item.record) for item, (ref, version) in created)

    def _commit_dropped(self) -> None:
        records = self._session.ledger.records
        records.drop(self._stream, self._dropped)
        if self._orphaned and records.has_followers():
            for system, lost in self._orphaned:
                records.promote(self._stream, system, lost)

    def _commit_desk(self) -> None:
        ledger, stream = self._session.ledger, self._stream
        if self._settled and not ledger.desk.is_empty(stream):
            ledger.desk.unpark(stream, self._settled)
            ledger.desk.close_reviews(stream, self._settled)
        if self._parks:
            ledger.desk.park(self._parks)
            ledger.records.set_state(self._parked, PARKED)
            self._unindex_pending([row[1] for row in self._parks])

    def _index_created(self) -> None:
        session, ledger = self._session, self._session.ledger
        for item, ref in self._indexed:
            matcher = session.matcher(item.system)
            ledger.links.unindex(matcher.stream, [PENDING + item.key])
            if item.write.entity is not None:
                ledger.links.index(
                    matcher.stream, [(name, value, ref.id) for name, value in matcher.values(item.write.entity)]
                )

    def _unindex_pending(self, keys: Sequence[str]) -> None:
        if self._session.flow.match:
            for system in self._session.targets:
                matcher = self._session.matcher(system)
                self._session.ledger.links.unindex(matcher.stream, [PENDING + key for key in keys])

    def _audit(self, items: Sequence[Item], outcomes: Sequence[Outcome], *, recovered: bool) -> None:
        session = self._session
        if not items:
            return
        bodies = hashlib.blake2b("".join([item.write.create_key for item in items]).encode(), digest_size=16)
        bodies.update(b"".join([item.body for item in items if item.body]))
        of = Counter(type(outcome) for outcome in outcomes)
        applied, unknown = of[Applied], of[Unknown]
        session.ledger.audit(
            (session.run, session.flow.name, session.now(), session.actor,
             "plan" if session.allowed is not None else "run", items[0].write.mode, bodies.digest(),
             applied, len(outcomes) - applied - unknown, unknown, "read back" if recovered else None)
        )  # fmt: skip


def _brief(error: ConnectorError) -> str:
    return f"{type(error).__name__}: {error.message}"[:300]


def _readable(item: Item) -> str:
    if item.members is None:
        return item.key
    try:
        return " / ".join(group_names(item.key))
    except json.JSONDecodeError:
        return item.key
