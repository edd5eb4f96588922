"""Creations on their way while the next records are decided: the systems and this machine work side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from periferia_link.connectors.base import Row
from periferia_link.engine._session import Session
from periferia_link.engine._work import Item, Place, Work
from periferia_link.engine.apply import Commit, Driver, by_system

__all__ = ["Overlap"]

_FIRST, _SLICE = 150, 500  # records; deciding 500 takes about as long as a request does (measured)


class Overlap:
    """
    Sends the creations of one pull, and leaves the last requests under way when it comes back.

    Each of them has its intent, as ever; its operation stays open until the outcome is recorded, like one whose fate is
    not known, and what is decided meanwhile sees it so. Only creations overlap: everything else waits for them. Nothing
    does where a record depends on the fate of those before it: where a ceiling counts creations, where records are
    matched with what is there, and as soon as one asks for the link of another record of its flow.

    Args:
        session: What the steps of the pass share.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._drivers: dict[str, Driver] = {}
        flow = session.flow
        able = [target.supports(flow.target[1]) for target in session.targets.values()]
        # one request at a time is sent by this thread itself: nothing would go on beside it
        side_by_side = all(each.parallel > 1 for each in able)
        depends = flow.is_grouped or bool(flow.match) or flow.ceilings.creates is not None
        self._is_possible = side_by_side and not depends and not session.is_planning
        self._slice = max(_SLICE, *(each.max_batch for each in able))
        self._own = f"link:{session.source_ref('')}"

    def slices(self, rows: Sequence[Row], known: Sequence[str]) -> Iterator[tuple[Sequence[Row], Sequence[str], bool]]:
        """
        Divide what changed of a page, so that the first of its creations leave before the last are decided.

        Each slice is a page of its own that cannot be resumed: only the last one moves the cursor. Records that are
        known stand in that one, together as always.

        Args:
            rows: Rows that changed.

            known: Keys of those that the ledger knows.
        """
        if not self._is_possible or len(rows) - len(known) <= self._slice:
            yield rows, known, True
            return
        there = frozenset(known)
        # a page may list a record twice: the last row is the newest
        once = {row.key: row for row in rows}
        news = [row for key, row in once.items() if key not in there]
        # the first slice is short: until it has left, nobody works beside this thread. The next ones grow slowly:
        # deciding one must not take longer than the far side takes for the one before
        begin, size = 0, min(_FIRST, self._slice)
        while begin + size < len(news):
            yield news[begin : begin + size], (), False
            begin, size = begin + size, min(size + size // 2, self._slice)
        yield [*news[begin:], *(row for key, row in once.items() if key in there)], known, True

    def heed(self, asked: Iterable[Iterable[str]]) -> None:
        """Look at what records were derived from: after the first link of their own kind they go one after another."""
        if self._is_possible and any(name.startswith(self._own) for names in asked for name in names):
            self._is_possible = False

    def takes(self, items: Sequence[Item]) -> bool:
        """Whether these may be on their way while others are decided."""
        return self._is_possible and bool(items) and all(item.write.mode == "create" for item in items)

    def begin(self, work: Work, cursor: Place | None) -> None:
        """
        Make a page durable, send what there is room for, and come back with the last requests still under way.

        Raises:
            FlowError: A system stopped; planned work stays in the ledger.
            LedgerError: As :func:`apply_items`.
        """
        commit: Commit = partial(work.commit, cursor)
        for system, mine in by_system(work.items).items():
            driver = self._drivers.get(system)
            if driver is None:
                driver = self._drivers[system] = Driver(self._session, system)
            driver.begin(mine, commit)
            commit = self._write_down  # of several systems the first took the page along

    def _write_down(self, intent: Callable[[], None] | None) -> None:
        if intent is not None:
            with self._session.ledger.transaction():
                self._session.renew_lease()
                intent()

    def collect(self) -> bool:
        """
        Record what is answered, without waiting for the rest; whether the fate of something is not known.

        Between the slices of a page nobody calls it: recording is for the time in which the last answers are due.

        Raises:
            FlowError: A system stopped; planned work stays in the ledger.
            LedgerError: As :func:`apply_items`.
        """
        known = [not driver.collect() for driver in self._drivers.values()]  # each of them, whatever the first says
        return not all(known)

    def end(self) -> list[Item]:
        """
        Wait for what is under way; return the operations whose fate is not known yet.

        Raises:
            FlowError: A system stopped; planned work stays in the ledger.
            LedgerError: As :func:`apply_items`.
        """
        return [item for driver in self._drivers.values() for item in driver.end()]

    def leave(self) -> None:
        """
        Record the outcomes of what is under way and send nothing more: something else failed.

        Raises:
            LedgerError: They cannot be recorded; the next run reads them back.
        """
        for driver in self._drivers.values():
            driver.leave()

    def close(self) -> None:
        """Wait for what is under way without recording it; it was recorded unless the run is being torn down."""
        for driver in self._drivers.values():
            driver.close()
        self._drivers = {}
