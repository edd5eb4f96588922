"""Requests that are kept back, and a way to wait until there is one."""

from __future__ import annotations

import socket
import threading
from typing import Any

from periferia_link.testing.emulators._connection import Connection
from periferia_link.testing.emulators._faults import Fault

__all__ = ["Holding"]

_LONGEST = 30.0
_GO = b"!"


class Holding:
    """
    Keeps answers back so that a harness can act exactly between send and outcome.

    The harness waits for a request to be held (no polling, no sleeping), kills the client or releases it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[int, tuple[Fault, socket.socket]] = {}
        self._closed = False

    def hold(self, fault: Fault, connection: Connection) -> bool:
        """Keep the answer of *fault* back; True when it is released, False when the client or we left."""
        waiting, waking = socket.socketpair()
        with waiting, waking:
            with self._changed:
                self._held[fault.entry.n] = (fault, waking)
                self._changed.notify_all()
            ended = connection.wait(wake=waiting)
            with self._changed:
                self._held.pop(fault.entry.n, None)
            return ended == "woken" and waiting.recv(1) == _GO

    def wait(self, seconds: float, *, after: int = 0) -> list[dict[str, Any]]:
        """
        Return the held requests, oldest first, waiting until there is one.

        Args:
            seconds: How long to wait at most; 30 is the longest.

            after: Only requests whose number in the log is larger.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or any(n > after for n in self._held), min(seconds, _LONGEST))
            return [_described(fault) for n, (fault, _) in sorted(self._held.items()) if n > after]

    def release(self, n: int | None = None) -> int:
        """Let request *n* go on, or all of them; return how many were let go."""
        with self._changed:
            numbers = [held for held in self._held if n in (None, held)]
            for held in numbers:
                _, waking = self._held.pop(held)
                waking.send(_GO)
            return len(numbers)

    def drop(self) -> None:
        """End every held request without an answer and without a commit."""
        with self._changed:
            for _, waking in self._held.values():
                waking.close()
            self._held.clear()

    def close(self) -> None:
        """Drop everything and let nobody wait any more."""
        self.drop()
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _described(fault: Fault) -> dict[str, Any]:
    return {"n": fault.entry.n, "method": fault.entry.method, "path": fault.entry.path, "when": fault.when}
