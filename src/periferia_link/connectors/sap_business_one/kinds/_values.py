"""Single values between SAP's wire and the domain: dates, yes and no, instants, etags, lengths, exact amounts."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timezone, tzinfo
from decimal import Decimal
from typing import Any

from periferia_link.connectors.sap_business_one.kinds._fields import LIMITS
from periferia_link.errors import RecordInvalidError

__all__ = [
    "amount",
    "checked_amount",
    "checked_text",
    "currency",
    "day",
    "etag",
    "instant",
    "is_searchable",
    "is_yes",
    "yes_no",
]

_UNSEARCHABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CURRENCY = re.compile(r"[A-Z]{3}")


def day(value: Any) -> date | None:
    """Read a date: ``2026-11-21`` in v1, ``2026-11-21T00:00:00Z`` in v2."""
    return date.fromisoformat(str(value)[:10]) if value else None


def instant(row: Mapping[str, Any], zone: tzinfo, on: str = "UpdateDate", at: str = "UpdateTime") -> datetime | None:
    """
    Return a moment of a row; SAP keeps the day and the time of its server's wall clock apart.

    Args:
        row: As it came.

        zone: Where that clock hangs.

        on: Column of the day; without a day of change that of the creation counts.

        at: Column of the time.
    """
    changed = day(row.get(on) or (row.get("CreateDate") if on == "UpdateDate" else None))
    if changed is None:
        return None
    try:
        clock = time.fromisoformat(str(row.get(at) or "00:00:00"))
    except ValueError:
        clock = time()
    return datetime.combine(changed, clock, zone).astimezone(timezone.utc)


def is_searchable(text: str) -> bool:
    """Whether a text can stand in a filter: it is there and holds no control character, so SAP may have it."""
    return bool(text) and _UNSEARCHABLE.search(text) is None


def is_yes(value: Any) -> bool:
    """Read SAP's boolean; nothing means yes, as in its own screens."""
    return value not in ("tNO", "N")


def yes_no(value: Any) -> str:
    """Write SAP's boolean."""
    return "tYES" if value else "tNO"


def currency(value: Any) -> str | None:
    """Read a currency; ``##`` (all of them) and codes of the house (``$``) are none."""
    return value if isinstance(value, str) and _CURRENCY.fullmatch(value) else None


def etag(data_version: Any) -> str | None:
    """
    Return the etag of a record from its DataVersion: W/"SHA1(digits)", upper case.

    Calculated, because the annotation of a ``$select`` read is frozen at version 1 and gives a false 412.
    """
    if not isinstance(data_version, int):
        return None
    return _etag(data_version)


@functools.lru_cache(maxsize=4096)
def _etag(data_version: int) -> str:
    return 'W/"' + hashlib.sha1(str(data_version).encode()).hexdigest().upper() + '"'  # noqa: S324 - SAP's rule


def amount(value: Any) -> Decimal:
    """Read an amount; nothing is zero."""
    return Decimal(str(value)) if value else Decimal(0)


def checked_text(kind: str, field: str, value: str | None, *, where: str = "") -> str | None:
    """
    Return a text that SAP has room for.

    Raises:
        RecordInvalidError: It is too long, or holds a control character; the message names field and limit.
    """
    if value is None:
        return None
    limit = LIMITS.get(kind, {}).get(field)
    if limit is not None and len(value) > limit:
        msg = f"{where}{field} has {len(value)} characters, SAP keeps {limit}"
        raise RecordInvalidError(msg, hint="shorten it in the source system")
    if _UNSEARCHABLE.search(value):
        msg = f"{where}{field} holds a line break or another control character"
        raise RecordInvalidError(msg, hint="remove it in the source system")
    return value


def checked_amount(value: Decimal, decimals: int, *, where: str) -> Decimal:
    """
    Return an amount that SAP keeps digit by digit.

    Raises:
        RecordInvalidError: It has more decimals than the books, or more than 15 digits.
    """
    kept = value.normalize()
    exponent = kept.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    if digits > decimals:
        msg = f"{where} has {digits} decimals, the books keep {decimals}"
        raise RecordInvalidError(msg, hint="round it in the flow; SAP would round by itself and leave a difference")
    if len(kept.as_tuple().digits) > 15:  # the Service Layer computes in doubles
        msg = f"{where} has more than 15 digits"
        raise RecordInvalidError(msg, hint="split the posting")
    return value
