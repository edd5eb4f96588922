"""Values on their way into SQLite."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.ledger._binding import bound, write_all

VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8")) | st.binary()


@pytest.fixture
def connection():
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE t (a, b, c)")
    yield made
    made.close()


class TestBound:
    @given(st.lists(st.tuples(VALUES, st.none(), st.binary()), max_size=8))
    def test_the_file_holds_the_same(self, rows):
        """Whatever the way in, values and types are those that were given."""
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE t (a, b, c)")
        write_all(connection, "INSERT INTO t VALUES ({},{},{})", rows)
        held = connection.execute("SELECT a, b, c, typeof(a), typeof(c) FROM t ORDER BY rowid").fetchall()
        connection.execute("DELETE FROM t")
        connection.executemany("INSERT INTO t VALUES (?,?,?)", rows)
        plain = connection.execute("SELECT a, b, c, typeof(a), typeof(c) FROM t ORDER BY rowid").fetchall()
        connection.close()
        assert plain == held

    def test_what_is_bound(self):
        """A column of nothing is part of the statement; bytes come in the type that needs no adapter."""
        places, rows = bound([(1, None, b"x", None), (2, None, None, "y")])
        assert ["?", "NULL", "?", "?"] == places
        assert [(1, bytearray(b"x"), None), (2, None, "y")] == rows
        assert [int, bytearray, type(None)] == list(map(type, rows[0]))

    def test_rows_of_different_lengths(self):
        """They are a defect, and no row is cut off."""
        with pytest.raises(ValueError, match="zip"):
            bound([(1, 2), (3,)])

    def test_nothing_to_write(self, connection):
        """No row, no statement."""
        seen = []
        connection.set_trace_callback(seen.append)
        write_all(connection, "INSERT INTO t VALUES ({},{},{})", [])
        assert [] == seen
