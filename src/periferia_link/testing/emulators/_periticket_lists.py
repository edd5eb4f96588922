"""How Periticket reads a question and answers with a page, a record or a problem; pure."""

from __future__ import annotations

import base64
import heapq
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._emulator import json_response, parse_json
from periferia_link.testing.emulators._periticket_checks import Refused, instant, stamp
from periferia_link.testing.emulators._periticket_tables import Table
from periferia_link.typing import Clock, Request, Response

__all__ = [
    "answer_record",
    "body_of",
    "etag",
    "filters",
    "only",
    "page",
    "parse_query",
    "place_of",
    "problem",
    "since_of",
    "single",
]

_PAGE = 200
_CURSOR_LIFE = timedelta(hours=24)

_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    412: "Changed meanwhile",
    415: "JSON expected",
    422: "Invalid",
    428: "If-Match required",
    429: "Too many requests",
}


def problem(refused: Refused) -> Response:
    """Answer with a problem (RFC 9457)."""
    body = {
        "type": f"urn:periticket:problem:{refused.code}",
        "title": _TITLES.get(refused.status, "Server error"),
        "status": refused.status,
        "detail": refused.detail,
        **refused.members,
    }
    headers = [("Content-Type", "application/problem+json")]
    if refused.status == 401:
        headers.append(("WWW-Authenticate", 'Bearer realm="Periticket"'))
    return json_response(refused.status, body, headers)


def etag(row: Record) -> str:
    """Return the revision as it stands in headers."""
    return f'"{row["revision"]}"'


def answer_record(status: int, row: Record, *headers: tuple[str, str]) -> Response:
    """Answer with one record and its ETag; events have none."""
    known = [("ETag", etag(row))] if "revision" in row else []
    return json_response(status, row, [*known, *headers])


def body_of(request: Request) -> Any:
    """Read the JSON that a client sent."""
    if not (request.header("Content-Type") or "").lower().startswith("application/json"):
        raise Refused(415, "json-expected", "Send application/json.")
    try:
        return parse_json(request.body)
    except ValueError:
        raise Refused(400, "bad-body", "The body is not JSON.") from None


# ---------------------------------------------------------------------- questions


def parse_query(text: str) -> dict[str, list[str]]:
    """Read the parameters, repeated ones in order."""
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return query


def only(query: Mapping[str, list[str]], known: Iterable[str]) -> None:
    """Refuse what is not known: ignored in silence, it would answer another question than the one asked."""
    unknown = sorted(set(query) - set(known))
    if unknown:
        raise Refused(400, "bad-parameter", f"Unknown parameter: {', '.join(unknown)}.")


def single(query: Mapping[str, list[str]], name: str) -> str | None:
    """Return a parameter that stands once, if at all."""
    values = query.get(name, [])
    if len(values) > 1:
        raise Refused(400, "bad-parameter", f"The parameter {name} stands more than once.")
    return values[0] if values else None


def since_of(query: Mapping[str, list[str]]) -> str:
    """Return ``updated_since`` in UTC, empty without it."""
    text = single(query, "updated_since")
    try:
        return stamp(text) if text is not None else ""
    except ValueError:
        raise Refused(400, "bad-parameter", "updated_since is an instant with a zone.") from None


def filters(query: Mapping[str, list[str]], rules: Table) -> list[Callable[[Record], bool]]:
    """Return what a row must pass: ids, and exact values of the members that can be asked for."""
    tests: list[Callable[[Record], bool]] = []
    ids = single(query, "ids")
    if ids is not None:
        wanted = frozenset(ids.split(","))
        tests.append(lambda row: row["id"] in wanted)
    for name in sorted(rules.filters & set(query)):
        values = frozenset(query[name])
        tests.append(lambda row, name=name, values=values: row[name] in values)  # type: ignore[misc]
    return tests


# ---------------------------------------------------------------------- pages


def page(
    rows: Iterable[Record], query: Mapping[str, list[str]], clock: Clock, *, sort: str = "updated_at"
) -> tuple[list[Record], str | None]:
    """Return the page behind the cursor, by instant and id (stable while records change), and the next cursor."""
    limit = single(query, "limit") or str(_PAGE)
    if not re.fullmatch(r"[1-9]\d{0,8}", limit):
        raise Refused(400, "bad-parameter", "limit is a number from 1.")
    size = min(int(limit), _PAGE)
    after = place_of(single(query, "cursor"), clock)

    def place(row: Record) -> tuple[str, str]:
        return (row[sort], row["id"])

    found = heapq.nsmallest(size + 1, (row for row in rows if place(row) > after), key=place)
    following = _cursor(*place(found[size - 1]), clock) if len(found) > size else None
    return found[:size], following


def _cursor(moment: str, key: str, clock: Clock) -> str:
    text = json.dumps([moment, key, instant(clock.now())])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str | None, clock: Clock) -> tuple[str, str]:
    """Return the (instant, id) that a cursor stands behind."""
    if cursor is None:
        return ("", "")
    try:
        moment, key, issued = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        is_known = stamp(issued) >= instant(clock.now() - _CURSOR_LIFE) and isinstance(moment, str)
        place = (moment, str(key))
    except (ValueError, TypeError):
        is_known = False
    if not is_known:
        raise Refused(410, "cursor-expired", "The cursor is unknown or older than 24 hours; begin again.")
    return place
