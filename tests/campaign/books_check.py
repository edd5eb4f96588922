"""Do the books hold what people entered, once each? Reads the systems' own books, the truth, and the ledger's open ends."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from campaign.crash_chain import CREDIT, DEBIT, World
from campaign.small_company import Group
from periferia_link.domain import Ref
from periferia_link.ledger import SqliteLedger

__all__ = ["Findings", "check", "check_books"]


@dataclass
class Findings:
    """What is wrong, in sentences; a healthy world has none. ``extra`` are the records that stand there too often."""

    extra: int = 0
    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    amounts: list[str] = field(default_factory=list)
    idle_writes: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    untraceable: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Return every sentence."""
        return [f"{name}: {text}" for name, texts in vars(self).items() if name != "extra" for text in texts]


def check(world: World, ledger: Path) -> Findings:
    """Compare the books of the systems with the truth, and look for open ends in the ledger."""
    found = check_books(world)
    _open_ends(ledger, found)
    _traces(world, ledger, found)
    return found


def check_books(world: World) -> Findings:
    """Compare the books of the systems with the truth, without a ledger."""
    found = Findings()
    _partners(world, found)
    _projects(world, found)
    _postings(world, found)
    return found


def _twice(found: Findings, what: str, values: list[Any]) -> None:
    for value, times in Counter(values).items():
        if times > 1:
            found.duplicates += [f"{what} {value} stands {times} times"] * (times - 1)


def _partners(world: World, found: Findings) -> None:
    rows = list(world.erp.books["BusinessPartners"].values())
    found.extra += max(0, len(rows) - len(world.truth.accounts))
    _twice(found, "partner key", [row["U_PL_Key"] for row in rows if row["U_PL_Key"]])
    _twice(found, "tax id", [_digits(row["FederalTaxID"]) for row in rows])
    _twice(found, "partner name", [row["CardName"] for row in rows])
    held = {row["CardCode"]: row for row in rows}
    for account in world.truth.accounts.values():
        row = held.pop(account.code, None)
        if row is None:
            found.losses.append(f"partner {account.code} of {account.name}")
            continue
        wanted: dict[str, str | None] = {"CardName": account.name, "City": account.city, "EmailAddress": account.email}
        if account.by_hand and (not world.changed or (not world.is_exact and row["City"] is None)):
            wanted = {"CardName": account.name}  # what was adopted stays as it is until the CRM changes
        wanted |= {"Notes": world.notes.get(account.code)}
        found.losses += [
            f"{name} of partner {account.code} is {row[name]!r}, not {value!r}"
            for name, value in wanted.items()
            if row[name] != value
        ]
        if _digits(row["FederalTaxID"]) != account.nit:
            found.losses.append(f"tax id of partner {account.code}")
    found.duplicates += [f"partner {code} that nobody entered" for code in held]


def _projects(world: World, found: Findings) -> None:
    rows = list(world.erp.books["Projects"].values())
    found.extra += max(0, len(rows) - sum(deal.is_won for deal in world.truth.deals.values()))
    _twice(found, "project key", [row["U_PL_Key"] for row in rows if row["U_PL_Key"]])
    _twice(found, "project name", [row["Name"] for row in rows])
    held = {row["Code"]: row for row in rows}
    for deal in world.truth.deals.values():
        row = held.pop(deal.number, None) if deal.is_won else None
        if deal.is_won and row is None:
            found.losses.append(f"project {deal.number}")
        elif row is not None and (row["Name"], row["ValidFrom"]) != (deal.name, deal.closed_on.isoformat()):
            found.losses.append(f"project {deal.number} is {row['Name']!r} from {row['ValidFrom']}")
    found.duplicates += [f"project {code} that nobody sold" for code in held]


def _postings(world: World, found: Findings) -> None:
    entries = list(world.erp.books["JournalEntries"].values())
    _twice(found, "posting key", [entry["U_PL_Key"] for entry in entries])
    marks = {row["Name"] for row in world.erp.books["U_PL_SYNC"].values()}
    keys = {entry["U_PL_Key"] for entry in entries}
    if world.options.marker == "table" and not world.options.approvals and marks != keys:
        found.losses.append(f"{len(marks)} markers for {len(keys)} postings")
    booked: dict[Group, Decimal] = defaultdict(Decimal)
    times: dict[Group, int] = defaultdict(int)
    for entry in entries:
        group, amount = group_of(world, entry)
        booked[group] += amount
        times[group] += 1
        _balance(entry, found)
    for group, most in world.truth.postings.items():
        found.duplicates += [f"posting of {group}"] * max(0, times[group] - most)
        found.extra += max(0, times[group] - most)
        if times[group] < most and world.is_exact:
            found.losses.append(f"{times[group]} postings of {group}, {most} expected")
    found.duplicates += [
        f"posting of {group}, where nobody worked" for group in times.keys() - world.truth.postings.keys()
    ]
    wanted = world.truth.booked()
    for group in booked.keys() | wanted.keys():
        if booked.get(group, Decimal(0)) != wanted.get(group, Decimal(0)):
            found.amounts.append(f"{group}: {booked.get(group)} is booked, hours × rate is {wanted.get(group)}")


def group_of(world: World, entry: dict[str, Any]) -> tuple[Group, Decimal]:
    """Return what an entry is about, and how much it moves onto the account of labour."""
    centres = {rule: centre for centre, rule in world.truth.rules.items()}
    line = next(line for line in entry["JournalEntryLines"] if line["AccountCode"] == DEBIT)
    group = (line["ProjectCode"], centres[line["CostingCode"]], entry["ReferenceDate"])
    return group, Decimal(line["Debit"]) - Decimal(line["Credit"])


def _balance(entry: dict[str, Any], found: Findings) -> None:
    lines = entry["JournalEntryLines"]
    debit, credit = (sum((Decimal(line[side]) for line in lines), Decimal(0)) for side in ("Debit", "Credit"))
    accounts = sorted(line["AccountCode"] for line in lines)
    if debit != credit or not debit or accounts != sorted([DEBIT, CREDIT]):
        found.unbalanced.append(f"entry {entry['JdtNum']}: {debit} and {credit} on {accounts}")


def _open_ends(path: Path, found: Findings) -> None:
    """Look into the file itself: operations, intents, parked records, reviews."""
    connection = sqlite3.connect(path)
    try:
        for table in ("operation", "request", "parked", "review"):
            number = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            if number:
                found.left_open.append(f"{number} rows of {table}")
        waiting = connection.execute("SELECT count(*) FROM record WHERE dirty").fetchone()[0]
        if waiting:
            found.left_open.append(f"{waiting} records are marked dirty")
    finally:
        connection.close()


def _traces(world: World, path: Path, found: Findings) -> None:
    """Every record leads to its source, every posting to hours of its group, and all hours that count are covered."""
    with SqliteLedger.open(path) as ledger:
        found.left_open += [f"the ledger is damaged: {text}" for text in ledger.verify()]
        for account in world.truth.accounts.values():
            twins = ledger.links.twin(Ref("crm", "Client", account.id), "erp", "Client")
            if twins != [Ref("erp", "Client", account.code)]:
                found.untraceable.append(f"client {account.name}: {twins}")
        for deal in world.truth.deals.values():
            twins = ledger.links.twin(Ref("crm", "Opportunity", deal.id), "erp", "Project")
            if deal.is_won and twins != [Ref("erp", "Project", deal.number)]:
                found.untraceable.append(f"project {deal.number}: {twins}")
        covered: dict[str, set[Group]] = defaultdict(set)
        for entry in world.erp.books["JournalEntries"].values():
            group, _ = group_of(world, entry)
            edges = ledger.links.edges_of(Ref("erp", "CostEntry", str(entry["JdtNum"])))
            logs = [to for _, relation, to in edges if relation == "made from"]
            if not logs or any(log.id not in world.truth.logs for log in logs):
                found.untraceable.append(f"entry {entry['JdtNum']} of {group}: {logs}")
            for log in logs:
                covered[log.id].add(group)
    for counted in world.truth.counting():
        group = world.truth.group_of(counted)
        if group not in covered[counted.id]:
            found.untraceable.append(f"hours {counted.id} lead to no posting of {group}")


def _digits(text: str | None) -> str:
    return "".join(letter for letter in text or "" if letter.isdigit())
