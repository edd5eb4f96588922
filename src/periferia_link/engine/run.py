"""The engine: adopt, plan, apply, run over named systems and one ledger."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, tzinfo
from zoneinfo import ZoneInfo

from periferia_link.clock import SystemClock
from periferia_link.connectors.base import Connector, SystemInfo
from periferia_link.domain import Ref, accounting_date
from periferia_link.engine._aio import on_thread
from periferia_link.engine._flow_run import FlowRun
from periferia_link.engine._session import Session
from periferia_link.engine._workers import CancelToken
from periferia_link.engine.adopt import adopt
from periferia_link.engine.context import Context
from periferia_link.engine.flow import Flow, in_order
from periferia_link.engine.plan import Plan
from periferia_link.engine.report import FlowReport, Progress, RunReport
from periferia_link.errors import ConfigurationError, ConnectorError, FlowError
from periferia_link.ledger import Ledger, owner_name
from periferia_link.typing import Clock

__all__ = ["Engine"]


class Engine:
    """
    Compares, plans and writes once.

    Args:
        systems: Connectors by instance name.

        ledger: The memory; one engine at a time uses it from this process.

        roles: Which instances play a role; a role that is not named is the instance of that name.

        zone: The company's time zone: accounting dates are its days.

        clock: Where time comes from.

        progress: Called with every step of long work, on the driver's thread.

        patience: Seconds that a run waits at its end for the fate of writes that nobody knows; what is not known
            then is settled by the next run. ``None``: as long as the slowest target of the flow may need.

        actor: Who runs, for leases and the audit; this process by default.

    Raises:
        ConfigurationError: A connector's name is not the name of its instance.
    """

    def __init__(
        self,
        systems: Mapping[str, Connector],
        ledger: Ledger,
        *,
        roles: Mapping[str, Sequence[str]] | None = None,
        zone: tzinfo | str = "America/Bogota",
        clock: Clock | None = None,
        progress: Callable[[Progress], None] | None = None,
        patience: float | None = None,
        actor: str | None = None,
    ) -> None:
        for name, connector in systems.items():
            if connector.name != name:
                msg = f"the connector named {connector.name} is registered as {name}"
                raise ConfigurationError(msg, hint=f"give the connector name={name!r}")
        self.systems = dict(systems)
        self.ledger = ledger
        self._roles = {role: tuple(names) for role, names in (roles or {}).items()}
        self._zone = ZoneInfo(zone) if isinstance(zone, str) else zone
        self._clock = clock or SystemClock()
        self._progress = progress
        self._patience = patience
        self._actor = actor or owner_name()
        self._infos: dict[str, SystemInfo] = {}
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Engine({', '.join(self.systems)})"

    # ------------------------------------------------------------------ the four things it does

    def adopt(self, flow: Flow, *, since: date | None = None) -> FlowReport:
        """
        Link what both sides already hold; writes to no system.

        Args:
            flow: Which chain.

            since: Look only at source records changed on or after this day.

        Raises:
            ConfigurationError: The flow has nothing to match by, or a role is not played.
            LeaseHeldError: Another runner works on the flow.
            ConnectorError: A side cannot be read.
        """
        return self._adopt(flow, since, CancelToken())

    def plan(self, flows: Flow | Iterable[Flow]) -> Plan:
        """
        Compare both sides and list the changes, without writing anything, anywhere.

        Raises:
            ConfigurationError: A role is not played by any system.
            ConnectorError: A side cannot be read.
            FlowError: The source cannot be believed.
        """
        return self._plan(flows, CancelToken())

    def apply(self, plan: Plan, flows: Flow | Iterable[Flow]) -> RunReport:
        """
        Do what *plan* lists and nothing else; records that moved since are refused and looked at by the next run.

        Raises:
            LeaseHeldError: Another runner works on a flow.
            FlowError: A system stopped; ``report`` says what was done.
        """
        return self._apply(plan, flows, CancelToken())

    def run(self, flows: Flow | Iterable[Flow]) -> RunReport:
        """
        Bring the targets up to date: every flow, in the order of their ``after``.

        Raises:
            LeaseHeldError: Another runner works on a flow.
            CeilingError: More would change than the flow allows.
            EmptySourceError: The source lost most of its records.
            FlowError: A system stopped; ``report`` says what was done, planned work stays in the ledger.
            LedgerError: The memory cannot be used; nothing is sent then.
        """
        return self._run(flows, None, CancelToken())

    async def aadopt(self, flow: Flow, *, since: date | None = None) -> FlowReport:
        """
        Await :meth:`adopt` without blocking the event loop.

        Raises:
            LinkError: As :meth:`adopt`.
        """
        return await on_thread(lambda cancel: self._adopt(flow, since, cancel))

    async def aplan(self, flows: Flow | Iterable[Flow]) -> Plan:
        """
        Await :meth:`plan` without blocking the event loop.

        Raises:
            LinkError: As :meth:`plan`.
        """
        return await on_thread(lambda cancel: self._plan(flows, cancel))

    async def aapply(self, plan: Plan, flows: Flow | Iterable[Flow]) -> RunReport:
        """
        Await :meth:`apply` without blocking the event loop.

        Raises:
            LinkError: As :meth:`apply`.
        """
        return await on_thread(lambda cancel: self._apply(plan, flows, cancel))

    async def arun(self, flows: Flow | Iterable[Flow]) -> RunReport:
        """
        Await :meth:`run` without blocking the event loop; a cancelled run stops before its next request.

        Raises:
            LinkError: As :meth:`run`.
        """
        return await on_thread(lambda cancel: self._run(flows, None, cancel))

    # ------------------------------------------------------------------ how

    def _adopt(self, flow: Flow, since: date | None, cancel: CancelToken) -> FlowReport:
        with self._lock, self._session(flow, self.ledger, cancel) as session:
            adopt(session, since, self._players(flow))
            return session.report

    def _plan(self, flows: Flow | Iterable[Flow], cancel: CancelToken) -> Plan:
        plan = Plan()
        with self._lock, self.ledger.scratch() as scratch:
            for flow in _listed(flows):
                with self._session(flow, scratch, cancel, changes=plan) as session:
                    FlowRun(session, self._players(flow), 0.0).run()
                    waiting = len(scratch.records.dirty(session.stream, 1_000_000))
                    if waiting:
                        session.report.count("waiting", waiting)
                    plan.reports[flow.name] = session.report
                    plan.flows.append(flow.name)
        return plan

    def _apply(self, plan: Plan, flows: Flow | Iterable[Flow], cancel: CancelToken) -> RunReport:
        planned = [flow for flow in _listed(flows) if flow.name in plan.flows]
        return self._run(planned, plan, cancel)

    def _run(self, flows: Flow | Iterable[Flow], plan: Plan | None, cancel: CancelToken) -> RunReport:
        report = RunReport()
        begun = self._clock.monotonic()
        with self._lock:
            for flow in _listed(flows):
                allowed = None if plan is None else plan.allowed(flow.name)
                try:
                    with self._session(flow, self.ledger, cancel, allowed=allowed) as session:
                        report.flows[flow.name] = session.report
                        FlowRun(session, self._players(flow), self._patience_for(session)).run()
                except FlowError as exc:
                    exc.report = report
                    raise
                except ConnectorError as exc:
                    raise FlowError(
                        f"{exc.system}: {exc.message}" if exc.system else exc.message, hint=exc.hint, report=report
                    ) from exc
                finally:
                    report.seconds = self._clock.monotonic() - begun
        return report

    def _patience_for(self, session: Session) -> float:
        if self._patience is not None:
            return self._patience
        kind = session.flow.target[1]
        return 10.0 + max(one.deadline + one.supports(kind).settle_seconds for one in session.targets.values())

    @contextmanager
    def _session(
        self,
        flow: Flow,
        ledger: Ledger,
        cancel: CancelToken,
        *,
        allowed: Mapping[str, str] | None = None,
        changes: Plan | None = None,
    ) -> Iterator[Session]:
        source = self._only(flow.source[0], flow)
        targets = {name: self.systems[name] for name in self._names(flow.target[0], flow)}
        players = {connector.name for connector in self._players(flow).values()}
        ids = {name: self._identify(name, ledger) for name in sorted({source.name, *targets, *players})}
        report = FlowReport(flow.name)
        today = accounting_date(self._clock.now(), self._zone)
        context = Context(
            zone=self._zone, today=today, twins=self._twins(flow, ledger), elsewhere=self._elsewhere(ledger)
        )
        session = Session(
            flow, ledger, self._clock, source, targets, ids[source.name], ids, report, context, self._actor, 0, cancel,
            allowed=allowed, changes=None if changes is None else changes.changes, on_progress=self._progress,
        )  # fmt: skip
        session.only_target = next(iter(targets))
        session.stream = ledger.stream(flow.name, "source")
        ledger.describe(
            session.stream, system=source.name, kind=flow.source[1], target_kind=flow.target[1], relation=flow.relation
        )
        session.group_stream = ledger.stream(flow.name, "group")
        if changes is not None:
            yield session
            return
        session.begin()
        try:
            yield session
        except (Exception, KeyboardInterrupt) as exc:
            self._end(session, f"{type(exc).__name__}")
            raise
        else:
            self._end(session, "done")

    def _end(self, session: Session, how: str) -> None:
        result = json.dumps({"how": how, "counts": dict(session.report.counts)})
        with session.ledger.transaction():
            session.ledger.end_run(session.run, session.now(), result)
            if session.lease:
                session.ledger.leases.release(session.lease)

    # ------------------------------------------------------------------ who plays which role

    def _names(self, role: str, flow: Flow) -> tuple[str, ...]:
        names = self._roles.get(role) or ((role,) if role in self.systems else ())
        missing = [name for name in names if name not in self.systems]
        if not names or missing:
            msg = f"flow {flow.name} needs a system in the role {role}" + (
                f", {missing[0]} is not there" if missing else ""
            )
            raise ConfigurationError(
                msg, hint=f'systems are {", ".join(self.systems) or "none"}; name one roles = ["{role}"]'
            )
        return names

    def _only(self, role: str, flow: Flow) -> Connector:
        names = self._names(role, flow)
        if len(names) > 1:
            msg = f"flow {flow.name} reads from the role {role}, which {len(names)} systems play"
            raise ConfigurationError(msg, hint="make one flow a source, with flow.but(name=..., source=...)")
        return self.systems[names[0]]

    def _players(self, flow: Flow) -> dict[str, Connector]:
        read = [lookup.role for lookup in flow.lookups.values() if lookup.rows is None]
        return {role: self._only(role, flow) for role in read}

    def _identify(self, name: str, ledger: Ledger) -> str:
        info = self._infos.get(name)
        if info is None:
            info = self._infos[name] = self.systems[name].check()
        ledger.bind_system(name, info.system_id)
        return info.system_id

    def _twins(self, flow: Flow, ledger: Ledger) -> Callable[[Ref], Ref | None]:
        targets = self._names(flow.target[0], flow)

        def twin(ref: Ref) -> Ref | None:
            for name in targets:
                # the link of a client is a client, of an opportunity a project: whatever the flows declared
                for kind in self._kinds_of(name, ref.kind):
                    found = ledger.links.twin(ref, name, kind)
                    if len(found) == 1:
                        return found[0]
            return None

        return twin

    def _elsewhere(self, ledger: Ledger) -> Callable[[Ref, str, str], Ref | None]:
        def linked(ref: Ref, role: str, kind: str) -> Ref | None:
            names = self._roles.get(role) or (role,)
            found = [one for name in names for one in ledger.links.twin(ref, name, kind)]
            return found[0] if len(found) == 1 else None

        return linked

    def _kinds_of(self, name: str, kind: str) -> list[str]:
        kinds = list(self.systems[name].capabilities)
        return [kind, *(other for other in kinds if other != kind)] if kind in kinds else kinds


def _listed(flows: Flow | Iterable[Flow]) -> list[Flow]:
    return in_order([flows] if isinstance(flows, Flow) else flows)
