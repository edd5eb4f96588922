"""Pages of work items: the feeds say which changed, batches of 200 say how they are now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from periferia_link.connectors.azure_devops._api import Api
from periferia_link.connectors.azure_devops._feed import Place
from periferia_link.connectors.base import Page, Row
from periferia_link.errors import ContractBrokenError, PaginationError

__all__ = ["discussed", "pages"]

_HEADS = ["System.Id", "System.Rev", "System.IsDeleted"]


def pages(
    api: Api,
    place: Place,
    *,
    is_scan: bool,
    page_size: int,
    types: Sequence[str],
    rows_of: Callable[[Sequence[int]], list[Row]],
) -> Iterator[Page]:
    """
    Follow the revisions feed, then the links feed: a link made or removed bumps no revision.

    Args:
        api: Whom to ask.

        place: Where to begin.

        is_scan: The pull began without a cursor.

        page_size: Revisions asked for at once.

        types: Only items of these types.

        rows_of: Reads items by number; what is gone, or not to be seen, is absent.

    Raises:
        ExpiredCursorError: A token is forgotten.
        PaginationError: A feed does not move on.
        ConnectorError: Anything else that the service refused.
    """
    given: dict[str, int] = {}
    while True:
        is_link = place.feed == "links"
        entries, token, is_last = _batch(api, place, is_scan=is_scan, page_size=page_size, types=types)
        if not is_last and token in (place.links if is_link else place.revisions, ""):
            msg = f"the feed of {place.feed} does not move on"
            raise PaginationError(msg, hint="report it: the service gives the same token again", system=api.system)
        place = replace(place, links=token) if is_link else replace(place, revisions=token)
        ids = _ids(entries, ("sourceId", "targetId") if is_link else ("id",))
        rows = rows_of(ids)
        found = {row.key for row in rows}
        deleted = [] if is_link else [key for key in _deleted(entries) if key not in found]
        # what this pull gave already comes again only when it looks different now
        looks = [_look(row) for row in rows]
        fresh = [row for row, look in zip(rows, looks, strict=True) if given.get(row.key) != look]
        given.update((row.key, look) for row, look in zip(rows, looks, strict=True))
        if is_last:
            place = replace(place, feed="revisions" if is_link else "links")
        is_end = is_last and is_link
        yield Page(fresh, deleted, str(place), is_last=is_end, is_scan=is_scan)
        if is_end:
            return


def _batch(
    api: Api, place: Place, *, is_scan: bool, page_size: int, types: Sequence[str]
) -> tuple[list[dict[str, Any]], str, bool]:
    """Read one batch of the feed that is under way: entries, the token behind them, whether it was the last."""
    if place.feed == "links":
        token = {"continuationToken": place.links} if place.links else {"startDateTime": place.begin}
        told = api.ask(f"{api.scope}_apis/wit/reporting/workitemlinks", operation="pull", **token)
    else:
        body: dict[str, Any] = {"fields": _HEADS}
        if types:
            body["types"] = list(types)
        told = api.ask(
            f"{api.scope}_apis/wit/reporting/workitemrevisions",
            body=body,
            operation="pull",
            continuationToken=place.revisions,
            includeLatestOnly=True,
            includeDeleted=None if is_scan else True,
            _maxPageSize=page_size,
        )
    return _read(api, told)


def _read(api: Api, told: Any) -> tuple[list[dict[str, Any]], str, bool]:
    entries = api.rows(told, "values")  # not "value", as everywhere else
    token, is_last = told.get("continuationToken"), told.get("isLastBatch")
    if token is None and isinstance(told.get("nextLink"), str):
        token = told["nextLink"].partition("continuationToken=")[2].partition("&")[0].replace("%3B", ";")
    if not isinstance(token, str) or not token or not isinstance(is_last, bool):
        msg = "the feed does not say where it goes on"
        raise ContractBrokenError(msg, hint="check the API version", system=api.system)
    return entries, token, is_last


def _ids(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[int]:
    found = [entry.get(name) for entry in entries for name in names]
    return list(dict.fromkeys([number for number in found if isinstance(number, int) and number > 0]))


def _deleted(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        if (entry.get("fields") or {}).get("System.IsDeleted") is True:
            yield str(entry.get("id"))


def _look(row: Row) -> int:
    """Tell whether a row looks as it did: its revision, and its relations, which bump none."""
    relations = row.body.get("relations") if isinstance(row.body, dict) else None
    if not relations:
        return hash(row.version)
    return hash((row.version, *sorted((str(each.get("rel")), str(each.get("url"))) for each in relations)))


def discussed(
    api: Api, place: Place, *, page_size: int, begin: str | None = None
) -> Iterator[tuple[list[int], Place, bool]]:
    """
    Yield the items whose discussion changed, batch by batch, with the place behind and whether it was the last.

    Raises:
        ConnectorError: By what happens next.
    """
    while True:
        told = api.ask(
            f"{api.scope}_apis/wit/reporting/workitemrevisions",
            operation="pull",
            continuationToken=place.revisions,
            startDateTime=None if place.revisions else begin,
            includeDiscussionChangesOnly=True,
            _maxPageSize=page_size,
        )
        entries, token, is_last = _read(api, told)
        if not is_last and token == place.revisions:
            msg = "the feed of comments does not move on"
            raise PaginationError(msg, hint="report it: the service gives the same token again", system=api.system)
        place = replace(place, revisions=token)
        yield _ids(entries, ("id",)), place, is_last
        if is_last:
            return
