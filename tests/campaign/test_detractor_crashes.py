"""Simulated crashes on the detractor loop: one ticket, one work item, one loop for every bad answer."""

from __future__ import annotations

import os

import pytest

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process"),
]

if hasattr(os, "fork"):
    from campaign.detractor_chain import TROUBLES, crashes

STAGES = ("first", "closing")


def assert_survived(stage, **options):
    """Crash and expect nothing wrong; returns the number of crashes."""
    done = list(crashes(stage, **options))
    assert [str(crash) for crash in done if crash.findings][:10] == []
    return len(done)


@pytest.mark.parametrize("stage", STAGES)
class TestEveryPoint:
    def test_one_of_each_and_none_lost(self, stage):
        """Killed before and after any request and any commit: the next run finishes the work, once."""
        assert assert_survived(stage) > 60

    def test_three_hundred_answers(self, stage):
        """The whole loop at its real size, killed at random points."""
        assert assert_survived(stage, seed=4, number=300, points=40) == 40

    @pytest.mark.parametrize("trouble", TROUBLES if hasattr(os, "fork") else ())
    def test_a_fault_and_a_crash_together(self, stage, trouble):
        """Any system breaks the line, commits late, throttles or answers nonsense: and a crash."""
        assert assert_survived(stage, seed=3, trouble=trouble, step=4) > 10
