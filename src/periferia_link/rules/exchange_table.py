"""Exchange rates that people keep (tasas de cambio, TRM): in periferia.toml, or in a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from periferia_link.domain import ExchangeRate
from periferia_link.errors import ConfigurationError
from periferia_link.rules.reading import Rule, read_rule
from periferia_link.rules.table_file import DecimalSign, FileRow, day_of, decimal_of, read_rows, sign_of

__all__ = ["ExchangeLine", "ExchangeTable", "rate_key", "read_exchange_rates"]

_HEADINGS: Mapping[str, tuple[str, ...]] = {
    "on": ("fecha", "desde", "vigencia desde", "vigenciadesde", "date", "from"),
    "until": ("hasta", "vigencia hasta", "vigenciahasta", "to"),
    "currency": ("moneda", "divisa"),
    "into": ("unidad", "a moneda", "en moneda", "moneda local"),
    "factor": ("tasa", "trm", "valor", "tasa de cambio", "rate", "value"),
    "source": ("fuente", "origen"),
}
_LONGEST = 366  # days of one line


class ExchangeLine(Rule):
    """One rate; without ``until`` it holds for one day."""

    currency: str = Field(pattern=r"^[A-Z]{3}$", description='the currency, as "USD"')
    on: date = Field(description="the first day on which it holds, as 2026-11-20")
    until: date | None = Field(default=None, description="the last day on which it holds, that day included")
    factor: Decimal = Field(gt=0, allow_inf_nan=False, description='what one unit is worth, as "4105.32"')
    into: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="in which currency; else that of the table"
    )
    source: str | None = Field(default=None, min_length=1, max_length=50, description="who published it")

    @model_validator(mode="after")
    def _in_order(self) -> ExchangeLine:
        if self.until is not None and not self.on <= self.until <= self.on + timedelta(days=_LONGEST):
            msg = "until is before on, or more than a year after it"
            raise ValueError(msg)
        if self.currency == self.into:
            msg = "a currency has no rate into itself"
            raise ValueError(msg)
        return self


class ExchangeTable(Rule):
    """
    Rates by currency and day. Lines stand here, or in a CSV file that is read again by every run.

    Headings of the file may be Spanish or English; those of the TRM at datos.gov.co (``VALOR``, ``VIGENCIADESDE``,
    ``VIGENCIAHASTA``) are understood, with ``currency`` for files that name none. A day without a rate of its own gets
    the last one before it, at most ``max_age_days`` old: 0 takes no other day's.
    """

    file: Path | None = Field(default=None, description='a CSV file beside this one, as "trm.csv"')
    rates: tuple[ExchangeLine, ...] = Field(default=(), description="lines, as { currency = …, on = …, factor = … }")
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="the currency of lines that name none")
    into: str = Field(default="COP", pattern=r"^[A-Z]{3}$", description="the currency of the books")
    source: str = Field(default="TRM", min_length=1, max_length=50, description="who published them")
    decimal: DecimalSign | None = Field(default=None, description='what parts the decimals in the file, "," or "."')
    max_age_days: int = Field(default=0, ge=0, le=31, description="how old a rate may be that stands in for a day")

    @model_validator(mode="after")
    def _says_something(self) -> ExchangeTable:
        if self.file is None and not self.rates:
            msg = "needs lines (rates) or a file"
            raise ValueError(msg)
        if any(line.into is None and line.currency == self.into for line in self.rates):
            msg = f"a rate of {self.into} is in {self.into} itself"
            raise ValueError(msg)
        return self

    def by_day(self) -> Iterator[ExchangeRate]:
        """
        Yield one rate for each currency and day.

        Raises:
            ConfigurationError: The file cannot be read; the message names file, line and column.
        """
        lines = [*self.rates, *(self._from_file(self.file) if self.file is not None else ())]
        for line in lines:
            days = (line.until - line.on).days if line.until is not None else 0
            for number in range(days + 1):
                yield ExchangeRate(
                    currency=line.currency,
                    into=line.into or self.into,
                    on=line.on + timedelta(days=number),
                    factor=line.factor,
                    source=line.source or self.source,
                )

    def _from_file(self, path: Path) -> Iterator[ExchangeLine]:
        rows = read_rows(path, _HEADINGS, needed=("on", "factor"))
        try:
            sign = self.decimal or sign_of(row.values.get("factor", "") for row in rows)
        except ValueError as exc:
            why = str(exc)
        else:
            for row in rows:
                yield self._line(path, row, sign)
            return
        msg = f"{path.name}: {why}"
        raise ConfigurationError(msg, hint='write all of them in one way, or say decimal = ","')

    def _line(self, path: Path, row: FileRow, sign: DecimalSign | None) -> ExchangeLine:
        column = "on"
        try:
            values: dict[str, Any] = {"on": day_of(row.values["on"])}
            column = "until"
            values["until"] = day_of(row.values["until"]) if "until" in row.values else None
            column = "factor"
            values["factor"] = decimal_of(row.values["factor"], sign)
            values["currency"] = row.values.get("currency", self.currency).upper()
            values["into"] = row.values.get("into", self.into).upper()
            return ExchangeLine(**values, source=row.values.get("source"))
        except KeyError:
            why = "is empty"
        except ValidationError as exc:
            place = exc.errors(include_input=False)[0]["loc"]
            column, why = str(place[0]) if place else "until", "does not fit"
        except ValueError as exc:
            why = str(exc) if str(exc).startswith(("is ", "may ")) else "is no day"
        hint = 'say decimal = "," or "." in [exchange_rates]' if "two ways" in why else f"correct the {column} there"
        msg = f"{path.name}, line {row.number}: {column} {why}"
        raise ConfigurationError(msg, hint=hint)


def rate_key(currency: str, into: str, day: date) -> str:
    """Return under which text a rate stands in a look-up table."""
    return f"{currency}>{into} {day.isoformat()}"


def read_exchange_rates(table: Mapping[str, Any], *, file: str = "periferia.toml") -> ExchangeTable:
    """
    Read the table ``[exchange_rates]``.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    return read_rule(ExchangeTable, table, section="exchange_rates", file=file)
