"""Questions beside the five verbs: rows of any table, counts, sums, FetchXML, chains read side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain as flat
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.base import Page
from periferia_link.connectors.dynamics365._line import Line
from periferia_link.connectors.dynamics365.kinds._labels import LABEL
from periferia_link.connectors.dynamics365.querying._filters import every, property_path
from periferia_link.connectors.dynamics365.reading._ranges import as_they_come, chain, key_ranges, read_ranges
from periferia_link.connectors.dynamics365.reading._web_api import repeating
from periferia_link.errors import ConfigurationError, ContractBrokenError
from periferia_link.transport._odata import Filter, query

if TYPE_CHECKING:
    from periferia_link.connectors.dynamics365._discovery import Finding
    from periferia_link.connectors.dynamics365.querying._fetch_xml import FetchXml
    from periferia_link.domain import Entity

__all__ = ["Queries"]

_MOST_EXPANDED: Final = 15
_FETCH_MORE: Final = "@Microsoft.Dynamics.CRM.morerecords"
_FETCH_COOKIE: Final = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
_LABELS: Final = f'odata.include-annotations="{LABEL[1:]}"'
_PAGING: Final = f'odata.include-annotations="{_FETCH_MORE[1:]},{_FETCH_COOKIE[1:]}"'
_PAGING_LABELS: Final = f'odata.include-annotations="{_FETCH_MORE[1:]},{_FETCH_COOKIE[1:]},{LABEL[1:]}"'
_METHODS: Final = frozenset({"sum", "average", "min", "max", "countdistinct"})


class Queries(Line):
    """What a script asks; nothing here writes."""

    def rows(
        self,
        table: str,
        *,
        select: Sequence[str] | None = None,
        where: str | None = None,
        order: Sequence[str] = (),
        expand: Mapping[str, Sequence[str]] | None = None,
        top: int | None = None,
        labels: bool = False,
        ranges: int = 1,
    ) -> Iterator[dict[str, Any]]:
        """
        Read rows of any table as they are, page by page, amounts exact.

        Source: "Query data using the Web API".

        Args:
            table: A kind, or the entity set of any table.

            select: Columns; those of the kind by default.

            where: A condition, see :mod:`periferia_link.connectors.dynamics365.querying`.

            order: Columns to sort by; a leading ``-`` sorts downwards.

            expand: Navigation properties to bring along, at most 15, with the columns of each.

            top: Rows at most.

            labels: Bring the texts of choices and lookups along.

            ranges: Cut the table into so many ranges of its key and read ``parallel`` of them at once; the rows come in
                no order. The first ones are asked for before it is known how the table is cut: once, some pages may be
                in vain.

        Raises:
            ConfigurationError: No columns, a name that is none, too much to bring along, or ranges of what is sorted
                or cut off.
            ConnectorError: The environment refused.
        """
        known = self.fields.get(table)
        columns = list(known.select if select is None and known is not None else select or ())
        if not columns or len(expand or ()) > _MOST_EXPANDED:
            msg = f"a query names its columns and brings at most {_MOST_EXPANDED} links along"
            raise ConfigurationError(msg, hint='select=["name"]; ask for more links in a second query')
        if ranges > 1 and (order or top is not None):
            msg = "what is sorted or cut off is one chain of pages"
            raise ConfigurationError(msg, hint="leave out order and top, or ranges")
        entity_set = known.table if known is not None else property_path(table)
        # the page size would make the server forget the top
        size = self._options.page_size if top is None else None
        prefer = ",".join([f"odata.maxpagesize={size}"] * bool(size) + [_LABELS] * labels) or None
        options: dict[str, Any] = {
            "select": [property_path(name) for name in columns],
            "orderby": [_sorted_by(name) for name in order] or None,
            "expand": [_expanded(name, wanted) for name, wanted in (expand or {}).items()] or None,
            "top": top,
        }
        if ranges < 2:
            return self._api.rows(query(entity_set, filter=where, **options), prefer=prefer)

        def pages_of(within: Filter | None) -> Iterator[list[dict[str, Any]]]:
            whole = every(*filter(None, (where, within))) if where or within else None
            return self._api.pages(query(entity_set, filter=whole, **options), prefer=prefer)

        cut = known or self._keyed(entity_set)
        parallel = self._options.parallel
        return flat.from_iterable(read_ranges(self._api, cut, ranges, pages_of, parallel=parallel, uneven=self._uneven))

    def count(self, kind: str, *, where: str | None = None) -> int:
        """
        Count the records of a kind.

        All of them is a number that the environment keeps, up to 24 hours old (``RetrieveTotalRecordCount``); those
        that meet a condition are counted now, up to 50,000 (``$apply``).

        Raises:
            ConnectorError: The environment refused.
            ContractBrokenError: The answer has no count.
        """
        self.supports(kind)
        if where is not None:
            (found,) = self.aggregate(kind, {"n": ("", "count")}, where=where) or [{"n": 0}]
            return int(found["n"])
        logical = self._logical(kind)
        answer = self._api.whole(self._api.ask(f"RetrieveTotalRecordCount(EntityNames=['{logical}'])"))
        counted = answer.get("EntityRecordCountCollection")
        told = counted if isinstance(counted, dict) else {}
        for name, number in zip(told.get("Keys", ()), told.get("Values", ()), strict=False):
            if name == logical and isinstance(number, int):
                return number
        msg = f"the environment does not say how many rows {logical} has"
        raise ContractBrokenError(msg, hint="count with a condition instead", system=self.name)

    def aggregate(
        self,
        kind: str,
        values: Mapping[str, tuple[str, str]],
        *,
        by: Sequence[str] = (),
        where: str | None = None,
    ) -> list[dict[str, Any]]:
        """
        Sum up rows in the environment, which takes 50,000 of them at most.

        Source: "Aggregate data" of the Web API.

        Args:
            kind: A kind.

            values: Column and method (``sum``, ``average``, ``min``, ``max``, ``countdistinct``, ``count``) by the name
                of the result.

            by: Columns to group by; a group without a value leaves the column out.

            where: A condition.

        Raises:
            ConfigurationError: A name or method that is none.
            ConnectorError: The environment refused, for too many rows among other reasons.
        """
        table = self.fields[kind].table if kind in self.fields else property_path(kind)
        told = ",".join(_summed(name, *each) for name, each in values.items())
        summed = f"aggregate({told})" if told else ""
        if by:
            columns = ",".join(property_path(name) for name in by)
            summed = f"groupby(({columns}){',' if summed else ''}{summed})"
        if not summed:
            msg = "an aggregate names what it sums up or groups by"
            raise ConfigurationError(msg, hint='values={"total": ("estimatedvalue", "sum")}')
        rows, _ = self._api.page(query(table, apply=f"filter({where})/{summed}" if where else summed))
        return rows

    def fetch(self, question: FetchXml, *, labels: bool = False) -> Iterator[dict[str, Any]]:
        """
        Run a FetchXML query and read its rows page by page.

        Source: "Query data using FetchXml", "Page results".

        Args:
            question: The query.

            labels: Bring the texts of choices and lookups along.

        Raises:
            ConfigurationError: A name in it that is none.
            PaginationError: The pages repeat.
            ConnectorError: The environment refused.
        """
        from periferia_link.connectors.dynamics365.querying._fetch_xml import paging_cookie  # noqa: PLC0415 - loaded when it is needed

        table = self._entity_set(question.table)
        number, cookie, seen = 1, None, set[str]()
        while True:
            path = f"{table}?fetchXml={quote(question.text(page=number, cookie=cookie), safe='')}"
            found, rest = self._api.page(path, prefer=_PAGING_LABELS if labels else _PAGING)
            yield from found
            cookie = paging_cookie(rest.get(_FETCH_COOKIE))
            if rest.get(_FETCH_MORE) is not True or question.top is not None or not found:
                return
            if cookie is not None and cookie in seen:
                raise repeating(self.name)
            seen.add(cookie or "")
            number += 1

    # ------------------------------------------------------------------ what is there

    def discover(self, *, prefix: str | None = None) -> Finding:
        """
        Read tables, columns and choices of the environment and compare them with the field map of every kind.

        The result writes the part ``[systems.….fields]`` of periferia.toml. Source: "Query table definitions using the
        Web API".

        Args:
            prefix: Look only at custom columns and tables of this publisher: ``cr123``.

        Raises:
            ConnectorError: The environment refused.
        """
        from periferia_link.connectors.dynamics365._discovery import discovered  # noqa: PLC0415 - needed once

        self._defined()
        return discovered(self.name, self.fields, self._api, self._metadata, prefix)

    # ------------------------------------------------------------------ side by side

    def pull_ranges(self, kind: str, ranges: int = 8, *, page_size: int | None = None) -> list[Iterator[Page]]:
        """
        Cut a kind into ranges of its key and return one chain of pages for each, none of them begun.

        Together they list every record once; each may be read by a thread or process of its own. They have no cursors:
        for a first load or an export, not for following changes.

        Args:
            kind: A kind that lives in one table.

            ranges: How many.

            page_size: Rows asked for at once.

        Raises:
            ConfigurationError: The kind lives in several tables.
            ConnectorError: The environment refused.
        """
        self.supports(kind)
        if len(self._names[kind]) > 1:
            msg = f"{kind} lives in several tables"
            raise ConfigurationError(msg, hint="use pull()")
        size = page_size or self._options.page_size
        wishes = [f"odata.maxpagesize={size}"] * bool(size) + [self._reader.annotations(kind) or ""]
        prefer = ",".join(filter(None, wishes)) or None
        columns, rows_of = self.fields[kind], self._reader.rows_of(kind)
        return [
            chain(self._api, columns, within, prefer=prefer, rows_of=rows_of)
            for within in key_ranges(self._api, columns, ranges)
        ]

    def pages_side_by_side(self, kind: str, ranges: int = 8, *, page_size: int | None = None) -> Iterator[Page]:
        """
        Read a kind in several chains, ``parallel`` of them at once, and yield the pages as they arrive.

        Raises:
            ConnectorError: The first refusal; the other chains are stopped.
        """
        return as_they_come(self.pull_ranges(kind, ranges, page_size=page_size), self._options.parallel)

    def each_side_by_side(self, kind: str, ranges: int = 8, *, page_size: int | None = None) -> Iterator[Entity]:
        """
        Read every record of a kind, decoded, in several chains at once; their order is nobody's.

        Raises:
            ConnectorError: As :meth:`pull` and :meth:`decode`.
        """
        for page in self.pages_side_by_side(kind, ranges, page_size=page_size):
            for row in page.rows:
                yield self.decode(kind, row)

    # ------------------------------------------------------------------ names

    def _logical(self, kind: str) -> str:
        """Return the logical name of the table of a kind, as the environment tells it."""
        known = self._defined().get(self.fields[kind].table)
        if known is None:
            msg = f"the environment has no table {self.fields[kind].table}"
            raise ContractBrokenError(msg, hint="correct the fields of the system in periferia.toml", system=self.name)
        return known.logical_name

    def _keyed(self, entity_set: str) -> KindMap:
        """Return a table that is no kind, with its key as the environment tells it."""
        told = self._api.definitions([entity_set]).get(entity_set)
        if told is None:
            msg = f"the environment has no table {entity_set}"
            raise ContractBrokenError(msg, hint="give the entity set, in the plural", system=self.name)
        return KindMap(entity_set, told.key)

    def _entity_set(self, logical: str) -> str:
        for table, definition in self._defined().items():
            if definition.logical_name == logical:
                return table
        return self._api.entity_set_of(logical)


def _sorted_by(name: str) -> str:
    return f"{property_path(name[1:])} desc" if name.startswith("-") else f"{property_path(name)} asc"


def _expanded(name: str, columns: Sequence[str]) -> str:
    wanted = ",".join(property_path(column) for column in columns)
    return f"{property_path(name)}($select={wanted})" if wanted else property_path(name)


def _summed(name: str, column: str, method: str) -> str:
    if method == "count":
        return f"$count as {property_path(name)}"
    if method not in _METHODS:
        msg = f"there is no method {method}"
        raise ConfigurationError(msg, hint=f"there are count, {', '.join(sorted(_METHODS))}")
    return f"{property_path(column)} with {method} as {property_path(name)}"
