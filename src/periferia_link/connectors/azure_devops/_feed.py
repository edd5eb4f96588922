"""How far a pull has come in both feeds; as text, the cursor that the ledger keeps."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from periferia_link.connectors.azure_devops._values import instant
from periferia_link.errors import ExpiredCursorError

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a pull goes on.

    ``revisions`` and ``links`` are the continuation tokens of the two feeds, opaque texts that stay good after the
    last batch: they are the watermarks of the next pull. Until the links feed gave one, ``begin`` is the instant
    from which it is read. ``feed`` is the one that is under way.
    """

    revisions: str | None = None
    links: str | None = None
    begin: str | None = None
    feed: Literal["revisions", "links"] = "revisions"

    @classmethod
    def parse(cls, cursor: str, system: str) -> Place:
        """
        Read a cursor back.

        Raises:
            ExpiredCursorError: It was not made here.
        """
        try:
            told = json.loads(cursor)
            place = cls(**told)
            texts = (place.revisions, place.links, place.begin)
            is_good = all(each is None or (isinstance(each, str) and each) for each in texts)
            good_feed = place.feed == "revisions" or (place.feed == "links" and place.revisions is not None)
            if place.begin is not None:
                instant(place.begin)
            if is_good and good_feed and (place.links or place.begin):
                return place
        except (ValueError, TypeError, RecursionError):
            pass
        msg = "this cursor was not made by an Azure DevOps connector"
        raise ExpiredCursorError(msg, hint="everything is read again", system=system)

    def __str__(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))
