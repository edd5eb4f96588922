"""
Conditions of ``$filter``, written from names and values: a value is always quoted, a name is always a name.

::

    from periferia_link.connectors.dynamics365 import querying as where

    where.every(where.exactly("statecode", 0), where.contains("name", "O'Brien & Hijos"))

Source: "Filter rows" of the Web API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias
from uuid import UUID

from periferia_link.errors import ConfigurationError
from periferia_link.transport._odata import Filter, any_of, both, literal

__all__ = [
    "after",
    "before",
    "between",
    "contains",
    "either",
    "ends_with",
    "every",
    "exactly",
    "excluding",
    "function",
    "is_empty",
    "is_filled",
    "one_of",
    "other_than",
    "property_path",
    "starts_with",
]

Value: TypeAlias = "str | int | bool | Decimal | date | datetime | UUID | None"

# a column, or one behind lookups: primarycontactid/fullname
_PATH: Final = re.compile(r"[A-Za-z_]\w{0,127}(/[A-Za-z_]\w{0,127}){0,5}", re.ASCII)
# functions that take a list even of one value: In, its opposite, and those of multi-select columns
_PLURAL: Final = ("In", "Values")
_NAME: Final = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)
# % _ [ ] stand for other characters in the text functions of Dataverse: in brackets they stand for themselves
_WILD: Final = re.compile(r"[\[%_]")


def property_path(name: str) -> str:
    """
    Return a column, or a path to one over lookups.

    Raises:
        ConfigurationError: It is none.
    """
    if not _PATH.fullmatch(name):
        msg = f"{name!r} is not the name of a column"
        raise ConfigurationError(msg, hint="give the logical name: name, _customerid_value, primarycontactid/fullname")
    return name


def exactly(column: str, value: Value) -> Filter:
    """Keep rows whose column equals a value; texts are compared without case and accents."""
    return _compared(column, "eq", value)


def other_than(column: str, value: Value) -> Filter:
    """Keep rows whose column holds something else, or nothing."""
    return _compared(column, "ne", value)


def after(column: str, value: Value, *, or_same: bool = False) -> Filter:
    """Keep rows whose column is greater or later."""
    return _compared(column, "ge" if or_same else "gt", value)


def before(column: str, value: Value, *, or_same: bool = False) -> Filter:
    """Keep rows whose column is less or earlier."""
    return _compared(column, "le" if or_same else "lt", value)


def between(column: str, low: Value, high: Value) -> Filter:
    """Keep rows whose column lies between two values, both included."""
    return both(_compared(column, "ge", low), _compared(column, "le", high))


def one_of(column: str, values: Iterable[str | int | UUID]) -> Filter:
    """
    Keep rows whose column holds one of the values.

    Raises:
        ConfigurationError: There are none.
    """
    return any_of(property_path(column), values)


def contains(column: str, text: str) -> Filter:
    """Keep rows whose column holds a text somewhere; signs that are wildcards elsewhere stand for themselves."""
    return _texted("contains", column, text)


def starts_with(column: str, text: str) -> Filter:
    """Keep rows whose column begins with a text."""
    return _texted("startswith", column, text)


def ends_with(column: str, text: str) -> Filter:
    """Keep rows whose column ends with a text."""
    return _texted("endswith", column, text)


def is_empty(column: str) -> Filter:
    """Keep rows whose column holds nothing."""
    return _compared(column, "eq", None)


def is_filled(column: str) -> Filter:
    """Keep rows whose column holds something."""
    return _compared(column, "ne", None)


def function(name: str, column: str, *values: str | int) -> Filter:
    """
    Keep rows by a query function of Dataverse: ``function("LastXDays", "createdon", 7)``.

    Args:
        name: The function, without ``Microsoft.Dynamics.CRM.``: ``In``, ``Between``, ``On``, ``EqualUserId``, …

        column: The column that it looks at.

        values: One is its PropertyValue, several are its PropertyValues.

    Raises:
        ConfigurationError: The name is none.
    """
    if not _NAME.fullmatch(name):
        msg = f"{name!r} is not the name of a query function"
        raise ConfigurationError(msg, hint="take it from the query function reference: LastXDays, On, In")
    told = [f"PropertyName='{property_path(column)}'"]
    if len(values) == 1 and not name.endswith(_PLURAL):
        told.append(f"PropertyValue={literal(values[0])}")
    elif values:
        for value in values:
            literal(value)  # refuses what a query cannot hold
        listed = json.dumps([str(value) for value in values], ensure_ascii=False, separators=(",", ":"))
        told.append(f"PropertyValues={listed}")
    return Filter(f"Microsoft.Dynamics.CRM.{name}({','.join(told)})")


def every(*conditions: str) -> Filter:
    """
    Keep rows that meet every condition.

    Raises:
        ConfigurationError: There are none.
    """
    return both(*(Filter(f"({each})") if " or " in each and isinstance(each, Filter) else each for each in conditions))


def either(*conditions: str) -> Filter:
    """
    Keep rows that meet at least one condition.

    Raises:
        ConfigurationError: There are none.
    """
    if not conditions:
        msg = "either() needs at least one condition"
        raise ConfigurationError(msg)
    return Filter("(" + " or ".join(f"({each})" for each in conditions) + ")")


def excluding(condition: str) -> Filter:
    """Keep rows that do not meet a condition."""
    return Filter(f"not ({condition})")


def _compared(column: str, operator: str, value: Value) -> Filter:
    return Filter(f"{property_path(column)} {operator} {literal(value)}")


def _texted(name: str, column: str, text: str) -> Filter:
    plain = _WILD.sub(lambda sign: f"[{sign[0]}]", text)
    return Filter(f"{name}({property_path(column)},{literal(plain)})")
