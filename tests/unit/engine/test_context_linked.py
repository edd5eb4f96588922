"""What a record is in any system, asked by a projection: nothing waits, and it is looked at again when that changes."""

from __future__ import annotations

from datetime import date, timezone

from periferia_link.domain import Client, Project, Ref, Ticket, WorkItem
from periferia_link.engine import Context, Flow
from periferia_link.ledger import PART
from small_company import Awkward, rig

ONE = Ref("erp", "Project", "P1")


def opened(name="items", **more):
    """Return a flow from projects to work items."""
    return Flow(
        name=name,
        source=("erp", "Project"),
        target=("devops", "WorkItem"),
        project=lambda one, _context: WorkItem(title=one.name),
        **more,
    )


def asking(ref=None, *, kind="WorkItem"):
    """Return a flow that writes into the help desk which work item a project is."""

    def project(one, context):
        found = context.linked(ref or one.ref, "devops", kind)
        return Ticket(title=str(found))

    return Flow(name="asking", source=("erp", "Project"), target=("helpdesk", "Ticket"), project=project)


def office():
    """Return an ERP with one project, a delivery tool and a help desk."""
    erp = Awkward("erp", [Project, Client], [Project(ref=ONE, name="Uno", code="P1")])
    return rig(erp, Awkward("devops", [WorkItem]), Awkward("helpdesk", [Ticket]))


def told(found):
    """Return the title that was written."""
    return found.helpdesk.holds("Ticket")[0].title


class TestLinked:
    def test_by_hand_it_is_nothing(self):
        """A context of a test knows no links."""
        context = Context(zone=timezone.utc, today=date(2026, 11, 3))
        assert context.linked(ONE, "devops", "WorkItem") is None
        assert context.drain() == {"link:erp:Project:P1"}

    def test_a_system_that_is_not_the_target(self):
        """Links of every flow are known."""
        with office() as found:
            found.run(opened())
            found.run(asking())
            assert told(found) == str(found.devops.holds("WorkItem")[0].ref)

    def test_looked_at_again_when_it_is_linked(self):
        """Nothing is there at first; the record is marked when the link appears."""
        with office() as found:
            found.run(asking())
            assert told(found) == "None"
            found.run(opened())
            found.run(asking())
            assert told(found) == str(found.devops.holds("WorkItem")[0].ref)

    def test_several_are_none(self):
        """Which of two is not guessed."""
        with office() as found:
            found.run(opened())
            found.run(opened("again"))
            found.run(asking())
            assert told(found) == "None"

    def test_a_part(self):
        """A place in a list has a link of its own."""
        with office() as found:
            parts = opened().but(project=lambda one, _c: [WorkItem(title="a"), WorkItem(title="b")])
            found.run(parts)
            found.run(asking(ONE._replace(id=f"P1{PART}1")))
            (second,) = [item for item in found.devops.holds("WorkItem") if item.title == "b"]
            assert told(found) == str(second.ref)

    def test_another_kind_is_nothing(self):
        """The kind is asked for as well."""
        with office() as found:
            found.run(opened())
            found.run(asking(kind="Interaction"))
            assert told(found) == "None"
