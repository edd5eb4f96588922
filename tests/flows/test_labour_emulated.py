"""Labour cost and billing over real requests: Periticket, two companies of SAP Business One, Dynamics 365."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

import sap_company
from periferia_link.connectors.periticket import Periticket
from periferia_link.domain import Ref
from periferia_link.engine import Engine
from periferia_link.flows import labour_costs
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.testing.emulators.sap import SapEmulator
from periferia_link.trace import trace

DESK, START = "https://helpdesk.periferia.example", date(2026, 10, 1)
DEBIT, CREDIT = "613595", "510595"


def second_company() -> SapEmulator:
    """Return the books of the company in Peru: a project and a centre of its own."""
    emulator = SapEmulator(company_db="FILIAL_PE")
    emulator.journal.currency = "PEN"
    emulator.load(
        {
            "Projects": [{"Code": "PE-1", "Name": "Lima"}],
            "ProfitCenters": [{"CenterCode": "SOFT", "CenterName": "Software"}],
            "DistributionRules": [
                {"FactorCode": "R-PE", "DistributionRuleLines": [{"CenterCode": "SOFT", "TotalInCenter": 100}]}
            ],
        }
    )
    return emulator


class Group:
    """One help desk, two companies."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.ledger = ledger
        self.co, self.pe, self.desk = sap_company.company(), second_company(), PeriticketEmulator()
        self.co.add_user_table("PL_RATES", ["Employee", "From", "Hourly", "Currency"])
        self.desk.load({"people": [{"id": "ana", "employee_code": "E1", "name": "Ana"}]})
        self.rate("50000")
        self.engine = self.started()

    def started(self) -> Engine:
        """Return an engine with fresh connectors, as a new process has it."""
        token = SecretStr(self.desk.credentials()["token"])
        wire = InProcessWire({DESK: self.desk}, self.clock)
        systems = {
            "erp-co": sap_company.connector(self.co, self.clock, name="erp-co"),
            "erp-pe": sap_company.connector(self.pe, self.clock, name="erp-pe", currency="PEN"),
            "helpdesk": Periticket(DESK, token=token, clock=self.clock, wire=wire),
        }
        roles = {"erp": ("erp-co", "erp-pe")}
        return Engine(systems, self.ledger, roles=roles, clock=self.clock, patience=600.0)

    def flow(self, **changes: Any):
        """Return the flow of both companies."""
        lines = [
            {"currency": "USD", "into": "COP", "on": date(2026, 11, 19), "factor": Decimal("4105.32")},
            {"currency": "COP", "into": "PEN", "on": date(2026, 11, 19), "factor": Decimal("0.00091")},
        ]
        books = {"erp-co": {"currency": "COP"}, "erp-pe": {"currency": "PEN", "debit": "720506"}}
        options = {"starts": START, "debit": DEBIT, "credit": CREDIT, "companies": books}
        return labour_costs(**(options | {"exchange_rates": {"rates": lines}} | changes))

    def run(self, **changes: Any):
        """Run once."""
        return self.engine.run(self.flow(**changes))["labour_costs"]

    def log(self, key: str, hours: str = "8.00", **values: Any) -> None:
        """Enter approved hours, or correct them."""
        now = f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        given = {"person_id": "ana", "worked_on": "2026-11-19", "hours": hours, "project_code": "P1"}
        revision = self.desk.books["worklogs"].get(key, {"revision": 0})["revision"] + 1
        stamps = {"status": "approved", "approved_at": now, "updated_at": now, "revision": revision}
        self.desk.load({"worklogs": [{"id": key} | given | stamps | values]})

    def rate(self, hourly: str, currency: str = "COP", since: str = "2026-01-01") -> None:
        """Give Ana a dated rate."""
        row = {"U_Employee": "E1", "U_From": since, "U_Hourly": hourly, "U_Currency": currency}
        self.co.load({"U_PL_RATES": [{"Code": f"E1-{since}", "Name": f"E1-{since}"} | row]})


def booked(emulator: SapEmulator) -> dict[str, Decimal]:
    """Return what stands on each account of the books; debits equal credits in every entry."""
    sums: Counter[str] = Counter()
    for entry in emulator.books["JournalEntries"].values():
        sides = [(Decimal(line["Debit"]), Decimal(line["Credit"])) for line in entry["JournalEntryLines"]]
        assert sum(debit for debit, _ in sides) == sum(credit for _, credit in sides)
        for line, (debit, credit) in zip(entry["JournalEntryLines"], sides, strict=True):
            sums[line["AccountCode"]] += debit - credit
    return {account: amount for account, amount in sums.items() if amount}


@contextmanager
def group() -> Iterator[Group]:
    """Open both companies with a ledger."""
    with SqliteLedger.open(":memory:") as ledger:
        yield Group(ledger)


class TestTwoCompanies:
    """The project decides."""

    def test_each_takes_its_own(self):
        """Accounts, rule and currency of its own books; the second run is silent."""
        with group() as here:
            here.log("a")
            here.log("b", "2.00", project_code="PE-1")
            report = here.run()
            assert (2, {DEBIT: 400_000, CREDIT: -400_000}, {"720506": 91, CREDIT: -91}) == (
                report.created,
                booked(here.co),
                booked(here.pe),
            )
            [lima] = here.pe.books["JournalEntries"].values()
            line = lima["JournalEntryLines"][0]
            assert ("R-PE", "PE-1", "COP", 100_000) == (
                line["CostingCode"],
                line["ProjectCode"],
                line["FCCurrency"],
                Decimal(line["FCDebit"]),
            )
            assert 0 == here.run().writes

    def test_moved_to_the_other_company(self):
        """Taken back there, booked here."""
        with group() as here:
            here.log("a")
            here.run()
            here.log("a", project_code="PE-1")
            here.run()
            assert ({}, {"720506": 364, CREDIT: -364}) == (booked(here.co), booked(here.pe))

    @pytest.mark.parametrize("company", ["co", "pe"])
    def test_an_answer_is_lost_after_the_posting(self, company):
        """One posting each, whichever company did not answer."""
        with group() as here:
            here.log("a")
            here.log("b", "2.00", project_code="PE-1")
            fault = FaultRule("status", method="POST", path="*/$batch", when="after", params={"status": 502})
            getattr(here, company).faults.add(fault)
            here.run()
            here.engine = here.started()
            here.run()
            assert (1, 1) == tuple(len(one.books["JournalEntries"]) for one in (here.co, here.pe))


class TestMonthEnd:
    """What happens when a month is closed."""

    def test_a_closed_period_parks_with_its_name(self):
        """And is posted when it is opened again."""
        with group() as here:
            here.log("late", worked_on="2026-10-30")
            here.log("now")
            here.co.journal.locked_periods.add("2026-10")
            assert (1, 1) == ((report := here.run()).created, report.parked)
            [parked] = here.ledger.parked()
            assert "2026-10" in parked.reason
            here.co.journal.locked_periods.clear()
            here.clock.advance(3600)
            here.run()
            assert ({DEBIT: 800_000, CREDIT: -800_000}, []) == (booked(here.co), here.ledger.parked())

    def test_corrections_of_a_closed_month_are_booked_today(self):
        """By choice, with the day worked in the memo."""
        with group() as here:
            here.log("late", worked_on="2026-10-30")
            here.run(corrections="today")
            here.co.journal.locked_periods.add("2026-10")
            here.log("late", "9.00", worked_on="2026-10-30")
            here.run(corrections="today")
            found = [(one["ReferenceDate"], one["Memo"]) for one in here.co.books["JournalEntries"].values()]
            assert [
                ("2026-10-30", "Labour P1 SOFT 2026-10-30"),
                ("2026-11-20", "Labour adj. P1 SOFT 2026-10-30"),
            ] == found

    @pytest.mark.parametrize(("corrects", "entries"), [("difference", 2), ("reversal", 3)])
    def test_a_corrected_entry(self, corrects, entries):
        """By the difference, or by a reversal and a new posting; the books say the same."""
        with group() as here:
            here.log("a")
            here.log("b", "2.00")
            here.run(corrects=corrects)
            here.log("a", "9.50")
            here.run(corrects=corrects)
            assert ({DEBIT: 575_000, CREDIT: -575_000}, entries) == (
                booked(here.co),
                len(here.co.books["JournalEntries"]),
            )
            assert 0 == here.run(corrects=corrects).writes

    @pytest.mark.parametrize(("corrects", "entries"), [("difference", 2), ("reversal", 3)])
    def test_postings_that_wait_for_an_approver(self, corrects, entries):
        """Every posting is a draft first; none is written twice, and what follows it waits until it counts."""
        with group() as here:
            here.co.journal.approval_required = True
            here.log("a")
            for hours in ("8.00", "9.50"):
                here.log("a", hours)
                for _ in range(2):
                    here.run(corrects=corrects)
                    here.run(corrects=corrects)
                    for number in list(here.co.books["Drafts"]):
                        here.co.approve_draft(int(number), here.clock)
                    here.clock.advance(3600)
            here.run(corrects=corrects)
            assert ({DEBIT: 475_000, CREDIT: -475_000}, entries, {}) == (
                booked(here.co),
                len(here.co.books["JournalEntries"]),
                here.co.books["Drafts"],
            )
            assert (0, []) == (here.run(corrects=corrects).writes, here.ledger.parked())

    def test_a_new_rate(self):
        """The difference for the days it applies to."""
        with group() as here:
            here.log("a", "1.00", worked_on="2026-11-18")
            here.log("b", "1.00")
            here.run()
            here.rate("60000", since="2026-11-19")
            assert (1, 110_000) == (here.run().created, booked(here.co)[DEBIT])

    def test_one_posting_for_each_entry(self):
        """Each led to its own hours by the trace."""
        with group() as here:
            for number in range(3):
                here.log(f"e{number}", f"{number + 1}.00")
            here.run(per="entry")
            assert [50_000, 100_000, 150_000] == sorted(
                Decimal(one["JournalEntryLines"][0]["Debit"]) for one in here.co.books["JournalEntries"].values()
            )
            for number in here.co.books["JournalEntries"]:
                steps = trace(Ref("erp-co", "CostEntry", number), here.ledger, depth=1).steps
                assert 1 == len({step.target.id for step in steps if step.target.kind == "TimeEntry"})


class TestCurrency:
    """A rate in dollars."""

    def test_both_amounts_reach_the_books(self):
        """Ours, by the rate of the table, not by SAP's own."""
        with group() as here:
            here.rate("12.50", "USD")
            here.log("a")
            here.co.set_rate("USD", "2026-11-19", "3999")
            here.run()
            [entry] = here.co.books["JournalEntries"].values()
            line = entry["JournalEntryLines"][0]
            amounts = [Decimal(line[name]) for name in ("FCDebit", "Debit")]
            assert [100, 410_532] == amounts
            assert "USD" == line["FCCurrency"]

    def test_a_missing_rate(self):
        """Named by day and pair, nothing is posted."""
        with group() as here:
            here.rate("12.50", "USD")
            here.log("a", worked_on="2026-11-18")
            here.run()
            assert ["no exchange rate USD to COP of 2026-11-18"] == [one.reason for one in here.ledger.parked()]
            assert {} == here.co.books["JournalEntries"]

    def test_the_rates_of_each_erp(self):
        """Without a table of ours: what SAP holds for the day, named as its source."""
        with group() as here:
            here.rate("12.50", "USD")
            here.log("a")
            here.log("b", "2.00", project_code="PE-1")
            here.co.set_rate("USD", "2026-11-19", "4000.5")
            assert 1 == here.run(exchange_rates="erp").parked
            assert {DEBIT: 400_050, CREDIT: -400_050} == booked(here.co)
            here.pe.set_rate("USD", "2026-11-19", "3.75")
            here.run(exchange_rates="erp")
            assert {"720506": Decimal("93.75"), CREDIT: Decimal("-93.75")} == booked(here.pe)

    def test_corrected_hours(self):
        """The books hold the converted total, not a sum of roundings."""
        with group() as here:
            here.rate("12.55", "USD")
            for hours in ("0.10", "0.20", "0.30"):
                here.log("a", hours)
                here.run()
            # 0.3 hours are 3.77 dollars
            assert Decimal("15477.06") == booked(here.co)[DEBIT]
