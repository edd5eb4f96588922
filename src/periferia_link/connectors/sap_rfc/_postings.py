"""Cost entries to BAPI_ACC_DOCUMENT_POST: pure functions from the domain to its structures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from periferia_link.connectors.sap_rfc._fields import Books
from periferia_link.connectors.sap_rfc._limits import Limits
from periferia_link.connectors.sap_rfc._values import inner, plain, short_key
from periferia_link.domain import CostEntry, CostLine
from periferia_link.errors import RecordInvalidError

__all__ = ["HEADER_CHARACTERS", "REFERENCE_CHARACTERS", "posting_to_wire"]

HEADER_CHARACTERS, REFERENCE_CHARACTERS = 25, 18


def posting_to_wire(
    entry: CostEntry, create_key: str, books: Books, limits: Limits, decimals_of: Callable[[str], int]
) -> dict[str, Any]:
    """
    Return the parameters of the posting: header, lines and amounts, joined by the number of the item.

    Two texts are for people alone and are shortened here, by a rule that is told: the header shows the first 25
    characters of the memo, the whole of which then stands on the lines that have none of their own; the assignment of
    the lines shows the first 18 of the reference. Everything else fits or is refused.

    Args:
        entry: What to post.

        create_key: Our key, which goes into the reference number (BKPF-XBLNR).

        books: Whose books.

        limits: Room of the fields.

        decimals_of: Decimals that SAP keeps for a currency.

    Raises:
        RecordInvalidError: A value does not fit, or the posting belongs to another company.
    """
    if entry.company is not None and entry.company != books.company_code:
        msg = f"the posting is for company {entry.company}, this system posts into {books.company_code}"
        raise RecordInvalidError(msg, hint="name one system for each company, and let the flow route")
    memo = entry.memo or ""
    header = {
        "BUS_ACT": "RFBU",
        "USERNAME": books.user.upper(),
        "HEADER_TXT": memo[:HEADER_CHARACTERS].rstrip(),
        "COMP_CODE": books.company_code,
        "DOC_DATE": entry.posted_on,
        "PSTNG_DATE": entry.posted_on,
        "TRANS_DATE": _translated_on(entry),
        "DOC_TYPE": books.document_type,
        "REF_DOC_NO": short_key(create_key),
    }
    shared = {
        "ITEM_TEXT": memo if len(memo) > HEADER_CHARACTERS else None,
        "ALLOC_NMBR": (entry.reference or "")[:REFERENCE_CHARACTERS].rstrip(),
    }
    lines: list[dict[str, Any]] = []
    amounts: list[dict[str, Any]] = []
    for number, line in enumerate(entry.lines, start=1):
        where = f"line {number}: "
        values = shared | {name: value for name, value in _line(line, number, where).items() if value is not None}
        lines.append(limits.fitted("BAPIACGL09", values, where=where))
        rows = _amounts(entry, line, number, decimals_of, where)
        amounts += [limits.fitted("BAPIACCR09", row, where=where) for row in rows]
    return {
        "DOCUMENTHEADER": limits.fitted("BAPIACHE09", header),
        "ACCOUNTGL": lines,
        "CURRENCYAMOUNT": amounts,
    }


def _translated_on(entry: CostEntry) -> date | None:
    return entry.exchange.on if entry.exchange is not None else None


def _line(line: CostLine, number: int, where: str) -> dict[str, Any]:
    if line.dimensions:
        msg = f"{where}FI/CO has no dimensions beside centre and order"
        raise RecordInvalidError(msg, hint="take dimensions out of the options of the flow for this company")
    return {
        "ITEMNO_ACC": number,
        "GL_ACCOUNT": inner(plain(line.account, where=where), 10),
        "ITEM_TEXT": line.memo,
        # a centre is its own rule here: flows that set the rule alone mean the centre
        "COSTCENTER": inner(line.cost_centre or line.distribution_rule, 10),
        # a true order takes the cost, the centre is then told for statistics
        "ORDERID": inner(line.internal_order or line.project, 12),
    }


def _amounts(
    entry: CostEntry, line: CostLine, number: int, decimals_of: Callable[[str], int], where: str
) -> list[dict[str, Any]]:
    """Return the signed amounts of a line: type 00 in the currency of the document, 10 in that of the books."""
    told = [("00", entry.currency, line.debit - line.credit)]
    local = (line.local_debit or Decimal(0)) - (line.local_credit or Decimal(0))
    if entry.local_currency is not None and entry.local_currency != entry.currency and local:
        told.append(("10", entry.local_currency, local))
    rows: list[dict[str, Any]] = []
    for currency_type, currency, amount in told:
        decimals = decimals_of(currency)
        if amount != amount.quantize(Decimal((0, (1,), -decimals))):
            msg = f"{where}an amount in {currency} has more than the {decimals} decimals that SAP keeps"
            raise RecordInvalidError(msg, hint="set decimals in the flow to those of SAP (TCURX)")
        row = {"ITEMNO_ACC": number, "CURR_TYPE": currency_type, "CURRENCY": currency, "AMT_DOCCUR": amount}
        rows.append(row)
    if len(rows) == 1 and entry.exchange is not None:
        rows[0]["EXCH_RATE"] = entry.exchange.factor
    return rows
