"""Signing in to Periticket with a name and a password."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from periferia_link.errors import (
    AuthenticationError,
    ContractBrokenError,
    OutcomeUnknownError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.transport._http import Transport
from periferia_link.transport._json import NotJsonError, dumps, loads

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["Login"]


class Login:
    """
    A session that is opened when it is needed and again when the server no longer knows it.

    Threads share it: one signs in, the others wait. It puts credentials on requests (``Auth`` of the transport).
    """

    def __init__(self, transport: Transport, *, system: str, username: str, password: SecretStr) -> None:
        self._transport = transport
        self._system = system
        self._username = username
        self._password = password
        self._token: str | None = None
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """
        Return the header of the session.

        Raises:
            AuthenticationError: The name or the password is refused.
            TransientError: The server cannot sign us in now.
        """
        with self._lock:
            if self._token is None:
                self._token = self._sign_in()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self, used: Mapping[str, str]) -> bool:
        """Forget the session that was refused, unless another thread has replaced it already."""
        with self._lock:
            if used.get("Authorization") == f"Bearer {self._token}":
                self._token = None
        return True

    def _sign_in(self) -> str:
        body = dumps({"username": self._username, "password": self._password.get_secret_value()})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            response = self._transport.send("POST", "session", headers=headers, body=body, intent="session")
        except OutcomeUnknownError as exc:
            msg = "the sign-in broke off"
            raise UnavailableError(msg, hint="try again", system=self._system, operation="sign in") from exc
        if response.status == 201:
            return self._token_of(response.body)
        told: dict[str, Any] = {"system": self._system, "operation": "sign in", "status_code": response.status}
        if response.status in {401, 403}:
            msg = "the username or the password is refused"
            raise AuthenticationError(msg, hint="check the account in Periticket and the secret it names", **told)
        if response.status == 429:
            msg = "too many sign-ins"
            raise ThrottledError(msg, hint="wait a minute", retry_after=60.0, **told)
        if response.status >= 500:
            msg = "the sign-in is not available"
            raise UnavailableError(msg, hint="try again later", **told)
        msg = f"the sign-in answers {response.status}"
        raise ContractBrokenError(msg, hint="check the address of Periticket", **told)

    def _token_of(self, body: bytes) -> str:
        try:
            told = loads(body)
        except NotJsonError:
            told = None
        token = told.get("token") if isinstance(told, dict) else None
        if isinstance(token, str) and token.isascii() and token.isprintable() and token.strip() == token != "":
            return token
        msg = "the sign-in answers without a token"
        raise ContractBrokenError(msg, hint="check the address of Periticket", system=self._system, operation="sign in")

    def __repr__(self) -> str:
        return f"Login({self._system!r})"
