"""
Where a system lives, fixed once: every path and link is resolved here, and none leads anywhere else.

URLs are parsed by the grammar of RFC 3986 and compared by their parts. ``startswith`` would let
``https://erp.example.evil.example`` pass, and ``urllib`` drops tabs and line breaks before it parses.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote

from periferia_link.errors import ConfigurationError, OriginError

__all__ = ["MAX_URL", "Origin", "Site", "is_public"]

MAX_URL = 32_768
"""Characters; the limit of Dataverse for GET, and above every other one."""

_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?", re.DOTALL)
_AUTHORITY = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# The last label of a name is never a number: what looks like one is an address in disguise (0x7f.1, 2130706433).
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")
_LEGAL = "!$%&'()*+,/:;=?@[]~"
_USUAL_PORTS = {"https": 443, "http": 80}


class Origin(NamedTuple):
    """Scheme, host and port; written without the usual port: ``https://erp.example``."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """Host, and port where it is not the usual one, as the Host header wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


class Site:
    """
    The configured address of one system: its origin, and the path below which relative links live.

    Args:
        base_url: Such as ``https://erp.example:50000/b1s/v2``.

        allow_private: Accept addresses instead of names, ``localhost``, and plain http to this machine.

    Raises:
        ConfigurationError: The address is not https, carries a user, a query or a fragment, or is private.
    """

    def __init__(self, base_url: str, *, allow_private: bool = False) -> None:
        whole = _URL.fullmatch(base_url)
        origin = _origin(whole[1], whole[2]) if whole and not _is_unsafe(base_url) else None
        if whole is None or origin is None or whole[4] is not None:
            msg = "the address of a system reads https://host[:port][/path], without user, query and fragment"
            raise ConfigurationError(msg, hint="correct the url of the system")
        _check_host(origin, allow_private=allow_private)
        self.origin = origin
        self.base_url = f"{origin}{_encoded(whole[3])}".rstrip("/")

    def url(self, link: str) -> str:
        """
        Return the absolute URL of a path or link, unless it leaves the origin.

        A path without a leading slash lives below the configured address, one with a slash at the root of the host
        (SAP's next links come in both forms). What is legal in a URL stays as it is, the rest is percent-encoded.

        Args:
            link: Path, or a link as the system gave it.

        Raises:
            OriginError: The link leads to another scheme, host or port, or hides where it leads.
            ConfigurationError: The URL is longer than any system accepts.
        """
        whole = _URL.fullmatch(link)
        if whole is None or _is_unsafe(link):
            raise _leaves(link)
        scheme, authority, path, query = whole[1], whole[2], _encoded(whole[3]), _encoded(whole[4] or "")
        if scheme is not None or authority is not None:
            if _origin(scheme, authority) != self.origin:
                raise _leaves(link)
            url = f"{self.origin}{path or '/'}{query}"
        elif path.startswith("/"):
            url = f"{self.origin}{path}{query}"
        else:
            url = f"{self.base_url}/{path}{query}" if path else f"{self.base_url}{query}"
        if len(url) > MAX_URL:
            msg = f"the URL has {len(url)} characters, more than {MAX_URL}"
            raise ConfigurationError(msg, hint="ask for fewer records or columns at once")
        return url

    def target(self, url: str) -> str:
        """
        Return path and query of an absolute URL, as they stand in the request line.

        Raises:
            OriginError: The URL has another origin.
        """
        return self.url(url)[len(str(self.origin)) :] or "/"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: not private, loopback, link-local or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_global and not ip.is_multicast


def _origin(scheme: str | None, authority: str | None) -> Origin | None:
    """Return the origin, or ``None`` for anything but http(s) with a plain host: a user part is refused, too."""
    scheme = (scheme or "").lower()
    parts = _AUTHORITY.fullmatch(authority or "")
    if scheme not in _USUAL_PORTS or parts is None:
        return None
    port = int(parts[2]) if parts[2] else _USUAL_PORTS[scheme]
    return Origin(scheme, parts[1].strip("[]").lower(), port) if 0 < port < 65_536 else None


def _check_host(origin: Origin, *, allow_private: bool) -> None:
    host = origin.host
    is_local = host == "localhost" or host.endswith(".localhost")
    is_address = ":" in host or _NUMERIC.fullmatch(host) is not None
    if (is_local or is_address) and not allow_private:
        msg = f"{origin} is an address of this machine or a bare number, not the name of a server"
        raise ConfigurationError(msg, hint="use the server's name, or set allow_private for a system in your network")
    if origin.scheme == "http" and not (is_local or _is_loopback(host)):
        msg = f"{origin} would send credentials unencrypted"
        raise ConfigurationError(msg, hint="use https; plain http is for emulators on this machine")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_unsafe(url: str) -> bool:
    """Whether programs disagree about where this URL leads: control characters, a backslash."""
    return bool(_CONTROLS.search(url)) or "\\" in url.partition("?")[0]


def _encoded(text: str) -> str:
    try:
        return quote(text, safe=_LEGAL)
    except UnicodeEncodeError:
        raise _leaves(text) from None


def _leaves(link: str) -> OriginError:
    parts = _URL.match(link)
    authority = (parts[2] if parts else None) or ""
    host = re.sub(r"[^A-Za-z0-9.:_-]", "?", authority.rpartition("@")[2])[:100]
    msg = f"a link leads to {host or 'an address that cannot be read'}, not to the configured system"
    return OriginError(msg, hint="nothing was sent there; compare the address of the system with what it answers")
