"""Marketing documents of the emulated company: totals, taxes, drafts, approval, what an invoice books, cancellation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_document_tables import COSTING, OBJECTS
from periferia_link.testing.emulators._sap_journal import Journal
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES, Table

__all__ = ["DOCUMENTS", "Documents"]

_DRAFTS, _INVOICES, _APPROVALS = TABLES["Drafts"], TABLES["Invoices"], TABLES["ApprovalRequests"]
DOCUMENTS = ("Invoices", "Orders")
"""Sets of marketing documents."""

_SETS = {"oInvoices": _INVOICES, "oOrders": TABLES["Orders"]}
_NUMBERS = {member: number for number, member in OBJECTS.items()}
_POSTED = frozenset({"DocumentLines", "DocDate", "CardCode", "DocCurrency", "DocRate", "DocType", "DiscountPercent"})
_HUNDRED = Decimal(100)


@dataclass(slots=True)
class Documents:
    """
    The documents of one company.

    ``needs_approval``: sets whose documents become drafts that somebody must approve (``{"Invoices"}``); the caller is
    told -2028. ``taxes`` are percentages by tax code. ``receivable``, ``revenue`` and ``tax_account`` are the accounts
    of what an invoice books; a line of a service invoice names its own revenue account.
    """

    journal: Journal
    needs_approval: set[str] = field(default_factory=set)
    taxes: dict[str, Decimal] = field(
        default_factory=lambda: {"IVA19": Decimal(19), "IVA5": Decimal(5), "EXE": Decimal(0)}
    )
    receivable: str = "130505"
    revenue: str = "413595"
    tax_account: str = "240805"

    def create(self, table: Table, body: Mapping[str, Any], now: datetime) -> Record:
        """
        Add a document and return it.

        Raises:
            RefusedError: What it names is not there (-2028), a locked period, no lines; also -2028 where an approval
                procedure made a draft of it.
        """
        document = self.calculated(table, body, now)
        self.journal.must_be_open(document["DocDate"])
        if table.name in self.needs_approval:
            waiting = {"AuthorizationStatus": "dasPending", "DocObjectCode": table.defaults["DocObjectCode"]}
            self.journal.wait(document | waiting)
            raise Refusal.REFERENCE.error()
        return self._add(table, document, now)

    def preview(self, table: Table, body: Mapping[str, Any], now: datetime) -> Record:
        """Return the document as it would be added; nothing is saved."""
        return self.journal.company.complete(table, self.calculated(table, body, now))

    def draft(self, body: Mapping[str, Any], now: datetime) -> Record:
        """
        Save a draft and return it; its period may be locked, its client must exist.

        Raises:
            RefusedError: It does not say of what it is a draft, or what it names is not there.
        """
        if OBJECTS.get(body.get("DocObjectCode") or "", body.get("DocObjectCode")) not in _SETS:
            raise Refusal.VALUE.error(value=body.get("DocObjectCode"), name="DocObjectCode")
        document = self.calculated(_DRAFTS, body, now)
        company = self.journal.company
        company.number(_DRAFTS, document)
        return company.store(_DRAFTS, document | {"DocNum": document["DocEntry"], "DataVersion": 1}, now)

    def save_draft(self, number: str, now: datetime) -> Record:
        """
        Make a document of a draft, as the user's "Add" does; the draft stays, closed.

        Raises:
            RefusedError: There is no such draft, it is closed, or its approval is pending or was refused.
        """
        company = self.journal.company
        draft = company.find(_DRAFTS, number)
        if draft is None or draft["DocObjectCode"] not in _SETS:
            raise Refusal.GONE.error(key=number)
        if draft["DocumentStatus"] == "bost_Close" or draft["AuthorizationStatus"] in ("dasPending", "dasRejected"):
            raise Refusal.NOT_SUPPORTED.error()
        return self._generate(draft, now, "dasGenerated")

    def change(self, table: Table, document: Record, body: Mapping[str, Any], now: datetime, *, replaces: bool) -> None:
        """
        Change a draft or an order, or what is still open on a posted invoice.

        Raises:
            RefusedError: -5006, the document is closed, or it is posted and the change concerns its figures.
        """
        company = self.journal.company
        is_posted = table.name == "Invoices"
        if document["DocumentStatus"] == "bost_Close" or (is_posted and _POSTED & body.keys()):
            raise Refusal.NOT_SUPPORTED.error()
        company.change(table, document, body, now, replaces=replaces)
        if not is_posted and _POSTED & body.keys() and document["DocObjectCode"] in _SETS:
            document.update(self._totals(document))

    def cancel(self, number: str, now: datetime) -> Record:
        """
        Cancel an invoice: a cancellation document and a reversed journal entry; both documents are closed.

        Raises:
            RefusedError: It is closed already.
        """
        invoice = self.journal.company.books["Invoices"][number]
        if invoice["DocumentStatus"] == "bost_Close":
            raise Refusal.CANCELLED.error()
        entry = str(invoice["TransNum"])  # what was loaded into the books has none
        reversal = self.journal.cancel(entry, now) if entry != "None" else {"JdtNum": None}
        own = {name: value for name, value in invoice.items() if not name.startswith("U_")}
        for name in ("DocEntry", "DocNum"):
            del own[name]
        closed = {"DocumentStatus": "bost_Close", "CancelStatus": "csCancellation", "TransNum": reversal["JdtNum"]}
        company = self.journal.company
        company.number(_INVOICES, own)
        company.change(_INVOICES, invoice, {"DocumentStatus": "bost_Close", "Cancelled": "tYES"}, now)
        invoice["CancelStatus"] = "csYes"
        return company.store(_INVOICES, own | closed | {"DocNum": own["DocEntry"]}, now)

    # ------------------------------------------------------------------ approval

    def request_approval(self, draft: Record, now: datetime) -> None:
        """Open the request that tells approvers of a draft."""
        company = self.journal.company
        request = {"ObjectType": _NUMBERS[draft["DocObjectCode"]], "DraftEntry": draft["DocEntry"], "OriginatorID": 1}
        company.number(_APPROVALS, request)
        company.store(_APPROVALS, request, now)

    def decide(self, number: str, status: str, now: datetime) -> None:
        """Mark a draft as approved (``dasApproved``) or refused (``dasRejected``) by the approver; it stays a draft."""
        company = self.journal.company
        company.change(_DRAFTS, company.books["Drafts"][number], {"AuthorizationStatus": status}, now)
        answer = {"dasApproved": "arsApproved", "dasRejected": "arsNotApproved"}.get(status, "arsGenerated")
        for key, request in list(company.books["ApprovalRequests"].items()):
            if str(request["DraftEntry"]) == number:
                company.change(_APPROVALS, company.books["ApprovalRequests"][key], {"Status": answer}, now)

    def generate(self, number: str, now: datetime) -> Record:
        """Approve a draft and make the document at once, as an approver may."""
        return self._generate(self.journal.company.books["Drafts"][number], now, "dasGeneratedbyAuthorizer")

    def _generate(self, draft: Record, now: datetime, status: str) -> Record:
        company = self.journal.company
        table = _SETS[draft["DocObjectCode"]]
        self.journal.must_be_open(draft["DocDate"])
        left = {"DocEntry", "DocNum", "AuthorizationStatus", "DocumentStatus"}
        known = company.fields(table) - left
        document = self._add(table, {name: value for name, value in draft.items() if name in known}, now)
        self.decide(str(draft["DocEntry"]), status, now)
        draft["DocumentStatus"] = "bost_Close"
        return document

    # ------------------------------------------------------------------ figures

    def calculated(self, table: Table, body: Mapping[str, Any], now: datetime) -> Record:
        """Return a document with its days, its lines and its totals."""
        company = self.journal.company
        document = company.checked(table, body)
        today = now.date().isoformat()
        document["DocDate"] = document.get("DocDate") or today
        for name in ("DocDueDate", "TaxDate"):
            document[name] = document.get(name) or document["DocDate"]
        client = self.journal.must_exist("BusinessPartners", document.get("CardCode"))
        if client is None:
            raise Refusal.NO_CODE.error(where=f"{table.database}.CardCode")
        document["CardName"] = document.get("CardName") or client["CardName"]
        document["FederalTaxID"] = document.get("FederalTaxID") or client["FederalTaxID"]
        self.journal.must_exist("Projects", document.get("Project"))
        document["DocCurrency"] = document.get("DocCurrency") or self.journal.currency
        return document | self._totals(document)

    def _totals(self, document: Record) -> Record:
        lines = document.get("DocumentLines") or []
        if not lines:
            raise Refusal.NO_LINES.error()
        is_service = document.get("DocType") == "dDocument_Service"
        rate = self._rate(document)
        rows = [self._line(number, line, is_service=is_service, rate=rate) for number, line in enumerate(lines)]
        discount = 1 - Decimal(document.get("DiscountPercent") or 0) / _HUNDRED
        net = [Decimal(row["LineTotal"]) * discount for row in rows]
        tax = self.journal.rounded(
            sum((value * self._tax(row) for value, row in zip(net, rows, strict=True)), Decimal(0))
        )
        total = self.journal.rounded(sum(net, Decimal(0))) + tax
        abroad = {"DocTotalFc": _text(self.journal.rounded(total / rate)), "DocRate": _text(rate)} if rate != 1 else {}
        in_system = _text(self.journal.in_system(total, document["DocDate"]))
        figures = {"DocTotal": _text(total), "VatSum": _text(tax), "DocTotalSys": in_system}
        return {"DocRate": "1", "DocTotalFc": "0", **figures, **abroad, "DocumentLines": rows}

    def _rate(self, document: Record) -> Decimal:
        currency = document.get("DocCurrency") or self.journal.currency
        if currency == self.journal.currency:
            return Decimal(1)
        given = Decimal(document.get("DocRate") or 0)
        if currency not in self.journal.company.books["Currencies"]:
            raise Refusal.REFERENCE.error()
        return given if given not in (0, 1) else self.journal.rate(currency, document["DocDate"])

    def _line(self, number: int, line: Record, *, is_service: bool, rate: Decimal) -> Record:
        """Return a line with its amount in the currency of the books."""
        self.journal.must_cost(line)
        if is_service:
            account = self.journal.must_exist("ChartOfAccounts", line.get("AccountCode"))
            if account is None or account["ActiveAccount"] != "tYES":
                raise Refusal.ACCOUNT.error(key=line.get("AccountCode"))
        elif self.journal.must_exist("Items", line.get("ItemCode")) is None:
            raise Refusal.NO_CODE.error(where="ItemCode")
        if line.get("TaxCode") and line["TaxCode"] not in self.taxes:
            raise Refusal.REFERENCE.error()
        quantity = Decimal(line.get("Quantity") or 1)
        price = Decimal(line.get("UnitPrice") or line.get("Price") or 0)
        if not price and line.get("LineTotal"):
            price = Decimal(line["LineTotal"]) / rate / quantity
        abroad = quantity * price * (1 - Decimal(line.get("DiscountPercent") or 0) / _HUNDRED)
        figures = {"Quantity": quantity, "UnitPrice": price, "Price": price}
        totals = {"LineTotal": self.journal.rounded(abroad * rate), "RowTotalFC": Decimal(0) if rate == 1 else abroad}
        return {"LineNum": number, **line, **{name: _text(value) for name, value in (figures | totals).items()}}

    def _tax(self, line: Record) -> Decimal:
        return self.taxes.get(line.get("TaxCode") or "", Decimal(0)) / _HUNDRED

    # ------------------------------------------------------------------ the book

    def _add(self, table: Table, document: Record, now: datetime) -> Record:
        company = self.journal.company
        record = {name: value for name, value in document.items() if name != "DocEntry"}
        company.number(table, record)
        if company.uniques.clash(table, record, str(record["DocEntry"])):
            raise Refusal.EXISTS.error()
        record |= {"DocNum": record["DocEntry"], "DocObjectCode": table.defaults["DocObjectCode"], "DataVersion": 1}
        if table.name == "Invoices":
            record["TransNum"] = self.journal.enter(self._booked(record), now)["JdtNum"]
        return company.store(table, record, now)

    def _booked(self, invoice: Record) -> Record:
        """Return the journal entry of an invoice: the client owes, revenue of each line, tax."""
        lines = [{"AccountCode": self.receivable, "ShortName": invoice["CardCode"], "Debit": invoice["DocTotal"]}]
        left = Decimal(invoice["DocTotal"]) - Decimal(invoice["VatSum"])
        rows = invoice["DocumentLines"]
        gross = sum((Decimal(row["LineTotal"]) for row in rows), Decimal(0))
        share = left / gross if gross else Decimal(0)
        for place, row in enumerate(rows, 1):
            amount = left if place == len(rows) else self.journal.rounded(Decimal(row["LineTotal"]) * share)
            left -= amount
            costing = {name: row.get(name) for name in ("ProjectCode", *COSTING)}
            lines.append({"AccountCode": row.get("AccountCode") or self.revenue, "Credit": _text(amount)} | costing)
        if Decimal(invoice["VatSum"]):
            lines.append({"AccountCode": self.tax_account, "Credit": invoice["VatSum"]})
        day = invoice["DocDate"]
        whole = [self._entry_line(number, line, day) for number, line in enumerate(lines)]
        dates = {"ReferenceDate": day, "DueDate": invoice["DocDueDate"], "TaxDate": invoice["TaxDate"], "VatDate": day}
        memo = (invoice.get("JournalMemo") or f"A/R Invoices - {invoice['CardCode']}")[:50]
        origin = {"OriginalJournal": "ttARInvoice", "Original": invoice["DocEntry"], "Memo": memo}
        return dates | origin | {"ProjectCode": invoice.get("Project"), "JournalEntryLines": whole}

    def _entry_line(self, number: int, line: Mapping[str, Any], day: str) -> Record:
        whole = {"Line_ID": number, "Debit": "0", "Credit": "0", "ReferenceDate1": day, **line}
        whole["ShortName"] = whole.get("ShortName") or whole["AccountCode"]
        for side in ("Debit", "Credit"):
            whole[f"{side}Sys"] = _text(self.journal.in_system(Decimal(whole[side]), day))
        return whole


def _text(amount: Decimal) -> str:
    return format(amount, "f")
