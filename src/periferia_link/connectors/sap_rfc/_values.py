"""Single values between SAP and the domain: numbers with leading zeros, dates, amounts as tables keep them, our key."""

from __future__ import annotations

import base64
import uuid
from datetime import date
from decimal import Context, Decimal
from typing import Any

from periferia_link.errors import RecordInvalidError

__all__ = ["KEY_PREFIX", "day_of", "decimal_of", "inner", "on_day", "outer", "plain", "shifted", "short_key"]

KEY_PREFIX = "PL"
"""What our keys begin with: people see it in the reference of a document."""

_KEY_CHARACTERS = 14  # with the prefix 16: BKPF-XBLNR
_WIDE = Context(prec=60)


def inner(value: str | None, length: int) -> str | None:
    """Return a number as SAP stores it, with leading zeros (the ALPHA conversion, which BAPIs do not do)."""
    if not value:
        return None
    text = value.strip()
    return text.zfill(length) if text.isascii() and text.isdigit() else text.upper()


def outer(value: Any) -> str | None:
    """Return a number as people write it, without leading zeros; nothing is ``None``."""
    text = str(value or "").strip()
    if text.isascii() and text.isdigit():
        return text.lstrip("0") or None
    return text or None


def plain(account: str, *, where: str) -> str:
    """
    Return an account that reads the same way back.

    Raises:
        RecordInvalidError: It has leading zeros, which SAP adds itself.
    """
    if account.isdigit() and account.startswith("0"):
        msg = f"{where}an account is written without its leading zeros"
        raise RecordInvalidError(msg, hint="correct the account in the settings of the flow")
    return account


def short_key(create_key: str) -> str:
    """
    Return our key as SAP has room for it: ``PL`` and 14 characters of A to Z and 2 to 7, which are 70 bits of the UUID.

    Two different keys meet with a probability of 1 in 10^7 after ten million documents.
    """
    number = uuid.uuid5(uuid.NAMESPACE_OID, create_key).bytes
    return KEY_PREFIX + base64.b32encode(number).decode()[:_KEY_CHARACTERS]


def day_of(value: Any) -> date | None:
    """Read a date: ``YYYYMMDD``, with or without dashes; an empty one or zeros are none."""
    text = str(value or "").strip().replace("-", "")
    if not text.strip("0"):
        return None
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def on_day(value: Any) -> date:
    """
    Read a date that must be there.

    Raises:
        ValueError: It is empty.
    """
    day = day_of(value)
    if day is None:
        msg = "a record without its date"
        raise ValueError(msg)
    return day


def decimal_of(value: Any) -> Decimal:
    """Read a number as a table gives it: blanks around it, and the sign behind it."""
    text = str(value or "").strip()
    if text.endswith("-"):
        text = f"-{text[:-1].strip()}"
    return Decimal(text or 0)


def shifted(stored: Decimal, decimals: int) -> Decimal:
    """
    Return the amount that a table column stands for.

    Tables keep every amount with two decimals and move the point: 1,250,000 of a currency without decimals is stored
    as 12500.00. BAPIs take and give the true amount.
    """
    return stored.scaleb(2 - decimals, _WIDE)
