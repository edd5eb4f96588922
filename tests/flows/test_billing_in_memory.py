"""Billing: hours become drafts, drafts follow the hours until somebody approved them, the CRM hears of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from periferia_link.domain import (
    Client,
    Employee,
    Invoice,
    InvoiceLine,
    Money,
    Opportunity,
    Project,
    Ref,
)
from periferia_link.errors import ConfigurationError
from periferia_link.flows import billing_proposals, clients, projects, proposal_state
from periferia_link.rules import read_billing
from periferia_link.trace import trace
from small_company import DAY, Awkward, entry, helpdesk_of, lost_after, rig

START = date(2026, 1, 1)
PRICES = {"prices": [{"price": 100_000}], "account": "413595"}


def billing(**changes):
    """Return the flow; clients are named by the rule."""
    rule = PRICES | {"clients": {"P1": "C1", "P2": "C2"}} | changes.pop("rule", {})
    return billing_proposals(**({"starts": START, "billing": rule, "sales": None} | changes))


def erp(*records, **options):
    """Return an ERP with two projects."""
    held = [Project(ref=Ref("erp", "Project", code), code=code, name=code) for code in ("P1", "P2")]
    mine = {record.code for record in records if isinstance(record, Project)}
    kept = [one for one in held if one.code not in mine]
    return Awkward("erp", [Invoice, Project, Client, Employee], [*kept, *records], **options)


def hours(key):
    """Return the ref of a time entry."""
    return Ref("helpdesk", "TimeEntry", key)


def drafts(here):
    """Return reference and total of every invoice."""
    return sorted((one.reference, one.total.amount) for one in here.erp.holds("Invoice"))


def decide(here, verdict):
    """Answer the one open review."""
    with here.ledger.transaction():
        [asked] = here.ledger.reviews()
        here.ledger.desk.decide(here.ledger.stream(asked.flow, "group"), asked.key, verdict)


class TestProposals:
    """One draft for each project and month."""

    def test_hours_of_a_month(self):
        """Project, month, client, account, days; approved and billable hours only."""
        entries = [
            entry("a", "8"),
            entry("b", "2", worked_on=date(2026, 2, 27)),
            entry("c", "4", worked_on=date(2026, 3, 2)),
            entry("d", "1", project="P2"),
            entry("x", "5", is_billable=False),
            entry("y", "5", approved_at=None),
            entry("z", "5", worked_on=date(2025, 12, 31)),
        ]
        with rig(helpdesk_of(entries), erp()) as here:
            report = here.run(billing(rule={"due_days": 30}))
            wanted = [("P1/2026-02", 1_000_000), ("P1/2026-03", 400_000), ("P2/2026-02", 100_000)]
            assert (wanted, 3, 3) == (drafts(here), report.created, report.skipped)
            [first] = [one for one in here.erp.holds("Invoice") if one.reference == "P1/2026-02"]
            assert (Ref("erp", "Client", "C1"), date(2026, 2, 28), date(2026, 3, 30), True) == (
                first.client,
                first.posted_on,
                first.due_on,
                first.is_draft,
            )
            line = InvoiceLine(
                description="Horas de servicio",
                quantity=Decimal(10),
                unit_price=Decimal(100_000),
                project="P1",
                account="413595",
            )
            assert (line,) == first.lines

    def test_computed_anew_while_it_is_a_draft(self):
        """Corrected, added, withdrawn hours; the same draft."""
        with rig(helpdesk_of([entry("a"), entry("b", "2")]), erp()) as here:
            here.run(billing())
            here.helpdesk.change(hours("a"), hours="7.5")
            here.helpdesk.drop(hours("b"))
            here.helpdesk.put(entry("c", "4"))
            report = here.run(billing())
            assert ([("P1/2026-02", 1_150_000)], 1, 0) == (drafts(here), report.updated, report.created)
            assert 0 == here.run(billing()).writes

    def test_a_rejected_proposal_is_a_draft_again(self):
        """What the approver sent back is corrected."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.run(billing())
            here.erp.change(here.erp.holds("Invoice")[0].ref, approval="rejected")
            here.helpdesk.change(hours("a"), hours="7")
            here.run(billing())
            assert [("P1/2026-02", 700_000)] == drafts(here)

    @pytest.mark.parametrize("lost", [1, 2])
    def test_an_answer_is_lost(self, lost):
        """One draft, the right hours."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.erp.answers = [None] * (lost - 1) + [lost_after]
            here.run(billing())
            here.helpdesk.change(hours("a"), hours="9")
            here.run(billing())
            here.run(billing())
            assert ([("P1/2026-02", 900_000)], []) == (drafts(here), here.open_operations(billing()))

    def test_lost_and_changed_before_it_is_found(self):
        """What was created with the old hours is brought up to date."""
        with rig(helpdesk_of([entry("a")]), erp(guard="marker")) as here:
            here.erp.answers = [lost_after]
            here.erp.finds = lambda kind, field, values, rows: []
            here.engine._patience = 0.0
            here.run(billing())
            here.erp.finds = None
            here.helpdesk.change(hours("a"), hours="9")
            here.clock.sleep(3600)
            here.run(billing())
            here.run(billing())
            assert [("P1/2026-02", 900_000)] == drafts(here)

    def test_traced_to_its_hours(self):
        """Every proposal leads to the entries that it bills."""
        with rig(helpdesk_of([entry("a"), entry("b", "2")]), erp()) as here:
            here.run(billing())
            [draft] = here.erp.holds("Invoice")
            found = trace(draft.ref, here.ledger, depth=1)
            assert {"a", "b"} == {step.target.id for step in found.steps if step.target.kind == "TimeEntry"}


class TestLeftAlone:
    """Once somebody decided."""

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"approval": "approved"}, "está aprobada"),
            ({"approval": "pending"}, "espera aprobación"),
            ({"approval": "cancelled"}, "fue anulada"),
            ({"is_draft": False, "approval": "approved"}, "está facturada"),
            ({"is_draft": False}, "está facturada"),
        ],
    )
    def test_the_difference_is_said_in_review(self, changes, words):
        """Nothing is written; what it holds and what the hours come to is told."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.run(billing())
            here.erp.change(here.erp.holds("Invoice")[0].ref, **changes)
            assert (0, 0) == (here.run(billing()).writes, len(here.ledger.reviews()))
            here.helpdesk.put(entry("b", "2"))
            assert (0, 1) == ((report := here.run(billing())).writes, report.review)
            [asked] = here.ledger.reviews()
            there = 0 if changes.get("approval") == "cancelled" else 800_000
            assert (
                f"P1/2026-02: las horas suman 1,000,000 COP y la propuesta, que {words}, {there:,} COP" in asked.reason
            )
            assert [("P1/2026-02", 800_000)] == drafts(here)

    def test_in_english(self):
        """The language of the company."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            one = billing(language="en")
            here.run(one)
            here.erp.change(here.erp.holds("Invoice")[0].ref, approval="approved")
            here.helpdesk.put(entry("b", "2"))
            here.run(one)
            assert "which is approved, holds 800,000 COP: difference 200,000 COP" in here.ledger.reviews()[0].reason

    def test_answered(self):
        """Left as it is; the next change is asked about again."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.run(billing())
            here.erp.change(here.erp.holds("Invoice")[0].ref, approval="approved")
            here.helpdesk.put(entry("b", "2"))
            here.run(billing())
            decide(here, "ignore")
            assert (0, []) == (here.run(billing()).writes, here.ledger.reviews())
            here.erp.change(here.erp.holds("Invoice")[0].ref, is_draft=False)
            assert (0, []) == (here.run(billing()).review, here.ledger.reviews())
            here.helpdesk.put(entry("c", "1"))
            assert 1 == here.run(billing()).review

    def test_hours_that_go_back_to_what_was_billed(self):
        """The question goes away by itself."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.run(billing())
            here.erp.change(here.erp.holds("Invoice")[0].ref, is_draft=False)
            here.helpdesk.put(entry("b", "2"))
            here.run(billing())
            here.helpdesk.drop(hours("b"))
            here.run(billing())
            assert [] == here.ledger.reviews()

    def test_no_hours_are_left(self):
        """A draft is nothing that is deleted by itself."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.run(billing())
            here.helpdesk.drop(hours("a"))
            assert 1 == here.run(billing()).review
            assert ("ya no hay horas facturables" in here.ledger.reviews()[0].reason, 1) == (True, len(drafts(here)))

    def test_deleted_by_a_person(self):
        """Said, not made again by stealth."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.run(billing())
            here.erp.drop(here.erp.holds("Invoice")[0].ref)
            here.helpdesk.put(entry("b", "2"))
            assert (1, []) == (here.run(billing()).parked, drafts(here))


class TestPrices:
    """By contract, project and person."""

    @pytest.mark.parametrize(
        ("project", "person", "price"),
        [
            ("P1", "E1", 900),
            ("P1", "E2", 800),
            ("P2", "E1", 700),
            ("P2", "E2", 600),
            ("P3", "E1", 500),
            ("P3", "E2", 400),
        ],
    )
    def test_the_line_that_says_most(self, project, person, price):
        """Project and person, project, contract and person, contract, person, anybody."""
        lines = [
            {"price": 400},
            {"person": "E1", "price": 500},
            {"contract": "K1", "price": 600},
            {"contract": "K1", "person": "E1", "price": 700},
            {"project": "P1", "price": 800},
            {"project": "P1", "person": "E1", "price": 900},
        ]
        of_contract = Project(ref=Ref("erp", "Project", "P2"), code="P2", name="x", custom={"U_Contract": "K1"})
        third = Project(ref=Ref("erp", "Project", "P3"), code="P3", name="x")
        rule = {"prices": lines, "contract": "U_Contract", "clients": {f"P{n}": "C1" for n in (1, 2, 3)}}
        with rig(helpdesk_of([entry("a", "1", project=project, person=person)]), erp(of_contract, third)) as here:
            here.run(billing(rule=rule))
            assert [price] == [one.lines[0].unit_price for one in here.erp.holds("Invoice")]

    def test_dated(self):
        """The price of the day worked; two prices are two lines."""
        lines = [
            {"price": 100, "description": "2025"},
            {"price": 110, "since": date(2026, 2, 15), "description": "2026"},
        ]
        entries = [entry("a", "3"), entry("b", "2", worked_on=date(2026, 2, 20))]
        with rig(helpdesk_of(entries), erp()) as here:
            here.run(billing(rule={"prices": lines}))
            [draft] = here.erp.holds("Invoice")
            assert [("2025", 3, 100), ("2026", 2, 110)] == [
                (one.description, one.quantity, one.unit_price) for one in draft.lines
            ]

    def test_a_price_in_another_currency(self):
        """Has a draft of its own."""
        lines = [{"price": 100}, {"price": 30, "person": "E2", "currency": "USD"}]
        with rig(helpdesk_of([entry("a", "1"), entry("b", "2", person="E2")]), erp()) as here:
            here.run(billing(rule={"prices": lines}))
            assert [("COP", 100), ("USD", 60)] == sorted(
                (one.currency, one.total.amount) for one in here.erp.holds("Invoice")
            )

    def test_from_a_file_that_changes(self, tmp_path):
        """Drafts follow the price; the file is read by every run."""
        path = tmp_path / "precios.csv"
        path.write_text("proyecto;persona;desde;precio;moneda;concepto\nP1;;2026-01-01;120.000,50;COP;Desarrollo\n")
        with rig(helpdesk_of([entry("a", "2")]), erp()) as here:
            one = billing(rule={"prices": [], "file": str(path)})
            here.run(one)
            before = drafts(here)
            path.write_text(path.read_text().replace("120.000,50", "130.000,50"))
            here.run(one)
            assert ([("P1/2026-02", 240_001)], [("P1/2026-02", 260_001)]) == (before, drafts(here))

    def test_no_price(self):
        """Parked, with person, project and day."""
        with rig(helpdesk_of([entry("a")]), erp()) as here:
            here.run(billing(rule={"prices": [{"project": "P9", "price": 1}]}))
            assert [f"no price for an hour of E1 on P1 valid on {DAY}"] == [one.reason for one in here.ledger.parked()]

    def test_only_some_projects(self):
        """Those of another company are not ours to bill."""
        with rig(helpdesk_of([entry("a"), entry("b", project="P2")]), erp()) as here:
            here.run(billing(rule={"projects": ["P2"]}))
            assert [("P2/2026-02", 800_000)] == drafts(here)

    @pytest.mark.parametrize(
        "table",
        [{}, {"prices": [{"price": -1}]}, {"prices": [{"price": 1, "project": "P", "contract": "K"}]}, {"preis": 1}],
    )
    def test_mistakes(self, table):
        """Section and key are named."""
        with pytest.raises(ConfigurationError, match="billing"):
            read_billing(table)

    def test_two_prices_of_one_day(self):
        """Nobody guesses."""
        rule = read_billing({"prices": [{"price": 1}, {"price": 2}]})
        with pytest.raises(ConfigurationError, match="two prices"):
            list(rule.by_key())


def crm_of(*sales):
    """Return a CRM with a client and its sales."""
    client = Client(ref=Ref("crm", "Client", "c1"), code="C1", name="Acme", country="CO")
    return Awkward("crm", [Client, Opportunity], [client, *sales])


def sale(number="P1", **values):
    """Return a won sale."""
    given = {"name": "Portal", "state": "won", "client": Ref("crm", "Client", "c1"), "closed_on": DAY} | values
    return Opportunity(ref=Ref("crm", "Opportunity", f"o-{number}"), number=number, **given)


class TestChain:
    """From the sale to its invoice and back."""

    @pytest.fixture
    def here(self):
        """A won sale whose project has hours."""
        bare = Awkward("erp", [Invoice, Project, Client, Employee])
        with rig(crm_of(sale(), sale("P7")), helpdesk_of([entry("a")]), bare) as one:
            one.engine.run([clients(), projects()])
            yield one

    def flow(self):
        """Return the flow that asks the CRM who pays."""
        return billing_proposals(starts=START, billing=PRICES)

    def back(self, here):
        """Return what the sale says."""
        here.run(proposal_state())
        one = next(one for one in here.crm.holds("Opportunity") if one.number == "P1")
        return (one.proposal_state, one.proposed, one.invoiced, one.approved_on, one.proposal)

    def test_the_client_of_the_sale_pays(self, here):
        """As the ERP has it."""
        here.run(self.flow())
        [draft] = here.erp.holds("Invoice")
        [client] = here.erp.holds("Client")
        assert client.ref == draft.client

    def test_state_and_amounts_come_back(self, here):
        """Draft, before the approver, approved, invoiced."""
        here.run(self.flow())
        zero, amount = Money.of(0, "COP"), Money.of(800_000, "COP")
        assert ("draft", amount, zero, None, "P1/2026-02") == self.back(here)
        draft = here.erp.holds("Invoice")[0].ref
        here.erp.change(draft, approval="pending")
        assert ("pending", amount, zero, None, "P1/2026-02") == self.back(here)
        here.erp.change(draft, approval="approved", approved_on="2026-03-03")
        assert ("approved", amount, zero, date(2026, 3, 3), "P1/2026-02") == self.back(here)
        here.erp.change(draft, is_draft=False, number="FV-1")
        assert ("invoiced", zero, amount, date(2026, 3, 3), "FV-1") == self.back(here)
        assert 0 == here.run(proposal_state()).writes

    def test_the_newest_proposal_counts(self, here):
        """The amounts are of all of them."""
        here.helpdesk.put(entry("b", "1", worked_on=date(2026, 3, 3)))
        here.run(self.flow())
        first = next(one for one in here.erp.holds("Invoice") if one.period == "2026-02")
        here.erp.change(first.ref, is_draft=False, approval="approved")
        state, proposed, invoiced, _, name = self.back(here)
        assert ("draft", 100_000, 800_000, "P1/2026-03") == (state, proposed.amount, invoiced.amount, name)

    def test_cancelled(self, here):
        """Nothing is proposed any more."""
        here.run(self.flow())
        here.erp.change(here.erp.holds("Invoice")[0].ref, approval="cancelled")
        assert ("cancelled", 0) == ((told := self.back(here))[0], told[1].amount)

    def test_a_sale_without_hours_is_left_alone(self, here):
        """Only what is billed is told."""
        here.run(self.flow())
        here.run(proposal_state())
        other = next(one for one in here.crm.holds("Opportunity") if one.number == "P7")
        assert other.proposal_state is None

    def test_the_client_comes_later(self):
        """Parked while the ERP does not have it; billed when it does."""
        bare = Awkward("erp", [Invoice, Project, Client, Employee])
        held = Project(ref=Ref("erp", "Project", "P1"), code="P1", name="P1")
        bare.put(held)
        with rig(crm_of(sale()), helpdesk_of([entry("a")]), bare) as here:
            here.run(self.flow())
            assert ["the client of project P1 is not in the ERP yet"] == [one.reason for one in here.ledger.parked()]
            here.run(clients())
            here.clock.advance(60)
            here.run(self.flow())
            assert ([], 1) == (here.ledger.parked(), len(here.erp.holds("Invoice")))

    def test_the_project_names_its_client(self):
        """Before the sale is asked."""
        held = Project(ref=Ref("erp", "Project", "P1"), code="P1", name="P1", client=Ref("erp", "Client", "C7"))
        with rig(crm_of(sale()), helpdesk_of([entry("a"), entry("b", project=None)]), erp(held)) as here:
            assert 1 == here.run(self.flow()).parked
            assert [Ref("erp", "Client", "C7")] == [one.client for one in here.erp.holds("Invoice")]

    def test_nobody_pays(self):
        """Parked until the sale names its client."""
        with rig(crm_of(sale(client=None)), helpdesk_of([entry("a")]), erp()) as here:
            here.run(self.flow())
            assert ["nothing says who pays for project P1"] == [one.reason for one in here.ledger.parked()]
