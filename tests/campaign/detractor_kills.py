"""Real kills of the detractor loop: SIGKILL of a client process over TLS, at a chosen moment of a chosen write."""

from __future__ import annotations

import random
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from campaign.crash_points import scratch_folder
from campaign.detractor_chain import PLACES, Office, chain, warm_up
from campaign.forks import in_children
from campaign.served_world import Client, Server
from periferia_link.clock import SystemClock
from periferia_link.ledger import SqliteLedger
from periferia_link.ledger.protocol import Operation
from periferia_link.testing.emulators import FaultRule, OffsetClock, TlsIdentity, host

__all__ = ["Aim", "Kill", "Stage", "aims_of", "chosen", "kills"]

Stage = Literal["first", "closing", "voice"]
When = Literal["before", "after", "late"]

_LONGEST, _TICK = 30.0, 0.002
_LATE = 25.0  # seconds: a request that its sender gave up may still arrive within the settle of every connector
_PAST_EVERYTHING = 400.0
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[a-z]{2}-[0-9a-f]+|(?<![v.\d])\d+(?=$|[/?)])")


@dataclass(frozen=True)
class Aim:
    """
    When to kill: the ``nth`` request with that method and path, ``before`` the server's commit or ``after`` it.

    ``late`` is before, and the server commits when the client is long dead. ``mode`` says what is written, where. With
    ``twice`` the process that comes after it dies, too.
    """

    stage: Stage
    mode: str
    method: str
    path: str
    nth: int
    when: When = "before"
    twice: bool = False


@dataclass
class Kill:
    """What became of one kill."""

    aim: Aim
    place: str
    ended: str
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.aim.mode} {self.place} ({self.aim}): {self.ended}; {'; '.join(self.findings[:4])}"


def open_operations(ledger: SqliteLedger) -> list[Operation]:
    """Return the operations of all flows that are under way."""
    streams = [ledger.stream(flow.name, "group" if flow.is_grouped else "source") for flow in chain()]
    return [operation for stream in streams for operation, _ in ledger.operations.inflight(stream)]


# ---------------------------------------------------------------------- the server process


class Serving:
    """Runs in the server process: hosts the three systems over TLS and does what the harness asks."""

    def __init__(self, office: Office) -> None:
        self.office = office
        ahead = (office.clock.now() - SystemClock().now()) / timedelta(seconds=1)
        self.clock = OffsetClock(SystemClock(), seconds=ahead)
        with scratch_folder() as folder:
            tls = TlsIdentity.make(folder)
            self._authority = Path(tls.ca_file).read_text(encoding="ascii")
        self.hosts = {name: host(each, tls=tls, clock=self.clock) for name, each in office.emulators.items()}
        for name, emulator in office.emulators.items():
            emulator.base_url = PLACES[name]  # known by its name, wherever it is served

    def authority(self) -> str:
        """Return the certificate to trust."""
        return self._authority

    def addresses(self) -> dict[str, str]:
        """Return where each system is served."""
        return {PLACES[name]: each.url for name, each in self.hosts.items()}

    def admins(self) -> list[str]:
        """Return the admin addresses, one for each clock: all systems here share one."""
        return [self.hosts["crm"].admin_url]

    def ahead(self) -> float:
        """Return how many seconds the systems are ahead of this machine."""
        return (self.clock.now() - SystemClock().now()) / timedelta(seconds=1)

    def fault(self, rule: Mapping[str, Any]) -> None:
        """Put a fault on the way to whoever has such a path."""
        for emulator in self.office.emulators.values():
            emulator.faults.add(FaultRule.parse(rule))

    def calm(self) -> None:
        """Forget all faults."""
        for emulator in self.office.emulators.values():
            emulator.faults.clear()

    def struck(self, number: int = 1) -> bool:
        """Wait until that many faults have struck: the requests have arrived, and nobody has answered them."""
        waiting = threading.Event()
        for _ in range(int(_LONGEST / _TICK)):
            hits = []
            for name, emulator in self.office.emulators.items():
                with emulator.lock:
                    hits += [(name, entry) for entry in emulator.log if entry.fault]
            if len(hits) >= number:
                name, entry = hits[-1]
                return entry.fault != "hold" or bool(self.hosts[name].holding.wait(_LONGEST))
            waiting.wait(_TICK)
        return False

    def wait_for_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        for emulator in self.office.emulators.values():
            emulator.settle(self.clock)

    def writes(self) -> int:
        """Return how many records were changed so far, in all systems."""
        return sum(entry.wrote for emulator in self.office.emulators.values() for entry in emulator.log)

    def findings(self, is_closed: bool) -> list[str]:
        """Compare the books with the answers."""
        return self.office.findings(is_closed=is_closed)


# ---------------------------------------------------------------------- where to aim


def prepared(stage: Stage, folder: Path) -> Office:
    """Build the systems as they are when the run to be killed begins; the ledger is in *folder*."""
    office = Office.founded({"first": 71, "closing": 72, "voice": 73}[stage], number=10)
    if stage == "voice":
        office.voiced()
    else:
        office.exported(folder)
    if stage == "closing":
        office.run(folder / "ledger.db")
        office.close_everything()
    return office


def aims_of(stage: Stage) -> list[Aim]:
    """Run the stage once, undisturbed, in process; return an aim for each of its writes."""

    def work() -> list[Aim]:
        with scratch_folder() as folder:
            office = prepared(stage, folder)
            seen: dict[tuple[str, str], int] = {}
            found: list[Aim] = []
            with SqliteLedger.open(folder / "ledger.db") as book:

                def hear(word: str) -> None:
                    moment, method, path = word.split(" ", 2)
                    if moment != "before" or method not in ("POST", "PATCH", "PUT"):
                        return
                    nth = seen[method, path] = seen.get((method, path), 0) + 1
                    if open_operations(book):
                        found.append(Aim(stage, _NUMBERS.sub("…", f"{method} {path}"), method, path, nth))

                office.engine(book, office.wire(hear)).run(chain())
            return found

    return next(iter(in_children([work])))


def chosen(aims: list[Aim], number: int) -> list[Aim]:
    """Return so many aims at each kind of write: a third before the commit, a third after it, a third late."""
    every: tuple[When, ...] = ("before", "after", "late")
    found = []
    for mode in sorted({aim.mode for aim in aims}):
        mine = [aim for aim in aims if aim.mode == mode]
        random.Random(mode).shuffle(mine)
        found += [replace(mine[place // 3 % len(mine)], when=every[place % 3]) for place in range(number)]
    return found


# ---------------------------------------------------------------------- one kill


def kill_once(office: Office, aim: Aim, folder: Path) -> Kill:
    """Start a client, kill it at the aim, let another one finish, and look."""
    ledger = folder / "ledger.db"
    with Server(office, Serving) as server:
        authority = folder / "ca.pem"
        authority.write_text(server.authority(), encoding="ascii")

        def client() -> Client:
            return Client(office, server, ledger, flows=chain, ca_file=str(authority))

        place = strike(server, client(), aim)
        found = [] if place else [f"the kill missed: {aim}"]
        with SqliteLedger.open(ledger) as book:
            if not open_operations(book):
                found.append("nothing was under way")
        if aim.twice:
            server.calm()
            strike(server, client(), replace(aim, method="P*", path="*", nth=2, when="after"), number=2)
        server.calm()
        ended = client().result()
        server.wait_for_time(_PAST_EVERYTHING)
        ended += ", " + client().result()
        server.wait_for_time(_PAST_EVERYTHING)
        before = server.writes()
        ended += ", " + client().result()
        found += server.findings(aim.stage == "closing")
        if server.writes() != before:
            found.append(f"{server.writes() - before} records by the idle run")
    return Kill(aim, place, ended, found)


def strike(server: Server, client: Client, aim: Aim, *, number: int = 1) -> str:
    """Kill the client when its request has arrived and no answer has left; return on which side of the commit."""
    rule = {"method": aim.method, "path": aim.path, "nth": aim.nth}
    if aim.when == "late":
        server.fault(rule | {"fault": "late", "params": {"seconds": _LATE}})
    else:
        server.fault(rule | {"fault": "hold", "when": aim.when})
    hit = server.struck(number)
    client.kill()
    return (
        ("after commit" if aim.when == "after" else f"{aim.when} commit".replace("late", "before late")) if hit else ""
    )


def kills(aims: list[Aim]) -> Iterator[Kill]:
    """Do all of them; the systems of a stage are built once, each kill has copies of its own."""
    warm_up()
    with scratch_folder() as folder:
        offices: dict[Stage, tuple[Office, Path]] = {}

        def one(aim: Aim) -> Callable[[], Kill]:
            if aim.stage not in offices:
                (folder / aim.stage).mkdir()
                offices[aim.stage] = prepared(aim.stage, folder / aim.stage), folder / aim.stage / "ledger.db"
            office, before = offices[aim.stage]

            def work() -> Kill:
                with scratch_folder() as own:
                    if before.exists():
                        shutil.copyfile(before, own / "ledger.db")
                    return kill_once(office, aim, own)

            return work

        yield from in_children(one(aim) for aim in aims)
