"""Billing: what an hour is sold for, by project, contract and person, and how the lines of a proposal look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError, model_validator

from periferia_link.domain import Entity, Exact, Text
from periferia_link.errors import ConfigurationError
from periferia_link.rules.reading import Rule, read_rule
from periferia_link.rules.table_file import DecimalSign, FileRow, day_of, decimal_of, read_rows, sign_of

__all__ = ["BillingRule", "DatedPrice", "Price", "PriceLine", "price_keys", "read_billing"]

_HEADINGS: Mapping[str, tuple[str, ...]] = {
    "project": ("proyecto",),
    "contract": ("contrato",),
    "person": ("persona", "empleado", "codigo de empleado", "employee"),
    "since": ("desde", "vigente desde", "fecha", "from"),
    "price": ("precio", "tarifa", "precio hora", "valor hora", "rate"),
    "currency": ("moneda", "divisa"),
    "description": ("descripcion", "concepto", "servicio", "service"),
}


class PriceLine(Rule):
    """The price of an hour from a day on; the line that says most about an hour is the one that counts."""

    project: str | None = Field(default=None, max_length=50, description='the code of a project, as "P-1001"')
    contract: str | None = Field(default=None, max_length=50, description="the contract that projects name")
    person: str | None = Field(default=None, max_length=50, description='the code of a person, as "E-1001"')
    since: date = Field(default=date(1900, 1, 1), description="the first day on which it holds, as 2026-01-01")
    price: Decimal = Field(ge=0, allow_inf_nan=False, description='the price of an hour before tax, as "180000"')
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description='as "USD"; else that of the table')
    description: str | None = Field(default=None, min_length=1, max_length=100, description="what the line is called")

    @model_validator(mode="after")
    def _one_scope(self) -> PriceLine:
        if self.project and self.contract:
            msg = "a price is of a project or of a contract"
            raise ValueError(msg)
        return self


class DatedPrice(NamedTuple):
    """A price from a day on."""

    since: date
    price: Decimal
    currency: str
    description: str


class Price(Entity):
    """The prices of one key, oldest first; kept by the flow, not by a system."""

    code: Text
    since: tuple[date, ...]
    price: tuple[Exact, ...]
    currency: tuple[str, ...]
    description: tuple[str, ...]

    def on(self, day: date) -> DatedPrice | None:
        """Return the price of *day*."""
        found = [number for number, since in enumerate(self.since) if since <= day]
        if not found:
            return None
        last = found[-1]
        return DatedPrice(self.since[last], self.price[last], self.currency[last], self.description[last])


class BillingRule(Rule):
    """
    The table ``[billing]``: prices here or in a CSV file, and what every line of a proposal says.

    The price of an hour is looked for by project and person, contract and person, project, contract, person; then the
    line without any of them.
    """

    file: Path | None = Field(default=None, description='a CSV file beside this one, as "precios.csv"')
    prices: tuple[PriceLine, ...] = Field(default=(), description="lines, as { project = …, price = … }")
    currency: str = Field(default="COP", pattern=r"^[A-Z]{3}$", description="the currency of lines that name none")
    decimal: DecimalSign | None = Field(default=None, description='what parts the decimals in the file, "," or "."')
    contract: str | None = Field(default=None, description="the column of the project that names its contract")
    clients: Mapping[str, str] = Field(
        default_factory=dict, description='who pays for a project, as { "P-1" = "C900" }'
    )
    description: str = Field(
        default="Horas de servicio", min_length=1, max_length=100, description="what a line is called"
    )
    item: str | None = Field(default=None, max_length=50, description="the item of the ERP that lines name")
    account: str | None = Field(default=None, max_length=50, description='the income account, as "413595"')
    tax_code: str | None = Field(default=None, max_length=20, description='the tax code of lines, as "IVA19"')
    due_days: int | None = Field(default=None, ge=0, le=365, description="days from the end of the month until payment")
    projects: tuple[str, ...] = Field(default=(), description='codes of the projects that are billed, as ["P-*"]')

    @model_validator(mode="after")
    def _says_something(self) -> BillingRule:
        if self.file is None and not self.prices:
            msg = "needs prices or a file"
            raise ValueError(msg)
        return self

    def by_key(self) -> Iterator[Price]:
        """
        Yield the prices of each key (see :func:`price_keys`).

        Raises:
            ConfigurationError: The file cannot be read, or two prices of one key begin on one day.
        """
        lines = [*self.prices, *(_from_file(self.file, self.decimal) if self.file is not None else ())]
        by_key: dict[str, dict[date, PriceLine]] = {}
        for line in lines:
            key = _key(
                line.project and f"project {line.project}", line.contract and f"contract {line.contract}", line.person
            )
            if by_key.setdefault(key, {}).setdefault(line.since, line) != line:
                msg = f"two prices begin on {line.since} for {key}"
                raise ConfigurationError(msg, hint="keep one of them in [billing]")
        for key, dated in by_key.items():
            held = [dated[since] for since in sorted(dated)]
            yield Price(
                code=key,
                since=tuple(line.since for line in held),
                price=tuple(line.price for line in held),
                currency=tuple(line.currency or self.currency for line in held),
                description=tuple(line.description or self.description for line in held),
            )


def _key(project: str | None, contract: str | None, person: str | None) -> str:
    return f"{project or contract or 'any'}, {person or 'anybody'}"


def price_keys(project: str, contract: str | None, person: str) -> list[str]:
    """Return under which keys the price of an hour may stand, the one that says most first."""
    of_project, of_contract = f"project {project}", f"contract {contract}" if contract else None
    keys = [_key(of_project, None, person)]
    keys += [_key(None, of_contract, person)] if of_contract else []
    keys.append(_key(of_project, None, None))
    keys += [_key(None, of_contract, None)] if of_contract else []
    return [*keys, _key(None, None, person), _key(None, None, None)]


def _from_file(path: Path, decimal: DecimalSign | None) -> Iterator[PriceLine]:
    rows = read_rows(path, _HEADINGS, needed=("price",))
    try:
        sign = decimal or sign_of(row.values.get("price", "") for row in rows)
    except ValueError as exc:
        why = str(exc)
    else:
        yield from (_line(path, row, sign) for row in rows)
        return
    msg = f"{path.name}: {why}"
    raise ConfigurationError(msg, hint='write all of them in one way, or say decimal = ","')


def _line(path: Path, row: FileRow, sign: DecimalSign | None) -> PriceLine:
    column = "price"
    try:
        values: dict[str, Any] = {"price": decimal_of(row.values["price"], sign)}
        column = "since"
        values |= {"since": day_of(row.values["since"])} if "since" in row.values else {}
        texts = ("project", "contract", "person", "description")
        values |= {name: row.values[name] for name in texts if name in row.values}
        return PriceLine(**values, currency=row.values.get("currency", "").upper() or None)
    except KeyError:
        why = "is empty"
    except ValidationError as exc:
        place = exc.errors(include_input=False)[0]["loc"]
        column, why = str(place[0]) if place else "contract", "does not fit"
    except ValueError as exc:
        why = str(exc) if str(exc).startswith(("is ", "may ")) else "is no day"
    hint = 'say decimal = "," or "." in [billing]' if "two ways" in why else f"correct the {column} of that line"
    msg = f"{path.name}, line {row.number}: {column} {why}"
    raise ConfigurationError(msg, hint=hint)


def read_billing(table: Mapping[str, Any], *, file: str = "periferia.toml") -> BillingRule:
    """
    Read the table ``[billing]``.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    return read_rule(BillingRule, table, section="billing", file=file)
