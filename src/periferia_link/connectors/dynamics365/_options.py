"""What can be tuned, checked once; and the credential that periferia.toml describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from periferia_link.errors import ConfigurationError
from periferia_link.settings import ClientSecretSettings, StaticTokenSettings, SystemSettings
from periferia_link.transport._auth import ClientSecret, StaticToken
from periferia_link.typing import Clock, TokenProvider, Wire

__all__ = ["Options", "credential_of"]

_GUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"


class Options(BaseModel):
    """The keyword arguments of :class:`Dynamics365` that tune it; see there."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    api_version: str = Field(default="v9.2", pattern=r"^v9(\.\d{1,2}){1,2}$")
    currency: str = Field(default="COP", pattern=r"^[A-Z]{3}$")
    page_size: int | None = Field(default=None, ge=1, le=5000)
    max_batch: int = Field(default=100, ge=1, le=500)
    overlap: float = Field(default=300.0, ge=0, allow_inf_nan=False)
    change_tracking: bool = True
    navigation: Mapping[str, str] = Field(default_factory=dict)
    tag: str | None = Field(default="periferia-link", max_length=100)
    caller_id: str | None = Field(default=None, pattern=_GUID)
    user: str = ""
    parallel: int = Field(default=4, ge=1, le=52)

    @classmethod
    def checked(cls, name: str, **values: Any) -> Options:
        """
        Return options that make sense.

        Raises:
            ConfigurationError: An unknown option, or a value that is none.
        """
        try:
            return cls(**values)
        except ValidationError as exc:
            faults = exc.errors(include_input=False, include_context=False, include_url=False)
            option, why = str(faults[0]["loc"][0]), faults[0]["msg"]
        if option not in cls.model_fields:
            msg = f"{name}: Dynamics 365 has no option {option}"
            raise ConfigurationError(msg, hint=f"it has {', '.join(cls.model_fields)}")
        msg = f"{name}: the option {option} is wrong: {re.sub(r'[. ]+$', '', why)}"
        raise ConfigurationError(msg, hint=f"correct it in [systems.{name}.options]")


def credential_of(
    name: str, settings: SystemSettings, *, clock: Clock | None, wire: Wire | None
) -> tuple[TokenProvider, str]:
    """
    Return the credential that the settings describe, and who signs in with it.

    Raises:
        ConfigurationError: A kind of credential that does not work here.
    """
    told = settings.credential
    if isinstance(told, ClientSecretSettings):
        provider = ClientSecret(
            tenant_id=told.tenant_id,
            client_id=told.client_id,
            client_secret=told.client_secret,
            authority=told.authority,
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            clock=clock,
            wire=wire,
        )
        return provider, told.client_id
    if isinstance(told, StaticTokenSettings):
        return StaticToken(told.token), ""
    msg = f"{name}: Dynamics 365 signs in with an application of Entra ID"
    raise ConfigurationError(msg, hint=f'set kind = "client-secret" in [systems.{name}.credential]')
