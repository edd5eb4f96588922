"""Where a pull stands: SAP tells changes by day, so the last day is always read again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from periferia_link.connectors.sap_business_one.kinds._traits import Stamp
from periferia_link.connectors.sap_business_one.kinds._values import day
from periferia_link.errors import ExpiredCursorError
from periferia_link.transport._odata import Filter, ge, gt

__all__ = ["Place"]

_OVERLAP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Place:
    """
    A place in the feed.

    ``since`` is the first day of change to read, ``latest`` the last one seen (days of SAP's server: no clock of
    ours takes part), ``after`` the last key of the page before, ``None`` when the pull was finished. ``highest`` is
    the highest number seen, for tables that number their records and do not say when they were made.
    """

    since: date | None = None
    latest: date | None = None
    after: str | None = None
    highest: int | None = None

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
            highest = told.get("highest")
            place = cls(
                day(told.get("since")),
                day(told.get("latest")),
                told.get("after"),
                None if highest is None else int(highest),
            )
        except (ValueError, AttributeError, TypeError):
            msg = "the cursor is not one of this connector"
            raise ExpiredCursorError(msg, hint="everything is read again") from None
        return place if place.after is not None else place.again()

    def again(self) -> Place:
        """Return the place where the next pull begins: a day before the last change seen."""
        return Place(None if self.latest is None else self.latest - _OVERLAP, self.latest, highest=self.highest)

    def behind(self, rows: Iterable[Mapping[str, Any]], stamp: Stamp, key: str, *, is_last: bool) -> Place:
        """Return the place behind a page; behind the last one the pull is finished."""
        rows = list(rows)
        columns = (stamp.changed, stamp.created) if stamp.created else (stamp.changed,)
        latest = _latest({row.get(column) for row in rows for column in columns}, self.latest)
        highest = self.highest
        if not stamp.created and rows:
            highest = max(int(rows[-1][key]), highest or 0)
        return Place(None if is_last else self.since, latest, None if is_last else str(rows[-1][key]), highest)

    def where(self, stamp: Stamp, key: str) -> list[Filter]:
        """Return the filter of the feed; a new record may have no day of change."""
        if self.since is None or (not stamp.created and self.highest is None):
            return []
        on = self.since.isoformat()
        is_new = ge(stamp.created, on) if stamp.created else gt(key, self.highest)
        return [Filter(f"({ge(stamp.changed, on)} or {is_new})")]

    @property
    def text(self) -> str | None:
        """The cursor; ``None`` while no row was seen, as nothing was learned."""
        if self.latest is None and self.highest is None:
            return None
        return str(self)

    def __str__(self) -> str:
        told = {"since": self.since, "latest": self.latest, "after": self.after, "highest": self.highest}
        return json.dumps({name: str(value) for name, value in told.items() if value is not None}, sort_keys=True)


def _latest(told: Iterable[Any], before: date | None) -> date | None:
    """Return the latest day; what is none is the trouble of its row, not of the feed."""
    for text in sorted({value[:10] for value in told if isinstance(value, str)}, reverse=True):
        try:
            found = day(text)
        except ValueError:
            continue
        if found is not None:
            return found if before is None else max(found, before)
    return before
