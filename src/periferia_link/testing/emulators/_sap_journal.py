"""Journal entries of the emulated company: double entry, references, periods, approval, reversal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES

__all__ = ["Journal"]

_ENTRIES, _DRAFTS = TABLES["JournalEntries"], TABLES["Drafts"]
_SIDES = (("Debit", "FCDebit"), ("Credit", "FCCredit"))


@dataclass(slots=True)
class Journal:
    """
    The journal of one company.

    ``approval_required``: a posting becomes a draft and the caller is told -2028, although something was saved.
    ``locked_periods`` are months (``"2026-10"``); ``rates`` are units of ``currency`` for one of a foreign one;
    ``decimals`` is the accuracy of totals, to which every amount is rounded.
    """

    company: Company
    currency: str = "COP"
    decimals: int = 2
    approval_required: bool = False
    locked_periods: set[str] = field(default_factory=set)
    rates: dict[str, Decimal] = field(default_factory=dict)
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
            self._waiting.append(entry)
            raise Refusal.REFERENCE.error()
        return self._store(entry, now)

    def file_drafts(self, now: datetime) -> None:
        """
        Save the drafts that the request made, whatever became of the rest of it.

        A draft survives the rollback of the change set that asked for it: the worst case that a client can meet.
        """
        for entry in self._waiting:
            number = max((row["DocEntry"] for row in self.company.books["Drafts"].values()), default=0) + 1
            self.company.store(_DRAFTS, entry | {"DocEntry": number}, now)
        self._waiting.clear()

    def checked(self, body: Mapping[str, Any], now: datetime) -> Record:
        """Return the entry as it would be posted."""
        entry = self.company.checked(_ENTRIES, body)
        today = now.date().isoformat()
        day = entry.setdefault("ReferenceDate", today) or today
        for name in ("DueDate", "TaxDate", "VatDate"):
            entry[name] = entry.get(name) or day
        if day[:7] in self.locked_periods:
            raise Refusal.PERIOD.error()
        lines = entry.get("JournalEntryLines") or []
        entry["JournalEntryLines"] = [self._line(n, line, entry) for n, line in enumerate(lines)]
        booked = entry["JournalEntryLines"]
        debit, credit = (sum((Decimal(line[side]) for line in booked), Decimal(0)) for side, _ in _SIDES)
        if debit != credit or not debit:
            raise Refusal.BALANCE.error()
        self._must_exist("Projects", entry.get("ProjectCode"))
        return entry

    def _line(self, number: int, line: Record, entry: Record) -> Record:
        books = self.company.books
        account = line.get("AccountCode") or line.get("ShortName")
        if account in books["ChartOfAccounts"]:
            if books["ChartOfAccounts"][account]["ActiveAccount"] != "tYES":
                raise Refusal.ACCOUNT.error(key=account)
        elif account not in books["BusinessPartners"]:
            raise Refusal.REFERENCE.error()
        self._must_exist("Projects", line.get("ProjectCode"))
        for dimension in range(1, 6):
            code = line.get("CostingCode" + (str(dimension) if dimension > 1 else ""))
            rule = self._must_exist("DistributionRules", code)
            if rule is not None and int(rule["InWhichDimension"]) != dimension:
                raise Refusal.REFERENCE.error()
        amounts = {name: self._amount(line, name, foreign) for name, foreign in _SIDES}
        if (amounts["Debit"] != 0) == (amounts["Credit"] != 0):
            raise Refusal.BALANCE.error()
        dates = {"DueDate": entry["DueDate"], "TaxDate": entry["TaxDate"], "ReferenceDate1": entry["ReferenceDate"]}
        known = {name: format(value, "f") for name, value in amounts.items()}
        return {"Line_ID": number, "ShortName": account, "AccountCode": account} | dates | line | known

    def _amount(self, line: Record, name: str, foreign: str) -> Decimal:
        """Return the amount in the currency of the books, rounded as the company keeps it."""
        amount = Decimal(line.get(name) or 0)
        currency = line.get("FCCurrency")
        if not amount and currency and currency != self.currency:
            abroad = Decimal(line.get(foreign) or 0)
            if abroad and currency not in self.rates:
                raise Refusal.RATE.error(key=currency)
            amount = abroad * self.rates.get(currency, Decimal(0))
        return amount.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)

    def _must_exist(self, table: str, code: str | None) -> Record | None:
        if not code:
            return None
        record: Record | None = self.company.books[table].get(code)
        if record is None:
            raise Refusal.REFERENCE.error()
        return record

    def _store(self, entry: Record, now: datetime) -> Record:
        record = dict(entry)
        record.pop("JdtNum", None)
        self.company.number(_ENTRIES, record)
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
        if entry["ReferenceDate"][:7] in self.locked_periods:
            raise Refusal.PERIOD.error()
        lines = [line | {"Debit": line["Credit"], "Credit": line["Debit"]} for line in entry["JournalEntryLines"]]
        kept = {name: entry[name] for name in ("ReferenceDate", "DueDate", "TaxDate", "VatDate", "Reference")}
        memo = f"{entry['Memo'] or ''} (Reversal)"[-50:].strip()
        entry["StornoDate"] = entry["ReferenceDate"]
        self.company.wrote(1)
        return self._store(kept | {"Memo": memo, "Original": entry["JdtNum"], "JournalEntryLines": lines}, now)

    def approve(self, draft: str, now: datetime) -> Record:
        """Turn a draft into a posted entry, as the approver's click does."""
        record = dict(self.company.books["Drafts"][draft])
        self.company.remove(_DRAFTS, draft)
        for name in ("DocEntry", "DocObjectCode", "AuthorizationStatus", "DataVersion"):
            del record[name]
        return self._store(record, now)

    def reject(self, draft: str, now: datetime) -> None:
        """Mark a draft as refused by the approver; it stays in the list."""
        self.company.change(_DRAFTS, self.company.books["Drafts"][draft], {"AuthorizationStatus": "dasRejected"}, now)
