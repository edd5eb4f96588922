"""The gate: bounded, shared, paused for everybody."""

from __future__ import annotations

import gc
import threading

import pytest

from periferia_link.clock import SystemClock
from periferia_link.errors import UnavailableError
from periferia_link.transport._pacing import Gate, gate_for


class TestPlaces:
    """At most so many requests in flight."""

    def test_bounded(self, clock) -> None:
        """Twelve threads, never more than three inside; none is lost."""
        gate = Gate(clock, parallel=3)
        lock, barrier, everybody_started = threading.Lock(), threading.Barrier(3), threading.Event()
        inside, seen = [0], []

        def work():
            with gate.enter():
                with lock:
                    inside[0] += 1
                    seen.append(inside[0])
                assert everybody_started.wait(60)
                barrier.wait(60)
                with lock:
                    inside[0] -= 1

        threads = [threading.Thread(target=work, daemon=True) for _ in range(12)]
        for thread in threads:
            thread.start()
        everybody_started.set()
        for thread in threads:
            thread.join(60)
        assert (12, 3) == (len(seen), max(seen))
        assert "Gate(parallel=3, in_flight=0)" == repr(gate)

    def test_a_failure_gives_the_place_back(self, clock) -> None:
        """An exception inside leaves nothing behind."""
        gate = Gate(clock, parallel=1)
        for _ in range(2):
            with pytest.raises(KeyError), gate.enter(within=0.0):
                raise KeyError
        with gate.enter(within=0.0):
            pass

    def test_no_place_in_time(self, clock) -> None:
        """A write that would have to wait for too long was not sent, and may come back at once."""
        gate = Gate(clock, parallel=1)
        with gate.enter(), pytest.raises(UnavailableError) as caught, gate.enter(within=0.01):
            pytest.fail("two inside")
        assert 0.0 == caught.value.retry_after


class TestPauses:
    """After a 429."""

    def test_everybody_waits_through_the_clock(self, clock) -> None:
        """The next to enter sleeps exactly as long as the pause lasts; nobody waits twice."""
        gate = Gate(clock)
        gate.pause(120.0)
        clock.seconds += 20
        with gate.enter():
            pass
        with gate.enter():
            pass
        assert [100.0] == clock.sleeps

    def test_the_longer_pause_counts(self, clock) -> None:
        """A short pause does not end a long one."""
        gate = Gate(clock)
        gate.pause(60.0)
        gate.pause(1.0)
        with gate.enter():
            pass
        assert 60.0 == clock.seconds

    def test_a_pause_during_a_pause(self, clock) -> None:
        """A pause that grows while somebody waits is waited for, too."""
        gate = Gate(clock)
        gate.pause(10.0)
        move = clock.sleep

        def sleep_and_be_asked_again(seconds):
            move(seconds)
            if clock.seconds < 15:
                gate.pause(30.0)

        clock.sleep = sleep_and_be_asked_again
        with gate.enter():
            assert 40.0 == clock.seconds

    def test_a_pause_longer_than_the_patience(self, clock) -> None:
        """A write is handed back with the seconds to wait; the place is free again."""
        gate = Gate(clock, parallel=1)
        gate.pause(300.0)
        with pytest.raises(UnavailableError) as caught, gate.enter(within=30.0):
            pytest.fail("let in")
        assert 300.0 == caught.value.retry_after
        assert [] == clock.sleeps
        with gate.enter():
            pass


class TestSharing:
    """One gate per system and user."""

    def test_same_key_same_gate(self) -> None:
        """The strictest number counts; clocks of this machine are all alike."""
        gate = gate_for(("https://erp.example", "anna"), SystemClock(), 8)
        assert gate is gate_for(("https://erp.example", "anna"), SystemClock(), 4)
        assert gate is gate_for(("https://erp.example", "anna"), SystemClock(), 16)
        assert "Gate(parallel=4, in_flight=0)" == repr(gate)
        assert gate is not gate_for(("https://erp.example", "bert"), SystemClock(), 8)

    def test_clocks_of_tests_are_apart(self, clock, tools) -> None:
        """A pause by one moved clock is none of another."""
        gate = gate_for("key", clock, 8)
        assert gate is gate_for("key", clock, 8)
        assert gate is not gate_for("key", tools.Clock(), 8)

    def test_forgotten_when_nobody_holds_it(self, clock) -> None:
        """The registry keeps nothing alive."""
        gate_for("key", clock, 1)
        gc.collect()
        assert "Gate(parallel=8, in_flight=0)" == repr(gate_for("key", clock, 8))
