"""Real SIGKILLs of the detractor loop over TLS: one ticket, one work item, one closed loop for every bad answer."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest

pytest.importorskip("trustme", reason="TLS needs trustme")

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="clients are forked processes"),
]

if hasattr(os, "fork"):
    from campaign.detractor_kills import Aim, Kill, aims_of, chosen, kills
    from campaign.tally import TALLY

EACH = {"first": 12, "closing": 24, "voice": 6}
"""Kills at each kind of write: the run that opens, the one that closes, the one that reads Customer Voice."""


def assert_survived(what: str, aims: list[Aim]) -> list[Kill]:
    """Kill at every aim and expect nothing wrong."""
    done = list(kills(aims))
    places = Counter(kill.place or "missed" for kill in done)
    wrong = [str(kill) for kill in done if kill.findings or kill.ended != "done, done, done"]
    told = ", ".join(f"{number} {place}" for place, number in sorted(places.items()))
    TALLY.fact(f"detractor loop, {what}: {len(done)} SIGKILLs over TLS ({told}), {len(wrong)} with findings")
    assert [] == wrong[:5]
    return done


class TestRealKills:
    @pytest.mark.parametrize("stage", EACH)
    def test_between_send_and_outcome(self, stage):
        """Killed while a write is under way, before and after the server's commit, or long before it: done once."""
        aims = chosen(aims_of(stage), EACH[stage])
        done = assert_survived(stage, aims)
        places = Counter(kill.place for kill in done)
        third = len(aims) // 3
        assert {"before commit": third, "after commit": third, "before late commit": third} == places

    def test_the_recovery_is_killed_too(self):
        """The second process dies between send and outcome as well; the third finishes."""
        aims = [replace(aim, twice=True, when="after") for aim in aims_of("first") if aim.nth == 1]
        assert len(aims) >= 5
        assert_survived("killed again", aims)
