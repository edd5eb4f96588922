"""Periticket, the in-house help desk, as docs/reference/periticket-contract.md assumes it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._emulator import Emulator, json_response
from periferia_link.testing.emulators._periticket_checks import Refused, instant, stamp
from periferia_link.testing.emulators._periticket_lists import (
    answer_record,
    body_of,
    etag,
    filters,
    only,
    page,
    parse_query,
    place_of,
    problem,
    since_of,
    single,
)
from periferia_link.testing.emulators._periticket_tables import EVENTS, TABLES, Table
from periferia_link.testing.emulators._periticket_webhooks import Message, message, secret_of
from periferia_link.typing import Clock, Request, Response

__all__ = ["LOADED_AT", "PeriticketEmulator"]

_ROOT = "/api/v1/"
_TOMBSTONE_LIFE = timedelta(days=90)
_KEY_LIFE = timedelta(days=30)
_SESSION_LIFE = timedelta(hours=1)
LOADED_AT = "2026-03-02T13:00:00Z"
"""When loaded records were last changed, unless they say otherwise."""

_ENDED = {"resolved_at": {"resolved", "closed"}, "closed_at": {"closed", "cancelled"}}
_DATED = {"created_at", "updated_at", "at", "opened_at"}
_TOLD = ("status", "priority", "group", "assignee_id")  # members of a ticket whose changes are events


class PeriticketEmulator(Emulator):
    """
    Work logs, people, tickets with their events, clients, projects and allocations over REST.

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
        self.webhook_secret = secret_of(seed)
        self._sessions: dict[str, datetime] = {}
        self._numbers: dict[str, int] = {}

    # What a host and a test ask.

    def credentials(self) -> dict[str, Any]:
        """Return a service token, and a name with its password; either signs in."""
        return {"token": self._token, "username": "periferia-link", "password": self._password}

    def refusal(self, status: int, code: str, message: str) -> Response:
        """Answer with a problem (RFC 9457)."""
        return problem(Refused(status, code or "error", message))

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
            known = TABLES.get(table) or (EVENTS if table == "events" else None)
            blank = (
                {name: LOADED_AT if name in _DATED else value for name, value in known.blank.items()} if known else {}
            )
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

    def webhook(self, table: str, key: str, clock: Clock) -> Message:
        """Return the signed message about the last change of a record, as it is posted to a receiver."""
        with self.lock:
            return message(table, self.books[table][key], secret=self.webhook_secret, at=clock.now())

    # What a client asks.

    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer one request."""
        try:
            return self._route(request, clock)
        except Refused as refused:
            return problem(refused)

    def _route(self, request: Request, clock: Clock) -> Response:
        address = urlsplit(request.url)
        if not address.path.startswith(_ROOT):
            raise Refused(404, "not-found", "There is nothing here; the API begins at /api/v1/.")
        parts = address.path[len(_ROOT) :].split("/")
        if parts == ["session"]:
            return self._open_session(request, clock)
        self._admit(request, clock)
        query = parse_query(address.query)
        match (request.method, parts):
            case ("GET", ["me"]):
                return self._me(query)
            case ("GET", ["events"]):
                return self._every_event(query, clock)
            case ("GET", ["tickets", key, "events"]):
                return self._events(key, query, clock)
            case ("POST", ["tickets", key, "events"]):
                self._allow("tickets:write")
                return self._post_event(key, request, clock)
            case (method, [table]) if table in TABLES:
                verbs: dict[str, Callable[[], Response]] = {
                    "GET": lambda: self._list(table, query, clock),
                    "POST": lambda: self._post(table, request, clock),
                }
            case (method, [table, key]) if table in TABLES:
                verbs = {
                    "GET": lambda: self._item(table, key, query, request),
                    "PATCH": lambda: self._patch(table, key, request, clock),
                    "DELETE": lambda: self._remove(table, key, request, clock),
                }
            case _:
                raise Refused(404, "not-found", "There is nothing at this path.")
        if method not in verbs or not TABLES[table].offers(method):
            raise Refused(405, "method-not-allowed", f"{method} is not offered here.")
        self._allow(f"{table}:{'read' if method == 'GET' else 'write'}")
        return verbs[method]()

    # Who is there.

    def _open_session(self, request: Request, clock: Clock) -> Response:
        if request.method != "POST":
            raise Refused(405, "method-not-allowed", f"{request.method} is not offered here.")
        given = body_of(request)
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
        only(query, ())
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
        own = {"include_deleted"} if rules.keeps_tombstones else set()
        own |= {"include"} if table == "tickets" else set()
        only(query, {"updated_since", "cursor", "limit", "ids", *rules.filters, *own})
        since, after = since_of(query), place_of(single(query, "cursor"), clock)
        with_events = _wants_events(query)
        # one look at every record and the rest at few: a long pull stays quick
        floor = max(since, after[0])
        rows = [row for row in self.books[table].values() if row["updated_at"] >= floor]
        if rules.keeps_tombstones:
            oldest = instant(clock.now() - _TOMBSTONE_LIFE)
            with_deleted = single(query, "include_deleted") == "true"
            if with_deleted and since and since < oldest:
                raise Refused(410, "tombstones-expired", "Deletions are kept for 90 days; read everything again.")
            rows = [row for row in rows if not (gone := row.get("deleted_at")) or (with_deleted and gone >= oldest)]
        for test in filters(query, rules):
            rows = [row for row in rows if test(row)]
        found, following = page(rows, query, clock)
        return json_response(
            200, {"data": self._with_events(found) if with_events else found, "next_cursor": following}
        )

    def _events(self, key: str, query: Mapping[str, list[str]], clock: Clock) -> Response:
        self._allow("tickets:read")
        only(query, {"cursor", "limit"})
        self._live("tickets", key)
        rows = [row for row in self.books["events"].values() if row["ticket_id"] == key]
        found, following = page(rows, query, clock, sort="at")
        return json_response(200, {"data": found, "next_cursor": following})

    def _every_event(self, query: Mapping[str, list[str]], clock: Clock) -> Response:
        self._allow("tickets:read")
        only(query, {"updated_since", "cursor", "limit", "ids", *EVENTS.filters})
        since = since_of(query)
        rows = [row for row in self.books["events"].values() if row["updated_at"] >= since]
        for test in filters(query, EVENTS):
            rows = [row for row in rows if test(row)]
        found, following = page(rows, query, clock)
        return json_response(200, {"data": found, "next_cursor": following})

    def _with_events(self, tickets: Iterable[Record]) -> list[Record]:
        """Put the history into each ticket, in order of time and id."""
        told: dict[str, list[Record]] = {row["id"]: [] for row in tickets}
        for event in self.books["events"].values():
            if event["ticket_id"] in told:
                told[event["ticket_id"]].append(event)
        return [row | {"events": sorted(told[row["id"]], key=lambda one: (one["at"], one["id"]))} for row in tickets]

    # Items.

    def _item(self, table: str, key: str, query: Mapping[str, list[str]], request: Request) -> Response:
        only(query, {"include"} if table == "tickets" else ())
        row = self._live(table, key)
        if request.header("If-None-Match") == etag(row):
            return Response(304, (("ETag", etag(row)),))
        return answer_record(200, self._with_events([row])[0] if _wants_events(query) else row)

    def _post(self, table: str, request: Request, clock: Clock) -> Response:
        def make(values: Any) -> Record:
            return self._insert(table, TABLES[table].checked(values, new=True), clock)

        return self._once(table, request, clock, make)

    def _post_event(self, key: str, request: Request, clock: Clock) -> Response:
        """Take a message about a ticket: what was written to the client, by them, or among ourselves."""
        self._live("tickets", key)

        def make(values: Any) -> Record:
            stored = EVENTS.checked(values, new=True)
            if (stored["member"] == "reply") != (stored.get("new") is not None):
                wrong = [{"field": "new", "message": "who wrote a reply: agent or customer; null for a note"}]
                raise Refused(422, "invalid", "Some members cannot be stored.", errors=wrong)
            self._check(EVENTS, "events", stored)
            now = instant(clock.now())
            self._change("tickets", key, {}, clock)
            return self._file_event(key, stored, now)

        return self._once("events", request, clock, make)

    def _once(self, table: str, request: Request, clock: Clock, make: Callable[[Any], Record]) -> Response:
        """Create for one Idempotency-Key one record."""
        key = request.header("Idempotency-Key")
        if not key:
            raise Refused(400, "idempotency-key-required", "A create needs the header Idempotency-Key.")
        values = body_of(request)
        path = urlsplit(request.url).path
        digest = hashlib.sha256(json.dumps([path, values], sort_keys=True, default=str).encode()).hexdigest()
        known = self.books["idempotency_keys"].get(key)
        if known and stamp(known["at"]) >= instant(clock.now() - _KEY_LIFE):
            if known["digest"] != digest:
                raise Refused(409, "idempotency-key-reused", "This key was used for another body.")
            return answer_record(201, self.books[table][known["id"]], ("Idempotency-Replayed", "true"))
        row = make(values)
        self.books["idempotency_keys"][key] = {"id": row["id"], "digest": digest, "at": instant(clock.now())}
        return answer_record(201, row, ("Location", f"{path}/{row['id']}"))

    def _patch(self, table: str, key: str, request: Request, clock: Clock) -> Response:
        self._unchanged(table, key, request)
        return answer_record(200, self._change(table, key, TABLES[table].checked(body_of(request), new=False), clock))

    def _remove(self, table: str, key: str, request: Request, clock: Clock) -> Response:
        self._unchanged(table, key, request)
        self._delete(table, key, clock)
        return Response(204)

    def _unchanged(self, table: str, key: str, request: Request) -> None:
        row = self._live(table, key)
        wanted = request.header("If-Match")
        if wanted is None:
            raise Refused(428, "if-match-required", "Send the ETag that you read as If-Match.")
        if wanted not in {"*", etag(row)}:
            raise Refused(412, "changed", "The record was changed since it was read.")

    def _live(self, table: str, key: str) -> Record:
        row: Record | None = self.books[table].get(key)
        if row is None or row.get("deleted_at"):
            raise Refused(404, "not-found", "There is no such record.")
        return row

    # What happens to records.

    def _insert(self, table: str, values: Record, clock: Clock) -> Record:
        self._check(TABLES[table], table, values)
        now = instant(clock.now())
        key = self._new_id(table)
        row = {"id": key} | TABLES[table].blank | values | {"created_at": now, "updated_at": now}
        if table == "tickets":
            row |= {"number": key.upper(), "opened_at": row["opened_at"] or now}
        _follow_status(row, now)
        self.books[table][key] = row
        self.wrote()
        if table == "tickets":
            self._tell(key, {name: (None, row[name]) for name in _TOLD if row[name] is not None}, now)
        return row

    def _change(self, table: str, key: str, changes: Record, clock: Clock) -> Record:
        before = self._live(table, key)
        self._check(TABLES[table], table, changes, before)
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
            self._file_event(ticket, {"member": member, "old": old, "new": new}, now)

    def _file_event(self, ticket: str, told: Record, now: str) -> Record:
        key = self._new_id("events", EVENTS.prefix)
        event = {"id": key} | EVENTS.blank | {"ticket_id": ticket, "at": now} | told | {"updated_at": now}
        self.books["events"][key] = event
        return event

    def _new_id(self, table: str, prefix: str | None = None) -> str:
        prefix = prefix or TABLES[table].prefix
        while True:
            self._numbers[table] = self._numbers.get(table, 0) + 1
            key = f"{prefix}-{self._numbers[table]:06}"
            if key not in self.books[table]:
                return key

    def _check(self, rules: Table, table: str, values: Record, before: Record | None = None) -> None:
        """Refuse what points at nothing, ends before it begins, or has the reference of another record."""
        wrong = [
            {"field": member, "message": f"there is no such record in {target}"}
            for member, target in rules.refers.items()
            if values.get(member) is not None and not self._is_there(target, values[member])
        ]
        after = (before or {}) | values
        if after.get("ends_on") and after.get("starts_on") and after["ends_on"] < after["starts_on"]:
            wrong.append({"field": "ends_on", "message": "not before starts_on"})
        if wrong:
            raise Refused(422, "invalid", "Some members point at nothing or contradict each other.", errors=wrong)
        wanted, own = values.get("external_ref"), before and before["id"]
        for row in self.books[table].values() if wanted is not None else ():
            if row.get("external_ref") == wanted and row["id"] != own:
                raise Refused(409, "external-ref-taken", "Another record has this external_ref.", existing=row["id"])

    def _is_there(self, target: str, value: Any) -> bool:
        table, _, member = target.partition(".")
        rows = self.books[table]
        return any(row[member] == value for row in rows.values()) if member else value in rows


def _wants_events(query: Mapping[str, list[str]]) -> bool:
    wanted = single(query, "include")
    if wanted not in {None, "events"}:
        raise Refused(400, "bad-parameter", "include can be events.")
    return wanted == "events"


def _follow_status(row: Record, now: str) -> None:
    """Set the instants that a status brings with it."""
    if "approved_at" in row:
        row["approved_at"] = (row["approved_at"] or now) if row["status"] == "approved" else None
    for member, states in _ENDED.items():
        if member in row:
            row[member] = (row[member] or now) if row["status"] in states else None
