"""Documents of FI in the stand-in: check, post, take back."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from periferia_link.testing.emulators._rfc_books import Document, FiCoBooks, Item, Row, message, posted_messages
from periferia_link.testing.emulators._rfc_work import Answer, Work

__all__ = ["check_document", "check_reversal", "period_reasons", "post_document", "post_reversal"]

_TOO_LARGE = Decimal(10) ** 11  # the number of its message, RW/029, is assumed
_REFUSED = {"OBJ_TYPE": "BKPFF", "OBJ_KEY": "$", "OBJ_SYS": "PLKCLNT100"}


def check_document(work: Work, told: Row) -> Answer:
    """Look at a document without posting it."""
    reasons = _reasons(work.books, told)
    if reasons:
        return {**_REFUSED, "RETURN": posted_messages(reasons)}
    return {**_REFUSED, "RETURN": [message("S", "RW/614", "Document check - no errors: BKPFF $ PLKCLNT100")]}


def post_document(work: Work, told: Row) -> Answer:
    """Post a document: it has a number now, and is in the books after the commit."""
    reasons = _reasons(work.books, told)
    if reasons:
        return {**_REFUSED, "RETURN": posted_messages(reasons)}
    header = told["DOCUMENTHEADER"]
    return _posted(work, _document(work.books, header, _items(work.books, told)))


def _posted(work: Work, document: Document) -> Answer:
    def write(books: FiCoBooks) -> None:
        books.documents[document.key] = document

    work.hold(write)
    values = (document.key, "BKPFF", "PLKCLNT100")
    done = message("S", "RW/605", f"Document posted successfully: BKPFF {document.key} PLKCLNT100", values=values)
    return {"OBJ_TYPE": "BKPFF", "OBJ_KEY": document.key, "OBJ_SYS": "PLKCLNT100", "RETURN": [done]}


def _document(books: FiCoBooks, header: Row, items: list[tuple[Item, str]]) -> Document:
    return Document(
        company=header["COMP_CODE"],
        number=f"{books.draw('FI', 100_000_000):010}",
        year=header["PSTNG_DATE"][:4],
        posted_on=header["PSTNG_DATE"],
        currency=items[0][1],
        local_currency=books.currency,
        reference=header["REF_DOC_NO"],
        text=header["HEADER_TXT"],
        type=header["DOC_TYPE"] or "SA",
        user=header["USERNAME"],
        items=[item for item, _ in items],
    )


def _items(books: FiCoBooks, told: Row) -> list[tuple[Item, str]]:
    """Return the lines with their currency."""
    amounts = {(row["ITEMNO_ACC"], row["CURR_TYPE"] or "00"): row for row in told["CURRENCYAMOUNT"]}
    found = []
    for row in told["ACCOUNTGL"]:
        told_amount = amounts[row["ITEMNO_ACC"], "00"]
        local = amounts.get((row["ITEMNO_ACC"], "10"))
        amount: Decimal = told_amount["AMT_DOCCUR"]
        item = Item(
            account=row["GL_ACCOUNT"],
            amount=amount,
            local=local["AMT_DOCCUR"] if local else _in_books(books, told_amount),
            centre=row["COSTCENTER"],
            order=row["ORDERID"],
            text=row["ITEM_TEXT"],
            assignment=row["ALLOC_NMBR"],
        )
        found.append((item, told_amount["CURRENCY"]))
    if found:
        # what rounding line by line leaves over goes to the last line, as SAP's own difference does
        found[-1][0].local -= sum((item.local for item, _ in found), Decimal(0))
    return found


def _in_books(books: FiCoBooks, row: Row) -> Decimal:
    """Return an amount in the currency of the books."""
    amount: Decimal = row["AMT_DOCCUR"]
    if row["CURRENCY"] == books.currency:
        return amount
    rate = row["EXCH_RATE"] or books.rates.get(row["CURRENCY"], Decimal(0))
    return (amount * rate).quantize(Decimal((0, (1,), -books.digits(books.currency))), ROUND_HALF_UP)


# ---------------------------------------------------------------------- what is refused


def _reasons(books: FiCoBooks, told: Row) -> list[Row]:
    header = told["DOCUMENTHEADER"]
    reasons = [*_header_reasons(books, header)]
    if len(told["ACCOUNTGL"]) < 2:
        reasons.append(message("E", "F5/166", "Enter at least two line items", parameter="ACCOUNTGL"))
    seen = {(row["ITEMNO_ACC"], row["CURR_TYPE"] or "00") for row in told["CURRENCYAMOUNT"]}
    for place, row in enumerate(told["ACCOUNTGL"], start=1):
        if (row["ITEMNO_ACC"], "00") not in seen:
            text = f"No amount was supplied for item {row['ITEMNO_ACC']}"
            reasons.append(message("E", "F5/167", text, parameter="CURRENCYAMOUNT", row=place))
        reasons += [{**reason, "PARAMETER": "ACCOUNTGL", "ROW": place} for reason in _line_reasons(books, row)]
    return [*reasons, *_amount_reasons(books, told)]


def _header_reasons(books: FiCoBooks, header: Row) -> list[Row]:
    reasons = []
    if header["COMP_CODE"] != books.company:
        text = f"Company code {header['COMP_CODE']} is not defined"
        reasons.append(message("E", "F5/165", text, parameter="DOCUMENTHEADER", field="COMP_CODE"))
    if not header["USERNAME"] or not header["BUS_ACT"]:
        reasons.append(message("E", "RW/023", "User name or business transaction is missing"))
    return reasons + period_reasons(books, header["PSTNG_DATE"])


def period_reasons(books: FiCoBooks, day: str) -> list[Row]:
    """Return why nothing is posted on a day: none, or the period is closed."""
    if not day:
        return [message("E", "F5/117", "Enter a posting date", parameter="DOCUMENTHEADER", field="PSTNG_DATE")]
    if f"{day[:4]}-{day[4:6]}" in books.closed:
        text = f"Posting period {day[4:6]} {day[:4]} is not open"
        return [message("E", "F5/201", text, values=(day[4:6], day[:4]))]
    return []


def _line_reasons(books: FiCoBooks, row: Row) -> list[Row]:
    reasons = []
    if row["GL_ACCOUNT"] not in books.accounts:
        text = f"G/L account {row['GL_ACCOUNT']} is not defined in chart of accounts PERI"
        reasons.append(message("E", "F5/506", text, field="GL_ACCOUNT"))
    if row["COSTCENTER"] and row["COSTCENTER"] not in books.centres:
        text = f"Cost center {books.area}/{row['COSTCENTER']} does not exist"
        reasons.append(message("E", "KI/235", text, field="COSTCENTER"))
    order = books.orders.get(row["ORDERID"])
    if row["ORDERID"] and order is None:
        reasons.append(message("E", "KI/238", f"Order {row['ORDERID']} does not exist", field="ORDERID"))
    elif order is not None and order["status"] != "I0002":
        reasons.append(message("E", "BS/007", f"Order {row['ORDERID']} is closed for postings", field="ORDERID"))
    return reasons


def _amount_reasons(books: FiCoBooks, told: Row) -> list[Row]:
    reasons = []
    sums: dict[tuple[str, str], Decimal] = {}
    for row in told["CURRENCYAMOUNT"]:
        key = (row["CURR_TYPE"] or "00", row["CURRENCY"])
        sums[key] = sums.get(key, Decimal(0)) + row["AMT_DOCCUR"]
        digits = books.digits(row["CURRENCY"])
        if row["AMT_DOCCUR"] != row["AMT_DOCCUR"].quantize(Decimal((0, (1,), -digits)), ROUND_HALF_UP):
            text = f"Amount has more decimals than currency {row['CURRENCY']}"
            reasons.append(message("E", "RW/028", text, parameter="CURRENCYAMOUNT"))
        pair = ((row["AMT_DOCCUR"], row["CURRENCY"]), (_in_books(books, row), books.currency))
        if not all(_fits(books, amount, currency) for amount, currency in pair):
            text = f"Amount in {row['CURRENCY']} is too large"
            reasons.append(message("E", "RW/029", text, parameter="CURRENCYAMOUNT"))
        is_local = row["CURRENCY"] == books.currency or row["EXCH_RATE"] or row["CURRENCY"] in books.rates
        if not is_local and key[0] == "00" and not _is_told(told, row["ITEMNO_ACC"]):
            text = f"Enter rate {row['CURRENCY']} / {books.currency} rate type M"
            reasons.append(message("E", "SG/105", text, values=(row["CURRENCY"], books.currency)))
    for (_, currency), total in sums.items():
        if total:
            text = f"Balance in transaction currency: {total} {currency}"
            reasons.append(message("E", "F5/702", text, values=(str(total), currency)))
    if len({currency for (kind, currency) in sums if kind == "00"}) > 1:
        reasons.append(message("E", "RW/024", "Only one transaction currency per document"))
    return reasons


def _fits(books: FiCoBooks, amount: Decimal, currency: str) -> bool:
    """Whether an amount fits into WRBTR and DMBTR: 13 digits, two of them kept as decimals whatever the currency."""
    return abs(amount).scaleb(books.digits(currency) - 2) < _TOO_LARGE


def _is_told(told: Row, item: str) -> bool:
    return any(row["ITEMNO_ACC"] == item and row["CURR_TYPE"] == "10" for row in told["CURRENCYAMOUNT"])


# ---------------------------------------------------------------------- taking back


def check_reversal(work: Work, told: Row) -> Answer:
    """Look whether a document can be taken back."""
    reasons = _reversal_reasons(work.books, told["REVERSAL"])
    if reasons:
        return {**_REFUSED, "RETURN": posted_messages(reasons)}
    return {**_REFUSED, "RETURN": [message("S", "RW/614", "Document check - no errors")]}


def post_reversal(work: Work, told: Row) -> Answer:
    """Take a document back: the other way round, with the same reference, each naming the other."""
    asked = told["REVERSAL"]
    reasons = _reversal_reasons(work.books, asked)
    if reasons:
        return {**_REFUSED, "RETURN": posted_messages(reasons)}
    taken = work.books.documents[asked["OBJ_KEY"]]
    header: dict[str, Any] = {
        "COMP_CODE": taken.company,
        "PSTNG_DATE": asked["PSTNG_DATE"] or taken.posted_on,
        "REF_DOC_NO": taken.reference,
        "HEADER_TXT": taken.text,
        "DOC_TYPE": taken.type,
        "USERNAME": taken.user,
    }
    mirrored = [
        (
            Item(item.account, -item.amount, -item.local, item.centre, item.order, item.text, item.assignment),
            taken.currency,
        )
        for item in taken.items
    ]
    document = _document(work.books, header, mirrored)
    document.reversed_by, document.reversal = taken.number, "2"

    def mark(books: FiCoBooks) -> None:
        held = books.documents[taken.key]
        held.reversed_by, held.reversal = document.number, "1"

    work.hold(mark)
    return _posted(work, document)


def _reversal_reasons(books: FiCoBooks, asked: Row) -> list[Row]:
    document = books.documents.get(asked["OBJ_KEY"])
    if document is None or asked["OBJ_TYPE"] != "BKPFF":
        return [message("E", "RW/626", f"No document found for {asked['OBJ_KEY']}")]
    if document.reversed_by:
        text = f"Document {document.number} was already reversed with {document.reversed_by}"
        return [message("E", "F5/361", text)]
    if not asked["REASON_REV"]:
        return [message("E", "F5/117", "Enter a reason for reversal", field="REASON_REV")]
    return period_reasons(books, asked["PSTNG_DATE"] or document.posted_on)
