"""Leads: which opportunity each became; where the trace begins."""

from __future__ import annotations

from periferia_link.domain import Lead, Opportunity, Ref
from periferia_link.engine import Skip
from periferia_link.flows import leads, projects
from small_company import rig
from ticket_company import ACCOUNT, LEADS, account, context_of, crm_of, erp_of

LEAD, SALE = Ref("crm", "Lead", "l1"), Ref("crm", "Opportunity", "o1")


def lead(**values) -> Lead:
    """Return a lead that became a client and an opportunity."""
    given = {"subject": "Mesa de ayuda", "state": "qualified", "client": ACCOUNT, "opportunity": SALE}
    return Lead(ref=LEAD, **(given | values))


def sale(key="o1", **values) -> Opportunity:
    """Return a won opportunity of that client."""
    given = {"name": "Mesa de ayuda 2026", "state": "won", "number": "P-7", "client": ACCOUNT}
    return Opportunity(ref=Ref("crm", "Opportunity", key), **(given | values))


class TestWhichLeads:
    """Only what became something."""

    def test_others_are_skipped(self):
        """With the state as the reason."""
        for values, reason in (
            ({"state": "open", "opportunity": None}, "the lead is open"),
            ({"state": "disqualified", "opportunity": None}, "the lead is disqualified"),
            ({"opportunity": None}, "no opportunity yet"),
        ):
            assert Skip(reason) == LEADS.project(lead(**values), context_of(LEADS))

    def test_by_the_id_of_the_opportunity(self):
        """The CRM says which one: nothing is compared but that."""
        wanted = LEADS.project(lead(), context_of(LEADS))
        assert [("id", "o1", True)] == [(key.name, key.of(wanted), key.is_strong) for key in LEADS.match]

    def test_it_writes_nothing_ever(self):
        """No field is its own, and it creates nothing."""
        assert (frozenset(), False) == (LEADS.owns, LEADS.creates)
        assert (("ventas", "Lead"), "became") == ((flow := leads(source="ventas")).source, flow.relation)


class TestRuns:
    """Over a memory."""

    def test_linked_and_nothing_sent(self):
        """One request less than any write: none."""
        with rig(crm_of(account(), sale(), lead()), erp_of()) as here:
            assert 1 == here.run(LEADS).adopted
            assert 0 == here.run(LEADS).adopted
            assert [] == here.crm.sent

    def test_an_opportunity_that_we_may_not_see(self):
        """It waits, and no opportunity is made in its place."""
        with rig(crm_of(account(), lead()), erp_of()) as here:
            assert 1 == here.run(LEADS).parked
            assert ([], []) == (here.crm.sent, list(here.crm.holds("Opportunity")))
            here.crm.put(sale())
            here.clock.advance(3600)
            assert 1 == here.run(LEADS).adopted

    def test_a_lead_that_is_qualified_later(self):
        """It is linked then."""
        with rig(crm_of(account(), sale(), lead(state="open", opportunity=None)), erp_of()) as here:
            assert 0 == here.run(LEADS).adopted
            here.crm.put(lead())
            assert 1 == here.run(LEADS).adopted

    def test_from_the_lead_to_the_project_and_back(self):
        """Through the opportunity, by the links of the ledger; its client by an edge."""
        with rig(crm_of(account(), sale(client=None), lead()), erp_of()) as here:
            here.run(LEADS)
            here.run(projects())
            links = here.ledger.links
            (project,) = links.twin(LEAD, "erp", "Project")
            assert [LEAD] == links.twin(project, "crm", "Lead")
            assert (LEAD, "client", ACCOUNT) in links.edges_of(ACCOUNT)
            assert (LEAD, "opportunity", SALE) in links.edges_of(LEAD)
