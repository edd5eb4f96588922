"""What an emulator is: a pure function from a request to an answer over its own books."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeAlias
from urllib.parse import urlsplit

from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators._books import Books, Journal, Record
from periferia_link.testing.emulators._clock import ManualClock
from periferia_link.testing.emulators._faults import ANSWERING, Fault, FaultRule, Faults, spoiled
from periferia_link.testing.emulators._json import dump_json, json_response, parse_json
from periferia_link.typing import Clock, Request, Response

__all__ = ["Answer", "Emulator", "LogEntry", "Record", "dump_json", "json_response", "parse_json"]

Answer: TypeAlias = Response | Fault


@dataclass(slots=True)
class LogEntry:
    """
    One request as the emulator saw it.

    ``status`` is what the emulator answered, whether or not the answer got through (None: it did not
    answer); ``wrote`` counts the records that it changed; ``operations`` are the inner requests of a batch,
    ``"METHOD path status"`` each. The line of a late or held request is completed when it commits.
    """

    n: int
    at: datetime
    method: str
    path: str
    query: str = ""
    status: int | None = None
    wrote: int = 0
    fault: str | None = None
    operations: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the line as JSON-ready fields."""
        return asdict(self) | {"at": self.at.isoformat().replace("+00:00", "Z")}


class Emulator(abc.ABC):
    """
    A stand-in for one system: it answers from ``books`` and refuses what the real one refuses.

    A subclass gives ``name`` and :meth:`serve`, which runs alone (under ``lock``) and uses no time but the
    clock it is handed. One that starts with records overrides :meth:`populate` and calls it at the end of
    its ``__init__``. Whatever else it keeps beside the books (sessions, indexes, counters) it forgets in
    :meth:`reset`.

    Hosts set ``base_url``, the public address without a slash at the end.
    """

    name: ClassVar[str]

    needs_tls: ClassVar[bool] = False
    """Whether the clients of the system refuse plain HTTP."""

    idle_seconds: ClassVar[float] = 60.0
    """How long the server keeps an idle connection open."""

    max_requests: ClassVar[int | None] = None
    """After how many requests the server closes a connection, saying so; None: never."""

    def __init__(self, *, seed: int = 1) -> None:
        self.seed = seed
        self.base_url = f"https://{self.name}.invalid"
        self.lock = threading.RLock()
        self.log: list[LogEntry] = []
        self.faults = Faults()
        self._journal = Journal()
        self.books: dict[str, dict[str, Record]] = Books(self._journal)
        self._late: list[tuple[datetime, Fault]] = []
        self._wrote = 0
        self._operations: list[str] = []

    # What a system writes.

    @abc.abstractmethod
    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer one request from the books; call :meth:`wrote` for every record that changes."""

    def credentials(self) -> dict[str, Any]:
        """Return what a client needs to sign in, JSON-ready; made up, so it may be printed."""
        return {}

    def populate(self) -> None:  # noqa: B027 - most systems start empty
        """Put the records into the books that are there from the start; there are none by default."""

    def refusal(self, status: int, code: str, message: str) -> Response:
        """Make an error answer in the system's own shape; faults of the kind ``status`` use it."""
        return json_response(status, {"error": {"code": code, "message": message}})

    def restart(self) -> None:  # noqa: B027 - most systems notice nothing
        """Start the system again: what it keeps outside its books is forgotten or read anew."""

    def expectation(self, request: Request) -> Response | None:  # noqa: ARG002 - for subclasses
        """
        Refuse ``Expect: 100-continue`` before the body comes, or return None to let it come.

        The request has its headers and no body yet; after a refusal the connection closes.
        """
        return None

    def key_of(self, table: str, record: Mapping[str, Any]) -> str:  # noqa: ARG002 - for subclasses
        """Return the key under which :meth:`load` files a record: its ``id`` by default."""
        return str(record["id"])

    def load(self, tables: Mapping[str, Sequence[Record]]) -> None:
        """
        Merge records into the books, as if somebody had always had them: nothing is logged.

        Args:
            tables: Lists of records by table; each is filed under :meth:`key_of`.

        Raises:
            ConfigurationError: A record lacks its key; nothing was merged.
        """
        with self.lock, self.transaction():
            for table, records in tables.items():
                rows = self.books[table]
                for record in records:
                    try:
                        key = self.key_of(table, record)
                    except KeyError as exc:
                        msg = f"a record for {table} has no {exc.args[0]}"
                        raise ConfigurationError(msg, hint="give every record its key") from exc
                    rows[key] = rows.get(key, {}) | record

    # What a system uses.

    def wrote(self, n: int = 1) -> None:
        """Count records that the request under way changed; a rolled-back transaction takes them back."""
        self._wrote += n
        self._journal.note(self._uncount, n)

    def _uncount(self, n: int) -> None:
        self._wrote -= n

    def operation(self, method: str, path: str, status: int) -> None:
        """Log one inner request of a batch."""
        self._operations.append(f"{method} {path} {status}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Put back every record touched in the block when an exception leaves it; blocks nest."""
        with self._journal.transaction():
            yield

    def on_rollback(self, undo: Callable[[], object]) -> None:
        """Run *undo* when the open transaction is rolled back: for indexes kept beside the books."""
        self._journal.note(undo)

    # What a host calls.

    def handle(self, request: Request, clock: Clock) -> Answer:
        """Answer one request, or say which fault the wire shall show instead."""
        with self.lock:
            self.settle(clock)
            rule = self.faults.strike(request)
            entry = self._arrived(request, clock, rule)
            if rule is None:
                return self._commit(request, clock, entry)
            if rule.fault in ANSWERING:
                return self._spoil(rule, request, clock, entry)
            return self._break(rule, request, clock, entry)

    def handle_expectation(self, request: Request, clock: Clock) -> Response | None:
        """Log and return the refusal of a request that waits for ``100 Continue``, if there is one."""
        with self.lock:
            refused = self.expectation(request)
            if refused is not None:
                self._arrived(request, clock, None).status = refused.status
            return refused

    def settle(self, clock: Clock) -> None:
        """
        Commit the late requests whose time has come, in order, each at its own instant.

        Every look at the emulator settles first, so nobody can tell this from a commit by timer.
        """
        with self.lock:
            now = clock.now()
            due = sorted((late for late in self._late if late[0] <= now), key=lambda late: late[0])
            self._late = [late for late in self._late if late[0] > now]
            for at, fault in due:
                fault.commit(ManualClock(at))

    def commit_later(self, fault: Fault, at: datetime) -> None:
        """Commit the request of *fault* when the clock reaches *at*; see :meth:`settle`."""
        with self.lock:
            self._late.append((at, fault))

    def reset(self) -> None:
        """Go back to the start: books as populated, no log, no faults, nothing late."""
        with self.lock:
            self.books.clear()
            self.log.clear()
            self.faults.clear()
            self._late.clear()
            self.populate()

    def _arrived(self, request: Request, clock: Clock, rule: FaultRule | None) -> LogEntry:
        address = urlsplit(request.url)
        entry = LogEntry(
            n=len(self.log) + 1,
            at=clock.now(),
            method=request.method,
            path=address.path,
            query=address.query,
            fault=rule.fault if rule else None,
        )
        self.log.append(entry)
        return entry

    def _commit(self, request: Request, clock: Clock, entry: LogEntry) -> Response:
        """Let the system answer, and complete the line of the log."""
        self._wrote, self._operations = 0, []
        response = self.serve(request, clock)
        entry.status, entry.wrote, entry.operations = response.status, self._wrote, self._operations
        return response

    def _spoil(self, rule: FaultRule, request: Request, clock: Clock, entry: LogEntry) -> Response:
        if rule.when == "after":
            self._commit(request, clock, entry)
        response = spoiled(rule, self.refusal)
        entry.status = response.status
        return response

    def _break(self, rule: FaultRule, request: Request, clock: Clock, entry: LogEntry) -> Fault:
        kind, params = rule.fault, rule.params
        needs_answer = kind in {"truncate", "drip", "close"}
        committed = kind != "late" and (needs_answer or rule.when == "after")

        def commit(later: Clock) -> Response:
            with self.lock:
                self.settle(later)
                return self._commit(request, later, entry)

        fault = Fault(
            kind=kind,
            request=request,
            entry=entry,
            commit=commit,
            when="after" if committed else "before",
            response=commit(clock) if committed else None,
            seconds=float(params.get("seconds", 0.05 if kind == "drip" else 1.0)),
            share=float(params.get("share", 0.5)),
            bare=bool(params.get("bare", False)),
        )
        if kind == "late":
            self.commit_later(fault, clock.now() + timedelta(seconds=fault.seconds))
        return fault

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url}, {len(self.log)} requests)"
