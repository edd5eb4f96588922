"""A sample of the crashes on the ticket chain, small enough for every push."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each crash happens in a forked process")

if hasattr(os, "fork"):
    from campaign.ticket_chain import Desk, crashes


class TestCrashSample:
    @pytest.mark.parametrize(("stage", "trouble"), [("first", "reset after commit"), ("changed", "")])
    def test_simulated_crashes(self, stage, trouble):
        """Dead before or after a request or a commit: every ticket is one case in its state, with its whole history."""
        done = list(crashes(stage, seed=71, trouble=trouble, step=14, tickets=3))
        assert len(done) >= 6
        assert [str(crash) for crash in done if crash.findings] == []

    @pytest.mark.parametrize("wrong", ["second case", "no case", "other state", "lost note"])
    def test_the_check_bites(self, wrong, tmp_path):
        """What must never happen is seen when it happens."""
        world = Desk.founded(73, tickets=3)
        world.run(tmp_path / "ledger.db")
        assert [] == world.findings()
        cases, notes = world.crm.books["incidents"], world.crm.books["annotations"]
        key, case = next(iter(cases.items()))
        if wrong == "second case":
            cases["00000000-0000-4000-8000-999999999999"] = case | {"incidentid": "another"}
        elif wrong == "no case":
            del cases[key]
        elif wrong == "other state":
            cases[key] = case | {"statecode": 2, "statuscode": 6}
        else:
            del notes[next(iter(notes))]
        assert world.findings()
