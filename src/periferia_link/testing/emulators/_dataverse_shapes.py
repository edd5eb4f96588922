"""How a row looks on the wire: selected columns, annotations, expanded links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from periferia_link.testing.emulators._dataverse_calls import Call
from periferia_link.testing.emulators._dataverse_refusals import bad_query, unknown_property
from periferia_link.testing.emulators._dataverse_rows import LOOKUP_TABLE, Rows
from periferia_link.testing.emulators._dataverse_tables import Column, Table
from periferia_link.testing.emulators._emulator import Record
from periferia_link.testing.emulators._odata import IN, Dialect, RowFilter, parse_filter, select_columns

__all__ = [
    "DIALECT",
    "LABEL",
    "Expansion",
    "Shape",
    "annotated",
    "chosen_columns",
    "context",
    "etag",
    "pieces",
    "read_filter",
    "read_shape",
    "shaped",
]

DIALECT: Final = Dialect(ignore_case=True, wildcards=True, v3_literals=False)
_FUNCTIONS: Final = frozenset({"contains", "startswith", "endswith", IN})
LABEL: Final = "OData.Community.Display.V1.FormattedValue"
_LOOKUP_TABLE: Final = LOOKUP_TABLE.removeprefix("@")
_NAVIGATION: Final = "Microsoft.Dynamics.CRM.associatednavigationproperty"
_CURRENCY: Final = "_transactioncurrencyid_value"
_ELASTIC: Final = ("partitionid", "versionnumber", "_ownerid_value", "_owningbusinessunit_value")
_MAX_EXPANSIONS = 15
_EXPANSION = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<options>.*)\))?\s*", re.DOTALL)


class Expansion(NamedTuple):
    """One navigation property of ``$expand`` with the options in its parentheses."""

    name: str
    options: Mapping[str, str]
    shape: Shape


class Shape(NamedTuple):
    """What a client asked to see of each row: columns (None: every one) and expanded links."""

    table: Table
    columns: tuple[str, ...] | None
    expansions: tuple[Expansion, ...]

    @property
    def text(self) -> str:
        """The shape as the context URL spells it: ``(name,primarycontactid(fullname))``."""
        if self.columns is None and not self.expansions:
            return ""
        inner = [*(self.columns or ()), *(f"{e.name}{e.shape.text or '()'}" for e in self.expansions)]
        return f"({','.join(inner)})"


def etag(row: Record) -> str:
    """Return the weak etag of a row: its version number."""
    return f'W/"{row["versionnumber"]}"'


def context(call: Call, shape: Shape, suffix: str = "") -> str:
    """Return ``@odata.context`` of a collection (or, with a suffix, of something else) of a shape."""
    return f"{call.root}/$metadata#{shape.table.entity_set}{shape.text}{suffix}"


def read_shape(rows: Rows, table: Table, options: Mapping[str, str], *, is_nested: bool = False) -> Shape:
    """
    Read ``$select`` and ``$expand``.

    Raises:
        DataverseRefused: 400, a property that the table does not have, too many or too deep expansions.
    """
    columns = None
    if (text := options.get("$select")) is not None:
        columns = tuple(select_columns(text))
        for name in columns:
            if table.readable(name) is None:
                raise unknown_property(table.logical, name)
    expansions = tuple(_read_expansions(rows, table, options.get("$expand", ""), is_nested=is_nested))
    return Shape(table, columns, expansions)


def read_filter(rows: Rows, table: Table, text: str, aliases: Mapping[str, str]) -> RowFilter:
    """
    Read ``$filter`` and check its columns, across lookups too.

    Raises:
        DataverseRefused: 400, a property that the table does not have.
        ODataRefused: 400, the expression cannot be read.
    """
    found = parse_filter(text, functions=_FUNCTIONS, dialect=DIALECT, aliases=aliases)
    for path in found.columns:
        *steps, last = path.split("/")
        at = table
        for step in steps:
            single = at.navigation(step)
            target = rows.schema.get(single[1]) if single else None
            if target is None:
                raise unknown_property(at.logical, step)
            at = target
        if at.readable(last) is None:
            raise unknown_property(at.logical, last)
    if not any("/" in path for path in found.columns):
        return found
    return RowFilter(lambda row: found.test(_View(rows, table, row)), found.columns)


def chosen_columns(shape: Shape) -> list[tuple[str, Column]]:
    """
    Return the columns that rows of a shape show, by the names they show them under.

    The key always comes along, and a money column brings its currency.
    """
    table = shape.table
    names = _all_columns(table) if shape.columns is None else shape.columns
    if any((column := table.readable(name)) and column.type == "Money" for name in names):
        names = (*names, _CURRENCY)
    if table.is_elastic:
        names = (*names, *_ELASTIC)
    wanted = dict.fromkeys((*(name for name in names if name != table.key), table.key))
    return [(name, column) for name in wanted if (column := table.readable(name)) is not None]


def shaped(
    rows: Rows,
    call: Call,
    shape: Shape,
    row: Record,
    *,
    links: bool = True,
    columns: Sequence[tuple[str, Column]] | None = None,
) -> Record:
    """
    Return a row as the wire shows it.

    Args:
        rows: Where the rows behind its links are.

        call: The call that asked: its preferences say which annotations to add.

        shape: What it asked for.

        row: The row as it is stored.

        links: Add the next link of expanded collections.

        columns: The :func:`chosen_columns` of the shape, for a caller that shows many rows.
    """
    table = shape.table
    out: Record = {"@odata.etag": etag(row)}
    is_annotated = "odata.include-annotations" in call.preferences
    for name, column in chosen_columns(shape) if columns is None else columns:
        if is_annotated:
            out |= _annotations(rows, call, column, row)
        out[name] = row.get(name)
    for expansion in shape.expansions:
        out |= _expanded(rows, call, table, row, expansion, links=links)
    return out


def _all_columns(table: Table) -> tuple[str, ...]:
    return tuple(column.wire for column in table.columns.values())


def _annotations(rows: Rows, call: Call, column: Column, row: Mapping[str, Any]) -> Record:
    return {f"{column.wire}@{name}": note for name, note in annotated(rows, call, column, row).items()}


def annotated(rows: Rows, call: Call, column: Column, row: Mapping[str, Any]) -> Record:
    """Return the annotations of a column that the client asked for, by their name."""
    value, out = row.get(column.wire), Record()
    if value is None:
        return out
    if column.type == "Lookup":
        target = row.get(column.wire + LOOKUP_TABLE) or next(iter(column.targets.values()))
        if call.annotates(_NAVIGATION):
            navigation = next((n for n, t in column.targets.items() if t == target), next(iter(column.targets)))
            out[_NAVIGATION] = navigation
        if call.annotates(_LOOKUP_TABLE):
            out[_LOOKUP_TABLE] = target
    if call.annotates(LABEL):
        label = _label(rows, column, row)
        if label is not None:
            out[LABEL] = label
    return out


def _label(rows: Rows, column: Column, row: Mapping[str, Any]) -> str | None:
    value = row[column.wire]
    if column.type == "Lookup":
        target = rows.schema.get(row.get(column.wire + LOOKUP_TABLE) or next(iter(column.targets.values())))
        linked = rows.of(target).get(value) if target else None
        return linked.get(target.title) if linked and target else None
    if column.options:
        return column.options.get(value)
    if column.type == "Boolean":
        return "Yes" if value else "No"
    if column.type == "Money":
        return f"${Decimal(value):,.2f}"
    return f"{value:,}" if isinstance(value, (int, Decimal)) else None


def _expanded(rows: Rows, call: Call, table: Table, row: Record, expansion: Expansion, *, links: bool) -> Record:
    single = table.navigation(expansion.name)
    if single is not None:
        column, target = single
        holds = row.get(column.wire + LOOKUP_TABLE) in (None, target)
        linked = rows.of(rows.schema[target]).get(row.get(column.wire) or "") if holds else None
        return {expansion.name: shaped(rows, call, expansion.shape, linked) if linked else None}
    child, lookup = table.collections[expansion.name]
    found: Iterable[Record] = rows.related(rows.schema[child], lookup, row[table.key])
    if (text := expansion.options.get("$filter")) is not None:
        found = filter(read_filter(rows, rows.schema[child], text, {}), found)
    shape = expansion.shape
    if shape.columns is not None:
        shape = shape._replace(columns=tuple(dict.fromkeys((*shape.columns, f"_{lookup}_value"))))
    out: Record = {expansion.name: [shaped(rows, call, shape, each) for each in found]}
    if links:
        query = "&".join(f"{name}={value}" for name, value in expansion.options.items())
        address = f"{call.root}/{table.entity_set}({row[table.key]})/{expansion.name}"
        out[f"{expansion.name}@odata.nextLink"] = f"{address}?{query}" if query else address
    return out


# ---------------------------------------------------------------------- $expand


def _read_expansions(rows: Rows, table: Table, text: str, *, is_nested: bool) -> Iterator[Expansion]:
    wanted = list(pieces(text, ","))
    if len(wanted) > _MAX_EXPANSIONS:
        msg = f"The number of $expand options in the query exceeds the maximum limit of {_MAX_EXPANSIONS}."
        raise bad_query(msg)
    for piece in wanted:
        found = _EXPANSION.fullmatch(piece)
        if found is None:
            msg = f"Syntax error in '$expand={text[:200]}'."
            raise bad_query(msg)
        pairs = (option.partition("=") for option in pieces(found["options"] or "", ";"))
        options = {name.strip(): value.strip() for name, _, value in pairs}
        yield Expansion(found["name"], options, _target(rows, table, found["name"], options, is_nested=is_nested))


def _target(rows: Rows, table: Table, name: str, options: Mapping[str, str], *, is_nested: bool) -> Shape:
    single = table.navigation(name)
    target = single[1] if single else table.collections.get(name, ("", ""))[0]
    if not target:
        raise unknown_property(table.logical, name)
    allowed = {"$select", "$filter", "$expand"} if single is None else {"$select", "$expand"}
    if unknown := set(options) - allowed:
        why = f"The query parameter {min(unknown)} is not supported in $expand."
        if is_nested or "$expand" in options:
            why = (
                "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or "
                "nested one-to-many relationship."
            )
        raise bad_query(why)
    known = rows.schema.get(target)
    if known is None:
        msg = f"The table {target} is not among those of this emulator; it cannot be expanded."
        raise bad_query(msg)
    return read_shape(rows, known, options, is_nested=True)


def pieces(text: str, sign: str) -> Iterator[str]:
    """Cut *text* at *sign*, but not inside parentheses or quotes."""
    depth, quoted, start = 0, False, 0
    for at, found in enumerate(text):
        if found == "'":
            quoted = not quoted
        elif not quoted and found in "()":
            depth += 1 if found == "(" else -1
        elif found == sign and not quoted and not depth:
            yield text[start:at]
            start = at + 1
    if text[start:].strip():
        yield text[start:]


class _View(Mapping[str, Any]):
    """A row as a filter sees it: its columns, and the rows behind its lookups by navigation property."""

    __slots__ = ("_row", "_rows", "_table")

    def __init__(self, rows: Rows, table: Table, row: Mapping[str, Any]) -> None:
        self._rows, self._table, self._row = rows, table, row

    def __getitem__(self, name: str) -> Any:
        if name in self._row or self._table.readable(name) is not None:
            return self._row.get(name)
        single = self._table.navigation(name)
        target = self._rows.schema.get(single[1]) if single else None
        if single is None or target is None:
            raise KeyError(name)
        linked = self._rows.of(target).get(self._row.get(single[0].wire) or "")
        return None if linked is None else _View(self._rows, target, linked)

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)
