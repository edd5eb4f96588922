"""Operations of unknown fate: read back, then adopt, issue again, hold or set aside. Also the way back from a crash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from periferia_link.connectors.base import Applied, NotApplied, Row, Write
from periferia_link.domain import KINDS, Entity, Ref
from periferia_link.engine._outcome import WORDS, hold_items, park_open, settle
from periferia_link.engine._session import Session
from periferia_link.engine._work import Item, change_of, main_key, mark_of
from periferia_link.engine.apply import apply_items, owned_values
from periferia_link.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    RecordConflictError,
    RecordInvalidError,
    RejectedError,
)
from periferia_link.ledger.protocol import AMBIGUOUS, HELD, OK, PLANNED, Operation

__all__ = ["look_at_held", "recover", "resolve_open", "show_open"]

_ISSUES = 3  # of one operation: more re-issues of something that never arrives help nobody


def recover(session: Session) -> None:
    """
    Pick up what an earlier run left: an intent without outcome is a request of unknown fate.

    Raises:
        FlowError: A system stopped.
    """
    left = session.ledger.operations.inflight(session.work_stream)
    if left:
        rows = []
        for op, deadline in left:
            wait = _settle_seconds(session, op)
            until = deadline + wait if wait else 0.0
            rows.append((op.record, AMBIGUOUS, until, op.attempt, "the process ended before the answer"))
        late = [(op.record, deadline + _settle_of(session, op)) for op, deadline in left if op.mode == "create"]
        with session.ledger.transaction():
            session.ledger.operations.may_arrive(late)
            session.ledger.operations.answered([op.record for op, _ in left])
            session.ledger.operations.reopen(rows)
    resolve_open(session, patience=0.0)


def resolve_open(session: Session, *, patience: float) -> bool:
    """
    Settle open operations that are due, waiting at most *patience* seconds for those that are not.

    Returns whether anything happened.

    Raises:
        FlowError: A system stopped.
    """
    moved = False
    until = session.now() + patience
    for _ in range(2 * _ISSUES + 2):
        waiting = _waiting(session)
        due = [op for op in waiting if (op.not_before or 0.0) <= session.now()]
        if not due:
            first = min((op.not_before or 0.0 for op in waiting), default=None)
            if first is None or first > until:
                break
            session.progress("settle", 0, len(waiting))
            session.sleep(first - session.now())
            due = [op for op in waiting if (op.not_before or 0.0) <= session.now()]
        moved = True
        planned = [_item(session, op) for op in due if op.state == PLANNED]
        lost = [_item(session, op) for op in due if op.state == AMBIGUOUS]
        if planned:
            apply_items(session, planned)
        if lost:
            _read_back(session, lost)
    return moved


def _waiting(session: Session) -> list[Operation]:
    """Operations that this run may still settle."""
    found = session.ledger.operations.open(session.work_stream, (PLANNED, AMBIGUOUS))
    kept = []
    for op in found:
        if op.state == PLANNED and op.record in session.given_up:
            continue
        if op.state == PLANNED and session.allowed is not None:
            item = _item(session, op)
            if session.allowed.get(op.key) != mark_of(session, op.key, item.write, item.body):
                continue  # not in the plan that is being applied
        kept.append(op)
    return kept


def show_open(session: Session) -> None:
    """Put into a plan what an earlier run left open: it is written first."""
    for op in session.ledger.operations.open(session.work_stream, (PLANNED, AMBIGUOUS)):
        item = _item(session, op)
        known = session.ledger.records.known(op.stream, [op.key]).get(op.key)
        base = known.base if known is not None and known.target is not None else None
        mark = mark_of(session, op.key, item.write, item.body)
        assert session.changes is not None  # noqa: S101 - only plans show
        session.changes.append(change_of(session, op.key, item.write, op.system, body=item.body, base=base, mark=mark))
        session.report.count(WORDS[item.write.mode])
        session.report.note(f"{op.key}: a {op.mode} of an earlier run is still open")


def look_at_held(session: Session) -> None:
    """Read again what waits for a decision in the target (a draft): taken over, still waiting, or refused there."""
    held = session.ledger.operations.open(session.work_stream, (HELD,))
    if held:
        _read_back(session, [_item(session, op) for op in held], held=True)


def _settle_of(session: Session, op: Operation) -> float:
    return session.targets[op.system].supports(op.kind).settle_seconds


def _settle_seconds(session: Session, op: Operation) -> float:
    abilities = session.targets[op.system].supports(op.kind)
    if abilities.create_guard == "server-key" and op.mode != "action":
        return 0.0
    return max(abilities.settle_seconds, 0.001)


def _item(session: Session, op: Operation) -> Item:
    model = KINDS.get(op.kind)
    if model is None:
        msg = f"the ledger holds an operation on {op.kind}, which no loaded connector defines"
        raise ConfigurationError(msg, hint="load the connector that brings this kind")
    extra = json.loads(op.extra) if op.extra else {}
    body = op.body
    if body is None and op.mode == "create":
        body = session.ledger.records.bases(op.stream, [op.key]).get(op.key)
    is_entity = body is not None and op.mode in ("create", "update")
    entity = model.model_validate_json(body) if is_entity and body is not None else None
    if op.fields:
        fields = frozenset(op.fields.split(","))
    else:
        fields = frozenset(entity.model_fields_set & session.owned_fields(model)) if entity is not None else frozenset()
    ref = Ref(op.system, op.kind, op.target) if op.target is not None else None
    write = Write(op.create_key, op.mode, ref, entity, fields, op.if_version, op.action)  # type: ignore[arg-type]
    return Item(op.key, write, op.system, body, body, extra.get("members"), op.record, op.attempt)


# ---------------------------------------------------------------------- read-backs


def _read_back(session: Session, items: Sequence[Item], *, held: bool = False) -> None:
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.system, item.write.mode), []).append(item)
    for (system, mode), mine in groups.items():
        if mode == "create":
            _creates(session, system, mine, held=held)
        elif mode == "update":
            _updates(session, system, mine)
        elif mode == "delete":
            _deletes(session, system, mine)
        else:
            error = OutcomeUnknownError(
                "the answer to this action was lost",
                hint="look in the system whether it happened, then retry or drop it",
            )
            for item in mine:
                _park(session, item, error)


def _creates(session: Session, system: str, items: Sequence[Item], *, held: bool) -> None:
    connector, kind = session.targets[system], session.flow.target[1]
    found: dict[str, list[Row]] = {}
    for row in connector.find(kind, "create_key", [item.write.create_key for item in items]):
        if row.match is not None:
            found.setdefault(row.match, []).append(row)
    missing: list[Item] = []
    for item in items:
        rows = found.get(item.write.create_key, [])
        final = [row for row in rows if row.pending is None]
        if len(final) == 1:
            _adopt_own(session, item, final[0])
        elif final:
            _quarantine(session, item, sorted(row.key for row in final))
        elif rows:
            if not held:
                hold_items(session, [(item, rows[0].pending or "it waits for a decision in the system")])
        elif held:
            _park(session, item, RecordInvalidError("what waited for a decision in the system is gone: refused there",
                  hint="correct the record; it is tried again then"))  # fmt: skip
        else:
            missing.append(item)
    if session.targets[system].supports(kind).create_guard == "none":
        error = OutcomeUnknownError("the answer was lost, and this system keeps no key to find the record by",
            hint="look there whether it was created; then retry or drop it")  # fmt: skip
        for item in missing:
            _park(session, item, error)
        return
    _issue_again(session, missing)


def _adopt_own(session: Session, item: Item, row: Row) -> None:
    """
    Link what one of our requests created; it may have been an earlier one, with other values.

    A record is brought up to date by the next look at it. A posting cannot be changed: a person compares.
    """
    kind = session.flow.target[1]
    there = _values_there(session, item, row)
    if _is_posting(session, item):
        moved, wanted_moves = there.get("moves"), _moves(item.write.entity)
        if moved is not None and moved != wanted_moves:
            reason = f"{row.key} carries our key and is another posting than the one wanted now"
            hint = "compare it with the time entries, then correct it there"
            _park(session, item, OutcomeUnknownError(reason, hint=hint))
            return
        settle(session, [item], [Applied(Ref(item.system, kind, row.key), row.version)], recovered=True)
        return
    wanted = owned_values(item.write.entity, item.write.fields) if item.write.entity is not None else {}
    settle(session, [item], [Applied(Ref(item.system, kind, row.key), row.version)], recovered=True)
    if any(wanted.get(name) != value for name, value in there.items()):
        session.recovered.add(main_key(item.key))
        base = json.dumps({**json.loads(item.body or b"{}"), **there}).encode()
        with session.ledger.transaction():
            session.ledger.records.linked([(OK, item.system, row.key, row.version, base, item.record)])
            session.ledger.records.mark_dirty(session.work_stream, [main_key(item.key)])


def _is_posting(session: Session, item: Item) -> bool:
    """Whether it cannot be changed any more; the one record of a group that is kept up to date can."""
    return item.members is not None and session.flow.corrects != "update"


def _moves(entity: Entity | None) -> list[tuple[Any, ...]] | None:
    """Return what a posting moves: its sides by account; totals alone do not tell a posting from its reversal."""
    lines = getattr(entity, "lines", None)
    return None if lines is None else sorted((line.account, line.debit, line.credit) for line in lines)


def _values_there(session: Session, item: Item, row: Row) -> dict[str, Any]:
    """Return the values of our fields in the target; of a posting what it moves. Unreadable ones say nothing."""
    try:
        entity = session.targets[item.system].decode(session.flow.target[1], row)
    except RejectedError:
        return {}
    if _is_posting(session, item):
        return {"moves": _moves(entity)}
    # what the target does not keep says nothing either
    return owned_values(entity, item.write.fields & entity.model_fields_set)


def _quarantine(session: Session, item: Item, keys: list[str]) -> None:
    """Several with one marker: keep the lowest as the link, report, delete nothing: a person reverses the others."""
    ref = Ref(item.system, session.flow.target[1], keys[0])
    settle(session, [item], [Applied(ref)], recovered=True)
    reason = f"{len(keys)} records carry one key: {', '.join(keys)}; {keys[0]} is kept, reverse the others"
    with session.ledger.transaction():
        session.ledger.desk.review([(session.work_stream, item.key, reason, json.dumps(keys[1:]), session.now())])
    session.report.count("review")
    session.report.note(f"{item.key}: {reason}")


def _updates(session: Session, system: str, items: Sequence[Item]) -> None:
    connector, kind = session.targets[system], session.flow.target[1]
    rows = {row.key: row for row in connector.get(kind, [item.write.ref.id for item in items if item.write.ref])}
    again: list[Item] = []
    for item in items:
        row = rows.get(item.write.ref.id) if item.write.ref else None
        if row is None or item.write.entity is None:
            _park(
                session, item, RecordConflictError(f"{item.write.ref} is gone", hint="it was deleted there meanwhile")
            )
            continue
        try:
            there = owned_values(connector.decode(kind, row), item.write.fields)
        except RejectedError as exc:
            _park(session, item, RecordConflictError(f"{item.write.ref} is unreadable: {exc.message}", hint=exc.hint))
            continue
        if there == owned_values(item.write.entity, item.write.fields):
            settle(session, [item], [Applied(Ref(system, kind, row.key), row.version)], recovered=True)
        else:
            item.write = item.write._replace(if_version=None)  # read and compared again before it is sent
            again.append(item)
    _issue_again(session, again)


def _deletes(session: Session, system: str, items: Sequence[Item]) -> None:
    connector, kind = session.targets[system], session.flow.target[1]
    rows = {row.key for row in connector.get(kind, [item.write.ref.id for item in items if item.write.ref])}
    again: list[Item] = []
    for item in items:
        if item.write.ref is not None and item.write.ref.id not in rows:
            settle(session, [item], [Applied(item.write.ref)], recovered=True)
        else:
            item.write = item.write._replace(if_version=None)
            again.append(item)
    _issue_again(session, again)


def _issue_again(session: Session, items: Iterable[Item]) -> None:
    fresh = []
    for item in items:
        refusal = _refusal_of(_note_of(session, item))
        if refusal is not None:
            # it was refused, and nothing of an earlier request is there: the refusal stands
            _park(session, item, refusal)
            continue
        item.attempt += 1
        if item.attempt >= _ISSUES:  # the last look came after the deadline of the last request
            note = _note_of(session, item)
            error = RecordInvalidError(
                f"sent {item.attempt} times, the system holds nothing of it; last answer: {note}",
                hint="look at the system's log for the cause; it is tried again at a later run",
            )
            if item.write.mode == "create":
                park_open(session, item, error)
            else:
                _park(session, item, error)
        else:
            fresh.append(item)
    if fresh:
        with session.ledger.transaction():
            session.ledger.operations.reopen([(item.record, PLANNED, None, item.attempt, None) for item in fresh])
        apply_items(session, fresh)


def _refusal_of(note: str) -> RejectedError | None:
    """Return the refusal that a note keeps, ``None`` when the last answer was silence."""
    word, _, message = note.partition(": ")
    kinds: dict[str, type[RejectedError]] = {
        "RecordConflictError": RecordConflictError,
        "RecordInvalidError": RecordInvalidError,
    }
    kind = kinds.get(word)
    return kind(message, hint="correct the record, or what stands in its way there") if kind is not None else None


def _note_of(session: Session, item: Item) -> str:
    for op in session.ledger.operations.open(session.work_stream):
        if op.record == item.record:
            return op.note or "none"
    return "none"


def _park(session: Session, item: Item, error: RejectedError | OutcomeUnknownError) -> None:
    item.tries = 99
    if isinstance(error, OutcomeUnknownError):
        item.needs_person = True
        error = RecordInvalidError(error.message, hint=error.hint)
    settle(session, [item], [NotApplied(error)], recovered=True)
