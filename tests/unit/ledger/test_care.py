"""Looking after the ledger: what is wrong with it, what is in it, copies while it is in use."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from memory_installation import MemorySystem, fill
from periferia_link.domain import Ref
from periferia_link.engine import Engine
from periferia_link.errors import LedgerError
from periferia_link.flows import clients, labour_costs, projects
from periferia_link.ledger import SqliteLedger
from periferia_link.ledger.protocol import AMBIGUOUS

NONE = (None, None, None, None)


@pytest.fixture
def path(tmp_path):
    """Name a ledger file."""
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path, monkeypatch):
    """Open a ledger after a run of the whole chain."""
    from datetime import date

    monkeypatch.setattr(MemorySystem, "stores", {})
    crm, erp, desk = fill()
    flows = [clients(), projects(), labour_costs(starts=date(2026, 1, 1), debit="613595", credit="510595")]
    with SqliteLedger.open(path) as one:
        Engine({"crm": crm, "erp": erp, "helpdesk": desk}, one).run(flows)
        yield one


def break_it(ledger, *statements):
    """Write what the engine never writes."""
    with ledger.transaction():
        for statement in statements:
            ledger._db.execute(statement)


def plan(ledger, **changes):
    """Plan one update by hand; returns its record."""
    stream = ledger.stream("clients", "source")
    record = ledger.records.known(stream, ["1"])["1"].id
    row = {"mode": "update", "target": "1", "body": b"{}"} | changes
    with ledger.transaction():
        ledger.operations.plan(
            [(record, row["mode"], "k", "erp", "Client", row["target"], None, None, None, row["body"], None)]
        )
    return record


def verified(path):
    """Open and verify a file that may be broken; its own check speaks as the opening does."""
    with SqliteLedger.open(path) as broken:
        problems = broken.verify()
    if problems:
        raise LedgerError(f"damaged: {problems[0]}")


class TestVerify:
    def test_after_a_run(self, ledger):
        """Everything holds."""
        assert [] == ledger.verify()

    def test_in_the_middle_of_a_request(self, ledger):
        """An intent with its operation is a healthy state: that is what a crash leaves."""
        record = plan(ledger)
        with ledger.transaction():
            ledger.operations.intent([record], run=1, stream=1, sent_at=1.0, deadline=2.0, epoch=1)
        assert [] == ledger.verify()

    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            (
                "INSERT INTO request VALUES (1, 1, 1, 900, 900, 1.0, 2.0, 1)",
                "a request is in flight and covers no operation",
            ),
            ("INSERT INTO request VALUES (1, 77, 1, 900, 900, 1.0, 2.0, 1)", "a request belongs to no run: 1"),
            (
                "INSERT INTO request VALUES (1, 1, 1, 900, 900, 1.0, 2.0, 99)",
                "a request is newer than the lease of its flow",
            ),
            ("UPDATE record SET stream=99 WHERE id=1", "a record belongs to no stream: 1"),
            ("UPDATE record SET system=NULL WHERE key='1' AND target='1'", "a link names no system"),
            (
                "DELETE FROM edge WHERE relation='made from'",
                "what is posted of a member can be traced to no posting: 1, 2",
            ),
            ("DELETE FROM record WHERE key LIKE '[%'", "a member belongs to no group: 1, 2"),
            (
                "INSERT INTO parked VALUES (99, 'x', 'E', 'r', NULL, 1.0, 1, NULL, NULL)",
                "something waits for a person and",
            ),
            ("INSERT INTO cursor VALUES (99, NULL, NULL, NULL)", "a cursor belongs to no stream: 99"),
            ("UPDATE audit SET run=99 WHERE id=1", "an audit row belongs to no run: 1"),
            (
                "INSERT INTO edge VALUES ('crm:Client:1', 'moon:Client:1', 'x', NULL)",
                "a step of the trace leads nowhere: moon",
            ),
            (
                "INSERT INTO edge VALUES ('crm:Client:1', 'nowhere', 'x', NULL)",
                "a step of the trace leads nowhere: nowhere",
            ),
        ],
    )
    def test_each_rule(self, ledger, statement, said):
        """Damage is named, with the rows that have it."""
        break_it(ledger, statement)
        assert [] != [problem for problem in ledger.verify() if problem.startswith(said)], ledger.verify()

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"target": None}, "a change or a deletion names no target"),
            (
                {"mode": "create", "target": None, "body": None},
                "an operation has neither a body nor a record that holds it",
            ),
        ],
    )
    def test_operations(self, ledger, changes, said):
        """A write that nobody could carry out."""
        record = plan(ledger, **changes)
        break_it(ledger, f"UPDATE record SET base=NULL WHERE id={record}")
        assert [f"{said}: {record}"] == ledger.verify()

    def test_an_operation_without_its_record_or_its_time(self, ledger):
        """A write of nothing, and one that is never looked for."""
        record = plan(ledger)
        with ledger.transaction():
            ledger.operations.reopen([(record, AMBIGUOUS, None, 1, None)])
        assert [f"an operation of unknown fate says not when to look for it: {record}"] == ledger.verify()
        break_it(ledger, f"DELETE FROM record WHERE id={record}")
        assert f"an operation belongs to no record: {record}" in ledger.verify()

    def test_two_writers_of_one_target(self, ledger):
        """Two accounts cannot both write one partner."""
        break_it(
            ledger,
            "UPDATE record SET target='1', system='erp' WHERE stream IN (SELECT id FROM stream WHERE flow='clients')",
        )
        assert ledger.verify()[0].startswith("two records of one flow write one target: ")

    def test_much_damage_is_counted(self, ledger):
        """The first rows are named, the others counted."""
        with ledger.transaction():
            ledger.links.edges([(f"moon:Client:{number}", "crm:Client:1", "x", None) for number in range(15)])
            ledger._db.executemany("INSERT INTO cursor VALUES (?, NULL, NULL, NULL)", [(n,) for n in range(900, 915)])
        problems = ledger.verify()
        assert "a cursor belongs to no stream: 900, 901, 902, 903, 904, 905, 906, 907, 908, 909, …" == problems[0]
        assert "… and 5 more steps of the trace lead nowhere" == problems[-1]

    def test_a_damaged_file(self, ledger, path):
        """SQLite's own check goes first: what a broken file says means nothing."""
        ledger.close()
        raw = bytearray(path.read_bytes())
        for place in range(8192, len(raw), 4096):
            raw[place : place + 8] = b"\xff" * 8
        path.write_bytes(raw)
        with pytest.raises(LedgerError, match="damaged"):
            verified(path)


class TestInfo:
    def test_what_is_in_it(self, ledger, path):
        """Size, mode, versions, systems, rows of every table."""
        info = ledger.care.info()
        assert (str(path), "0600", info.schema_of_library) == (info.path, info.mode, info.schema)
        assert info.bytes > 50_000
        assert {"crm": "memory-crm", "erp": "memory-erp", "helpdesk": "memory-helpdesk"} == info.systems
        assert info.tables["run"] == 3
        assert {"record", "edge", "operation_row", "lease"} <= info.tables.keys() or "operation" in info.tables

    def test_in_memory(self):
        """A ledger without a file has no size."""
        with SqliteLedger.open(":memory:") as ledger:
            assert (0, "") == (ledger.care.info().bytes, ledger.care.info().mode)


class TestFlows:
    def test_where_each_stands(self, ledger):
        """Records, links, the last run and when the last good one began."""
        found = ledger.care.flows()
        assert ["clients", "labour_costs", "projects"] == list(found)
        one = found["labour_costs"]
        assert (2, 2, 0, 0, "done", "") == (one.records, one.linked, one.parked, one.open, one.how, one.runner)
        assert one.well == one.started
        assert 2 == one.counts["created"]

    def test_one_that_never_ran(self, ledger):
        """Zeros, and no last run."""
        one = ledger.care.flow("tickets")
        assert (0, 0, None, None) == (one.records, one.parked, one.started, one.well)

    def test_a_run_that_broke_off(self, ledger):
        """The last run did not end; the last good one is the one before. Who works on it is said."""
        with ledger.transaction():
            ledger.begin_run("clients", "x", 99.0)
            ledger.leases.take("clients", "night:7:s", now=99.0, seconds=60)
        one = ledger.care.flow("clients")
        assert (99.0, None, "", "night:7:s", 159.0) == (one.started, one.ended, one.how, one.runner, one.expires)
        assert one.well is not None
        assert one.well != one.started


class TestBackup:
    def test_while_somebody_writes(self, ledger, path, tmp_path):
        """A copy taken in the middle of writing is whole: every transaction is in it entirely or not at all."""
        stop = threading.Event()

        def write():
            with SqliteLedger.open(path) as other:
                number = 0
                while not stop.is_set():
                    with other.transaction():
                        for side in ("a", "b"):
                            other.links.edges([(f"crm:Client:{number}{side}", "crm:Client:1", "pair", None)])
                    number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(3):
                ledger.backup(tmp_path / f"{number}.db")
        finally:
            stop.set()
            writer.join()
        for number in range(3):
            with SqliteLedger.open(tmp_path / f"{number}.db") as copy:
                assert [] == copy.verify()
                (pairs,) = copy._db.execute("SELECT count(*) FROM edge WHERE relation='pair'").fetchone()
                assert 0 == pairs % 2

    def test_a_copy_is_a_ledger(self, ledger, tmp_path):
        """It opens, knows what the ledger knows, and is for its owner only."""
        ledger.backup(tmp_path / "copy.db")
        assert 0o600 == (tmp_path / "copy.db").stat().st_mode & 0o777
        with SqliteLedger.open(tmp_path / "copy.db") as copy:
            assert copy.links.twin(Ref("crm", "Client", "1"), "erp", "Client")


def test_the_rules_are_sound(ledger):
    """Every rule is a query that the schema knows."""
    assert isinstance(ledger._db, sqlite3.Connection)
    assert [] == ledger.care.problems()
