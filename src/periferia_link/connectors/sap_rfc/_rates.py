"""
Exchange rates of SAP (TCURR), into the currency of the books: what a flow converts with, source and day told.

Source: the table as public ABAP programs read it: GDATU is 99999999 less the day, UKURS a rate of FFACT units of FCURR
in TFACT units of TCURR, below zero where it is quoted the other way round. A rate holds until the next one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Context, Decimal

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc._company import Company, Found, Record
from periferia_link.connectors.sap_rfc._tables import Row, equals
from periferia_link.connectors.sap_rfc._unit_of_work import Step
from periferia_link.connectors.sap_rfc._values import day_of, decimal_of, on_day
from periferia_link.domain import ExchangeRate, Ref
from periferia_link.errors import ConfigurationError, RecordInvalidError

__all__ = ["Rates"]

_COLUMNS = ("FCURR", "TCURR", "GDATU", "UKURS", "FFACT", "TFACT")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LAST = 99_999_999
_PRECISE = Context(prec=34)


class Rates:
    """Rates of one type into the currency of the company code; a key is ``USD-COP-20261119``."""

    def __init__(self, company: Company, rate_type: str) -> None:
        self._company = company
        self._type = rate_type

    def keys(self) -> list[str]:
        """Return the rates that there are."""
        return sorted(self._records(self._rows([])))

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the rates that there are."""
        records = self._records(self._rows(sorted({key.partition("-")[0] for key in keys})))
        return [(key, records[key]) for key in dict.fromkeys(keys) if key in records]

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Rates are asked for by their key."""
        del field
        return [Found(key, record, key) for key, record in self.read(values)]

    def _rows(self, currencies: Sequence[str]) -> list[Row]:
        where = [equals("KURST", self._type), equals("TCURR", self._company.currency())]
        if currencies:
            return list(self._company.tables.matching("TCURR", _COLUMNS, "FCURR", currencies, where))
        return self._company.tables.rows("TCURR", _COLUMNS, where)

    def _records(self, rows: Sequence[Row]) -> dict[str, Record]:
        """Return the rates by key, each with the day of the one after it."""
        by_currency: dict[str, dict[str, Row]] = {}
        for row in rows:
            # currencies of SAP may have five characters; those are of the house
            if _CURRENCY.fullmatch(row["FCURR"]) and row["FCURR"] != row["TCURR"]:
                by_currency.setdefault(row["FCURR"], {})[_day(row["GDATU"])] = row
        found: dict[str, Record] = {}
        for currency, dated in by_currency.items():
            days = sorted(dated)
            for day, following in zip(days, [*days[1:], ""], strict=True):
                row = dated[day]
                found[f"{currency}-{row['TCURR']}-{day}"] = {**row, "day": day, "next": following, "type": self._type}
        return found

    def entity(self, key: str, record: Record) -> ExchangeRate:
        """Make an exchange rate of a row."""
        following = day_of(record["next"])
        return ExchangeRate(
            ref=self._company.ref("ExchangeRate", key),
            currency=record["FCURR"],
            into=record["TCURR"],
            on=on_day(record["day"]),
            factor=_factor(record),
            source=f"SAP {record['type']}",
            until=None if following is None else following - timedelta(days=1),
        )

    def step(self, write: Write) -> Step | Ref:
        """Rates are kept by treasury, not by us."""
        msg = f"{self._company.name} does not {write.mode} exchange rates"
        raise ConfigurationError(msg, hint="the kind is read-only here")


def _day(inverted: str) -> str:
    return f"{_LAST - int(inverted or 0):08}"


def _factor(record: Record) -> Decimal:
    """Return what one unit is worth; ratios that the row does not hold (older releases, TCURF) count as one."""
    rate = decimal_of(record["UKURS"])
    if not rate:
        msg = "the rate is zero"
        raise RecordInvalidError(msg, hint="correct it in SAP (OB08)")
    ratio = _PRECISE.divide(decimal_of(record["TFACT"]) or Decimal(1), decimal_of(record["FFACT"]) or Decimal(1))
    if rate > 0:
        return _PRECISE.multiply(rate, ratio).normalize(_PRECISE)
    return _PRECISE.divide(ratio, -rate).quantize(Decimal("1e-12")).normalize(_PRECISE)
