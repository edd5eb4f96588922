"""Rows of the emulated company in the order of a query, kept while the books stay as they are."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._odata import apply_orderby
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_tables import Table

__all__ = ["Orders"]

_MOST = 16


class Orders:
    """
    The rows of a set in the order that was asked, sorted once.

    A company that pages through 50,000 clients asks for the same order 2,500 times; a database has an index for it.
    """

    def __init__(self, company: Company) -> None:
        self._company = company
        self._kept: dict[tuple[str, str], tuple[tuple[int, int], list[Record], list[Any] | None]] = {}

    def rows(self, table: Table, order: str, condition: str) -> Iterator[Record]:
        """
        Return rows in order, beginning where the condition can first be true.

        Args:
            table: The entity set.

            order: ``$orderby``, or nothing for the order in which rows were filed.

            condition: ``$filter``; where it begins or ends with ``KEY gt VALUE``, smaller keys are left out.
        """
        if not order:
            yield from list(self._company.books[table.name].values())
            return
        rows, keys = self._sorted(table, order)
        first = 0 if keys is None else _first(table, keys, condition)
        yield from rows[first:]

    def _sorted(self, table: Table, order: str) -> tuple[list[Record], list[Any] | None]:
        books = self._company.books[table.name]
        state = (self._company.revision, len(books))
        kept = self._kept.get((table.name, order))
        if kept is not None and kept[0] == state:
            return kept[1], kept[2]
        rows = apply_orderby(list(books.values()), order, numbers=table.amounts)
        keys = None
        if order.split() in ([table.key], [table.key, "asc"]) and "," not in table.key:
            keys = [row[table.key] for row in rows]
            keys = keys if keys == sorted(keys) else None  # text that does not sort as the database does
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[table.name, order] = (state, rows, keys)
        return rows, keys


def _first(table: Table, keys: list[Any], condition: str) -> int:
    """Return where ``KEY gt VALUE`` begins to be true, 0 where the condition says no such thing for certain."""
    if " or " in condition or "not " in condition:
        return 0
    value = r"(?:'(?P<text>(?:[^']|'')*)'|(?P<number>\d+))"
    found = re.search(rf"(?:^|\(|and )\s*{table.key} gt {value}\s*(?:$|\)| and)", condition)
    if found is None or (found["number"] is None) == table.has_numeric_key:
        return 0
    asked: Any = int(found["number"]) if table.has_numeric_key else found["text"].replace("''", "'")
    return bisect_right(keys, asked)
