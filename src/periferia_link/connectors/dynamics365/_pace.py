"""How many requests at once the environment can take now: fewer after a limit was met, one more after a quiet while."""

from __future__ import annotations

import threading
from typing import Final

from periferia_link.transport._odata import error_of
from periferia_link.transport._pacing import Gate
from periferia_link.typing import Response

__all__ = ["Pace"]

_STRAINED: Final = frozenset({"0x80072321", "0x80072326"})  # execution time, concurrency (api-limits.md)
_QUIET: Final = 50
_SESSION: Final = "x-ms-session-token"


class Pace:
    """
    Listens to every answer; thread-safe.

    A limit of requests is a pause and nothing else. One of execution time or concurrency says that there are too many
    at once: their number is halved, and grows by one after 50 answers without complaint. The environment's own hint is
    never exceeded. ``session`` is the token with which elastic tables show what was written just now.

    Args:
        gate: Shared by everybody who asks as the same user.

        parallel: Requests at once where nobody complains.
    """

    def __init__(self, gate: Gate, parallel: int) -> None:
        self._gate = gate
        self._most = self.parallel = parallel
        self._quiet = 0
        self._lock = threading.Lock()
        self.session: str | None = None

    def heard(self, answer: Response) -> None:
        """Take what an answer says about pace and session."""
        if answer.status == 429:
            error = error_of(answer.body)
            if error is not None and error[0].lower() in _STRAINED:
                self._slow_down()
            return
        token = answer.header(_SESSION)
        if token is not None:
            self.session = token
        if self.parallel < self._most and answer.status < 500:
            self._go_on()

    def hint(self, text: str) -> None:
        """Take the environment's advice (``x-ms-dop-hint``); what is no number is none."""
        if text.isdigit() and int(text) > 0:
            self._gate.narrow(int(text))
            with self._lock:
                self._most = min(self._most, int(text))
                self.parallel = min(self.parallel, self._most)

    def _slow_down(self) -> None:
        with self._lock:
            self.parallel, self._quiet = max(1, self.parallel // 2), 0
        self._gate.ease(self.parallel)

    def _go_on(self) -> None:
        with self._lock:
            self._quiet += 1
            if self._quiet < _QUIET:
                return
            self.parallel, self._quiet = self.parallel + 1, 0
        self._gate.ease(self.parallel)
