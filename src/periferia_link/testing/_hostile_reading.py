"""What a hostile connector does wrong when it reads."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from errno import ECONNRESET
from functools import cached_property
from typing import Any

from pydantic_core import from_json

from periferia_link.connectors.base import Page, Row
from periferia_link.domain import Entity
from periferia_link.errors import ConnectorError, RecordInvalidError, RecordNotFoundError, TransientError
from periferia_link.testing.memory import MemoryConnector

__all__ = ["READING_VICES", "HostileReading"]

READING_VICES = {
    "repeated-page": "sends the second page twice",
    "skipped-page": "counts pages from 0 and from 1, and leaves one out",
    "page-loop": "follows a next link that leads to itself",
    "no-last-page": "never says that a pull has ended",
    "every-page-last": "says it on every page",
    "no-page-for-nothing": "sends no page at all when there is no record",
    "scan-of-changes": "calls a list of changes a complete scan, so that everything else looks deleted",
    "short-scan": "calls a scan complete although a page could not be read",
    "offset-paging": "pages by position, so that records move between pages when one is deleted",
    "late-cursor": "takes the cursor when the pull ends, and passes what changed meanwhile",
    "cursor-ahead": "hands out the last cursor with the first page",
    "one-time-cursor": "forgets a cursor as soon as it was used",
    "clock-skew": "takes the cursor from its own clock, which is ahead",
    "coarse-clock": "remembers the second of the last change, and skips what came in the same one",
    "one-pull-at-a-time": "keeps its place in the connector, so that two pulls share it",
    "foreign-cursor": "takes a cursor that it never made, and finds nothing new",
    "forgotten-deletions": "declares to report deletions and reports none",
    "phantom-deletions": "reports records as deleted that are there",
    "ghosts": "goes on listing what was deleted",
    "frozen-version": "never changes the version of a record",
    "wrong-version": "decodes the version of another record",
    "wrong-types": "decodes to a dictionary instead of an entity",
    "wrong-reference": "decodes to a reference of another system",
    "lenient-decode": "makes a record of a row that is nonsense",
    "raw-decode-error": "lets the parser's own exception out",
    "talkative-decode": "quotes the record when it refuses it",
    "greedy-decode": "takes the row apart while it decodes it",
    "single-get": "reads the first of many ids",
    "limited-get": "reads fifty ids and drops the rest",
    "raising-get": "raises when one of the ids does not exist",
    "loose-find": "finds by parts of a text",
    "find-without-match": "does not say which value a row answers",
    "glued-query": "glues the value into a query",
    "unknown-field-found": "answers nothing when asked by a field that it does not search",
    "eager-read-back": "takes the newest record for the one that is looked for",
    "empty-means-all": "takes an empty list of values for no condition at all",
    "shared-place": "keeps its question in the connector, so that two threads get one answer",
    "remembered-absence": "remembers that a record was absent",
    "swallowed-read-error": "answers an empty list when the line breaks",
    "raw-read-error": "lets the client library's own exception out of a read",
    "endless-retry": "asks again at once when it is throttled",
    "any-kind": "answers for kinds that it does not have",
}


class HostileReading(MemoryConnector):
    """The vices of reading; a mixin of :class:`~periferia_link.testing.hostile.HostileConnector`."""

    vices: frozenset[str] = frozenset()
    secret: str = ""
    _question: Sequence[str] = ()

    @cached_property
    def _crossing(self) -> threading.Barrier:
        return threading.Barrier(2)

    def _declare(self, **changes: Any) -> None:
        self._capabilities = {kind: replace(can, **changes) for kind, can in self._capabilities.items()}

    # ------------------------------------------------------------------ pull

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records, badly.

        Raises:
            ConnectorError: As a memory does.
        """
        if "any-kind" in self.vices and kind not in self._models:
            return iter([Page((), is_last=True, is_scan=True)])
        if since is not None:
            since = self._cursor_taken(since)
            if since is None:
                return iter([Page((), (), "0", is_last=True)])
        return self._spoiled(kind, since)

    def _cursor_taken(self, since: str) -> str | None:
        """Return the cursor to go on from; None: nothing is new, says the connector."""
        if "foreign-cursor" in self.vices and not since.isdecimal():
            return None
        if "one-time-cursor" in self.vices:
            used = self.__dict__.setdefault("_used", set())
            if since in used:
                return None
            used.add(since)
        if "coarse-clock" in self.vices and since.isdecimal():
            return str(int(since) + 1)
        return since

    def _spoiled(self, kind: str, since: str | None) -> Iterator[Page]:
        source = self._listed(kind, since)
        for number, page in enumerate(source):
            if "no-page-for-nothing" in self.vices and not page.rows:
                return
            if "skipped-page" in self.vices and number == 1:
                continue
            yield self._page(kind, page, since)
            if "repeated-page" in self.vices and number == 1:
                yield page
            while "page-loop" in self.vices and number == 1:
                yield page

    def _listed(self, kind: str, since: str | None) -> Iterator[Page]:
        if "offset-paging" in self.vices and since is None:
            return self._by_offset(kind)
        if "one-pull-at-a-time" in self.vices:
            self._running = list(super().pull(kind, since))
            return self._from_the_shared_place()
        if "swallowed-read-error" in self.vices or "short-scan" in self.vices:
            return self._until_it_breaks(kind, since)
        return super().pull(kind, since)

    def _page(self, kind: str, page: Page, since: str | None) -> Page:
        """Bend one page."""
        now = str(self._counter)
        if "cursor-ahead" in self.vices:
            page = page._replace(cursor=now)
        if page.cursor is not None and "late-cursor" in self.vices:
            page = page._replace(cursor=now)
        if page.cursor is not None and "clock-skew" in self.vices:
            page = page._replace(cursor=str(int(page.cursor) + 300))
        if "no-last-page" in self.vices:
            page = page._replace(is_last=False)
        if "every-page-last" in self.vices:
            page = page._replace(is_last=True)
        if "scan-of-changes" in self.vices:
            page = page._replace(is_scan=True)
        if "forgotten-deletions" in self.vices:
            page = page._replace(deleted=())
        if "phantom-deletions" in self.vices and since is not None:
            page = page._replace(deleted=list(self._rows[kind]))
        return page

    def _by_offset(self, kind: str) -> Iterator[Page]:
        start, cursor = 0, str(self._counter)
        while True:
            self._suffer()
            keys = list(self._rows[kind])
            rows = [self._row(kind, key) for key in keys[start : start + self._page_size]]
            start += self._page_size
            is_last = start >= len(keys)
            yield Page(rows, (), cursor if is_last else None, is_last, is_scan=True)
            if is_last:
                return

    def _from_the_shared_place(self) -> Iterator[Page]:
        while self._running:
            yield self._running.pop(0)

    def _until_it_breaks(self, kind: str, since: str | None) -> Iterator[Page]:
        try:
            yield from super().pull(kind, since)
        except TransientError:
            yield Page((), (), None, is_last=True, is_scan=since is None)

    # ------------------------------------------------------------------ decode

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make an entity of a row, or something else.

        Raises:
            RecordInvalidError: As a memory does.
        """
        if "any-kind" in self.vices and kind not in self._models:
            return next(iter(self._models.values())).model_construct()
        if "raw-decode-error" in self.vices:
            from_json(row.body if isinstance(row.body, bytes) else b"")
        if "greedy-decode" in self.vices and "eaten" in self.__dict__.setdefault("_eaten", {}).get(row.key, ""):
            row = row._replace(version=None)
        try:
            entity = super().decode(kind, row)
        except RecordInvalidError as refusal:
            if "lenient-decode" in self.vices:
                return self._models[kind].model_construct(ref=None)
            if "talkative-decode" in self.vices:
                msg = f"cannot decode {row.body!r}"
                raise RecordInvalidError(msg, system=self.name, hint="correct it") from refusal
            raise
        return self._bent(row, entity)

    def _bent(self, row: Row, entity: Entity) -> Entity:
        if "greedy-decode" in self.vices:
            self.__dict__["_eaten"][row.key] = "eaten"
        if "wrong-types" in self.vices:
            return dict(entity)  # type: ignore[return-value]  # that is the vice
        if "wrong-reference" in self.vices and entity.ref is not None:
            return entity.model_copy(update={"ref": entity.ref._replace(system="somebody-else")})
        if "wrong-version" in self.vices:
            return entity.model_copy(update={"version": 'W/"0"'})
        return entity

    # ------------------------------------------------------------------ get and find

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id, badly.

        Raises:
            ConnectorError: As a memory does, and when it should not.
        """
        if "any-kind" in self.vices and kind not in self._models:
            return []
        if "single-get" in self.vices:
            ids = list(ids)[:1]
        if "limited-get" in self.vices:
            ids = list(ids)[:50]
        if "shared-place" in self.vices:
            self._question = ids
            with contextlib.suppress(threading.BrokenBarrierError):
                self._crossing.wait(0.02)
            self._crossing.reset()
            ids = self._question
        found = self._read(lambda: super(HostileReading, self).get(kind, ids))
        if "raising-get" in self.vices and len(found) < len(set(ids)):
            msg = "404"
            raise RecordNotFoundError(msg, system=self.name, hint="look there")
        return found

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a field, badly.

        Raises:
            ConnectorError: As a memory does.
        """
        if "any-kind" in self.vices and kind not in self._models:
            return []
        if "empty-means-all" in self.vices and not values:
            return [self._row(kind, key) for key in self._rows[kind]]
        if field == "create_key":
            return self._looked_back(kind, values)
        if "unknown-field-found" in self.vices and field not in self.supports(kind).find_fields:
            return []
        if "loose-find" in self.vices or ("glued-query" in self.vices and any("'" in value for value in values)):
            rows = [self._row(kind, key) for key in self._rows[kind]]
            texts = {row.key: str(getattr(super(HostileReading, self).decode(kind, row), field, "")) for row in rows}
            is_open = "glued-query" in self.vices
            return [row._replace(match=value) for row in rows for value in values if is_open or texts[row.key] in value]
        return [self._unmatched(row) for row in super().find(kind, field, values)]

    def _looked_back(self, kind: str, values: Sequence[str]) -> list[Row]:
        if "eager-read-back" in self.vices:
            newest = list(self._rows[kind])[-1:]
            return [self._row(kind, key)._replace(match=value) for value in values for key in newest]
        absent = self.__dict__.setdefault("_absent", set())
        if "remembered-absence" in self.vices:
            values = [value for value in values if value not in absent]
        found = super().find(kind, "create_key", values)
        absent.update(set(values) - {row.match for row in found})
        return [self._unmatched(row) for row in found]

    def _unmatched(self, row: Row) -> Row:
        return row._replace(match=None) if "find-without-match" in self.vices else row

    def _read(self, ask: Any) -> list[Row]:
        for _ in range(1_000 if "endless-retry" in self.vices else 1):
            try:
                rows: list[Row] = ask()
            except TransientError as exc:
                failure: ConnectorError = exc
                continue
            return rows
        if "swallowed-read-error" in self.vices:
            return []
        if "raw-read-error" in self.vices:
            told = os.strerror(ECONNRESET)
            raise ConnectionResetError(ECONNRESET, told)
        raise failure

    def _row(self, kind: str, key: str) -> Row:
        row = super()._row(kind, key)
        return row._replace(version='W/"1"') if "frozen-version" in self.vices else row

    def drop(self, ref: Any) -> None:
        """Delete a record as a person would; a ghost stays."""
        if "ghosts" in self.vices:
            self._counter += 1
            return
        super().drop(ref)
