"""What the service writes: work items, identities as objects or as text, updates, revisions, links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from periferia_link.testing.emulators._devops_links import LINKS
from periferia_link.testing.emulators._devops_organisation import FOREVER, Organisation
from periferia_link.testing.emulators._emulator import Record

__all__ = ["LONG", "identity", "item_shape", "person_text", "relation_shape", "update_shape", "values_shape"]

LONG = frozenset({"html", "plainText", "history"})
"""Types of fields that are long texts: some answers leave them out."""


def identity(org: Organisation, mail: Any) -> Any:
    """Write a person as an object, as work items do."""
    user = org.user(mail)
    if user is None:
        return mail
    descriptor = f"aad.{user['id'].replace('-', '')}"
    avatar = f"{org.address}/_apis/GraphProfile/MemberAvatars/{descriptor}"
    return {
        "displayName": user["displayName"],
        "url": f"{org.address}/_apis/Identities/{user['id']}",
        "_links": {"avatar": {"href": avatar}},
        "id": user["id"],
        "uniqueName": user["uniqueName"],
        "imageUrl": avatar,
        "descriptor": descriptor,
    }


def person_text(org: Organisation, mail: Any) -> Any:
    """Write a person as ``Name <mail>``, as the recycle bin, the feeds and the webhooks do."""
    user = org.user(mail)
    return f"{user['displayName']} <{user['uniqueName']}>" if user else mail


def values_shape(
    org: Organisation, fields: Record, wanted: Iterable[str] | None = None, *, text: bool = False
) -> Record:
    """
    Write fields, people among them.

    Args:
        org: Whose.

        fields: The values.

        wanted: Which, in any case; all without it.

        text: Write people as texts.
    """
    chosen = fields if wanted is None else _chosen(fields, wanted)
    people = person_text if text else identity
    return {
        name: people(org, value) if (known := org.fields.get(name)) is not None and known.identity else value
        for name, value in chosen.items()
        if value is not None
    }


def _chosen(fields: Record, wanted: Iterable[str]) -> Record:
    known = {name.lower(): name for name in fields}
    return {known[name.lower()]: fields[known[name.lower()]] for name in wanted if name.lower() in known}


def relation_shape(org: Organisation, item: Record, relation: Record) -> Record:
    """Write one relation of an item; links between items get their address and the name of their type."""
    attributes = dict(relation.get("attributes") or {})
    if "target" not in relation:
        return {"rel": relation["rel"], "url": relation["url"], "attributes": attributes}
    attributes["name"] = LINKS[relation["rel"]].name
    return {
        "rel": relation["rel"],
        "url": f"{org.address}/{item['project']}/_apis/wit/workItems/{relation['target']}",
        "attributes": attributes,
    }


def item_shape(
    org: Organisation,
    item: Record,
    *,
    expand: str = "",
    wanted: Iterable[str] | None = None,
    revision: Record | None = None,
) -> Record:
    """
    Write an item, or one revision of it.

    Args:
        org: Whose.

        item: The item.

        expand: none, relations, fields, links or all.

        wanted: Only these fields.

        revision: Write the item as it was then.
    """
    source = revision or item
    base = f"{org.address}/{item['project']}/_apis/wit"
    fields = dict(source["fields"])
    if wanted is not None:
        fields |= {"System.Id": item["id"], "System.Rev": source["rev"]}
    fields |= _computed(item)
    shape: Record = {"id": item["id"], "rev": source["rev"], "fields": values_shape(org, fields, wanted)}
    if wanted is None:
        shape["multilineFieldsFormat"] = dict(item["formats"])
    if expand in ("relations", "all") and item["relations"]:
        shape["relations"] = [relation_shape(org, item, each) for each in item["relations"]]
    address = f"{base}/workItems/{item['id']}"
    if expand in ("links", "all", "answer"):
        if expand == "answer" and item["relations"]:
            shape["relations"] = [relation_shape(org, item, each) for each in item["relations"]]
        shape["_links"] = {
            "self": {"href": address},
            "workItemUpdates": {"href": f"{address}/updates"},
            "workItemRevisions": {"href": f"{address}/revisions"},
            "workItemComments": {"href": f"{address}/comments"},
            "html": {"href": f"{org.address}/{item['project']}/_workitems/edit/{item['id']}"},
            "workItemType": {"href": f"{base}/workItemTypes/{quote(str(fields.get('System.WorkItemType')))}"},
            "fields": {"href": f"{base}/fields"},
        }
    shape["url"] = address if revision is None else f"{address}/revisions/{source['rev']}"
    return shape


def _computed(item: Record) -> Record:
    parents = (each["target"] for each in item["relations"] if each["rel"] == "System.LinkTypes.Hierarchy-Reverse")
    parent = next(parents, None)
    return {} if parent is None else {"System.Parent": parent}


def update_shape(org: Organisation, item: Record, update: Record) -> Record:
    """Write one step of the history; the last one is revised in 9999."""
    following = org.books["updates"].get(f"{item['id']}.{update['id'] + 1}")
    shape: Record = {
        "id": update["id"],
        "workItemId": item["id"],
        "rev": update["rev"],
        "revisedBy": identity(org, update["by"]) | {"name": person_text(org, update["by"])},
        "revisedDate": following["at"] if following else FOREVER,
    }
    if update["fields"]:
        shape["fields"] = {
            name: {side: values_shape(org, {name: value})[name] for side, value in pair.items() if value is not None}
            for name, pair in update["fields"].items()
        }
    changes = {
        word: [relation_shape(org, item, each) for each in update[word]]
        for word in ("added", "removed")
        if update[word]
    }
    if changes:
        shape["relations"] = changes
    shape["url"] = f"{org.address}/{item['project']}/_apis/wit/workItems/{item['id']}/updates/{update['id']}"
    return shape
