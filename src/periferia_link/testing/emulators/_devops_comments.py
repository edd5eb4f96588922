"""Comments of work items: a preview in every version of the API."""

from __future__ import annotations

from periferia_link.testing.emulators._devops_calls import Call, Route, answered, stamp
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused, unreadable
from periferia_link.testing.emulators._devops_shapes import identity
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["ROUTES", "add_comment"]


def add_comment(org: Organisation, call: Call, item: Record, text: str) -> Record:
    """Put a comment on an item as it is now: its last revision tells of it in the feed."""
    number = org.next_comment
    org.next_comment += 1
    comment = {
        "workItemId": item["id"],
        "id": number,
        "version": 1,
        "text": text,
        "by": call.user["uniqueName"],
        "at": stamp(call.now),
        "changed": stamp(call.now),
        "isDeleted": False,
    }
    org.books["comments"][f"{item['id']}.{number}"] = comment
    org.books["revisions"][f"{item['id']}.{item['rev']}"]["history"] = text
    return comment


def _comment_shape(org: Organisation, item: Record, comment: Record) -> Record:
    who = identity(org, comment["by"])
    return {
        "workItemId": item["id"],
        "id": comment["id"],
        "version": comment["version"],
        "text": comment["text"],
        "createdBy": who,
        "createdDate": comment["at"],
        "modifiedBy": who,
        "modifiedDate": comment["changed"],
        "isDeleted": comment["isDeleted"],
        "format": "html",
        "url": f"{org.address}/{item['project']}/_apis/wit/workItems/{item['id']}/comments/{comment['id']}",
    }


def _comments_of(org: Organisation, call: Call) -> tuple[Record, list[Record]]:
    if "-preview" not in call.version:
        message = (
            f'The requested version "{call.version}" of the resource is under preview. The -preview flag must be '
            f'supplied in the api-version for such requests. For example: "{call.version}-preview"'
        )
        raise DevOpsRefused(400, "VssInvalidPreviewVersionException", message)
    item = org.item(call.variables["id"])
    if call.project is not None and org.project(call.project)["id"] != item["project"]:
        raise unreadable(item["id"])
    mine = [
        each for each in org.books["comments"].values() if each["workItemId"] == item["id"] and not each["isDeleted"]
    ]
    return item, mine


def _comments(org: Organisation, call: Call) -> Response:
    item, mine = _comments_of(org, call)
    newest = sorted(mine, key=lambda each: each["id"], reverse=call.query.get("order", "desc").lower() != "asc")
    begin = call.number("continuationtoken", 0, most=1_000_000)
    top = call.number("$top", 200, most=200)
    shown = newest[begin : begin + top]
    body: Record = {
        "totalCount": len(mine),
        "count": len(shown),
        "comments": [_comment_shape(org, item, each) for each in shown],
    }
    if begin + top < len(newest):
        token = str(begin + top)
        address = f"{org.address}/{item['project']}/_apis/wit/workItems/{item['id']}/comments"
        body |= {"nextPage": f"{address}?continuationToken={token}", "continuationToken": token}
    return answered(call, body)


def _add_comment(org: Organisation, call: Call) -> Response:
    item, _ = _comments_of(org, call)
    text = call.record().get("text")
    if not isinstance(text, str) or not text.strip():
        raise DevOpsRefused(400, "VssPropertyValidationException", "Value cannot be null. Parameter name: text")
    count = item["fields"].get("System.CommentCount", 0) + 1
    org.revise(item, {**item["fields"], "System.CommentCount": count}, item["relations"], by=call.user, now=call.now)
    return answered(call, _comment_shape(org, item, add_comment(org, call, item, text)))


def _the_comment(org: Organisation, call: Call) -> tuple[Record, Record]:
    item, mine = _comments_of(org, call)
    found = next((each for each in mine if str(each["id"]) == call.variables["number"]), None)
    if found is None:
        message = f"VS403690: Comment {call.variables['number']} does not exist."
        raise DevOpsRefused(404, "WorkItemCommentNotFoundException", message)
    return item, found


def _one_comment(org: Organisation, call: Call) -> Response:
    return answered(call, _comment_shape(org, *_the_comment(org, call)))


def _change_comment(org: Organisation, call: Call) -> Response:
    item, comment = _the_comment(org, call)
    comment |= {"text": str(call.record().get("text")), "version": comment["version"] + 1, "changed": stamp(call.now)}
    org.wrote(1)
    return answered(call, _comment_shape(org, item, comment))


def _delete_comment(org: Organisation, call: Call) -> Response:
    item, comment = _the_comment(org, call)
    comment |= {"isDeleted": True, "version": comment["version"] + 1}
    count = max(item["fields"].get("System.CommentCount", 0) - 1, 0)
    org.revise(item, {**item["fields"], "System.CommentCount": count}, item["relations"], by=call.user, now=call.now)
    return answered(call, _comment_shape(org, item, comment))


ROUTES: tuple[Route, ...] = (
    ("GET", "wit/workitems/{id}/comments", _comments),
    ("POST", "wit/workitems/{id}/comments", _add_comment),
    ("GET", "wit/workitems/{id}/comments/{number}", _one_comment),
    ("PATCH", "wit/workitems/{id}/comments/{number}", _change_comment),
    ("DELETE", "wit/workitems/{id}/comments/{number}", _delete_comment),
)
