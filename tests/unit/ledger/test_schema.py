"""The file of the ledger: made, migrated, refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from periferia_link.domain import Ref
from periferia_link.errors import LedgerBusyError, LedgerCorruptError, LedgerError, LedgerVersionError
from periferia_link.ledger import SqliteLedger, _schema


@pytest.fixture
def path(tmp_path):
    """Where the ledger is, or will be."""
    return tmp_path / "ledger.db"


def plain(path):
    """Open a file as any SQLite program does."""
    return closing(sqlite3.connect(path, isolation_level=None))


class TestNew:
    """A file that is not there yet."""

    def test_made_and_marked(self, path):
        """With our application id and the schema version."""
        SqliteLedger.open(path).close()
        with plain(path) as db:
            assert (_schema.APPLICATION_ID,) == db.execute("PRAGMA application_id").fetchone()
            assert (_schema.SCHEMA_VERSION,) == db.execute("PRAGMA user_version").fetchone()

    def test_private(self, path):
        """Mode 0600: base values are business data."""
        SqliteLedger.open(path).close()
        assert 0o600 == path.stat().st_mode & 0o777

    def test_safe_against_power_cuts(self, path):
        """Write-ahead log; every commit reaches the disk."""
        with SqliteLedger.open(path) as ledger:
            assert ("wal",) == ledger._db.execute("PRAGMA journal_mode").fetchone()
            assert (2,) == ledger._db.execute("PRAGMA synchronous").fetchone()

    def test_an_empty_file_will_do(self, path):
        """Somebody made it with the right owner beforehand."""
        path.touch()
        with SqliteLedger.open(path) as ledger:
            assert [] == ledger.verify()

    def test_opened_again(self, path):
        """What was written is there."""
        with SqliteLedger.open(path) as ledger:
            ledger.bind_system("erp", "prod")
        with SqliteLedger.open(path) as ledger:
            assert {"erp": "prod"} == ledger.system_ids()

    def test_lookups_have_an_index(self, path):
        """Nothing that is asked for every row walks through a table."""
        with SqliteLedger.open(path) as ledger:
            for query in (
                "SELECT 1 FROM record WHERE stream=1 AND key='a'",
                "SELECT key FROM record WHERE dirty AND stream=1 AND key>'' ORDER BY key LIMIT 5",
                "SELECT key FROM record WHERE target='x' AND state=5",
                "SELECT grp FROM member WHERE stream=1 AND key='a'",
                "SELECT stream, key FROM depends WHERE upon='x'",
                "SELECT a FROM edge WHERE b='x'",
                "SELECT key FROM candidate WHERE stream=1 AND field='f' AND value='v'",
                "DELETE FROM candidate WHERE stream=1 AND key='k'",
            ):
                steps = [row[3] for row in ledger._db.execute(f"EXPLAIN QUERY PLAN {query}")]
                assert [] == [step for step in steps if step.startswith("SCAN")], query

    def test_targets_are_indexed_when_somebody_asks(self, path):
        """A load that never asks what a target was made from does not pay for the answer."""
        query = "EXPLAIN QUERY PLAN SELECT key FROM record WHERE target='x'"
        with SqliteLedger.open(path) as ledger:
            assert ledger._db.execute(query).fetchone()[3].startswith("SCAN")
            ledger.links.twin(Ref("erp", "Client", "1"), "crm", "Client")
            assert ledger._db.execute(query).fetchone()[3].startswith("SEARCH")


class TestOthers:
    """Files that are not ours."""

    @pytest.mark.parametrize("version", [0, 1, 99])
    def test_a_database_of_another_application(self, path, version):
        """Left alone, whatever version it says it has."""
        with plain(path) as db:
            db.execute("CREATE TABLE songs (title TEXT)")
            db.execute(f"PRAGMA user_version={version}")
        before = path.read_bytes()
        with pytest.raises(LedgerCorruptError, match="another application") as caught:
            SqliteLedger.open(path)
        assert caught.value.hint
        with plain(path) as db:
            assert [("songs",)] == db.execute("SELECT name FROM sqlite_master").fetchall()
        assert before[100:] == path.read_bytes()[100:]

    @pytest.mark.parametrize("content", [b"not a database, just some text that is long enough\n" * 50, b"x" * 8192])
    def test_no_database_at_all(self, path, content):
        """Said as damaged; not a byte is changed."""
        path.write_bytes(content)
        with pytest.raises(LedgerCorruptError, match="damaged") as caught:
            SqliteLedger.open(path)
        assert (content, True) == (path.read_bytes(), bool(caught.value.hint))

    def test_a_folder(self, tmp_path):
        """A typed error, not that of SQLite."""
        with pytest.raises(LedgerError):
            SqliteLedger.open(tmp_path)

    def test_a_folder_that_is_not_there(self, tmp_path):
        """It says that the file cannot be created, and what to do."""
        with pytest.raises(LedgerError, match="cannot be created") as caught:
            SqliteLedger.open(tmp_path / "nowhere" / "ledger.db")
        assert caught.value.hint


class TestVersions:
    """Newer and older libraries."""

    def test_a_newer_ledger_is_refused(self, path):
        """And left alone: another process may be using it."""
        SqliteLedger.open(path).close()
        with plain(path) as db:
            db.execute("PRAGMA user_version=99")
        with pytest.raises(LedgerVersionError, match="99") as caught:
            SqliteLedger.open(path)
        assert "upgrade" in caught.value.hint
        with plain(path) as db:
            assert (99,) == db.execute("PRAGMA user_version").fetchone()

    def older(self, monkeypatch, statements):
        """Let the library know one version more."""
        monkeypatch.setattr(_schema, "SCHEMA_VERSION", _schema.SCHEMA_VERSION + 1)
        monkeypatch.setitem(_schema._STEPS, _schema.SCHEMA_VERSION, statements)

    def test_an_older_ledger_is_migrated(self, path, monkeypatch):
        """In one transaction; what was in it stays."""
        with SqliteLedger.open(path) as ledger:
            ledger.bind_system("erp", "prod")
        self.older(monkeypatch, "CREATE TABLE extra (x); INSERT INTO extra VALUES (7);")
        with SqliteLedger.open(path) as ledger:
            assert {"erp": "prod"} == ledger.system_ids()
            assert [(7,)] == ledger._db.execute("SELECT x FROM extra").fetchall()

    def test_a_migration_that_fails_changes_nothing(self, path, monkeypatch):
        """The old library can still open the file."""
        SqliteLedger.open(path).close()
        with monkeypatch.context() as newer:
            self.older(newer, "CREATE TABLE extra (x); INSERT INTO nowhere VALUES (7);")
            with pytest.raises(LedgerError):
                SqliteLedger.open(path)
        with SqliteLedger.open(path) as ledger:
            assert [] == ledger._db.execute("SELECT name FROM sqlite_master WHERE name='extra'").fetchall()

    @pytest.mark.parametrize("after", ["BEGIN EXCLUSIVE", "COMMIT"])
    def test_interrupted(self, path, after):
        """Ctrl-C inside ends the transaction; after the commit there is none to end."""

        class Interrupted(sqlite3.Connection):
            def execute(self, sql, *parameters):
                found = super().execute(sql, *parameters)
                if sql == after:
                    raise KeyboardInterrupt
                return found

        opened = sqlite3.connect(path, isolation_level=None, factory=Interrupted)
        with closing(opened) as db, pytest.raises(KeyboardInterrupt):
            _schema.prepare(db)
        SqliteLedger.open(path).close()

    def test_migrated_by_somebody_else(self, path, monkeypatch):
        """While another process migrates, this one says so and leaves."""
        SqliteLedger.open(path).close()
        self.older(monkeypatch, "CREATE TABLE extra (x);")
        with plain(path) as db:
            db.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerBusyError) as caught:
                SqliteLedger.open(path, busy_seconds=0.01)
            assert caught.value.hint
            db.execute("ROLLBACK")
        SqliteLedger.open(path).close()
