"""
What a BAPI said: BAPIs raise nothing, they fill RETURN, and every row of it counts.

Source: BAPIRET2 (TYPE S, W, I, E, A; ID; NUMBER). Read by ID and NUMBER, never by words, which come in the language of
the session. F5/201 and F5/702 are documented in public; F5/207, RW/609, MC/601 and KI/265 stand here from
memory and are not verified on SAP: a code that is not listed is a refusal with SAP's own sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from periferia_link.errors import ConnectorError, RecordInvalidError, UnavailableError

__all__ = ["LOCKED_SECONDS", "Message", "messages_of", "refusal_of"]

LOCKED_SECONDS = 60.0
"""Seconds to wait while somebody else has the object open."""

_CLOSED = frozenset({("F5", "201"), ("F5", "207"), ("KI", "265")})
_LOCKED = frozenset({("MC", "601")})
_PREAMBLE = ("RW", "609")  # "error in document …": the reason stands in the rows behind it


class Message(NamedTuple):
    """One row of RETURN."""

    type: str
    id: str
    number: str
    text: str
    parameter: str = ""
    row: int = 0
    field: str = ""

    @property
    def is_refusal(self) -> bool:
        """Whether it ends the work: an error or an abort."""
        return self.type in ("E", "A")

    @property
    def code(self) -> str:
        """``F5/201``: how SAP's notes and transaction SE91 name it."""
        return f"{self.id}/{self.number}"

    def __str__(self) -> str:
        where = "-".join(part for part in (self.parameter, self.field) if part)
        place = f" [{where}{f', row {self.row}' if self.row else ''}]" if where else ""
        return f"{self.text} ({self.code}){place}"


def messages_of(answer: Mapping[str, Any]) -> list[Message]:
    """Return every row of RETURN, which is a table here and a structure there; blank rows say nothing."""
    told = answer.get("RETURN")
    rows: Sequence[Any] = [told] if isinstance(told, Mapping) else told or []
    return [_message(row) for row in rows if isinstance(row, Mapping) and str(row.get("TYPE") or "").strip()]


def _message(row: Mapping[str, Any]) -> Message:
    number = str(row.get("NUMBER") or "").strip()
    return Message(
        str(row["TYPE"]).strip().upper(),
        str(row.get("ID") or "").strip(),
        number.zfill(3) if number.isdigit() else number,
        " ".join(str(row.get("MESSAGE") or "").split())[:200],
        str(row.get("PARAMETER") or "").strip(),
        int(row["ROW"]) if str(row.get("ROW") or "").strip().isdigit() else 0,
        str(row.get("FIELD") or "").strip(),
    )


def refusal_of(
    messages: Sequence[Message], *, system: str, operation: str, period: str | None = None
) -> ConnectorError | None:
    """
    Return the error that the refusing rows stand for, ``None`` where no row refuses.

    Args:
        messages: Every row of RETURN.

        system: Instance name.

        operation: What was tried.

        period: Month of the posting, ``2026-11``, for the message of a closed one.
    """
    refusals = [message for message in messages if message.is_refusal]
    if not refusals:
        return None
    reasons = [message for message in refusals if (message.id, message.number) != _PREAMBLE] or refusals
    codes = {(message.id, message.number) for message in reasons}
    first = reasons[0]
    more = f"; and {len(reasons) - 1} more: {reasons[1]}" if len(reasons) > 1 else ""
    told: dict[str, Any] = {"system": system, "operation": operation, "code": first.code}
    if codes & _CLOSED:
        msg = f"SAP refuses a posting into the period {period or 'asked for'}: {first}{more}"
        hint = "open the period in SAP (OB52, OKP1), or date the posting into an open one; then release the record"
        return RecordInvalidError(msg, hint=hint, **told)
    if codes <= _LOCKED:
        msg = f"somebody else has it open in SAP: {first}"
        return UnavailableError(msg, hint="it is sent again", retry_after=LOCKED_SECONDS, **told)
    msg = f"SAP refuses it: {first}{more}"
    return RecordInvalidError(msg, hint="correct the record, or what it names in SAP; then release it", **told)
