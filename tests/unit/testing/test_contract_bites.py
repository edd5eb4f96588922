"""The contract is worth something: it passes a right connector, and catches every mistake that somebody has made."""

from __future__ import annotations

import os

import pytest

import whole_package  # noqa: F401 - before any inner run
from periferia_link.domain import Client
from periferia_link.errors import ConfigurationError
from periferia_link.testing.hostile import VICES, HostileConnector

pytest_plugins = ["pytester"]

SUITE = """
import pytest

from periferia_link.domain import Client, Ref
from periferia_link.testing.contract import ConnectorContract
from periferia_link.testing.hostile import VICES, HostileConnector

PLAY = {
    ("write", "reset", "before"): "lost-before",
    ("write", "reset", "after"): "lost-after",
    ("write", "throttle", "before"): "throttle",
    ("read", "reset", "before"): "read-lost",
    ("read", "throttle", "before"): "read-throttle",
}


class Faults:
    def __init__(self, connector):
        self.connector = connector

    @property
    def writes(self):
        return len(self.connector.requests)

    @property
    def reads(self):
        return self.connector.reads

    def next(self, fault, when="before", *, on="write"):
        if (on, fault, when) not in PLAY:
            pytest.skip("no such fault")
        self.connector.fail(PLAY[on, fault, when])


class Kit:
    vices = ()
    kinds = ("Client",)

    @pytest.fixture
    def connector(self):
        return HostileConnector("bad", [Client], vices=self.vices, page_size=3, max_batch=10, parallel=2)

    @pytest.fixture
    def secrets(self, connector):
        return [connector.secret]

    @pytest.fixture
    def faults(self, connector):
        return Faults(connector)

    @pytest.fixture
    def seed(self, connector, fresh):
        return lambda kind, count: [
            connector.put(fresh(kind, 100 + len(connector._rows[kind]))).id for n in range(count)
        ]

    @pytest.fixture
    def touch(self, connector):
        return lambda kind, key: connector.change(Ref("bad", kind, key), name="Otro nombre")

    @pytest.fixture
    def erase(self, connector):
        return lambda kind, key: connector.drop(Ref("bad", kind, key))


class TestNone(Kit, ConnectorContract):
    pass


PROMISES = [name for name in dir(ConnectorContract) if name.startswith("test_")]
for vice, wanted in {wanted}.items():
    name = "Test" + vice.title().replace("-", "")
    unwanted = dict.fromkeys(set(PROMISES) - set(wanted)) if wanted else {}
    globals()[name] = type(name, (Kit, ConnectorContract), {"vices": (vice,), "__module__": __name__, **unwanted})
"""

CAUGHT_BY = {
    "429-storm": "test_a_storm_of_throttling_is_told",
    "any-kind": "test_an_unknown_kind_is_a_mistake_of_the_caller",
    "blamed-batch": "test_one_refusal_in_a_batch",
    "blind-update": "test_a_stale_update_is_refused",
    "claimed-write": "test_no_outcome_lies",
    "clock-skew": "test_a_change_after_the_cursor_is_seen test_a_record_born_after_the_cursor_is_seen",
    "close-once": "test_closing_twice_is_harmless",
    "coarse-clock": "test_a_change_in_the_same_second_is_seen",
    "cursor-ahead": "test_a_pull_continues_after_any_page",
    "cut-text": "test_a_created_record_reads_back",
    "denied-write": "test_no_outcome_lies test_reset_after_the_commit_is_unknown",
    "double-write": "test_a_create_is_found_by_its_key",
    "eager-read-back": "test_a_create_key_nobody_used_finds_nothing",
    "empty-means-all": "test_find_asks_for_nothing",
    "empty-request": "test_no_writes_are_no_request",
    "endless-retry": "test_a_storm_of_throttled_reads_ends",
    "every-page-last": "test_a_pull_lists_every_record_once",
    "find-without-match": "test_find_answers_by_natural_key test_a_read_back_of_hundreds",
    "foreign-cursor": "test_a_cursor_of_nonsense_is_refused",
    "forgotten-deletions": "test_a_deletion_is_reported",
    "frozen-version": "test_a_version_moves_with_its_record",
    "ghosts": "test_a_scan_does_not_list_what_is_gone",
    "glued-query": "test_find_is_deaf_to_injection",
    "greedy-decode": "test_decode_has_no_memory test_get_reads_what_pull_reads",
    "half-atomic": "test_one_refusal_in_a_batch",
    "hopeless-error": "test_no_outcome_lies",
    "immortal": "test_a_deleted_record_is_gone",
    "impatient-throttle": "test_throttling_is_no_effect",
    "invented-fields": "test_the_kinds_under_test_are_declared",
    "late-cursor": "test_a_change_between_pages_is_seen_later",
    "lenient-decode": "test_a_row_of_nonsense_is_refused",
    "limited-get": "test_get_takes_hundreds_of_ids",
    "loose-find": "test_find_answers_by_natural_key",
    "lost-write": "test_a_created_record_reads_back",
    "moving-fingerprint": "test_the_mapping_stands_still",
    "new-identity": "test_check_names_one_installation",
    "new-key": "test_the_same_create_twice_is_one_record",
    "no-last-page": "test_a_pull_lists_every_record_once",
    "no-page-for-nothing": "test_a_pull_of_nothing_is_one_last_page",
    "no-time": "test_the_kinds_under_test_are_declared",
    "offset-paging": "test_a_deletion_between_pages_hides_nothing",
    "one-by-one": "test_a_write_is_one_request",
    "one-pull-at-a-time": "test_two_pulls_do_not_disturb_each_other",
    "one-time-cursor": "test_a_cursor_serves_more_than_once",
    "outcome-number": "test_outcomes_come_in_the_order_of_the_writes",
    "outcome-of-another": "test_a_create_is_found_by_its_key",
    "outcome-order": "test_outcomes_come_in_the_order_of_the_writes",
    "overfull-batch": "test_more_than_fits_in_one_request_is_refused",
    "page-loop": "test_a_pull_lists_every_record_once",
    "parked-throttle": "test_a_storm_of_throttling_is_told",
    "phantom-deletions": "test_nothing_changed_is_nothing_new",
    "raising-delete": "test_deleting_what_is_not_there",
    "raising-get": "test_get_is_silent_about_the_unknown",
    "raw-decode-error": "test_a_row_of_nonsense_is_refused",
    "raw-read-error": "test_a_broken_look_up_is_never_an_absence",
    "raw-write-error": "test_no_outcome_lies",
    "remembered-absence": "test_a_read_back_looks_past_every_cache",
    "repeated-page": "test_a_pull_lists_every_record_once",
    "resurrecting-update": "test_an_update_never_resurrects",
    "scan-of-changes": "test_a_resumed_pull_is_no_scan",
    "second-try": "test_no_outcome_lies test_reset_before_the_commit_is_unknown",
    "secret-in-cause": "test_no_outcome_lies",
    "secret-in-check": "test_names_and_secrets_stay_apart",
    "secret-in-error": "test_no_outcome_lies",
    "secret-in-repr": "test_names_and_secrets_stay_apart",
    "shared-place": "test_reads_run_side_by_side",
    "short-scan": "test_a_broken_read_is_never_a_short_list",
    "single-get": "test_get_is_plural",
    "skipped-page": "test_a_pull_lists_every_record_once",
    "swallowed-read-error": "test_a_broken_look_up_is_never_an_absence",
    "talkative-decode": "test_a_drifted_row_is_refused_without_its_values",
    "told-version": "test_the_version_told_is_the_version_read",
    "unguarded": "test_the_kinds_under_test_are_declared",
    "unknown-field-found": "test_find_refuses_an_unknown_field",
    "whole-entity": "test_only_the_named_fields_change",
    "writes-read-only": "test_what_is_read_only_refuses_writes",
    "wrong-reference": "test_every_row_decodes_to_its_own_reference",
    "wrong-types": "test_every_row_decodes_to_its_own_reference",
    "wrong-version": "test_every_row_decodes_to_its_own_reference",
}
"""The promises that each vice must break; it may break more."""

KEPT = {"test_closing_twice_is_harmless", "test_find_asks_for_nothing", "test_the_mapping_stands_still"}
"""Promises of which every vice keeps some: not everything is called broken."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run the contract over every vice, each against the promises that must catch it: what broke, what was kept."""
    file = tmp_path_factory.mktemp("hostile") / "test_of_the_hostile.py"
    wanted = {vice: [*promises.split(), *KEPT] for vice, promises in CAUGHT_BY.items()}
    file.write_text(SUITE.replace("{wanted}", repr(wanted)), encoding="utf-8")
    heard = Heard()
    quiet = ["-q", "--tb=no", "--no-header", "--no-summary", "-p", "no:randomly", "-p", "no:cacheprovider"]
    pytest.main([str(file), *quiet, "--rootdir", str(file.parent), "-c", os.devnull], plugins=[heard])
    return heard


class Heard:
    """What broke and what was kept, by group."""

    def __init__(self):
        self.broken, self.kept = {}, {}

    def pytest_runtest_logreport(self, report):
        group, name = report.nodeid.split("::")[-2:]
        if report.failed:
            self.broken.setdefault(group, set()).add(name.split("[")[0])
        elif report.when == "call" and report.passed:
            self.kept.setdefault(group, set()).add(name.split("[")[0])


def group_of(vice):
    return "Test" + vice.title().replace("-", "")


class TestTheContract:
    """Small wrong connectors, and the promise that catches each."""

    @pytest.mark.parametrize("vice", sorted(VICES))
    def test_a_vice_is_caught(self, outcomes, vice):
        """The mistake breaks its promise, and most others are kept: the contract says what is wrong."""
        assert set(CAUGHT_BY[vice].split()) <= outcomes.broken.get(group_of(vice), set())
        assert outcomes.kept[group_of(vice)] & KEPT

    def test_a_right_connector_keeps_every_promise(self, outcomes):
        """Nothing fails where nothing is wrong."""
        assert "TestNone" not in outcomes.broken
        assert len(outcomes.kept["TestNone"]) > 45

    def test_every_promise_catches_something(self, outcomes):
        """A promise that no vice breaks is not known to bite; those that need credentials or HTML are tested apart."""
        from periferia_link.testing.contract import ConnectorContract

        promises = {name for name in dir(ConnectorContract) if name.startswith("test_")}
        elsewhere = {
            "test_a_sign_in_page_is_a_matter_of_credentials",
            "test_a_sign_in_page_is_no_success",
            "test_a_write_with_wrong_credentials_changes_nothing",
            "test_wrong_credentials_are_typed",
        }
        assert sorted(promises - set().union(*outcomes.broken.values()) - elsewhere) == []

    def test_what_is_missing_is_said(self, pytester):
        """A subclass without fixtures fails with the sentence that says which one to write."""
        pytester.makepyfile(
            test_without_fixtures="""
            from periferia_link.testing.contract import ConnectorContract

            class TestIt(ConnectorContract):
                kinds = ("Client",)
            """
        )
        result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")
        result.stdout.fnmatch_lines(["*has no connector to test*override the fixture `connector`*"])


class TestTheHostile:
    """It is a memory system until a vice is switched on."""

    def test_an_unknown_vice_is_refused(self):
        """With the names of those that exist."""
        with pytest.raises(ConfigurationError, match="no vice laziness") as refused:
            HostileConnector("bad", [Client], vices={"laziness"})
        assert "lost-write" in refused.value.hint

    def test_every_vice_is_described(self):
        """In a sentence without a full stop, for tables."""
        assert [name for name, text in VICES.items() if not text or text.endswith(".")] == []


class TestWithoutPytest:
    """The kit is an extra."""

    def test_the_missing_package_is_named(self, monkeypatch):
        """Without pytest the import ends in the command that installs it."""
        import importlib
        import sys

        from periferia_link.errors import MissingDependencyError

        for name in [name for name in sys.modules if name.startswith("periferia_link.testing.contract")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "pytest", None)
        with pytest.raises(MissingDependencyError, match=r"periferia-link\[testing\]"):
            importlib.import_module("periferia_link.testing.contract")
