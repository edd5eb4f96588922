"""A run that somebody cancels: it stops between two requests, and loses nothing."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from periferia_link.engine import MatchKey
from periferia_link.engine._workers import CancelToken, Workers
from periferia_link.errors import FlowError
from small_company import client, client_flow, crm_of, erp_of, lost_before, names, rig


@pytest.fixture
def here():
    """Six clients that go one by one."""
    with rig(crm_of(map(client, range(6))), erp_of(max_batch=1)) as one:
        yield one


def hold_first(here):
    """Let the first write stop in the middle of its request, until told to go on."""
    begun, go_on = threading.Event(), threading.Event()

    def stop(writes):
        if not begun.is_set():
            begun.set()
            assert go_on.wait(60)

    here.erp.before_write = stop
    return begun, go_on


async def until(event):
    """Wait for a thread without blocking the loop."""
    await anyio.to_thread.run_sync(event.wait, 60)


def finish(here):
    """Run again and check that nothing was lost and nothing doubled."""
    here.erp.before_write = None
    report = here.run(client_flow())
    assert [f"Cliente {n}" for n in range(6)] == names(here.erp)
    return report


class TestAsyncio:
    """``task.cancel()`` and timeouts of the standard library."""

    def cancel(self, here, start):
        """Cancel while the first request is under way; return what the task raised."""

        async def play():
            begun, go_on = hold_first(here)
            task = asyncio.ensure_future(start())
            await until(begun)
            task.cancel()
            await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            sent = len(here.erp.sent)
            for _ in range(200):
                await asyncio.sleep(0)
            return sent

        return asyncio.run(play())

    def test_no_request_after_the_cancellation(self, here):
        """The request under way is waited for; when the task has ended, no thread goes on in its name."""
        sent = self.cancel(here, lambda: here.engine.arun(client_flow()))
        assert (1, 1) == (sent, len(here.erp.sent))

    def test_its_outcome_is_recorded(self, here):
        """The next run need not read it back."""
        self.cancel(here, lambda: here.engine.arun(client_flow()))
        here.erp.looks.clear()
        finish(here)
        assert ("find", "Client") not in here.erp.looks
        assert 6 == len(here.erp.sent)

    def test_the_lease_is_given_back(self, here):
        """Another engine can go on at once."""
        self.cancel(here, lambda: here.engine.arun(client_flow()))
        assert [] == here.ledger.leases.held()

    def test_apply_hears_it_too(self, here):
        """Like a run."""
        plan = here.engine.plan(client_flow())
        sent = self.cancel(here, lambda: here.engine.aapply(plan, client_flow()))
        assert (1, 1) == (sent, len(here.erp.sent))

    def test_a_timeout_cancels(self, here):
        """``asyncio.wait_for`` ends the run as well."""

        async def play():
            begun, go_on = hold_first(here)
            run = asyncio.ensure_future(here.engine.arun(client_flow()))
            await until(begun)
            task = asyncio.ensure_future(asyncio.wait_for(run, 0.01))
            await asyncio.sleep(0)  # its time begins before ours does, however long the machine stands still
            await asyncio.sleep(0.02)
            for _ in range(10):  # the run has heard of it before it may go on
                await asyncio.sleep(0)
            go_on.set()
            with pytest.raises((asyncio.TimeoutError, TimeoutError)):
                await task

        asyncio.run(play())
        assert 1 == len(here.erp.sent)
        finish(here)

    @pytest.mark.parametrize("twin", ["aplan", "aadopt"])
    def test_reading_is_cancelled_between_pages(self, twin):
        """A plan or an adoption over many pages stops at the next one."""
        begun, go_on = threading.Event(), threading.Event()
        read = []

        def slow(kind, since, pages):
            for page in pages:
                read.append(page)
                if len(read) == 2:
                    begun.set()
                    assert go_on.wait(60)
                yield page

        flow = client_flow(match=(MatchKey("name", lambda one: one.name, is_strong=False),))
        with rig(crm_of(map(client, range(20)), page_size=2), erp_of()) as here:
            here.crm.pages = slow

            async def play():
                task = asyncio.ensure_future(getattr(here.engine, twin)(flow))
                await until(begun)
                task.cancel()
                await asyncio.sleep(0)
                go_on.set()
                with pytest.raises(asyncio.CancelledError):
                    await task

            asyncio.run(play())
            assert 3 >= len(read)


class TestAnyio:
    """Cancel scopes of structured concurrency."""

    def test_a_scope_that_is_cancelled(self, here):
        """The run ends between two requests and the scope swallows the cancellation."""

        async def play():
            begun, go_on = hold_first(here)
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(here.engine.arun, client_flow())
                    await until(begun)
                    scope.cancel()
                    go_on.set()
            return scope.cancelled_caught

        assert (True, 1) == (anyio.run(play), len(here.erp.sent))
        finish(here)

    def test_a_deadline(self, here):
        """``fail_after`` raises in the caller, and nothing goes on behind its back."""

        async def play():
            begun, go_on = hold_first(here)

            async def set_deadline(scope):
                await until(begun)
                scope.deadline = anyio.current_time()  # it passes while the first request is under way
                await anyio.sleep(0.02)
                go_on.set()

            async def hurried(tasks):
                with anyio.fail_after(60) as scope:
                    tasks.start_soon(set_deadline, scope)
                    await here.engine.arun(client_flow())

            async with anyio.create_task_group() as tasks:
                with pytest.raises(TimeoutError):
                    await hurried(tasks)

        anyio.run(play)
        assert 1 == len(here.erp.sent)
        finish(here)


class TestWaiting:
    """A run that waits for something."""

    def test_a_long_wait_hears_it(self):
        """Waiting for an unknown fate ends when somebody cancels, not when the time is over."""
        with rig(crm_of([client(1)]), erp_of(guard="marker", abilities={"settle_seconds": 100.0})) as here:
            begun = threading.Event()
            go_on = threading.Event()
            rest = here.clock.sleep

            def nap(seconds):
                begun.set()
                assert go_on.wait(60)
                rest(seconds)

            here.clock.sleep = nap
            here.erp.answers = [lost_before]

            async def play():
                task = asyncio.ensure_future(here.engine.arun(client_flow()))
                await until(begun)
                task.cancel()
                await asyncio.sleep(0)
                go_on.set()
                with pytest.raises(asyncio.CancelledError):
                    await task

            asyncio.run(play())
            assert (1, True) == (len(here.open_operations(client_flow())), here.clock.monotonic() < 60)


class TestToken:
    """What threads and signal handlers set."""

    def test_it_is_set_once_and_stays(self):
        """Nobody takes it back."""
        token = CancelToken()
        assert not token.is_set
        token.set()
        assert token.is_set

    def test_it_may_ask_somebody(self):
        """A poll that says yes once is enough."""
        answers = [False, True, False]
        token = CancelToken(lambda: answers.pop(0))
        assert [False, True, True] == [token.is_set for _ in range(3)]

    def test_a_cancelled_run_says_so(self, here):
        """The blocking engine raises a typed error with the report so far and the next step."""
        token = CancelToken()
        here.erp.before_write = lambda writes: token.set()
        with pytest.raises(FlowError, match="cancelled") as caught:
            here.engine._run(client_flow(), None, token)
        assert (1, True) == (caught.value.report["clients"].created, bool(caught.value.hint))
        finish(here)


class TestWorkers:
    """A few threads that do one job each."""

    def test_one_worker_is_the_caller(self):
        """No thread is started for one at a time."""
        with Workers(1, lambda job: threading.get_ident(), bool) as workers:
            workers.start("job")
            assert [("job", threading.get_ident())] == list(workers.finished())
            assert (True, True) == (workers.is_idle, workers.has_room)

    def test_no_more_than_its_size(self):
        """Room is what is not under way and not waiting to be collected."""
        gate = threading.Event()
        with Workers(2, lambda job: gate.wait(60) and job, lambda result: False) as workers:
            workers.start(1)
            assert workers.has_room
            workers.start(2)
            assert not workers.has_room
            gate.set()
            found = []
            while not workers.is_idle:
                found += workers.finished()
            assert [(1, 1), (2, 2)] == sorted(found)

    def test_what_a_job_raises_comes_out(self):
        """An error of a job is the caller's."""

        def fail(job):
            raise ValueError(job)

        with Workers(2, fail, bool) as workers:
            workers.start("bad")
            with pytest.raises(ValueError, match="bad"):
                list(workers.finished())

    @pytest.mark.parametrize(("can_wait", "held"), [(True, 6), (False, 2)])
    def test_what_can_wait_gives_its_place_away(self, can_wait, held):
        """A result that may be collected later makes room for another job, up to three times the size."""
        with Workers(2, lambda job: job, lambda result: can_wait) as workers:
            started = 0
            while started < 2 or workers.has_room:
                workers.start(started)
                workers.give_way(20)  # until it ended
                started += 1
            assert held == started
            assert list(range(held)) == sorted(job for job, _ in workers.finished())

    def test_what_failed_is_collected_first(self):
        """A job that raised makes no room: the caller has to hear of it."""

        def fail(job):
            raise ValueError(job)

        with Workers(1 + 1, fail, lambda result: True) as workers:
            for job in ("one", "two"):
                workers.start(job)
                workers.give_way(20)
            assert not workers.has_room
            with pytest.raises(ValueError, match=r"one|two"):
                list(workers.finished())
