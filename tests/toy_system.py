"""A system small enough to read at a glance, and a client that shows every byte: for tests of the emulator hosts."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.request
from urllib.parse import urlsplit

from periferia_link.testing.emulators import Emulator, json_response
from periferia_link.testing.emulators._emulator import parse_json


class ToySystem(Emulator):
    """``PUT /things/KEY`` files the body, ``GET`` returns it, ``POST /echo`` returns what came."""

    name = "toy"
    refuses_expect = False

    def serve(self, request, clock):
        path = urlsplit(request.url).path
        if request.method == "PUT":
            self.books["things"][path.rpartition("/")[2]] = parse_json(request.body)
            self.wrote()
            return json_response(204)
        if path == "/broken":
            raise RuntimeError("a bug of the emulator")
        if path == "/echo":
            return json_response(200, {"body": request.body.decode(), "headers": dict(request.headers)})
        if path == "/nothing":
            return json_response(204)
        return json_response(200, self.books["things"].get(path.rpartition("/")[2], {"at": clock.now().isoformat()}))

    def expectation(self, request):
        return json_response(500) if self.refuses_expect else None


class RawClient:
    """One connection; what it sends and receives is bytes."""

    def __init__(self, url, *, ca_file=None, timeout=30.0):
        address = urlsplit(url)
        self.sock = socket.create_connection((address.hostname, address.port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            self.sock = context.wrap_socket(self.sock, server_hostname=address.hostname)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def ask(self, method, path, body=b"", headers=()):
        """Send a request and return at once."""
        lines = [f"{method} {path} HTTP/1.1", "Host: toy", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def piece(self):
        """Return what one receive call brings; nothing at the end of the connection."""
        return self.sock.recv(65536)

    def rest(self):
        """Return everything until the connection ends."""
        got = b""
        while piece := self.piece():
            got += piece
        return got

    def exchange(self, method, path, body=b"", headers=()):
        """Send a request and return the answer, which comes in one piece."""
        self.ask(method, path, body, headers)
        return self.piece()

    def is_silent(self, seconds=0.05):
        """Whether nothing comes for that long."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1)
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(before)
        return False


def admin(running_or_url, method, path, value=None):
    """Ask an admin address; return the JSON of its answer."""
    url = getattr(running_or_url, "admin_url", running_or_url)
    body = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(url + path, data=body, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=35) as answer:
        return json.load(answer)
