"""Dynamics 365 keeps the contract, over its emulator and over a line that breaks."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from pydantic import SecretStr

from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.domain import Client, Money, Opportunity, TaxId
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.transport._auth import ClientSecret

URL = "https://periferia.crm2.dynamics.com"
AUTHORITY = "https://login.microsoftonline.com"
SETS = {"Client": "accounts", "Opportunity": "opportunities"}


class TestDynamics365(ConnectorContract):
    """By change tracking: a server-kept token, deletions included."""

    kinds = ("Client", "Opportunity")
    is_tracked = True

    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))

    @pytest.fixture
    def crm(self):
        crm = Dynamics365Emulator()
        for table in ("account", "opportunity"):
            crm.tables[table].change_tracking = self.is_tracked
        return crm

    @pytest.fixture
    def faults(self, crm, clock):
        return BreakableWire(InProcessWire({URL: crm, AUTHORITY: crm.entra}, clock), crm)

    def sign_in(self, crm, wire, clock, secret):
        known = crm.entra.credentials()
        credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(secret),
            authority=AUTHORITY,
            clock=clock,
            wire=wire,
        )
        return Dynamics365(URL, credential=credential, page_size=3, max_batch=5, clock=clock, wire=wire)

    @pytest.fixture
    def connector(self, crm, faults, clock):
        with self.sign_in(crm, faults, clock, crm.entra.credentials()["client_secret"]) as connector:
            connector.check()  # as the engine does: only then is it known which feed a table has
            yield connector

    @pytest.fixture
    def locked_out(self, crm, faults, clock):
        with self.sign_in(crm, faults, clock, "not-the-secret-2026") as connector:
            yield connector

    @pytest.fixture
    def secrets(self, crm):
        return [crm.entra.credentials()["client_secret"], "not-the-secret-2026"]

    @pytest.fixture
    def wait(self, clock):
        return clock.sleep

    @pytest.fixture
    def seed(self, crm, clock):
        def seeded(kind, count):
            table = crm.books[SETS[kind]]
            before = set(table)
            for number in range(len(table) + 1, len(table) + 1 + count):
                named = {"name": f"Registro {number}", "modifiedon": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}
                codes = {
                    "Client": {"accountnumber": f"A-{number}", "pl_nit": f"{800100000 + number}"},
                    "Opportunity": {"pl_number": f"OPP-{number}"},
                }
                crm.load({SETS[kind]: [named | codes[kind]]})
            return [key for key in table if key not in before]

        return seeded

    @pytest.fixture
    def fresh(self):
        def made(kind, number):
            if kind == "Opportunity":
                value, closes_on = Money.of("123456789.50", "COP"), date(2026, 12, 15)
                return Opportunity(name=f"Renovación {number}", number=f"N-{number}", value=value, closes_on=closes_on)
            tax_id = TaxId.parse(f"{900100000 + number}")
            return Client(name=f"Compañía {number} S.A.S.", code=f"N-{number}", tax_id=tax_id, email="pagos@cliente.co")

        return made

    @pytest.fixture
    def touch(self, crm, clock):
        return lambda kind, key: crm.edit(SETS[kind], key, {"description": "Somebody was here"}, clock)

    @pytest.fixture
    def erase(self, crm, clock):
        return lambda kind, key: crm.remove(SETS[kind], key, clock)


class TestDynamics365ByTime(TestDynamics365):
    """By time of change, where tracking is switched off."""

    is_tracked = False
