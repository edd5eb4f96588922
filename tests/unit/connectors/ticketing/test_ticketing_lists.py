"""Lists of any style through a profile: pages, changes, look-ups; and what a server may do meanwhile."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from periferia_link.connectors.ticketing import TicketHooks, Ticketing, load_profile
from periferia_link.connectors.ticketing.catalogue import profile_from
from periferia_link.domain import Ref
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractBrokenError,
    OriginError,
    PaginationError,
)
from periferia_link.settings import ApiKeySettings, LoginSettings, StaticTokenSettings, SystemSettings
from periferia_link.testing import ManualClock
from periferia_link.typing import Response

URL = "https://desk.example"
NOW = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)


class Server:
    """A server made of a function of path and query; it keeps what it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.headers = []

    def send(self, request, *, deadline):
        parts = urlsplit(request.url)
        query = {name: values if len(values) > 1 else values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append((request.method, parts.path, query))
        self.headers.append(dict(request.headers))
        answer = self.answer(parts.path, query)
        status, body, headers = answer if isinstance(answer, tuple) else (200, answer, ())
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(status, (("Content-Type", "application/json"), *headers), content)

    def close(self):
        pass


def profile(kind=None, **tables):
    ticket = {"path": "tickets", "fields": {"title": "subject", "updated_at": "updated"}, **(kind or {})}
    whole = {"profile": 1, "name": "here", "title": "Here", "kinds": {"Ticket": ticket}}
    return profile_from({**whole, **tables})


def desk(server, described, **options):
    given = {"token": SecretStr("t-secret")} | options
    return Ticketing(URL, profile=described, clock=ManualClock(NOW), wire=server, **given)


def tickets(count):
    return [{"id": n, "subject": f"Caso {n}", "updated": f"2026-11-20T1{n % 3}:00:00Z"} for n in range(1, count + 1)]


def keys(connector, since=None):
    return [row.key for page in connector.pull("Ticket", since) for row in page.rows]


ALL = [str(n) for n in range(1, 8)]


class TestStyles:
    """Seven tickets, three a page, in every style."""

    def test_no_pages(self):
        """Everything at once, at the top of the answer."""
        server = Server(lambda path, query: tickets(7))
        assert ALL == keys(desk(server, profile()))
        assert [("GET", "/tickets", {})] == server.asked

    @pytest.mark.parametrize("first", [0, 1])
    @pytest.mark.parametrize("past_end", ["empty", "404"])
    def test_numbers(self, first, past_end):
        """From zero or one; past the end there is nothing, or 404."""

        def answer(path, query):
            start = (int(query["page"]) - first) * 3
            rows = tickets(7)[start : start + 3]
            return (404, {"detail": "Invalid page."}, ()) if not rows and past_end == "404" else rows

        server = Server(answer)
        rules = {"kind": "page", "size": 3, "size_param": "per_page", "first": first, "past_end": past_end}
        assert ALL == keys(desk(server, profile(paging=rules)))
        assert {"3"} == {query["per_page"] for _, _, query in server.asked}

    def test_offsets_go_on_by_the_rows_received(self):
        """The server cuts the size in silence: asked for 500, it gives 2."""
        server = Server(lambda path, query: tickets(7)[int(query["offset"]) :][:2])
        assert ALL == keys(desk(server, profile(paging={"kind": "offset", "size": 500})))

    def test_next_links(self):
        """Followed as they are; the total of the answer is wrong and nobody asks it."""

        def answer(path, query):
            start = int(query.get("from", 0))
            following = f"{URL}/tickets?from={start + 3}" if start + 3 < 7 else None
            return {"rows": tickets(7)[start : start + 3], "links": {"next": following}, "total": 2}

        rules = {"kind": "next", "next": "links.next", "size_param": "n"}
        assert ALL == keys(desk(Server(answer), profile(paging=rules, list={"rows": "rows"})))

    def test_link_headers(self):
        """The next page in a header."""

        def answer(path, query):
            start = int(query.get("from", 0))
            more = (("Link", f'<{URL}/tickets?from={start + 3}>; rel="next", <{URL}/x>; rel="last"'),)
            return 200, tickets(7)[start : start + 3], more if start + 3 < 7 else ()

        assert ALL == keys(desk(Server(answer), profile(paging={"kind": "next", "next": "header:Link"})))

    def test_a_link_that_leads_away(self):
        """Nothing is sent to another origin."""
        server = Server(lambda path, query: {"rows": tickets(1), "next": "https://evil.example/tickets"})
        with pytest.raises(OriginError):
            keys(desk(server, profile(paging={"kind": "next"}, list={"rows": "rows"})))
        assert 1 == len(server.asked)

    def test_a_flag_says_that_it_is_done(self):
        """The cursor is there on the last page, too."""

        def answer(path, query):
            start = int(query.get("c", "k0")[1:])
            return {"rows": tickets(7)[start : start + 3], "after": f"k{start + 3}", "end": start + 3 >= 7}

        rules = {"kind": "cursor", "cursor": "after", "cursor_param": "c", "done": "end"}
        assert ALL == keys(desk(Server(answer), profile(paging=rules, list={"rows": "rows"})))

    @pytest.mark.parametrize("kind", ["page", "offset"])
    def test_pages_that_repeat(self, kind):
        """A server that ignores the number of the page does not keep anybody for ever."""
        with pytest.raises(PaginationError):
            keys(desk(Server(lambda path, query: tickets(3)), profile(paging={"kind": kind, "size": 3})))

    @pytest.mark.parametrize("kind", ["page", "offset"])
    def test_a_record_deleted_between_two_pages(self, kind):
        """The others move up; the total shrinks, and the pages before are read again."""
        rows = tickets(7)

        def answer(path, query):
            number = query.get("page")
            start = (int(number) - 1) * 3 if number else int(query["offset"])
            found = {"rows": rows[start : start + 3], "count": len(rows)}
            if start == 0 and len(rows) == 7:
                del rows[0]
                found["count"] = 7
            return found

        rules = {"kind": kind, "size": 3, "total": "count"}
        found = keys(desk(Server(answer), profile(paging=rules, list={"rows": "rows"})))
        assert set(ALL) == set(found)

    def test_rows_of_another_shape(self):
        """No list is no empty list."""
        with pytest.raises(ContractBrokenError, match="no list of records"):
            keys(desk(Server(lambda path, query: {"error": "x"}), profile(list={"rows": "rows"})))


class TestChanges:
    """What changed since: by a parameter, in a query, or not at all."""

    RULES = {"kind": {"updated": "updated"}}

    def test_a_parameter(self):
        """Its format is the server's; the pull goes on before the latest change."""
        server = Server(lambda path, query: tickets(3))
        connector = desk(
            server, profile(**self.RULES, since={"param": "activity", "value": "{since};", "format": "%Y%m%d.%H%M"})
        )
        cursor = list(connector.pull("Ticket"))[-1].cursor
        keys(connector, cursor)
        assert {"activity": "20261120.1158;"} == server.asked[-1][2]

    def test_a_query_language(self):
        """The moment stands inside a text; without one another text is sent."""
        server = Server(lambda path, query: tickets(1))
        told = {
            "param": "jql",
            "value": 'updated >= "{since}" ORDER BY key',
            "all": "ORDER BY key",
            "format": "%Y-%m-%d %H:%M",
        }
        connector = desk(server, profile(**self.RULES, since=told))
        cursor = list(connector.pull("Ticket"))[-1].cursor
        keys(connector, cursor)
        assert ["ORDER BY key", 'updated >= "2026-11-20 10:58" ORDER BY key'] == [q["jql"] for _, _, q in server.asked]

    def test_none(self):
        """Everything, every time: a scan, whatever cursor is given."""
        connector = desk(Server(lambda path, query: tickets(3)), profile())
        assert "scan" == connector.supports("Ticket").feed
        (page,) = connector.pull("Ticket", '{"since": null}')
        assert (True, True, None) == (page.is_scan, page.is_last, page.cursor)

    def test_a_numbered_list_goes_on_from_its_own_beginning(self):
        """What changed on a page that was read already is seen next time: by the clock of the server."""
        dated = (("Date", "Fri, 20 Nov 2026 11:00:00 GMT"),)
        server = Server(lambda path, query: (200, tickets(3) if query["page"] == "1" else [], dated))
        connector = desk(server, profile(**self.RULES, since={"param": "s"}, paging={"kind": "page"}))
        cursor = json.loads(list(connector.pull("Ticket"))[-1].cursor)
        assert "2026-11-20T10:58:00Z" == cursor["since"]

    def test_a_filter_that_is_ignored(self):
        """check asks for the year 2999 and refuses the server."""
        connector = desk(Server(lambda path, query: tickets(3)), profile(since={"param": "modified__gte"}))
        with pytest.raises(ContractBrokenError, match="ignores modified__gte"):
            connector.check()


class TestShapes:
    """Where the records are."""

    def test_inside_other_records(self):
        """Work logs in the comments of a ticket; the ticket's members are at hand."""
        kind = {
            "path": "tickets",
            "nested": "comments",
            "where": ["time"],
            "fields": {
                "person": {"path": "by", "as": "id"},
                "hours": {"path": "time", "as": "clock"},
                "worked_on": "on",
                "project": "^project",
                "ticket": "^id",
            },
        }
        row = {"id": 7, "project": "PRY-1", "comments": [{"id": 1, "on": "2026-11-19"}]}
        row["comments"].append({"id": 2, "by": 3, "on": "2026-11-19", "time": "01:30:00"})
        described = profile_from({"profile": 1, "name": "n", "title": "N", "kinds": {"TimeEntry": kind}})
        items = {"/tickets/7": row, "/tickets/9": (404, {}, ())}
        connector = desk(Server(lambda path, query: items.get(path, [row])), described)
        (page,) = connector.pull("TimeEntry")
        (entry,) = [connector.decode("TimeEntry", each) for each in page.rows]
        assert ("3", "PRY-1", Ref("helpdesk", "Ticket", "7")) == (entry.person, entry.project, entry.ticket)
        assert ["7/2"] == [each.key for each in connector.get("TimeEntry", ["7/2", "7/1", "9/9"])]

    def test_under_each_parent(self):
        """A list of work logs for every ticket."""
        kind = {
            "path": "tickets/{parent}/hours",
            "under": "Ticket",
            "fields": {"person": "by", "hours": {"path": "min", "as": "minutes"}, "worked_on": "on", "ticket": "^id"},
        }
        both = {"Ticket": {"path": "tickets", "fields": {"title": "subject"}}, "TimeEntry": kind}
        described = profile_from({"profile": 1, "name": "n", "title": "N", "kinds": both})
        logs = {"1": [{"id": 5, "by": "a", "min": 90, "on": "2026-11-19"}], "2": []}
        server = Server(lambda path, query: tickets(2) if path == "/tickets" else logs[path.split("/")[2]])
        pages = list(desk(server, described).pull("TimeEntry"))
        assert ["1/5"] == [row.key for page in pages for row in page.rows]
        assert [True] == [page.is_last for page in pages if page.is_last]

    def test_kept_in_the_profile(self):
        """People whom the server cannot list."""
        kind = {"records": [{"id": "7", "code": "E-1", "name": "Ana"}], "fields": {"code": "code", "name": "name"}}
        described = profile_from({"profile": 1, "name": "n", "title": "N", "kinds": {"Employee": kind}})
        server = Server(lambda path, query: [])
        assert ["E-1"] == [person.code for person in desk(server, described).each("Employee")]
        assert [] == server.asked

    def test_items_of_lists_that_lack_members(self):
        """Each listed record is read once more, where the profile says so."""
        described = profile(list={"hydrate": True, "record": "ticket", "item_params": {"include": "log"}})
        answer = {"ticket": {"id": 1, "subject": "Entero"}}
        server = Server(lambda path, query: answer if path == "/tickets/1" else [{"id": 1}])
        assert ["Entero"] == [ticket.title for ticket in desk(server, described).each("Ticket")]

    def test_a_history_at_an_address_of_its_own(self):
        """Read for each listed ticket."""
        events = {"path": "tickets/{id}/log", "list_rows": "rows", "at": "on", "member": "name", "new": "to"}
        kind = {"events": events, "fields": {"title": "subject", "status": {"path": "state", "map": "status"}}}
        described = profile(kind, map={"status": {"values": {"o": "open", "d": "resolved"}}})
        log = {"rows": [{"id": 1, "on": "2026-11-20T12:00:00Z", "name": "status", "to": "d"}]}
        server = Server(lambda path, query: log if path.endswith("/log") else [{"id": 1, "subject": "x", "state": "d"}])
        (ticket,) = desk(server, described).each("Ticket")
        assert ["resolved"] == [event.status for event in ticket.events]

    def test_letters_that_are_no_utf8(self):
        """The record is kept where the profile knows that quirk."""
        body = b'[{"id": 1, "subject": "se\xf1al"}]'
        described = profile(quirks={"bad_utf8": True})
        assert ["se\ufffdal"] == [t.title for t in desk(Server(lambda path, query: body), described).each("Ticket")]

    def test_hooks(self):
        """What a profile cannot say."""

        class Mine(TicketHooks):
            def row(self, kind, row):
                return {**row, "subject": row["subject"].upper()}

        connector = desk(Server(lambda path, query: tickets(1)), profile(), hooks=Mine())
        assert ["CASO 1"] == [ticket.title for ticket in connector.each("Ticket")]


class TestFinding:
    """By a value, whatever the server thinks of filters."""

    def test_quotes_in_a_query_language(self):
        """A value does not leave its quotes."""
        server = Server(lambda path, query: [])
        kind = {"find": {"number": {"param": "q", "value": 'key = "{value}"'}}}
        connector = desk(server, profile({**kind, "fields": {"title": "subject", "number": "key"}}))
        connector.find("Ticket", "number", ['a" or "1"="1'])
        assert 'key = "a\\" or \\"1\\"=\\"1"' == server.asked[0][2]["q"]

    def test_an_address_of_its_own(self):
        """Where the list of changes cannot be asked for a value."""
        server = Server(lambda path, query: {"found": tickets(2)})
        find = {"number": {"param": "n", "address": "search", "rows": "found"}}
        connector = desk(server, profile({"find": find, "fields": {"title": "subject", "number": "id"}}))
        assert [("2", "2")] == [(row.key, row.match) for row in connector.find("Ticket", "number", ["2"])]
        assert [("GET", "/search", {"n": "2"})] == server.asked


class TestCredentials:
    """How they travel, and which one a server takes."""

    def sent(self, auth, **given):
        server = Server(lambda path, query: [])
        with Ticketing(URL, profile=profile(auth=auth), wire=server, clock=ManualClock(NOW), **given) as connector:
            keys(connector)
        return server.headers[0]

    @pytest.mark.parametrize(
        ("auth", "given", "header", "value"),
        [
            ({}, {"token": "abc"}, "Authorization", "Bearer abc"),
            ({"scheme": "Token"}, {"token": "abc"}, "Authorization", "Token abc"),
            ({"scheme": "Token token="}, {"token": "abc"}, "Authorization", "Token token=abc"),
            ({"header": "X-Token", "scheme": ""}, {"token": "abc"}, "X-Token", "abc"),
            ({"token_as": "basic-username"}, {"token": "abc"}, "Authorization", "Basic YWJjOlg="),
            (
                {"accepts": ["basic"], "username_suffix": "/token"},
                {"username": "a@x.co", "password": "p"},
                "Authorization",
                "Basic YUB4LmNvL3Rva2VuOnA=",
            ),
            ({"accepts": ["key"]}, {"key": "k", "key_header": "X-Redmine-API-Key"}, "X-Redmine-API-Key", "k"),
        ],
    )
    def test_each_way(self, auth, given, header, value):
        """Token, other words, other headers, basic, a key."""
        secrets = {k: v if k in ("username", "key_header") else SecretStr(v) for k, v in given.items()}
        assert value == self.sent(auth, **secrets)[header]

    def test_headers_by_method(self):
        """Those of writes do not travel with reads; the origin is filled in."""
        server = Server(lambda path, query: [])
        headers = {"read": {"X-R": "{origin}"}, "write": {"X-W": "1"}, "all": {"X-App": "{option.app}"}}
        keys(desk(server, profile(headers=headers), options={"app": "mine"}))
        sent = server.headers[0]
        assert (URL, "mine", None) == (sent["X-R"], sent["X-App"], sent.get("X-W"))

    def test_the_wrong_kind(self):
        """Told with what the server takes."""
        with pytest.raises(ConfigurationError, match="needs a username with its password"):
            desk(Server(None), profile(auth={"accepts": ["basic"]}))

    @pytest.mark.parametrize("me", [{}, {"login": None}, {"login": "anonymous"}])
    def test_nobody(self, me):
        """A server that answers 200 to a wrong key does not fool anybody."""
        auth = {"who": {"path": "me", "identity": "login", "anonymous": ["", "anonymous"]}}
        connector = desk(Server(lambda path, query: me if path == "/me" else []), profile(auth=auth))
        with pytest.raises(AuthenticationError, match="as nobody"):
            connector.check()


class TestConfigured:
    """From a table of periferia.toml."""

    def settings(self, **changes):
        values = {"name": "desk", "connector": "ticketing", "url": URL, "options": {"profile": "roundup"}}
        login = LoginSettings(username="u", password=SecretStr("p"))
        return SystemSettings(**(values | {"credential": login} | changes))

    def test_a_shipped_profile(self):
        """By its name."""
        with Ticketing.configured("desk", self.settings()) as connector:
            assert ("desk", "Roundup") == (connector.name, connector.profile.title)

    def test_a_file(self, tmp_path):
        """By its path; columns of this installation on top."""
        path = tmp_path / "mine.toml"
        path.write_text('extends = "redmine"\nname = "mine"\ntitle = "Mine"\n', encoding="utf-8")
        key = ApiKeySettings(key=SecretStr("k"), header="X-Redmine-API-Key")
        changes = {"fields": {"Ticket": {"columns": {"title": "asunto"}}}, "options": {"profile": str(path)}}
        with Ticketing.configured("desk", self.settings(credential=key, **changes)) as connector:
            assert "asunto" == connector.fields["Ticket"].column("title")

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"url": None}, "needs an address"),
            ({"options": {}}, "option profile is missing"),
            ({"options": {"profile": "roundap"}}, "no profile roundap"),
            ({"options": {"profile": "nowhere.toml"}}, "cannot be read"),
            ({"options": {"profile": "roundup", "pages": 1}}, "no option pages"),
            ({"options": {"profile": "roundup", "page_size": 0}}, "whole number from 1"),
            ({"credential": StaticTokenSettings(token=SecretStr("t"))}, "needs a username"),
        ],
    )
    def test_mistakes(self, changes, told):
        """Each is told with the next step."""
        with pytest.raises(ConfigurationError, match=told) as caught:
            Ticketing.configured("desk", self.settings(**changes))
        assert caught.value.hint


class TestProfiles:
    """What may stand in a profile."""

    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ({"kinds": {}}, "kinds"),
            ({"kinds": {"Tiket": {}}}, "no such kind"),
            ({"kinds": {"Ticket": {"fields": {"asunto": "x"}}}}, "no field asunto"),
            ({"kinds": {"Ticket": {"fields": {"status": {"path": "s", "map": "x"}}}}}, r"no table \[map.x\]"),
            ({"kinds": {"Ticket": {"write": {"modes": ["create"]}}}}, "a create needs"),
            ({"kinds": {"TimeEntry": {"under": "Ticket"}}}, r"no \[kinds.Ticket\]"),
            ({"kinds": {"Ticket": {"paeging": {}}}}, "paeging"),
            ({"times": {"zone": "Bogota/America"}}, "no time zone"),
            ({"kinds": {"Ticket": {"fields": {"title": {"path": "x", "pattern": "("}}}}}, "no regular expression"),
            ({"extends": "nobody"}, "extends names no profile"),
        ],
    )
    def test_mistakes(self, table, told):
        """Named, with the place and without the value."""
        whole = {"profile": 1, "name": "n", "title": "N", "kinds": {"Ticket": {}}, **table}
        with pytest.raises(ConfigurationError, match=told):
            profile_from(whole)

    def test_what_holds_for_all_kinds(self):
        """Each kind says only what differs; an empty parameter takes a filter back."""
        loaded = load_profile("freshservice")
        assert ("tickets", "agents") == (loaded.kinds["Ticket"].listing.rows, loaded.kinds["Employee"].listing.rows)
        assert ("updated_since", None) == (loaded.kinds["Ticket"].since.param, loaded.kinds["Employee"].since.param)
