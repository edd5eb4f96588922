"""A sample of the crash campaign (``nox -s campaign``), small enough for every push."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process")

if hasattr(os, "fork"):
    from campaign.crash_chain import Options
    from campaign.crash_points import Scenario, crashes
    from campaign.naive_engine import naive_crashes
    from campaign.real_kills import MODES, aims_of, chosen, kills, random_aims

SMALL = (3, 6)


class TestCrashSample:
    @pytest.mark.parametrize(
        ("stage", "marker", "trouble"),
        [("first", "field", "late commit"), ("changed", "table", ""), ("first", "table", "")],
    )
    def test_simulated_crashes(self, stage, marker, trouble):
        """Dead before or after a request or a commit: the next run finishes the work, once."""
        scenario = Scenario(stage, 71, Options(marker=marker), trouble=trouble, size=SMALL)
        done = list(crashes(scenario, step=9 if stage == "changed" else 11, offset=1))
        assert len(done) > 12
        assert [str(crash) for crash in done if crash.findings.all()] == []

    def test_real_kills(self):
        """SIGKILL over HTTP between send and outcome, in every write mode, and at random."""
        first = Scenario("first", 72, Options(marker="field"), size=SMALL)
        changed = replace(first, stage="changed")
        aims = [*aims_of(first), *aims_of(changed)]
        wanted = [aim for mode in MODES for aim in chosen(aims, mode, 6)[1:3]] + random_aims(first, 2)
        done = list(kills(wanted))
        assert len(done) == 10
        assert [str(kill) for kill in done if kill.findings.all() or kill.ended != "done, done"] == []

    def test_a_naive_engine_is_caught(self):
        """The same crashes find duplicates where nobody notes an intent."""
        assert sum(extra for _, extra in naive_crashes(Options(marker="field"), points=range(60, 90, 3))) > 0
