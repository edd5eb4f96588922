"""The ledger in a file: transactions, errors, copies, small tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from periferia_link.errors import LedgerBusyError, LedgerCorruptError, LedgerError, WrongSystemError
from periferia_link.ledger import SqliteLedger
from small_company import client, client_flow, crm_of, erp_of, rig


@pytest.fixture
def path(tmp_path):
    """Where the ledger is."""
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path):
    """A fresh ledger."""
    with SqliteLedger.open(path, busy_seconds=0.01) as one:
        yield one


class TestTransactions:
    """All or nothing."""

    def test_durable_together(self, path, ledger):
        """Another connection sees both or none."""
        with SqliteLedger.open(path) as other:
            with ledger.transaction():
                stream = ledger.stream("f", "source")
                ledger.set_cursor(stream, "7", "print", None)
                assert (None, None, None) == other.cursor(stream)
            assert ("7", "print", None) == other.cursor(stream)

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_rolled_back(self, ledger, error):
        """Whatever goes wrong inside; the error comes out as it is."""
        stream = ledger.stream("f", "source")

        def write():
            with ledger.transaction():
                ledger.set_cursor(stream, "7", None, None)
                raise error

        with pytest.raises(error):
            write()
        assert (None, None, None) == ledger.cursor(stream)
        with ledger.transaction():
            ledger.set_cursor(stream, "8", None, None)
        assert "8" == ledger.cursor(stream)[0]

    def test_crash_points(self, path):
        """A word before and after every commit."""
        words = []
        with SqliteLedger.open(path, on_io=words.append) as ledger, ledger.transaction():
            words.append("inside")
        assert ["inside", "before commit", "after commit"] == words[-3:]

    def test_a_crash_before_the_commit(self, path):
        """Nothing of it is there."""

        class Crash(BaseException):
            pass

        def crash(word):
            if word == "before commit" and armed:
                raise Crash

        armed = []
        with SqliteLedger.open(path, on_io=crash) as ledger:
            stream = ledger.stream("f", "source")
            armed.append(1)
            with pytest.raises(Crash), ledger.transaction():
                ledger.set_cursor(stream, "7", None, None)
            assert (None, None, None) == ledger.cursor(stream)


class TestErrors:
    """SQLite's errors do not cross the border."""

    def test_locked(self, path, ledger):
        """Another process writes for too long."""
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerBusyError, match="another process") as caught, ledger.transaction():
                pass
            assert caught.value.hint
            other.execute("ROLLBACK")
        with ledger.transaction():
            pass

    def test_a_locked_ledger_sends_nothing(self, path):
        """The intent cannot be written, so the request does not leave."""
        with rig(crm_of([client(1)]), erp_of(), path=path) as here:
            here.run(client_flow())
            here.crm.put(client(2))
            here.ledger._db.execute("PRAGMA busy_timeout=10")
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(LedgerBusyError):
                    here.run(client_flow())
                other.execute("ROLLBACK")
            assert 1 == len(here.erp.sent)
            assert 1 == here.run(client_flow()).created

    def test_a_full_disk(self, path):
        """Nothing inside happened; after space was made, it goes on where it stopped."""
        with rig(crm_of([client(1)]), erp_of(), path=path) as here:
            here.run(client_flow())
            [(pages,)] = here.ledger._db.execute("PRAGMA page_count").fetchall()
            here.ledger._db.execute(f"PRAGMA max_page_count={pages}")
            for number in range(2, 500):
                here.crm.put(client(number, email="x" * 100))
            with pytest.raises(LedgerError, match="no space left") as caught:
                here.run(client_flow())
            assert caught.value.hint
            sent = sum(map(len, here.erp.sent))
            here.ledger._db.execute("PRAGMA max_page_count=1000000")
            here.run(client_flow())
            assert (True, 499) == (sent <= 499, len(here.erp.holds("Client")))

    @pytest.mark.parametrize(
        "read",
        [
            lambda ledger: ledger.cursor(1),
            lambda ledger: ledger.system_ids(),
            lambda ledger: ledger.parked(),
            lambda ledger: ledger.records.known(1, ["c001"]),
        ],
        ids=["cursor", "systems", "parked", "records"],
    )
    def test_a_damaged_file(self, path, read):
        """Found in the middle of the work, in reads as in writes."""
        with rig(crm_of(map(client, range(300))), erp_of(), path=path) as here:
            here.run(client_flow())
        content = bytearray(path.read_bytes())
        content[4096:] = b"\x5a" * (len(content) - 4096)
        path.write_bytes(bytes(content))
        with pytest.raises(LedgerCorruptError, match="damaged") as caught, SqliteLedger.open(path) as ledger:
            read(ledger)
        assert "backup" in caught.value.hint

    def test_a_closed_ledger(self, path):
        """Used after its end: typed as well."""
        ledger = SqliteLedger.open(path)
        ledger.close()
        with pytest.raises(LedgerError):
            ledger.system_ids()

    def test_its_name_is_its_path(self, path, ledger):
        """For logs."""
        assert f"SqliteLedger({str(path)!r})" == repr(ledger)


class TestInstances:
    """Which installation a name means."""

    def test_remembered(self, ledger):
        """The same answer again is fine."""
        ledger.bind_system("erp", "prod")
        ledger.bind_system("erp", "prod")
        assert {"erp": "prod"} == ledger.system_ids()

    def test_another_one(self, ledger):
        """Refused with both."""
        ledger.bind_system("erp", "prod")
        with pytest.raises(WrongSystemError, match=r"test.*prod") as caught:
            ledger.bind_system("erp", "test")
        assert (True, {"erp": "prod"}) == (bool(caught.value.hint), ledger.system_ids())


class TestStreams:
    """Short numbers for long names."""

    def test_one_number_each(self, path, ledger):
        """The same in every process."""
        numbers = [ledger.stream(flow, part) for flow in ("a", "b") for part in ("source", "group")]
        with SqliteLedger.open(path) as other:
            assert numbers == [other.stream(flow, part) for flow in ("a", "b") for part in ("source", "group")]
        assert 4 == len(set(numbers))

    def test_inside_a_transaction(self, ledger):
        """It may be needed for the first time there."""
        with ledger.transaction():
            assert ledger.stream("a", "source") == ledger.stream("a", "source")

    def test_one_that_was_rolled_back(self, ledger):
        """Its number is not remembered: another stream may get it."""

        def write():
            with ledger.transaction():
                ledger.stream("a", "source")
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            write()
        second = ledger.stream("b", "source")
        first = ledger.stream("a", "source")
        assert first != second
        with ledger.transaction():
            ledger.set_cursor(first, "7", None, None)
        assert (None, None, None) == ledger.cursor(second)


class TestCursors:
    """Where a stream was left."""

    def test_moves(self, ledger):
        """Value and fingerprint are replaced; a baseline stays until there is a new one."""
        stream = ledger.stream("a", "source")
        found = [ledger.cursor(stream)]
        for step in [("1", "p", 20), ("2", "p", None), (None, "q", 5)]:
            with ledger.transaction():
                ledger.set_cursor(stream, *step)
            found.append(ledger.cursor(stream))
        assert [(None, None, None), ("1", "p", 20), ("2", "p", 20), (None, "q", 5)] == found


class TestRuns:
    """Who ran what, and how it ended."""

    def test_a_run_is_noted(self):
        """Actor, times by the given clock, counts as JSON; every request is audited without contents."""
        with rig(crm_of([client(1, name="Ana")]), erp_of(), actor="ana") as here:
            here.run(client_flow())
            [(flow, actor, started, ended, result)] = here.ledger._db.execute(
                "SELECT flow, actor, started, ended, result FROM run"
            ).fetchall()
            assert ("clients", "ana", True, True) == (flow, actor, started <= ended, '"created": 1' in result)
            rows = here.ledger._db.execute("SELECT actor, planned_by, mode, applied, refused, unknown FROM audit")
            assert [("ana", "run", "create", 1, 0, 0)] == rows.fetchall()

    def test_who_applied_a_plan(self):
        """The audit tells a plan from a run."""
        with rig(crm_of([client(1)]), erp_of()) as here:
            here.engine.apply(here.engine.plan(client_flow()), client_flow())
            assert [("plan",)] == here.ledger._db.execute("SELECT planned_by FROM audit").fetchall()

    def test_bodies_are_erased(self, path):
        """Once the outcome is known, the encoded body is in no table of operations."""
        with rig(crm_of([client(1)]), erp_of(), path=path) as here:
            here.run(client_flow())
            here.crm.change(client(1).ref, name="Otro nombre")
            here.run(client_flow())
            assert [] == here.ledger._db.execute("SELECT * FROM operation").fetchall()
            assert [] == here.ledger._db.execute("SELECT * FROM request").fetchall()


class TestCopies:
    """Backups and scratch copies."""

    def test_a_backup_is_a_ledger(self, tmp_path, ledger):
        """Made while the ledger is in use; readable by its owner only."""
        ledger.bind_system("erp", "prod")
        with ledger.transaction():
            ledger.stream("a", "source")
        copy = tmp_path / "backup.db"
        ledger.backup(copy)
        assert 0o600 == copy.stat().st_mode & 0o777
        with SqliteLedger.open(copy) as other:
            assert ({"erp": "prod"}, []) == (other.system_ids(), other.verify())

    def test_a_backup_that_cannot_be_written(self, tmp_path, ledger):
        """Typed."""
        with pytest.raises(LedgerError):
            ledger.backup(tmp_path / "nowhere" / "backup.db")

    def test_scratch(self, ledger):
        """What is written there is written nowhere else."""
        with ledger.scratch() as scratch:
            scratch.bind_system("erp", "prod")
            assert {"erp": "prod"} == scratch.system_ids()
        assert {} == ledger.system_ids()

    def test_of_memory(self):
        """A ledger without a file has copies too."""
        with SqliteLedger.open(":memory:") as ledger:
            ledger.bind_system("erp", "prod")
            with ledger.scratch() as scratch:
                assert {"erp": "prod"} == scratch.system_ids()

    def test_a_healthy_ledger(self, ledger):
        """Has nothing to say."""
        assert [] == ledger.verify()
