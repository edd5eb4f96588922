"""Answers to ``?fetchXml=``: joined, filtered, ordered, in pages with their cookie, or aggregated."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from periferia_link.testing.emulators._dataverse_aggregates import Measure, check_size, grouped
from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options
from periferia_link.testing.emulators._dataverse_fetchxml import Attribute, Combination, FetchQuery, Link, read_fetch
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_query
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_shapes import DIALECT, annotated, etag
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._emulator import Record
from periferia_link.testing.emulators._odata_values import order_key, read_moment
from periferia_link.typing import Response

__all__ = ["Fetching"]

_COOKIE: Final = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
_MORE: Final = "Microsoft.Dynamics.CRM.morerecords"
_TOTAL: Final = "Microsoft.Dynamics.CRM.totalrecordcount"
_SIMPLE_PAGES = 50_000
_KEPT = 1000


class Fetching:
    """FetchXML on the rows of one environment. Source: ``fetchxml/page-results.md`` and its neighbours."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.cap = 5000
        self._last: OrderedDict[str, tuple[Any, ...]] = OrderedDict()

    def restart(self) -> None:
        """Forget the cookies."""
        self._last.clear()

    def read(self, call: Call, table: Table) -> Response:
        """
        Answer a query in FetchXML.

        Raises:
            DataverseRefused: 400, the document cannot be read, or the paging cookie is none of ours.
        """
        check_options(call, ("count",))
        query = read_fetch(call.options["fetchXml"], self.rows.schema, table, now=call.now, user=self.rows.caller)
        found = [rows for rows in self._combined(query) if all(test(rows) for test in query.source.tests)]
        if query.is_aggregate:
            return self._aggregated(call, query, found)
        return self._paged(call, query, found)

    # ------------------------------------------------------------------ joins

    def _combined(self, query: FetchQuery) -> Iterator[Combination]:
        combinations: Iterable[Combination] = ({"": row} for row in self.rows.of(query.source.tables[""]).values())
        for link in query.source.links:
            combinations = self._joined(combinations, link)
        return iter(combinations)

    def _joined(self, combinations: Iterable[Combination], link: Link) -> Iterator[Combination]:
        by_value: dict[Any, list[Record]] = {}
        for row in self.rows.of(link.table).values():
            by_value.setdefault(row.get(link.near.wire), []).append(row)
        for rows in combinations:
            parent = rows[link.parent]
            value = None if parent is None else parent.get(link.far.wire)
            matches = by_value.get(value, []) if value is not None else []
            for match in matches:
                yield {**rows, link.alias: match}
            if not matches and link.is_outer:
                yield {**rows, link.alias: None}

    # ------------------------------------------------------------------ rows

    def _paged(self, call: Call, query: FetchQuery, found: list[Combination]) -> Response:
        options, key = query.options, query.source.tables[""].key
        by_alias = {attribute.name: attribute for attribute in query.source.attributes}
        orders = [(column, is_down) for _, column, is_down in query.source.orders if column is not None]
        columns = [column.wire for column, _ in orders] + [key]
        downs = [is_down for _, is_down in orders] + [False]
        items = _sorted(found, columns, downs)
        total = len(items)
        size, page = _number(options, "count", self.cap), _number(options, "page", 1)
        if "top" in options:
            items, size = items[: _number(options, "top", self.cap)], self.cap
        size = min(size, self.cap)
        start = self._start(options, items, columns, page, size)
        here = items[start : start + size]
        has_more = start + size < len(items)
        body: Record = {"@odata.context": f"{call.root}/$metadata#{query.source.tables[''].entity_set}"}
        if call.annotates(_TOTAL):
            counted = options.get("returntotalrecordcount") == "true" or call.options.get("$count") == "true"
            body[f"@{_TOTAL}"] = min(total, self.cap) if counted else -1
        if has_more and call.annotates(_COOKIE):
            body[f"@{_COOKIE}"] = self._cookie(here, columns, page)
        if call.annotates(_MORE):
            body[f"@{_MORE}"] = has_more
        body["value"] = [self._shown(call, query, rows, by_alias.values()) for rows in here]
        return answer(call, 200, body, applied=True)

    def _start(
        self, options: Mapping[str, str], items: Sequence[Combination], columns: Sequence[str], page: int, size: int
    ) -> int:
        """Return where a page begins: behind the last row of its cookie, or by counting."""
        cookie = options.get("paging-cookie")
        if not cookie:
            if page * size > _SIMPLE_PAGES:
                msg = "Paging beyond 50,000 rows needs a paging cookie."
                raise bad_query(msg)
            return (page - 1) * size
        last = self._last.get(cookie)
        if last is None:
            raise DataverseRefused(400, "0x80040203", "Malformed XML in the Paging Cookie")
        for place, rows in enumerate(items):
            row = rows[""] or {}
            if row.get(columns[-1]) == last[-1]:
                return place + 1
        return (page - 1) * size

    def _cookie(self, here: Sequence[Combination], columns: Sequence[str], page: int) -> str:
        """Write the cookie as documented: XML, encoded twice, inside XML."""
        first, last = (rows[""] or {} for rows in (here[0], here[-1]))
        parts = []
        for column in columns:
            ends = [row.get(column) for row in (last, first)]
            if column == columns[-1]:
                ends = [f"{{{str(end).upper()}}}" for end in ends]
            parts.append(f'<{column} last="{ends[0]}" first="{ends[1]}" />')
        inner = f'<cookie page="{page}">{"".join(parts)}</cookie>'
        self._last[inner] = tuple(last.get(column) for column in columns)
        while len(self._last) > _KEPT:
            self._last.popitem(last=False)
        encoded = quote(quote(inner, safe=""), safe="")
        return f'<cookie pagenumber="{page + 1}" pagingcookie="{encoded}" istracking="False" />'

    def _shown(self, call: Call, query: FetchQuery, rows: Combination, attributes: Iterable[Attribute]) -> Record:
        """Return a row of the answer; FetchXML leaves empty columns out."""
        row = rows[""] or {}
        table = query.source.tables[""]
        out: Record = {"@odata.etag": etag(dict(row))}
        for attribute in attributes:
            value = attribute.value(rows)
            if value is None:
                continue
            notes = annotated(self.rows, call, attribute.column, rows[attribute.source] or {})
            out |= {f"{attribute.name}@{name}": note for name, note in notes.items()}
            out[attribute.name] = value
        return out | {table.key: row[table.key]}

    # ------------------------------------------------------------------ groups

    def _aggregated(self, call: Call, query: FetchQuery, found: Sequence[Combination]) -> Response:
        check_size(len(found))
        groups = [attribute for attribute in query.source.attributes if attribute.is_group]
        measures = [
            Measure(attribute.name, {"avg": "average"}.get(attribute.aggregate, attribute.aggregate), attribute.value)
            for attribute in query.source.attributes
            if not attribute.is_group
        ]
        if any(not measure.method for measure in measures):
            msg = "Invalid FetchXML: an attribute of an aggregate query needs aggregate or groupby."
            raise DataverseRefused(400, "0x80041102", msg)
        rows = grouped(found, [(group.name, _dated(group)) for group in groups], measures)
        for alias, _, is_down in reversed(query.source.orders):
            rows.sort(key=lambda row: order_key(row.get(alias), DIALECT), reverse=is_down)
        labelled = [group for group in groups if group.column.options and not group.dategrouping]
        for row in rows:
            for group in labelled:
                notes = annotated(self.rows, call, group.column, {group.column.wire: row.get(group.name)})
                row |= {f"{group.name}@{name}": note for name, note in notes.items()}
        count = query.options.get("count") or query.options.get("top")
        shown = rows[: int(count)] if count and count.isdigit() else rows
        place = f"{call.root}/$metadata#{query.source.tables[''].entity_set}"
        return answer(call, 200, {"@odata.context": place, "value": shown}, applied=True)


def _dated(group: Attribute) -> Callable[[Combination], Any]:
    """Return what groups a combination: the value, or the part of a date that is asked for."""
    if not group.dategrouping:
        return group.value

    def value(rows: Combination) -> Any:
        held = group.value(rows)
        moment = read_moment(held) if isinstance(held, str) else None
        if moment is None:
            return None
        parts = {
            "day": moment.day, "week": moment.isocalendar()[1], "month": moment.month,
            "quarter": (moment.month + 2) // 3, "year": moment.year,
        }  # fmt: skip
        if group.dategrouping not in parts:
            msg = f"Invalid FetchXML: the dategrouping {group.dategrouping} is not supported here."
            raise DataverseRefused(400, "0x80041102", msg)
        return parts[group.dategrouping]

    return value


def _sorted(found: list[Combination], columns: Sequence[str], downs: Sequence[bool]) -> list[Combination]:
    # the last column first: each sort keeps the order of equal rows
    for column, is_down in reversed(list(zip(columns, downs, strict=True))):
        found.sort(key=lambda rows: order_key((rows[""] or {}).get(column), DIALECT), reverse=is_down)
    return found


def _number(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, "")
    if text and (not text.isdigit() or not int(text)):
        raise DataverseRefused(400, "0x80041102", f"Invalid FetchXML: {name} is not a positive number.")
    return int(text) if text else default
