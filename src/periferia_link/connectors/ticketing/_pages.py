"""Lists page by page, in every style that help desks have; a list ends when rows run out, never by a total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from periferia_link.connectors.ticketing._paths import look_up
from periferia_link.connectors.ticketing._requests import Line, with_query
from periferia_link.connectors.ticketing.profile import PagingRules
from periferia_link.errors import ContractBrokenError, PaginationError
from periferia_link.typing import Response

__all__ = ["Listed", "pages"]

_MOST_EMPTY = 3  # empty pages in a row that were promised to be full
_MOST = 100_000  # pages: beyond any help desk, and a list that never ends stops here

Params = Sequence[tuple[str, str]]


class Listed(NamedTuple):
    """One page: its rows, what asks for the next one (``None``: the last), and the answer itself."""

    rows: list[Any]
    following: str | None
    answer: Response
    document: Any


def pages(
    line: Line,
    path: str,
    params: Params,
    *,
    rules: PagingRules,
    rows: str,
    cursor: str | None = None,
) -> Iterator[Listed]:
    """
    Read a list to its end.

    Args:
        line: Speaks to the server.

        path: Address of the list.

        params: Parameters of every page.

        rules: How it goes on.

        rows: Path of the rows in the answer.

        cursor: Where an earlier reading stopped.

    Raises:
        PaginationError: A page comes for the second time, or they never end.
        ConnectorError: The server refuses.
    """
    served = {cursor}
    seen: _Seen = _Seen()
    for _ in range(_MOST):
        found = _page(line, path, params, rules=rules, rows=rows, cursor=cursor, seen=seen)
        back = seen.steps_back(rules, found, cursor)
        if back is not None:
            served.clear()
            found = found._replace(following=back)
        cursor = found.following
        if cursor is not None and cursor in served:
            raise _repeats(line, path)
        if rules.kind in ("page", "offset") and found.rows and seen.same_as_before(found.rows):
            raise _repeats(line, path)
        yield found
        if cursor is None:
            return
        served.add(cursor)
    raise _repeats(line, path)


class _Seen:
    """What the pages of one list looked like so far."""

    def __init__(self) -> None:
        self.first_length: int | None = None
        self._last: str | None = None
        self._total: int | None = None
        self._empty = 0

    def steps_back(self, rules: PagingRules, found: Listed, cursor: str | None) -> str | None:
        """Return where to read again when records were deleted since the page before: the others have moved up."""
        if rules.kind not in ("page", "offset") or cursor is None:
            self._total = _total(rules, found)
            return None
        if not found.rows:
            # the page before promised another one: what stood there moved up while it was read
            is_odd = rules.more is not None and self._empty < _MOST_EMPTY
            self._empty += 1
            self._last, self._total = None, None
            size = self.first_length or 1
            back = int(cursor) - (1 if rules.kind == "page" else size)
            return str(max(rules.first if rules.kind == "page" else 0, back)) if is_odd else None
        total = _total(rules, found)
        if total is None:
            return None
        gone = 0 if self._total is None else self._total - total
        self._total = total
        if gone <= 0:
            return None
        self._last = None
        if rules.kind == "offset":
            return str(max(0, int(cursor or 0) - gone))
        pages_back = -(-gone // max(1, self.first_length or 1))
        return str(max(rules.first, int(cursor or rules.first) - pages_back))

    def same_as_before(self, rows: list[Any]) -> bool:
        text = repr(rows)
        is_same = text == self._last
        self._last = text
        return is_same


def _total(rules: PagingRules, found: Listed) -> int | None:
    total = None if rules.total is None else look_up(found.document, rules.total)
    return total if isinstance(total, int) and not isinstance(total, bool) else None


def _page(
    line: Line, path: str, params: Params, *, rules: PagingRules, rows: str, cursor: str | None, seen: _Seen
) -> Listed:
    ends_with_404 = rules.past_end == "404" and rules.kind in ("page", "offset") and cursor is not None
    if rules.kind == "next" and cursor is not None:
        address = cursor
    else:
        address = with_query(path, [*params, *_asked(rules, cursor)])
    answer = line.ask(address, what=path, missing_is_empty=ends_with_404)
    if answer.status == 404:
        return Listed([], None, answer, None)
    document = line.document(answer)
    found = look_up(document, rows)
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        where = f"under {rows!r}" if rows else "at its top"
        msg = f"the answer has no list of records {where}"
        raise ContractBrokenError(msg, hint=line.advice, system=line.system, operation=f"read {path}")
    if seen.first_length is None:
        seen.first_length = len(found)
    return Listed(
        found, _following(line, rules, document, answer=answer, rows=found, cursor=cursor, seen=seen), answer, document
    )


def _asked(rules: PagingRules, cursor: str | None) -> Params:
    if rules.kind == "none":
        return []
    size = min(rules.size, rules.largest or rules.size)
    sized = [(rules.size_param, str(size))] if rules.size_param else []
    if rules.kind == "page":
        return [*sized, (rules.page_param, cursor or str(rules.first))]
    if rules.kind == "offset":
        return [*sized, (rules.offset_param, cursor or "0")]
    if rules.kind == "cursor" and cursor is not None:
        return [*sized, (rules.cursor_param, cursor)]
    return sized


def _following(
    line: Line,
    rules: PagingRules,
    document: Any,
    *,
    answer: Response,
    rows: list[Any],
    cursor: str | None,
    seen: _Seen,
) -> str | None:
    if rules.kind == "none" or _says_done(rules, document):
        return None
    if rules.kind == "cursor":
        following = look_up(document, rules.cursor)
        if following is not None and not (isinstance(following, str) and following):
            msg = f"{rules.cursor} is neither a text nor null"
            raise ContractBrokenError(msg, hint=line.advice, system=line.system)
        return following
    if rules.kind == "next":
        return _next_link(rules, document, answer)
    if not rows or (rules.short_is_last and len(rows) < (seen.first_length or 0)):
        return None
    if rules.kind == "page":
        return str(int(cursor or rules.first) + 1)
    return str(int(cursor or 0) + len(rows))  # by the rows received: some servers clamp the size in silence


def _says_done(rules: PagingRules, document: Any) -> bool:
    if rules.more is not None and look_up(document, rules.more) in (False, None):
        return True
    return rules.done is not None and look_up(document, rules.done) is True


def _next_link(rules: PagingRules, document: Any, answer: Response) -> str | None:
    if rules.next.lower().startswith("header:"):
        for entry in ",".join(answer.headers_named("Link")).split(","):
            address, _, relation = entry.partition(";")
            if 'rel="next"' in relation.replace(" ", "") or "rel=next" in relation.replace(" ", ""):
                return address.strip().removeprefix("<").removesuffix(">")
        return None
    link = look_up(document, rules.next)
    return link if isinstance(link, str) and link else None


def _repeats(line: Line, path: str) -> PaginationError:
    msg = f"the pages of {path} repeat"
    return PaginationError(msg, hint=line.advice, system=line.system)
