"""The tables of the systems and of their credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from periferia_link.settings._secrets import References
from periferia_link.settings._tables import Place, Section, read_section

__all__ = [
    "ApiKeySettings",
    "ClientSecretSettings",
    "Credential",
    "LoginSettings",
    "StaticTokenSettings",
    "SystemSettings",
    "read_system",
]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
_LOOKS_SECRET = re.compile(r"(?:passw(?:or)?d|secret|token|api_?key|private_?key)\Z", re.IGNORECASE)


class ClientSecretSettings(Section):
    """An app registration of Entra ID with a secret."""

    kind: Literal["client-secret"] = "client-secret"
    tenant_id: str = Field(min_length=1, description="the directory (tenant) id of the app registration")
    client_id: str = Field(min_length=1, description="the application (client) id of the app registration")
    client_secret: SecretStr = Field(description='a reference, as "${ENV:CRM_SECRET}"')
    authority: str = Field(
        default="https://login.microsoftonline.com", description="the address of the sign-in service, https://…"
    )


class StaticTokenSettings(Section):
    """A token that somebody made once."""

    kind: Literal["static-token"] = "static-token"
    token: SecretStr = Field(description='a reference, as "${ENV:HELPDESK_TOKEN}"')


class LoginSettings(Section):
    """A user of the system with a password; ``company_db`` is the company database of SAP Business One."""

    kind: Literal["login"] = "login"
    username: str = Field(min_length=1, description="the name of a service user")
    password: SecretStr = Field(description='a reference, as "${ENV:ERP_PASSWORD}"')
    company_db: str | None = Field(default=None, min_length=1, description="the company database (SAP Business One)")


class ApiKeySettings(Section):
    """A key that travels in a header."""

    kind: Literal["api-key"] = "api-key"
    key: SecretStr = Field(description='a reference, as "${ENV:HELPDESK_KEY}"')
    header: str = Field(default="X-Api-Key", pattern=r"^[A-Za-z0-9-]+$", description="the name of the header")


class _EnvironmentSettings(Section):
    """An app registration in the variables that Azure tools use; it becomes :class:`ClientSecretSettings`."""

    kind: Literal["environment"] = "environment"
    prefix: str = Field(
        default="AZURE", pattern=r"^[A-Z][A-Z0-9_]*$", description="what the variables begin with: AZURE_TENANT_ID, …"
    )


Credential: TypeAlias = ClientSecretSettings | StaticTokenSettings | LoginSettings | ApiKeySettings
"""How to sign in to a system; ``kind`` tells which one."""

_CREDENTIALS: dict[str, type[Section]] = {
    "api-key": ApiKeySettings,
    "client-secret": ClientSecretSettings,
    "environment": _EnvironmentSettings,
    "login": LoginSettings,
    "static-token": StaticTokenSettings,
}


class SystemSettings(Section):
    """
    One system instance; ``name`` is the name of its table and stands in every reference to its records.

    ``fields`` are changes to the connector's field map, ``options`` whatever the connector itself reads; a reference
    in ``options`` is a secret there. ``roles`` are the roles that the instance plays in flows: its own name when
    there are none.
    """

    name: str
    connector: str = Field(min_length=1, description='the name of a connector, such as "dynamics365"')
    url: str | None = Field(default=None, description="the address of the system, https://…, without user or query")
    ca_file: str | None = Field(default=None, description="a file with the certificates of a private authority, PEM")
    proxy: str | None = Field(
        default=None, repr=False, description="the address of a proxy, or a reference when it has a password"
    )
    allow_private: bool = Field(default=False, description="true where the address is inside the company's network")
    plan_only: bool = Field(default=False, description="true where nothing may ever be written")
    deadline: float = Field(default=30.0, gt=0, le=600, description="how many seconds one request may take, to 600")
    roles: tuple[str, ...] = Field(default=(), description='the roles that it plays in flows, as ["erp"]')
    credential: Credential | None = Field(default=None, description="a table with kind and what belongs to it")
    fields: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict, description="tables by kind, with columns and extra"
    )
    options: Mapping[str, Any] = Field(default_factory=dict, description="a table that the connector itself reads")

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good or "@" in parts.netloc or parts.query or parts.fragment:
            msg = "is no address of a server"
            raise ValueError(msg)
        return url


def read_system(name: str, table: Mapping[str, Any], place: Place, references: References) -> SystemSettings:
    """
    Make the settings of one system, references resolved and paths absolute.

    Raises:
        ConfigurationError: Anything is wrong in its tables.
    """
    if not _NAME.fullmatch(name):
        place.refuse("", "the name of a system has letters, digits, - and _ only", hint="as in [systems.erp-pe]")
    place.check_known(table, SystemSettings.model_fields.keys() - {"name"})
    nested = {key: place.subtable(table, key) for key in ("credential", "fields", "options")}
    flat = references.plain({key: value for key, value in table.items() if key not in nested}, place)
    if "ca_file" in flat:
        flat["ca_file"] = _existing(flat["ca_file"], place, references.folder)
    flat["name"] = name
    flat["fields"] = nested["fields"]
    flat["options"] = _options(nested["options"], place.at("options"), references)
    if "credential" in table:
        flat["credential"] = _read_credential(nested["credential"], place.at("credential"), references)
    return read_section(SystemSettings, flat, place)


def _existing(value: Any, place: Place, folder: Path) -> Any:
    if not isinstance(value, str):
        return value
    path = folder / value
    if not path.is_file():
        place.refuse("ca_file", f"there is no file {value}", hint="give the certificates of your authority, PEM")
    return str(path)


def _read_credential(table: dict[str, Any], place: Place, references: References) -> Section:
    kind = references.plain(table.get("kind", ""), place, "kind")
    if not isinstance(kind, str) or kind not in _CREDENTIALS:
        why = "unknown kind of credential" if kind else "is missing"
        place.refuse("kind", why, hint=f"known are {', '.join(_CREDENTIALS)}")
    model = _CREDENTIALS[kind]
    place.check_known(table, model.model_fields)
    values = {
        key: references.secret(value, place, key)
        if model.model_fields[key].annotation is SecretStr
        else references.plain(value, place, key)
        for key, value in table.items()
    }
    credential = read_section(model, values, place)
    if not isinstance(credential, _EnvironmentSettings):
        return credential
    prefix = credential.prefix
    variables: dict[str, Any] = {
        "kind": "client-secret",
        **{key: f"${{ENV:{prefix}_{key.upper()}}}" for key in ("tenant_id", "client_id", "client_secret")},
    }
    if f"{prefix}_AUTHORITY_HOST" in references.environ:
        variables["authority"] = f"${{ENV:{prefix}_AUTHORITY_HOST}}"
    return _read_credential(variables, place, references)


def _options(value: Any, place: Place, references: References, key: str = "") -> Any:
    """Resolve references as secrets; refuse a plain text where the key speaks of a secret."""
    if isinstance(value, dict):
        return {name: _options(inner, place, references, f"{key}.{name}".lstrip(".")) for name, inner in value.items()}
    if isinstance(value, list):
        return [_options(inner, place, references, key) for inner in value]
    if isinstance(value, str) and (value.startswith("${") or _LOOKS_SECRET.search(key.rpartition(".")[2])):
        return references.secret(value, place, key)
    return references.plain(value, place, key)
