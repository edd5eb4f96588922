"""Cost entries: pure functions between SAP's journal entries and the domain."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one._values import amount, checked_amount, checked_text, currency, day
from periferia_link.domain import CostEntry, CostLine, Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["cost_entry_from_wire", "cost_entry_to_wire", "costing_column"]


def costing_column(dimension: int) -> str:
    """Return the column of a dimension: CostingCode, CostingCode2 … CostingCode5."""
    return "CostingCode" if dimension == 1 else f"CostingCode{dimension}"


_COSTING = tuple(costing_column(dimension) for dimension in range(1, 6))


def cost_entry_from_wire(
    row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp", *, house_currency: str = "COP"
) -> CostEntry:
    """
    Make a posting of a journal entry; the first dimension that a line uses is its distribution rule.

    Amounts are those of the books, unless the lines were posted in another currency.
    """
    columns = fields["CostEntry"]
    lines = row["JournalEntryLines"]
    abroad = {found for line in lines if (found := currency(line.get("FCCurrency"))) not in (None, house_currency)}
    foreign = abroad.pop() if len(abroad) == 1 else None
    given: dict[str, Any] = {name: row[column] or None for name, column in columns.columns.items() if column in row}
    given["posted_on"] = day(given["posted_on"])
    own = {
        "ref": Ref(system, "CostEntry", str(row[columns.key])),
        "currency": foreign or house_currency,
        "lines": tuple(_line_from_wire(line, "FC" if foreign else "") for line in lines),
        "custom": columns.custom(row),
    }
    return CostEntry(**(given | own))


def _line_from_wire(line: Mapping[str, Any], prefix: str) -> CostLine:
    return CostLine(
        account=str(line["AccountCode"]),
        debit=amount(line.get(f"{prefix}Debit")),
        credit=amount(line.get(f"{prefix}Credit")),
        project=line.get("ProjectCode") or None,
        distribution_rule=next((line[column] for column in _COSTING if line.get(column)), None),
        memo=line.get("LineMemo") or None,
    )


def cost_entry_to_wire(
    entry: CostEntry,
    rules: Mapping[str, int],
    fields: FieldMap = SAP_FIELDS,
    *,
    house_currency: str = "COP",
    decimals: int = 2,
) -> dict[str, Any]:
    """
    Return the body of the journal entry, amounts as exact decimals.

    Args:
        entry: What to post; each line with a cost centre names the distribution rule that stands for it.

        rules: Dimension of each distribution rule.

        fields: Columns of the installation.

        house_currency: Currency of the books; another one goes into the columns of foreign currency.

        decimals: Decimals that the books keep.

    Raises:
        RecordInvalidError: A value does not fit its column, or a line names no rule that is known.
    """
    columns = fields["CostEntry"]
    on = entry.posted_on.isoformat()
    body: dict[str, Any] = {"DueDate": on, "TaxDate": on, columns.column("posted_on"): on}
    for name in ("memo", "reference", "project"):
        value = checked_text("CostEntry", name, getattr(entry, name))
        if value is not None:
            body[columns.column(name)] = value
    foreign = entry.currency if entry.currency != house_currency else None
    body["JournalEntryLines"] = [
        _line_to_wire(line, rules, where=f"line {number}: ", foreign=foreign, decimals=decimals)
        for number, line in enumerate(entry.lines, start=1)
    ]
    return body


def _line_to_wire(
    line: CostLine, rules: Mapping[str, int], *, where: str, foreign: str | None, decimals: int
) -> dict[str, Any]:
    side, value = ("Debit", line.debit) if line.debit else ("Credit", line.credit)
    exact: Decimal = checked_amount(value, decimals, where=f"{where}{side.lower()}")
    body: dict[str, Any] = {"AccountCode": checked_text("CostEntry", "account", line.account, where=where)}
    body |= {f"FC{side}": exact, "FCCurrency": foreign} if foreign else {side: exact}
    if line.memo is not None:
        body["LineMemo"] = checked_text("CostEntry", "memo", line.memo, where=where)
    if line.project is not None:
        body["ProjectCode"] = checked_text("CostEntry", "project", line.project, where=where)
    rule = line.distribution_rule
    if rule is not None:
        if rule not in rules:
            msg = f"{where}SAP has no active distribution rule {rule}"
            raise RecordInvalidError(msg, hint="create the rule in SAP, then release the posting")
        body[costing_column(rules[rule])] = rule
    elif line.cost_centre is not None:
        msg = f"{where}cost centre {line.cost_centre} has no distribution rule"
        hint = f"create a rule in SAP that books 100 % on {line.cost_centre}, then release the posting"
        raise RecordInvalidError(msg, hint=hint)
    return body
