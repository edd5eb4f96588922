"""Employees and what an hour of theirs costs; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._columns import given_fields, texts
from periferia_link.connectors.sap_business_one.kinds._fields import RATES_TABLE, SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import amount, currency, day, instant, is_yes
from periferia_link.domain import Employee, Money, Rate, Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["employee_from_wire"]

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
    given = given_fields(row, columns)
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
    return Employee(**(texts(given, "email", "document", "cost_centre") | own))


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
