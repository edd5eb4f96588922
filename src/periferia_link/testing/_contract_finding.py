"""The contract of ``get`` and ``find``: plural, silent about what is not there, deaf to injection."""

# ruff: noqa: S101, SIM300 - a test kit asserts, expected before actual

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from periferia_link.connectors.base import Applied
from periferia_link.domain import Entity, TaxId
from periferia_link.errors import ConfigurationError
from periferia_link.testing._contract_subject import Fresh, Seed, Subject

__all__ = ["FindingContract"]

INJECTIONS = (
    "' or 1 eq 1 or name ne '",
    "') or ('' eq '",
    "' OR '1'='1' --",
    "%27%20or%201%20eq%201",
    'x" or "1"="1',
    "x&$filter=1 eq 1",
    "a,b;c|d*%_?#+/\\",
    "\u00f1and\u00fa \u2603 \U0001f6a8",
    "]]>&lt;<x/>\r\nX-Evil: 1",
    "",
)
"""Values that no record has, and that select others where a query is glued together."""


def _natural_value(entity: Entity, name: str) -> str | None:
    """Return the text under which people look for the record, or ``None`` where this one lacks it."""
    value = getattr(entity, name, None)
    if isinstance(value, TaxId):
        return value.number
    return value if isinstance(value, str) and value else None


def _strangers(absent: str, count: int) -> list[str]:
    """Return ids like *absent*: other GUIDs, other numbers, other texts."""
    if absent.isdecimal():
        return [str(int(absent) - number) for number in range(count)]
    try:
        uuid.UUID(absent)
    except ValueError:
        return [f"{absent}{number}" for number in range(count)]
    return [str(uuid.uuid4()) for _ in range(count)]


class FindingContract:
    """Promises of the look-ups; a mixin of :class:`~periferia_link.testing.contract.ConnectorContract`."""

    seed_count: ClassVar[int]

    # ------------------------------------------------------------------ get

    def test_get_is_plural(self, subject: Subject, seed: Seed) -> None:
        """One call reads many records; the order of the ids does not matter and no record comes twice."""
        ids = seed(subject.kind, self.seed_count)
        rows = subject.connector.get(subject.kind, [*reversed(ids), ids[0]])
        assert sorted(ids) == sorted(row.key for row in rows)
        assert {row.key: row for row in rows} == {row.key: row for row in subject.connector.get(subject.kind, ids)}

    def test_get_reads_what_pull_reads(self, subject: Subject, seed: Seed) -> None:
        """A record decodes to the same entity from a pull and from a get: diffs compare the two."""
        ids = seed(subject.kind, self.seed_count)
        pulled = {row.key: row for page in subject.pages() for row in page.rows}
        for row in subject.connector.get(subject.kind, ids):
            other = subject.connector.decode(subject.kind, pulled[row.key])
            assert other == subject.connector.decode(subject.kind, row)

    def test_get_is_silent_about_the_unknown(self, subject: Subject, seed: Seed, absent: str) -> None:
        """An id that is not there is absent from the answer, and hides no other record."""
        (key,) = seed(subject.kind, 1)
        assert [key] == [row.key for row in subject.connector.get(subject.kind, [absent, key])]
        assert [] == subject.connector.get(subject.kind, [absent])
        assert [] == subject.connector.get(subject.kind, [])

    def test_get_takes_hundreds_of_ids(self, subject: Subject, seed: Seed, absent: str) -> None:
        """The engine asks for whole pages: many ids are no longer address than the server takes, and none is lost."""
        ids = seed(subject.kind, self.seed_count)
        rows = subject.connector.get(subject.kind, [*ids[:1], *_strangers(absent, 250), *ids[1:]])
        assert sorted(ids) == sorted(row.key for row in rows)

    def test_reads_run_side_by_side(self, subject: Subject, seed: Seed) -> None:
        """As many threads as ``parallel`` allows read the same answers as one."""
        ids = seed(subject.kind, self.seed_count)
        alone = {key: subject.row(key) for key in ids}
        with ThreadPoolExecutor(subject.can.parallel) as pool:
            assert alone == dict(zip(ids, pool.map(subject.row, ids), strict=True))

    # ------------------------------------------------------------------ find

    def test_find_answers_by_natural_key(self, subject: Subject, seed: Seed) -> None:
        """Every declared field finds the record by its exact value, and tells which value it answers."""
        if not subject.can.find_fields:
            pytest.skip(f"{subject.kind} is not searched by a natural key here")
        (key,) = seed(subject.kind, 1)
        entity = subject.entity(key)
        for name in sorted(subject.can.find_fields):
            value = _natural_value(entity, name)
            if value is not None:
                hits = subject.connector.find(subject.kind, name, [value, f"{value}-but-not-quite"])
                assert (key, value) in {(row.key, row.match) for row in hits}, f"not found by {name}"
                assert {value} == {row.match for row in hits}, f"{name} is not matched exactly"

    @pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
    def test_find_is_deaf_to_injection(self, subject: Subject, seed: Seed, text: str) -> None:
        """Quotes, signs and control characters are values like others: they find nothing and hide nothing."""
        (key, *_) = seed(subject.kind, 2)
        entity = subject.entity(key)
        for name in sorted(subject.can.find_fields):
            value = _natural_value(entity, name)
            hits = subject.connector.find(subject.kind, name, [text] if value is None else [text, value])
            assert {value} >= {row.match for row in hits}, f"{name} is glued into a query"
            assert value is None or key in {row.key for row in hits}, f"a strange {name} hides the others"

    def test_find_asks_for_nothing(self, subject: Subject, seed: Seed) -> None:
        """No values, no rows, no error; least of all every record."""
        seed(subject.kind, 1)
        for name in sorted(subject.can.find_fields):
            assert [] == subject.connector.find(subject.kind, name, [])

    def test_find_refuses_an_unknown_field(self, subject: Subject) -> None:
        """A field that is not declared is a mistake of the caller, not an empty answer."""
        with pytest.raises(ConfigurationError):
            subject.connector.find(subject.kind, "no_such_field", ["1"])

    def test_a_create_key_nobody_used_finds_nothing(self, subject: Subject, seed: Seed) -> None:
        """A read-back of a create that never happened is empty, though records exist."""
        subject.needs("create")
        seed(subject.kind, 1)
        assert [] == subject.connector.find(subject.kind, "create_key", [str(uuid.uuid4())])

    def test_a_read_back_of_hundreds(self, subject: Subject, fresh: Fresh) -> None:
        """After a crash many keys are looked for at once: the one that exists is found among them."""
        subject.needs("create")
        write = subject.creation(fresh(subject.kind, 1))
        assert isinstance(subject.write(write), Applied)
        subject.wait(subject.can.settle_seconds)
        others = [str(uuid.uuid4()) for _ in range(120)]
        hits = subject.connector.find(subject.kind, "create_key", [*others[:60], write.create_key, *others[60:]])
        assert [write.create_key] == [row.match for row in hits]

    def test_a_read_back_looks_past_every_cache(self, subject: Subject, fresh: Fresh) -> None:
        """What was absent a moment ago is looked for again: a remembered absence would create a second record."""
        subject.needs("create")
        write = subject.creation(fresh(subject.kind, 1))
        assert [] == subject.created_as(write.create_key)
        outcome = subject.write(write)
        assert isinstance(outcome, Applied)
        assert [outcome.ref.id] == subject.created_as(write.create_key), "absence was remembered"
