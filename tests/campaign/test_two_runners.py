"""Two processes on one ledger: one works, the other says who does."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="runners are forked processes"),
]

if hasattr(os, "fork"):
    from campaign.books_check import Findings
    from campaign.crash_chain import Options, World
    from campaign.crash_points import Scenario, prepared, scratch_folder, warm_up
    from campaign.forks import in_children
    from campaign.real_kills import Aim, aims_of
    from campaign.served_world import Client, Server
    from campaign.tally import TALLY

STARTS = 20


@dataclass
class TwoRunners:
    """How two runners ended: which process worked, what the other one said, after how many seconds."""

    worked: int
    ended: str
    refused: str
    seconds: float
    findings: Findings


def two_runners(world: World, aim: Aim, ledger: Path, *, is_race: bool) -> TwoRunners:
    """Hold one request of the first to come, and look how the other one ends: started with it, or in its midst."""
    with Server(world) as server:
        server.fault({"method": aim.method, "path": aim.path, "nth": aim.nth, "fault": "hold"})
        both = [Client(world, server, ledger)]
        if not is_race:
            server.struck()
        begun = time.monotonic()
        both.append(Client(world, server, ledger))
        loser = select.select(both, [], [], 30.0)[0][0]
        refused, seconds = loser.result(), time.monotonic() - begun
        server.struck()
        server.release()
        both.remove(loser)
        ended = both[0].result()
        server.calm()
        Client(world, server, ledger).result()
        return TwoRunners(both[0].pid, ended, refused, seconds, server.check(str(ledger)))


class TestTwoRunners:
    def test_one_works_and_the_other_says_who(self):
        """20 starts of two processes: one ends its work, the other ends at once and names it; nothing stands twice."""
        warm_up()
        scenario = Scenario("first", 41, Options(marker="field"))
        aims = aims_of(scenario)
        with scratch_folder() as folder:
            world = prepared(scenario, folder)

            def one(number: int) -> Callable[[], TwoRunners]:
                def work() -> TwoRunners:
                    is_race = number % 2 == 0
                    # whoever comes first is held in the flow that both begin with
                    aim = aims[0] if is_race else aims[number // 2 % len(aims)]
                    with scratch_folder() as own:
                        return two_runners(world, aim, own / "ledger.db", is_race=is_race)

                return work

            done = list(in_children(one(number) for number in range(STARTS)))
        slowest = max(each.seconds for each in done)
        TALLY.fact(
            f"two processes on one ledger: {len(done)} starts, {sum('LeaseHeldError' in each.refused for each in done)} "
            f"refused after {slowest:.1f} s at most, {sum(each.findings.extra for each in done)} duplicates"
        )
        assert [each.ended for each in done] == ["done"] * STARTS
        assert [each.refused for each in done if f"by process {each.worked} " not in each.refused] == []
        assert [each.findings.all() for each in done if each.findings.all()] == []
