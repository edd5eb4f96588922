"""
The hardened HTTP client: requests to one origin, once, within a deadline.

The only file that imports the HTTP library: ``httpcore2`` when it is installed, else ``httpcore`` (the engines of
httpx2 and httpx). The layer above them is left out on purpose: it keeps cookies, re-encodes links, reads proxies from
the environment and logs whole URLs.
"""

from __future__ import annotations

import functools
import logging
import re
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from periferia_link.errors import (
    ConfigurationError,
    ConnectorError,
    OriginError,
    OutcomeUnknownError,
    RequestTimeoutError,
    UnavailableError,
)
from periferia_link.transport._inflate import whole_body
from periferia_link.transport._origin import Site
from periferia_link.transport._sockets import DeadlineSocket, Exchange, connected, exchange, is_under_way
from periferia_link.typing import Request, Response

if TYPE_CHECKING:
    import httpcore
else:
    try:
        import httpcore2 as httpcore
    except ImportError:
        import httpcore

__all__ = ["HttpWire"]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_DIGITS = 12  # of a length that is believed
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_BROKEN_LINE = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    TimeoutError,  # the deadline passed before the library was asked
)


class HttpWire:
    """
    Carries requests to one origin over pooled connections: once, without redirect, retry or cookie.

    Args:
        site: The origin; URLs of another one are refused.

        ca_file: Certificates of a private authority, PEM; trusted instead of the public ones.

        proxy: ``http://[user:password@]host:port``.

        allow_private: Connect to private addresses, too.

        max_bytes: Largest answer, unpacked.

        keepalive: Seconds after which an idle connection is not used again.

        pool: Connections at most.

    Raises:
        ConfigurationError: The proxy or the certificate file cannot be used.
    """

    def __init__(
        self,
        site: Site,
        *,
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        max_bytes: int = 64 * 1024 * 1024,
        keepalive: float = 4.0,
        pool: int = 16,
    ) -> None:
        self._site = site
        self._max_bytes = max_bytes
        is_encrypted = site.origin.scheme == "https"
        if proxy is not None and not is_encrypted:
            msg = "a proxy is used for https only"
            raise ConfigurationError(msg, hint="remove the proxy of a system on this machine")
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trust(ca_file) if is_encrypted else None,
            proxy=None if proxy is None else _proxy(proxy),
            max_connections=pool,
            max_keepalive_connections=pool,
            keepalive_expiry=keepalive,
            network_backend=_Backend(public_only=not allow_private and proxy is None, is_encrypted=is_encrypted),
        )
        _mute()

    def send(self, request: Request, *, deadline: float) -> Response:
        """
        Send the request and return the answer (see :class:`periferia_link.typing.Wire`).

        Args:
            request: What to send; ``url`` is absolute.

            deadline: Seconds that the whole exchange may take, from the look-up of the name to the last byte.

        Raises:
            UnavailableError: Not one byte of the request left, or the line broke during a read.
            RequestTimeoutError: No whole answer to a read came in time.
            OutcomeUnknownError: Something left, and no whole answer came back.
            ContractBrokenError: The answer to a read is too large.
            OriginError: The URL has another origin.
            ConfigurationError: The request cannot be written, or the name leads into a private network.
        """
        _check_writable(request)
        with exchange(deadline) as current:
            try:
                return self._answer(request, current)
            except _BROKEN_LINE as exc:
                failure = _fate(request, current, _reason(exc))
            except ConnectorError as exc:
                if request.intent == "read" or isinstance(exc, OriginError):
                    raise
                failure = _fate(request, current, exc.message)
        # Raised outside the handlers: the frames of the library hold the headers, its messages pieces of the answer.
        raise failure

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _answer(self, request: Request, current: Exchange) -> Response:
        origin = self._site.origin
        with self._pool.stream(
            request.method,
            httpcore.URL(
                scheme=origin.scheme, host=origin.host, port=origin.port, target=self._site.target(request.url)
            ),
            headers=[("Host", origin.netloc), *request.headers],
            content=request.body if request.body or request.method in _BODY_METHODS else None,
            extensions={"timeout": {"pool": current.remaining()}},
        ) as answer:
            if not current.is_heard:
                # Left over from the answer before: whoever sent it did not know this request.
                msg = "an answer came before the request"
                raise UnavailableError(msg, hint="look for a server or proxy that answers twice")
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
            response = Response(answer.status, headers)
            if request.method == "HEAD" or (300 <= answer.status < 400 and answer.status != 304):
                return response  # of a redirect only the address matters, and nobody is sent there
            body = self._body(response, answer.iter_stream())
        return Response(answer.status, headers, body)

    def _body(self, response: Response, chunks: Iterable[bytes]) -> bytes:
        is_chunked = "chunked" in (response.header("transfer-encoding") or "").lower()
        has_length = response.header("content-length") is not None or response.status in {204, 304}
        if not is_chunked and not has_length:
            # Such a body ends when the connection does: nobody can tell a whole one from the first half.
            msg = "the answer does not say where it ends"
            raise UnavailableError(msg, hint="look for a proxy that rewrites answers")
        told = response.header("content-length") or ""
        return whole_body(
            chunks,
            encoding=response.header("content-encoding") or "",
            max_bytes=self._max_bytes,
            length=int(told[:_DIGITS]) if told.isdecimal() else 0,
        )


class _Backend(httpcore.NetworkBackend):
    """Connections for the pool: every wait on them ends with the exchange of the calling thread."""

    def __init__(self, *, public_only: bool, is_encrypted: bool) -> None:
        self._public_only = public_only
        self._is_encrypted = is_encrypted

    def connect_tcp(  # the timeouts of the pool would be per operation
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
            return _Stream(
                connected(host, port, public_only=self._public_only, carries_requests=not self._is_encrypted)
            )


class _Stream(httpcore.NetworkStream):
    """A connection, in the words of the pool."""

    def __init__(self, sock: DeadlineSocket) -> None:
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        # the pool asks for 64 kB at most, and takes more just as well
        with _named(httpcore.ReadTimeout, httpcore.ReadError):
            return self._sock.read()

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        with _named(httpcore.WriteTimeout, httpcore.WriteError):
            self._sock.write(buffer)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
            return _Stream(self._sock.start_tls(ssl_context, server_hostname or ""))

    def get_extra_info(self, info: str) -> Any:
        return self._sock.is_readable if info == "is_readable" else None

    def close(self) -> None:
        self._sock.close()


@contextmanager
def _named(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as exc:
        raise timeout(str(exc)) from exc
    except OSError as exc:
        raise failure(str(exc)) from exc


def _fate(request: Request, current: Exchange, reason: str) -> ConnectorError:
    """Say what a broken exchange means for the request."""
    if request.intent == "read":
        if current.is_over:
            return RequestTimeoutError("no whole answer came before the deadline", hint="try again, or allow more time")
        return UnavailableError(f"no whole answer came: {reason}", hint=_advice(reason))
    if not current.is_sent:
        return UnavailableError(f"nothing was sent: {reason}", hint=_advice(reason))
    msg = f"it was sent, and no whole answer came back: {reason}"
    return OutcomeUnknownError(msg, hint="read it back before sending again")


def _reason(exc: Exception) -> str:
    if isinstance(exc, httpcore.ProtocolError):
        return "the connection ended early, or the answer is not HTTP"
    if isinstance(exc, httpcore.ProxyError):
        return f"the proxy refuses ({exc})"
    return str(exc) or type(exc).__name__


def _advice(reason: str) -> str:
    if "CERTIFICATE" in reason or "certificate" in reason:
        return "name the file of your own authority with ca_file; certificates are always verified"
    return "check the address, the proxy and the network; then try again"


def _check_writable(request: Request) -> None:
    """Refuse what could smuggle a second header or request; the library would tell the value in its message."""
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(value) or value != value.strip():
            msg = f"the header {name!r} cannot be sent" if _TOKEN.fullmatch(name) else "a header cannot be sent"
            raise ConfigurationError(msg, hint="headers hold printable ASCII without line breaks")
    if not _TOKEN.fullmatch(request.method):
        msg = "the method cannot be sent"
        raise ConfigurationError(msg)


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return _public_trust() if ca_file is None else ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as exc:
        msg = f"the certificates of {ca_file or 'this machine'} cannot be read"
        raise ConfigurationError(msg, hint="ca_file is a PEM file with the certificate of the authority") from exc


@functools.cache
def _public_trust() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


def _proxy(url: str) -> httpcore.Proxy:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 3128
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme != "http" or parts.path.strip("/") or parts.query:
        msg = "a proxy reads http://[user:password@]host:port"
        raise ConfigurationError(msg, hint="the way to the proxy is plain http; what passes through it is encrypted")
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return httpcore.Proxy(httpcore.URL(scheme="http", host=host, port=port, target="/"), auth=auth)


class _ResponsesStayOut(logging.Filter):
    """Keeps the headers of our answers (cookies, tokens) out of the library's debug log; others' are not touched."""

    def filter(self, record: logging.LogRecord) -> bool:
        if is_under_way() and " " in (message := record.getMessage()) and "response" in message:
            record.msg, record.args = f"{message.partition(' ')[0]} (kept out of the log)", ()
        return True


_RESPONSES_STAY_OUT = _ResponsesStayOut()


def _mute() -> None:
    # Filters do not reach child loggers: each one that tells about answers gets it.
    for child in ("connection", "http11", "proxy"):
        logging.getLogger(f"{httpcore.__name__}.{child}").addFilter(_RESPONSES_STAY_OUT)
