"""
One piece of work in SAP: check, do, commit with WAIT on the same connection, or roll back; and what its end means.

Source: note 306504 (BAPIs of accounting commit nothing themselves), BAPI_TRANSACTION_COMMIT with WAIT = 'X' (the
answer comes after the update has run; its RETURN is a structure), BAPI_TRANSACTION_ROLLBACK.

| where it breaks | what is known | outcome |
| --- | --- | --- |
| no connection, or the check fails | nothing was posted | not applied |
| RETURN of the check or the call has E or A | SAP refused; rolled back | not applied |
| the answer to the call is lost | not committed, unless an exit of the company commits by itself | unknown |
| the answer to the commit is lost | it may be in the books | unknown |
| the commit answers E or A | the update may have stopped half way | unknown, and nothing is under way |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown
from periferia_link.connectors.sap_rfc._connections import Connections, Line
from periferia_link.connectors.sap_rfc._failures import error_of, is_broken_line, nothing_was_sent
from periferia_link.connectors.sap_rfc._messages import Message, messages_of, refusal_of
from periferia_link.domain import Ref
from periferia_link.errors import (
    ConnectorError,
    ContractBrokenError,
    OutcomeUnknownError,
    RecordInvalidError,
    TransientError,
    UnavailableError,
)
from periferia_link.typing import Clock

__all__ = ["Step", "UnitOfWork"]

_COMMIT, _ROLLBACK = "BAPI_TRANSACTION_COMMIT", "BAPI_TRANSACTION_ROLLBACK"


@dataclass(frozen=True, slots=True)
class Step:
    """
    What to do: ``function`` with ``parameters``, after ``check`` with the same ones.

    ``key_of`` reads the new record's key from the answer, ``None`` where it names none. ``period`` is the month of a
    posting, ``2026-11``. ``check_parameters`` are added to those of the call when it is checked (a test run).
    """

    what: str
    function: str
    parameters: Mapping[str, Any]
    key_of: Callable[[Mapping[str, Any]], str | None]
    ref_of: Callable[[str], Ref]
    check: str | None = None
    check_parameters: Mapping[str, Any] | None = None
    period: str | None = None


class UnitOfWork:
    """
    Runs steps, each in a session context of its own.

    Args:
        connections: Where connections come from.

        clock: Source of time.

        system: Instance name.

        budget: Seconds after the beginning in which the commit must leave; later it is rolled back.
    """

    def __init__(self, connections: Connections, *, clock: Clock, system: str, budget: float) -> None:
        self._connections = connections
        self._clock = clock
        self._system = system
        self._budget = budget

    def run(self, step: Step, *, began: float) -> Outcome:
        """
        Run one step to its end; every failure is an outcome.

        Args:
            step: What to do.

            began: When the write was asked for: looking something up first takes from its time.
        """
        try:
            with self._connections.line(must_live=True) as line:
                return self._run(line, step, began)
        except ConnectorError as exc:  # no connection: nothing was asked
            return _not_applied(exc)

    def _run(self, line: Line, step: Step, began: float) -> Outcome:
        refused = self._checked(line, step)
        if refused is not None:
            return refused
        try:
            answer = line.call(step.function, **step.parameters)
        except Exception as exc:  # noqa: BLE001 - every end of the call has a meaning
            return self._lost(exc, step)
        messages = messages_of(answer)
        error = refusal_of(messages, system=self._system, operation=step.what, period=step.period)
        key = step.key_of(answer)
        if error is None and key is None:
            msg = f"{step.function} answers neither a number nor a reason"
            hint = "look at the function in SE37: does a change of the company swallow its messages?"
            error = ContractBrokenError(msg, hint=hint, system=self._system, operation=step.what)
        if error is None and self._clock.monotonic() - began > self._budget:
            msg = "SAP took too long before the commit, nothing was booked"
            error = UnavailableError(msg, hint="it is sent again", system=self._system, operation=step.what)
        if error is not None or key is None:
            return self._rolled_back(line, step, error or _never())
        return self._committed(line, step, key)

    def _checked(self, line: Line, step: Step) -> Outcome | None:
        """Let SAP look at it first: what it refuses there has touched no number range."""
        if step.check is None:
            return None
        try:
            answer = line.call(step.check, **step.parameters, **(step.check_parameters or {}))
        except Exception as exc:  # noqa: BLE001 - a check changes nothing, whatever it ends in
            return _not_applied(self._of_record(exc, step.check))
        error = refusal_of(messages_of(answer), system=self._system, operation=step.what, period=step.period)
        return None if error is None else _not_applied(error)

    def _of_record(self, exc: Exception, function: str) -> ConnectorError:
        """Return the error of a call that SAP ended in a dump: that is about this record, and the others go on."""
        error = error_of(exc, system=self._system, operation=function)
        if not isinstance(error, ContractBrokenError) or nothing_was_sent(exc):
            return error
        told = {"system": self._system, "operation": function, "code": error.code}
        return RecordInvalidError(error.message, hint=error.hint, **told)  # type: ignore[arg-type]

    def _lost(self, exc: Exception, step: Step) -> Outcome:
        if nothing_was_sent(exc):
            return _not_applied(error_of(exc, system=self._system, operation=step.function))
        return self._unknown(step, f"the answer to {step.function} was lost before the commit", exc)

    def _rolled_back(self, line: Line, step: Step, error: ConnectorError) -> Outcome:
        try:
            answer = line.call(_ROLLBACK)
        except Exception:  # noqa: BLE001 - the session ends with its connection, and what it held with it
            return _not_applied(error)
        refused = [message for message in messages_of(answer) if message.is_refusal]
        line.forget()
        if refused:
            return self._unsure(step, f"SAP could not roll back: {refused[0]}", refused)
        return _not_applied(error)

    def _committed(self, line: Line, step: Step, key: str) -> Outcome:
        try:
            answer = line.call(_COMMIT, WAIT="X")
        except Exception as exc:  # noqa: BLE001 - the commit may have been done
            return self._unknown(step, "the answer to the commit was lost", exc)
        refused = [message for message in messages_of(answer) if message.is_refusal]
        if refused:
            line.forget()
            return self._unsure(step, f"the commit ended in an error: {refused[0]}", refused)
        return Applied(step.ref_of(key))

    def _unknown(self, step: Step, why: str, exc: Exception) -> Unknown:
        cause = error_of(exc, system=self._system, operation=step.function)
        error = OutcomeUnknownError(
            f"{why} ({cause.code})", hint="it is read back", system=self._system, operation=step.what, code=cause.code
        )
        return Unknown(error, is_answered=not is_broken_line(exc))

    def _unsure(self, step: Step, why: str, messages: list[Message]) -> Unknown:
        error = OutcomeUnknownError(
            why, hint="it is read back", system=self._system, operation=step.what, code=messages[0].code
        )
        return Unknown(error, is_answered=True)


def _not_applied(error: ConnectorError) -> NotApplied:
    error.__cause__, error.__suppress_context__ = None, True
    if not isinstance(error, TransientError):
        return NotApplied(error)
    return NotApplied(error, error.retry_after if error.retry_after is not None else 0.0)


def _never() -> ConnectorError:
    return RecordInvalidError("SAP gave no number", hint="look at the function in SE37")
