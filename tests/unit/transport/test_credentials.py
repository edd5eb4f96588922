"""Credentials in headers."""

from __future__ import annotations

import copy
import pickle

import pytest
from pydantic import SecretStr

from periferia_link.errors import AuthenticationError, ConfigurationError, UnavailableError
from periferia_link.transport._auth import BasicAuth, BearerAuth, ClientSecret, HeaderAuth, IssuedToken, StaticToken
from periferia_link.typing import TokenProvider

CANARY = "c4n4ry"
SECRET = SecretStr(CANARY)


def all_kinds():
    return [
        StaticToken(SECRET),
        BasicAuth(CANARY, SECRET),
        HeaderAuth("api-key", SECRET),
        BearerAuth(StaticToken(SECRET), "x/.default"),
        IssuedToken(CANARY, 0),
        ClientSecret(tenant_id="t", client_id="c", client_secret=SECRET),
    ]


class TestSecrecy:
    """A credential does not tell itself."""

    @pytest.mark.parametrize("credential", all_kinds(), ids=lambda each: type(each).__name__)
    def test_hidden(self, credential) -> None:
        """Not in repr and str, not in copies that go elsewhere."""
        assert CANARY not in f"{credential!r} {credential!s} {[credential]}"
        for travel in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(ConfigurationError, match="not pickled"):
                travel(credential)


class TestHeaders:
    """What goes over the wire."""

    def test_each(self) -> None:
        """As the systems want them."""
        assert {"Authorization": "Bearer c4n4ry"} == BearerAuth(StaticToken(SECRET), "s").headers()
        assert {"Authorization": "Basic OmM0bjRyeQ=="} == BasicAuth("", SECRET).headers()
        assert {"Authorization": "Basic w7E6YzRuNHJ5"} == BasicAuth("ñ", SECRET).headers()
        assert {"api-key": CANARY} == HeaderAuth("api-key", SECRET).headers()

    def test_a_colon_in_a_name(self) -> None:
        """It would move a part of the name into the password."""
        with pytest.raises(ConfigurationError):
            BasicAuth("a:b", SECRET)

    def test_fixed_ones_cannot_be_renewed(self) -> None:
        """There is nothing fresh to try."""
        for auth in (BasicAuth("x", SECRET), HeaderAuth("k", SECRET), BearerAuth(StaticToken(SECRET), "s")):
            assert not auth.renew(auth.headers())


class Foreign:
    """A credential of another library: an object with get_token."""

    def __init__(self, *tokens) -> None:
        self._tokens = list(tokens)
        self.scopes = []

    def get_token(self, *scopes, **kwargs):
        self.scopes.append(scopes)
        token = self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        if isinstance(token, Exception):
            raise token
        return token


class ServiceRequestError(Exception):
    """Named as azure-core names it."""


class TestForeignCredentials:
    """Those of azure-identity, without knowing it."""

    def test_structural(self) -> None:
        """Any object with get_token; the scope is passed on."""
        provider = Foreign(IssuedToken("x", 0))
        assert isinstance(provider, TokenProvider)
        assert {"Authorization": "Bearer x"} == BearerAuth(provider, "scope/.default").headers()
        assert [("scope/.default",)] == provider.scopes

    def test_renewal(self) -> None:
        """Worth another request when the credential has another token by now."""
        auth = BearerAuth(Foreign(IssuedToken("1", 0), IssuedToken("2", 0)), "s")
        assert auth.renew(auth.headers())
        assert not auth.renew(auth.headers())

    @pytest.mark.parametrize(
        ("failure", "error"),
        [
            (ServiceRequestError(CANARY), UnavailableError),
            (ConnectionResetError(CANARY), UnavailableError),
            (RuntimeError(CANARY), AuthenticationError),
            (UnavailableError("ours"), UnavailableError),
        ],
    )
    def test_failures_are_ours(self, failure: Exception, error: type[Exception]) -> None:
        """No class of another library gets out, no text of theirs, and nothing chained."""
        with pytest.raises(error) as caught:
            BearerAuth(Foreign(failure), "s").headers()
        assert CANARY not in str(caught.value)
        assert caught.value.__context__ is None

    def test_an_asynchronous_credential(self) -> None:
        """Told, with the way out."""

        class Asynchronous:
            def get_token(self, *scopes, **kwargs):
                return object()

        with pytest.raises(AuthenticationError, match="blocking"):
            BearerAuth(Asynchronous(), "s").headers()
