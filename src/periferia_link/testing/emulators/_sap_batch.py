"""``$batch`` of the emulated Service Layer: one after the other, change sets whole or not at all, stop at a failure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from periferia_link.testing.emulators._odata import (
    InnerAnswer,
    InnerRequest,
    batch_response,
    inner_request,
    parse_batch,
)
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_wire import Edition, apache_error
from periferia_link.typing import Request, Response

__all__ = ["Batches"]


class _FailedError(Exception):
    """An operation of a change set was refused: the set is rolled back."""

    def __init__(self, answer: InnerAnswer) -> None:
        super().__init__(answer.response.status)
        self.answer = answer


@dataclass(slots=True)
class Batches:
    """
    Runs batches.

    ``answer`` runs one operation, never raising; ``transaction`` is the emulator's; ``note`` logs an operation.
    ``status_v2`` is 200 by the guide and 202 in a client's fixtures: clients take both.
    """

    answer: Callable[[Request], Response]
    transaction: Callable[[], AbstractContextManager[None]]
    note: Callable[[str, str, int], None]
    random: Random
    status_v2: int = 200

    def run(self, request: Request, edition: Edition) -> Response:
        """
        Run one batch.

        Raises:
            RefusedError: 242 for a NUL byte.
            ODataRefused: The body is no batch.
        """
        if b"\0" in request.body:
            raise Refusal.NUL.error()
        kind = request.header("Content-Type") or ""
        items = parse_batch(kind, request.body, needs_content_id=edition.is_v2)
        goes_on = "odata.continue-on-error" in (request.header("Prefer") or "")
        answers: list[InnerAnswer | Sequence[InnerAnswer]] = []
        for item in items:
            try:
                answers.append(self._item(item, request, edition))
            except _FailedError as failed:
                answers.append(failed.answer)
                if isinstance(item, list) and goes_on:
                    return apache_error(502)  # the node dies of it ([b1sl])
            last = answers[-1]
            if isinstance(last, InnerAnswer) and last.response.status >= 400 and not goes_on:
                break
        boundary = f"batchresponse_{uuid.UUID(int=self.random.getrandbits(128), version=4)}"
        content_type, body = batch_response(answers, boundary)
        protocol = ("OData-Version", "4.0") if edition.is_v2 else ("DataServiceVersion", "3.0")
        return Response(self.status_v2 if edition.is_v2 else 202, (("Content-Type", content_type), protocol), body)

    def _item(
        self, item: InnerRequest | list[InnerRequest], batch: Request, edition: Edition
    ) -> InnerAnswer | list[InnerAnswer]:
        if isinstance(item, InnerRequest):
            # an answer outside a change set carries no Content-ID
            return InnerAnswer(self._one(inner_request(item, batch)))
        created: dict[str, str] = {}
        answers: list[InnerAnswer] = []
        with self.transaction():
            for inner in item:
                response = self._one(inner_request(inner, batch, created))
                answer = InnerAnswer(response, inner.content_id, is_id_inside=not edition.is_v2)
                if response.status >= 400:
                    raise _FailedError(answer)
                if inner.content_id:
                    created[inner.content_id] = response.header("Location") or ""
                answers.append(answer)
        return answers

    def _one(self, request: Request) -> Response:
        response = self.answer(request)
        path = request.url.partition("?")[0].partition("/b1s/")[2].partition("/")[2]
        self.note(request.method, path, response.status)
        return response
