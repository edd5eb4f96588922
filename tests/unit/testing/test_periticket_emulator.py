"""The stand-in of Periticket: it says what the contract page says, and refuses what it refuses."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.periticket import LOADED_AT, PeriticketEmulator
from periferia_link.typing import Request

CONTRACT = Path(__file__).parents[3] / "docs" / "reference" / "periticket-contract.md"
BLOCK = re.compile(r"^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))


@pytest.fixture
def desk(clock):
    return populated(PeriticketEmulator(), clock)


def populated(desk, clock):
    """The records that the contract page talks about; an hour passes while they are made."""
    desk.enter("people", {"employee_code": "E-1001", "name": "Ana Ruiz", "email": "ana.ruiz@periferia.example"}, clock)
    desk.enter(
        "people", {"employee_code": "E-1002", "name": "Luis Mora", "email": "luis.mora@periferia.example"}, clock
    )
    client = {"name": "Seguros Cordillera S.A.", "tax_id": "900123456-8", "tier": "A", "renewal_on": "2027-01-31"}
    desk.enter("clients", client | {"value": "480000000", "currency": "COP"}, clock)
    desk.enter("projects", {"code": "PRY-001", "name": "Mesa de ayuda", "client_id": "cl-000001"}, clock)
    given = {"person_code": "E-1001", "project_code": "PRY-001", "hours_per_week": "20", "starts_on": "2026-11-01"}
    desk.enter("allocations", given, clock)
    ticket = {"type": "incident", "subject": "No abre el portal", "client_id": "cl-000001", "priority": "normal"}
    asked = {"requester_email": "mesa@cliente.example", "project_code": "PRY-001", "channel": "portal"}
    desk.enter("tickets", ticket | asked, clock)
    clock.advance(300)
    worked = {"project_code": "PRY-001", "cost_centre": "CC-10", "worked_on": "2026-11-19"}
    desk.enter(
        "worklogs",
        worked | {"person_id": "pe-000001", "ticket_id": "tk-000001", "hours": "7.5", "note": "Análisis"},
        clock,
    )
    desk.enter("worklogs", worked | {"person_id": "pe-000002", "hours": "8", "status": "submitted"}, clock)
    desk.enter("worklogs", worked | {"person_id": "pe-000002", "hours": "2.25", "billable": False}, clock)
    clock.advance(300)
    desk.amend("worklogs", "wl-000001", {"status": "approved"}, clock)
    desk.amend("tickets", "tk-000001", {"status": "in_progress", "assignee_id": "pe-000001"}, clock)
    clock.advance(300)
    desk.discard("worklogs", "wl-000003", clock)
    clock.advance(2700)
    return desk


def ask(desk, clock, method, path, *, body=None, token=None, **headers):
    """One request; what came back, and the JSON in it."""
    sent = {"Authorization": f"Bearer {token or desk.credentials()['token']}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    answer = desk.handle(Request(method, f"https://desk.example{path}", tuple(sent.items()), content), clock)
    return answer, json.loads(answer.body) if answer.body else None


def documented(text, secrets):
    """A request as the contract page writes it."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.strip().splitlines()
    method, path = first.split(" ", 1)
    for placeholder, secret in secrets.items():
        head_of, body = [line.replace(placeholder, secret) for line in lines], body.replace(placeholder, secret)
        lines = head_of
    headers = tuple(tuple(line.split(": ", 1)) for line in lines)
    return Request(method, f"https://desk.example{path}", headers, body.strip().encode())


class TestTheContractPage:
    """What docs/reference/periticket-contract.md shows is what the emulator does."""

    def test_every_example_is_exact(self, desk, clock):
        """The requests of the page, sent in their order, have the answers of the page."""
        secrets = {"<token>": desk.credentials()["token"], "<password>": desk.credentials()["password"]}
        blocks = BLOCK.findall(CONTRACT.read_text(encoding="utf-8"))
        assert len(blocks) >= 30
        for asked, answered in zip(blocks[::2], blocks[1::2], strict=True):
            answer = desk.handle(documented(asked, secrets), clock)
            head, _, body = answered.partition("\n\n")
            status, *headers = head.strip().splitlines()
            assert int(status.split(" ")[0]) == answer.status, asked
            for line in headers:
                name, value = line.split(": ", 1)
                assert value == answer.header(name), asked
            assert (json.loads(body) if body.strip() else None) == (json.loads(answer.body) if answer.body else None)


class TestSigningIn:
    """A token or a session; nothing else."""

    @pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer nope", "Basic cGVyaTpsaW5r", "nope"])
    def test_without_a_good_token_nothing_is_told(self, desk, clock, sent):
        """401 with a problem body and a challenge, whatever the path."""
        for path in ("/api/v1/me", "/api/v1/worklogs", "/api/v1/nowhere"):
            request = Request("GET", f"https://desk.example{path}", (("Authorization", sent),))
            answer = desk.handle(request, clock)
            assert 401 == answer.status
            assert "application/problem+json" == answer.header("Content-Type")
            assert 'Bearer realm="Periticket"' == answer.header("WWW-Authenticate")

    def test_a_session_ends_after_an_hour(self, desk, clock):
        """The token of a session is refused from then on; a new sign-in gives another one."""
        login = {key: desk.credentials()[key] for key in ("username", "password")}
        _, first = ask(desk, clock, "POST", "/api/v1/session", body=login)
        assert 200 == ask(desk, clock, "GET", "/api/v1/me", token=first["token"])[0].status
        clock.advance(3600)
        assert 401 == ask(desk, clock, "GET", "/api/v1/me", token=first["token"])[0].status
        _, second = ask(desk, clock, "POST", "/api/v1/session", body=login)
        assert first["token"] != second["token"]
        assert 200 == ask(desk, clock, "GET", "/api/v1/me", token=second["token"])[0].status

    @pytest.mark.parametrize("body", [{}, {"username": "periferia-link"}, {"username": 1, "password": None}, []])
    def test_a_wrong_password_opens_nothing(self, desk, clock, body):
        """401, without a token."""
        answer, problem = ask(desk, clock, "POST", "/api/v1/session", body=body)
        assert 401 == answer.status
        assert "token" not in problem

    def test_a_missing_right_is_named(self, desk, clock):
        """403 says which right to give."""
        desk.rights.discard("people:read")
        answer, problem = ask(desk, clock, "GET", "/api/v1/people")
        assert (403, "people:read") == (answer.status, problem["missing_right"])

    def test_emulators_differ_by_seed(self):
        """Another seed is another installation with other credentials."""
        one, two = PeriticketEmulator(seed=1), PeriticketEmulator(seed=2)
        assert one.credentials() != two.credentials()


class TestLists:
    """Paging, filters and tombstones."""

    def pages(self, desk, clock, query):
        rows, cursor = [], ""
        while cursor is not None:
            _, page = ask(desk, clock, "GET", f"/api/v1/worklogs?{query}{cursor and '&cursor=' + cursor}")
            rows.append([row["id"] for row in page["data"]])
            cursor = page["next_cursor"]
        return rows

    def listed(self, desk, clock, query):
        return [key for page in self.pages(desk, clock, query) for key in page]

    def test_pages_are_sorted_by_change_and_id(self, desk, clock):
        """Equal instants are ordered by id; the last page has no next one."""
        desk.load({"worklogs": [{"id": f"x{n}", "updated_at": "2026-11-20T14:05:00Z"} for n in (3, 1, 2)]})
        assert [["wl-000002", "x1"], ["x2", "x3"], ["wl-000001"]] == self.pages(desk, clock, "limit=2")

    def test_a_record_that_changes_while_it_is_read_is_not_lost(self, desk, clock):
        """It moves to the end: the cursor stands behind a record, not at a position."""
        desk.load({"worklogs": [{"id": f"x{n}", "person_id": "pe-000001"} for n in range(4)]})
        _, first = ask(desk, clock, "GET", "/api/v1/worklogs?limit=2")
        desk.amend("worklogs", "x0", {"note": "corregido"}, clock)
        _, rest = ask(desk, clock, "GET", f"/api/v1/worklogs?limit=100&cursor={first['next_cursor']}")
        assert ["x2", "x3", "wl-000002", "wl-000001", "x0"] == [row["id"] for row in rest["data"]]

    def test_the_limit_is_clamped_without_a_word(self, desk, clock):
        """Asked for 1000, 200 come."""
        desk.load({"worklogs": [{"id": f"x{n:03}"} for n in range(250)]})
        assert [200, 52] == [len(page) for page in self.pages(desk, clock, "limit=1000")]

    def test_since_includes_its_own_second(self, desk, clock):
        """The boundary is in: a reader that stopped there misses nothing."""
        _, page = ask(desk, clock, "GET", "/api/v1/worklogs?updated_since=2026-11-20T09:10:00-05:00")
        assert ["wl-000001"] == [row["id"] for row in page["data"]]

    @pytest.mark.parametrize(
        "query",
        [
            "updated_since=2026-11-20T00:00:00",
            "updated_since=yesterday",
            "limit=0",
            "limit=-1",
            "limit=many",
            "limit=1&limit=2",
            "status=approved",
            "updatedSince=2026-11-20T00:00:00Z",
        ],
    )
    def test_a_malformed_question_is_refused(self, desk, clock, query):
        """A parameter that is wrong or unknown is never ignored."""
        answer, problem = ask(desk, clock, "GET", f"/api/v1/worklogs?{query}")
        assert (400, "urn:periticket:problem:bad-parameter") == (answer.status, problem["type"])

    @pytest.mark.parametrize("cursor", ["nonsense", "W10", "WzEsMiwzXQ", "%F0%9F%9A%A8"])
    def test_an_unknown_cursor_is_gone(self, desk, clock, cursor):
        """410, and the reader begins again."""
        answer, problem = ask(desk, clock, "GET", f"/api/v1/worklogs?cursor={cursor}")
        assert (410, "urn:periticket:problem:cursor-expired") == (answer.status, problem["type"])

    def test_a_cursor_lives_for_a_day(self, desk, clock):
        """After 24 hours it is gone."""
        _, page = ask(desk, clock, "GET", "/api/v1/worklogs?limit=1")
        path = f"/api/v1/worklogs?limit=1&cursor={page['next_cursor']}"
        clock.advance(24 * 3600)
        assert 200 == ask(desk, clock, "GET", path)[0].status
        clock.advance(1)
        assert 410 == ask(desk, clock, "GET", path)[0].status

    def test_tombstones_show_only_when_asked_for(self, desk, clock):
        """A deleted record is absent otherwise, by list and by id."""
        assert "wl-000003" not in self.listed(desk, clock, "limit=200")
        assert "wl-000003" in self.listed(desk, clock, "include_deleted=true")
        assert 404 == ask(desk, clock, "GET", "/api/v1/worklogs/wl-000003")[0].status
        assert [[]] == self.pages(desk, clock, "ids=wl-000003")

    def test_tombstones_go_after_ninety_days(self, desk, clock):
        """They are no longer listed, and a reader who would miss them is told."""
        clock.advance(91 * 86400)
        assert "wl-000003" not in self.listed(desk, clock, "include_deleted=true")
        path = "/api/v1/worklogs?include_deleted=true&updated_since=2026-11-20T00:00:00Z"
        answer, problem = ask(desk, clock, "GET", path)
        assert (410, "urn:periticket:problem:tombstones-expired") == (answer.status, problem["type"])

    def test_filters_are_exact(self, desk, clock):
        """A value finds itself, not what contains it."""
        for code, found in (("E-1001", 1), ("E-100", 0), ("e-1001", 0), ("", 0), ("E-1001%27%20or%201%20eq%201", 0)):
            assert found == len(ask(desk, clock, "GET", f"/api/v1/people?employee_code={code}")[1]["data"]), code


class TestItems:
    """Reading, changing and deleting one record."""

    def test_an_unchanged_item_is_not_sent_again(self, desk, clock):
        """If-None-Match with the revision answers 304 without a body."""
        answer, _ = ask(desk, clock, "GET", "/api/v1/worklogs/wl-000001")
        again, body = ask(desk, clock, "GET", "/api/v1/worklogs/wl-000001", If_None_Match=answer.header("ETag"))
        assert (304, None) == (again.status, body)

    def test_a_change_raises_the_revision_within_the_second(self, desk, clock):
        """Two changes in one second have one instant and two revisions."""
        seen = [desk.amend("worklogs", "wl-000002", {"note": note}, clock) for note in ("uno", "dos")]
        assert 1 == len({row["updated_at"] for row in seen})
        assert [2, 3] == [row["revision"] for row in seen]

    @pytest.mark.parametrize("method", ["PATCH", "DELETE"])
    def test_a_change_needs_the_revision_that_was_read(self, desk, clock, method):
        """428 without it, 412 with an old one; nothing is written."""
        body = {"note": "x"} if method == "PATCH" else None
        path = "/api/v1/worklogs/wl-000001"
        assert 428 == ask(desk, clock, method, path, body=body)[0].status
        assert 412 == ask(desk, clock, method, path, body=body, If_Match='"1"')[0].status
        assert 0 == sum(entry.wrote for entry in desk.log)

    def test_taking_the_approval_back(self, desk, clock):
        """approved_at follows the status."""
        assert desk.books["worklogs"]["wl-000001"]["approved_at"] == "2026-11-20T14:10:00Z"
        assert desk.amend("worklogs", "wl-000001", {"status": "rejected"}, clock)["approved_at"] is None

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("hours", "NaN"),
            ("hours", "0"),
            ("hours", "-1"),
            ("hours", "24.01"),
            ("hours", 7.5),
            ("hours", "1e1"),
            ("worked_on", "19/11/2026"),
            ("worked_on", None),
            ("billable", "yes"),
            ("status", "done"),
            ("person_id", "pe-999999"),
            ("ticket_id", "tk-999999"),
            ("note", "x" * 4001),
            ("project_code", ""),
            ("approved_at", "2026-11-20T14:10:00Z"),
            ("revision", 7),
        ],
    )
    def test_values_that_are_refused(self, desk, clock, member, value):
        """422 names the member; the record stays as it was."""
        before = dict(desk.books["worklogs"]["wl-000001"])
        answer, problem = ask(desk, clock, "PATCH", "/api/v1/worklogs/wl-000001", body={member: value}, If_Match="*")
        assert (422, [member]) == (answer.status, [fault["field"] for fault in problem["errors"]])
        assert before == desk.books["worklogs"]["wl-000001"]

    @pytest.mark.parametrize(
        ("due_at", "kept"),
        [("2026-11-21T17:00:00-05:00", "2026-11-21T22:00:00Z"), (None, None), ("2026-11-21T17:00:00", 422), (7, 422)],
    )
    def test_a_due_instant_has_a_zone(self, desk, clock, due_at, kept):
        """It is kept in UTC; without a zone it is refused."""
        answer, body = ask(desk, clock, "PATCH", "/api/v1/tickets/tk-000001", body={"due_at": due_at}, If_Match="*")
        assert kept == (body["due_at"] if answer.status == 200 else answer.status)

    def test_a_closed_ticket_has_its_instant_and_its_events(self, desk, clock):
        """Closing and reopening set and clear closed_at, and are told as events."""
        closed = desk.amend("tickets", "tk-000001", {"status": "closed"}, clock)
        reopened = desk.amend("tickets", "tk-000001", {"status": "open"}, clock)
        assert ("2026-11-20T15:00:00Z", None) == (closed["closed_at"], reopened["closed_at"])
        _, page = ask(desk, clock, "GET", "/api/v1/tickets/tk-000001/events")
        told = [(event["old"], event["new"]) for event in page["data"] if event["member"] == "status"]
        assert [(None, "new"), ("new", "in_progress"), ("in_progress", "closed"), ("closed", "open")] == told


class TestCreating:
    """One record for one key."""

    NEW = {"person_id": "pe-000001", "worked_on": "2026-11-20", "hours": "1.5"}

    def test_a_replay_makes_no_second_record(self, desk, clock):
        """The same key and body answer with the first record; the log shows one write."""
        first, made = ask(desk, clock, "POST", "/api/v1/worklogs", body=self.NEW, Idempotency_Key="k1")
        again, same = ask(desk, clock, "POST", "/api/v1/worklogs", body=self.NEW, Idempotency_Key="k1")
        assert (201, f"/api/v1/worklogs/{made['id']}") == (first.status, first.header("Location"))
        assert (201, "true", made) == (again.status, again.header("Idempotency-Replayed"), same)
        assert [1, 0] == [entry.wrote for entry in desk.log]

    def test_a_key_is_forgotten_after_thirty_days(self, desk, clock):
        """From then on it is a new create: callers read back instead of trusting the key."""
        ask(desk, clock, "POST", "/api/v1/worklogs", body=self.NEW, Idempotency_Key="k1")
        clock.advance(31 * 86400)
        again, _ = ask(desk, clock, "POST", "/api/v1/worklogs", body=self.NEW, Idempotency_Key="k1")
        assert again.header("Idempotency-Replayed") is None

    def test_a_taken_reference_names_its_owner(self, desk, clock):
        """409 says which record has the external_ref, deleted or not."""
        new = self.NEW | {"external_ref": "ref-1"}
        _, made = ask(desk, clock, "POST", "/api/v1/worklogs", body=new, Idempotency_Key="k1")
        desk.discard("worklogs", made["id"], clock)
        answer, problem = ask(desk, clock, "POST", "/api/v1/worklogs", body=new, Idempotency_Key="k2")
        assert (409, made["id"]) == (answer.status, problem["existing"])

    @pytest.mark.parametrize(
        ("body", "headers", "status"),
        [
            (NEW, {}, 400),
            (b"{", {"Idempotency_Key": "k"}, 400),
            (b"[]", {"Idempotency_Key": "k"}, 400),
            ({}, {"Idempotency_Key": "k"}, 422),
            (NEW, {"Idempotency_Key": "k", "Content_Type": "text/plain"}, 415),
        ],
    )
    def test_a_malformed_create_is_refused(self, desk, clock, body, headers, status):
        """Nothing is made and nothing is remembered under the key."""
        assert status == ask(desk, clock, "POST", "/api/v1/worklogs", body=body, **headers)[0].status
        assert {} == desk.books["idempotency_keys"]

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("POST", "/api/v1/people", 405),
            ("PATCH", "/api/v1/people/pe-000001", 405),
            ("PUT", "/api/v1/worklogs/wl-000001", 405),
            ("GET", "/api/v1/session", 405),
            ("GET", "/api/v1/nowhere", 404),
            ("GET", "/api/v1/tickets/tk-999999/events", 404),
            ("GET", "/", 404),
        ],
    )
    def test_what_is_not_offered(self, desk, clock, method, path, status):
        """People are read-only; other methods and paths do not exist."""
        body = {} if method in {"POST", "PATCH", "PUT"} else None
        assert status == ask(desk, clock, method, path, body=body)[0].status


class TestTheBooks:
    """What tests and demos put in."""

    def test_loaded_records_get_the_members_they_lack(self, clock):
        """load() fills in defaults, keeps hostile values and merges with what is there."""
        desk = PeriticketEmulator()
        desk.load({"worklogs": [{"id": "w1", "hours": "NaN"}]})
        desk.load({"worklogs": [{"id": "w1", "note": "después"}]})
        row = desk.books["worklogs"]["w1"]
        assert ("NaN", "después", 1, LOADED_AT) == (row["hours"], row["note"], row["revision"], row["updated_at"])

    def test_new_ids_avoid_loaded_ones(self, clock):
        """A record that was loaded is never overwritten by a new one."""
        desk = PeriticketEmulator()
        desk.load({"people": [{"id": "pe-000001", "employee_code": "E-1", "name": "Ana"}]})
        assert "pe-000002" == desk.enter("people", {"employee_code": "E-2", "name": "Luis"}, clock)["id"]

    def test_reset_forgets_everything(self, desk, clock):
        """Books, sessions and numbers are as new."""
        desk.reset()
        assert {} == {name: rows for name, rows in desk.books.items() if rows}
        assert "pe-000001" == desk.enter("people", {"employee_code": "E-1", "name": "Ana"}, clock)["id"]
