"""What an answer means for a write: applied, certainly not, or nobody knows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from periferia_link.connectors.azure_devops._api import is_json
from periferia_link.connectors.azure_devops._errors import Refusal, error_for, refusal_of
from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown
from periferia_link.domain import Ref
from periferia_link.errors import (
    ContractBrokenError,
    OutcomeUnknownError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.transport._answers import pause_of, request_id
from periferia_link.transport._json import NotJsonError, loads
from periferia_link.typing import Response

__all__ = ["Asked", "SignIns", "lost", "outcome_of", "outcomes_of_batch"]


class Asked:
    """One write as far as its answer matters: the mode and the record (empty id: it is created)."""

    __slots__ = ("kind", "mode", "ref", "system")

    def __init__(self, system: str, kind: str, mode: str, ref: Ref | None) -> None:
        self.system = system
        self.kind = kind
        self.mode = mode
        self.ref = ref

    def told(self, answer: Response, code: str | None = None) -> dict[str, Any]:
        """Return what every error says."""
        return {
            "system": self.system,
            "operation": self.mode,
            "ref": self.ref,
            "status_code": answer.status,
            "code": code,
            "request_id": request_id(answer),
        }


class SignIns:
    """
    Tells a token that expired from credentials that are refused: two refusals in a row, the second with a fresh one.

    A personal access token is never renewed, so its first refusal counts.
    """

    def __init__(self, *, is_renewable: bool) -> None:
        self._lock = threading.Lock()
        self._allowed = 1 if is_renewable else 0
        self._refusals = 0

    def accepted(self) -> None:
        """Note an answer that was no refusal."""
        with self._lock:
            self._refusals = 0

    def refused(self) -> bool:
        """Note a 401; whether the credentials themselves are bad."""
        with self._lock:
            self._refusals += 1
            return self._refusals > self._allowed


def lost(asked: Asked, answer: Response, *, code: str | None = None, is_answered: bool = False) -> Unknown:
    """Say that the answer does not tell what happened."""
    msg = f"the answer does not say what happened (status {answer.status})"
    return Unknown(OutcomeUnknownError(msg, hint="it is read back", **asked.told(answer, code)), is_answered)


def outcome_of(asked: Asked, answer: Response, signs: SignIns, *, now: datetime) -> Outcome:
    """
    Classify the answer to one write.

    Args:
        asked: What was sent.

        answer: What came back.

        signs: Counts refusals of the credentials.

        now: The current instant.
    """
    whole = _of_status(asked, answer, signs, now=now)
    if whole is not None:
        return whole
    if answer.status in (200, 201, 204):
        return _applied(asked, answer)
    if not is_json(answer):
        return _from_elsewhere(asked, answer)
    return _refused(asked, refusal_of(answer.status, answer.body), answer)


def outcomes_of_batch(asked: Sequence[Asked], answer: Response, signs: SignIns, *, now: datetime) -> list[Outcome]:
    """
    Classify the answer to a batch, write by write: each has its own code, a refusal does not stop the next.

    A batch that was not understood did nothing; a list of another length says nothing about any of them.

    Args:
        asked: What was sent, in order.

        answer: What came back.

        signs: Counts refusals of the credentials.

        now: The current instant.
    """
    whole = _of_status(asked[0], answer, signs, now=now)
    if whole is not None:
        return [whole] * len(asked)
    try:
        told = loads(answer.body)
    except NotJsonError:
        told = None
    parts = told.get("value") if isinstance(told, dict) else None
    if answer.status != 200:
        return [_whole_refused(each, answer) for each in asked]
    if not isinstance(parts, list) or len(parts) != len(asked) or not is_json(answer):
        return [lost(each, answer) for each in asked]
    return [_of_part(each, part, answer) for each, part in zip(asked, parts, strict=True)]


def _of_status(asked: Asked, answer: Response, signs: SignIns, *, now: datetime) -> Outcome | None:
    """Classify what concerns the request as a whole."""
    if answer.status == 401:
        if signs.refused():
            refusal = Refusal(401, "", "", "")
            return NotApplied(error_for(refusal, system=asked.system, operation=asked.mode, answer=answer))
        msg = "the token was refused; a fresh one is taken"
        return NotApplied(UnavailableError(msg, **asked.told(answer)), retry_after=0.0)
    signs.accepted()
    if answer.status == 429:
        pause = pause_of(answer, now=now)
        msg = "the service asks to slow down"
        error = ThrottledError(msg, hint="it goes on by itself", retry_after=pause, **asked.told(answer, "TF400733"))
        return NotApplied(error, retry_after=pause)
    if answer.status >= 500 or answer.status == 408:
        return lost(asked, answer, code=refusal_of(answer.status, answer.body).code or None)
    return lost(asked, answer) if answer.status in (301, 302, 303, 307, 308) else None


def _applied(asked: Asked, answer: Response) -> Outcome:
    if answer.status == 204 and asked.mode == "delete" and asked.ref is not None:
        return Applied(asked.ref)
    try:
        told = loads(answer.body)
    except NotJsonError:
        told = None
    return _made(asked, told, answer) if is_json(answer) else lost(asked, answer)


def _made(asked: Asked, told: Any, answer: Response) -> Outcome:
    """Read what the service says it made; an answer without it proves nothing."""
    if not isinstance(told, dict):
        return lost(asked, answer)
    if asked.kind == "Interaction":
        number, item = told.get("id", told.get("commentId")), told.get("workItemId")
        if not isinstance(number, int) or not isinstance(item, int):
            return lost(asked, answer)
        return Applied(Ref(asked.system, asked.kind, f"{item}/{number}"), str(told.get("version") or "") or None)
    number = told.get("id")
    if not isinstance(number, int) and not (isinstance(number, str) and number.isdecimal()):
        return lost(asked, answer)
    ref = Ref(asked.system, asked.kind, str(number))
    if asked.ref is not None and asked.ref.id != ref.id:
        return lost(asked, answer)
    rev = told.get("rev")
    return Applied(ref, str(rev) if isinstance(rev, int) else None)


def _of_part(asked: Asked, part: Any, answer: Response) -> Outcome:
    code = part.get("code") if isinstance(part, dict) else None
    body = part.get("body") if isinstance(part, dict) else None
    if not isinstance(code, int) or not isinstance(body, (str, dict)):
        return lost(asked, answer)
    if isinstance(body, dict):
        told: Any = body
        text = ""
    else:
        text = body
        try:
            told = loads(body.encode("utf-8", "surrogatepass"))
        except NotJsonError:
            told = None
    if code in (200, 201):
        return _made(asked, told, answer)
    if code == 204 and asked.mode == "delete" and asked.ref is not None:
        return Applied(asked.ref)
    if code >= 500:
        return lost(asked, answer)
    refusal = refusal_of(code, text) if text else Refusal(code, "", "", "")
    return _refused(asked, refusal, answer)


def _refused(asked: Asked, refusal: Refusal, answer: Response) -> Outcome:
    if refusal.code == "TF400733":
        msg = "the service asks to slow down"
        return NotApplied(ThrottledError(msg, **asked.told(answer, refusal.code)), retry_after=5.0)
    error = error_for(refusal, system=asked.system, operation=asked.mode, ref=asked.ref, answer=answer)
    if isinstance(error, RecordNotFoundError) and asked.mode == "create":
        error = ContractBrokenError(error.message, hint=error.hint, **asked.told(answer, refusal.code))
    return NotApplied(error)


def _from_elsewhere(asked: Asked, answer: Response) -> Outcome:
    """Classify a refusal that the service did not write: no such address, too large, or somebody in between."""
    if answer.status in (404, 405, 413, 415):
        refusal = Refusal(answer.status, "", "", "")
        error = error_for(refusal, system=asked.system, operation=asked.mode, answer=answer, is_json=False)
        return NotApplied(error)
    if answer.status == 403:
        error = error_for(Refusal(403, "", "", ""), system=asked.system, operation=asked.mode, answer=answer)
        return NotApplied(error)
    return lost(asked, answer)


def _whole_refused(asked: Asked, answer: Response) -> Outcome:
    if not is_json(answer):
        return _from_elsewhere(asked, answer)
    refusal = refusal_of(answer.status, answer.body)
    error = error_for(refusal, system=asked.system, operation=asked.mode, answer=answer)
    if answer.status == 403:
        return NotApplied(error)
    msg = f"the service refuses the batch (status {answer.status})"
    hint = "nothing was written; lower max_batch, or report the code"
    return NotApplied(ContractBrokenError(msg, hint=hint, **asked.told(answer, refusal.code or None)))
