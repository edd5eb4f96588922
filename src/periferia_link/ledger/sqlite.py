"""The ledger in a SQLite file: WAL, synchronous=FULL, one writer at a time."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from periferia_link.errors import LedgerBusyError, LedgerCorruptError, LedgerError, WrongSystemError
from periferia_link.ledger._by_hand import ByHand
from periferia_link.ledger._care import Care
from periferia_link.ledger._desk import Desk, Leases
from periferia_link.ledger._links import Links
from periferia_link.ledger._operations import Operations
from periferia_link.ledger._records import Records
from periferia_link.ledger._schema import prepare
from periferia_link.ledger._trail import Trail
from periferia_link.ledger.protocol import OnIo, Parked, Review

__all__ = ["SqliteLedger"]

_TURNS = 50


@contextmanager
def _typed(path: str) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.DatabaseError as exc:
        raise _error_of(exc, path) from exc


def _error_of(exc: sqlite3.DatabaseError, path: str) -> LedgerError:
    text = str(exc)
    if "locked" in text or "busy" in text:
        msg = f"another process holds the ledger {path}"
        return LedgerBusyError(msg, hint="try again when it is done")
    if "not a database" in text or "malformed" in text:
        msg = f"the ledger {path} is damaged"
        return LedgerCorruptError(msg, hint="restore the last backup; nothing was written to any system")
    if "full" in text:
        msg = f"no space left for the ledger {path}"
        return LedgerError(msg, hint="free some space and run again; nothing was sent after this point")
    msg = f"the ledger {path} cannot be used: {text}"
    return LedgerError(msg, hint="check the path, its rights and the disk")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait for a lock there, so we take our turn by a transaction that does."""
    for _ in range(_TURNS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except LedgerBusyError:  # noqa: PERF203 - a turn is what the loop is for
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        else:
            return
    connection.execute("PRAGMA journal_mode=WAL")


def _create_private(path: str) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as exc:
        msg = f"the ledger {path} cannot be created: {exc.strerror}"
        raise LedgerError(msg, hint="name a folder that exists and can be written") from exc


class _Connection(sqlite3.Connection):
    """A connection whose statements raise our errors, reads outside transactions included."""

    path = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.DatabaseError as exc:
            raise _error_of(exc, self.path) from exc

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        try:
            return super().executemany(sql, parameters)
        except sqlite3.DatabaseError as exc:
            raise _error_of(exc, self.path) from exc


class SqliteLedger:
    """
    Durable memory in one SQLite file (see :class:`periferia_link.ledger.protocol.Ledger`).

    One thread at a time: the engine's driver. ``synchronous=FULL``: an intent that was committed survives a power
    cut. Open it with :meth:`open`.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, on_io: OnIo | None = None) -> None:
        self._db = connection
        self._path = path
        self._on_io = on_io
        self._streams: dict[tuple[str, str], int] = {}
        self.records = Records(connection)
        self.operations = Operations(connection)
        self.links = Links(connection)
        self.desk = Desk(connection)
        self.leases = Leases(connection)
        self.trail = Trail(connection)
        self.care = Care(connection, path)
        self.by_hand = ByHand(connection, self.transaction)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, busy_seconds: float = 10.0, on_io: OnIo | None = None
    ) -> SqliteLedger:
        """
        Open the file, create it (mode 0600) when it is not there, migrate it when it is older.

        Args:
            path: The file; its folder must exist. ``:memory:`` forgets everything, for tests.

            busy_seconds: How long to wait for another process.

            on_io: Called with a word before and after every commit; tests crash here.

        Raises:
            LedgerVersionError: A newer library wrote it.
            LedgerCorruptError: It is damaged or something else.
            LedgerBusyError: Another process is migrating it.
            LedgerError: It cannot be opened or created.
        """
        name = os.fspath(path)
        if name != ":memory:" and not Path(name).exists():
            _create_private(name)
        with _typed(name):
            connection = sqlite3.connect(
                name, timeout=busy_seconds, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            connection.path = name
            try:
                _use_wal(connection)
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA temp_store=MEMORY")
                connection.execute("PRAGMA cache_size=-16000")
                # hot index pages are copied back once in a while, not after every few pages
                connection.execute("PRAGMA wal_autocheckpoint=4000")
                prepare(connection)
            except BaseException:
                connection.close()
                raise
        return cls(connection, name, on_io)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> SqliteLedger:  # noqa: PYI034 - Self is not in typing before 3.11
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SqliteLedger({self._path!r})"

    # ------------------------------------------------------------------ transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        Make everything inside durable together, or nothing of it.

        Raises:
            LedgerBusyError: Another process holds the ledger for too long.
            LedgerError: The disk is full or the file damaged; nothing inside happened.
        """
        with _typed(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                if self._on_io:
                    self._on_io("before commit")
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._streams.clear()  # numbers given inside are gone
                raise
        if self._on_io:
            self._on_io("after commit")

    # ------------------------------------------------------------------ small tables

    def bind_system(self, name: str, system_id: str) -> None:
        """
        Remember which installation an instance name means.

        Raises:
            WrongSystemError: The name was another installation before.
        """
        row = self._db.execute("SELECT system_id FROM instance WHERE name=?", (name,)).fetchone()
        if row is None:
            with self.transaction():
                self._db.execute("INSERT INTO instance VALUES (?,?) ON CONFLICT (name) DO NOTHING", (name, system_id))
        elif row[0] != system_id:
            msg = f"{name} is installation {system_id}, this ledger knows it as {row[0]}"
            raise WrongSystemError(msg, hint="use the ledger of that installation, or another instance name")

    def system_ids(self) -> dict[str, str]:
        """Return instance name → installation."""
        return dict(self._db.execute("SELECT name, system_id FROM instance"))

    def stream(self, flow: str, part: str) -> int:
        """Return the integer id of a stream, made on first use."""
        found = self._streams.get((flow, part))
        if found is None:
            row = self._db.execute("SELECT id FROM stream WHERE flow=? AND part=?", (flow, part)).fetchone()
            if row is None:
                if self._db.in_transaction:
                    self._db.execute("INSERT INTO stream (flow, part) VALUES (?,?)", (flow, part))
                else:
                    with self.transaction():
                        self._db.execute(
                            "INSERT INTO stream (flow, part) VALUES (?,?) ON CONFLICT DO NOTHING", (flow, part)
                        )
                row = self._db.execute("SELECT id FROM stream WHERE flow=? AND part=?", (flow, part)).fetchone()
            found = self._streams[flow, part] = int(row[0])
        return found

    def describe(self, stream: int, *, system: str, kind: str, target_kind: str, relation: str) -> None:
        """Say what the records of a stream are, and what their targets are to them: links are read by it."""
        wanted = (system, kind, target_kind, relation)
        row = self._db.execute(
            "SELECT system, kind, target_kind, relation FROM stream WHERE id=?", (stream,)
        ).fetchone()
        if row != wanted:
            with self.transaction():
                self._db.execute(
                    "UPDATE stream SET system=?, kind=?, target_kind=?, relation=? WHERE id=?", (*wanted, stream)
                )

    def cursor(self, stream: int) -> tuple[str | None, str | None, int | None]:
        """Return (cursor, mapping fingerprint, rows at the last complete scan)."""
        row = self._db.execute("SELECT value, fingerprint, baseline FROM cursor WHERE stream=?", (stream,)).fetchone()
        return (row[0], row[1], row[2]) if row else (None, None, None)

    def set_cursor(self, stream: int, value: str | None, fingerprint: str | None, baseline: int | None) -> None:
        """Move the cursor; called inside the page transaction."""
        self._db.execute(
            "INSERT INTO cursor VALUES (?,?,?,?) ON CONFLICT (stream) DO UPDATE SET value=excluded.value,"
            " fingerprint=excluded.fingerprint, baseline=coalesce(excluded.baseline, baseline)",
            (stream, value, fingerprint, baseline),
        )

    def begin_run(self, flow: str, actor: str, now: float) -> int:
        """Note that a run starts and return its number."""
        number = self._db.execute("INSERT INTO run (flow, actor, started) VALUES (?,?,?)", (flow, actor, now)).lastrowid
        assert number is not None  # noqa: S101 - an INSERT always has a rowid
        return number

    def end_run(self, run: int, now: float, result: str) -> None:
        """Note how a run ended (JSON)."""
        self._db.execute("UPDATE run SET ended=?, result=? WHERE id=?", (now, result, run))

    def audit(self, row: tuple[Any, ...]) -> None:
        """Append (run, flow, at, actor, planned_by, mode, hash of the bodies, applied, refused, unknown, detail)."""
        self._db.execute(
            "INSERT INTO audit (run, flow, at, actor, planned_by, mode, bodies, applied, refused, unknown, detail)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            row,
        )

    def parked(self, flow: str | None = None) -> list[Parked]:
        """Return parked records, oldest first."""
        return self.desk.parked(flow)

    def reviews(self, flow: str | None = None) -> list[Review]:
        """Return records that a person must decide on, oldest first."""
        return self.desk.reviews(flow)

    # ------------------------------------------------------------------ copies and health

    def backup(self, path: str | os.PathLike[str]) -> None:
        """
        Copy the ledger while it is in use; the copy is a ledger.

        Raises:
            LedgerError: The copy cannot be written.
        """
        target = os.fspath(path)
        _create_private(target)
        with _typed(target):
            other = sqlite3.connect(target)
            try:
                self._db.backup(other)
            finally:
                other.close()

    @contextmanager
    def scratch(self) -> Iterator[SqliteLedger]:
        """Give a private copy in a temporary folder; it is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="periferia-link-") as folder:
            path = os.path.join(folder, "plan.db")  # noqa: PTH118 - one join
            self.backup(path)
            copy = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=_Connection)
            copy.path = path
            copy.execute("PRAGMA synchronous=OFF")
            try:
                yield SqliteLedger(copy, path)
            finally:
                copy.close()

    def verify(self) -> list[str]:
        """Return what is wrong with the file and with what it says: an empty list is a healthy ledger."""
        with _typed(self._path):
            return self.care.problems()
