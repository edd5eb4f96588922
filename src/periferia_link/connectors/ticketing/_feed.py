"""How far a pull has come; as text, the cursor that the ledger keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from periferia_link.domain import Instant
from periferia_link.errors import ExpiredCursorError

__all__ = ["Place"]

_MOMENT: TypeAdapter[datetime | None] = TypeAdapter(Instant | None)


@dataclass(frozen=True, slots=True)
class Place:
    """
    Since when changes are asked for, the page to ask for next, and the latest change seen so far.

    Between pulls only ``since`` is left: the latest change less the overlap, in the server's own time.
    """

    since: datetime | None = None
    page: str | None = None
    latest: datetime | None = None

    @classmethod
    def parse(cls, cursor: str, system: str) -> Place:
        """
        Read a cursor back.

        Raises:
            ExpiredCursorError: It was not made here.
        """
        try:
            told = json.loads(cursor)
            since, latest = (_MOMENT.validate_python(told[name]) for name in ("since", "latest"))
            page = told["page"]
        except (ValueError, TypeError, KeyError):
            page = 0
        if page is None or isinstance(page, str):
            return cls(since, page, latest)
        msg = "this cursor was not made by a connector of a help desk"
        raise ExpiredCursorError(msg, hint="everything is read again", system=system)

    def __str__(self) -> str:
        told = {"since": _text(self.since), "page": self.page, "latest": _text(self.latest)}
        return json.dumps(told, separators=(",", ":"))

    def behind(
        self, moments: Iterable[datetime | None], following: str | None, *, now: datetime, overlap: timedelta
    ) -> Place:
        """
        Return the place behind one page.

        Args:
            moments: When the records of the page were changed.

            following: The server's cursor of the next page; ``None`` ends the pull.

            now: A change that claims to be later than that does not move the feed on: one record dated 2099 would
                hide every other change until then.

            overlap: How far before the latest change the next pull begins. Changes that were committed late, and a
                second change within the same second, are seen then.
        """
        latest = max((min(moment, now) for moment in (self.latest, *moments) if moment), default=None)
        if following is not None:
            return Place(self.since, following, latest)
        begins = [moment for moment in (self.since, latest and latest - overlap) if moment]
        return Place(max(begins, default=None))

    def not_behind(self, moment: datetime, overlap: timedelta) -> Place:
        """Return this place, no later than *moment*: a list by number may pass what changes while it is read."""
        latest = moment - overlap
        return Place(min(self.since, latest), self.page, self.latest) if self.since is not None else self


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
