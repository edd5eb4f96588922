"""Reading from the emulated Service Layer: filters, columns, order, pages and the links between them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._odata import (
    Dialect,
    order_columns,
    parse_filter,
    select_columns,
)
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_orders import Orders
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import Table
from periferia_link.testing.emulators._sap_wire import FROZEN_ETAG, Edition, next_link
from periferia_link.typing import Response

__all__ = ["PAGE", "Reads", "page_size"]

PAGE = 20
"""Rows of a page unless the caller or the installation says otherwise."""

_FUNCTIONS = frozenset({"startswith", "endswith", "contains", "substringof"})
_OPTIONS = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$skip", "$count", "$inlinecount", "$expand", "$format"}
)
_PAGE_SIZE = re.compile(r"odata\.maxpagesize\s*=\s*(\d+)")

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Reads:
    """
    Collections and single records.

    ``link_form`` is the form of the links (see :func:`next_link`); ``drops_filter`` leaves ``$filter`` and
    ``$select`` out of them, as some installations do. ``links_full_pages``: a full last page carries a link to an
    empty one (seen on FP 2608). ``page_size`` is the default of the installation.
    """

    company: Company
    link_form: Literal["relative", "rooted", "odd", "absolute"] = "relative"
    drops_filter: bool = False
    links_full_pages: bool = True
    page_size: int = PAGE
    orders: Orders = field(init=False)

    def __post_init__(self) -> None:
        self.orders = Orders(self.company)

    def one(self, edition: Edition, table: Table, key: str, options: Mapping[str, str]) -> Response:
        """
        Answer a read by key.

        Raises:
            RefusedError: No such record, or a property that there is not.
        """
        record = self.company.find(table, key)
        if record is None:
            raise Refusal.NOT_FOUND.error()
        select = self._select(table, options)
        if select:
            return edition.answer(200, self._selected(edition, table, record, select, f"{table.name}/$entity"))
        tag = self.company.etag_of(table, record)
        headers = () if tag is None else (("ETag", tag),)
        return edition.answer(200, self.whole(edition, table, record), headers=headers)

    def whole(self, edition: Edition, table: Table, record: Record) -> dict[str, Any]:
        """Return a record with everything, as a read by key or a creation answers it."""
        tag = self.company.etag_of(table, record)
        mark = edition.etag_field(tag) if tag is not None else {}
        context = edition.context(f"{table.name}/$entity")
        return context | mark | edition.record(table, self.company.complete(table, record))

    def count(self, edition: Edition, table: Table, options: Mapping[str, str]) -> Response:
        """Answer ``/$count``: bare digits."""
        number = str(sum(1 for _ in self._matching(table, options))).encode()
        return Response(200, (("Content-Type", "text/plain"), *edition.answer(200).headers), number)

    def page(self, edition: Edition, table: Table, options: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        """
        Answer one page of a collection.

        Raises:
            RefusedError: An option, function or property that the Service Layer does not know.
        """
        unknown = next((name for name in options if name.startswith("$") and name not in _OPTIONS), None)
        if unknown is not None or "$expand" in options:
            raise Refusal.QUERY.error(reason=f"{unknown or '$expand'} is not supported here")
        select = self._select(table, options)
        skip, top = _whole(options, "$skip") or 0, _whole(options, "$top")
        size, applied = page_size(headers, self.page_size)
        wants_count = options.get("$count") == "true" or options.get("$inlinecount") == "allpages"
        rows = self._matching(table, options)
        found = list(rows) if wants_count else None
        shown = list(
            islice(rows if found is None else iter(found), skip, skip + min(size, size if top is None else top))
        )
        is_last = self._is_last(rows, found, skip + len(shown))
        further = self._further(options, len(shown), size, is_last=is_last)
        body = edition.page(
            table,
            [self._row(edition, table, record, select) for record in shown],
            count=None if found is None else len(found),
            link=next_link(self.link_form, table.name, further, edition) if further else None,
        )
        return edition.answer(200, body, headers=applied)

    # ------------------------------------------------------------------ pieces

    def _matching(self, table: Table, options: Mapping[str, str]) -> Iterator[Record]:
        """Return the rows that a query finds, in its order, as they are asked for."""
        known = self.company.fields(table)
        condition, order = options.get("$filter", ""), options.get("$orderby", "")
        test = parse_filter(condition, functions=_FUNCTIONS, dialect=_dialect(table)) if condition else None
        _must_know(known, test.columns if test else ())
        _must_know(known, [name for name, _ in order_columns(order)] if order else ())
        rows = self.orders.rows(table, order, condition)
        return rows if test is None else filter(test, rows)

    def _is_last(self, rows: Iterator[Record], found: Sequence[Record] | None, shown: int) -> bool:
        """Whether nothing comes after the rows that are shown; a full last page does not look where it need not."""
        if self.links_full_pages:
            return False
        return next(rows, None) is None if found is None else shown >= len(found)

    def _select(self, table: Table, options: Mapping[str, str]) -> list[str]:
        names = select_columns(options["$select"]) if options.get("$select") else []
        _must_know(self.company.fields(table), names)
        return names

    def _row(self, edition: Edition, table: Table, record: Record, select: Sequence[str]) -> dict[str, Any]:
        if select:
            return self._selected(edition, table, record, select, "")
        tag = self.company.etag_of(table, record)
        mark = edition.etag_field(tag) if tag is not None else {}
        return mark | edition.record(table, self.company.complete(table, record))

    def _selected(
        self, edition: Edition, table: Table, record: Record, select: Sequence[str], context: str
    ) -> dict[str, Any]:
        """Return chosen columns; the etag beside them is frozen and means nothing."""
        head = edition.context(context) if context else {}
        mark = edition.etag_field(FROZEN_ETAG) if table.has_etag else {}
        return head | mark | edition.record(table, self.company.complete(table, record), select=select)

    def _further(self, options: Mapping[str, str], shown: int, size: int, *, is_last: bool) -> dict[str, str]:
        """Return the options of the next page, if there is one: none where ``$top`` fits into this one."""
        top, skip = _whole(options, "$top"), _whole(options, "$skip") or 0
        if shown < size or is_last or (top is not None and top <= size):
            return {}
        dropped = {"$skip", *(("$filter", "$select") if self.drops_filter else ())}
        kept = {name: value for name, value in options.items() if name not in dropped}
        if top is not None:
            kept["$top"] = str(top - shown)
        return kept | {"$skip": str(skip + shown)}


def page_size(headers: Mapping[str, str], default: int) -> tuple[int, Headers]:
    """Return the rows of a page and the header that says so; 0 asks for everything."""
    everything = 1_000_000
    preferred = _PAGE_SIZE.search(headers.get("prefer", ""))
    if preferred:
        size = int(preferred[1])
        return size or everything, (("Preference-Applied", f"odata.maxpagesize={size}"),)
    asked = headers.get("b1s-pagesize", "")
    return (int(asked) or everything if asked.isdigit() else default), ()


def _dialect(table: Table) -> Dialect:
    """Return how values compare: a day whatever its time, members of an enum also by their stored value."""

    def as_stored(column: str, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.replace(hour=0, minute=0, second=0, microsecond=0)
        return table.enums.get(column, {}).get(value, value) if isinstance(value, str) else value

    return Dialect(quoted_dates=True, as_stored=as_stored)


def _must_know(known: Collection[str], names: Iterable[str]) -> None:
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise Refusal.QUERY.error(reason=f"Property '{unknown}' is invalid")


def _whole(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise Refusal.QUERY.error(reason=f"{name} is not a number")
    return int(text)
