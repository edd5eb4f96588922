"""Periticket keeps the contract, over its emulator and over a line that breaks."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from pydantic import SecretStr

from periferia_link.connectors.periticket import Periticket
from periferia_link.domain import Allocation, Client, ClientContext, Money, Project, Ref, TaxId, Ticket, TimeEntry
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock, host
from periferia_link.testing.emulators.periticket import PeriticketEmulator

URL = "https://helpdesk.periferia.example"
TABLES = {
    "Allocation": "allocations",
    "Client": "clients",
    "ClientContext": "clients",
    "Employee": "people",
    "Project": "projects",
    "Ticket": "tickets",
    "TimeEntry": "worklogs",
}
CONTEXT = (
    "open_opportunities",
    "open_pqrs",
    "priority",
    "priority_reason",
    "renewal_on",
    "satisfaction",
    "tier",
    "value",
)


class TestPeriticket(ConnectorContract):
    """With a service token."""

    kinds = ("TimeEntry", "Employee")

    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))

    @pytest.fixture
    def desk(self, clock):
        return PeriticketEmulator()

    @pytest.fixture
    def faults(self, desk, clock):
        return BreakableWire(InProcessWire({URL: desk}, clock), desk)

    @pytest.fixture
    def signing_in(self, desk):
        return {"token": SecretStr(desk.credentials()["token"])}

    @pytest.fixture
    def connector(self, faults, clock, signing_in):
        with Periticket(URL, clock=clock, wire=faults, page_size=3, **signing_in) as connector:
            yield connector

    @pytest.fixture
    def locked_out(self, faults, clock):
        with Periticket(URL, token=SecretStr("ptk_wrong"), clock=clock, wire=faults) as connector:
            yield connector

    @pytest.fixture
    def secrets(self, desk):
        return [desk.credentials()["token"], desk.credentials()["password"], "ptk_wrong", "pts_"]

    @pytest.fixture
    def wait(self, clock):
        return clock.sleep

    @pytest.fixture
    def seed(self, desk, clock):
        def seeded(kind, count):
            return [desk.enter(TABLES[kind], self.record(desk, kind, clock), clock)["id"] for _ in range(count)]

        return seeded

    def person(self, desk, clock):
        if not desk.books["people"]:
            desk.enter("people", {"employee_code": "E-0001", "name": "Persona 1"}, clock)

    def record(self, desk, kind, clock):
        number = len(desk.books[TABLES[kind]]) + 1
        if kind == "Employee":
            return {
                "employee_code": f"E-{number:04}",
                "name": f"Persona {number}",
                "email": f"p{number}@periferia.example",
            }
        self.person(desk, clock)
        return {
            "Allocation": {
                "person_code": "E-0001",
                "project_code": f"PRY-{number}",
                "hours_per_week": "20.00",
                "starts_on": "2026-11-02",
            },
            "Client": {"name": f"Compañía {number} S.A.S.", "tax_id": f"{800100000 + number}"},
            "ClientContext": {"name": f"Compañía {number} S.A.S.", "tax_id": f"{800100000 + number}"},
            "Project": {"name": f"Migración {number}", "code": f"PRY-{number}"},
            "Ticket": {"subject": f"No abre el portal {number}"},
            "TimeEntry": {
                "person_id": "pe-000001",
                "worked_on": "2026-11-19",
                "hours": "7.50",
                "project_code": "PRY-1",
            },
        }[kind]

    @pytest.fixture
    def fresh(self, desk, clock):
        def made(kind, number):
            self.person(desk, clock)
            day = date(2026, 11, 2)
            return {
                "Allocation": lambda: Allocation(
                    person="E-0001", project=f"PRY-{number}", role="Analista", hours_per_week=Decimal(20), starts_on=day
                ),
                "Client": lambda: Client(
                    name=f"Compañía {number} S.A.S.",
                    tax_id=TaxId.parse(f"{900100000 + number}"),
                    currency="COP",
                    custom=dict.fromkeys(CONTEXT)
                    | {"tier": "gold", "value": "120000000", "open_pqrs": 2, "priority_reason": "renueva en 20 días"},
                ),
                "ClientContext": lambda: ClientContext(
                    code=f"{900100000 + number}",
                    name=f"Compañía {number} S.A.S.",
                    tax_id=TaxId.parse(f"{900100000 + number}"),
                    tier="gold",
                    value=Money.of("120000000", "COP"),
                    renews_on=day,
                    satisfaction=Decimal(80),
                    open_pqrs=2,
                    priority="critical",
                    explanation="renueva en 20 días y dos incumplimientos",
                ),
                "Project": lambda: Project(
                    name=f"Migración {number}", code=f"N-{number}", starts_on=day, is_active=False
                ),
                "Ticket": lambda: Ticket(
                    title=f"Señal caída número {number}",
                    description="El portal no abre.\nNi ayer, ni hoy.",
                    type="claim",
                    status="in_progress",
                    priority="critical",
                    group="Soporte",
                    assignee="pe-000001",
                    due_at=datetime(2026, 11, 27, 22, tzinfo=timezone.utc),
                ),
                "TimeEntry": lambda: TimeEntry(
                    person="pe-000001",
                    project="PRY-1",
                    worked_on=date(2026, 11, 19),
                    hours=Decimal("2.25"),
                    note="Ñandú",
                ),
            }[kind]()

        return made

    @pytest.fixture
    def edit(self):
        changes = {
            "Allocation": {"role": "Arquitecta", "hours_per_week": Decimal(10)},
            "Client": {"name": "Otro Nombre S.A."},
            "ClientContext": {"tier": "silver", "score": 7},
            "Project": {"name": "Otro nombre", "is_active": True},
            "Ticket": {"title": "Otro asunto", "priority": "low"},
            "TimeEntry": {"note": "otra nota", "hours": Decimal(3)},
        }
        return lambda entity: changes[entity.kind()]

    @pytest.fixture
    def touch(self, desk, clock):
        changes = {
            "Allocation": {"hours_per_week": "12.00"},
            "Client": {"name": "Cambiado S.A."},
            "ClientContext": {"tier": "bronze"},
            "Employee": {"name": "Otra Persona"},
            "Project": {"name": "Cambiado"},
            "Ticket": {"subject": "Cambiado"},
            "TimeEntry": {"hours": "6.25"},
        }
        return lambda kind, key: desk.amend(TABLES[kind], key, changes[kind], clock)

    @pytest.fixture
    def erase(self, desk, clock):
        def erased(kind, key):
            if kind in ("Employee", "Client", "ClientContext", "Project"):
                pytest.skip("they are never deleted, only inactive")
            desk.discard(TABLES[kind], key, clock)

        return erased


class TestPeriticketWithAPassword(TestPeriticket):
    """With a session that the connector opens itself."""

    kinds = ("TimeEntry",)

    @pytest.fixture
    def signing_in(self, desk):
        return {
            "username": desk.credentials()["username"],
            "password": SecretStr(desk.credentials()["password"]),
        }

    @pytest.fixture
    def locked_out(self, faults, clock):
        login = {"username": "periferia-link", "password": SecretStr("ptk_wrong")}
        with Periticket(URL, clock=clock, wire=faults, **login) as connector:
            yield connector


class TestPeriticketTickets(TestPeriticket):
    """Tickets, and what the other systems bring to them."""

    kinds = ("Ticket",)


@pytest.mark.nightly
class TestPeriticketMasterData(TestPeriticket):
    """Clients, their context, projects and allocations: plain records like the others."""

    kinds = ("Allocation", "Client", "ClientContext", "Project")


class TestTheHistory:
    """A ticket comes with all that happened to it."""

    def test_it_comes_with_the_list(self):
        """Two hundred tickets and their events are two requests; states, people and replies are told in order."""
        clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        desk = PeriticketEmulator()
        ana = desk.enter("people", {"employee_code": "E-1", "name": "Ana"}, clock)["id"]
        client = desk.enter("clients", {"name": "Andina S.A.S.", "tax_id": "900123456-8"}, clock)["id"]
        keys = []
        for number in range(201):
            ticket = {"subject": f"Caso {number}", "client_id": client, "client_tax_id": "900123456-8"}
            keys.append(desk.enter("tickets", ticket, clock)["id"])
        clock.advance(60)
        for change in ({"status": "in_progress", "assignee_id": ana}, {"status": "resolved"}, {"status": "open"}):
            desk.amend("tickets", keys[0], change, clock)
            clock.advance(60)
        token = SecretStr(desk.credentials()["token"])
        with Periticket(URL, token=token, clock=clock, wire=InProcessWire({URL: desk}, clock)) as helpdesk:
            rows = {row.key: row for page in helpdesk.pull("Ticket") for row in page.rows}
            ticket = helpdesk.decode("Ticket", rows[keys[0]])
        assert 2 == len(desk.log)
        assert ["new", "in_progress", "resolved", "open"] == [event.status for event in ticket.events if event.status]
        assert [ana] == [event.assignee for event in ticket.events if event.assignee]
        assert 1 == ticket.reopenings
        assert Ref("helpdesk", "Client", client) == ticket.client
        assert "900123456-8" == ticket.custom["client_tax_id"]


class TestOverSockets:
    """The same connector and the same emulator, with a real line between them."""

    def test_a_pull_survives_a_broken_connection(self):
        """A reset in the middle of the list is read again; every record comes once."""
        desk = PeriticketEmulator()
        desk.load({"people": [{"id": f"p{n}", "employee_code": f"E-{n}", "name": f"Persona {n}"} for n in range(7)]})
        desk.faults.add(FaultRule("reset", path="*/people", nth=3))
        token = SecretStr(desk.credentials()["token"])
        with (
            host(desk) as server,
            Periticket(server.url, token=token, allow_private=True, clock=ManualClock(), page_size=3) as helpdesk,
        ):
            assert "periticket-0001" == helpdesk.check().system_id
            keys = [row.key for page in helpdesk.pull("Employee") for row in page.rows]
        assert [f"p{n}" for n in range(7)] == keys
        assert 1 == sum(entry.fault == "reset" for entry in desk.log)
