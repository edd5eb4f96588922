"""Periticket: work logs and people by time of change, read to the last one, never trusted blindly."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from periferia_link.connectors.periticket import Periticket
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractBrokenError,
    ExpiredCursorError,
    PaginationError,
    PermissionDeniedError,
    TransientError,
)
from periferia_link.settings import ApiKeySettings, LoginSettings, StaticTokenSettings, SystemSettings
from periferia_link.testing.contract import BreakableWire
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.periticket import PeriticketEmulator
from periferia_link.typing import Response

URL = "https://helpdesk.periferia.example"
WORKED = {"person_id": "pe-000001", "worked_on": "2026-11-19", "hours": "7.50", "project_code": "PRY-1"}
WORKLOG = WORKED | {"id": "wl-1", "updated_at": "2026-11-20T14:10:00Z", "deleted_at": None, "revision": 3}
PERSON = {"id": "pe-1", "employee_code": "E-1001", "name": "Ana Ruiz", "updated_at": "2026-11-20T14:10:00Z"}


class Scripted:
    """A server that says what it is told; it keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def send(self, request, *, deadline):
        parts = urlsplit(request.url)
        self.asked.append((request.method, parts.path, parse_qs(parts.query)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(status, (("Content-Type", "application/json"),), content)

    def close(self):
        pass


def page(*records, following=None):
    return {"data": list(records), "next_cursor": following}


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))


@pytest.fixture
def desk(clock):
    desk = PeriticketEmulator()
    desk.enter("people", {"employee_code": "E-1001", "name": "Ana Ruiz"}, clock)
    return desk


@pytest.fixture
def helpdesk(desk, clock):
    token = SecretStr(desk.credentials()["token"])
    with Periticket(URL, token=token, clock=clock, wire=InProcessWire({URL: desk}, clock), page_size=2) as helpdesk:
        yield helpdesk


def scripted(clock, *answers, **options):
    wire = Scripted(*answers)
    return Periticket(URL, token=SecretStr("t"), clock=clock, wire=wire, **options), wire


def read_all(connector, kind="TimeEntry", since=None):
    pages = list(connector.pull(kind, since))
    return (
        [row for each in pages for row in each.rows],
        [key for each in pages for key in each.deleted],
        pages[-1].cursor,
    )


class TestCheck:
    """Who answers, and whether it keeps its contract."""

    def test_who_is_there(self, helpdesk):
        """Installation, version, account; nothing is missing."""
        info = helpdesk.check()
        assert ("periticket-0001", "Periticket", "4.2.0") == (info.system_id, info.product, info.version)
        assert ("periferia-link", [], None) == (info.identity, info.missing, info.next_step)

    def test_a_missing_right(self, helpdesk, desk):
        """It is named with the next step, not tried."""
        desk.rights.discard("worklogs:read")
        info = helpdesk.check()
        assert ["worklogs:read"] == info.missing
        assert "worklogs:read" in info.next_step

    @pytest.mark.parametrize("me", [{}, [], {"instance_id": None}, {"instance_id": " "}, {"instance_id": 7}])
    def test_a_server_that_does_not_say_which_one_it_is(self, clock, me):
        """Test and production could not be told apart: refused."""
        with pytest.raises(ContractBrokenError, match="instance_id"):
            scripted(clock, me)[0].check()

    def test_a_server_that_ignores_the_filter(self, clock):
        """Rows changed after the year 2999 prove it: refused."""
        me = {"instance_id": "x", "rights": ["worklogs:read", "people:read"]}
        with pytest.raises(ContractBrokenError, match="updated_since"):
            scripted(clock, me, page(WORKLOG))[0].check()


class TestPull:
    """Changes, deletions and the cursor."""

    def seed(self, desk, clock, count):
        return [desk.enter("worklogs", WORKED, clock)["id"] for _ in range(count)]

    def test_an_unapproved_entry_is_listed(self, helpdesk, desk, clock):
        """Whether it counts is the flow's question."""
        self.seed(desk, clock, 1)
        (row,), _, _ = read_all(helpdesk)
        assert helpdesk.decode("TimeEntry", row).approved_at is None

    def test_only_changes_after_the_overlap_come_again(self, helpdesk, desk, clock):
        """Two minutes behind the latest change nothing is read twice."""
        old, _ = self.seed(desk, clock, 2)
        clock.advance(121)
        newest = desk.enter("worklogs", WORKED, clock)["id"]
        _, _, cursor = read_all(helpdesk)
        assert [newest] == [row.key for row in read_all(helpdesk, since=cursor)[0]]
        desk.amend("worklogs", old, {"note": "corregido"}, clock)
        assert [newest, old] == sorted((row.key for row in read_all(helpdesk, since=cursor)[0]), reverse=True)

    def test_a_late_commit_is_seen(self, helpdesk, desk, clock):
        """A record that appears with a time before the latest one is within the overlap."""
        self.seed(desk, clock, 1)
        _, _, cursor = read_all(helpdesk)
        late = "2026-11-20T13:58:30Z"
        desk.load({"worklogs": [WORKED | {"id": "late", "updated_at": late}]})
        assert "late" in [row.key for row in read_all(helpdesk, since=cursor)[0]]

    def test_times_may_go_backwards(self, clock):
        """The latest time counts, wherever it stands; an older cursor is never reached again."""
        times = ("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z")
        rows = [WORKLOG | {"id": f"w{n}", "updated_at": at} for n, at in enumerate(times)]
        helpdesk, wire = scripted(clock, page(*rows), page(rows[0]), page(), overlap=60)
        _, _, cursor = read_all(helpdesk)
        _, _, cursor = read_all(helpdesk, since=cursor)
        read_all(helpdesk, since=cursor)
        asked = [query["updated_since"] for _, _, query in wire.asked[1:]]
        assert [["2026-11-20T11:59:00Z"]] * 2 == asked

    def test_a_record_of_the_future_hides_nothing(self, helpdesk, desk, clock):
        """One record dated 2099 does not move the feed beyond now."""
        desk.load({"worklogs": [WORKED | {"id": "w2099", "updated_at": "2099-01-01T00:00:00Z"}]})
        _, _, cursor = read_all(helpdesk)
        clock.advance(3600)
        (key,) = self.seed(desk, clock, 1)
        assert key in [row.key for row in read_all(helpdesk, since=cursor)[0]]

    @pytest.mark.parametrize("strange", [None, "yesterday", 5e300, ["2026"], "2026-11-20T14:00:00"])
    def test_a_strange_time_parks_its_record_only(self, clock, strange):
        """The others go on; the feed is not moved by it."""
        helpdesk, _ = scripted(clock, page(WORKLOG, WORKLOG | {"id": "odd", "updated_at": strange}))
        rows, _, cursor = read_all(helpdesk)
        assert ["wl-1", "odd"] == [row.key for row in rows]
        assert "2026-11-20T13:58:00Z" == json.loads(cursor)["since"]

    def test_deletions_are_no_rows(self, helpdesk, desk, clock):
        """A tombstone is named once, on a first pull too."""
        keep, gone = self.seed(desk, clock, 2)
        _, _, cursor = read_all(helpdesk)
        desk.discard("worklogs", gone, clock)
        rows, deleted, _ = read_all(helpdesk, since=cursor)
        assert ([keep], [gone]) == ([row.key for row in rows], deleted)
        rows, deleted, _ = read_all(helpdesk)
        assert ([keep], [gone]) == ([row.key for row in rows], deleted)

    def test_a_cursor_older_than_the_tombstones(self, helpdesk, desk, clock):
        """The server refuses it, and everything is read again instead of missing a deletion."""
        self.seed(desk, clock, 1)
        _, _, cursor = read_all(helpdesk)
        clock.advance(91 * 86400)
        with pytest.raises(ExpiredCursorError, match="tombstones-expired"):
            read_all(helpdesk, since=cursor)

    def test_a_pull_goes_on_in_the_middle(self, helpdesk, desk, clock):
        """The cursor of a page continues the same list; the latest time seen before is not forgotten."""
        ids = self.seed(desk, clock, 5)
        first = next(iter(helpdesk.pull("TimeEntry")))
        rest, _, cursor = read_all(helpdesk, since=first.cursor)
        assert ids == [row.key for row in (*first.rows, *rest)]
        assert "2026-11-20T13:58:00Z" == json.loads(cursor)["since"]

    def test_a_page_cursor_that_is_too_old(self, helpdesk, desk, clock):
        """A day later the server has forgotten it: read everything again."""
        self.seed(desk, clock, 3)
        cursor = next(iter(helpdesk.pull("TimeEntry"))).cursor
        clock.advance(25 * 3600)
        with pytest.raises(ExpiredCursorError, match="cursor-expired"):
            read_all(helpdesk, since=cursor)

    def test_an_empty_page_is_not_the_end(self, clock):
        """Only a missing next cursor ends the list."""
        helpdesk, wire = scripted(clock, page(following="a"), page(WORKLOG, following="b"), page())
        rows, _, _ = read_all(helpdesk)
        assert ["wl-1"] == [row.key for row in rows]
        assert [None, ["a"], ["b"]] == [query.get("cursor") for _, _, query in wire.asked]

    @pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]])
    def test_pages_that_repeat(self, clock, cursors):
        """A page that was served before ends the pull, before a third round."""
        helpdesk, wire = scripted(clock, *(page(WORKLOG, following=cursor) for cursor in cursors))
        with pytest.raises(PaginationError):
            read_all(helpdesk)
        assert len(cursors) == len(wire.asked)

    def test_people_have_no_tombstones(self, clock):
        """The parameter is not sent where the contract has none."""
        helpdesk, wire = scripted(clock, page(PERSON))
        read_all(helpdesk, "Employee")
        assert [("GET", "/api/v1/people", {"limit": ["200"]})] == wire.asked

    @pytest.mark.parametrize(
        "body", [b"[]", b'{"data": {}}', b'{"data": [1]}', b'{"data": [], "next_cursor": 5}', b"{"]
    )
    def test_an_answer_of_another_shape(self, clock, body):
        """It is no empty page."""
        with pytest.raises(ContractBrokenError):
            read_all(scripted(clock, body)[0])

    @pytest.mark.parametrize("key", [None, "", [], True])
    def test_a_record_without_an_id(self, clock, key):
        """Nobody could ever compare it."""
        with pytest.raises(ContractBrokenError, match="worklogs has no id"):
            read_all(scripted(clock, page(WORKLOG | {"id": key}))[0])

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, ContractBrokenError),
            (403, PermissionDeniedError),
            (404, ContractBrokenError),
            (410, ExpiredCursorError),
        ],
    )
    def test_refusals(self, clock, status, error):
        """By status; the code of the problem is kept, its detail is not."""
        problem = {"type": "https://p.example/problems/the-code", "detail": "Ana Ruiz"}
        with pytest.raises(error) as caught:
            read_all(scripted(clock, (status, problem))[0])
        assert ("the-code", status, "helpdesk") == (caught.value.code, caught.value.status_code, caught.value.system)
        assert "Ana" not in f"{caught.value} {caught.value.to_dict()}"


class TestLookUps:
    """get and find."""

    def test_many_ids_in_few_requests(self, helpdesk, desk, clock):
        """A hundred records by id; the order of the ids is kept."""
        ids = [desk.enter("worklogs", WORKED, clock)["id"] for _ in range(100)]
        asked = [*reversed(ids), "wl-999999", "a,b", ""]
        assert list(reversed(ids)) == [row.key for row in helpdesk.get("TimeEntry", asked)]

    def test_a_filter_that_matches_parts(self, clock):
        """What was not asked for is not an answer."""
        helpdesk, _ = scripted(clock, page(PERSON, PERSON | {"id": "pe-2", "employee_code": "E-10012"}))
        assert [("pe-1", "E-1001")] == [(row.key, row.match) for row in helpdesk.find("Employee", "code", ["E-1001"])]

    def test_ids_are_compared_again(self, clock):
        """A server that ignores ids and lists everything does not fool anybody."""
        helpdesk, _ = scripted(clock, page(WORKLOG, WORKLOG | {"id": "wl-2"}))
        assert ["wl-2"] == [row.key for row in helpdesk.get("TimeEntry", ["wl-2"])]

    def test_time_entries_have_no_natural_key(self, helpdesk):
        """Searching them by one is a mistake of the caller."""
        with pytest.raises(ConfigurationError, match="TimeEntry by note"):
            helpdesk.find("TimeEntry", "note", ["x"])


class TestSigningIn:
    """A token, or a name and a password."""

    def login(self, desk, clock, wire=None, **changes):
        login = {"username": "periferia-link", "password": SecretStr(desk.credentials()["password"])} | changes
        return Periticket(URL, clock=clock, wire=wire or InProcessWire({URL: desk}, clock), **login)

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"username": "u"},
            {"password": SecretStr("p")},
            {"token": SecretStr("t"), "username": "u", "password": SecretStr("p")},
        ],
    )
    def test_one_of_the_two(self, given):
        """Neither, half or both is refused before anything is sent."""
        with pytest.raises(ConfigurationError, match="either a token, or a username"):
            Periticket(URL, **given)

    def test_one_session_for_many_requests(self, desk, clock):
        """It is opened at the first request, and not again."""
        with self.login(desk, clock) as helpdesk:
            helpdesk.check()
            read_all(helpdesk)
        assert 1 == sum(entry.path == "/api/v1/session" for entry in desk.log)

    def test_a_session_that_ended(self, desk, clock):
        """The next request signs in again by itself."""
        with self.login(desk, clock) as helpdesk:
            helpdesk.check()
            clock.advance(3601)
            assert (
                [],
                [],
                json.dumps({"since": None, "page": None, "latest": None}, separators=(",", ":")),
            ) == read_all(helpdesk)
        assert 2 == sum(entry.path == "/api/v1/session" for entry in desk.log)

    def test_one_sign_in_for_many_threads(self, desk, clock):
        """Who comes second waits for the first."""
        with self.login(desk, clock) as helpdesk:
            threads = [threading.Thread(target=helpdesk.get, args=("Employee", ["pe-000001"])) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert 1 == sum(entry.path == "/api/v1/session" for entry in desk.log)

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ((401, {}), AuthenticationError),
            ((403, {}), AuthenticationError),
            ((404, {}), ContractBrokenError),
            ((429, {}), TransientError),
            ((500, {}), TransientError),
            ((201, []), ContractBrokenError),
            ((201, b"<html>"), ContractBrokenError),
            ((201, {"token": ""}), ContractBrokenError),
            ((201, {"token": "a\r\nb"}), ContractBrokenError),
            ((201, {"token": 5}), ContractBrokenError),
        ],
    )
    def test_a_sign_in_that_fails(self, desk, clock, answer, error):
        """Every answer has its error, and no error shows the password."""
        wire = Scripted(answer)
        with self.login(desk, clock, wire) as helpdesk, pytest.raises(error) as caught:
            helpdesk.check()
        assert desk.credentials()["password"] not in f"{caught.value} {caught.value.to_dict()} {helpdesk!r}"

    def test_a_line_that_breaks_at_the_sign_in(self, desk, clock):
        """Nothing is at stake: it is tried again."""
        line = BreakableWire(InProcessWire({URL: desk}, clock), desk)
        line.next("reset", on="session")
        with self.login(desk, clock, line) as helpdesk:
            assert "periticket-0001" == helpdesk.check().system_id


class TestConfigured:
    """From a table of periferia.toml."""

    def settings(self, **changes):
        credential = StaticTokenSettings(token=SecretStr("ptk_x"))
        values = {"name": "desk", "connector": "periticket", "url": URL, "credential": credential}
        return SystemSettings(**(values | changes))

    def test_token_columns_and_options(self, desk, clock):
        """What stands in the table is what the connector uses."""
        settings = self.settings(
            credential=StaticTokenSettings(token=SecretStr(desk.credentials()["token"])),
            fields={"TimeEntry": {"columns": {"project": "obra"}}},
            options={"page_size": 1, "overlap": 30},
        )
        with Periticket.configured("desk", settings, clock=clock, wire=InProcessWire({URL: desk}, clock)) as helpdesk:
            assert ("desk", "obra") == (helpdesk.name, helpdesk.fields["TimeEntry"].column("project"))
            desk.enter("people", {"employee_code": "E-2", "name": "Luis"}, clock)
            _, _, cursor = read_all(helpdesk, "Employee")
        assert "2026-11-20T13:59:30Z" == json.loads(cursor)["since"]

    def test_name_and_password(self, desk, clock):
        """The other kind of credential."""
        login = LoginSettings(username="periferia-link", password=SecretStr(desk.credentials()["password"]))
        wire = InProcessWire({URL: desk}, clock)
        with Periticket.configured("desk", self.settings(credential=login), clock=clock, wire=wire) as helpdesk:
            assert "periticket-0001" == helpdesk.check().system_id

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"url": None}, "needs an address"),
            ({"credential": None}, "either a token"),
            ({"credential": ApiKeySettings(key=SecretStr("k"))}, "either a token"),
            ({"options": {"pages": 2}}, "no option pages"),
            ({"options": {"page_size": 0}}, "whole number from 1"),
            ({"options": {"overlap": "2 min"}}, "whole number from 0"),
            ({"options": {"overlap": True}}, "whole number from 0"),
            ({"fields": {"Lead": {}}}, "unknown kind Lead"),
        ],
    )
    def test_mistakes_in_the_table(self, changes, told):
        """Each is told with the next step."""
        with pytest.raises(ConfigurationError, match=told) as caught:
            Periticket.configured("desk", self.settings(**changes))
        assert caught.value.hint


class TestTheOverlap:
    """A watermark is only as good as the clock behind it."""

    @pytest.mark.parametrize("seconds", [0, 120])
    def test_without_one_a_late_commit_is_lost(self, desk, clock, seconds):
        """The test bites: an overlap of zero misses what the default sees."""
        token = SecretStr(desk.credentials()["token"])
        wire = InProcessWire({URL: desk}, clock)
        with Periticket(URL, token=token, clock=clock, wire=wire, overlap=seconds) as helpdesk:
            desk.enter("worklogs", WORKED, clock)
            _, _, cursor = read_all(helpdesk)
            before = (clock.now() - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
            desk.load({"worklogs": [WORKED | {"id": "late", "updated_at": before}]})
            assert (seconds > 0) == ("late" in [row.key for row in read_all(helpdesk, since=cursor)[0]])
