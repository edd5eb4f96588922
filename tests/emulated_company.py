"""The three systems of a small company as emulators in this process, real connectors to them, and one engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

import sap_company
from periferia_link.connectors.base import Connector
from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.connectors.periticket import Periticket
from periferia_link.engine import Engine, Flow, FlowReport
from periferia_link.flows import clients, labour_costs, projects
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.testing.emulators.sap import SapEmulator
from periferia_link.transport._auth import ClientSecret
from toy_system import ToySystem

CRM, ERP, DESK = "https://periferia.crm2.dynamics.com", sap_company.URL, "https://helpdesk.periferia.example"
AUTHORITY, EVIL = "https://login.microsoftonline.com", "https://evil.example"
DAY = "2026-11-19"
DEBIT, CREDIT = "613595", "510595"

CLIENTS, PROJECTS = clients(), projects()
LABOUR = labour_costs(starts=date(2026, 11, 1), debit=DEBIT, credit=CREDIT)


class Company:
    """Emulators, clock, ledger; ``engine`` is a process that uses them."""

    def __init__(self, ledger: SqliteLedger, **secrets: str) -> None:
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.ledger = ledger
        self.crm = Dynamics365Emulator()
        for table in ("account", "opportunity"):
            self.crm.tables[table].change_tracking = True
        self.erp: SapEmulator = sap_company.company()
        self.erp.add_user_table("PL_RATES", ["Employee", "From", "Hourly", "Currency"])
        self.desk = PeriticketEmulator()
        self.desk.load({"people": [{"id": "ana", "employee_code": "E1", "name": "Ana"}]})
        self.evil = ToySystem()
        self.emulators = {"crm": self.crm, "erp": self.erp, "helpdesk": self.desk}
        self.wire = InProcessWire(
            {CRM: self.crm, AUTHORITY: self.crm.entra, ERP: self.erp, DESK: self.desk, EVIL: self.evil}, self.clock
        )
        self.secrets = {
            "crm": self.crm.entra.credentials()["client_secret"],
            "erp": self.erp.credentials()["password"],
            "helpdesk": self.desk.credentials()["token"],
        } | secrets
        self.engine = self.started()

    def started(self) -> Engine:
        """Return an engine with fresh connectors, as a new process has it."""
        return Engine(self.connectors(), self.ledger, clock=self.clock, patience=600.0)

    def connectors(self) -> dict[str, Connector]:
        """Return connectors that sign in with the secrets of this company."""
        known, user = self.crm.entra.credentials(), self.erp.credentials()
        credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(self.secrets["crm"]),
            authority=AUTHORITY,
            clock=self.clock,
            wire=self.wire,
        )
        common: dict[str, Any] = {"clock": self.clock, "wire": self.wire}
        return {
            "crm": Dynamics365(CRM, credential=credential, **common),
            "erp": sap_company.connector(self.erp, self.clock, password=self.secrets["erp"], username=user["username"]),
            "helpdesk": Periticket(DESK, token=SecretStr(self.secrets["helpdesk"]), **common),
        }

    def run(self, flow: Flow) -> FlowReport:
        """Run one flow."""
        return self.engine.run(flow)[flow.name]

    def fault(self, system: str, kind: str, path: str = "*", **params: Any) -> None:
        """Let requests to a system go wrong; ``method``, ``nth``, ``times`` and ``when`` are of the rule."""
        rule = {name: params.pop(name) for name in ("method", "nth", "times", "when") if name in params}
        self.emulators[system].faults.add(FaultRule(kind, path=path, **rule, params=params))

    # ------------------------------------------------------------------ what people enter

    def account(self, number: int, **values: Any) -> str:
        """Enter an account with a NIT of its own; returns its id."""
        key = f"00000000-0000-4000-8000-{number:012}"
        usual = {"accountid": key, "name": f"Cliente {number} SAS", "pl_nit": f"{900_100_000 + number}"}
        self.crm.load({"accounts": [usual | values]})
        return key

    def log(self, key: str, hours: Any = "8.00", **values: Any) -> None:
        """Enter approved hours of Ana on P1, or correct them; hostile values are taken as they are."""
        now = f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        given = {"person_id": "ana", "worked_on": DAY, "hours": hours, "project_code": "P1", "status": "approved"}
        revision = self.desk.books["worklogs"].get(key, {"revision": 0})["revision"] + 1
        stamps = {"approved_at": now, "updated_at": now, "revision": revision}
        self.desk.load({"worklogs": [{"id": key} | given | stamps | values]})

    def rate(self, hourly: str = "50000", code: str = "E1", since: str = "2026-01-01") -> None:
        """Give an employee a dated rate."""
        key = f"{code}-{since}"
        row = {"U_Employee": code, "U_From": since, "U_Hourly": hourly, "U_Currency": "COP"}
        self.erp.load({"U_PL_RATES": [{"Code": key, "Name": key} | row]})

    # ------------------------------------------------------------------ what the systems hold

    def partners(self) -> list[str]:
        """Return the names of business partners."""
        return sorted(row["CardName"] for row in self.erp.books["BusinessPartners"].values())

    def booked(self) -> Decimal:
        """Return what stands on the account of labour cost."""
        lines = [line for one in self.erp.books["JournalEntries"].values() for line in one["JournalEntryLines"]]
        mine = [line for line in lines if line["AccountCode"] == DEBIT]
        return sum((Decimal(line["Debit"]) - Decimal(line["Credit"]) for line in mine), Decimal(0))


@contextmanager
def company(path: str = ":memory:", **secrets: str) -> Iterator[Company]:
    """Open a company with a ledger."""
    with SqliteLedger.open(path) as ledger:
        yield Company(ledger, **secrets)
