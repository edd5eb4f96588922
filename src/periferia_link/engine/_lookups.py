"""Look-up tables: loaded when a run starts; a row that changed marks what was derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from periferia_link.connectors.base import Connector, Row
from periferia_link.domain import Entity
from periferia_link.engine._decide import STUMBLES
from periferia_link.engine._detect import raw_digest
from periferia_link.engine._session import Session
from periferia_link.engine._work import entity_body
from periferia_link.engine.context import Tables
from periferia_link.engine.flow import Lookup
from periferia_link.errors import RejectedError
from periferia_link.ledger import PART

__all__ = ["load_tables"]

_Keyed: TypeAlias = "tuple[str, Entity, bytes]"


def load_tables(session: Session, connectors: Mapping[str, Connector]) -> Tables:
    """
    Read every table that the flow declares and mark records derived from rows that changed since.

    Raises:
        ConnectorError: A table cannot be read; nothing can be projected then.
    """
    if session.flow.daily:
        _mark_day(session)
    tables = {}
    for name, lookup in session.flow.lookups.items():
        session.progress(f"table {lookup.title or name}", 0)
        if lookup.rows is not None:
            tables[name] = _filled(session, lookup.role, name, lookup, _given(lookup))
        else:
            connector = connectors[lookup.role]
            tables[name] = _filled(session, connector.name, name, lookup, _read(session, connector, lookup))
    return Tables(tables)


def _read(session: Session, connector: Connector, lookup: Lookup) -> Iterator[_Keyed]:
    """Yield key, entity and digest of every row that can be read."""
    volatile = connector.supports(lookup.kind).volatile
    for page in connector.pull(lookup.kind):
        for row in page.rows:
            try:
                entity = connector.decode(lookup.kind, row)
                key = lookup.key(entity)
            except (RejectedError, *STUMBLES) as exc:
                why = exc.message if isinstance(exc, RejectedError) else type(exc).__name__
                session.report.note(f"{connector.name}: {lookup.title or lookup.kind} {row.key} is unreadable: {why}")
                continue
            if key is not None:
                yield key, entity, raw_digest(row, volatile)


def _given(lookup: Lookup) -> Iterator[_Keyed]:
    """Yield the rows of a table that comes with the flow."""
    assert lookup.rows is not None  # noqa: S101 - the caller looked
    for entity in lookup.rows():
        key = lookup.key(entity)
        if key is not None:
            yield key, entity, raw_digest(Row(key, None, entity_body(entity)), frozenset())


def _filled(
    session: Session, system: str, name: str, lookup: Lookup, found: Iterable[_Keyed]
) -> tuple[Lookup, dict[str, Entity], frozenset[str]]:
    rows: dict[str, Entity] = {}
    digests: dict[str, bytes] = {}
    several: dict[str, list[Entity]] = {}
    twice: set[str] = set()
    for key, entity, digest in found:
        if key in rows:
            twice.add(key)
        rows[key] = entity
        if lookup.several:
            several.setdefault(key, []).append(entity)
        digests[key] = _together(digests.get(key), digest) if lookup.several else digest
    _mark_changed(session, name, digests, rows)
    _describe(session, name, lookup, system)
    if lookup.several:
        for entities in several.values():
            entities.sort(key=lambda one: one.ref.id if one.ref else "")
        return lookup, several, frozenset()  # type: ignore[return-value]  # Tables.each knows
    return lookup, rows, frozenset(twice)


def _together(one: bytes | None, other: bytes) -> bytes:
    """Join the digests of rows under one key, in whatever order they are listed."""
    total = int.from_bytes(one or b"", "big") + int.from_bytes(other, "big")
    return (total & ((1 << (8 * len(other))) - 1)).to_bytes(len(other), "big")


def _mark_day(session: Session) -> None:
    """On the first run of a day every record of the flow is looked at again."""
    records, today = session.ledger.records, session.context.today.isoformat()
    stream = session.ledger.stream(session.flow.name, "day")
    former = [key for keys in records.keys(stream) for key in keys]
    if former == [today]:
        return
    with session.ledger.transaction():
        for keys in records.keys(session.stream):
            records.mark_dirty(session.stream, sorted({key.split(PART)[0] for key in keys}))
        records.drop(stream, former)
        records.add([(stream, today, None, b"", 0, None, None, None, None, None)])


def _describe(session: Session, name: str, lookup: Lookup, system: str) -> None:
    """Say what the rows of the table are, for the trace; an empty kind of the source keeps them from being links."""
    stream = session.ledger.stream(session.flow.name, f"lookup:{name}")
    relation = lookup.title or name
    session.ledger.describe(stream, system=system, kind="", target_kind=lookup.kind, relation=relation)


def _mark_changed(session: Session, name: str, digests: Mapping[str, bytes], rows: Mapping[str, Entity]) -> None:
    ledger = session.ledger
    stream = ledger.stream(session.flow.name, f"lookup:{name}")
    before: dict[str, bytes | None] = {}
    for keys in ledger.records.keys(stream):
        before.update({key: raw for key, (_, raw) in ledger.records.raws(stream, keys).items()})
    changed = [key for key, digest in digests.items() if before.get(key) != digest]
    gone = [key for key in before if key not in digests]
    if not changed and not gone:
        return
    with ledger.transaction():
        ledger.links.touch(f"lookup:{name}:{key}" for key in [*changed, *gone])
        ledger.records.drop(stream, [key for key in changed if key in before])
        # the row that was looked up is its target, without a system: found by the trace, never taken for a link
        ids = {key: entity.ref.id for key, entity in rows.items() if entity.ref is not None}
        ledger.records.add(
            [(stream, key, None, digests[key], 0, None, ids.get(key), None, None, None) for key in sorted(changed)]
        )
        ledger.records.drop(stream, gone)
