"""The credential that periferia.toml describes, for the workbook in Graph."""

from __future__ import annotations

from typing import Any

from periferia_link.errors import ConfigurationError
from periferia_link.settings import StaticTokenSettings, SystemSettings
from periferia_link.transport._auth import StaticToken, entra_application
from periferia_link.typing import Clock, Wire

__all__ = ["credential_of"]


def credential_of(name: str, settings: SystemSettings, *, clock: Clock | None, wire: Wire | None) -> Any:
    """
    Return what signs in to Graph.

    Raises:
        ConfigurationError: There is no credential, or one of another kind.
    """
    application = entra_application(settings, clock=clock, wire=wire)
    if application is not None:
        return application
    if isinstance(settings.credential, StaticTokenSettings):
        return StaticToken(settings.credential.token)
    msg = f"{name}: a workbook in OneDrive or SharePoint is read by an application of Entra ID"
    raise ConfigurationError(msg, hint=f'set kind = "client-secret" in [systems.{name}.credential], or read a file')
