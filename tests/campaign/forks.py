"""Work in forked children: each begins with everything its parent has made, and nothing that it does comes back."""

from __future__ import annotations

import gc
import os
import pickle
import selectors
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["JOBS", "in_children", "start_child"]

JOBS = 2
"""Children at a time."""

T = TypeVar("T")


def start_child(work: Callable[[int], object]) -> tuple[int, int]:
    """
    Fork; the child calls *work* with the writing end of a pipe and leaves, whatever happens.

    Returns its process number and the reading end.
    """
    reading, writing = os.pipe()
    gc.freeze()  # or the collector of each child copies every page by looking at it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads that others left are not touched here
        pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        os.close(reading)
        gc.disable()  # it lives for less than a second
        work(writing)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def in_children(works: Iterable[Callable[[], T]], *, jobs: int = JOBS) -> Iterator[T]:
    """
    Run each work in a child of its own, some at a time, and yield what they return, in the order they end.

    Raises:
        RuntimeError: A child ended without a result; its traceback is on stderr.
    """
    waiting = iter(works)
    with selectors.DefaultSelector() as selector:
        chunks: dict[int, bytes] = {}
        pids: dict[int, int] = {}

        def start() -> None:
            work = next(waiting, None)
            if work is not None:
                pid, reading = start_child(lambda writing: _tell(writing, work()))
                chunks[reading], pids[reading] = b"", pid
                selector.register(reading, selectors.EVENT_READ)

        for _ in range(jobs):
            start()
        while pids:
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                if data:
                    chunks[key.fd] += data
                    continue
                selector.unregister(key.fd)
                os.close(key.fd)
                os.waitpid(pids.pop(key.fd), 0)
                whole = chunks.pop(key.fd)
                start()
                if not whole:
                    msg = "a child ended without a result"
                    raise RuntimeError(msg)
                yield pickle.loads(whole)


def _tell(writing: int, result: Any) -> None:
    with os.fdopen(writing, "wb") as out:
        pickle.dump(result, out)
