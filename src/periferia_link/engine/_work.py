"""What one page decided, collected and then made durable in one transaction, cursor included."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from periferia_link.connectors.base import Mode, Row, Write
from periferia_link.domain import Entity, Ref
from periferia_link.engine._session import Session
from periferia_link.engine.plan import Change, digest
from periferia_link.errors import LinkError
from periferia_link.identity import PENDING
from periferia_link.ledger import PART
from periferia_link.ledger.protocol import OK, PARKED, REVIEW, SKIPPED, WAITING, Known

__all__ = ["Item", "Work", "retry_at"]

_RETRY_MINUTES = (0, 5, 30, 120, 360)


def retry_at(now: float, attempts: int) -> float:
    """Return when a parked record is tried again: at the next run first, then less and less often."""
    return now + 60.0 * _RETRY_MINUTES[min(attempts, len(_RETRY_MINUTES) - 1)]


@dataclass(slots=True)
class Item:
    """A planned operation with what the outcome needs; ``base`` are the owned values once it is applied."""

    key: str
    write: Write
    system: str
    body: bytes | None
    base: bytes | None = None
    members: dict[str, str | None] | None = None
    seq: int = 0
    attempt: int = 0
    sent_at: float = 0.0
    tries: int = 0  # conflicts re-read in this run


@dataclass(slots=True)
class Work:
    """Everything a page leads to; nothing of it is durable before :meth:`commit`."""

    session: Session
    stream: int
    inserts: list[tuple[Any, ...]] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    parks: list[tuple[Any, ...]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    reviews: list[tuple[int, str, str, str, float]] = field(default_factory=list)
    depends: dict[str, set[str]] = field(default_factory=dict)
    edges: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)  # source refs that got a target
    pending: list[tuple[str, str, str, str]] = field(default_factory=list)  # system, field, value, key
    later: list[str] = field(default_factory=list)
    members: list[tuple[int, str, str, str | None]] = field(default_factory=list)
    dirty_groups: set[str] = field(default_factory=set)
    drops: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Add one to a count that becomes true with the commit."""
        self.counts[what] = self.counts.get(what, 0) + 1

    # ------------------------------------------------------------------ verdicts on one row

    def keep(self, row: Row, raw: bytes | None, state: int, known: Known | None, base: bytes | None = None) -> None:
        """Remember a row with what is already linked to it."""
        if known is None:
            self.inserts.append((self.stream, row.key, row.version, raw, state, None, None, None, base))
        else:
            self.inserts.append(
                (self.stream, row.key, row.version, raw, state, known.system, known.target, known.target_version,
                 base or known.base)
            )  # fmt: skip

    def park(self, row: Row, raw: bytes | None, known: Known | None, error: LinkError) -> None:
        """Put the record aside with its reason; the rest goes on."""
        self.keep(row, raw, PARKED, known)
        now = self.session.now()
        hint = error.hint or "correct the record in its system; it is read again then"
        self.parks.append((self.stream, row.key, type(error).__name__, error.message, hint, now, now, None))
        self.count("parked")
        self.session.report.note(f"parked {row.key}: {error.message} → {hint}")

    def ask(self, row: Row, raw: bytes | None, known: Known | None, reason: str, candidates: tuple[str, ...] = ()) -> None:
        """Put the record before a person."""
        self.keep(row, raw, REVIEW, known)
        self.reviews.append((self.stream, row.key, reason, json.dumps(candidates), self.session.now()))
        self.count("review")
        self.session.report.note(f"review {row.key}: {reason}")

    def wait(self, row: Row, raw: bytes | None, known: Known | None, ref: Ref) -> None:
        """Let the record wait until *ref* is linked."""
        self.keep(row, raw, WAITING, known)
        self.count("waiting")
        self.session.report.note(f"waiting {row.key}: needs {ref}")

    def skip(self, row: Row, raw: bytes | None, known: Known | None) -> None:
        """Remember a record that does not belong into the target."""
        self.keep(row, raw, SKIPPED, known)
        self.count("skipped")

    def link(
        self, row: Row, raw: bytes | None, system: str, target: str, base: bytes | None, state: int = OK
    ) -> None:
        """Link a record to a target that exists, without writing there."""
        self.inserts.append((self.stream, row.key, row.version, raw, state, system, target, None, base))
        source, there = str(self.session.source_ref(row.key)), str(self.session.target_ref(system, target))
        if self.session.flow.relation == "same":
            self.pairs.append((source, there))
        else:
            self.edges.append((there, source, self.session.flow.relation, self.session.flow.name))
        self.joined.append(source)
        self.settled.append(row.key)
        self.count("adopted")

    def operate(
        self, key: str, write: Write, system: str, *, body: bytes | None, base: bytes | None, before: bytes | None
    ) -> Item | None:
        """
        Plan one write. When planning it is only shown; when a plan is applied and says something else, it is refused.
        """
        session = self.session
        target = write.ref.id if write.ref else None
        names = ",".join(sorted(write.fields)) if write.mode == "update" else None
        if session.is_planning or session.allowed is not None:
            mark = digest(session.flow.name, key, write.mode, target, names, body)
            if session.allowed is not None and session.allowed.get(key) != mark:
                self.later.append(key.split(PART)[0])
                self.count("refused")
                return None
            if session.changes is not None:
                session.changes.append(self._change(key, write, system, body, before, mark))
        item = Item(key, write, system, body, base)
        self.items.append(item)
        return item

    def _change(
        self, key: str, write: Write, system: str, body: bytes | None, before: bytes | None, mark: str
    ) -> Change:
        after = json.loads(body) if body else {}
        old = json.loads(before) if before else {}
        names = sorted(write.fields) or sorted(after)
        fields = {name: (old.get(name), after.get(name)) for name in names if name in after or name in old}
        return Change(
            self.session.flow.name,
            key,
            write.mode,
            self.session.flow.target[1],
            system,
            write.ref.id if write.ref else None,
            write.if_version,
            fields,
            mark,
        )

    # ------------------------------------------------------------------ durable

    def guard(self) -> None:
        """
        Check the ceilings of the run with what this page would add.

        Raises:
            CeilingError: Beyond them; nothing of the page was recorded.
        """
        modes: dict[Mode, int] = {"create": 0, "update": 0, "delete": 0, "action": 0}
        money = Decimal(0)
        for item in self.items:
            modes[item.write.mode] += 1
            total = getattr(item.write.entity, "total", None)
            if total is not None:
                money += abs(total.amount)
        self.session.check_ceilings(modes["create"], modes["update"] + modes["action"], modes["delete"], money)

    def commit(self, cursor: tuple[str | None, str | None, int | None] | None = None) -> list[Item]:
        """
        Make the page durable: rows, operations with their bodies, what waits, and the cursor, in one transaction.

        Raises:
            LedgerError: Nothing of it is durable then.
        """
        session, ledger, stream = self.session, self.session.ledger, self.stream
        self.guard()
        self.inserts.sort()
        with ledger.transaction():
            session.renew_lease()
            if self.inserts:
                ledger.records.insert(self.inserts)
            self._commit_operations()
            if self.pairs:
                ledger.links.same(self.pairs)
            if self.edges:
                ledger.links.edges(self.edges)
            if self.joined:
                ledger.links.touch_links(self.joined)
            if self.depends:
                ledger.links.depend(stream, self.depends)
            if self.parks:
                ledger.desk.park(self.parks)
            if self.settled:
                ledger.desk.unpark(stream, self.settled)
                ledger.desk.close_reviews(stream, self.settled)
            if self.reviews:
                ledger.desk.review(self.reviews)
            if self.members:
                ledger.records.set_members(self.members)
            if self.dirty_groups:
                ledger.records.mark_dirty(session.group_stream, sorted(self.dirty_groups))
            if self.drops:
                ledger.records.drop(stream, self.drops)
            if self.later:
                ledger.records.mark_dirty(stream, self.later)
            if cursor is not None:
                ledger.set_cursor(session.stream, *cursor)
        for what, number in self.counts.items():
            session.report.counts[what] += number
        return self.items

    def _commit_operations(self) -> None:
        session, ledger = self.session, self.session.ledger
        for system, field_name, value, key in self.pending:
            ledger.links.index(session.matcher(system).stream, [(field_name, value, PENDING + key)])
        if not self.items or session.is_planning:
            return
        kind = session.flow.target[1]
        rows = []
        for item in self.items:
            write = item.write
            extra = None
            if item.members is not None or item.base is not item.body:
                base = item.base.decode() if item.base else None
                extra = json.dumps({"members": item.members, "base": base})
            rows.append(
                (self.stream, item.key, write.mode, write.create_key, item.system, kind,
                 write.ref.id if write.ref else None, write.if_version, write.action,
                 ",".join(sorted(write.fields)) if write.mode == "update" else None, item.body, extra)
            )  # fmt: skip
        for item, seq in zip(self.items, ledger.operations.plan(rows), strict=True):
            item.seq = seq


def entity_body(entity: Entity) -> bytes:
    """Return the fields that the projection set, as canonical JSON: what is unknown never overwrites."""
    return entity.__pydantic_serializer__.to_json(entity, exclude_unset=True, exclude={"ref", "version"})
