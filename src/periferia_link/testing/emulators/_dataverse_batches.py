"""``$batch`` of the emulated Web API: in order, change sets all or nothing, stop or go on at a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

from periferia_link.testing.emulators._dataverse_calls import Call, no_such_call, refused
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_query
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._odata import (
    InnerAnswer,
    InnerRequest,
    ODataRefused,
    batch_response,
    inner_request,
    parse_batch,
)
from periferia_link.typing import Request, Response

__all__ = ["Batches"]

_CONTINUE = "odata.continue-on-error"

Serve: TypeAlias = Callable[[Request, Mapping[str, str]], Response]
"""Answers one operation; the mapping holds what earlier ones of its change set created, by Content-ID."""


class _FailedError(Exception):
    """An operation of a change set failed; everything before it is taken back."""

    def __init__(self, answer: InnerAnswer) -> None:
        super().__init__(answer.response.status)
        self.answer = answer


class Batches:
    """Answers to ``$batch``; at most 1000 operations. Source: ``execute-batch-operations-using-web-api.md``."""

    def __init__(self, rows: Rows, serve: Serve) -> None:
        self.rows = rows
        self._serve = serve

    def run(self, call: Call) -> Response:
        """
        Answer a batch: 200, or 400 with the first failure alone when the client did not ask to go on.

        Raises:
            DataverseRefused: 400, the batch itself cannot be read.
        """
        if call.method != "POST":
            raise no_such_call(call)
        try:
            items = parse_batch(call.request.header("Content-Type") or "", call.request.body)
        except ODataRefused as refusal:
            raise bad_query(refusal.message) from None
        goes_on = _CONTINUE in call.preferences
        answers: list[InnerAnswer | list[InnerAnswer]] = []
        status = 200
        for item in items:
            answer = self._change_set(call, item) if isinstance(item, list) else self._single(call, item, {})
            if isinstance(answer, InnerAnswer) and answer.response.status >= 400 and not goes_on:
                answers, status = [answer], 400
                break
            answers.append(answer)
        kind, body = batch_response(answers, f"batchresponse_{self.rows.new_request_id()}")
        return Response(status, (("Content-Type", kind), ("OData-Version", "4.0")), body)

    def _change_set(self, call: Call, changes: list[InnerRequest]) -> InnerAnswer | list[InnerAnswer]:
        try:
            with self.rows.emulator.transaction():
                return self._together(call, changes)
        except _FailedError as failed:
            return failed.answer

    def _together(self, call: Call, changes: list[InnerRequest]) -> list[InnerAnswer]:
        created: dict[str, str] = {}
        answers = []
        for change in changes:
            answer = self._single(call, change, created)
            if answer.response.status >= 400:
                raise _FailedError(answer)
            address = answer.response.header("OData-EntityId")
            if change.content_id and address:
                created[change.content_id] = address
            answers.append(answer)
        return answers

    def _single(self, call: Call, inner: InnerRequest, created: Mapping[str, str]) -> InnerAnswer:
        path = urlsplit(inner.url).path
        try:
            request = inner_request(inner, call.request, created)
            path = urlsplit(request.url).path
            response = self._serve(request, created)
        except ODataRefused as refusal:
            response = refused(bad_query(refusal.message))
        except DataverseRefused as refusal:
            response = refused(refusal)
        self.rows.emulator.operation(inner.method, path, response.status)
        return InnerAnswer(self._as_part(response), inner.content_id)

    def _as_part(self, response: Response) -> Response:
        """Add what the server writes into parts only: ``Location``, or the request id of a failure."""
        if response.status >= 400:
            return Response(response.status, (("REQ_ID", self.rows.new_request_id()), *response.headers), response.body)
        address = response.header("OData-EntityId")
        headers = (("Location", address), *response.headers) if address else response.headers
        return Response(response.status, headers, response.body)
