"""Where links may lead."""

from __future__ import annotations

import pytest

from periferia_link.errors import ConfigurationError, OriginError
from periferia_link.transport._origin import MAX_URL, Site, is_public

HERE = "https://erp.example:50000/b1s/v2"

ELSEWHERE = [
    "https://evil.example:50000/b1s/v2/Orders",
    "https://erp.example/b1s/v2/Orders",
    "https://erp.example:443/b1s/v2/Orders",
    "https://erp.example:50001/",
    "http://erp.example:50000/b1s/v2/Orders",
    "HTTP://erp.example:50000/",
    "https://erp.example.evil.example:50000/b1s/v2",
    "https://erp.example:50000.evil.example/b1s/v2",
    "https://erp.example:50000@evil.example/b1s/v2",
    "https://erp.example:50000:50000/",
    "https://user@erp.example:50000/",
    "https://user:password@erp.example:50000/",
    "https://@erp.example:50000/",
    "https://erp.example.:50000/",
    "https://xerp.example:50000/",
    "https://erp%2eexample:50000/",
    "https://erp.example%2F@evil.example/",
    "https://erp.example:50000\\@evil.example/",
    "https:\\\\evil.example\\",
    "https:/\\evil.example/",
    "https:evil.example/Orders",
    "https:/evil.example/Orders",
    "https:///evil.example/Orders",
    "//evil.example/",
    "//erp.example:50000/b1s/v2",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example\\",
    "\\/evil.example",
    "Orders\\..\\..",
    "ftp://erp.example:50000/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https://",
    "https://:50000/",
    "https://erp.example:0/",
    "https://erp.example:99999999/",
    "https://erp.example:5000\u0660/",
    "https://\u0435rp.example:50000/",
    "https://[::1]:50000/",
    "https://[erp.example]:50000/",
    "https://127.0.0.1:50000/",
    "https://erp.example:50000#@evil.example/",
    "Orders#fragment",
    "\thttps://evil.example/",
    "ht\ntps://evil.example/",
    "https://erp.example\t:50000/",
    "/Orders\r\nHost: evil.example",
    "/Orders\x00",
    "/Orders?\x7f",
    " https://evil.example/",
    "https://evil.example /",
    "Orders?$filter=\ud800",
]


class TestLinks:
    """A link stays at the configured origin, or it is refused before anything is sent."""

    @pytest.mark.parametrize("link", [link for link in ELSEWHERE if not link.startswith(" ")])
    def test_elsewhere_is_refused(self, link: str) -> None:
        """Other host, port, scheme, a user part, a disguise: OriginError."""
        with pytest.raises(OriginError):
            Site(HERE).url(link)

    def test_a_leading_blank_is_no_scheme(self) -> None:
        """What only looks like another address becomes a path below ours."""
        assert f"{HERE}/%20https://evil.example/" == Site(HERE).url(" https://evil.example/")

    @pytest.mark.parametrize("link", ["///evil.example/", "///"])
    def test_three_slashes_are_refused(self, link: str) -> None:
        """An empty authority is none of ours."""
        with pytest.raises(OriginError):
            Site(HERE).url(link)

    def test_the_message_names_the_host_only(self) -> None:
        """The path and query of a foreign link may hold a token."""
        with pytest.raises(OriginError) as caught:
            Site(HERE).url("https://user:SECRET@evil.example/p?token=SECRET")
        assert "evil.example" in str(caught.value)
        assert "SECRET" not in str(caught.value)

    @pytest.mark.parametrize(
        ("link", "url"),
        [
            ("Orders", f"{HERE}/Orders"),
            ("", HERE),
            ("?$skip=20", f"{HERE}?$skip=20"),
            ("/b1s/v1/Orders?$skip=20", "https://erp.example:50000/b1s/v1/Orders?$skip=20"),
            ("SQLQueries('x')/List?&$skip=5", f"{HERE}/SQLQueries('x')/List?&$skip=5"),
            ("Orders('a:b')", f"{HERE}/Orders('a:b')"),
            ("https://erp.example:50000", "https://erp.example:50000/"),
            ("https://ERP.example:50000/x?y=//z\\w", "https://erp.example:50000/x?y=//z%5Cw"),
            ("Orders?$filter=Name eq 'Peña & co'", f"{HERE}/Orders?$filter=Name%20eq%20'Pe%C3%B1a%20&%20co'"),
            ("a?t=%3Ccookie%20x=%22%252541%22%3E&b=1;c=[2]", f"{HERE}/a?t=%3Ccookie%20x=%22%252541%22%3E&b=1;c=[2]"),
        ],
    )
    def test_here_is_kept_as_it_is(self, link: str, url: str) -> None:
        """Relative and absolute links of the system; percent-encoding that is there is not touched."""
        assert url == Site(HERE).url(link)

    def test_the_usual_port_is_the_same_origin(self) -> None:
        """``:443`` may be written or not."""
        site = Site("https://crm.example/api/data/v9.2/")
        assert "https://crm.example/api/data/v9.2/accounts" == site.url(
            "https://CRM.example:443/api/data/v9.2/accounts"
        )
        assert "/api/data/v9.2/accounts" == site.target(site.url("accounts"))

    def test_a_url_beyond_every_limit_is_refused(self) -> None:
        """Before it is sent, with advice."""
        with pytest.raises(ConfigurationError, match="fewer records"):
            Site(HERE).url("x" * MAX_URL)


class TestConfiguredAddress:
    """What an installation may name as the address of a system."""

    @pytest.mark.parametrize(
        "url",
        [
            "erp.example",
            "ftp://erp.example",
            "https://",
            "https://user:password@erp.example",
            "https://erp.example?x=1",
            "https://erp.example#x",
            "https://erp.example/\\x",
            "https://erp.example:0",
            "https://pe\u00f1a.example",
            "http://erp.example",
            "https://127.0.0.1",
            "https://169.254.169.254/latest",
            "https://[::1]",
            "https://[fe80::1]",
            "https://2130706433",
            "https://0x7f.1",
            "https://127.1",
            "https://erp.0x7f000001",
            "https://localhost",
            "https://erp.localhost",
            "http://localhost",
        ],
    )
    def test_refused(self, url: str) -> None:
        """Nothing unencrypted, nothing private unless it is said, no secrets in addresses."""
        with pytest.raises(ConfigurationError) as caught:
            Site(url)
        assert "password" not in str(caught.value)

    @pytest.mark.parametrize("url", ["https://10.0.0.5:50000/b1s/v2", "https://localhost", "http://127.0.0.1:8080"])
    def test_private_by_decision(self, url: str) -> None:
        """A private address is normal for SAP on premise, plain http for an emulator."""
        assert url == Site(url, allow_private=True).base_url

    def test_plain_http_never_leaves_the_machine(self) -> None:
        """allow_private does not allow sending credentials unencrypted through a network."""
        with pytest.raises(ConfigurationError, match="unencrypted"):
            Site("http://10.0.0.5", allow_private=True)

    def test_ipv6_is_written_in_brackets(self) -> None:
        """Host header and URL need them, the connection does not."""
        site = Site("https://[::1]:8443/x", allow_private=True)
        assert ("::1", "[::1]:8443", "https://[::1]:8443/x/y") == (site.origin.host, site.origin.netloc, site.url("y"))


class TestPublicAddresses:
    """Which addresses a name of the internet may lead to."""

    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
            *("::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "224.0.0.1", "ff02::1"),
        ],
    )
    def test_private(self, address: str) -> None:
        """Private, loopback, link-local, mapped, multicast."""
        assert not is_public(address)

    @pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
    def test_public(self, address: str) -> None:
        """Addresses of the internet."""
        assert is_public(address)
