"""An installation whose systems live in memory: for tests of ``Installation`` and of the commands."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

from periferia_link.domain import (
    Client,
    CostCentre,
    CostEntry,
    Employee,
    Money,
    Opportunity,
    Project,
    TaxId,
    TimeEntry,
)
from periferia_link.domain.employee import Rate
from periferia_link.errors import UnavailableError
from periferia_link.testing import MemoryConnector

KINDS = {
    "crm": (Client, Opportunity),
    "erp": (Client, Project, CostCentre, Employee, CostEntry),
    "helpdesk": (TimeEntry, Employee),
}
TOML = """\
[company]
{company}

[systems.crm]
connector = "memory"

[systems.erp]
connector = "memory"

[systems.helpdesk]
connector = "memory"

[flows.labour_costs]
starts = 2026-01-01

[flows.labour_costs.options]
debit = "613595"
credit = "510595"

[flows.projects]

[flows.clients]
"""


class MemorySystem(MemoryConnector):
    """A memory that outlives the installations that open it."""

    stores: dict[str, MemorySystem] = {}

    def __init__(self, name):
        super().__init__(name, KINDS[name])
        self.closed = 0
        self.is_down = False

    @classmethod
    def configured(cls, name, settings, *, clock=None, wire=None):
        return cls.stores.setdefault(name, cls(name))

    def check(self):
        if self.is_down:
            raise UnavailableError("nobody answers", system=self.name, operation="GET /me", hint="switch it on")
        return super().check()

    def close(self):
        self.closed += 1


def fill():
    """Give the systems two clients (one of them in the ERP already), a won sale, a person and two days of work."""
    crm, erp, helpdesk = (MemorySystem.stores.setdefault(name, MemorySystem(name)) for name in KINDS)
    known = Client(name="ACME S.A.S.", tax_id=TaxId.parse("900123456-8"), email="ana@acme.example")
    account = crm.put(known)
    crm.put(Client(name="Beta Ltda.", tax_id=TaxId.parse("800197268"), phone="+57 1"))
    erp.put(Client(name="ACME SAS", code="C-OLD", tax_id=TaxId.parse("900123456-8")))
    crm.put(Opportunity(name="Portal", number="P-1", client=account, state="won"))
    crm.put(Opportunity(name="App", number="P-2", client=account))
    erp.put(CostCentre(code="FAB", name="Fábrica", distribution_rule="R-FAB"))
    rate = Rate(valid_from=date(2025, 1, 1), hourly=Money.of(50_000, "COP"))
    erp.put(Employee(code="E1", name="Ana", cost_centre="FAB", rates=(rate,)))
    person = helpdesk.put(Employee(code="E1", name="Ana"))
    approved = datetime(2026, 3, 4, tzinfo=timezone.utc)
    for day, hours in ((2, "8"), (3, "4.5")):
        helpdesk.put(
            TimeEntry(
                person=person.id,
                project="P-1",
                worked_on=date(2026, 3, day),
                hours=Decimal(hours),
                approved_at=approved,
            )
        )
    return crm, erp, helpdesk


def write(folder, *, company="", more=""):
    """Write the configuration into a folder and return its path."""
    path = folder / "periferia.toml"
    path.write_text(TOML.format(company=company) + more, encoding="utf-8")
    return path
