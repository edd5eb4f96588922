"""Values as Azure DevOps writes them: instants of varying length, people as objects or texts, tags in one text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

__all__ = ["exact", "instant", "joined", "number_of", "person", "split_tags", "us_instant"]

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?")
_MAIL = re.compile(r".*<([^<>]+)>\s*", re.DOTALL)
_ITEM = re.compile(r".*/_apis/wit/workitems/(\d+)", re.IGNORECASE)
_US = "%m/%d/%Y %I:%M:%S %p"


def instant(told: Any) -> datetime | None:
    """
    Read an instant with no to nine digits of a second; the year 9999 stands for "not yet".

    Raises:
        ValueError: It is none.
    """
    if told is None or told == "":
        return None
    found = _INSTANT.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        msg = "it is no instant"
        raise ValueError(msg)
    zone = "+00:00" if found[3] in (None, "Z") else found[3]
    moment = datetime.fromisoformat(f"{found[1]}.{(found[2] or '0')[:6].ljust(6, '0')}{zone}")
    return None if moment.year == 9999 else moment.astimezone(timezone.utc)


def us_instant(told: Any) -> datetime | None:
    """
    Read the date of a deletion: ``1/10/2025 12:13:35 PM`` in UTC (recorded), or an ordinary instant (documented).

    Raises:
        ValueError: It is neither.
    """
    if isinstance(told, str) and "/" in told:
        return datetime.strptime(told, _US).replace(tzinfo=timezone.utc)
    return instant(told)


def person(told: Any) -> str | None:
    """Read who somebody is: the unique name of an identity object, the mail of ``Name <mail>``, or the text itself."""
    if isinstance(told, Mapping):
        told = told.get("uniqueName") or told.get("displayName")
    if not isinstance(told, str) or not told.strip():
        return None
    found = _MAIL.fullmatch(told)
    return (found[1] if found else told).strip()


def split_tags(told: Any) -> tuple[str, ...]:
    """Read the tags of an item, each once whatever its case."""
    tags: dict[str, str] = {}
    for each in str(told or "").split(";"):
        if each.strip():
            tags.setdefault(each.strip().lower(), each.strip())
    return tuple(tags.values())


def joined(*sources: Iterable[str]) -> str:
    """Merge tags into one text; what is there stays."""
    return "; ".join(split_tags(";".join(tag for tags in sources for tag in tags)))


def exact(told: Any) -> Any:
    """Read a number with all its digits; what is none stays for the model to refuse."""
    return Decimal(str(told)) if isinstance(told, float) else told


def number_of(url: Any) -> str | None:
    """Return the id of the work item that an address names."""
    found = _ITEM.fullmatch(url) if isinstance(url, str) else None
    return found[1] if found else None
