"""Real SIGKILLs over real HTTP: between send and outcome, on both sides of the server's commit, and at random."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="clients are forked processes"),
]

if hasattr(os, "fork"):
    from campaign.crash_chain import Options
    from campaign.crash_points import Scenario
    from campaign.real_kills import MODES, Aim, Kill, aims_of, chosen, kills, random_aims
    from campaign.tally import TALLY

PER_MODE = 36


def scenarios() -> list[Scenario]:
    """Return runs that together write in every mode, alone, in batches, and with three requests in flight."""
    return [
        Scenario("first", 21, Options(marker="table")),
        Scenario("first", 22, Options(marker="table", max_batch=1, parallel=3)),
        Scenario("first", 23, Options(marker="field")),
        Scenario("first", 24, Options(marker="field", max_batch=1, parallel=3)),
        Scenario("changed", 25, Options(marker="table", max_batch=1)),
        Scenario("changed", 26, Options(marker="table")),
        Scenario("changed", 27, Options(marker="field", max_batch=1, parallel=3)),
        Scenario("changed", 28, Options(marker="field", max_batch=1)),
    ]


def assert_survived(aims: list[Aim]) -> list[Kill]:
    """Kill at every aim and expect nothing wrong."""
    done = list(kills(aims))
    for kill in done:
        TALLY.kill(kill)
    assert [str(kill) for kill in done if kill.findings.all() or kill.ended != "done, done"][:5] == []
    return done


@pytest.fixture(scope="module")
def aims() -> list[Aim]:
    """Every write of every scenario."""
    return [aim for scenario in scenarios() for aim in aims_of(scenario)]


class TestRealKills:
    @pytest.mark.parametrize("mode", MODES if hasattr(os, "fork") else ())
    def test_between_send_and_outcome(self, aims, mode):
        """Killed while a write is under way, before and after the server's commit: done once in the end."""
        done = assert_survived(chosen(aims, mode, PER_MODE))
        places = Counter(kill.place for kill in done)
        assert places["before commit"] + places["after commit"] >= 30
        assert places["after commit"] >= 10

    def test_the_recovery_is_killed_too(self, aims):
        """The second process dies between send and outcome as well; the third finishes."""
        first = [aim for aim in aims if aim.scenario.stage == "first" and aim.nth == 1 and aim.path.endswith("$batch")]
        assert_survived([replace(aim, twice=True, when="after") for aim in first for _ in range(3)])

    def test_at_random_moments(self):
        """Killed whenever: reading, writing, committing, starting."""
        assert_survived([aim for scenario in scenarios()[::2] for aim in random_aims(scenario, 8)])

    def test_the_numbers_are_told(self):
        """D and settle are printed with the table."""
        options = Options()
        TALLY.fact(
            f"D {options.deadline:g} s (questions before a posting as long again), settle {options.settle:g} s, "
            f"late commits {options.lateness:g} s after they were sent"
        )
        assert options.lateness < options.deadline + options.settle
