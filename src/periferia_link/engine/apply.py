"""Planned operations become requests: intent, one request, outcome; the engine owns chunks, halves and re-issue."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, TypeAlias

from periferia_link.connectors.base import Applied, NotApplied, Outcome, Row, Unknown
from periferia_link.domain import Entity
from periferia_link.engine._outcome import Settled, settle
from periferia_link.engine._session import Session
from periferia_link.engine._work import Item
from periferia_link.engine._workers import Workers
from periferia_link.errors import (
    ConnectorError,
    FlowError,
    LinkError,
    RecordConflictError,
    RecordNotFoundError,
    RejectedError,
    UnavailableError,
)
from periferia_link.ledger.protocol import OK

__all__ = ["Commit", "Driver", "apply_items", "by_system", "owned_values"]

_ATTEMPTS = 5  # of one operation in one run, when the system says "later"
_MOMENT = 0.001  # seconds; without them a request leaves up to 10 ms later (measured)
_NUMBER = attrgetter("record", "key")
Commit: TypeAlias = Callable[[Callable[[], None] | None], object]
"""Makes a page durable, together with what it is given."""
_Job: TypeAlias = tuple[list[Item], Callable[[], list[Outcome]]]  # operations of one request, and what sends it


def apply_items(session: Session, items: Iterable[Item]) -> list[Item]:
    """
    Write what a page planned; return the operations whose fate is not known yet.

    Raises:
        FlowError: A system stopped (credentials, rights, contract); planned work stays in the ledger.
        LedgerError: An intent or outcome could not be made durable; nothing is sent after that.
    """
    unknown: list[Item] = []
    for system, mine in by_system(items).items():
        driver = Driver(session, system)
        try:
            unknown += driver.run(mine)
        finally:
            driver.close()
    return unknown


def by_system(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Return operations by the system that they are for, in their order."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.system, []).append(item)
    return found


class Driver:
    """
    Writes to one system; only this thread touches the ledger, workers do one request each.

    Args:
        session: What the steps of the pass share.

        system: Which of its targets.
    """

    def __init__(self, session: Session, system: str) -> None:
        self._session = session
        self._connector = session.targets[system]
        self._kind = session.flow.target[1]
        self._abilities = self._connector.supports(self._kind)
        self._queue: deque[list[Item]] = deque()
        self._delayed: list[tuple[float, list[Item]]] = []
        self._unknown: list[Item] = []
        self._fatal: ConnectorError | None = None
        self._workers = Workers[_Job, list[Outcome]](max(1, self._abilities.parallel), self._send, _is_smooth)

    def run(self, items: Sequence[Item]) -> list[Item]:
        """
        Send all of them and record every outcome; return the operations whose fate is not known.

        Raises:
            FlowError: As :func:`apply_items`.
        """
        self._enqueue(self._with_versions(items))
        return self.end()

    def begin(self, items: Sequence[Item], commit: Commit) -> None:
        """
        Make creations durable and send them until each has left: the last requests are still under way then.

        Args:
            items: New operations; nothing of them is durable yet.

            commit: Makes them durable, and within the same transaction does what it is given: the intent of the first
                request, which is written down before, needs no commit of its own.

        Raises:
            FlowError: As :func:`apply_items`.
        """
        # new ones are numbered in the order of their keys: the numbers of one request follow each other
        ordered = sorted(items, key=_NUMBER)
        if self._queue or self._delayed or self._fatal is not None or not self._workers.has_room:
            commit(None)
            self._enqueue(ordered)
        else:
            size = max(1, self._abilities.max_batch)
            first = ordered[:size]
            send = self._prepare(first)
            self._session.check_lease()
            sent_at = self._session.now()
            commit(partial(self._write_intent, first, sent_at))
            self._leave_with(first, send, sent_at)
            self._enqueue(ordered[size:])
        self._go_on(until_answered=False)
        self._workers.give_way(_MOMENT)

    def collect(self) -> bool:
        """
        Record what is answered, without waiting; whether the fate of something is not known.

        Raises:
            FlowError: As :func:`apply_items`.
        """
        self._settle(self._workers.ended())
        self._go_on(until_answered=False)
        return bool(self._unknown)

    def end(self) -> list[Item]:
        """
        Send what is left and wait for every answer; return the operations whose fate is not known.

        Raises:
            FlowError: As :func:`apply_items`.
        """
        self._go_on(until_answered=True)
        unknown, self._unknown = self._unknown, []
        return unknown

    def leave(self) -> None:
        """Record the outcomes of what is under way; nothing more is sent."""
        self._queue.clear()
        self._delayed.clear()
        while not self._workers.is_idle:
            for (chunk, _), outcomes in self._workers.finished():
                settle(self._session, chunk, outcomes)

    def close(self) -> None:
        """End the threads; what they send now is waited for and not recorded."""
        self._workers.close()

    def _go_on(self, *, until_answered: bool) -> None:
        """Start what there is room for and record what is answered, until nothing is left to start, or to answer."""
        while True:
            self._start()
            is_left = bool(self._queue or self._delayed)
            if not self._workers.is_idle and (until_answered or is_left or self._fatal is not None):
                self._settle(self._workers.finished())
            elif self._fatal is not None or not is_left:
                break
            else:
                self._wake()
        if self._fatal is not None:
            msg = f"{self._connector.name}: {self._fatal.message}"
            raise FlowError(msg, hint=self._fatal.hint, report=self._session.report) from self._fatal

    def _start(self) -> None:
        while self._queue and self._workers.has_room and self._fatal is None:
            chunk = self._queue.popleft()
            send = self._prepare(chunk)
            self._session.check_lease()
            sent_at = self._session.now()
            with self._session.ledger.transaction():
                self._session.renew_lease()
                self._write_intent(chunk, sent_at)
            self._leave_with(chunk, send, sent_at)

    def _settle(self, ended: Iterable[tuple[_Job, list[Outcome]]]) -> None:
        for (chunk, _), outcomes in ended:
            self._after(settle(self._session, chunk, outcomes))

    # ------------------------------------------------------------------ chunks

    def _enqueue(self, items: Iterable[Item]) -> None:
        size = max(1, self._abilities.max_batch)
        run: list[Item] = []
        for item in items:
            # one mode a request: its answer is read by one rule
            if run and (len(run) == size or run[0].write.mode != item.write.mode):
                self._queue.append(run)
                run = []
            run.append(item)
        if run:
            self._queue.append(run)

    def _wake(self) -> None:
        self._delayed.sort(key=lambda pair: pair[0])
        due, chunk = self._delayed.pop(0)
        self._session.sleep(due - self._session.now())
        self._queue.append(chunk)

    def _write_intent(self, chunk: list[Item], sent_at: float) -> None:
        """Write the intent down; nothing leaves before the transaction is durable."""
        session = self._session
        session.ledger.operations.intent(
            [item.record for item in chunk],
            run=session.run,
            stream=session.work_stream,
            sent_at=sent_at,
            deadline=sent_at + self._connector.deadline,
            epoch=session.lease.epoch if session.lease else 0,
        )

    def _leave_with(self, chunk: list[Item], send: Callable[[], list[Outcome]], sent_at: float) -> None:
        for item in chunk:
            item.sent_at = sent_at
        self._session.report.requests += 1
        self._workers.start((chunk, send))

    def _prepare(self, chunk: list[Item]) -> Callable[[], list[Outcome]]:
        """Let the connector work on the request here: on threads side by side, all of them would be late."""
        try:
            return self._connector.prepare(self._kind, [item.write for item in chunk])
        except ConnectorError as exc:  # breaks the contract, as in _send
            outcomes: list[Outcome] = [Unknown(exc)] * len(chunk)
            return lambda: outcomes

    def _send(self, job: _Job) -> list[Outcome]:
        """Send exactly one request; runs on a worker thread and touches no ledger."""
        chunk, send = job
        try:
            outcomes = send()
        except ConnectorError as exc:  # a connector that raises breaks the contract; what it did is not known
            return [Unknown(exc)] * len(chunk)
        if len(outcomes) != len(chunk):
            msg = f"{len(outcomes)} outcomes for {len(chunk)} writes"
            return [Unknown(UnavailableError(msg, system=self._connector.name))] * len(chunk)
        return outcomes

    def _after(self, left: Settled) -> None:
        self._fatal = self._fatal or left.fatal
        self._unknown += left.unknown
        self._queue.extend(left.halves)
        for item in left.again:
            item.delays += 1
        again = [item for item in left.again if item.delays < _ATTEMPTS]
        if again:
            self._delayed.append((left.again_at, again))
        late = [item for item in left.again if item.delays >= _ATTEMPTS]
        if late:
            self._session.given_up.update(item.record for item in late)
            self._session.report.count("waiting", len(late))
            self._session.report.note(f"{self._connector.name} is not available: {len(late)} records stay planned")
        if left.reread:
            self._enqueue(self._with_versions(left.reread, moved=True))
        self._session.progress("write", self._session.report.writes)

    # ------------------------------------------------------------------ updates: on which version

    def _with_versions(self, items: Iterable[Item], *, moved: bool = False) -> list[Item]:
        """
        Give updates and deletes the version they act on, comparing what is there with what we knew.

        Systems without a precondition are read and compared every time; the others only when the version is not
        known or has moved.
        """
        items = list(items)
        if {item.write.mode for item in items} <= {"create", "action"}:
            return items
        ready: list[Item] = []
        blind: list[Item] = []
        for item in items:
            needs = item.write.mode in ("update", "delete") and (
                moved or item.write.if_version is None or self._abilities.concurrency == "compare"
            )
            (blind if needs else ready).append(item)
        if not blind:
            return ready
        if moved and self._session.allowed is not None:
            error = RecordConflictError("the target moved since the plan was made", hint="make a new plan")
            self._refuse([(item, error) for item in blind])
            return ready
        ids = [item.write.ref.id for item in blind if item.write.ref]
        rows = {row.key: row for row in self._connector.get(self._kind, ids)}
        refused: list[tuple[Item, LinkError]] = []
        for item in blind:
            row = rows.get(item.write.ref.id) if item.write.ref else None
            try:
                if row is None:
                    if item.write.mode == "update":
                        msg = f"{item.write.ref} is gone"
                        raise RecordNotFoundError(
                            msg, hint="it was deleted there; restore it, or delete the source record"
                        )
                    ready.append(item)
                elif self._reconcile(item, row):
                    ready.append(item)
            except RejectedError as exc:
                # an unreadable row of the target parks this record alone
                refused.append((item, exc))
        self._refuse(refused)
        return sorted(ready, key=lambda item: item.record)

    def _reconcile(self, item: Item, row: Row) -> bool:
        """Three-way: what we wrote last, what is there, what we want. Returns whether a write is left."""
        version = row.version if self._abilities.concurrency == "precondition" else None
        if item.write.mode == "delete" or item.write.entity is None:
            item.write = item.write._replace(if_version=version)
            return True
        wanted = owned_values(item.write.entity, item.write.fields)
        before = _base_of(self._session, item)
        there = owned_values(self._connector.decode(self._kind, row), {*before, *item.write.fields})
        send, foreign = set(), []
        for name, value in wanted.items():
            if there.get(name) == value:
                continue
            if name in before and there.get(name) != before[name]:
                foreign.append(name)
            send.add(name)
        policy = self._session.flow.on_conflict
        if foreign and self._session.allowed is not None:
            msg = f"{', '.join(sorted(foreign))} changed in the target since the plan was made"
            raise RecordConflictError(msg, hint="make a new plan")
        if foreign and policy == "review":
            msg = f"{', '.join(sorted(foreign))} changed on both sides"
            raise RecordConflictError(msg, hint="decide which side is right, then run again")
        if policy == "target":
            send -= set(foreign)
        if foreign:
            self._session.report.note(f"{item.key}: {', '.join(sorted(foreign))} changed on both sides, {policy} wins")
        # foreign values that stay: the next update must not take the row's new version for agreement
        believed = {**before, **wanted}
        item.drifted = any(there.get(name) != value for name, value in believed.items() if name not in send)
        if not send:
            self._already(item, row)
            return False
        item.write = item.write._replace(fields=frozenset(send), if_version=version)
        return True

    def _already(self, item: Item, row: Row) -> None:
        """The target holds the wanted values: nothing to send."""
        session = self._session
        with session.ledger.transaction():
            session.ledger.records.linked(
                [(OK, item.system, row.key, None if item.drifted else row.version, item.base, item.record)]
            )
            session.ledger.operations.close([item.record])
        session.report.count("unchanged")

    def _refuse(self, refused: Sequence[tuple[Item, LinkError]]) -> None:
        for item, error in refused:
            assert isinstance(error, ConnectorError)  # noqa: S101 - only rejections come here
            item.tries = 99
            settle(self._session, [item], [NotApplied(error)])


def _is_smooth(outcomes: Sequence[Outcome]) -> bool:
    """Whether all of it succeeded: recording that can wait, anything else may say that nothing more should leave."""
    return {type(outcome) for outcome in outcomes} == {Applied}


def owned_values(entity: Entity, names: Iterable[str]) -> dict[str, Any]:
    """Return fields as JSON values, for comparing."""
    found: dict[str, Any] = json.loads(entity.model_dump_json(include=set(names)))
    return found


def _base_of(session: Session, item: Item) -> dict[str, Any]:
    known = session.ledger.records.known(session.work_stream, [item.key]).get(item.key)
    found: dict[str, Any] = json.loads(known.base) if known is not None and known.base else {}
    return found
