"""
What happens between engine and Service Layer on a working day: sessions end, gateways break, periods are locked,
two installations post at once. 0 duplicates, 0 losses, debits = credits, in the emulator's own books.

A sample runs with the suite; every place, both markers and both stages run nightly.
"""

from __future__ import annotations

import os

import pytest

from periferia_link.testing.emulators import FaultRule, ManualClock
from sap_company import company, connector

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the chain's helpers fork")

if hasattr(os, "fork"):
    from campaign.crash_chain import Options
    from campaign.crash_points import Scenario
    from campaign.sap_faults import (
        BATCH,
        READ,
        places,
        posting_fails,
        saved_then_502,
        session_expires,
        two_posters,
        two_posters_at_once,
        two_posters_late,
    )
    from campaign.tally import TALLY

FIRST, CHANGED = "first", "changed"
MARKERS = ("table", "field")


def scenario(stage, marker="table", seed=71, parallel=1):
    return Scenario(stage, seed, Options(marker=marker, parallel=parallel))


class TestSample:
    """A few places of each fault."""

    @pytest.mark.parametrize("nth", [3, 9])
    def test_session_expires(self, nth):
        """The session ends between two reads: one more login, nothing lost."""
        found, logins = session_expires(scenario(FIRST), nth)
        assert found.all() == []
        assert logins == 2

    def test_saved_then_502(self):
        """Saved, and the answer is the page of a gateway: found again, not posted again."""
        assert saved_then_502(scenario(FIRST), 3).all() == []

    def test_every_answer_is_a_502(self):
        """Not one answer to a change set comes through: the books hold everything once."""
        assert saved_then_502(scenario(FIRST), 1, None).all() == []

    def test_last_part_fails(self):
        """The entry is refused after its marker: neither stays; when the period is open again, both come once."""
        found, parked, loose = posting_fails(scenario(FIRST), 3)
        assert found.all() == []
        assert parked > 0
        assert loose == set()

    def test_two_posters(self):
        """A second installation comes in between: -2035 sends the first to look, and both know every posting."""
        for found in two_posters(scenario(FIRST, parallel=2), 4):
            assert found.all() == []

    def test_two_posters_at_once(self):
        """Two installations side by side."""
        for found in two_posters_at_once(scenario(FIRST, parallel=2)):
            assert found.all() == []


class TestPages:
    """A list of several pages."""

    @pytest.mark.parametrize("fault", ["session over", "connection gone", "502"])
    def test_between_any_two(self, fault):
        """Whatever happens before the page: every client once, in order."""
        emulator = company()
        codes = [f"C{number:03}" for number in range(1, 91)]
        emulator.load({"BusinessPartners": [{"CardCode": code, "CardName": code} for code in codes]})
        for page in (1, 3, 5):
            clock = ManualClock()
            with connector(emulator, clock, page_size=20) as sap:
                sap.check()
                if fault != "session over":
                    kind, params = ("reset", {}) if fault == "connection gone" else ("status", {"status": 502})
                    rule = FaultRule(kind, method="GET", path="*/BusinessPartners", nth=page, params=params)
                    emulator.faults.add(rule)
                keys = []
                for number, found in enumerate(sap.pull("Client"), 1):
                    keys += [row.key for row in found.rows]
                    if fault == "session over" and number == page:
                        emulator.sessions.expire()
            emulator.faults.clear()
            assert keys == codes


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("stage", [FIRST, CHANGED])
class TestEveryPlace:
    """Each fault at each place of the run."""

    def test_session_expires(self, stage, marker):
        """Before every read."""
        case = scenario(stage, marker, 72)
        number = places(case, READ)
        wrong = [(nth, found.all()) for nth in range(1, number + 1) if (found := session_expires(case, nth)[0]).all()]
        TALLY.fact(f"sap: session over before each of {number} reads, {stage} run, marker {marker}: {len(wrong)} wrong")
        assert wrong == []

    def test_saved_then_502(self, stage, marker):
        """After every change set, one and all those behind it."""
        case = scenario(stage, marker, 73)
        number = places(case, BATCH)
        wrong = [
            (nth, times, found.all())
            for nth in range(1, number + 1)
            for times in (1, None)
            if (found := saved_then_502(case, nth, times)).all()
        ]
        TALLY.fact(f"sap: 502 after each of {number} change sets, {stage} run, marker {marker}: {len(wrong)} wrong")
        assert wrong == []

    def test_last_part_fails(self, stage, marker):
        """From every change set on."""
        case = scenario(stage, marker, 74)
        number = places(case, BATCH)
        done = [posting_fails(case, nth) for nth in range(1, number + 1)]
        assert [found.all() for found, _, _ in done if found.all()] == []
        assert all(loose == set() for _, _, loose in done)
        TALLY.fact(
            f"sap: last part refused from each of {number} change sets on, {stage} run, marker {marker}: 0 wrong"
        )


@pytest.mark.nightly
@pytest.mark.timeout(900)
class TestTwoPosters:
    """Two installations, two ledgers, one ERP that enforces the key."""

    @pytest.mark.parametrize("at_work", ["whole", "late"])
    def test_every_place(self, at_work):
        """The second comes in before every change set of the first, or while one of the first is still under way."""
        case = scenario(FIRST, "table", 75, parallel=2)  # of one user, who may ask twice at once
        number = places(case, BATCH)
        work = two_posters if at_work == "whole" else two_posters_late
        wrong = [(nth, found.all()) for nth in range(1, number + 1) for found in work(case, nth) if found.all()]
        TALLY.fact(f"sap: two posters ({at_work}) at each of {number} change sets: {len(wrong)} wrong")
        assert wrong == []

    def test_at_once(self):
        """Ten companies, each with two installations that start together."""
        wrong = [
            (seed, found.all())
            for seed in range(80, 90)
            for found in two_posters_at_once(scenario(FIRST, "table", seed, parallel=4))
            if found.all()
        ]
        TALLY.fact(f"sap: two posters at once, 10 companies: {len(wrong)} wrong")
        assert wrong == []
