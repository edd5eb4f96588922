"""Rate limits: the service first says how little is left, then delays, then blocks."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from periferia_link.testing.emulators._devops_refusals import DevOpsRefused
from periferia_link.typing import Response

__all__ = ["Limits"]


class Limits:
    """
    So many units in a sliding window, one per request; off until ``units`` is set.

    From ``warn`` of them on an answer tells what is left, from ``delay`` on it is late and asks with ``Retry-After``
    to slow down although its status is 200, beyond ``units`` it is 429 (wire sheet, section 6).
    """

    def __init__(self) -> None:
        self.units: int | None = None
        self.warn = 0.5
        self.delay = 0.75
        self.window = 300.0
        self.pause = 5
        self.block = 30
        self._spent: deque[float] = deque()

    def enter(self, now: datetime) -> dict[str, str]:
        """
        Count a request and return the headers for its answer.

        Raises:
            DevOpsRefused: More than allowed.
        """
        if self.units is None:
            return {}
        moment = now.timestamp()
        while self._spent and self._spent[0] <= moment - self.window:
            self._spent.popleft()
        used = len(self._spent) + 1
        headers = {
            "X-RateLimit-Resource": "DevOps/Core/ConcurrentRequests",
            "X-RateLimit-Limit": str(self.units),
            "X-RateLimit-Remaining": str(max(self.units - used, 0)),
            "X-RateLimit-Reset": str(int((self._spent[0] if self._spent else moment) + self.window)),
        }
        if used > self.units:
            message = (
                "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource "
                "Concurrency in namespace ConcurrentRequests."
            )
            headers["Retry-After"] = str(self.block)
            raise DevOpsRefused(429, "RequestBlockedException", message, headers=headers)
        self._spent.append(moment)
        if used > self.units * self.delay:
            return headers | {"Retry-After": str(self.pause), "X-RateLimit-Delay": f"{self.pause / 4:.3f}"}
        return headers if used > self.units * self.warn else {}

    def reset(self) -> None:
        """Forget what was spent."""
        self._spent.clear()

    @staticmethod
    def marked(answer: Response, headers: dict[str, str]) -> Response:
        """Put the headers on an answer."""
        return Response(answer.status, (*answer.headers, *headers.items()), answer.body) if headers else answer
