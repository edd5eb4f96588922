"""The tickets of the demo: what is made up, what people do with them, and the proof that finds what is wrong."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli.demo._company import company
from periferia_link.cli.demo._helpdesk import ENDED, History
from periferia_link.cli.demo._ticket_proof import case_versions, prove_tickets
from periferia_link.domain import Lead, Opportunity, Ref
from periferia_link.flows import leads, projects
from periferia_link.ledger import SqliteLedger
from small_company import rig
from ticket_company import crm_of, erp_of

BUSINESS = company(seed=3, clients=12, days=5, today=date(2026, 11, 21))
DESK, NOW = BUSINESS.desk, datetime(2026, 11, 21, 15, tzinfo=timezone.utc)
AT = datetime(2026, 11, 2, 14, tzinfo=timezone.utc)
STATES = {"new": (0, 1), "in_progress": (0, 1), "pending_customer": (0, 3), "resolved": (1, 5), "closed": (1, 5)}


class TestHistory:
    def test_what_changes_is_an_event(self):
        """With the value before and after; what stays is none."""
        history = History("t1", "No abre").step(AT, status="new", priority="low").step(AT, status="new", group="Mesa 1")
        told = [(event["member"], event["old"], event["new"]) for event in history.events]
        assert [("status", None, "new"), ("priority", None, "low"), ("group", None, "Mesa 1")] == told
        assert 2 == history.ticket["revision"]

    def test_instants_follow_the_state(self):
        """Resolved and closed have theirs, a reopened one has none."""
        history = History("t1", "No abre").step(AT, status="closed")
        assert history.ticket["resolved_at"] == history.ticket["closed_at"] == "2026-11-02T14:00:00Z"
        history.step(AT + timedelta(hours=1), status="in_progress")
        assert (None, None) == (history.ticket["resolved_at"], history.ticket["closed_at"])

    def test_brought_in_later(self):
        """It happened then and was recorded now."""
        event = History("t1", "x", recorded_at=NOW).step(AT, status="new").events[0]
        assert ("2026-11-02T14:00:00Z", "2026-11-21T15:00:00Z") == (event["at"], event["updated_at"])


class TestTheCompany:
    def test_the_same_seed_the_same_tickets(self):
        """Another one makes others."""
        again = company(seed=3, clients=12, days=5, today=date(2026, 11, 21)).desk
        assert (DESK.tickets, DESK.events) == (again.tickets, again.events)
        assert DESK.tickets != company(seed=4, clients=12, days=5, today=date(2026, 11, 21)).desk.tickets

    def test_the_last_event_is_the_ticket(self):
        """Its state is what its history says; nothing happens after the last day."""
        for row in DESK.tickets:
            mine = [event for event in DESK.events if event["ticket_id"] == row["id"]]
            assert row["status"] == [event["new"] for event in mine if event["member"] == "status"][-1]
            assert mine[-1]["at"] == row["updated_at"] < "2026-11-21T05:00:00Z"

    def test_nobody_guesses(self):
        """One is of a company that the CRM does not know, one of nobody."""
        known = {row["pl_nit"] for row in BUSINESS.accounts}
        clients = {row["id"]: row["tax_id"] for row in DESK.clients}
        assert clients["cl-9999"] not in known
        assert ["cl-9999", None] == [row.get("client_id") for row in DESK.tickets[-2:]]

    def test_hours_on_tickets(self):
        """Only on those of the same project that were open by then."""
        tickets = {row["id"]: row for row in DESK.tickets}
        named = [log for log in BUSINESS.logs() if log.ticket is not None]
        assert named
        for log in named:
            ticket = tickets[log.ticket]
            assert log.project == ticket["project_code"]
            assert ticket["opened_at"][:10] <= log.day.isoformat()

    def test_leads_say_what_they_became(self):
        """Opportunities that there are, of the same client; some leads became nothing."""
        sales = {row["opportunityid"]: row["_customerid_value"] for row in BUSINESS.opportunities}
        for row in BUSINESS.sales.leads:
            became = BUSINESS.sales.became.get(row["leadid"])
            assert became == row.get("_qualifyingopportunityid_value")
            assert became is None or sales[became] == row["_parentaccountid_value"]
        assert len(BUSINESS.sales.became) < len(BUSINESS.sales.leads)


class TestChanges:
    def test_one_comes_back_one_is_edited_one_is_new(self):
        """Each with its events, of now, and a revision more."""
        back, edited, new = DESK.changes(NOW)
        before = {row["id"]: row for row in DESK.tickets}
        assert before[back.ticket["id"]]["status"] in ENDED
        assert ("in_progress", None) == (back.ticket["status"], back.ticket["closed_at"])
        assert {"status"} == {event["member"] for event in back.events}
        assert before[edited.ticket["id"]]["subject"] != edited.ticket["subject"]
        assert new.ticket["id"] not in before
        for told in (back, edited):
            assert before[told.ticket["id"]]["revision"] + 1 == told.ticket["revision"]
        assert {"2026-11-21T15:00:00Z"} == {event["at"] for told in (back, edited, new) for event in told.events}


class Books:
    """A CRM that did everything right."""

    def __init__(self):
        self.tables = {
            "accounts": BUSINESS.accounts,
            "clients": DESK.clients,
            "tickets": [dict(row) | {"client_id": row.get("client_id")} for row in DESK.tickets],
            "events": list(DESK.events),
            "incidents": [{"ticketnumber": "CAS-1", "incidentid": "x", "versionnumber": 1}],
            "annotations": [],
        }
        bodies = ["".join(filter(str.isdigit, row["pl_nit"]))[:9] for row in BUSINESS.accounts]
        owner = {bodies[i]: row["accountid"] for i, row in enumerate(BUSINESS.accounts) if bodies.count(bodies[i]) == 1}
        clients = {row["id"]: "".join(filter(str.isdigit, row["tax_id"]))[:9] for row in DESK.clients}
        for row in DESK.tickets:
            account = owner.get(clients.get(row.get("client_id")))
            if account is not None:
                self.add(row, account)

    def add(self, row, account):
        """Write the case of a ticket and its notes."""
        state, reason = STATES[row["status"]]
        case = {"ticketnumber": row["number"], "title": row["subject"], "_customerid_value": account}
        case |= {"incidentid": f"case {row['id']}", "statecode": state, "statuscode": reason, "versionnumber": 7}
        self.tables["incidents"].append(case)
        moments = {(e["at"], e["actor_id"]) for e in DESK.events if e["ticket_id"] == row["id"]}
        self.tables["annotations"] += [{"_objectid_value": case["incidentid"]} for _ in moments]

    def table(self, name, table):
        """List a table, as the admin address does."""
        assert name == ("dynamics365" if table in {"accounts", "incidents", "annotations"} else "periticket")
        return iter(self.tables[table])

    def proof(self, ledger, before=None, touched=()):
        """Compare."""
        seen = case_versions(self) if before is None else before
        return prove_tickets(BUSINESS, self, ledger, before=seen, touched=list(touched))


@pytest.fixture
def ledger():
    with SqliteLedger.open(":memory:") as ledger:
        yield ledger


@pytest.fixture
def books():
    return Books()


class TestTheProof:
    def test_what_is_right_holds(self, books, ledger):
        """One case for each ticket of a known client; the others wait; cases of others count for nothing."""
        proof = books.proof(ledger)
        assert proof.holds
        assert all(is_good for _, is_good in proof.lines)
        assert len(DESK.tickets) == proof.tickets == proof.known + proof.waits
        assert proof.waits >= 2

    @pytest.mark.parametrize(
        ("spoil", "where"),
        [
            (lambda books: books.tables["incidents"].pop(), "missing"),
            (lambda books: books.tables["incidents"].append(dict(books.tables["incidents"][-1])), "twice"),
            (lambda books: books.add(DESK.tickets[-1], "somebody"), "strange"),
            (lambda books: books.tables["incidents"][-1].update(title="Otra"), "differs"),
            (lambda books: books.tables["incidents"][-1].update(statecode=2), "differs"),
            (lambda books: books.tables["incidents"][-1].update(_customerid_value="another"), "differs"),
            (lambda books: books.tables["annotations"].pop(), "gaps"),
            (lambda books: books.tables["annotations"].append(dict(books.tables["annotations"][-1])), "gaps"),
        ],
        ids=["lost case", "two cases", "guessed client", "title", "state", "account", "lost note", "note twice"],
    )
    def test_what_is_wrong_is_found(self, books, ledger, spoil, where):
        """By the number of the ticket."""
        spoil(books)
        proof = books.proof(ledger)
        assert not proof.holds
        assert 1 == len(getattr(proof, where))

    def test_only_what_people_touched_may_move(self, books, ledger):
        """A case that changed without a reason shows, and one that did not although it should."""
        before = case_versions(books)
        case = books.tables["incidents"][-1]
        assert not books.proof(ledger, before, [case["ticketnumber"]]).holds
        case["versionnumber"] = 8
        assert books.proof(ledger, before, [case["ticketnumber"]]).holds
        assert not books.proof(ledger, before).holds

    def test_the_way_from_a_lead_to_a_posting(self, books):
        """By the links and edges of the ledger, there and back; every step is named."""
        with a_way() as (ledger, lead, project):
            hours_on(ledger, project)
            walk = books.proof(ledger).walk
            assert (1, 1, 1) == (walk.leads, walk.reached, walk.returned)
            kinds = ["Lead", "Client", "Opportunity", "Project", "Ticket", "TimeEntry", "CostEntry"]
            assert (lead, kinds) == (walk.example[0], [ref.kind for ref in walk.example])

    def test_a_way_that_ends_early(self, books):
        """Without hours on a ticket no posting is reached: counted, not hidden."""
        with a_way() as (ledger, _, _):
            walk = books.proof(ledger).walk
            assert (1, 0, 0, 0) == (walk.leads, walk.reached, walk.returned, len(walk.example))


@contextmanager
def a_way():
    """A ledger that knows the first lead of the company, its client, sale and project."""
    key, sale = next(iter(BUSINESS.sales.became.items()))
    account, ref = Ref("crm", "Client", "1"), Ref("crm", "Opportunity", sale)
    lead = Lead(ref=Ref("crm", "Lead", key), subject="Mesa", state="qualified", client=account, opportunity=ref)
    with rig(crm_of(Opportunity(ref=ref, name="Mesa", state="won", number="P-7"), lead), erp_of()) as here:
        here.run(leads())
        here.run(projects())
        (project,) = here.ledger.links.twin(lead.ref, "erp", "Project")
        yield here.ledger, lead.ref, project


def hours_on(ledger, project):
    """Note a ticket of the project, hours on it, and the posting of them."""
    ticket, entry = Ref("helpdesk", "Ticket", "t"), Ref("helpdesk", "TimeEntry", "w")
    edges = [
        (ticket, "project", project),
        (entry, "ticket", ticket),
        (Ref("erp", "CostEntry", "1"), "made from", entry),
    ]
    with ledger.transaction():
        ledger.links.edges([(str(a), str(b), name, None) for a, name, b in edges])
