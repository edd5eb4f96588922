"""Client context: from the CRM onto the help desk, and open tickets of critical clients first."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from periferia_link.domain import Client, ClientContext, Money, Opportunity, Ref, Survey, TaxId, Ticket
from periferia_link.engine import Engine
from periferia_link.errors import ConfigurationError
from periferia_link.flows.client_context import client_context
from periferia_link.flows.ticket_priorities import ticket_priorities
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector

NOW = datetime(2026, 11, 22, 15, tzinfo=timezone.utc)
TODAY = date(2026, 11, 22)
RULE = {
    "tiers": {"gold": 20},
    "renewal_within_days": {"30": 40, "90": 15},
    "satisfaction_below": {"50": 20},
    "breach": 15,
    "overdue_pqr": 10,
    "levels": {"high": 40, "critical": 70},
}


class MovingClock:
    """A clock that tests move."""

    def __init__(self):
        self.at = NOW

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()

    def sleep(self, seconds):
        self.at += timedelta(seconds=seconds)


class World:
    """A CRM with a client and what belongs to it, and an empty help desk."""

    def __init__(self, ledger):
        self.clock = MovingClock()
        self.crm = MemoryConnector("crm", (Client, Opportunity, Survey, Ticket))
        self.desk = MemoryConnector("helpdesk", (ClientContext, Ticket))
        self.engine = Engine({"crm": self.crm, "helpdesk": self.desk}, ledger, clock=self.clock, zone="America/Bogota")

    def client(self, name="ACME", tax_id="900123456-8", **custom):
        return self.crm.put(Client(name=name, tax_id=TaxId.parse(tax_id) if tax_id else None, custom=custom))

    def run(self, *flows, **options):
        given = flows or (client_context(**({"rule": RULE, "language": "en"} | options)),)
        return self.engine.run(given)

    def context(self):
        (found,) = self.desk.holds("ClientContext")
        return found


@pytest.fixture
def world(tmp_path):
    """Open the systems and a ledger."""
    with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        yield World(ledger)


def late(client, days, **values):
    """Return a case that was resolved a day after its day."""
    due = NOW - timedelta(days=days)
    given = {"type": "incident", "status": "resolved", "resolved_at": due + timedelta(days=1)} | values
    return Ticket(title="slow", client=client, due_at=due, **given)


class TestWhatTravels:
    def test_everything_of_a_client(self, world):
        """Value, tier, renewal, open opportunities, satisfaction, open PQRs; others' are others'."""
        acme = world.client(tier="gold", renewal_on="2026-12-12")
        other = world.crm.put(Client(name="Beta", tax_id=TaxId.parse("800197268"), is_active=False))
        for state, value, closed in (
            ("won", 300, TODAY),
            ("won", 900, date(2025, 1, 1)),
            ("open", 70, None),
            ("open", 30, None),
        ):
            world.crm.put(
                Opportunity(name="x", client=acme, state=state, value=Money.of(value, "COP"), closed_on=closed)
            )
        world.crm.put(Opportunity(name="x", client=acme, state="open", value=Money.of(5, "USD")))
        world.crm.put(Opportunity(name="x", client=other, state="open", value=Money.of(500, "COP")))
        world.crm.put(Survey(questionnaire="q", client=acme, answered_at=NOW, nps=4))
        world.crm.put(Survey(questionnaire="q", client=acme, answered_at=NOW, csat=5, weight=Decimal("0.5")))
        world.crm.put(Survey(questionnaire="q", client=acme, answered_at=NOW - timedelta(days=400), csat=1))
        world.crm.put(Ticket(title="x", client=acme, type="claim", due_at=NOW - timedelta(days=3)))
        world.crm.put(Ticket(title="x", client=acme, type="petition"))
        world.crm.put(Ticket(title="x", client=acme, type="petition", status="closed"))
        world.crm.put(late(acme, 10))
        world.crm.put(late(acme, 200))
        world.run()
        found = world.context()
        assert ("900123456", "ACME", "gold", date(2026, 12, 12)) == (
            found.code,
            found.name,
            found.tier,
            found.renews_on,
        )
        assert (Money.of(300, "COP"), 3, Money.of(100, "COP")) == (
            found.value,
            found.open_opportunities,
            found.open_value,
        )
        assert (Decimal("60.0"), 2) == (found.satisfaction, found.answers)
        assert (2, 1, 2) == (found.open_pqrs, found.overdue_pqrs, found.breaches)

    def test_the_reasons(self, world):
        """In English and in Spanish, as people would say them."""
        acme = world.client(renewal_on="2026-12-12")
        world.crm.put(late(acme, 10))
        world.crm.put(late(acme, 20))
        world.run()
        assert ("critical", 70) == (world.context().priority, world.context().score)
        assert "raised to critical because renewal in 20 days and two breaches" == world.context().explanation
        spanish = client_context(rule=RULE)
        world.engine.apply(world.engine.plan([spanish]), [spanish])
        assert "subida a crítica por renovación en 20 días y dos incumplimientos" == world.context().explanation

    def test_without_a_rule(self, world):
        """Facts travel, no priority is given."""
        world.client()
        world.run(rule=None)
        assert (None, None, 0) == (world.context().priority, world.context().explanation, world.context().score)

    def test_a_client_without_a_key(self, world):
        """Is left out, and the report counts it."""
        world.client(tax_id=None)
        report = world.run()
        assert [] == world.desk.holds("ClientContext")
        assert 1 == report.flows["client_context"].counts["skipped"]

    def test_a_value_of_its_own_column(self, world):
        """A number that people keep in the CRM goes before the sum."""
        world.client(contract="1200000000")
        world.run(value="contract")
        assert Money.of(1_200_000_000, "COP") == world.context().value

    @pytest.mark.parametrize(
        ("column", "value", "options"), [("renewal_on", "soon", {}), ("contract", "much", {"value": "contract"})]
    )
    def test_a_column_that_cannot_be_read(self, world, column, value, options):
        """Parks that client, with the next step; nothing wrong is written."""
        world.client(**{column: value})
        report = world.run(**options)
        assert 1 == report.flows["client_context"].counts["parked"]
        assert [] == world.desk.holds("ClientContext")

    def test_less_is_read_where_the_crm_has_less(self, world):
        """Kinds that the CRM does not hold are left out."""
        world.client()
        world.run(reads=())
        assert 0 == world.context().open_opportunities

    def test_a_wrong_tax_id(self, world):
        """Is a question for a person."""
        world.client(tax_id="900123456-1")
        assert 1 == world.run().flows["client_context"].counts["review"]

    def test_a_client_that_only_has_a_code(self, world):
        """Is known by it, on both sides."""
        world.desk.put(ClientContext(code="C-7", name="Acme (mesa)"))
        world.crm.put(Client(name="ACME", code="C-7", custom={"tier": "gold"}))
        world.run()
        assert ("C-7", "gold", "Acme (mesa)") == (world.context().code, world.context().tier, world.context().name)

    def test_a_rule_that_is_none(self):
        """Is refused before anything is read."""
        with pytest.raises(ConfigurationError, match=r"\[priority\] braech"):
            client_context(rule={"braech": 1})


class TestChanges:
    def test_twice_writes_nothing(self, world):
        """The same facts are the same record."""
        world.client(renewal_on="2026-12-12")
        world.run()
        before = len(world.desk.requests)
        world.run()
        assert before == len(world.desk.requests)

    def test_something_of_the_client_changes(self, world):
        """A new opportunity, a ticket that is closed: the client is looked at again."""
        acme = world.client()
        opportunity = world.crm.put(Opportunity(name="x", client=acme, value=Money.of(70, "COP")))
        world.run()
        world.crm.put(Opportunity(name="y", client=acme))
        world.run()
        assert 2 == world.context().open_opportunities
        world.crm.change(opportunity, state="lost")
        world.run()
        assert 1 == world.context().open_opportunities
        world.crm.drop(opportunity)
        assert 0 == world.run().flows["client_context"].counts["updated"]

    def test_the_next_day(self, world):
        """Nothing changed in the CRM, and the renewal is a day nearer."""
        world.client(renewal_on="2026-12-12")
        world.run()
        assert "high" == world.context().priority
        assert "renewal in 20 days" in world.context().explanation
        world.clock.at += timedelta(days=1)
        world.run()
        assert "renewal in 19 days" in world.context().explanation
        before = len(world.desk.requests)
        world.run()
        assert before == len(world.desk.requests)

    def test_what_stands_there_is_adopted(self, world):
        """A client that the help desk has keeps its name; the facts are added."""
        world.desk.put(ClientContext(code="900123456", name="Acme (mesa)", tax_id=TaxId.parse("900123456-8")))
        world.client(tier="gold")
        flow = client_context(rule=RULE)
        world.engine.adopt(flow)
        world.engine.run([flow])
        world.crm.change(Ref("crm", "Client", "1"), phone="1")
        world.engine.run([flow])
        assert "Acme (mesa)" == world.context().name


class TestPriorities:
    def ready(self, world, **ticket):
        """Return a help desk with a critical client and one of its tickets."""
        acme = world.desk.put(ClientContext(code="900123456", name="ACME", priority="critical"))
        given = {"title": "x", "number": "T-1", "priority": "normal", "client": acme} | ticket
        return world.desk.put(Ticket(**given))

    def priority(self, world):
        return world.desk.holds("Ticket")[0].priority

    def test_raised(self, world):
        """To the least priority of the client; a second run writes nothing."""
        self.ready(world)
        world.run(ticket_priorities())
        world.run(ticket_priorities())
        assert "critical" == self.priority(world)
        before = len(world.desk.requests)
        world.run(ticket_priorities())
        assert before == len(world.desk.requests)

    @pytest.mark.parametrize("values", [{"status": "closed"}, {"client": None}, {"priority": "critical"}])
    def test_left_alone(self, world, values):
        """Tickets that are over, without a client, or urgent enough."""
        self.ready(world, **values)
        world.run(ticket_priorities())
        assert [] == world.desk.requests

    def test_a_person_lowers_it(self, world):
        """A person has the last word, until the client becomes more critical."""
        ref = self.ready(world)
        for _ in range(2):
            world.run(ticket_priorities())
        world.desk.change(ref, priority="low")
        for _ in range(2):
            world.run(ticket_priorities())
        assert "low" == self.priority(world)
        (client,) = world.desk.holds("ClientContext")
        world.desk.change(client.ref, priority="high")
        for _ in range(2):
            world.run(ticket_priorities())
        assert "high" == self.priority(world)

    def test_the_client_becomes_critical(self, world):
        """Tickets that were left alone are looked at again."""
        ref = self.ready(world)
        (client,) = world.desk.holds("ClientContext")
        world.desk.change(client.ref, priority=None)
        world.run(ticket_priorities())
        assert "normal" == self.priority(world)
        world.desk.change(client.ref, priority="high")
        for _ in range(2):
            world.run(ticket_priorities())
        assert "high" == self.priority(world)
        assert ref.id == "1"


class TestOnTheEmulator:
    """Periticket as an emulator: a real connector, real requests."""

    def test_there(self, world):
        """A client that the desk has keeps its name and gets the facts, another one is made; tickets are raised."""
        from pydantic import SecretStr

        from periferia_link.connectors.periticket import Periticket
        from periferia_link.testing.emulators import InProcessWire, ManualClock
        from periferia_link.testing.emulators.periticket import PeriticketEmulator

        url, clock, desk = "https://helpdesk.periferia.example", ManualClock(NOW), PeriticketEmulator()
        held = desk.enter("clients", {"name": "Acme (mesa)", "tax_id": "900123456-8"}, clock)
        desk.enter(
            "tickets", {"subject": "No abre", "type": "incident", "client_id": held["id"], "priority": "low"}, clock
        )
        acme = world.client(tier="gold", renewal_on="2026-12-12")
        world.crm.put(Client(name="Beta", tax_id=TaxId.parse("800197268")))
        world.crm.put(Opportunity(name="x", client=acme, state="open", value=Money.of(70, "COP")))
        world.crm.put(late(acme, 10))
        connector = Periticket(
            url,
            token=SecretStr(desk.credentials()["token"]),
            clock=clock,
            wire=InProcessWire({url: desk}, clock),
        )
        engine = Engine(
            {"crm": world.crm, "helpdesk": connector}, world.engine.ledger, clock=clock, zone="America/Bogota"
        )
        flows = [client_context(rule=RULE), ticket_priorities()]
        for _ in range(2):
            engine.run(flows)
            clock.sleep(600)
        first, second = sorted(desk.books["clients"].values(), key=lambda row: row["name"])
        assert ("Acme (mesa)", "gold", "2026-12-12") == (first["name"], first["tier"], first["renewal_on"])
        assert (75, "urgent", 1) == (first["score"], first["priority"], first["open_opportunities"])
        assert "subida a crítica por renovación en 20 días, nivel gold y un incumplimiento" == first["priority_reason"]
        assert "Beta" == second["name"]
        assert ["urgent"] == [row["priority"] for row in desk.books["tickets"].values()]
        wrote = sum(entry.wrote for entry in desk.log)
        engine.run(flows)
        assert wrote == sum(entry.wrote for entry in desk.log)


class TestInTheFile:
    """Rules and flows of ``periferia.toml``."""

    FILE = """
[systems.crm]
connector = "memory"

[systems.helpdesk]
connector = "memory"

[sla.calendars.office]
hours = { mon-fri = ["08:00-17:00"] }

[sla.policies.standard]
calendar = "office"
targets = [{ metric = "resolution", within = "8h" }]
escalations = [{ at = 0.75, name = "warn" }]

[priority]
tiers = { gold = 50 }
satisfaction_below = { "50.5" = 10 }
levels = { high = 40 }

[flows.client_context.options]
tier = "segment"
reads = ["Opportunity"]

[flows.ticket_priorities]

[flows.project_to_helpdesk.options]
clients = true

[flows.team_to_helpdesk.options]
team = "squad"

[flows.project_state]
"""

    @pytest.fixture
    def opened(self, tmp_path, monkeypatch):
        """Open the installation of a file."""
        import memory_installation
        from periferia_link.connectors import registry
        from periferia_link.installation import Installation

        monkeypatch.setattr(registry, "_connectors", dict(registry.CONNECTORS))
        monkeypatch.setattr(memory_installation.MemorySystem, "stores", {})
        registry.register("memory", f"{memory_installation.__name__}:MemorySystem")
        path = tmp_path / "periferia.toml"

        def open_it(text=self.FILE):
            path.write_text(text, encoding="utf-8")
            return Installation.open(path)

        return open_it

    def test_read(self, opened):
        """Every flow is made, with the rule of [priority]; calendars and policies are there."""
        with opened() as installation:
            assert 5 == len(installation.flows)
            flow = installation.flows["client_context"]
            assert '"gold":50' in flow.rules
            assert "segment" in flow.rules
            assert ["Opportunity"] == list(flow.lookups)
            assert "warn" == installation.sla.policies[0].escalations[0].name
            assert {"office", "always"} == set(installation.sla.calendars)

    @pytest.mark.parametrize(
        ("was", "now", "where"),
        [
            ("tiers = ", "teirs = ", r"\[priority\] teirs"),
            ('reads = ["Opportunity"]', "reads = 5", "reads"),
            ('tier = "segment"', 'teir = "segment"', "teir"),
        ],
    )
    def test_a_mistake(self, opened, was, now, where):
        """Is said with its place."""
        with pytest.raises(ConfigurationError, match=where):
            opened(self.FILE.replace(was, now))

    def test_a_mistake_in_the_rules(self, opened):
        """Is said when the rules are asked for."""
        with (
            opened(self.FILE.replace('"8h"', '"8"')) as installation,
            pytest.raises(ConfigurationError, match="within"),
        ):
            installation.sla  # noqa: B018 - the access is the test
