"""Adoption: link what both sides already hold, before the first run anywhere real. Writes to no system."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from periferia_link.connectors.base import Connector
from periferia_link.domain import Entity
from periferia_link.engine._decide import decide
from periferia_link.engine._detect import raw_digest
from periferia_link.engine._lookups import load_tables
from periferia_link.engine._session import Session
from periferia_link.engine._work import Work
from periferia_link.engine.apply import owned_values
from periferia_link.errors import ConfigurationError, RejectedError

__all__ = ["adopt"]


def adopt(session: Session, since: date | None, connectors: Mapping[str, Connector]) -> None:
    """
    Match every source record with the target; link strong hits, list the others.

    Raises:
        ConfigurationError: The flow has nothing to match by.
        ConnectorError: A side cannot be read.
    """
    flow, kind = session.flow, session.flow.source[1]
    if not flow.match:
        msg = f"flow {flow.name} has nothing to match by"
        hint = (
            f"a start date does the same for it: [flows.{flow.name}] starts"
            if flow.is_grouped
            else "give the flow match keys"
        )
        raise ConfigurationError(msg, hint=hint)
    if flow.lookups:
        tables = load_tables(session, connectors)
        session.context = session.context.with_tables(tables)
    abilities = session.source.supports(kind)
    done = 0
    for page in session.source.pull(kind):
        session.check_lease()
        rows = list(page.rows)
        known = session.ledger.records.known(session.stream, [row.key for row in rows])
        rows = [row for row in rows if row.key not in known]
        if since is not None:
            rows = [row for row in rows if _is_since(session, kind, row, since)]
        digests = {} if abilities.version_covers_fields else {r.key: raw_digest(r, abilities.volatile) for r in rows}
        work = decide(session, rows, digests, known)
        _only_links(work)
        if flow.overwrites:
            work.later.extend(work.linked)  # the first run writes into them
        _compare(session, work)
        work.commit()
        done += len(page.rows)
        session.progress("adopt", done)


def _is_since(session: Session, kind: str, row: object, since: date) -> bool:
    try:
        entity = session.source.decode(kind, row)  # type: ignore[arg-type]
    except RejectedError:
        return True
    moment = getattr(entity, "updated_at", None)
    return moment is None or moment.astimezone(session.context.zone).date() >= since


def _only_links(work: Work) -> None:
    """Keep links and questions; what would be created stays unknown, for the first run."""
    created = {item.key for item in work.items}
    work.counts["unmatched"] = len(created) + len(set(work.later) - work.linked.keys())
    work.items.clear()
    work.pending.clear()
    work.later.clear()
    kept = work.linked.keys() | {row[1] for row in work.reviews}
    work.fresh = {key: row for key, row in work.fresh.items() if key in kept}
    work.again = {key: row for key, row in work.again.items() if key in kept}
    work.settled = [key for key in work.settled if key in work.linked]
    for what in ("waiting", "parked", "skipped"):
        work.counts.pop(what, None)
    work.parks.clear()
    work.depends = {key: names for key, names in work.depends.items() if key in work.linked}


def _compare(session: Session, work: Work) -> None:
    """Say where both sides of a link differ; nothing is changed: the fields follow when the source changes them."""
    by_system: dict[str, dict[str, tuple[str, bytes]]] = {}
    for key, (system, target, base) in work.linked.items():
        by_system.setdefault(system, {})[target] = (key, base)
    for system, linked in by_system.items():
        connector, kind = session.targets[system], session.flow.target[1]
        for row in connector.get(kind, list(linked)):
            key, base = linked[row.key]
            try:
                there = connector.decode(kind, row)
            except RejectedError as exc:
                session.report.note(f"{key}: {row.key} is unreadable: {exc.message}")
                continue
            names = _differences(session, there, base)
            if names:
                session.report.count("different")
                session.report.note(f"{key} and {row.key} differ in {', '.join(names)}")


def _differences(session: Session, there: Entity, base: bytes) -> list[str]:
    wanted = type(there).model_validate_json(base)
    fields = wanted.model_fields_set & session.owned_fields(type(there)) - {"custom"} - session.flow.keeps
    mine: Mapping[str, object] = owned_values(wanted, fields)
    theirs: Mapping[str, object] = owned_values(there, fields)
    return sorted(name for name in fields if mine.get(name) != theirs.get(name))
