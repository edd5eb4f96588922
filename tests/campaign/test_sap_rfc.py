"""A death at every point of the chain over RFC, with what can go wrong; a sample is in tests/flows/test_labour_by_rfc.py."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process")

if hasattr(os, "fork"):
    from campaign.rfc_chain import TROUBLES, Scenario, crashes
    from campaign.tally import TALLY

STAGES = ("first", "changed")


def survived(scenario: Scenario, *, step: int = 1) -> int:
    """Crash everywhere and expect nothing wrong; returns the number of crashes."""
    done = list(crashes(scenario, step=step, offset=scenario.seed % step))
    what = f"{scenario.stage} run{f' + {scenario.trouble}' if scenario.trouble else ''}"
    TALLY.fact(f"{len(done):6}  crash points over RFC, {what}{' + killed again' if scenario.dies_again else ''}")
    assert sorted(str(crash) for crash in done if crash.wrong)[:5] == []
    return len(done)


@pytest.mark.nightly
@pytest.mark.timeout(900)
class TestEveryPoint:
    """What the campaign runs."""

    @pytest.mark.parametrize("stage", STAGES)
    def test_nothing_is_lost_or_doubled(self, stage):
        """A crash at any point: debits are credits, each hour is booked once, every order is opened once."""
        assert survived(Scenario(stage, 1)) > 100

    @pytest.mark.parametrize("stage", STAGES)
    def test_a_recovery_may_be_killed_too(self, stage):
        """A second crash while the first is cleaned up changes nothing."""
        survived(Scenario(stage, 2, dies_again=True), step=4)

    @pytest.mark.parametrize("trouble", TROUBLES if hasattr(os, "fork") else ())
    @pytest.mark.parametrize("stage", STAGES)
    def test_a_fault_and_a_crash_together(self, stage, trouble):
        """The commit is lost, late or refused, an exit commits by itself, no session is free: and a crash."""
        survived(Scenario(stage, 10 + TROUBLES.index(trouble), trouble), step=7)
