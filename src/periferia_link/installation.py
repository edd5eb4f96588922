"""An installation: the systems, the ledger and the flows of one ``periferia.toml``, built and ready to run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields as fields_of
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, final, get_type_hints

from pydantic import TypeAdapter, ValidationError

from periferia_link.connectors.base import Connector, SystemInfo
from periferia_link.connectors.registry import build
from periferia_link.domain import Ref
from periferia_link.engine import Engine, Flow, Progress
from periferia_link.engine.flow import Ceilings, in_order
from periferia_link.errors import ConfigurationError, LinkError
from periferia_link.flows import (
    ask_again,
    billing_proposals,
    client_context,
    clients,
    delivery_to_crm,
    delivery_to_helpdesk,
    detractor_links,
    detractor_loops,
    detractor_ticket_ends,
    detractor_work,
    detractor_work_ends,
    detractors,
    features_to_devops,
    helpdesk_clients,
    labour_costs,
    leads,
    project_state,
    project_to_devops,
    project_to_helpdesk,
    projects,
    proposal_state,
    readiness,
    requirements_to_devops,
    surveys_to_crm,
    team_to_helpdesk,
    ticket_priorities,
    ticket_timeline,
    tickets_to_crm,
)
from periferia_link.ledger import SqliteLedger
from periferia_link.settings import FlowSettings, Settings
from periferia_link.sla import SlaRules, read_sla
from periferia_link.trace import Direction, Trace, trace
from periferia_link.typing import Clock

__all__ = ["Installation", "SystemCheck", "check_flows", "check_systems"]

_FACTORIES: Mapping[str, Callable[..., Flow]] = MappingProxyType(
    {
        "ask_again": ask_again,
        "billing_proposals": billing_proposals,
        "client_context": client_context,
        "clients": clients,
        "delivery_to_crm": delivery_to_crm,
        "delivery_to_helpdesk": delivery_to_helpdesk,
        "detractor_links": detractor_links,
        "detractor_loops": detractor_loops,
        "detractor_ticket_ends": detractor_ticket_ends,
        "detractor_work": detractor_work,
        "detractor_work_ends": detractor_work_ends,
        "detractors": detractors,
        "features_to_devops": features_to_devops,
        "helpdesk_clients": helpdesk_clients,
        "labour_costs": labour_costs,
        "leads": leads,
        "project_state": project_state,
        "project_to_devops": project_to_devops,
        "project_to_helpdesk": project_to_helpdesk,
        "projects": projects,
        "proposal_state": proposal_state,
        "readiness": readiness,
        "requirements_to_devops": requirements_to_devops,
        "surveys_to_crm": surveys_to_crm,
        "team_to_helpdesk": team_to_helpdesk,
        "ticket_priorities": ticket_priorities,
        "ticket_timeline": ticket_timeline,
        "tickets_to_crm": tickets_to_crm,
    }
)


class SystemCheck(NamedTuple):
    """
    What came of asking one system who it is: ``info``, or the ``error`` that kept it from answering.

    ``known_as`` is the installation that the ledger knows under this name, where that is another: nothing runs then.
    """

    name: str
    connector: str
    url: str | None
    info: SystemInfo | None
    error: LinkError | None
    known_as: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether it was reached, is the one that the ledger knows, and no right is missing."""
        return self.info is not None and not self.info.missing and self.known_as is None


@final
class Installation:
    """
    Everything that one ``periferia.toml`` describes; closes connectors and ledger at the end of a ``with`` block.

    ::

        with Installation.open("periferia.toml") as installation:
            plan = installation.engine.plan(installation.flows.values())
            print(plan)
            installation.engine.apply(plan, installation.flows.values())

    ``settings`` is the file, ``engine`` knows the systems, ``ledger`` is the memory, ``flows`` are those that the file
    names and does not turn off, by name, each after those that it needs. A flow of your own runs with the same engine:
    ``installation.engine.run([mine])``.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        flows: Mapping[str, Flow],
        resources: ExitStack,
        *,
        ledger: SqliteLedger,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.ledger = ledger
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
            made = _builder(settings, stack, clock)
            systems = {name: made(name) for name in settings.systems}
            for connector in systems.values():
                _introduce(connector, systems)
            ledger = stack.enter_context(SqliteLedger.open(settings.ledger.path))
            zone = settings.company.zone
            engine = Engine(systems, ledger, roles=settings.roles, zone=zone, clock=clock, progress=progress)
            return cls(settings, engine, flows, stack.pop_all(), ledger=ledger)

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

    def trace(self, ref: Ref | str, *, depth: int = 12, direction: Direction = "both", limit: int = 1000) -> Trace:
        """
        Follow one record over every system, as the ledger knows it (see :func:`periferia_link.trace.trace`).

        Raises:
            ConfigurationError: The text is no reference, or a limit is not positive.
        """
        return trace(ref, self.ledger, depth=depth, direction=direction, limit=limit)

    def check(self) -> list[SystemCheck]:
        """Ask every system who it is and what its user may do; writes nothing, and one that fails stops no other."""
        return list(check_systems(self.settings, known=self.ledger.system_ids()))

    @cached_property
    def sla(self) -> SlaRules:
        """
        Calendars and policies of the table ``[sla]``; read when first asked for.

        Raises:
            ConfigurationError: Something is wrong in the table; the message says where, the hint what to do.
        """
        return read_sla(self.settings.sla, zone=self.settings.company.zone)

    def close(self) -> None:
        """Close connections, sessions and the ledger."""
        self._resources.close()

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Installation({', '.join(self.engine.systems)}; {', '.join(self.flows)})"


def check_systems(
    settings: Settings, *, known: Mapping[str, str] | None = None, clock: Clock | None = None
) -> Iterator[SystemCheck]:
    """
    Ask each system of the file who it is, one after the other; each gets a connection of its own.

    Args:
        settings: The file.

        known: Instance name and system id that a ledger remembers.

        clock: Where time comes from.
    """
    for name, system in settings.systems.items():
        info, error = None, None
        try:
            with ExitStack() as stack:
                made = _builder(settings, stack, clock)
                connector = made(name)
                _introduce(connector, {each: made(each) for each in _needs(connector, settings.systems)})
                info = connector.check()
        except LinkError as exc:
            error = exc
        remembered = (known or {}).get(name)
        is_other = info is not None and remembered is not None and remembered != info.system_id
        yield SystemCheck(name, system.connector, system.url, info, error, remembered if is_other else None)


def _needs(connector: Connector, there: Collection[str]) -> list[str]:
    """Return the systems of the file that a connector reads through."""
    return [name for name in getattr(connector, "needs", ()) if name in there]


def _introduce(connector: Connector, systems: Mapping[str, Connector]) -> None:
    """Let a connector that reads through others know them."""
    meet = getattr(connector, "meet", None)
    if meet is not None:
        meet(systems)


def _builder(settings: Settings, stack: ExitStack, clock: Clock | None) -> Callable[[str], Connector]:
    """Return what builds the connector of a system; it is closed with the stack."""

    def made(name: str) -> Connector:
        allowed = settings.plugins.connectors
        return stack.enter_context(build(name, settings.systems[name], clock=clock, allowed_plugins=allowed))

    return made


def check_flows(settings: Settings, *, also: Collection[str] = ()) -> dict[str, LinkError | None]:
    """
    Return what is wrong with each flow that the file turns on: an option, or a role that no system plays.

    Args:
        settings: The file.

        also: Names of systems that the file has and that could not be read: they count as there.
    """
    found: dict[str, LinkError | None] = {}
    for name, table in settings.flows.items():
        if table.enabled:
            try:
                flow = _made(name, table, settings)
                found[name] = _unplayed(flow, {*settings.roles, *settings.systems, *also})
            except LinkError as exc:
                found[name] = exc
    return found


def _unplayed(flow: Flow, played: Collection[str]) -> ConfigurationError | None:
    read = {lookup.role for lookup in flow.lookups.values() if lookup.rows is None}
    roles = {flow.source[0], flow.target[0], *read}
    missing = sorted(role for role in roles if role not in played)
    if not missing:
        return None
    return ConfigurationError(
        f"flow {flow.name} needs a system in the role {missing[0]}",
        hint=f'add [systems.{missing[0]}], or roles = ["{missing[0]}"] to the system that plays it',
    )


def _flow_hint(name: str, settings: Settings, flows: Mapping[str, Flow]) -> str:
    if name in settings.flows:
        return f"it is turned off: set enabled = true under [flows.{name}]"
    if name in _FACTORIES:
        return f"add a table [flows.{name}] to the file"
    return f"its flows are {', '.join(flows) or 'none'}"


# ---------------------------------------------------------------------- from a table of the file to a flow


def _flows(settings: Settings) -> Iterator[Flow]:
    for name, table in settings.flows.items():
        if table.enabled or name not in _FACTORIES:
            yield _made(name, table, settings)


def _made(name: str, table: FlowSettings, settings: Settings) -> Flow:
    if name not in _FACTORIES:
        msg = f"[flows.{name}]: there is no flow of that name"
        raise ConfigurationError(msg, hint=f"known are {', '.join(_FACTORIES)}")
    rules = {"sla": settings.sla, "detractors": settings.detractors, "delivery": settings.delivery}
    rules |= {"checklists": settings.readiness} | ({"rule": settings.priority} if settings.priority else {})
    tables = ("rate_card", "exchange_rates", "billing")
    rules |= {key: own for key in tables if (own := getattr(settings, key))}
    company = settings.company
    told = {name: getattr(company, name) for name in ("currency", "decimals", "language", "zone")}
    return _flow(name, table, {**told, **rules})


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
