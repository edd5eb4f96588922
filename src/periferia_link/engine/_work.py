"""What one page decided, collected and then made durable in one transaction, cursor included."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from periferia_link.connectors.base import Mode, Row, Write
from periferia_link.domain import Entity, Money, Ref, exact_sum
from periferia_link.engine._session import Session
from periferia_link.engine.plan import Change, digest
from periferia_link.errors import LinkError
from periferia_link.identity import PENDING
from periferia_link.ledger import PART
from periferia_link.ledger.protocol import GONE, OK, PARKED, REVIEW, SKIPPED, WAITING, Known

__all__ = ["Case", "Item", "Place", "Work", "change_of", "entity_body", "main_key", "mark_of", "retry_at"]

_RECORD = attrgetter("record")
Place: TypeAlias = tuple[str | None, str | None, int | None]
"""Where a stream stands: the cursor, the fingerprint of the mapping, the rows of the last complete scan."""
_LONGEST_REASON = 200  # characters
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
    record: int = 0  # row of the ledger; known after the commit for new records
    attempt: int = 0  # how often its fate was unknown and nothing of it was found
    sent_at: float = 0.0
    tries: int = 0  # conflicts re-read in this run
    drifted: bool = False  # the target holds foreign values in fields that this write does not touch
    needs_person: bool = False  # its fate is lost: only a person lets it go again
    delays: int = 0  # how often the system asked to come back later, in this run


class Case(NamedTuple):
    """One row that may have changed: the wire row, its digest where one was needed, what the ledger knows of it."""

    row: Row
    raw: bytes | None
    known: Known | None


def main_key(key: str) -> str:
    """Return the key of the source record of a part (see ``PART``)."""
    return key.partition(PART)[0]


@dataclass(slots=True)
class Work:
    """Everything a page leads to; nothing of it is durable before :meth:`commit`."""

    session: Session
    stream: int
    fresh: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    again: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    parks: list[tuple[Any, ...]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    unparked: list[str] = field(default_factory=list)
    targets: set[tuple[str, str]] = field(default_factory=set)  # (system, id) that this page already writes
    busy: dict[str, set[str]] = field(default_factory=dict)  # system -> ids that an open operation writes
    reviews: list[tuple[int, str, str, str, float]] = field(default_factory=list)
    depends: dict[str, set[str]] = field(default_factory=dict)
    edges: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    linked: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)  # source keys that got a target
    pending: list[tuple[str, str, str, str]] = field(default_factory=list)  # system, field, value, key
    later: list[str] = field(default_factory=list)
    members: list[tuple[int, str, str, str | None]] = field(default_factory=list)
    dirty_groups: set[str] = field(default_factory=set)
    drops: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)  # why nothing is made of a record, by key
    orphaned: list[tuple[str, str]] = field(default_factory=list)  # (system, target) that lost the record writing it
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Add one to a count that becomes true with the commit."""
        self.counts[what] = self.counts.get(what, 0) + 1

    # ------------------------------------------------------------------ verdicts on one row

    def keep(self, case: Case, state: int, base: bytes | None = None, create_key: str | None = None) -> None:
        """Remember a row with what is already linked to it; a new one also with the key of its creation."""
        row, raw, known = case
        if known is None:
            self.fresh[row.key] = (self.stream, row.key, row.version, raw, state, None, None, None, base, create_key)
        else:
            held = (known.system, known.target, known.target_version, base or known.base, known.id)
            self.again[row.key] = (row.version, raw, state, *held)

    def settle(self, case: Case, what: str = "") -> None:
        """Take a record off the lists of what is parked or in review."""
        if case.known is not None:
            self.settled.append(case.row.key)
        if what:
            self.count(what)

    def park(self, case: Case, error: LinkError) -> None:
        """Put the record aside with its reason; the rest goes on."""
        self.keep(case, PARKED)
        key, now = case.row.key, self.session.now()
        hint = error.hint or "correct the record in its system; it is read again then"
        again = retry_at(now, self.session.ledger.desk.attempts(self.stream, key))
        self.parks.append((self.stream, key, type(error).__name__, error.message, hint, now, again, None))
        self.count("parked")
        self.session.report.note(f"parked {key}: {error.message} → {hint}")

    def ask(self, case: Case, reason: str, candidates: tuple[str, ...] = ()) -> None:
        """Put the record before a person."""
        self.keep(case, REVIEW)
        key = case.row.key
        self.unparked.append(key)
        self.reviews.append((self.stream, key, reason, json.dumps(candidates), self.session.now()))
        self.count("review")
        self.session.report.note(f"review {key}: {reason}")

    def wait(self, case: Case, ref: Ref) -> None:
        """Let the record wait until *ref* is linked."""
        self.keep(case, WAITING)
        self.unparked.append(case.row.key)
        self.count("waiting")
        self.session.report.note(f"waiting {case.row.key}: needs {ref}")

    def skip(self, case: Case, reason: str) -> None:
        """Remember a record that does not belong into the target, and why."""
        self.keep(case, SKIPPED)
        self.explain(case, reason)
        self.settle(case, "skipped")

    def explain(self, case: Case, reason: str) -> None:
        """Keep the reason why nothing is made of a record; it must name no values, as it is kept in the ledger."""
        self.reasons[case.row.key] = reason[:_LONGEST_REASON]

    def is_taken(self, system: str, target: str) -> bool:
        """Whether an operation on that target row is open, in this page or in any flow."""
        if system not in self.busy:
            # few are open between pages: all of them at once cost less than asking row by row
            kind = self.session.flow.target[1]
            self.busy[system] = self.session.ledger.operations.open_targets(system, kind)
        return (system, target) in self.targets or target in self.busy[system]

    def defer(self, key: str) -> None:
        """Look at the record again later in this run, or in the next one."""
        self.later.append(main_key(key))

    def link(
        self, case: Case, system: str, target: str, *, base: bytes, state: int = OK, overwrites: bool = False
    ) -> None:
        """Link a record to a target that exists, without writing there; with *overwrites* that follows in this run."""
        row, raw, known = case
        self.linked[row.key] = (system, target, base)
        if overwrites:
            base = b""  # nothing of it was written by us
            self.defer(row.key)
        if known is None:
            self.fresh[row.key] = (self.stream, row.key, row.version, raw, state, system, target, None, base, None)
        else:
            self.again[row.key] = (row.version, raw, state, system, target, None, base, known.id)
        self.settled.append(row.key)
        self.count("adopted")

    def operate(self, case: Case, write: Write, system: str, body: bytes | None, *, name: str = "") -> Item | None:
        """
        Plan one write.

        When planning it is only shown; when a plan is applied that says something else, it is refused. *name* tells
        two writes of one record apart in a plan.
        """
        session, key, known = self.session, case.row.key + name, case.known
        if session.is_planning or session.allowed is not None:
            mark = mark_of(session, key, write, body)
            if session.allowed is not None and session.allowed.get(key) != mark:
                self.defer(case.row.key)
                if key not in session.refused:
                    session.refused.add(key)
                    self.count("refused")
                return None
            if session.changes is not None:
                base = known.base if known is not None and known.target is not None else None
                session.changes.append(change_of(session, key, write, system, body=body, base=base, mark=mark))
        if write.ref is not None:
            self.targets.add((system, write.ref.id))
        item = Item(case.row.key, write, system, body, body, None, known.id if known is not None else 0)
        self.items.append(item)
        return item

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
        recovered = self.session.recovered
        if recovered:
            # they are brought up to date with what is there, which may be all that the system made of our own creation
            self.session.finished += sum(
                item.write.mode == "update" and main_key(item.key) in recovered for item in self.items
            )
        # asked of the class: on an instance a name that is not there costs more than all else here
        if any(hasattr(model, "total") for model in {type(item.write.entity) for item in self.items}):
            totals = [_total_of(item.write.entity) for item in self.items]
            money = exact_sum(total.amount.copy_abs() for total in totals if total is not None)
        self.session.check_ceilings(modes["create"], modes["update"] + modes["action"], modes["delete"], money)

    def commit(self, cursor: Place | None = None, also: Callable[[], None] | None = None) -> list[Item]:
        """
        Make the page durable: rows, operations with their bodies, what waits, and the cursor, in one transaction.

        Args:
            cursor: Where the source stands after the page.

            also: Done last within the transaction.

        Raises:
            LedgerError: Nothing of it is durable then.
        """
        session, ledger = self.session, self.session.ledger
        self.guard()
        with ledger.transaction():
            session.renew_lease()
            self._commit_operations(self._commit_records())
            self._commit_links()
            self._commit_desk()
            if self.members:
                ledger.records.set_members(self.members)
            if self.dirty_groups:
                ledger.records.mark_dirty(session.group_stream, sorted(self.dirty_groups))
            if self.drops:
                ledger.records.drop(self.stream, self.drops)
            if self.orphaned and ledger.records.has_followers():
                for system, target in self.orphaned:
                    ledger.records.promote(self.stream, system, target)
            if self.later:
                ledger.records.mark_dirty(self.stream, self.later)
            if cursor is not None:
                ledger.set_cursor(session.stream, *cursor)
            if also is not None:
                also()
        for what, number in self.counts.items():
            session.report.counts[what] += number
        return self.items

    def _commit_records(self) -> dict[str, int]:
        """Write the rows; returns the ids of new ones by key."""
        records = self.session.ledger.records
        if self.again:
            records.replace(self.again.values())
        ids: dict[str, int] = {}
        if self.fresh:
            # in key order, neighbours share pages of the index
            ordered = sorted(self.fresh)
            first = records.add([self.fresh[key] for key in ordered])
            ids = dict(zip(ordered, range(first, first + len(ordered)), strict=True))
        if self.reasons:
            ids_of = {**{key: row[-1] for key, row in self.again.items()}, **ids}
            # adopting keeps some of the rows only
            records.explain((reason, ids_of[key]) for key, reason in self.reasons.items() if key in ids_of)
        return ids

    def _commit_links(self) -> None:
        links, session = self.session.ledger.links, self.session
        if self.again and self.stream == session.stream:
            # what a changed record pointed at before is no longer true; one that could not be read keeps it
            unread = {row[1] for row in self.parks}
            links.forget_references(
                (
                    str(session.source_ref(key))
                    for key, row in self.again.items()
                    if row[2] != GONE and key not in unread
                ),
                session.flow.name,
            )
        if self.edges:
            links.edges(self.edges)
        if self.linked:
            links.touch_links(session.source.name, session.flow.source[1], self.linked)
        if self.depends:
            links.depend(self.stream, self.depends)
        for system, field_name, value, key in self.pending:
            links.index(session.matcher(system).stream, [(field_name, value, PENDING + key)])

    def _commit_desk(self) -> None:
        desk = self.session.ledger.desk
        if self.settled:
            desk.unpark(self.stream, self.settled)
            desk.close_reviews(self.stream, self.settled)
        if self.unparked:
            desk.unpark(self.stream, self.unparked)
        if self.parks:
            desk.park(self.parks)
        if self.reviews:
            desk.review(self.reviews)

    def _commit_operations(self, ids: Mapping[str, int]) -> None:
        session, ledger = self.session, self.session.ledger
        if not self.items or session.is_planning:
            return
        kind = session.flow.target[1]
        rows: list[tuple[object, ...]] = []
        creates: dict[str, list[int]] = {}
        for item in self.items:
            write = item.write
            is_plain = write.mode == "create" and item.members is None
            if not item.record:
                item.record = ids[item.key]
                if is_plain:
                    creates.setdefault(item.system, []).append(item.record)
                    continue
            extra = json.dumps({"members": item.members}) if item.members is not None else None
            # the body of a create is the base of its record row: not kept twice
            body = None if is_plain else item.body
            fields = None if is_plain else ",".join(sorted(write.fields)) or None
            rows.append(
                (item.record, write.mode, write.create_key, item.system, kind, write.ref.id if write.ref else None,
                 write.if_version, write.action, fields, body, extra)
            )  # fmt: skip
        self.items.sort(key=_RECORD)
        ledger.operations.plan(rows)
        for system, records in creates.items():
            ledger.operations.plan_creates(records, system, kind)


def _total_of(entity: Entity | None) -> Money | None:
    """Return what an entity is worth: in the currency of the books, where it says that beside its own."""
    held: Money | None = getattr(entity, "local_total" if hasattr(type(entity), "local_total") else "total", None)
    return held


_ORIGIN = {"ref", "version"}


def entity_body(entity: Entity) -> bytes:
    """Return the fields that the projection set, as canonical JSON: what is unknown never overwrites."""
    # of the class: on an instance the name goes through pydantic's __getattr__
    return type(entity).__pydantic_serializer__.to_json(entity, exclude_unset=True, exclude=_ORIGIN)


def mark_of(session: Session, key: str, write: Write, body: bytes | None) -> str:
    """Return the fingerprint of an intended change, as plans keep it."""
    names = ",".join(sorted(write.fields)) if write.mode == "update" else ""
    return digest((session.flow.name, key, write.mode, write.ref.id if write.ref else "", names), body)


def change_of(
    session: Session, key: str, write: Write, system: str, *, body: bytes | None, base: bytes | None, mark: str
) -> Change:
    """Return what a plan shows of one write."""
    if write.mode == "action":
        fields: dict[str, tuple[Any, Any]] = {"action": (None, write.action)}
    else:
        after, old = json.loads(body or b"{}"), json.loads(base or b"{}")
        names = sorted(write.fields) or sorted({*after, *old})
        fields = {name: (old.get(name), after.get(name)) for name in names if name in after or name in old}
    return Change(
        flow=session.flow.name,
        key=key,
        mode=write.mode,
        kind=session.flow.target[1],
        system=system,
        target=write.ref.id if write.ref else None,
        target_version=write.if_version,
        fields=fields,
        digest=mark,
    )
