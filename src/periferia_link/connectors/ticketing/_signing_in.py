"""Credentials as a profile says: tokens, names and passwords, keys, and sessions that are opened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr

from periferia_link.connectors.ticketing._paths import look_up
from periferia_link.connectors.ticketing.profile import AuthRules, LoginRules
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractBrokenError,
    OutcomeUnknownError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.transport._auth import BasicAuth, BearerAuth, HeaderAuth, StaticToken
from periferia_link.transport._json import NotJsonError, dumps, loads
from periferia_link.transport._transport import Auth, Transport

__all__ = ["Credentials", "Login", "auth_for"]


class Credentials:
    """What a person gives to sign in: a token, a name with its password, or a key."""

    def __init__(
        self,
        *,
        token: SecretStr | None = None,
        username: str | None = None,
        password: SecretStr | None = None,
        key: SecretStr | None = None,
        key_header: str = "X-Api-Key",
    ) -> None:
        self.token = token
        self.username = username
        self.password = password
        self.key = key
        self.key_header = key_header

    @property
    def kind(self) -> str | None:
        """Which one it is; ``None`` where it is none, half of one, or several."""
        given = (self.token is not None, self.username is not None, self.password is not None, self.key is not None)
        kinds = {
            (True, False, False, False): "token",
            (False, True, True, False): "login",
            (False, False, False, True): "key",
        }
        return kinds.get(given)

    def __repr__(self) -> str:
        return f"Credentials({self.kind})"


def auth_for(given: Credentials, rules: AuthRules, *, system: str, title: str, line: Callable[[], Transport]) -> Auth:
    """
    Return what puts the credentials on requests.

    Args:
        given: The credentials.

        rules: How they travel.

        system: Instance name.

        title: Name of the product.

        line: Makes a transport for the sign-in.

    Raises:
        ConfigurationError: The server takes another kind of credential.
    """
    kind, accepts = given.kind, rules.accepts
    if kind == "token" and "token" in accepts and given.token is not None:
        return _token(given.token, rules)
    if kind == "login" and given.username is not None and given.password is not None:
        if "login" in accepts and rules.login is not None:
            return Login(line(), rules.login, system=system, username=given.username, password=given.password)
        if "basic" in accepts:
            return BasicAuth(f"{given.username}{rules.username_suffix}", given.password)
    if kind == "key" and "key" in accepts and given.key is not None:
        return HeaderAuth(given.key_header, given.key)
    words = {"token": "a token", "login": "a username with its password", "basic": "a username with its password"}
    wanted = list(dict.fromkeys(words.get(name, "a key") for name in accepts))
    msg = f"{system}: {title} needs {'either ' if len(wanted) > 1 else ''}{', or '.join(wanted)}"
    hint = 'set kind = "static-token", kind = "login" or kind = "api-key" in its table credential'
    raise ConfigurationError(msg, hint=hint)


def _token(token: SecretStr, rules: AuthRules) -> Auth:
    if rules.token_as == "basic-username":  # noqa: S105 - a word of the profile
        return BasicAuth(token.get_secret_value(), SecretStr(rules.filler))
    if rules.header == "Authorization" and rules.scheme == "Bearer":
        return BearerAuth(StaticToken(token), "")
    # "Token token=" and its like are written without a blank
    joint = "" if rules.scheme.endswith("=") else " "
    return HeaderAuth(rules.header, SecretStr(f"{rules.scheme}{joint}{token.get_secret_value()}".strip()))


class Login:
    """
    A session that is opened when it is needed and again when the server no longer knows it.

    Threads share it: one signs in, the others wait. It puts credentials on requests (``Auth`` of the transport).
    """

    def __init__(
        self, transport: Transport, rules: LoginRules, *, system: str, username: str, password: SecretStr
    ) -> None:
        self._transport = transport
        self._rules = rules
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
            return {self._rules.session_header: f"{self._rules.session_scheme} {self._token}".strip()}

    def renew(self, used: Mapping[str, str]) -> bool:
        """Forget the session that was refused, unless another thread has replaced it already."""
        with self._lock:
            mine = f"{self._rules.session_scheme} {self._token}".strip()
            if used.get(self._rules.session_header) == mine:
                self._token = None
        return True

    def _sign_in(self) -> str:
        rules = self._rules
        body, headers = b"", {"Accept": "application/json"}
        if rules.send == "json":
            body = dumps({rules.username: self._username, rules.password: self._password.get_secret_value()})
            headers["Content-Type"] = "application/json"
        elif rules.send == "basic":
            headers |= BasicAuth(self._username, self._password).headers()
        else:
            headers[rules.header] = f"{rules.scheme} {self._password.get_secret_value()}".strip()
        try:
            response = self._transport.send(rules.method, rules.path, headers=headers, body=body, intent="session")
        except OutcomeUnknownError as exc:
            msg = "the sign-in broke off"
            raise UnavailableError(msg, hint="try again", system=self._system, operation="sign in") from exc
        if response.status in rules.success:
            return self._token_of(response.body)
        told: dict[str, Any] = {"system": self._system, "operation": "sign in", "status_code": response.status}
        if response.status in {401, 403}:
            msg = "the username or the password is refused"
            raise AuthenticationError(msg, hint="check the account in the help desk and the secret it names", **told)
        if response.status == 429:
            msg = "too many sign-ins"
            raise ThrottledError(msg, hint="wait a minute", retry_after=60.0, **told)
        if response.status >= 500:
            msg = "the sign-in is not available"
            raise UnavailableError(msg, hint="try again later", **told)
        msg = f"the sign-in answers {response.status}"
        raise ContractBrokenError(msg, hint="check the address of the help desk", **told)

    def _token_of(self, body: bytes) -> str:
        try:
            token = look_up(loads(body), self._rules.token)
        except NotJsonError:
            token = None
        if isinstance(token, str) and token.isascii() and token.isprintable() and token.strip() == token != "":
            return token
        msg = "the sign-in answers without a token"
        raise ContractBrokenError(
            msg, hint="check the address of the help desk", system=self._system, operation="sign in"
        )

    def __repr__(self) -> str:
        return f"Login({self._system!r})"
