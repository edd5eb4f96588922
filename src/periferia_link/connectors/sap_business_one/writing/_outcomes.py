"""What a write was answered with, and what that means: by the first rule that applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from periferia_link.connectors.base import NotApplied, Outcome, Unknown, Write
from periferia_link.connectors.sap_business_one._refusals import NO_SUCH_PROPERTY, NO_SUCH_SET, Refusal
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

__all__ = ["RefusedWrite"]

_TAKEN = frozenset({"-2035", "1320000140", "1320000141"})
_PERIOD = frozenset({"-4013", "-1116"})
_RATE = "-4006"


@dataclass(frozen=True, slots=True)
class RefusedWrite:
    """
    A write that was answered with anything but success, and what that means.

    ``period`` is the month of a posting, ``"2026-11"``; ``retry_after`` the seconds that a 429 asks for.
    """

    refusal: Refusal
    write: Write
    system: str
    kind: str
    period: str | None = None
    retry_after: float | None = None

    @property
    def outcome(self) -> Outcome:
        """Whether nothing happened, or nobody knows; by the first of the rules that applies."""
        for applies, means in _RULES:
            if applies(self):
                return means(self)
        # SAP's business logic refused, and it rolls back before it answers
        return self.rejected(f"SAP refuses it ({self.refusal.code}): {self.refusal.text}", "correct the record")

    @property
    def is_marked(self) -> bool:
        """Whether it would have made a record beside its marker row."""
        return self.kind in ("CostEntry", "Invoice", "Opportunity", "ServiceCall") and self.write.mode == "create"

    @property
    def is_posting(self) -> bool:
        """Whether it would have posted a journal entry."""
        return self.kind == "CostEntry" and self.write.mode == "create"

    @property
    def told(self) -> dict[str, Any]:
        """The fields of the error."""
        return {
            "system": self.system,
            "operation": f"{self.write.action or self.write.mode} {self.kind}",
            "ref": self.write.ref,
            "status_code": self.refusal.status,
            "code": self.refusal.code or None,
        }

    def rejected(self, msg: str, hint: str, error: type[ConnectorError] = RecordInvalidError) -> NotApplied:
        """Nothing happened."""
        return NotApplied(error(msg, hint=hint, **self.told))

    def later(self, msg: str, error: type[ConnectorError], seconds: float | None) -> NotApplied:
        """Nothing happened, and it may work later."""
        return NotApplied(error(msg, hint="it is sent again", retry_after=seconds, **self.told), seconds)

    def unknown(self, msg: str, hint: str) -> Unknown:
        """Nobody knows."""
        return Unknown(OutcomeUnknownError(msg, hint=hint, **self.told))


def _closed(case: RefusedWrite) -> Outcome:
    refusal = case.refusal
    msg = f"SAP refuses a posting into the period {case.period or 'asked for'} ({refusal.code}): {refusal.text}"
    hint = "open the posting period in SAP, or date the posting into an open one; then release the record"
    if refusal.code == "-1116":
        hint = f"see what the company's own check (SBO_SP_TransactionNotification) wants; or {hint}"
    return case.rejected(msg, hint)


# In this order. Conditions look at status and code alone.
_RULES: tuple[tuple[Callable[[RefusedWrite], bool], Callable[[RefusedWrite], Outcome]], ...] = (
    (
        lambda case: case.refusal.status == 401,
        lambda case: case.later("the session was over, nothing was done", UnavailableError, 0.0),
    ),
    (
        lambda case: case.refusal.status == 403,
        lambda case: case.rejected(
            "the user may not do this", "give the user the authorisation in SAP", PermissionDeniedError
        ),
    ),
    (
        lambda case: case.refusal.status == 413,
        lambda case: case.rejected("the request is too large for the balancer", "lower max_batch"),
    ),
    (
        lambda case: case.refusal.status == 429,
        lambda case: case.later("SAP asks to slow down, nothing was done", ThrottledError, case.retry_after),
    ),
    (
        lambda case: case.refusal.code == "-2039" or case.refusal.status == 412,
        lambda case: case.rejected(
            "the record changed since it was read (-2039)", "it is read and planned again", RecordConflictError
        ),
    ),
    (
        # the balancer spoke, or a node in trouble
        lambda case: not 400 <= case.refusal.status < 500 or case.refusal.status == 408 or not case.refusal.code,
        lambda case: case.unknown(
            f"the answer does not tell what happened (status {case.refusal.status})", "it is read back"
        ),
    ),
    (
        lambda case: case.refusal.code == "-2035" and case.is_marked,
        lambda case: case.unknown(
            "the marker of this record is there already (-2035)", "the record is looked up by its key"
        ),
    ),
    (
        lambda case: case.refusal.code in _TAKEN,
        lambda case: case.rejected(
            f"the code belongs to another record ({case.refusal.code})",
            "choose another code, or link the two records",
            RecordConflictError,
        ),
    ),
    (
        lambda case: case.refusal.code == "-2028" and case.is_posting,
        lambda case: case.unknown(
            "a reference is missing, or an approval procedure made a draft of the posting (-2028)",
            "the posting is looked up among entries and drafts",
        ),
    ),
    (
        lambda case: case.refusal.code == "-2028" and case.refusal.status == 404 and case.write.mode != "create",
        lambda case: case.rejected(
            "the record is not there (-2028)", "somebody deleted it in SAP", RecordNotFoundError
        ),
    ),
    (lambda case: case.refusal.code in _PERIOD and case.kind in ("CostEntry", "Invoice"), _closed),
    (
        lambda case: case.refusal.code == _RATE,
        lambda case: case.rejected(
            f"SAP has no exchange rate for the day ({_RATE}): {case.refusal.text}",
            "enter the rate in SAP (Administration, Exchange Rates and Indexes), then release the record",
        ),
    ),
    (
        lambda case: case.refusal.code in NO_SUCH_SET,
        lambda case: case.rejected(
            f"this Service Layer does not know a table of the request ({case.refusal.code})",
            "create the user table U_PL_SYNC and restart the Service Layer, or configure marker = field",
            ContractBrokenError,
        ),
    ),
    (
        lambda case: case.refusal.code in NO_SUCH_PROPERTY,
        lambda case: case.rejected(
            f"SAP does not take a value ({case.refusal.code}): {case.refusal.text}",
            "compare the field map with the company; a new user field needs a restart of the Service Layer",
        ),
    ),
)
