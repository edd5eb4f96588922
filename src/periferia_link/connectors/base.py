"""
The seam between the engine and every system: five verbs, wire rows in, one outcome per write out.

The engine sees this file only. A connector may use any client library behind it, blocking is fine.
"""

from __future__ import annotations

import abc
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

from periferia_link.domain import Ref
from periferia_link.errors import (
    ConfigurationError,
    ConnectorError,
    LinkError,
    OutcomeUnknownError,
    RecordNotFoundError,
)

if TYPE_CHECKING:
    from periferia_link.domain import Entity

__all__ = [
    "Applied",
    "Capabilities",
    "Connector",
    "Mode",
    "NotApplied",
    "Outcome",
    "Page",
    "Row",
    "SystemInfo",
    "Unknown",
    "Write",
]

Mode: TypeAlias = Literal["create", "update", "delete", "action"]


class Row(NamedTuple):
    """
    One record as the wire gave it, not yet decoded.

    ``body`` is the row's bytes (JSON) or the parsed mapping. ``match`` is set by :meth:`Connector.find`: which of the
    asked values this row answers. ``pending`` says in a sentence why the record exists but does not count yet
    (a draft that waits for approval); such a row is never adopted and never written again.
    """

    key: str
    version: str | None
    body: bytes | Mapping[str, Any]
    match: str | None = None
    pending: str | None = None


class Page(NamedTuple):
    """
    One page of a pull.

    ``deleted`` are ids that the feed reports as gone. ``cursor`` continues after this page; ``None`` means that the
    feed cannot be resumed here and the cursor before stays. ``is_last`` ends the pull; ``is_scan`` says that the
    whole pull, from its first page, lists every record that exists: only then does absence mean deletion.
    """

    rows: Sequence[Row]
    deleted: Sequence[str] = ()
    cursor: str | None = None
    is_last: bool = False
    is_scan: bool = False


class Write(NamedTuple):
    """
    One intended change.

    ``create_key`` (UUID text) never changes for one effect: it is the Dataverse GUID, the SAP marker, the
    Idempotency-Key. ``fields`` are the fields of ``entity`` to send; others never travel. ``if_version`` is the
    version that must still hold. ``action`` names an operation that is no upsert (cancel a posting). ``body`` is set
    on creates: the fields of ``entity`` that were set, as JSON, for a system whose wire is just that.
    """

    create_key: str
    mode: Mode
    ref: Ref | None = None
    entity: Entity | None = None
    fields: frozenset[str] = frozenset()
    if_version: str | None = None
    action: str | None = None
    body: bytes | None = None


class Applied(NamedTuple):
    """The write took effect; ``version`` is the new one where the answer told it."""

    ref: Ref
    version: str | None = None


class NotApplied(NamedTuple):
    """
    The write certainly had no effect. The class of ``error`` says what the engine does.

    RejectedError: park this record. TransientError: issue it again after ``retry_after`` seconds (also for the part
    of a batch that was never executed). FatalConnectorError: stop the system, keep the work.
    """

    error: ConnectorError
    retry_after: float | None = None


class Unknown(NamedTuple):
    """
    The write may or may not have taken effect; the engine reads back before anything else.

    ``is_answered``: the system did answer, so nothing of the request is still under way; the read-back need not wait.
    """

    error: ConnectorError
    is_answered: bool = False


Outcome: TypeAlias = Applied | NotApplied | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """
    What a system can do for one kind; the engine asks here instead of guessing.

    ``feed``: ``delta`` (server-kept change token), ``watermark`` (changed-since with overlap), ``scan`` (everything).
    ``version_covers_fields``: an equal row version proves that every selected field is equal.
    ``reports_deletions``: the feed lists deleted ids. ``writes``: modes that work (empty: read-only).
    ``create_guard``: ``server-key`` (a second create with one create_key cannot succeed, ever), ``marker`` (our key
    is stored and searched; a request still under way could slip through for ``settle_seconds``), ``none``.
    ``concurrency``: ``precondition`` (If-Match and the like) or ``compare`` (read, compare, write; small window).
    ``max_batch``: writes in one request. ``is_atomic``: one refusal refuses the whole request.
    ``parallel``: requests in flight. ``volatile``: top-level keys of a wire row that change by themselves.
    ``find_fields``: fields that :meth:`Connector.find` accepts beside ``create_key``.
    ``match_fields`` of a target pulled into the index may be any field of the kind.
    """

    feed: Literal["delta", "watermark", "scan"] = "scan"
    version_covers_fields: bool = False
    reports_deletions: bool = False
    writes: frozenset[Mode] = frozenset()
    create_guard: Literal["server-key", "marker", "none"] = "none"
    concurrency: Literal["precondition", "compare"] = "compare"
    max_batch: int = 1
    is_atomic: bool = False
    parallel: int = 1
    settle_seconds: float = 0.0
    volatile: frozenset[str] = frozenset()
    find_fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInfo:
    """
    Answer of :meth:`Connector.check`: who am I talking to.

    ``system_id`` identifies the installation for ever (organisation id; server and company database).
    ``missing`` are rights that the flows need and the identity lacks; ``next_step`` what to do about it.
    """

    system_id: str
    product: str
    version: str | None = None
    identity: str | None = None
    missing: Sequence[str] = ()
    next_step: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)


class Connector(abc.ABC):
    """
    One system, five verbs. Subclasses implement ``check``, ``pull``, ``decode``, ``get``, ``find`` and ``write``.

    ``name`` is the instance name (``crm``, ``erp-pe``): it stands in every :class:`~periferia_link.Ref`.
    Thread-safe: the engine calls it from several threads when ``parallel`` says so.
    """

    product: ClassVar[str] = ""
    """Name of the product in the registry and the messages."""

    name: str

    deadline: float = 30.0
    """
    Seconds that one :meth:`write` may take in all, from the call to the answer. A create whose answer is lost is
    looked for after that time, so a write must not be sent later than it says.
    """

    @property
    @abc.abstractmethod
    def capabilities(self) -> Mapping[str, Capabilities]:
        """What works, by kind name."""

    @abc.abstractmethod
    def check(self) -> SystemInfo:
        """
        Sign in, ask who we are and which installation this is; writes nothing.

        Raises:
            AuthenticationError: The credentials are refused.
            TransientError: The system cannot be reached now.
        """

    @abc.abstractmethod
    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records page by page: all of them, or those changed since a cursor of an earlier page.

        Raises:
            ExpiredCursorError: The system forgot the cursor; pull again without one.
            ConnectorError: Anything else that the system refused, by what happens next.
        """

    @abc.abstractmethod
    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make the typed entity of a row; called for changed rows only.

        Raises:
            RecordInvalidError: The row does not fit the model (NaN, negative hours, a missing field).
        """

    @abc.abstractmethod
    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id, many in one call; missing ones are absent from the answer.

        Raises:
            ConnectorError: By what happens next.
        """

    @abc.abstractmethod
    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a natural key, or by ``create_key``; each row tells its value in ``match``.

        Looks at the system itself, past every cache: read-backs depend on it.

        Raises:
            ConnectorError: By what happens next.
        """

    @abc.abstractmethod
    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Send exactly one request with these writes; one outcome each, in the same order.

        Never raises for what the system answered: the outcome says it, classified by the system's code.

        Raises:
            ConfigurationError: The call itself is wrong (unknown kind, more writes than ``max_batch``).
        """

    def prepare(self, kind: str, writes: Sequence[Write]) -> Callable[[], list[Outcome]]:
        """
        Return what does one :meth:`write`, called once, for a connector that works long on a request before sending it.

        The engine prepares on its own thread, one request after the other, and sends on several.

        Raises:
            ConfigurationError: As :meth:`write`.
        """
        return partial(self.write, kind, writes)

    def fingerprint(self, kind: str) -> str:
        """Return a text that changes when the mapping of *kind* does (columns of a FieldMap): see change detection."""
        del kind
        return ""

    def close(self) -> None:  # noqa: B027 - optional for connectors without connections
        """Release connections and sessions."""

    def __enter__(self) -> Connector:  # noqa: PYI034 - Self is not in typing before 3.11
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    # ------------------------------------------------------------------ for scripts, built on the verbs

    def supports(self, kind: str) -> Capabilities:
        """
        Return the capabilities for *kind*.

        Raises:
            ConfigurationError: The connector does not know the kind.
        """
        try:
            return self.capabilities[kind]
        except KeyError:
            msg = f"{self.name} ({self.product}) does not know the kind {kind}"
            raise ConfigurationError(msg, hint=f"it knows {', '.join(sorted(self.capabilities))}") from None

    def each(self, kind: str) -> Iterator[Entity]:
        """
        Read every record of *kind*, decoded, one page in memory at a time.

        Raises:
            ConnectorError: As :meth:`pull` and :meth:`decode`.
        """
        for page in self.pull(kind):
            for row in page.rows:
                yield self.decode(kind, row)

    def save(self, entity: Entity, *, create_key: str | None = None) -> Ref:
        """
        Create *entity*, or update it when it has a ``ref``; one request, read back once when the fate is unknown.

        Pass the ``create_key`` of a failed attempt to try the same creation again without a duplicate.

        Raises:
            ConnectorError: The system refused.
            OutcomeUnknownError: Neither the answer nor the read-back said what happened.
        """
        kind = type(entity).kind()
        fields = entity.model_fields_set - {"ref", "version"}
        write = Write(
            create_key or str(uuid.uuid4()),
            "update" if entity.ref else "create",
            entity.ref,
            entity,
            frozenset(fields),
            entity.version,
        )
        return self._settle(kind, write, self.write(kind, [write])[0])

    def remove(self, ref: Ref, *, if_version: str | None = None) -> None:
        """
        Delete one record.

        Raises:
            ConnectorError: The system refused; an absent record is no error.
        """
        write = Write(str(uuid.uuid4()), "delete", ref, if_version=if_version)
        try:
            self._settle(ref.kind, write, self.write(ref.kind, [write])[0])
        except RecordNotFoundError:
            return

    def _settle(self, kind: str, write: Write, outcome: Outcome) -> Ref:
        if isinstance(outcome, Applied):
            return outcome.ref
        if isinstance(outcome, Unknown) and write.mode == "create":
            hits = [row for row in self.find(kind, "create_key", [write.create_key]) if not row.pending]
            if len(hits) == 1:
                return Ref(self.name, kind, hits[0].key)
        error: LinkError = outcome.error
        if isinstance(outcome, Unknown) and not isinstance(error, OutcomeUnknownError):
            msg = f"the fate of a {write.mode} is not known: {error.message}"
            raise OutcomeUnknownError(
                msg, system=self.name, operation=write.mode, hint=f"try again with create_key={write.create_key}"
            ) from error
        raise error
