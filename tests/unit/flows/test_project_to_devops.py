"""Projects, features and requirements as work items, and their state back."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from detractor_company import BOGOTA
from periferia_link.domain import Client, Interaction, Lead, Opportunity, Project, Ref, Ticket, WorkItem
from periferia_link.errors import ConfigurationError
from periferia_link.flows import (
    delivery_to_crm,
    delivery_to_helpdesk,
    features_to_devops,
    project_to_devops,
    projects,
    requirements_to_devops,
)
from periferia_link.trace import trace
from small_company import Awkward, lost_after, rig

RULE = {
    "features": ["Análisis", "Construcción"],
    "of_project": {"P-2": ["Portal"]},
    "tags": ["periferia"],
    "addresses": {"helpdesk": "https://desk.example/tickets/{id}"},
}
SALE = Ref("crm", "Opportunity", "o1")


def chain(rule=None):
    """Return the flows from the sale to the work, and back."""
    given = {"delivery": RULE if rule is None else rule}
    tree = [project_to_devops(**given), features_to_devops(**given), requirements_to_devops(**given)]
    return [projects(after=()), *tree, delivery_to_helpdesk(**given), delivery_to_crm()]


def ticket(key="t1", **values):
    """Return a ticket that asks for work in the project."""
    given = {"title": "Exportar a Excel", "type": "service_request", "project": "P-1", "category": "construccion"}
    given |= {"description": "Como analista\n<quiero> exportar", "status": "open"}
    return Ticket(ref=Ref("helpdesk", "Ticket", key), **(given | values))


@pytest.fixture
def office():
    """A won sale, its client and a ticket that asks for work."""
    sale = Opportunity(ref=SALE, name="Portal", number="P-1", state="won", closed_on=date(2026, 11, 2))
    systems = [
        Awkward("crm", [Client, Opportunity, Interaction, Lead], [sale]),
        Awkward("erp", [Project]),
        Awkward("helpdesk", [Ticket], [ticket()]),
        Awkward("devops", [WorkItem]),
    ]
    with rig(*systems, zone=BOGOTA) as office:
        yield office


def items(office):
    """Return the work items by reference."""
    return {item.external_ref: item for item in office.devops.holds("WorkItem")}


class TestTree:
    def test_project_features_and_requirement(self, office):
        """An epic, its features below it, and the requirement below the feature that its category names."""
        office.engine.run(chain())
        found = items(office)
        assert sorted(found) == ["feature:P-1:1", "feature:P-1:2", "project:P-1", "requirement:t1"]
        epic, built, wanted = found["project:P-1"], found["feature:P-1:2"], found["requirement:t1"]
        assert (epic.type, epic.title, epic.tags) == ("Epic", "P-1 · Portal", ("periferia",))
        assert (built.type, built.title, built.parent) == ("Feature", "Construcción", epic.ref)
        assert (wanted.type, wanted.parent) == ("User Story", built.ref)
        assert wanted.description == "<p>Como analista</p><p>&lt;quiero&gt; exportar</p>"
        assert [link.target for link in wanted.links] == ["https://desk.example/tickets/t1"]

    def test_an_epic_leads_to_where_it_comes_from(self, office):
        """The project in the ERP, the sale and the lead behind it; a lead that is linked later is added."""
        origins = {
            "erp": "https://erp.example/projects/{id}",
            "crm": "https://crm.example/opportunities/{id}",
            "lead": "https://crm.example/leads/{id}",
        }
        flows = chain(RULE | {"addresses": origins})
        office.engine.run(flows)
        (code,) = [project.ref.id for project in office.erp.holds("Project")]
        expected = [f"https://erp.example/projects/{code}", "https://crm.example/opportunities/o1"]
        assert expected == [link.target for link in items(office)["project:P-1"].links]
        lead = Lead(ref=Ref("crm", "Lead", "l1"), subject="Portal", state="qualified", opportunity=SALE)
        office.crm.put(lead)
        office.engine.run(flows)
        expected.append("https://crm.example/leads/l1")
        assert expected == [link.target for link in items(office)["project:P-1"].links]

    def test_the_trace_has_no_gap(self, office):
        """A project that became an epic and features lacks nothing."""
        office.engine.run(chain())
        office.engine.run(chain())
        (project,) = [one.ref for one in office.erp.holds("Project")]
        found = trace(project, office.engine.ledger)
        assert () == tuple(found.gaps)
        assert {"WorkItem", "Opportunity"} <= {node.ref.kind for node in found.nodes}

    def test_nothing_is_written_twice(self, office):
        """A second run, and a lost answer, change nothing."""
        office.devops.answers.extend([lost_after, lost_after, lost_after])
        office.engine.run(chain())
        office.clock.advance(500)
        office.engine.run(chain())
        before = list(office.devops.requests)
        office.engine.run(chain())
        assert before == office.devops.requests
        assert len(office.devops.holds("WorkItem")) == 4

    def test_without_a_feature_it_stands_below_the_project(self, office):
        """Another category leads to the epic."""
        office.helpdesk.change(Ref("helpdesk", "Ticket", "t1"), category="otra")
        office.engine.run(chain())
        assert items(office)["requirement:t1"].parent == items(office)["project:P-1"].ref

    def test_other_tickets_ask_for_no_work(self, office):
        """Incidents are no requirements; one without a project is parked with the next step."""
        office.helpdesk.put(ticket("t2", type="incident"))
        office.helpdesk.put(ticket("t3", project=None))
        office.helpdesk.put(ticket("t4", project="P-9"))
        report = office.engine.run(chain())["requirements_to_devops"]
        assert (report.created, report.parked) == (1, 2)
        assert any("choose the project in the help desk" in note for note in report.notes)

    def test_a_feature_that_is_added_at_the_end(self, office):
        """The others stay what they are; the plan is the consent to a changed rule."""
        office.engine.run(chain())
        before = {ref: item.ref for ref, item in items(office).items()}
        more = {**RULE, "features": [*RULE["features"], "Pruebas"]}
        plan = office.engine.plan(chain(more))
        office.engine.apply(plan, chain(more))
        after = {ref: item.ref for ref, item in items(office).items()}
        assert after.keys() - before.keys() == {"feature:P-1:3"}
        assert before.items() <= after.items()

    def test_an_epic_that_is_there_is_taken_over(self, office):
        """An item with the reference is the project."""
        office.devops.put(WorkItem(title="A mano", type="Epic", external_ref="project:P-1"))
        office.engine.run(chain())
        assert len([item for item in office.devops.holds("WorkItem") if item.type == "Epic"]) == 1

    def test_what_the_team_rewrote_stays(self, office):
        """A requirement that the team refined is not overwritten by the ticket."""
        office.engine.run(chain())
        wanted = items(office)["requirement:t1"]
        office.devops.change(wanted.ref, description="<p>Refinado</p>")
        office.helpdesk.change(Ref("helpdesk", "Ticket", "t1"), description="otra cosa")
        office.engine.run(chain())
        assert items(office)["requirement:t1"].description == "<p>Refinado</p>"


class TestBack:
    @pytest.mark.parametrize(
        ("category", "status"),
        [("proposed", "open"), ("in_progress", "in_progress"), ("resolved", "in_progress"), ("completed", "resolved")],
    )
    def test_the_ticket_follows_the_work(self, office, category, status):
        """The state of the requirement is that of the ticket, in the words of the rule."""
        office.engine.run(chain())
        office.devops.change(items(office)["requirement:t1"].ref, category=category)
        office.engine.run(chain())
        assert office.helpdesk.holds("Ticket")[0].status == status
        before = list(office.helpdesk.requests)
        office.engine.run(chain())
        assert before == office.helpdesk.requests

    def test_a_ticket_that_people_closed_stays_closed(self, office):
        """The work never reopens a ticket."""
        office.engine.run(chain())
        office.helpdesk.change(Ref("helpdesk", "Ticket", "t1"), status="closed")
        office.devops.change(items(office)["requirement:t1"].ref, category="in_progress")
        office.engine.run(chain())
        assert office.helpdesk.holds("Ticket")[0].status == "closed"

    def test_the_crm_reads_how_far_the_project_is(self, office):
        """One note on the opportunity, kept up to date."""
        office.engine.run(chain())
        epic = items(office)["project:P-1"].ref
        office.devops.change(epic, category="in_progress")
        office.engine.run(chain())
        (note,) = office.crm.holds("Interaction")
        assert (note.regarding, note.subject) == (SALE, "Entrega: P-1 · Portal — en curso")
        ended = datetime(2026, 12, 1, 3, tzinfo=timezone.utc)
        office.devops.change(epic, category="completed", closed_at=ended)
        office.engine.run(chain())
        (note,) = office.crm.holds("Interaction")
        assert note.subject == "Entrega: P-1 · Portal — terminado"
        assert "Terminado el 2026-11-30" in note.text


class TestRule:
    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"feature": ["x"]}, r"\[delivery\] feature: unknown key"),
            ({"states": {"done": "resolved"}}, r"\[delivery\] states"),
            ({"requirements": ["bug"]}, r"\[delivery\] requirements"),
            ({"addresses": {"helpdesk": "desk/{id}"}}, "https://"),
        ],
    )
    def test_mistakes_name_the_place(self, table, message):
        """Whoever wrote the file can correct it."""
        with pytest.raises(ConfigurationError, match=message) as caught:
            project_to_devops(delivery=table)
        assert caught.value.hint
