"""Projects and labour cost over RFC: a help desk, a CRM in memory, the stand-in of SAP, and a death at every point."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from campaign.forks import in_children
from campaign.small_company import Deal, Group, Log, SmallCompany
from periferia_link.connectors.base import Connector
from periferia_link.connectors.periticket import Periticket
from periferia_link.connectors.sap_rfc import SapRfc
from periferia_link.domain import Opportunity, Ref
from periferia_link.engine import Engine, Flow
from periferia_link.errors import LinkError
from periferia_link.flows import labour_costs, projects
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.testing.emulators.rfc import RfcFault, RfcStandIn

__all__ = ["TROUBLES", "Crash", "RfcWorld", "Scenario", "crashes"]

DESK = "https://helpdesk.periferia.example"
DEBIT, CREDIT = "613595", "510595"
TIMEOUT, SETTLE = 10.0, 95.0
_START = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)
_PAST_THE_LEASE = (250.0, 500.0)
_OWN = frozenset({"code", "name"})


class Died(BaseException):
    """The process dies here; no handler of the library may stop it."""


class Points:
    """Counts what a run reads and writes; from the chosen point on everything that touches the outside raises."""

    def __init__(self, die_at: int | None = None, at_death: Callable[[], None] = lambda: None) -> None:
        self.words: list[str] = []
        self.is_dead = False
        self._die_at = die_at
        self._at_death = at_death

    def __call__(self, word: str) -> None:
        if self.is_dead:
            raise Died(word)
        self.words.append(word)
        if len(self.words) == self._die_at:
            self.is_dead = True
            self._at_death()
            raise Died(word)


@dataclass(frozen=True)
class Scenario:
    """A run to be killed at every point; ``trouble`` happens on the way to SAP, at the ``nth`` call that it fits."""

    stage: str = "first"
    seed: int = 1
    trouble: str = ""
    nth: int | None = None
    dies_again: bool = False
    size: tuple[int, int] = (3, 8)


TROUBLES = (
    "commit lost before",
    "commit lost after",
    "commit late",
    "commit refused",
    "posting lost",
    "posting lost, committed by itself",
    "check dumps",
    "no free session",
    "time-out",
    "reads break",
)


def _faults(trouble: str, nth: int) -> list[RfcFault]:
    commit, post = "BAPI_TRANSACTION_COMMIT", "BAPI_ACC_DOCUMENT_POST|BAPI_INTERNALORDER_CREATE"
    late = 4 * TIMEOUT + 0.95 * SETTLE
    return {
        "commit lost before": [RfcFault("break", commit, nth)],
        "commit lost after": [RfcFault("break", commit, nth, "after")],
        "commit late": [RfcFault("late", commit, nth, seconds=late)],
        "commit refused": [RfcFault("refuse", commit, nth, code="00/364", text="Update was terminated", type="A")],
        "posting lost": [RfcFault("break", post, nth, "after")],
        "posting lost, committed by itself": [RfcFault("break", post, nth, "after")],
        "check dumps": [RfcFault("dump", "BAPI_ACC_DOCUMENT_CHECK", nth)],
        "no free session": [RfcFault("busy", "BAPI_*", nth)],
        "time-out": [RfcFault("cancel", commit, nth, "after")],
        "reads break": [RfcFault("break", "RFC_READ_TABLE|*GET*", nth), RfcFault("break", "connect", nth)],
        "": [],
    }[trouble]


@dataclass
class RfcWorld:
    """Three systems and the truth about them; everything in it moves by ``clock`` alone."""

    truth: SmallCompany
    desk: PeriticketEmulator
    sap: RfcStandIn
    crm: MemoryConnector
    clock: ManualClock
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def founded(cls, seed: int, size: tuple[int, int]) -> RfcWorld:
        """Build the systems and let people fill them."""
        clock = ManualClock(_START)
        accounts, logs = size
        truth = SmallCompany.founded(seed, accounts=accounts, logs=logs)
        sap = RfcStandIn(clock=clock)
        sap.books.decimals = {"CLP": 0}  # this company keeps cents in pesos
        world = cls(truth, PeriticketEmulator(seed=seed), sap, MemoryConnector("crm", [Opportunity]), clock)
        world.desk.base_url = DESK
        for centre in truth.rules:
            sap.add_centre(centre)
        people = [{"id": f"pe-{code}", "employee_code": code, "name": f"Persona {code}"} for code in truth.home]
        world.desk.load({"people": people})
        for deal in truth.deals.values():
            world.sell(deal)
        for log in list(truth.logs.values()):
            world.enter(log)
        return world

    def sell(self, deal: Deal) -> None:
        """Enter a sale in the CRM."""
        values = {"name": deal.name, "number": deal.number, "state": "won" if deal.is_won else "open"}
        self.crm.save(Opportunity(**values))

    def enter(self, log: Log) -> None:
        """Enter hours in the help desk."""
        person = {"person_id": f"pe-{log.person}", "worked_on": log.day.isoformat(), "hours": f"{log.hours:.2f}"}
        status = {"status": "approved" if log.is_approved else "submitted"}
        del self.truth.logs[log.id]
        place = {"project_code": log.project, "cost_centre": log.centre or self.truth.home[log.person]}
        log.id = self.desk.enter("worklogs", person | place | status, self.clock)["id"]
        self.truth.logs[log.id] = log

    def change(self) -> None:
        """A day later: hours are corrected, moved and deleted, something is sold and worked on."""
        self.clock.advance(86_400)
        truth, before = self.truth, self.truth.booked()
        chance = truth.chance("changed")
        corrected, moved, deleted = chance.sample(truth.counting(), 3)
        corrected.hours += 1
        self.desk.amend("worklogs", corrected.id, {"hours": f"{corrected.hours:.2f}"}, self.clock)
        moved.project = next(d.number for d in truth.deals.values() if d.is_won and d.number != moved.project)
        self.desk.amend("worklogs", moved.id, {"project_code": moved.project}, self.clock)
        deleted.is_deleted = True
        self.desk.discard("worklogs", deleted.id, self.clock)
        deal = truth.add_deal(chance, is_won=True)
        self.sell(deal)
        self.enter(truth.add_log(chance, project=deal.number))
        truth.count_postings(before)

    # ------------------------------------------------------------------ the library, on this world

    def chain(self) -> list[Flow]:
        """Return the flows: orders for what was sold, then the cost of labour."""
        card = {
            "currency": "COP",
            "people": [
                {"person": code, "since": since, "hourly": str(hourly)}
                for code, rates in self.truth.rates.items()
                for since, hourly in rates.items()
            ],
        }
        cost = labour_costs(
            starts=date(2026, 11, 1),
            debit=DEBIT,
            credit=CREDIT,
            orders=True,
            distribution_rules=False,
            rate_card=card,
            reads=("CostCentre", "Project"),
        )
        # an order keeps the name that it was opened with: no BAPI changes it
        return [projects().but(owns=_OWN, keeps=_OWN, after=()), cost.but(after=("projects",))]

    def engine(self, ledger: SqliteLedger, hear: Callable[[str], None] | None = None) -> Engine:
        """Return a fresh engine with fresh connectors."""
        self.sap.on_io = hear
        wire = InProcessWire({DESK: self.desk}, self.clock, on_io=hear)
        token = SecretStr(self.desk.credentials()["token"])
        systems: dict[str, Connector] = {
            "crm": self.crm,
            "helpdesk": Periticket(DESK, token=token, page_size=5, clock=self.clock, wire=wire),
            "erp": SapRfc(
                {"user": self.sap.user, "passwd": self.sap.password},
                company_code="1000",
                controlling_area="1000",
                order_type="PRY1",
                connect=self.sap.connect,
                clock=self.clock,
                parallel=1,
                timeout=TIMEOUT,
                settle=SETTLE,
            ),
        }
        return Engine(systems, ledger, clock=self.clock)

    # ------------------------------------------------------------------ what the books must hold

    def look(self, ledger: Path) -> list[str]:
        """Compare SAP's books with the truth, and look for open ends in the ledger."""
        wrong = [f"unbalanced: {key}" for key in self.sap.books.unbalanced()]
        wrong += self._orders()
        booked: dict[Group, Decimal] = defaultdict(Decimal)
        times: Counter[Group] = Counter()
        references = Counter(document.reference for document in self.sap.books.documents.values())
        wrong += [f"duplicate: {key} stands {times} times" for key, times in references.items() if times > 1]
        for document in self.sap.books.documents.values():
            item = next(item for item in document.items if item.account == DEBIT.zfill(10))
            day = date(int(document.posted_on[:4]), int(document.posted_on[4:6]), int(document.posted_on[6:]))
            group = (item.order, item.centre, day.isoformat())
            booked[group] += item.amount
            times[group] += 1
        wanted = self.truth.booked()
        wrong += [
            f"{group}: {booked[group]} is booked, hours times rate is {wanted.get(group)}"
            for group in booked.keys() | wanted.keys()
            if booked[group] != wanted.get(group, Decimal(0))
        ]
        wrong += [
            f"{times[group]} documents of {group}, {self.truth.postings[group]} expected"
            for group in times.keys() | self.truth.postings.keys()
            if times[group] != self.truth.postings[group]
        ]
        return wrong + self._open_ends(ledger)

    def _orders(self) -> list[str]:
        wanted = sorted(deal.number for deal in self.truth.deals.values() if deal.is_won)
        held = sorted(self.sap.books.orders)
        return [] if wanted == held else [f"orders {held}, sold {wanted}"]

    def _open_ends(self, path: Path) -> list[str]:
        wrong = []
        connection = sqlite3.connect(path)
        try:
            for table in ("operation", "request", "parked", "review"):
                number = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                wrong += [f"{number} rows of {table}"] if number else []
        finally:
            connection.close()
        with SqliteLedger.open(path) as ledger:
            for document in self.sap.books.documents.values():
                edges = ledger.links.edges_of(Ref("erp", "CostEntry", document.key))
                if not [to for _, relation, to in edges if relation == "made from"]:
                    wrong.append(f"{document.key} leads to no time entry")
        return wrong


# ---------------------------------------------------------------------- crashes


@dataclass
class Crash:
    """What became of one crash."""

    scenario: Scenario
    point: int
    word: str
    wrong: list[str]

    def __str__(self) -> str:
        return f"{self.scenario}, point {self.point} ({self.word}): {'; '.join(self.wrong[:3])}"


@contextmanager
def _folder() -> Iterator[Path]:
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def prepared(scenario: Scenario, ledger: Path) -> RfcWorld:
    """Build the world right before the run that is killed."""
    world = RfcWorld.founded(scenario.seed, scenario.size)
    if scenario.stage == "changed":
        with SqliteLedger.open(ledger) as book:
            world.engine(book).run(world.chain())
        world.change()
    return world


def _die(world: RfcWorld, scenario: Scenario, ledger: Path, point: int) -> Points:
    """Run until the point; afterwards the ledger is what the disk held at that moment."""
    kept = ledger.with_name("kept.db")

    def keep() -> None:
        for ending in ("", "-wal"):
            if (found := Path(f"{ledger}{ending}")).exists():
                shutil.copyfile(found, f"{kept}{ending}")

    points = Points(point, keep)
    nth = scenario.nth or random.Random(f"{scenario.seed} {point}").randint(1, 5)
    world.sap.faults.add(*_faults(scenario.trouble, nth))
    world.sap.commits_by_itself = scenario.trouble.endswith("by itself")
    book = SqliteLedger.open(ledger, on_io=points)
    try:
        world.engine(book, points).run(world.chain())
    except (Died, LinkError):
        pass  # what breaks twice ends the run, and the next one goes on
    finally:
        book.close()
    world.sap.on_io = None
    world.sap.faults.clear()
    world.sap.commits_by_itself = False
    if points.is_dead:
        for ending in ("", "-wal", "-shm"):
            Path(f"{ledger}{ending}").unlink(missing_ok=True)
            if (found := Path(f"{kept}{ending}")).exists():
                found.rename(f"{ledger}{ending}")
    return points


def survive(world: RfcWorld, scenario: Scenario, ledger: Path, point: int) -> Crash:
    """Die, come back, run idle, look."""
    points = _die(world, scenario, ledger, point)
    word = points.words[-1] if points.is_dead else "none"
    if scenario.dies_again:
        world.clock.advance(_PAST_THE_LEASE[0])
        again = _die(world, replace(scenario, trouble=""), ledger, 1 + point * 7 % 60)
        word += f", then {again.words[-1] if again.is_dead else 'none'}"
    world.clock.advance(_PAST_THE_LEASE[point % 2])
    world.sap.settle()
    with SqliteLedger.open(ledger) as book:
        engine = world.engine(book)
        engine.run(world.chain())
        before = len(world.sap.log)
        engine.run(world.chain())
        writes = [
            call.function for call in world.sap.log[before:] if call.function.endswith(("_POST", "_CREATE", "COMMIT"))
        ]
    wrong = world.look(ledger) + [f"the idle run wrote {writes}"] * bool(writes)
    return Crash(scenario, point, word, wrong)


def crashes(scenario: Scenario, *, step: int = 1, offset: int = 0) -> Iterator[Crash]:
    """Kill the scenario at every *step*-th point; the world is built once, each crash happens in a child."""
    with _folder() as folder:
        ledger = folder / "ledger.db"
        world = prepared(scenario, ledger)

        def counted() -> int:
            with _folder() as mine:
                return len(_die(world, scenario, _copied(ledger, mine), 0).words)

        def one(point: int) -> Callable[[], Crash]:
            def work() -> Crash:
                with _folder() as mine:
                    return survive(world, scenario, _copied(ledger, mine), point)

            return work

        points = next(iter(in_children([counted])))
        yield from in_children(one(point) for point in range(1 + offset, points + 1, step))


def _copied(ledger: Path, folder: Path) -> Path:
    mine = folder / "ledger.db"
    if ledger.exists():
        shutil.copyfile(ledger, mine)
    return mine
