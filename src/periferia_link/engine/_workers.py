"""A few threads that do one request each and hand back the outcome; the driver keeps the ledger to itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

__all__ = ["CancelToken", "Workers"]

_UNCOLLECTED = 3  # times the size: recording outcomes can wait for a moment in which there is nothing to send
J = TypeVar("J")
R = TypeVar("R")


class CancelToken:
    """Set from any thread or signal handler; the driver looks at it between requests."""

    def __init__(self, poll: Callable[[], bool] | None = None) -> None:
        self._event = threading.Event()
        self._poll = poll

    def set(self) -> None:
        """Ask the run to stop after the requests in flight."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        if self._poll is not None and self._poll():
            self._event.set()
        return self._event.is_set()


class Workers(Generic[J, R]):
    """
    At most *size* jobs at a time; with one, everything happens on the calling thread, in order.

    Args:
        size: How many jobs run side by side.

        do: Does one job.

        can_wait: Whether a result may be collected later: its job gives its place to another one meanwhile.
    """

    def __init__(self, size: int, do: Callable[[J], R], can_wait: Callable[[R], bool]) -> None:
        self._size = size
        self._do = do
        self._can_wait = can_wait
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="periferia-link") if size > 1 else None
        self._under_way: dict[Future[R], J] = {}
        self._ready: list[tuple[J, R]] = []

    @property
    def has_room(self) -> bool:
        """Whether another job may start."""
        held = len(self._under_way) + len(self._ready)
        if held < self._size or self._pool is None:
            return held < self._size
        ended = [future for future in self._under_way if future.done()]
        return (
            held - len(ended) < self._size
            and held < _UNCOLLECTED * self._size
            and all(future.exception() is None and self._can_wait(future.result()) for future in ended)
        )

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and nothing waits to be collected."""
        return not self._under_way and not self._ready

    def start(self, job: J) -> None:
        """Begin a job."""
        if self._pool is None:
            self._ready.append((job, self._do(job)))
        else:
            self._under_way[self._pool.submit(self._do, job)] = job

    def finished(self) -> Iterator[tuple[J, R]]:
        """Wait for at least one job and yield those that ended; re-raises what a job raised."""
        if self._ready:
            ready, self._ready = self._ready, []
            yield from ready
            return
        done, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
        for future in done:
            job = self._under_way.pop(future)
            yield job, future.result()

    def ended(self) -> Iterator[tuple[J, R]]:
        """Yield the jobs that have ended, without waiting for any; re-raises what a job raised."""
        if self._ready or any(future.done() for future in self._under_way):
            yield from self.finished()

    def give_way(self, seconds: float) -> None:
        """Let the job that was started last get going before the caller works on: all share one interpreter."""
        if self._under_way:
            wait([next(reversed(self._under_way))], seconds)

    def __enter__(self) -> Workers[J, R]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for what is under way and end the threads."""
        if self._pool is not None:
            # requests in flight end by their own deadline; their outcome is settled by the next run
            self._pool.shutdown(wait=True, cancel_futures=True)
