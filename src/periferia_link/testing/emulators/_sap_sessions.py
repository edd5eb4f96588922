"""Login and sessions of the emulated Service Layer: cookies, thirty sliding minutes, the language of the messages."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from periferia_link.testing.emulators._json import parse_json
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_wire import Edition
from periferia_link.typing import Request, Response

__all__ = ["Sessions"]

_SPANISH = frozenset({"ln_Spanish", "ln_Spanish_La", "ln_Spanish_Ar", "ln_Spanish_Pa", "2", "7", "23", "25"})


@dataclass(slots=True)
class _Session:
    used: datetime
    language: Literal["en", "es"]


class Sessions:
    """
    Who is signed in.

    ``minutes`` is the idle time after which a session is forgotten; every request of a session starts it anew.
    ``logins`` counts the successful ones.
    """

    def __init__(self, account: Mapping[str, str], *, seed: int) -> None:
        self.account = account
        self.minutes = 30
        self.version = "1000280"
        self.node = ".node1"
        self.logins = 0
        self._random = random.Random(seed)  # noqa: S311 - made-up session ids, the same in every run
        self._open: dict[str, _Session] = {}

    def login(self, request: Request, edition: Edition, now: datetime) -> Response:
        """
        Open a session.

        Raises:
            RefusedError: -304 for a wrong user or password, -306 for a company that is not there.
        """
        asked = _fields(request.body)
        if asked.get("CompanyDB") != self.account["company_db"]:
            raise Refusal.COMPANY.error()
        if (asked.get("UserName"), asked.get("Password")) != (self.account["username"], self.account["password"]):
            raise Refusal.PASSWORD.error()
        name = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        self._open[name] = _Session(now, "es" if str(asked.get("Language")) in _SPANISH else "en")
        self.logins += 1
        body: dict[str, Any] = edition.context("B1Sessions/$entity") if edition.is_v2 else {}
        body |= {"SessionId": name, "Version": self.version, "SessionTimeout": self.minutes}
        # no Path and a semicolon at the end: exactly what makes some cookie jars drop the session
        cookies = (f"B1SESSION={name};HttpOnly;", f"ROUTEID={self.node}; path=/b1s")
        return edition.answer(200, body, headers=tuple(("Set-Cookie", cookie) for cookie in cookies))

    def enter(self, request: Request, now: datetime) -> Literal["en", "es"]:
        """
        Let a request in and return the language of its session.

        Raises:
            RefusedError: 301, there is no such session or it is over.
        """
        session = self._open.get(_cookie(request))
        if session is None or now - session.used > timedelta(minutes=self.minutes):
            raise Refusal.SESSION.error()
        session.used = now
        return session.language

    def logout(self, request: Request) -> None:
        """Close the session of a request."""
        self._open.pop(_cookie(request), None)

    def expire(self) -> None:
        """Forget every session, as a restarted node does."""
        self._open.clear()

    def __len__(self) -> int:
        return len(self._open)


def _cookie(request: Request) -> str:
    pairs = (pair.strip().partition("=") for pair in (request.header("Cookie") or "").split(";"))
    return next((value for name, _, value in pairs if name == "B1SESSION"), "")


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = parse_json(body)
    except (ValueError, RecursionError):
        raise Refusal.BODY.error() from None
    if not isinstance(fields, dict):
        raise Refusal.BODY.error()
    return fields
