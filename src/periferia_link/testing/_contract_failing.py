"""The contract on a bad day: every break of the line has a typed end, and no outcome lies."""

# ruff: noqa: S101, SIM300 - a test kit asserts, expected before actual

from __future__ import annotations

from typing import ClassVar

import pytest

from periferia_link.connectors.base import Applied, Connector, NotApplied, Outcome, Unknown, Write
from periferia_link.errors import AuthenticationError, LinkError, TransientError
from periferia_link.testing._contract_subject import Faults, Fresh, Seed, Subject

__all__ = ["FailingContract"]

BREAKS = ("reset", "hang", "truncate", "garbage", "status", "html", "throttle", "redirect", "close")
"""Faults that any request can meet; see :class:`~periferia_link.testing.emulators.FaultRule`."""

_STORM = 40  # throttled answers in a row; who still asks after half of them feeds the storm

# what can come after a commit: a refusal then would be a lie of the far side
_AFTER = ("reset", "hang", "truncate", "garbage", "status", "close")


def _armed(faults: Faults | None) -> Faults:
    if faults is None:
        pytest.skip("give a fixture `faults` to test a broken line")
    return faults


class FailingContract:
    """Promises under faults; a mixin of :class:`~periferia_link.testing.contract.ConnectorContract`."""

    seed_count: ClassVar[int]

    # ------------------------------------------------------------------ writes

    def _attempt(
        self, subject: Subject, faults: Faults | None, fresh: Fresh, fault: str, when: str
    ) -> tuple[Write, Outcome, list[str]]:
        """Create a record over a breaking line; what was said, and the ids that are there afterwards."""
        subject.needs("create")
        line = _armed(faults)
        subject.connector.check()  # signed in: the fault meets the write, not the login
        write = subject.creation(fresh(subject.kind, 1))
        line.next(fault, when)
        before = line.writes
        outcome = subject.write(write)
        assert line.writes - before <= 1, "a write is never sent again: that is the engine's decision"
        return write, outcome, subject.created_as(write.create_key)

    @pytest.mark.parametrize(
        ("fault", "when"), [*((fault, "before") for fault in BREAKS), *((fault, "after") for fault in _AFTER)]
    )
    def test_no_outcome_lies(
        self, subject: Subject, faults: Faults | None, fresh: Fresh, fault: str, when: str
    ) -> None:
        """Applied means there, NotApplied means not there; no exception and no credential gets out."""
        _, outcome, there = self._attempt(subject, faults, fresh, fault, when)
        if isinstance(outcome, Applied):
            assert [outcome.ref.id] == there
            return
        if isinstance(outcome, NotApplied):
            assert [] == there, "it is there although the outcome denies it"
        subject.keeps_its_secrets(outcome.error)
        assert outcome.error.hint, "an error without a next step helps nobody"

    def test_a_write_is_one_request(self, subject: Subject, faults: Faults | None, fresh: Fresh) -> None:
        """However many records: one request, so that one intent in the ledger stands for it."""
        subject.needs("create")
        line = _armed(faults)
        writes = [subject.creation(fresh(subject.kind, number)) for number in range(min(subject.can.max_batch, 3))]
        before = line.writes
        subject.connector.write(subject.kind, writes)
        assert 1 == line.writes - before

    def test_reset_after_the_commit_is_unknown(self, subject: Subject, faults: Faults | None, fresh: Fresh) -> None:
        """The line broke after the far side committed: Unknown, and the read-back finds the record."""
        _, outcome, there = self._attempt(subject, faults, fresh, "reset", "after")
        assert isinstance(outcome, Unknown)
        assert len(there) == 1

    def test_reset_before_the_commit_is_unknown(self, subject: Subject, faults: Faults | None, fresh: Fresh) -> None:
        """The line broke before: Unknown as well, the read-back finds nothing, the same create then succeeds."""
        write, outcome, there = self._attempt(subject, faults, fresh, "reset", "before")
        assert isinstance(outcome, Unknown)
        assert [] == there
        again = subject.write(write)
        assert isinstance(again, Applied)
        assert [again.ref.id] == subject.created_as(write.create_key)

    def test_throttling_is_no_effect(self, subject: Subject, faults: Faults | None, fresh: Fresh) -> None:
        """429 did nothing: NotApplied, with the seconds to wait; the connector itself does not send again."""
        _, outcome, there = self._attempt(subject, faults, fresh, "throttle", "before")
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, TransientError)
        assert outcome.retry_after is not None, "the far side said how long to wait"
        assert outcome.retry_after >= 0
        assert [] == there

    def test_a_sign_in_page_is_no_success(self, subject: Subject, faults: Faults | None, fresh: Fresh) -> None:
        """An HTML page with status 200 is not taken for an answer to a write."""
        _, outcome, _ = self._attempt(subject, faults, fresh, "html", "before")
        assert not isinstance(outcome, Applied)

    def test_a_storm_of_throttling_is_told(self, subject: Subject, faults: Faults | None, fresh: Fresh) -> None:
        """However often it is answered 429: each time NotApplied, one request each, and then it works."""
        subject.needs("create")
        line = _armed(faults)
        subject.connector.check()
        write = subject.creation(fresh(subject.kind, 1))
        before, rounds = line.writes, 4
        for _ in range(rounds):
            line.next("throttle")
            outcome = subject.write(write)
            assert isinstance(outcome, NotApplied)
            assert isinstance(outcome.error, TransientError), "it would be parked"
        assert line.writes - before <= rounds, "the connector sends again by itself: that feeds the storm"
        assert isinstance(subject.write(write), Applied)
        assert len(subject.created_as(write.create_key)) == 1

    # ------------------------------------------------------------------ reads

    def test_a_storm_of_throttled_reads_ends(self, subject: Subject, seed: Seed, faults: Faults | None) -> None:
        """A read that is answered 429 again and again gives up with an error of ours, after few requests."""
        line = _armed(faults)
        (key,) = seed(subject.kind, 1)
        subject.connector.check()
        for _ in range(_STORM):
            line.next("throttle", on="read")
        before = line.reads
        with pytest.raises(TransientError) as gave_up:
            subject.connector.get(subject.kind, [key])
        assert line.reads - before <= _STORM // 2, "the connector goes on for ever"
        subject.keeps_its_secrets(gave_up.value)

    @pytest.mark.parametrize("fault", BREAKS)
    def test_a_broken_read_is_never_a_short_list(
        self, subject: Subject, seed: Seed, faults: Faults | None, fault: str
    ) -> None:
        """A pull that breaks in the middle goes on without a gap or ends in an error of ours."""
        line = _armed(faults)
        seeded = seed(subject.kind, self.seed_count)
        pages = subject.connector.pull(subject.kind)
        listed = [row.key for row in next(pages).rows]
        line.next(fault, on="read")
        try:
            listed += [row.key for page in subject.rest(pages) for row in page.rows]
        except LinkError as error:
            subject.keeps_its_secrets(error)
        else:
            assert [] == sorted(set(seeded) - set(listed)), "records are missing and nobody was told"

    @pytest.mark.parametrize("fault", BREAKS)
    def test_a_broken_look_up_is_never_an_absence(
        self, subject: Subject, seed: Seed, faults: Faults | None, fault: str
    ) -> None:
        """A get that breaks finds the record or raises an error of ours: never an empty answer."""
        line = _armed(faults)
        (key,) = seed(subject.kind, 1)
        subject.connector.check()
        line.next(fault, on="read")
        try:
            rows = subject.connector.get(subject.kind, [key])
        except LinkError:
            return
        assert [key] == [row.key for row in rows]

    def test_a_sign_in_page_is_a_matter_of_credentials(
        self, subject: Subject, seed: Seed, faults: Faults | None
    ) -> None:
        """An HTML sign-in page instead of rows is AuthenticationError, never an empty page."""
        line = _armed(faults)
        seed(subject.kind, 1)
        subject.connector.check()
        line.next("html", on="read")
        with pytest.raises(AuthenticationError):
            subject.pages()

    # ------------------------------------------------------------------ credentials

    def test_wrong_credentials_are_typed(self, locked_out: Connector | None, subject: Subject) -> None:
        """Credentials that are refused end in AuthenticationError from every verb, and stay secret."""
        if locked_out is None:
            pytest.skip("give a fixture `locked_out`: the connector with wrong credentials")
        with pytest.raises(AuthenticationError) as checked:
            locked_out.check()
        with pytest.raises(AuthenticationError):
            list(locked_out.pull(subject.kind))
        with pytest.raises(AuthenticationError):
            locked_out.get(subject.kind, ["1"])
        subject.keeps_its_secrets(checked.value)

    def test_a_write_with_wrong_credentials_changes_nothing(
        self, locked_out: Connector | None, subject: Subject, fresh: Fresh
    ) -> None:
        """A write that is not let in is NotApplied; the outcome says so instead of an exception."""
        if locked_out is None:
            pytest.skip("give a fixture `locked_out`: the connector with wrong credentials")
        subject.needs("create")
        write = subject.creation(fresh(subject.kind, 1))
        (outcome,) = locked_out.write(subject.kind, [write])
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, AuthenticationError | TransientError)
        assert [] == subject.created_as(write.create_key)

    def test_closing_twice_is_harmless(self, connector: Connector) -> None:
        """Whoever owns the connector may close it, and whoever borrowed it too."""
        connector.close()
        connector.close()
