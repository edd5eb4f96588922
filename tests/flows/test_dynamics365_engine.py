"""Dynamics 365 under the engine: bulk creates exactly once, changes and deletions found, tickets with their timeline."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from pydantic import SecretStr

from periferia_link.connectors.dynamics365 import Dynamics365
from periferia_link.domain import Client, Interaction, Ref, Ticket, TicketEvent
from periferia_link.engine import Engine, Flow
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.testing.memory import MemoryConnector
from periferia_link.transport._auth import StaticToken

URL = "https://periferia.crm2.dynamics.com"


class Crm:
    """An environment, a memory system beside it, a ledger; engines come and go."""

    def __init__(self, ledger):
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.emulator = Dynamics365Emulator()
        self.emulator._is_signed_in = lambda *_: True  # what is proved here is not signing in
        self.wire = InProcessWire({URL: self.emulator}, self.clock)
        self.desk = MemoryConnector("desk", [Client, Ticket])
        self.ledger = ledger

    def engine(self, **options):
        token = StaticToken(SecretStr("t"))
        crm = Dynamics365(URL, credential=token, clock=self.clock, wire=self.wire, **options)
        return Engine({"crm": crm, "desk": self.desk}, self.ledger, clock=self.clock, patience=3600.0)

    def put(self, key, entity):
        """Enter a record on the other side, or change it."""
        self.desk.put(entity.model_copy(update={"ref": Ref("desk", type(entity).kind(), key)}))

    def fault(self, kind, **rule):
        self.emulator.faults.add(FaultRule(kind, **rule))


@pytest.fixture
def crm():
    with SqliteLedger.open(":memory:") as ledger:
        yield Crm(ledger)


def copied(entity, context):
    del context
    return Client(name=entity.name, code=entity.code)


INTO = Flow(name="into", source=("desk", "Client"), target=("crm", "Client"), project=copied)
OUT_OF = Flow(
    name="out", source=("crm", "Client"), target=("desk", "Client"), project=copied, on_delete="delete"
)  # fmt: skip


def names(rows):
    return sorted(row["name"] for row in rows.values())


class TestBulkCreates:
    def load(self, crm, count):
        for number in range(count):
            crm.put(f"d{number}", Client(name=f"Cliente {number:03}", code=f"K-{number}"))

    def test_exactly_once(self, crm):
        """Sixty clients travel in bulk; answers are lost before and after the commit; each is made once."""
        self.load(crm, 60)
        crm.fault("reset", method="POST", path="*CreateMultiple", nth=1, when="after")
        crm.fault("reset", method="POST", path="*CreateMultiple", nth=2, when="before")
        crm.fault("throttle", method="POST", path="*CreateMultiple", nth=3, params={"retry_after": "2"})
        crm.engine(max_batch=20).run(INTO)
        assert [f"Cliente {number:03}" for number in range(60)] == names(crm.emulator.books["accounts"])
        wrote = sum(entry.wrote for entry in crm.emulator.log)
        assert 60 == wrote
        crm.engine(max_batch=20).run(INTO)
        assert wrote == sum(entry.wrote for entry in crm.emulator.log)

    def test_one_bad_record_is_parked_alone(self, crm):
        """One name is too long for the CRM: the message is refused, the others arrive, the one is parked."""
        self.load(crm, 20)
        crm.put("bad", Client(name="x" * 161, code="BAD"))
        report = crm.engine().run(INTO)["into"]
        assert (20, 1) == (report.counts["created"], report.counts["parked"])
        assert 20 == len(crm.emulator.books["accounts"])

    def test_changes_keep_their_version(self, crm):
        """What changes afterwards travels in a batch with a version each, never as a bulk update."""
        self.load(crm, 12)
        engine = crm.engine()
        engine.run(INTO)
        for number in range(12):
            crm.put(f"d{number}", Client(name=f"Otro {number:03}", code=f"K-{number}"))
        engine.run(INTO)
        assert [f"Otro {number:03}" for number in range(12)] == names(crm.emulator.books["accounts"])
        assert not [entry.path for entry in crm.emulator.log if "UpdateMultiple" in entry.path]


class TestChangesAndDeletions:
    def test_an_expired_token(self, crm):
        """After a token expired everything is read again, and what is gone is found by its absence."""
        accounts = [{"name": f"Cliente {n:03}", "accountnumber": f"K-{n}"} for n in range(30)]
        crm.emulator.load({"accounts": accounts})
        engine = crm.engine(page_size=7)
        engine.run(OUT_OF)
        assert 30 == len(crm.desk.holds("Client"))
        first, second, *_ = crm.emulator.books["accounts"]
        crm.emulator.edit("accounts", first, {"name": "Otro"}, crm.clock)
        crm.emulator.remove("accounts", second, crm.clock)
        crm.clock.advance(8 * 86400)
        report = engine.run(OUT_OF)["out"]
        assert (1, 1) == (report.counts["updated"], report.counts["deleted"])
        assert 29 == len(crm.desk.holds("Client"))
        report = engine.run(OUT_OF)["out"]
        assert (0, 0) == (report.counts["updated"], report.counts["deleted"])


class TestTickets:
    def test_case_timeline_state(self, crm):
        """A ticket becomes a case with its steps as notes; a new step and a reopening follow."""
        andes = "11111111-2222-4333-8444-555555555555"
        crm.emulator.load({"accounts": [{"accountid": andes, "name": "Andes"}]})

        def case(ticket, context):
            del context
            return Ticket(title=ticket.title, status=ticket.status, client=Ref("crm", "Client", andes))

        def steps(ticket, context):
            regarding = context.link(ticket.ref)
            return [
                Interaction(subject=f"{step.at:%Y-%m-%d %H:%M} {step.status}", channel="note", regarding=regarding)
                for step in ticket.events
            ]

        cases = Flow(name="cases", source=("desk", "Ticket"), target=("crm", "Ticket"), project=case)
        timeline = Flow(
            name="timeline", source=("desk", "Ticket"), target=("crm", "Interaction"), project=steps, after=("cases",)
        )  # fmt: skip
        at = datetime(2026, 11, 19, 8, tzinfo=timezone.utc)
        begun, done = TicketEvent(at=at, status="in_progress"), TicketEvent(at=at.replace(hour=9), status="resolved")
        crm.put("t1", Ticket(title="No enciende", status="resolved", events=(begun, done)))
        engine = crm.engine()
        engine.run([cases, timeline])
        (found,) = crm.emulator.books["incidents"].values()
        assert (1, 2) == (found["statecode"], len(crm.emulator.books["annotations"]))
        again = TicketEvent(at=at.replace(hour=10), status="in_progress")
        crm.put("t1", Ticket(title="No enciende", status="in_progress", events=(begun, done, again)))
        engine.run([cases, timeline])
        (found,) = crm.emulator.books["incidents"].values()
        notes = sorted(row["subject"] for row in crm.emulator.books["annotations"].values())
        assert (0, ["2026-11-19 08:00 in_progress", "2026-11-19 09:00 resolved", "2026-11-19 10:00 in_progress"]) == (
            found["statecode"], notes
        )  # fmt: skip
