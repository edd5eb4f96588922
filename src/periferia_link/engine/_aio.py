"""The async face: the blocking engine on a thread, cancelled between requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from periferia_link.engine._workers import CancelToken

__all__ = ["on_thread"]

T = TypeVar("T")


def _is_cancelled() -> bool:
    try:
        anyio.from_thread.check_cancelled()
    except RuntimeError:  # not on a worker thread of anyio: nobody to cancel us
        return False
    except BaseException:  # noqa: BLE001 - the cancellation exception of the event loop in use
        return True
    return False


async def on_thread(do: Callable[[CancelToken], T]) -> T:
    """
    Run *do* on a worker thread; when the awaiting task is cancelled, it stops before the next request.

    The request in flight is waited for, so that an outcome that arrives is recorded before the cancellation goes on.
    """
    token = CancelToken(_is_cancelled)
    ended = anyio.Event()

    def job() -> T:
        try:
            return do(token)
        finally:
            anyio.from_thread.run_sync(ended.set)

    try:
        return await anyio.to_thread.run_sync(job, limiter=anyio.CapacityLimiter(1))
    except anyio.get_cancelled_exc_class():
        # a task cancelled by asyncio itself leaves the await at once: the thread must not go on writing behind it
        token.set()
        with anyio.CancelScope(shield=True):
            await ended.wait()
        raise
    except Exception:
        # a cancelled scope lets the thread end first; then the cancellation is what happened, not the stop it caused
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise
