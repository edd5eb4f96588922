"""The far side of the connector in ``examples/custom_connector``: a register of clients behind httpx."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import httpx

PACKAGE = Path(__file__).parents[1] / "examples" / "custom_connector"
TOKEN = "acme-token-4711"
BREAKS = {  # as the client library tells them
    "reset": httpx.ReadError("reset"),
    "close": httpx.RemoteProtocolError("closed"),
    "hang": httpx.ReadTimeout("no answer"),
    "truncate": httpx.RemoteProtocolError("cut off"),
    "garbage": httpx.Response(200, content=b'{"items": ['),
    "html": httpx.Response(200, html="<html><form>sign in</form></html>"),
    "throttle": httpx.Response(429, headers={"Retry-After": "1"}),
    "status": httpx.Response(500),
    "redirect": httpx.Response(302, headers={"Location": "https://evil.example/"}),
}


def connector_class():
    """Import the connector as if its package were installed."""
    path = str(PACKAGE / "src")
    sys.path.insert(0, path)
    try:
        return importlib.import_module("acme_register").AcmeRegister
    finally:
        sys.path.remove(path)


class AcmeServer(httpx.BaseTransport):
    """``PUT``, ``PATCH``, ``DELETE`` on clients, a change feed by number, refusals as in the manual."""

    def __init__(self):
        self.clients = {}
        self.changes = {}
        self.number = 0
        self.answers = []  # (when, answer or exception) for the next requests
        self.requests = []
        self.faults = {"read": [], "write": []}

    def store(self, key, **values):
        """Store a client as somebody would, or change one."""
        self.number += 1
        kept = {name: value for name, value in self.clients.get(key, {}).items() if name not in ("revision", "deleted")}
        self.clients[key] = kept | values | {"id": key, "revision": f"r{self.number}", "deleted": False}
        self.changes[key] = self.number
        return key

    def erase(self, key):
        """Delete a client as somebody would."""
        self.number += 1
        del self.clients[key]
        self.changes[key] = self.number

    def handle_request(self, request):
        self.requests.append(request)
        intent = "read" if request.method == "GET" else "write"
        when, scripted = self.answers.pop(0) if self.answers else ("", None)
        if not when and self.faults[intent]:
            when, scripted = self.faults[intent].pop(0)
        if when == "before":
            return self._played(scripted)
        answer = self._answer(request)
        return self._played(scripted) if when == "after" else answer

    @property
    def writes(self):
        """Requests that wanted to change something."""
        return sum(request.method != "GET" for request in self.requests)

    @property
    def reads(self):
        """Requests that only looked."""
        return sum(request.method == "GET" for request in self.requests)

    def next(self, fault, when="before", *, on="write"):
        """Play a fault of the contract once, for the next request of that intent."""
        self.faults[on].append((when, BREAKS[fault]))

    def _played(self, scripted):
        if isinstance(scripted, Exception):
            raise scripted
        return scripted

    def _answer(self, request):
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return httpx.Response(401)
        path, query = request.url.path, request.url.params
        if path == "/v1/me":
            return httpx.Response(200, json={"installation": "acme-1", "user": "periferia"})
        if path == "/v1/changes" and not query["after"].isdecimal():
            return httpx.Response(422)
        if path == "/v1/changes":
            return self._listed(int(query["after"]), int(query["limit"]))
        if path == "/v1/clients":
            column = next(iter(query.keys()))
            wanted = query.get_list(column)
            return httpx.Response(200, json={"items": [c for c in self.clients.values() if c.get(column) in wanted]})
        return self._written(request, path.rpartition("/")[2])

    def _listed(self, after, limit):
        later = sorted((number, key) for key, number in self.changes.items() if number > after)
        items = [self.clients.get(key, {"id": key, "deleted": True}) for _, key in later[:limit]]
        end = later[:limit][-1][0] if later else after
        return httpx.Response(200, json={"items": items, "next": end, "more": len(later) > limit})

    def _written(self, request, key):
        held = self.clients.get(key)
        if request.method == "PUT":
            if held is not None:
                return httpx.Response(412)
        elif held is None:
            return httpx.Response(404)
        elif request.headers["if-match"] not in ("*", held["revision"]):
            return httpx.Response(412)
        if request.method == "DELETE":
            self.erase(key)
            return httpx.Response(200, json={"revision": None})
        body = json.loads(request.content)
        if "name" in body and not body["name"]:
            return httpx.Response(422)
        self.store(key, **body)
        return httpx.Response(200, json={"revision": self.clients[key]["revision"]})
