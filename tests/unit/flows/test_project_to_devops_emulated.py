"""The tree of a project and the checklists over the wire of Azure DevOps."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from azure_devops_world import World
from periferia_link.domain import Project, Ref, Ticket
from periferia_link.engine import Engine
from periferia_link.flows import (
    delivery_to_helpdesk,
    features_to_devops,
    project_to_devops,
    readiness,
    requirements_to_devops,
)
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector

RULE = {"features": ["Análisis", "Construcción"]}
CHECKS = {
    "checklists": {
        "ready": {
            "stage": "ready",
            "types": ["User Story"],
            "checks": [{"field": "acceptance", "says": "criterios de aceptación"}],
        }
    }
}
ASKED = Ticket(
    ref=Ref("helpdesk", "Ticket", "t1"),
    title="Exportar a Excel",
    type="service_request",
    project="P-1",
    category="Construcción",
    description="Como analista quiero exportar",
    status="open",
)


@pytest.fixture
def office():
    """An organisation, a project of the ERP, and a ticket that asks for work in it."""
    world = World()
    erp = MemoryConnector("erp", [Project], [Project(name="Portal", code="P-1")])
    desk = MemoryConnector("helpdesk", [Ticket], [ASKED])
    with SqliteLedger.open(":memory:") as ledger, world.devops:
        systems = {"erp": erp, "helpdesk": desk, "devops": world.devops}
        world.engine = Engine(systems, ledger, clock=world.clock, zone=ZoneInfo("America/Bogota"))
        world.desk = desk
        yield world


def run(office):
    """Run the tree, the state back and the checklists."""
    tree = [flow(delivery=RULE) for flow in (project_to_devops, features_to_devops, requirements_to_devops)]
    report = office.engine.run([*tree, delivery_to_helpdesk(delivery=RULE), readiness(checklists=CHECKS)])
    office.clock.advance(900)
    return report


def by_title(office):
    """Return the items of the organisation by title."""
    return {item["fields"]["System.Title"]: item for item in office.service.org.living()}


class TestOverTheWire:
    def test_tree_state_and_comments(self, office):
        """Parents as the service keeps them, one comment for what is missing, and the state back to the ticket."""
        run(office)
        items = by_title(office)
        assert sorted(items) == ["Análisis", "Construcción", "Exportar a Excel", "P-1 · Portal"]
        built, wanted = items["Construcción"], items["Exportar a Excel"]
        assert office.read(str(built["id"])).parent == Ref("devops", "WorkItem", str(items["P-1 · Portal"]["id"]))
        assert office.read(str(wanted["id"])).parent == Ref("devops", "WorkItem", str(built["id"]))
        run(office)
        (comment,) = [each for each in office.devops.each("Interaction") if "criterios" in (each.text or "")]
        assert comment.regarding == Ref("devops", "WorkItem", str(wanted["id"]))
        accepted = {"System.State": "Active", "Microsoft.VSTS.Common.AcceptanceCriteria": "Baja el archivo"}
        office.service.amend(wanted["id"], accepted, office.clock)
        run(office)
        assert office.desk.holds("Ticket")[0].status == "in_progress"
        (comment,) = office.devops.each("Interaction")
        assert "se cumplen" in comment.text
        before = len(office.sent("POST", "PATCH", "PUT", "DELETE"))
        run(office)
        after = [line for line in office.sent("POST", "PATCH", "PUT", "DELETE")[before:] if "comments" in line]
        assert after == []
        assert len(office.service.org.living()) == 4
