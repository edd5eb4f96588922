"""The credential that periferia.toml describes; a file of its own, for scripts sign in without settings."""

from __future__ import annotations

from typing import Any

from periferia_link.errors import ConfigurationError
from periferia_link.settings import LoginSettings, StaticTokenSettings, SystemSettings
from periferia_link.transport._auth import StaticToken, entra_application
from periferia_link.typing import Clock, Wire

__all__ = ["signing_in"]


def signing_in(
    name: str, settings: SystemSettings, *, bearer: bool, clock: Clock | None, wire: Wire | None
) -> dict[str, Any]:
    """
    Return the arguments of the constructor that prove who asks.

    Raises:
        ConfigurationError: A kind of credential that does not work here.
    """
    told = settings.credential
    application = entra_application(settings, clock=clock, wire=wire)
    if application is not None:
        return {"credential": application, "user": str(getattr(told, "client_id", ""))}
    if isinstance(told, StaticTokenSettings):
        return {"credential": StaticToken(told.token)} if bearer else {"token": told.token}
    if isinstance(told, LoginSettings):
        return {"token": told.password, "user": told.username}
    msg = f"{name}: Azure DevOps signs in with a personal access token, or with an application of Entra ID"
    raise ConfigurationError(msg, hint=f'set kind = "static-token" or "client-secret" in [systems.{name}.credential]')
