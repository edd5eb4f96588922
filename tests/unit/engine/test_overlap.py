"""Creations under way while the next records are decided: earlier, and by the same protocol."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from periferia_link.domain import Ref
from periferia_link.engine import Ceilings, MatchKey, _overlap
from periferia_link.errors import CeilingError, FlowError, UnavailableError
from small_company import (
    client,
    client_flow,
    copy_client,
    crm_of,
    erp_of,
    lost_after,
    lost_before,
    names,
    refused,
    rig,
    throttled,
    unauthorised,
)

PATIENCE = 60  # seconds until a test that waits for another thread gives up
EVERY = [f"Cliente {n}" for n in range(8)]


@pytest.fixture(autouse=True)
def short_slices(monkeypatch):
    """Pages of more than two changes are divided."""
    monkeypatch.setattr(_overlap, "_FIRST", 2)
    monkeypatch.setattr(_overlap, "_SLICE", 2)


def company(*, page_size=2, parallel=3, max_batch=2, **options):
    """Eight clients, to be created two by two."""
    crm = crm_of(map(client, range(8)), page_size=page_size)
    return rig(crm, erp_of(parallel=parallel, max_batch=max_batch), **options)


def watched(until: str):
    """Return a flow that tells when a client is decided, and what holds the first write until then."""
    decided, is_first, met = threading.Event(), [True], []

    def project(found, context):
        if found.name == until:
            decided.set()
        return copy_client(found)

    def hold(writes):
        if is_first.pop() if is_first else False:
            met.append(decided.wait(PATIENCE if until != "nobody" else 0))

    return client_flow(project=project), hold, met


def order_of(here, flow=None):
    """Run, and return what was decided and sent, in order."""
    seen = []

    def project(found, context):
        seen.append(found.name)
        return copy_client(found)

    here.erp.before_write = lambda writes: seen.append([write.entity.name for write in writes])
    here.run((flow or client_flow()).but(project=project))
    return seen


class TestEarlier:
    """Systems and this machine work side by side."""

    def test_the_next_page_is_decided_meanwhile(self):
        """The first request is still under way when a client of the second page is looked at."""
        flow, hold, met = watched("Cliente 2")
        with company() as here:
            here.erp.before_write = hold
            assert 8 == here.run(flow).created
            assert ([True], EVERY) == (met, names(here.erp))

    def test_a_large_page_is_divided(self):
        """Its first creations leave before its last record is decided."""
        flow, hold, met = watched("Cliente 7")
        with company(page_size=100, parallel=5) as here:
            here.erp.before_write = hold
            assert 8 == here.run(flow).created
            assert ([True], EVERY) == (met, names(here.erp))

    def test_a_large_page_of_updates_is_not(self):
        """What is known is decided and compared together, as one page."""
        with company(page_size=100) as here:
            here.run(client_flow())
            for number in range(8):
                here.crm.change(Ref("crm", "Client", f"c{number:03}"), city="Cali")
            flow = client_flow(ceilings=Ceilings(percent=None))
            assert EVERY == order_of(here, flow)[:8]
            assert {"Cali"} == {one.city for one in here.erp.holds("Client")}

    def test_a_record_that_a_page_lists_twice(self):
        """The last row counts, wherever the slices end."""
        with company(page_size=100) as here:
            newest = []

            def pages(kind, since, found):
                for page in found:
                    newest.append(page.rows[0]._replace(body=page.rows[0].body.replace(b"Cliente 0", b"Cliente 9")))
                    yield page._replace(rows=[*page.rows, *newest])

            here.crm.pages = pages
            assert 8 == here.run(client_flow()).created
            assert [*EVERY[1:], "Cliente 9"] == names(here.erp)


class TestTheSameProtocol:
    """One intent before the first byte, one outcome after; the cursor passes nothing that is not durable."""

    def test_an_intent_first(self, tmp_path):
        """Whoever receives a request finds its intent in the ledger, and the place in the feed not yet moved."""
        path = tmp_path / "ledger.db"
        seen = []

        def look(writes):
            with closing(sqlite3.connect(path)) as other:
                intents = other.execute("SELECT sum(last - first + 1) FROM request").fetchone()[0]
                cursor = other.execute("SELECT value FROM cursor").fetchone()
            seen.append((intents, cursor))

        with company(page_size=100, path=path) as here:
            here.erp.before_write = look
            here.run(client_flow())
        assert {2, 4, 6, 8} >= {intents for intents, _ in seen} > set()
        assert seen[0][1] is None

    @pytest.mark.parametrize("page_size", [2, 100])
    @pytest.mark.parametrize("dies_at", EVERY)
    def test_a_process_that_dies(self, dies_at, page_size):
        """Wherever deciding ends, the next run finishes: nothing is lost, nothing is made twice."""

        def project(found, context):
            if found.name == dies_at:
                raise KeyboardInterrupt
            return copy_client(found)

        with company(page_size=page_size) as here:
            with pytest.raises(KeyboardInterrupt):
                here.run(client_flow(project=project))
            here.clock.advance(300)
            here.run(client_flow())
            assert EVERY == names(here.erp)
            assert [] == here.open_operations(client_flow())
            assert 0 == here.run(client_flow()).writes

    @pytest.mark.parametrize("rule", [lost_before, lost_after])
    @pytest.mark.parametrize("page_size", [2, 100])
    def test_lost_answers(self, rule, page_size):
        """An unknown fate is settled before the next records are sent, in the same run."""
        with company(page_size=page_size) as here:
            here.erp.answers = [rule, rule]
            assert 8 == here.run(client_flow()).created
            assert EVERY == names(here.erp)

    def test_preparing_that_raises(self):
        """A connector that breaks the contract before it sends is treated as one that does it later: read back."""
        with company() as here:
            usual, broken = here.erp.prepare, [UnavailableError("no line", system="erp", hint="try again")]

            def prepare(kind, writes):
                if broken:
                    raise broken.pop()
                return usual(kind, writes)

            here.erp.prepare = prepare
            assert 8 == here.run(client_flow()).created
            assert EVERY == names(here.erp)

    def test_come_back_later(self):
        """What a system asks to repeat is repeated after that time; the others go on then."""
        with company() as here:
            here.erp.answers = [throttled(30.0), throttled(30.0)]
            begun = here.clock.monotonic()
            assert 8 == here.run(client_flow()).created
            assert here.clock.monotonic() - begun >= 30
            assert EVERY == names(here.erp)

    def test_one_refusal(self):
        """A record that is refused is parked, alone."""
        with company() as here:
            here.erp.always = refused(where=lambda write: write.entity.name == "Cliente 3")
            report = here.run(client_flow())
            assert (7, 1) == (report.created, report.parked)

    def test_a_system_that_stops(self):
        """The run ends with what was done so far; the next one goes on."""
        with company() as here:
            here.erp.answers = [lambda system, kind, writes: system.commit(kind, writes), unauthorised]
            with pytest.raises(FlowError, match="password") as caught:
                here.run(client_flow())
            assert caught.value.report["clients"].created == len(names(here.erp)) >= 2
            assert 8 - len(names(here.erp)) == here.run(client_flow()).created
            assert EVERY == names(here.erp)

    def test_a_source_that_fails_in_between(self):
        """What is under way is recorded before the run ends: the ledger knows everything that exists."""

        failing = threading.Event()

        def pages(kind, since, found):
            yield next(iter(found))
            failing.set()
            raise UnavailableError("no answer came", system="crm", hint="try again")

        with company() as here:
            here.crm.pages = pages
            here.erp.before_write = lambda writes: failing.wait(PATIENCE)
            with pytest.raises(FlowError, match="no answer came") as caught:
                here.run(client_flow())
            assert (2, []) == (caught.value.report["clients"].created, here.open_operations(client_flow()))
            here.crm.pages = None
            assert 6 == here.run(client_flow()).created
            assert EVERY == names(here.erp)

    def test_an_update_waits(self):
        """The creations before it have their outcome when anything else is sent."""
        with company(page_size=100) as here:
            here.run(client_flow())
            here.crm.change(Ref("crm", "Client", "c000"), city="Cali")
            for number in range(8, 14):
                here.crm.put(client(number))
            seen = []

            def look(writes):
                seen.append((writes[0].mode, len(names(here.erp))))

            here.erp.before_write = look
            report = here.run(client_flow())
            assert (6, 1) == (report.created, report.updated)
            assert [12] == [there for mode, there in seen if mode == "update"]


class TestOneAfterAnother:
    """Where a record depends on the fate of those before it, they wait."""

    def pairs(self):
        """What is decided and sent when nothing overlaps."""
        return [one for n in range(0, 8, 2) for one in (EVERY[n], EVERY[n + 1], [EVERY[n], EVERY[n + 1]])]

    def test_one_request_at_a_time(self):
        """Such a system is served by this thread: page by page, and pages are not divided."""
        with company(parallel=1) as here:
            assert self.pairs() == order_of(here)
        with company(parallel=1, page_size=100) as here:
            assert EVERY == order_of(here)[:8]

    def test_a_ceiling_of_creations(self):
        """No more are sent than are allowed, as what is under way is not counted yet."""
        with company() as here:
            flow = client_flow(ceilings=Ceilings(creates=5))
            with pytest.raises(CeilingError):
                here.run(flow)
            assert EVERY[:4] == names(here.erp)

    def test_matching(self):
        """A record that is there already would be seen too late."""
        with company() as here:
            assert self.pairs() == order_of(here, client_flow(match=[MatchKey("name", lambda one: one.name)]))

    def test_links_of_its_own_kind(self):
        """From the first record on that asks for another one of its flow, no more than a page is under way."""

        def project(found, context):
            if found.name != EVERY[0]:
                seen.append(context.link(Ref("crm", "Client", "c000")).id)
            return copy_client(found)

        seen = []
        with company() as here:
            report = here.run(client_flow(project=project))
            assert (8, EVERY) == (report.created, names(here.erp))
            assert 7 == len(seen)

    def test_a_plan(self):
        """Nothing is sent at all."""
        with company() as here:
            assert 8 == len(here.engine.plan(client_flow()))
            assert [] == here.erp.sent

    def test_a_plan_that_is_applied(self):
        """What it lists is done, and nothing else."""
        with company() as here:
            plan = here.engine.plan(client_flow())
            here.crm.put(client(8))
            assert 8 == here.engine.apply(plan, client_flow())["clients"].created
            assert EVERY == names(here.erp)
