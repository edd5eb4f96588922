"""The labour chain over emulators: three systems with their books, the connectors to them, and what people change."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import SecretStr

from campaign.small_company import MONDAY, Account, Deal, Log, SmallCompany
from periferia_link.connectors.base import Connector
from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.connectors.periticket import Periticket
from periferia_link.connectors.sap_business_one import SapBusinessOne
from periferia_link.engine import Engine, Flow
from periferia_link.flows import clients, labour_costs, projects
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import Emulator, InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.testing.emulators.sap import SapEmulator
from periferia_link.transport._auth import StaticToken
from periferia_link.typing import Clock, Request, Response, Wire

__all__ = ["CREDIT", "DEBIT", "ORIGINS", "Options", "World", "chain"]

ORIGINS = {
    "crm": "https://crm.periferia.example",
    "erp": "https://erp.periferia.example:50000",
    "helpdesk": "https://helpdesk.periferia.example",
}
DEBIT, CREDIT = "613595", "510595"
_ENTRA = "https://login.periferia.example"
_TEN_YEARS = 10 * 365 * 86_400
_START = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Options:
    """
    How the connector to the ERP is set.

    ``deadline`` is D: seconds that a request may take; ``settle`` are the seconds that one may still be under way in
    the ERP after that. A request that is late commits ``lateness`` seconds after it was sent: shortly before the end of
    both, unless it is said otherwise. ``approvals``: somebody must approve every posting in the ERP.
    """

    marker: Literal["table", "field"] = "table"
    max_batch: int = 2
    parallel: int = 1
    deadline: float = 40.0
    settle: float = 95.0
    late: float | None = None
    approvals: bool = False

    @property
    def lateness(self) -> float:
        """Return when a late request commits, in seconds after it was sent."""
        return self.deadline + 0.95 * self.settle if self.late is None else self.late


def chain() -> list[Flow]:
    """Return the three flows of the labour chain."""
    return [clients(), projects(), labour_costs(starts=date(2026, 11, 1), debit=DEBIT, credit=CREDIT)]


@dataclass
class World:
    """Three systems and the truth about them; everything in it moves by ``clock`` alone."""

    truth: SmallCompany
    crm: Dynamics365Emulator
    erp: SapEmulator
    desk: PeriticketEmulator
    clock: ManualClock
    token: str
    options: Options
    changed: bool = False
    is_exact: bool = True  # whether it is certain how many postings there must be: not when people go on after a crash
    notes: dict[str, str] = field(default_factory=dict)  # what people wrote into the ERP by hand

    @classmethod
    def founded(cls, seed: int, options: Options | None = None, **size: int) -> World:
        """Build the systems and let people fill them."""
        clock = ManualClock(_START)
        entra = EntraEmulator(seed=seed)
        world = cls(
            SmallCompany.founded(seed, **size),
            Dynamics365Emulator(seed=seed, entra=entra),
            SapEmulator(seed=seed),
            PeriticketEmulator(seed=seed),
            clock,
            "",
            options or Options(),
        )
        for name, emulator in world.emulators.items():
            emulator.base_url = ORIGINS[name]
        world.token = _token(entra, clock)
        world._open_erp()
        world._open_desk()
        for account in world.truth.accounts.values():
            world._enter_account(account)
        for deal in world.truth.deals.values():
            world._enter_deal(deal)
        for log in list(world.truth.logs.values()):
            world._enter_log(log)
        return world

    @property
    def emulators(self) -> dict[str, Emulator]:
        """The systems by instance name."""
        return {"crm": self.crm, "erp": self.erp, "helpdesk": self.desk}

    # ------------------------------------------------------------------ the library, on this world

    def wire(self, on_io: Callable[[str], None] | None = None) -> InProcessWire:
        """Return the wire to all systems, without sockets."""
        return InProcessWire({ORIGINS[name]: each for name, each in self.emulators.items()}, self.clock, on_io=on_io)

    def systems(self, wire: Wire, clock: Clock | None = None) -> dict[str, Connector]:
        """Return fresh connectors."""
        clock, options = clock or self.clock, self.options
        user, desk = self.erp.credentials(), self.desk.credentials()
        return {
            "crm": Dynamics365(
                ORIGINS["crm"], credential=StaticToken(SecretStr(self.token)), name="crm", clock=clock, wire=wire
            ),
            "erp": SapBusinessOne(
                ORIGINS["erp"],
                company_db=user["company_db"],
                username=user["username"],
                password=SecretStr(user["password"]),
                clock=clock,
                wire=wire,
                marker=options.marker,
                approvals=options.approvals,
                max_batch=options.max_batch,
                parallel=options.parallel,
                deadline=options.deadline,
                settle=options.settle,
            ),
            "helpdesk": Periticket(
                ORIGINS["helpdesk"], token=SecretStr(desk["token"]), page_size=5, clock=clock, wire=wire
            ),
        }

    def engine(self, ledger: SqliteLedger, wire: Wire | None = None, clock: Clock | None = None) -> Engine:
        """Return a fresh engine with fresh connectors over a ledger."""
        return Engine(self.systems(wire or self.wire(), clock), ledger, clock=clock or self.clock)

    # ------------------------------------------------------------------ what people enter

    def _open_erp(self) -> None:
        truth, erp = self.truth, self.erp
        centres = [{"CenterCode": centre, "CenterName": centre} for centre in truth.rules]
        rules = [
            {"FactorCode": rule, "DistributionRuleLines": [{"CenterCode": centre, "TotalInCenter": 100}]}
            for centre, rule in truth.rules.items()
        ]
        people = [
            {
                "FirstName": "Persona",
                "LastName": code,
                "ExternalEmployeeNumber": code,
                "CostCenterCode": home,
                "EmployeeCosts": str(truth.rates[code][date(2026, 1, 1)]),
                "EmployeeCostUnit": "scu_Hour",
                "EmployeeCostsCurrency": "COP",
                "StartDate": "2026-01-01",
            }
            for code, home in truth.home.items()
        ]
        erp.journal.approval_required = self.options.approvals
        erp.add_user_table("PL_RATES", ["Employee", "From", "Hourly", "Currency"])
        erp.load({"ProfitCenters": centres, "DistributionRules": rules, "EmployeesInfo": people})
        for since, hourly in truth.rates["E-1000"].items():
            self._enter_rate("E-1000", since, hourly)

    def _enter_rate(self, code: str, since: date, hourly: Any) -> None:
        """Give an employee a dated rate."""
        key = f"{code}-{since}"
        row = {"Code": key, "Name": key, "U_Employee": code, "U_From": since.isoformat()}
        self.erp.load({"U_PL_RATES": [row | {"U_Hourly": str(hourly), "U_Currency": "COP"}]})

    def _open_desk(self) -> None:
        people = [{"id": f"pe-{code}", "employee_code": code, "name": f"Persona {code}"} for code in self.truth.home]
        self.desk.load({"people": people})

    def _enter_account(self, account: Account) -> None:
        values = {
            "accountid": account.id,
            "name": account.name,
            "pl_nit": f"{account.nit[:-1]}-{account.nit[-1]}",
            "address1_city": account.city,
            "emailaddress1": account.email,
        }
        self.crm.load({"accounts": [values]})
        if account.by_hand:
            partner = {"CardCode": account.code, "CardName": account.name, "FederalTaxID": values["pl_nit"]}
            stamps = dict.fromkeys(("CreateDate", "UpdateDate"), "2025-03-01")
            self.erp.load({"BusinessPartners": [{**partner, "CardType": "cCustomer", **stamps}]})

    def _enter_deal(self, deal: Deal) -> None:
        values = {
            "opportunityid": deal.id,
            "name": deal.name,
            "pl_number": deal.number,
            "_parentaccountid_value": deal.account,
            "statecode": 1 if deal.is_won else 0,
            "statuscode": 3 if deal.is_won else 1,
            "actualclosedate": deal.closed_on.isoformat() if deal.is_won else None,
        }
        self.crm.load({"opportunities": [values]})

    def _enter_log(self, log: Log) -> None:
        person = {"person_id": f"pe-{log.person}", "worked_on": log.day.isoformat(), "hours": f"{log.hours:.2f}"}
        place = {"project_code": log.project, "cost_centre": log.centre}
        status = {"status": "approved" if log.is_approved else "submitted"}
        del self.truth.logs[log.id]
        log.id = self.desk.enter("worklogs", person | place | status, self.clock)["id"]
        self.truth.logs[log.id] = log

    # ------------------------------------------------------------------ what people change a day later

    def change(self, *, unseen: bool = False) -> None:
        """
        A day later: somebody new, corrections, another rate, other names; the truth changes with it.

        *unseen* is moments later, and nobody knows how much of what was there before is in the books already.
        """
        self.clock.advance(5 if unseen else 86_400)
        self.changed, self.is_exact = True, not unseen
        truth, before = self.truth, self.truth.booked()
        chance = truth.chance("changed")
        self._change_hours(chance)
        self._change_rates(chance)
        self.change_crm()
        self._enter_account(truth.add_account(chance))
        deal = truth.add_deal(chance, is_won=True)
        self._enter_deal(deal)
        for _ in range(2):
            self._enter_log(truth.add_log(chance, project=deal.number))
        truth.count_postings(before)

    def change_crm(self) -> None:
        """Change every client and rename every sale in the CRM."""
        for number, account in enumerate(self.truth.accounts.values()):
            account.city, account.email = f"{account.city} D.C.", f"pagos{len(account.city)}.{number}@example.com"
            changes = {"address1_city": account.city, "emailaddress1": account.email}
            self.crm.edit("accounts", account.id, changes, self.clock)
        for deal in self.truth.deals.values():
            deal.name = f"{deal.name} (fase 2)"
            self.crm.edit("opportunities", deal.id, {"name": deal.name}, self.clock)

    def approve(self) -> bool:
        """Approve what waits in the ERP; whether there was anything."""
        drafts = sorted(map(int, self.erp.books["Drafts"]))
        for number in drafts:
            self.erp.approve_draft(number, self.clock)
        return bool(drafts)

    def annotate(self) -> None:
        """Somebody writes a note on every partner in the ERP: a field that no flow writes, and a new version of the row."""
        for partner in self.erp.books["BusinessPartners"].values():
            note = f"llamado {partner['DataVersion']} veces"
            self.notes[partner["CardCode"]] = note
            self.erp.load({"BusinessPartners": [{"CardCode": partner["CardCode"], "Notes": note}]})
            self.erp.books["BusinessPartners"][partner["CardCode"]]["DataVersion"] = int(partner["DataVersion"]) + 1

    def _change_hours(self, chance: random.Random) -> None:
        """Correct one entry, move one to another project, delete one, approve the one that waited."""
        logs = [log for log in self.truth.logs.values() if log.is_approved]
        corrected, moved, deleted = chance.sample(logs, 3)
        corrected.hours += 1
        self.desk.amend("worklogs", corrected.id, {"hours": f"{corrected.hours:.2f}"}, self.clock)
        moved.project = next(d.number for d in self.truth.deals.values() if d.is_won and d.number != moved.project)
        self.desk.amend("worklogs", moved.id, {"project_code": moved.project}, self.clock)
        deleted.is_deleted = True
        self.desk.discard("worklogs", deleted.id, self.clock)
        for log in self.truth.logs.values():
            if not log.is_approved:
                log.is_approved = True
                self.desk.amend("worklogs", log.id, {"status": "approved"}, self.clock)

    def _change_rates(self, chance: random.Random) -> None:
        """Give one person a rate from Wednesday on, and correct the only rate of another."""
        truth, since = self.truth, MONDAY + timedelta(days=2)
        truth.rates["E-1000"][since] = truth.any_rate(chance)
        self._enter_rate("E-1000", since, truth.rates["E-1000"][since])
        truth.rates["E-1001"][date(2026, 1, 1)] = hourly = truth.any_rate(chance)
        for row in self.erp.books["EmployeesInfo"].values():
            if row["ExternalEmployeeNumber"] == "E-1001":
                self.erp.load({"EmployeesInfo": [{"EmployeeID": row["EmployeeID"], "EmployeeCosts": str(hourly)}]})


def _token(entra: EntraEmulator, clock: Clock) -> str:
    """Return a token for the CRM that outlives every run."""
    entra.base_url = _ENTRA
    entra.expires_in = _TEN_YEARS
    known = entra.credentials()
    form = {
        "client_id": known["client_id"],
        "client_secret": known["client_secret"],
        "grant_type": "client_credentials",
        "scope": f"{ORIGINS['crm']}/.default",
    }
    url = f"{_ENTRA}/{known['tenant_id']}/oauth2/v2.0/token"
    answer = entra.handle(Request("POST", url, (), urlencode(form).encode(), "session"), clock)
    assert isinstance(answer, Response)
    return str(json.loads(answer.body)["access_token"])
