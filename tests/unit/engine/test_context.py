"""The context of a projection: links, tables, calendar, and what was asked."""

from __future__ import annotations

from datetime import date, timezone
from zoneinfo import ZoneInfo

import pytest

from periferia_link.domain import Client, Ref
from periferia_link.engine import Context, Lookup
from periferia_link.engine.context import MissingLinkError, Tables
from periferia_link.errors import ConfigurationError, MissingReferenceError
from small_company import client, client_flow, crm_of, erp_of, names, rig

HERE, THERE = Ref("crm", "Client", "1"), Ref("erp", "Client", "B1")


def context(twins=None, **tables):
    """Return a context made by hand, as flow tests do it."""
    lookup = Lookup("erp", "Client", lambda one: one.code, "partner")
    held = {name: (lookup, rows, frozenset(twice)) for name, (rows, twice) in tables.items()}
    return Context(zone=timezone.utc, today=date(2026, 11, 3), tables=Tables(held), twins=twins)


class TestByHand:
    """Nothing but a zone and a day is needed."""

    def test_the_least(self):
        """As the docstring shows it."""
        one = Context(zone=ZoneInfo("America/Bogota"), today=date(2026, 11, 3))
        assert (date(2026, 11, 3), set()) == (one.today, one.drain())

    def test_no_links_and_no_tables(self):
        """Asking is an error that says so."""
        one = Context(zone=timezone.utc, today=date(2026, 11, 3))
        with pytest.raises(MissingReferenceError):
            one.link(HERE)
        with pytest.raises(ConfigurationError, match="people"):
            one.lookup("people", "E1")


class TestTables:
    """Look-ups by key."""

    one = Client(name="Uno", code="C1")

    def test_lookup(self):
        """The entity."""
        assert self.one is context(partners=({"C1": self.one}, ())).lookup("partners", "C1")

    def test_missing(self):
        """An error with the way out, or ``None`` for those who ask softly."""
        here = context(partners=({}, ()))
        with pytest.raises(MissingReferenceError, match="partner C1 in erp") as caught:
            here.lookup("partners", "C1")
        assert ("erp" in caught.value.hint, None) == (True, here.find("partners", "C1"))

    @pytest.mark.parametrize("verb", ["lookup", "find"])
    def test_several(self, verb):
        """Never guessed."""
        here = context(partners=({"C1": self.one}, ("C1",)))
        with pytest.raises(MissingReferenceError, match="several") as caught:
            getattr(here, verb)("partners", "C1")
        assert caught.value.hint

    @pytest.mark.parametrize("verb", ["lookup", "find"])
    def test_not_declared(self, verb):
        """The names that are declared are said."""
        with pytest.raises(ConfigurationError) as caught:
            getattr(context(partners=({}, ())), verb)("centres", "C1")
        assert ("centres" in caught.value.message, "partners" in caught.value.hint) == (True, True)


class TestLinks:
    """What a record is on the other side."""

    def test_linked(self):
        """Its ref there."""
        assert THERE == context({HERE: THERE}.get).link(HERE)

    def test_not_linked(self):
        """An error that carries the ref: the engine waits for it."""
        with pytest.raises(MissingLinkError) as caught:
            context().link(HERE)
        assert (HERE, True) == (caught.value.ref, bool(caught.value.hint))
        assert isinstance(caught.value, MissingReferenceError)


class TestAsked:
    """Every question is a dependency."""

    def test_links_and_tables(self):
        """Answered or not."""
        here = context({HERE: THERE}.get, partners=({}, ()))
        here.link(HERE)
        here.find("partners", "C1")
        with pytest.raises(MissingReferenceError):
            here.lookup("partners", "C2")
        assert {f"link:{HERE}", "lookup:partners:C1", "lookup:partners:C2"} == here.drain()

    def test_told_once(self):
        """What was drained is gone; the next record begins anew."""
        here = context({HERE: THERE}.get)
        here.link(HERE)
        first = here.drain()
        assert ({f"link:{HERE}"}, set()) == (first, here.drain())
        assert {f"link:{HERE}"} == first

    def test_one_record_s_questions_are_not_another_s(self):
        """A projection that stumbles leaves nothing behind."""

        def project(one, context):
            context.link(Ref("crm", "Client", one.name))
            return Client(name=one.name)

        with rig(crm_of([client(1), client(2)]), erp_of()) as here:
            flow = client_flow(project=project)
            assert 2 == here.run(flow).waiting
            marked = [here.ledger.links.touch([f"link:crm:Client:Cliente {n}"]) for n in (1, 2)]
            assert [1, 1] == marked


class TestCalendar:
    """The company's day."""

    @pytest.mark.parametrize(("zone", "day"), [("America/Bogota", date(2026, 3, 1)), ("UTC", date(2026, 3, 2))])
    def test_today_is_the_day_of_the_books(self, zone, day):
        """Late evening in Bogotá is tomorrow in UTC."""
        flow = client_flow(project=lambda one, context: Client(name=f"{context.today} {context.zone}"))
        with rig(crm_of([client(1)]), erp_of(), zone=zone) as here:
            here.clock.advance(-10 * 3600)  # 2 March, 03:00 UTC
            here.run(flow)
            assert [f"{day} {zone}"] == names(here.erp)
