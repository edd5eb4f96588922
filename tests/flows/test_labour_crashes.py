"""
Killed on the way: labour cost in two companies of SAP, and a billing proposal, over real requests and a ledger on disk.

A process dies before or after a request or a commit; the next one finishes the work, once. Every push tries a part of the
points, the campaign at night all of them.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import sap_company
from periferia_link.connectors.periticket import Periticket
from periferia_link.connectors.sap_business_one import SapBusinessOne
from periferia_link.engine import Engine
from periferia_link.flows import billing_proposals, labour_costs
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.testing.emulators.sap import SapEmulator

DESK, CO, PE = "https://helpdesk.periferia.example", sap_company.URL, "https://sap-pe.example:50000"
START = date(2026, 11, 1)
BOOKS = {"erp-co": {"currency": "COP"}, "erp-pe": {"currency": "PEN", "debit": "720506"}}
EXCHANGE = {"rates": [{"currency": "COP", "into": "PEN", "on": date(2026, 11, 19), "factor": Decimal("0.00091")}]}
RULE = {"prices": [{"price": 180_000}], "account": "413595", "tax_code": "IVA19", "clients": {"P1": "C1", "P2": "C1"}}


class Died(BaseException):
    """The process is gone."""


class Points:
    """Counts requests and commits from both sides; at the chosen one, and ever after, the process is dead."""

    def __init__(self, die_at: int | None = None) -> None:
        self.seen = 0
        self.die_at = die_at

    def __call__(self, word: str) -> None:
        self.seen += 1
        if self.die_at is not None and self.seen >= self.die_at:
            raise Died(word)


class World:
    """Emulators, a clock and a ledger in a folder; every run is a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.desk, self.co, self.pe = PeriticketEmulator(), sap_company.company(), SapEmulator(company_db="PE")
        self.pe.journal.currency = "PEN"
        whole = [{"CenterCode": "SOFT", "TotalInCenter": 100}]
        self.pe.load(
            {
                "Projects": [{"Code": "PE-1", "Name": "Lima"}],
                "ProfitCenters": [{"CenterCode": "SOFT", "CenterName": "Software"}],
                "DistributionRules": [{"FactorCode": "R-PE", "DistributionRuleLines": whole}],
            }
        )
        self.co.load({"BusinessPartners": [{"CardCode": "C1", "CardName": "Acme", "CardType": "cCustomer"}]})
        self.desk.load({"people": [{"id": "ana", "employee_code": "E1", "name": "Ana"}]})
        for number, code in enumerate(["P1", "P1", "P2", "PE-1"]):
            self.log(f"w{number}", "2.00", code)

    def log(self, key: str, hours: str, project: str) -> None:
        """Enter approved hours, or correct them."""
        now = f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        revision = self.desk.books["worklogs"].get(key, {"revision": 0})["revision"] + 1
        given = {"id": key, "person_id": "ana", "worked_on": "2026-11-19", "hours": hours, "project_code": project}
        stamps = {"status": "approved", "approved_at": now, "updated_at": now, "revision": revision}
        self.desk.load({"worklogs": [given | stamps]})

    def correct(self) -> None:
        """Correct an entry in each company, and move one."""
        self.clock.advance(60)
        self.log("w0", "3.50", "P1")
        self.log("w2", "2.00", "P1")
        self.log("w3", "1.00", "PE-1")

    def run(self, flow: Any, hear: Callable[[str], None] = lambda word: None) -> int | None:
        """Run as a process of its own; returns what it wrote, ``None`` when it died."""
        wire = InProcessWire({DESK: self.desk, CO: self.co, PE: self.pe}, self.clock, on_io=hear)
        book = SqliteLedger.open(self.folder / "ledger.db", on_io=hear)
        try:
            systems = {name: self._erp(name, wire) for name in BOOKS} | {"helpdesk": self._desk(wire)}
            roles = {"erp": tuple(BOOKS)}
            engine = Engine(systems, book, roles=roles, clock=self.clock, patience=600.0)
            return engine.run(flow)[flow.name].writes
        except Died:
            return None
        finally:
            book.close()

    def _desk(self, wire: InProcessWire) -> Periticket:
        return Periticket(DESK, token=SecretStr(self.desk.credentials()["token"]), clock=self.clock, wire=wire)

    def _erp(self, name: str, wire: InProcessWire) -> SapBusinessOne:
        url, emulator, currency = (CO, self.co, "COP") if name == "erp-co" else (PE, self.pe, "PEN")
        user = emulator.credentials()
        return SapBusinessOne(
            url,
            company_db=user["company_db"],
            username=user["username"],
            password=SecretStr(user["password"]),
            name=name,
            currency=currency,
            clock=self.clock,
            wire=wire,
        )


@contextmanager
def world() -> Iterator[World]:
    """Give a world whose ledger is a file, in memory where there is such a place."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield World(Path(folder))


def labour(corrects):
    """Return the flow of labour cost."""
    options = {"debit": "613595", "credit": "510595", "companies": BOOKS, "exchange_rates": EXCHANGE}
    return labour_costs(starts=START, corrects=corrects, **options)


def billing():
    """Return the flow of billing proposals of the company in Colombia."""
    return billing_proposals(starts=START, billing=RULE | {"projects": ["P?"]}, sales=None, target="erp-co")


def account(emulator: SapEmulator) -> tuple[dict[str, Decimal], int]:
    """Return what stands on each account, and how many entries there are; every one of them balances."""
    sums: Counter[str] = Counter()
    entries = emulator.books["JournalEntries"].values()
    for entry in entries:
        moved = [
            (line["AccountCode"], Decimal(line["Debit"]) - Decimal(line["Credit"]))
            for line in entry["JournalEntryLines"]
        ]
        assert not sum(amount for _, amount in moved)
        for code, amount in moved:
            sums[code] += amount
    return {code: amount for code, amount in sums.items() if amount}, len(entries)


def drafts(emulator: SapEmulator) -> dict[str, Decimal]:
    """Return reference and amount of every draft; two of one reference would be a duplicate."""
    found = [(one["NumAtCard"], one["DocumentLines"]) for one in emulator.books["Drafts"].values()]
    assert len(found) == len({name for name, _ in found})
    return {name: sum(Decimal(line["LineTotal"]) for line in lines) for name, lines in found}


def held(here: World, flow: Any) -> Any:
    """Return what the books hold when the work is done."""
    return drafts(here.co) if flow.name == "billing_proposals" else (account(here.co), account(here.pe))


def killed(flow: Any, *, stage: str, points: Iterator[int]) -> None:
    """Kill the first run, or the run after the corrections, at each of the points; the next process ends the work."""
    with world() as calm:
        counted = Points()
        _prepared(calm, flow, stage)
        calm.run(flow, counted)
        wanted = held(calm, flow)
        assert 0 == calm.run(flow)
    tried = 0
    for point in points:
        if point > counted.seen:
            break
        with world() as here:
            _prepared(here, flow, stage)
            assert here.run(flow, Points(point)) is None
            here.clock.advance(130 if point % 2 else 400)
            here.run(flow)
            assert held(here, flow) == wanted, f"point {point} of {counted.seen}"
            assert 0 == here.run(flow), f"point {point} of {counted.seen}"
            tried += 1
    assert tried > 3


def _prepared(here: World, flow: Any, stage: str) -> None:
    if stage == "changed":
        here.run(flow)
        here.correct()


FLOWS = {"difference": lambda: labour("difference"), "reversal": lambda: labour("reversal"), "billing": billing}
STAGES = [("first", "difference"), ("changed", "difference"), ("changed", "reversal"), ("first", "billing")]
STAGES.append(("changed", "billing"))


@pytest.mark.parametrize(("stage", "name"), STAGES)
def test_a_sample(stage, name):
    """Every nineteenth point: the books are those of a run that nobody disturbed, and then everything is silent."""
    killed(FLOWS[name](), stage=stage, points=iter(range(5, 10_000, 19)))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stage", "name"), STAGES)
def test_every_point(stage, name):
    """The same, at each of them."""
    killed(FLOWS[name](), stage=stage, points=iter(range(1, 10_000)))
