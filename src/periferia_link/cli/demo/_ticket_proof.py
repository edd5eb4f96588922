"""The proof for tickets: the books of Periticket against those of the CRM, compared without the library's flows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from periferia_link.cli.demo._business import Business
from periferia_link.cli.demo._emulators import Emulators
from periferia_link.cli.demo._helpdesk import Row
from periferia_link.domain import Ref
from periferia_link.ledger import Ledger

__all__ = ["TicketProof", "Walk", "case_versions", "prove_tickets"]

# what a state of Periticket is in a case: state and reason, by the numbers of Dynamics 365
_STATES = {
    "new": (0, 1),
    "open": (0, 1),
    "in_progress": (0, 1),
    "on_hold": (0, 2),
    "pending_customer": (0, 3),
    "resolved": (1, 5),
    "closed": (1, 5),
    "cancelled": (2, 6),
}
_LONGEST_TITLE = 200


@dataclass(frozen=True, kw_only=True)
class Walk:
    """
    One way through the ledger, from a lead to a posting.

    ``leads`` counts those that became a project, ``reached`` those from which a posting is found by way of a ticket,
    ``returned`` those that are found again from it.
    """

    leads: int = 0
    reached: int = 0
    returned: int = 0
    example: Sequence[Ref] = ()


@dataclass(frozen=True, kw_only=True)
class TicketProof:
    """
    What the CRM holds for the tickets of Periticket.

    ``known`` tickets name a client that is exactly one account; the others must wait. ``missing``, ``twice`` and
    ``strange`` name tickets without case, with several, and cases that should not be; ``differs`` those whose title,
    state or account is another one, ``gaps`` those whose notes are not their steps. ``moved`` are the tickets whose
    case changed in the last run, ``touched`` those that people had changed.
    """

    tickets: int
    known: int
    cases: int
    steps: int
    notes: int
    missing: Sequence[str] = ()
    twice: Sequence[str] = ()
    strange: Sequence[str] = ()
    differs: Sequence[str] = ()
    gaps: Sequence[str] = ()
    moved: Sequence[str] = ()
    touched: Sequence[str] = ()
    walk: Walk = field(default_factory=Walk)
    waits: int = field(init=False)
    changed: int = field(init=False)
    holds: bool = field(init=False)

    def __post_init__(self) -> None:
        problems = (self.missing, self.twice, self.strange, self.differs, self.gaps)
        walks = self.walk.reached == self.walk.returned
        agrees = self.known == self.cases and self.steps == self.notes and set(self.moved) == set(self.touched)
        object.__setattr__(self, "waits", self.tickets - self.known)
        object.__setattr__(self, "changed", len(set(self.touched)))
        object.__setattr__(self, "holds", agrees and walks and not any(problems))

    @property
    def lines(self) -> list[tuple[str, bool]]:
        """Return the sentences of the screen, each with whether it is true."""
        is_one = self.known == self.cases and not any((self.missing, self.twice, self.strange))
        return [
            ("proof.cases", is_one),
            ("proof.states", not self.differs),
            ("proof.timeline", self.steps == self.notes and not self.gaps),
            ("proof.touched", set(self.moved) == set(self.touched)),
            ("proof.walk", self.walk.reached == self.walk.returned),
        ]


def case_versions(emulators: Emulators) -> dict[str, str]:
    """Return the version of every case of the CRM by its number."""
    return {str(row["ticketnumber"]): str(row["versionnumber"]) for row in emulators.table("dynamics365", "incidents")}


def prove_tickets(
    business: Business, emulators: Emulators, ledger: Ledger, *, before: Mapping[str, str], touched: Sequence[str]
) -> TicketProof:
    """
    Compare tickets with cases and steps with notes, and walk from each lead to a posting and back.

    Args:
        business: What was sown.

        emulators: The systems, seen from inside.

        ledger: Whose edges are walked.

        before: Versions of the cases before people changed something.

        touched: Numbers of the tickets that they changed.
    """
    tickets = {row["number"]: row for row in emulators.table("periticket", "tickets")}
    accounts = _accounts_of(emulators)
    wanted = {number: row for number, row in tickets.items() if row["client_id"] in accounts}
    cases: dict[str, list[Row]] = defaultdict(list)
    for row in emulators.table("dynamics365", "incidents"):
        if row["ticketnumber"] in tickets:
            cases[row["ticketnumber"]].append(row)
    steps, notes = _steps(emulators), _notes(emulators)
    found = {number: rows[0] for number, rows in cases.items() if number in wanted}
    versions = {number: str(row["versionnumber"]) for number, row in found.items()}
    return TicketProof(
        tickets=len(tickets),
        known=len(wanted),
        cases=sum(len(rows) for rows in cases.values()),
        steps=sum(steps[row["id"]] for row in wanted.values()),
        notes=sum(notes[row["incidentid"]] for rows in cases.values() for row in rows),
        missing=sorted(wanted.keys() - cases.keys()),
        twice=sorted(number for number, rows in cases.items() if len(rows) > 1),
        strange=sorted(cases.keys() - wanted.keys()),
        differs=sorted(
            n for n, case in found.items() if not _agrees(wanted[n], case, accounts[wanted[n]["client_id"]])
        ),
        gaps=sorted(n for n, case in found.items() if notes[case["incidentid"]] != steps[wanted[n]["id"]]),
        moved=sorted(number for number, version in versions.items() if before.get(number) != version),
        touched=sorted(number for number in touched if number in wanted),
        walk=_walk(business, ledger),
    )


def _accounts_of(emulators: Emulators) -> dict[str, str]:
    """Return the account of each client of Periticket whose tax id exactly one account has."""
    held: dict[str, list[str]] = defaultdict(list)
    for row in emulators.table("dynamics365", "accounts"):
        held[_body(row.get("pl_nit"))].append(row["accountid"])
    clients = {row["id"]: held[_body(row["tax_id"])] for row in emulators.table("periticket", "clients")}
    return {key: found[0] for key, found in clients.items() if len(found) == 1}


def _body(tax_id: Any) -> str:
    """Return the nine digits that identify a company, however somebody typed them."""
    return "".join(letter for letter in str(tax_id) if letter.isdigit())[:9]


def _steps(emulators: Emulators) -> Counter[str]:
    """Count what one person did at one moment, by ticket."""
    told: dict[str, list[tuple[str, str, str | None]]] = defaultdict(list)
    for row in emulators.table("periticket", "events"):
        told[row["ticket_id"]].append((row["at"], row["id"], row["actor_id"]))
    counts: Counter[str] = Counter()
    for ticket, events in told.items():
        last = None
        for at, _, actor in sorted(events, key=lambda event: event[:2]):
            counts[ticket] += (at, actor) != last
            last = (at, actor)
    return counts


def _notes(emulators: Emulators) -> Counter[str]:
    return Counter(row["_objectid_value"] for row in emulators.table("dynamics365", "annotations"))


def _agrees(ticket: Row, case: Row, account: str) -> bool:
    title = ticket["subject"]
    cut = title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"
    state = (case["statecode"], case["statuscode"])
    return (cut, _STATES[ticket["status"]], account) == (case["title"], state, case["_customerid_value"])


# ---------------------------------------------------------------------- through the ledger


def _walk(business: Business, ledger: Ledger) -> Walk:
    """Go from each lead that became a project to a posting, and from that posting back."""
    leads = reached = returned = 0
    example: Sequence[Ref] = ()
    for key in business.sales.became:
        lead = Ref("crm", "Lead", key)
        leads += bool(ledger.links.twin(lead, "erp", "Project"))
        way = _way(lead, ledger)
        if not way:
            continue
        reached += 1
        returned += lead in _starts(way[-1], ledger)
        example = example or way
    return Walk(leads=leads, reached=reached, returned=returned, example=example)


def _way(lead: Ref, ledger: Ledger) -> Sequence[Ref]:
    """Return lead, client, opportunity, project, ticket, work log and posting; nothing when the chain ends early."""
    became = {name: to for start, name, to in ledger.links.edges_of(lead) if start == lead}
    project = next(iter(ledger.links.twin(lead, "erp", "Project")), None)
    if project is None or not {"client", "opportunity"} <= became.keys():
        return ()
    for ticket in _before(ledger, project, "project"):
        for entry in _before(ledger, ticket, "ticket"):
            for posting in _before(ledger, entry, "made from"):
                return (lead, became["client"], became["opportunity"], project, ticket, entry, posting)
    return ()


def _starts(posting: Ref, ledger: Ledger) -> Iterator[Ref]:
    """List the leads that a posting comes from; a ticket that moved to another project brings that one's, too."""
    for entry in _after(ledger, posting, "made from"):
        for ticket in _after(ledger, entry, "ticket"):
            for project in _after(ledger, ticket, "project"):
                yield from ledger.links.twin(project, "crm", "Lead")


def _before(ledger: Ledger, ref: Ref, relation: str) -> Iterator[Ref]:
    return (start for start, name, to in ledger.links.edges_of(ref) if name == relation and to == ref)


def _after(ledger: Ledger, ref: Ref, relation: str) -> Iterator[Ref]:
    return (to for start, name, to in ledger.links.edges_of(ref) if name == relation and start == ref)
