"""Dynamics 365 keeps the contract of every connector, by change tracking and by time of change."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from pydantic import SecretStr

from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.domain import Client, Money, Opportunity, TaxId
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.transport._auth import ClientSecret

CRM, ENTRA = "https://contoso.crm.dynamics.com", "https://login.microsoftonline.com"
SETS = {"Client": "accounts", "Opportunity": "opportunities"}
KEYS = {"Client": "accountid", "Opportunity": "opportunityid"}


class _Contract(ConnectorContract):
    kinds = ("Client", "Opportunity")
    is_tracked = True

    @pytest.fixture
    def clock(self):
        return ManualClock()

    @pytest.fixture
    def emulator(self):
        emulator = Dynamics365Emulator()
        for table in ("account", "opportunity"):
            emulator.tables[table].change_tracking = self.is_tracked
        return emulator

    @pytest.fixture
    def faults(self, emulator, clock):
        return BreakableWire(InProcessWire({CRM: emulator, ENTRA: emulator.entra}, clock), emulator)

    def connect(self, wire, emulator, clock, **changes):
        known = emulator.entra.credentials()
        secret = changes.pop("client_secret", known["client_secret"])
        credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(secret),
            clock=clock,
            wire=wire,
        )
        return Dynamics365(CRM, credential=credential, page_size=3, clock=clock, wire=wire, **changes)

    @pytest.fixture
    def connector(self, faults, emulator, clock):
        with self.connect(faults, emulator, clock) as connector:
            connector.check()  # as the engine does: from then on it is known which feed a table has
            yield connector

    @pytest.fixture
    def locked_out(self, faults, emulator, clock):
        with self.connect(faults, emulator, clock, client_secret="not-the-secret") as connector:
            yield connector

    @pytest.fixture
    def secrets(self, emulator):
        return [emulator.entra.credentials()["client_secret"]]

    @pytest.fixture
    def seed(self, emulator, clock):
        numbers = iter(range(1, 1000))

        def seed(kind, count):
            before = set(emulator.books[SETS[kind]])
            for n in (next(numbers) for _ in range(count)):
                row = {"name": f"Compañía {n}", "modifiedon": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}
                row |= (
                    {"accountnumber": f"A-{n:04}", "pl_nit": f"900{n:06}", "address1_country": "Colombia"}
                    if kind == "Client"
                    else {"pl_number": f"OPP-{n:04}", "estimatedvalue": 1000 * n}
                )
                emulator.load({SETS[kind]: [row]})
            return [key for key in emulator.books[SETS[kind]] if key not in before]

        return seed

    @pytest.fixture
    def fresh(self):
        def fresh(kind, n):
            if kind == "Client":
                return Client(
                    name=f"Nueva {n} S.A.S.",
                    code=f"N-{n}",
                    tax_id=TaxId.parse(f"90012345{n}"),
                    city="Bogotá",
                    email=f"pagos{n}@prueba.example",
                    phone="+51 1 555 0000",
                    is_active=n % 2 == 0,
                )
            return Opportunity(
                name=f"Renovación {n}",
                number=f"OPP-{n}",
                state="won" if n % 2 else "open",
                value=Money.of(Decimal("123456789012.35"), "COP"),
                closes_on=date(2026, 5, 1),
                closed_on=date(2026, 4, 1),
            )

        return fresh

    @pytest.fixture
    def edit(self):
        return lambda entity: {"name": f"{entity.name} II", "code" if isinstance(entity, Client) else "number": "C-9"}

    @pytest.fixture
    def touch(self, emulator, clock):
        return lambda kind, key: emulator.edit(SETS[kind], key, {"description": "a person was here"}, clock)

    @pytest.fixture
    def erase(self, emulator, clock):
        return lambda kind, key: emulator.remove(SETS[kind], key, clock)

    @pytest.fixture
    def wait(self, clock):
        return clock.advance


class TestTracked(_Contract):
    is_tracked = True


class TestByTime(_Contract):
    is_tracked = False
