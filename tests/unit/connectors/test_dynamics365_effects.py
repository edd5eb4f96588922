"""The engine over the emulated CRM: every effect exactly once, whatever breaks; nothing to do the second time."""

from __future__ import annotations

import pytest

from dataverse_calls import Crm
from periferia_link.domain import Client, TaxId
from periferia_link.engine import Engine
from periferia_link.flows.clients import clients
from periferia_link.ledger.sqlite import SqliteLedger
from periferia_link.testing.emulators import FaultRule
from periferia_link.testing.memory import MemoryConnector

COUNT = 24
OWNED = frozenset({"name", "tax_id", "city", "email", "is_active", "code"})


def company(n):
    return Client(
        name=f"Empresa {n}",
        tax_id=TaxId.parse(str(900100000 + n)),
        email=f"pagos{n}@empresa.example",
        city="Cali",
        is_active=n % 5 != 0,
    )


@pytest.fixture
def erp():
    return MemoryConnector("erp", [Client], [company(n) for n in range(COUNT)], page_size=10)


@pytest.fixture
def crm():
    return Crm(max_batch=10, page_size=8)


@pytest.fixture
def run(tmp_path, erp, crm):
    """Run a flow between the two; the report."""

    def run(flow):
        with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
            return Engine({"erp": erp, "crm": crm.connector}, ledger, clock=crm.clock).run([flow])

    return run


class TestIntoTheCrm:
    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("fault", ["reset", "hang", "status", "html", "garbage"])
    def test_effectively_once(self, erp, crm, run, fault, when):
        """Every third batch breaks: each client is there once, with its state, and the next run writes nothing."""
        crm.emulator.faults.add(
            *(FaultRule(fault, method="POST", path="*/$batch", nth=n, when=when) for n in (1, 4, 7))
        )
        flow = clients(source="erp", target="crm", owns=OWNED)
        run(flow)
        rows = crm.emulator.books["accounts"].values()
        assert [f"Empresa {n}" for n in range(COUNT)] == sorted((row["name"] for row in rows), key=lambda t: int(t[8:]))
        assert {row["name"] for row in rows if row["statecode"]} == {f"Empresa {n}" for n in range(0, COUNT, 5)}
        written = sum(entry.wrote for entry in crm.emulator.log)
        run(flow)
        assert written == sum(entry.wrote for entry in crm.emulator.log)

    def test_service_protection_is_waited_for(self, crm, run):
        """Limits of the environment slow the run down and lose nothing."""
        crm.emulator.limits.requests, crm.emulator.limits.window = 4, 30.0
        run(clients(source="erp", target="crm", owns=OWNED))
        assert COUNT == len(crm.emulator.books["accounts"])
        assert 429 in {entry.status for entry in crm.emulator.log}


class TestOutOfTheCrm:
    def test_changes_and_an_expired_place(self, erp, crm, run):
        """Changes come by delta; after the place expired everything is compared, and nothing is written twice."""
        crm.emulator.load({"accounts": [{"name": f"Nueva {n}", "pl_nit": str(901200000 + n)} for n in range(20)]})
        flow = clients(source="crm", target="erp")
        assert 20 == run(flow).flows["clients"].counts["created"]
        key = next(iter(crm.emulator.books["accounts"]))
        crm.emulator.edit("accounts", key, {"address1_city": "Lima"}, crm.clock)
        second = run(flow).flows["clients"].counts
        assert (0, 1) == (second["created"], second["updated"])
        crm.clock.advance(10 * 86400)
        third = run(flow).flows["clients"].counts
        assert (0, 0) == (third["created"], third["updated"])
