"""Bodies of service hooks, after a captured one: what they call an id depends on the event."""

from __future__ import annotations

from datetime import datetime

from periferia_link.testing.emulators._devops_calls import stamp
from periferia_link.testing.emulators._devops_organisation import FOREVER, Organisation
from periferia_link.testing.emulators._devops_shapes import identity, person_text, values_shape
from periferia_link.testing.emulators._emulator import Record

__all__ = ["commented", "created", "updated"]


def _envelope(org: Organisation, event: str, resource: Record, project: str, now: datetime) -> Record:
    text = {"text": f"{event} {resource['id']}", "html": "...", "markdown": "..."}
    return {
        "subscriptionId": org.key,
        "notificationId": org.tick(),
        "id": org.guid(),
        "eventType": event,
        "publisherId": "tfs",
        "message": text,
        "detailedMessage": text,
        "resource": resource,
        "resourceVersion": "1.0",
        "resourceContainers": {
            "collection": {"id": org.key, "baseUrl": f"{org.address}/"},
            "account": {"id": org.key, "baseUrl": f"{org.address}/"},
            "project": {"id": project, "baseUrl": f"{org.address}/"},
        },
        "createdDate": now.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
    }


def _revision(org: Organisation, item: Record) -> Record:
    base = f"{org.address}/{item['project']}/_apis/wit/workItems/{item['id']}"
    return {
        "id": item["id"],
        "rev": item["rev"],
        "fields": values_shape(org, item["fields"], text=True),
        "url": f"{base}/revisions/{item['rev']}",
    }


def created(org: Organisation, item: Record, now: datetime) -> Record:
    """Tell of a new item: ``resource.id`` is the item, fields are flat."""
    return _envelope(org, "workitem.created", _revision(org, item), item["project"], now)


def commented(org: Organisation, item: Record, now: datetime) -> Record:
    """Tell of a comment: ``resource.id`` is the item, fields are flat."""
    return _envelope(org, "workitem.commented", _revision(org, item), item["project"], now)


def updated(org: Organisation, item: Record, now: datetime) -> Record:
    """Tell of a change: ``resource.id`` is the number of the update, ``resource.workItemId`` the item (captured)."""
    update = org.books["updates"][f"{item['id']}.{item['updates']}"]
    who = identity(org, update["by"])
    resource = {
        "id": update["id"],
        "workItemId": item["id"],
        "rev": item["rev"],
        "revisedBy": {"id": who["id"], "name": person_text(org, update["by"]), "displayName": who["displayName"]},
        "revisedDate": FOREVER,
        "fields": update["fields"] | {"System.ChangedDate": {"newValue": stamp(now)}},
        "revision": _revision(org, item),
    }
    return _envelope(org, "workitem.updated", resource, item["project"], now)
