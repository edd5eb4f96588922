"""
Credentials that travel in headers: a bearer token, a name and password, an API key.

Accepted is any object with ``get_token(*scopes)``, such as those of azure-identity. Ours hide their secrets from
reprs, logs and exceptions and cannot be pickled.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from periferia_link.errors import AuthenticationError, ConfigurationError, ConnectorError, LinkError, UnavailableError
from periferia_link.typing import AccessToken, TokenProvider

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["BasicAuth", "BearerAuth", "Guarded", "HeaderAuth", "IssuedToken", "Secret", "StaticToken"]

_FAR_FUTURE = 253_402_300_799  # the last second of the year 9999


class Guarded:
    """Holds a secret: shows nothing of it, and does not travel to other processes."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __reduce__(self) -> NoReturn:
        msg = f"a {type(self).__name__} is not pickled: it holds a secret"
        raise ConfigurationError(msg, hint="make it in the process that uses it")


class Secret(Guarded):
    """A secret told as plain text; a ``SecretStr`` does the same, with the library of the models."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return it."""
        return self._text


@dataclass(frozen=True, slots=True, repr=False)
class IssuedToken(Guarded):
    """A bearer token and its expiry, in seconds since 1970 UTC."""

    token: str
    expires_on: int


class StaticToken(Guarded):
    """A token that somebody else obtained, or that never expires."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:  # noqa: ARG002
        """Return the token, whatever the scopes."""
        return IssuedToken(self._token.get_secret_value(), _FAR_FUTURE)


class BearerAuth(Guarded):
    """
    A bearer token from any credential, fetched again when a system refuses it.

    Args:
        provider: Any object with ``get_token(*scopes)``; it remembers its tokens itself.

        scope: Such as ``https://contoso.crm.dynamics.com/.default``.
    """

    def __init__(self, provider: TokenProvider, scope: str) -> None:
        self._provider = provider
        self._scope = scope

    def headers(self) -> dict[str, str]:
        """
        Return the Authorization header.

        Raises:
            AuthenticationError: The credential gives no token.
            TransientError: It cannot reach its authority now.
        """
        return {"Authorization": f"Bearer {self._token()}"}

    def renew(self, used: Mapping[str, str]) -> bool:
        """Drop the token that was refused; ``False`` when the credential has no other."""
        refused = used.get("Authorization", "").removeprefix("Bearer ")
        forget = getattr(self._provider, "forget", None)  # ours has it, those of azure-identity do not
        if forget is not None:
            forget(refused)
            return True
        return self._token() != refused

    def _token(self) -> str:
        try:
            return self._provider.get_token(self._scope).token
        except LinkError:
            raise
        except Exception as exc:  # noqa: BLE001 - each credential library has classes of its own
            failure = _foreign(exc)
        # Raised outside the handler: foreign frames may hold the secret.
        raise failure


def _foreign(exc: Exception) -> ConnectorError:
    name = type(exc).__name__
    # azure-core's names for a line that broke; its other errors are refusals.
    if isinstance(exc, OSError) or name in {"ServiceRequestError", "ServiceResponseError"}:
        return UnavailableError(f"the credential cannot reach its authority ({name})", hint="try again later")
    msg = f"the credential gives no token ({name})"
    return AuthenticationError(msg, hint="sign in again, or check what the credential needs; pass a blocking one")


class BasicAuth(Guarded):
    """
    A name and a password with every request; an Azure DevOps token goes with an empty name.

    Raises:
        ConfigurationError: The name holds a colon, which ends it.
    """

    def __init__(self, username: str, password: SecretStr | Secret) -> None:
        if ":" in username:
            msg = "a user name in basic authentication holds no colon"
            raise ConfigurationError(msg)
        self._username = username
        self._password = password

    def headers(self) -> dict[str, str]:
        """Return the Authorization header."""
        pair = f"{self._username}:{self._password.get_secret_value()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def renew(self, used: Mapping[str, str]) -> bool:  # noqa: ARG002
        """Return ``False``: there is nothing fresh to try."""
        return False


class HeaderAuth(Guarded):
    """A secret in a header of its own, such as ``api-key``."""

    def __init__(self, name: str, value: SecretStr) -> None:
        self._name = name
        self._value = value

    def headers(self) -> dict[str, str]:
        """Return the header."""
        return {self._name: self._value.get_secret_value()}

    def renew(self, used: Mapping[str, str]) -> bool:  # noqa: ARG002
        """Return ``False``: there is nothing fresh to try."""
        return False
