"""
A stand-in for Microsoft Graph, files: drives, items, content from another host, the feed, workbooks, batches.

Source: wire sheet of Forms and Graph, section 9; microsoft-graph-docs-contrib and onedrive-api-docs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from periferia_link.testing.emulators._emulator import Emulator, Record, json_response, parse_json
from periferia_link.testing.emulators._graph_answers import GraphRefused, envelope
from periferia_link.testing.emulators._graph_drive import Drive
from periferia_link.testing.emulators._graph_feed import delta_page
from periferia_link.testing.emulators._graph_workbook import Workbooks
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.typing import Clock, Request, Response

__all__ = ["GraphDownloads", "GraphEmulator"]

_RESOURCE = "https://graph.microsoft.com"
_DRIVE = "b!periferia-drive"
_MOST = 20
_FEED = "root/delta"
_MINUTES = timedelta(minutes=5)


class GraphEmulator(Emulator):
    """
    One tenant with one drive, ``b!periferia-drive``; bytes of files come from ``downloads``, a host of its own.

    ``put_file`` and ``remove_file`` are what people do. ``page_size`` and ``doubles`` shape the feed,
    ``drive.forgotten`` makes older tokens end in 410, ``no_snapshot`` in cannotSnapshotTree; ``closed_until`` refuses
    the whole tenant with ``closed_status`` (429, 503, 509) and Retry-After; ``spelling`` is ``innerError`` or
    ``innererror``; ``workbooks`` holds sessions and tables; ``download_redirect`` sends content elsewhere.

    Not served: lists, permissions, versions, thumbnails, search, upload sessions, subscriptions.
    """

    name: ClassVar[str] = "graph"

    def __init__(self, *, seed: int = 1, entra: EntraEmulator | None = None) -> None:
        super().__init__(seed=seed)
        self.entra = entra or EntraEmulator(seed=seed)
        self.downloads = GraphDownloads(self, seed=seed)
        self.populate()

    def populate(self) -> None:
        """Make the empty drive."""
        self.drive = Drive(_DRIVE, self.books["items"], self.wrote)
        self.workbooks = Workbooks()
        self.page_size = 200
        self.doubles = self.no_snapshot = False
        self.closed_until: Any = None
        self.closed_status = 429
        self.spelling = "innerError"
        self.download_redirect: str | None = None

    def credentials(self) -> dict[str, Any]:
        """Return the drive, and the application that may sign in."""
        told = {"drive": _DRIVE}
        return told if self.entra.base_url.endswith(".invalid") else told | self.entra.credentials()

    def refusal(self, status: int, code: str, message: str) -> Response:
        """Make an error answer in the service's own shape."""
        return envelope(status, code or "generalException", message, spelling=self.spelling)

    # ------------------------------------------------------------------ what people do

    def put_file(self, path: str, content: bytes, clock: Clock) -> Record:
        """Write a file, as somebody who works there; its item."""
        with self.lock:
            return self.drive.shown(self.drive.put(path, content, clock.now()))

    def remove_file(self, key: str, clock: Clock) -> None:
        """
        Delete a file.

        Raises:
            GraphRefused: It is not there.
        """
        with self.lock:
            self.drive.remove(key, clock.now())

    # ------------------------------------------------------------------ the service

    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer one request."""
        try:
            self._check_closed(clock)
            self._check_known(request.header("authorization") or "", clock)
            return self._routed(request, clock)
        except GraphRefused as exc:
            return exc.response(self.spelling)

    def _check_known(self, told: str, clock: Clock) -> None:
        if not self.entra.validate(told.removeprefix("Bearer "), _RESOURCE, clock):
            code, message = "InvalidAuthenticationToken", "Access token is empty, expired or not for this audience."
            raise GraphRefused(401, code, message, headers=(("WWW-Authenticate", "Bearer"),))

    def _check_closed(self, clock: Clock) -> None:
        if self.closed_until is None or clock.now() >= self.closed_until:
            return
        left = max(1, round((self.closed_until - clock.now()).total_seconds()))
        code = {429: "activityLimitReached", 503: "serviceNotAvailable", 509: "bandwidthLimitExceeded"}
        wait = (("Retry-After", str(left)),)
        raise GraphRefused(self.closed_status, code[self.closed_status], "Too many requests.", headers=wait)

    def _routed(self, request: Request, clock: Clock) -> Response:
        parts = urlsplit(request.url)
        version, _, place = unquote(parts.path).strip("/").partition("/")
        if version != "v1.0":
            raise GraphRefused(404, "BadRequest", "Invalid version.")
        if place == "$batch" and request.method == "POST":
            return self._batch(request, clock)
        if place == f"drives/{_DRIVE}" and request.method == "GET":
            return json_response(200, {"id": _DRIVE, "driveType": "business", "name": "OneDrive"})
        place = self._below_drive(place)
        place = place.removeprefix("items/") if place.startswith("items/root/") else place
        if place.startswith("root/delta") and request.method == "GET":
            return self._delta(place, parse_qs(parts.query))
        item, rest = self._item(place, request.method)
        if rest.startswith("workbook/"):
            told = {
                "query": unquote(parts.query),
                "session": request.header("workbook-session-id"),
                "prefer": request.header("prefer") or "",
                "body": parse_json(request.body) if request.body else {},
            }
            base = f"{self.base_url}/v1.0/drives/{_DRIVE}/items/{item['id']}"
            return self.workbooks.serve(request.method, str(item["id"]), rest.partition("/")[2], told, base)
        return self._of_item(request, item, rest, clock)

    def _below_drive(self, place: str) -> str:
        """Return what stands behind the drive, however it is named; ``me/drive`` is the same one."""
        for name in (f"drives/{_DRIVE}/", "me/drive/", "drive/"):
            if place.startswith(name):
                return place[len(name) :]
        if place.startswith("shares/u!"):
            encoded, _, rest = place[len("shares/u!") :].partition("/driveItem")
            try:
                link = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except ValueError:
                raise GraphRefused(400, "invalidRequest", "The sharing token is malformed.") from None
            return f"root:{unquote(urlsplit(link).path).partition('/Documents')[2]}:{rest}"
        raise GraphRefused(404, "itemNotFound", "The resource could not be found.")

    def _item(self, place: str, method: str) -> tuple[Record, str]:
        if place.startswith("root:/"):
            path, _, rest = place[len("root:") :].partition(":")
            if method == "PUT" and rest == "/content":
                return {"id": "", "path": path}, "content"
            return self.drive.at(path), rest.lstrip("/")
        if place == "root" or place.startswith("root/"):
            return self.drive.item("root"), place.partition("/")[2]
        head, _, tail = place.partition("/")
        if head != "items":
            raise GraphRefused(400, "BadRequest", "Resource not found for the segment.")
        key, _, rest = tail.partition("/")
        return self.drive.item(key), rest

    def _of_item(self, request: Request, item: Record, rest: str, clock: Clock) -> Response:
        method = request.method
        if rest == "content" and method == "PUT":
            is_new = not item["id"]
            path = item.get("path") or item["name"]
            made = (
                self.drive.put(path, request.body, clock.now())
                if is_new
                else self.drive.touch(item["id"], clock.now(), content=request.body)
            )
            return json_response(201 if is_new else 200, self.drive.shown(made))
        if rest == "content" and method == "GET":
            return self._content(request, item, clock)
        if rest == "children" and method == "GET":
            return json_response(200, {"value": [self.drive.shown(row) for row in self.drive.children(item["id"])]})
        if rest == "" and method in ("GET", "HEAD"):
            return json_response(200, self.drive.shown(item))
        if rest == "" and method == "DELETE":
            self.drive.remove(str(item["id"]), clock.now())
            return Response(204)
        if rest == "" and method == "PATCH":
            item["name"] = parse_json(request.body).get("name", item["name"])
            return json_response(200, self.drive.shown(self.drive.touch(str(item["id"]), clock.now())))
        raise GraphRefused(405, "notSupported", "The method is not supported here.")

    def _content(self, request: Request, item: Record, clock: Clock) -> Response:
        if "file" not in item:
            raise GraphRefused(400, "invalidRequest", "A folder has no content.")
        if request.header("if-none-match") in (item["eTag"], item["cTag"]):
            return Response(304)
        return Response(302, (("Location", self.download_redirect or self.downloads.address(str(item["id"]), clock)),))

    def _delta(self, place: str, query: Mapping[str, list[str]]) -> Response:
        if self.no_snapshot:
            raise GraphRefused(503, "cannotSnapshotTree", "Try again later.", headers=(("Retry-After", "10"),))
        inner = place.partition("(")[2].partition(")")[0]
        token = inner.partition("token=")[2].strip("'") or query.get("token", [None])[0]
        address = f"{self.base_url}/v1.0/drives/{_DRIVE}/{_FEED}"
        page = delta_page(self.drive, token, address=address, size=self.page_size, doubles=self.doubles)
        return json_response(200, page)

    # ------------------------------------------------------------------ batches

    def _batch(self, request: Request, clock: Clock) -> Response:
        asked = parse_json(request.body).get("requests")
        if not isinstance(asked, list) or not 0 < len(asked) <= _MOST:
            raise GraphRefused(400, "BadRequest", "A batch holds 1 to 20 requests.")
        ids = [str(part.get("id")) for part in asked]
        if len(set(ids)) != len(ids):
            raise GraphRefused(400, "BadRequest", "Ids of a batch are unique.")
        done: dict[str, Response] = {}
        for part in asked:
            needed = [done.get(str(key)) for key in part.get("dependsOn", ())]
            if any(answer is None or answer.status >= 400 for answer in needed):
                done[str(part["id"])] = envelope(424, "failedDependency", "A request it depends on failed.")
                continue
            body = json.dumps(part["body"]).encode() if "body" in part else b""
            auth = (("Authorization", request.header("authorization") or ""),)
            headers = (*auth, *(part.get("headers") or {}).items())
            inner = Request(part["method"], f"{self.base_url}/v1.0/{part['url'].lstrip('/')}", headers, body)
            done[str(part["id"])] = answer = self.serve(inner, clock)
            self.operation(part["method"], part["url"], answer.status)
        return json_response(200, {"responses": [_in_batch(key, answer) for key, answer in reversed(done.items())]})


def _in_batch(key: str, answer: Response) -> Record:
    body = parse_json(answer.body) if answer.body else None
    return {"id": key, "status": answer.status, "headers": dict(answer.headers), "body": body}


class GraphDownloads(Emulator):
    """Where the bytes of files are: an address is good for five minutes, and whoever sends a bearer is refused."""

    name: ClassVar[str] = "graph-downloads"

    def __init__(self, graph: GraphEmulator, *, seed: int = 1) -> None:
        super().__init__(seed=seed)
        self._graph = graph
        self.given: dict[str, tuple[str, Any]] = {}

    def address(self, key: str, clock: Clock) -> str:
        """Return the address of a file, with its key in it."""
        token = f"v1.{len(self.given) + 1}"
        self.given[token] = (key, clock.now() + _MINUTES)
        return f"{self.base_url}/download?tempauth={token}"

    def serve(self, request: Request, clock: Clock) -> Response:
        """Give the bytes, or a range of them."""
        if request.header("authorization"):
            return envelope(400, "invalidRequest", "A preauthenticated address takes no credentials.")
        token = parse_qs(urlsplit(request.url).query).get("tempauth", [""])[0]
        key, until = self.given.get(token, ("", None))
        content = self._graph.drive.contents.get(key)
        if content is None or until is None or clock.now() >= until:
            return envelope(401, "unauthenticated", "The address is not valid any more.")
        kind = ("Content-Type", "application/octet-stream")
        told = (request.header("range") or "").removeprefix("bytes=")
        if not told:
            return Response(200, (kind, ("Accept-Ranges", "bytes")), content)
        first, _, last = told.partition("-")
        begin, end = int(first or 0), min(int(last or len(content) - 1), len(content) - 1)
        if begin > end:
            return Response(416, (("Content-Range", f"bytes */{len(content)}"),))
        return Response(206, (kind, ("Content-Range", f"bytes {begin}-{end}/{len(content)}")), content[begin : end + 1])
