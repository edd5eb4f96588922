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
    "ClientCertificateSettings",
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


class ClientCertificateSettings(Section):
    """An app registration of Entra ID with a certificate; ``certificate`` is a file, or a reference to PEM text."""

    kind: Literal["client-certificate"] = "client-certificate"
    tenant_id: str = Field(min_length=1, description="the directory (tenant) id of the app registration")
    client_id: str = Field(min_length=1, description="the application (client) id of the app registration")
    certificate: str = Field(
        min_length=1, repr=False, description="a file with the certificate, PEM or .pfx, relative to this one"
    )
    private_key: SecretStr | None = Field(default=None, description='a reference to PEM text, as "${FILE:app.key}"')
    passphrase: SecretStr | None = Field(default=None, description='a reference, as "${ENV:CRM_PASSPHRASE}"')
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
    """
    An app registration in the variables that Azure tools use.

    It becomes :class:`ClientSecretSettings`, or :class:`ClientCertificateSettings` where the variables name a
    certificate and no secret.
    """

    kind: Literal["environment"] = "environment"
    prefix: str = Field(
        default="AZURE", pattern=r"^[A-Z][A-Z0-9_]*$", description="what the variables begin with: AZURE_TENANT_ID, …"
    )


Credential: TypeAlias = (
    ClientSecretSettings | ClientCertificateSettings | StaticTokenSettings | LoginSettings | ApiKeySettings
)
"""How to sign in to a system; ``kind`` tells which one."""

_CREDENTIALS: dict[str, type[Section]] = {
    "api-key": ApiKeySettings,
    "client-certificate": ClientCertificateSettings,
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
        flat["ca_file"] = _existing(flat["ca_file"], place, references.folder, key="ca_file")
    flat["name"] = name
    flat["fields"] = nested["fields"]
    flat["options"] = _options(nested["options"], place.at("options"), references)
    if "credential" in table:
        flat["credential"] = _read_credential(nested["credential"], place.at("credential"), references)
    return read_section(SystemSettings, flat, place)


_FILES = {"ca_file": "give the certificates of your authority, PEM", "certificate": "give a file, PEM or .pfx"}


def _existing(value: Any, place: Place, folder: Path, *, key: str) -> Any:
    if not isinstance(value, str):
        return value
    path = folder / value
    if not path.is_file():
        place.refuse(key, f"there is no file {value}", hint=_FILES[key])
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
        if model.model_fields[key].annotation in (SecretStr, SecretStr | None)
        else references.plain(value, place, key)
        for key, value in table.items()
    }
    if "-----BEGIN" not in str(values.get("certificate") or "-----BEGIN"):
        values["certificate"] = _existing(values["certificate"], place, references.folder, key="certificate")
    credential = read_section(model, values, place)
    if not isinstance(credential, _EnvironmentSettings):
        return credential
    return _read_credential(_variables(credential.prefix, references.environ), place, references)


def _variables(prefix: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the table that the variables of Azure tools stand for (as EnvironmentCredential of azure-identity)."""
    wanted = {"tenant_id": "TENANT_ID", "client_id": "CLIENT_ID"}
    has_secret = f"{prefix}_CLIENT_SECRET" in environ or f"{prefix}_CLIENT_CERTIFICATE_PATH" not in environ
    kind = "client-secret" if has_secret else "client-certificate"
    wanted |= {"client_secret": "CLIENT_SECRET"} if has_secret else {"certificate": "CLIENT_CERTIFICATE_PATH"}
    optional = {"authority": "AUTHORITY_HOST"} | ({} if has_secret else {"passphrase": "CLIENT_CERTIFICATE_PASSWORD"})
    wanted |= {key: name for key, name in optional.items() if f"{prefix}_{name}" in environ}
    return {"kind": kind, **{key: f"${{ENV:{prefix}_{name}}}" for key, name in wanted.items()}}


def _options(value: Any, place: Place, references: References, key: str = "") -> Any:
    """Resolve references as secrets; refuse a plain text where the key speaks of a secret."""
    if isinstance(value, dict):
        return {name: _options(inner, place, references, f"{key}.{name}".lstrip(".")) for name, inner in value.items()}
    if isinstance(value, list):
        return [_options(inner, place, references, key) for inner in value]
    if isinstance(value, str) and (value.startswith("${") or _LOOKS_SECRET.search(key.rpartition(".")[2])):
        return references.secret(value, place, key)
    return references.plain(value, place, key)
