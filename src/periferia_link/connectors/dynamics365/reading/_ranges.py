"""
One table in several chains of pages: ranges of its primary key, read side by side.

A chain of next links is as slow as its round trips. Ranges of the key are disjoint and leave nothing out, in whatever
order the server compares ids; that order only decides how even they are.
"""

from __future__ import annotations

import uuid
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import pairwise
from queue import SimpleQueue
from threading import Event
from typing import Any, Final, TypeVar

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.base import Page, Row
from periferia_link.connectors.dynamics365.querying._filters import after, before, every
from periferia_link.connectors.dynamics365.reading._feed import TIME_COLUMN
from periferia_link.connectors.dynamics365.reading._web_api import WebApi
from periferia_link.transport._odata import Filter, query

__all__ = ["as_they_come", "chain", "key_ranges", "read_ranges"]

_SAMPLE: Final = 500
_UNEVEN: Final = 1.6  # the largest share of a range, in even ones
_AHEAD: Final = 3  # ranges that are begun before the cut is known
# SQL Server compares a uniqueidentifier from its last group on (.NET SqlGuid); elastic tables compare the text.
_SQL_ORDER: Final = (10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3)
_P = TypeVar("_P")
_Order = Callable[[uuid.UUID], bytes]


def key_ranges(api: WebApi, columns: KindMap, count: int) -> list[Filter | None]:
    """
    Cut a table into ranges of its key of about equal size, by a sample of its latest rows.

    Ids made by chance are cut evenly at ids whose bytes are all the same: they grow in whatever order the server
    compares bytes. The server's own ids are no chance, they count up; then the order of comparing is found out, and
    the oldest rows are asked for as well.

    Args:
        api: Whom to ask.

        columns: The table.

        count: How many ranges.

    Raises:
        ConnectorError: The environment refused.
    """

    def keys(order: str, top: int) -> list[uuid.UUID]:
        rows, _ = api.page(query(columns.table, select=[columns.key, TIME_COLUMN], orderby=[order], top=top))
        moments.update(str(row.get(TIME_COLUMN)) for row in rows)
        return [uuid.UUID(str(row.get(columns.key))) for row in rows]

    if count < 2:
        return [None]
    moments: set[str] = set()
    latest = keys(f"{TIME_COLUMN} desc", _SAMPLE)
    bounds = _same_bytes(count)
    # what was written within one second comes in an order of the server's own: it is no sample
    is_telling = len(latest) < _SAMPLE or len(moments) > 1
    if is_telling and not _are_even(latest, bounds):
        asked = [(f"{columns.key} asc", 50), (f"{TIME_COLUMN} asc", _SAMPLE)]
        with ThreadPoolExecutor(len(asked)) as pool:
            first, oldest = pool.map(lambda question: keys(*question), asked)
        order = _order_of(first)
        sample = sorted({*oldest, *latest}, key=order or (lambda key: key.bytes))
        if order is None or len(sample) < 2 * count:
            return [None]
        bounds = [sample[len(sample) * place // count] for place in range(1, count)]
    return _between(columns, bounds)


def _between(columns: KindMap, bounds: Sequence[uuid.UUID]) -> list[Filter | None]:
    inner = [every(after(columns.key, low, or_same=True), before(columns.key, high)) for low, high in pairwise(bounds)]
    return [before(columns.key, bounds[0]), *inner, after(columns.key, bounds[-1], or_same=True)]


def chain(
    api: WebApi,
    columns: KindMap,
    within: str | None,
    *,
    prefer: str | None,
    rows_of: Callable[[Sequence[Mapping[str, Any]]], list[Row]],
) -> Iterator[Page]:
    """
    Read the pages of one range by their next links; they cannot be resumed.

    Args:
        api: Whom to ask.

        columns: Table and columns.

        within: The range.

        prefer: Page size and annotations.

        rows_of: Makes rows of records.

    Raises:
        PaginationError: The pages repeat.
        ConnectorError: The environment refused.
    """
    served: set[str] = set()
    # without an order of ours the server reads along its key ("Page results": the order of pages is stable)
    path: str | None = query(columns.table, select=columns.select, filter=within)
    while path is not None:
        records, rest = api.page(path, prefer=prefer)
        path = api.following(rest, served)
        yield Page(rows_of(records), is_last=path is None)


def read_ranges(
    api: WebApi,
    columns: KindMap,
    count: int,
    pages_of: Callable[[Filter | None], Iterator[_P]],
    *,
    parallel: int,
    uneven: set[str],
) -> Iterator[_P]:
    """
    Cut a table and read its ranges side by side; the pages as they arrive.

    Ids made by chance are cut evenly: the first ranges of that cut are asked for while it is found out whether they
    are. Where they are not, those pages are thrown away, and the table is remembered.

    Args:
        api: Whom to ask.

        columns: The table.

        count: How many ranges, at least two.

        pages_of: Reads one range.

        parallel: How many questions at once; while the cut is found out, one of them is about that.

        uneven: Tables that are known to be cut otherwise; they are asked for nothing ahead.

    Raises:
        ConnectorError: The environment refused.
    """
    ahead = 0 if columns.table in uneven else min(_AHEAD, parallel - 1)
    guessed = _between(columns, _same_bytes(count))[:ahead]
    with ThreadPoolExecutor(max(1, parallel)) as pool:
        begun: list[tuple[Future[_P | None], Iterator[_P]]] = []
        for guess in guessed:
            pages = pages_of(guess)
            begun.append((pool.submit(next, pages, None), pages))
        cuts = key_ranges(api, columns, count)
        if cuts[: len(guessed)] == guessed:
            chains = [_begun(first, rest) for first, rest in begun] + [pages_of(cut) for cut in cuts[len(guessed) :]]
        else:
            uneven.add(columns.table)
            chains = [pages_of(cut) for cut in cuts]
        yield from _side_by_side(chains, pool)


def _begun(first: Future[_P | None], rest: Iterator[_P]) -> Iterator[_P]:
    page = first.result()
    if page is not None:
        yield page
        yield from rest


def as_they_come(chains: Sequence[Iterator[Page]], parallel: int) -> Iterator[Page]:
    """
    Read chains side by side and yield their pages as they arrive; an empty page ends it.

    Raises:
        ConnectorError: The first error of any of them; the others are stopped.
    """
    with ThreadPoolExecutor(max(1, min(parallel, len(chains)))) as pool:
        for page in _side_by_side(chains, pool):
            yield page._replace(is_last=False)
    yield Page([], is_last=True)


def _side_by_side(chains: Sequence[Iterator[_P]], pool: Executor) -> Iterator[_P]:
    """
    Read chains of pages at once, each on a thread that also decodes them, and yield the pages as they arrive.

    Args:
        chains: None of them is read by anybody else.

        pool: As many threads as questions may be asked at once. Each keeps memory of its own for the pages that it
            reads, so more of them cost time (measured).

    Raises:
        ConnectorError: The first error of any of them; the others are stopped.
    """
    arrived: SimpleQueue[_P | Exception | None] = SimpleQueue()
    stop = Event()

    def read(pages: Iterator[_P]) -> None:
        try:
            while not stop.is_set() and (page := next(pages, None)) is not None:
                arrived.put(page)
        except Exception as exc:  # noqa: BLE001 - told to the thread that reads
            arrived.put(exc)
        finally:
            arrived.put(None)

    for pages in chains:
        pool.submit(read, pages)
    try:
        yield from _drained(arrived, len(chains))
    finally:
        stop.set()


def _drained(arrived: SimpleQueue[_P | Exception | None], left: int) -> Iterator[_P]:
    while left:
        page = arrived.get()
        if page is None:
            left -= 1
        elif isinstance(page, Exception):
            raise page
        else:
            yield page


def _same_bytes(count: int) -> list[uuid.UUID]:
    """Return the bounds of even ranges of ids: between two of them, every byte of the one is less than of the other."""
    return [uuid.UUID(bytes=bytes([256 * place // count]) * 16) for place in range(1, count)]


def _are_even(sample: Sequence[uuid.UUID], bounds: Sequence[uuid.UUID]) -> bool:
    """Whether a full sample falls evenly between bounds, in the order of SQL Server and as texts."""
    ranges = len(bounds) + 1
    if len(sample) < _SAMPLE or ranges > 256:
        return False
    for order in (_sql_order, _text_order):
        places = [order(bound) for bound in bounds]
        shares = Counter(bisect(places, order(key)) for key in sample)
        if max(shares.values()) > _UNEVEN * _SAMPLE / ranges:
            return False
    return True


def _order_of(keys: Sequence[uuid.UUID]) -> _Order | None:
    """Return how the server compares keys that it has sorted; ``None`` when it is neither way."""
    for order in (_sql_order, _text_order):
        values = [order(key) for key in keys]
        if values == sorted(values):
            return order
    return None


def _sql_order(key: uuid.UUID) -> bytes:
    stored = key.bytes_le
    return bytes(stored[place] for place in _SQL_ORDER)


def _text_order(key: uuid.UUID) -> bytes:
    return key.bytes
