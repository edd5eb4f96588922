"""Comments of work items as interactions: read item by item, written one a request, found by their last line."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from periferia_link import domain
from periferia_link.connectors.azure_devops._api import Api
from periferia_link.connectors.azure_devops._values import instant, person
from periferia_link.connectors.base import Row
from periferia_link.domain import Ref
from periferia_link.errors import PaginationError, RecordInvalidError, RecordNotFoundError
from periferia_link.transport._json import remade

if TYPE_CHECKING:
    from periferia_link.domain import Interaction

__all__ = ["COMMENTS_VERSION", "comment_text", "comments_of", "interaction_from_wire", "marker_in", "split_key"]

COMMENTS_VERSION: Final = "7.1-preview.4"
"""Comments are a preview in every version of the API."""

_KEY = re.compile(r"([1-9]\d*)/([1-9]\d*)")
_MARKED = re.compile(r"<p>pl:([0-9a-f-]{36})</p>\s*\Z")
_HEADED = re.compile(r"\A<p><strong>(.*?)</strong></p>", re.DOTALL)


def split_key(key: str) -> tuple[str, str] | None:
    """Part the id of a comment, ``ITEM/COMMENT``."""
    found = _KEY.fullmatch(key)
    return (found[1], found[2]) if found else None


def comment_text(entity: Interaction, create_key: str) -> str:
    """
    Write a comment: subject, text, and a last line with the key by which it is found again.

    Raises:
        RecordInvalidError: There is nothing to say.
    """
    text = entity.text or ""
    if not text.strip() and not entity.subject.strip():
        msg = "a comment without a text"
        raise RecordInvalidError(msg, hint="give it one")
    return f"<p><strong>{html.escape(entity.subject)}</strong></p>{text}<p>pl:{create_key}</p>"


def marker_in(text: Any) -> str | None:
    """Return the key of a comment that this library wrote."""
    found = _MARKED.search(text) if isinstance(text, str) else None
    return found[1] if found else None


def comments_of(api: Api, item: int | str, project: str) -> Iterator[Row]:
    """
    Read the comments of an item, page after page.

    Raises:
        ConnectorError: By what happens next; an item that is gone has none.
    """
    path = f"{quote(project, safe='')}/_apis/wit/workItems/{item}/comments"
    token: str | None = None
    served: set[str] = set()
    while True:
        try:
            told = api.ask(path, version=COMMENTS_VERSION, operation="comments", continuationToken=token)
        except RecordNotFoundError:
            return
        for record in api.rows(told, "comments"):
            number = record.get("id", record.get("commentId"))
            if isinstance(number, int) and record.get("isDeleted") is not True:
                yield Row(
                    f"{item}/{number}",
                    str(record.get("version") or ""),
                    remade({**record, "workItemId": int(item)}, record),
                )
        token = told.get("continuationToken") or None
        if token is None:
            return
        if token in served:
            msg = f"the comments of the item {item} repeat"
            raise PaginationError(msg, hint="report it: the service gives the same token again", system=api.system)
        served.add(token)


def interaction_from_wire(record: Mapping[str, Any], key: str, version: str | None, system: str) -> Interaction:
    """
    Make an interaction of a comment.

    Raises:
        ValidationError: A value does not fit.
        ValueError: An instant is none.
        TypeError: It is no comment.
    """
    text, item = record["text"], record["workItemId"]
    if not isinstance(text, str) or not isinstance(item, int):
        msg = "it is no comment"
        raise TypeError(msg)
    marker = marker_in(text)
    subject, shown = f"Comment on work item {item}", text
    if marker is not None:
        shown = _MARKED.sub("", text)
        headed = _HEADED.match(shown)
        if headed:
            subject, shown = html.unescape(headed[1]), shown[headed.end() :]
    return domain.Interaction.model_validate(
        {
            "ref": Ref(system, "Interaction", key),
            "version": version,
            "subject": subject,
            "channel": "note",
            "text": shown or None,
            "author": person(record.get("createdBy")),
            "regarding": Ref(system, "WorkItem", str(item)),
            "external_ref": marker,
            "happened_at": instant(record.get("createdDate")),
            "updated_at": instant(record.get("modifiedDate")),
        }
    )
