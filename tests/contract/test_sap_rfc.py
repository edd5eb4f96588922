"""SAP by RFC keeps the contract, over the stand-in at the seam of a call and over a line that breaks."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

import pytest

from periferia_link.connectors.sap_rfc._values import short_key
from periferia_link.domain import CostEntry, CostLine, Money, Project, TimeEntry
from periferia_link.testing.contract import ConnectorContract
from periferia_link.testing.emulators import ManualClock
from rfc_company import CREDIT, DEBIT, START, RfcLine, company, connector, enter_document


class TestSapRfc(ConnectorContract):
    """Documents, orders, centres and customers."""

    kinds = ("Client", "Project", "CostCentre", "ExchangeRate", "CostEntry")
    options = {}

    @pytest.fixture
    def clock(self):
        return ManualClock(START)

    @pytest.fixture
    def sap(self, clock):
        return company(clock)

    @pytest.fixture
    def faults(self, sap):
        return RfcLine(sap)

    @pytest.fixture
    def connector(self, sap):
        with connector(sap, page_size=3, **self.options) as made:
            yield made

    @pytest.fixture
    def locked_out(self, sap):
        def refused():
            return sap.connect(passwd="not-the-one-2026")

        with connector(sap, connect=refused, **self.options) as made:
            yield made

    @pytest.fixture
    def secrets(self, sap):
        return [sap.password, "not-the-one-2026"]

    @pytest.fixture
    def wait(self, clock):
        return clock.sleep

    @pytest.fixture
    def absent(self):
        return "99999"

    @pytest.fixture
    def fresh(self):
        def made(kind, number):
            if kind == "Project":
                return Project(code=f"PRY-{number:05}", name=f"Migración {number}", starts_on=date(2026, 11, 1))
            if kind == "TimeEntry":
                day = date(2026, 11, 19)
                place = {"project": "PRY-1", "cost_centre": "SOFT", "note": "Soporte"}
                return TimeEntry(person="1001", worked_on=day, hours=Decimal(number) + Decimal("0.5"), **place)
            cost = CostLine(account=DEBIT, debit=1, project="PRY-1", cost_centre="SOFT", memo="Horas")
            day, memo = date(2026, 11, 19), f"Mano de obra {number}"
            return CostEntry.transfer(
                Money.of(f"{number}250000", "COP"),
                debit=cost,
                credit=CREDIT,
                posted_on=day,
                memo=memo,
                reference="PRY-1/SOFT",
            )

        return made

    @pytest.fixture
    def seed(self, sap):
        def entered(kind, number):
            if kind == "Client":
                return sap.add_customer(str(number), f"Cliente {number}", STCD1=f"{900100000 + number}", CITY="Cali")
            if kind == "Project":
                return sap.add_order(f"S{number}", f"Proyecto {number}")
            if kind == "CostCentre":
                return sap.add_centre(f"S{number}", f"Centro {number}")
            if kind == "TimeEntry":
                return self.enter_hours(sap, number)
            if kind == "ExchangeRate":
                return sap.add_rate("USD", f"202611{1 + len(sap.books.daily_rates):02}", "4100.5")
            return enter_document(sap, short_key(str(uuid.uuid4())))

        def seeded(kind, count):
            held = {"Client": sap.books.customers, "Project": sap.books.orders, "CostCentre": sap.books.centres}
            first = 100 + len(held.get(kind, ()))
            return [
                entered(kind, first + place).lstrip("0") if kind != "CostEntry" else entered(kind, place)
                for place in range(count)
            ]

        return seeded

    def enter_hours(self, sap, number):
        raise AssertionError(number)

    @pytest.fixture
    def erase(self, sap):
        def erased(kind, key):
            if kind not in ("Client", "Project", "CostCentre", "ExchangeRate"):
                pytest.skip("what is posted stays")
            if kind == "ExchangeRate":
                currency, _, day = key.split("-")
                del sap.books.daily_rates[currency, day]
                return
            held = {"Client": sap.books.customers, "Project": sap.books.orders, "CostCentre": sap.books.centres}[kind]
            number = next(number for number in held if number.lstrip("0") == key)
            del held[number]

        return erased


class TestAllocations(TestSapRfc):
    """Hours as activity allocations."""

    kinds = ("TimeEntry",)
    options = {"hours": "allocation", "activity": "DEV"}

    def enter_hours(self, sap, number):
        key = f"{sap.books.draw('CO', 200_000_000):010}"
        header = {"POSTGDATE": "20261119", "DOC_HDR_TX": short_key(str(uuid.uuid4()))}
        item = {"ACTTYPE": "DEV", "ACTVTY_QTY": Decimal(1 + number % 8), "AMOUNT": Decimal(1), "SEND_CCTR": "SOFT"}
        item |= {"REC_ORDER": "PRY-1", "PERSON_NO": "00001001", "SEG_TEXT": "A mano"}
        sap.books.allocations[key] = {"header": header, "items": [item]}
        return key


class TestTimeSheets(TestSapRfc):
    """Hours as records of CATS."""

    kinds = ("TimeEntry",)
    options = {"hours": "cats", "activity": "DEV", "profile": "PERIF"}

    def enter_hours(self, sap, number):
        key = f"{sap.books.draw('CATS', 1):012}"
        record = {"EMPLOYEENUMBER": "00001001", "WORKDATE": "20261119", "CATSHOURS": Decimal(1 + number % 8)}
        record |= {"SEND_CCTR": "SOFT", "REC_ORDER": "PRY-1", "SHORTTEXT": "A mano", "STATUS": "30"}
        record |= {"EXTSYSTEM": "PERIFERIA", "EXTDOCUMENTNO": short_key(str(uuid.uuid4()))}
        sap.books.sheets[key] = record
        return key
