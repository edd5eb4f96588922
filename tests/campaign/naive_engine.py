"""The engine that everybody writes first: write, then remember; when in doubt, write again."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from campaign.crash_chain import chain

from periferia_link.connectors.base import Applied, Connector, NotApplied, Write
from periferia_link.domain import Entity, Ref
from periferia_link.engine import Context, Contribution, Flow, Group
from periferia_link.engine.context import Tables
from periferia_link.errors import RejectedError

__all__ = ["Memory", "naive_run"]

_TRIES = 3


class Memory:
    """What was written, in a file: source key → target id."""

    def __init__(self, path: Path, hear: Callable[[str], None]) -> None:
        self._path = path
        self._hear = hear
        self.held: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def keep(self, key: str, target: str) -> None:
        """Remember one record, durably."""
        self.held[key] = target
        self._hear("before remembering")
        self._path.write_text(json.dumps(self.held))
        self._hear("after remembering")


def naive_run(systems: Mapping[str, Connector], memory: Memory, flows: list[Flow] | None = None) -> None:
    """Run the chain: the same connectors and projections, no intent, no read-back."""
    for flow in chain() if flows is None else flows:
        source, target = systems[flow.source[0]], systems[flow.target[0]]
        context = _context(flow, systems, memory)
        wanted = _grouped(flow, source, context) if flow.is_grouped else _single(flow, source, context)
        for key, entity in wanted.items():
            if key not in memory.held:
                _write(target, flow, key, entity, memory)


def _single(flow: Flow, source: Connector, context: Context) -> dict[str, Entity]:
    found = {}
    for entity in source.each(flow.source[1]):
        wanted = flow.project(entity, context)
        if isinstance(wanted, Entity):
            found[f"{flow.name} {entity.ref}"] = wanted
    return found


def _grouped(flow: Flow, source: Connector, context: Context) -> dict[str, Entity]:
    assert flow.contribute is not None
    sums: dict[tuple[str, ...], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for entity in source.each(flow.source[1]):
        added = flow.contribute(entity, context)
        if isinstance(added, Contribution):
            for name, value in added.values.items():
                sums[added.group][name] += value
    found = {}
    for names, total in sums.items():
        wanted = flow.project(Group(names, 0, total, total, ()), context)
        if isinstance(wanted, Entity):
            found[f"{flow.name} {names}"] = wanted
    return found


def _write(target: Connector, flow: Flow, key: str, entity: Entity, memory: Memory) -> None:
    fields = frozenset(entity.model_fields_set) if flow.owns is None else flow.owns & entity.model_fields_set
    write = Write(str(uuid.uuid5(uuid.NAMESPACE_URL, key)), "create", None, entity, fields)
    for _ in range(_TRIES):
        outcome = target.write(flow.target[1], [write])[0]
        if isinstance(outcome, Applied):
            memory.keep(key, outcome.ref.id)
            return
        if isinstance(outcome, NotApplied) and isinstance(outcome.error, RejectedError):
            memory.keep(key, str(getattr(entity, "code", "")))  # "exists already": good enough
            return


def _context(flow: Flow, systems: Mapping[str, Connector], memory: Memory) -> Context:
    tables: dict[str, Any] = {}
    for name, lookup in flow.lookups.items():
        rows = {lookup.key(entity): entity for entity in systems[lookup.role].each(lookup.kind)}
        tables[name] = (lookup, rows, frozenset())

    def twin(ref: Ref) -> Ref | None:
        target = memory.held.get(f"clients {ref}")
        return None if target is None else Ref("erp", "Client", target)

    return Context(zone=ZoneInfo("America/Bogota"), today=date(2026, 11, 20), tables=Tables(tables), twins=twin)
