"""Tables with several rows a key, flows that depend on the day, and links that are written into at once."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from periferia_link.domain import Client, Opportunity, Project
from periferia_link.engine import Context, Engine, Flow, Lookup, MatchKey
from periferia_link.engine.context import Tables
from periferia_link.errors import ConfigurationError
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector


class MovingClock:
    """A clock that tests move."""

    at = datetime(2026, 11, 22, 15, tzinfo=timezone.utc)

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()

    def sleep(self, seconds):
        self.at += timedelta(seconds=seconds)


def counted(client, context):
    """Return a project whose name counts the sales of a client, and says the day."""
    sales = context.each("sales", client.ref.id)
    return Project(name=f"{len(sales)} {'+'.join(sale.name for sale in sales)}", code=client.code)


def flow(**changes):
    """Return a flow from clients to projects."""
    table = Lookup("crm", "Opportunity", lambda sale: sale.client.id if sale.client else None, "sales", several=True)
    usual = {"name": "f", "source": ("crm", "Client"), "target": ("erp", "Project"), "project": counted}
    return Flow(**(usual | {"lookups": {"sales": table}, "match": (MatchKey("code", lambda one: one.code),)} | changes))


@pytest.fixture
def world(tmp_path):
    """Return CRM, ERP, engine and clock."""
    with SqliteLedger.open(tmp_path / "ledger.db") as ledger:
        crm, erp, clock = (
            MemoryConnector("crm", (Client, Opportunity)),
            MemoryConnector("erp", (Project,)),
            MovingClock(),
        )
        yield crm, erp, Engine({"crm": crm, "erp": erp}, ledger, clock=clock), clock


def names(erp):
    return [one.name for one in erp.holds("Project")]


class TestSeveral:
    def test_all_rows_of_a_key(self, world):
        """In order of their ids; a client without any has none."""
        crm, erp, engine, _ = world
        client = crm.put(Client(name="ACME", code="A"))
        crm.put(Client(name="Beta", code="B"))
        for name in ("x", "y", "z"):
            crm.put(Opportunity(name=name, client=client))
        engine.run(flow())
        assert {"3 x+y+z", "0 "} == set(names(erp))

    def test_what_changes_is_looked_at_again(self, world):
        """One more, another name, one less; nothing else is written."""
        crm, erp, engine, _ = world
        client = crm.put(Client(name="ACME", code="A"))
        sale = crm.put(Opportunity(name="x", client=client))
        engine.run(flow())
        crm.put(Opportunity(name="y", client=client))
        engine.run(flow())
        assert ["2 x+y"] == names(erp)
        crm.change(sale, name="w")
        engine.run(flow())
        assert ["2 w+y"] == names(erp)
        crm.drop(sale)
        engine.run(flow())
        assert ["1 y"] == names(erp)
        before = len(erp.requests)
        engine.run(flow())
        assert before == len(erp.requests)

    def test_a_table_that_holds_one(self):
        """Says that it must be declared otherwise."""
        tables = Tables({"sales": (Lookup("crm", "Opportunity", str), {}, frozenset())})
        context = Context(zone=ZoneInfo("America/Bogota"), today=date(2026, 11, 22), tables=tables)
        with pytest.raises(ConfigurationError, match="one Opportunity a key"):
            context.each("sales", "1")

    def test_adoption_reads_tables_too(self, world):
        """What both sides hold is recognised although the projection asks a table."""
        crm, erp, engine, _ = world
        crm.put(Client(name="ACME", code="A"))
        erp.put(Project(name="old", code="A"))
        assert 1 == engine.adopt(flow()).counts["adopted"]


class TestDaily:
    def dated(self, client, context):
        return Project(name=f"{context.today}", code=client.code)

    def test_the_first_run_of_a_day(self, world):
        """Looks at every record again; the second one does not, nor does a flow that is not daily."""
        crm, erp, engine, clock = world
        crm.put(Client(name="ACME", code="A"))
        daily = flow(project=self.dated, daily=True, lookups={})
        engine.run(daily)
        clock.at += timedelta(days=1)
        assert "2026-11-23" in str(engine.plan(daily))
        engine.run(daily)
        assert ["2026-11-23"] == names(erp)
        before = len(erp.requests)
        engine.run(daily)
        clock.at += timedelta(days=1)
        engine.run(flow(project=self.dated, lookups={}))
        assert before == len(erp.requests)


class TestOverwrites:
    def test_written_at_once(self, world):
        """A record that was just recognised gets the owned fields in the same run."""
        crm, erp, engine, _ = world
        crm.put(Client(name="ACME", code="A"))
        erp.put(Project(name="old", code="A"))
        report = engine.run(flow(overwrites=True))["f"]
        assert (["0 "], 1, 1) == (names(erp), report.counts["adopted"], report.counts["updated"])

    def test_left_as_it_is(self, world):
        """Without it the fields follow when the source changes them."""
        crm, erp, engine, _ = world
        crm.put(Client(name="ACME", code="A"))
        erp.put(Project(name="old", code="A"))
        engine.run(flow())
        assert ["old"] == names(erp)

    def test_after_adoption(self, world):
        """Adoption writes nothing; the first run does."""
        crm, erp, engine, _ = world
        crm.put(Client(name="ACME", code="A"))
        erp.put(Project(name="old", code="A"))
        report = engine.adopt(flow(overwrites=True))
        assert (["old"], 0) == (names(erp), report.counts["unmatched"])
        engine.run(flow(overwrites=True))
        assert ["0 "] == names(erp)
