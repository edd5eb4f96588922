"""An installation: the systems, the ledger and the flows of one ``periferia.toml``, built and ready to run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, final, get_type_hints

from pydantic import TypeAdapter, ValidationError

from periferia_link.connectors.base import Connector
from periferia_link.connectors.registry import build
from periferia_link.engine import Engine, Flow, Progress
from periferia_link.engine.flow import Ceilings, in_order
from periferia_link.errors import ConfigurationError
from periferia_link.flows import clients, labour_costs, projects
from periferia_link.ledger import SqliteLedger
from periferia_link.settings import FlowSettings, Settings
from periferia_link.typing import Clock

__all__ = ["Installation"]

_FACTORIES: Mapping[str, Callable[..., Flow]] = MappingProxyType(
    {"clients": clients, "labour_costs": labour_costs, "projects": projects}
)


@final
class Installation:
    """
    Everything that one ``periferia.toml`` describes; closes connectors and ledger at the end of a ``with`` block.

    ::

        with Installation.open("periferia.toml") as installation:
            plan = installation.engine.plan(installation.flows.values())
            print(plan)
            installation.engine.apply(plan, installation.flows.values())

    ``settings`` is the file, ``engine`` knows the systems, ``flows`` are those that the file names and does not turn
    off, by name, each after those that it needs. A flow of your own runs with the same engine:
    ``installation.engine.run([mine])``.
    """

    def __init__(self, settings: Settings, engine: Engine, flows: Mapping[str, Flow], resources: ExitStack) -> None:
        self.settings = settings
        self.engine = engine
        self.flows = dict(flows)
        self._resources = resources

    @classmethod
    def open(
        cls,
        path: str | Path = "periferia.toml",
        *,
        clock: Clock | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Installation:
        """
        Read the file, make its connectors and flows, open its ledger. Nothing is sent to any system yet.

        Args:
            path: The configuration; relative paths in it are relative to it.

            clock: Where time comes from; the real one without it.

            progress: Called with every step of long work.

        Raises:
            ConfigurationError: Something is wrong in the file; the message says where, the hint what to do.
            LedgerError: The ledger cannot be opened.
        """
        settings = Settings.load(path)
        flows = {flow.name: flow for flow in in_order(_flows(settings))}
        with ExitStack() as stack:
            systems: dict[str, Connector] = {}
            for name, system in settings.systems.items():
                connector = build(name, system, clock=clock, allowed_plugins=settings.plugins.connectors)
                systems[name] = stack.enter_context(connector)
            ledger = stack.enter_context(SqliteLedger.open(settings.ledger.path))
            zone = settings.company.zone
            engine = Engine(systems, ledger, roles=settings.roles, zone=zone, clock=clock, progress=progress)
            return cls(settings, engine, flows, stack.pop_all())

    def chosen(self, *names: str) -> list[Flow]:
        """
        Return the flows of these names, or all of them; each after those that it needs.

        Raises:
            ConfigurationError: The file has no such flow, or it is turned off.
        """
        for name in names:
            if name not in self.flows:
                msg = f"this installation has no flow {name}"
                raise ConfigurationError(msg, hint=_flow_hint(name, self.settings, self.flows))
        return [flow for name, flow in self.flows.items() if not names or name in names]

    def close(self) -> None:
        """Close connections, sessions and the ledger."""
        self._resources.close()

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Installation({', '.join(self.engine.systems)}; {', '.join(self.flows)})"


def _flow_hint(name: str, settings: Settings, flows: Mapping[str, Flow]) -> str:
    if name in settings.flows:
        return f"it is turned off: set enabled = true under [flows.{name}]"
    if name in _FACTORIES:
        return f"add a table [flows.{name}] to the file"
    return f"its flows are {', '.join(flows) or 'none'}"


# ---------------------------------------------------------------------- from a table of the file to a flow


def _flows(settings: Settings) -> Iterator[Flow]:
    for name, table in settings.flows.items():
        if name not in _FACTORIES:
            msg = f"[flows.{name}]: there is no flow of that name"
            raise ConfigurationError(msg, hint=f"known are {', '.join(_FACTORIES)}")
        if table.enabled:
            yield _flow(name, table, {"decimals": settings.company.decimals})


def _flow(name: str, table: FlowSettings, company: Mapping[str, Any]) -> Flow:
    """Make a flow; the options of the table win over what holds for the whole company."""
    factory = _FACTORIES[name]
    accepted = inspect.signature(factory).parameters.keys() - {"changes"}
    given = {key: value for key, value in company.items() if key in accepted} | _options(name, table, accepted)
    if "starts" in accepted or table.starts is not None:
        given["starts"] = table.starts  # a flow that posts money says itself that it needs one
    if table.per is not None:
        given["per"] = table.per
    changes = {key: value for key in ("on_conflict", "on_delete") if (value := getattr(table, key)) is not None}
    _check_given(name, factory, given)
    flow = factory(**given, **changes)
    limits = {
        limit.name: value for limit in fields_of(Ceilings) if (value := getattr(table.ceilings, limit.name)) is not None
    }
    return flow.but(ceilings=replace(flow.ceilings, **limits)) if limits else flow


def _options(name: str, table: FlowSettings, accepted: set[str]) -> dict[str, Any]:
    free = sorted(accepted - FlowSettings.model_fields.keys())
    for option in table.options:
        if option not in free:
            msg = f"[flows.{name}.options] unknown option {option}"
            raise ConfigurationError(msg, hint=f"known are {', '.join(free) or 'none'}")
    if table.per is not None and "per" not in accepted:
        msg = f"[flows.{name}] per: this flow puts nothing together"
        raise ConfigurationError(msg, hint="remove it")
    return dict(table.options)


def _check_given(name: str, factory: Callable[..., Flow], given: Mapping[str, Any]) -> None:
    """Compare what is given with the signature of the factory, types included: TOML knows no signatures."""
    hints = get_type_hints(factory)
    for key, parameter in inspect.signature(factory).parameters.items():
        where = f"[flows.{name}] {key}" if key in FlowSettings.model_fields else f"[flows.{name}.options] {key}"
        if key in given:
            try:
                TypeAdapter(hints[key]).validate_python(given[key])
            except ValidationError as exc:
                msg = f"{where}: {exc.errors(include_input=False, include_url=False)[0]['msg']}"
                raise ConfigurationError(msg, hint="texts need quotes, dates and numbers have none") from None
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            msg = f"{where} is missing"
            raise ConfigurationError(msg, hint=f"set {key} there; the flow cannot be made without it")
