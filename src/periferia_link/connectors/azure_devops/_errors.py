"""What a refusal means: classified by status, TF or VS number and typeKey, never by its sentence."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from periferia_link.domain import Ref
from periferia_link.errors import (
    AuthenticationError,
    ConnectorError,
    ContractBrokenError,
    ExpiredCursorError,
    FatalConnectorError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
)
from periferia_link.transport._answers import request_id
from periferia_link.transport._json import NotJsonError, loads
from periferia_link.typing import Response

__all__ = ["SIGNED_OUT", "Refusal", "error_for", "is_stopped", "refusal_of"]

SIGNED_OUT: Final = "x-signed-out-with"
"""A header that our wire puts on an answer which was a sign-in page: the status it really had."""

_NUMBER = re.compile(r"((?:TF|VS)\d+)")
_MISSING_ITEM: Final = frozenset({"TF401232", "TF401233", "VS403690"})
_MISSING_PROJECT: Final = frozenset({"TF200016", "TF200018", "VS402323"})
_DENIED: Final = frozenset({"TF50309", "TF237111", "TF401027", "TF400813"})
_HINTS: Final = {
    "TF401320": "the process does not allow the value: see the rules and required fields of the type",
    "TF401347": "there is no such area or iteration: create it, or set create_paths",
    "TF51535": "the type has no such field: correct the fields of the system in periferia.toml (see discover)",
    "TF201036": "it has another parent already",
    "VS402323": "the project has no such type: see its process",
    "TF200016": "create the project, or correct its name",
    "VS402337": "ask for fewer items: the service gives 20,000 at most",
    "VS402335": "the query takes longer than 30 seconds: make it narrower",
    "VS403474": "ask for 200 items at most",
    "VS403654": "an item has 100 tags at most",
}


class Refusal(NamedTuple):
    """Status, number (``TF401232``), type key and message of a refusal."""

    status: int
    code: str
    key: str
    message: str


def refusal_of(status: int, body: bytes | str) -> Refusal:
    """Read a refusal: the envelope, the short form inside a batch, or whatever a proxy says. A BOM is skipped."""
    try:
        told = loads(body.encode() if isinstance(body, str) else body)
    except NotJsonError:
        told = None
    value = told.get("value") if isinstance(told, dict) else None
    inner: dict[str, Any] = value if isinstance(value, dict) else told if isinstance(told, dict) else {}
    message = str(inner.get("message") or inner.get("Message") or "")
    found = _NUMBER.match(message)
    return Refusal(status, found[1] if found else "", str(inner.get("typeKey") or ""), message)


def is_stopped(body: bytes) -> bool:
    """Whether an answer says that the organisation is switched off: no retry helps."""
    return b"TF24668" in body[:2000]


def error_for(
    refusal: Refusal,
    *,
    system: str,
    operation: str,
    ref: Ref | None = None,
    answer: Response | None = None,
    is_json: bool = True,
) -> ConnectorError:
    """
    Return the error that a refusal is.

    Args:
        refusal: What was said.

        system: Instance name.

        operation: What was tried.

        ref: The record.

        answer: The whole answer, for its request id.

        is_json: The answer was one of the service's own; a text is that of a proxy, or of an address that is none.
    """
    told: dict[str, Any] = {
        "system": system,
        "operation": operation,
        "ref": ref,
        "status_code": refusal.status,
        "code": refusal.code or refusal.key or None,
        "request_id": request_id(answer) if answer is not None else None,
    }
    status, code = refusal.status, refusal.code
    if code == "TF24668":
        msg = "the organization is stopped (TF24668)"
        return FatalConnectorError(msg, hint="an administrator has to start it again", **told)
    if status == 401 or refusal.key == "UnauthorizedRequestException":
        msg = "the credentials are refused"
        hint = "is the token expired, revoked, or made for another organization?"
        return AuthenticationError(msg, hint=hint, **told)
    if status == 429 or code == "TF400733":
        return ThrottledError("the service asks to slow down", hint="it goes on by itself", **told)
    if status == 403 or code in _DENIED:
        msg = "the identity may not do this"
        return PermissionDeniedError(msg, hint="give it the right to edit work items in the area", **told)
    if status in (409, 412):
        return RecordConflictError("the record changed meanwhile", hint="it is read and compared again", **told)
    return _of_a_record(refusal, told, is_json=is_json)


def _of_a_record(refusal: Refusal, told: dict[str, Any], *, is_json: bool) -> ConnectorError:
    code, is_create = refusal.code, told["operation"] == "create"
    if refusal.status == 404 and not is_json:
        msg = "the address is none of the service (404 without its own explanation)"
        return ContractBrokenError(msg, hint="check url and project in periferia.toml", **told)
    if refusal.status == 404 and code not in _MISSING_PROJECT and not is_create:
        msg = "the record is not there, or this identity may not see it: the service gives one answer for both"
        return RecordNotFoundError(msg, hint="look into the recycle bin, and at the rights of the area", **told)
    if code in _MISSING_ITEM:
        msg = "an item that it links to is not there"
        return RecordInvalidError(msg, hint="bring the linked item first, or correct the link", **told)
    if refusal.key == "InvalidContinuationTokenException":
        return ExpiredCursorError("the feed forgot our place", hint="everything is read again", **told)
    if refusal.status in (405, 406, 415) or refusal.key.startswith("VssVersion"):
        msg = f"the service does not accept the call (status {refusal.status})"
        return ContractBrokenError(msg, hint="report the code", **told)
    shown = f" ({code or refusal.key})" if code or refusal.key else ""
    hint = _HINTS.get(code, "correct the record in the source system")
    return RecordInvalidError(f"the record was refused{shown}", hint=hint, **told)
