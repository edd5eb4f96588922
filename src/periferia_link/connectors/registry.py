"""
Connectors by name; one is imported when it is first asked for.

Ours are known from the start. Others come from packages that announce an entry point in the group
``periferia_link.connectors``, and are loaded only when ``periferia.toml`` names them::

    [plugins]
    connectors = ["acme-crm"]

A connector class that can be built from the file has one class method::

    @classmethod
    def configured(
        cls, name: str, settings: SystemSettings, *, clock: Clock | None = None, wire: Wire | None = None
    ) -> Connector: ...
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import NamedTuple

from periferia_link.connectors.base import Connector
from periferia_link.errors import ConfigurationError, MissingDependencyError, UnknownConnectorError
from periferia_link.settings import SystemSettings
from periferia_link.typing import Clock, Wire

__all__ = ["CONNECTORS", "GROUP", "Known", "build", "connector_class", "register"]

GROUP = "periferia_link.connectors"
"""The entry-point group in which other packages announce their connectors."""

_PATH = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)", re.ASCII)


class Known(NamedTuple):
    """Where a connector is (``package.module:Class``) and what to do when a package that it needs is missing."""

    path: str
    missing: str


_WHOLE = "pip install --force-reinstall periferia-link"  # ours need nothing that does not come with the package

_connectors = {
    "azure-devops": Known("periferia_link.connectors.azure_devops:AzureDevOps", _WHOLE),
    "dynamics365": Known("periferia_link.connectors.dynamics365:Dynamics365", _WHOLE),
    "forms": Known("periferia_link.connectors.forms:Forms", "pip install 'periferia-link[excel]'"),
    "periticket": Known("periferia_link.connectors.periticket:Periticket", _WHOLE),
    "sap-business-one": Known("periferia_link.connectors.sap_business_one:SapBusinessOne", _WHOLE),
    "sap-rfc": Known("periferia_link.connectors.sap_rfc:SapRfc", "pip install 'periferia-link[rfc]'"),
    "ticketing": Known("periferia_link.connectors.ticketing:Ticketing", _WHOLE),
}

CONNECTORS: Mapping[str, Known] = MappingProxyType(_connectors)
"""Every connector that is known without a plug-in, by name; :func:`register` adds to it."""


def register(name: str, path: str, *, missing: str | None = None) -> None:
    """
    Make a connector of your own program known; nothing is imported yet.

    Args:
        name: What stands in ``connector = "…"``.

        path: ``package.module:Class``.

        missing: The command that installs what the connector needs.

    Raises:
        ConfigurationError: The path has another form, or the name belongs to another connector.
    """
    if not _PATH.fullmatch(path):
        msg = f"the connector {name} is registered with {path}, which is no path of a class"
        raise ConfigurationError(msg, hint="write it as package.module:Class")
    known = Known(path, missing or f"install what {path.partition('.')[0].partition(':')[0]} needs")
    if name in _connectors and _connectors[name].path != path:
        msg = f"the name {name} belongs to {_connectors[name].path}"
        raise ConfigurationError(msg, hint="register yours under another name")
    _connectors[name] = known


def connector_class(name: str, allowed_plugins: Collection[str] = ()) -> type[Connector]:
    """
    Import the connector *name* and return its class.

    Args:
        name: A known connector, or one of the allowed plug-ins.

        allowed_plugins: Entry points of other packages that may be loaded.

    Raises:
        UnknownConnectorError: Nobody has a connector of that name, or it is a plug-in that is not allowed.
        MissingDependencyError: A package that the connector needs is not installed.
        ConfigurationError: What the path leads to is no connector.
    """
    known = _connectors.get(name) or _plugin(name, allowed_plugins)
    module_name, _, class_name = known.path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ModuleNotFoundError as exc:
        absent = exc.name or ""
        if absent.partition(".")[0] == module_name.partition(".")[0]:
            msg = f"the connector {name} should be in {module_name}, and there is no module {absent}"
            raise ConfigurationError(msg, hint=known.missing) from exc
        msg = f"the connector {name} needs the package {absent}"
        raise MissingDependencyError(msg, hint=known.missing) from exc
    except Exception as exc:
        msg = f"the connector {name} cannot be imported: {type(exc).__name__} in {module_name}"
        raise ConfigurationError(msg, hint=known.missing) from exc
    if not (isinstance(found, type) and issubclass(found, Connector)):
        msg = f"the connector {name} should be {known.path}, which is no subclass of Connector"
        raise ConfigurationError(msg, hint="correct the path where it is registered")
    return found


def build(
    name: str,
    settings: SystemSettings,
    *,
    clock: Clock | None = None,
    wire: Wire | None = None,
    allowed_plugins: Collection[str] = (),
) -> Connector:
    """
    Make the connector of one system as ``periferia.toml`` describes it; nothing is sent yet.

    Args:
        name: Name of the instance.

        settings: Its table.

        clock: Source of time; the real one without it.

        wire: Carries the requests instead of the network.

        allowed_plugins: As for :func:`connector_class`.

    Raises:
        ConfigurationError: The connector cannot be found or does not accept the settings.
    """
    found = connector_class(settings.connector, allowed_plugins)
    configured = getattr(found, "configured", None)
    if configured is None:
        msg = f"[systems.{name}]: {found.__name__} cannot be made from settings"
        raise ConfigurationError(msg, hint="give it the class method that the registry describes: configured")
    try:
        connector = configured(name, settings, clock=clock, wire=wire)
    except ConfigurationError as exc:
        msg = f"[systems.{name}]: {exc.message}"
        raise type(exc)(msg, hint=exc.hint) from exc
    if not isinstance(connector, Connector) or connector.name != name:
        msg = f"[systems.{name}]: {found.__name__}.configured returned something else than a connector of that name"
        raise ConfigurationError(msg, hint="pass the name on to the constructor")
    return connector


def _plugin(name: str, allowed: Collection[str]) -> Known:
    """Find the entry point of a plug-in; reads the metadata of installed packages, imports nothing."""
    found = {point.value.partition("[")[0].replace(" ", "") for point in entry_points(group=GROUP, name=name)}
    if name not in allowed or not found:
        msg = f"there is no connector {name}"
        hint = f"known are {', '.join(sorted({*_connectors, *allowed} - {name}))}"
        if found:
            msg = f"the connector {name} comes from another package and is not allowed"
            hint = f'allow it in periferia.toml: [plugins] connectors = ["{name}"]'
        elif name in allowed:
            msg = f"no installed package announces the connector {name}"
            hint = "install the package that brings it"
        raise UnknownConnectorError(msg, hint=hint)
    if len(found) > 1:
        msg = f"several packages announce the connector {name}: {', '.join(sorted(found))}"
        raise ConfigurationError(msg, hint="uninstall all of them but one")
    return Known(found.pop(), f"install what the package of {name} needs")
