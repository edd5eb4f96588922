"""One request for the writes of one call, and what became of each of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from periferia_link.connectors.base import NotApplied, Outcome, Unknown
from periferia_link.connectors.dynamics365._outcomes import outcome_of, outcomes_of_batch
from periferia_link.connectors.dynamics365._requests import Operation, batch
from periferia_link.errors import AuthenticationError, ConnectorError, OutcomeUnknownError
from periferia_link.transport._http import Transport
from periferia_link.typing import Clock, Response

__all__ = ["Writer"]


class Writer:
    """Sends operations to one environment; thread-safe."""

    def __init__(self, transport: Transport, system: str, clock: Clock) -> None:
        self._transport = transport
        self._system = system
        self._clock = clock
        self._root = urlsplit(transport.base_url).path
        self._sign_ins = _SignIns()

    def send(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Send exactly one request: the only operation plainly, several as one batch that goes on at a refusal."""
        count = len(operations)
        generation = self._sign_ins.begin()
        is_plain = count == 1 and len(operations[0].parts) == 1
        try:
            answer = self._plain(operations[0]) if is_plain else self._batch(operations)
        except OutcomeUnknownError as exc:
            return [Unknown(exc)] * count
        except ConnectorError as exc:
            return [NotApplied(exc, exc.retry_after)] * count
        if answer.status != 401:
            self._sign_ins.accepted(generation)
        elif self._sign_ins.refused(generation):
            msg = "the credentials are refused, a fresh token too (status 401)"
            hint = "check the secret of the application and its user in the environment"
            error = AuthenticationError(msg, hint=hint, system=self._system, status_code=401)
            return [NotApplied(error)] * count
        now = self._clock.now()
        return (
            [outcome_of(operations[0], answer, now=now)] if is_plain else outcomes_of_batch(operations, answer, now=now)
        )

    def _plain(self, only: Operation) -> Response:
        part = only.parts[0]
        return self._transport.send(part.method, part.url, headers=part.headers, body=part.body)

    def _batch(self, operations: Sequence[Operation]) -> Response:
        content_type, body = batch(operations, self._root)
        headers = {"Content-Type": content_type, "Prefer": "odata.continue-on-error"}
        return self._transport.send("POST", "$batch", headers=headers, body=body)


class _SignIns:
    """
    Tells a token that expired from credentials that are refused: two 401 in a row, the second with a fresh token.

    Several threads may meet the same expired token; only the first of them counts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = 0
        self._is_proven = True

    def begin(self) -> int:
        """Return which token a request is about to use."""
        with self._lock:
            return self._generation

    def accepted(self, generation: int) -> None:
        """Note that the token of a request was good."""
        with self._lock:
            if generation == self._generation:
                self._is_proven = True

    def refused(self, generation: int) -> bool:
        """Note a 401; whether it was the second in a row."""
        with self._lock:
            if generation != self._generation:
                return False
            was_proven, self._is_proven = self._is_proven, False
            self._generation += 1
            return not was_proven
