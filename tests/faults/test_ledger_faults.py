"""Faults of the catalogue that meet the ledger: nothing is sent without a memory, and the error says what to do."""

from __future__ import annotations

import sqlite3

import pytest

from fault_worlds import Dynamics, check, is_helpful
from periferia_link.errors import LedgerError, LinkError
from periferia_link.ledger import SqliteLedger


@pytest.fixture
def world(folder):
    return Dynamics(folder)


class TestPlaces:
    """Where the file should be."""

    @pytest.mark.parametrize("place", ["/proc/link.db", "/proc/no/such/folder/link.db", "/dev/null/link.db"])
    def test_f22_a_place_that_cannot_be_written(self, world, place):
        """Said before anything is sent; also for somebody whom permissions do not stop."""
        from pathlib import Path

        world.sow(1)
        world.path = Path(place)
        with pytest.raises(LedgerError) as refused:
            world.run(writes=True)
        assert refused.value.hint
        assert [] == world.line.sent

    def test_f22_a_file_that_is_read_only(self, world):
        """A ledger that can be read and not written stops the run before the first write."""
        names = world.sow(1)
        world.run(writes=True)
        world.sow(1)
        sent = world.line.count("write")
        locked = sqlite3.connect(world.path)
        locked.execute("PRAGMA query_only = 1")
        locked.close()
        blocker = sqlite3.connect(world.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(LinkError) as refused:
                self.impatient(world)
        finally:
            blocker.execute("ROLLBACK")
            blocker.close()
        assert refused.value.hint
        assert sent == world.line.count("write")
        world.recover(writes=True)
        names = [one.name for one in world.memory.holds("Client")]
        check(world, names, writes=True)

    def impatient(self, world):
        """Run with a ledger that does not wait long for others."""
        from periferia_link.engine import Engine

        with SqliteLedger.open(world.path, busy_seconds=0.05) as ledger, world.connector() as connector:
            systems = {"system": connector, "memory": world.memory}
            Engine(systems, ledger, clock=world.clock).run(world.flow(writes=True))


class TestDamage:
    """Bytes that are not what they were."""

    @pytest.mark.parametrize("offset", [0, 20, 100, 2_000, 4_096, 9_000, 20_000])
    def test_f25_flipped_bytes(self, world, offset):
        """A damaged ledger is refused, or works as if nothing had happened: never a duplicate."""
        names = world.sow(3)
        world.run(writes=True)
        raw = bytearray(world.path.read_bytes())
        raw[offset % len(raw) : offset % len(raw) + 16] = b"\xa5" * 16
        for more in world.path.parent.glob("link.db-*"):
            more.unlink()
        world.path.write_bytes(raw)
        try:
            world.clock.advance(world.settle)
            world.run(writes=True)
        except LinkError as refused:
            is_helpful(refused)
        assert sorted(set(names)) == sorted(world.held().values())

    def test_f25_an_older_copy(self, world, folder):
        """A backup from before some creates: a system with a key of its own shows nothing twice."""
        names = world.sow(2)
        world.run(writes=True)
        with SqliteLedger.open(world.path) as ledger:
            ledger.backup(folder / "copy.db")
        names += world.sow(2)
        world.run(writes=True)
        for more in world.path.parent.glob("link.db*"):
            more.unlink()
        (folder / "copy.db").rename(world.path)
        world.recover(writes=True)
        check(world, names, writes=True)
