"""What the protocol cannot close: shown where it is open, and shown closed where the server helps."""

from __future__ import annotations

import os

import pytest

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="clients are forked processes"),
]

if hasattr(os, "fork"):
    from campaign.books_check import check
    from campaign.crash_chain import Options, World, chain
    from campaign.crash_points import Scenario, prepared, scratch_folder, warm_up
    from campaign.forks import in_children
    from campaign.served_world import Client, Server
    from campaign.tally import TALLY
    from periferia_link.ledger import SqliteLedger
    from periferia_link.testing.emulators import FaultRule

_MUCH_LATER = 900.0
"""Seconds: beyond deadline and settle time, within the life of a session of the ERP."""


def stale_update(nth: int) -> list[str]:
    """Let the nth batch of changes commit much too late, after newer values were written; return what is wrong."""
    scenario = Scenario("changed", 61)
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        with SqliteLedger.open(folder / "ledger.db") as ledger:
            late = FaultRule("late", method="POST", path="*/$batch", nth=nth, params={"seconds": _MUCH_LATER})
            world.erp.faults.add(late)
            engine = world.engine(ledger)
            engine.run(chain())
            world.clock.advance(60)
            world.change_crm()
            engine.run(chain())
            assert check(world, folder / "ledger.db").all() == []
            world.clock.advance(_MUCH_LATER)
            world.erp.settle(world.clock)
        return check(world, folder / "ledger.db").losses


def paused_runner(options: Options) -> tuple[str, str, int]:
    """
    Stop one runner between its intent and its request until its lease is over, let another one finish, then go on.

    Returns how the two ended, and how many records stand twice.
    """
    world = World.founded(62, options)
    with scratch_folder() as folder, Server(world) as server:
        # the look-up of accounts comes between the intent of the first posting and the posting
        server.fault({"method": "GET", "path": "*/ChartOfAccounts*", "fault": "hold"})
        first = Client(world, server, folder / "ledger.db")
        server.struck()
        server.wait_for_time(400)
        second = Client(world, server, folder / "ledger.db").result()
        server.release()
        return first.result(), second, server.check(str(folder / "ledger.db")).extra


class TestResidualWindows:
    def test_r1_a_stale_update(self):
        """A change that arrives much too late: the etag refuses it for partners; for projects nothing does."""
        partners, projects = stale_update(1), stale_update(3)
        TALLY.fact(
            f"R1, an update 15 minutes late: {len(partners)} partners (If-Match), {len(projects)} projects (compare) set back"
        )
        assert partners == []
        assert all(text.startswith("project ") for text in projects)

    @pytest.mark.parametrize("marker", ["table", "field"])
    def test_r5_a_paused_runner(self, marker):
        """A runner that slept through its lease stops at once; only without a server key its last request counts twice."""
        warm_up()

        def work() -> tuple[str, str, int]:
            return paused_runner(Options(marker=marker))

        first, second, extra = next(iter(in_children([work])))
        TALLY.fact(
            f"R5, a runner paused beyond its lease between intent and request, marker {marker}: {extra} duplicates"
        )
        assert first.startswith("LeaseHeldError")
        assert second == "done"
        assert marker == "field" or extra == 0
