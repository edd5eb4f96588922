"""
Aggregates of the emulated Dataverse: groups of rows and what is counted over them, and ``$apply`` that asks for it.

Source: ``webapi/query/aggregate-data.md``: at most 50,000 rows, no grouping by moments, groups without a value leave it
out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_query, unknown_property
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_shapes import pieces, read_filter
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["MOST_ROWS", "Measure", "apply", "check_size", "grouped"]

MOST_ROWS: Final = 50_000
_STEP = re.compile(r"(?P<name>filter|groupby|aggregate)\((?P<inside>.*)\)", re.DOTALL)
_GROUP = re.compile(r"\((?P<columns>[^()]*)\)(?:\s*,\s*aggregate\((?P<inside>.*)\))?", re.DOTALL)
_MEASURE = re.compile(r"(?P<column>\w+) with (?P<method>sum|average|min|max|countdistinct) as (?P<alias>\w+)")
_COUNT = re.compile(r"\$count as (?P<alias>\w+)")

Value = Callable[[Any], Any]


class Measure(NamedTuple):
    """One aggregate: what is taken of each row, what is made of the values, and what the result is called."""

    alias: str
    method: str
    value: Value


def check_size(count: int) -> None:
    """
    Refuse to aggregate over more rows than the server does.

    Raises:
        DataverseRefused: 400, AggregateQueryRecordLimitExceeded.
    """
    if count > MOST_ROWS:
        msg = "The maximum record limit is exceeded. Reduce the number of records."
        raise DataverseRefused(400, "0x8004E023", msg)


def grouped(rows: Iterable[Any], keys: Sequence[tuple[str, Value]], measures: Sequence[Measure]) -> list[Record]:
    """
    Return one record per group: its key values (left out where empty) and its measures.

    Args:
        rows: What is grouped.

        keys: Name in the result and value of each group column; none makes one group of everything.

        measures: What is counted over each group.
    """
    groups: dict[tuple[Any, ...], list[Any]] = {} if keys else {(): []}
    for row in rows:
        groups.setdefault(tuple(value(row) for _, value in keys), []).append(row)
    found = []
    for values, members in groups.items():
        record: Record = {name: value for (name, _), value in zip(keys, values, strict=True) if value is not None}
        for measure in measures:
            record[measure.alias] = _measured(measure, members)
        found.append(record)
    return found


def _measured(measure: Measure, members: Sequence[Any]) -> Any:
    if measure.method == "count":
        return len(members)
    values = [value for value in map(measure.value, members) if value is not None]
    if measure.method == "countcolumn":
        return len(values)
    if measure.method == "countdistinct":
        return len(set(values))
    if not values:
        return None
    if measure.method in ("min", "max"):
        return min(values) if measure.method == "min" else max(values)
    total = sum((Decimal(value) for value in values), Decimal(0))
    return total if measure.method == "sum" else round(total / len(values), 10).normalize()


# ---------------------------------------------------------------------- $apply


def apply(rows: Rows, call: Call, table: Table) -> Response:
    """
    Answer a collection with ``$apply``.

    Raises:
        DataverseRefused: 400, a transformation that the server does not have, or too many rows.
    """
    if "$orderby" in call.options:
        msg = "The query node SingleValueOpenPropertyAccess is not supported"
        raise bad_query(msg)
    check_options(call, ("apply", "filter"))
    found: Iterable[Record] = rows.of(table).values()
    if (text := call.options.get("$filter")) is not None:
        found = filter(read_filter(rows, table, text, call.options), found)
    result: list[Record] | None = None
    for step in pieces(call.options["$apply"], "/"):
        known = _STEP.fullmatch(step.strip())
        if known is None or result is not None:
            raise _unreadable(call)
        if known["name"] == "filter":
            found = list(filter(read_filter(rows, table, known["inside"], call.options), found))
        else:
            found = list(found)
            check_size(len(found))
            result = _stepped(call, table, known["name"], known["inside"], found)
    shown = list(found) if result is None else result
    return answer(call, 200, {"@odata.context": f"{call.root}/$metadata#{table.entity_set}", "value": shown})


def _stepped(call: Call, table: Table, name: str, inside: str, found: Sequence[Record]) -> list[Record]:
    if name == "aggregate":
        return grouped(found, (), _measures(call, table, inside))
    parts = _GROUP.fullmatch(inside.strip())
    if parts is None:
        raise _unreadable(call)
    keys = []
    for wire in (piece.strip() for piece in parts["columns"].split(",")):
        column = table.readable(wire)
        if column is None:
            raise unknown_property(table.logical, wire)
        if column.type in ("DateTime", "DateOnly"):
            msg = f"Grouping by the date '{wire}' is not supported in $apply; use FetchXML with dategrouping."
            raise bad_query(msg)
        keys.append((wire, _reading(wire)))
    return grouped(found, keys, _measures(call, table, parts["inside"] or ""))


def _measures(call: Call, table: Table, text: str) -> list[Measure]:
    measures = []
    for piece in (piece.strip() for piece in pieces(text, ",")):
        if (counted := _COUNT.fullmatch(piece)) is not None:
            measures.append(Measure(counted["alias"], "count", _reading("")))
            continue
        known = _MEASURE.fullmatch(piece)
        if known is None:
            raise _unreadable(call)
        if table.readable(known["column"]) is None:
            raise unknown_property(table.logical, known["column"])
        measures.append(Measure(known["alias"], known["method"], _reading(known["column"])))
    return measures


def _reading(wire: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda row: row.get(wire)


def _unreadable(call: Call) -> DataverseRefused:
    return bad_query(f"Syntax error in '$apply={call.options['$apply'][:200]}'.")
