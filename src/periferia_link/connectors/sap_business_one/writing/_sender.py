"""Writing to the Service Layer: one request, a change set for each write, one outcome for each."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from urllib.parse import unquote

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown, Write
from periferia_link.connectors.sap_business_one._refusals import refusal_of
from periferia_link.connectors.sap_business_one.writing._outcomes import RefusedWrite
from periferia_link.connectors.sap_business_one.writing._plans import Plan, Planner
from periferia_link.domain import Ref
from periferia_link.errors import (
    AuthenticationError,
    ConnectorError,
    ContractBrokenError,
    OutcomeUnknownError,
    UnavailableError,
)
from periferia_link.transport._answers import pause_of
from periferia_link.transport._json import loads
from periferia_link.transport._odata import BatchPart, PartAnswer, decode_batch, encode_batch
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Response

__all__ = ["Writes"]

_KEY_IN_LOCATION = re.compile(r"\((?:'(?P<text>(?:[^']|'')*)'|(?P<number>\d+))\)$")
# Nothing was looked at yet: the answer is about the request as a whole.
_REFUSED_AT_THE_DOOR = frozenset({401, 403, 413, 429})


class Writes:
    """
    Turns writes into one request and its answer into outcomes.

    What cannot be right is refused before anything is sent. Each write is a change set of its own: SAP runs one after
    the other and stops at the first that fails, so those behind it were not executed.
    """

    def __init__(self, transport: Transport, planner: Planner, *, name: str, fields: FieldMap, clock: Clock) -> None:
        self._transport = transport
        self._planner = planner
        self._name = name
        self._fields = fields
        self._clock = clock
        self._lock = threading.Lock()
        self._refused_sessions = 0

    def send(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Send the writes in exactly one request; one outcome each, in the same order.

        Raises:
            ConfigurationError: An action that there is not, or an entity of another kind.
        """
        began = self._clock.monotonic()
        try:
            planned = self._planner.plans(kind, writes)
            self._must_be_in_time(began)
        except ConnectorError as exc:
            return [NotApplied(exc) for _ in writes]
        plans = [each for each in planned if isinstance(each, Plan)]
        outcomes = iter(self._run(kind, plans)) if plans else iter(())
        return [next(outcomes) if isinstance(each, Plan) else each for each in planned]

    def _must_be_in_time(self, began: float) -> None:
        # the engine looks for lost writes a fixed time after the call: none may leave later than that
        if self._clock.monotonic() - began > self._transport.deadline:
            msg = "looking up accounts, projects and rules took too long, nothing was sent"
            raise UnavailableError(msg, hint="it is sent again", system=self._name, operation="write")

    # ------------------------------------------------------------------ what came back

    def _run(self, kind: str, plans: Sequence[Plan]) -> list[Outcome]:
        is_plain = len(plans) == 1 and len(plans[0].parts) == 1
        try:
            answer = self._send_one(plans[0].parts[0]) if is_plain else self._send_batch(plans)
        except OutcomeUnknownError as exc:
            return [Unknown(exc) for _ in plans]
        except ConnectorError as exc:  # the transport raises anything else before the first byte only
            return [NotApplied(exc) for _ in plans]
        refused = self._session_refused(answer)
        if refused is not None:
            return [NotApplied(refused) for _ in plans]
        return [self._of_one(kind, plans[0], [answer])] if is_plain else self._of_batch(kind, plans, answer)

    def _send_one(self, part: BatchPart) -> Response:
        return self._transport.send(part.method, part.url, headers=part.headers, body=part.body)

    def _send_batch(self, plans: Sequence[Plan]) -> Response:
        content_type, body = encode_batch([plan.parts for plan in plans], f"batch_{plans[0].write.create_key}")
        headers = {"Content-Type": content_type, "Accept": "multipart/mixed"}
        return self._transport.send("POST", "$batch", headers=headers, body=body)

    def _session_refused(self, answer: Response) -> AuthenticationError | None:
        """Return an error when a session was refused right after it was opened anew."""
        with self._lock:
            self._refused_sessions = self._refused_sessions + 1 if answer.status == 401 else 0
            is_hopeless = self._refused_sessions > 1
        if not is_hopeless:
            return None
        msg = "SAP refuses a session that it has just opened"
        hint = "do the nodes share their sessions? nothing was written"
        return AuthenticationError(msg, hint=hint, system=self._name, status_code=401, code=refusal_of(answer).code)

    def _of_batch(self, kind: str, plans: Sequence[Plan], answer: Response) -> list[Outcome]:
        """Match the answers with what was sent; what follows a failure was not executed."""
        if answer.status in _REFUSED_AT_THE_DOOR:
            return [self._refused(kind, plan, answer) for plan in plans]
        try:
            if answer.status not in (200, 202):
                return [self._silent(f"the batch was answered with status {answer.status}") for _ in plans]
            answers = decode_batch(answer.header("Content-Type") or "", answer.body)
        except ContractBrokenError as exc:
            return [self._silent(exc.message) for _ in plans]
        outcomes = [
            self._of_one(kind, plan, found if isinstance(found, list) else [found])
            for plan, found in zip(plans, answers, strict=False)
        ]
        stopped = bool(answers) and isinstance(answers[-1], PartAnswer) and answers[-1].status >= 400
        left = plans[len(outcomes) :]
        if stopped:
            return [*outcomes, *(self._not_executed(plan) for plan in left)]
        return [*outcomes, *(self._silent("an answer of the batch is missing") for _ in left)]

    def _of_one(self, kind: str, plan: Plan, answers: Sequence[Response]) -> Outcome:
        """Say what the answers to one write mean: one for each part, or a single refusal for all of them."""
        last = answers[-1] if answers else Response(0)
        if len(answers) == 1 and not 200 <= last.status < 300:
            return self._refused(kind, plan, last)
        if len(answers) != len(plan.parts) or not all(200 <= each.status < 300 for each in answers):
            return self._silent("the answers do not fit what was sent")
        if plan.write.mode != "create":
            # 204 without a body; a page of something that stands before SAP is no answer of SAP
            if last.status != 204 and self._key_of(kind, last) is None:
                return self._silent("the answer to a change is none that SAP gives")
            return Applied(plan.write.ref) if plan.write.ref is not None else self._silent("nobody asked for it")
        number = self._key_of(kind, last)
        if number is None:
            return self._silent("the answer does not say which record was made")
        tag = last.header("ETag")
        if kind == "Invoice":  # a draft becomes an invoice of another number; the key stays
            return Applied(Ref(self._name, kind, plan.write.create_key), tag and f"draft {tag}")
        return Applied(Ref(self._name, kind, number), tag)

    def _key_of(self, kind: str, answer: Response) -> str | None:
        """Return the key of a new record, from Location or from the record itself."""
        found = _KEY_IN_LOCATION.search(unquote(answer.header("Location") or ""))
        if found is not None:
            return found["number"] or found["text"].replace("''", "'")
        try:
            body = loads(answer.body)
        except ContractBrokenError:
            return None
        value = body.get(self._fields[kind].key) if isinstance(body, dict) else None
        return None if value is None else str(value)

    def _refused(self, kind: str, plan: Plan, answer: Response) -> Outcome:
        seconds = pause_of(answer, now=self._clock.now()) if answer.status == 429 else None
        return RefusedWrite(refusal_of(answer), plan.write, self._name, kind, plan.period, seconds).outcome

    def _not_executed(self, plan: Plan) -> NotApplied:
        msg = "SAP stopped the batch before it came to this record"
        error = UnavailableError(msg, hint="it is sent again", system=self._name, operation=plan.write.mode)
        return NotApplied(error, retry_after=0.0)

    def _silent(self, why: str) -> Unknown:
        return Unknown(OutcomeUnknownError(why, hint="it is read back", system=self._name, operation="write"))
