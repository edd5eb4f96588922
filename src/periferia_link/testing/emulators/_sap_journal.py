"""Journal entries of the emulated company: double entry, references, periods, approval, reversal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_document_tables import COSTING
from periferia_link.testing.emulators._sap_refusals import Refusal, RefusedError
from periferia_link.testing.emulators._sap_tables import TABLES

__all__ = ["Journal"]

_ENTRIES, _DRAFTS = TABLES["JournalEntries"], TABLES["Drafts"]
_CENT = Decimal("0.01")
_RATES = "ORTT"  # a table of the database; it has no entity set
_SIDES = (("Debit", "FCDebit"), ("Credit", "FCCredit"))


@dataclass(slots=True)
class Journal:
    """
    The journal of one company.

    ``approval_required``: a posting becomes a draft and the caller is told -2028, although something was saved.
    ``locked_periods`` are months (``"2026-10"``); ``rates`` are units of ``currency`` for one of a foreign one on days
    for which nobody entered a rate of its own (:meth:`set_rate`); ``decimals`` is the accuracy of totals, to which
    every amount is rounded. ``system_currency`` is the second currency in which SAP keeps all books; without a rate
    for it the amounts in it stay zero.
    """

    company: Company
    currency: str = "COP"
    system_currency: str = ""
    decimals: int = 2
    approval_required: bool = False
    locked_periods: set[str] = field(default_factory=set)
    rates: dict[str, Decimal] = field(default_factory=dict)
    on_draft: Callable[[Record, datetime], None] = lambda draft, now: None  # noqa: ARG005 - nobody listens
    _waiting: list[Record] = field(default_factory=list)

    def post(self, body: Mapping[str, Any], now: datetime) -> Record:
        """
        Post an entry and return it.

        Raises:
            RefusedError: Unknown account, rule or project (-2028), a locked period, an entry that does not balance;
                also -2028 where an approval procedure made a draft of it (:meth:`file_drafts`).
        """
        entry = self.checked(body, now)
        if self.approval_required:
            self.wait(entry)
            raise Refusal.REFERENCE.error()
        return self.enter(entry, now)

    def file_drafts(self, now: datetime) -> None:
        """
        Save the drafts that the request made, whatever became of the rest of it.

        A draft survives the rollback of the change set that asked for it: the worst case that a client can meet.
        """
        for entry in self._waiting:
            draft = {"DocObjectCode": "oJournalEntries", "AuthorizationStatus": "dasPending"} | entry
            self.company.number(_DRAFTS, draft)
            filed = self.company.store(_DRAFTS, draft | {"DocNum": draft["DocEntry"]}, now)
            self.on_draft(filed, now)
        self._waiting.clear()

    def wait(self, document: Record) -> None:
        """Keep a document that needs approval: :meth:`file_drafts` makes a draft of it."""
        self._waiting.append(document)

    def checked(self, body: Mapping[str, Any], now: datetime) -> Record:
        """Return the entry as it would be posted."""
        entry = self.company.checked(_ENTRIES, body)
        today = now.date().isoformat()
        day = entry.setdefault("ReferenceDate", today) or today
        for name in ("DueDate", "TaxDate", "VatDate"):
            entry[name] = entry.get(name) or day
        self.must_be_open(day)
        lines = entry.get("JournalEntryLines") or []
        entry["JournalEntryLines"] = [self._line(n, line, entry) for n, line in enumerate(lines)]
        booked = entry["JournalEntryLines"]
        debit, credit = (sum((Decimal(line[side]) for line in booked), Decimal(0)) for side, _ in _SIDES)
        if debit != credit or not debit:
            raise Refusal.BALANCE.error()
        self.must_exist("Projects", entry.get("ProjectCode"))
        return entry

    def must_be_open(self, day: str) -> None:
        """
        Refuse a day whose posting period is locked.

        Raises:
            RefusedError: -4013.
        """
        if day[:7] in self.locked_periods:
            raise Refusal.PERIOD.error()

    def _line(self, number: int, line: Record, entry: Record) -> Record:
        books = self.company.books
        account = line.get("AccountCode") or line.get("ShortName")
        if account in books["ChartOfAccounts"]:
            if books["ChartOfAccounts"][account]["ActiveAccount"] != "tYES":
                raise Refusal.ACCOUNT.error(key=account)
        elif account not in books["BusinessPartners"]:
            raise Refusal.REFERENCE.error()
        self.must_cost(line)
        amounts = {name: self._amount(line, name, foreign, entry["ReferenceDate"]) for name, foreign in _SIDES}
        if (amounts["Debit"] != 0) == (amounts["Credit"] != 0):
            raise Refusal.BALANCE.error()
        dates = {"DueDate": entry["DueDate"], "TaxDate": entry["TaxDate"], "ReferenceDate1": entry["ReferenceDate"]}
        known = {name: format(value, "f") for name, value in amounts.items()}
        for name in ("Debit", "Credit"):
            known[f"{name}Sys"] = format(self.in_system(amounts[name], entry["ReferenceDate"]), "f")
        return {"Line_ID": number, "ShortName": account, "AccountCode": account} | dates | line | known

    def _amount(self, line: Record, name: str, foreign: str, day: str) -> Decimal:
        """Return the amount in the currency of the books, rounded as the company keeps it."""
        amount = Decimal(line.get(name) or 0)
        currency = line.get("FCCurrency")
        if currency and currency not in self.company.books["Currencies"]:
            raise Refusal.REFERENCE.error()
        if not amount and currency and currency != self.currency:
            abroad = Decimal(line.get(foreign) or 0)
            amount = abroad * self.rate(currency, day) if abroad else abroad
        return self.rounded(amount)

    def rounded(self, amount: Decimal) -> Decimal:
        """Return an amount as exact as the company keeps totals."""
        return amount.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)

    def must_cost(self, line: Mapping[str, Any]) -> None:
        """
        Refuse a line whose project is unknown, or whose costing codes are no rules of their dimension.

        Raises:
            RefusedError: -2028, also for a cost centre that has no rule.
        """
        self.must_exist("Projects", line.get("ProjectCode"))
        for dimension, name in enumerate(COSTING, 1):
            rule = self.must_exist("DistributionRules", line.get(name))
            if rule is not None and int(rule["InWhichDimension"]) != dimension:
                raise Refusal.REFERENCE.error()

    def must_exist(self, table: str, code: str | None) -> Record | None:
        """
        Return the record with that code, or None where there is no code.

        Raises:
            RefusedError: -2028, there is none.
        """
        if not code:
            return None
        record: Record | None = self.company.books[table].get(code)
        if record is None:
            raise Refusal.REFERENCE.error()
        return record

    # ------------------------------------------------------------------ rates of exchange

    def rate(self, currency: str, day: str) -> Decimal:
        """
        Return how many units of the books' currency one of *currency* is on a day.

        Raises:
            RefusedError: -4006, nobody entered a rate.
        """
        entered = self.company.books[_RATES].get(f"{currency} {day}")
        found = Decimal(entered["Rate"]) if entered else self.rates.get(currency)
        if found is None:
            raise Refusal.RATE.error(key=currency)
        return found

    def set_rate(self, currency: str, day: str, rate: Decimal) -> None:
        """
        Enter the rate of a day.

        Raises:
            RefusedError: The currency is not one of the company, or the rate is no rate.
        """
        if currency == self.currency or currency not in self.company.books["Currencies"]:
            raise Refusal.REFERENCE.error()
        if rate <= 0:
            raise Refusal.VALUE.error(value=rate, name="Rate")
        self.company.books[_RATES][f"{currency} {day}"] = {"Currency": currency, "RateDate": day, "Rate": str(rate)}
        self.company.wrote(1)

    def in_system(self, amount: Decimal, day: str) -> Decimal:
        """Return an amount of the books in the system currency; zero where no rate is known."""
        if self.system_currency in ("", self.currency):
            return amount
        try:
            return (amount / self.rate(self.system_currency, day)).quantize(_CENT, ROUND_HALF_UP)
        except RefusedError:
            return Decimal(0)

    # ------------------------------------------------------------------ the book

    def enter(self, entry: Record, now: datetime) -> Record:
        """File an entry that is checked, under the next number."""
        record = dict(entry)
        record.pop("JdtNum", None)
        self.company.number(_ENTRIES, record)
        if self.company.uniques.clash(_ENTRIES, record, str(record["JdtNum"])):
            raise Refusal.EXISTS.error()
        record |= {"Number": record["JdtNum"], "Series": record.get("Series") or 17}
        return self.company.store(_ENTRIES, record, now)

    # ------------------------------------------------------------------ afterwards

    def change(self, entry: Record, body: Mapping[str, Any], now: datetime) -> None:
        """
        Change the header of a posted entry.

        Raises:
            RefusedError: -5006 when lines or dates are touched: what is posted stays.
        """
        if {"JournalEntryLines", "ReferenceDate"} & body.keys():
            raise Refusal.NOT_SUPPORTED.error()
        self.company.change(_ENTRIES, entry, body, now)

    def cancel(self, number: str, now: datetime) -> Record:
        """
        Post the reversal of an entry (storno) and return it; user fields are not copied.

        Raises:
            RefusedError: The entry is not there, is reversed already, or its period is locked.
        """
        entry = self.company.find(_ENTRIES, number)
        if entry is None:
            raise Refusal.GONE.error(key=number)
        if entry["StornoDate"]:
            raise Refusal.CANCELLED.error()
        self.must_be_open(entry["ReferenceDate"])
        lines = [_turned(line) for line in entry["JournalEntryLines"]]
        kept = {name: entry[name] for name in ("ReferenceDate", "DueDate", "TaxDate", "VatDate", "Reference")}
        memo = f"{entry['Memo'] or ''} (Reversal)"[-50:].strip()
        entry["StornoDate"] = entry["ReferenceDate"]
        self.company.wrote(1)
        return self.enter(kept | {"Memo": memo, "Original": entry["JdtNum"], "JournalEntryLines": lines}, now)

    def approve(self, draft: str, now: datetime) -> Record:
        """Turn a draft into a posted entry, as the approver's click does."""
        record = self.company.books["Drafts"][draft]
        kept = {name: value for name, value in record.items() if name in self.company.fields(_ENTRIES)}
        self.company.remove(_DRAFTS, draft)
        return self.enter(kept, now)


def _turned(line: Record) -> Record:
    """Return a line with its sides changed."""
    sides = [
        (f"{before}Debit{after}", f"{before}Credit{after}") for before, after in (("", ""), ("FC", ""), ("", "Sys"))
    ]
    return line | {one: line[other] for pair in sides for one, other in (pair, pair[::-1])}
