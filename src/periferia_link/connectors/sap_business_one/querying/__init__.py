"""
Conditions for ``sap.rows(…, where=…)``: safe to build from any value, as every value is quoted.

The Service Layer knows comparisons, ``and``, ``or``, ``not`` and three functions of text; no arithmetic, no functions
of dates and no ``in`` (guide 1.29, p. 32)::

    from periferia_link.connectors.sap_business_one import querying as where

    sap.rows("Client", where=where.every(where.starts("CardName", "Industrias"), where.at_least("UpdateDate", day)))
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TypeAlias

from periferia_link.errors import ConfigurationError
from periferia_link.transport._odata import Filter, any_of, both, eq, ge, gt, literal

__all__ = [
    "Value",
    "above",
    "any_of",
    "at_least",
    "at_most",
    "below",
    "contains",
    "either",
    "ends",
    "every",
    "is_",
    "is_not",
    "no",
    "starts",
]

Value: TypeAlias = str | int | Decimal | date | None
"""What a column is compared with; a day is written as SAP reads it, ``'2026-11-22'``."""


def is_(column: str, value: Value) -> Filter:
    """Keep the rows whose column has that value."""
    return eq(column, _plain(value))


def is_not(column: str, value: Value) -> Filter:
    """Keep the rows whose column has another value."""
    return _compared(column, "ne", value)


def above(column: str, value: Value) -> Filter:
    """Keep the rows whose column is more."""
    return gt(column, _plain(value))


def at_least(column: str, value: Value) -> Filter:
    """Keep the rows whose column is that or more."""
    return ge(column, _plain(value))


def below(column: str, value: Value) -> Filter:
    """Keep the rows whose column is less."""
    return _compared(column, "lt", value)


def at_most(column: str, value: Value) -> Filter:
    """Keep the rows whose column is that or less."""
    return _compared(column, "le", value)


def starts(column: str, text: str) -> Filter:
    """Keep the rows whose column begins with a text."""
    return _called("startswith", column, text)


def ends(column: str, text: str) -> Filter:
    """Keep the rows whose column ends with a text."""
    return _called("endswith", column, text)


def contains(column: str, text: str) -> Filter:
    """Keep the rows whose column holds a text."""
    return _called("contains", column, text)


def every(*conditions: Filter) -> Filter:
    """Keep the rows that pass all conditions."""
    return both(*conditions)


def either(*conditions: Filter) -> Filter:
    """
    Keep the rows that pass one of the conditions.

    Raises:
        ConfigurationError: There are none.
    """
    if not conditions:
        msg = "either() needs at least one condition"
        raise ConfigurationError(msg)
    return Filter(f"({' or '.join(conditions)})")


def no(condition: Filter) -> Filter:
    """Keep the rows that do not pass."""
    return Filter(f"not ({condition})")


def _compared(column: str, operator: str, value: Value) -> Filter:
    # the name is checked where the plain comparison is made
    name = eq(column, None).partition(" ")[0]
    return Filter(f"{name} {operator} {literal(_plain(value))}")


def _called(function: str, column: str, text: str) -> Filter:
    name = eq(column, None).partition(" ")[0]
    return Filter(f"{function}({name},{literal(text)})")


def _plain(value: Value) -> str | int | Decimal | None:
    return value.isoformat()[:10] if isinstance(value, date) else value
