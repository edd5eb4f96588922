"""Which row of the emulated Dataverse holds which values: alternate keys and duplicate rules, found without a scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._emulator import Emulator, Record

__all__ = ["Indexes"]

_Values = tuple[Any, ...]


class _Index:
    """The rows of one table by the values of some columns; *count* is how many the table had."""

    __slots__ = ("count", "holders", "values")

    def __init__(self, columns: tuple[str, ...], rows: Mapping[str, Record]) -> None:
        self.holders: dict[_Values, str] = {}
        self.values: dict[str, _Values] = {}
        self.count = 0
        for key, row in rows.items():
            self.put(columns, key, row)

    def put(self, columns: tuple[str, ...], key: str, row: Record) -> None:
        self.drop(key)
        values = tuple(row.get(column) for column in columns)
        self.values[key] = values
        self.holders.setdefault(values, key)
        self.count += 1

    def drop(self, key: str) -> None:
        values = self.values.pop(key, None)
        if values is None:
            return
        self.count -= 1
        if self.holders.get(values) == key:
            del self.holders[values]


class Indexes:
    """
    Indexes over the books, made when they are first asked for.

    The books may be changed behind their back (by tests, or put back when a transaction fails): a hit is looked at
    before it counts, and an index that knows another number of rows than the table is made again.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._made: dict[tuple[str, tuple[str, ...]], _Index] = {}

    def forget(self) -> None:
        """Make every index again when it is next asked for."""
        self._made.clear()

    def find(self, table: Table, values: Mapping[str, Any]) -> str | None:
        """Return the id of a row with these column values."""
        columns = tuple(values)
        rows = self._emulator.books[table.entity_set]
        wanted = tuple(values.values())
        for is_fresh in (False, True):
            index = self._of(table, columns, rows, is_fresh=is_fresh)
            key = index.holders.get(wanted)
            if key is None:
                return None
            row = dict.get(rows, key)
            if row is not None and all(row.get(name) == value for name, value in values.items()):
                return key
        return None

    def put(self, table: Table, key: str, row: Record) -> None:
        """Take note of a row that was written."""
        self._note(table)
        for (logical, columns), index in self._made.items():
            if logical == table.logical:
                index.put(columns, key, row)

    def drop(self, table: Table, key: str) -> None:
        """Take note of a row that goes."""
        self._note(table)
        for (logical, _), index in self._made.items():
            if logical == table.logical:
                index.drop(key)

    def _note(self, table: Table) -> None:
        """Forget the indexes of a table when the open transaction is rolled back."""
        if any(logical == table.logical for logical, _ in self._made):
            self._emulator.on_rollback(lambda: self._forget(table.logical))

    def _forget(self, logical: str) -> None:
        for place in [place for place in self._made if place[0] == logical]:
            del self._made[place]

    def _of(self, table: Table, columns: tuple[str, ...], rows: dict[str, Record], *, is_fresh: bool) -> _Index:
        place = table.logical, columns
        index = self._made.get(place)
        if index is None or is_fresh or index.count != len(rows):
            index = self._made[place] = _Index(columns, rows)
        return index
