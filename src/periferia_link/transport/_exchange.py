"""Reads and writes to one system over any wire: origin pinned, reads retried, writes sent exactly once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from periferia_link._version import __version__
from periferia_link.clock import SystemClock
from periferia_link.errors import (
    AuthenticationError,
    ConnectorError,
    LinkError,
    OutcomeUnknownError,
    RequestTimeoutError,
    TransientError,
    UnavailableError,
    WriteRefusedError,
)
from periferia_link.transport._answers import checked, code_of, pause_of
from periferia_link.transport._inflate import ACCEPTED
from periferia_link.transport._origin import Site
from periferia_link.transport._pacing import Gate
from periferia_link.transport._retry import ReadRetry
from periferia_link.typing import Clock, Intent, Request, Response, Wire

__all__ = ["Auth", "WireTransport"]

_KEY_IN_PATH = re.compile(r"\([^/]*\)")

_T = TypeVar("_T")


class Auth(Protocol):
    """Puts credentials on a request and learns when they are no longer good. Called by several threads at once."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers that prove who asks; may sign in or fetch a token over its own transport."""
        ...

    def renew(self, used: Mapping[str, str]) -> bool:
        """
        Drop credentials that a 401 answered; ``True`` when another request with fresh ones is worth it.

        Args:
            used: The headers that were refused: when another thread has renewed them already, nothing is dropped.
        """
        ...


class WireTransport:
    """
    What :class:`~periferia_link.transport._http.Transport` does once it has a wire.

    Args:
        site: The pinned address.

        wire: Carries one request, without retry or redirect.

        system: Instance name, for messages.

        clock: Source of time for pauses.

        auth: Credentials.

        gate: Paces the requests.

        deadline: Seconds on the line, for all attempts of a read or for one write.

        plan_only: Refuse every write.

        headers: Sent with every request.

        heard: Told every answer, before anybody judges it: advice on pace, tokens of a session.
    """

    def __init__(
        self,
        site: Site,
        wire: Wire,
        *,
        system: str,
        clock: Clock,
        auth: Auth | None,
        gate: Gate,
        deadline: float,
        plan_only: bool,
        headers: Mapping[str, str],
        heard: Callable[[Response], None] | None = None,
    ) -> None:
        self._heard = heard
        self.base_url = site.base_url
        self.system = system
        self.deadline = deadline
        self._site = site
        self._wire = wire
        self._clock = clock
        self._auth = auth
        self._gate = gate
        self._plan_only = plan_only
        self._headers = {
            "User-Agent": f"periferia-link/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED,
            **headers,
        }
        # A clock that somebody moves is there to make a run repeatable.
        self._retry = ReadRetry(clock, seed=None if isinstance(clock, SystemClock) else system)

    def url(self, path_or_link: str) -> str:
        """
        Return the absolute URL of a path, or of a link that the system gave.

        ``accounts`` lives below ``base_url``, ``/b1s/v2/Orders`` at the root of the host.

        Raises:
            OriginError: The link leads to another scheme, host or port; nothing was sent.
        """
        with self._signed("url"):
            return self._site.url(path_or_link)

    def read(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Response:
        """
        Ask without changing anything, again if need be, and return an answer that can be classified by code.

        Args:
            method: ``GET``, or ``POST`` where a query travels in the body.

            path: Path or link, see :meth:`url`.

            headers: Of this request alone.

            body: What to send.

        Raises:
            OriginError: The path leads away, or the system redirects.
            AuthenticationError: The credentials are refused, fresh ones too; or a sign-in page came.
            ThrottledError: The system still asks to slow down after the last attempt.
            UnavailableError: It cannot be reached, breaks off, or answers 5xx.
            RequestTimeoutError: No whole answer came before the deadline.
            ContractBrokenError: The answer is larger than ``max_bytes``.
        """
        ask = self._ask(method, path, headers, body, "read")
        del path, headers, body  # a traceback that shows variables shows neither passwords nor people
        patience = _Patience(self._clock, self.deadline)
        return self._retry.call(lambda: self._attempt(ask, patience), has_time=lambda: patience.left > 0)

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        intent: Intent = "write",
    ) -> Response:
        """
        Send a request exactly once and return the answer, whatever its status.

        After a 401 the credentials are renewed for the next request, after a 429 everybody pauses; this request is
        not sent again.

        Args:
            method: ``POST``, ``PATCH``, ``PUT`` or ``DELETE``.

            path: Path or link, see :meth:`url`.

            headers: Of this request alone.

            body: What to send.

            intent: ``session`` for a login or logout, which plan-only mode allows.

        Raises:
            WriteRefusedError: The transport is plan-only.
            UnavailableError: Not one byte left; it may be sent again.
            OutcomeUnknownError: Something left, and no whole answer came back.
        """
        if self._plan_only and intent == "write":
            msg = "the system is configured plan-only, nothing was sent"
            raise WriteRefusedError(msg, hint="remove plan_only to allow writes", system=self.system, operation=method)
        ask = self._ask(method, path, headers, body, intent)
        del path, headers, body  # as in read()
        patience = _Patience(self._clock, self.deadline)
        # The engine counts the settle time of a write from before this call: signing in and waiting at the gate are
        # part of the deadline, and a write whose time would run out there is not sent at all.
        with self._signed(_operation(ask)), patience.counting():
            used = self._credentials()
            with self._gate.enter(within=patience.left):
                response = self._carry(ask, used, patience)
        if response.status == 429:
            self._gate.pause(pause_of(response, now=self._clock.now()))
        if response.status == 401 and self._auth is not None:
            with suppress(LinkError):  # the answer is known; the next request meets the failure itself
                self._auth.renew(used)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.system!r}, {self._site.origin})"

    def _ask(self, method: str, path: str, headers: Mapping[str, str] | None, body: bytes, intent: Intent) -> Request:
        merged = {name.lower(): (name, value) for name, value in (*self._headers.items(), *(headers or {}).items())}
        return Request(method, self.url(path), tuple(merged.values()), body, intent)

    def _attempt(self, ask: Request, patience: _Patience) -> Response:
        with self._signed(_operation(ask)):
            auth = self._auth
            used, response = self._exchange(ask, patience)
            if response.status == 401 and auth is not None and not patience.has_renewed:
                patience.has_renewed = True
                if _signing_in(lambda: auth.renew(used)):
                    _, response = self._exchange(ask, patience)
            if response.status == 401:
                msg = "the credentials are refused (status 401)"
                hint = "check the credential: is it expired, revoked, or meant for another system?"
                raise AuthenticationError(msg, hint=hint, status_code=401, code=code_of(response))
            if response.status == 429:
                self._gate.pause(pause_of(response, now=self._clock.now()))
            return checked(ask, response, now=self._clock.now())

    def _exchange(self, ask: Request, patience: _Patience) -> tuple[_Credentials, Response]:
        with patience.counting():
            used = self._credentials()
        with self._gate.enter(), patience.counting():
            try:
                return used, self._carry(ask, used, patience)
            except OutcomeUnknownError as exc:
                # A wire need not look at the intent; for a read nothing is at stake.
                raise UnavailableError(exc.message, hint=exc.hint) from exc

    def _carry(self, ask: Request, used: _Credentials, patience: _Patience) -> Response:
        if patience.left > 0:
            response = self._wire.send(_proven(ask, used), deadline=patience.left)
            if self._heard is not None:
                self._heard(response)
            return response
        msg = "the deadline passed before anything was sent"
        hint = "allow more time"
        raise RequestTimeoutError(msg, hint=hint) if ask.intent == "read" else UnavailableError(msg, hint=hint)

    def _credentials(self) -> _Credentials:
        auth = self._auth
        return _Credentials() if auth is None else _signing_in(lambda: _Credentials(auth.headers()))

    @contextmanager
    def _signed(self, operation: str) -> Iterator[None]:
        """Say in every error which system and operation it is about."""
        try:
            yield
        except ConnectorError as exc:
            exc.system = exc.system or self.system
            exc.operation = exc.operation or operation
            raise


class _Credentials(dict[str, str]):
    """Headers that prove who asks; a traceback that shows variables does not show them."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class _Patience:
    """What is left of a deadline, counted only while somebody is kept waiting by us or the line."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._since: float | None = None
        self.has_renewed = False

    @property
    def left(self) -> float:
        """Seconds left."""
        running = 0.0 if self._since is None else self._clock.monotonic() - self._since
        return self._seconds - running

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time of the block."""
        self._since = self._clock.monotonic()
        try:
            yield
        finally:
            self._seconds = self.left
            self._since = None


def _signing_in(call: Callable[[], _T]) -> _T:
    """Whatever became of a sign-in, the request itself was not sent."""
    try:
        return call()
    except (TransientError, OutcomeUnknownError) as exc:
        msg = f"signing in failed, nothing was sent: {exc.message}"
        raise UnavailableError(msg, hint=exc.hint, retry_after=exc.retry_after) from exc


def _proven(ask: Request, used: _Credentials) -> Request:
    names = {name.lower() for name in used}
    headers = [header for header in ask.headers if header[0].lower() not in names]
    return Request(ask.method, ask.url, (*headers, *used.items()), ask.body, ask.intent)


def _operation(ask: Request) -> str:
    """Method and path for messages: keys may be tax numbers, queries may hold names and tokens."""
    path = ask.url.partition("?")[0].partition("//")[2].partition("/")[2]
    return f"{ask.method} /{_KEY_IN_PATH.sub('(…)', path)}"
