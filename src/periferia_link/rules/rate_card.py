"""Rate card: what an hour of each person costs since when (tarifario), where the ERP does not say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from periferia_link.domain import Employee, Money, Rate
from periferia_link.errors import ConfigurationError
from periferia_link.rules.reading import Rule, read_rule
from periferia_link.rules.table_file import DecimalSign, FileRow, day_of, decimal_of, read_rows, sign_of

__all__ = ["EVERYBODY", "RateCard", "RateLine", "read_rate_card"]

EVERYBODY = "*"
"""Stands for every person that the card does not name."""

_HEADINGS: Mapping[str, tuple[str, ...]] = {
    "person": ("persona", "empleado", "codigo", "codigo de empleado", "colaborador", "employee", "code"),
    "since": ("desde", "vigente desde", "fecha", "from", "valid from"),
    "hourly": ("tarifa", "costo hora", "costo por hora", "valor hora", "tarifa hora", "rate", "cost"),
    "currency": ("moneda", "divisa"),
    "cost_centre": ("centro de costo", "centro de costos", "centro", "cost centre", "cost center"),
}


class RateLine(Rule):
    """The cost of an hour of one person from a day on, until the next line of that person begins."""

    person: str = Field(min_length=1, max_length=50, description='the code of the person, as "E-1001", or "*" for all')
    since: date = Field(description="the first day on which it holds, as 2026-01-01")
    hourly: Decimal = Field(ge=0, allow_inf_nan=False, description='the cost of an hour, as "52000" or "13.75"')
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description='as "USD"; else that of the card')
    cost_centre: str | None = Field(default=None, max_length=50, description="where the person belongs, if it is said")


class RateCard(Rule):
    """
    Hourly costs by person and day. Lines stand here, or in a CSV file that is read again by every run.

    Headings of the file may be Spanish or English: ``persona; desde; tarifa; moneda; centro de costo``. Days are
    ``2026-12-31`` or ``31/12/2026``. Decimals are found out from the numbers; where ``52.000`` could mean two things
    the card must say ``decimal = ","`` or ``"."``.
    """

    file: Path | None = Field(default=None, description='a CSV file beside this one, as "tarifas.csv"')
    people: tuple[RateLine, ...] = Field(default=(), description="lines, as { person = …, since = …, hourly = … }")
    currency: str = Field(default="COP", pattern=r"^[A-Z]{3}$", description="the currency of lines that name none")
    decimal: DecimalSign | None = Field(default=None, description='what parts the decimals in the file, "," or "."')

    @model_validator(mode="after")
    def _says_something(self) -> RateCard:
        if self.file is None and not self.people:
            msg = "needs lines (people) or a file"
            raise ValueError(msg)
        return self

    def lines(self) -> list[RateLine]:
        """
        Return every line, those of the file as they are now.

        Raises:
            ConfigurationError: The file cannot be read; the message names file, line and column.
        """
        return [*self.people, *(_from_file(self.file, self.decimal) if self.file is not None else ())]

    def employees(self) -> list[Employee]:
        """
        Return the card as people with dated rates, by code.

        Raises:
            ConfigurationError: The file cannot be read, or a person has two rates from one day on.
        """
        by_person: dict[str, list[RateLine]] = {}
        for line in self.lines():
            by_person.setdefault(line.person, []).append(line)
        return [self._employee(code, sorted(lines, key=lambda line: line.since)) for code, lines in by_person.items()]

    def _employee(self, code: str, lines: list[RateLine]) -> Employee:
        centres = [line.cost_centre for line in lines if line.cost_centre]
        rates = tuple(
            Rate(valid_from=line.since, hourly=Money(amount=line.hourly, currency=line.currency or self.currency))
            for line in lines
        )
        try:
            return Employee(code=code, name=code, cost_centre=centres[-1] if centres else None, rates=rates)
        except ValidationError:
            msg = f"the rate card gives {code} two different rates from one day on"
        raise ConfigurationError(msg, hint="keep one of them")


def _from_file(path: Path, decimal: DecimalSign | None) -> Iterable[RateLine]:
    rows = read_rows(path, _HEADINGS, needed=("person", "since", "hourly"))
    sign = decimal or _sign(path, rows)
    for row in rows:
        yield _line(path, row, sign)


def _sign(path: Path, rows: Iterable[FileRow]) -> DecimalSign | None:
    try:
        return sign_of(row.values.get("hourly", "") for row in rows)
    except ValueError as exc:
        why = str(exc)
    msg = f"{path.name}: {why}"
    raise ConfigurationError(msg, hint='write all of them in one way, or say decimal = ","')


def _line(path: Path, row: FileRow, sign: DecimalSign | None) -> RateLine:
    column = "person"
    try:
        values: dict[str, Any] = {"person": row.values["person"]}
        column = "since"
        values["since"] = day_of(row.values["since"])
        column = "hourly"
        values["hourly"] = decimal_of(row.values["hourly"], sign)
        values["currency"] = row.values.get("currency", "").upper() or None
        return RateLine(**values, cost_centre=row.values.get("cost_centre"))
    except KeyError:
        why = "is empty"
    except ValidationError as exc:
        column, why = str(exc.errors(include_input=False)[0]["loc"][0]), "does not fit"
    except ValueError as exc:
        why = str(exc) if str(exc).startswith(("is ", "may ")) else "is no day"
    # what stands there is what a person earns: the message says where, not what
    hint = 'say decimal = "," or "." in [rate_card]' if "two ways" in why else f"correct the {column} of that line"
    msg = f"{path.name}, line {row.number}: {column} {why}"
    raise ConfigurationError(msg, hint=hint)


def read_rate_card(table: Mapping[str, Any], *, file: str = "periferia.toml") -> RateCard:
    """
    Read the table ``[rate_card]``.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    return read_rule(RateCard, table, section="rate_card", file=file)
