"""
What an answer of the Web API means for a write: applied, certainly not, or nobody knows.

Classified by Dataverse's own code first, by status where it has none: ``0x80040333`` comes as 500 and is a clean
refusal, a 412 may be our own lost request. Codes: wire sheet section 5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown
from periferia_link.connectors.dynamics365.writing._requests import Operation
from periferia_link.errors import (
    ConnectorError,
    ContractBrokenError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.transport._answers import pause_of, request_id
from periferia_link.transport._odata import decode_batch, error_of
from periferia_link.typing import Response

__all__ = ["is_from_dataverse", "outcome_of", "outcomes_of_batch"]

KEY_TAKEN: Final = "0x80060892"
STALE: Final = "0x80060882"
DUPLICATE_RULE: Final = "0x80040333"
SQL_TIMEOUT: Final = "0x80044151"
_PRIVILEGES: Final = frozenset({"0x80040220", "0x80048306"})
_MISSING: Final = frozenset({"0x80040217", "0x80060891"})
_CONFLICTS: Final = frozenset({KEY_TAKEN, STALE, DUPLICATE_RULE})
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_HINTS: Final = {
    KEY_TAKEN: "another record holds the same key: link or merge the two in the CRM",
    STALE: "it changed since it was read: it is read and compared again",
    DUPLICATE_RULE: "a duplicate rule of the CRM found the same record: link the two",
    "0x80040216": "look at the record and at the plug-ins of the table",
    "0x80040265": "a plug-in of the installation refused it: correct what its message asks for",
    "0x80044330": "the value is outside the range or the choices of its column",
    "0x80044331": "the text is too long for its column: shorten it in the source system",
    "0x80048408": "state and status do not fit together in this installation",
    "0x80048d19": "a column, link or type is not the installation's: check the fields of the system in periferia.toml",
    "0x80060888": "the address is not understood: check the fields of the system in periferia.toml",
}


def outcome_of(operation: Operation, answer: Response, *, now: datetime, is_part: bool = False) -> Outcome:
    """
    Classify the answer to one write.

    Args:
        operation: What was sent.

        answer: What came back.

        now: The current instant, for a Retry-After that is a date.

        is_part: The answer stood in a batch, so Dataverse wrote it.
    """
    status = answer.status
    if status in (200, 201, 204) and (is_part or is_from_dataverse(answer)):
        return Applied(operation.ref, answer.header("ETag"))
    if status == 401:
        msg = "the token was refused; a fresh one is taken"
        return NotApplied(UnavailableError(msg, **_told(operation, answer)), retry_after=0.0)
    if status == 429:
        return _throttled(operation, answer, now)
    error = error_of(answer.body)
    if error is None:
        return _unexplained(operation, answer)
    return _refused(operation, answer, *error)


def outcomes_of_batch(operations: Sequence[Operation], answer: Response, *, now: datetime) -> list[Outcome]:
    """
    Classify the answer to a batch, write by write.

    A batch that was not understood as a whole did nothing; parts that are missing may have been done.

    Args:
        operations: What was sent, in order.

        answer: What came back for the batch.

        now: The current instant.
    """
    if not (answer.header("Content-Type") or "").lower().startswith("multipart/mixed"):
        return [_without_parts(each, answer, now) for each in operations]
    try:
        parts = decode_batch(answer.header("Content-Type") or "", answer.body)
    except ContractBrokenError as exc:
        return [Unknown(exc)] * len(operations)
    if len(parts) != len(operations):
        # stopped at a failure: what went before it was done, and is not told (execute-batch-operations…)
        return [_lost(each, answer) for each in operations]
    outcomes: list[Outcome] = []
    for each, part in zip(operations, parts, strict=True):
        # a list is a change set that took effect; a refused one is a single part
        inner = part if isinstance(part, list) else [part]
        told = next((one for one in inner if one.status >= 300), inner[-1])
        outcomes.append(outcome_of(each, told, now=now, is_part=True))
    return outcomes


def _refused(operation: Operation, answer: Response, code: str, message: str) -> Outcome:
    told = _told(operation, answer, code)
    mode, status = operation.write.mode, answer.status
    if status == 412 and not code and message.startswith("Entity Key"):
        code = KEY_TAKEN  # older servers leave the code of a failed precondition empty
    is_clean = (status < 500 and status != 408 and code != SQL_TIMEOUT) or code in _CONFLICTS
    if not is_clean:
        return _lost(operation, answer, code)
    if mode == "create" and (status == 412 or code == "0x80040237") and code not in (KEY_TAKEN, DUPLICATE_RULE):
        # the id is taken: most likely by our own request, whose answer was lost
        msg = "a record with this id is there already"
        return Unknown(RecordConflictError(msg, hint="it is read back", **told))
    if code in _CONFLICTS or status == 412:
        msg = "the record changed meanwhile" if code in (STALE, "") else "another record holds the same key"
        return NotApplied(RecordConflictError(msg, hint=_HINTS.get(code or STALE), **told))
    if status == 403 or code in _PRIVILEGES:
        return NotApplied(_privilege(message, told))
    if code in _MISSING or (status == 404 and not code):
        return NotApplied(_missing(operation, message, told))
    msg = f"the record was refused: {_discreet(message, operation.texts)}"
    hint = _HINTS.get(code, "correct the record in the source system")
    return NotApplied(RecordInvalidError(msg, hint=hint, **told))


def _missing(operation: Operation, message: str, told: dict[str, Any]) -> ConnectorError:
    """Tell the record itself from another one that it is linked to."""
    named = {found.lower() for found in _GUID.findall(message)}
    if operation.write.mode != "create" and (not named or operation.ref.id.rpartition("/")[2] in named):
        return RecordNotFoundError("the record is not there any more", hint="it was deleted in the CRM", **told)
    msg = "a record that it links to is not there"
    return RecordInvalidError(msg, hint="bring the linked record first, or correct the link", **told)


def _privilege(message: str, told: dict[str, Any]) -> PermissionDeniedError:
    right = re.search(r"\bprv\w+", message)
    what = f"the application user lacks the privilege {right[0]}" if right else "the application user may not do this"
    hint = "add it to the security role of the application user"
    return PermissionDeniedError(what, hint=hint, **told)


def _throttled(operation: Operation, answer: Response, now: datetime) -> NotApplied:
    error = error_of(answer.body)
    pause = pause_of(answer, now=now)
    msg = "the environment asks to slow down"
    told = _told(operation, answer, error[0] if error else None)
    return NotApplied(ThrottledError(msg, hint="it goes on by itself", retry_after=pause, **told), retry_after=pause)


def _unexplained(operation: Operation, answer: Response) -> Outcome:
    """Classify an answer that is no OData error: somebody in between may have written it."""
    if answer.status == 403:
        return NotApplied(_privilege("", _told(operation, answer)))
    if answer.status == 413:
        msg = "the record is too large for one request"
        return NotApplied(RecordInvalidError(msg, hint="shorten its texts", **_told(operation, answer)))
    return _lost(operation, answer)


def _without_parts(operation: Operation, answer: Response, now: datetime) -> Outcome:
    """Classify a single answer to a whole batch."""
    if answer.status in (401, 403, 429) or answer.status >= 500:
        return outcome_of(operation, answer, now=now)
    error = error_of(answer.body)
    if error is None or answer.status < 400:
        return _lost(operation, answer)
    msg = f"the environment refuses the batch: {_discreet(error[1], operation.texts)}"
    hint = "nothing was written; lower max_batch, or report the code"
    return NotApplied(ContractBrokenError(msg, hint=hint, **_told(operation, answer, error[0])))


def _lost(operation: Operation, answer: Response, code: str | None = None) -> Unknown:
    msg = f"the answer does not say what happened (status {answer.status})"
    return Unknown(OutcomeUnknownError(msg, hint="it is read back", **_told(operation, answer, code)))


def is_from_dataverse(answer: Response) -> bool:
    """Whether the server itself says that it did it: a proxy may answer 200 or 204 as well."""
    return answer.header("OData-Version") is not None and not answer.body.lstrip().startswith(b"<")


def _told(operation: Operation, answer: Response, code: str | None = None) -> dict[str, Any]:
    return {
        "system": operation.ref.system,
        "operation": operation.write.mode,
        "ref": operation.ref,
        "status_code": answer.status,
        "code": code or None,
        "request_id": request_id(answer),
    }


def _discreet(message: str, texts: Sequence[str]) -> str:
    """Return a message of the server without the values that we sent: they may be personal."""
    for text in sorted(texts, key=len, reverse=True):
        if len(text) > 2:
            message = message.replace(text, "…")
    return " ".join(message.split())[:300] or "no reason given"
