"""Clients, projects, cost centres and employees: pure functions between SAP's rows and the domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.sap_business_one._fields import RATES_TABLE, SAP_FIELDS
from periferia_link.connectors.sap_business_one._values import (
    amount,
    checked_text,
    currency,
    day,
    etag,
    instant,
    is_yes,
    yes_no,
)
from periferia_link.domain import Client, CostCentre, Employee, Money, Project, Rate, Ref, TaxId
from periferia_link.errors import RecordInvalidError

__all__ = [
    "RULE",
    "client_from_wire",
    "client_to_wire",
    "cost_centre_from_wire",
    "employee_from_wire",
    "project_from_wire",
    "project_to_wire",
    "rules_by_centre",
]

RULE = "DistributionRule"
"""Where the connector puts the rule of a cost centre into its row: SAP keeps rules in a table of their own."""

_SINCE_EVER = date(1900, 1, 1)

# Hours of a cost unit, by hours a day: Colombian payroll counts 30 days a month and 360 a year.
_DAYS: Mapping[str, Decimal | None] = {
    "scu_Hour": None,
    "scu_Day": Decimal(1),
    "scu_Week": Decimal(5),
    "scu_Biweekly": Decimal(10),
    "scu_Semimonthly": Decimal(15),
    "scu_Month": Decimal(30),
    "scu_Year": Decimal(360),
}


def client_from_wire(
    row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp", *, zone: tzinfo = timezone.utc
) -> Client:
    """
    Make a client of a business partner.

    Args:
        row: Columns of the field map, and DataVersion, UpdateDate and UpdateTime where they were read.

        fields: Columns of the installation.

        system: Instance name.

        zone: Where the wall clock of the server hangs.
    """
    columns = fields["Client"]
    given = _given(row, columns)
    country = str(given.pop("country", None) or "").upper()
    if len(country) == 2 and country.isalpha() and country.isascii():
        given["country"] = country
    if "tax_id" in given:
        given["tax_id"] = TaxId.parse(str(given["tax_id"]), given.get("country", "CO")) if given["tax_id"] else None
    if "currency" in given:
        given["currency"] = currency(given["currency"])
    if "is_active" in given:
        given["is_active"] = is_yes(given["is_active"])
    own = {
        "ref": Ref(system, "Client", str(row[columns.key])),
        "version": etag(row.get("DataVersion")),
        "updated_at": instant(row, zone),
        "custom": columns.custom(row),
    }
    return Client(**(_texts(given, "code", "name", "city", "email", "phone") | own))


def client_to_wire(client: Client, names: frozenset[str], fields: FieldMap = SAP_FIELDS) -> dict[str, Any]:
    """
    Return the columns to send for the fields *names*; other fields never travel.

    Raises:
        RecordInvalidError: A value is longer than its column.
    """
    columns = fields["Client"]
    body = _custom(client.custom, names, columns)
    for name in sorted(names & columns.columns.keys()):
        value = getattr(client, name)
        if name == "is_active":
            body[columns.column(name)] = yes_no(value)
            if columns.column(name) == "Valid":
                body["Frozen"] = yes_no(not value)  # one radio button in SAP, two columns
        elif name == "tax_id":
            body[columns.column(name)] = checked_text("Client", name, value.printed if value else None)
        else:
            body[columns.column(name)] = checked_text("Client", name, value)
    return body


def project_from_wire(row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp") -> Project:
    """Make a project of a row."""
    columns = fields["Project"]
    given = _given(row, columns)
    for name in ("starts_on", "ends_on"):
        if name in given:
            given[name] = day(given[name])
    if "is_active" in given:
        given["is_active"] = is_yes(given["is_active"])
    own = {"ref": Ref(system, "Project", str(row[columns.key])), "custom": columns.custom(row)}
    return Project(**(_texts(given, "code", "name") | own))


def project_to_wire(project: Project, names: frozenset[str], fields: FieldMap = SAP_FIELDS) -> dict[str, Any]:
    """
    Return the columns to send for the fields *names*; other fields never travel.

    Raises:
        RecordInvalidError: A value is longer than its column.
    """
    columns = fields["Project"]
    body = _custom(project.custom, names, columns)
    for name in sorted(names & columns.columns.keys()):
        value = getattr(project, name)
        if name == "is_active":
            body[columns.column(name)] = yes_no(value)
        elif isinstance(value, date):
            body[columns.column(name)] = value.isoformat()
        else:
            body[columns.column(name)] = checked_text("Project", name, value)
    return body


def cost_centre_from_wire(row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp") -> CostCentre:
    """Make a cost centre of a row that the connector has joined with its distribution rule."""
    columns = fields["CostCentre"]
    given = _given(row, columns)
    for name in ("valid_from", "valid_to"):
        if name in given:
            given[name] = day(given[name])
    if "is_active" in given:
        given["is_active"] = is_yes(given["is_active"])
    given["name"] = given.get("name") or given.get("code")
    given |= {"distribution_rule": row.get(RULE), "custom": columns.custom(row)}
    return CostCentre(**(given | {"ref": Ref(system, "CostCentre", str(row[columns.key]))}))


def rules_by_centre(rules: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str], str]:
    """
    Return the rule that books everything on one centre, by dimension and centre.

    That is an active rule whose lines name that centre alone, or one without lines that has the code of the centre.
    Of several the one with the code of the centre wins, then the first code.
    """
    found: dict[tuple[int, str], str] = {}
    for rule in sorted(rules, key=lambda rule: str(rule["FactorCode"])):
        code, dimension = str(rule["FactorCode"]), int(rule.get("InWhichDimension") or 1)
        if not is_yes(rule.get("Active")):
            continue
        centres = {str(line.get("CenterCode")) for line in rule.get("DistributionRuleLines") or ()}
        if centres <= {code}:
            found[dimension, code] = code
        elif len(centres) == 1:
            found.setdefault((dimension, centres.pop()), code)
    return found


def employee_from_wire(
    row: Mapping[str, Any],
    fields: FieldMap = SAP_FIELDS,
    system: str = "erp",
    *,
    zone: tzinfo = timezone.utc,
    house_currency: str = "COP",
    hours_per_day: Decimal = Decimal(8),
) -> Employee:
    """
    Make an employee of a row that the connector has joined with the dated rates, where there are any.

    Without them the one rate of the row counts from the day the person started. It becomes hourly by the convention
    of Colombian payroll: a week has 5 days, a month 30, a year 360, a day *hours_per_day*. An employee without
    ExternalEmployeeNumber is ``#`` and the number of SAP: nobody is matched to it by accident.

    Args:
        row: Columns of the field map and those of name, start and cost.

        fields: Columns of the installation.

        system: Instance name.

        zone: Where the wall clock of the server hangs.

        house_currency: Currency of amounts that name none.

        hours_per_day: 8; 7 since July 2026 where the 42-hour week of Law 2101 is counted.

    Raises:
        RecordInvalidError: The rate is per a unit that there is no convention for.
    """
    columns = fields["Employee"]
    given = _given(row, columns)
    key = str(row[columns.key])
    if "is_active" in given:
        given["is_active"] = is_yes(given["is_active"])
    given["code"] = str(given.get("code") or f"#{key}")
    name = " ".join(str(row[part]) for part in ("FirstName", "LastName") if row.get(part))
    own = {
        "ref": Ref(system, "Employee", key),
        "name": given.get("name") or name or given["code"],
        "rates": _dated_rates(row, house_currency) or _single_rate(row, house_currency, hours_per_day),
        "updated_at": instant(row, zone),
        "custom": columns.custom(row),
    }
    return Employee(**(_texts(given, "email", "document", "cost_centre") | own))


def _dated_rates(row: Mapping[str, Any], house_currency: str) -> tuple[Rate, ...]:
    rates = {
        since: Rate(
            valid_from=since,
            hourly=_money(rate, "U_Hourly", "U_Currency", house_currency),
        )
        for rate in row.get(RATES_TABLE) or ()
        if (since := day(rate.get("U_From"))) is not None
    }
    return tuple(rates[since] for since in sorted(rates))


def _single_rate(row: Mapping[str, Any], house_currency: str, hours_per_day: Decimal) -> tuple[Rate, ...]:
    cost = amount(row.get("EmployeeCosts"))
    if not cost:
        return ()
    unit = str(row.get("EmployeeCostUnit") or "scu_Hour")
    if unit not in _DAYS:
        msg = f"the cost of the employee is per {unit}, which has no convention"
        raise RecordInvalidError(msg, hint="give the cost per hour, day, week, month or year in SAP")
    days = _DAYS[unit]
    hourly = cost if days is None else (cost / (days * hours_per_day)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    money = _money({**row, "EmployeeCosts": hourly}, "EmployeeCosts", "EmployeeCostsCurrency", house_currency)
    return (Rate(valid_from=day(row.get("StartDate")) or _SINCE_EVER, hourly=money),)


def _money(row: Mapping[str, Any], column: str, currency_column: str, house_currency: str) -> Money:
    return Money(amount=amount(row.get(column)), currency=currency(row.get(currency_column)) or house_currency)


def _given(row: Mapping[str, Any], columns: KindMap) -> dict[str, Any]:
    """Return the fields that the row knows: a column that was not read is not empty, it is unknown."""
    return {name: row[column] for name, column in columns.columns.items() if column in row}


def _texts(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return *given* with empty texts as nothing, and numbers of text columns as text."""
    texts = {name: given[name] for name in names if name in given}
    return given | {name: None if value in (None, "") else str(value) for name, value in texts.items()}


def _custom(custom: Mapping[str, Any], names: frozenset[str], columns: KindMap) -> dict[str, Any]:
    if "custom" not in names:
        return {}
    return {column: custom[column] for column in columns.extra if column in custom}
