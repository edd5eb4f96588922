"""Tickets of Periticket as cases of Dynamics 365, over the real connectors and the emulators."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from periferia_link.domain import Ref
from periferia_link.flows import leads
from periferia_link.ledger import SqliteLedger

if hasattr(os, "fork"):
    from campaign.ticket_chain import Desk, chain

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the world of the crash campaign needs fork")

USER = "00000000-0000-4000-8000-0000000000aa"
LOGICAL = "@Microsoft.Dynamics.CRM.lookuplogicalname"


@pytest.fixture
def world():
    return Desk.founded(5, tickets=6)


@pytest.fixture
def ledger():
    with SqliteLedger.open(":memory:") as ledger:
        yield ledger


def run(world, ledger, *flows):
    """Run the chain, or other flows, as a new process; the reports by flow."""
    world.clock.advance(400)
    return world.engine(ledger).run(flows or chain()).flows


def case_of(world, ticket):
    """Return the one case of a ticket."""
    number = world.desk.books["tickets"][ticket]["number"]
    (case,) = [row for row in world.crm.books["incidents"].values() if row["ticketnumber"] == number]
    return case


def written(world):
    """Count the requests that changed something in the CRM, by method and table."""
    return Counter(
        f"{one.method} {one.path.rsplit('/', 1)[-1].partition('(')[0]}" for one in world.crm.log if one.wrote
    )


class TestTheChain:
    def test_every_ticket_is_one_case_with_its_history(self, world, ledger):
        """States, titles and notes agree with the books of the help desk; the second run writes nothing."""
        first = run(world, ledger)
        assert (3, 6) == (first["helpdesk_clients"].adopted, first["tickets_to_crm"].created)
        assert [] == world.findings()
        before = written(world)
        run(world, ledger)
        assert before == written(world)

    def test_a_day_of_changes(self, world, ledger):
        """Reopened, edited, handed over, new: those cases change, the others keep their version."""
        run(world, ledger)
        versions = {key: row["versionnumber"] for key, row in world.crm.books["incidents"].items()}
        world.change()
        report = run(world, ledger)["tickets_to_crm"]
        assert [] == world.findings()
        moved = {k for k, row in world.crm.books["incidents"].items() if versions.get(k) != row["versionnumber"]}
        assert (1, len(moved) - 1) == (report.created, report.updated)
        assert len(moved) <= 4

    def test_closed_in_the_crm_as_people_close(self, world, ledger):
        """A resolution stands with a closed case; a reopened one is active again and keeps it."""
        run(world, ledger)
        key = next(iter(world.desk.books["tickets"]))
        world.step(key, status="closed")
        run(world, ledger)
        case = case_of(world, key)
        ended = world.crm.books["incidentresolutions"].values()
        assert (1, True) == (case["statecode"], any(case["incidentid"] in map(str, row.values()) for row in ended))
        world.step(key, status="in_progress")
        run(world, ledger)
        assert (0, 1) == (case_of(world, key)["statecode"], case_of(world, key)["statuscode"])

    def test_reading_is_not_one_request_a_ticket(self, world, ledger):
        """History comes with the pages of tickets."""
        run(world, ledger)
        asked = [one.path for one in world.desk.log]
        assert not [path for path in asked if path.endswith("/events")]
        assert sum(path.endswith("/tickets") for path in asked) < 12

    def test_who_asks_and_who_answers(self, world, ledger):
        """The contact with that e-mail, and the user who owns the account."""
        account = next(iter(world.crm.books["accounts"]))
        world.crm.load({"systemusers": [{"systemuserid": USER, "fullname": "Ventas"}]})
        world.crm.load(
            {"accounts": [{"accountid": account, "_ownerid_value": USER, f"_ownerid_value{LOGICAL}": "systemuser"}]}
        )
        contact = {"contactid": "00000000-0000-4000-8000-0000000000cc", "emailaddress1": "ana@cliente.example"}
        lookup = {"_parentcustomerid_value": account, f"_parentcustomerid_value{LOGICAL}": "account"}
        world.crm.load({"contacts": [contact | lookup | {"firstname": "Ana", "lastname": "Ruiz"}]})
        body = {"subject": "Quien", "client_id": "cl-000001", "requester_email": "ANA@cliente.example"}
        key = world.desk.enter("tickets", body, world.clock)["id"]
        run(world, ledger)
        case = case_of(world, key)
        assert (contact["contactid"], USER) == (case["_primarycontactid_value"], case["_ownerid_value"])

    def test_an_unknown_client_waits(self, world, ledger):
        """No case, no account, no guess; when sales enters the company, the case is made."""
        world.desk.enter("clients", {"name": "Nueva", "tax_id": "901222333"}, world.clock)
        key = world.desk.enter("tickets", {"subject": "Hola", "client_id": "cl-000004"}, world.clock)["id"]
        nobody = world.desk.enter("tickets", {"subject": "De nadie"}, world.clock)["id"]
        first = run(world, ledger)
        assert (1, 1) == (first["helpdesk_clients"].parked, first["tickets_to_crm"].parked)
        assert (6, 3) == (len(world.crm.books["incidents"]), len(world.crm.books["accounts"]))
        world.crm.load(
            {
                "accounts": [
                    {"accountid": "00000000-0000-4000-8000-00000000000d", "name": "Nueva SAS", "pl_nit": "901222333"}
                ]
            }
        )
        run(world, ledger)
        assert "Hola" == case_of(world, key)["title"]
        assert nobody in {parked.key for parked in ledger.desk.parked()}

    def test_the_ticket_is_found_from_its_case(self, world, ledger):
        """By the link of the ledger, from both ends."""
        run(world, ledger)
        key = next(iter(world.desk.books["tickets"]))
        mine, case = Ref("helpdesk", "Ticket", key), Ref("crm", "Ticket", case_of(world, key)["incidentid"])
        assert ([case], [mine]) == (
            ledger.links.twin(mine, "crm", "Ticket"),
            ledger.links.twin(case, "helpdesk", "Ticket"),
        )


class TestLeads:
    def test_from_the_crm(self, world, ledger):
        """A qualified lead is linked to its opportunity, an open one is not; nothing is written."""
        account = next(iter(world.crm.books["accounts"]))
        sale = {
            "opportunityid": "00000000-0000-4000-8000-0000000000e1",
            "name": "Mesa",
            "_parentaccountid_value": account,
        }
        world.crm.load({"opportunities": [sale]})
        became = {"_parentaccountid_value": account, f"_parentaccountid_value{LOGICAL}": "account"}
        became |= {"_qualifyingopportunityid_value": sale["opportunityid"]}
        became |= {f"_qualifyingopportunityid_value{LOGICAL}": "opportunity", "statecode": 1, "statuscode": 3}
        ids = [f"00000000-0000-4000-8000-0000000000f{number}" for number in (1, 2)]
        world.crm.load({"leads": [{"leadid": key, "subject": "Mesa de ayuda", "lastname": "Ruiz"} for key in ids]})
        world.crm.load({"leads": [{"leadid": ids[0]} | became]})
        assert (1, 0) == (run(world, ledger, leads())["leads"].adopted, run(world, ledger, leads())["leads"].adopted)
        assert {} == written(world)
        lead, sold = Ref("crm", "Lead", ids[0]), Ref("crm", "Opportunity", sale["opportunityid"])
        assert [sold] == ledger.links.twin(lead, "crm", "Opportunity")
        assert (lead, "client", Ref("crm", "Client", account)) in ledger.links.edges_of(lead)
