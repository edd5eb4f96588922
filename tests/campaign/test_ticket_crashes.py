"""Simulated crashes at every point of input and output on the ticket chain: one ticket, one case, one timeline."""

from __future__ import annotations

import os

import pytest

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process"),
]

if hasattr(os, "fork"):
    from campaign.ticket_chain import TROUBLES, crashes

STAGES = ("first", "changed")


def assert_survived(stage, **options):
    """Crash and expect nothing wrong; returns the number of crashes."""
    done = list(crashes(stage, **options))
    assert [str(crash) for crash in done if crash.findings][:10] == []
    return len(done)


@pytest.mark.parametrize("stage", STAGES)
class TestEveryPoint:
    def test_one_case_and_one_note_a_step(self, stage):
        """Killed before and after any request and any commit: the next run finishes the work, once."""
        assert assert_survived(stage) > 60

    def test_a_recovery_may_be_killed_too(self, stage):
        """A second crash while the first is cleaned up changes nothing."""
        assert assert_survived(stage, seed=2, dies_again=True, step=3) > 20

    @pytest.mark.parametrize("trouble", TROUBLES if hasattr(os, "fork") else ())
    def test_a_fault_and_a_crash_together(self, stage, trouble):
        """The line breaks, the CRM commits late, throttles or answers nonsense: and a crash."""
        assert assert_survived(stage, seed=3, trouble=trouble, step=4) > 15
