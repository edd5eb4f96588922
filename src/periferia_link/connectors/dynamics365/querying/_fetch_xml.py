"""
FetchXML, the query language for what OData cannot say: outer joins, sums over joins, grouping by dates.

Built as a tree and written by the XML library, so a value can never become markup. Source: "Query data using FetchXml".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError
from periferia_link.transport._odata import literal

__all__ = ["Aggregate", "Condition", "FetchXml", "Link"]

Sum: TypeAlias = Literal["sum", "avg", "min", "max", "count", "countcolumn"]
Scalar: TypeAlias = "str | int | bool | Decimal | date | datetime | UUID"

_NAME: Final = re.compile(r"[a-zA-Z_]\w{0,127}", re.ASCII)
_OPERATOR: Final = re.compile(r"[a-z]+(-[a-z]+){0,6}", re.ASCII)
_UNWRITABLE: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST: Final = 5000


@dataclass(frozen=True, slots=True)
class Condition:
    """A column compared with values."""

    column: str
    operator: str = "eq"
    values: tuple[Scalar, ...] = ()

    @classmethod
    def of(cls, column: str, operator: str, *values: Scalar) -> Condition:
        """Return a condition from its words: ``Condition.of("statecode", "in", 0, 1)``."""
        return cls(column, operator, values)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A column to sum up or, without ``function``, to group by; ``grouping`` cuts dates: ``month``, ``year``."""

    column: str
    alias: str
    function: Sum | None = None
    grouping: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A joined table: where its column ``joins`` equals ours (``to``); ``outer`` keeps rows without a match."""

    table: str
    joins: str
    to: str
    alias: str | None = None
    outer: bool = False
    columns: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchXml:
    """
    A query; :meth:`Dynamics365.fetch` runs it.

    ``table`` is the logical name. Without ``columns`` and ``aggregates`` the key comes alone. ``order`` names columns,
    a leading ``-`` sorts downwards. ``top`` rows at most, in one page.
    """

    table: str
    columns: Sequence[str] = ()
    conditions: Sequence[Condition] = ()
    any_condition: bool = False
    links: Sequence[Link] = ()
    aggregates: Sequence[Aggregate] = ()
    order: Sequence[str] = ()
    distinct: bool = False
    top: int | None = None
    page_size: int = field(default=_MOST)

    def text(self, *, page: int = 1, cookie: str | None = None) -> str:
        """
        Return the query as XML.

        Args:
            page: Which page, from 1.

            cookie: The paging cookie of the page before, as :func:`paging_cookie` read it.

        Raises:
            ConfigurationError: A name, operator or number that is none.
            RecordInvalidError: A value that XML cannot hold.
        """
        root = Element("fetch", {"version": "1.0", "mapping": "logical", "no-lock": "false"})
        if self.distinct:
            root.set("distinct", "true")
        if self.aggregates:
            root.set("aggregate", "true")
        if self.top is not None:
            root.set("top", str(_between(self.top, 1, _MOST, "top")))
        elif not self.aggregates:
            root.set("count", str(_between(self.page_size, 1, _MOST, "page_size")))
            root.set("page", str(page))
            if cookie is not None:
                root.set("paging-cookie", cookie)
        entity = SubElement(root, "entity", {"name": _name(self.table)})
        _columns(entity, self.columns)
        for each in self.aggregates:
            _aggregate(entity, each)
        _conditions(entity, self.conditions, any_of=self.any_condition)
        for name in self.order:
            key = "alias" if self.aggregates else "attribute"
            downwards = {"descending": "true"} if name.startswith("-") else {}
            SubElement(entity, "order", {key: _name(name.removeprefix("-")), **downwards})
        for link in self.links:
            _link(entity, link)
        return tostring(root, encoding="unicode")


def paging_cookie(told: Any) -> str | None:
    """
    Return the cookie of the next page from ``@Microsoft.Dynamics.CRM.fetchxmlpagingcookie``; ``None`` without one.

    It stands there as an element whose attribute is encoded twice (page-results.md).

    Raises:
        ContractBrokenError: It is none.
    """
    if not told:
        return None
    text = str(told)
    if "<!" in text or len(text) > 100_000:
        text = ""  # no declarations: a cookie has none
    try:
        cookie = fromstring(text).get("pagingcookie")  # noqa: S314 - declarations are refused above
    except (SyntaxError, ValueError):
        cookie = None
    if cookie is None:
        msg = "the paging cookie cannot be read"
        raise ContractBrokenError(msg, hint="report it to the support of the environment")
    return unquote(unquote(cookie))


def _columns(parent: Element, names: Sequence[str]) -> None:
    for name in names:
        SubElement(parent, "attribute", {"name": _name(name)})


def _aggregate(parent: Element, told: Aggregate) -> None:
    attributes = {"name": _name(told.column), "alias": _name(told.alias)}
    if told.function is not None:
        attributes["aggregate"] = _operator(told.function)
    else:
        attributes["groupby"] = "true"
        if told.grouping is not None:
            attributes["dategrouping"] = _operator(told.grouping)
    SubElement(parent, "attribute", attributes)


def _conditions(parent: Element, conditions: Sequence[Condition], *, any_of: bool = False) -> None:
    if not conditions:
        return
    group = SubElement(parent, "filter", {"type": "or" if any_of else "and"})
    for each in conditions:
        attributes = {"attribute": _name(each.column), "operator": _operator(each.operator)}
        if len(each.values) == 1 and each.operator not in ("in", "not-in", "between", "not-between"):
            SubElement(group, "condition", {**attributes, "value": _value(each.values[0])})
            continue
        condition = SubElement(group, "condition", attributes)
        for value in each.values:
            SubElement(condition, "value").text = _value(value)


def _link(parent: Element, link: Link) -> None:
    attributes = {"name": _name(link.table), "from": _name(link.joins), "to": _name(link.to)}
    attributes["link-type"] = "outer" if link.outer else "inner"
    if link.alias is not None:
        attributes["alias"] = _name(link.alias)
    joined = SubElement(parent, "link-entity", attributes)
    _columns(joined, link.columns)
    _conditions(joined, link.conditions)
    for below in link.links:
        _link(joined, below)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        msg = f"{name!r} is not the name of a column or table"
        raise ConfigurationError(msg, hint="give the logical name")
    return name


def _operator(word: str) -> str:
    if not _OPERATOR.fullmatch(word):
        msg = f"{word!r} is not an operator of FetchXML"
        raise ConfigurationError(msg, hint="take it from the reference: eq, like, last-x-days, not-null")
    return word


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str):
        if _UNWRITABLE.search(value):
            msg = "a text with control characters cannot be searched"
            raise RecordInvalidError(msg, hint="remove them in the source system")
        return value
    return literal(value)


def _between(number: int, low: int, high: int, what: str) -> int:
    if not low <= number <= high:
        msg = f"{what} lies between {low} and {high}"
        raise ConfigurationError(msg)
    return number
