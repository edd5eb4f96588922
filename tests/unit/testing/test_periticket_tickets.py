"""The stand-in of Periticket: tickets with their history, clients, projects, allocations, messages, webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timezone

import pytest

from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators._periticket_webhooks import Message, is_genuine
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.typing import Request

TICKET = "/api/v1/tickets/tk-000001"


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))


@pytest.fixture
def desk(clock):
    """A client with two tickets; the first was taken, resolved and reopened, a minute each."""
    desk = PeriticketEmulator()
    desk.enter("people", {"employee_code": "E-1", "name": "Ana"}, clock)
    desk.enter("clients", {"name": "ACME", "tax_id": "900123456"}, clock)
    for subject in ("Uno", "Dos"):
        desk.enter("tickets", {"subject": subject, "client_id": "cl-000001"}, clock)
    for changes in ({"assignee_id": "pe-000001", "group": "Mesa 1"}, {"status": "resolved"}, {"status": "open"}):
        clock.advance(60)
        desk.amend("tickets", "tk-000001", changes, clock)
    return desk


def ask(desk, clock, method, path, body=None, **headers):
    """One request; status, JSON and the whole answer."""
    sent = {"Authorization": f"Bearer {desk.credentials()['token']}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent["Content-Type"] = "application/json"
    content = b"" if body is None else json.dumps(body).encode()
    answer = desk.handle(Request(method, f"https://desk.example{path}", tuple(sent.items()), content), clock)
    return answer.status, json.loads(answer.body) if answer.body else None, answer


def pages(desk, clock, path, limit=3):
    """Follow a list to its end; the ids in the order in which they came."""
    found, cursor = [], None
    while True:
        _, page, _ = ask(desk, clock, "GET", f"{path}limit={limit}{'&cursor=' + cursor if cursor else ''}")
        found += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


class TestHistory:
    def test_with_the_tickets(self, desk, clock):
        """One request gives tickets and everything that happened to them; without asking nothing of it."""
        _, page, _ = ask(desk, clock, "GET", "/api/v1/tickets?include=events")
        told = {row["id"]: [(event["member"], event["new"]) for event in row["events"]] for row in page["data"]}
        assert [("status", "new"), ("priority", "normal")] == told["tk-000002"]
        assert [("status", "resolved"), ("status", "open")] == told["tk-000001"][-2:]
        _, page, _ = ask(desk, clock, "GET", "/api/v1/tickets")
        assert ["events" in row for row in page["data"]] == [False, False]

    def test_one_ticket_with_it(self, desk, clock):
        """The item takes the same parameter, and no other."""
        _, row, _ = ask(desk, clock, "GET", f"{TICKET}?include=events")
        assert [event["at"] for event in row["events"]] == sorted(event["at"] for event in row["events"])
        assert [400, 400] == [
            ask(desk, clock, "GET", f"{path}?{query}")[0]
            for path, query in ((TICKET, "include=worklogs"), ("/api/v1/worklogs", "include=events"))
        ]

    def test_every_event_in_pages(self, desk, clock):
        """All of them once, by the time of recording; those of some tickets, and those since a moment."""
        every = pages(desk, clock, "/api/v1/events?")
        assert sorted(desk.books["events"]) == sorted(every)
        mine = pages(desk, clock, "/api/v1/events?ticket_id=tk-000002&ticket_id=tk-999999&")
        assert {"tk-000002"} == {desk.books["events"][key]["ticket_id"] for key in mine}
        late = pages(desk, clock, "/api/v1/events?updated_since=2026-11-20T14:02:00Z&")
        assert ["resolved", "open"] == [desk.books["events"][key]["new"] for key in late]

    def test_history_brought_in(self, desk, clock):
        """It happened long ago and is recorded now: the list by change has it, at its own time."""
        desk.load(
            {"events": [{"id": "old", "ticket_id": "tk-000002", "at": "2016-03-01T10:00:00Z", "member": "status",
                         "new": "new", "updated_at": "2026-11-20T14:10:00Z"}]}
        )  # fmt: skip
        assert "old" in pages(desk, clock, "/api/v1/events?updated_since=2026-11-20T14:10:00Z&")
        _, page, _ = ask(desk, clock, "GET", "/api/v1/tickets/tk-000002/events")
        assert "old" == page["data"][0]["id"]

    def test_a_reopened_ticket(self, desk, clock):
        """It is not resolved any more; its number and its opening stay."""
        row = desk.books["tickets"]["tk-000001"]
        assert (None, None, "TK-000001", "2026-11-20T14:00:00Z") == tuple(
            row[name] for name in ("resolved_at", "closed_at", "number", "opened_at")
        )

    def test_closed_at_once(self, desk, clock):
        """It counts as resolved, too; a cancelled one does not."""
        closed = desk.amend("tickets", "tk-000002", {"status": "closed"}, clock)
        assert closed["resolved_at"] == closed["closed_at"] == "2026-11-20T14:03:00Z"
        cancelled = desk.amend("tickets", "tk-000002", {"status": "cancelled"}, clock)
        assert (None, "2026-11-20T14:03:00Z") == (cancelled["resolved_at"], cancelled["closed_at"])

    def test_without_the_right(self, desk, clock):
        """History is as private as its tickets."""
        desk.rights.discard("tickets:read")
        paths = ("/api/v1/events", f"{TICKET}/events", "/api/v1/tickets?include=events")
        assert [403, 403, 403] == [ask(desk, clock, "GET", path)[0] for path in paths]


class TestMessages:
    REPLY = {"member": "reply", "new": "agent", "actor_id": "pe-000001", "note": "Ya quedó."}

    def test_once_for_a_key(self, desk, clock):
        """It stands in the history once, and the ticket has changed once."""
        before = desk.books["tickets"]["tk-000001"]["revision"]
        status, made, _ = ask(desk, clock, "POST", f"{TICKET}/events", self.REPLY, Idempotency_Key="k")
        again, same, answer = ask(desk, clock, "POST", f"{TICKET}/events", self.REPLY, Idempotency_Key="k")
        assert (201, 201, made["id"], "true") == (status, again, same["id"], answer.header("Idempotency-Replayed"))
        assert before + 1 == desk.books["tickets"]["tk-000001"]["revision"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"member": "status", "new": "closed", "note": "x"}, "member"),
            ({"member": "reply", "note": "x"}, "new"),
            ({"member": "note", "new": "agent", "note": "x"}, "new"),
            ({"member": "note"}, "note"),
            ({"member": "note", "note": "x", "actor_id": "pe-9"}, "actor_id"),
            ({"member": "note", "note": "x", "at": "2016-03-01T10:00:00Z"}, "at"),
        ],
    )
    def test_what_is_no_message(self, desk, clock, body, field):
        """History itself is told by the server; a reply says who wrote it, a note does not."""
        before = len(desk.books["events"])
        status, problem, _ = ask(desk, clock, "POST", f"{TICKET}/events", body, Idempotency_Key="k")
        assert (422, "field") == (status, "field" if field in {one["field"] for one in problem["errors"]} else problem)
        assert before == len(desk.books["events"])

    def test_on_a_ticket_that_is_gone(self, desk, clock):
        """404; and 400 without a key."""
        desk.discard("tickets", "tk-000002", clock)
        path = "/api/v1/tickets/tk-000002/events"
        assert 404 == ask(desk, clock, "POST", path, self.REPLY, Idempotency_Key="k")[0]
        assert 400 == ask(desk, clock, "POST", f"{TICKET}/events", self.REPLY)[0]

    def test_its_reference_is_unique(self, desk, clock):
        """And can be asked for, after a broken connection."""
        body = self.REPLY | {"external_ref": "r1"}
        _, made, _ = ask(desk, clock, "POST", f"{TICKET}/events", body, Idempotency_Key="k1")
        status, problem, _ = ask(desk, clock, "POST", f"{TICKET}/events", body, Idempotency_Key="k2")
        assert (409, made["id"]) == (status, problem["existing"])
        assert [made["id"]] == pages(desk, clock, "/api/v1/events?external_ref=r1&")


class TestClients:
    def test_what_sales_knows(self, desk, clock):
        """Written with the revision that was read; unknown members and wrong shapes are named."""
        path = "/api/v1/clients/cl-000001"
        _, row, answer = ask(desk, clock, "GET", path)
        told = {"tier": "A", "value": "480000000.50", "currency": "COP", "renewal_on": "2027-01-31", "score": 70}
        told |= {"open_opportunities": 2, "satisfaction": "87.5", "priority": "high", "priority_reason": "renueva"}
        status, after, _ = ask(desk, clock, "PATCH", path, told, If_Match=answer.header("ETag"))
        assert (200, row["revision"] + 1) == (status, after["revision"])
        assert told == {name: after[name] for name in told}
        wrong = {"value": 12.5, "renewal_on": "31/01/2027", "priority": "critical", "open_pqrs": -1, "churn": True}
        status, problem, _ = ask(desk, clock, "PATCH", path, wrong, If_Match="*")
        assert (422, set(wrong)) == (status, {one["field"] for one in problem["errors"]})

    def test_by_tax_id(self, desk, clock):
        """Exactly as it stands; several may have it."""
        desk.enter("clients", {"name": "ACME otra vez", "tax_id": "900123456"}, clock)
        assert ["cl-000001", "cl-000002"] == pages(desk, clock, "/api/v1/clients?tax_id=900123456&")
        assert [] == pages(desk, clock, "/api/v1/clients?tax_id=900&")

    @pytest.mark.parametrize("table", ["clients/cl-000001", "projects/pj-000001", "people/pe-000001"])
    def test_they_are_never_deleted(self, desk, clock, table):
        """Who left is not active; what ended is closed."""
        assert 405 == ask(desk, clock, "DELETE", f"/api/v1/{table}", If_Match="*")[0]

    def test_a_ticket_of_a_client_that_is_not_there(self, desk, clock):
        """Refused: a ticket points at a client or at none."""
        body = {"subject": "x", "client_id": "cl-999999"}
        status, problem, _ = ask(desk, clock, "POST", "/api/v1/tickets", body, Idempotency_Key="k")
        assert (422, "client_id") == (status, problem["errors"][0]["field"])


class TestAllocations:
    NEW = {"person_code": "E-1", "project_code": "P-1", "hours_per_week": "20", "starts_on": "2026-11-01"}

    def test_made_changed_and_ended(self, desk, clock):
        """With an external reference that reads it back; deleted with a tombstone."""
        body = self.NEW | {"external_ref": "a1"}
        _, made, _ = ask(desk, clock, "POST", "/api/v1/allocations", body, Idempotency_Key="k")
        assert ("20.00", None) == (made["hours_per_week"], made["ends_on"])
        assert [made["id"]] == pages(desk, clock, "/api/v1/allocations?external_ref=a1&")
        path = f"/api/v1/allocations/{made['id']}"
        assert 200 == ask(desk, clock, "PATCH", path, {"ends_on": "2026-12-31"}, If_Match='"1"')[0]
        assert 412 == ask(desk, clock, "DELETE", path, If_Match='"1"')[0]
        assert 204 == ask(desk, clock, "DELETE", path, If_Match='"2"')[0]
        assert [made["id"]] == pages(desk, clock, "/api/v1/allocations?include_deleted=true&")

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"person_code": "E-9"}, "person_code"),
            ({"hours_per_week": "169"}, "hours_per_week"),
            ({"hours_per_week": "0"}, "hours_per_week"),
            ({"ends_on": "2026-10-31"}, "ends_on"),
            ({"starts_on": None}, "starts_on"),
        ],
    )
    def test_what_cannot_be(self, desk, clock, wrong, field):
        """Somebody unknown, more than a week has, an end before the beginning."""
        status, problem, _ = ask(desk, clock, "POST", "/api/v1/allocations", self.NEW | wrong, Idempotency_Key="k")
        assert (422, [field]) == (status, [one["field"] for one in problem["errors"]])


class TestProjects:
    def test_by_code(self, desk, clock):
        """As in the ERP; closed instead of deleted."""
        body = {"code": "P-1", "name": "Mesa", "client_id": "cl-000001"}
        _, made, _ = ask(desk, clock, "POST", "/api/v1/projects", body, Idempotency_Key="k")
        path = f"/api/v1/projects/{made['id']}"
        assert "closed" == ask(desk, clock, "PATCH", path, {"status": "closed"}, If_Match='"1"')[1]["status"]
        assert [made["id"]] == pages(desk, clock, "/api/v1/projects?code=P-1&")


class TestWebhooks:
    def test_signed_as_the_standard_says(self, desk, clock):
        """HMAC-SHA256 of id, time and body with the shared secret; the message holds no content of the record."""
        message = desk.webhook("tickets", "tk-000001", clock)
        headers = dict(message.headers)
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message.body
        secret = base64.b64decode(desk.webhook_secret.removeprefix("whsec_"))
        assert (
            headers["webhook-signature"]
            == "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        )
        told = json.loads(message.body)
        assert {"table": "tickets", "id": "tk-000001", "revision": 4, "deleted": False} == told["data"]
        assert "Uno" not in message.body.decode()

    @pytest.mark.parametrize("changed", ["nothing", "body", "time", "secret", "signature"])
    def test_what_was_tampered_with_is_not_genuine(self, desk, clock, changed):
        """Whatever it is that somebody changed on the way."""
        message, secret = desk.webhook("tickets", "tk-000001", clock), desk.webhook_secret
        headers = dict(message.headers)
        if changed == "time":
            headers["webhook-timestamp"] = "0"
        elif changed == "signature":
            del headers["webhook-signature"]
        elif changed == "secret":
            secret = PeriticketEmulator(seed=2).webhook_secret
        body = message.body + (b" " if changed == "body" else b"")
        sent = Message(tuple(headers.items()), body)
        assert (changed == "nothing") == is_genuine(sent, secret=secret)

    def test_each_change_is_another_message(self, desk, clock):
        """A repeated one has the same id: receivers tell them apart by it."""
        first, again = (dict(desk.webhook("tickets", "tk-000001", clock).headers)["webhook-id"] for _ in range(2))
        desk.amend("tickets", "tk-000001", {"status": "closed"}, clock)
        assert first == again != dict(desk.webhook("tickets", "tk-000001", clock).headers)["webhook-id"]
