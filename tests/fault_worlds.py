"""A connector over its emulator on one side, a memory on the other, a ledger between: what the fault tests break."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import SecretStr

import periferia_link
from periferia_link.connectors.azure_devops import AzureDevOps
from periferia_link.connectors.ticketing import Ticketing, load_profile
from periferia_link.domain import Client, Employee, Entity, WorkItem
from periferia_link.engine import Ceilings, Engine, Flow
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.testing.emulators.sap import SapEmulator
from periferia_link.testing.factories import Factory
from periferia_link.transport._auth import ClientSecret
from periferia_link.typing import Request

NOW = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)
AUTHORITY = "https://login.microsoftonline.com"


class Crash(BaseException):
    """The process dies here."""


class Line:
    """The wire of a connector: dies on demand, bends answers on demand, and remembers what was sent."""

    def __init__(self, inner: InProcessWire) -> None:
        self.inner = inner
        self.dies_at: int | None = None
        self.bend: Any = None
        self.steps = 0
        self.sent: list[tuple[str, str]] = []

    def send(self, request, *, deadline):
        self.sent.append((request.intent, request.method))
        answer = self.inner.send(request, deadline=deadline)
        return self.bend(request, answer) if self.bend is not None and request.intent == "read" else answer

    def close(self) -> None:
        self.inner.close()

    def count(self, intent: str) -> int:
        return sum(one == intent for one, _ in self.sent)


class World:
    """One connector under test; subclasses say which, and what people do over there."""

    name: str
    url: str
    kind: type[Entity] = Client
    calls = "name"  # the field that people call a record by
    key_column: str
    version_column: str
    name_column = "name"
    other_key: str | int
    reads_by, writes_by = "GET", "POST"
    says_token_ended: int | None = None  # status of a sign-in page that is asked for again with a new token
    settle = 3_600.0

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.theirs = ManualClock(NOW)  # the clock of the connector, where a test sets it apart
        self.path = folder / "link.db"
        self.make = Factory(seed=3)
        self.emulator = self.start()
        self.line = Line(InProcessWire(self.origins(), self.clock, on_io=self.hear))
        self.memory = MemoryConnector("memory", [Client, Employee, WorkItem], page_size=50)
        self.number = 0

    def hear(self, _: str) -> None:
        """Count an exchange, and die at the one that was chosen."""
        self.line.steps += 1
        if self.line.steps == self.line.dies_at:
            raise Crash

    # ------------------------------------------------------------------ of each system

    def start(self) -> Any:
        """Make the emulator."""
        raise AssertionError

    def origins(self) -> dict[str, Any]:
        """Return the emulators by address."""
        return {self.url: self.emulator}

    def connector(self, clock: Any = None, **options: Any) -> Any:
        """Make the connector."""
        raise AssertionError

    def enter(self, name: str) -> str:
        """Let somebody enter a record over there; returns its key."""
        raise AssertionError

    def rename(self, key: str, name: str) -> None:
        """Let somebody rename a record over there."""
        raise AssertionError

    def held(self) -> dict[str, str]:
        """Return the names of the records over there, by key."""
        raise AssertionError

    # ------------------------------------------------------------------ runs

    def flow(self, *, writes: bool) -> Flow:
        """Copy records: into the system under test, or out of it."""
        ends = ("memory", "system") if writes else ("system", "memory")
        kind = self.kind.kind()
        return Flow(
            name="copy",
            source=(ends[0], kind),
            target=(ends[1], kind),
            project=self.projected,
            ceilings=Ceilings(percent=None, creates=10_000),
        )

    def projected(self, entity: Entity, _: Any) -> Entity:
        """Name what is kept on both sides."""
        kept = (self.calls, "code", "city")
        given = {name: getattr(entity, name) for name in kept if name in entity.model_fields_set}
        return type(entity).model_validate({name: value for name, value in given.items() if value is not None})

    def run(self, *, writes: bool, clock: Any = None, **options: Any) -> Any:
        """Run the flow in a process of its own; returns its report."""
        with SqliteLedger.open(self.path) as ledger, self.connector(clock, **options) as connector:
            systems = {"system": connector, "memory": self.memory}
            flow = self.flow(writes=writes)
            return Engine(systems, ledger, clock=self.clock, patience=7_200.0).run(flow)["copy"]

    def recover(self, *, writes: bool) -> Any:
        """Take every fault away, let time pass, run again, and once more: that run must have nothing to do."""
        self.emulator.faults.clear()
        self.line.dies_at = self.line.bend = None
        self.line.inner.unreachable.clear()
        self.clock.advance(self.settle)
        self.run(writes=writes)
        before = self.line.count("write") + len(self.memory.requests)
        again = self.run(writes=writes)
        idle = self.line.count("write") + len(self.memory.requests) - before
        assert (0, 0) == (idle, again.writes), "the idle run writes (I4)"
        return again

    def fault(self, kind: str, **given: Any) -> None:
        """Let requests to the system go wrong."""
        rule = {name: given.pop(name) for name in ("method", "path", "nth", "times", "when") if name in given}
        self.emulator.faults.add(FaultRule(kind, **rule, params=given))

    def met(self) -> int:
        """Count the requests that met a fault: a test whose fault hits nothing shows nothing."""
        return sum(entry.fault is not None for entry in self.emulator.log)

    def sow(self, count: int) -> list[str]:
        """Put records into the memory; returns their names."""
        made = self.make.many(self.kind, count)
        for one in made:
            self.memory.put(one)
        return [getattr(one, self.calls) for one in made]

    def plant(self, name: str) -> Any:
        """Put one record with that name into the memory; returns where it is."""
        return self.memory.put(self.make(self.kind, **{self.calls: name}))

    def rename_in_memory(self, ref: Any, name: str) -> None:
        """Rename a record in the memory."""
        self.memory.change(ref, **{self.calls: name})

    def in_memory(self) -> list[str]:
        """Return the names of the records in the memory."""
        return [getattr(one, self.calls) for one in self.memory.holds(self.kind.kind())]


def is_helpful(error: Exception) -> None:
    """Hold an error against I6 and I7: a next step, and no credential."""
    assert error.hint
    assert "~" not in str(error), "the secrets of the emulators have one"


def check(world: World, names: list[str], *, writes: bool, ghosts: Sequence[str] = ()) -> None:
    """
    Hold the invariants of the catalogue against the books and the ledger, after recovery and an idle run.

    *ghosts* are keys that the system only seemed to name: they may stay parked for a person.

    I1 and I2: each record once on the other side. I3: its last value. I4 is seen in :meth:`World.recover`. I5: the
    ledger is sound and nothing is in flight. I6: :func:`is_helpful`. I7: no credential in the ledger. I8: the requests
    of all runs have a bound. I9: nothing is left behind a cursor, which I2 and I4 say together.
    """
    assert len(world.line.sent) < 1_000, "requests without bound (I8)"
    held = list(world.held().values()) if writes else world.in_memory()
    assert sorted(names) == sorted(held), "duplicates (I1), losses (I2) or old values (I3)"
    with SqliteLedger.open(world.path) as ledger:
        assert [] == ledger.verify(), "the ledger is damaged (I5)"
    connection = sqlite3.connect(world.path)
    with closing(connection):
        for table in ("operation", "request"):
            assert 0 == connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0], f"{table} is not empty (I5)"
        left = [key for (key,) in connection.execute("SELECT key FROM parked") if key not in ghosts]
        assert [] == left, "somebody is still parked (I5)"
    raw = b"".join(path.read_bytes() for path in world.path.parent.glob("link.db*"))
    secrets = {
        str(value)
        for one in world.origins().values()
        for name, value in one.credentials().items()
        if name in {"client_secret", "password", "token"}
    }
    assert [] == [secret for secret in secrets if secret.encode() in raw], "a credential is in the ledger (I7)"


class Dynamics(World):
    """Dynamics 365, by change tracking."""

    name = "Dynamics365"
    url = "https://periferia.crm2.dynamics.com"
    sets = "accounts"
    key_column, version_column = "accountid", "@odata.etag"
    name_column, other_key = "name", "00000000-0000-4000-8000-000000000999"
    writes_path = "*/$batch"

    def start(self):
        crm = Dynamics365Emulator()
        crm.tables["account"].change_tracking = True
        return crm

    def origins(self):
        return {self.url: self.emulator, AUTHORITY: self.emulator.entra}

    def connector(self, clock=None, **options):
        known = self.emulator.entra.credentials()
        credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(known["client_secret"]),
            authority=AUTHORITY,
            clock=self.clock,
            wire=self.line,
        )
        options = {"page_size": 5, "max_batch": 5, **options}
        return periferia_link.Dynamics365(
            self.url, credential=credential, name="system", clock=clock or self.clock, wire=self.line, **options
        )

    def enter(self, name):
        self.number += 1
        key = f"00000000-0000-4000-8000-{self.number:012}"
        row = {"accountid": key, "name": name, "accountnumber": f"A{self.number}"}
        self.emulator.load({"accounts": [row | {"modifiedon": f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"}]})
        return key

    def rename(self, key, name):
        self.emulator.edit("accounts", key, {"name": name}, self.clock)

    def held(self):
        return {key: row["name"] for key, row in self.emulator.books["accounts"].items()}

    def log_everybody_out(self):
        self.emulator.entra.revoke()


class Sap(World):
    """SAP Business One, business partners."""

    name = "SapBusinessOne"
    url = "https://erp.periferia.example:50000"
    sets = "BusinessPartners"
    key_column, version_column = "CardCode", "DataVersion"
    name_column, other_key = "CardName", "S0999"
    writes_path = "*/$batch"

    def start(self):
        return SapEmulator()

    def connector(self, clock=None, **options):
        account = self.emulator.credentials()
        options = {"page_size": 5, "max_batch": 5, **options}
        return periferia_link.SapBusinessOne(
            self.url,
            name="system",
            company_db=account["company_db"],
            username=account["username"],
            password=SecretStr(account["password"]),
            clock=clock or self.clock,
            wire=self.line,
            **options,
        )

    def enter(self, name):
        self.number += 1
        key = f"S{self.number:04}"
        body = {"CardCode": key, "CardName": name, "CardType": "cCustomer"}
        with self.emulator.lock:
            self.emulator.company.create(_sap_table(), body, self.clock.now())
        return key

    def rename(self, key, name):
        with self.emulator.lock:
            row = self.emulator.books["BusinessPartners"][key]
            self.emulator.company.change(_sap_table(), row, {"CardName": name}, self.clock.now())

    def held(self):
        return {key: row["CardName"] for key, row in self.emulator.books["BusinessPartners"].items()}

    def log_everybody_out(self):
        self.emulator.sessions.expire()


class Peri(World):
    """Periticket, its people: read only."""

    name = "Periticket"
    url = "https://helpdesk.periferia.example"
    sets = "people"
    kind = Employee
    key_column, version_column = "id", "revision"
    other_key = "pe-000999"

    def start(self):
        return PeriticketEmulator()

    def connector(self, clock=None, **options):
        token = SecretStr(self.emulator.credentials()["token"])
        options = {"page_size": 5, **options}
        return periferia_link.Periticket(
            self.url, name="system", token=token, clock=clock or self.clock, wire=self.line, **options
        )

    def enter(self, name):
        self.number += 1
        record = {"employee_code": f"E{self.number}", "name": name, "email": f"p{self.number}@empresa.example"}
        return self.emulator.enter("people", record, self.clock)["id"]

    def rename(self, key, name):
        self.emulator.amend("people", key, {"name": name}, self.clock)

    def held(self):
        return {key: row["name"] for key, row in self.emulator.books["people"].items()}


def _sap_table():
    from periferia_link.testing.emulators._sap_tables import TABLES

    return TABLES["BusinessPartners"]


class DevOps(World):
    """Azure DevOps, work items, signed in through Entra."""

    name = "AzureDevOps"
    url = "https://dev.azure.example"
    kind = WorkItem
    calls = "title"
    key_column, version_column = "id", "rev"
    name_column, other_key = "System.Title", 999
    sets = "workitemsbatch"
    writes_path = "*/$batch"
    reads_by, writes_by = "POST", "PATCH"
    says_token_ended = 203

    def start(self):
        return AzureDevOpsEmulator()

    def origins(self):
        return {self.url: self.emulator, AUTHORITY: self.emulator.entra}

    def connector(self, clock=None, **options):
        known = self.emulator.entra.credentials()
        credential = ClientSecret(
            tenant_id=known["tenant_id"],
            client_id=known["client_id"],
            client_secret=SecretStr(known["client_secret"]),
            authority=AUTHORITY,
            clock=self.clock,
            wire=self.line,
        )
        options = {"page_size": 5, "max_batch": 5, "project": "Entrega", **options}
        return AzureDevOps(
            f"{self.url}/periferia",
            credential=credential,
            owns_credential=True,
            name="system",
            clock=clock or self.clock,
            wire=self.line,
            **options,
        )

    def projected(self, entity, _):
        return WorkItem(title=entity.title, type="Task", project="Entrega")

    def enter(self, name):
        return str(self.emulator.enter("Entrega", "Task", {"Title": name}, self.clock)["id"])

    def rename(self, key, name):
        self.emulator.amend(key, {"Title": name}, self.clock)

    def held(self):
        return {key: row["fields"]["System.Title"] for key, row in self.emulator.books["workItems"].items()}

    def log_everybody_out(self):
        self.emulator.entra.revoke()


class PlainDesk(PeriticketEmulator):
    """A help desk without keys of creation: what is sent twice is there twice, also with one reference."""

    def _once(self, table, request, clock, make):
        headers = [pair for pair in request.headers if pair[0].lower() != "idempotency-key"]
        self.number = getattr(self, "number", 0) + 1
        fresh = ("Idempotency-Key", f"{self.number}")
        return super()._once(table, Request(request.method, request.url, (*headers, fresh), request.body), clock, make)

    def _check(self, rules, table, values, before=None):
        super()._check(rules, table, {name: value for name, value in values.items() if name != "external_ref"}, before)


class Desk(World):
    """Any help desk by a profile: its creates are known by a reference that the server searches and does not guard."""

    name = "Ticketing"
    url = "https://helpdesk.periferia.example"
    sets = "clients"
    key_column, version_column = "id", "revision"
    other_key = "cl-000999"
    writes_path = "*/clients"

    def start(self):
        return PlainDesk()

    @staticmethod
    def profile():
        """Return the profile of Periticket without what its server promises about creates."""
        told = load_profile("periticket")
        rules = told.kinds["Client"]
        write = rules.write.model_copy(update={"once": "none", "is_unique": False})
        return told.model_copy(update={"kinds": {"Client": rules.model_copy(update={"write": write})}})

    def connector(self, clock=None, **options):
        account = self.emulator.credentials()
        options = {"page_size": 5, **options}
        return Ticketing(
            self.url,
            profile=self.profile(),
            name="system",
            username=account["username"],
            password=SecretStr(account["password"]),
            clock=clock or self.clock,
            wire=self.line,
            **options,
        )

    def projected(self, entity, _):
        return Client(name=entity.name)

    def enter(self, name):
        return self.emulator.enter("clients", {"name": name}, self.clock)["id"]

    def rename(self, key, name):
        self.emulator.amend("clients", key, {"name": name}, self.clock)

    def held(self):
        return {key: row["name"] for key, row in self.emulator.books["clients"].items()}

    def log_everybody_out(self):
        self.emulator._sessions.clear()


SOURCES = (Dynamics, Sap, Peri, DevOps, Desk)
TARGETS = (Dynamics, Sap, DevOps, Desk)
