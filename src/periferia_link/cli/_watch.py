"""Passes one after the other until somebody says stop: ``run --watch``."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

from periferia_link.cli._exit_codes import ExitCode
from periferia_link.engine import Engine, Flow, Plan, RunReport
from periferia_link.errors import ConfigurationError, LeaseHeldError, LedgerError, LinkError, WrongSystemError
from periferia_link.typing import Clock

__all__ = ["Stop", "passes", "run_once"]

_Answer = TypeVar("_Answer")
_NAP = 1.0  # seconds: how soon a wait hears the stop
_LEAST = 30.0  # seconds to wait after a pass that failed
_MOST = 3600.0


class Stop:
    """
    Hears Ctrl-C and SIGTERM: the request in flight ends, its outcome is remembered, then the work stops.

    A second signal does not wait: the process ends at once, as if it had been killed, and the next run reads back what
    was in flight. Nothing is closed under a thread that still works.

    Args:
        leave: Ends the process with a code.
    """

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        self.signal: int | None = None
        self._leave = leave
        self._cancel: Callable[[], object] | None = None

    def is_set(self) -> bool:
        """Whether somebody said stop."""
        return self.signal is not None

    @property
    def code(self) -> ExitCode:
        """What the shell sees then."""
        return ExitCode.TERMINATED if self.signal == signal.SIGTERM else ExitCode.INTERRUPTED

    def __call__(self, number: int, frame: FrameType | None = None) -> None:
        """Take a signal."""
        del frame
        if self.is_set():
            self._leave(128 + number)
        self.signal = number
        if self._cancel is not None:
            self._cancel()

    @contextmanager
    def heard(self) -> Iterator[Stop]:
        """Listen while the block works; outside of the main thread nobody can."""
        before: dict[int, Any] = {}
        with suppress(ValueError):
            for number in (int(signal.SIGINT), int(signal.SIGTERM)):
                before[number] = signal.signal(number, self)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def work(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        """
        Do something that can be cancelled between two requests.

        Raises:
            KeyboardInterrupt: Somebody said stop; what was in flight is over.
        """
        try:
            return asyncio.run(self._until_cancelled(work))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        except LinkError:
            if self.is_set():
                raise KeyboardInterrupt from None
            raise

    async def _until_cancelled(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        # a signal wakes no loop by itself: it is told from inside
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self.is_set():
            task.cancel()
        try:
            return await task
        finally:
            self._cancel = None


def run_once(engine: Engine, flows: Sequence[Flow], plan: Plan | None, stop: Stop) -> RunReport:
    """
    Run the flows, or apply a plan, and hear the stop meanwhile.

    Raises:
        KeyboardInterrupt: Somebody said stop.
        LinkError: As the engine says.
    """
    return stop.work(engine.arun(flows) if plan is None else engine.aapply(plan, flows))


def passes(
    once: Callable[[], RunReport], *, every: float, clock: Clock, stop: Stop
) -> Iterator[tuple[RunReport | LinkError, float]]:
    """
    Yield the outcome of each pass and how many seconds there are until the next.

    A pass that fails is followed by another, later and later: the first wait after a failure is the usual one, then it
    doubles, up to an hour. What no waiting heals (the file, another installation behind a name, a ledger that cannot be
    used) is raised. Somebody else at work is no failure.

    Raises:
        ConfigurationError: Of a pass.
        LedgerError: Of a pass, when it is not that another process holds it.
    """
    failures = 0
    while not stop.is_set():
        begun = clock.monotonic()
        try:
            outcome: RunReport | LinkError = once()
            failures = 0
        except LeaseHeldError as exc:
            outcome = exc
        except (ConfigurationError, WrongSystemError):
            raise
        except LinkError as exc:
            if isinstance(exc, LedgerError) and not _is_busy(exc):
                raise
            outcome = exc
            failures += 1
        except KeyboardInterrupt:
            if stop.is_set():
                return
            raise
        wait = max(0.0, every - (clock.monotonic() - begun))
        if failures:
            wait = min(max(every, _LEAST) * 2 ** min(failures - 1, 10), max(_MOST, every))
        yield outcome, wait
        _sleep(wait, clock, stop)


def _is_busy(error: LedgerError) -> bool:
    return ExitCode.of(error) is ExitCode.HELD


def _sleep(seconds: float, clock: Clock, stop: Stop) -> None:
    end = clock.monotonic() + seconds
    left = seconds
    while left > 0 and not stop.is_set():
        clock.sleep(min(_NAP, left))
        left = end - clock.monotonic()
