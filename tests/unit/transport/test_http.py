"""Where the client goes and what it sends: origin, redirects, TLS, environment, proxy, bytes."""

from __future__ import annotations

import contextlib
import inspect
import socket
import ssl
import threading

import pytest

from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    OriginError,
    UnavailableError,
)
from periferia_link.transport._http import HttpWire, _trust
from periferia_link.transport._origin import Site
from periferia_link.transport._transport import Transport
from periferia_link.typing import Request

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
            returning.join(60)

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
