"""Where a pull of business partners stands: SAP tells changes by day, so the last day is always read again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from periferia_link.connectors.sap_business_one._values import day
from periferia_link.errors import ExpiredCursorError
from periferia_link.transport._odata import Filter, ge

__all__ = ["Place"]

_OVERLAP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Place:
    """
    A place in the feed.

    ``since`` is the first day of change to read, ``latest`` the last one seen (days of SAP's server: no clock of
    ours takes part), ``after`` the last key of the page before, ``None`` when the pull was finished.
    """

    since: date | None = None
    latest: date | None = None
    after: str | None = None

    @classmethod
    def parse(cls, cursor: str | None) -> Place:
        """
        Read a cursor of an earlier page.

        Raises:
            ExpiredCursorError: It is none of ours.
        """
        if cursor is None:
            return cls()
        try:
            told = json.loads(cursor)
            place = cls(day(told.get("since")), day(told.get("latest")), told.get("after"))
        except (ValueError, AttributeError):
            msg = "the cursor is not one of this connector"
            raise ExpiredCursorError(msg, hint="everything is read again") from None
        return place if place.after is not None else place.again()

    def again(self) -> Place:
        """Return the place where the next pull begins: a day before the last change seen."""
        return Place(None if self.latest is None else self.latest - _OVERLAP, self.latest)

    def behind(self, rows: Iterable[Mapping[str, Any]], stamp: tuple[str, str], after: str | None) -> Place:
        """Return the place behind a page; without a key the pull is finished."""
        days = [found for row in rows for column in stamp if (found := day(row.get(column))) is not None]
        latest = max([*days, *([self.latest] if self.latest else [])], default=None)
        return Place(None if after is None else self.since, latest, after)

    def where(self, stamp: tuple[str, str]) -> list[Filter]:
        """Return the filter of the feed; a new record may have no day of change, only one of creation."""
        if self.since is None:
            return []
        on = self.since.isoformat()
        return [Filter(f"({ge(stamp[0], on)} or {ge(stamp[1], on)})")]

    def __str__(self) -> str:
        told = {"since": self.since, "latest": self.latest, "after": self.after}
        return json.dumps({name: str(value) for name, value in told.items() if value is not None}, sort_keys=True)
