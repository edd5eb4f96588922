"""The client against servers that misbehave: origin, TLS, environment, broken lines."""

from __future__ import annotations

import contextlib
import inspect
import socket
import ssl
import threading
from itertools import pairwise

import pytest

from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractBrokenError,
    OriginError,
    OutcomeUnknownError,
    UnavailableError,
)
from periferia_link.transport._http import HttpWire, Transport, _trust
from periferia_link.transport._origin import Site
from periferia_link.typing import Request


@pytest.fixture
def transport(clock, authority):
    """Make transports to loopback servers; they are closed with the test."""
    made = []

    def make(server, **options):
        options = {"system": "erp", "clock": clock, "allow_private": True, "deadline": 5.0, **options}
        if server.context is not None:
            options.setdefault("ca_file", authority[1])
        made.append(Transport(options.pop("url", server.url), **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


SECRETS = {
    "Authorization": "Bearer c4n4ry",
    "Cookie": "B1SESSION=c4n4ry",
    "api-key": "c4n4ry",
    "X-B1-Session": "c4n4ry",
    "Proxy-Authorization": "Basic c4n4ry",
    "X-Api-Key": "c4n4ry",
    "Ocp-Apim-Subscription-Key": "c4n4ry",
    "X-Auth-Token": "c4n4ry",
}


class TestForeignLinks:
    """A next link that leads away is refused before a byte is sent."""

    SHAPES = (
        "https://127.0.0.1:{b}/p",
        "http://127.0.0.1:{b}/p",
        "//127.0.0.1:{b}/p",
        "\\\\127.0.0.1:{b}\\p",
        "/\\127.0.0.1:{b}/p",
        "https:\\\\127.0.0.1:{b}/p",
        "https://localhost:{a}@127.0.0.1:{b}/p",
        "https://localhost:{a}.127.0.0.1:{b}/p",
        "https://localhost:{b}/p",
        "http://localhost:{a}/p",
        "https://localhost.evil.example:{a}/p",
        "https://localhost:{a}\\@127.0.0.1:{b}/p",
        "https://localhost:{a}#@127.0.0.1:{b}/p",
        "ht\ttps://127.0.0.1:{b}/p",
    )

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("verb", ["read", "send"])
    def test_neither_side_sees_a_byte(self, serve, transport, tools, shape: str, verb: str) -> None:
        """Not the other host, and not ours in its place."""
        ours, other = serve(tools.answer(), tls=True), serve(tools.answer())
        link = shape.format(a=ours.port, b=other.port)
        with pytest.raises(OriginError) as caught:
            getattr(transport(ours), verb)("GET", link, headers=SECRETS)
        assert (0, 0) == (ours.connections, other.connections)
        assert "erp" == caught.value.system

    @pytest.mark.parametrize("intent", ["read", "write"])
    def test_the_wire_alone_refuses_too(self, serve, tools, intent: str) -> None:
        """Whoever uses it without the transport; a foreign origin is never just unavailable."""
        ours, other = serve(tools.answer()), serve(tools.answer())
        wire = HttpWire(Site(ours.url, allow_private=True), allow_private=True)
        with pytest.raises(OriginError):
            wire.send(Request("POST", f"{other.url}/p", intent=intent), deadline=5.0)
        wire.close()
        assert (0, 0) == (ours.connections, other.connections)


class TestRedirects:
    """Nobody is sent anywhere."""

    @pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
    def test_a_read_ends(self, serve, transport, tools, status: int) -> None:
        """The other server sees none of eight credentials: it sees nothing."""
        other = serve(tools.answer())
        ours = serve(
            tools.answer(b"moved", status=f"{status} Moved", headers=f"Location: {other.url}/data?t=c4n4ry\r\n")
        )
        with pytest.raises(OriginError) as caught:
            transport(ours).read("GET", "data", headers=SECRETS)
        assert (1, 0) == (len(ours.requests), other.connections)
        assert status == caught.value.status_code
        assert f"127.0.0.1:{other.port}" in str(caught.value)
        assert "c4n4ry" not in str(caught.value)

    @pytest.mark.parametrize(
        "location",
        [
            "https://login.microsoftonline.com/x/oauth2/authorize?client_id=1",
            "https://app.vssps.visualstudio.com/_signin?realm=x",
            "/adfs/ls",
            "/login.html",
        ],
    )
    def test_a_way_to_sign_in_is_a_matter_of_credentials(self, serve, transport, tools, location: str) -> None:
        """The error says where we were sent, and what to do."""
        ours = serve(tools.answer(b"", status="302 Found", headers=f"Location: {location}\r\n"))
        with pytest.raises(AuthenticationError, match=r"sign in.*check the credential"):
            transport(ours).read("GET", "data")

    def test_a_redirect_without_a_length(self, serve, transport) -> None:
        """Its body does not matter."""

        def play(line):
            line.request()
            line.answer(b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\n\r\nmoved")

        with pytest.raises(OriginError):
            transport(serve(play)).read("GET", "data")

    def test_a_write_gets_the_answer(self, serve, transport, tools) -> None:
        """The connector classifies what came; nothing was followed."""
        other = serve(tools.answer())
        ours = serve(tools.answer(b"", status="307 Temporary Redirect", headers=f"Location: {other.url}\r\n"))
        assert 307 == transport(ours).send("POST", "data", body=b"{}").status
        assert (1, 0) == (len(ours.requests), other.connections)

    def test_not_modified_is_an_answer(self, serve, transport) -> None:
        """304 is no redirect, has no body, and leaves the connection open."""

        def play(line):
            while line.request():
                line.answer(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')

        server = serve(play)
        ours = transport(server)
        assert [304, 304] == [ours.read("GET", "a").status for _ in range(2)]
        assert 1 == server.connections


class TestTls:
    """Always verified; there is no way around it."""

    def test_a_private_authority(self, serve, transport, tools) -> None:
        """``ca_file`` names it."""
        assert b"{}" == transport(serve(tools.answer(), tls=True)).read("GET", "a").body

    def test_an_unknown_authority(self, serve, transport, tools) -> None:
        """Nothing was sent, and the hint names the way out."""
        server = serve(tools.answer(), tls=True)
        ours = transport(server, ca_file=None)
        with pytest.raises(UnavailableError, match=r"nothing was sent.*ca_file"):
            ours.send("POST", "a", body=b"secret")
        with pytest.raises(UnavailableError, match="ca_file"):
            ours.read("GET", "a")
        assert [] == server.requests

    def test_another_host_name(self, serve, transport, tools) -> None:
        """A good certificate for somebody else is a bad one."""
        server = serve(tools.answer(), tls=True)
        with pytest.raises(UnavailableError):
            transport(server, url=f"https://127.0.0.2:{server.port}").send("POST", "a")
        assert [] == server.requests

    def test_a_missing_certificate_file(self, tmp_path) -> None:
        """Told when the transport is made."""
        with pytest.raises(ConfigurationError, match="cannot be read"):
            Transport("https://erp.example", system="erp", ca_file=str(tmp_path / "missing.pem"))

    @pytest.mark.parametrize("is_private", [False, True])
    def test_context(self, authority, is_private: bool) -> None:
        """Certificates are required and names compared, with public and with private authorities."""
        context = _trust(authority[1] if is_private else None)
        assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)

    def test_there_is_no_switch(self) -> None:
        """No parameter turns verification off."""
        names = set(inspect.signature(Transport).parameters)
        assert {"verify", "insecure", "ssl", "check_hostname"}.isdisjoint(names)


class TestPrivateNetworks:
    """A name of the internet must not lead into the network of the host."""

    @pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1"])
    def test_refused_at_the_address_that_would_be_connected(self, monkeypatch, clock, address: str) -> None:
        """The name is looked up once; what is checked is what is used."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        looked_up = []

        def getaddrinfo(host, port, **_):
            looked_up.append(host)
            return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
        ours = Transport("https://erp.example", system="erp", clock=clock)
        with pytest.raises(ConfigurationError, match=r"private address.*allow_private"):
            ours.send("POST", "a")
        assert ["erp.example"] == looked_up


class TestEnvironment:
    """Only what is configured counts."""

    def test_proxies_and_netrc_are_not_read(self, serve, transport, tools, monkeypatch, tmp_path) -> None:
        """No proxy, no password and no certificate comes from the environment."""
        netrc = tmp_path / ".netrc"
        netrc.write_text(
            "machine localhost login somebody password c4n4ry\nmachine 127.0.0.1 login x password c4n4ry\n"
        )
        proxy = serve(tools.answer())
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://user:c4n4ry@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonsense")
        server = serve(tools.answer(), tls=True)
        assert 200 == transport(server).read("GET", "a").status
        assert b"c4n4ry" not in server.requests[0]
        assert 0 == proxy.connections


class TestProxy:
    """An explicit proxy sees where we go, and nothing of what we say."""

    @staticmethod
    def tunnel(line):
        head = line.request()
        port = head.split(b" ")[1].rpartition(b":")[2]
        with socket.create_connection(("127.0.0.1", int(port))) as there:
            line.answer(b"HTTP/1.1 200 Connection established\r\n\r\n")

            def back():
                with contextlib.suppress(OSError):
                    while data := there.recv(65536):
                        line.sock.sendall(data)

            returning = threading.Thread(target=back, daemon=True)
            returning.start()
            while data := line.sock.recv(65536):
                there.sendall(data)
            there.shutdown(socket.SHUT_RDWR)
            returning.join(5)

    def test_tunnel(self, serve, transport, tools) -> None:
        """CONNECT with the proxy's password to the proxy, everything else encrypted to the server."""
        server, proxy = serve(tools.answer(), tls=True), serve(self.tunnel)
        ours = transport(server, proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}", allow_private=True)
        assert 200 == ours.send("POST", "a", headers={"Authorization": "Bearer c4n4ry"}).status
        (connect,) = proxy.requests
        assert connect.startswith(b"CONNECT localhost:%d HTTP/1.1" % server.port)
        assert b"Proxy-Authorization: Basic dXNlcjpwQHNz" in connect
        assert b"c4n4ry" not in connect
        assert b"Proxy-Authorization" not in server.requests[0]

    @pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
    def test_a_refusing_proxy(self, serve, transport, tools, status: str) -> None:
        """The CONNECT left, the request did not: nothing was sent."""
        server, proxy = serve(tools.answer(), tls=True), serve(tools.answer(b"", status=status))
        ours = transport(server, proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(UnavailableError, match="nothing was sent: the proxy refuses"):
            ours.send("POST", "a", body=b"{}")
        assert [] == server.requests

    def test_a_proxy_that_is_down(self, transport, serve, tools) -> None:
        """Nothing was sent."""
        server = serve(tools.answer(), tls=True)
        with pytest.raises(UnavailableError, match="nothing was sent"):
            transport(server, proxy="http://127.0.0.1:1").send("POST", "a")

    @pytest.mark.parametrize(
        "proxy", ["127.0.0.1:3128", "https://proxy.example", "socks5://proxy.example", "http://", "http://a:b@c:99999"]
    )
    def test_what_is_no_proxy(self, proxy: str) -> None:
        """Told at once, without the password."""
        with pytest.raises(ConfigurationError) as caught:
            Transport("https://erp.example", system="erp", proxy=proxy)
        assert "a:b" not in str(caught.value)

    def test_not_for_plain_http(self) -> None:
        """An emulator on this machine needs no proxy."""
        with pytest.raises(ConfigurationError):
            Transport("http://127.0.0.1:8080", system="erp", allow_private=True, proxy="http://proxy.example:3128")


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
        assert closed.wait(5)
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


class TestWhatIsSent:
    """The bytes of a request."""

    def test_a_write(self, serve, transport, tools) -> None:
        """Exact request line, one Host header, our name, a length."""
        server = serve(tools.answer())
        transport(server, headers={"OData-Version": "4.0"}).send(
            "PATCH", "accounts(7)?$select=a%20b", headers={"If-Match": "*", "accept": "application/xml"}, body=b"{}"
        )
        head, body = server.requests[0].split(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert "PATCH /accounts(7)?$select=a%20b HTTP/1.1" == lines[0]
        names = [line.split(": ")[0].lower() for line in lines[1:]]
        assert sorted(names) == sorted(set(names))
        assert {"Host: " + server.url[7:], "OData-Version: 4.0", "If-Match: *", "accept: application/xml"} <= set(lines)
        assert "Content-Length: 2" in lines
        assert b"{}" == body
        assert any(line.startswith("User-Agent: periferia-link/") for line in lines)

    def test_an_empty_post_has_a_length(self, serve, transport, tools) -> None:
        """Service Layer actions are empty POSTs; IIS answers 411 without a length."""
        server = serve(tools.answer())
        ours = transport(server)
        ours.send("POST", "Orders(1)/Cancel")
        ours.read("GET", "Orders(1)")
        assert b"Content-Length: 0\r\n" in server.requests[0]
        assert b"Content-Length" not in server.requests[1]

    def test_a_link_is_followed_verbatim(self, serve, transport, tools) -> None:
        """Dataverse's paging cookie is encoded twice; one decoding less and the page is lost."""
        server = serve(tools.answer())
        link = f"{server.url}/accounts?$skiptoken=%3Ccookie%20pagingcookie=%22%253ccookie%2520page%253d%25221%22%3E&x='"
        transport(server).read("GET", link)
        assert f"GET {link.removeprefix(server.url)} HTTP/1.1" == server.requests[0].split(b"\r\n")[0].decode()

    def test_several_cookies_come_back(self, serve, transport, tools) -> None:
        """Each Set-Cookie is a header of its own, and none is kept by the transport."""
        server = serve(tools.answer(headers="Set-Cookie: B1SESSION=x\r\nSet-Cookie: ROUTEID=.node1\r\n"))
        ours = transport(server)
        assert ["B1SESSION=x", "ROUTEID=.node1"] == ours.read("GET", "a").headers_named("set-cookie")
        ours.read("GET", "a")
        assert b"ookie" not in server.requests[1]


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
