"""The client on lines that break: broken answers, nothing sent, kept connections."""

from __future__ import annotations

import inspect
import socket
import threading
from itertools import pairwise

import pytest

from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    OutcomeUnknownError,
    UnavailableError,
)
from periferia_link.transport._transport import Transport


def broken(*pieces: bytes):
    """Answer with these bytes and hang up."""

    def play(line):
        line.request()
        for piece in pieces:
            line.answer(piece)

    return play


def spoiled(data: bytes):
    """Answer every request with these bytes, a whole answer on the line."""

    def play(line):
        while line.request():
            line.answer(data)

    return play


BROKEN_ANSWERS = {
    "nothing": broken(),
    "half a status line": broken(b"HTTP/1.1 20"),
    "headers cut": broken(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"),
    "short of its length": broken(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"a":1'),
    "no length, whole": broken(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"),
    "no length, cut": broken(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"value": ['),
    "HTTP/1.0": broken(b"HTTP/1.0 200 OK\r\n\r\n{}"),
    "chunks cut": broken(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\n"),
    "a broken chunk": broken(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "no HTTP": broken(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "two lengths": broken(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    "gzip cut": spoiled(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\3"
    ),
    "no gzip": spoiled(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n0123456789"),
    "header flood": broken(b"HTTP/1.1 200 OK\r\n", *[b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(300)]),
}


@pytest.mark.parametrize("play", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS.keys())
class TestBrokenAnswers:
    """What does not come whole is never taken for an answer."""

    def test_a_read_is_tried_again_then_unavailable(self, serve, transport, play) -> None:
        """Three attempts, one error."""
        server = serve(play)
        with pytest.raises(UnavailableError) as caught:
            transport(server).read("GET", "a")
        assert 3 == len(server.requests)
        assert ("erp", "GET /a") == (caught.value.system, caught.value.operation)

    def test_a_write_is_sent_once_and_unknown(self, serve, transport, play) -> None:
        """One request, and nobody claims to know."""
        server = serve(play)
        with pytest.raises(OutcomeUnknownError, match="read it back"):
            transport(server).send("POST", "a", body=b"{}")
        assert 1 == len(server.requests)


class TestNothingSent:
    """Before the first byte of the request, a write is known not to have happened."""

    def test_refused(self, transport, serve, tools) -> None:
        """No server listens."""
        server = serve(tools.answer())
        with pytest.raises(UnavailableError, match="nothing was sent"):
            transport(server, url="http://127.0.0.1:1").send("POST", "a", body=b"{}")

    @pytest.mark.parametrize(
        "failure", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")]
    )
    def test_no_such_name(self, monkeypatch, clock, failure: Exception) -> None:
        """The name cannot be looked up."""

        def getaddrinfo(*_, **__):
            raise failure

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        with pytest.raises(UnavailableError, match="nothing was sent"):
            Transport("https://erp.example", system="erp", clock=clock).send("POST", "a")

    def test_no_address(self, monkeypatch, clock) -> None:
        """The name has no address."""
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
        with pytest.raises(UnavailableError, match="no address"):
            Transport("https://erp.example", system="erp", clock=clock).send("POST", "a")

    def test_the_second_address_is_tried(self, monkeypatch, serve, transport, tools) -> None:
        """An address that is dead does not hide one that lives."""
        server = serve(tools.answer())
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        found = [(*stream, ("127.0.0.1", 1)), (*stream, ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert 200 == transport(server).send("POST", "a").status

    def test_tls_breaks_off(self, serve, transport, authority) -> None:
        """The server hangs up during the handshake."""
        server = serve(lambda line: line.sock.recv(10))
        ours = transport(server, url=f"https://localhost:{server.port}", ca_file=authority[1])
        with pytest.raises(UnavailableError, match="nothing was sent"):
            ours.send("POST", "a", body=b"{}")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": "Bearer c4n4ry\r\nX: y"},
            {"X": "ñ-c4n4ry"},
            {"X": "c4n4ry\x00"},
            {"c4n4ry\n": "x"},
            {"X": " c4n4ry"},
        ],
    )
    def test_headers_that_could_smuggle(self, serve, transport, tools, headers: dict[str, str]) -> None:
        """Refused, and the value is not told."""
        server = serve(tools.answer())
        with pytest.raises(ConfigurationError) as caught:
            transport(server).send("POST", "a", headers=headers)
        assert "c4n4ry" not in repr(caught.value)
        with pytest.raises(ConfigurationError):
            transport(server).send("PO ST", "a")
        assert 0 == server.connections


class TestConnections:
    """Kept, not trusted."""

    def test_kept_alive(self, serve, transport, tools) -> None:
        """Sequential requests share a connection."""
        server = serve(tools.answer(), tls=True)
        ours = transport(server)
        for _ in range(5):
            ours.read("GET", "a")
        assert (1, 5) == (server.connections, len(server.requests))

    def test_expired_ones_are_not_used(self, serve, transport, tools) -> None:
        """The default stays below the 5 seconds of SAP's server."""
        server = serve(tools.answer())
        ours = transport(server, keepalive=0.0)
        for _ in range(3):
            ours.read("GET", "a")
        assert 3 == server.connections
        assert 5 > inspect.signature(Transport).parameters["keepalive"].default

    def test_one_that_closed_quietly_is_noticed(self, serve, transport, tools) -> None:
        """The server closed an idle connection: the next write goes over a new one, once."""
        closed = threading.Event()

        def play(line):
            line.request()
            line.answer(tools.answer())
            line.sock.shutdown(socket.SHUT_RDWR)
            closed.set()

        server = serve(play)
        ours = transport(server)
        ours.read("GET", "a")
        assert closed.wait(60)
        assert 200 == ours.send("POST", "a", body=b"{}").status
        assert [b"GET", b"POST"] == [each.split(b" ")[0] for each in server.requests]

    def test_one_that_breaks_on_reuse_is_unknown(self, serve, transport, tools) -> None:
        """The server read the write on a kept connection and hung up: unknown, and never sent again by the pool."""

        def play(line):
            line.request()
            line.answer(tools.answer())
            line.request()

        server = serve(play)
        ours = transport(server)
        ours.read("GET", "a")
        with pytest.raises(OutcomeUnknownError):
            ours.send("POST", "a", body=b"{}")
        assert (1, 2) == (server.connections, len(server.requests))

    def test_many_threads(self, serve, transport, tools) -> None:
        """Every answer comes back to the thread that asked; no more connections than allowed."""

        def play(line):
            while request := line.request():
                line.answer(tools.answer(request.split(b" ")[1]))

        server = serve(play)
        ours = transport(server, pool=4)
        wrong = []

        def work(name):
            for number in range(20):
                body = ours.read("GET", f"{name}-{number}").body
                if body != f"/{name}-{number}".encode():
                    wrong.append(body)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [] == wrong
        assert 160 == len(server.requests)
        assert server.connections <= 4

    def test_early_answer_to_a_large_write(self, serve, transport, tools) -> None:
        """A server that refuses in the middle of the body was heard."""

        def play(line):
            line.sock.recv(1000)
            line.answer(tools.answer(b"", status="413 Payload Too Large", headers="Connection: close\r\n"))
            line.sock.shutdown(socket.SHUT_WR)
            line.wait_for_the_end()

        assert 413 == transport(serve(play)).send("POST", "a", body=b"x" * 5_000_000).status


def test_an_answer_too_many(serve, transport, tools) -> None:
    """A server that sends more than its answer cannot speak for the next request."""

    def play(line):
        line.request()
        line.answer(tools.answer(b'{"n":1}') + tools.answer(b'{"n":"forged"}'))
        line.request()

    def plays(line):
        play(line) if line.number == 1 else tools.always(tools.answer(b'{"n":2}'))(line)

    ours = transport(serve(plays))
    bodies = [ours.read("GET", "a").body for _ in range(2)]
    assert [b'{"n":1}', b'{"n":2}'] == bodies
    assert all(left != right for left, right in pairwise(bodies))


def test_a_content_coding_we_did_not_ask_for(serve, transport, tools) -> None:
    """Fatal for a read: asking again changes nothing; unknown for a write."""
    server = serve(tools.answer(headers="Content-Encoding: br\r\n"))
    with pytest.raises(ContractBrokenError):
        transport(server).read("GET", "a")
    assert 1 == len(server.requests)
    with pytest.raises(OutcomeUnknownError):
        transport(server).send("POST", "a")
