"""Cost entries: pure functions between SAP's journal entries and the domain."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import amount, checked_amount, checked_text, currency, day
from periferia_link.domain import CostEntry, CostLine, Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["COSTING", "cost_entry_from_wire", "cost_entry_to_wire", "costing_column"]


def costing_column(dimension: int) -> str:
    """Return the column of a dimension: CostingCode, CostingCode2 … CostingCode5."""
    return "CostingCode" if dimension == 1 else f"CostingCode{dimension}"


COSTING = tuple(costing_column(dimension) for dimension in range(1, 6))


def cost_entry_from_wire(
    row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp", *, house_currency: str = "COP"
) -> CostEntry:
    """
    Make a posting of a journal entry; the first dimension that a line uses is its distribution rule.

    Lines posted in another currency than the books' keep both amounts. A line without amounts, as SAP adds them for
    differences of exchange, moves nothing and is left out.
    """
    columns = fields["CostEntry"]
    lines = row["JournalEntryLines"]
    abroad = {found for line in lines if (found := currency(line.get("FCCurrency"))) not in (None, house_currency)}
    foreign = abroad.pop() if len(abroad) == 1 else None
    given: dict[str, Any] = {name: row[column] or None for name, column in columns.columns.items() if column in row}
    given["posted_on"] = day(given["posted_on"])
    made = (_line_from_wire(line, is_foreign=foreign is not None) for line in lines)
    own = {
        "ref": Ref(system, "CostEntry", str(row[columns.key])),
        "currency": foreign or house_currency,
        "lines": tuple(line for line in made if line is not None),
        "custom": columns.custom(row),
    }
    if foreign is not None:
        own["local_currency"] = house_currency
    return CostEntry(**(given | own))


def _line_from_wire(line: Mapping[str, Any], *, is_foreign: bool) -> CostLine | None:
    prefix = "FC" if is_foreign else ""
    amounts: dict[str, Any] = {
        "debit": amount(line.get(f"{prefix}Debit")),
        "credit": amount(line.get(f"{prefix}Credit")),
    }
    if not any(amounts.values()):
        return None
    if is_foreign:
        side = "Debit" if amounts["debit"] else "Credit"
        amounts[f"local_{side.lower()}"] = amount(line.get(side))
    rules = [line.get(column) or None for column in COSTING]
    first = next((place for place, rule in enumerate(rules) if rule), 0)
    others: dict[str, Any] = (
        {"dimensions": (*rules[:first], None, *rules[first + 1 :])} if sum(map(bool, rules)) > 1 else {}
    )
    return CostLine(
        account=str(line["AccountCode"]),
        project=line.get("ProjectCode") or None,
        distribution_rule=rules[first],
        memo=line.get("LineMemo") or None,
        **amounts,
        **others,
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

    An amount of another currency goes into FCDebit or FCCredit. Where the entry says what it is in the currency of the
    books, too, that goes along, and SAP keeps both; else SAP converts by its own rate of the day. The amount in the
    system currency is always SAP's.

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
    if entry.local_currency not in (None, house_currency):
        msg = f"the entry is converted into {entry.local_currency}, the books are kept in {house_currency}"
        raise RecordInvalidError(msg, hint="correct the currency of the books in the rule, or in the connector")
    body["JournalEntryLines"] = [
        _line_to_wire(line, rules, where=f"line {number}: ", foreign=foreign, decimals=decimals)
        for number, line in enumerate(entry.lines, start=1)
    ]
    return body


def _line_to_wire(
    line: CostLine, rules: Mapping[str, int], *, where: str, foreign: str | None, decimals: int
) -> dict[str, Any]:
    body: dict[str, Any] = {"AccountCode": checked_text("CostEntry", "account", line.account, where=where)}
    body |= _amounts(line, where=where, foreign=foreign, decimals=decimals)
    if line.memo is not None:
        body["LineMemo"] = checked_text("CostEntry", "memo", line.memo, where=where)
    project = line.project or line.internal_order  # Business One has no internal orders: a project stands for one
    if project is not None:
        body["ProjectCode"] = checked_text("CostEntry", "project", project, where=where)
    return body | _costing(line, rules, where=where)


def _amounts(line: CostLine, *, where: str, foreign: str | None, decimals: int) -> dict[str, Any]:
    side, value = ("Debit", line.debit) if line.debit else ("Credit", line.credit)
    if foreign is None:
        return {side: checked_amount(value, decimals, where=f"{where}{side.lower()}")}
    # totals in a foreign currency have cents, whatever the books keep
    exact: Decimal = checked_amount(value, max(decimals, 2), where=f"{where}{side.lower()}")
    body: dict[str, Any] = {f"FC{side}": exact, "FCCurrency": foreign}
    local = line.local_debit if line.debit else line.local_credit
    if local is not None:
        body[side] = checked_amount(local, decimals, where=f"{where}local {side.lower()}")
    return body


def _costing(line: CostLine, rules: Mapping[str, int], *, where: str) -> dict[str, Any]:
    """Return the rule of each dimension; that of the cost centre goes where SAP keeps it."""
    if line.distribution_rule is None and line.cost_centre is not None:
        msg = f"{where}cost centre {line.cost_centre} has no distribution rule"
        hint = f"create a rule in SAP that books 100 % on {line.cost_centre}, then release the posting"
        raise RecordInvalidError(msg, hint=hint)
    body: dict[str, Any] = {}
    if line.distribution_rule is not None:
        rule = line.distribution_rule
        body[costing_column(_dimension(rule, rules, where))] = rule
    for place, code in enumerate(line.dimensions, start=1):
        if code is None:
            continue
        column = costing_column(place)
        if _dimension(code, rules, where) != place:
            msg = f"{where}distribution rule {code} belongs to dimension {rules[code]}, not {place}"
            raise RecordInvalidError(msg, hint="correct the order of the dimensions in the rule")
        if body.setdefault(column, code) != code:
            msg = f"{where}dimension {place} has two rules, {body[column]} and {code}"
            raise RecordInvalidError(msg, hint="name one rule for each dimension")
    return body


def _dimension(rule: str, rules: Mapping[str, int], where: str) -> int:
    if rule not in rules:
        msg = f"{where}SAP has no active distribution rule {rule}"
        raise RecordInvalidError(msg, hint="create the rule in SAP, then release the posting")
    return rules[rule]
