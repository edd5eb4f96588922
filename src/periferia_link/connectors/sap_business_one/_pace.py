"""How many requests at once the company can take now: half after the balancer gave up, one more after a quiet while."""

from __future__ import annotations

import threading
from typing import Final

from periferia_link.transport._pacing import Gate
from periferia_link.typing import Response

__all__ = ["Pace"]

_STRAINED: Final = frozenset({502, 503, 504})  # there is no 429: the balancer runs out of workers
_QUIET: Final = 20


class Pace:
    """
    Listens to every answer; thread-safe.

    An answer of the balancer instead of SAP halves the number of requests at once; twenty answers without one raise
    it by one, up to what was configured. Answers to requests that were under way when it was halved count once.

    Args:
        gate: Shared by everybody who speaks to the company as the same user.

        parallel: Requests at once where nobody complains.
    """

    def __init__(self, gate: Gate, parallel: int) -> None:
        self._gate = gate
        self._most = self.parallel = parallel
        self._quiet = 0
        self._ignored = 0
        self._lock = threading.Lock()

    def heard(self, answer: Response) -> None:
        """Take what an answer says about the strain."""
        if answer.status in _STRAINED:
            self._slow_down()
        elif self.parallel < self._most and answer.status < 500:
            self._go_on()

    def _slow_down(self) -> None:
        with self._lock:
            if self._ignored > 0:  # it was sent while there were still too many
                self._ignored -= 1
                return
            self._ignored = self.parallel - 1
            self.parallel, self._quiet = max(1, self.parallel // 2), 0
            self._gate.ease(self.parallel)

    def _go_on(self) -> None:
        with self._lock:
            self._ignored = max(0, self._ignored - 1)
            self._quiet += 1
            if self._quiet < _QUIET or self.parallel >= self._most:
                return
            self.parallel, self._quiet = self.parallel + 1, 0
            self._gate.ease(self.parallel)
