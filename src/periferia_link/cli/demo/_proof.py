"""The proof: the books of SAP, read from inside, against hours and rates, added up without the library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeAlias

from periferia_link.cli.demo._business import DEBIT, Business, WorkLog
from periferia_link.cli.demo._emulators import Emulators
from periferia_link.cli.demo._result import Posting, Proof
from periferia_link.domain import Ref
from periferia_link.ledger import Ledger

__all__ = ["approved_logs", "cost_of", "made_from", "postings", "prove"]

_READABLE = 4  # work logs of the posting that is shown as an example

Place: TypeAlias = tuple[str, str]
"""Project and day."""


def postings(emulators: Emulators) -> Iterator[Posting]:
    """Read the postings that carry our key, in the order in which SAP filed them."""
    for row in emulators.table("sap", "JournalEntries"):
        if not row.get("U_PL_Key"):
            continue
        lines = row["JournalEntryLines"]
        labour = [line for line in lines if line["AccountCode"] == DEBIT]
        yield Posting(
            number=int(row["JdtNum"]),
            day=str(row["ReferenceDate"])[:10],
            project=str(next((line["ProjectCode"] for line in labour), None)),
            memo=str(row["Memo"]),
            debit=sum((Decimal(line["Debit"]) for line in lines), Decimal(0)),
            credit=sum((Decimal(line["Credit"]) for line in lines), Decimal(0)),
            cost=sum((Decimal(line["Debit"]) - Decimal(line["Credit"]) for line in labour), Decimal(0)),
        )


def approved_logs(business: Business) -> Iterator[WorkLog]:
    """List the work logs that must be booked, as they are after the changes."""
    corrected = business.changes.log
    for log in business.logs():
        current = corrected if log.id == corrected.id else log
        if current.is_approved and current.day >= business.starts:
            yield current


def rates_after(business: Business) -> Mapping[str, Mapping[date, Decimal]]:
    """Return the rates by person and first day, as they are after the changes."""
    rates = {person: dict(own) for person, own in business.rates.items()}
    rates[business.changes.person.id][business.changes.since] = business.changes.hourly
    return rates


def cost_of(log: WorkLog, rates: Mapping[str, Mapping[date, Decimal]]) -> tuple[Decimal, Decimal]:
    """Return the rate of the day and hours times rate in whole pesos, half up."""
    own = rates[log.person]
    rate = own[max(since for since in own if since <= log.day)]
    return rate, (log.hours * rate).quantize(Decimal(1), ROUND_HALF_UP)


def made_from(ledger: Ledger, number: int) -> list[str]:
    """Return the work logs that a posting was made from, by the edges of the ledger."""
    ref = Ref("erp", "CostEntry", str(number))
    return sorted(to.id for start, _, to in ledger.links.edges_of(ref) if start == ref and to.kind == "TimeEntry")


def prove(business: Business, emulators: Emulators, ledger: Ledger, *, quiet_writes: int) -> Proof:
    """Compare what was booked with what was worked, and follow every posting to its work logs."""
    wanted: dict[Place, Decimal] = defaultdict(Decimal)
    booked: dict[Place, Decimal] = defaultdict(Decimal)
    rates, hours, known = rates_after(business), Decimal(0), set()
    for log in approved_logs(business):
        wanted[log.project, log.day.isoformat()] += cost_of(log, rates)[1]
        hours += log.hours
        known.add(log.id)
    debit = credit = Decimal(0)
    number = corrections = edges = 0
    traced: set[str] = set()
    unbalanced, strange = [], []
    example: tuple[Posting, list[str]] | None = None
    for posting in postings(emulators):
        number, corrections = number + 1, corrections + posting.is_correction
        debit, credit = debit + posting.debit, credit + posting.credit
        booked[posting.project, posting.day] += posting.cost
        if posting.debit != posting.credit:
            unbalanced.append(str(posting.number))
        sources = made_from(ledger, posting.number)
        edges += len(sources)
        traced.update(sources)
        if not sources or not known.issuperset(sources):
            strange.append(str(posting.number))
        if example is None or len(example[1]) < len(sources) <= _READABLE:
            example = posting, sources
    return Proof(
        postings=number,
        corrections=corrections,
        debit=debit,
        credit=credit,
        booked=sum(booked.values(), Decimal(0)),
        expected=sum(wanted.values(), Decimal(0)),
        hours=hours,
        logs=len(known),
        traced=len(traced & known),
        edges=edges,
        places=len(wanted),
        unbalanced=unbalanced,
        differs=[" ".join(place) for place in sorted(wanted.keys() | booked.keys()) if wanted[place] != booked[place]],
        untraced=sorted(known - traced),
        strange=strange,
        quiet_writes=quiet_writes,
        example=example,
    )
