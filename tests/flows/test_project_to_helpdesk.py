"""Projects and teams into the help desk, and the state back."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.domain import Allocation, Client, Employee, Opportunity, Project, Ref
from periferia_link.engine import Engine
from periferia_link.flows.project_to_helpdesk import project_state, project_to_helpdesk, team_to_helpdesk
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector

DAY = date(2026, 12, 1)


class StillClock:
    """A clock that stands."""

    def now(self):
        return datetime(2026, 11, 22, 15, tzinfo=timezone.utc)

    def monotonic(self):
        return 0.0

    def sleep(self, seconds):
        pass


class World:
    """A sale in the CRM, its project in the ERP, two employees, and an empty help desk."""

    def __init__(self, ledger):
        self.crm = MemoryConnector("crm", (Client, Opportunity))
        self.erp = MemoryConnector("erp", (Client, Project, Employee))
        self.desk = MemoryConnector("helpdesk", (Client, Project, Allocation))
        systems = {"crm": self.crm, "erp": self.erp, "helpdesk": self.desk}
        self.engine = Engine(systems, ledger, clock=StillClock(), zone="America/Bogota")
        self.project = self.erp.put(Project(name="Portal", code="P-1", starts_on=DAY, ends_on=date(2027, 6, 30)))
        self.erp.put(Employee(code="E-1", name="Ana", cost_centre="CC1"))
        self.erp.put(Employee(code="E-2", name="Luis", cost_centre="CC2"))

    def sale(self, team="E-1: 40, E-2: 20.5 QA", **values):
        custom = {"team": team} if team is not None else {}
        given = {"name": "Portal", "number": "P-1", "state": "won", "closed_on": date(2026, 11, 1)} | values
        return self.crm.put(Opportunity(custom=custom, **given))

    def run(self, *flows):
        return self.engine.run(flows or (project_to_helpdesk(), team_to_helpdesk(), project_state()))

    def allocations(self):
        return sorted(self.desk.holds("Allocation"), key=lambda one: one.person)


@pytest.fixture
def world(tmp_path):
    """Open the systems and a ledger."""
    with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        yield World(ledger)


class TestProjects:
    def test_opened(self, world):
        """Code, name and days; twice writes nothing."""
        world.run()
        (found,) = world.desk.holds("Project")
        assert ("P-1", "Portal", DAY, date(2027, 6, 30), True) == (
            found.code,
            found.name,
            found.starts_on,
            found.ends_on,
            found.is_active,
        )
        before = len(world.desk.requests)
        world.run()
        assert before == len(world.desk.requests)

    def test_changes_follow(self, world):
        """A new name and a new end."""
        world.run()
        world.erp.change(world.project, name="Portal II", ends_on=date(2027, 9, 30))
        world.run()
        (found,) = world.desk.holds("Project")
        assert ("Portal II", date(2027, 9, 30)) == (found.name, found.ends_on)

    def test_one_that_stands_there(self, world):
        """Is adopted by its code."""
        world.desk.put(Project(name="Portal", code="P-1"))
        world.run()
        assert 1 == len(world.desk.holds("Project"))

    def test_with_its_client(self, world):
        """The project waits until its client is linked to the help desk."""
        client = world.erp.put(Client(name="ACME"))
        world.erp.change(world.project, client=client)
        flow = project_to_helpdesk(clients=True)
        assert 1 == world.run(flow).flows["project_to_helpdesk"].counts["waiting"]

    def test_without_a_code(self, world):
        """Nobody could find it again: left out."""
        world.erp.put(Project(name="Nameless"))
        assert 1 == world.run().flows["project_to_helpdesk"].counts["skipped"]


class TestStateBack:
    def test_a_project_that_is_over(self, world):
        """Closed in the help desk, closed in the ERP; and not opened again from there."""
        world.run()
        (held,) = world.desk.holds("Project")
        world.desk.change(held.ref, is_active=False)
        for _ in range(3):
            world.run()
        assert [False] == [one.is_active for one in world.erp.holds("Project")]
        assert [False] == [one.is_active for one in world.desk.holds("Project")]

    def test_closed_in_the_erp_later(self, world):
        """The help desk says when the work is over: a state there is not overwritten from the ERP."""
        world.run()
        world.erp.change(world.project, is_active=False)
        world.run()
        assert [True] == [one.is_active for one in world.desk.holds("Project")]

    def test_unknown_to_the_erp(self, world):
        """Nothing is created there; the record waits with its reason."""
        world.desk.put(Project(name="Internal", code="X-9"))
        report = world.run()
        assert 1 == len(world.erp.holds("Project"))
        assert 1 == report.flows["project_state"].counts["parked"]


class TestTeams:
    def test_allocated(self, world):
        """Hours and role from the CRM, cost centre from the ERP, days of the project."""
        world.sale()
        world.run()
        ana, luis = world.allocations()
        assert ("E-1", "P-1", Decimal(40), None, "CC1") == (
            ana.person,
            ana.project,
            ana.hours_per_week,
            ana.role,
            ana.cost_centre,
        )
        assert ("E-2", Decimal("20.5"), "QA", "CC2") == (luis.person, luis.hours_per_week, luis.role, luis.cost_centre)
        assert (DAY, date(2027, 6, 30)) == (ana.starts_on, ana.ends_on)
        before = len(world.desk.requests)
        world.run()
        assert before == len(world.desk.requests)

    def test_the_team_changes(self, world):
        """More hours for one, and the other leaves."""
        sale = world.sale()
        world.run()
        world.crm.change(sale, custom={"team": "E-1: 45"})
        world.run()
        assert [("E-1", Decimal(45))] == [(one.person, one.hours_per_week) for one in world.allocations()]

    def test_the_project_moves(self, world):
        """New days of the project are new days of the team."""
        world.sale()
        world.run()
        world.erp.change(world.project, ends_on=date(2027, 12, 31))
        world.run()
        assert {date(2027, 12, 31)} == {one.ends_on for one in world.allocations()}

    def test_days_of_its_own(self, world):
        """Columns of the sale go before the project."""
        world.crm.put(
            Opportunity(
                name="x",
                number="P-1",
                state="won",
                custom={"team": "E-1:8h", "from": "2027-01-04", "until": "2027-01-29T00:00:00Z"},
            )
        )
        world.run(team_to_helpdesk(starts_on="from", ends_on="until"))
        (found,) = world.allocations()
        assert (date(2027, 1, 4), date(2027, 1, 29)) == (found.starts_on, found.ends_on)

    @pytest.mark.parametrize("values", [{"state": "open"}, {"team": None}, {"team": ""}, {"number": None}])
    def test_left_out(self, world, values):
        """Not won, no team, no number."""
        world.sale(**values)
        assert 1 == world.run().flows["team_to_helpdesk"].counts["skipped"]
        assert [] == world.allocations()

    @pytest.mark.parametrize("team", ["E-1", "E-1: many", "E-9: 40", "E-1: 0", "E-1: 400", ": 40"])
    def test_a_team_that_cannot_be_read(self, world, team):
        """Is parked with its reason; nothing of it is written."""
        world.sale(team)
        assert 1 == world.run().flows["team_to_helpdesk"].counts["parked"]
        assert [] == world.allocations()

    def test_somebody_who_left(self, world):
        """Is not allocated; the others neither, until the team is right."""
        gone = Employee(code="E-3", name="Eva", is_active=False)
        world.erp.put(gone)
        world.sale("E-1: 10, E-3: 30")
        assert 1 == world.run().flows["team_to_helpdesk"].counts["parked"]

    def test_a_project_that_is_not_there_yet(self, world):
        """Is tried again when it is."""
        world.sale(number="P-2")
        assert 1 == world.run().flows["team_to_helpdesk"].counts["parked"]
        world.erp.put(Project(name="Second", code="P-2", starts_on=DAY))
        world.run()
        assert 2 == len(world.allocations())

    def test_a_sale_that_is_deleted(self, world):
        """Takes its team with it."""
        sale = world.sale()
        world.run()
        world.crm.drop(sale)
        world.run()
        assert [] == world.allocations()

    def test_no_day_to_start(self, world):
        """Neither the project nor the sale says when."""
        world.erp.change(world.project, starts_on=None)
        world.sale(closed_on=None)
        assert 1 == world.run().flows["team_to_helpdesk"].counts["parked"]
        assert Ref("erp", "Project", world.project.id) == world.project


class TestOnTheEmulators:
    """Dynamics 365, SAP Business One and Periticket as emulators: real connectors, real requests."""

    @pytest.fixture
    def firm(self):
        """A won sale with its team, its project in SAP, two employees."""
        from emulated_company import company

        with company() as firm:
            firm.crm.add_column("opportunity", "pl_team")
            account = firm.account(1)
            lookup = "@Microsoft.Dynamics.CRM.lookuplogicalname"
            sale = {
                "opportunityid": "00000000-0000-4000-8000-0000000000aa",
                "name": "Portal",
                "pl_number": "P-9",
                "pl_team": "E1: 40; E2: 20 QA",
                "statecode": 1,
                "statuscode": 3,
                "_customerid_value": account,
                "_customerid_value" + lookup: "account",
                "_parentaccountid_value": account,
                "_parentaccountid_value" + lookup: "account",
                "actualclosedate": "2026-11-01",
            }
            firm.crm.load({"opportunities": [sale]})
            second = {"FirstName": "Luis", "LastName": "Gil", "ExternalEmployeeNumber": "E2", "CostCenterCode": "SOFT"}
            firm.erp.load({"EmployeesInfo": [second]})
            firm.desk.load({"people": [{"id": "luis", "employee_code": "E2", "name": "Luis"}]})
            yield firm

    def engine(self, firm):
        """Return an engine whose CRM connector reads the column of the team."""
        from emulated_company import CRM
        from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Dynamics365

        systems = firm.connectors()
        fields = DYNAMICS365_FIELDS.merged({"Opportunity": {"extra": ["pl_team"]}})
        crm = Dynamics365(CRM, credential=crm_credential(firm), fields=fields, clock=firm.clock, wire=firm.wire)
        return Engine(systems | {"crm": crm}, firm.ledger, clock=firm.clock, patience=600.0)

    def test_there_and_back(self, firm):
        """A won sale becomes a project in SAP and in Periticket, its team is allocated, its end comes back to SAP."""
        from periferia_link.flows import clients, projects

        engine = self.engine(firm)
        flows = [clients(), projects(), project_to_helpdesk(), team_to_helpdesk(team="pl_team"), project_state()]
        report = engine.run(flows)
        assert {} == {name: one.counts["parked"] for name, one in report.flows.items() if one.counts["parked"]}, report
        (held,) = [row for row in firm.desk.books["projects"].values() if row["code"] == "P-9"]
        assert ("Portal", "open") == (held["name"], held["status"])
        team = sorted(
            (row["person_code"], row["hours_per_week"], row["role"]) for row in firm.desk.books["allocations"].values()
        )
        assert [("E1", "40.00", None), ("E2", "20.00", "QA")] == team
        wrote = {name: sum(entry.wrote for entry in one.log) for name, one in firm.emulators.items()}
        engine.run(flows)
        assert wrote == {name: sum(entry.wrote for entry in one.log) for name, one in firm.emulators.items()}
        firm.clock.sleep(600)
        firm.desk.amend("projects", held["id"], {"status": "closed"}, firm.clock)
        for _ in range(2):
            firm.clock.sleep(600)
            engine.run(flows)
        assert "tNO" == next(row["Active"] for row in firm.erp.books["Projects"].values() if row["Code"] == "P-9")


def crm_credential(firm):
    """Return the application that signs in at the emulated Entra."""
    from pydantic import SecretStr

    from emulated_company import AUTHORITY
    from periferia_link.transport._auth import ClientSecret

    known = firm.crm.entra.credentials()
    return ClientSecret(
        tenant_id=known["tenant_id"],
        client_id=known["client_id"],
        client_secret=SecretStr(known["client_secret"]),
        authority=AUTHORITY,
        clock=firm.clock,
        wire=firm.wire,
    )
