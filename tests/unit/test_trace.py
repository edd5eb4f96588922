"""The trace: both ways, over every kind of step, with gaps named; bounded, safe in circles, fast."""

from __future__ import annotations

import json
import re
import time
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.domain import (
    Client,
    CostCentre,
    CostEntry,
    Employee,
    Lead,
    Money,
    Opportunity,
    Project,
    Ref,
    TaxId,
    Ticket,
    TimeEntry,
)
from periferia_link.domain.employee import Rate
from periferia_link.engine import Engine, Skip
from periferia_link.errors import ConfigurationError
from periferia_link.flows import clients, labour_costs, projects
from periferia_link.ledger import SqliteLedger
from periferia_link.ledger.protocol import AMBIGUOUS, HELD
from periferia_link.testing import MemoryConnector
from periferia_link.trace import trace

RATE = Rate(valid_from=date(2025, 1, 1), hourly=Money.of(50_000, "COP"))
FLOWS = [clients(), projects(), labour_costs(starts=date(2026, 1, 1), debit="613595", credit="510595")]


class Company:
    """A CRM, an ERP, a help desk, one ledger: a client with a won and an open sale, a ticket, two days of work."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.crm = MemoryConnector("crm", [Client, Lead, Opportunity])
        self.erp = MemoryConnector("erp", [Client, Project, CostCentre, Employee, CostEntry])
        self.desk = MemoryConnector("helpdesk", [TimeEntry, Employee, Ticket])
        self.client = self.crm.put(
            Client(name="ACME S.A.S.", tax_id=TaxId.parse("900123456-8"), email="a@acme.example")
        )
        self.won = self.crm.put(Opportunity(name="Portal", number="P-1", client=self.client, state="won"))
        self.open = self.crm.put(Opportunity(name="App", number="P-2", client=self.client))
        self.erp.put(CostCentre(code="FAB", name="Fábrica", distribution_rule="R-FAB"))
        self.employee = self.erp.put(Employee(code="E1", name="Ana", cost_centre="FAB", rates=(RATE,)))
        self.person = self.desk.put(Employee(code="E1", name="Ana"))
        self.ticket = Ref("helpdesk", "Ticket", "T-7")
        self.hours = [self.work(day) for day in (2, 3)]
        systems = {"crm": self.crm, "erp": self.erp, "helpdesk": self.desk}
        self.engine = Engine(systems, ledger)

    def work(self, day, **values):
        """Enter eight approved hours."""
        approved = datetime(2026, 3, 9, tzinfo=timezone.utc)
        given = {"person": self.person.id, "project": "P-1", "hours": Decimal(8), "ticket": self.ticket}
        return self.desk.put(TimeEntry(**(given | {"worked_on": date(2026, 3, day), "approved_at": approved} | values)))

    def run(self):
        """Bring everything up to date."""
        self.engine.run(FLOWS)
        return self

    def trace(self, ref, **options):
        """Trace one record."""
        return trace(ref, self.ledger, **options)

    def gaps(self, ref):
        """Return the sentences of what is missing."""
        return [gap.what for gap in self.trace(ref).gaps]


@pytest.fixture
def company():
    """Open a company whose ledger forgets everything."""
    with SqliteLedger.open(":memory:") as ledger:
        yield Company(ledger)


def note_lead(company):
    """Note what a qualified lead points at, as a flow that reads leads does."""
    lead = Ref("crm", "Lead", "L-1")
    edges = [
        (str(lead), str(ref), name, None) for name, ref in (("client", company.client), ("opportunity", company.won))
    ]
    with company.ledger.transaction():
        company.ledger.links.edges(edges)
    return lead


class TestTheWholeLife:
    def test_from_the_lead(self, company):
        """Client and partner above; opportunity, project, hours and postings below; tickets beside; no gap."""
        company.run()
        found = company.trace(note_lead(company))
        sides = {(node.ref.system, node.ref.kind): node.side for node in found.nodes}
        assert sides == {
            ("crm", "Lead"): "root",
            ("crm", "Client"): "up",
            ("erp", "Client"): "up",
            ("crm", "Opportunity"): "down",
            ("erp", "Project"): "down",
            ("helpdesk", "TimeEntry"): "down",
            ("erp", "CostEntry"): "down",
            ("helpdesk", "Ticket"): "beside",
        }
        assert [company.won] == found.of_kind("Opportunity")
        assert company.hours == found.of_kind("TimeEntry")
        assert 2 == len(found.of_kind("CostEntry", system="erp"))
        assert () == found.gaps

    def test_from_a_posting_upwards(self, company):
        """Hours, ticket, project, opportunity, lead and client: the whole way back."""
        company.run()
        lead = note_lead(company)
        posting = company.erp.holds("CostEntry")[0].ref
        found = company.trace(posting, direction="up")
        assert {"CostEntry", "TimeEntry", "Ticket", "Project", "Opportunity", "Client", "Lead"} == {
            node.ref.kind for node in found.nodes
        }
        assert [lead] == found.of_kind("Lead")
        assert 1 == len(found.of_kind("TimeEntry"))
        assert {"root", "up"} == {node.side for node in found.nodes}

    def test_from_a_client_downwards(self, company):
        """Both sales, also the one that is not won, and that is no gap."""
        found = company.run().trace(company.client)
        assert {company.won, company.open} == set(found.of_kind("Opportunity"))
        notes = {node.ref: node.note for node in found.nodes}
        assert "not won: no project is due" == notes[company.open]
        assert () == found.gaps

    def test_others_of_the_same_client_stay_out(self, company):
        """Up to the client and no further: its other sales have nothing to do with this one."""
        assert company.open not in company.run().trace(company.won).of_kind("Opportunity")

    def test_people_and_centres_join_nothing(self, company):
        """Everybody's hours are not those of one project; asked for himself, a person has his hours."""
        found = company.run().trace(company.won)
        assert [] == found.of_kind("Employee")
        assert company.hours == company.trace(company.employee).of_kind("TimeEntry")
        assert [company.employee] == company.trace(company.hours[0]).of_kind("Employee", system="erp")

    def test_one_direction(self, company):
        """Up has nothing from below, down nothing from above."""
        company.run()
        assert {"root", "up"} == {node.side for node in company.trace(company.won, direction="up").nodes}
        below = company.trace(company.won, direction="down")
        assert "up" not in {node.side for node in below.nodes}
        assert [company.ticket] == below.of_kind("Ticket")

    def test_a_reference_that_changed(self, company):
        """A sale that moves to another client is no longer of the first."""
        company.run()
        other = company.crm.put(Client(name="Beta Ltda.", tax_id=TaxId.parse("800197268")))
        company.crm.change(company.won, client=list(other))
        found = company.run().trace(company.won)
        assert [other] == found.of_kind("Client", system="crm")


class TestGaps:
    def test_hours_without_a_posting(self, company):
        """Approved, and the reason why nothing is posted, with the next step."""
        company.erp.change(company.employee, rates=())
        gaps = company.run().trace(company.won).gaps
        assert 2 == len(gaps)
        assert (
            "helpdesk:TimeEntry:1 is approved and no posting holds it: employee E1 has no cost rate valid on 2026-03-02"
        ) == gaps[0].what
        assert "add the rate in the ERP; the entry is tried again then" == gaps[0].next_step
        assert "labour_costs" == gaps[0].flow

    def test_a_won_sale_without_a_project(self, company):
        """It waits for its client, which waits for a person: both are said."""
        company.erp.put(Client(name="ACME SAS", code="C-1"))
        company.crm.change(company.client, tax_id=None)
        company.run()
        assert [
            "crm:Opportunity:1 is won and no project is linked: it waits until crm:Client:1 is linked",
            "crm:Client:1 is not linked to a client on the other side: same name, and no id that proves it",
        ] == company.gaps(company.won)

    def test_not_seen_yet(self, company):
        """A record that another one names and no run has read."""
        company.run()
        company.crm.put(Opportunity(name="X", number="P-9", client=Ref("crm", "Client", "99"), state="won"))
        company.run()
        assert "crm:Client:99 is named by crm:Opportunity:3 and flow clients has not seen it" in company.gaps(
            "crm:Opportunity:3"
        )

    def test_a_difference_that_is_not_posted(self, company):
        """Hours that were corrected after their posting, and a person without a rate since."""
        company.run()
        company.erp.fail("refuse")
        company.desk.change(company.hours[0], hours="9")
        company.run()
        (gap,) = company.trace(company.hours[0]).gaps
        assert gap.what.startswith(
            "helpdesk:TimeEntry:1 changed after it was posted, and the difference is not posted yet: "
        )

    @pytest.mark.parametrize(
        ("state", "why"),
        [
            (AMBIGUOUS, "it was sent and its fate is not known yet"),
            (HELD, "it waits for approval there"),
            (0, "it is planned and not sent yet"),
        ],
    )
    def test_a_write_that_is_open(self, company, state, why):
        """Planned, lost on the way, or a draft."""
        company.run()
        stream = company.ledger.stream("projects", "source")
        with company.ledger.transaction():
            company.ledger.records.mark_dirty(stream, ["9"])
            first = company.ledger.records.known(stream, ["9"])["9"].id
            company.ledger.operations.plan(
                [(first, "create", "k", "erp", "Project", None, None, None, None, b"{}", None)]
            )
            company.ledger.operations.reopen([(first, state, 5.0, 0, None)])
        assert [f"crm:Opportunity:9 is won and no project is linked: {why}"] == company.gaps("crm:Opportunity:9")

    def test_a_change_that_is_parked(self, company):
        """The link stands; its last change did not arrive."""
        company.run()
        company.erp.fail("refuse")
        company.crm.change(company.client, name="ACME Colombia S.A.S.")
        company.run()
        (gap,) = [gap for gap in company.trace(company.client).gaps if gap.flow == "clients"]
        assert "and its last change is not there yet: " in gap.what

    def test_deleted_and_followed(self, company):
        """What is gone is said beside it and is no gap; neither is a second account of one client."""
        twin = company.crm.put(Client(name="ACME S.A.S.", tax_id=TaxId.parse("900123456-8")))
        company.run()
        company.crm.drop(company.won)
        notes = {node.ref: node.note for node in company.run().trace(company.client).nodes}
        assert "deleted in crm; what was made of it stays" == notes[company.won]
        assert "another record writes its target" == company.trace(twin).nodes[0].note
        assert () == company.trace(twin).gaps

    def test_why_a_flow_leaves_it_out(self, company):
        """The reason that the projection gave stands beside the record, and is no gap."""
        draft = company.work(4, approved_at=None)
        early = company.work(5, worked_on=date(2025, 12, 31))
        company.run()
        told = {ref: company.trace(ref) for ref in (draft, early)}
        assert "not approved: nothing is posted" == told[draft].nodes[0].note
        assert "before the start date: nothing is posted" == told[early].nodes[0].note
        assert [(), ()] == [one.gaps for one in told.values()]

    def test_why_nothing_was_posted(self, company):
        """Hours that cost nothing are settled, and it is said."""
        company.erp.change(company.employee, rates=(Rate(valid_from=date(2025, 1, 1), hourly=Money.of(0, "COP")),))
        found = company.run().trace(company.hours[0])
        assert "no cost: nothing is posted" == found.nodes[0].note
        assert () == found.gaps

    def test_a_reason_goes_when_it_is_no_more(self, company):
        """What was left out and counts now says nothing of the time before; a new reason takes the place of the old."""
        draft = company.work(4, approved_at=None)
        company.run()
        company.desk.change(draft, approved_at=datetime(2026, 3, 9, tzinfo=timezone.utc))
        assert "" == company.run().trace(draft).nodes[0].note
        company.desk.change(draft, worked_on=date(2025, 12, 31))
        assert "before the start date: nothing is posted" == company.run().trace(draft).nodes[0].note

    def test_a_reason_without_words_of_its_own(self, company):
        """A flow between other kinds is named with its reason; an older ledger has none."""
        flow = clients(name="vips").but(project=lambda client, context: Skip("no order yet"))
        company.engine.run([flow])
        (vips,) = [note for note in company.trace(company.client).nodes[0].note.split("; ") if "vips" in note]
        assert "left out by flow vips: no order yet" == vips
        with company.ledger.transaction():
            company.ledger._db.execute("UPDATE record SET reason=NULL")
        assert "left out by flow vips" == company.trace(company.client).nodes[0].note

    def test_let_go_by_hand(self, company):
        """A record that a person dropped stays a gap, with that reason."""
        company.erp.change(company.employee, rates=())
        company.run()
        (one,) = company.ledger.by_hand.parked(str(company.hours[0]))
        company.ledger.by_hand.drop(one, actor="ana", now=1.0)
        assert ["helpdesk:TimeEntry:1 is approved and no posting holds it: it was let go by hand"] == company.gaps(
            company.hours[0]
        )

    def test_nobody_knows_it(self, company):
        """A typing error in the id is said, not shown as an empty life."""
        (gap,) = company.run().trace("crm:Opportunity:77").gaps
        assert "the ledger knows nothing of crm:Opportunity:77" == gap.what

    @pytest.mark.parametrize("text", ["crm", "crm:Opportunity", "::"])
    def test_no_reference(self, company, text):
        """What a reference looks like."""
        with pytest.raises(ConfigurationError, match="no reference") as caught:
            company.trace(text)
        assert "system:kind:id" in caught.value.hint

    def test_limits_are_positive(self, company):
        """Nothing is asked for with nothing."""
        with pytest.raises(ConfigurationError, match="at least one step"):
            company.trace(company.won, depth=0)


class TestLabels:
    def test_what_people_call_it(self, company):
        """Code and name of what was written, hours and amount of an entry; no personal data."""
        labels = {node.ref.kind: node.label for node in company.run().trace(company.won).nodes}
        assert "P-1 Portal" == labels["Project"] == labels["Opportunity"]
        assert "P-1 / FAB / 2026-03-03 / COP, amount 400000, hours 8" == labels["TimeEntry"]
        assert "P-1 / FAB / 2026-03-03 / COP" == labels["CostEntry"]
        assert "ACME S.A.S." == labels["Client"]
        assert "acme.example" not in json.dumps(company.trace(company.client).to_dict())

    def test_by_what_people_type(self, company):
        """An id, a code or a tax id names a record."""
        company.run()
        trail = company.ledger.trail
        project = company.erp.holds("Project")[0].ref
        trail.again()
        assert [project] == trail.named("P-1")
        assert company.hours[0] in trail.named("1")
        assert [] == trail.named("nothing")


class TestWhatTheLedgerDoesNotSay:
    def test_labels_that_cannot_be_read(self, company):
        """An action, a broken body, a long name: no label, none, a shortened one."""
        stream = company.ledger.stream("projects", "source")
        company.run()
        for base, label in (
            (b'["close", "x"]', ""),
            (b"{", ""),
            (json.dumps({"name": "x" * 90}).encode(), "x" * 59 + "…"),
            (b'{"name": null}', ""),
        ):
            with company.ledger.transaction():
                company.ledger._db.execute("UPDATE record SET base=? WHERE stream=? AND key='1'", (base, stream))
            assert label == company.trace(company.won).nodes[0].label

    def test_a_group_that_has_no_names(self, company):
        """The key of a group that is no list is shown as it is."""
        company.run()
        with company.ledger.transaction():
            company.ledger._db.execute("UPDATE member SET grp='whole' WHERE key='1'")
        assert "whole, amount 400000, hours 8" == company.trace(company.hours[0]).nodes[0].label
        assert "whole" in {node.label for node in company.trace(company.hours[0]).nodes if node.ref.kind == "CostEntry"}

    def test_look_ups_of_an_older_ledger(self, company):
        """Rows that were looked up before it was noted which record they are lead nowhere, and stop nobody."""
        company.run()
        with company.ledger.transaction():
            company.ledger._db.execute(
                "UPDATE record SET target=NULL WHERE stream IN (SELECT id FROM stream WHERE part LIKE 'lookup:%')"
            )
        assert [] == company.trace(company.hours[0]).of_kind("Project")
        with company.ledger.transaction():
            company.ledger._db.execute("UPDATE stream SET system=NULL WHERE part LIKE 'lookup:%'")
        assert [] == company.trace(company.hours[0]).of_kind("Project")

    def test_a_posting_whose_hours_are_unknown(self, company):
        """A step into a kind that no flow reads has no label."""
        with company.ledger.transaction():
            company.ledger.links.edges([("erp:CostEntry:1", "moon:TimeEntry:1", "made from", "labour_costs")])
        assert "" == company.trace("erp:CostEntry:1").nodes[0].label

    def test_a_crowd_of_gaps(self, company):
        """The first twenty in full, the others counted."""
        company.erp.change(company.employee, rates=())
        for number in range(4, 29):
            company.work(number)
        text = str(company.run().trace(company.won))
        assert "gaps: 27" in text
        assert "… and 7 more gaps" in text
        assert "more TimeEntry" in company.trace(company.won)._repr_html_()


class TestPictures:
    def test_text(self, company):
        """A tree: the record, what is above, what is below, what is beside, gaps."""
        text = str(company.run().trace(company.hours[0]))
        project = company.erp.holds("Project")[0].ref
        assert text.splitlines()[0].startswith("helpdesk:TimeEntry:1 «P-1 / FAB")
        assert f"  ├ {project} «P-1 Portal»\n  │ └ crm:Opportunity:1 «P-1 Portal»\n  │   └ crm:Client:1" in text
        assert "└ = erp:Client:" in text
        assert text.endswith("\n\nno gaps")

    def test_many_of_one_kind(self, company):
        """The first are shown, the others counted: in text, diagram and HTML."""
        for number in range(4, 24):
            company.work(number)
        found = company.run().trace(company.won)
        assert "… and 14 more TimeEntry" in found.text(siblings=8)
        assert "… and 17 more TimeEntry" in found.mermaid(siblings=5)
        assert 5 == len(re.findall("<b>TimeEntry</b>", found.mermaid(siblings=5)))
        assert 22 == len(found.of_kind("TimeEntry"))
        assert "TimeEntry" in found._repr_html_()

    def test_mermaid(self, company):
        """A flowchart: every box before its arrows, gaps dashed, nothing that ends a label."""
        company.crm.change(company.won, name='Portal "A" [B] <c> #1')
        company.erp.change(company.employee, rates=())
        text = company.run().trace(company.won).mermaid()
        lines = text.splitlines()
        assert "flowchart LR" == lines[0]
        boxes = {match[1] for match in re.finditer(r"^  (n\d+)\[", text, re.MULTILINE)}
        arrows = re.findall(r"^  (n\d+) <?-->\|[^|]*\| (n\d+)$", text, re.MULTILINE)
        assert arrows
        assert {name for pair in arrows for name in pair} <= boxes
        assert "Portal #34;A#34; #91;B#93; #60;c#62; #35;1" in text
        assert re.search(r"^  class n\d+,n\d+ gap$", text, re.MULTILINE)

    def test_html(self, company):
        """For a notebook, escaped."""
        company.crm.change(company.won, name="<script>")
        company.erp.change(company.employee, rates=())
        page = company.run().trace(company.won)._repr_html_()
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
        assert "gaps: 2" in page
        assert 6 == page.count("<li><code>")

    def test_json(self, company):
        """References as text, steps with their evidence; what JSON can hold."""
        told = json.loads(json.dumps(company.run().trace(company.won).to_dict()))
        assert ["root", "nodes", "steps", "gaps", "left_out"] == list(told)
        assert {"link", "reference", "posting", "look-up"} == {step["evidence"] for step in told["steps"]}
        assert {
            "ref": "crm:Opportunity:1",
            "label": "P-1 Portal",
            "note": "",
            "side": "root",
            "depth": 0,
            "from": None,
        } == (told["nodes"][0])

    def test_in_another_language(self, company):
        """Whoever shows it may say the sentences in its own words."""
        assert "NO GAPS" in company.run().trace(company.won).text(say=str.upper)


def crowd(ledger, clients_, entries):
    """Fill a ledger with sales, hours and postings: about two steps for each entry, and one chain in a circle."""
    rows = []
    for number in range(entries):
        client = number % clients_
        entry, posting = f"helpdesk:TimeEntry:{number}", f"erp:CostEntry:{number // 4}"
        rows.append((entry, f"helpdesk:Ticket:{number // 10}", "ticket", None))
        rows.append((posting, entry, "made from", "labour_costs"))
        if number % 10 == 0:
            rows.append((f"helpdesk:Ticket:{number // 10}", f"crm:Client:{client}", "client", None))
    with ledger.transaction():
        ledger.links.edges(rows)
    return len(rows)


class TestBounds:
    def test_circles(self, company):
        """Records that point at each other, and at themselves, are shown once."""
        refs = [Ref("crm", "Client", key) for key in "abc"]
        edges = [(str(a), str(b), "parent", None) for a, b in zip(refs, [*refs[1:], refs[0]], strict=True)]
        with company.ledger.transaction():
            company.ledger.links.edges([*edges, (str(refs[0]), str(refs[0]), "parent", None)])
        found = company.trace(refs[0])
        assert set(refs) == set(found.of_kind("Client"))
        assert 3 == len(found.nodes)

    def test_depth(self, company):
        """No further than was asked for."""
        company.run()
        found = company.trace(company.won, depth=1)
        assert {0, 1} == {node.depth for node in found.nodes}
        assert [] == found.of_kind("TimeEntry")

    def test_limit(self, company):
        """No more than was asked for, and it is said that there is more."""
        for number in range(4, 24):
            company.work(number)
        found = company.run().trace(company.won, limit=10)
        assert 10 == len(found.nodes)
        assert found.left_out > 0
        assert "raise the limit" in str(found)
        assert "more records" in found._repr_html_()

    def test_speed(self, company):
        """A hundred thousand steps in the ledger cost a trace nothing: it asks for the neighbours of what it shows."""
        steps = crowd(company.ledger, 200, 48_000)
        assert steps > 100_000
        begun = time.process_time()
        found = company.trace("erp:CostEntry:5000")
        assert time.process_time() - begun < 0.5
        assert {"CostEntry", "TimeEntry", "Ticket", "Client"} == {node.ref.kind for node in found.nodes}
        begun = time.process_time()
        crowded = company.trace("crm:Client:10", limit=1000)
        assert time.process_time() - begun < 2.0
        assert 1000 == len(crowded.nodes)
