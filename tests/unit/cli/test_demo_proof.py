"""The proof finds what is wrong, whatever it is."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli._screens import Screen
from periferia_link.cli._words import Words
from periferia_link.cli.demo._business import CREDIT, DEBIT
from periferia_link.cli.demo._chain import together
from periferia_link.cli.demo._company import company
from periferia_link.cli.demo._emulators import Traffic
from periferia_link.cli.demo._proof import approved_logs, cost_of, prove, rates_after
from periferia_link.cli.demo._result import RunResult, as_json
from periferia_link.cli.demo._story import Story
from periferia_link.cli.demo._texts import TEXTS
from periferia_link.cli.demo._ticket_proof import TicketProof
from periferia_link.domain import Ref
from periferia_link.engine import FlowReport
from periferia_link.ledger import SqliteLedger

BUSINESS = company(seed=3, clients=6, days=2, today=date(2026, 11, 21))


class Books:
    """The journal of an ERP that did everything right, and a ledger that knows what it is made of."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.entries = []
        rates = rates_after(BUSINESS)
        for number, log in enumerate(approved_logs(BUSINESS), start=1):
            self.entries.append(self.entry(number, log.project, log.day, cost_of(log, rates)[1]))
            self.edge(number, log.id)

    @staticmethod
    def entry(number, project, day, cost, memo="Labour"):
        """Write an entry; a negative cost changes the sides."""
        sides = (str(cost), "0") if cost > 0 else ("0", str(-cost))
        lines = [
            {"AccountCode": DEBIT, "ProjectCode": project, "Debit": sides[0], "Credit": sides[1]},
            {"AccountCode": CREDIT, "ProjectCode": None, "Debit": sides[1], "Credit": sides[0]},
        ]
        return {
            "JdtNum": number,
            "U_PL_Key": f"k{number}",
            "ReferenceDate": day.isoformat(),
            "Memo": f"{memo} {project} X {day}",
            "JournalEntryLines": lines,
        }

    def edge(self, number, log):
        """Note that an entry was made from a work log."""
        source, target = Ref("helpdesk", "TimeEntry", log), Ref("erp", "CostEntry", str(number))
        with self.ledger.transaction():
            self.ledger.links.edges([(str(target), str(source), "made from", "labour_costs")])

    def table(self, name, table):
        """List the journal, as the admin address does."""
        assert (name, table) == ("sap", "JournalEntries")
        return iter([*self.entries, {"JdtNum": 99, "U_PL_Key": None}])

    def proof(self, quiet_writes=0):
        """Compare."""
        return prove(BUSINESS, self, self.ledger, quiet_writes=quiet_writes)


@pytest.fixture
def books():
    """Return books in which everything agrees."""
    with SqliteLedger.open(":memory:") as ledger:
        yield Books(ledger)


class TestTheProof:
    def test_what_is_right_holds(self, books):
        """Debits, credits, cost and traces agree with hours and rates."""
        proof = books.proof()
        assert proof.holds
        assert (proof.logs, proof.logs, proof.logs) == (proof.postings, proof.traced, proof.edges)
        assert proof.booked == proof.expected > 0

    def test_the_correction_counts(self, books):
        """The changed hours and the changed rate are what is expected, not those of the beginning."""
        changes = BUSINESS.changes
        logs = {log.id: log for log in approved_logs(BUSINESS)}
        assert changes.log.hours == logs[changes.log.id].hours
        assert changes.hourly == rates_after(BUSINESS)[changes.person.id][changes.since]

    def test_an_amount_that_is_wrong(self, books):
        """One peso too many shows in the sum and at its project and day."""
        lines = books.entries[0]["JournalEntryLines"]
        lines[0]["Debit"] = lines[1]["Credit"] = str(Decimal(lines[0]["Debit"]) + 1)
        proof = books.proof()
        assert not proof.holds
        assert [f"{lines[0]['ProjectCode']} {books.entries[0]['ReferenceDate']}"] == proof.differs

    def test_two_wrongs_make_no_right(self, books):
        """Two mistakes that cancel each other in the sum are seen where they are."""
        one = books.entry(900, "P-A", date(2026, 11, 20), Decimal(5))
        other = books.entry(901, "P-B", date(2026, 11, 20), Decimal(-5))
        books.entries += [one, other]
        for number in (900, 901):
            books.edge(number, books.proof().example[1][0])
        proof = books.proof()
        assert proof.booked == proof.expected
        assert ["P-A 2026-11-20", "P-B 2026-11-20"] == proof.differs
        assert not proof.holds

    def test_an_entry_that_does_not_balance(self, books):
        """Named by its number."""
        books.entries[0]["JournalEntryLines"][1]["Credit"] = "1"
        proof = books.proof()
        assert ["1"] == proof.unbalanced
        assert not proof.holds

    def test_a_posting_without_work(self, books):
        """Nobody knows what it is made of."""
        books.entries.append(books.entry(900, "P-A", date(2026, 11, 20), Decimal(5)))
        assert ["900"] == books.proof().strange

    def test_work_that_nobody_entered(self, books):
        """An edge to a work log that there is not."""
        books.edge(1, "wl-999999")
        assert ["1"] == books.proof().strange

    def test_work_without_a_posting(self, books):
        """A lost posting leaves its work log untraced."""
        books.entries.pop()
        proof = books.proof()
        assert 1 == len(proof.untraced)
        assert not proof.holds

    def test_a_second_run_that_writes(self, books):
        """Twice is once too often."""
        assert not books.proof(quiet_writes=1).holds

    def test_empty_books(self, books):
        """Nothing booked proves nothing."""
        books.entries.clear()
        assert not books.proof().holds


class TestTheStory:
    def test_a_proof_that_fails_says_where(self, books):
        """The names of what is wrong, not only that something is."""
        books.entries[0]["JournalEntryLines"][1]["Credit"] = "1"
        out, err = io.StringIO(), io.StringIO()
        story = Story(Screen(Words("en", TEXTS), out=out, err=err), BUSINESS)
        proof = books.proof()
        tickets = TicketProof(tickets=2, known=1, cases=0, steps=1, notes=0, missing=["TK-1"])
        story.proof(proof, tickets)
        story.corrections([], books.ledger)
        story.ending(proof, tickets, 1.0, None)
        assert "✗ " in out.getvalue()
        assert ["✗ what happened: the proof does not hold", "  unbalanced:    1", "  missing:       TK-1"] == (
            err.getvalue().splitlines()
        )


class TestTheResult:
    def test_the_first_run_is_one(self):
        """What was linked beforehand belongs to the first run, and is not counted again as unchanged."""
        adopted, applied = FlowReport("clients"), FlowReport("clients")
        adopted.count("adopted", 8)
        adopted.count("review", 1)
        applied.count("adopted", 1)
        applied.count("unchanged", 9)
        applied.count("created", 14)
        one = RunResult(name="adopt", reports={"clients": adopted}, traffic=Traffic(5, 0), seconds=1.0)
        two = RunResult(name="first", reports={"clients": applied}, traffic=Traffic(7, 3), seconds=2.0)
        counts = {"created": 14, "updated": 0, "deleted": 0, "unchanged": 0, "adopted": 9, "parked": 0, "review": 1}
        assert {
            "runs": [{"name": "first", "flows": {"clients": counts}, "writes": 3, "requests": 12, "seconds": 3.0}]
        } == as_json([together(one, two)])
