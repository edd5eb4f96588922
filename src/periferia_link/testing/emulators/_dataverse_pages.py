"""Collections page by page: order, paging cookies that only work as issued, change tracking with its tokens."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

from periferia_link.testing.emulators._dataverse_aggregates import apply
from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options
from periferia_link.testing.emulators._dataverse_fetching import Fetching
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_query, unknown_property
from periferia_link.testing.emulators._dataverse_rendering import LARGE, Rendering
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_shapes import (
    DIALECT,
    Shape,
    context,
    read_filter,
    read_shape,
    shaped,
)
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._emulator import Record, dump_json
from periferia_link.testing.emulators._odata import order_columns
from periferia_link.testing.emulators._odata_values import order_key
from periferia_link.typing import Response

__all__ = ["TRACKING", "Pages"]

_OPTIONS = ("select", "expand", "filter", "orderby", "top", "count", "skiptoken", "deltatoken")
TRACKING = "odata.track-changes"
_TOKEN = re.compile(r"(?P<version>\d{1,18})!(?P<at>\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_BOUND = re.compile(rf"(?P<column>\w+) (?P<operator>gt|ge|lt|le) (?P<key>{_GUID})")
_KEY = re.compile(rf"(?P<column>\w+) eq (?P<key>{_GUID})")
_IN = re.compile(r"Microsoft\.Dynamics\.CRM\.In\(PropertyName='(?P<column>\w+)',PropertyValues=\[(?P<keys>[^\]]*)\]\)")
_STAMP = "%m/%d/%Y %H:%M:%S"
_KEPT = 1000
_QUERIES_KEPT = 24
_TOTAL = "Microsoft.Dynamics.CRM.totalrecordcount"
_TOTAL_EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"

_Place = tuple[Any, ...]


class _Continuation(NamedTuple):
    """Where a cookie goes on: behind this place of the order, as the page after ``page``; ``mark`` of tracking."""

    page: int
    after: _Place
    mark: int | None


class _Item(NamedTuple):
    place: _Place
    row: Record


class _Page(NamedTuple):
    items: Sequence[_Item]
    place: _Continuation
    has_next: bool


class Pages:
    """
    Answers to reads of collections.

    ``cap`` is the largest page (5,000 on the real service) and the largest ``@odata.count``; ``expire_days`` is
    ``organization.ExpireChangeTrackingInDays``.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.cap = 5000
        self.expire_days = 7.0
        self.rendering = Rendering(rows)
        self.fetching = Fetching(rows)
        self._issued: OrderedDict[tuple[str, str], _Continuation] = OrderedDict()
        self._found: OrderedDict[tuple[object, ...], list[_Item]] = OrderedDict()
        self._orders: dict[str, list[str]] = {}

    def restart(self) -> None:
        """Forget the cookies, and what large tables keep at hand."""
        self._issued.clear()
        self._found.clear()
        self._orders.clear()
        self.fetching.restart()
        self.rendering.forget()

    def read(self, call: Call, table: Table, found: Iterable[Record] | None = None) -> Response:
        """
        Answer a collection: a whole entity set, or the rows behind a navigation property.

        Raises:
            DataverseRefused: 400, an option that is not supported or cannot be read.
        """
        if "fetchXml" in call.options:
            return self.fetching.read(call, table)
        if "$apply" in call.options:
            return apply(self.rows, call, table)
        check_options(call, _OPTIONS)
        if "$deltatoken" in call.options:
            return self._changes(call, table)
        is_tracking = TRACKING in call.preferences
        if is_tracking:
            self._check_tracking(call, table)
        shape = read_shape(self.rows, table, call.options)
        items = self._all(call, table) if found is None else self._ordered(call, table, found)
        counted = self._counts(call, len(items))
        mark = self.rows.version if is_tracking else None
        if not is_tracking and "odata.maxpagesize" not in call.preferences and "$top" in call.options:
            items = items[: _whole(call.options["$top"], "$top")]
        return self._page(call, shape, items, mark, counted)

    def count(self, call: Call, table: Table) -> Response:
        """Answer ``accounts/$count``: plain text, and the number of changes with a ``$deltatoken``."""
        check_options(call, ("filter", "deltatoken"))
        if "$deltatoken" in call.options:
            number = len(self._changed(table, self._since(call.options["$deltatoken"], call.now), self.rows.version))
        else:
            number = min(self.cap, len(self._all(call, table)))
        headers = (("Content-Type", "text/plain"), ("OData-Version", "4.0"))
        return Response(200, headers, str(number).encode())

    # ------------------------------------------------------------------ order

    def _all(self, call: Call, table: Table) -> list[_Item]:
        """Return the rows of a table that a query finds; a large table's stay at hand until anything changes."""
        rows = self.rows.of(table)
        if len(rows) < LARGE:
            return self._ordered(call, table, rows.values())
        asked = sorted((name, value) for name, value in call.options.items() if not name.startswith("$skip"))
        place = table.entity_set, repr(asked), self.rows.version, len(rows)
        if place not in self._found:
            keys = _keys_named(table, call.options.get("$filter", ""))
            if keys is None:
                self._found[place] = self._within(call, table, self._sorted(table, rows))
            else:
                self._found[place] = self._ordered(
                    call, table, [rows[key] for key in dict.fromkeys(keys) if key in rows]
                )
        self._found.move_to_end(place)
        while len(self._found) > _QUERIES_KEPT:
            self._found.popitem(last=False)
        return self._found[place]

    def _within(self, call: Call, table: Table, rows: list[Record]) -> list[_Item]:
        """Return what a query finds among rows sorted by key; ranges of the key are cut out, as an index does."""
        bounds = _key_bounds(table, call.options.get("$filter", ""))
        if bounds is None or "$orderby" in call.options:
            return self._ordered(call, table, rows)
        for operator, key in bounds:
            cut = bisect_right if operator in ("gt", "le") else bisect_left
            at = cut(rows, _key_order(key), key=lambda row: _key_order(row[table.key]))
            rows = rows[at:] if operator in ("gt", "ge") else rows[:at]
        return [_Item((_key_order(row[table.key]),), row) for row in rows]

    def _sorted(self, table: Table, rows: Mapping[str, Record]) -> list[Record]:
        """Return the rows by key: nearly sorted is quick to sort, so the order before the last writes is kept."""
        known = [key for key in self._orders.get(table.entity_set, ()) if key in rows]
        if len(known) < len(rows):
            here = set(known)
            known += [key for key in rows if key not in here]
        known.sort(key=_key_order)
        self._orders[table.entity_set] = known
        plain = dict(rows)  # looking up in the books would note every row as touched
        return [plain[key] for key in known]

    def _ordered(self, call: Call, table: Table, rows: Iterable[Record]) -> list[_Item]:
        if (text := call.options.get("$filter")) is not None:
            rows = filter(read_filter(self.rows, table, text, call.options), rows)
        order = order_columns(call.options["$orderby"]) if "$orderby" in call.options else []
        for name, _ in order:
            if table.readable(name) is None:
                raise unknown_property(table.logical, name)
        key = table.key

        def place(row: Record) -> _Place:
            last = _key_order(row[key])
            if not order:
                return (last,)
            keys = ((order_key(row.get(name), DIALECT), is_down) for name, is_down in order)
            return (*(_Descending(value) if is_down else value for value, is_down in keys), last)

        items = [_Item(place(row), row) for row in rows]
        items.sort(key=_place_of)
        return items

    # ------------------------------------------------------------------ pages

    def _page(self, call: Call, shape: Shape, items: Sequence[_Item], mark: int | None, counted: Record) -> Response:
        go_on = self._resumed(call)
        if go_on is not None:
            mark = go_on.mark
        page = self._cut(call, items, go_on, mark)
        head: Record = {"@odata.context": context(call, shape)} | counted
        tail: Record = {}
        self._links(call, shape.table, tail, page)
        # the same text as the whole as one object, without writing every row again
        text = dump_json(head)[:-1] + b',"value":' + self.rendering.written(call, shape, (i.row for i in page.items))
        text += b"," + dump_json(tail)[1:] if tail else b"}"
        empty = answer(call, 200, {}, applied=True)
        return Response(empty.status, empty.headers, text)

    def _cut(self, call: Call, items: Sequence[_Item], go_on: _Continuation | None, mark: int | None) -> _Page:
        """Return the items of this page and where the next one begins."""
        if go_on is not None:
            items = items[bisect_right(items, go_on.after, key=_place_of) :]
        here = items[: self._size(call)]
        end = here[-1].place if here else ()
        return _Page(here, _Continuation(go_on.page if go_on else 1, end, mark), len(items) > len(here))

    def _links(self, call: Call, table: Table, body: Record, page: _Page) -> None:
        """Add the next link, or on the last page of a tracked read the delta link."""
        if page.has_next:
            ends = [item.row.get(table.key) or item.row["id"] for item in (page.items[0], page.items[-1])]
            cookie = _cookie(table.key, page.place, *ends)
            self._issue(call, cookie.text, page.place)
            body["@odata.nextLink"] = _joined(call.link(), f"$skiptoken={cookie.encoded}")
        elif page.place.mark is not None:
            token = f"{page.place.mark}!{call.now.strftime(_STAMP)}"
            link = _without(call.link(), "$deltatoken")
            body["@odata.deltaLink"] = _joined(link, f"$deltatoken={_lower_hex(quote(token, safe=''))}")

    def _size(self, call: Call) -> int:
        wanted = call.preferences.get("odata.maxpagesize")
        return min(self.cap, _whole(wanted, "odata.maxpagesize")) if wanted else self.cap

    def _counts(self, call: Call, total: int) -> Record:
        out: Record = {}
        is_counted = call.options.get("$count") == "true"
        if is_counted:
            out["@odata.count"] = min(total, self.cap)
        if call.annotates(_TOTAL):
            out[f"@{_TOTAL}"] = min(total, self.cap) if is_counted else -1
        if call.annotates(_TOTAL_EXCEEDED):
            out[f"@{_TOTAL_EXCEEDED}"] = is_counted and total > self.cap
        return out

    def _issue(self, call: Call, cookie: str, place: _Continuation) -> None:
        self._issued[cookie, _rest(call)] = place._replace(page=place.page + 1)
        while len(self._issued) > _KEPT:
            self._issued.popitem(last=False)

    def _resumed(self, call: Call) -> _Continuation | None:
        """Return where the cookie of this call goes on; it must be ours and stand in the link as we wrote it."""
        cookie = call.options.get("$skiptoken")
        if cookie is None:
            return None
        place = self._issued.get((cookie, _rest(call)))
        if place is None:
            raise DataverseRefused(400, "0x80040203", "Malformed XML in the Paging Cookie")
        return place

    # ------------------------------------------------------------------ change tracking

    def _check_tracking(self, call: Call, table: Table) -> None:
        for name in ("filter", "orderby", "expand", "top"):
            if f"${name}" in call.options:
                msg = f'The "${{{name}}}" query parameter isn\'t supported when Change Tracking is enabled.'
                raise bad_query(msg)
        if not table.change_tracking:
            raise DataverseRefused(400, "0x80040203", f"Change tracking is not enabled for entity {table.logical}.")

    def _changes(self, call: Call, table: Table) -> Response:
        """Answer a delta link: what is new or updated first, by version, then what is gone."""
        self._check_tracking(call, table)
        since = self._since(call.options["$deltatoken"], call.now)
        shape = read_shape(self.rows, table, call.options)
        go_on = self._resumed(call)
        mark = (go_on.mark if go_on else None) or self.rows.version
        page = self._cut(call, self._changed(table, since, mark), go_on, mark)
        body: Record = {"@odata.context": context(call, shape, "/$delta")}
        gone = {"@odata.context": f"{call.root}/$metadata#{table.entity_set}/$deletedEntity"}
        body["value"] = [
            gone | item.row if "reason" in item.row else shaped(self.rows, call, shape, item.row) for item in page.items
        ]
        self._links(call, table, body, page)
        return answer(call, 200, body, applied=True)

    def _changed(self, table: Table, since: int, until: int) -> list[_Item]:
        live = ((row["versionnumber"], row) for row in self.rows.of(table).values())
        items = [_Item((0, version), row) for version, row in live if since < version <= until]
        items += [
            _Item((1, gone.version), {"id": gone.id, "reason": "deleted"})
            for gone in self.rows.deletions_after(table, since)
            if gone.version <= until
        ]
        return sorted(items, key=lambda item: item.place)

    def _since(self, token: str, now: datetime) -> int:
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise DataverseRefused(400, "0x80040203", "The delta token is not valid.")
        at = datetime.strptime(found["at"], _STAMP).replace(tzinfo=timezone.utc)
        if now - at > timedelta(days=self.expire_days):
            raise DataverseRefused(
                400,
                "0x80044352",
                "Version stamp associated with the client has expired. Please perform a full sync.",
            )
        return int(found["version"])


def _key_bounds(table: Table, text: str) -> list[tuple[str, str]] | None:
    """Read a filter that only bounds the key: ``accountid ge <guid> and accountid lt <guid>``; else None."""
    found = [_BOUND.fullmatch(piece) for piece in re.split(r" and ", re.sub(r"[()]", "", text))]
    bounds = [(each["operator"], each["key"].lower()) for each in found if each and each["column"] == table.key]
    return bounds if len(bounds) == len(found) else None


def _keys_named(table: Table, text: str) -> list[str] | None:
    """Read a filter that only names keys: ``accountid eq <guid> or accountid eq <guid>``, or ``In``; else None."""
    inside = _IN.fullmatch(text)
    if inside is not None and inside["column"] == table.key:
        return [key.lower() for key in re.findall(_GUID, inside["keys"])]
    found = [_KEY.fullmatch(piece) for piece in re.sub(r"[()]", "", text).split(" or ")]
    keys = [each["key"].lower() for each in found if each and each["column"] == table.key]
    return keys if len(keys) == len(found) else None


@lru_cache(maxsize=131_072)
def _key_order(key: str) -> _Place:
    return order_key(key, DIALECT)


def _place_of(item: _Item) -> _Place:
    return item.place


class _Descending:
    """A sort key the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: _Place) -> None:
        self.key = key

    def __lt__(self, other: _Descending) -> bool:
        return other.key < self.key

    def __gt__(self, other: _Descending) -> bool:
        return other.key > self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.key == other.key

    __hash__: Callable[..., int] = object.__hash__


class _Cookie(NamedTuple):
    text: str
    encoded: str


def _cookie(key: str, place: _Continuation, first: str, last: str) -> _Cookie:
    """
    Write a paging cookie as the documentation shows it: XML in XML, the inner one encoded twice.

    Source: ``webapi/query/page-results.md``; what a tracked read adds to it is not documented.
    """
    ends = " ".join(f'{name}="{{{guid.upper()}}}"' for name, guid in (("last", last), ("first", first)))
    inner = _lower_hex(quote(f'<cookie page="{place.page}"><{key} {ends} /></cookie>', safe=""))
    mark = "" if place.mark is None else f' datatoken="{place.mark}"'
    text = (
        f'<cookie pagenumber="{place.page + 1}" pagingcookie="{inner}" istracking="{place.mark is not None}"{mark} />'
    )
    return _Cookie(text, quote(text, safe="=/"))


def _lower_hex(encoded: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)


def _rest(call: Call) -> str:
    """Return the address of a call apart from the cookie: a link must come back whole."""
    options = sorted((name, value) for name, value in call.options.items() if name != "$skiptoken")
    return repr((call.path, options))


def _joined(link: str, option: str) -> str:
    return f"{link}{'&' if '?' in link else '?'}{option}"


def _without(link: str, name: str) -> str:
    path, _, query = link.partition("?")
    kept = [piece for piece in query.split("&") if not piece.startswith(name)]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _whole(text: str, name: str) -> int:
    if not text.isdigit() or not text.isascii():
        msg = f"Invalid value '{text[:20]}' for {name} query option found."
        raise bad_query(msg)
    return int(text)
