"""What the demo shows, section by section."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

from periferia_link.cli._reports import show_changes, show_counts, show_waiting
from periferia_link.cli._screens import Screen
from periferia_link.cli.demo._business import Business
from periferia_link.cli.demo._emulators import Emulators
from periferia_link.cli.demo._proof import cost_of, made_from
from periferia_link.cli.demo._result import Posting, Proof, RunResult
from periferia_link.cli.demo._texts import PICTURES
from periferia_link.cli.demo._ticket_proof import TicketProof, Walk
from periferia_link.domain import Ref, TaxId
from periferia_link.engine import FlowReport, Plan
from periferia_link.ledger import Ledger

__all__ = ["Story"]

_SYSTEMS = {"entra": "Entra ID", "dynamics365": "Dynamics 365", "sap": "SAP Business One", "periticket": "Periticket"}


class Story:
    """Tells on a screen what happens; with ``--json`` the screen is silent."""

    def __init__(self, screen: Screen, business: Business) -> None:
        self._screen = screen
        self._words = screen.words
        self._business = business
        self._names = {row["accountid"]: " ".join(row["name"].split())[:60] for row in business.accounts}
        self._names |= {row["id"]: " ".join(row["name"].split())[:60] for row in business.desk.clients}
        told = {row["id"]: (row["number"], row["subject"]) for row in business.desk.tickets}
        self._names |= {key: " ".join(dict.fromkeys(both))[:60] for key, both in told.items()}
        self._names |= {row["leadid"]: row["subject"] for row in business.sales.leads}
        self._names |= {row["opportunityid"]: row["name"] for row in business.opportunities}

    def opening(self) -> None:
        """Say what this is."""
        self._screen.line(self._words("demo.title"), style="bold")
        self._screen.art(PICTURES[self._words.language].rstrip())

    def systems(self, emulators: Emulators, logs: int) -> None:
        """Show where the systems are and what they hold, then how the company was made."""
        words, business = self._words, self._business
        holds = {
            "entra": words("systems.entra"),
            "dynamics365": words(
                "systems.dynamics365",
                leads=len(business.sales.leads),
                accounts=len(business.accounts),
                contacts=len(business.sales.contacts),
                sales=len(business.opportunities),
            ),
            "sap": words(
                "systems.sap",
                partners=len(business.partners),
                people=len(business.people),
                centres=len(business.centres),
            ),
            "periticket": words(
                "systems.periticket",
                people=len(business.helpdesk_people),
                logs=logs,
                clients=len(business.desk.clients),
                tickets=len(business.desk.tickets),
            ),
        }
        self._screen.heading(words("demo.systems"))
        headings = [words(f"systems.{name}") for name in ("system", "address", "holds")]
        rows = [[_SYSTEMS[name], emulators[name].url, text] for name, text in holds.items()]
        self._screen.table(headings, rows, texts=3)
        self._screen.heading(words("demo.business"))
        for name, values in business.rules:
            self._screen.line(f"• {words(name, **values)}")

    # ------------------------------------------------------------------ the runs

    def adopting(self) -> None:
        """Begin the adoption."""
        self._screen.heading(self._words("adopt.title"))

    def adopted(self, report: FlowReport) -> None:
        """Show what was linked."""
        counts = report.counts
        show_counts(self._screen, {report.flow: report})
        self._screen.line(self._words("adopt.told", adopted=counts["adopted"]))
        for name in ("unmatched", "different", "review"):
            if counts[name]:
                self._screen.line(self._words(f"adopt.{name}", n=counts[name]))

    def planning(self) -> None:
        """Begin the first run."""
        self._screen.heading(self._words("first.title"))

    def plan(self, plan: Plan) -> None:
        """Show the plan of one flow."""
        (flow,) = plan.flows
        self._screen.line()
        self._screen.line(self._words("first.plan", flow=flow), style="bold")
        show_counts(self._screen, plan.reports)
        show_changes(self._screen, plan.changes, limit=3)

    def result(self, run: RunResult, title: str = "") -> None:
        """Show what a run did and what the systems saw."""
        if title:
            self._screen.heading(self._words(title))
        show_counts(self._screen, run.reports)
        traffic = run.traffic
        self._screen.line(
            self._words("run.traffic", requests=traffic.requests, writes=traffic.writes, seconds=run.seconds)
        )
        if traffic.writes and run.reports["labour_costs"].created:
            self._screen.line(self._words("run.markers"), style="dim")

    def changes(self) -> None:
        """Say what people changed."""
        words, changes = self._words, self._business.changes
        self._screen.heading(words("changed.title"))
        name, number = changes.account["name"], changes.opportunity["pl_number"]
        before = max((since, rate) for since, rate in changes.person.rates if since <= changes.since)[1]
        sentences = [
            words("changed.client", name=name, number=number),
            words(
                "changed.log",
                id=changes.log.id,
                day=changes.log.day,
                project=changes.log.project,
                before=changes.before,
                after=changes.log.hours,
            ),
            words("changed.rate", code=changes.person.code, since=changes.since, before=before, after=changes.hourly),
        ]
        sentences += [
            words(told.text, number=told.ticket["number"], subject=told.ticket["subject"])
            for told in self._business.desk.changes(datetime.now(timezone.utc))
        ]
        for sentence in sentences:
            self._screen.line(f"• {sentence}")
        self._screen.line()

    def corrections(self, found: Sequence[Posting], ledger: Ledger) -> None:
        """Show the first postings that correct."""
        if not found:
            return
        words = self._words
        self._screen.line()
        self._screen.line(words("changed.postings"))
        headings = [words(f"posting.{name}") for name in ("number", "day", "place", "logs", "amount")]
        rows = []
        for posting in islice(found, 8):
            logs = made_from(ledger, posting.number)
            shown = ", ".join(logs[:2]) + (f" … {len(logs)}" if len(logs) > 2 else "")
            rows.append([str(posting.number), posting.day, _place(posting), shown, posting.cost])
        self._screen.table(headings, rows, texts=4)
        if len(found) > len(rows):
            self._screen.line(words("report.more", n=len(found) - len(rows)), indent=2)

    # ------------------------------------------------------------------ the end

    def proof(self, proof: Proof, tickets: TicketProof) -> None:
        """Show the proof, line by line."""
        words = self._words
        self._screen.heading(words("proof.title"))
        lines = [
            ("proof.balance", proof.debit == proof.credit and not proof.unbalanced),
            ("proof.cost", proof.booked == proof.expected),
            ("proof.places", not proof.differs),
            ("proof.logs", proof.traced == proof.logs and not proof.strange),
        ]
        values = vars(proof) | vars(tickets) | vars(tickets.walk)
        for name, is_good in [*lines, *tickets.lines, ("proof.quiet", proof.quiet_writes == 0)]:
            mark, style = ("✓", "green") if is_good else ("✗", "bold red")
            self._screen.line(f"{mark} {words(name, **values)}", style=style)

    def example(self, posting: Posting, sources: Collection[str]) -> None:
        """Show one posting of the first run down to its work logs."""
        rates = {person: dict(own) for person, own in self._business.rates.items()}
        self._screen.line()
        self._screen.line(self._words("proof.example", number=str(posting.number), amount=posting.cost))
        for log in (log for log in self._business.logs() if log.id in sources):
            rate, cost = cost_of(log, rates)
            self._screen.line(self._words("proof.part", id=log.id, hours=log.hours, rate=rate, cost=cost), indent=2)

    def way(self, walk: Walk) -> None:
        """Show one way from a lead to a posting."""
        if not walk.example:
            return
        self._screen.line()
        self._screen.line(self._words("way.title"))
        for ref in walk.example:
            name = self._names.get(ref.id, ref.id)
            self._screen.line(self._words(f"way.{ref.kind}", name=name), indent=2)

    def twice(self, ledger: Ledger) -> None:
        """Say what became of accounts whose tax id another account has as well."""
        first: set[str] = set()
        later: list[str] = []
        for row in self._business.accounts:
            tax_id = TaxId.parse(str(row["pl_nit"]))
            if tax_id is not None and tax_id.is_strong:
                if tax_id.number in first:
                    later.append(row["accountid"])
                first.add(tax_id.number)
        if later:
            linked = sum(bool(ledger.links.twin(Ref("crm", "Client", key), "erp", "Client")) for key in later)
            asked = sum(review.key in later for review in ledger.desk.reviews("clients"))
            rest = len(later) - linked - asked
            self._screen.line(self._words("twice.told", n=len(later), linked=linked, review=asked, rest=rest))

    def waiting(self, ledger: Ledger) -> None:
        """Show what is parked or in review."""
        parked, reviews = ledger.desk.parked(), ledger.desk.reviews()
        if parked or reviews:
            self._screen.heading(self._words("waits.title"))
            show_waiting(self._screen, parked, reviews, names=self._names)

    def ending(self, proof: Proof, tickets: TicketProof, seconds: float, kept: Path | None) -> None:
        """Say how it ended; what does not hold is told where errors are."""
        self._screen.line()
        if proof.holds and tickets.holds:
            self._screen.line(self._words("proof.holds"), style="bold green")
        else:
            named = ("unbalanced", "differs", "untraced", "strange", "missing", "twice", "gaps")
            wrong = [(name, getattr(one, name, ())) for one in (proof, tickets) for name in named]
            rows = [(name, ", ".join(found[:10])) for name, found in wrong if found]
            self._screen.trouble([(self._words("error.what"), self._words("proof.fails")), *rows])
        self._screen.line(self._words("demo.seconds", seconds=seconds))
        if kept is not None:
            self._screen.line(self._words("demo.kept", folder=kept))


def _place(posting: Posting) -> str:
    """Return project and centre, as the memo says them: ``Labour adj. P-2026-001 FABSW 2026-11-02``."""
    return " / ".join(posting.memo.split()[-3:-1])
