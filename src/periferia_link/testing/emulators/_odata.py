"""OData on the server's side, shared by the emulators: query options, filters, order, columns, batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from periferia_link.testing.emulators._odata_batch import (
    InnerAnswer,
    InnerRequest,
    batch_response,
    inner_request,
    parse_batch,
)
from periferia_link.testing.emulators._odata_filter import IN, RowFilter, parse_filter
from periferia_link.testing.emulators._odata_values import Dialect, ODataRefused, order_key

__all__ = [
    "IN",
    "Dialect",
    "InnerAnswer",
    "InnerRequest",
    "ODataRefused",
    "RowFilter",
    "apply_orderby",
    "apply_select",
    "batch_response",
    "inner_request",
    "order_columns",
    "parse_batch",
    "parse_filter",
    "query_options",
    "select_columns",
]

_MAX_LENGTH = 65_536
_MAX_OPTIONS = 100
_COLUMN = re.compile(r"[A-Za-z_]\w*(?:/[A-Za-z_]\w*)*", re.ASCII)

RowT = TypeVar("RowT", bound=Mapping[str, Any])


def query_options(url: str) -> dict[str, str]:
    """
    Return the options after the question mark, decoded: ``%24top=5`` is ``$top``, ``+`` is a blank.

    Parameter aliases (``@p1``) and plain parameters (``tag``) are among them; names keep their case.

    Raises:
        ODataRefused: An option twice, bytes that are no UTF-8, or more than the server reads.
    """
    query = url.partition("#")[0].partition("?")[2]
    pieces = [piece for piece in query.split("&") if piece]
    if len(query) > _MAX_LENGTH or len(pieces) > _MAX_OPTIONS:
        msg = f"The query is longer than {_MAX_LENGTH} characters or {_MAX_OPTIONS} options."
        raise ODataRefused(msg)
    options: dict[str, str] = {}
    for piece in pieces:
        raw_name, _, raw_value = piece.partition("=")
        try:
            name, value = unquote_plus(raw_name, errors="strict"), unquote_plus(raw_value, errors="strict")
        except UnicodeDecodeError:
            msg = "The query is not percent-encoded UTF-8."
            raise ODataRefused(msg) from None
        if name in options:
            msg = f"The query option '{name}' was specified more than once."
            raise ODataRefused(msg)
        options[name] = value
    return options


def select_columns(text: str) -> list[str]:
    """
    Return the columns of a ``$select``, for the caller to check; each once.

    Raises:
        ODataRefused: An empty or impossible name.
    """
    return list(dict.fromkeys(_column(piece, text) for piece in text.split(",")))


def apply_select(row: Mapping[str, Any], text: str, *, always: Collection[str] = ()) -> dict[str, Any]:
    """
    Return *row* with the selected columns only, in the order of the row; a selected column it lacks is null.

    Args:
        row: A record, with annotations (``@odata.etag``, ``name@…``): they stay with their column.

        text: The value of ``$select``.

        always: Columns that the server returns whatever was asked, such as the key.

    Raises:
        ODataRefused: An empty or impossible name.
    """
    wanted = select_columns(text)
    kept = {*wanted, *always, ""}
    chosen = {name: value for name, value in row.items() if name.partition("@")[0] in kept}
    return chosen | {name: None for name in wanted if name not in row}


def order_columns(text: str) -> list[tuple[str, bool]]:
    """
    Return the columns of an ``$orderby`` and whether each goes down, for the caller to check.

    Raises:
        ODataRefused: Anything but ``column``, ``column asc`` and ``column desc``.
    """
    order = []
    for piece in text.split(","):
        words = piece.split()
        if not 1 <= len(words) <= 2 or words[1:] not in ([], ["asc"], ["desc"]):
            msg = f"Syntax error in '$orderby={text[:200]}'."
            raise ODataRefused(msg)
        order.append((_column(words[0], text), words[1:] == ["desc"]))
    return order


def apply_orderby(
    rows: Iterable[RowT], text: str, *, dialect: Dialect | None = None, numbers: Collection[str] = ()
) -> list[RowT]:
    """
    Return the rows in order, equal ones as they came; nulls come first, GUIDs in the order of SQL Server.

    Args:
        rows: Records; ``a/b`` looks into nested ones.

        text: The value of ``$orderby``.

        dialect: Tells whether case counts.

        numbers: Columns whose text is an exact number and sorts as one.

    Raises:
        ODataRefused: Anything but columns with ``asc`` or ``desc``.
    """
    ordered = list(rows)
    # the last column first: each sort keeps the order of equal rows, also when it goes down
    for column, is_down in reversed(order_columns(text)):
        ordered.sort(key=_by(column, dialect or Dialect(), is_number=column in numbers), reverse=is_down)
    return ordered


def _by(column: str, dialect: Dialect, *, is_number: bool) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    return lambda row: order_key(_at(row, column), dialect, is_number=is_number)


def _at(row: Mapping[str, Any], path: str) -> Any:
    found: Any = row
    for step in path.split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _column(piece: str, text: str) -> str:
    name = piece.strip()
    if not _COLUMN.fullmatch(name):
        msg = f"'{name[:100]}' is not a column in '{text[:200]}'."
        raise ODataRefused(msg)
    return name
