"""Any help desk by a profile keeps the contract: one that knows no keys of creation, only a reference to search."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from fault_worlds import NOW, Desk, PlainDesk
from periferia_link.connectors.base import Write
from periferia_link.connectors.ticketing import Ticketing
from periferia_link.domain import Client, TaxId
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import InProcessWire, ManualClock


class TestPlainDesk(ConnectorContract):
    """With a service token, over the profile of the fault tests."""

    kinds = ("Client",)

    @pytest.fixture
    def clock(self):
        return ManualClock(NOW)

    @pytest.fixture
    def desk(self):
        return PlainDesk()

    @pytest.fixture
    def faults(self, desk, clock):
        return BreakableWire(InProcessWire({Desk.url: desk}, clock), desk)

    @pytest.fixture
    def connect(self, faults, clock):
        opened = []

        def connected(token):
            options = {"profile": Desk.profile(), "clock": clock, "wire": faults, "page_size": 3}
            opened.append(Ticketing(Desk.url, token=SecretStr(token), **options))
            return opened[-1]

        yield connected
        for one in opened:
            one.close()

    @pytest.fixture
    def connector(self, connect, desk):
        return connect(desk.credentials()["token"])

    @pytest.fixture
    def locked_out(self, connect):
        return connect("ptk_wrong")

    @pytest.fixture
    def secrets(self, desk):
        return [desk.credentials()["token"], desk.credentials()["password"], "ptk_wrong", "pts_"]

    @pytest.fixture
    def wait(self, clock):
        return clock.sleep

    @pytest.fixture
    def seed(self, desk, clock):
        def seeded(_, count):
            have = len(desk.books["clients"])
            records = [
                {"name": f"Compañía {n} S.A.S.", "tax_id": f"{800100000 + n}"} for n in range(have, have + count)
            ]
            return [desk.enter("clients", record, clock)["id"] for record in records]

        return seeded

    @pytest.fixture
    def fresh(self):
        return lambda _, number: Client(
            name=f"Compañía {number} S.A.S.", tax_id=TaxId.parse(f"{900100000 + number}"), currency="COP"
        )

    @pytest.fixture
    def edit(self):
        return lambda _: {"name": "Otro Nombre S.A."}

    @pytest.fixture
    def touch(self, desk, clock):
        return lambda _, key: desk.amend("clients", key, {"name": "Cambiado S.A."}, clock)

    @pytest.fixture
    def erase(self):
        def erased(*_):
            pytest.skip("they are never deleted, only inactive")

        return erased


class TestTwice:
    """What the promise of this desk is worth."""

    def test_the_server_guards_nothing(self):
        """Two creates with one reference are two records here: the engine alone keeps it to one."""
        clock, desk = ManualClock(NOW), PlainDesk()
        token = SecretStr(desk.credentials()["token"])
        with Ticketing(
            Desk.url, profile=Desk.profile(), token=token, clock=clock, wire=InProcessWire({Desk.url: desk}, clock)
        ) as connector:
            guard = connector.capabilities["Client"].create_guard
            client, key = Client(name="Uno S.A.S."), "6b1f8a1e-5b0e-4c53-9c7e-0d5b1f0c0de5"
            for _ in range(2):
                connector.write("Client", [Write(key, "create", None, client, frozenset({"name"}))])
        assert "marker" == guard
        assert 2 == len(desk.books["clients"])
