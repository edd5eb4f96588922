"""The three runs of the demo, over real HTTP, and what the systems saw of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

from periferia_link.cli._screens import Screen
from periferia_link.cli.demo._business import Business, rate_row
from periferia_link.cli.demo._emulators import Emulators, Traffic
from periferia_link.cli.demo._helpdesk import old_case_row
from periferia_link.cli.demo._result import RunResult
from periferia_link.engine import FlowReport, Plan
from periferia_link.installation import Installation

__all__ = ["Chain", "change", "sow", "together"]

_RATE_FIELDS = ("Employee", "From", "Hourly", "Currency")


def sow(emulators: Emulators, business: Business) -> int:
    """Fill the books of the systems; return how many work logs there are."""
    emulators.seed("dynamics365", "systemusers", business.sales.users)
    emulators.seed("dynamics365", "accounts", business.accounts)
    emulators.seed("dynamics365", "contacts", business.sales.contacts)
    emulators.seed("dynamics365", "opportunities", business.opportunities)
    emulators.seed("dynamics365", "leads", business.sales.leads)
    emulators.seed("dynamics365", "incidents", [old_case_row(business.accounts[0]["accountid"])])
    emulators.seed("sap", "UserTablesMD", [{"TableName": "PL_RATES", "TableDescription": "cost rates"}])
    emulators.seed("sap", "UserFieldsMD", [{"TableName": "@PL_RATES", "Name": name} for name in _RATE_FIELDS])
    for table, rows in business.erp_tables.items():
        emulators.seed("sap", table, rows)
    emulators.seed("periticket", "people", business.helpdesk_people)
    for table, rows in (
        ("clients", business.desk.clients),
        ("tickets", business.desk.tickets),
        ("events", business.desk.events),
    ):
        emulators.seed("periticket", table, rows)
    return emulators.seed("periticket", "worklogs", (log.row for log in business.logs()))


class Chain:
    """
    Runs the flows of the demo and remembers what each run did.

    Args:
        screen: Where bars are shown.

        emulators: The systems, seen from inside.

        installation: The same systems, seen from outside.

        folder: Where plans are left.

        totals: How many records are there to read, by flow.
    """

    def __init__(
        self,
        screen: Screen,
        emulators: Emulators,
        installation: Installation,
        folder: Path,
        *,
        totals: Mapping[str, int],
    ) -> None:
        self._screen = screen
        self.emulators = emulators
        self._installation = installation
        self._folder = folder
        self.ledger = installation.engine.ledger
        self._totals = {(flow, stage): number for flow, number in totals.items() for stage in ("adopt", "read")}

    def adopt(self, show: Callable[[FlowReport], None]) -> RunResult:
        """Link the clients that both sides hold."""
        flow = self._installation.flows["clients"]

        def work() -> Mapping[str, FlowReport]:
            with self._screen.bars(self._totals):
                report = self._installation.engine.adopt(flow)
            show(report)
            return {flow.name: report}

        return self._measured("adopt", work)

    def plan_and_apply(self, show: Callable[[Plan], None]) -> RunResult:
        """Plan each flow, show the plan, apply exactly that."""
        engine = self._installation.engine

        def work() -> Mapping[str, FlowReport]:
            reports: dict[str, FlowReport] = {}
            for flow in self._installation.flows.values():
                with self._screen.bars(self._totals):
                    plan = engine.plan(flow)
                plan.save(self._folder / f"plan-{flow.name}.json")
                show(plan)
                with self._screen.bars(self._totals | {(flow.name, "write"): len(plan)}):
                    reports |= engine.apply(plan, flow).flows
            return reports

        return self._measured("first", work)

    def run(self, name: str) -> RunResult:
        """Run every flow."""

        def work() -> Mapping[str, FlowReport]:
            with self._screen.bars():
                return self._installation.engine.run(self._installation.flows.values()).flows

        return self._measured(name, work)

    def _measured(self, name: str, work: Callable[[], Mapping[str, FlowReport]]) -> RunResult:
        before, begun = self.emulators.traffic(), time.monotonic()
        reports = work()
        seconds = time.monotonic() - begun
        return RunResult(name=name, reports=reports, traffic=self.emulators.traffic().since(before), seconds=seconds)


def together(adopted: RunResult, applied: RunResult) -> RunResult:
    """Return the first run as one: what was linked beforehand and what was written."""
    reports = dict(applied.reports)
    for flow, report in adopted.reports.items():
        both = FlowReport(flow, reports[flow].counts.copy(), reports[flow].requests, list(reports[flow].notes))
        for name in ("adopted", "review"):
            both.counts[name] += report.counts[name]
            # the run after it meets them again, and leaves them
            both.counts["unchanged"] = max(0, both.counts["unchanged"] - report.counts[name])
        reports[flow] = both
    traffic = Traffic(
        adopted.traffic.requests + applied.traffic.requests, adopted.traffic.writes + applied.traffic.writes
    )
    return RunResult(name="first", reports=reports, traffic=traffic, seconds=adopted.seconds + applied.seconds)


def change(emulators: Emulators, business: Business) -> list[str]:
    """Do what people do between the runs, and return the numbers of the tickets that they touched."""
    changes = business.changes
    emulators.seed("dynamics365", "accounts", [changes.account])
    emulators.seed("dynamics365", "opportunities", [changes.opportunity])
    now = datetime.now(timezone.utc)
    corrected = changes.log._replace(updated_at=now)
    emulators.seed("periticket", "worklogs", [corrected.row])
    tickets = business.desk.changes(now)
    for told in tickets:
        emulators.seed("periticket", "tickets", [told.ticket])
        emulators.seed("periticket", "events", told.events)
    emulators.seed("sap", "U_PL_RATES", [rate_row(changes.person, changes.since, changes.hourly)])
    return [told.ticket["number"] for told in tickets]
