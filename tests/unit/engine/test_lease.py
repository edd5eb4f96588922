"""One runner for each flow; the others say who holds it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from periferia_link.engine import Engine, MatchKey
from periferia_link.errors import FlowError, LeaseHeldError
from periferia_link.ledger import SqliteLedger, owner_name
from small_company import client, client_flow, crm_of, erp_of, late, names, rig, throttled, unauthorised


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def here():
    """Two clients that go one by one."""
    with rig(crm_of([client(1), client(2)]), erp_of(max_batch=1)) as one:
        yield one


def die(writes):
    """End as a killed process does."""
    raise Crash


class TestTwoRunners:
    """Two processes, one flow."""

    def test_the_second_says_who_holds_it(self, tmp_path):
        """Process, host, since when, and what to do; the first goes on undisturbed."""
        path = tmp_path / "ledger.db"
        with rig(crm_of([client(1)]), erp_of(), path=path) as here, SqliteLedger.open(path) as second:
            refusals = []

            def meanwhile(writes):
                here.clock.advance(7)
                other = Engine(here.systems, second, clock=here.clock, actor="elsewhere:4711:99")
                with pytest.raises(LeaseHeldError) as caught:
                    other.run(client_flow())
                refusals.append(caught.value)

            here.erp.before_write = meanwhile
            assert 1 == here.run(client_flow()).created

            [refusal] = refusals
            assert (True, True, True) == (
                str(os.getpid()) in refusal.message,
                "clients" in refusal.message and "7 s" in refusal.message,
                bool(refusal.hint),
            )

    def test_the_second_writes_nothing(self, here):
        """Not one request of it reaches a system."""
        counts = []

        def meanwhile(writes):
            with pytest.raises(LeaseHeldError):
                here.again(actor="elsewhere:4711:99").run(client_flow())
            counts.append(len(here.erp.sent))

        here.erp.before_write = meanwhile
        here.run(client_flow())
        assert [1, 2] == counts

    def test_adopting_is_working_too(self, here):
        """An adoption links records: it needs the flow for itself."""
        flow = client_flow(match=(MatchKey("name", lambda one: one.name),))

        def meanwhile(writes):
            with pytest.raises(LeaseHeldError):
                here.again(actor="elsewhere:4711:99").adopt(flow)

        here.erp.before_write = meanwhile
        assert 2 == here.run(flow).created

    def test_planning_disturbs_nobody(self, here):
        """A plan is made on a copy: it needs no lease."""
        plans = []
        here.erp.before_write = lambda writes: plans.append(here.again().plan(client_flow()))
        here.run(client_flow())
        assert 2 == len(plans)

    def test_other_flows_go_on(self, here):
        """A lease is of one flow."""
        other = client_flow(name="others")
        reports = []

        def meanwhile(writes):
            here.erp.before_write = None
            reports.append(here.again(actor="elsewhere:4711:99").run(other))

        here.erp.before_write = meanwhile
        here.run(client_flow())
        assert [2] == [report["others"].created for report in reports]

    @pytest.mark.parametrize("actor", ["ana", "CN=svc:link", "a:b:c:d", "127.0.0.1:8000"])
    def test_a_runner_may_be_called_anything(self, here, actor):
        """The name that was given is the name that is said."""
        refusals = []

        def meanwhile(writes):
            with pytest.raises(LeaseHeldError) as caught:
                here.engine.run(client_flow())
            refusals.append(str(caught.value))

        here.erp.before_write = meanwhile
        here.again(actor=actor).run(client_flow())
        assert [True, True] == [actor in text or actor.rsplit(":", 2)[0] in text for text in refusals]


class TestEnds:
    """A lease is given back, or runs out."""

    @pytest.mark.parametrize("rule", [None, unauthorised])
    def test_given_back_at_the_end(self, here, rule):
        """After a run, and after one that failed."""
        here.erp.always = rule
        try:
            here.run(client_flow())
        except FlowError:
            assert rule is not None
        assert [] == here.ledger.leases.held()

    def test_given_back_when_a_person_interrupts(self, here):
        """Ctrl-C in a notebook: the process lives on, and so may its next run."""

        def interrupt(writes):
            raise KeyboardInterrupt

        here.erp.before_write = interrupt
        with pytest.raises(KeyboardInterrupt):
            here.run(client_flow())
        here.erp.before_write = None
        assert 2 == here.run(client_flow()).created

    def test_of_a_process_that_is_gone(self, here):
        """Its number exists no more on this machine: taken over at once."""
        done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
        host = owner_name().rsplit(":", 2)[0]
        dead = here.again(actor=f"{host}:{int(done.stdout)}:1")
        here.erp.before_write = die
        with pytest.raises(Crash):
            dead.run(client_flow())
        here.erp.before_write = None
        assert 2 == here.run(client_flow()).created

    def test_of_a_process_on_another_machine(self, here):
        """Nobody can ask whether it lives: its time must run out."""
        here.erp.before_write = die
        with pytest.raises(Crash):
            here.again(actor="elsewhere:4711:99").run(client_flow())
        here.erp.before_write = None
        with pytest.raises(LeaseHeldError):
            here.run(client_flow())
        here.clock.advance(121)
        assert 2 == here.run(client_flow()).created

    def test_a_number_that_is_used_again(self, here):
        """A process of the same number that began at another time is another process."""
        host, pid, _ = owner_name().rsplit(":", 2)
        here.erp.before_write = die
        with pytest.raises(Crash):
            here.again(actor=f"{host}:{pid}:1").run(client_flow())
        here.erp.before_write = None
        assert 2 == here.run(client_flow()).created


class TestLongRuns:
    """A lease lasts two minutes; runs may last longer."""

    def test_it_is_renewed(self, here):
        """Every request moves its end."""
        here.erp.before_write = lambda writes: here.clock.advance(100)
        assert 2 == here.run(client_flow()).created

    @pytest.mark.parametrize("seconds", [119, 121, 600])
    def test_a_long_pause_that_the_system_asked_for(self, here, seconds):
        """Waiting is no reason to lose the flow."""
        here.erp.answers = [throttled(seconds)]
        assert (2, seconds) == (here.run(client_flow()).created, here.clock.monotonic())

    def test_a_long_wait_for_an_unknown_fate(self):
        """Settle times of minutes keep it as well."""
        with rig(crm_of([client(1)]), erp_of(guard="marker", abilities={"settle_seconds": 140.0})) as here:
            here.erp.answers = [late(150)]
            assert (1, 1) == (here.run(client_flow()).created, len(here.erp.sent))

    def test_a_runner_that_slept_too_long_sends_nothing(self, here):
        """The machine was suspended: its lease ran out, so the next request does not leave."""

        def suspend(step):
            if step.stage == "write":
                here.clock.advance(130)

        with pytest.raises(FlowError, match="lease"):
            here.again(progress=suspend).run(client_flow())
        assert 1 == len(here.erp.sent)
        assert 1 == here.run(client_flow()).created

    def test_a_runner_that_was_replaced_stops(self, here):
        """Another one took over: the first sends no further request, and the other finds everything."""
        flow = client_flow()

        def take_over(writes):
            here.erp.before_write = None
            here.clock.advance(121)
            with here.ledger.transaction():
                here.ledger.leases.take("clients", "elsewhere:4711:99", now=here.clock.now().timestamp(), seconds=120)

        here.erp.before_write = take_over
        with pytest.raises(LeaseHeldError, match="taken over"):
            here.run(flow)
        assert 1 == len(here.erp.sent)

        here.clock.advance(121)
        here.run(flow)
        assert ["Cliente 1", "Cliente 2"] == names(here.erp)
