"""The place of a kind that lives in several tables; as text, the cursor that the ledger keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from periferia_link.connectors.base import Page
from periferia_link.connectors.dynamics365.reading._feed import Place
from periferia_link.errors import ExpiredCursorError

__all__ = ["read_places", "write_places"]


def read_places(cursor: str, maps: Sequence[str], system: str) -> dict[str, Place]:
    """
    Read a cursor back: the place in each table by the name of its map; tables never read are not among them.

    Raises:
        ExpiredCursorError: It was not made here.
    """
    if len(maps) == 1:
        return {maps[0]: Place.parse(cursor, system)}
    try:
        told = json.loads(cursor)["tables"]
        texts = {name: json.dumps(told[name]) for name in maps if name in told}
    except (ValueError, TypeError, KeyError, RecursionError):
        texts = {}
    if texts:
        return {name: Place.parse(text, system) for name, text in texts.items()}
    msg = "this cursor was not made by a Dynamics 365 connector"
    raise ExpiredCursorError(msg, hint="everything is read again", system=system)


def write_places(pulled: Mapping[str, Iterator[Page]], places: Mapping[str, str], *, is_scan: bool) -> Iterator[Page]:
    """
    Pull one table after the other; every page carries the places of all of them.

    Args:
        pulled: The pages by map, not begun yet.

        places: Cursors of the tables so far.

        is_scan: Every table is read from its beginning.
    """
    known = dict(places)
    last = list(pulled)[-1]
    for name, pages in pulled.items():
        for page in pages:
            if page.cursor is not None:
                known[name] = page.cursor
            text = json.dumps({"tables": {key: json.loads(each) for key, each in known.items()}}, separators=(",", ":"))
            yield page._replace(cursor=text, is_last=page.is_last and name == last, is_scan=is_scan)
