"""Public protocols and aliases: the seams that users and connectors share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

__all__ = [
    "AccessToken",
    "Clock",
    "Intent",
    "Json",
    "Request",
    "Response",
    "TokenProvider",
    "Wire",
]

Json: TypeAlias = Any
"""Anything that JSON can say."""

Intent: TypeAlias = Literal["read", "write", "session"]
"""What a request wants: ``session`` is a login, ``write`` changes business records."""


class Clock(Protocol):
    """Time as an argument: tests move it, nothing sleeps by itself."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...


class AccessToken(Protocol):
    """What a credential returns: the token and its expiry in seconds since the epoch."""

    @property
    def token(self) -> str:
        """The bearer token."""
        ...

    @property
    def expires_on(self) -> int:
        """Seconds since 1970 UTC."""
        ...


@runtime_checkable
class TokenProvider(Protocol):
    """Any object with ``get_token(*scopes)``: ours, or one of azure-identity."""

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Return a valid token for the scopes."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, independent of any client library. ``url`` is absolute."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    intent: Intent = "read"

    def header(self, name: str) -> str | None:
        """Return the first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.split('?', 1)[0]})"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response with its whole, decoded body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Return the first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def headers_named(self, name: str) -> list[str]:
        """Return every header of that name, in order (``Set-Cookie`` comes several times)."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


class Wire(Protocol):
    """
    Carries one request to a system and brings the answer: once, without retry or redirect.

    The hardened HTTP client is one; an emulator in the same process is another.
    """

    def send(self, request: Request, *, deadline: float) -> Response:
        """
        Send the request and return the answer.

        Args:
            request: What to send; ``url`` is absolute.

            deadline: Seconds that the whole exchange may take.

        Raises:
            UnavailableError: Not one byte of the request left this machine.
            OutcomeUnknownError: Something left, and no whole answer came back.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...
