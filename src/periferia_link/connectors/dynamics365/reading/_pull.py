"""Pages of one kind, from a place in its feed to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.base import Page, Row
from periferia_link.connectors.dynamics365._options import Options
from periferia_link.connectors.dynamics365.reading._feed import TIME_COLUMN, Place, split_deleted
from periferia_link.connectors.dynamics365.reading._web_api import WebApi, repeating
from periferia_link.transport._odata import ge, query

__all__ = ["pages"]


def pages(
    api: WebApi,
    columns: KindMap,
    place: Place,
    *,
    options: Options,
    is_scan: bool,
    rows_of: Callable[[Sequence[Mapping[str, Any]]], list[Row]],
    now: Callable[[], datetime],
    prefer: str | None = None,
) -> Iterator[Page]:
    """
    Follow the pages from a place on; the links of the server are used as they are.

    Args:
        api: Whom to ask.

        columns: Table and columns of the kind.

        place: Where to begin.

        options: Page size and overlap.

        is_scan: The pull began without a cursor.

        rows_of: Makes rows of records.

        now: The current instant.

        prefer: What every page is asked for beside its size.

    Raises:
        ExpiredCursorError: The place is forgotten.
        PaginationError: The pages repeat.
        ConnectorError: Anything else that the environment refused.
    """
    served: set[str] = set()
    before: dict[str, str | None] = {}
    is_resumed = not is_scan
    while True:
        path = place.link or _first(columns, place)
        entries, rest = api.page(path, prefer=_prefer(place, options, prefer), is_resumed=is_resumed)
        is_resumed = False
        found, gone = split_deleted(entries)
        rows = rows_of(found)
        here = {each.key: each.version for each in rows}
        following = api.following(rest, served)
        if following is not None and here and here == before:
            raise repeating(api.system)
        # a page that overlaps the one before it brings nothing twice
        if not before.keys().isdisjoint(here):
            rows = [each for each in rows if each.key not in before or before[each.key] != each.version]
        before = here
        if place.feed == "watermark":
            place = place.seen(found, now())
        if following is None:
            yield Page(rows, gone, _end(api, place, rest, options), is_last=True, is_scan=is_scan)
            return
        place = place.on(following)
        yield Page(rows, gone, str(place), is_scan=is_scan)


def _first(columns: KindMap, place: Place) -> str:
    if place.feed == "delta":
        return query(columns.table, select=columns.select)
    return query(
        columns.table,
        select=tuple(dict.fromkeys((*columns.select, TIME_COLUMN))),
        filter=ge(TIME_COLUMN, place.since) if place.since else None,
        orderby=[f"{TIME_COLUMN} asc", f"{columns.key} asc"],
    )


def _prefer(place: Place, options: Options, others: str | None) -> str | None:
    wishes = ["odata.track-changes"] if place.tracking else []
    if options.page_size:
        wishes.append(f"odata.maxpagesize={options.page_size}")
    if others:
        wishes.append(others)
    return ",".join(wishes) or None


def _end(api: WebApi, place: Place, rest: Mapping[str, Any], options: Options) -> str | None:
    """Return the cursor behind the last page."""
    if place.feed == "watermark":
        return str(place.rested(timedelta(seconds=options.overlap)))
    link = api.changes(rest)
    return None if link is None else str(place.after_changes(link))
