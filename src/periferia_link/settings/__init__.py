"""
What an installation is made of: frozen settings, read from ``periferia.toml``.

::

    [company]
    zone = "America/Bogota"                 # the calendar of the books
    currency = "COP"

    [ledger]
    path = "periferia.db"                   # beside this file

    [systems.crm]
    connector = "dynamics365"
    url = "https://contoso.crm2.dynamics.com"

    [systems.crm.credential]
    kind = "client-secret"
    tenant_id = "…"
    client_id = "…"
    client_secret = "${ENV:CRM_SECRET}"     # or ${FILE:crm.secret}, ${KEYRING:contoso/crm}

    [systems.crm.fields.Client]
    columns = { tax_id = "cr123_nit" }

    [flows.labour_costs]
    starts = 2026-01-01
    ceilings = { creates = 500, money = "80000000" }

Secrets are references, never values. Everything that is wrong is told with file, table, key and the next step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from periferia_link.settings._secrets import References, Secret
from periferia_link.settings._sections import Ceilings, Company, FlowSettings, LedgerSettings, Plugins
from periferia_link.settings._systems import (
    ApiKeySettings,
    ClientSecretSettings,
    Credential,
    LoginSettings,
    StaticTokenSettings,
    SystemSettings,
    read_system,
)
from periferia_link.settings._tables import Place, Section, read_section

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "ApiKeySettings",
    "Ceilings",
    "ClientSecretSettings",
    "Company",
    "Credential",
    "FlowSettings",
    "LedgerSettings",
    "LoginSettings",
    "Plugins",
    "Secret",
    "Settings",
    "StaticTokenSettings",
    "SystemSettings",
]

_SectionT = TypeVar("_SectionT", bound=Section)

_MAX_BYTES = 1024 * 1024


class Settings(Section):
    """The whole of ``periferia.toml``; see the module for an example."""

    company: Company = Field(default_factory=Company)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    systems: Mapping[str, SystemSettings] = Field(default_factory=dict)
    flows: Mapping[str, FlowSettings] = Field(default_factory=dict)
    plugins: Plugins = Field(default_factory=Plugins)

    @classmethod
    def load(
        cls,
        path: str | Path = "periferia.toml",
        *,
        environ: Mapping[str, str] = os.environ,
        resolvers: Mapping[str, Callable[[str], str]] | None = None,
    ) -> Settings:
        """
        Read a file and resolve its references; relative paths in it are relative to the file.

        Args:
            path: The file, at most 1 MiB.

            environ: Where ``${ENV:NAME}`` is looked up.

            resolvers: Your own kinds of reference: ``{"VAULT": read_from_vault}`` understands ``${VAULT:some/path}``.

        Raises:
            ConfigurationError: Anything is wrong with it; the message says where, the hint what to do.
            MissingDependencyError: A ``${KEYRING:…}`` without the package that reads it.
        """
        path = Path(path)
        place = Place(path.name)
        table = _parsed(path, place)
        place.check_known(table, cls.model_fields, what="table")
        references = References(environ, path.absolute().parent, resolvers or {})
        systems, flows = (place.subtable(table, key) for key in ("systems", "flows"))
        ledger = _read(LedgerSettings, table, "ledger", place, references)
        return cls(
            company=_read(Company, table, "company", place, references),
            ledger=ledger.model_copy(update={"path": references.folder / ledger.path}),
            systems={name: _read_system(systems, name, place.at("systems"), references) for name in systems},
            flows={name: _read_flow(flows, name, place.at("flows"), references) for name in flows},
            plugins=_read(Plugins, table, "plugins", place, references),
        )

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The instances that play each role; a system that names no role plays the one of its own name."""
        found: dict[str, tuple[str, ...]] = {}
        for name, system in self.systems.items():
            for role in system.roles or (name,):
                found[role] = (*found.get(role, ()), name)
        return found


def _parsed(path: Path, place: Place) -> dict[str, Any]:
    """Read the TOML; numbers with a point become exact decimals."""
    table: dict[str, Any] | None = None
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            why, hint = "is larger than 1 MiB", "is this really the configuration?"
        else:
            table = tomllib.loads(raw.decode("utf-8-sig"), parse_float=Decimal)
    except OSError as exc:
        why, hint = f"cannot be read ({exc.strerror or 'no file'})", f"is this the right path: {path}?"
    except UnicodeDecodeError as exc:
        why, hint = f"is not UTF-8 at byte {exc.start}", "save it as UTF-8"
    except (ValueError, RecursionError) as exc:
        # the TOML reader tells line and column, not content
        why, hint = f"is not TOML: {exc}", "texts need quotes, tables look like [systems.crm]"
    if table is None:  # refused out here: the exceptions above hold parts of the file
        place.refuse("", why, hint=hint)
    return table


def _read(model: type[_SectionT], table: dict[str, Any], key: str, place: Place, references: References) -> _SectionT:
    inner = place.at(key)
    return read_section(model, references.plain(place.subtable(table, key), inner), inner)


def _read_system(systems: dict[str, Any], name: str, place: Place, references: References) -> SystemSettings:
    return read_system(name, place.subtable(systems, name), place.at(name), references)


def _read_flow(flows: dict[str, Any], name: str, place: Place, references: References) -> FlowSettings:
    table, inner = place.subtable(flows, name), place.at(name)
    ceilings = _read(Ceilings, table, "ceilings", inner, references)
    options = inner.subtable(table, "options")
    values = references.plain(table | {"options": options, "ceilings": {}}, inner)
    return read_section(FlowSettings, values | {"ceilings": ceilings}, inner)
