"""
Reading a table of SAP by RFC_READ_TABLE, or by a function with the same interface.

Source: the function's own limits: a row has at most 512 bytes (DATA-WA), a line of OPTIONS 72 characters, the rows come
in no order. So only short columns are asked for, a condition is broken between its words and never inside a value, and
keys are read whole and put in order here instead of being paged. SAP calls the function unreleased (note 382318) and
many companies forbid it: a copy of it with the same interface that knows five tables does as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from periferia_link.errors import ContractBrokenError

__all__ = ["Row", "Tables", "equals", "greater_or_equal", "is_searchable"]

Row: TypeAlias = dict[str, str]

_LINE = 71  # the 72nd stays blank, or the words of two lines grow together
_AT_ONCE = 40  # values of one call: the condition becomes a program in SAP, and programs have a size
_UNSEARCHABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST = 45  # a value that is longer fits into no line, and stands in no key column of SAP


def equals(column: str, value: str) -> str:
    """Return the condition that a column holds one value."""
    return f"{column} = {_quoted(value)}"


def greater_or_equal(column: str, value: str) -> str:
    """Return the condition that a column holds this value or a later one."""
    return f"{column} >= {_quoted(value)}"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


class Tables:
    """
    Reads tables.

    Args:
        read: Calls a function that changes nothing.

        function: RFC_READ_TABLE, or a copy of it.

        system: Instance name.
    """

    def __init__(self, read: Callable[[str, Mapping[str, Any]], dict[str, Any]], *, function: str, system: str) -> None:
        self._read = read
        self._function = function
        self._system = system

    def matching(
        self, table: str, columns: Sequence[str], column: str, values: Sequence[str], where: Sequence[str] = ()
    ) -> Iterator[Row]:
        """
        Read the rows in which *column* has one of the values.

        Raises:
            ConnectorError: SAP refuses.
        """
        asked = [value for value in dict.fromkeys(values) if is_searchable(value)]
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            conditions = [f"{'( ' if n == 0 else 'OR '}{equals(column, value)}" for n, value in enumerate(some)]
            yield from self.rows(table, columns, [*where, " ".join([*conditions, ")"])])

    def rows(self, table: str, columns: Sequence[str], where: Sequence[str] = ()) -> list[Row]:
        """
        Read the rows for which every condition holds, as texts by column.

        Raises:
            ContractBrokenError: The answer has another shape.
            ConnectorError: SAP refuses.
        """
        answer = self._read(
            self._function,
            {
                "QUERY_TABLE": table,
                "FIELDS": [{"FIELDNAME": column} for column in columns],
                "OPTIONS": [{"TEXT": line} for line in _lines(" AND ".join(where))],
            },
        )
        try:
            places = {
                str(field["FIELDNAME"]).strip(): (int(field["OFFSET"]), int(field["LENGTH"]))
                for field in answer["FIELDS"]
            }
            texts = [str(row["WA"]) for row in answer["DATA"]]
            return [
                {column: text[start : start + length].strip() for column, (start, length) in places.items()}
                for text in texts
            ]
        except (KeyError, TypeError, ValueError, AttributeError):
            msg = f"{self._function} answers {table} in a shape of its own"
        raise ContractBrokenError(msg, hint="is it a copy with the interface of RFC_READ_TABLE?", system=self._system)


def is_searchable(value: str) -> bool:
    """Whether a value can stand in a condition; others stand in no key column."""
    return bool(value.strip()) and len(value) <= _LONGEST and _UNSEARCHABLE.search(value) is None


def _lines(condition: str) -> list[str]:
    """Break a condition into lines of 72 characters, between its words."""
    lines: list[str] = []
    for word in re.findall(r"'(?:[^']|'')*'|\S+", condition):
        if lines and len(lines[-1]) + 1 + len(word) <= _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
