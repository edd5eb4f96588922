"""Periticket keeps the contract, over its emulator and over a line that breaks."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from pydantic import SecretStr

from periferia_link.connectors.periticket import Periticket
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock, host
from periferia_link.testing.emulators.periticket import PeriticketEmulator

URL = "https://helpdesk.periferia.example"
TABLES = {"TimeEntry": "worklogs", "Employee": "people"}


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

    def record(self, desk, kind, clock):
        number = len(desk.books["people"]) + 1
        person = {
            "employee_code": f"E-{number:04}",
            "name": f"Persona {number}",
            "email": f"p{number}@periferia.example",
        }
        if kind == "Employee":
            return person
        if not desk.books["people"]:
            desk.enter("people", person, clock)
        return {"person_id": "pe-000001", "worked_on": "2026-11-19", "hours": "7.50", "project_code": "PRY-1"}

    @pytest.fixture
    def touch(self, desk, clock):
        changes = {"TimeEntry": {"hours": "6.25"}, "Employee": {"name": "Otra Persona"}}
        return lambda kind, key: desk.amend(TABLES[kind], key, changes[kind], clock)

    @pytest.fixture
    def erase(self, desk, clock):
        def erased(kind, key):
            if kind == "Employee":
                pytest.skip("people are never deleted, only inactive")
            desk.discard(TABLES[kind], key, clock)

        return erased


class TestPeriticketWithAPassword(TestPeriticket):
    """With a session that the connector opens itself."""

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
