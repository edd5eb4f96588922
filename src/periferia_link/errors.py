"""
Every error of periferia_link, in one tree; a class says what happens next.

::

    LinkError
      ConfigurationError              fix periferia.toml or the call, then start again
        MissingDependencyError          install the named extra
        UnknownConnectorError           no connector is registered under that name
      ConnectorError                  a system said no; carries system, operation, ref
        TransientError                  reads are tried again
          ThrottledError                  after retry_after seconds
          UnavailableError                nothing reached the system, or it could not answer
          RequestTimeoutError             the deadline of a read passed
        OutcomeUnknownError             a write whose fate is not known: read back, never re-sent blindly
        ExpiredCursorError              the change feed forgot our place: read everything again
        RejectedError                   this record is parked, the run goes on
          RecordInvalidError              the system refuses the values
          RecordConflictError             the record changed, or its key is taken
          RecordNotFoundError             the record is not there
        FatalConnectorError             this system stops
          AuthenticationError             the credentials are refused
          PermissionDeniedError           the identity lacks a right
          ContractBrokenError             the answer has a shape that nobody promised
          OriginError                     a link leads away from the configured system
          PaginationError                 the pages never end
          WriteRefusedError               a write was tried in plan-only mode
      LedgerError                     the memory of the engine
        LedgerBusyError                 somebody else holds it
          LeaseHeldError                  another runner works on this flow
        LedgerVersionError              made by a newer library
        LedgerCorruptError              damaged; restore or rebuild
        WrongSystemError                the instance is not the one this ledger knows
      IdentityError                   which record is which
        AmbiguousMatchError             several candidates: a person decides
        MissingReferenceError           the record needs another one that is not there yet
      FlowError                       a run as a whole; carries the report so far
        CeilingError                    more changes than the flow is allowed
        EmptySourceError                the source lost most of its records
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from periferia_link.domain import Ref

__all__ = [
    "AmbiguousMatchError",
    "AuthenticationError",
    "CeilingError",
    "ConfigurationError",
    "ConnectorError",
    "ContractBrokenError",
    "EmptySourceError",
    "ExpiredCursorError",
    "FatalConnectorError",
    "FlowError",
    "IdentityError",
    "LeaseHeldError",
    "LedgerBusyError",
    "LedgerCorruptError",
    "LedgerError",
    "LedgerVersionError",
    "LinkError",
    "MissingDependencyError",
    "MissingReferenceError",
    "OriginError",
    "OutcomeUnknownError",
    "PaginationError",
    "PermissionDeniedError",
    "RecordConflictError",
    "RecordInvalidError",
    "RecordNotFoundError",
    "RejectedError",
    "RequestTimeoutError",
    "ThrottledError",
    "TransientError",
    "UnavailableError",
    "UnknownConnectorError",
    "WriteRefusedError",
    "WrongSystemError",
]


class LinkError(Exception):
    """
    Root of every error raised by periferia_link.

    ``hint`` is the next step for a person; ``str()`` shows both sentences.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} → {self.hint}" if self.hint else self.message

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON-ready fields; secrets never are among them."""
        return {"error": type(self).__name__, "message": self.message, "hint": self.hint}


class ConfigurationError(LinkError):
    """The configuration or a call is wrong; nothing was sent anywhere."""


class MissingDependencyError(ConfigurationError):
    """An optional package is missing; the hint is the command that installs it."""


class UnknownConnectorError(ConfigurationError):
    """No connector is registered under the name that the configuration gives."""


class ConnectorError(LinkError):
    """
    A remote system failed or refused.

    ``retry_after`` is in seconds; ``body_excerpt`` is at most 500 characters and holds no secret.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        system: str | None = None,
        operation: str | None = None,
        ref: Ref | None = None,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body_excerpt: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.system = system
        self.operation = operation
        self.ref = ref
        self.status_code = status_code
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.body_excerpt = body_excerpt[:500] if body_excerpt else None

    def __str__(self) -> str:
        where = f"{self.system}: " if self.system else ""
        return where + super().__str__()

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON-ready fields; secrets never are among them."""
        return super().to_dict() | {
            "system": self.system,
            "operation": self.operation,
            "ref": str(self.ref) if self.ref else None,
            "status_code": self.status_code,
            "code": self.code,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
        }


class TransientError(ConnectorError):
    """It may work later: reads are tried again, a write is known not to have happened."""


class ThrottledError(TransientError):
    """The system asks to wait ``retry_after`` seconds."""


class UnavailableError(TransientError):
    """Nothing reached the system, or it said that it did nothing."""


class RequestTimeoutError(TransientError):
    """The deadline of a read passed."""


class OutcomeUnknownError(ConnectorError):
    """A write was sent and its fate is not known; it is read back before anything else."""


class ExpiredCursorError(ConnectorError):
    """The change feed no longer knows our place; everything is read again and compared by id."""


class RejectedError(ConnectorError):
    """One record is refused and parked; the run goes on."""


class RecordInvalidError(RejectedError):
    """The system refuses the values of the record."""


class RecordConflictError(RejectedError):
    """The record changed since it was read, or its key belongs to another one."""


class RecordNotFoundError(RejectedError):
    """The record is not there (any more)."""


class FatalConnectorError(ConnectorError):
    """The system stops for the rest of the run; planned work stays in the ledger."""


class AuthenticationError(FatalConnectorError):
    """The credentials are refused, or a sign-in page came instead of an answer."""


class PermissionDeniedError(FatalConnectorError):
    """The identity is known and lacks a right."""


class ContractBrokenError(FatalConnectorError):
    """The answer has a shape that the API never promised."""


class OriginError(FatalConnectorError):
    """A link or redirect leads to another origin; nothing was sent there."""


class PaginationError(FatalConnectorError):
    """The pages repeat or never end."""


class WriteRefusedError(FatalConnectorError):
    """The system is configured plan-only and refuses to write."""


class LedgerError(LinkError):
    """The ledger cannot be used."""


class LedgerBusyError(LedgerError):
    """Another process holds the ledger for longer than the waiting time."""


class LeaseHeldError(LedgerBusyError):
    """Another runner works on this flow; the message says who and since when."""


class LedgerVersionError(LedgerError):
    """The ledger was written by a newer library and is left alone."""


class LedgerCorruptError(LedgerError):
    """The ledger file is damaged; nothing is written anywhere."""


class WrongSystemError(LedgerError):
    """A system instance answers with another system_id than the ledger remembers."""


class IdentityError(LinkError):
    """It is not clear which record is meant."""


class AmbiguousMatchError(IdentityError):
    """Several candidates, or a weak one: goes to review, never guessed."""


class MissingReferenceError(IdentityError):
    """
    The record needs another one that is not there: a rate, a rule, a link.

    The record waits and is tried again when the missing one appears.
    """


class FlowError(LinkError):
    """A run stopped as a whole; ``report`` holds what was done until then."""

    def __init__(self, message: str, *, hint: str | None = None, report: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class CeilingError(FlowError):
    """The run would change more than the ceilings of the flow allow; nothing beyond was written."""


class EmptySourceError(FlowError):
    """The source shows far fewer records than last time; deletions are not believed."""
