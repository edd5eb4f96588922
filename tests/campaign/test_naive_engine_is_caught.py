"""The harness bites: it finds what an engine without intent, or without settle time, does wrong."""

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
    from campaign.crash_points import Scenario, crashes
    from campaign.naive_engine import naive_crashes
    from campaign.plain_target import plain_crashes
    from campaign.real_kills import aims_of, chosen, kills
    from campaign.tally import TALLY

_SLOW = 90.0
"""Seconds after which a late request commits here: beyond the deadline, with the questions before a posting."""


class TestNaiveEngine:
    def test_it_doubles_postings_without_a_server_key(self):
        """Write, then remember: every crash between the two is a posting twice."""
        results = list(naive_crashes(Options(marker="field")))
        doubled = sum(extra for _, extra in results)
        TALLY.fact(f"naive engine, marker field: {doubled} duplicates in {len(results)} crash points")
        assert doubled > 10

    def test_it_doubles_postings_without_a_crash(self):
        """Blind retry: an answer that is lost after the commit is a posting twice, without any crash."""
        results = [
            extra for _, extra in naive_crashes(Options(marker="field"), trouble="502 after commit", points=[0] * 8)
        ]
        TALLY.fact(f"naive engine, marker field, 502 after commit and no crash: {sum(results)} duplicates in 8 runs")
        assert sum(results) > 0

    def test_a_server_key_saves_it(self):
        """Where the server enforces the key, even the naive engine makes no second posting."""
        results = list(naive_crashes(Options(marker="table"), points=range(1, 95, 2)))
        TALLY.fact(
            f"naive engine, marker table: {sum(extra for _, extra in results)} duplicates in {len(results)} crash points"
        )
        assert sum(extra for _, extra in results) == 0

    @pytest.mark.parametrize("flow", ["clients", "projects"])
    def test_clients_and_projects_in_a_system_without_keys(self, flow):
        """Clients and projects, too, where the target enforces nothing; our engine makes none there."""
        naive, ours = list(plain_crashes(flow, naive=True)), list(plain_crashes(flow, naive=False))
        TALLY.fact(
            f"{flow} into a system that enforces nothing: naive {sum(naive)} duplicates in {len(naive)} crash points, "
            f"ours {sum(ours)} in {len(ours)}"
        )
        assert sum(naive) > 0
        assert sum(ours) == 0


class TestSettleTime:
    @pytest.mark.parametrize("settle", [0.0, 95.0])
    def test_without_it_a_late_commit_is_a_duplicate(self, settle):
        """R1: a request that commits after the read-back is doubled; a settle time above the latency closes that."""
        options = Options(marker="field", settle=settle, late=_SLOW)
        scenario = Scenario("first", 31, options, trouble="late commit", nth=3)
        done = list(crashes(scenario, step=4))
        doubled = sum(crash.findings.extra for crash in done)
        TALLY.fact(f"late commit, simulated: settle {settle:g} s: {doubled} duplicates in {len(done)} crash points")
        assert (doubled > 0) == (settle == 0)

    @pytest.mark.parametrize("settle", [0.0, 95.0])
    def test_the_same_with_real_kills(self, settle):
        """The same over HTTP: the client is killed, the server commits when the next one has looked already."""
        scenario = Scenario("first", 32, Options(marker="field", settle=settle, late=_SLOW))
        aims = [aim for aim in chosen(aims_of(scenario), "create, marker + read-back", 24) if aim.when == "late"]
        done = list(kills(aims))
        doubled = sum(kill.findings.extra for kill in done)
        TALLY.fact(f"late commit, SIGKILL: settle {settle:g} s: {doubled} duplicates in {len(done)} kills")
        assert (doubled > 0) == (settle == 0)

    def test_a_server_key_needs_none(self):
        """Where the server enforces the key, settle 0 is enough for the same late commits."""
        options = Options(marker="table", settle=0.0, late=_SLOW)
        done = list(crashes(Scenario("first", 31, options, trouble="late commit", nth=3), step=8))
        assert [str(crash) for crash in done if crash.findings.all()] == []
