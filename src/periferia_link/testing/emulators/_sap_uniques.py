"""Unique indexes of the emulated database: the name of a user table's row, and the keys that a company adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_entity_set import Table

__all__ = ["Uniques"]

_Values = tuple[Any, ...]


class Uniques:
    """
    Which values are taken, by table and columns; indexes are made when they are first asked, kept while rows are added.

    A row of which one value is missing is in no index (SQL Server with a filter, as the DI core makes them).
    """

    def __init__(
        self, books: Mapping[str, Mapping[str, Record]], on_rollback: Callable[[Callable[[], object]], None]
    ) -> None:
        self._books = books
        self._on_rollback = on_rollback
        self._taken: dict[tuple[str, tuple[str, ...]], dict[_Values, str]] = {}

    def forget(self, table: str | None = None) -> None:
        """Make the indexes of a table anew when they are next asked, or all of them."""
        for index in [key for key in self._taken if table in (None, key[0])]:
            del self._taken[index]

    def clash(self, table: Table, record: Mapping[str, Any], key: str) -> bool:
        """Whether another row than *key* has the values of *record*."""
        for columns in self._columns(table):
            values = tuple(record.get(column) for column in columns)
            if None not in values and self._index(table, columns).get(values, key) != key:
                return True
        return False

    def added(self, table: Table, record: Mapping[str, Any], key: str) -> None:
        """Note a new row; a rollback forgets it."""
        for columns in self._columns(table):
            index = self._taken.get((table.name, columns))
            values = tuple(record.get(column) for column in columns)
            if index is not None and None not in values and values not in index:
                index[values] = key
                self._on_rollback(partial(index.pop, values, None))

    def _index(self, table: Table, columns: tuple[str, ...]) -> dict[_Values, str]:
        found = self._taken.get((table.name, columns))
        if found is None:
            found = self._taken[table.name, columns] = {}
            for key, row in self._books[table.name].items():
                values = tuple(row.get(column) for column in columns)
                if None not in values:
                    found[values] = key
        return found

    def _columns(self, table: Table) -> Iterator[tuple[str, ...]]:
        if table.database.startswith("@"):
            yield ("Name",)  # user tables without object have a unique index on Name as well (from memory)
        for row in self._books["UserKeysMD"].values():
            if row["TableName"] == table.database and row["Unique"] == "tYES":
                yield tuple("U_" + line["ColumnAlias"].removeprefix("U_") for line in row["UserKeysMD_Elements"])
