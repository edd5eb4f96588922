"""
Invoices and the drafts that propose them; pure.

A document of SAP has either items (quantity and price) or services (an amount on an account). A line without an item
is of the second kind: its amount is quantity times price, and both stand in the free text of the line, from where they
are read back while they still explain the amount.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timezone, tzinfo
from decimal import Decimal
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._columns import custom_columns, given_fields
from periferia_link.connectors.sap_business_one.kinds._cost_entry import COSTING, costing_column
from periferia_link.connectors.sap_business_one.kinds._document import DRAFT, invoice_key, version_of
from periferia_link.connectors.sap_business_one.kinds._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import (
    amount,
    checked_amount,
    checked_text,
    currency,
    day,
    instant,
)
from periferia_link.domain import Invoice, InvoiceLine, Money, Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["INVOICE_FIELDS", "invoice_from_wire", "invoice_to_wire"]

INVOICE_FIELDS = frozenset({"client", "currency", "project", "posted_on", "due_on", "reference", "lines", "custom"})
"""Fields that travel to SAP; it numbers documents itself."""

_STATES = {
    "dasWithout": "draft",
    "dasPending": "pending",
    "dasApproved": "approved",
    "dasRejected": "rejected",
    "dasGenerated": "approved",
    "dasGeneratedbyAuthorizer": "approved",
    "dasCancelled": "cancelled",
}
_PRICED = re.compile(r"(?P<quantity>\d{1,12}(?:\.\d{1,6})?) × (?P<price>\d{1,15}(?:\.\d{1,6})?)")
_PRICE_DECIMALS = 6


def invoice_from_wire(
    row: Mapping[str, Any],
    fields: FieldMap = SAP_FIELDS,
    system: str = "erp",
    *,
    zone: tzinfo = timezone.utc,
    house_currency: str = "COP",
) -> Invoice:
    """
    Make an invoice of a document.

    ``approval`` is that of the draft; an invoice that counts is ``approved``, one that was taken back ``cancelled``.

    Args:
        row: Columns of the field map, the lines and the states.

        fields: Columns of the installation.

        system: Instance name.

        zone: Where the wall clock of the server hangs.

        house_currency: Currency of documents that name none.
    """
    columns = fields["Invoice"]
    given = {name: value or None for name, value in given_fields(row, columns).items()}
    for name in ("posted_on", "due_on"):
        if name in given:
            given[name] = day(given[name])
    if given.get("client"):
        given["client"] = Ref(system, "Client", str(given["client"]))
    if "number" in given:  # that of a draft is the next one that SAP would give
        given["number"] = None if row.get(DRAFT) or given["number"] is None else str(given["number"])
    money = given["currency"] = currency(given.get("currency")) or house_currency
    is_draft = bool(row.get(DRAFT))
    own = {
        "ref": Ref(system, "Invoice", invoice_key(row)),
        "version": version_of(row),
        "lines": tuple(_line_from_wire(line, money) for line in row["DocumentLines"]),
        "is_draft": is_draft,
        "approval": _approval(row, is_draft=is_draft),
        "updated_at": instant(row, zone),
        "custom": columns.custom(row),
    }
    return Invoice(**(given | own))


def _approval(row: Mapping[str, Any], *, is_draft: bool) -> str | None:
    if row.get("CancelStatus") == "csYes" or row.get("Cancelled") == "tYES":
        return "cancelled"
    return _STATES.get(str(row.get("AuthorizationStatus") or "dasWithout")) if is_draft else "approved"


def _line_from_wire(line: Mapping[str, Any], document_currency: str) -> InvoiceLine:
    item = line.get("ItemCode") or None
    if item is not None:
        quantity, price = amount(line.get("Quantity")), amount(line.get("UnitPrice"))
    else:
        quantity, price = Decimal(1), amount(line.get("UnitPrice")) or amount(line.get("LineTotal"))
        told = _PRICED.search(str(line.get("FreeText") or ""))
        if told is not None:
            parts = Decimal(told["quantity"]), Decimal(told["price"])
            if Money(amount=parts[0] * parts[1], currency=document_currency).rounded().amount == price:
                quantity, price = parts
    rule = next((line[column] for column in COSTING if line.get(column)), None)
    return InvoiceLine(
        description=str(line.get("ItemDescription") or item or "-"),
        quantity=quantity,
        unit_price=price,
        item=item,
        account=line.get("AccountCode") or None,
        project=line.get("ProjectCode") or None,
        distribution_rule=rule,
        tax_code=line.get("TaxCode") or None,
    )


def invoice_to_wire(
    invoice: Invoice,
    names: frozenset[str],
    rules: Mapping[str, int],
    fields: FieldMap = SAP_FIELDS,
    *,
    tax_code: str | None = None,
    decimals: int = 2,
) -> dict[str, Any]:
    """
    Return the columns to send for the fields *names*; the lines travel as a whole.

    Args:
        invoice: What is proposed.

        names: Fields to send.

        rules: Dimension of each distribution rule.

        fields: Columns of the installation.

        tax_code: Code of lines that name none.

        decimals: Decimals that the books keep.

    Raises:
        RecordInvalidError: A value does not fit its column, the client is none of this system, or the lines are
            partly items and partly services.
    """
    columns = fields["Invoice"]
    body = custom_columns(invoice.custom, names, columns)
    for name in sorted(names & columns.columns.keys() & INVOICE_FIELDS):
        value = getattr(invoice, name)
        if name == "client":
            body[columns.column(name)] = checked_text("Invoice", name, value.id)
        elif name in ("posted_on", "due_on"):
            body[columns.column(name)] = value and value.isoformat()
        else:
            body[columns.column(name)] = checked_text("Invoice", name, value)
    if "lines" in names:
        of_items = {line.item is not None for line in invoice.lines}
        if len(of_items) > 1:
            msg = "some lines name an item and some do not: a document of SAP has one kind of lines"
            raise RecordInvalidError(msg, hint="give every line an item, or none")
        body["DocType"] = "dDocument_Items" if True in of_items else "dDocument_Service"
        body["DocumentLines"] = [
            _line_to_wire(line, number, invoice.currency, rules, tax_code=tax_code, decimals=decimals)
            for number, line in enumerate(invoice.lines)
        ]
    return body


def _line_to_wire(
    line: InvoiceLine, number: int, document_currency: str, rules: Mapping[str, int], *, tax_code: str | None,
    decimals: int,
) -> dict[str, Any]:  # fmt: skip
    where = f"line {number + 1}: "

    def text(name: str, value: str | None) -> str | None:
        return checked_text("Invoice", name, value, where=where)

    quantity = checked_amount(line.quantity, _PRICE_DECIMALS, where=f"{where}quantity")
    price = checked_amount(line.unit_price, _PRICE_DECIMALS, where=f"{where}unit price")
    body: dict[str, Any] = {"LineNum": number, "ItemDescription": text("description", line.description)}
    if line.item is not None:
        body |= {"ItemCode": text("item", line.item), "Quantity": quantity, "UnitPrice": price}
    elif line.account is not None:
        total = Money(amount=line.quantity * line.unit_price, currency=document_currency).rounded().amount
        shown = f"{quantity.normalize():f} × {price.normalize():f}"
        body |= {"UnitPrice": checked_amount(total, max(decimals, 2), where=f"{where}total"), "FreeText": shown}
    else:
        msg = f"{where}neither an item nor an account is named"
        raise RecordInvalidError(msg, hint="name the income account, or an item of SAP, in the rule")
    if line.account is not None:
        body["AccountCode"] = text("account", line.account)
    code = line.tax_code or tax_code
    if code is not None:
        body["TaxCode"] = text("tax_code", code)
    if line.project is not None:
        body["ProjectCode"] = text("project", line.project)
    rule = line.distribution_rule
    if rule is not None:
        if rule not in rules:
            msg = f"{where}SAP has no active distribution rule {rule}"
            raise RecordInvalidError(msg, hint="create the rule in SAP, then release the proposal")
        body[costing_column(rules[rule])] = rule
    return body
