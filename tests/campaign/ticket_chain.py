"""The ticket chain over emulators: a help desk and a CRM with their books, killed at any point of input and output."""

from __future__ import annotations

import functools
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from campaign.crash_chain import ORIGINS, _token
from campaign.crash_points import IoPoints, SimulatedCrash, scratch_folder
from campaign.forks import in_children
from periferia_link.connectors.base import Connector
from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.connectors.periticket import Periticket
from periferia_link.engine import Engine, Flow
from periferia_link.flows import helpdesk_clients, ticket_timeline, tickets_to_crm
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import Emulator, FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.transport._auth import StaticToken

__all__ = ["TROUBLES", "Crash", "Desk", "crashes"]

_START = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)
_PAST_THE_LEASE = (125.0, 400.0)
_STATES = {"new": (0, 1), "in_progress": (0, 1), "pending_customer": (0, 3), "resolved": (1, 5), "closed": (1, 5)}

TROUBLES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "reset before commit": ("reset", "before", {}),
    "reset after commit": ("reset", "after", {}),
    "late commit": ("late", "before", {"seconds": 25.0}),
    "502 after commit": ("status", "after", {"status": 502}),
    "truncated answer": ("truncate", "after", {}),
    "sign-in page": ("html", "before", {}),
    "throttled": ("throttle", "before", {"retry_after": "7"}),
}
"""What may happen to a request that writes, beside the crash: fault, before or after the commit, parameters."""


def chain() -> list[Flow]:
    """Return the flows of the ticket chain."""
    return [helpdesk_clients(), tickets_to_crm(projects="", contacts=True), ticket_timeline()]


@dataclass
class Desk:
    """A help desk and a CRM; everything moves by ``clock`` alone."""

    crm: Dynamics365Emulator
    desk: PeriticketEmulator
    clock: ManualClock
    token: str = ""

    @classmethod
    def founded(cls, seed: int, *, tickets: int = 6) -> Desk:
        """Build the systems and let people fill them."""
        clock, entra = ManualClock(_START), EntraEmulator(seed=seed)
        world = cls(Dynamics365Emulator(seed=seed, entra=entra), PeriticketEmulator(seed=seed), clock)
        for name, emulator in world.emulators.items():
            emulator.base_url = ORIGINS[name]
        world.token = _token(entra, clock)
        chance = random.Random(f"{seed} tickets")
        for number in range(3):
            nit = f"{900_300_100 + number}"
            account = {
                "accountid": f"00000000-0000-4000-8000-{number:012}",
                "name": f"Cliente {number} SAS",
                "pl_nit": nit,
            }
            world.crm.load({"accounts": [account]})
            world.desk.enter("clients", {"name": f"Cliente {number}", "tax_id": nit}, clock)
        for code in ("E-1", "E-2"):
            world.desk.enter("people", {"employee_code": code, "name": f"Persona {code}"}, clock)
        for number in range(tickets):
            client = f"cl-{1 + number % 3:06}"
            key = world.desk.enter("tickets", {"subject": f"Caso {number}", "client_id": client}, clock)["id"]
            for status in ("in_progress", "resolved", "closed")[: chance.randrange(4)]:
                world.step(key, status=status, assignee_id=f"pe-{chance.randrange(1, 3):06}")
        return world

    @property
    def emulators(self) -> dict[str, Emulator]:
        """The systems by instance name."""
        return {"crm": self.crm, "helpdesk": self.desk}

    def step(self, key: str, **values: Any) -> None:
        """Somebody does something with a ticket, a minute later."""
        self.clock.advance(60)
        self.desk.amend("tickets", key, values, self.clock)

    def change(self) -> None:
        """A day later: one comes back, one is edited, one is taken by somebody else, one is new."""
        self.clock.advance(86_400)
        first, second, third = list(self.desk.books["tickets"])[:3]
        self.step(first, status="pending_customer")
        self.step(second, subject="Caso corregido", priority="high")
        self.step(third, assignee_id="pe-000002", group="Mesa 2")
        self.desk.enter("tickets", {"subject": "Caso nuevo", "client_id": "cl-000001"}, self.clock)

    # ------------------------------------------------------------------ the library, on this world

    def engine(self, ledger: SqliteLedger, on_io: Callable[[str], None] | None = None) -> Engine:
        """Return a fresh engine with fresh connectors over a ledger."""
        wire = InProcessWire({ORIGINS[name]: each for name, each in self.emulators.items()}, self.clock, on_io=on_io)
        common: dict[str, Any] = {"clock": self.clock, "wire": wire}
        systems: dict[str, Connector] = {
            "crm": Dynamics365(ORIGINS["crm"], credential=StaticToken(SecretStr(self.token)), **self.options, **common),
            "helpdesk": Periticket(
                ORIGINS["helpdesk"], token=SecretStr(self.desk.credentials()["token"]), page_size=3, **common
            ),
        }
        return Engine(systems, ledger, clock=self.clock)

    @property
    def options(self) -> dict[str, Any]:
        """Settings of the connector to the CRM."""
        return {"max_batch": 2}

    def run(self, ledger: Path, on_io: Callable[[str], None] | None = None) -> None:
        """Run the chain until it is done or dead."""
        book = SqliteLedger.open(ledger, on_io=on_io or (lambda _word: None))
        try:
            self.engine(book, on_io).run(chain())
        except SimulatedCrash:
            pass
        finally:
            book.close()

    # ------------------------------------------------------------------ what the books show

    def findings(self) -> list[str]:
        """Say what is wrong: a ticket without its case, with two, in another state, or with other notes than steps."""
        wrong = []
        cases: dict[str, list[dict[str, Any]]] = {}
        for row in self.crm.books["incidents"].values():
            cases.setdefault(row["ticketnumber"], []).append(row)
        notes = Counter(row["_objectid_value"] for row in self.crm.books["annotations"].values())
        for ticket in self.desk.books["tickets"].values():
            found = cases.pop(ticket["number"], [])
            if len(found) != 1:
                wrong.append(f"{ticket['number']} is {len(found)} cases")
                continue
            (case,) = found
            if (case["title"], case["statecode"], case["statuscode"]) != (
                ticket["subject"],
                *_STATES[ticket["status"]],
            ):
                wrong.append(f"{ticket['number']} has another title or state")
            if notes.pop(case["incidentid"], 0) != self._steps(ticket["id"]):
                wrong.append(f"the timeline of {ticket['number']} is not its history")
        wrong += [f"a case {number} that nobody asked for" for number in cases]
        wrong += [f"{number} notes on no case" for number in notes.values()]
        return wrong

    def _steps(self, ticket: str) -> int:
        events = [row for row in self.desk.books["events"].values() if row["ticket_id"] == ticket]
        return len({row["at"] for row in events})


@dataclass
class Crash:
    """What became of one crash."""

    point: int
    word: str
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"point {self.point} ({self.word}): {'; '.join(self.findings[:3])}"


def survive(world: Desk, ledger: Path, point: int, trouble: str, *, dies_again: bool) -> Crash:
    """Die at a point, come back with fresh objects over what the disk held, run idle, and look."""
    io = _die_at(world, ledger, point, trouble)
    word = io.words[-1] if io.is_dead else "none"
    if dies_again:
        world.clock.advance(_PAST_THE_LEASE[0])
        _die_at(world, ledger, 1 + point * 7 % 60, "")
    world.clock.advance(_PAST_THE_LEASE[point % 2])
    world.run(ledger)
    before = {name: len(emulator.log) for name, emulator in world.emulators.items()}
    world.run(ledger)
    found = world.findings()
    for name, emulator in world.emulators.items():
        found += [f"{one.method} {one.path} by the idle run" for one in emulator.log[before[name] :] if one.wrote]
    with SqliteLedger.open(ledger) as book:
        for flow in chain():
            found += [f"left open in {flow.name}"] * len(book.operations.open(book.stream(flow.name, "source")))
    return Crash(point, word, found)


def _die_at(world: Desk, ledger: Path, point: int, trouble: str) -> IoPoints:
    """Run until the point; afterwards *ledger* is what the disk held at that moment."""
    kept = ledger.with_name(f"kept-{ledger.name}")

    def keep() -> None:
        for ending in ("", "-wal"):
            if (found := Path(f"{ledger}{ending}")).exists():
                shutil.copyfile(found, f"{kept}{ending}")

    io = IoPoints(point, keep)
    if trouble:
        kind, when, params = TROUBLES[trouble]
        nth = 1 + point % 7
        world.crm.faults.add(FaultRule(kind, method="P*", nth=nth, when=when, params=params))  # type: ignore[arg-type]
    world.run(ledger, io)
    for emulator in world.emulators.values():
        emulator.faults.clear()
    if io.is_dead:
        for ending in ("", "-wal", "-shm"):
            Path(f"{ledger}{ending}").unlink(missing_ok=True)
            if (found := Path(f"{kept}{ending}")).exists():
                found.rename(f"{ledger}{ending}")
    return io


@functools.cache
def warm_up() -> None:
    """Run everything once: children then find every module imported and every model built."""
    with scratch_folder() as folder:
        world = Desk.founded(9, tickets=3)
        world.run(folder / "ledger.db")
        world.change()
        world.run(folder / "ledger.db")
    assert world.findings() == []


def crashes(
    stage: str,
    *,
    seed: int = 1,
    trouble: str = "",
    dies_again: bool = False,
    step: int = 1,
    tickets: int = 6,
) -> Iterator[Crash]:
    """Kill the first or the changed run at every *step*-th point; each crash happens in a child."""
    warm_up()
    with scratch_folder() as folder:
        world = Desk.founded(seed, tickets=tickets)
        kept = folder / "ledger.db"
        if stage == "changed":
            world.run(kept)
            world.change()

        def fresh(mine: Path) -> Path:
            if kept.exists():
                shutil.copyfile(kept, mine / "ledger.db")
            return mine / "ledger.db"

        def count() -> int:
            with scratch_folder() as mine:
                return len(_die_at(world, fresh(mine), 0, "").words)

        def one(point: int) -> Callable[[], Crash]:
            def work() -> Crash:
                with scratch_folder() as mine:
                    return survive(world, fresh(mine), point, trouble, dies_again=dies_again)

            return work

        number = next(iter(in_children([count])))
        yield from in_children(one(point) for point in range(1 + seed % step, number + 1, step))
