"""Things that go wrong between the engine and the Service Layer on the labour chain, at a chosen place of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from campaign.books_check import Findings
from campaign.crash_chain import World, chain
from campaign.crash_points import Scenario, idle_after, prepared, scratch_folder
from periferia_link.ledger import SqliteLedger
from periferia_link.testing.emulators import FaultRule

__all__ = [
    "BATCH",
    "READ",
    "Place",
    "places",
    "posting_fails",
    "saved_then_502",
    "session_expires",
    "two_posters",
    "two_posters_at_once",
    "two_posters_late",
]

READ, BATCH = "before GET /b1s/v2/", "before POST /b1s/v2/$batch"
_A_WHILE = 125.0


@dataclass
class Place:
    """Hears what a run asks; right before the *nth* request of a kind, somebody acts."""

    start: str
    nth: int
    act: Callable[[], object] = field(default=lambda: None)
    seen: int = 0

    def __call__(self, word: str) -> None:
        """Pass one word of the wire."""
        if word.startswith(self.start):
            self.seen += 1
            if self.seen == self.nth:
                self.act()


def places(scenario: Scenario, start: str) -> int:
    """Return how many requests of a kind an undisturbed run sends."""
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        place = Place(start, 0)
        _run(world, folder / "ledger.db", place)
        return place.seen


def session_expires(scenario: Scenario, nth: int) -> tuple[Findings, int]:
    """Let the session end before the *nth* read; return what is wrong afterwards, and how many logins it took."""
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        before = world.erp.sessions.logins
        _run(world, folder / "ledger.db", Place(READ, nth, world.erp.sessions.expire))
        logins = world.erp.sessions.logins - before
        return _settled(world, folder / "ledger.db"), logins


def saved_then_502(scenario: Scenario, nth: int, times: int | None = 1) -> Findings:
    """Answer the *nth* change set (and those after it) with the page of a broken gateway, after everything was saved."""
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        told = {"status": 502, "body": "<html><title>502 Proxy Error</title></html>"}
        world.erp.faults.add(
            FaultRule("status", method="POST", path="*/$batch", nth=nth, times=times, when="after", params=told)
        )
        _run(world, folder / "ledger.db", Place(BATCH, 0))
        world.erp.faults.clear()
        return _settled(world, folder / "ledger.db")


def posting_fails(scenario: Scenario, nth: int) -> tuple[Findings, int, set[str]]:
    """
    Lock every period right before the *nth* change set: its last part, the entry, is refused, the marker goes with it.

    Returns what is wrong after the period is opened and the parked records were tried again, how many were parked, and
    the names of the markers that had no entry meanwhile.
    """
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        ledger = folder / "ledger.db"
        lock = Place(BATCH, nth, lambda: world.erp.lock_period("2026-11"))
        _run(world, ledger, lock)
        entries = world.erp.books["JournalEntries"].values()
        loose = {row["Name"] for row in world.erp.books["U_PL_SYNC"].values()} - {row["U_PL_Key"] for row in entries}
        world.erp.journal.locked_periods.clear()
        with SqliteLedger.open(ledger) as book:
            parked = book.by_hand.parked()
            for waiting in parked:
                book.by_hand.retry(waiting, actor="test", now=world.clock.now().timestamp())
        return _settled(world, ledger), len(parked), loose


def two_posters(scenario: Scenario, nth: int) -> list[Findings]:
    """
    Let a second installation, with a ledger of its own, do all the work right before the *nth* change set of the first.

    Both make the same keys of the same hours; only the ERP can tell them apart. Returns what is wrong by either ledger.
    """
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        one, other = folder / "ledger.db", folder / "other.db"
        _run(world, one, Place(BATCH, nth, lambda: _run(world, other, Place(BATCH, 0))))
        found = [_settled(world, one)]
        return [*found, _settled(world, other)]


def two_posters_late(scenario: Scenario, nth: int) -> list[Findings]:
    """As :func:`two_posters`, and the change set of the first arrives while the second is at work."""
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        one, other = folder / "ledger.db", folder / "other.db"
        late = FaultRule("late", method="POST", path="*/$batch", nth=nth, params={"seconds": 30.0})
        world.erp.faults.add(late)
        _run(world, one, Place(BATCH, 0))
        _run(world, other, Place(BATCH, 2, lambda: world.clock.advance(31)))
        found = [_settled(world, one)]
        return [*found, _settled(world, other)]


def two_posters_at_once(scenario: Scenario) -> list[Findings]:
    """Let two installations run side by side, in threads of their own; return what is wrong by either ledger."""
    with scratch_folder() as folder:
        world = prepared(scenario, folder)
        ledgers = [folder / "ledger.db", folder / "other.db"]
        start = threading.Barrier(len(ledgers))

        def work(ledger: Path) -> None:
            start.wait(30)
            _run(world, ledger, Place(BATCH, 0))

        with ThreadPoolExecutor(len(ledgers)) as pool:
            for done in [pool.submit(work, ledger) for ledger in ledgers]:
                done.result(60)
        return [_settled(world, ledger) for ledger in ledgers]


def _run(world: World, ledger: Path, hear: Place) -> None:
    with SqliteLedger.open(ledger) as book:
        world.engine(book, world.wire(hear)).run(chain())


def _settled(world: World, ledger: Path) -> Findings:
    """Run on after a while with fresh objects, idle once more, and look at everything."""
    for _ in range(2):
        world.clock.advance(_A_WHILE)
        with SqliteLedger.open(ledger) as book:
            world.engine(book).run(chain())
    return idle_after(world, ledger)
