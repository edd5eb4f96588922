"""
The documented traffic of Graph, line by line: asked of the emulator, or read by what reads it.

A line that is neither is named in ``LEFT_OUT`` with the reason.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from periferia_link.connectors.forms._graph import code_in
from periferia_link.connectors.forms._reading import choices_of
from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.graph import GraphEmulator
from periferia_link.typing import Request

EXCHANGES = Path(__file__).resolve().parents[3] / "shared" / "exchanges" / "graph.jsonl"
LINES: dict[int, dict[str, Any]] = (
    dict(enumerate(map(json.loads, EXCHANGES.read_text(encoding="utf-8").splitlines()), 1))
    if EXCHANGES.exists()
    else {}
)
needs_lines = pytest.mark.skipif(not LINES, reason="the folder shared/exchanges is not beside this repository")

LEFT_OUT = {
    **dict.fromkeys((2, 3, 4, 5, 6), "drives and folders of a person who is signed in: an application has none"),
    **dict.fromkeys((7, 8, 9, 21, 33, 44, 45, 46), "check-in, links, invitations, versions, permissions: not used"),
    **dict.fromkeys((10, 11, 12), "upload sessions: nothing is written to a drive"),
    20: "conversion to another format: the workbook is read as it is",
    **dict.fromkeys((22, 23, 24, 25, 27, 28), "thumbnails: not used"),
    **dict.fromkeys((29, 30, 56), "search: the workbook is named, not looked for"),
    **dict.fromkeys((32, 57, 59), "copies, new folders, shortcuts: nothing is written to a drive"),
    **dict.fromkeys((*range(34, 44),), "lists of SharePoint: answers are in a file"),
    47: "the shared item itself: its driveItem is asked for (line 48)",
    49: "children of a shared folder: a file has none",
    **dict.fromkeys((50, 51, 52, 53), "sites: the drive is known by its id"),
    **dict.fromkeys((54, 55), "subscriptions: the metadata is asked for by each run"),
    69: "its requests are not files; batches are shown in test_graph_emulator.py",
    70: "the token endpoint of Entra: replayed in the tests of its own emulator",
}
# line -> method, path (with {item} for the file), status
ASKED = {
    1: ("GET", "drives/{drive}", 200),
    13: ("DELETE", "me/drive/items/{item}", 204),
    14: ("GET", "me/drive/root/delta", 200),
    16: ("GET", "me/drive/root", 200),
    17: ("HEAD", "drive/root", 200),
    18: ("GET", "me/drive/items/{item}/content", 302),
    26: ("PUT", "me/drive/root:/FolderA/FileB.txt:/content", 201),
    31: ("PATCH", "me/drive/items/{item}", 200),
    48: ("GET", "shares/{share}/driveItem", 200),
    58: ("GET", "drive/root/children", 200),
    60: ("DELETE", "drive/items/{item}", 204),
    61: ("GET", "drives/{drive}/items/{folder}/children", 200),
    62: ("GET", "me/drive/items/{item}/content", 302),
    64: ("GET", "me/drive/root/delta", 200),
    65: ("POST", "me/drive/items/{item}/workbook/createSession", 201),
    66: ("POST", "me/drive/items/{item}/workbook/createSession", 202),
    67: ("POST", "me/drive/items/{item}/workbook/createSession", 500),
    68: ("GET", "me/drive/items/{item}/workbook/tables/Table1/rows?$top=5&$skip=5", 200),
}
OTHERS = {15, 19, 63, 71}


class Service:
    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.graph = GraphEmulator()
        self.graph.base_url, self.graph.downloads.base_url = "https://graph.microsoft.com", "https://files.1drv.com"
        self.item = self.graph.put_file("Encuestas/respuestas.xlsx", b"x" * 2048, self.clock)
        self.graph.workbooks.tables[self.item["id"], "Table1"] = [[n] for n in range(20)]
        folder = self.graph.drive.at("Encuestas")["id"]
        from periferia_link.connectors.forms._graph import share_id

        share = share_id("https://tenant.sharepoint.com/sites/x/Documents/Encuestas/respuestas.xlsx")
        drive = quote(self.graph.drive.key)
        self.names = {"drive": drive, "item": self.item["id"], "folder": folder, "share": share}

    def ask(self, method, path, body=b"", **headers):
        entra = self.graph.entra
        token = entra._issue("https://graph.microsoft.com", entra.credentials()["client_id"], self.clock)
        told = (("Authorization", f"Bearer {token}"), *headers.items())
        url = path if path.startswith("http") else f"{self.graph.base_url}/v1.0/{path.format(**self.names)}"
        return self.graph.serve(Request(method, url, told, body), self.clock)


@needs_lines
class TestEveryLine:
    def test_none_is_forgotten(self):
        """Each line is asked, read or left out with a reason; none is both."""
        assert sorted(LINES) == sorted([*LEFT_OUT, *ASKED, *OTHERS])

    @pytest.mark.parametrize("number", sorted(ASKED))
    def test_asked(self, number):
        """The emulator answers with the documented status and members."""
        line, service = LINES.get(number, {}), Service()
        method, path, status = ASKED[number]
        service.graph.workbooks.fails = number == 67
        headers = {"Prefer": "respond-async"} if number == 66 else {}
        body = (line["request_body"] or "").encode()
        answer = service.ask(method, path, body, **headers)
        assert (line["status"], line["method"]) == (status, method)
        assert status == answer.status
        if status == 302:
            assert answer.headers[0][0] == "Location"
        if line["response_body"] and answer.body and status < 300:
            shown, documented = json.loads(answer.body), json.loads(line["response_body"])
            missing = set(documented) - set(shown) - {"owner", "quota", "createdBy", "lastModifiedBy", "webUrl"}
            assert {name for name in missing if not name.startswith("@")} <= {"fileSystemInfo", "description"}

    def test_the_feed(self):
        """Line 15: the same feed with a token in parentheses goes on where the last one ended."""
        service = Service()
        first = json.loads(service.ask("GET", "me/drive/root/delta").body)
        token = first["@odata.deltaLink"].partition("token=")[2]
        service.graph.put_file("otra.csv", b"x", service.clock)
        again = json.loads(service.ask("GET", f"me/drive/root/delta(token='{token}')").body)
        assert ["otra.csv"] == [row["name"] for row in again["value"]]
        assert {"value", "@odata.deltaLink"} <= set(json.loads(LINES[15]["response_body"]))

    @pytest.mark.parametrize("number", [19, 63])
    def test_a_range(self, number):
        """Lines 19 and 63: the preauthenticated address gives parts."""
        line, service = LINES[number], Service()
        where = service.ask("GET", "drives/{drive}/items/{item}/content").header("location")
        request = Request("GET", where, (("Range", line["request_headers"]["Range"]),))
        answer = service.graph.downloads.serve(request, service.clock)
        assert (206, line["response_headers"]["Content-Range"]) == (answer.status, answer.header("content-range"))

    def test_the_deepest_code(self):
        """Line 67: the message is never looked at, the innermost code is."""
        assert "GenericFileOpenError" == code_in(LINES[67]["response_body"].encode())

    def test_answers_of_the_browser(self):
        """Line 71: the list of answers is JSON in a text, and a multiple choice JSON in a text again."""
        told = json.loads(json.loads(LINES[71]["request_body"])["answers"])
        assert [["t"], ["Opción A", "Opción B"]] == [choices_of(each["answer1"]) for each in told]
