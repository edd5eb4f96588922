"""The contract of ``check``, ``pull`` and ``decode``: who answers, what there is, what changed since."""

# ruff: noqa: S101, SIM300 - a test kit asserts, expected before actual

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from periferia_link.connectors.base import Connector, Page, Row
from periferia_link.domain import KINDS, Ref
from periferia_link.errors import ConfigurationError, LinkError, RecordInvalidError
from periferia_link.testing._contract_subject import Erase, Seed, Subject, Touch, Wait, story_of

__all__ = ["ReadingContract"]

_CANARY = "canary-5b1f"


def _keys(pages: Sequence[Page]) -> list[str]:
    return [row.key for page in pages for row in page.rows]


def _gone(pages: Sequence[Page]) -> set[str]:
    return {key for page in pages for key in page.deleted}


def _resumable(subject: Subject) -> tuple[list[Page], str]:
    """Pull everything; the cursor after it, or skip."""
    pages = subject.pages()
    if pages[-1].cursor is None:
        assert subject.can.feed == "scan", f"a {subject.can.feed} feed ends with a cursor to continue from"
        pytest.skip(f"{subject.kind} is always read whole")
    return pages, pages[-1].cursor


def _everywhere(value: Any, leaf: Any) -> Any:
    """Replace every scalar of a JSON document."""
    if isinstance(value, dict):
        return {key: _everywhere(inner, leaf) for key, inner in value.items()}
    return [_everywhere(inner, leaf) for inner in value] if isinstance(value, list) else leaf


def _as_in(row: Row, body: bytes) -> bytes | dict[str, Any]:
    """Bring a JSON text to the form in which the connector gives its rows."""
    if isinstance(row.body, bytes):
        return body
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else pytest.skip("the connector gives its rows as mappings")


class ReadingContract:
    """Promises of the reading verbs; a mixin of :class:`~periferia_link.testing.contract.ConnectorContract`."""

    seed_count: ClassVar[int]
    pages: ClassVar[int]

    # ------------------------------------------------------------------ check

    def test_check_names_one_installation(self, connector: Connector) -> None:
        """``check`` answers a system_id, and the same one every time: the ledger is tied to it."""
        first, second = connector.check(), connector.check()
        assert first.system_id.strip(), "system_id is empty"
        assert first.system_id == second.system_id

    def test_the_kinds_under_test_are_declared(self, connector: Connector, kind: str) -> None:
        """Capabilities exist for the kind and do not contradict each other or the model."""
        can = connector.supports(kind)
        assert can.max_batch >= 1
        assert can.parallel >= 1
        assert can.settle_seconds >= 0
        assert 0 < connector.deadline < float("inf"), "the engine counts with the seconds that a write may take"
        assert can.reports_deletions is False or can.feed != "scan", "a scan reports no deletions: absence shows them"
        known = KINDS[kind].model_fields if kind in KINDS else can.find_fields
        assert [] == sorted(can.find_fields - set(known)), "find_fields that the kind does not have"
        assert not ("create" in can.writes and can.create_guard == "none"), "creates need a server-key or a marker"

    def test_the_mapping_stands_still(self, connector: Connector, kind: str) -> None:
        """The fingerprint changes when the mapping does, and only then: otherwise every run maps everything again."""
        assert connector.fingerprint(kind) == connector.fingerprint(kind)

    @pytest.mark.parametrize(
        "verb",
        [
            lambda connector: list(connector.pull("Nonsense")),
            lambda connector: connector.get("Nonsense", ["1"]),
            lambda connector: connector.find("Nonsense", "name", ["1"]),
            lambda connector: connector.write("Nonsense", []),
            lambda connector: connector.decode("Nonsense", Row("1", None, {})),
        ],
        ids=["pull", "get", "find", "write", "decode"],
    )
    def test_an_unknown_kind_is_a_mistake_of_the_caller(
        self, connector: Connector, verb: Callable[[Connector], object]
    ) -> None:
        """Every verb refuses a kind that the system does not have."""
        with pytest.raises(ConfigurationError):
            verb(connector)

    def test_names_and_secrets_stay_apart(self, connector: Connector, secrets: Sequence[str]) -> None:
        """The repr names the instance and shows no credential."""
        shown = f"{connector!r} {connector} {connector.check()!r}"
        assert connector.name in shown
        assert not [secret for secret in secrets if secret in shown], "a credential shows"

    # ------------------------------------------------------------------ pull

    def test_a_pull_lists_every_record_once(self, subject: Subject, seed: Seed) -> None:
        """Without a cursor every record comes exactly once, page after page; the last page says so."""
        seeded = seed(subject.kind, self.seed_count)
        pages = subject.pages()
        keys = _keys(pages)
        assert sorted(set(keys)) == sorted(keys), "a record came twice"
        assert [] == sorted(set(seeded) - set(keys)), "records are missing"
        assert [True] == [page.is_last for page in pages][-1:], "the last page is marked"
        assert not any(page.is_last for page in pages[:-1]), "only the last page is marked"
        assert pages[-1].is_scan, "a pull without a cursor lists everything, and says so"
        assert len(pages) >= self.pages, "make the pages of the connector under test smaller, or seed more"

    def test_a_pull_of_nothing_is_one_last_page(self, subject: Subject) -> None:
        """A pull ends with a marked page, even with no record in it."""
        pages = subject.pages()
        assert pages, "no page at all"
        assert pages[-1].is_last

    def test_every_row_decodes_to_its_own_reference(self, subject: Subject, seed: Seed) -> None:
        """An entity knows where it was read: instance, kind, id and version."""
        seed(subject.kind, self.seed_count)
        model = KINDS.get(subject.kind)
        for page in subject.pages():
            for row in page.rows:
                entity = subject.connector.decode(subject.kind, row)
                assert Ref(subject.connector.name, subject.kind, row.key) == entity.ref
                assert row.version == entity.version
                assert model is None or isinstance(entity, model)

    def test_decode_has_no_memory(self, subject: Subject, seed: Seed) -> None:
        """The same row decodes to the same entity as often as it is asked, and stays what it was."""
        seed(subject.kind, 2)
        for row in (row for page in subject.pages() for row in page.rows):
            before = repr(row.body)
            first = subject.connector.decode(subject.kind, row)
            assert first == subject.connector.decode(subject.kind, row)
            assert before == repr(row.body), "decode changed the row"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"{}", b"\xff\xfe", b'{"": null}'])
    def test_a_row_of_nonsense_is_refused(self, subject: Subject, seed: Seed, body: bytes) -> None:
        """A row that does not fit the model parks one record: RecordInvalidError, nothing else."""
        (key,) = seed(subject.kind, 1)
        row = subject.row(key)
        with pytest.raises(RecordInvalidError):
            subject.connector.decode(subject.kind, row._replace(body=_as_in(row, body)))

    @pytest.mark.parametrize(
        "leaf",
        [_CANARY, [_CANARY], {"x": _CANARY}, float("nan"), -(10**400), None],
        ids=["text", "list", "object", "nan", "huge", "null"],
    )
    def test_a_drifted_row_is_refused_without_its_values(self, subject: Subject, seed: Seed, leaf: object) -> None:
        """A row whose values all changed their type decodes or is refused; the refusal never quotes them."""
        (key,) = seed(subject.kind, 1)
        row = subject.row(key)
        body = json.loads(row.body) if isinstance(row.body, bytes) else dict(row.body)
        drifted = _as_in(row, json.dumps(_everywhere(body, leaf)).encode())
        try:
            subject.connector.decode(subject.kind, row._replace(body=drifted))
        except RecordInvalidError as error:
            assert _CANARY not in story_of(error), "the refusal quotes the value"  # noqa: PT017 - may not raise

    # ------------------------------------------------------------------ pull since

    def test_nothing_changed_is_nothing_new(self, subject: Subject, seed: Seed, wait: Wait) -> None:
        """After the last cursor only rows that are equal to those before may come again (overlap)."""
        seed(subject.kind, self.seed_count)
        pages, cursor = _resumable(subject)
        known = {row.key: row for page in pages for row in page.rows}
        wait(2)
        again = subject.pages(cursor)
        assert again[-1].is_last
        for row in (row for page in again for row in page.rows):
            assert known.get(row.key) == row, "an overlap row is the row that it was"
        gone = sorted(_gone(again))
        assert [] == subject.connector.get(subject.kind, gone), "records that live are reported as deleted"

    def test_a_change_after_the_cursor_is_seen(
        self, subject: Subject, seed: Seed, touch: Touch | None, wait: Wait
    ) -> None:
        """What somebody else changes later comes with the next pull, and looks different."""
        if touch is None:
            pytest.skip("give a fixture `touch` to test changes")
        key = seed(subject.kind, self.seed_count)[0]
        _, cursor = _resumable(subject)
        before = subject.row(key)
        wait(2)
        touch(subject.kind, key)
        found = {row.key: row for page in subject.pages(cursor) for row in page.rows}
        assert key in found, "the change was missed"
        if subject.can.version_covers_fields:
            assert before.version != found[key].version, "the version stands still although it covers the fields"
        assert before != found[key]

    def test_a_change_in_the_same_second_is_seen(self, subject: Subject, seed: Seed, touch: Touch | None) -> None:
        """A change right after the pull is not hidden by the resolution of the far side's clock."""
        if touch is None:
            pytest.skip("give a fixture `touch` to test changes")
        (key,) = seed(subject.kind, 1)
        _, cursor = _resumable(subject)
        touch(subject.kind, key)
        assert key in _keys(subject.pages(cursor)), "the change was missed"

    def test_a_record_born_after_the_cursor_is_seen(self, subject: Subject, seed: Seed, wait: Wait) -> None:
        """What somebody else creates later comes with the next pull."""
        seed(subject.kind, self.seed_count)
        _, cursor = _resumable(subject)
        wait(2)
        later = seed(subject.kind, 2)
        assert [] == sorted(set(later) - set(_keys(subject.pages(cursor)))), "new records were missed"

    def test_a_resumed_pull_is_no_scan(self, subject: Subject, seed: Seed) -> None:
        """Only a pull that lists every record may call itself a scan: absence means deletion there."""
        seeded = seed(subject.kind, self.seed_count)
        _, cursor = _resumable(subject)
        pages = subject.pages(cursor)
        if any(page.is_scan for page in pages):
            assert [] == sorted(set(seeded) - set(_keys(pages))), "a scan that lacks records deletes them"

    def test_a_pull_continues_after_any_page(self, subject: Subject, seed: Seed) -> None:
        """A cursor never passes a record that was not listed before it: killed runs go on from there."""
        seeded = seed(subject.kind, self.seed_count)
        pages = subject.pages()
        for number, page in enumerate(pages[:-1], start=1):
            if page.cursor is not None:
                listed = {*_keys(pages[:number]), *_keys(subject.pages(page.cursor))}
                assert [] == sorted(set(seeded) - listed), f"the cursor of page {number} passes records"

    def test_a_cursor_serves_more_than_once(self, subject: Subject, seed: Seed, wait: Wait) -> None:
        """A run that was killed asks again from the same place and misses nothing."""
        seed(subject.kind, self.seed_count)
        _, cursor = _resumable(subject)
        wait(2)
        later = seed(subject.kind, 2)
        for _ in range(2):
            assert [] == sorted(set(later) - set(_keys(subject.pages(cursor)))), "the second look misses records"

    # ------------------------------------------------------------------ somebody works there meanwhile

    def test_two_pulls_do_not_disturb_each_other(self, subject: Subject, seed: Seed) -> None:
        """Two flows read one kind at a time: each sees everything."""
        seeded = seed(subject.kind, self.seed_count)
        first = subject.connector.pull(subject.kind)
        listed = _keys([next(first)])
        other = _keys(subject.pages())
        listed += _keys(subject.rest(first))
        assert [] == sorted(set(seeded) - set(listed))
        assert [] == sorted(set(seeded) - set(other))

    def test_a_deletion_between_pages_hides_nothing(self, subject: Subject, seed: Seed, erase: Erase | None) -> None:
        """When a record of the first page goes, the others move up: none of them falls between two pages."""
        if erase is None:
            pytest.skip("give a fixture `erase` to test deletions")
        seeded = seed(subject.kind, self.seed_count)
        pages = subject.connector.pull(subject.kind)
        listed = _keys([next(pages)])
        gone = next(key for key in listed if key in seeded)
        erase(subject.kind, gone)
        listed += _keys(subject.rest(pages))
        assert [] == sorted(set(seeded) - {gone} - set(listed)), "records fell between two pages"

    def test_a_change_between_pages_is_seen_later(self, subject: Subject, seed: Seed, touch: Touch | None) -> None:
        """What changes after its page was read comes with this pull or with the next one."""
        if touch is None:
            pytest.skip("give a fixture `touch` to test changes")
        seeded = seed(subject.kind, self.seed_count)
        running = subject.connector.pull(subject.kind)
        pages = [next(running)]
        key = next(key for key in _keys(pages) if key in seeded)
        touch(subject.kind, key)
        pages += subject.rest(running)
        if pages[-1].cursor is None:
            pytest.skip(f"{subject.kind} is always read whole")
        later = _keys([*pages[1:], *subject.pages(pages[-1].cursor)])
        assert key in later, "the cursor was taken after the change and passes it"

    @pytest.mark.parametrize(
        "cursor", ["nonsense", "{}", "[1]", '{"since": 5}', "' or 1 eq 1", "https://evil.example/"]
    )
    def test_a_cursor_of_nonsense_is_refused(self, subject: Subject, seed: Seed, cursor: str) -> None:
        """A cursor from elsewhere ends in an error of ours, or in everything; never in silence."""
        (key,) = seed(subject.kind, 1)
        try:
            pages = subject.pages(cursor)
        except LinkError:
            return
        assert key in _keys(pages), "records were passed over"

    # ------------------------------------------------------------------ deletions

    def test_a_deletion_is_reported(self, subject: Subject, seed: Seed, erase: Erase | None, wait: Wait) -> None:
        """Where deletions are reported, the next pull names the record; it is no row any more."""
        if not subject.can.reports_deletions:
            pytest.skip(f"the feed does not report deletions of {subject.kind}")
        assert erase is not None, "deletions are declared: give a fixture `erase`"
        key = seed(subject.kind, self.seed_count)[0]
        _, cursor = _resumable(subject)
        wait(2)
        erase(subject.kind, key)
        pages = subject.pages(cursor)
        assert key in _gone(pages), "the deletion was missed"
        assert key not in _keys(pages)

    def test_a_scan_does_not_list_what_is_gone(self, subject: Subject, seed: Seed, erase: Erase | None) -> None:
        """A complete pull lists what exists: deleted records are absent, the others are there."""
        if erase is None:
            pytest.skip("give a fixture `erase` to test deletions")
        gone, *rest = seed(subject.kind, self.seed_count)
        erase(subject.kind, gone)
        keys = _keys(subject.pages())
        assert gone not in keys
        assert [] == sorted(set(rest) - set(keys))
        assert [] == subject.connector.get(subject.kind, [gone])
