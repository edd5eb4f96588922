"""The demo from its beginning to its end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from periferia_link.cli._exit_codes import ExitCode
from periferia_link.cli._screens import Screen
from periferia_link.cli.demo._business import Business
from periferia_link.cli.demo._chain import Chain, change, sow, together
from periferia_link.cli.demo._company import company
from periferia_link.cli.demo._configuration import write_configuration
from periferia_link.cli.demo._emulators import running_emulators
from periferia_link.cli.demo._proof import postings, prove
from periferia_link.cli.demo._real import real_business
from periferia_link.cli.demo._result import Proof, RunResult, as_json
from periferia_link.cli.demo._story import Story
from periferia_link.cli.demo._texts import TEXTS
from periferia_link.cli.demo._ticket_proof import TicketProof, case_versions, prove_tickets
from periferia_link.clock import SystemClock
from periferia_link.domain import accounting_date
from periferia_link.errors import ConfigurationError
from periferia_link.installation import Installation

__all__ = ["demo"]


def demo(
    screen: Screen, *, seed: int, clients: int, days: int, data: Path | None = None, keep: Path | None = None
) -> ExitCode:
    """
    Run the demo and return how it ended: well only when the proof holds.

    Args:
        screen: Where it is told; a silent one gets the JSON object only.

        seed: The same one makes the same company.

        clients: Accounts of the company made up.

        days: Its working days.

        data: Folder of real data to use instead.

        keep: Empty folder that keeps configuration, ledger and plans.

    Raises:
        ConfigurationError: The folder of the data or the one to keep is not what it should be.
        MissingDependencyError: A package of the extra ``demo`` is missing.
        LinkError: The emulators do not start, or a run stopped.
    """
    begun = time.monotonic()
    screen.words = screen.words.spoken(screen.words.language, TEXTS)
    now = SystemClock().now()
    today = accounting_date(now, ZoneInfo("America/Bogota"))
    if data is None:
        business = company(seed=seed, clients=clients, days=days, today=today)
    else:
        business = real_business(data, today=today, now=now)
    story = Story(screen, business)
    with _workplace(keep) as folder, running_emulators(folder / "emulators.log", seed=seed) as emulators:
        story.opening()
        logs = sow(emulators, business)
        story.systems(emulators, logs)
        path = write_configuration(folder, emulators, business, screen.words.language)
        with Installation.open(path, progress=screen.progress) as installation:
            chain = Chain(screen, emulators, installation, folder, totals=business.sizes | {"labour_costs": logs})
            runs, proof, tickets = _runs(story, business, chain)
            story.waiting(installation.engine.ledger)
    if screen.is_silent:
        screen.json(as_json(runs))
    story.ending(proof, tickets, time.monotonic() - begun, keep)
    return ExitCode.OK if proof.holds and tickets.holds else ExitCode.STOPPED


@contextmanager
def _workplace(keep: Path | None) -> Iterator[Path]:
    """Give a folder to work in: the one to keep, or one that is gone afterwards."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="periferia-link-demo-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(keep.iterdir())
    except OSError as exc:
        msg = f"{keep} cannot be used: {exc.strerror}"
        raise ConfigurationError(msg, hint="name a folder that can be written") from exc
    if not is_empty:
        msg = f"{keep} is not empty"
        raise ConfigurationError(msg, hint="name a new folder: the ledger of another demo knows other systems")
    yield keep


def _runs(story: Story, business: Business, chain: Chain) -> tuple[list[RunResult], Proof, TicketProof]:
    emulators, ledger = chain.emulators, chain.ledger
    story.adopting()
    adopted = chain.adopt(story.adopted)
    story.planning()
    first = together(adopted, chain.plan_and_apply(story.plan))
    story.result(first, "first.result")
    story.twice(ledger)
    last = max((posting.number for posting in postings(emulators)), default=0)
    again = chain.run("again")
    story.result(again, "again.title")
    before = case_versions(emulators)
    story.changes()
    touched = change(emulators, business)
    changed = chain.run("changed")
    story.result(changed)
    story.corrections([posting for posting in postings(emulators) if posting.number > last], ledger)
    proof = prove(business, emulators, ledger, quiet_writes=again.traffic.writes)
    tickets = prove_tickets(business, emulators, ledger, before=before, touched=touched)
    story.proof(proof, tickets)
    if proof.example is not None:
        story.example(*proof.example)
    story.way(tickets.walk)
    return [first, again, changed], proof, tickets
