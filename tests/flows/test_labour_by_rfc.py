"""Labour cost from Periticket into SAP ECC or S/4HANA: what is posted, what waits, and what a crash leaves."""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal

import pytest
from pydantic import SecretStr

from periferia_link.connectors.periticket import Periticket
from periferia_link.connectors.sap_rfc import SapRfc
from periferia_link.domain import TimeEntry
from periferia_link.engine import Context, Engine, Flow, Lookup, Skip
from periferia_link.flows import labour_costs
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.testing.emulators.rfc import RfcFault
from rfc_company import CREDIT, DEBIT, START, company

if hasattr(os, "fork"):
    from campaign.rfc_chain import RfcWorld, Scenario, crashes

DESK = "https://helpdesk.periferia.example"
CARD = {
    "currency": "COP",
    "people": [
        {"person": "1001", "since": date(2026, 1, 1), "hourly": "80000", "cost_centre": "SOFT"},
        {"person": "1002", "since": date(2026, 1, 1), "hourly": "55333.33", "cost_centre": "4711"},
    ],
}


def labour(**changes) -> Flow:
    """Return the flow for an ERP without rates and rules: a card of rates, internal orders, pesos without cents."""
    given = {
        "starts": date(2026, 11, 1),
        "debit": DEBIT,
        "credit": CREDIT,
        "orders": True,
        "distribution_rules": False,
        "decimals": 0,
        "currency": "COP",
        "rate_card": CARD,
        "reads": ("CostCentre", "Project"),
    }
    return labour_costs(**(given | changes)).but(after=())


class Office:
    """A help desk, SAP and a ledger."""

    def __init__(self, ledger, **options):
        self.clock = ManualClock(START)
        self.desk = PeriticketEmulator()
        self.desk.base_url = DESK
        self.sap = company(self.clock)
        people = [("ana", "1001"), ("luis", "1002")]
        self.desk.load({"people": [{"id": key, "employee_code": code, "name": key} for key, code in people]})
        wire = InProcessWire({DESK: self.desk}, self.clock)
        token = SecretStr(self.desk.credentials()["token"])
        self.systems = {
            "helpdesk": Periticket(DESK, token=token, clock=self.clock, wire=wire),
            "erp": SapRfc(
                {"user": self.sap.user, "passwd": self.sap.password},
                company_code="1000",
                controlling_area="1000",
                connect=self.sap.connect,
                clock=self.clock,
                **options,
            ),
        }
        self.engine = Engine(self.systems, ledger, clock=self.clock, patience=900.0)

    def work(self, hours="8.00", person="ana", **values):
        usual = {"person_id": person, "worked_on": "2026-11-19", "hours": hours, "project_code": "PRY-1"}
        return self.desk.enter("worklogs", usual | {"status": "approved"} | values, self.clock)["id"]

    def run(self, flow):
        return self.engine.run(flow)[flow.name]

    def documents(self):
        return list(self.sap.books.documents.values())


@pytest.fixture
def ledger():
    with SqliteLedger.open(":memory:") as opened:
        yield opened


@pytest.fixture
def office(ledger):
    return Office(ledger)


class TestDocuments:
    def test_one_balanced_document_a_project_centre_and_day(self, office):
        """Hours times rate, to the peso; the second run posts nothing."""
        for hours, person in (("8.00", "ana"), ("0.50", "ana"), ("7.25", "luis")):
            office.work(hours, person)
        report = office.run(labour())
        assert report.created == 2
        amounts = {document.items[0].centre: document.items[0].amount for document in office.documents()}
        assert amounts == {"SOFT": Decimal(680000), "0000004711": Decimal(401167)}
        assert {document.items[0].order for document in office.documents()} == {"PRY-1"}
        assert office.sap.books.unbalanced() == []
        assert office.sap.books.balance(DEBIT) == -office.sap.books.balance(CREDIT) == Decimal(1081167)
        before = len(office.documents())
        assert office.run(labour()).created == 0
        assert len(office.documents()) == before

    def test_a_correction_posts_the_difference(self, office):
        """The document stays, the difference is another one with a key of its own."""
        key = office.work("8.00")
        office.run(labour())
        office.clock.advance(60)
        office.desk.amend("worklogs", key, {"hours": "6.00"}, office.clock)
        office.run(labour())
        assert [document.items[0].amount for document in office.documents()] == [640000, 160000]
        assert office.sap.books.balance(DEBIT) == Decimal(480000)
        assert len({document.reference for document in office.documents()}) == 2

    def test_a_reversal_and_a_new_posting(self, office):
        """By configuration: the whole is taken back and posted anew, each once."""
        flow = labour(corrects="reversal")
        key = office.work("8.00")
        office.run(flow)
        office.clock.advance(60)
        office.desk.amend("worklogs", key, {"hours": "6.00"}, office.clock)
        office.run(flow)
        office.run(flow)
        assert sorted(item.amount for document in office.documents() for item in document.items if item.centre) == [
            -640000,
            480000,
            640000,
        ]
        assert office.sap.books.balance(DEBIT) == Decimal(480000)

    def test_a_closed_period_parks_with_its_name(self, office, ledger):
        """SAP refuses, the posting is parked with the period and what to do; the others go on."""
        office.sap.books.closed.add("2026-11")
        office.work("8.00")
        office.work("8.00", worked_on="2026-12-01")
        report = office.run(labour())
        assert (report.created, report.parked) == (1, 1)
        (parked,) = ledger.parked()
        assert "period 2026-11" in parked.reason
        assert "OB52" in parked.next_step

    def test_a_lost_commit_is_booked_once(self, office):
        """The answer to the commit is lost after the books: the run looks it up and goes on."""
        office.work("8.00")
        office.sap.faults.add(RfcFault("break", "BAPI_TRANSACTION_COMMIT", when="after"))
        assert office.run(labour()).created == 1
        assert len(office.documents()) == 1
        posts = [call.function for call in office.sap.log].count("BAPI_ACC_DOCUMENT_POST")
        assert posts == 1

    def test_a_commit_that_never_arrived_is_sent_again(self, office):
        """Nothing is found after the settling time: posted again with the same key."""
        office.work("8.00")
        office.sap.faults.add(RfcFault("break", "BAPI_TRANSACTION_COMMIT"))
        office.run(labour())
        assert len(office.documents()) == 1


class TestSideBySide:
    def test_four_sessions_at_once(self, office):
        """Many documents over four connections, some answers lost: each once, one thread to a session."""
        for number in range(24):
            office.work("1.00", worked_on=f"2026-11-{1 + number:02}")
        for nth in (3, 8, 11):
            office.sap.faults.add(RfcFault("break", "BAPI_TRANSACTION_COMMIT", nth=nth, when="after"))
        report = office.run(labour())
        assert (report.created, len(office.documents())) == (24, 24)
        assert office.sap.books.balance(DEBIT) == Decimal(24 * 80000)
        owners = {}
        for call in office.sap.log:
            owners.setdefault(call.session, set()).add(call.thread)
        assert {len(threads) for threads in owners.values()} == {1}
        assert office.sap.open <= 4


class TestCurrencies:
    def test_a_rate_in_dollars_at_the_rate_of_sap(self, office):
        """Cost in dollars, both amounts in the document, the rate of the day worked as SAP's table has it."""
        office.sap.add_rate("USD", "20261119", "4100.50000")
        office.work("8.00")
        card = {"currency": "USD", "people": [{"person": "1001", "since": date(2026, 1, 1), "hourly": "20.25"}]}
        card["people"][0]["cost_centre"] = "SOFT"
        flow = labour(rate_card=card, exchange_rates="erp")
        assert office.run(flow).created == 1
        (document,) = office.documents()
        assert (document.currency, document.local_currency) == ("USD", "COP")
        assert [item.amount for item in document.items] == [Decimal("162.00"), Decimal("-162.00")]
        assert [item.local for item in document.items] == [Decimal(664281), Decimal(-664281)]
        assert office.sap.books.unbalanced() == []
        assert office.run(flow).created == 0

    def test_a_day_without_a_rate_waits(self, office, ledger):
        """Parked with pair and day, and posted when SAP has the rate."""
        office.work("8.00")
        card = {"currency": "USD", "people": [{"person": "1001", "since": date(2026, 1, 1), "hourly": "20"}]}
        card["people"][0]["cost_centre"] = "SOFT"
        flow = labour(rate_card=card, exchange_rates="erp")
        assert office.run(flow).parked == 1
        assert "USD to COP of 2026-11-19" in ledger.parked()[0].reason
        office.sap.add_rate("USD", "20261119", "4000")
        assert office.run(flow).created == 1


class TestHours:
    """Hours instead of amounts: SAP has the tariff."""

    @staticmethod
    def flow():
        def project(entry: TimeEntry, context: Context):
            if entry.approved_at is None:
                return Skip("not approved")
            person = context.lookup("people", entry.person)
            return TimeEntry(
                person=person.code,
                project=entry.project,
                cost_centre="SOFT",
                worked_on=entry.worked_on,
                hours=entry.hours,
            )

        return Flow(
            name="hours_to_sap",
            source=("helpdesk", "TimeEntry"),
            target=("erp", "TimeEntry"),
            project=project,
            lookups={"people": Lookup("helpdesk", "Employee", lambda one: one.ref.id if one.ref else None, "person")},
            owns=frozenset({"person", "project", "cost_centre", "worked_on", "hours"}),
            starts=date(2026, 11, 1),
            dated=lambda entry: entry.worked_on,
        )

    @pytest.mark.parametrize(
        ("options", "held"),
        [
            ({"hours": "allocation", "activity": "DEV"}, "allocations"),
            ({"hours": "cats", "activity": "DEV", "profile": "PERIF"}, "sheets"),
        ],
    )
    def test_every_entry_once(self, ledger, options, held):
        """One document or record an entry, also where the answer was lost."""
        office = Office(ledger, **options)
        for hours in ("8.00", "2.50", "4.75"):
            office.work(hours)
        office.sap.faults.add(RfcFault("break", "BAPI_TRANSACTION_COMMIT", nth=2, when="after"))
        assert office.run(self.flow()).created == 3
        assert office.run(self.flow()).created == 0
        assert len(getattr(office.sap.books, held)) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process")
class TestCrashes:
    """A sample of the campaign over RFC; every point and every fault run at night."""

    def test_undisturbed(self, tmp_path):
        """Orders for what was sold, every hour booked once; the second run writes nothing."""
        world = RfcWorld.founded(5, (3, 8))
        path = tmp_path / "ledger.db"
        for _ in range(2):
            with SqliteLedger.open(path) as ledger:
                world.engine(ledger).run(world.chain())
            calls = len(world.sap.log)
        assert world.look(path) == []
        with SqliteLedger.open(path) as ledger:
            world.engine(ledger).run(world.chain())
        assert not [call for call in world.sap.log[calls:] if call.function == "BAPI_TRANSACTION_COMMIT"]

    @pytest.mark.parametrize(
        ("stage", "trouble"), [("first", "commit late"), ("first", "commit lost after"), ("changed", "")]
    )
    def test_a_crash_books_nothing_twice(self, stage, trouble):
        """Dead before or after a call or a commit of the ledger: the next run finishes the work, once."""
        done = list(crashes(Scenario(stage, 3, trouble, size=(3, 6)), step=23 if stage == "first" else 13))
        assert len(done) > 3
        assert [str(crash) for crash in done if crash.wrong] == []
