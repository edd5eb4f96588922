"""The feed of a drive: pages, tokens, what is gone, and a feed that forgot."""

from __future__ import annotations

import base64
import json
from typing import Any

from periferia_link.testing.emulators._emulator import Record
from periferia_link.testing.emulators._graph_answers import GraphRefused
from periferia_link.testing.emulators._graph_drive import Drive

__all__ = ["delta_page", "token_of"]


def token_of(begin: int, end: int) -> str:
    """Return the token of a place: what comes after *begin*, in the view of *end*."""
    return base64.urlsafe_b64encode(json.dumps([begin, end]).encode()).decode().rstrip("=")


def _place(token: str) -> tuple[int, int]:
    try:
        begin, end = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(begin), int(end)
    except (ValueError, TypeError):
        raise GraphRefused(400, "invalidRequest", "The provided token is malformed.") from None


def delta_page(drive: Drive, token: str | None, *, address: str, size: int, doubles: bool) -> Record:
    """
    Return one page of the feed.

    Args:
        drive: Whose.

        token: Where to go on; ``latest`` for its end; ``None`` for everything.

        address: Of the feed, for the links.

        size: Items in one page.

        doubles: Some items come twice, as the documentation allows: the last one counts.

    Raises:
        GraphRefused: The token is none, or forgotten: 410 with the address of a fresh start.
    """
    now = len(drive.changes)
    if token == "latest":  # noqa: S105 - a word of the API
        return {"value": [], "@odata.deltaLink": f"{address}?token={token_of(now, now)}"}
    begin, end = (0, now) if token is None else _place(token)
    if token is not None and begin < drive.forgotten:
        inner = {"code": "resyncChangesApplyDifferences"}
        fresh = (("Location", f"{address}?token={token_of(drive.forgotten, now)}"),)
        raise GraphRefused(410, "resyncRequired", "Resync required.", inner=inner, headers=fresh)
    end = now if end <= begin else end
    last = min(end, begin + size)
    span = drive.changes[begin:last]
    keys = span if doubles else list(dict.fromkeys(reversed(span)))[::-1]
    rows = [_row(drive, key) for key in keys if doubles or key not in set(drive.changes[last:end])]
    page: dict[str, Any] = {"value": rows}
    if last < end:
        return page | {"@odata.nextLink": f"{address}?token={token_of(last, end)}"}
    return page | {"@odata.deltaLink": f"{address}?token={token_of(last, last)}"}


def _row(drive: Drive, key: str) -> Record:
    item = drive._rows[key]  # noqa: SLF001 - the feed shows what is gone, too
    if "deleted" in item:
        return {"id": key, "name": item["name"], "deleted": {"state": "deleted"}}
    return drive.shown(item)
