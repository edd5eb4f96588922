"""The reporting feeds: every revision of every item, and every link made or removed, behind opaque tokens."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

from periferia_link.testing.emulators._devops_calls import Call, Route, answered
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused
from periferia_link.testing.emulators._devops_shapes import LONG, values_shape
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["ROUTES"]

_MOST = 1_000
_TOKEN = re.compile(r"\d+(;\d+;\d+)?")


def _start(call: Call) -> tuple[int, str]:
    """Read where a feed goes on: behind a watermark, or at a date."""
    token, begin = call.query.get("continuationtoken", ""), call.query.get("startdatetime", "")
    if token and begin:
        message = "VS402880: The continuationToken and startDateTime parameters exclude each other."
        raise DevOpsRefused(400, "VssPropertyValidationException", message)
    if token and not _TOKEN.fullmatch(token):
        message = "VS402624: The continuation token is not valid."
        raise DevOpsRefused(400, "InvalidContinuationTokenException", message)
    return int(token.partition(";")[0] or 0), begin


def _settings(call: Call) -> Record:
    """Join what stands in the query and in the body."""
    told: Record = {
        "expand": call.query.get("$expand", "none").lower(),
        "fields": [each for each in call.query.get("fields", "").split(",") if each] or None,
        "types": [each for each in call.query.get("types", "").split(",") if each] or None,
        **{
            name: call.flag(name.lower())
            for name in ("includeIdentityRef", "includeDeleted", "includeLatestOnly", "includeDiscussionChangesOnly")
        },
    }
    if call.request.method == "POST" and call.request.body:
        body = call.record()
        told |= {name: body[name] for name in told if body.get(name) is not None}
    return told


def _revisions(org: Organisation, call: Call) -> Response:
    mark, begin = _start(call)
    told = _settings(call)
    project = org.project(call.project)["id"] if call.project else None
    types = {str(each).lower() for each in told["types"] or ()}
    most = max(call.number("$maxpagesize", _MOST, most=100_000), 1)
    page: list[Record] = []
    at = bisect_right(org.feed, (mark, 1 << 62, 0))
    last, full = mark, False
    for watermark, number, rev in org.feed[at:]:
        item = org.books["workItems"][str(number)]
        revision = org.books["revisions"][f"{number}.{rev}"]
        if _is_wanted(item, revision, told, project, types) and revision["fields"]["System.ChangedDate"] >= begin:
            if len(page) >= min(most, _MOST):
                full = True
                break
            page.append(_shape(org, item, revision, told))
        last = watermark
    token = f"{last};{page[-1]['id'] if page else 0};{page[-1]['rev'] if page else 0}"
    return _answer(org, call, "workItemRevisions", page, token, is_last=not full)


def _is_wanted(item: Record, revision: Record, told: Record, project: str | None, types: set[str]) -> bool:
    if item["deleted"] and not told["includeDeleted"]:
        return False
    if told["includeLatestOnly"] and revision["rev"] != item["rev"]:
        return False
    if told["includeDiscussionChangesOnly"] and "history" not in revision:
        return False
    if types and str(revision["fields"]["System.WorkItemType"]).lower() not in types:
        return False
    return project is None or item["project"] == project


def _shape(org: Organisation, item: Record, revision: Record, told: Record) -> Record:
    fields: dict[str, Any] = {
        **revision["fields"],
        "System.Id": item["id"],
        "System.Rev": revision["rev"],
        "System.RevisedDate": revision["revised"],
    }
    if "history" in revision:
        fields["System.History"] = revision["history"]
    if told["expand"] != "fields" and not told["fields"]:
        fields = {
            name: value
            for name, value in fields.items()
            if name in ("System.Tags", "System.History") or org.fields[name].type not in LONG
        }
    values = values_shape(org, fields, told["fields"], text=True)
    if told["includeIdentityRef"]:
        for name in values:
            user = org.user(fields[name]) if name in fields and org.fields[name].identity else None
            if user:
                values[name] = {"id": user["id"], "uniqueName": values[name]}
    return {"id": item["id"], "rev": revision["rev"], "fields": values}


def _links(org: Organisation, call: Call) -> Response:
    mark, begin = _start(call)
    project = org.project(call.project)["id"] if call.project else None
    wanted = {each.lower() for each in call.query.get("linktypes", "").split(",") if each}
    page: list[Record] = []
    last, full = mark, False
    for watermark, link in org.link_feed[bisect_right([entry[0] for entry in org.link_feed], mark) :]:
        projects = [org.books["workItems"].get(str(link[end]), {}).get("project") for end in ("sourceId", "targetId")]
        is_asked = (not wanted or link["rel"].lower() in wanted) and (project is None or project in projects)
        if is_asked and link["changedDate"] >= begin:
            if len(page) >= _MOST:
                full = True
                break
            attributes = {**link, "sourceProjectId": projects[0], "targetProjectId": projects[1]}
            page.append({name: value for name, value in attributes.items() if name != "changedBy"})
        last = watermark
    return _answer(org, call, "workItemLinks", page, str(last), is_last=not full)


def _answer(org: Organisation, call: Call, resource: str, page: list[Record], token: str, *, is_last: bool) -> Response:
    before = f"{org.address}/{call.project}" if call.project else org.address
    address = f"{before}/_apis/wit/reporting/{resource}?continuationToken={token}&api-version={call.version or '7.1'}"
    body = {"values": page, "nextLink": address, "continuationToken": token, "isLastBatch": is_last}
    return answered(call, body)


ROUTES: tuple[Route, ...] = (
    ("GET", "wit/reporting/workitemrevisions", _revisions),
    ("POST", "wit/reporting/workitemrevisions", _revisions),
    ("GET", "wit/reporting/workitemlinks", _links),
)
