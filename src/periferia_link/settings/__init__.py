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
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from periferia_link.errors import ConfigurationError
from periferia_link.settings._secrets import References, Secret
from periferia_link.settings._sections import Ceilings, Company, FlowSettings, LedgerSettings, Plugins
from periferia_link.settings._systems import (
    ApiKeySettings,
    ClientCertificateSettings,
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
    "ClientCertificateSettings",
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
    "parse_toml",
]

_SectionT = TypeVar("_SectionT", bound=Section)

_MAX_BYTES = 1024 * 1024
# tables that flows read themselves
_RULES = ("sla", "priority", "detractors", "delivery", "readiness", "rate_card", "exchange_rates", "billing")


class Settings(Section):
    """The whole of ``periferia.toml``; see the module for an example."""

    company: Company = Field(default_factory=Company)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    systems: Mapping[str, SystemSettings] = Field(default_factory=dict)
    flows: Mapping[str, FlowSettings] = Field(default_factory=dict)
    plugins: Plugins = Field(default_factory=Plugins)
    sla: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.sla.read_sla")
    priority: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.sla.read_priority")
    detractors: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.rules")
    delivery: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.rules")
    readiness: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.rules")
    rate_card: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.rules")
    exchange_rates: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.rules")
    billing: Mapping[str, Any] = Field(default_factory=dict, description="read by periferia_link.rules")

    @classmethod
    def load(
        cls,
        path: str | Path = "periferia.toml",
        *,
        environ: Mapping[str, str] = os.environ,
        resolvers: Mapping[str, Callable[[str], str]] | None = None,
        with_systems: bool = True,
        on_broken: Callable[[str, ConfigurationError], None] | None = None,
    ) -> Settings:
        """
        Read a file and resolve its references; relative paths in it are relative to the file.

        Args:
            path: The file, at most 1 MiB.

            environ: Where ``${ENV:NAME}`` is looked up.

            resolvers: Your own kinds of reference: ``{"VAULT": read_from_vault}`` understands ``${VAULT:some/path}``.

            with_systems: Without them no secret is looked up: enough for whoever only asks the ledger.

            on_broken: Called with the name of a system and what is wrong with its tables, such as a secret that is not
                there; that system is left out then. Without it the first mistake is raised.

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
        if not with_systems:
            systems = {}
        ledger = _read(LedgerSettings, table, "ledger", place, references)
        return cls(
            company=_read(Company, table, "company", place, references),
            ledger=ledger.model_copy(update={"path": references.folder / ledger.path}),
            systems=dict(_read_systems(systems, place.at("systems"), references, on_broken)),
            flows={name: _read_flow(flows, name, place.at("flows"), references) for name in flows},
            plugins=_read(Plugins, table, "plugins", place, references),
            **{key: _rules(references.plain(place.subtable(table, key), place.at(key)), path) for key in _RULES},
        )

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The instances that play each role; a system that names no role plays the one of its own name."""
        found: dict[str, tuple[str, ...]] = {}
        for name, system in self.systems.items():
            for role in system.roles or (name,):
                found[role] = (*found.get(role, ()), name)
        return found


def parse_toml(text: str, *, where: str) -> dict[str, Any]:
    """
    Read TOML that is no configuration (a profile); numbers with a point become exact decimals.

    Raises:
        ConfigurationError: It is none; the message says line and column, not content.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        why = str(exc)
    else:
        return table
    msg = f"{where} is not TOML: {why}"
    raise ConfigurationError(msg, hint="texts need quotes, tables look like [kinds.Ticket]")


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
        why, hint = (
            f"cannot be read ({exc.strerror or 'no file'})",
            f"is this the right path: {path}? 'periferia-link init' writes one",
        )
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


def _rules(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a table that a flow reads itself; a file that it names stands beside this one."""
    file = table.get("file")
    return table | {"file": str(path.absolute().parent / file)} if isinstance(file, str) else table


def _read_systems(
    systems: dict[str, Any],
    place: Place,
    references: References,
    on_broken: Callable[[str, ConfigurationError], None] | None,
) -> Iterator[tuple[str, SystemSettings]]:
    for name in systems:
        try:
            yield name, _read_system(systems, name, place, references)
        except ConfigurationError as exc:  # noqa: PERF203 - one mistake does not hide the others
            if on_broken is None:
                raise
            on_broken(name, exc)


def _read_system(systems: dict[str, Any], name: str, place: Place, references: References) -> SystemSettings:
    return read_system(name, place.subtable(systems, name), place.at(name), references)


def _read_flow(flows: dict[str, Any], name: str, place: Place, references: References) -> FlowSettings:
    table, inner = place.subtable(flows, name), place.at(name)
    ceilings = _read(Ceilings, table, "ceilings", inner, references)
    options = inner.subtable(table, "options")
    values = references.plain(table | {"options": options, "ceilings": {}}, inner)
    return read_section(FlowSettings, values | {"ceilings": ceilings}, inner)
