"""What a hostile connector does wrong when it writes."""

from __future__ import annotations

from collections.abc import Sequence

from periferia_link.connectors.base import Applied, NotApplied, Outcome, Unknown, Write
from periferia_link.domain import Ref
from periferia_link.errors import (
    ConfigurationError,
    ConnectorError,
    OutcomeUnknownError,
    RecordInvalidError,
    RecordNotFoundError,
    TransientError,
    UnavailableError,
)
from periferia_link.testing.memory import MemoryConnector

__all__ = ["WRITING_VICES", "HostileWriting"]

WRITING_VICES = {
    "lost-write": "says that a record was written and forgets it",
    "double-write": "writes every new record twice",
    "second-try": "sends a write again when no answer came",
    "new-key": "thinks of a new key at every attempt",
    "denied-write": "takes a lost answer for a refusal",
    "claimed-write": "takes a lost answer for a success",
    "raw-write-error": "lets the client library's own exception out of a write",
    "429-storm": "sends a throttled write again at once",
    "parked-throttle": "takes 429 for a fault of the record",
    "impatient-throttle": "does not say how long to wait",
    "empty-request": "takes the first of no writes",
    "outcome-order": "gives the outcomes in another order",
    "outcome-number": "gives one outcome too few",
    "outcome-of-another": "says that another record was written",
    "one-by-one": "sends a request for each write",
    "overfull-batch": "takes more writes than fit, and drops the rest",
    "blamed-batch": "refuses a whole batch for the fault of one record",
    "half-atomic": "declares atomic requests and applies the part that works",
    "writes-read-only": "writes although it declares to be read-only",
    "blind-update": "overwrites what somebody else changed",
    "resurrecting-update": "creates what it should update",
    "whole-entity": "sends every field, whatever was asked",
    "cut-text": "cuts long texts without a word",
    "told-version": "tells a version that no record ever gets",
    "immortal": "says that a record was deleted and leaves it",
    "raising-delete": "raises when the record to delete is gone",
    "secret-in-error": "puts the password into the message of an error",
    "secret-in-cause": "puts the password into the exception that caused the error",
    "hopeless-error": "gives an error without a next step",
}


class HostileWriting(MemoryConnector):
    """The vices of writing; a mixin of :class:`~periferia_link.testing.hostile.HostileConnector`."""

    vices: frozenset[str] = frozenset()
    secret: str = ""

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Apply writes, badly.

        Raises:
            ConfigurationError: As a memory does.
        """
        if "any-kind" in self.vices and kind not in self._models:
            return []
        self._check_modes(kind, writes)
        if "empty-request" in self.vices:
            kind = kind if writes[0].mode else ""
        if "overfull-batch" in self.vices:
            dropped = writes[self.supports(kind).max_batch :]
            done = self._sent(kind, writes[: self.supports(kind).max_batch])
            return [*done, *(Applied(Ref(self.name, kind, write.create_key)) for write in dropped)]
        if "one-by-one" in self.vices:
            return [outcome for write in writes for outcome in self._sent(kind, [write])]
        return self._sent(kind, writes)

    def _check_modes(self, kind: str, writes: Sequence[Write]) -> None:
        for write in writes:
            if write.mode not in self.supports(kind).writes and "writes-read-only" not in self.vices:
                msg = f"{self.name} does not {write.mode} {kind}"
                raise ConfigurationError(msg, hint="look at its capabilities")

    def _sent(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        taken = [self._taken(kind, write) for write in writes]
        arrives = [write for write in taken if not self._is_lost(write)]
        outcomes = super().write(kind, arrives)
        if arrives != taken:
            known = iter(outcomes)
            outcomes = [self._as_if(kind, write) if self._is_lost(write) else next(known) for write in taken]
        if "double-write" in self.vices:
            super().write(kind, [write for write in arrives if write.mode == "create"])
        unsure = any(isinstance(outcome, Unknown) for outcome in outcomes)
        throttled = any(isinstance(o, NotApplied) and isinstance(o.error, TransientError) for o in outcomes)
        if (unsure and "second-try" in self.vices) or (throttled and "429-storm" in self.vices):
            outcomes = super().write(kind, arrives)
        if unsure and "raw-write-error" in self.vices:
            raise ConnectionResetError(104, "Connection reset by peer")
        return self._told(kind, writes, outcomes)

    def _is_lost(self, write: Write) -> bool:
        return ("lost-write" in self.vices and write.mode == "create") or (
            "immortal" in self.vices and write.mode == "delete"
        )

    def _as_if(self, kind: str, write: Write) -> Outcome:
        return Applied(write.ref or Ref(self.name, kind, write.create_key))

    def _taken(self, kind: str, write: Write) -> Write:
        """Bend one write before it is sent."""
        if "new-key" in self.vices and write.mode == "create":
            self._asked = self.__dict__.get("_asked", 0) + 1
            return write._replace(create_key=f"{write.create_key}-{self._asked}")
        if "blind-update" in self.vices:
            write = write._replace(if_version=None)
        if write.entity is None:
            return write
        if "resurrecting-update" in self.vices and write.mode == "update" and write.ref is not None:
            if write.ref.id not in self._rows[kind]:
                self.put(write.entity)
            return write
        if "whole-entity" in self.vices and write.mode == "update":
            return write._replace(fields=frozenset(write.entity.model_fields_set))
        if "cut-text" in self.vices and hasattr(write.entity, "name"):
            return write._replace(entity=write.entity.model_copy(update={"name": write.entity.name[:8]}))
        return write

    def _told(self, kind: str, writes: Sequence[Write], outcomes: list[Outcome]) -> list[Outcome]:
        """Bend what is said about a request."""
        if "outcome-order" in self.vices:
            outcomes = outcomes[::-1]
        if "outcome-number" in self.vices:
            outcomes = outcomes[:-1] if len(outcomes) > 1 else outcomes
        refused = next(
            (o for o in outcomes if isinstance(o, NotApplied) and isinstance(o.error, RecordNotFoundError)), 0
        )
        if refused and "blamed-batch" in self.vices and len(outcomes) > 1:
            self._take_back(kind, outcomes)
            return [NotApplied(RecordInvalidError("refused", system=self.name, hint="correct it"))] * len(outcomes)
        if refused and "raising-delete" in self.vices and writes[0].mode == "delete":
            raise KeyError(writes[0].create_key)
        return [self._said(kind, outcome) for outcome in outcomes]

    def _take_back(self, kind: str, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Applied):
                self.drop(Ref(self.name, kind, outcome.ref.id))

    def _said(self, kind: str, outcome: Outcome) -> Outcome:
        """Bend one outcome."""
        if isinstance(outcome, Applied):
            if "told-version" in self.vices:
                return outcome._replace(version='W/"99999"')
            if "outcome-of-another" in self.vices:
                return outcome._replace(ref=Ref(self.name, kind, "another"))
            return outcome
        if isinstance(outcome, Unknown):
            if "denied-write" in self.vices:
                return NotApplied(UnavailableError("no answer", system=self.name, hint="try again"), 1.0)
            if "claimed-write" in self.vices:
                return Applied(Ref(self.name, kind, "perhaps"))
            return Unknown(self._complained(outcome.error))
        if isinstance(outcome.error, TransientError):
            if "parked-throttle" in self.vices:
                return NotApplied(RecordInvalidError("429", system=self.name, hint="correct the record"))
            if "impatient-throttle" in self.vices:
                return NotApplied(outcome.error)
        return outcome

    def _complained(self, error: ConnectorError) -> ConnectorError:
        if "secret-in-error" in self.vices:
            return OutcomeUnknownError(f"POST /?password={self.secret} failed", system=self.name, hint="read back")
        if "secret-in-cause" in self.vices:
            told = OutcomeUnknownError("no answer came", system=self.name, hint="read back")
            told.__cause__ = ValueError(f"Authorization: Basic admin:{self.secret}")
            return told
        if "hopeless-error" in self.vices:
            return OutcomeUnknownError("it did not work", system=self.name)
        return error
