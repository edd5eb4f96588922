"""Projects: what a won opportunity becomes in the ERP."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from periferia_link.domain import Client, Opportunity, Project, Ref
from periferia_link.engine import Context, Skip
from periferia_link.errors import ConfigurationError, MissingReferenceError
from periferia_link.flows import projects
from small_company import crm_of, erp_of, names, rig

FLOW = projects()
SALE, BUYER, PARTNER = (
    Ref("crm", "Opportunity", "0f8e0000-1111-2222-3333-444455556666"),
    Ref("crm", "Client", "1"),
    Ref("erp", "Client", "B1"),
)


def context(links=None):
    """Return a context that knows links."""
    return Context(zone=ZoneInfo("America/Bogota"), today=date(2026, 11, 3), twins=(links or {}).get)


def sale(**values):
    """Return a won opportunity."""
    return Opportunity(ref=SALE, **({"name": "Portal de clientes", "state": "won", "number": "V-7"} | values))


def becomes(links=None, **values):
    """Project an opportunity."""
    return FLOW.project(sale(**values), context(links))


class TestStates:
    """Only what was won."""

    @pytest.mark.parametrize("state", ["open", "lost"])
    def test_others_are_skipped(self, state):
        """With the reason."""
        assert Skip("not won") == becomes(state=state)

    def test_they_need_no_client_either(self):
        """An open opportunity does not wait for anybody."""
        assert Skip("not won") == becomes(state="open", client=BUYER)


class TestFields:
    """What travels."""

    def test_a_project(self):
        """Name, code, client there, start on the day it was won."""
        wanted = becomes({BUYER: PARTNER}, client=BUYER, closed_on=date(2026, 3, 1))
        assert ("Portal de clientes", "V-7", PARTNER, date(2026, 3, 1), None) == (
            wanted.name,
            wanted.code,
            wanted.client,
            wanted.starts_on,
            wanted.ref,
        )

    def test_long_names(self):
        """Cut to what the ERP takes."""
        assert 100 == len(becomes(name="x" * 300).name)

    def test_a_code_from_the_id(self):
        """When the opportunity has no number."""
        assert "P0F8E00001111222" == becomes(number=None).code

    def test_money_does_not_travel(self):
        """The value of the sale is nobody's business in a project."""
        assert becomes().model_fields_set <= {"name", "code", "client", "starts_on", "is_active"}


class TestClients:
    """A project belongs to a partner."""

    def test_not_linked_yet(self):
        """It waits, and says for whom."""
        with pytest.raises(MissingReferenceError, match="crm:Client:1"):
            becomes(client=BUYER)

    def test_without_a_client(self):
        """Nothing to wait for."""
        assert None is becomes(client=None).client

    def test_the_question_is_a_dependency(self):
        """It is asked again when the link appears."""
        here = context()
        with pytest.raises(MissingReferenceError):
            FLOW.project(sale(client=BUYER), here)
        assert {f"link:{BUYER}"} == here.drain()


class TestSettings:
    """Where from, where to, after whom."""

    def test_it_runs_after_clients(self):
        """Their links are its clients."""
        assert ("clients",) == FLOW.after

    def test_roles_and_changes(self):
        """Any setting of a flow."""
        flow = projects(source="sales", target="books", on_delete="delete")
        assert (("sales", "Opportunity"), ("books", "Project"), "delete") == (flow.source, flow.target, flow.on_delete)

    def test_wrong_changes(self):
        """Are refused."""
        with pytest.raises(ConfigurationError):
            projects(on_delete="adjust")


class TestInARun:
    """Over two systems."""

    def test_opened_by_hand(self):
        """A project of that code is adopted, not made again."""
        by_hand = Project(ref=Ref("erp", "Project", "V-7"), code="V-7", name="A mano")
        with rig(crm_of([sale()]), erp_of([by_hand])) as here:
            assert (1, ["A mano"]) == (here.run(FLOW).adopted, names(here.erp, "Project"))

    def test_won_later(self):
        """Skipped until then."""
        with rig(crm_of([sale(state="open")]), erp_of()) as here:
            assert 1 == here.run(FLOW).skipped
            here.crm.change(SALE, state="won")
            assert 1 == here.run(FLOW).created

    def test_lost_after_all(self):
        """The project stays: people have worked on it."""
        with rig(crm_of([sale()]), erp_of()) as here:
            here.run(FLOW)
            here.crm.change(SALE, state="lost")
            assert (0, 1) == (here.run(FLOW).writes, len(here.erp.holds("Project")))

    def test_another_client(self):
        """The reference follows."""
        buyers = [Client(ref=Ref("crm", "Client", key), name=f"Cliente {key}") for key in "12"]
        with rig(crm_of([sale(client=BUYER), *buyers]), erp_of()) as here:
            carry = FLOW.but(
                name="clients", source=("crm", "Client"), target=("erp", "Client"), relation="same", after=(), match=(),
                owns=None, keeps=frozenset(), project=lambda one, context: Client(name=one.name),
            )  # fmt: skip
            here.engine.run([FLOW, carry])
            here.crm.change(SALE, client=["crm", "Client", "2"])
            assert 1 == here.run(FLOW).updated
            [project] = here.erp.holds("Project")
            second = next(one.ref for one in here.erp.holds("Client") if one.name == "Cliente 2")
            assert second == project.client
