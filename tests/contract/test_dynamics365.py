"""Dynamics 365 keeps the contract, over its emulator and over a line that breaks."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from pydantic import SecretStr

from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.domain import (
    Campaign,
    Client,
    Contact,
    Interaction,
    Lead,
    Money,
    Opportunity,
    Ref,
    Survey,
    TaxId,
    Ticket,
)
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.transport._auth import ClientSecret

URL = "https://periferia.crm2.dynamics.com"
AUTHORITY = "https://login.microsoftonline.com"
SETS = {
    "Campaign": "campaigns",
    "Client": "accounts",
    "Contact": "contacts",
    "Employee": "systemusers",
    "Interaction": "annotations",
    "Lead": "leads",
    "Opportunity": "opportunities",
    "Survey": "msfp_surveyresponses",
    "Ticket": "incidents",
}
ANDES = "11111111-2222-4333-8444-555555555555"


def columns(kind, number):
    """What makes the *number*-th record of a kind, as the wire shows it."""
    return {
        "Campaign": {"name": f"Campaña {number}", "codename": f"CMP-{number}"},
        "Client": {"name": f"Registro {number}", "accountnumber": f"A-{number}", "pl_nit": f"{800100000 + number}"},
        "Contact": {"firstname": "Ana", "lastname": f"Gómez {number}", "emailaddress1": f"ana{number}@andes.example"},
        "Employee": {"fullname": f"Luis {number}", "domainname": f"luis{number}", "internalemailaddress": f"l{number}@p.example"},
        "Interaction": {"subject": f"Nota {number}", "notetext": "Se llamó al cliente", "_objectid_value": ANDES, "_objectid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account"},
        "Lead": {"subject": f"Interés {number}", "emailaddress1": f"lead{number}@andes.example"},
        "Opportunity": {"name": f"Registro {number}", "pl_number": f"OPP-{number}"},
        "Survey": {"subject": f"Encuesta {number}", "msfp_respondentemailaddress": f"r{number}@andes.example", "msfp_npsscore": number % 11},
        "Ticket": {"title": f"Caso {number}", "ticketnumber": f"CAS-{number}", "pl_key": f"desk:{number}"},
    }[kind]  # fmt: skip


class TestDynamics365(ConnectorContract):
    """By change tracking: a server-kept token, deletions included."""

    kinds = ("Client", "Interaction", "Ticket")
    is_tracked = True

    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))

    @pytest.fixture
    def crm(self):
        crm = Dynamics365Emulator()
        for table in crm.tables:
            table.change_tracking = self.is_tracked
        crm.load({"accounts": [{"accountid": ANDES, "name": "Andes"}]})
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
                stamp = {"modifiedon": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}
                crm.load({SETS[kind]: [columns(kind, number) | stamp]})
            return [key for key in table if key not in before]

        return seeded

    @pytest.fixture
    def fresh(self):
        andes = Ref("crm", "Client", ANDES)

        def made(kind, number):
            value = Money.of("123456789.50", "COP")
            return {
                "Campaign": lambda: Campaign(name=f"Lanzamiento {number}", code=f"L-{number}", channel="event"),
                "Client": lambda: Client(
                    name=f"Compañía {number} S.A.S.", code=f"N-{number}", tax_id=TaxId.parse(f"{900100000 + number}"),
                    email="pagos@cliente.co",
                ),
                "Contact": lambda: Contact(name=f"Ana Gómez {number}", email=f"a{number}@cliente.co", client=andes),
                "Interaction": lambda: Interaction(
                    subject=f"Llamada {number}", channel=("note", "phone", "task")[number % 3], text="Todo bien",
                    regarding=andes,
                ),
                "Lead": lambda: Lead(subject=f"Nube {number}", person="Luis Paz", source="web", value=value, client=andes),
                "Opportunity": lambda: Opportunity(
                    name=f"Renovación {number}", number=f"N-{number}", value=value, closes_on=date(2026, 12, 15)
                ),
                "Survey": lambda: Survey(questionnaire=f"Q{number}"),
                "Ticket": lambda: Ticket(
                    title=f"No enciende {number}", number=f"N-{number}", type="incident", priority="high",
                    status="on_hold", client=andes, external_ref=f"n:{number}",
                ),
            }[kind]()  # fmt: skip

        return made

    @pytest.fixture
    def edit(self):
        def new_values(entity):
            texts = [name for name in ("name", "title", "subject", "email", "number") if getattr(entity, name, None)]
            return {name: f"{getattr(entity, name)}.co" for name in texts}

        return new_values

    @pytest.fixture
    def touch(self, crm, clock):
        def touched(kind, key):
            table, _, plain = key.rpartition("/")
            text = "notetext" if (table or SETS[kind]) == "annotations" else "description"
            values = {"firstname": "Luisa"} if kind == "Employee" else {text: "Somebody was here"}
            crm.edit(table or SETS[kind], plain, values, clock)

        return touched

    @pytest.fixture
    def erase(self, crm, clock):
        return lambda kind, key: crm.remove(key.rpartition("/")[0] or SETS[kind], key.rpartition("/")[2], clock)


class TestDynamics365ByTime(TestDynamics365):
    """By time of change, where tracking is switched off."""

    kinds = ("Client",)
    is_tracked = False


@pytest.mark.nightly
class TestDynamics365OtherKinds(TestDynamics365):
    """The kinds that are read and written by the same few lines."""

    kinds = tuple(sorted(SETS.keys() - {"Client", "Interaction", "Ticket"}))


@pytest.mark.nightly
class TestDynamics365OtherKindsByTime(TestDynamics365OtherKinds):
    """All the others by time of change."""

    kinds = tuple(sorted(SETS.keys() - {"Client"}))
    is_tracked = False
