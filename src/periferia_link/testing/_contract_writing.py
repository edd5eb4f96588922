"""The contract of ``write``: one outcome each, created once, never more than was asked."""

# ruff: noqa: S101, SIM300 - a test kit asserts, expected before actual

from __future__ import annotations

from collections.abc import Iterable

import pytest

from periferia_link.connectors.base import Applied, Mode, NotApplied, Write
from periferia_link.domain import Entity, Ref
from periferia_link.errors import (
    ConfigurationError,
    RecordConflictError,
    RecordNotFoundError,
    RejectedError,
    TransientError,
)
from periferia_link.testing._contract_subject import Edit, Fresh, Seed, Subject, Touch, Wait

__all__ = ["WritingContract"]

_MODES: tuple[Mode, ...] = ("create", "update", "delete")


def _differences(expected: Entity, actual: Entity, names: Iterable[str]) -> dict[str, tuple[object, object]]:
    pairs = {name: (getattr(expected, name), getattr(actual, name)) for name in sorted(names)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


class WritingContract:
    """Promises of ``write``; a mixin of :class:`~periferia_link.testing.contract.ConnectorContract`."""

    # ------------------------------------------------------------------ the call

    def test_what_is_read_only_refuses_writes(self, subject: Subject, seed: Seed) -> None:
        """A mode that is not declared is a mistake of the caller: nothing is sent."""
        (key,) = seed(subject.kind, 1)
        entity = subject.entity(key)
        values = entity.model_fields_set
        for mode in _MODES:
            if mode not in subject.can.writes:
                write = Write("0f8e9a52-9c9b-4c0f-8f5e-2f6f0d8b7a11", mode, entity.ref, entity, frozenset(values))
                with pytest.raises(ConfigurationError):
                    subject.connector.write(subject.kind, [write])
        assert entity == subject.entity(key)

    def test_no_writes_are_no_request(self, subject: Subject) -> None:
        """An empty list has an empty answer."""
        assert [] == subject.connector.write(subject.kind, [])

    def test_more_than_fits_in_one_request_is_refused(self, subject: Subject, fresh: Fresh) -> None:
        """Chunking is the engine's work: more writes than ``max_batch`` are refused before a byte is sent."""
        subject.needs("create")
        write = subject.creation(fresh(subject.kind, 1))
        with pytest.raises(ConfigurationError):
            subject.connector.write(subject.kind, [write] * (subject.can.max_batch + 1))
        assert [] == subject.created_as(write.create_key)

    # ------------------------------------------------------------------ create

    def test_a_created_record_reads_back(self, subject: Subject, fresh: Fresh) -> None:
        """Every field that was sent comes back equal: to_wire and from_wire undo each other."""
        subject.needs("create")
        entity = fresh(subject.kind, 1)
        stored = subject.store(entity)
        assert {} == _differences(entity, stored, entity.model_fields_set - {"ref", "version"})
        assert stored.ref is not None
        assert (subject.connector.name, subject.kind) == stored.ref[:2]

    def test_a_create_is_found_by_its_key(self, subject: Subject, fresh: Fresh) -> None:
        """The read-back by create_key finds exactly the record that was made, and no other."""
        subject.needs("create")
        writes = [subject.creation(fresh(subject.kind, number)) for number in (1, 2)]
        made = [subject.write(write) for write in writes]
        for write, outcome in zip(writes, made, strict=True):
            assert isinstance(outcome, Applied)
            assert [outcome.ref.id] == subject.created_as(write.create_key)

    def test_the_same_create_twice_is_one_record(self, subject: Subject, fresh: Fresh) -> None:
        """A create_key makes one record for ever; a second create is the first one, is refused, or asks to look."""
        subject.needs("create")
        if subject.can.create_guard != "server-key":
            pytest.skip("the far side does not enforce the key: the engine reads back before it re-issues")
        write = subject.creation(fresh(subject.kind, 1))
        first, second = subject.write(write), subject.write(write)
        assert isinstance(first, Applied)
        assert [first.ref.id] == subject.created_as(write.create_key), "two records with one create_key"
        if isinstance(second, Applied):
            assert first.ref == second.ref
        if isinstance(second, NotApplied):
            assert isinstance(second.error, RecordConflictError)

    def test_outcomes_come_in_the_order_of_the_writes(self, subject: Subject, fresh: Fresh) -> None:
        """One outcome for each write, at its place."""
        subject.needs("create")
        count = min(subject.can.max_batch, 5)
        writes = [subject.creation(fresh(subject.kind, number)) for number in range(count)]
        outcomes = subject.connector.write(subject.kind, writes)
        assert count == len(outcomes)
        for write, outcome in zip(writes, outcomes, strict=True):
            assert isinstance(outcome, Applied)
            assert [outcome.ref.id] == subject.created_as(write.create_key)

    # ------------------------------------------------------------------ update

    def test_only_the_named_fields_change(self, subject: Subject, fresh: Fresh, edit: Edit) -> None:
        """What is not in ``fields`` does not travel, whatever the entity says."""
        subject.needs("create", "update")
        before = subject.store(fresh(subject.kind, 1))
        values = edit(before)
        named = next(iter(values))
        change = subject.change(before, values, only=[named])
        assert isinstance(subject.write(change), Applied)
        after = subject.entity(before.ref.id)  # type: ignore[union-attr]
        assert change.entity is not None
        assert {} == _differences(change.entity, after, [named])
        untouched = frozenset(type(before).model_fields) - {named, "version", "updated_at"}
        assert {} == _differences(before, after, untouched)

    def test_a_stale_update_is_refused(
        self, subject: Subject, fresh: Fresh, edit: Edit, touch: Touch | None, wait: Wait
    ) -> None:
        """Who changed the record in between is not overwritten: NotApplied(RecordConflictError)."""
        subject.needs("create", "update")
        if subject.can.concurrency != "precondition":
            pytest.skip("the far side has no precondition; the window is printed in the documentation")
        read = subject.store(fresh(subject.kind, 1))
        assert read.ref is not None
        assert read.version is not None, "a precondition needs a version"
        wait(2)
        if touch is not None:
            touch(subject.kind, read.ref.id)
        else:
            assert isinstance(subject.write(subject.change(read, edit(read))), Applied)
        between = subject.entity(read.ref.id)
        outcome = subject.write(subject.change(read, edit(between)))
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordConflictError)
        assert between == subject.entity(read.ref.id)

    def test_the_version_told_is_the_version_read(self, subject: Subject, fresh: Fresh, edit: Edit) -> None:
        """The ledger keeps the version of the answer: another one on the record would look like somebody's change."""
        subject.needs("create")
        outcome = subject.write(subject.creation(fresh(subject.kind, 1)))
        assert isinstance(outcome, Applied)
        assert outcome.version in (None, subject.row(outcome.ref.id).version)
        if "update" in subject.can.writes:
            entity = subject.entity(outcome.ref.id)
            changed = subject.write(subject.change(entity, edit(entity)))
            assert isinstance(changed, Applied)
            assert changed.ref == outcome.ref
            assert changed.version in (None, subject.row(outcome.ref.id).version)

    def test_a_version_moves_with_its_record(self, subject: Subject, fresh: Fresh, edit: Edit, wait: Wait) -> None:
        """Where versions are compared, every change makes a new one."""
        subject.needs("create", "update")
        if not subject.can.version_covers_fields and subject.can.concurrency != "precondition":
            pytest.skip(f"nobody compares versions of {subject.kind}")
        before = subject.store(fresh(subject.kind, 1))
        wait(2)
        assert isinstance(subject.write(subject.change(before, edit(before))), Applied)
        assert before.ref is not None
        assert before.version != subject.entity(before.ref.id).version, "the version stands still"

    def test_an_update_never_resurrects(self, subject: Subject, fresh: Fresh, edit: Edit, absent: str) -> None:
        """An update of a record that is not there is refused and creates nothing."""
        subject.needs("update")
        entity = fresh(subject.kind, 1).model_copy(update={"ref": Ref(subject.connector.name, subject.kind, absent)})
        outcome = subject.write(subject.change(entity, edit(entity)))
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RejectedError)
        assert [] == subject.connector.get(subject.kind, [absent])

    def test_one_refusal_in_a_batch(self, subject: Subject, fresh: Fresh, edit: Edit, absent: str) -> None:
        """
        An atomic request is refused as a whole; elsewhere what was not tried is not blamed for it.

        Every outcome is true: Applied is there, NotApplied is not.
        """
        subject.needs("create", "update")
        if subject.can.max_batch < 3:
            pytest.skip("fewer than three writes in one request")
        entity = fresh(subject.kind, 1).model_copy(update={"ref": Ref(subject.connector.name, subject.kind, absent)})
        first, last = (subject.creation(fresh(subject.kind, number)) for number in (2, 3))
        batch = [first, subject.change(entity, edit(entity)), last]
        outcomes = subject.connector.write(subject.kind, batch)
        assert len(batch) == len(outcomes)
        assert isinstance(outcomes[1], NotApplied)
        assert isinstance(outcomes[1].error, RejectedError)
        for write, outcome in ((first, outcomes[0]), (last, outcomes[2])):
            there = subject.created_as(write.create_key)
            if isinstance(outcome, Applied):
                assert not subject.can.is_atomic, "part of an atomic request took effect"
                assert [outcome.ref.id] == there
            else:
                assert isinstance(outcome, NotApplied)
                assert [] == there
                assert subject.can.is_atomic or isinstance(outcome.error, TransientError), "it would be parked"

    # ------------------------------------------------------------------ delete

    def test_a_deleted_record_is_gone(self, subject: Subject, fresh: Fresh) -> None:
        """After a delete the record is not read any more."""
        subject.needs("create", "delete")
        ref = subject.store(fresh(subject.kind, 1)).ref
        assert ref is not None
        assert isinstance(subject.write(subject.removal(ref.id)), Applied)
        assert [] == subject.connector.get(subject.kind, [ref.id])

    def test_deleting_what_is_not_there(self, subject: Subject, absent: str) -> None:
        """A delete of an absent record has its effect already, or says RecordNotFoundError."""
        subject.needs("delete")
        outcome = subject.write(subject.removal(absent))
        assert isinstance(outcome, Applied) or isinstance(outcome.error, RecordNotFoundError)
