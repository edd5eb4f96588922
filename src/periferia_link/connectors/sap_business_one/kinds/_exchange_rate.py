"""Exchange rates that the company keeps, one for each currency and day; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import amount, currency, day
from periferia_link.domain import ExchangeRate, Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["exchange_rate_from_wire", "rate_key"]


def rate_key(row: Mapping[str, Any]) -> str:
    """Return the id of a rate: ``USD 2026-11-20``."""
    return f"{row.get('Currency')} {_day(row.get('RateDate'))}"


def exchange_rate_from_wire(
    row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp", *, house_currency: str = "COP"
) -> ExchangeRate:
    """
    Make a rate of a row of ORTT: units of the books' currency for one of the other (direct quotation).

    Args:
        row: RateDate, Currency and Rate, as a stored query gives them.

        fields: Not needed: the query names its columns itself.

        system: Instance name, which is the source of the rate, too.

        house_currency: Currency of the books.

    Raises:
        RecordInvalidError: A currency of the house (``$``) that has no ISO code.
    """
    del fields
    code = currency(row.get("Currency"))
    if code is None:
        msg = "the currency of the rate has no ISO code"
        raise RecordInvalidError(msg, hint="name the currency by its ISO 4217 code in SAP")
    return ExchangeRate(
        ref=Ref(system, "ExchangeRate", rate_key(row)),
        currency=code,
        into=house_currency,
        on=_day(row["RateDate"]),
        factor=amount(row["Rate"]),
        source="SAP",
    )


def _day(value: Any) -> date:
    """Read a day of a stored query: ``20261120``, or as everywhere else."""
    text = str(value)
    found = day(f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else value)
    if found is None:
        msg = "a rate without a day"
        raise ValueError(msg)
    return found
