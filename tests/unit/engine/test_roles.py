"""Who plays which role: routes to several instances, systems found by role, installations that must stay the same."""

from __future__ import annotations

import pytest

from periferia_link.domain import Client, Project, Ref
from periferia_link.engine import Engine
from periferia_link.errors import ConfigurationError, WrongSystemError
from small_company import Awkward, client, client_flow, crm_of, erp_of, names, rig

ONE = Ref("crm", "Client", "c001")


class TestRoutes:
    """Two instances play one role."""

    @pytest.fixture
    def two(self):
        """Two companies in SAP."""
        flow = client_flow(target=("books", "Client"), route=lambda one: "erp-pe" if one.name.endswith("1") else "erp")
        peru = Awkward("erp-pe", [Client, Project])
        with rig(crm_of(map(client, range(3))), erp_of(), peru, roles={"books": ["erp", "erp-pe"]}) as here:
            yield here, peru, flow

    def test_each_record_goes_where_it_belongs(self, two):
        """And is updated there."""
        here, peru, flow = two
        here.run(flow)
        assert (["Cliente 0", "Cliente 2"], ["Cliente 1"]) == (names(here.erp), names(peru))
        here.crm.change(ONE, city="Lima")
        here.run(flow)
        assert "Lima" == peru.holds("Client")[0].city

    def test_keys_are_of_one_instance(self, two):
        """One record in two systems is two effects."""
        here, peru, flow = two
        here.run(flow)
        with rig(crm_of(map(client, range(3))), erp_of(), Awkward("erp-pe", [Client])) as other:
            other.run(client_flow(target=("erp-pe", "Client")))
            colombia, elsewhere, there = (
                {write.create_key for writes in system.sent for write in writes}
                for system in (here.erp, peru, other.systems["erp-pe"])
            )
            assert (set(), True) == (colombia & there, elsewhere < there)

    def test_a_route_to_nowhere(self, two):
        """A configuration error that names it; nothing is written."""
        here, _, flow = two
        with pytest.raises(ConfigurationError, match="erp-mx"):
            here.run(flow.but(route=lambda one: "erp-mx"))
        assert [] == here.erp.sent


class TestRoles:
    """Systems are found by role."""

    def test_a_role_is_the_instance_of_that_name(self):
        """Unless it is named otherwise."""
        with rig(crm_of([client(1)]), erp_of(), roles={"sales": ["crm"], "books": ["erp"]}) as here:
            assert 1 == here.run(client_flow(source=("sales", "Client"), target=("books", "Client"))).created

    @pytest.mark.parametrize("roles", [{}, {"books": []}, {"books": ["erp-mx"]}])
    def test_nobody_plays_it(self, roles):
        """The error names the role and what there is."""
        with rig(crm_of([]), erp_of(), roles=roles) as here:
            with pytest.raises(ConfigurationError, match="books") as caught:
                here.run(client_flow(target=("books", "Client")))
            assert caught.value.hint

    def test_one_source_only(self):
        """A flow reads from one system."""
        both = {"both": ["crm", "erp"]}
        with rig(crm_of([]), erp_of(), roles=both) as here, pytest.raises(ConfigurationError, match="both"):
            here.run(client_flow(source=("both", "Client")))

    def test_a_kind_that_the_system_does_not_know(self):
        """Said before anything is read."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            with pytest.raises(ConfigurationError, match="Ticket"):
                here.run(client_flow(source=("crm", "Ticket")))
            with pytest.raises(ConfigurationError, match="Ticket"):
                here.run(client_flow(target=("erp", "Ticket")))
            assert [] == here.ledger.leases.held()

    def test_names_must_agree(self):
        """The name of a connector stands in every reference."""
        with rig(crm_of([]), erp_of()) as here, pytest.raises(ConfigurationError, match="crm"):
            Engine({"sales": here.crm}, here.ledger)

    def test_it_says_what_it_holds(self):
        """Without contents."""
        with rig(crm_of([]), erp_of()) as here:
            assert "Engine(crm, erp)" == repr(here.engine)


class TestSystemIds:
    """A test ledger pointed at production, or the other way round."""

    @pytest.mark.parametrize("changed", ["crm", "erp"])
    def test_another_installation_is_refused(self, changed):
        """Before anything is read or written; the error names both."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.run(client_flow())
            kinds = [Client]
            here.systems[changed] = other = Awkward(changed, kinds, system_id="production")
            with pytest.raises(WrongSystemError, match="production") as caught:
                here.again().run(client_flow())
            assert ([], True, True) == (
                other.sent,
                f"memory-{changed}" in caught.value.message,
                bool(caught.value.hint),
            )
            assert ("pull", "Client") not in other.looks

    def test_planning_refuses_too(self):
        """A plan over another installation would be of no use."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.run(client_flow())
            here.systems["erp"] = Awkward("erp", [Client], system_id="production")
            with pytest.raises(WrongSystemError):
                here.again().plan(client_flow())

    def test_asked_once(self):
        """An engine asks each system who it is, one time."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.run(client_flow())
            here.run(client_flow())
            assert 1 == here.erp.looks.count(("check", ""))
