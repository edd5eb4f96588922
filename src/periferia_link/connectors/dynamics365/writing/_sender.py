"""One request for the writes of one call, and what became of each of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from periferia_link.connectors.base import NotApplied, Outcome, Unknown
from periferia_link.connectors.dynamics365.writing._bulk import MESSAGES, Messages, bulk_request, outcomes_of_bulk
from periferia_link.connectors.dynamics365.writing._outcomes import outcome_of, outcomes_of_batch
from periferia_link.connectors.dynamics365.writing._requests import Operation, batch
from periferia_link.errors import AuthenticationError, ConnectorError, OutcomeUnknownError
from periferia_link.transport._odata import BatchPart
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Response

__all__ = ["BulkTable", "Writer"]


class BulkTable(NamedTuple):
    """What a bulk message must say of its table, and the query that marks it for plug-ins."""

    entity_set: str
    key: str
    logical_name: str
    tag: str


class Writer:
    """
    Sends operations to one environment; thread-safe.

    Args:
        transport: Carries the requests.

        system: Instance name.

        clock: Source of time.

        messages: Which tables have bulk messages.

        headers: Sent with every operation.
    """

    def __init__(
        self, transport: Transport, system: str, clock: Clock, *, messages: Messages, headers: Mapping[str, str]
    ) -> None:
        self._transport = transport
        self._system = system
        self._clock = clock
        self._messages = messages
        self._headers = headers
        self._root = urlsplit(transport.base_url).path
        self._sign_ins = _SignIns()

    def send(self, operations: Sequence[Operation], table: BulkTable | None = None) -> list[Outcome]:
        """
        Send exactly one request.

        The only operation goes plainly, several as one bulk message where *table* has it, or as one batch that goes on
        at a refusal.

        Args:
            operations: At least one.

            table: Where a bulk message may be used.
        """
        if self._headers:
            operations = [self._headed(each) for each in operations]
        is_plain = len(operations) == 1 and len(operations[0].parts) == 1
        bulk = None if is_plain or table is None else self._bulk(operations, table)
        generation = self._sign_ins.begin()
        try:
            answer = self._ask(operations, bulk, is_plain=is_plain)
        except OutcomeUnknownError as exc:
            return [Unknown(exc)] * len(operations)
        except ConnectorError as exc:
            return [NotApplied(exc, exc.retry_after)] * len(operations)
        if answer.status != 401:
            self._sign_ins.accepted(generation)
        elif self._sign_ins.refused(generation):
            msg = "the credentials are refused, a fresh token too (status 401)"
            hint = "check the secret of the application and its user in the environment"
            error = AuthenticationError(msg, hint=hint, system=self._system, status_code=401)
            return [NotApplied(error)] * len(operations)
        now = self._clock.now()
        if is_plain:
            return [outcome_of(operations[0], answer, now=now)]
        if bulk is None:
            return outcomes_of_batch(operations, answer, now=now)
        outcomes, goes_apart = outcomes_of_bulk(operations, answer, now=now)
        if goes_apart:
            self._messages.set_apart(operations)
        return outcomes

    def _bulk(self, operations: Sequence[Operation], table: BulkTable) -> BatchPart | None:
        """Return the bulk message for operations of one mode, unless one of them was refused in one before."""
        mode = operations[0].write.mode
        if mode not in MESSAGES or {each.write.mode for each in operations} != {mode}:
            return None
        if None in [each.body for each in operations]:
            return None
        if self._messages.are_apart(operations) or not self._messages.has(table.logical_name, MESSAGES[mode]):
            return None
        return bulk_request(operations, table.entity_set, table.key, table.logical_name, table.tag)

    def _ask(self, operations: Sequence[Operation], bulk: BatchPart | None, *, is_plain: bool) -> Response:
        if is_plain or bulk is not None:
            part = operations[0].parts[0] if bulk is None else bulk
            headers = {**part.headers, **self._headers}
            return self._transport.send(part.method, part.url, headers=headers, body=part.body)
        content_type, body = batch(operations, self._root)
        headers = {"Content-Type": content_type, "Prefer": "odata.continue-on-error", **self._headers}
        return self._transport.send("POST", "$batch", headers=headers, body=body)

    def _headed(self, each: Operation) -> Operation:
        """Put the headers of the installation on every request: those of a batch do not reach what is in it."""
        parts = tuple(replace(part, headers={**part.headers, **self._headers}) for part in each.parts)
        return each._replace(requests=parts)


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
