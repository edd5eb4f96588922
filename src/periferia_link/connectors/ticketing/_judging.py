"""
What an answer to a write means: applied, certainly not, or nobody knows; by what the profile says of the server.

An answer of an undeclared shape is of unknown fate: it is read back, never taken for success.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from periferia_link.connectors.base import NotApplied, Outcome, Unknown, Write
from periferia_link.connectors.ticketing._paths import first_set, look_up
from periferia_link.connectors.ticketing._requests import Line, code_of
from periferia_link.connectors.ticketing.profile import Answer
from periferia_link.errors import (
    ConnectorError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.transport._answers import pause_of
from periferia_link.transport._json import NotJsonError
from periferia_link.typing import Response

__all__ = ["document_of", "refused"]


def document_of(line: Line, answer: Response, rules: Answer) -> tuple[bool, Any]:
    """Say whether an answer with a status of success has the declared shape, and return its JSON."""
    body = answer.body.strip()
    is_page = "html" in (answer.header("Content-Type") or "").lower() or body[:1] == b"<"
    if rules.body == "empty":
        return not body, None
    if is_page:
        return False, None
    if rules.body == "any" and not body:
        return True, None
    try:
        document = line.document(answer)
    except NotJsonError:
        return rules.body in ("text", "any") and bool(body), None
    if rules.body in ("record", "some"):
        inner = look_up(document, rules.record)
        return isinstance(inner, Mapping), inner
    if rules.body == "text":
        return isinstance(document, str | list), None
    return True, document


def refused(line: Line, write: Write, answer: Response, *, sent: Mapping[str, Any], now: datetime) -> Outcome:
    """
    Classify an answer without a status of success.

    Args:
        line: Knows the profile.

        write: What was tried.

        answer: What came back.

        sent: The body, whose values are kept out of messages.

        now: The current instant, for a Retry-After that is a date.
    """
    rules, status = line.profile.errors, answer.status
    code = code_of(answer, rules)
    told: dict[str, Any] = {"system": line.system, "operation": write.mode, "status_code": status, "code": code}
    if write.ref is not None:
        told["ref"] = write.ref
    if status == 429:
        pause = pause_of(answer, now=now)
        msg = "the help desk asks to slow down"
        return NotApplied(ThrottledError(msg, hint="it goes on by itself", retry_after=pause, **told), pause)
    if status >= 500 or status == 408 or status < 400:
        msg = f"the answer to a {write.mode} says nothing of its fate (status {status})"
        return Unknown(OutcomeUnknownError(msg, hint="it is read back", **told))
    if write.mode == "create" and (code in rules.taken or (status == 409 and not rules.taken)):
        # most likely by our own request, whose answer was lost
        msg = "a record with this key is there already"
        return Unknown(RecordConflictError(msg, hint="it is read back", **told), is_answered=True)
    return NotApplied(_refusal(line, write, answer, told, _why(line, answer, sent)))


def _refusal(line: Line, write: Write, answer: Response, told: dict[str, Any], why: str) -> ConnectorError:
    rules, status = line.profile.errors, answer.status
    title = line.profile.title
    if status in rules.missing and write.mode != "create":
        return RecordNotFoundError("the record is not there any more", hint=f"it was deleted in {title}", **told)
    if status in rules.conflict:
        msg = "the record changed meanwhile" if write.mode != "create" else "another record holds the same key"
        return RecordConflictError(msg, hint="it is read and compared again", **told)
    if status in rules.denied and rules.denied_is == "right":
        msg = f"the account may not {write.mode} this"
        return PermissionDeniedError(msg, hint=f"give it the right in {title}", **told)
    if status == 401:
        return UnavailableError("the credentials were refused; they are renewed", hint="it goes on by itself", **told)
    msg = f"the record was refused{why}"
    return RecordInvalidError(msg, hint="correct the record in the source system", **told)


def _why(line: Line, answer: Response, sent: Mapping[str, Any]) -> str:
    """Say why a record is refused: the server's sentence without what we sent, or the members it names."""
    try:
        document = line.document(answer)
    except NotJsonError:
        return ""
    rules = line.profile.errors
    sentence = first_set(document, rules.message)
    if rules.quote and isinstance(sentence, str):
        for text in sorted(_texts(sent), key=len, reverse=True):
            sentence = sentence.replace(text, "…")
        return f": {' '.join(sentence.split())[:300]}"
    names = sorted(_names(document) & set(sent))
    return f": {', '.join(names)}" if names else ""


def _texts(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return {text for inner in value.values() for text in _texts(inner)}
    if isinstance(value, list | tuple):
        return {text for inner in value for text in _texts(inner)}
    return {str(value)} if isinstance(value, str | int) and len(str(value)) > 2 else set()


def _names(document: Any) -> set[str]:
    """Return every member name, and every value under ``field``, of a refusal."""
    if isinstance(document, list):
        return {name for entry in document for name in _names(entry)}
    if not isinstance(document, Mapping):
        return set()
    found = {str(name) for name in document}
    found |= {str(value) for key, value in document.items() if key in ("field", "attribute", "property")}
    return found | {name for value in document.values() for name in _names(value)}
