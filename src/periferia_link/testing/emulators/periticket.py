"""Periticket, the in-house help desk, as docs/reference/periticket-contract.md assumes it."""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._emulator import Emulator, json_response, parse_json
from periferia_link.testing.emulators._periticket_tables import TABLES, Refused, Table, instant, stamp
from periferia_link.typing import Clock, Request, Response

__all__ = ["LOADED_AT", "PeriticketEmulator"]

_ROOT = "/api/v1/"
_PAGE = 200
_CURSOR_LIFE = timedelta(hours=24)
_TOMBSTONE_LIFE = timedelta(days=90)
_KEY_LIFE = timedelta(days=30)
_SESSION_LIFE = timedelta(hours=1)
_ENDED = frozenset({"closed", "cancelled"})
LOADED_AT = "2026-03-02T13:00:00Z"
"""When loaded records were last changed, unless they say otherwise."""

_TOLD = ("status", "priority", "assignee_id")  # members of a ticket whose changes are events

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


class PeriticketEmulator(Emulator):
    """
    Work logs, people, tickets and their events over REST.

    ``rights`` may be narrowed to see 403. :meth:`enter`, :meth:`amend` and :meth:`discard` do what somebody does in
    the web application, by the same rules as the API and without a line in the log.
    """

    name: ClassVar[str] = "periticket"

    def __init__(self, *, seed: int = 1) -> None:
        super().__init__(seed=seed)
        self.rights = {f"{table}:read" for table in TABLES} | {
            f"{table}:write" for table in TABLES if TABLES[table].writable
        }
        self._token = f"ptk_{hashlib.sha256(f'token {seed}'.encode()).hexdigest()[:32]}"
        self._password = f"Clave-{hashlib.sha256(f'password {seed}'.encode()).hexdigest()[:12]}"
        self._sessions: dict[str, datetime] = {}
        self._numbers: dict[str, int] = {}

    # What a host and a test ask.

    def credentials(self) -> dict[str, Any]:
        """Return a service token, and a name with its password; either signs in."""
        return {"token": self._token, "username": "periferia-link", "password": self._password}

    def refusal(self, status: int, code: str, message: str) -> Response:
        """Answer with a problem (RFC 9457)."""
        return _problem(Refused(status, code or "error", message))

    def reset(self) -> None:
        """Go back to the start: no records, no sessions."""
        with self.lock:
            self._sessions.clear()
            self._numbers.clear()
            super().reset()

    def load(self, tables: Mapping[str, Sequence[Record]]) -> None:
        """
        Merge records into the books as they are, hostile values too; members that are not given get their default.

        Args:
            tables: Lists of records by table, each with its ``id``; ``updated_at`` is :data:`LOADED_AT` by default.
        """
        complete: dict[str, list[Record]] = {}
        for table, records in tables.items():
            blank = TABLES[table].blank | {"created_at": LOADED_AT, "updated_at": LOADED_AT} if table in TABLES else {}
            complete[table] = [
                ({} if self.key_of(table, record) in self.books[table] else blank) | record for record in records
            ]
        super().load(complete)

    def enter(self, table: str, values: Record, clock: Clock) -> Record:
        """Create a record as a person would; people of the company are entered this way only."""
        with self.lock:
            stored = dict(values) if table == "people" else TABLES[table].checked(values, new=True)
            return self._insert(table, stored, clock)

    def amend(self, table: str, key: str, changes: Record, clock: Clock) -> Record:
        """Correct a record as a person would."""
        with self.lock:
            stored = dict(changes) if table == "people" else TABLES[table].checked(changes, new=False)
            return self._change(table, key, stored, clock)

    def discard(self, table: str, key: str, clock: Clock) -> None:
        """Delete a record as a person would; a tombstone stays."""
        with self.lock:
            self._delete(table, key, clock)

    # What a client asks.

    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer one request."""
        try:
            return self._route(request, clock)
        except Refused as refused:
            return _problem(refused)

    def _route(self, request: Request, clock: Clock) -> Response:
        address = urlsplit(request.url)
        if not address.path.startswith(_ROOT):
            raise Refused(404, "not-found", "There is nothing here; the API begins at /api/v1/.")
        parts = address.path[len(_ROOT) :].split("/")
        if parts == ["session"]:
            return self._open_session(request, clock)
        self._admit(request, clock)
        query = _query(address.query)
        match (request.method, parts):
            case ("GET", ["me"]):
                return self._me(query)
            case ("GET", ["tickets", key, "events"]):
                return self._events(key, query, clock)
            case (method, [table]) if table in TABLES:
                verbs: dict[str, Callable[[], Response]] = {
                    "GET": lambda: self._list(table, query, clock),
                    "POST": lambda: self._post(table, request, clock),
                }
            case (method, [table, key]) if table in TABLES:
                verbs = {
                    "GET": lambda: self._item(table, key, request),
                    "PATCH": lambda: self._patch(table, key, request, clock),
                    "DELETE": lambda: self._remove(table, key, request, clock),
                }
            case _:
                raise Refused(404, "not-found", "There is nothing at this path.")
        if method not in verbs or (method != "GET" and not TABLES[table].writable):
            raise Refused(405, "method-not-allowed", f"{method} is not offered here.")
        self._allow(f"{table}:{'read' if method == 'GET' else 'write'}")
        return verbs[method]()

    # Who is there.

    def _open_session(self, request: Request, clock: Clock) -> Response:
        if request.method != "POST":
            raise Refused(405, "method-not-allowed", f"{request.method} is not offered here.")
        given = _body(request)
        mine = self.credentials()
        if not isinstance(given, dict) or any(
            not hmac.compare_digest(str(given.get(name, "")).encode(), str(mine[name]).encode())
            for name in ("username", "password")
        ):
            raise Refused(401, "not-signed-in", "The name or the password is not right.")
        token = f"pts_{hashlib.sha256(f'{self.seed} {len(self._sessions)}'.encode()).hexdigest()[:32]}"
        self._sessions[token] = clock.now() + _SESSION_LIFE
        return json_response(201, {"token": token, "expires_at": instant(self._sessions[token])})

    def _admit(self, request: Request, clock: Clock) -> None:
        scheme, _, token = (request.header("Authorization") or "").partition(" ")
        if scheme.lower() == "bearer":
            if hmac.compare_digest(token.encode(), self._token.encode()):
                return
            if token in self._sessions and clock.now() < self._sessions[token]:
                return
        raise Refused(401, "not-signed-in", "A valid bearer token is needed.")

    def _allow(self, right: str) -> None:
        if right not in self.rights:
            raise Refused(403, "not-allowed", f"The right {right} is missing.", missing_right=right)

    def _me(self, query: Mapping[str, list[str]]) -> Response:
        _only(query, frozenset())
        return json_response(
            200,
            {
                "instance_id": f"periticket-{self.seed:04}",
                "product": "Periticket",
                "version": "4.2.0",
                "account": "periferia-link",
                "rights": sorted(self.rights),
            },
        )

    # Lists.

    def _list(self, table: str, query: Mapping[str, list[str]], clock: Clock) -> Response:
        rules = TABLES[table]
        _only(query, {"updated_since", "cursor", "limit", "ids", *rules.filters} | _deleted_parameter(rules))
        since, after = _since(query), _place(_single(query, "cursor"), clock)
        # one look at every record and the rest at few: a long pull stays quick
        floor = max(since, after[0])
        rows = [row for row in self.books[table].values() if row["updated_at"] >= floor]
        if rules.keeps_tombstones:
            oldest = instant(clock.now() - _TOMBSTONE_LIFE)
            with_deleted = _single(query, "include_deleted") == "true"
            if with_deleted and since and since < oldest:
                raise Refused(410, "tombstones-expired", "Deletions are kept for 90 days; read everything again.")
            rows = [row for row in rows if not (gone := row.get("deleted_at")) or (with_deleted and gone >= oldest)]
        for test in _filters(query, rules):
            rows = [row for row in rows if test(row)]
        return _page(rows, query, clock)

    def _events(self, key: str, query: Mapping[str, list[str]], clock: Clock) -> Response:
        self._allow("tickets:read")
        _only(query, {"cursor", "limit"})
        self._live("tickets", key)
        rows = [row for row in self.books["events"].values() if row["ticket_id"] == key]
        return _page(rows, query, clock, sort="at")

    # Items.

    def _item(self, table: str, key: str, request: Request) -> Response:
        row = self._live(table, key)
        if request.header("If-None-Match") == _etag(row):
            return Response(304, (("ETag", _etag(row)),))
        return _record(200, row)

    def _post(self, table: str, request: Request, clock: Clock) -> Response:
        key = request.header("Idempotency-Key")
        if not key:
            raise Refused(400, "idempotency-key-required", "A create needs the header Idempotency-Key.")
        values = _body(request)
        digest = hashlib.sha256(json.dumps([table, values], sort_keys=True, default=str).encode()).hexdigest()
        known = self.books["idempotency_keys"].get(key)
        if known and stamp(known["at"]) >= instant(clock.now() - _KEY_LIFE):
            if known["digest"] != digest:
                raise Refused(409, "idempotency-key-reused", "This key was used for another body.")
            return _record(201, self.books[table][known["id"]], ("Idempotency-Replayed", "true"))
        row = self._insert(table, TABLES[table].checked(values, new=True), clock)
        self.books["idempotency_keys"][key] = {"id": row["id"], "digest": digest, "at": row["created_at"]}
        return _record(201, row, ("Location", f"{_ROOT}{table}/{row['id']}"))

    def _patch(self, table: str, key: str, request: Request, clock: Clock) -> Response:
        self._unchanged(table, key, request)
        return _record(200, self._change(table, key, TABLES[table].checked(_body(request), new=False), clock))

    def _remove(self, table: str, key: str, request: Request, clock: Clock) -> Response:
        self._unchanged(table, key, request)
        self._delete(table, key, clock)
        return Response(204)

    def _unchanged(self, table: str, key: str, request: Request) -> None:
        row = self._live(table, key)
        wanted = request.header("If-Match")
        if wanted is None:
            raise Refused(428, "if-match-required", "Send the ETag that you read as If-Match.")
        if wanted not in {"*", _etag(row)}:
            raise Refused(412, "changed", "The record was changed since it was read.")

    def _live(self, table: str, key: str) -> Record:
        row: Record | None = self.books[table].get(key)
        if row is None or row.get("deleted_at"):
            raise Refused(404, "not-found", "There is no such record.")
        return row

    # What happens to records.

    def _insert(self, table: str, values: Record, clock: Clock) -> Record:
        self._check_links(table, values)
        self._check_external_ref(table, values)
        now = instant(clock.now())
        row = {"id": self._new_id(table)} | TABLES[table].blank | values | {"created_at": now, "updated_at": now}
        _follow_status(row, now)
        self.books[table][row["id"]] = row
        self.wrote()
        if table == "tickets":
            self._tell(row["id"], {name: (None, row[name]) for name in _TOLD if row[name] is not None}, now)
        return row

    def _change(self, table: str, key: str, changes: Record, clock: Clock) -> Record:
        before = self._live(table, key)
        self._check_links(table, changes)
        self._check_external_ref(table, changes, key)
        now = instant(clock.now())
        row = before | changes | {"updated_at": now, "revision": before["revision"] + 1}
        _follow_status(row, now)
        self.books[table][key] = row
        self.wrote()
        if table == "tickets":
            self._tell(key, {name: (before[name], row[name]) for name in _TOLD if before[name] != row[name]}, now)
        return row

    def _delete(self, table: str, key: str, clock: Clock) -> None:
        before = self._live(table, key)
        now = instant(clock.now())
        gone = {"deleted_at": now, "updated_at": now, "revision": before["revision"] + 1}
        self.books[table][key] = before | gone
        self.wrote()

    def _tell(self, ticket: str, changes: Mapping[str, tuple[Any, Any]], now: str) -> None:
        for member, (old, new) in changes.items():
            key = self._new_id("events", "ev")
            event = {"id": key, "ticket_id": ticket, "at": now, "member": member, "old": old, "new": new}
            self.books["events"][key] = event

    def _new_id(self, table: str, prefix: str | None = None) -> str:
        prefix = prefix or TABLES[table].prefix
        while True:
            self._numbers[table] = self._numbers.get(table, 0) + 1
            key = f"{prefix}-{self._numbers[table]:06}"
            if key not in self.books[table]:
                return key

    def _check_links(self, table: str, values: Record) -> None:
        wrong = [
            {"field": member, "message": f"there is no such record in {target}"}
            for member, target in TABLES[table].refers.items()
            if values.get(member) is not None and values[member] not in self.books[target]
        ]
        if wrong:
            raise Refused(422, "invalid", "Some members point at nothing.", errors=wrong)

    def _check_external_ref(self, table: str, values: Record, key: str | None = None) -> None:
        wanted = values.get("external_ref")
        if wanted is None:
            return
        for row in self.books[table].values():
            if row.get("external_ref") == wanted and row["id"] != key:
                raise Refused(409, "external-ref-taken", "Another record has this external_ref.", existing=row["id"])


# ------------------------------------------------------------------ pure parts


def _problem(refused: Refused) -> Response:
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


def _etag(row: Record) -> str:
    return f'"{row["revision"]}"'


def _record(status: int, row: Record, *headers: tuple[str, str]) -> Response:
    return json_response(status, row, [("ETag", _etag(row)), *headers])


def _body(request: Request) -> Any:
    if not (request.header("Content-Type") or "").lower().startswith("application/json"):
        raise Refused(415, "json-expected", "Send application/json.")
    try:
        return parse_json(request.body)
    except ValueError:
        raise Refused(400, "bad-body", "The body is not JSON.") from None


def _query(text: str) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return query


def _only(query: Mapping[str, list[str]], known: frozenset[str] | set[str]) -> None:
    unknown = sorted(set(query) - known)
    if unknown:
        # a parameter that is silently ignored answers another question than the one that was asked
        raise Refused(400, "bad-parameter", f"Unknown parameter: {', '.join(unknown)}.")


def _single(query: Mapping[str, list[str]], name: str) -> str | None:
    values = query.get(name, [])
    if len(values) > 1:
        raise Refused(400, "bad-parameter", f"The parameter {name} stands more than once.")
    return values[0] if values else None


def _deleted_parameter(rules: Table) -> set[str]:
    return {"include_deleted"} if rules.keeps_tombstones else set()


def _since(query: Mapping[str, list[str]]) -> str:
    text = _single(query, "updated_since")
    try:
        return stamp(text) if text is not None else ""
    except ValueError:
        raise Refused(400, "bad-parameter", "updated_since is an instant with a zone.") from None


def _filters(query: Mapping[str, list[str]], rules: Table) -> list[Callable[[Record], bool]]:
    tests: list[Callable[[Record], bool]] = []
    ids = _single(query, "ids")
    if ids is not None:
        wanted = frozenset(ids.split(","))
        tests.append(lambda row: row["id"] in wanted)
    for name in sorted(rules.filters & set(query)):
        values = frozenset(query[name])
        tests.append(lambda row, name=name, values=values: row[name] in values)  # type: ignore[misc]
    return tests


def _page(rows: list[Record], query: Mapping[str, list[str]], clock: Clock, *, sort: str = "updated_at") -> Response:
    """Answer with the page after the cursor, by instant and id: stable while records change in between."""
    limit = _single(query, "limit") or str(_PAGE)
    if not re.fullmatch(r"[1-9]\d{0,8}", limit):
        raise Refused(400, "bad-parameter", "limit is a number from 1.")
    size = min(int(limit), _PAGE)
    after = _place(_single(query, "cursor"), clock)

    def place(row: Record) -> tuple[str, str]:
        return (row[sort], row["id"])

    found = heapq.nsmallest(size + 1, (row for row in rows if place(row) > after), key=place)
    following = _cursor(*place(found[size - 1]), clock) if len(found) > size else None
    return json_response(200, {"data": found[:size], "next_cursor": following})


def _cursor(moment: str, key: str, clock: Clock) -> str:
    text = json.dumps([moment, key, instant(clock.now())])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str | None, clock: Clock) -> tuple[str, str]:
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


def _follow_status(row: Record, now: str) -> None:
    """Set the instants that a status brings with it."""
    if "approved_at" in row:
        row["approved_at"] = (row["approved_at"] or now) if row["status"] == "approved" else None
    if "closed_at" in row:
        row["closed_at"] = (row["closed_at"] or now) if row["status"] in _ENDED else None
