"""``run --watch``: passes until somebody says stop, on a clock that is passed in."""

from __future__ import annotations

import json
import os
import signal

import pytest

from memory_installation import MemorySystem
from periferia_link.domain import Client
from periferia_link.engine import RunReport
from periferia_link.errors import (
    CeilingError,
    ConfigurationError,
    LeaseHeldError,
    LedgerBusyError,
    LedgerCorruptError,
    UnavailableError,
    WrongSystemError,
)
from periferia_link.testing.emulators import ManualClock

pytest.importorskip("typer", reason="the extra cli is not installed")

from periferia_link.cli import _run, _watch
from periferia_link.cli._watch import Stop, passes


def outcomes(*results, every=60.0, seconds=0.0):
    """Return what the passes yield: outcome and wait; the last one says stop."""
    clock, stop = ManualClock(), Stop()
    waiting = list(results)

    def once():
        clock.advance(seconds)
        result = waiting.pop(0)
        if not waiting:
            stop(signal.SIGTERM)
        if isinstance(result, BaseException):
            raise result
        return result

    return list(passes(once, every=every, clock=clock, stop=stop)), clock


WELL = RunReport()
DOWN = UnavailableError("nobody answers")


class TestPasses:
    def test_every_so_often(self):
        """From the beginning of a pass to that of the next."""
        found, clock = outcomes(WELL, WELL, WELL, seconds=10.0)
        assert [50.0, 50.0, 50.0] == [wait for _, wait in found]
        assert 100.0 == sum(clock.sleeps)

    def test_a_pass_that_takes_long(self):
        """The next one follows at once, never two at a time."""
        assert [0.0, 0.0] == [wait for _, wait in outcomes(WELL, WELL, seconds=90.0)[0]]

    def test_failures_wait_longer_and_longer(self):
        """It goes on; the first success makes it quick again."""
        found, _ = outcomes(DOWN, DOWN, DOWN, WELL, DOWN, WELL)
        assert [60.0, 120.0, 240.0, 60.0, 60.0, 60.0] == [wait for _, wait in found]
        assert DOWN is found[0][0]

    def test_not_for_ever_and_not_at_once(self):
        """At least half a minute, at most an hour."""
        assert [30.0, 60.0] == [wait for _, wait in outcomes(DOWN, DOWN, every=1.0)[0]]
        assert 3600.0 == outcomes(*[DOWN] * 15)[0][-1][1]
        assert 7200.0 == outcomes(*[DOWN] * 5, every=7200.0)[0][-1][1]

    @pytest.mark.parametrize("error", [LeaseHeldError("held")])
    def test_somebody_else_at_work_is_no_failure(self, error):
        """It is looked at again after the usual time."""
        assert [60.0, 60.0, 60.0] == [wait for _, wait in outcomes(error, error, WELL)[0]]

    @pytest.mark.parametrize("error", [LedgerBusyError("busy"), CeilingError("too many")])
    def test_what_a_person_or_time_heals(self, error):
        """It goes on."""
        assert error is outcomes(error, WELL)[0][0][0]

    @pytest.mark.parametrize("error", [ConfigurationError("x"), WrongSystemError("x"), LedgerCorruptError("x")])
    def test_what_no_waiting_heals(self, error):
        """It stops with that error."""
        with pytest.raises(type(error)):
            outcomes(error, WELL)

    def test_stopped_in_the_middle(self):
        """A pass that was stopped is no outcome; an interruption that nobody asked for goes on upwards."""
        assert [WELL] == [outcome for outcome, _ in outcomes(WELL, KeyboardInterrupt())[0]]
        with pytest.raises(KeyboardInterrupt):
            outcomes(KeyboardInterrupt(), WELL)

    def test_a_wait_hears_the_stop(self):
        """Within a second, not after five minutes."""
        clock, stop = ManualClock(), Stop()
        slept = []

        class Clock(ManualClock):
            def sleep(self, seconds):
                slept.append(seconds)
                super().sleep(seconds)
                if len(slept) == 3:
                    stop(signal.SIGINT)

        clock = Clock()
        assert 1 == len(list(passes(lambda: WELL, every=300.0, clock=clock, stop=stop)))
        assert [1.0, 1.0, 1.0] == slept


class TestStop:
    @pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_it_hears(self, number, code):
        """Both signals; what was there before hears again afterwards."""
        before = signal.getsignal(number)
        with Stop().heard() as stop:
            os.kill(os.getpid(), number)
            assert stop.is_set()
            assert code == stop.code
        assert before is signal.getsignal(number)

    def test_the_second_one_does_not_wait(self):
        """A person who insists is heard: the process ends at once, nothing is closed under a thread that works."""
        left = []
        stop = Stop(leave=left.append)
        stop(signal.SIGINT)
        assert [] == left
        stop(signal.SIGTERM)
        assert [143] == left

    def test_stopped_before_it_began(self):
        """Nothing is begun then."""

        async def work():
            return 1

        stop = Stop()
        assert 1 == stop.work(work())
        stop(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            stop.work(work())

    def test_an_error_while_it_stops(self):
        """What the stop itself caused is not told as an error."""
        stop = Stop()

        async def work():
            stop.signal = signal.SIGTERM
            raise UnavailableError("cancelled")

        with pytest.raises(KeyboardInterrupt):
            stop.work(work())

    def test_an_error_of_its_own(self):
        """Other errors go on upwards."""

        async def work():
            raise UnavailableError("nobody answers")

        with pytest.raises(UnavailableError):
            Stop().work(work())


@pytest.fixture
def watched(office, clock, command, monkeypatch):
    """Watch for some passes: what is done before each of them is given; then SIGTERM."""

    def run(*steps, words=()):
        real, waiting, heard = _watch.run_once, list(steps), []

        def once(engine, flows, plan, stop):
            step = waiting.pop(0)
            step()
            try:
                return real(engine, flows, plan, stop)
            finally:
                heard.append(stop)
                if not waiting:
                    stop(signal.SIGTERM)

        monkeypatch.setattr(_run, "run_once", once)
        return command("run", "--watch", "--every", "60", *words)

    return run


def nothing():
    """Do nothing before a pass."""


def new_client():
    """Enter a client."""
    MemorySystem.stores["crm"].put(Client(name="Zeta S.A."))


def goes_down():
    """Let the help desk go away."""
    MemorySystem.stores["helpdesk"].is_down = True


def comes_back():
    """Let it come back."""
    MemorySystem.stores["helpdesk"].is_down = False


class TestCommand:
    def test_a_line_for_each_pass(self, watched):
        """What each pass wrote and what waits; a table only where something was written."""
        code, out, err = watched(nothing, nothing, new_client)
        assert (143, "") == (code, err)
        lines = [line for line in out.splitlines() if line.startswith("2026-")]
        assert [
            "2026-11-20 09:00  4 writes, 0 parked, 0 in review, 0.0 s",
            "2026-11-20 09:01  0 writes, 0 parked, 0 in review, 0.0 s",
            "2026-11-20 09:02  1 write, 0 parked, 0 in review, 0.0 s",
        ] == lines
        assert "A pass every 60 s." in out
        assert out.endswith("Stopped. Nothing was left half done: the next run goes on here.\n")

    def test_a_failing_pass_is_not_the_end(self, office, watched):
        """What happened, where, what next, when it is tried again; then it works again."""
        code, out, err = watched(goes_down, comes_back)
        assert 143 == code
        assert "2026-11-20 09:00  the pass failed" in err
        assert "nobody answers" in err
        assert "The next pass is in 60 s." in err
        assert "2026-11-20 09:01  2 writes" in out

    def test_for_programs(self, watched):
        """One line of JSON for each pass, and nothing else on standard output."""
        code, out, _ = watched(goes_down, comes_back, words=("--json",))
        assert 143 == code
        first, second = (json.loads(line) for line in out.splitlines())
        assert (1, "2026-11-20T14:00:00Z", None, "FlowError") == (
            first["pass"], first["at"], first["flows"], first["error"]["error"]
        )  # fmt: skip
        assert (2, None, 2) == (second["pass"], second["error"], second["flows"]["labour_costs"]["created"])

    def test_a_plan_is_applied_once(self, office, command):
        """Watching a plan makes no sense."""
        assert 2 == command("run", "--watch", "--plan", "x.json")[0]

    @pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_single_run_is_stopped_between_requests(self, office, command, monkeypatch, number, code):
        """The signal comes in the middle: the run ends in order, its lease is given back, the next one goes on."""
        real, sent = MemorySystem.pull, []

        def pull(self, kind, since=None):
            if not sent:
                sent.append(number)
                os.kill(os.getpid(), number)
            yield from real(self, kind, since)

        monkeypatch.setattr(MemorySystem, "pull", pull)
        found, _, err = command("run")
        assert code == found
        assert "Traceback" not in err
        assert "interrupted" in err or "Stopped" in err
        monkeypatch.setattr(MemorySystem, "pull", real)
        assert 0 == command("run")[0]
