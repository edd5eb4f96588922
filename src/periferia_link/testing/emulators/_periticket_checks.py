"""What Periticket takes as a value: one check for each shape, which returns what is stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, TypeAlias

__all__ = [
    "Check",
    "Refused",
    "amount",
    "day",
    "flag",
    "hours",
    "instant",
    "number",
    "one_of",
    "or_null",
    "stamp",
    "text",
    "zoned",
]

Check: TypeAlias = Callable[[Any], Any]


class Refused(Exception):  # noqa: N818 - control flow of one request, never leaves the emulator
    """The request is answered with a problem (RFC 9457); ``fields`` says what is wrong with which member."""

    def __init__(self, status: int, code: str, detail: str, **members: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.members = members


def instant(moment: datetime) -> str:
    """Write a moment as Periticket does: UTC, whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(text: str) -> str:
    """
    Bring an instant with a zone to the form of :func:`instant`.

    Raises:
        ValueError: It is no instant, or it has no zone.
    """
    moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text))
    if moment.tzinfo is None:
        msg = "an instant needs a zone"
        raise ValueError(msg)
    return instant(moment)


def text(longest: int, *, empty: bool = False) -> Check:
    """Take text up to a length; blank only where it may be."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or len(value) > longest or not (empty or value.strip()):
            msg = f"text of 1 to {longest} characters expected"
            raise ValueError(msg)
        return value

    return check


def one_of(*words: str) -> Check:
    """Take one of these words."""

    def check(value: Any) -> Any:
        if value not in words:
            msg = f"one of {', '.join(words)} expected"
            raise ValueError(msg)
        return value

    return check


def or_null(check: Check) -> Check:
    """Take null, or what *check* takes."""
    return lambda value: None if value is None else check(value)


def flag(value: Any) -> Any:
    """Take true or false."""
    if not isinstance(value, bool):
        msg = "true or false expected"
        raise ValueError(msg)  # noqa: TRY004 - the caller turns every ValueError into a problem
    return value


def number(value: Any) -> Any:
    """Take a whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        msg = "a whole number from 0 expected"
        raise ValueError(msg)
    return value


def day(value: Any) -> Any:
    """Take a date of the calendar."""
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError) as exc:
        msg = "a date as 2026-11-21 expected"
        raise ValueError(msg) from exc


def hours(most: int) -> Check:
    """Take hours above 0, as a decimal string with two decimals."""

    def check(value: Any) -> Any:
        is_decimal = isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d{1,2})?", value)
        if not is_decimal or not 0 < Decimal(value) <= most:
            msg = f"a decimal string above 0, at most {most}, with two decimals expected"
            raise ValueError(msg)
        return str(Decimal(value).quantize(Decimal("0.01")))

    return check


def amount(value: Any) -> Any:
    """Take a number as a decimal string: money, a score."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}(\.\d{1,6})?", value):
        msg = "a decimal string expected"
        raise ValueError(msg)
    return value


def zoned(value: Any) -> Any:
    """Take an instant with a zone; it is stored in UTC."""
    try:
        return stamp(value)
    except (TypeError, ValueError) as exc:
        msg = "an instant with a zone expected"
        raise ValueError(msg) from exc
