"""Simulated crashes at every point of input and output, on the whole labour chain, with the faults of the wire."""

from __future__ import annotations

import os

import pytest

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process"),
]

if hasattr(os, "fork"):
    from campaign.crash_chain import Options
    from campaign.crash_points import TROUBLES, Scenario, crashes
    from campaign.tally import TALLY

STAGES = ("first", "changed")
MARKERS = ("table", "field")


def assert_survived(scenario: Scenario, *, step: int = 1) -> int:
    """Crash everywhere and expect nothing wrong; returns the number of crashes."""
    wrong, number = [], 0
    for crash in crashes(scenario, step=step, offset=scenario.seed % step):
        TALLY.crash(crash)
        number += 1
        if crash.findings.all():
            wrong.append(str(crash))
    assert sorted(wrong)[:10] == []
    return number


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("stage", STAGES)
class TestEveryPoint:
    def test_nothing_is_lost_or_doubled(self, stage, marker):
        """A crash at any point, before and after any request and any commit: the next run finishes the work once."""
        assert assert_survived(Scenario(stage, 1, Options(marker=marker))) > 150

    def test_a_recovery_may_be_killed_too(self, stage, marker):
        """A second crash while the first is cleaned up changes nothing."""
        assert_survived(Scenario(stage, 2, Options(marker=marker, max_batch=3), dies_again=True), step=4)

    def test_several_requests_in_flight(self, stage, marker):
        """With three threads several requests die at once; each is read back on its own."""
        assert_survived(Scenario(stage, 3, Options(marker=marker, max_batch=1, parallel=3)), step=5)


@pytest.mark.parametrize("marker", MARKERS)
class TestOtherWays:
    @pytest.mark.parametrize("stage", ["adopted", "applied"])
    def test_adoption_and_plans_may_be_killed(self, stage, marker):
        """A crash while both sides are matched, or while a plan is made or applied."""
        assert_survived(Scenario(stage, 4, Options(marker=marker)), step=6)

    @pytest.mark.parametrize("trouble", ["", "late commit"])
    def test_people_go_on(self, marker, trouble):
        """Everything changes again before the next run: what was under way is found, the rest becomes updates."""
        assert_survived(Scenario("first", 5, Options(marker=marker), trouble=trouble, moves_on=True), step=6)

    @pytest.mark.parametrize("trouble", ["", "late commit"])
    def test_postings_that_wait_for_approval(self, marker, trouble):
        """A draft survives what undoes its change set: one for each posting, taken over when it is approved."""
        options = Options(marker=marker, approvals=True)
        assert_survived(Scenario("first", 6, options, trouble=trouble, nth=3 if trouble else None), step=6)


@pytest.mark.parametrize("trouble", TROUBLES if hasattr(os, "fork") else ())
@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("stage", STAGES)
class TestWithTrouble:
    def test_a_fault_and_a_crash_together(self, stage, marker, trouble):
        """The line breaks, the server commits late, throttles, forgets the session, or somebody edits: and a crash."""
        seed = 10 + TROUBLES.index(trouble)
        assert_survived(Scenario(stage, seed, Options(marker=marker), trouble=trouble), step=10)
