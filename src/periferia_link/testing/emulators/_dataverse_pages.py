"""Collections page by page: order, paging cookies that only work as issued, change tracking with its tokens."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from urllib.parse import quote

from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_query, unknown_property
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
from periferia_link.testing.emulators._emulator import Record
from periferia_link.testing.emulators._odata import order_columns
from periferia_link.testing.emulators._odata_values import order_key
from periferia_link.typing import Response

__all__ = ["TRACKING", "Pages"]

_OPTIONS = ("select", "expand", "filter", "orderby", "top", "count", "skiptoken", "deltatoken")
TRACKING = "odata.track-changes"
_TOKEN = re.compile(r"(?P<version>\d{1,18})!(?P<at>\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_STAMP = "%m/%d/%Y %H:%M:%S"
_KEPT = 1000
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
        self._issued: OrderedDict[tuple[str, str], _Continuation] = OrderedDict()

    def restart(self) -> None:
        """Forget the cookies."""
        self._issued.clear()

    def read(self, call: Call, table: Table, found: Iterable[Record] | None = None) -> Response:
        """
        Answer a collection: a whole entity set, or the rows behind a navigation property.

        Raises:
            DataverseRefused: 400, an option that is not supported or cannot be read.
        """
        check_options(call, _OPTIONS)
        if "$deltatoken" in call.options:
            return self._changes(call, table)
        is_tracking = TRACKING in call.preferences
        if is_tracking:
            self._check_tracking(call, table)
        shape = read_shape(self.rows, table, call.options)
        items = self._ordered(call, table, self.rows.of(table).values() if found is None else found)
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
            number = min(self.cap, len(self._ordered(call, table, self.rows.of(table).values())))
        headers = (("Content-Type", "text/plain"), ("OData-Version", "4.0"))
        return Response(200, headers, str(number).encode())

    # ------------------------------------------------------------------ order

    def _ordered(self, call: Call, table: Table, rows: Iterable[Record]) -> list[_Item]:
        if (text := call.options.get("$filter")) is not None:
            rows = filter(read_filter(self.rows, table, text, call.options), rows)
        order = order_columns(call.options["$orderby"]) if "$orderby" in call.options else []
        for name, _ in order:
            if table.readable(name) is None:
                raise unknown_property(table.logical, name)

        def place(row: Record) -> _Place:
            return tuple(
                _Descending(key) if is_down else key
                for key, is_down in [
                    *((order_key(row.get(name), DIALECT), is_down) for name, is_down in order),
                    (order_key(row[table.key], DIALECT), False),
                ]
            )

        return sorted((_Item(place(row), row) for row in rows), key=lambda item: item.place)

    # ------------------------------------------------------------------ pages

    def _page(self, call: Call, shape: Shape, items: Sequence[_Item], mark: int | None, counted: Record) -> Response:
        go_on = self._resumed(call)
        if go_on is not None:
            mark = go_on.mark
        page = self._cut(call, items, go_on, mark)
        body: Record = {"@odata.context": context(call, shape)} | counted
        body["value"] = [shaped(self.rows, call, shape, item.row) for item in page.items]
        self._links(call, shape.table, body, page)
        return answer(call, 200, body, applied=True)

    def _cut(self, call: Call, items: Sequence[_Item], go_on: _Continuation | None, mark: int | None) -> _Page:
        """Return the items of this page and where the next one begins."""
        if go_on is not None:
            items = [item for item in items if item.place > go_on.after]
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
