"""A small company, made from a seed: what people entered, and what the books must hold because of it."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from periferia_link.domain._tax_id import nit_check_digit

__all__ = ["Account", "Deal", "Group", "Log", "SmallCompany"]

Group = tuple[str, str, str]
"""Project, cost centre, day: what one posting is about."""

MONDAY = date(2026, 11, 16)
_CENT = Decimal("0.01")
_NAMES = ["Acerías del Norte", "Banco Andino", "Café de Origen", "Droguerías La 14", "Energía del Valle", "Frutas Sol"]
_CITIES = ["Bogotá", "Medellín", "Cali", "Pereira", "Tunja"]


@dataclass
class Account:
    """A client as the CRM has it; ``code`` is the partner that must stand for it in the ERP."""

    id: str
    name: str
    nit: str
    city: str
    email: str
    code: str
    by_hand: bool = False  # somebody opened the partner in the ERP long ago


@dataclass
class Deal:
    """A sale; a won one must be a project."""

    id: str
    number: str
    name: str
    account: str
    is_won: bool
    closed_on: date


@dataclass
class Log:
    """Hours that somebody entered; they count once they are approved and not deleted."""

    id: str
    person: str
    project: str
    centre: str | None
    day: date
    hours: Decimal
    is_approved: bool = True
    is_deleted: bool = False


@dataclass
class SmallCompany:
    """
    The truth that the books are compared with; it knows neither connectors nor engine.

    ``rates`` are the costs of an hour: employee → day from which it is valid → pesos. ``home`` is the cost centre of
    an employee, ``rules`` the distribution rule of a centre.
    """

    seed: int
    accounts: dict[str, Account] = field(default_factory=dict)
    deals: dict[str, Deal] = field(default_factory=dict)
    logs: dict[str, Log] = field(default_factory=dict)
    rates: dict[str, dict[date, Decimal]] = field(default_factory=dict)
    home: dict[str, str] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=lambda: {"SOFT": "SOFT", "TEST": "R-9"})
    postings: dict[Group, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def founded(cls, seed: int, *, accounts: int = 4, logs: int = 11, by_hand: int = 1) -> SmallCompany:
        """Make the company as it is before the first run."""
        company = cls(seed)
        chance = company.chance("founded")
        for number in range(3):
            company.home[f"E-100{number}"] = chance.choice(["SOFT", "TEST"])
            company.rates[f"E-100{number}"] = {date(2026, 1, 1): company.any_rate(chance)}
        company.rates["E-1000"][MONDAY + timedelta(days=1)] = company.any_rate(chance)
        for number in range(accounts):
            company.add_account(chance, by_hand=number >= accounts - by_hand)
            company.add_deal(chance, is_won=number != 1)
        for number in range(logs):
            company.add_log(chance, is_approved=number != 3)
        company.count_postings({})
        return company

    def chance(self, what: str) -> random.Random:
        """Return dice of its own for one purpose: what is added later does not move what was there."""
        return random.Random(f"{self.seed} {what}")

    @staticmethod
    def any_rate(chance: random.Random) -> Decimal:
        """Return an hourly rate whose products need rounding."""
        return Decimal(chance.randrange(28_000_000_000, 95_000_000_000)) / 1_000_000

    # ------------------------------------------------------------------ what people add

    def add_account(self, chance: random.Random, *, by_hand: bool = False) -> Account:
        """Add a client with a NIT of its own."""
        number = len(self.accounts)
        body = str(900_100_000 + self.seed * 100 + number)
        nit = body + nit_check_digit(body)
        name = f"{_NAMES[number % len(_NAMES)]} {self.seed}-{number} SAS"
        account = Account(
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            name,
            nit,
            chance.choice(_CITIES),
            f"compras{number}@example.com",
            f"H{number:04}" if by_hand else f"C{nit}",
            by_hand,
        )
        self.accounts[account.id] = account
        return account

    def add_deal(self, chance: random.Random, *, is_won: bool, account: str | None = None) -> Deal:
        """Add a sale to the newest client, or to the one given."""
        number = len(self.deals)
        deal = Deal(
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            f"PRY-{number + 1}",
            f"Proyecto {number + 1} de {self.seed}",
            account or list(self.accounts)[-1],
            is_won,
            MONDAY - timedelta(days=10 + number),
        )
        self.deals[deal.id] = deal
        return deal

    def add_log(self, chance: random.Random, *, project: str | None = None, is_approved: bool = True) -> Log:
        """Add hours on a won sale."""
        won = [deal.number for deal in self.deals.values() if deal.is_won]
        log = Log(
            f"wl-{len(self.logs) + 1:04}",
            chance.choice(sorted(self.home)),
            project or chance.choice(won),
            chance.choice([None, None, "SOFT", "TEST"]),
            MONDAY + timedelta(days=chance.randrange(3)),
            Decimal(chance.randrange(25, 900)) / 100,
            is_approved,
        )
        self.logs[log.id] = log
        return log

    # ------------------------------------------------------------------ what the books must hold

    def group_of(self, log: Log) -> Group:
        """Return which posting hours belong to."""
        return (log.project, log.centre or self.home[log.person], log.day.isoformat())

    def cost_of(self, log: Log) -> Decimal:
        """Return hours × the rate of that day, to the cent, half up."""
        since = max(day for day in self.rates[log.person] if day <= log.day)
        return (log.hours * self.rates[log.person][since]).quantize(_CENT, ROUND_HALF_UP)

    def counting(self) -> list[Log]:
        """Return the hours that count."""
        return [log for log in self.logs.values() if log.is_approved and not log.is_deleted]

    def booked(self) -> dict[Group, Decimal]:
        """Return what must be booked for each project, centre and day."""
        sums: dict[Group, Decimal] = defaultdict(Decimal)
        for log in self.counting():
            sums[self.group_of(log)] += self.cost_of(log)
        return {group: amount for group, amount in sums.items() if amount}

    def count_postings(self, before: dict[Group, Decimal]) -> None:
        """Note that every group whose sum is no longer what it was needs one posting more."""
        now = self.booked()
        for group in before.keys() | now.keys():
            if before.get(group, Decimal(0)) != now.get(group, Decimal(0)):
                self.postings[group] += 1
