"""The SQLite schema of the ledger, its version, and how an older file becomes the current one."""

from __future__ import annotations

import sqlite3

from periferia_link.errors import LedgerCorruptError, LedgerVersionError

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "prepare"]

APPLICATION_ID = 0x504C4E4B  # "PLNK": tells our file from any other SQLite file
SCHEMA_VERSION = 1

_VERSION_1 = """
CREATE TABLE instance (name TEXT PRIMARY KEY, system_id TEXT NOT NULL) WITHOUT ROWID;

-- integer ids keep the keys of the big tables short
CREATE TABLE stream (
  id INTEGER PRIMARY KEY, flow TEXT NOT NULL, part TEXT NOT NULL, system TEXT, kind TEXT, target_kind TEXT,
  relation TEXT, UNIQUE (flow, part));
CREATE TABLE cursor (stream INTEGER PRIMARY KEY, value TEXT, fingerprint TEXT, baseline INTEGER);

-- one row a source record (or group), target and base are filled when its effect is known. A row with a target is the
-- link of two records, reason says why nothing is made of one. Rows are wide and are appended, so that GUID keys
-- scatter over a narrow index only (measured)
CREATE TABLE record (
  id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, key TEXT NOT NULL, version TEXT, raw BLOB,
  state INTEGER NOT NULL DEFAULT 0, system TEXT, target TEXT, target_version TEXT, base BLOB,
  dirty INTEGER NOT NULL DEFAULT 0, create_key TEXT, reason TEXT);
CREATE UNIQUE INDEX record_key ON record (stream, key);
CREATE INDEX record_dirty ON record (stream, key) WHERE dirty;
CREATE INDEX record_follower ON record (target) WHERE state=5;
-- record_target is made when somebody first asks by target: see _records.index_targets

-- what each member of a group should contribute, and what the postings so far hold of it
CREATE TABLE member (
  stream INTEGER NOT NULL, grp TEXT NOT NULL, key TEXT NOT NULL, desired TEXT, posted TEXT,
  PRIMARY KEY (stream, grp, key)) WITHOUT ROWID;
CREATE INDEX member_key ON member (stream, key);

-- open operations only: they leave with their outcome. The key is the record's: one open operation a link, by design
CREATE TABLE operation_row (
  record INTEGER PRIMARY KEY, mode TEXT NOT NULL, create_key TEXT NOT NULL, system TEXT NOT NULL, kind TEXT NOT NULL,
  target TEXT, if_version TEXT, action TEXT, fields TEXT, body BLOB, extra TEXT, state INTEGER NOT NULL DEFAULT 0,
  not_before REAL, attempt INTEGER NOT NULL DEFAULT 0, note TEXT);
CREATE UNIQUE INDEX operation_target ON operation_row (system, kind, target) WHERE target IS NOT NULL;
-- new records of one page that are only to be created: their record says all, one row stands for all of them (measured:
-- a tenth of the CPU of a first load). What becomes of one of them other than success turns it into an operation_row
CREATE TABLE creates (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, system TEXT NOT NULL, kind TEXT NOT NULL);
CREATE VIEW operation AS
  SELECT record, mode, create_key, system, kind, target, if_version, action, fields, body, extra, state, not_before,
    attempt, note FROM operation_row
  UNION ALL
  SELECT r.id, 'create', r.create_key, c.system, c.kind, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL
    FROM creates c CROSS JOIN record r ON r.id BETWEEN c.first AND c.last WHERE r.create_key IS NOT NULL;
-- an intent: the operations on the records from first to last are in flight until the outcome deletes the row
CREATE TABLE request (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  sent_at REAL NOT NULL, deadline REAL NOT NULL, epoch INTEGER NOT NULL);
-- a create whose answer was lost may still arrive until then: its record must not be deleted before
CREATE TABLE late (record INTEGER PRIMARY KEY, until REAL NOT NULL);
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL, flow TEXT NOT NULL, at REAL NOT NULL, actor TEXT NOT NULL,
  planned_by TEXT, mode TEXT NOT NULL, bodies BLOB, applied INTEGER NOT NULL, refused INTEGER NOT NULL,
  unknown INTEGER NOT NULL, detail TEXT);

CREATE TABLE edge (
  a TEXT NOT NULL, b TEXT NOT NULL, relation TEXT NOT NULL, flow TEXT, PRIMARY KEY (a, b, relation)) WITHOUT ROWID;
CREATE INDEX edge_back ON edge (b);
CREATE TABLE depends (
  stream INTEGER NOT NULL, key TEXT NOT NULL, upon TEXT NOT NULL, PRIMARY KEY (stream, key, upon)) WITHOUT ROWID;
CREATE INDEX depends_upon ON depends (upon);
-- match columns of the target side, a key that starts with '?' is a create still under way
CREATE TABLE candidate (
  stream INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (stream, field, value, key)) WITHOUT ROWID;
CREATE INDEX candidate_key ON candidate (stream, key);

CREATE TABLE parked (
  stream INTEGER NOT NULL, key TEXT NOT NULL, error TEXT NOT NULL, reason TEXT NOT NULL, next_step TEXT,
  since REAL NOT NULL, attempts INTEGER NOT NULL, retry_at REAL, body BLOB, PRIMARY KEY (stream, key)) WITHOUT ROWID;
CREATE TABLE review (
  stream INTEGER NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, candidates TEXT NOT NULL, since REAL NOT NULL,
  verdict TEXT, PRIMARY KEY (stream, key)) WITHOUT ROWID;
CREATE TABLE lease (
  flow TEXT NOT NULL, partition TEXT NOT NULL, owner TEXT NOT NULL, epoch INTEGER NOT NULL, since REAL NOT NULL,
  expires REAL NOT NULL, PRIMARY KEY (flow, partition)) WITHOUT ROWID;
CREATE TABLE run (
  id INTEGER PRIMARY KEY, flow TEXT NOT NULL, actor TEXT NOT NULL, started REAL NOT NULL, ended REAL, result TEXT);
"""

# version -> statements that bring a file of the version before to it
_STEPS: dict[int, str] = {1: _VERSION_1}


def prepare(connection: sqlite3.Connection) -> None:
    """
    Create the schema, or bring an older one up to date in one transaction.

    Raises:
        LedgerVersionError: A newer library wrote the file.
        LedgerCorruptError: The file is another application's database.
    """
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    ours = int(connection.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION_ID
    if found and not ours:
        msg = "the file is a database of another application"
        raise LedgerCorruptError(msg, hint="name another file under [ledger] path")
    if found == SCHEMA_VERSION:
        return
    if found > SCHEMA_VERSION:
        msg = f"the ledger has schema {found}, this library knows {SCHEMA_VERSION}"
        raise LedgerVersionError(msg, hint="upgrade periferia-link; nothing was changed")
    connection.execute("BEGIN EXCLUSIVE")
    try:
        # another process may have come first while we waited for the lock: only now the file stands still
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found == 0:
            _check_empty(connection)
        for version in range(found + 1, SCHEMA_VERSION + 1):
            for statement in _STEPS[version].split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # Ctrl-C comes after a commit, too
            connection.execute("ROLLBACK")
        raise


def _check_empty(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        msg = "the file is a database of another application"
        raise LedgerCorruptError(msg, hint="name another file under [ledger] path")
