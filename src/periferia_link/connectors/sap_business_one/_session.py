"""The session of the Service Layer: one login for everybody, kept, renewed, never tried twice with a bad password."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.sap_business_one._refusals import refusal_of
from periferia_link.errors import AuthenticationError, ContractBrokenError, LinkError, UnavailableError
from periferia_link.transport._json import NotJsonError, dumps, loads
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Response

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["Session"]

_EARLY = 60.0
"""Seconds before the idle timeout at which a session counts as over."""


class Session:
    """
    Signs in once and hands out the cookies (:class:`~periferia_link.transport._http.Auth`).

    ``B1SESSION`` comes without a path and with a semicolon at its end, which cookie jars drop or file under one
    version only: both cookies are read and sent by hand. A login is heavy and parallel ones fail on the server
    (500, code 299), so there is one at a time. A refused password locks the user after a few tries: it is
    remembered, and later calls fail at once without a request.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        company_db: str,
        username: str,
        password: SecretStr,
        clock: Clock,
        language: str | None = None,
    ) -> None:
        self._transport = transport
        self._account = {"CompanyDB": company_db, "UserName": username}
        if language is not None:
            self._account["Language"] = language
        self._password = password
        self._clock = clock
        self._lock = threading.Lock()
        self._cookie = ""
        self._used = 0.0
        self._idle = 0.0
        self._refused: dict[str, Any] | None = None
        self.version: str | None = None

    def headers(self) -> Mapping[str, str]:
        """
        Return the cookies of a session that will hold for this request.

        Raises:
            AuthenticationError: User, password or company are refused, now or before.
            UnavailableError: No login was possible now.
        """
        with self._lock:
            now = self._clock.monotonic()
            if not self._cookie or now - self._used >= self._idle:
                self._login()
            self._used = self._clock.monotonic()
            return {"Cookie": self._cookie}

    def renew(self, used: Mapping[str, str]) -> bool:
        """Sign in again after a 401, unless another thread did already."""
        with self._lock:
            if used.get("Cookie") == self._cookie:
                self._login()
            return True

    def close(self) -> None:
        """Sign out; the server forgets the session by itself if that fails."""
        with self._lock:
            cookie, self._cookie = self._cookie, ""
        if cookie:
            with suppress(LinkError):
                self._transport.send("POST", "Logout", headers={"Cookie": cookie}, intent="session")
        self._transport.close()

    def _login(self) -> None:
        self._cookie = ""
        if self._refused is not None:
            raise self._refusal()
        try:
            answer = self._transport.send(
                "POST",
                "Login",
                headers={"Content-Type": "application/json"},
                # no variable holds it: tracebacks with locals end up in logs
                body=dumps(self._account | {"Password": self._password.get_secret_value()}),
                intent="session",
            )
        except LinkError as exc:
            msg = "the Service Layer did not answer the login"
            raise UnavailableError(msg, hint="check address, network and certificate", system=self._name) from exc
        if answer.status == 200:
            self._accept(answer)
            return
        self._decline(answer)

    def _accept(self, answer: Response) -> None:
        try:
            body = loads(answer.body)
            minutes = float(body["SessionTimeout"])
            name = str(body["SessionId"])
        except (NotJsonError, KeyError, TypeError, ValueError):
            msg = "the answer to the login is not that of a Service Layer"
            raise ContractBrokenError(msg, hint="check the address and the port (50000)", system=self._name) from None
        cookies = _cookies(answer)
        cookies.setdefault("B1SESSION", name)
        self.version = str(body.get("Version") or "") or None
        self._idle = max(minutes * 60 - _EARLY, 1.0)
        self._cookie = "; ".join(f"{key}={value}" for key, value in cookies.items())

    def _decline(self, answer: Response) -> None:
        refusal = refusal_of(answer)
        told: dict[str, Any] = {"status_code": answer.status, "code": refusal.code, "system": self._name}
        if answer.status in (400, 401, 403):
            self._refused = told
            raise self._refusal()
        if answer.status == 404:
            msg = "there is no Service Layer at this address"
            raise ContractBrokenError(msg, hint="the address is https://HOST:50000, nothing behind it", **told)
        msg = f"the Service Layer cannot log anybody in now (status {answer.status})"
        raise UnavailableError(msg, hint="try again later; ask whether its nodes are up", **told)

    def _refusal(self) -> AuthenticationError:
        told = self._refused or {}
        msg = f"the login is refused (code {told.get('code') or 'none'})"
        hint = "check user, password and company database; it is not tried again, as that would lock the user"
        return AuthenticationError(msg, hint=hint, operation="login", **told)

    @property
    def _name(self) -> str:
        return self._transport.system

    def __repr__(self) -> str:
        return f"Session({self._transport.system!r}, {'open' if self._cookie else 'closed'})"


def _cookies(answer: Response) -> dict[str, str]:
    """Return name and value of each cookie; attributes are of no use here."""
    pairs = (header.split(";", 1)[0].strip().partition("=") for header in answer.headers_named("Set-Cookie"))
    return {name: value for name, sign, value in pairs if sign and name and value}
