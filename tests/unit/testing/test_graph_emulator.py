"""The emulated Graph: tags, redirects, the feed, workbooks, batches, throttling, errors in both spellings."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from periferia_link.testing.emulators import ManualClock, make
from periferia_link.typing import Request


class Desk:
    def __init__(self):
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.graph = make("graph")
        self.graph.base_url, self.graph.downloads.base_url = "https://graph.example", "https://files.example"
        self.item = self.graph.put_file("a/b.csv", b"0123456789", self.clock)
        entra = self.graph.entra
        self.token = entra._issue("https://graph.microsoft.com", entra.credentials()["client_id"], self.clock)
        self.drive = f"drives/{self.graph.drive.key}"
        self.feed = "/".join([self.drive, "root", "delta"])

    def ask(self, path, method="GET", body=None, **headers):
        told = (("Authorization", f"Bearer {self.token}"), *((k.replace("_", "-"), v) for k, v in headers.items()))
        data = b"" if body is None else json.dumps(body).encode()
        url = path if path.startswith("http") else f"https://graph.example/v1.0/{path}"
        return self.graph.serve(Request(method, url, told, data), self.clock)

    def read(self, path, **more):
        return json.loads(self.ask(path, **more).body)


@pytest.fixture
def desk():
    return Desk()


class TestFiles:
    def test_tags(self, desk):
        """A new name changes the eTag, new content both."""
        place = f"{desk.drive}/items/{desk.item['id']}"
        renamed = desk.read(place, method="PATCH", body={"name": "c.csv"})
        assert renamed["cTag"] == desk.item["cTag"]
        assert renamed["eTag"] != desk.item["eTag"]
        written = desk.graph.put_file("a/c.csv", b"x", desk.clock)
        assert written["cTag"] != renamed["cTag"]

    def test_content(self, desk):
        """302 to another host, an address that expires, parts, 304, and no bearer there."""
        place = f"{desk.drive}/items/{desk.item['id']}/content"
        moved = desk.ask(place)
        where = moved.header("location")
        assert (302, True) == (moved.status, where.startswith("https://files.example/"))
        serve = desk.graph.downloads.serve
        assert b"0123456789" == serve(Request("GET", where), desk.clock).body
        part = serve(Request("GET", where, (("Range", "bytes=2-4"),)), desk.clock)
        assert (206, b"234") == (part.status, part.body)
        assert 416 == serve(Request("GET", where, (("Range", "bytes=90-99"),)), desk.clock).status
        assert 400 == serve(Request("GET", where, (("Authorization", "Bearer x"),)), desk.clock).status
        desk.clock.sleep(301)
        assert 401 == serve(Request("GET", where), desk.clock).status
        assert 304 == desk.ask(place, If_None_Match=desk.item["cTag"]).status

    def test_percent_encoded_drives(self, desk):
        """``b%21`` and ``b!`` are one."""
        assert 200 == desk.ask(desk.drive.replace("!", "%21")).status

    @pytest.mark.parametrize("spelling", ["innerError", "innererror"])
    def test_refusals(self, desk, spelling):
        """The envelope, in both spellings; no token, no answer."""
        desk.graph.spelling = spelling
        assert spelling in desk.read(f"{desk.drive}/items/nada")["error"]
        desk.token = "falso"
        assert "InvalidAuthenticationToken" == desk.read(desk.drive)["error"]["code"]


class TestFeed:
    def pages(self, desk, path):
        rows = []
        while path:
            page = desk.read(path)
            rows += page["value"]
            path, last = page.get("@odata.nextLink"), page.get("@odata.deltaLink")
        return rows, last

    def test_pages_and_tokens(self, desk):
        """Pages, then a token from which only changes come; what is gone comes as gone."""
        for number in range(7):
            desk.graph.put_file(f"f{number}.csv", b"x", desk.clock)
        desk.graph.page_size = 3
        rows, last = self.pages(desk, f"{desk.feed}()")
        assert {"root", "a", "b.csv", *(f"f{n}.csv" for n in range(7))} == {row["name"] for row in rows}
        assert len(rows) == len({row["id"] for row in rows})
        desk.graph.remove_file(desk.item["id"], desk.clock)
        (gone,), _ = self.pages(desk, last)
        assert (desk.item["id"], {"state": "deleted"}) == (gone["id"], gone["deleted"])
        rows, last = self.pages(desk, f"{desk.feed}?token=latest")
        assert ([], True) == (rows, bool(last))

    def test_doubles(self, desk):
        """The same item may come twice; the last one counts."""
        desk.graph.doubles = True
        rows, _ = self.pages(desk, f"{desk.feed}")
        assert len(rows) > len({row["id"] for row in rows})

    def test_forgotten(self, desk):
        """410 says where to begin again; a snapshot that cannot be taken is for later."""
        _, last = self.pages(desk, f"{desk.feed}")
        desk.graph.drive.forgotten = 10_000
        answer = desk.ask(last)
        assert (410, "resyncRequired") == (answer.status, json.loads(answer.body)["error"]["code"])
        assert answer.header("location").startswith("https://graph.example/")
        desk.graph.no_snapshot = True
        assert "cannotSnapshotTree" == desk.read(f"{desk.feed}")["error"]["code"]


class TestWorkbooks:
    def test_sessions_and_rows(self, desk):
        """Sessions, pages of rows, stale reads, long operations, sessions that are gone."""
        place = f"{desk.drive}/items/{desk.item['id']}/workbook"
        rows = desk.graph.workbooks.tables.setdefault((desk.item["id"], "T"), [[n] for n in range(7)])
        session = desk.read(f"{place}/createSession", method="POST", body={"persistChanges": False})["id"]
        told = desk.read(f"{place}/tables/T/rows?$top=3&$skip=5", workbook_session_id=session)["value"]
        assert [(5, [[5]]), (6, [[6]])] == [(row["index"], row["values"]) for row in told]
        desk.graph.workbooks.stale = True
        rows.append([7])
        desk.graph.workbooks.tables[desk.item["id"], "T"] = [*rows, [8]]
        assert 9 == len(desk.read(f"{place}/tables/T/rows")["value"])
        assert 7 == len(desk.read(f"{place}/tables/T/rows", workbook_session_id=session)["value"])
        assert 204 == desk.ask(f"{place}/closeSession", method="POST", workbook_session_id=session).status
        error = desk.read(f"{place}/tables/T/rows", workbook_session_id=session)["error"]
        assert "invalidSessionReCreatable" == error["innerError"]["code"]
        slow = desk.ask(f"{place}/createSession", method="POST", body={}, Prefer="respond-async")
        assert 202 == slow.status
        states = [desk.read(slow.header("location"))["status"] for _ in range(2)]
        assert ["running", "succeeded"] == states
        assert 404 == desk.ask(f"{place}/operations/x").status
        assert 404 == desk.ask(f"{place}/tables/X/rows").status


class TestLimits:
    def test_batches(self, desk):
        """Up to twenty; what depends on a failure fails; ids are unique."""
        good = {"id": "1", "method": "GET", "url": f"/{desk.drive}"}
        bad = {"id": "2", "method": "GET", "url": f"/{desk.drive}/items/x", "dependsOn": ["1"]}
        after = {"id": "3", "method": "GET", "url": f"/{desk.drive}", "dependsOn": ["2"]}
        told = desk.read("$batch", method="POST", body={"requests": [good, bad, after]})["responses"]
        assert {"1": 200, "2": 404, "3": 424} == {each["id"]: each["status"] for each in told}
        for requests in ([good] * 2, [], [{**good, "id": str(n)} for n in range(21)]):
            assert 400 == desk.ask("$batch", method="POST", body={"requests": requests}).status

    @pytest.mark.parametrize("status", [429, 503, 509])
    def test_the_whole_tenant_is_closed(self, desk, status):
        """Every call is refused until the time is over."""
        desk.graph.closed_status = status
        desk.graph.closed_until = desk.clock.now() + timedelta(seconds=20)
        answer = desk.ask(desk.drive)
        assert (status, "20") == (answer.status, answer.header("retry-after"))
        desk.clock.sleep(21)
        assert 200 == desk.ask(desk.drive).status
