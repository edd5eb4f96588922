"""One flow from its cursor to its end: pages, deletions, what was left over, groups, unknown fates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from periferia_link.connectors.base import Connector, Page, Row
from periferia_link.engine._decide import decide, decide_deleted
from periferia_link.engine._detect import SeenKeys, changed_rows, raw_digest
from periferia_link.engine._groups import plan_groups
from periferia_link.engine._lookups import load_tables
from periferia_link.engine._overlap import Overlap
from periferia_link.engine._quiet import collector_at_rest
from periferia_link.engine._resolve import look_at_held, recover, resolve_open, show_open
from periferia_link.engine._session import Session
from periferia_link.engine._work import Item
from periferia_link.engine.apply import apply_items
from periferia_link.errors import EmptySourceError, ExpiredCursorError, FlowError, LinkError
from periferia_link.ledger import PART
from periferia_link.ledger.protocol import AMBIGUOUS

__all__ = ["FlowRun"]

_ROUNDS = 8  # leftovers may free other leftovers; more rounds than this never helped
_PAGE = 500
_PRELOAD = 200_000  # versions kept in memory during a scan: some 50 MB at most
_SHRINK = 0.5  # a source that lost more than half of its records is not believed


class FlowRun:
    """Runs one flow once; ``plan`` runs the same code on a scratch ledger and collects instead of writing."""

    def __init__(self, session: Session, connectors: Mapping[str, Connector], patience: float) -> None:
        self._session = session
        self._connectors = connectors
        self._patience = patience
        self._kind = session.flow.source[1]
        self._abilities = session.source.supports(self._kind)
        maps = [session.source.fingerprint(self._kind)]
        maps += [target.fingerprint(session.flow.target[1]) for target in session.targets.values()]
        self._mark: str | None = None
        self._remembered: dict[str, str | None] | None = None
        self._overlap = Overlap(session)
        self._fingerprint = session.flow.fingerprint(*maps)

    def run(self) -> None:
        """
        Bring the target up to date.

        Raises:
            FlowError: The run stopped as a whole; what was planned stays in the ledger.
        """
        session = self._session
        cursor, fingerprint, baseline = session.ledger.cursor(session.stream)
        is_remapped = fingerprint is not None and fingerprint != self._fingerprint
        if is_remapped and not session.is_planning and session.allowed is None:
            msg = f"the mapping of flow {session.flow.name} changed since its last run"
            hint = f"look at 'periferia-link plan {session.flow.name}' and apply that plan: it may touch every record"
            raise FlowError(msg, hint=hint, report=session.report)
        session.known_before = session.ledger.records.count(session.stream)
        tables = load_tables(session, self._connectors)
        session.context = session.context.with_tables(tables)
        if session.is_planning:
            show_open(session)
        else:
            recover(session)
            look_at_held(session)
        self._wake_parked()
        # until a re-read is complete the old fingerprint stays: one that stops half-way starts again
        self._mark = fingerprint if is_remapped else self._fingerprint
        self._pull(None if is_remapped else cursor, baseline, force=is_remapped)
        if is_remapped:
            with session.ledger.transaction():
                session.ledger.set_cursor(
                    session.stream, session.ledger.cursor(session.stream)[0], self._fingerprint, None
                )
        self._finish()

    def _wake_parked(self) -> None:
        session = self._session
        for stream in {session.stream, session.work_stream}:
            due = session.ledger.desk.due(stream, session.now())
            if due:
                with session.ledger.transaction():
                    session.ledger.records.mark_dirty(stream, [key.split(PART)[0] for key in due])

    # ------------------------------------------------------------------ pages

    def _pull(self, since: str | None, baseline: int | None, *, force: bool) -> None:
        try:
            self._pull_whole(since, baseline, force=force)
        except LinkError:
            with suppress(LinkError):  # the first error is the one to tell
                self._overlap.leave()
            raise
        finally:
            self._overlap.close()

    def _pull_whole(self, since: str | None, baseline: int | None, *, force: bool) -> None:
        try:
            self._pull_from(since, baseline, force=force)
        except ExpiredCursorError:
            self._session.report.note("the change feed forgot our place: everything is read again and compared")
            self._pull_from(None, baseline, force=force)

    def _pull_from(self, since: str | None, baseline: int | None, *, force: bool) -> None:
        session = self._session
        seen = SeenKeys()
        if since is None and not force and self._abilities.version_covers_fields:
            self._remembered = session.ledger.records.every_version(session.stream, _PRELOAD)
        done = 0
        complete = False
        place = since
        # a scan over known records finds deletions only when it is complete: until then the stored place stays, so that
        # a run that ends half-way scans again
        stored = session.ledger.cursor(session.stream)[0]
        is_held = since is None and session.known_before > 0
        for page in session.source.pull(self._kind, since):
            session.check_lease()
            done += len(page.rows)
            is_news = seen.add([row.key for row in page.rows]) and session.known_before == 0
            place = page.cursor if page.cursor is not None else place
            if page.is_last and self._abilities.feed == "scan":
                place = None
            self._page(page, stored if is_held else place, force=force, is_news=is_news)
            complete = page.is_last and page.is_scan and since is None
            session.progress("read", done, baseline)
        self._catch_up()
        if complete:
            baseline = self._absent(seen, baseline)
        if complete or is_held:
            with session.ledger.transaction():
                session.ledger.set_cursor(session.stream, place, self._mark, baseline if complete else None)

    def _page(self, page: Page, place: str | None, *, force: bool, is_news: bool) -> None:
        with collector_at_rest():
            # in a function of its own: what the page made is gone before the collector looks again
            self._work_on(page, place, force=force, is_news=is_news)

    def _work_on(self, page: Page, place: str | None, *, force: bool, is_news: bool) -> None:
        session = self._session
        # deletions become durable first: the cursor moves with the rows, and never passes what is not recorded
        deletions, listed = self._deletions(page)
        if force:
            rows, digests = list(listed), self._digests(listed)
            keys = [row.key for row in rows]
        else:
            remembered = {} if is_news else self._remembered  # a first load asks for nothing that cannot be there
            rows, digests, keys = changed_rows(session, listed, self._abilities, remembered)
        parts = [(rows, keys, True)] if force else self._overlap.slices(rows, keys)
        for some, there, is_end in parts:
            # what was answered meanwhile may have changed what is known of them
            known = session.ledger.records.known(session.stream, there) if there else {}
            work = decide(session, some, digests, known)
            self._overlap.heed(work.depends.values())
            cursor = (place, self._mark, None) if is_end else None
            if self._overlap.takes(work.items):
                self._overlap.begin(work, cursor)
            else:
                self._write(work.commit(cursor))
        self._write(deletions)
        if self._overlap.collect():
            self._catch_up()
        if self._remembered is not None and rows:
            # a record may be listed again on a later page
            self._remembered.update(session.ledger.records.versions(session.stream, [row.key for row in rows]))

    def _deletions(self, page: Page) -> tuple[list[Item], Sequence[Row]]:
        """Return what deletions lead to, and the rows that are listed and not deleted."""
        if not page.deleted:
            return [], page.rows
        session = self._session
        both = {row.key for row in page.rows}.intersection(page.deleted)
        if both:
            # a page proves no order: the system is asked for these again
            with session.ledger.transaction():
                session.ledger.records.mark_dirty(session.stream, sorted(both))
        deletions = decide_deleted(session, [key for key in page.deleted if key not in both]).commit()
        return deletions, [row for row in page.rows if row.key not in both]

    def _digests(self, rows: Iterable[Row]) -> dict[str, bytes]:
        if self._abilities.version_covers_fields:
            return {}
        return {row.key: raw_digest(row, self._abilities.volatile) for row in rows}

    def _write(self, items: list[Item]) -> None:
        session = self._session
        if not items:
            return
        if session.is_planning:
            for item in items:
                session.report.count(
                    {"create": "created", "update": "updated", "delete": "deleted"}.get(item.write.mode, "actions")
                )
            return
        self._catch_up()
        if apply_items(session, items):
            resolve_open(session, patience=0.0)

    def _catch_up(self) -> None:
        """Wait for the creations that are still on their way."""
        if self._overlap.end():
            resolve_open(self._session, patience=0.0)

    # ------------------------------------------------------------------ deletions

    def _absent(self, seen: SeenKeys, baseline: int | None) -> int:
        """
        A complete scan lists everything: what the ledger knows and the scan does not is gone.

        Returns how many records the scan listed.
        """
        session = self._session
        present = seen.distinct()
        self._believe(len(present), baseline or 0, "last time")
        remembered, self._remembered = self._remembered, None
        if session.known_before == 0:
            return len(present)
        pages = session.ledger.records.keys(session.stream) if remembered is None else [list(remembered)]
        for keys in pages:
            gone = [key for key in keys if hash(key) not in present and PART not in key]
            if gone:
                self._write(decide_deleted(self._session, gone).commit())
        return len(present)

    def _believe(self, found: int, expected: int, when: str) -> None:
        """
        Refuse to act on a source that lost more than half of its records: a lost right looks the same.

        A plan shows the deletions with a note, and applying it is the consent. A flow that ignores deletions goes on.
        """
        session = self._session
        if expected < 10 or found >= expected * (1 - _SHRINK) or session.flow.on_delete == "ignore":
            return
        msg = f"{session.source.name} lists {found} {self._kind}, {expected} {when}"
        if session.is_planning or session.allowed is not None:
            session.report.note(msg)
            return
        hint = "check the rights and filters of the reading user; if it is true, apply a plan. Nothing was deleted"
        raise EmptySourceError(msg, hint=hint, report=session.report)

    # ------------------------------------------------------------------ what was left over

    def _finish(self) -> None:
        session = self._session
        for _ in range(_ROUNDS):
            moved = self._again()
            if session.flow.is_grouped:
                moved = self._groups() or moved
            if not session.is_planning:
                moved = resolve_open(session, patience=self._patience) or moved
            if not moved:
                break
        if not session.is_planning:
            self._say_what_is_open()

    def _say_what_is_open(self) -> None:
        session = self._session
        left = session.ledger.operations.open(session.work_stream, (AMBIGUOUS,))
        if left:
            session.report.note(f"the fate of {len(left)} writes is not known yet: the next run settles them")

    def _again(self) -> bool:
        """Look again at records marked dirty: by key, many at once."""
        session = self._session
        moved, after = False, ""
        while keys := session.ledger.records.dirty(session.stream, _PAGE, after):
            after = keys[-1]
            blocked = session.ledger.operations.open_keys(session.stream, keys)
            wanted = [key for key in keys if key not in blocked]
            if not wanted:
                continue
            rows = {row.key: row for row in session.source.get(self._kind, wanted)}
            self._believe(len(rows), len(wanted), "were asked for")
            gone = [key for key in wanted if key not in rows]
            if gone:
                self._write(decide_deleted(self._session, gone).commit())
            found = [rows[key] for key in wanted if key in rows]
            known = session.ledger.records.known(session.stream, [row.key for row in found])
            work = decide(session, found, self._digests(found), known)
            settled = len(found) - len(set(work.later))
            self._write(work.commit())
            moved = moved or bool(work.items) or (settled > 0 and bool(work.fresh or work.again))
        return moved

    def _groups(self) -> bool:
        moved, after = False, ""
        while True:
            items, last = plan_groups(self._session, after)
            if last is None:
                return moved
            after = last
            moved = moved or bool(items)
            self._session.progress("groups", self._session.report.created)
            self._write(items)
