"""Records that change while a write to them, or to their target, is not settled: they wait, and nothing is lost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from periferia_link.connectors.base import Applied, Write
from periferia_link.domain import Client, Ref
from periferia_link.engine import Ceilings, Flow, MatchKey
from periferia_link.engine.context import MissingLinkError
from periferia_link.errors import FlowError, MissingReferenceError
from periferia_link.ledger import _desk
from small_company import (
    booked,
    books_of,
    client,
    client_flow,
    crm_of,
    entry,
    erp_of,
    helpdesk_of,
    labour_flow,
    late,
    lost_after,
    lost_before,
    names,
    nit,
    refused,
    rig,
    unauthorised,
)

ONE = Ref("crm", "Client", "c001")
SPLIT = client_flow(
    project=lambda one, context: [Client(name=f"{one.name} {n}") for n in "AB"],
    on_delete="delete",
    ceilings=Ceilings(percent=None),
)


def impatient(here, flow):
    """Run without waiting for unknown fates."""
    return here.again(patience=0.0).run(flow)[flow.name]


@pytest.fixture
def here():
    """One client, and a target whose lost creates must be waited for."""
    with rig(crm_of([client(1)]), erp_of(guard="marker")) as one:
        yield one


class TestTwoFlows:
    """Two flows write fields of one target record."""

    first = client_flow(owns=frozenset({"name"}), match=(MatchKey("name", lambda one: one.name),))
    second = first.but(name="cities", owns=frozenset({"city"}))

    @pytest.fixture
    def both(self, here):
        """Both know the record."""
        here.run(self.first)
        here.run(self.second)
        here.erp.sent.clear()
        return here

    def test_each_writes_its_own_fields(self, both):
        """And leaves those of the other alone."""
        both.crm.change(ONE, name="Nuevo", city="Cali")
        both.run(self.second)
        both.run(self.first)  # a version moved under it: refused, read again, sent again
        assert [{"city"}, {"name"}, {"name"}] == [set(write.fields) for [write] in both.erp.sent]
        assert [("Nuevo", "Cali")] == [(one.name, one.city) for one in both.erp.holds("Client")]

    def test_one_at_a_time(self, both):
        """While a write of the first is not settled, the second waits; afterwards it goes through."""
        both.crm.change(ONE, name="Nuevo", city="Cali")
        both.erp.answers = [lost_before]
        impatient(both, self.first)
        impatient(both, self.second)
        assert (1, [], True) == (
            len(both.erp.sent),
            both.open_operations(self.second),
            bool(both.open_operations(self.first)),
        )
        both.clock.advance(600)
        both.run(self.first)
        both.run(self.second)
        assert [("Nuevo", "Cali")] == [(one.name, one.city) for one in both.erp.holds("Client")]


class TestParts:
    """One record became several, and one of them is not settled."""

    @pytest.fixture
    def half(self, here):
        """Both creates were lost."""
        here.erp.answers = [lost_after]
        impatient(here, SPLIT)
        assert 2 == len(here.open_operations(SPLIT))
        return here

    def test_a_change_waits(self, half):
        """For all of its parts."""
        half.crm.change(ONE, name="Nuevo")
        impatient(half, SPLIT)
        assert 1 == len(half.erp.sent)
        half.clock.advance(600)
        half.run(SPLIT)
        half.run(SPLIT)
        assert ["Nuevo A", "Nuevo B"] == names(half.erp)

    def test_a_deletion_waits(self, half):
        """Nothing is left over."""
        half.crm.drop(ONE)
        impatient(half, SPLIT)
        half.clock.advance(600)
        half.run(SPLIT)
        half.run(SPLIT)
        assert ([], []) == (names(half.erp), half.open_operations(SPLIT))


class TestDeletions:
    """A record is deleted while its creation is not settled."""

    @pytest.mark.parametrize("rule", [lost_before, lost_after])
    def test_it_waits_for_the_creation(self, here, rule):
        """What was created is deleted; what was not is not created for nothing, or deleted as well."""
        flow = client_flow(on_delete="delete")
        here.erp.answers = [rule]
        impatient(here, flow)
        here.crm.drop(ONE)
        impatient(here, flow)
        for _ in range(3):
            here.clock.advance(600)
            here.run(flow)
        assert ([], []) == (names(here.erp), here.open_operations(flow))

    def test_without_precondition_and_already_gone(self):
        """Somebody was faster: agreed."""
        flow = client_flow(on_delete="delete")
        with rig(crm_of([client(1)]), erp_of(abilities={"concurrency": "compare"})) as here:
            here.run(flow)
            [there] = here.erp.holds("Client")
            here.erp.drop(there.ref)
            here.crm.drop(ONE)
            assert (0, []) == (here.run(flow).parked, here.open_operations(flow))


class TestPlans:
    """Plans over records that move."""

    def test_an_update_that_says_something_else_by_now(self, here):
        """Refused once, and done by the next run."""
        here.run(client_flow())
        here.crm.change(ONE, city="Cali")
        plan = here.engine.plan(client_flow())
        here.crm.change(ONE, city="Pasto")
        report = here.engine.apply(plan, client_flow())["clients"]
        assert (0, 1) == (report.updated, report.refused)
        assert 1 == here.run(client_flow()).updated

    def test_an_action_that_says_something_else_by_now(self, here):
        """The same."""

        def close(one, context):
            return Write("", "action", Ref("erp", "Client", "B1"), action=f"close {one.city}")

        here.erp.always = lambda system, kind, writes: [Applied(write.ref) for write in writes]
        flow = client_flow(project=close)
        plan = here.engine.plan(flow)
        here.crm.change(ONE, city="Cali")
        assert (0, 1) == ((report := here.engine.apply(plan, flow)["clients"]).actions, report.refused)
        assert 1 == here.run(flow).actions

    def test_planned_work_that_the_plan_does_not_list(self, here):
        """An earlier run left a create open, and it was settled after the plan was made by nobody: it stays open."""
        here.erp.answers = [unauthorised]
        with pytest.raises(FlowError):
            here.run(client_flow())
        empty = here.engine.plan(client_flow())
        empty.changes.clear()
        assert 0 == here.engine.apply(empty, client_flow()).writes
        assert ([], 1) == (names(here.erp), len(here.open_operations(client_flow())))
        assert 1 == here.run(client_flow()).created

    def test_a_record_that_waits_for_another_one(self):
        """Two accounts of one tax id, nobody in the ERP: one create, and one that waits to see."""
        key = MatchKey("tax_id", lambda one: one.tax_id.number if one.tax_id else None)
        twins = [client(n, tax_id=nit(900_123_456)) for n in (1, 2)]
        with rig(crm_of(twins), erp_of()) as here:
            plan = here.engine.plan(client_flow(match=(key,)))
            report = plan.reports["clients"]
            assert (1, 1) == (len(plan), report.waiting)


class TestMatchingUnderWay:
    """A create that is not settled, and others that look like it."""

    keys = (
        MatchKey("tax_id", lambda one: one.tax_id.number if one.tax_id else None),
        MatchKey("name", lambda one: one.name, is_strong=False),
    )

    @pytest.mark.parametrize(
        ("second", "created"),
        [({"tax_id": nit(800_222_333)}, 2), ({"tax_id": nit(900_123_456)}, 1), ({}, 1)],
        ids=["another company", "the same company", "nobody knows"],
    )
    def test_of_one_name(self, second, created):
        """Another tax id is another company; the same one, or none, waits."""
        flow = client_flow(match=self.keys)
        first = client(1, name="Acme", tax_id=nit(900_123_456))
        with rig(crm_of([first]), erp_of(guard="marker")) as here:
            here.erp.answers = [lost_after]
            impatient(here, flow)
            here.crm.put(client(2, name="Acme", **second))
            impatient(here, flow)
            assert created == len(here.erp.sent)
            here.clock.advance(600)
            here.run(flow)
            here.run(flow)
            assert created == len(names(here.erp))


class TestGroupsThatWait:
    """The projection of a group asks for a link."""

    def test_posted_when_it_is_there(self):
        """By itself, with its newest sum."""
        owner = Ref("crm", "Client", "c001")

        def post(group, context):
            if not links:
                raise MissingLinkError(owner, "not linked", "run clients")
            return labour_flow().project(group, context)

        links = []
        with rig(helpdesk_of([entry("a")]), books_of()) as here:
            flow = labour_flow(project=post)
            assert (1, 0, []) == ((report := here.run(flow)).waiting, report.parked, here.ledger.parked())
            links.append(1)
            here.helpdesk.put(entry("b", "2"))
            here.run(flow)
            assert {"COP": 500_000} == booked(here.erp)


class TestFound:
    """Records that a read-back finds, and nobody can read."""

    def test_linked_all_the_same(self, here):
        """Its key is ours; its values are compared by the next update."""
        here.erp.answers = [lost_after]
        decode = here.erp.decode

        def unreadable(kind, row):
            return decode(kind, row._replace(body=b'{"name": ""}'))

        here.erp.decode = unreadable
        assert 1 == here.run(client_flow()).created
        here.erp.decode = decode
        assert (["Cliente 1"], 0) == (names(here.erp), here.run(client_flow()).writes)


class TestArrivedMuchLater:
    """A posting landed long after everybody had given it up, and the hours changed meanwhile."""

    @pytest.mark.parametrize(("hours", "books"), [("9", 450_000), ("7", 450_000), ("8.5", 450_000)])
    def test_never_taken_for_another_one(self, hours, books):
        """It carries our key and is another posting than the one wanted now: a person compares, nothing is guessed."""
        flow = labour_flow()
        with rig(helpdesk_of([entry("a")]), books_of(abilities={"settle_seconds": 5.0})) as here:
            here.run(flow)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours="9")
            here.erp.answers = [late(5_000), refused()]
            here.run(flow)
            here.helpdesk.change(Ref("helpdesk", "TimeEntry", "a"), hours=hours)
            here.clock.advance(86_400)
            here.run(flow)
            here.erp.held("CostEntry")
            is_right = booked(here.erp) == {"COP": Decimal(hours) * 50_000}
            assert is_right or [True] == [bool(parked.next_step) for parked in here.ledger.parked()]
            assert booked(here.erp)["COP"] <= books


class TestOwners:
    """Processes, where there is no process table."""

    def test_the_number_alone(self):
        """Of a process that is not there, no start is known."""
        assert "?" == _desk._started(2**30)


class TestReasonsOfProjections:
    """What a projection may raise on purpose."""

    def test_a_missing_reference_is_no_failure(self, here):
        """Parked with the words of the flow."""

        def project(one, context):
            raise MissingReferenceError("no owner", hint="choose one")

        here.run(Flow(name="x", source=("crm", "Client"), target=("erp", "Client"), project=project))
        [parked] = here.ledger.parked()
        assert ("MissingReferenceError", "no owner", "choose one") == (parked.error, parked.reason, parked.next_step)
