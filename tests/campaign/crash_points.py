"""Simulated crashes: every point of input and output of a run, one after the other."""

from __future__ import annotations

import functools
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from campaign.books_check import Findings, check
from campaign.crash_chain import Options, World, chain
from campaign.forks import in_children
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import FaultRule
from periferia_link.testing.emulators._faults import FaultKind, When

__all__ = [
    "TROUBLES",
    "Crash",
    "IoPoints",
    "Scenario",
    "SimulatedCrash",
    "crashes",
    "idle_after",
    "make_trouble",
    "prepared",
    "scratch_folder",
    "warm_up",
]

_PAST_THE_LEASE = (125.0, 400.0)
"""Seconds until somebody starts again: before and after a request that was under way must have ended."""


class SimulatedCrash(BaseException):
    """The process dies here; no handler of the library may stop it."""


class IoPoints:
    """
    Counts what a run reads and writes; at the chosen point the process is dead.

    From then on everything that touches the outside raises, too: no ``finally`` does what a dead process could not.
    ``at_death`` is called at that very point, to keep what the disk held.
    """

    def __init__(self, die_at: int | None = None, at_death: Callable[[], None] = lambda: None) -> None:
        self.words: list[str] = []
        self.is_dead = False
        self._die_at = die_at
        self._at_death = at_death
        self._lock = threading.Lock()

    def __call__(self, word: str) -> None:
        """Count one point, or die at it."""
        with self._lock:
            if self.is_dead:
                raise SimulatedCrash(word)
            self.words.append(word)
            if len(self.words) == self._die_at:
                self.is_dead = True
                self._at_death()
                raise SimulatedCrash(word)


@dataclass(frozen=True)
class Scenario:
    """
    A run to be killed at every point.

    ``trouble`` names something else that happens on the way to the ERP, at the ``nth`` batch: another one for every
    point, unless it is given. ``dies_again`` kills the recovery, too; ``moves_on``: people change things between the
    crash and the next run. ``size``: how many clients and time entries there are.
    """

    stage: str  # "first", "changed"; "adopted" and "applied" are first runs after an adoption, or by plan and apply
    seed: int = 1
    options: Options = field(default_factory=Options)
    trouble: str = ""
    nth: int | None = None
    dies_again: bool = False
    moves_on: bool = False
    size: tuple[int, int] = (4, 11)

    @property
    def kind(self) -> str:
        """How the table calls it."""
        more = f" + {self.trouble}" if self.trouble else ""
        more += " + killed again" if self.dies_again else ""
        more += " + people go on" if self.moves_on else ""
        more += " + approvals" if self.options.approvals else ""
        threads = f", {self.options.parallel} threads" if self.options.parallel > 1 else ""
        return f"{self.stage} run, marker {self.options.marker}{threads}{more}"


@dataclass
class Crash:
    """What became of one crash."""

    kind: str
    point: int
    word: str
    findings: Findings
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}, seed {self.seed}, point {self.point} ({self.word}): {'; '.join(self.findings.all()[:4])}"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder in memory where there is one: the ledger is a real file there, its commits are quick."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def prepared(scenario: Scenario, folder: Path) -> World:
    """Build the world right before the run that will be killed; its ledger is ``ledger.db`` there, if it has one."""
    accounts, logs = scenario.size
    world = World.founded(scenario.seed, scenario.options, accounts=accounts, logs=logs)
    if scenario.stage == "changed":
        with SqliteLedger.open(folder / "ledger.db") as ledger:
            world.engine(ledger).run(chain())
        world.change()
    return world


# ---------------------------------------------------------------------- trouble on the way

TROUBLES = (
    "reset before commit",
    "reset after commit",
    "late commit",
    "502 after commit",
    "truncated answer",
    "sign-in page",
    "throttled",
    "session expired",
    "edited meanwhile",
    "reads break",
)

_BATCHES, _SINGLES = "*/$batch", ("*/BusinessPartners*", "*/Projects*", "*/JournalEntries")


def make_trouble(world: World, scenario: Scenario, point: int) -> None:
    """Put the fault of a scenario on one batch, and on a single write for every third point."""
    chance = random.Random(f"{scenario.seed} {point}")
    nth = scenario.nth or chance.randint(1, 8)
    faults: dict[str, tuple[FaultKind, When, dict[str, Any]]] = {
        "reset before commit": ("reset", "before", {}),
        "reset after commit": ("reset", "after", {}),
        "late commit": ("late", "before", {"seconds": scenario.options.lateness}),
        "502 after commit": ("status", "after", {"status": 502}),
        "truncated answer": ("truncate", "after", {}),
        "sign-in page": ("html", "before", {}),
        "throttled": ("throttle", "before", {"retry_after": "7"}),
    }
    if scenario.trouble in faults:
        kind, when, params = faults[scenario.trouble]
        told: dict[str, Any] = {"when": when, "params": params}
        world.erp.faults.add(FaultRule(kind, method="POST", path=_BATCHES, nth=nth, **told))
        if point % 3 == 0 and scenario.nth is None:
            nth = chance.randint(1, 3)
            world.erp.faults.add(*(FaultRule(kind, method="P*", path=path, nth=nth, **told) for path in _SINGLES))
    if scenario.trouble == "reads break":
        for emulator in world.emulators.values():
            emulator.faults.add(FaultRule("reset", method="GET", nth=chance.randint(1, 8)))
            emulator.faults.add(FaultRule("status", method="GET", nth=chance.randint(1, 8), params={"status": 503}))


class Meanwhile:
    """Hears the points of a run; right before one of the writes, somebody else does something in the ERP."""

    def __init__(self, world: World, trouble: str, point: int, io: IoPoints) -> None:
        self._act = {"session expired": world.erp.sessions.expire, "edited meanwhile": world.annotate}.get(trouble)
        self._left = 1 + point % 6
        self._io = io

    def __call__(self, word: str) -> None:
        """Pass the point on."""
        if self._act is not None and word.startswith(("before POST /b1s/v2/$batch", "before PATCH")):
            self._left -= 1
            if self._left == 0:
                self._act()
        self._io(word)


# ---------------------------------------------------------------------- one crash


def run_until(world: World, ledger: Path, hear: Callable[[str], None], stage: str) -> None:
    """Run the chain until it is done or dead."""
    book = SqliteLedger.open(ledger, on_io=hear)
    try:
        engine = world.engine(book, world.wire(hear))
        if stage == "adopted":
            for flow in chain()[:2]:
                engine.adopt(flow)
        elif stage == "applied":
            for flow in chain():
                engine.apply(engine.plan(flow), flow)
        engine.run(chain())
    except SimulatedCrash:
        pass
    finally:
        book.close()


def survive(world: World, scenario: Scenario, folder: Path, point: int) -> Crash:
    """Die at a point, come back with fresh objects over what the disk held, run idle, and look."""
    ledger = folder / "ledger.db"
    io = die_at(world, scenario, ledger, point)
    word = io.words[-1] if io.is_dead else "none"
    if scenario.dies_again:
        world.clock.advance(_PAST_THE_LEASE[0])
        calm = replace(scenario, trouble="")
        io = die_at(world, calm, ledger, 1 + point * 7 % 90)
        word += f", then {io.words[-1] if io.is_dead else 'none'}"
    if scenario.moves_on and io.is_dead:
        world.change(unseen=True)
    world.clock.advance(_PAST_THE_LEASE[point % 2])
    return Crash(scenario.kind, point, word, idle_after(world, ledger), scenario.seed)


def die_at(world: World, scenario: Scenario, ledger: Path, point: int) -> IoPoints:
    """Run until the point; afterwards *ledger* is what the disk held at that moment."""
    kept = ledger.with_name(f"kept-{ledger.name}")

    def keep() -> None:
        for ending in ("", "-wal"):
            if (found := Path(f"{ledger}{ending}")).exists():
                shutil.copyfile(found, f"{kept}{ending}")

    io = IoPoints(point, keep)
    make_trouble(world, scenario, point)
    run_until(world, ledger, Meanwhile(world, scenario.trouble, point, io), scenario.stage)
    for emulator in world.emulators.values():
        emulator.faults.clear()
    if io.is_dead:
        for ending in ("", "-wal", "-shm"):
            Path(f"{ledger}{ending}").unlink(missing_ok=True)
            if (found := Path(f"{kept}{ending}")).exists():
                found.rename(f"{ledger}{ending}")
    return io


def idle_after(world: World, ledger: Path) -> Findings:
    """Finish the work with fresh objects, run once more, and look at everything."""
    with SqliteLedger.open(ledger) as book:
        engine = world.engine(book)
        engine.run(chain())
        if world.approve():
            engine.run(chain())
        before = {name: len(emulator.log) for name, emulator in world.emulators.items()}
        engine.run(chain())
    found = check(world, ledger)
    for name, emulator in world.emulators.items():
        found.idle_writes += [
            f"{entry.method} {entry.path} on {name} by the idle run"
            for entry in emulator.log[before[name] :]
            if entry.wrote
        ]
    return found


# ---------------------------------------------------------------------- all crashes of a scenario


@functools.cache
def warm_up() -> None:
    """Run everything once: children then find every module imported and every model built."""
    with scratch_folder() as folder:
        ledger = folder / "ledger.db"
        found = idle_after(prepared(Scenario("changed"), folder), ledger)
    assert found.all() == []


def count_points(scenario: Scenario) -> int:
    """Return how many points an undisturbed run of the scenario has."""

    def work() -> int:
        with scratch_folder() as folder:
            world = prepared(scenario, folder)
            io = die_at(world, scenario, folder / "ledger.db", 0)
            return len(io.words)

    return next(iter(in_children([work])))


def crashes(scenario: Scenario, *, step: int = 1, offset: int = 0) -> Iterator[Crash]:
    """Kill the scenario at every *step*-th point; the world is built once, each crash happens in a child."""
    warm_up()
    with scratch_folder() as folder:
        world = prepared(scenario, folder)

        def one(point: int) -> Callable[[], Crash]:
            def work() -> Crash:
                with scratch_folder() as mine:
                    if (folder / "ledger.db").exists():
                        shutil.copyfile(folder / "ledger.db", mine / "ledger.db")
                    return survive(world, scenario, mine, point)

            return work

        points = range(1 + offset, count_points(scenario) + 1, step)
        yield from in_children(one(point) for point in points)
