"""Clients and projects into a system in memory that enforces nothing: our engine and the naive one, killed everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from campaign.crash_chain import chain
from campaign.crash_points import IoPoints, SimulatedCrash, scratch_folder
from campaign.forks import in_children
from campaign.naive_engine import Memory, naive_run
from campaign.small_company import MONDAY, SmallCompany
from periferia_link.connectors.base import Connector, Outcome, Write
from periferia_link.domain import Client, Opportunity, Project, Ref, TaxId
from periferia_link.engine import Engine
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector
from periferia_link.testing.emulators import ManualClock

__all__ = ["plain_crashes"]

_GONE_FOR_GOOD = timedelta(minutes=10) / timedelta(seconds=1)


class WatchedTarget(MemoryConnector):
    """A system without keys of ours that are enforced; every request to write is a point."""

    hear: IoPoints = IoPoints()

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """Write between two points."""
        self.hear("before write")
        outcomes = super().write(kind, writes)
        self.hear("after write")
        return outcomes


def _systems() -> dict[str, Connector]:
    company = SmallCompany.founded(1, accounts=6, by_hand=0)
    crm = MemoryConnector("crm", [Client, Opportunity])
    for account in company.accounts.values():
        nit = TaxId.parse(account.nit)
        crm.put(Client(ref=Ref("crm", "Client", account.id), name=account.name, tax_id=nit, city=account.city))
    for deal in company.deals.values():
        crm.put(
            Opportunity(
                ref=Ref("crm", "Opportunity", deal.id),
                name=deal.name,
                number=deal.number,
                state="won",
                closed_on=MONDAY,
                client=Ref("crm", "Client", deal.account),
            )
        )
    return {"crm": crm, "erp": WatchedTarget("erp", [Client, Project], guard="marker", max_batch=2)}


def plain_crashes(flow: str, *, naive: bool) -> Iterator[int]:
    """Kill at every point of the flow, let it finish; yields how many records stand twice."""
    flows = [each for each in chain() if not each.is_grouped]

    def run(
        systems: dict[str, Connector], folder: Path, clock: ManualClock, io: IoPoints, only: str | None = None
    ) -> None:
        target = systems["erp"]
        assert isinstance(target, WatchedTarget)
        target.hear = io
        wanted = [each for each in flows if only is None or each.name == only]
        with suppress(SimulatedCrash):
            if naive:
                naive_run(systems, Memory(folder / "memory.json", io), wanted)
                return
            with SqliteLedger.open(folder / "ledger.db", on_io=io) as ledger:
                Engine(systems, ledger, clock=clock).run(wanted)
        clock.advance(_GONE_FOR_GOOD)

    def world(folder: Path) -> tuple[dict[str, Connector], ManualClock]:
        systems, clock = _systems(), ManualClock()
        if flow == "projects":
            run(systems, folder, clock, IoPoints(), "clients")
        return systems, clock

    def undisturbed() -> int:
        with scratch_folder() as folder:
            systems, clock = world(folder)
            io = IoPoints()
            run(systems, folder, clock, io, flow)
            return len(io.words)

    def one(point: int) -> Callable[[], int]:
        def work() -> int:
            with scratch_folder() as folder:
                systems, clock = world(folder)
                run(systems, folder, clock, IoPoints(point), flow)
                for _ in range(2):
                    run(systems, folder, clock, IoPoints())
                target = systems["erp"]
                kinds = {"Client": "name", "Project": "code"}
                held = {kind: [getattr(each, name) for each in target.each(kind)] for kind, name in kinds.items()}
                assert {kind: len(set(names)) for kind, names in held.items()} == {"Client": 6, "Project": 6}
                return sum(len(names) - len(set(names)) for names in held.values())

        return work

    points = next(iter(in_children([undisturbed])))
    yield from in_children(one(point) for point in range(1, points + 1))
