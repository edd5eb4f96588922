"""The engine that everybody writes first: write, then remember; when in doubt, write again."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from campaign.books_check import check_books
from campaign.crash_chain import Options, World, chain
from campaign.crash_points import IoPoints, Scenario, SimulatedCrash, make_trouble, scratch_folder
from campaign.forks import in_children
from periferia_link.connectors.base import Applied, Connector, NotApplied, Write
from periferia_link.domain import Entity, Ref
from periferia_link.engine import Context, Contribution, Flow, Group
from periferia_link.engine.context import Tables
from periferia_link.errors import RejectedError

__all__ = ["Memory", "naive_crashes", "naive_run"]

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


# ---------------------------------------------------------------------- its crashes


def naive_crashes(
    options: Options, *, trouble: str = "", points: Sequence[int] | None = None
) -> Iterator[tuple[int, int]]:
    """Kill the naive engine at every point of its first run; yields the point and how many records stand twice."""
    scenario = Scenario("first", 1, options, trouble=trouble)

    def run(world: World, folder: Path, io: IoPoints) -> None:
        with suppress(SimulatedCrash):
            naive_run(world.systems(world.wire(io)), Memory(folder / "memory.json", io))

    def undisturbed() -> int:
        with scratch_folder() as folder:
            world, io = World.founded(1, options, by_hand=0), IoPoints()
            run(world, folder, io)
            assert check_books(world).all() == []
            return len(io.words)

    def one(number: int, point: int) -> Callable[[], tuple[int, int]]:
        def work() -> tuple[int, int]:
            with scratch_folder() as folder:
                world = World.founded(1, options, by_hand=0)
                make_trouble(world, scenario, number)
                run(world, folder, IoPoints(point))
                for _ in range(2):
                    run(world, folder, IoPoints())
                return point, check_books(world).extra

        return work

    wanted = range(1, next(iter(in_children([undisturbed]))) + 1) if points is None else points
    yield from in_children(one(number, point) for number, point in enumerate(wanted))
