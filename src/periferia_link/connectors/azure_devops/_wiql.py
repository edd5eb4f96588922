"""WIQL, put together so that a value is never anything but a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal

from periferia_link.errors import ConfigurationError

__all__ = ["all_of", "any_of", "chunked", "eq", "field", "literal", "select", "tagged", "window"]

LONGEST = 30_000
"""Characters of a query; the service takes 32,000."""

_REFERENCE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+")


def literal(value: object) -> str:
    """
    Write a value as WIQL: a text in single quotes, each quote inside doubled.

    Raises:
        ConfigurationError: The value has a type that WIQL does not know, or is not finite.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite()):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            msg = "a naive time has no meaning in a query"
            raise ConfigurationError(msg, hint="give it a zone")
        return f"'{value.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    msg = f"WIQL has no {type(value).__name__}"
    raise ConfigurationError(msg, hint="give a text, a whole number, a decimal, a date or a truth value")


def field(name: str) -> str:
    """
    Write a field by its reference name, ``[System.Title]``.

    Raises:
        ConfigurationError: It is no reference name.
    """
    if not _REFERENCE.fullmatch(name):
        msg = f"{name[:60]!r} is no reference name of a field"
        raise ConfigurationError(msg, hint="it reads like System.Title or Custom.ClientCode")
    return f"[{name}]"


def eq(name: str, value: object) -> str:
    """Ask for equality (texts without regard to case, as the service compares)."""
    return f"{field(name)} = {literal(value)}"


def tagged(tag: str) -> str:
    """Ask for a tag, whole."""
    return f"[System.Tags] CONTAINS {literal(tag)}"


def any_of(conditions: Sequence[str]) -> str:
    """Join with OR."""
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"


def all_of(conditions: Iterable[str]) -> str:
    """Join with AND; nothing to ask is an empty text."""
    return " AND ".join(each for each in conditions if each)


def select(where: str = "") -> str:
    """Ask for the ids of what meets a condition, in the order of their ids."""
    return f"SELECT [System.Id] FROM WorkItems{f' WHERE {where}' if where else ''} ORDER BY [System.Id]"  # noqa: S608 - conditions are made of literals


def window(where: str, last: int) -> str:
    """Ask for the ids behind one that was seen: results above 20,000 are read in windows."""
    return select(all_of([f"[System.Id] > {last}", f"({where})" if where else ""]))


def chunked(conditions: Iterable[str]) -> Iterator[list[str]]:
    """Part conditions into lists that fit one query."""
    chunk: list[str] = []
    length = 0
    for condition in conditions:
        if chunk and length + len(condition) > LONGEST - 1_000:
            yield chunk
            chunk, length = [], 0
        chunk.append(condition)
        length += len(condition) + 4
    if chunk:
        yield chunk
