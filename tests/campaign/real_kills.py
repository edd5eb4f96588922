"""Real kills: SIGKILL of a client process at a chosen moment of a chosen write, or at a random one."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from campaign.books_check import Findings
from campaign.crash_chain import Options, World, chain
from campaign.crash_points import Scenario, prepared, scratch_folder, warm_up
from campaign.forks import in_children
from campaign.served_world import Client, Server
from periferia_link.ledger import SqliteLedger
from periferia_link.ledger.protocol import Operation

__all__ = ["MODES", "Aim", "Kill", "aims_of", "chosen", "kills", "random_aims"]

MODES = ("create, server key", "create, marker + read-back", "update, precondition", "update, compare")

When = Literal["before", "after", "late"]
Place = Literal["before commit", "after commit", "elsewhere"]


def mode_of(operation: Operation, options: Options) -> str:
    """Return the write mode of an operation: what keeps it from happening twice."""
    if operation.mode == "create":
        by_marker = operation.kind == "CostEntry" and options.marker == "field"
        return MODES[1] if by_marker else MODES[0]
    return MODES[2] if operation.kind == "Client" else MODES[3]


def open_operations(ledger: SqliteLedger) -> list[Operation]:
    """Return the operations of all flows that are under way."""
    streams = [ledger.stream(flow.name, "group" if flow.is_grouped else "source") for flow in chain()]
    return [operation for stream in streams for operation, _ in ledger.operations.inflight(stream)]


@dataclass(frozen=True)
class Aim:
    """
    When to kill: ``nth`` request with that method and path, ``before`` the server's commit or ``after`` it; ``late``
    is before, and the server commits when the client is long dead.

    An aim without a path is a random moment: that ``share`` of the time that an undisturbed run takes.
    """

    scenario: Scenario
    mode: str = ""
    method: str = ""
    path: str = ""
    nth: int = 1
    when: When = "before"
    share: float = 0.0
    twice: bool = False


@dataclass
class Kill:
    """What became of one kill: in which write mode, on which side of the commit, and what the books say."""

    aim: Aim
    mode: str
    place: Place
    findings: Findings
    ended: str

    def __str__(self) -> str:
        return f"{self.mode} {self.place} ({self.aim}): {self.ended}; {'; '.join(self.findings.all()[:4])}"


# ---------------------------------------------------------------------- where to aim


def aims_of(scenario: Scenario) -> list[Aim]:
    """Run the scenario once, undisturbed, in process and one request at a time; return an aim for each of its writes."""
    alone = replace(scenario, options=replace(scenario.options, parallel=1))

    def work() -> list[Aim]:
        with scratch_folder() as folder:
            world = prepared(alone, folder)
            seen: dict[tuple[str, str], int] = {}
            found: list[Aim] = []
            with SqliteLedger.open(folder / "ledger.db") as book:

                def hear(word: str) -> None:
                    moment, method, path = word.split(" ", 2)
                    under_way = open_operations(book) if moment == "before" and method in ("POST", "PATCH") else []
                    if under_way and "Service_" not in path and not path.endswith("/Login"):
                        nth = seen[method, path] = seen.get((method, path), 0) + 1
                        found.append(Aim(scenario, mode_of(under_way[0], scenario.options), method, path, nth))

                world.engine(book, world.wire(hear)).run(chain())
            # which batch is the third is not certain when several are sent at once
            return [aim for aim in found if scenario.options.parallel == 1 or not aim.path.endswith("$batch")]

    return next(iter(in_children([work])))


def random_aims(scenario: Scenario, number: int) -> list[Aim]:
    """Return aims at random moments."""
    chance = random.Random(f"{scenario}")
    return [Aim(scenario, share=chance.random()) for _ in range(number)]


def chosen(aims: list[Aim], mode: str, number: int) -> list[Aim]:
    """Return that many aims at one write mode: a third before the commit, a third after it, a third late."""
    mine = [aim for aim in aims if aim.mode == mode]
    random.Random(mode).shuffle(mine)
    every: tuple[When, ...] = ("before", "after", "late")
    return [replace(mine[place // 3 % len(mine)], when=every[place % 3]) for place in range(number)]


# ---------------------------------------------------------------------- one kill


def kill_once(world: World, aim: Aim, ledger: Path, duration: float) -> Kill:
    """Start a client, kill it at the aim, let another one finish, and look."""
    with Server(world) as server:
        client = Client(world, server, ledger)
        place = strike(server, client, aim) if aim.path else kill_after(client, aim.share * duration)
        with SqliteLedger.open(ledger) as book:
            under_way = open_operations(book)
        modes = {mode_of(operation, aim.scenario.options) for operation in under_way}
        if not aim.path and under_way:
            keys = {operation.create_key for operation in under_way if operation.mode == "create"}
            place = "after commit" if keys & server.keys() else "elsewhere"
        mode = aim.mode or (min(modes) if place == "after commit" else "any")
        if aim.twice:
            again = Client(world, server, ledger)
            strike(server, again, Aim(aim.scenario, aim.mode, "P*", "*/$batch", when="after"), number=2)
        server.calm()
        ended = Client(world, server, ledger).result()
        server.wait_for_time(aim.scenario.options.deadline + aim.scenario.options.settle + 1)
        before = server.writes()
        ended += ", " + Client(world, server, ledger).result()
        found = server.check(str(ledger))
        if server.writes() != before:
            found.idle_writes.append(f"{server.writes() - before} records by the idle run")
        if aim.path and aim.mode not in modes:
            found.left_open.append(f"the kill missed: {modes} were under way")
    return Kill(aim, mode, place, found, ended)


def kill_after(client: Client, seconds: float) -> Place:
    """Kill the client at a moment of real time."""
    threading.Event().wait(seconds)
    client.kill()
    return "elsewhere"


def strike(server: Server, client: Client, aim: Aim, *, number: int = 1) -> Place:
    """Kill the client when its request has arrived and no answer has left."""
    rule = {"method": aim.method, "path": aim.path, "nth": aim.nth}
    if aim.when == "late":
        server.fault(rule | {"fault": "late", "params": {"seconds": aim.scenario.options.lateness}})
    else:
        server.fault(rule | {"fault": "hold", "when": aim.when})
    hit = server.struck(number)
    client.kill()
    if not hit:
        return "elsewhere"
    return "after commit" if aim.when == "after" else "before commit"


def duration_of(world: World, before: Path) -> float:
    """Return how many seconds an undisturbed run takes, everything included."""

    def work() -> float:
        with scratch_folder() as own, Server(world) as server:
            if before.exists():
                shutil.copyfile(before, own / "ledger.db")
            begun = time.monotonic()
            Client(world, server, own / "ledger.db").result()
            return time.monotonic() - begun

    return next(iter(in_children([work])))


def kills(aims: list[Aim]) -> Iterator[Kill]:
    """Do all of them; worlds are built once, each kill has copies of its own."""
    warm_up()
    with scratch_folder() as folder:
        worlds: dict[Scenario, tuple[World, Path]] = {}
        durations: dict[Scenario, float] = {}

        def one(aim: Aim) -> Callable[[], Kill]:
            if aim.scenario not in worlds:
                mine = folder / str(len(worlds))
                mine.mkdir()
                worlds[aim.scenario] = prepared(aim.scenario, mine), mine / "ledger.db"
            world, before = worlds[aim.scenario]
            if not aim.path and aim.scenario not in durations:
                durations[aim.scenario] = duration_of(world, before)
            duration = durations.get(aim.scenario, 0.0)

            def work() -> Kill:
                with scratch_folder() as own:
                    if before.exists():
                        shutil.copyfile(before, own / "ledger.db")
                    return kill_once(world, aim, own / "ledger.db", duration)

            return work

        yield from in_children(one(aim) for aim in aims)
