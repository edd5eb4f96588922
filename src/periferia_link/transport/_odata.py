"""
OData as text: literals, keys, filters, query strings, error bodies, next links; pure, no I/O.

Dataverse, SAP Service Layer and Microsoft Graph share it. Every value that reaches a URL passes :func:`literal`:
a filter is never an f-string. ``$batch`` lives in ``_multipart`` and is re-exported here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import quote

from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError
from periferia_link.transport._json import loads
from periferia_link.transport._multipart import BatchPart, PartAnswer, decode_batch, encode_batch

__all__ = [
    "BatchPart",
    "Filter",
    "Option",
    "PartAnswer",
    "Scalar",
    "any_of",
    "both",
    "decode_batch",
    "encode_batch",
    "eq",
    "error_of",
    "ge",
    "gt",
    "key",
    "literal",
    "next_link",
    "query",
]

Scalar: TypeAlias = str | int | Decimal | bool | date | datetime | uuid.UUID | None
"""What a literal can be; a ``float`` cannot (money is Decimal)."""

Option: TypeAlias = str | int | bool | Sequence[str] | None
"""Value of a system query option; ``None`` leaves the option out."""

_OPTIONS = frozenset(
    {"apply", "count", "deltatoken", "expand", "filter", "format", "inlinecount", "orderby"}
    | {"search", "select", "skip", "skiptoken", "top"}
)
_IDENTIFIER = re.compile(r"[A-Za-z_@][\w@./]*", re.ASCII)
# Cc and lone surrogates: servers disagree on them and none needs them in a key.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INT64 = 2**63
_PLAIN = "$',()*:@/"
_PLAIN_IN_KEY = "'@"
# Edm.Decimal of Dataverse and SAP stays far below; 1e999999999 written out would fill the memory.
_MAX_MAGNITUDE = 40


class Filter(str):
    """A finished ``$filter`` expression; the functions of this file make it, so its literals are quoted."""

    __slots__ = ()


def literal(value: Scalar) -> str:
    """
    Write a value as an OData v4 literal, not yet percent-encoded.

    Text stands in quotes, doubled inside; a date is bare (``2026-01-31``), an instant is UTC with ``Z``, a UUID is
    bare. SAP wants dates quoted: pass ``day.isoformat()``.

    Args:
        value: What to write.

    Raises:
        RecordInvalidError: The value cannot be said: control characters, NaN, an integer beyond 64 bits.

        ConfigurationError: The type has no literal, or a datetime is naive.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return _instant(value)
    other: object = value
    if isinstance(other, date):
        return other.isoformat()
    msg = f"a {type(other).__name__} has no OData literal"
    raise ConfigurationError(msg, hint="pass str, int, Decimal, bool, date, datetime, UUID or None")


def _text(value: str) -> str:
    if _UNPRINTABLE.search(value):
        msg = "a text with control characters cannot be searched"
        raise RecordInvalidError(msg, hint="remove them in the source system")
    return "'" + value.replace("'", "''") + "'"


def _integer(value: int) -> str:
    if not -_INT64 <= value < _INT64:
        msg = "an integer beyond 64 bits cannot be searched"
        raise RecordInvalidError(msg, hint="correct the record in the source system")
    return str(int(value))


def _decimal(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > _MAX_MAGNITUDE:
        msg = "a number that is not finite, or absurdly large or small, cannot be searched"
        raise RecordInvalidError(msg, hint="correct the record in the source system")
    return format(value, "f")


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        msg = "a datetime without time zone has no OData literal"
        raise ConfigurationError(msg, hint="pass an aware datetime")
    return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"


def key(entity_set: str, value: Scalar | Mapping[str, Scalar]) -> str:
    """
    Return the path of one record, percent-encoded: ``accounts(8c98…)``, ``BusinessPartners('C%2F1')``.

    Args:
        entity_set: Name of the set.

        value: The key; several named values (composite or alternate key) as a mapping.

    Raises:
        ConfigurationError: The name is none, or the key is empty.

        RecordInvalidError: As :func:`literal`.
    """
    if not isinstance(value, Mapping):
        return f"{_name(entity_set)}({quote(literal(value), safe=_PLAIN_IN_KEY)})"
    if not value:
        msg = f"a key of {entity_set} needs at least one value"
        raise ConfigurationError(msg)
    pairs = (f"{_name(field)}={quote(literal(each), safe=_PLAIN_IN_KEY)}" for field, each in value.items())
    return f"{_name(entity_set)}({','.join(pairs)})"


def eq(field: str, value: Scalar) -> Filter:
    """Keep the records whose *field* equals *value*."""
    return _compared(field, "eq", value)


def ge(field: str, value: Scalar) -> Filter:
    """Keep the records whose *field* is *value* or more."""
    return _compared(field, "ge", value)


def gt(field: str, value: Scalar) -> Filter:
    """Keep the records whose *field* is more than *value*."""
    return _compared(field, "gt", value)


def any_of(field: str, values: Iterable[Scalar]) -> Filter:
    """
    Keep the records whose *field* equals one of *values*.

    Spelled with ``or``: the Service Layer has no ``in`` operator.

    Raises:
        ConfigurationError: There are no values: such a filter would have to match nothing.
    """
    tests = [eq(field, value) for value in values]
    if not tests:
        msg = f"a filter on {field} needs at least one value"
        raise ConfigurationError(msg, hint="skip the request when there is nothing to look for")
    return tests[0] if len(tests) == 1 else Filter(f"({' or '.join(tests)})")


def both(*filters: str) -> Filter:
    """
    Keep the records that pass every filter; one written by hand is put in parentheses.

    Raises:
        ConfigurationError: There are no filters.
    """
    if not filters:
        msg = "both() needs at least one filter"
        raise ConfigurationError(msg)
    return Filter(" and ".join(each if isinstance(each, Filter) else f"({each})" for each in filters))


def query(path: str, **options: Option) -> str:
    """
    Append system query options to a path: ``query("accounts", select=["name"], top=5)``.

    Names get their ``$``, lists become comma-separated, values are percent-encoded, ``None`` is left out.

    Args:
        path: Path, with or without a query of its own.

        options: ``select``, ``filter``, ``orderby``, ``top``, ``expand`` and the other system query options.

    Raises:
        ConfigurationError: There is no such option.
    """
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        msg = f"OData has no query option {', '.join(unknown)}"
        raise ConfigurationError(msg, hint=f"it knows {', '.join(sorted(_OPTIONS))}")
    pairs = [f"${name}={quote(_option(value), safe=_PLAIN)}" for name, value in options.items() if value is not None]
    if not pairs:
        return path
    return path + ("&" if "?" in path else "?") + "&".join(pairs)


def error_of(body: bytes) -> tuple[str, str] | None:
    """
    Return code and message of an OData error body, or ``None`` when it is something else.

    Reads v4 (``message`` is text, ``code`` text or empty) and v3 (``message.value``, ``code`` a number).
    """
    try:
        page = loads(body)
    except ContractBrokenError:
        return None
    error = page.get("error", page.get("odata.error")) if isinstance(page, dict) else None
    if not isinstance(error, dict):
        return None
    code, message = error.get("code"), error.get("message")
    if isinstance(message, dict):
        message = message.get("value")
    return ("" if code is None else str(code)), ("" if message is None else str(message))


def next_link(page: Mapping[str, Any]) -> str | None:
    """
    Return the link to the next page as the server wrote it: absolute, or relative as SAP's.

    Raises:
        ContractBrokenError: The link is there and is no text.
    """
    link = page.get("@odata.nextLink") or page.get("odata.nextLink") or page.get("@nextLink")
    if link is not None and not isinstance(link, str):
        msg = "the link to the next page is no text"
        raise ContractBrokenError(msg)
    return link


def _compared(field: str, operator: str, value: Scalar) -> Filter:
    return Filter(f"{_name(field)} {operator} {literal(value)}")


def _name(field: str) -> str:
    if not _IDENTIFIER.fullmatch(field):
        msg = f"{field!r} is not the name of a column or table"
        raise ConfigurationError(msg, hint="check the field map")
    return field


def _option(value: str | int | Sequence[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    return ",".join(value)
