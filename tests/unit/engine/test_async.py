"""The async twins: the blocking engine on a thread, beside a loop that goes on."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from periferia_link.engine import FlowReport, MatchKey, Plan, RunReport
from periferia_link.errors import ConfigurationError, FlowError
from small_company import client, client_flow, crm_of, erp_of, names, rig, unauthorised

FLOW = client_flow(match=(MatchKey("name", lambda one: one.name),))


@pytest.fixture
def here():
    """Two clients, one of them on both sides."""
    with rig(crm_of([client(1), client(2)]), erp_of([client(1)])) as one:
        yield one


class TestTwins:
    """Each does what its blocking twin does."""

    def test_aadopt(self, here):
        """Links what both sides hold and writes nothing."""
        report = asyncio.run(here.engine.aadopt(FLOW))
        assert (FlowReport, 1, []) == (type(report), report.adopted, here.erp.sent)

    def test_aplan(self, here):
        """Lists the changes and writes nothing."""
        plan = asyncio.run(here.engine.aplan(FLOW))
        assert (Plan, 1, []) == (type(plan), len(plan), here.erp.sent)

    def test_aapply(self, here):
        """Does what the plan lists."""
        report = asyncio.run(here.engine.aapply(here.engine.plan(FLOW), FLOW))
        assert (RunReport, 1) == (type(report), report.writes)

    def test_arun(self, here):
        """Brings the target up to date."""
        report = asyncio.run(here.engine.arun([FLOW]))
        assert (1, 1) == (report["clients"].created, report["clients"].adopted)
        assert ["Cliente 1", "Cliente 2"] == names(here.erp)

    def test_started_by_anyio(self, here):
        """Whoever starts the loop."""
        assert 1 == anyio.run(here.engine.arun, FLOW)["clients"].created


class TestErrors:
    """Typed errors arrive as they are, with the report so far."""

    def test_of_a_run(self, here):
        """A system that stopped."""
        here.erp.always = unauthorised
        with pytest.raises(FlowError) as caught:
            asyncio.run(here.engine.arun(FLOW))
        assert 1 == caught.value.report["clients"].adopted

    def test_of_an_adoption(self, here):
        """A flow without match keys."""
        with pytest.raises(ConfigurationError):
            asyncio.run(here.engine.aadopt(client_flow()))


class TestLoop:
    """The loop of the caller."""

    def test_it_goes_on(self, here):
        """Other tasks run while a request is under way."""
        ticks = []
        gate = threading.Event()
        here.erp.before_write = lambda writes: gate.wait(60)

        async def tick():
            for number in range(20):
                ticks.append(number)
                await asyncio.sleep(0)
            gate.set()

        async def play():
            await asyncio.gather(here.engine.arun(FLOW), tick())

        asyncio.run(play())
        assert (20, ["Cliente 1", "Cliente 2"]) == (len(ticks), names(here.erp))

    def test_the_blocking_engine_inside_a_running_loop(self, here):
        """``engine.run()`` works in a notebook, where a loop always runs."""

        async def cell():
            return here.engine.run(FLOW)

        assert 1 == asyncio.run(cell())["clients"].created

    def test_two_runs_of_one_engine(self, here):
        """They come one after the other; the ledger belongs to one at a time."""

        async def play():
            return await asyncio.gather(here.engine.arun(FLOW), here.engine.arun(FLOW))

        first, second = asyncio.run(play())
        assert [0, 1] == sorted([first.writes, second.writes])

    def test_progress_is_told_from_the_thread(self, here):
        """The callback hears every stage."""
        stages = []
        engine = here.again(progress=lambda step: stages.append(step.stage))
        asyncio.run(engine.arun(FLOW))
        assert {"read", "write"} <= set(stages)
