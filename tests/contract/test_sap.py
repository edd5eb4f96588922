"""SAP Business One keeps the contract, over its emulator and over a line that breaks."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timezone

import pytest
from pydantic import SecretStr

from periferia_link.connectors.sap_business_one import SapBusinessOne
from periferia_link.domain import (
    Client,
    CostEntry,
    CostLine,
    Invoice,
    InvoiceLine,
    Money,
    Opportunity,
    Project,
    Ref,
    ServiceCall,
    TaxId,
)
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators._sap_tables import TABLES
from periferia_link.testing.emulators.sap import SapEmulator

URL = "https://erp.periferia.example:50000"
SETS = {
    "Client": "BusinessPartners",
    "Project": "Projects",
    "CostCentre": "ProfitCenters",
    "Employee": "EmployeesInfo",
    "CostEntry": "JournalEntries",
    "Invoice": "Drafts",
    "Opportunity": "SalesOpportunities",
    "ServiceCall": "ServiceCalls",
}


BUYER = Ref("erp", "Client", "L1")


def proposal(number):
    """Return a billing proposal."""
    hours = InvoiceLine(description=f"Horas {number}", quantity="7.5", unit_price="180000", account="413595")
    reference = f"PRY-1/{number}"
    return Invoice(client=BUYER, currency="COP", lines=(hours,), posted_on=date(2026, 11, 19), reference=reference)


PROPOSED = {
    "Invoice": proposal,
    "Opportunity": lambda number: Opportunity(
        name=f"Oportunidad {number}", client=BUYER, value=Money.of(number, "COP"), closes_on=date(2026, 12, 1)
    ),
    "ServiceCall": lambda number: ServiceCall(subject=f"Caso {number}", client=BUYER, external_ref=f"T-{number}"),
}


def drafted(company, number, now):
    """Enter a draft of ours, as another run did."""
    lines = [{"AccountCode": "413595", "UnitPrice": 100, "ItemDescription": "Horas"}]
    body = {"DocObjectCode": "oInvoices", "CardCode": "L1", "DocType": "dDocument_Service", "DocDate": "2026-11-19"}
    return company.documents.draft(
        body | {"U_PL_Key": str(uuid.uuid4()), "NumAtCard": f"S{number}", "DocumentLines": lines}, now
    )


def numbered(company, kind, key):
    """Return the key of the books: a proposal goes by our own key."""
    if kind != "Invoice":
        return key
    return next(number for number, row in company.books["Drafts"].items() if row["U_PL_Key"] == key)


class TestSap(ConnectorContract):
    """With the marker table: a posting happens once."""

    kinds = ("Client", "Project", "CostCentre", "Employee", "CostEntry", "Invoice", "Opportunity", "ServiceCall")
    options = {}

    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))

    @pytest.fixture
    def company(self):
        company = SapEmulator()
        line = {"CenterCode": "SOFT", "TotalInCenter": 100}
        rule = {"FactorCode": "SOFT", "InWhichDimension": 1, "TotalFactor": 100, "DistributionRuleLines": [line]}
        company.load({"ProfitCenters": [{"CenterCode": "SOFT", "CenterName": "Software"}], "DistributionRules": [rule]})
        company.load({"Projects": [{"Code": "PRY-1", "Name": "Portal"}]})
        # who buys is no client of ours: the counts of clients stay those of the tests
        company.load({"BusinessPartners": [{"CardCode": "L1", "CardName": "Interesado", "CardType": "cLid"}]})
        return company

    @pytest.fixture
    def faults(self, company, clock):
        return BreakableWire(InProcessWire({URL: company}, clock), company)

    def sign_in(self, company, faults, clock, **changes):
        account = company.credentials()
        given = {
            "company_db": account["company_db"],
            "username": account["username"],
            "password": SecretStr(account["password"]),
        }
        return SapBusinessOne(
            URL, **(given | changes | self.options), clock=clock, wire=faults, page_size=3, max_batch=5
        )

    @pytest.fixture
    def connector(self, company, faults, clock):
        with self.sign_in(company, faults, clock) as connector:
            yield connector

    @pytest.fixture
    def locked_out(self, company, faults, clock):
        with self.sign_in(company, faults, clock, password=SecretStr("not-the-one-2026")) as connector:
            yield connector

    @pytest.fixture
    def secrets(self, company):
        return [company.credentials()["password"], "not-the-one-2026"]

    @pytest.fixture
    def wait(self, clock):
        return clock.sleep

    @pytest.fixture
    def absent(self):
        return "99999"

    @pytest.fixture
    def fresh(self):
        def made(kind, number):
            if kind == "Client":
                tax_id = TaxId.parse(f"{900100000 + number}")
                name, email = f"Compañía {number} S.A.S.", f"pagos{number}@cliente.example"
                return Client(code=f"C{number:05}", name=name, tax_id=tax_id, email=email, city="Cali")
            if kind == "Project":
                return Project(code=f"PRY-{number:05}", name=f"Migración {number}", starts_on=date(2026, 11, 1))
            if kind in PROPOSED:
                return PROPOSED[kind](number)
            cost = CostLine(account="613595", debit=1, project="PRY-1", distribution_rule="SOFT", memo="Horas")
            day, memo = date(2026, 11, 19), f"Mano de obra {number}"
            return CostEntry.transfer(
                Money.of(f"{number}250000.50", "COP"), debit=cost, credit="510595", posted_on=day, memo=memo
            )

        return made

    @pytest.fixture
    def edit(self):
        names = {"Invoice": ("reference", "project"), "ServiceCall": ("subject", "external_ref")}

        def new_values(entity):
            found = [
                name for name in names.get(entity.kind(), ("name", "memo", "email")) if getattr(entity, name, None)
            ]
            return {name: f"{getattr(entity, name)}.co" for name in found}

        return new_values

    @pytest.fixture
    def seed(self, company, clock):
        def entered(kind, table):
            number = len(company.books[table.name]) + 100
            now = clock.now()
            if kind == "CostEntry":
                lines = [
                    {"AccountCode": "613595", "Debit": 100, "CostingCode": "SOFT", "ProjectCode": "PRY-1"},
                    {"AccountCode": "510595", "Credit": 100},
                ]
                entry = {"ReferenceDate": "2026-11-19", "U_PL_Key": str(uuid.uuid4()), "JournalEntryLines": lines}
                return company.journal.post(entry, now)
            if kind == "Invoice":
                return drafted(company, number, now)
            body = {
                "Opportunity": {"CardCode": "L1", "OpportunityName": f"Venta {number}"},
                "ServiceCall": {"CustomerCode": "L1", "Subject": f"Caso {number}"},
                "Client": {"CardCode": f"S{number}", "CardName": f"Cliente {number}", "CardType": "cCustomer"},
                "Project": {"Code": f"S{number}", "Name": f"Proyecto {number}"},
                "CostCentre": {"CenterCode": f"S{number}", "CenterName": f"Centro {number}"},
                "Employee": {"FirstName": "Ana", "LastName": "Ruiz", "ExternalEmployeeNumber": f"E-{number}"},
            }[kind]
            return company.company.create(table, body, now)

        def seeded(kind, count):
            table = TABLES[SETS[kind]]
            with company.lock:
                rows = [entered(kind, table) for _ in range(count)]
            return [row["U_PL_Key"] if kind == "Invoice" else table.key_of(row) for row in rows]

        return seeded

    @pytest.fixture
    def touch(self, company, clock):
        change = {
            "Client": {"CardName": "Otro nombre"},
            "Project": {"Name": "Otro nombre"},
            "CostCentre": {"CenterName": "Otro nombre"},
            "Employee": {"LastName": "Otro"},
            "CostEntry": {"Memo": "Otro concepto"},
            "Invoice": {"NumAtCard": "Otra referencia"},
            "Opportunity": {"OpportunityName": "Otro nombre"},
            "ServiceCall": {"Subject": "Otro asunto"},
        }

        def touched(kind, key):
            table = TABLES[SETS[kind]]
            with company.lock:
                number = numbered(company, kind, key)
                company.company.change(table, company.books[table.name][number], change[kind], clock.now())

        return touched

    @pytest.fixture
    def erase(self, company):
        def erased(kind, key):
            if kind == "CostEntry":
                pytest.skip("what is posted stays")
            with company.lock:
                company.company.remove(TABLES[SETS[kind]], numbered(company, kind, key))

        return erased


class TestSapWithoutTheTable(TestSap):
    """With our key in the entry only: found again, not enforced."""

    kinds = ("CostEntry", "Invoice")
    options = {"marker": "field"}
