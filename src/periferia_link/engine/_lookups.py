"""Look-up tables: loaded when a run starts; a row that changed marks what was derived from it."""

from __future__ import annotations

from collections.abc import Mapping

from periferia_link.connectors.base import Connector
from periferia_link.domain import Entity
from periferia_link.engine._decide import STUMBLES
from periferia_link.engine._detect import raw_digest
from periferia_link.engine._session import Session
from periferia_link.engine.context import Tables
from periferia_link.engine.flow import Lookup
from periferia_link.errors import RejectedError

__all__ = ["load_tables"]


def load_tables(session: Session, connectors: Mapping[str, Connector]) -> Tables:
    """
    Read every table that the flow declares and mark records derived from rows that changed since.

    Raises:
        ConnectorError: A table cannot be read; nothing can be projected then.
    """
    tables = {}
    for name, lookup in session.flow.lookups.items():
        session.progress(f"table {lookup.title or name}", 0)
        tables[name] = _load(session, connectors[lookup.role], name, lookup)
    return Tables(tables)


def _load(
    session: Session, connector: Connector, name: str, lookup: Lookup
) -> tuple[Lookup, dict[str, Entity], frozenset[str]]:
    volatile = connector.supports(lookup.kind).volatile
    rows: dict[str, Entity] = {}
    digests: dict[str, bytes] = {}
    twice: set[str] = set()
    for page in connector.pull(lookup.kind):
        for row in page.rows:
            try:
                entity = connector.decode(lookup.kind, row)
                key = lookup.key(entity)
            except (RejectedError, *STUMBLES) as exc:
                why = exc.message if isinstance(exc, RejectedError) else type(exc).__name__
                session.report.note(f"{connector.name}: {lookup.title or lookup.kind} {row.key} is unreadable: {why}")
                continue
            if key is None:
                continue
            if key in rows:
                twice.add(key)
            rows[key] = entity
            digests[key] = raw_digest(row, volatile)
    _mark_changed(session, name, digests)
    return lookup, rows, frozenset(twice)


def _mark_changed(session: Session, name: str, digests: Mapping[str, bytes]) -> None:
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
        ledger.records.add([(stream, key, None, digests[key], 0, None, None, None, None) for key in sorted(changed)])
        ledger.records.drop(stream, gone)
