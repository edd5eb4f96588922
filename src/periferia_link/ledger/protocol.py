"""What the engine asks of its memory; a dialect file answers it (SQLite now)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Literal, NamedTuple, Protocol

from periferia_link.domain import Ref

__all__ = [
    "AMBIGUOUS",
    "FOLLOWER",
    "GONE",
    "HELD",
    "OK",
    "PARKED",
    "PLANNED",
    "REVIEW",
    "SKIPPED",
    "WAITING",
    "Held",
    "Known",
    "Ledger",
    "OnIo",
    "Operation",
    "Parked",
    "Review",
    "Standing",
    "Step",
]

# states of an open operation
PLANNED: Final = 0
AMBIGUOUS: Final = 1
HELD: Final = 2  # the effect exists and does not count yet: a draft that waits for approval

# states of a record
OK: Final = 0
WAITING: Final = 1
PARKED: Final = 2
REVIEW: Final = 3
SKIPPED: Final = 4
FOLLOWER: Final = 5  # linked to a target that another record writes
GONE: Final = 6  # deleted in the source; the link stays, for the day it comes back


class Known(NamedTuple):
    """What the ledger remembers of one source record (or group); ``id`` is the number of its row."""

    id: int
    version: str | None
    raw: bytes | None
    state: int
    system: str | None
    target: str | None
    target_version: str | None
    base: bytes | None


class Operation(NamedTuple):
    """
    An open operation: planned, ambiguous or held; one that a request covers is in flight.

    ``body`` is ``None`` where the record's base holds the same bytes. ``not_before`` is seconds since the epoch.
    """

    record: int
    stream: int
    key: str
    mode: str
    create_key: str
    system: str
    kind: str
    target: str | None
    if_version: str | None
    action: str | None
    fields: str | None
    body: bytes | None
    extra: str | None
    state: int
    not_before: float | None
    attempt: int
    note: str | None


class Parked(NamedTuple):
    """A record that could not be written, and what to do; times are seconds since the epoch."""

    flow: str
    key: str
    error: str
    reason: str
    next_step: str | None
    since: float
    attempts: int
    retry_at: float | None


class Review(NamedTuple):
    """A record that a person must decide on; ``candidates`` are ids on the target side."""

    flow: str
    key: str
    reason: str
    candidates: Sequence[str]
    since: float
    verdict: str | None


class Held(NamedTuple):
    """A lease: who works on a flow; ``epoch`` fences a runner that comes back after its lease ran out."""

    flow: str
    partition: str
    owner: str
    epoch: int
    since: float
    expires: float


class Step(NamedTuple):
    """
    One step of the trace: ``source`` stands in ``relation`` to ``target``.

    ``evidence`` says how the ledger knows: a ``link`` that a flow made, a ``reference`` that a record holds, a
    ``posting`` made from members, a ``look-up`` that a projection made.
    """

    source: Ref
    relation: str
    target: Ref
    flow: str | None
    evidence: Literal["link", "reference", "posting", "look-up"]


class Standing(NamedTuple):
    """
    Where one record stands in one flow.

    ``state`` is ``None`` when the flow never saw it. ``desk`` is ``parked`` or ``review``. ``reason`` says why it
    is there, or why nothing is made of it. ``mode``, ``operation`` and
    ``not_before`` (seconds since the epoch) tell of a write that is open. A member of a group has ``group``, what it
    should contribute (``desired``, JSON) and what the postings hold of it (``posted``). ``needs`` are records whose
    link it asked for.
    """

    flow: str
    key: str
    state: int | None
    target_kind: str
    target: Ref | None = None
    desk: str = ""
    reason: str = ""
    next_step: str | None = None
    mode: str = ""
    operation: int | None = None
    not_before: float | None = None
    group: str | None = None
    desired: str | None = None
    posted: str | None = None
    needs: tuple[Ref, ...] = ()


class _Records(Protocol):
    def versions(self, stream: int, keys: Sequence[str]) -> dict[str, str | None]: ...
    def every_version(self, stream: int, limit: int) -> dict[str, str | None] | None: ...
    def raws(self, stream: int, keys: Sequence[str]) -> dict[str, tuple[str | None, bytes | None]]: ...
    def known(self, stream: int, keys: Sequence[str]) -> dict[str, Known]: ...
    def bases(self, stream: int, keys: Sequence[str]) -> dict[str, bytes | None]: ...
    def add(self, rows: Sequence[tuple[Any, ...]]) -> int: ...
    def replace(self, rows: Iterable[tuple[Any, ...]]) -> None: ...
    def explain(self, rows: Iterable[tuple[str, int]]) -> None: ...
    def seen_again(self, rows: Iterable[tuple[Any, ...]]) -> None: ...
    def linked(self, rows: Iterable[tuple[Any, ...]]) -> None: ...
    def created(self, rows: Iterable[tuple[int, str, str, str | None, int]]) -> None: ...
    def set_state(self, records: Iterable[int], state: int) -> None: ...
    def drop(self, stream: int, keys: Iterable[str]) -> None: ...
    def has_followers(self) -> bool: ...
    def has_follower(self, stream: int, system: str, target: str) -> bool: ...
    def promote(self, stream: int, system: str, target: str) -> None: ...
    def count(self, stream: int) -> int: ...
    def keys(self, stream: int) -> Iterator[list[str]]: ...
    def parts(self, stream: int, key: str) -> list[str]: ...
    def dirty(self, stream: int, limit: int, after: str = "") -> list[str]: ...
    def mark_dirty(self, stream: int, keys: Iterable[str]) -> None: ...
    def set_members(self, rows: Iterable[tuple[int, str, str, str | None]]) -> None: ...
    def member_groups(self, stream: int, keys: Sequence[str]) -> dict[str, set[str]]: ...
    def members(self, stream: int, group: str) -> list[tuple[str, str | None, str | None]]: ...
    def posted(self, stream: int, group: str, target: str | None, system: str | None) -> None: ...
    def members_posted(self, stream: int, group: str, posted: Mapping[str, str | None]) -> None: ...
    def mark_unposted(self, stream: int, groups: int, group: str) -> None: ...


class _Operations(Protocol):
    def plan(self, rows: Iterable[tuple[Any, ...]]) -> None: ...
    def plan_creates(self, records: Sequence[int], system: str, kind: str) -> None: ...
    def fulfil_creates(self, records: Sequence[int], system: str, state: int) -> bool: ...
    def intent(
        self, records: Sequence[int], *, run: int, stream: int, sent_at: float, deadline: float, epoch: int
    ) -> None: ...
    def answered(self, records: Sequence[int]) -> None: ...
    def inflight(self, stream: int) -> list[tuple[Operation, float]]: ...
    def close(self, records: Iterable[int]) -> None: ...
    def may_arrive(self, rows: Iterable[tuple[int, float]]) -> None: ...
    def arrives_until(self, record: int) -> float: ...
    def reopen(self, rows: Sequence[tuple[int, int, float | None, int, str | None]]) -> None: ...
    def open(self, stream: int, states: Sequence[int] = ...) -> list[Operation]: ...
    def open_keys(self, stream: int, keys: Sequence[str]) -> set[str]: ...
    def open_targets(self, system: str, kind: str) -> set[str]: ...


class _Links(Protocol):
    def twin(self, ref: Ref, system: str, kind: str) -> list[Ref]: ...
    def holder(self, target: Ref, source: Ref) -> Ref | None: ...
    def edges(self, rows: Iterable[tuple[str, str, str, str | None]]) -> None: ...
    def forget_references(self, sources: Iterable[str], flow: str = "") -> None: ...
    def edges_of(self, ref: Ref) -> list[tuple[Ref, str, Ref]]: ...
    def depend(self, stream: int, upon: Mapping[str, Iterable[str]]) -> None: ...
    def touch(self, upon: Iterable[str]) -> int: ...
    def touch_links(self, system: str, kind: str, keys: Iterable[str]) -> None: ...
    def index(self, stream: int, rows: Iterable[tuple[str, str, str]]) -> None: ...
    def unindex(self, stream: int, keys: Iterable[str]) -> None: ...
    def candidates(self, stream: int, field: str, values: Sequence[str]) -> dict[str, list[str]]: ...
    def indexed_keys(self, stream: int) -> list[str]: ...
    def indexed_fields(self, stream: int, keys: Sequence[str]) -> dict[str, dict[str, str]]: ...


class _Desk(Protocol):
    def park(self, rows: Iterable[tuple[Any, ...]]) -> None: ...
    def is_empty(self, stream: int) -> bool: ...
    def attempts(self, stream: int, key: str) -> int: ...
    def unpark(self, stream: int, keys: Iterable[str]) -> None: ...
    def parked(self, flow: str | None = None) -> list[Parked]: ...
    def due(self, stream: int, now: float) -> list[str]: ...
    def review(self, rows: Iterable[tuple[int, str, str, str, float]]) -> None: ...
    def reviews(self, flow: str | None = None) -> list[Review]: ...
    def decide(self, stream: int, key: str, verdict: str) -> None: ...
    def verdicts(self, stream: int) -> dict[str, str]: ...
    def close_reviews(self, stream: int, keys: Iterable[str]) -> None: ...
    def forget_verdict(self, stream: int, key: str) -> None: ...


class _Trail(Protocol):
    def again(self) -> None: ...
    def steps(self, ref: Ref, limit: int) -> list[Step]: ...
    def standings(self, ref: Ref) -> list[Standing]: ...
    def label(self, ref: Ref) -> str: ...
    def knows(self, ref: Ref) -> bool: ...
    def named(self, text: str, limit: int = ...) -> list[Ref]: ...


class _Leases(Protocol):
    def take(self, flow: str, owner: str, *, now: float, seconds: float, partition: str = "") -> Held: ...
    def renew(self, lease: Held, *, now: float, seconds: float) -> Held: ...
    def release(self, lease: Held) -> None: ...
    def held(self) -> list[Held]: ...


class Ledger(Protocol):
    """
    Durable memory of the engine; only the driver thread touches it.

    Everything between ``with ledger.transaction():`` becomes durable together or not at all.
    """

    @property
    def records(self) -> _Records:
        """Source records, groups and their members."""
        ...

    @property
    def operations(self) -> _Operations:
        """Open operations."""
        ...

    @property
    def links(self) -> _Links:
        """Identity, edges, dependencies, match candidates."""
        ...

    @property
    def desk(self) -> _Desk:
        """What waits for a person: parked and review."""
        ...

    @property
    def leases(self) -> _Leases:
        """Who works on which flow."""
        ...

    @property
    def trail(self) -> _Trail:
        """What is known around one record: for the trace."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """
        Open a write transaction; commit at its end, roll back on any exception.

        Raises:
            LedgerBusyError: Another process holds the ledger for too long.
        """
        ...

    def bind_system(self, name: str, system_id: str) -> None:
        """
        Remember which installation an instance name means.

        Raises:
            WrongSystemError: The name was another installation before.
        """
        ...

    def stream(self, flow: str, part: str) -> int:
        """Return the integer id of a stream, made on first use."""
        ...

    def describe(self, stream: int, *, system: str, kind: str, target_kind: str, relation: str) -> None:
        """Say what the records of a stream are, and what their targets are to them: links are read by it."""
        ...

    def cursor(self, stream: int) -> tuple[str | None, str | None, int | None]:
        """Return (cursor, mapping fingerprint, rows at the last complete scan)."""
        ...

    def set_cursor(self, stream: int, value: str | None, fingerprint: str | None, baseline: int | None) -> None:
        """Move the cursor; called inside the page transaction."""
        ...

    def begin_run(self, flow: str, actor: str, now: float) -> int:
        """Note that a run starts and return its number."""
        ...

    def end_run(self, run: int, now: float, result: str) -> None:
        """Note how a run ended (JSON)."""
        ...

    def audit(self, row: tuple[Any, ...]) -> None:
        """Append who did what: inside the outcome transaction."""
        ...

    def scratch(self) -> AbstractContextManager[Ledger]:
        """Return a private, temporary copy: plans are made on it and forgotten."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


OnIo = Callable[[str], None]
