"""
FetchXML read into a query: attributes, links, filters, order, aggregates.

Source: ``fetchxml/reference`` of the developer documentation. Conditions compare as SQL Server does: texts whatever
their case, nothing equals null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree as ET

from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused
from periferia_link.testing.emulators._dataverse_shapes import DIALECT
from periferia_link.testing.emulators._dataverse_tables import Column, Schema, Table
from periferia_link.testing.emulators._odata_values import read_guid, read_moment

__all__ = ["Attribute", "Combination", "FetchQuery", "Link", "Source", "read_fetch"]

Combination = Mapping[str, "Mapping[str, Any] | None"]
"""Rows that belong together: the one of the entity under "", linked ones under their alias."""

_Test = Callable[[Combination], bool]
_NUMBERS: Final = ("Integer", "BigInt", "Picklist", "State", "Status", "Decimal", "Double", "Money")


class Attribute(NamedTuple):
    """One ``<attribute>``: where it comes from, what it is called in the answer, and how it is aggregated."""

    source: str
    column: Column
    name: str
    aggregate: str = ""
    is_group: bool = False
    dategrouping: str = ""

    def value(self, rows: Combination) -> Any:
        """Return the value in a combination."""
        row = rows[self.source]
        return None if row is None else row.get(self.column.wire)


class Link(NamedTuple):
    """One ``<link-entity>``: rows of *table* whose column *near* holds what *far* of the parent holds."""

    alias: str
    table: Table
    parent: str
    near: Column
    far: Column
    is_outer: bool


@dataclass(slots=True)
class Source:
    """What is being read: tables by alias, and everything found below them."""

    schema: Schema
    now: datetime
    user: str
    tables: dict[str, Table] = field(default_factory=dict)
    attributes: list[Attribute] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    tests: list[_Test] = field(default_factory=list)
    orders: list[tuple[str, Column | None, bool]] = field(default_factory=list)


class FetchQuery(NamedTuple):
    """A FetchXML document: the options of ``<fetch>`` and what was read below it."""

    options: Mapping[str, str]
    source: Source

    @property
    def is_aggregate(self) -> bool:
        """Whether groups are asked for instead of rows."""
        return self.options.get("aggregate", "").lower() in ("true", "1")


def read_fetch(text: str, schema: Schema, entity: Table, *, now: datetime, user: str) -> FetchQuery:
    """
    Read a FetchXML document.

    Args:
        text: The document.

        schema: Tables that links may name.

        entity: The table of the address, which the document must name too.

        now: For conditions like ``today``.

        user: For conditions like ``eq-userid``.

    Raises:
        DataverseRefused: 400, it cannot be read, names what is not there, or uses what is not emulated.
    """
    if "<!" in text:
        msg = "Document type declarations are not allowed."
        raise _invalid(msg)
    try:
        root = ET.fromstring(text)  # noqa: S314 - declarations are refused above
    except ET.ParseError:
        msg = "Invalid XML."
        raise _invalid(msg) from None
    top = root.find("entity")
    if root.tag != "fetch" or top is None or top.get("name") != entity.logical:
        msg = f"The FetchXML must have one entity element with the name {entity.logical}."
        raise _invalid(msg)
    source = Source(schema, now, user, {"": entity})
    query = FetchQuery(dict(root.attrib), source)
    _read_entity(source, top, "")
    if not source.attributes and not query.is_aggregate:
        _all_attributes(source, "")
    return query


def _read_entity(source: Source, element: ET.Element, alias: str) -> None:
    for child in element:
        if child.tag == "attribute":
            source.attributes.append(_attribute(source, child, alias))
        elif child.tag == "all-attributes":
            _all_attributes(source, alias)
        elif child.tag == "order":
            name = child.get("attribute")
            column = _column(source, alias, name) if name else None
            is_down = child.get("descending", "").lower() in ("true", "1")
            source.orders.append((child.get("alias", ""), column, is_down))
        elif child.tag == "filter":
            source.tests.append(_filter(source, child, alias))
        elif child.tag == "link-entity":
            _read_link(source, child, alias)
        else:
            msg = f"The element {child.tag} is not supported."
            raise _invalid(msg)


def _read_link(source: Source, element: ET.Element, parent: str) -> None:
    table = source.schema.get(element.get("name", ""))
    if table is None:
        msg = f"The entity with a name = '{element.get('name')}' was not found."
        raise _invalid(msg)
    kind = element.get("link-type", "inner")
    if kind not in ("inner", "outer"):
        msg = f"The link-type {kind} is not supported here."
        raise _invalid(msg)
    alias = element.get("alias") or f"{table.logical}{len(source.links) + 1}"
    source.tables[alias] = table
    near = _column(source, alias, element.get("from") or table.key)
    far = _column(source, parent, element.get("to") or near.name)
    source.links.append(Link(alias, table, parent, near, far, kind == "outer"))
    _read_entity(source, element, alias)


def _attribute(source: Source, element: ET.Element, alias: str) -> Attribute:
    column = _column(source, alias, element.get("name", ""))
    name = element.get("alias") or (f"{alias}.{column.name}" if alias else column.wire)
    is_group = element.get("groupby", "").lower() in ("true", "1")
    aggregate = element.get("aggregate", "")
    if aggregate and aggregate not in ("count", "countcolumn", "sum", "avg", "min", "max"):
        msg = f"The aggregate {aggregate} is not supported."
        raise _invalid(msg)
    if element.get("distinct", "").lower() in ("true", "1") and aggregate == "countcolumn":
        aggregate = "countdistinct"
    return Attribute(alias, column, name, aggregate, is_group, element.get("dategrouping", ""))


def _all_attributes(source: Source, alias: str) -> None:
    for column in source.tables[alias].columns.values():
        name = f"{alias}.{column.name}" if alias else column.wire
        source.attributes.append(Attribute(alias, column, name))


def _column(source: Source, alias: str, name: str) -> Column:
    table = source.tables[alias]
    if name not in table.columns:
        raise DataverseRefused(
            400, "0x80041103", f"'{table.logical}' entity doesn't contain attribute with Name = '{name}'."
        )
    return table.columns[name]


# ---------------------------------------------------------------------- filters


def _filter(source: Source, element: ET.Element, alias: str) -> _Test:
    tests = []
    for child in element:
        if child.tag not in ("filter", "condition"):
            msg = f"The element {child.tag} is not supported in a filter."
            raise _invalid(msg)
        read = _filter if child.tag == "filter" else _condition
        tests.append(read(source, child, alias))
    if element.get("type", "and") == "or":
        return lambda rows: any(test(rows) for test in tests)
    return lambda rows: all(test(rows) for test in tests)


def _condition(source: Source, element: ET.Element, alias: str) -> _Test:
    place = element.get("entityname") or alias
    if place not in source.tables:
        msg = f"The entity name {place} of a condition is not an alias of the query."
        raise _invalid(msg)
    column = _column(source, place, element.get("attribute", ""))
    values = [element.get("value", "")] if "value" in element.attrib else []
    values += [child.text or "" for child in element if child.tag == "value"]
    compare = _comparison(source, column, element.get("operator", ""), values)

    def test(rows: Combination) -> bool:
        row = rows.get(place)
        return compare(None if row is None else row.get(column.wire))

    return test


def _comparison(source: Source, column: Column, operator: str, values: list[str]) -> Callable[[Any], bool]:
    if operator == "null":
        return lambda held: held is None
    if operator == "not-null":
        return lambda held: held is not None
    if operator in ("eq-userid", "ne-userid"):
        return lambda held: held is not None and (held == source.user) is (operator == "eq-userid")
    if operator in _LIKE:
        return _like(operator, values)
    if operator in _DAYS:
        return _within(source, operator, values)
    wanted = [_typed(column, value) for value in values]
    if operator not in _COMPARE or not wanted:
        msg = f"The operator {operator} is not supported here, or lacks its value."
        raise _invalid(msg)
    compare = _COMPARE[operator]
    return lambda held: held is not None and compare(_typed(column, held), wanted)


_COMPARE: Final[dict[str, Callable[[Any, list[Any]], bool]]] = {
    "eq": lambda held, wanted: held == wanted[0],
    "ne": lambda held, wanted: held != wanted[0],
    "neq": lambda held, wanted: held != wanted[0],
    "gt": lambda held, wanted: held > wanted[0],
    "ge": lambda held, wanted: held >= wanted[0],
    "lt": lambda held, wanted: held < wanted[0],
    "le": lambda held, wanted: held <= wanted[0],
    "in": lambda held, wanted: held in wanted,
    "not-in": lambda held, wanted: held not in wanted,
    "between": lambda held, wanted: wanted[0] <= held <= wanted[1],
    "not-between": lambda held, wanted: not wanted[0] <= held <= wanted[1],
    "on": lambda held, wanted: _day(held) == _day(wanted[0]),
    "not-on": lambda held, wanted: _day(held) != _day(wanted[0]),
    "on-or-after": lambda held, wanted: _day(held) >= _day(wanted[0]),
    "on-or-before": lambda held, wanted: _day(held) <= _day(wanted[0]),
}
_LIKE: Final = {
    "like": ("{}", True), "not-like": ("{}", False), "begins-with": ("{}%", True), "not-begin-with": ("{}%", False),
    "ends-with": ("%{}", True), "not-end-with": ("%{}", False),
}  # fmt: skip
_DAYS: Final = {
    "today": (0, 0), "yesterday": (-1, -1), "tomorrow": (1, 1), "last-seven-days": (-7, 0), "next-seven-days": (0, 7),
    "last-x-days": (-1, 0), "next-x-days": (0, 1), "olderthan-x-days": (0, 0),
}  # fmt: skip


def _like(operator: str, values: list[str]) -> Callable[[Any], bool]:
    shape, is_wanted = _LIKE[operator]
    if not values:
        msg = f"The operator {operator} lacks its value."
        raise _invalid(msg)
    pattern = shape.format(values[0])
    whole = re.compile(_sql(pattern), re.DOTALL)

    def test(held: Any) -> bool:
        return isinstance(held, str) and (whole.fullmatch(DIALECT.folded(held)) is not None) is is_wanted

    return test


def _sql(pattern: str) -> str:
    signs = {"%": ".*", "_": "."}
    return "".join(signs.get(sign, re.escape(sign)) for sign in DIALECT.folded(pattern))


def _within(source: Source, operator: str, values: list[str]) -> Callable[[Any], bool]:
    first, last = _DAYS[operator]
    count = int(values[0]) if "-x-" in operator and values and values[0].isdigit() else 1
    here = source.now.replace(hour=0, minute=0, second=0, microsecond=0)
    begin, end = here + timedelta(days=first * count), here + timedelta(days=last * count + 1)

    def test(held: Any) -> bool:
        moment = read_moment(held) if isinstance(held, str) else None
        if moment is None:
            return False
        if operator == "olderthan-x-days":
            return moment < source.now - timedelta(days=count)
        return begin <= moment < end

    return test


def _typed(column: Column, value: Any) -> Any:
    """Return a value of a document or of a row in the type that compares."""
    if column.type in _NUMBERS:
        try:
            return Decimal(value)
        except (InvalidOperation, TypeError, ValueError):
            msg = f"'{value}' is no number for {column.name}."
            raise _invalid(msg) from None
    if column.type == "Boolean":
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true")
    if column.type in ("DateTime", "DateOnly"):
        moment = read_moment(str(value))
        if moment is None:
            msg = f"'{value}' is no date for {column.name}."
            raise _invalid(msg)
        return moment
    if column.type in ("Lookup", "Uniqueidentifier"):
        return str(read_guid(str(value).strip("{}")) or value).lower()
    return DIALECT.folded(str(value))


def _day(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value


def _invalid(why: str) -> DataverseRefused:
    return DataverseRefused(400, "0x80041102", f"Invalid FetchXML: {why}")
