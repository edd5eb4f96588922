"""How far a pull has come; as text, the cursor that the ledger keeps."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from periferia_link.errors import ExpiredCursorError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["TIME_COLUMN", "Place", "split_deleted"]

TIME_COLUMN = "modifiedon"
"""When a row was last changed, in the server's time, to the second."""

_LENGTH = len("2026-01-31T23:59:59Z")


@functools.cache
def _moments() -> TypeAdapter[datetime | None]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - a program that only writes needs none

    from periferia_link.domain import Instant  # noqa: PLC0415 - as above

    return TypeAdapter(Instant | None)


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a pull goes on.

    ``link`` is the address to follow next (path and query, the origin is the configured one); without it a first
    request is made. ``tracking`` tells that the first pass of change tracking is under way, whose pages ask for it
    again. A watermark feed remembers ``since`` when changes are asked for and the latest change seen so far.
    """

    feed: Literal["delta", "watermark"]
    link: str | None = None
    tracking: bool = False
    since: datetime | None = None
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
            since, latest = (_moments().validate_python(told[name]) for name in ("since", "latest"))
            place = cls(told["feed"], told["link"], told["tracking"] is True, since, latest)
        except (ValueError, TypeError, KeyError, RecursionError):
            place = cls("delta", "")
        is_link = place.link is None or (isinstance(place.link, str) and place.link.startswith("/"))
        if is_link and (place.feed == "watermark" or (place.feed == "delta" and place.link is not None)):
            return place
        msg = "this cursor was not made by a Dynamics 365 connector"
        raise ExpiredCursorError(msg, hint="everything is read again", system=system)

    def __str__(self) -> str:
        told = {
            "feed": self.feed,
            "link": self.link,
            "tracking": self.tracking,
            "since": _text(self.since),
            "latest": _text(self.latest),
        }
        return json.dumps(told, separators=(",", ":"))

    def on(self, link: str) -> Place:
        """Return the place behind a page that has a next one."""
        return replace(self, link=link)

    def after_changes(self, link: str) -> Place:
        """Return the place behind the last page of a delta feed."""
        return Place("delta", link)

    def seen(self, rows: Sequence[Mapping[str, Any]], now: datetime) -> Place:
        """
        Return this place with the latest change of some rows.

        A change that claims to be later than *now* does not move the feed on: one row dated 2099 would hide every
        other change until then.
        """
        moments = [self.latest, *_latest([row.get(TIME_COLUMN) for row in rows])]
        return replace(self, latest=max((min(moment, now) for moment in moments if moment), default=None))

    def rested(self, overlap: timedelta) -> Place:
        """
        Return the place behind the last page of a watermark feed: the latest change, less the overlap.

        Rows committed late by long transactions, and a second change within the same second, are seen then.
        """
        begins = [moment for moment in (self.since, self.latest and self.latest - overlap) if moment]
        return Place("watermark", since=max(begins, default=None))


def split_deleted(entries: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """
    Part the entries of a delta page: rows, and the ids of what was deleted.

    A deleted entry carries ``id``, not the key column (use-change-tracking-synchronize-data-external-systems.md).
    """
    if not any("@odata.context" in entry or "reason" in entry for entry in entries):
        return list(entries), []
    rows, gone = [], []
    for entry in entries:
        if str(entry.get("@odata.context", "")).endswith("/$deletedEntity") or entry.get("reason") == "deleted":
            gone.append(str(entry.get("id", "")))
        else:
            rows.append(entry)
    return rows, [key.lower() for key in gone if key]


def _latest(values: Sequence[Any]) -> list[datetime | None]:
    """Return moments of which one is the latest: of texts in the server's form, that is the greatest text."""
    texts = [value for value in values if isinstance(value, str) and len(value) == _LENGTH and value[-1] == "Z"]
    if len(texts) == len(values) and texts and (latest := _moment(max(texts))) is not None:
        return [latest]
    return [_moment(value) for value in values]


def _moment(value: Any) -> datetime | None:
    """Read an instant; one that is none is refused when its row is decoded, not here."""
    try:
        return _moments().validate_python(value)
    except ValueError:
        return None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
