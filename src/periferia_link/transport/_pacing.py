"""One gate per (system, user): how many requests are in flight, and a pause for all when the system asks for one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from periferia_link.clock import SystemClock
from periferia_link.errors import UnavailableError
from periferia_link.typing import Clock

__all__ = ["Gate", "gate_for"]


class Gate:
    """
    Lets at most ``parallel`` requests through at once, and none during a pause.

    Every transport, thread and flow that talks to one system as one user shares it, so a 429 stops them all.
    """

    def __init__(self, clock: Clock, *, parallel: int = 16) -> None:
        self._clock = clock
        self._parallel = self._eased = max(1, parallel)
        self._in_flight = 0
        self._open_at = float("-inf")
        self._changed = threading.Condition()

    @contextmanager
    def enter(self, *, within: float | None = None) -> Iterator[None]:
        """
        Hold a place while the block runs; wait for the end of a pause and for a free place first.

        Args:
            within: Seconds to wait at most; ``None`` waits as long as it takes.

        Raises:
            UnavailableError: It would take longer than ``within``; ``retry_after`` says how long the pause lasts.
        """
        self._take_place(within)
        try:
            self._wait_for_opening(within)
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify()

    def pause(self, seconds: float) -> None:
        """Let nobody in for that many seconds from now; a longer pause under way stays."""
        with self._changed:
            self._open_at = max(self._open_at, self._clock.monotonic() + seconds)

    def narrow(self, parallel: int) -> None:
        """Lower the number of places; it never grows: the strictest of those who share the gate counts."""
        with self._changed:
            self._parallel = max(1, min(self._parallel, parallel))

    def ease(self, parallel: int) -> None:
        """Use at most that many of the places until somebody says another number: the system is under strain."""
        with self._changed:
            self._eased = max(1, parallel)
            self._changed.notify_all()

    def _take_place(self, within: float | None) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._in_flight < min(self._parallel, self._eased), within):
                msg = f"{self._parallel} requests are in flight already, nothing was sent"
                raise UnavailableError(msg, retry_after=0.0)
            self._in_flight += 1

    def _wait_for_opening(self, within: float | None) -> None:
        while (closed := self._open_at - self._clock.monotonic()) > 0:
            if within is not None and closed > within:
                msg = f"the system asked for a pause that lasts {closed:.0f} more seconds, nothing was sent"
                raise UnavailableError(msg, retry_after=closed)
            self._clock.sleep(closed)

    def __repr__(self) -> str:
        return f"Gate(parallel={self._parallel}, in_flight={self._in_flight})"


_gates: weakref.WeakValueDictionary[Hashable, Gate] = weakref.WeakValueDictionary()
_gates_lock = threading.Lock()


def gate_for(key: Hashable, clock: Clock, parallel: int) -> Gate:
    """
    Return the gate that everybody with this key shares; it lives as long as somebody holds it.

    Args:
        key: Origin and user, for instance.

        clock: Clock of the pauses; clocks of tests never share a gate with another one.

        parallel: Requests in flight; the smallest number asked for counts.
    """
    shared = (key, SystemClock if isinstance(clock, SystemClock) else id(clock))
    with _gates_lock:
        gate = _gates.get(shared)
        if gate is None:
            _gates[shared] = gate = Gate(clock, parallel=parallel)
        gate.narrow(parallel)
        return gate
