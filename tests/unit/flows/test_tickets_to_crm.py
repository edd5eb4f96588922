"""Tickets: one case for each, with the state of now."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from periferia_link.domain import Contact, Employee, Project, Ref, Ticket
from periferia_link.engine import Lookup, Skip
from periferia_link.engine.context import MissingLinkError
from periferia_link.errors import ConfigurationError, MissingReferenceError
from periferia_link.flows import tickets_to_crm
from small_company import refused, rig
from ticket_company import (
    ACCOUNT,
    ANDINA,
    CLIENTS,
    DESK_CLIENT,
    OPENED,
    OTHER_OWNER,
    OWNER,
    TICKETS,
    account,
    context_of,
    crm_of,
    desk_client,
    desk_of,
    erp_of,
    step,
    ticket,
)

ANA = Employee(ref=Ref("helpdesk", "Employee", "E1"), code="E1", name="Ana Ruiz")
MAIL = "mesa@acme.example"
ASKS = Contact(ref=Ref("crm", "Contact", "c1"), name="Quien pregunta", email=MAIL, client=ACCOUNT)


def context(flow=TICKETS, links=None, **rows):
    """Return a context with an account, Ana and one who asks, unless others are given."""
    given = {"accounts": [account()], "assignees": [ANA], "contacts": [ASKS]} | rows
    return context_of(flow, {DESK_CLIENT: ACCOUNT} if links is None else links, **given)


def becomes(flow=TICKETS, links=None, rows=None, **values):
    """Project a ticket."""
    return flow.project(ticket(**values), context(flow, links, **(rows or {})))


class TestFields:
    """What travels."""

    def test_a_case(self):
        """Title, number, client there, names of people, who answers for the account."""
        case = becomes(due_at=OPENED + timedelta(days=1), category="Portal")
        assert ("No abre el portal", "PT-tk1", ACCOUNT, "Ana Ruiz", OWNER, "Mesa 1", "Portal") == (
            case.title,
            case.number,
            case.client,
            case.assignee,
            case.owner,
            case.group,
            case.category,
        )
        assert (OPENED, OPENED + timedelta(days=1)) == (case.opened_at, case.due_at)

    def test_only_owned_fields_travel(self):
        """What the flow does not own is not even set; the history is the business of the timeline."""
        every = tickets_to_crm(
            extra=["category", "group", "assignee", "resolver", "opened_at", "resolved_at", "closed_at"]
        )
        assert becomes(every).model_fields_set <= every.owns
        assert {"title", "number", "status", "client"} <= TICKETS.owns < every.owns
        assert () == becomes().events

    def test_columns_that_not_every_crm_has(self):
        """Who holds it travels where the case has a column for that; another field is refused by its name."""
        assert "assignee" not in TICKETS.owns
        assert "assignee" in tickets_to_crm(extra=["assignee"]).owns
        with pytest.raises(ConfigurationError, match="events is no extra field"):
            tickets_to_crm(extra=["events"])

    def test_the_number_is_kept(self):
        """Given once, never changed in a case that people look up by it."""
        assert frozenset({"number"}) == TICKETS.keeps

    @pytest.mark.parametrize(("length", "title"), [(200, "x" * 200), (201, "x" * 199 + "…")])
    def test_long_titles(self, length, title):
        """A case holds 200 characters; the whole of a longer one begins the description."""
        case = becomes(title="x" * length, description="Detalle")
        whole = "Detalle" if length == 200 else "x" * length + "\n\nDetalle"
        assert (title, whole) == (case.title, case.description)

    def test_somebody_who_is_not_on_the_list(self):
        """The id stands as it is."""
        assert "E9" == becomes(assignee="E9").assignee

    def test_without_a_list_of_people(self):
        """Texts of the help desk are taken as names."""
        flow = tickets_to_crm(people=False)
        assert ("assignees" in flow.lookups, "E1") == (False, becomes(flow).assignee)

    def test_nobody_answers_for_it(self):
        """By option: the CRM's own rules assign it."""
        flow = tickets_to_crm(owner="nobody")
        assert "owner" not in becomes(flow).model_fields_set
        assert {"assignees", "ticket_projects"} == set(flow.lookups)


class TestWords:
    """States and priorities."""

    @pytest.mark.parametrize(
        ("status", "stands"),
        [
            ("new", "in_progress"),
            ("open", "in_progress"),
            ("in_progress", "in_progress"),
            ("pending_customer", "pending_customer"),
            ("on_hold", "on_hold"),
            ("resolved", "resolved"),
            ("closed", "resolved"),
            ("cancelled", "cancelled"),
        ],
    )
    def test_states(self, status, stands):
        """Those that a case does not have are the nearest one that it has."""
        assert stands == becomes(status=status).status

    @pytest.mark.parametrize(
        ("priority", "stands"), [("critical", "high"), ("high", "high"), ("low", "low"), (None, None)]
    )
    def test_priorities(self, priority, stands):
        """A case has three."""
        assert stands == becomes(priority=priority).priority

    def test_rules_can_be_changed(self):
        """One word is replaced, the others stay; the change is part of the fingerprint."""
        flow = tickets_to_crm(statuses={"resolved": "in_progress"}, priorities={"low": "normal"})
        assert ("in_progress", "resolved") == (
            becomes(flow, status="resolved").status,
            becomes(flow, status="closed").status,
        )
        assert "normal" == becomes(flow, priority="low").priority
        assert flow.fingerprint() != TICKETS.fingerprint()

    def test_a_word_that_is_none(self):
        """A rule with a typing error parks what it touches and says so, it invents no state."""
        with pytest.raises(ValueError, match="status"):
            becomes(tickets_to_crm(statuses={"closed": "cerrado"}), status="closed")

    def test_types_that_are_no_cases(self):
        """Requests for people stay in the help desk, with the reason."""
        assert Skip("a ticket of the type allocation is no case") == becomes(type="allocation")
        flow = tickets_to_crm(ignored_types=["praise"])
        assert (True, "allocation") == (
            isinstance(becomes(flow, type="praise"), Skip),
            becomes(flow, type="allocation").type,
        )


class TestTheClient:
    """Found, or asked for; never guessed."""

    def test_it_waits_for_the_link(self):
        """A client that is not linked yet."""
        with pytest.raises(MissingLinkError) as caught:
            becomes(links={})
        assert DESK_CLIENT == caught.value.ref

    def test_a_ticket_without_client(self):
        """Is parked, and the hint says where to name it."""
        with pytest.raises(MissingReferenceError, match="names no client") as caught:
            becomes(client=None)
        assert "help desk" in caught.value.hint

    @pytest.mark.parametrize("typed", ["900.123.456-8", "900123456", " NIT 9001234568 "])
    def test_by_tax_id(self, typed):
        """For help desks without clients: what somebody typed."""
        flow = tickets_to_crm(client_by="tax id")
        assert ACCOUNT == becomes(flow, client=None, custom={"client_tax_id": typed}).client

    @pytest.mark.parametrize(
        ("typed", "reason"), [("900123456-1", "no valid tax id"), ("Acme", "no valid tax id"), ("", "names no client")]
    )
    def test_a_tax_id_that_is_none(self, typed, reason):
        """Is never looked for; the message holds no number."""
        with pytest.raises(MissingReferenceError, match=reason) as caught:
            becomes(tickets_to_crm(client_by="tax id"), client=None, custom={"client_tax_id": typed})
        assert not typed or typed not in caught.value.message

    def test_two_accounts_with_one_tax_id(self):
        """Which one it is, a person must say."""
        flow = tickets_to_crm(client_by="tax id")
        with pytest.raises(MissingReferenceError, match="several"):
            becomes(
                flow, rows={"accounts": [account(), account("a2")]}, client=None, custom={"client_tax_id": "900123456"}
            )

    def test_by_code(self):
        """The id that the ticket has is the code of the account."""
        flow = tickets_to_crm(client_by="code")
        rows = {"accounts": [account(code=" A-7 ")]}
        assert (ACCOUNT, OWNER) == (
            (case := becomes(flow, rows=rows, client=Ref("helpdesk", "Client", "A-7"))).client,
            case.owner,
        )


class TestWhoAsks:
    """Contacts, by e-mail."""

    FLOW = tickets_to_crm(contacts=True)

    def test_found(self):
        """Whatever the case of the letters."""
        assert ASKS.ref == becomes(self.FLOW, caller=f" {MAIL.upper()} ").contact

    @pytest.mark.parametrize(
        "contacts",
        [
            [],
            [ASKS, ASKS.model_copy(update={"ref": Ref("crm", "Contact", "c2")})],
            [ASKS.model_copy(update={"client": Ref("crm", "Client", "a9")})],
        ],
        ids=["nobody", "two", "of another client"],
    )
    def test_not_found(self, contacts):
        """The case has no contact then; the ticket does not wait for one."""
        assert becomes(self.FLOW, rows={"contacts": contacts}, caller=MAIL).contact is None

    def test_off_without_more(self):
        """A large CRM's contacts are not read for nothing."""
        assert "contacts" not in TICKETS.lookups
        assert becomes(caller=MAIL).contact is None


class TestTheProject:
    """For the trace."""

    def test_it_is_related(self):
        """By the code that the ticket names."""
        project = Project(ref=Ref("erp", "Project", "7"), code="P1", name="Mesa")
        asked = context(ticket_projects=[project])
        TICKETS.project(ticket(), asked)
        assert [("project", project.ref)] == list(asked.related)

    def test_an_unknown_code_stops_nothing(self):
        """The case is written all the same."""
        asked = context()
        TICKETS.project(ticket(), asked)
        assert [] == list(asked.related)

    def test_without_an_erp(self):
        """The table is left out."""
        assert "ticket_projects" not in tickets_to_crm(projects="").lookups


class TestTheFlow:
    """As a declaration."""

    def test_roles(self):
        """Other names of systems."""
        flow = tickets_to_crm(source="mesa", target="ventas")
        assert (("mesa", "Ticket"), ("ventas", "Ticket")) == (flow.source, flow.target)
        assert {"mesa", "ventas", "erp"} == {
            lookup.role for lookup in flow.lookups.values() if isinstance(lookup, Lookup)
        }

    def test_a_start_date(self):
        """Tickets opened before it stay where they are."""
        flow = tickets_to_crm(starts=date(2026, 11, 3))
        assert date(2026, 11, 2) == flow.dated(ticket())
        assert date(2026, 11, 5) == flow.dated(
            ticket(opened_at=None, updated_at=datetime(2026, 11, 5, tzinfo=timezone.utc))
        )
        assert None is flow.dated(ticket(opened_at=None))

    def test_it_writes_or_asks_for_a_match(self):
        """A flow that creates nothing needs something to recognise records by."""
        with pytest.raises(ConfigurationError, match="match"):
            tickets_to_crm(creates=False, match=())


def world(*tickets, accounts=None, clients=None):
    """Return a help desk, a CRM and an ERP."""
    return (
        desk_of(*([desk_client()] if clients is None else clients), *tickets),
        crm_of(*([account()] if accounts is None else accounts)),
        erp_of(),
    )


class TestRuns:
    """From one memory to another."""

    def test_once_and_no_more(self):
        """A case for each ticket; a second run writes nothing."""
        with rig(*world(ticket("tk1"), ticket("tk2"))) as here:
            here.run(CLIENTS)
            assert (2, 0) == (here.run(TICKETS).created, here.run(TICKETS).created)
            assert ["PT-tk1", "PT-tk2"] == sorted(case.number for case in here.crm.holds("Ticket"))

    def test_changes_follow(self):
        """Edited, closed, reopened: each is one update of that case, with the fields that changed and no others."""
        with rig(*world(ticket("tk1"), ticket("tk2"))) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            for values, fields in (
                ({"title": "Otra cosa"}, {"title"}),
                ({"title": "Otra cosa", "status": "closed"}, {"status"}),
                ({"title": "Otra cosa", "status": "in_progress"}, {"status"}),
            ):
                here.helpdesk.put(ticket("tk1", **values))
                here.crm.sent.clear()
                assert 1 == here.run(TICKETS).updated
                assert [fields] == [set(write.fields) for request in here.crm.sent for write in request]

    def test_what_a_case_has_no_column_for(self):
        """Somebody else takes the ticket: nothing to write where the case does not say who has it."""
        for flow, updated in ((TICKETS, 0), (tickets_to_crm(extra=["assignee"]), 1)):
            with rig(*world(ticket())) as here:
                here.run(CLIENTS)
                here.run(flow)
                here.helpdesk.put(ticket(assignee="E2"))
                assert updated == here.run(flow).updated

    def test_resolved_and_then_closed(self):
        """The case was resolved already: nothing to write."""
        with rig(*world(ticket(status="resolved"))) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            here.helpdesk.put(ticket(status="closed"))
            assert (0, 1) == ((report := here.run(TICKETS)).updated, report.unchanged)

    def test_a_new_owner_of_the_account(self):
        """The case follows, although its ticket did not change."""
        with rig(*world(ticket())) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            here.crm.put(account(owner=OTHER_OWNER))
            assert 1 == here.run(TICKETS).updated
            assert [OTHER_OWNER] == [case.owner for case in here.crm.holds("Ticket")]

    def test_a_client_that_appears_later(self):
        """Its tickets wait; when the account is entered they become cases by themselves."""
        with rig(*world(ticket(), accounts=())) as here:
            assert 1 == here.run(CLIENTS).parked
            assert 0 == here.run(TICKETS).created
            here.crm.put(account())
            here.clock.advance(3600)
            assert 1 == here.run(CLIENTS).adopted
            assert 1 == here.run(TICKETS).created

    def test_a_client_that_stands_twice(self):
        """A person chooses; the ticket then goes to that account."""
        with rig(*world(ticket(), accounts=(account("a1"), account("a2")))) as here:
            assert 1 == here.run(CLIENTS).review
            assert 0 == here.run(TICKETS).created
            here.verdict(CLIENTS, "cl1", "link:a2")
            here.run(CLIENTS)
            here.run(TICKETS)
            assert [Ref("crm", "Client", "a2")] == [case.client for case in here.crm.holds("Ticket")]

    def test_no_account_is_made_for_a_ticket(self):
        """Whatever the help desk holds, the CRM's accounts are its own."""
        with rig(*world(ticket(), clients=[desk_client(tax_id=ANDINA)])) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            assert (["a1"], 0) == ([row.ref.id for row in here.crm.holds("Client")], len(here.crm.holds("Ticket")))

    def test_a_case_entered_by_hand(self):
        """Same account, same number: adopted, and from then on it follows."""
        by_hand = Ticket(ref=Ref("crm", "Ticket", "x1"), title="No abre", number="PT-tk1", client=ACCOUNT)
        with rig(*world(ticket())) as here:
            here.crm.put(by_hand)
            here.run(CLIENTS)
            assert (1, 0) == ((report := here.run(TICKETS)).adopted, report.created)

    def test_the_same_number_of_another_client(self):
        """Numbers repeat from system to system: it is another case."""
        other = Ticket(ref=Ref("crm", "Ticket", "x1"), title="Otra", number="PT-tk1", client=Ref("crm", "Client", "a9"))
        with rig(*world(ticket())) as here:
            here.crm.put(other)
            here.run(CLIENTS)
            assert 1 == here.run(TICKETS).created

    def test_a_refused_ticket_stops_no_other(self):
        """It is parked with its reason."""
        with rig(*world(ticket("tk1"), ticket("tk2"))) as here:
            here.run(CLIENTS)
            here.crm.always = refused(where=lambda write: write.entity.number == "PT-tk1")
            assert (1, 1) == ((report := here.run(TICKETS)).created, report.parked)

    def test_the_trace_has_its_edges(self):
        """Ticket to client and project, in the ledger, from both ends."""
        with rig(*world(ticket())) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            mine = Ref("helpdesk", "Ticket", "tk1")
            project = Ref("erp", "Project", "P1")
            assert (mine, "project", project) in here.ledger.links.edges_of(mine)
            assert (mine, "project", project) in here.ledger.links.edges_of(project)
            assert (mine, "client", DESK_CLIENT) in here.ledger.links.edges_of(DESK_CLIENT)

    def test_a_step_more_changes_no_case(self):
        """History alone is the business of the timeline."""
        with rig(*world(ticket())) as here:
            here.run(CLIENTS)
            here.run(TICKETS)
            here.helpdesk.put(ticket(events=(*ticket().events, step(9, note="Llamé", actor="E1"))))
            assert 0 == here.run(TICKETS).updated
