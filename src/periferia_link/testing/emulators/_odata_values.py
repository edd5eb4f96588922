"""Values as OData servers see them: refusals, moments, numbers and GUIDs, and how two values compare."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

__all__ = [
    "Dialect",
    "ODataRefused",
    "Quoted",
    "aligned",
    "guid_order",
    "is_guid",
    "order_key",
    "read_guid",
    "read_moment",
    "read_number",
]

_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,12}))?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T.*)?", re.ASCII | re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# SQL Server compares a uniqueidentifier from its last group to its first.
_SQL_SERVER_ORDER = (10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3)


class ODataRefused(ValueError):  # noqa: N818 - a refusal of the server, not an error of the library
    """
    The server does not accept the query or the batch; the emulator answers 400 in its own shape.

    ``position`` counts characters of the refused text from 0; ``None`` where there is no single place.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    What differs between two servers that both say OData.

    ``ignore_case``: texts are equal whatever their case. ``wildcards``: ``%``, ``_`` and ``[a-z]`` work in
    ``contains``, ``startswith`` and ``endswith``. ``quoted_dates``: ``'2014-04-23'`` and ``'20140423'`` beside a date
    are days, the time is ignored. ``v3_literals``: ``datetime'…'``, ``guid'…'`` and ``10.5M`` are understood.
    ``as_stored`` turns the literal beside a column into what the books hold (``'C'`` into ``'cCustomer'``).

    Dataverse is ``Dialect(ignore_case=True, wildcards=True, v3_literals=False)``, the Service Layer
    ``Dialect(quoted_dates=True)``.
    """

    ignore_case: bool = False
    wildcards: bool = False
    quoted_dates: bool = False
    v3_literals: bool = True
    as_stored: Callable[[str, Any], Any] | None = None

    def folded(self, text: str) -> str:
        """Return *text* as this server compares it."""
        return text.casefold() if self.ignore_case else text


class Quoted(str):
    """A text literal, or the result of a text function: it stays text even when it looks like a number."""

    __slots__ = ()


@lru_cache(maxsize=131_072)
def read_moment(text: str) -> datetime | None:
    """Read an ISO date or time as an instant; a date is its midnight, a time without zone is UTC."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    micro = int((found["fraction"] or "").ljust(6, "0")[:6])
    try:
        day = date.fromisoformat(found["day"])
        return datetime(day.year, day.month, day.day, hour, minute, second, micro, _zone(found["zone"]))
    except ValueError:
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return timezone.utc
    away = timedelta(hours=int(text[1:3]), minutes=int(text[4:]))
    return timezone(-away if text[0] == "-" else away)


def read_number(text: str) -> Decimal | None:
    """Read an exact number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=131_072)
def read_guid(text: str) -> UUID | None:
    """Read a GUID in its usual form, whatever its case."""
    return UUID(text) if is_guid(text) else None


def is_guid(text: str) -> bool:
    """Whether *text* is a GUID in its usual form, whatever its case."""
    return _GUID.fullmatch(text) is not None


@lru_cache(maxsize=131_072)
def guid_order(value: UUID) -> bytes:
    """Return the bytes that sort as SQL Server sorts GUIDs: from the last group to the first."""
    raw = value.bytes_le
    return bytes(raw[i] for i in _SQL_SERVER_ORDER)


def aligned(left: Any, right: Any, dialect: Dialect) -> tuple[Any, Any] | None:
    """
    Return both values in one type that compares, or ``None`` where the server would call them incompatible.

    The books hold JSON: amounts, moments and GUIDs may be text there, and are read as what stands on the other side.
    """
    left, right = _exact(left), _exact(right)
    if isinstance(left, str) and isinstance(right, str):
        return _texts(left, right, dialect)
    if isinstance(left, str):
        left = _read_as(right, left)
    elif isinstance(right, str):
        right = _read_as(left, right)
    if left is None or type(left) is not type(right):
        return None
    if isinstance(left, UUID):
        return guid_order(left), guid_order(right)
    return left, right


def order_key(value: Any, dialect: Dialect, *, is_number: bool = False) -> tuple[Any, ...]:
    """
    Return what sorts *value* among others of its column: nothing first, then by type, then by value.

    Args:
        value: What the books hold.

        dialect: Tells whether case counts.

        is_number: Text in this column is an exact number, not a code.
    """
    value = _exact(value)
    if value is None:
        return (0,)
    if not isinstance(value, str):
        return (1, type(value).__name__, value)
    number = read_number(value) if is_number else None
    if number is not None:
        return (1, "Decimal", number)
    if (guid := read_guid(value)) is not None:
        return (1, "guid", guid_order(guid))
    moment = read_moment(value)
    return (1, "text", dialect.folded(value)) if moment is None else (1, "moment", moment)


def _exact(value: Any) -> Any:
    """Return numbers as Decimal, so that every number has one type; what cannot be compared becomes ``None``."""
    if isinstance(value, (bool, str, Decimal, datetime, UUID)):
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return read_number(repr(value))
    return None


def _read_as(other: Any, text: str) -> Any:
    """Read *text* of the books as the type of *other*; a quoted literal never becomes anything else."""
    if isinstance(text, Quoted):
        return text
    readers: dict[type, Callable[[str], Any]] = {Decimal: read_number, datetime: read_moment, UUID: read_guid}
    read = readers.get(type(other))
    return read(text) if read else text


def _texts(left: str, right: str, dialect: Dialect) -> tuple[Any, Any]:
    readers: tuple[Callable[[str], Any], ...] = ()
    if not isinstance(left, Quoted) and not isinstance(right, Quoted):
        readers = (read_number, read_moment)  # two columns: compared as what both of them hold
    elif dialect.quoted_dates:
        readers = (_read_day,)
    for read in readers:
        pair = read(left), read(right)
        if None not in pair:
            return pair
    return dialect.folded(left), dialect.folded(right)


def _read_day(text: str) -> date | None:
    found = _DAY.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None
