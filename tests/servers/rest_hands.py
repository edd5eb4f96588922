"""What people do on the real servers: plain REST calls that do not pass through a connector; and a line that breaks."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from periferia_link.errors import OutcomeUnknownError
from periferia_link.transport._http import HttpWire
from periferia_link.transport._origin import Site
from periferia_link.typing import Request, Response


class Hands:
    """Somebody who calls the server directly."""

    def __init__(self, url: str, root: str, headers: dict[str, str]) -> None:
        self.address = urlsplit(url)
        self.root = root
        self.headers = {"Accept": "application/json", **headers}
        self.line = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=240)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send one request."""
        content = None if body is None else json.dumps(body)
        # Roundup answers 500 to a type without a body
        typed = {} if body is None else {"Content-Type": "application/json"}
        self.line.request(method, f"{self.root}{path}", content, {**self.headers, **typed, **headers})
        answer = self.line.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else None

    def close(self) -> None:
        """Hang up."""
        self.line.close()


class RoundupHands(Hands):
    """Somebody at Roundup."""

    def __init__(self, url: str, username: str, password: str) -> None:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        more = {"Authorization": f"Basic {pair}", "X-Requested-With": "rest", "Origin": url}
        super().__init__(url, "/pt/rest/data/", more)

    def make(self, table: str, record: dict[str, Any]) -> str:
        """Create a record."""
        status, told = self.call("POST", table, record)
        assert status == 201, told
        return str(told["data"]["id"])

    def change(self, table: str, key: str, changes: dict[str, Any]) -> None:
        """Change a record whatever its version is."""
        _, told = self.call("GET", f"{table}/{key}")
        status, answer = self.call("PATCH", f"{table}/{key}", changes, **{"If-Match": told["data"]["@etag"]})
        assert status == 200, answer

    def remove(self, table: str, key: str) -> None:
        """Retire a record."""
        _, told = self.call("GET", f"{table}/{key}")
        status, answer = self.call("DELETE", f"{table}/{key}", {}, **{"If-Match": told["data"]["@etag"]})
        assert status == 200, answer

    def row(self, table: str, key: str) -> dict[str, Any]:
        """Read a record."""
        _, told = self.call("GET", f"{table}/{key}")
        return dict(told["data"]["attributes"])

    def keys(self, table: str) -> list[str]:
        """List ids."""
        _, told = self.call("GET", table)
        return [row["id"] for row in told["data"]["collection"]]


class HelpdeskHands(Hands):
    """Somebody at django-helpdesk."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, "/helpdesk/api/", {"Authorization": f"Token {token}"})

    def make(self, table: str, record: dict[str, Any]) -> dict[str, Any]:
        """Create a record."""
        status, told = self.call("POST", f"{table}/", record)
        assert status == 201, told
        return dict(told)

    def change(self, table: str, key: str, changes: dict[str, Any]) -> None:
        """Change a record."""
        status, told = self.call("PATCH", f"{table}/{quote(key)}/", changes)
        assert status == 200, told

    def remove(self, table: str, key: str) -> None:
        """Delete a record."""
        status, told = self.call("DELETE", f"{table}/{quote(key)}/")
        assert status == 204, told

    def row(self, table: str, key: str) -> dict[str, Any]:
        """Read a record."""
        _, told = self.call("GET", f"{table}/{quote(key)}/")
        return dict(told)

    def keys(self, table: str) -> list[str]:
        """List ids."""
        _, told = self.call("GET", f"{table}/?page_size=10000")
        return [str(row["id"]) for row in told["results"]]


_PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"


class BreakingLine:
    """The network to a real server, which breaks when it is told to: before or after the server has committed."""

    def __init__(self, url: str) -> None:
        self.writes = 0
        self.reads = 0
        self._wire = HttpWire(Site(url, allow_private=True), allow_private=True)
        self._next: list[tuple[str, str, str]] = []

    def next(self, fault: str, when: str = "before", *, on: str = "write") -> None:
        """Play a fault once."""
        self._next.append((on, fault, when))

    def send(self, request: Request, *, deadline: float) -> Response:
        """Carry one request."""
        self.writes += request.intent == "write"
        self.reads += request.intent == "read"
        due = next((planned for planned in self._next if planned[0] == request.intent), None)
        if due is None:
            return self._wire.send(request, deadline=deadline)
        self._next.remove(due)
        _, fault, when = due
        answer = self._wire.send(request, deadline=deadline) if when == "after" or fault == "close" else None
        if fault == "stop":
            raise KeyboardInterrupt
        if fault in ("reset", "hang", "truncate"):
            msg = "it was sent, and no whole answer came back"
            raise OutcomeUnknownError(msg, hint="read it back before sending again")
        if fault == "close" and answer is not None:
            return answer
        return {
            "garbage": Response(200, (("Content-Type", "application/json"),), b'{"data": [1, 2'),
            "status": Response(503, (), b""),
            "html": Response(200, (("Content-Type", "text/html"),), _PAGE),
            "throttle": Response(429, (("Retry-After", "2"),), b""),
            "redirect": Response(302, (("Location", "https://login.example/signin"),), b""),
        }[fault]

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
