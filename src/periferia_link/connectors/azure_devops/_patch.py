"""JSON Patch documents: fields, tags merged with those that are there, relations by what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.azure_devops._items import PARENT, RELATIONS
from periferia_link.connectors.azure_devops._values import joined, number_of, split_tags
from periferia_link.domain import Ref
from periferia_link.errors import RecordInvalidError

if TYPE_CHECKING:
    from periferia_link.domain import WorkItemLink

__all__ = ["field_ops", "link_ops", "parent_ops", "rev_test", "tag_ops", "unlink_ops", "untag_ops"]

_TAGS = "/fields/System.Tags"


def rev_test(version: str | int) -> dict[str, Any]:
    """
    Ask that the item has still this revision; guards fields, not links (wire sheet, section 3).

    Raises:
        RecordInvalidError: It is no revision.
    """
    if not str(version).isdecimal():
        msg = "the version of a work item is a whole number"
        raise RecordInvalidError(msg, hint="read the item again")
    return {"op": "test", "path": "/rev", "value": int(version)}


def field_ops(body: Mapping[str, Any], *, is_new: bool, markdown: bool = False) -> list[dict[str, Any]]:
    """Set fields, one operation each; nothing is removed from a new item."""
    ops: list[dict[str, Any]] = []
    for name, value in body.items():
        if value is None:
            # an add of null empties the field and does not mind one that is empty; a remove may
            ops += [] if is_new else [{"op": "add", "path": f"/fields/{name}", "value": None}]
            continue
        ops.append({"op": "add", "path": f"/fields/{name}", "value": _plain(value)})
        if markdown and name in ("System.Description", "Microsoft.VSTS.Common.AcceptanceCriteria"):
            ops.append({"op": "add", "path": f"/multilineFieldsFormat/{name}", "value": "Markdown"})
    return ops


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def tag_ops(present: Any, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """
    Add tags to those that are there: the field is one text, so it is written whole, and nothing in it gets lost.

    Raises:
        RecordInvalidError: A tag cannot be one.
    """
    for tag in wanted:
        if any(each in tag for each in ";,") or not tag.strip() or len(tag) > 400:
            msg = "a tag has no comma and no semicolon, and 1 to 400 characters"
            raise RecordInvalidError(msg, hint="correct the tags in the source system")
    before = split_tags(present)
    have = {tag.lower() for tag in before}
    if all(tag.strip().lower() in have for tag in wanted):
        return []
    return [{"op": "add", "path": _TAGS, "value": joined(before, wanted)}]


def untag_ops(present: Any, tag: str) -> list[dict[str, Any]]:
    """Take one tag away."""
    before = split_tags(present)
    kept = [each for each in before if each.lower() != tag.strip().lower()]
    return [] if len(kept) == len(before) else [{"op": "add", "path": _TAGS, "value": "; ".join(kept)}]


def link_ops(relations: Sequence[Mapping[str, Any]], wanted: Sequence[WorkItemLink], base: str) -> list[dict[str, Any]]:
    """
    Add the relations that are missing; those that people made stay.

    Raises:
        RecordInvalidError: A target is neither a number nor an address.
    """
    have = {_same(each.get("rel"), each.get("url")) for each in relations}
    ops = []
    for link in wanted:
        rel = RELATIONS.get(link.relation, link.relation)
        url = f"{base}/_apis/wit/workItems/{link.target}" if link.target.isdecimal() else link.target
        if rel not in ("Hyperlink", "ArtifactLink", "AttachedFile") and number_of(url) is None:
            msg = f"the target of a link {link.relation} is the id of a work item"
            raise RecordInvalidError(msg, hint="use the relation hyperlink for an address")
        if _same(rel, url) not in have:
            have.add(_same(rel, url))
            ops.append(_added(rel, url, link.comment))
    return ops


def parent_ops(relations: Sequence[Mapping[str, Any]], parent: Ref | None, base: str) -> list[dict[str, Any]]:
    """Make this the only parent: another one is removed, from the end of the list on."""
    wanted = parent.id if parent is not None else None
    found = [(at, number_of(each.get("url"))) for at, each in enumerate(relations) if each.get("rel") == PARENT]
    ops: list[dict[str, Any]] = [
        {"op": "remove", "path": f"/relations/{at}"} for at, number in reversed(found) if number != wanted
    ]
    if wanted is not None and wanted not in [number for _, number in found]:
        ops.append(_added(PARENT, f"{base}/_apis/wit/workItems/{wanted}", None))
    return ops


def unlink_ops(relations: Sequence[Mapping[str, Any]], relation: str, target: str) -> list[dict[str, Any]]:
    """Remove one relation, by its place in the list as it is now."""
    rel = RELATIONS.get(relation, relation)
    places = [
        at
        for at, each in enumerate(relations)
        if each.get("rel") == rel and target in (number_of(each.get("url")), each.get("url"))
    ]
    return [{"op": "remove", "path": f"/relations/{at}"} for at in reversed(places)]


def _added(rel: str, url: str, comment: str | None) -> dict[str, Any]:
    value: dict[str, Any] = {"rel": rel, "url": url}
    if comment:
        value["attributes"] = {"comment": comment}
    return {"op": "add", "path": "/relations/-", "value": value}


def _same(rel: Any, url: Any) -> tuple[str, str]:
    """Tell relations apart: items by number (addresses may or may not name the project), others by address."""
    return str(rel), number_of(url) or str(url)
