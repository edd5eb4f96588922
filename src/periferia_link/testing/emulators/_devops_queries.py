"""What WIQL answers: ids, never fields; and the batch of patches, each with an answer of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from periferia_link.testing.emulators._devops_calls import Call, Route, answered, read_call, stamp
from periferia_link.testing.emulators._devops_items import change_item, create_item
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_patch import document_of
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused
from periferia_link.testing.emulators._devops_shapes import item_shape
from periferia_link.testing.emulators._devops_wiql import Surroundings, parse_wiql
from periferia_link.testing.emulators._emulator import Record, dump_json
from periferia_link.typing import Request, Response

__all__ = ["MOST_RESULTS", "ROUTES"]

MOST_RESULTS = 20_000
_MOST_WRITES = 200


def _ask(org: Organisation, call: Call) -> Response:
    return _answer(org, call, call.record().get("query"))


def _saved(org: Organisation, call: Call) -> Response:
    key = call.variables["id"]
    found = org.books["queries"].get(key)
    if found is None:
        message = f"TF401243: The query {key} does not exist, or you do not have permission to read it."
        raise DevOpsRefused(404, "QueryItemNotFoundException", message)
    return _answer(org, call, found["wiql"])


def _answer(org: Organisation, call: Call, text: Any) -> Response:
    project = org.project(call.project) if call.project else None
    around = Surroundings(org.fields, project["name"] if project else None, call.user["uniqueName"], call.now)
    query = parse_wiql(text, around)
    top = call.number("$top", 0, most=MOST_RESULTS)
    hits = [item for item in org.living() if query.test(_values(item))]
    if len(hits) > MOST_RESULTS and not 0 < top < MOST_RESULTS:
        message = (
            f"VS402337: The number of work items returned exceeds the size limit of {MOST_RESULTS}. Change the query "
            "to return fewer items."
        )
        raise DevOpsRefused(400, "WorkItemTrackingQueryResultSizeLimitExceededException", message)
    for name, backwards in reversed(query.order or [("System.Id", False)]):
        hits.sort(key=lambda item: _sorted_by(_values(item).get(name)), reverse=backwards)
    if top:
        hits = hits[:top]
    scope = f"{org.address}/{project['id']}" if project else org.address
    body: Record = {
        "queryType": "flat",
        "queryResultType": "workItem",
        "asOf": stamp(call.now),
        "columns": [
            {"referenceName": name, "name": org.fields[name].name, "url": f"{org.address}/_apis/wit/fields/{name}"}
            for name in query.columns
        ],
        "workItems": [{"id": item["id"], "url": f"{scope}/_apis/wit/workItems/{item['id']}"} for item in hits],
    }
    if query.order:
        body["sortColumns"] = [
            {"field": {"referenceName": name, "name": org.fields[name].name}, "descending": backwards}
            for name, backwards in query.order
        ]
    return answered(call, body)


def _values(item: Record) -> Record:
    return {**item["fields"], "System.Id": item["id"], "System.Rev": item["rev"]}


def _sorted_by(value: Any) -> tuple[bool, Any, str]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (True, float(value), "")
    return (value is not None, 0.0, str(value or "").lower())


def _batch(org: Organisation, call: Call) -> Response:
    operations = call.body()
    if not isinstance(operations, list) or not operations or not all(isinstance(each, dict) for each in operations):
        raise DevOpsRefused(400, "VssPropertyValidationException", "A batch is a list of requests.")
    if len(operations) > _MOST_WRITES:
        message = f"VS403474: You requested {len(operations)} work items which exceeds the limit of 200."
        raise DevOpsRefused(400, "VssPropertyValidationException", message)
    temporary: dict[int, int] = {}
    parts = [_part(org, call, each, temporary) for each in operations]
    return answered(call, {"count": len(parts), "value": parts})


def _part(org: Organisation, call: Call, operation: Record, temporary: dict[int, int]) -> Record:
    """Do one request of a batch; a refusal does not stop the next (documented)."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    inner = _inner(org, call, operation)
    try:
        inner = _checked(inner, operation)
        last = inner.place[-1]
        if last.startswith("$"):
            project = org.project(inner.project)
            item = create_item(org, inner, project, last[1:], document_of(inner), temporary=temporary)
        else:
            number = temporary.get(int(last), int(last)) if last.lstrip("-").isdecimal() else last
            item = change_item(org, inner, org.item(number), document_of(inner), temporary)
        body, status = dump_json(item_shape(org, item, expand="answer")), 200
    except DevOpsRefused as exc:
        body = json.dumps({"count": 1, "value": {"Message": exc.message}}, ensure_ascii=False).encode()
        status = exc.status
    org.operation(str(operation.get("method")), urlsplit(str(operation.get("uri"))).path, status)
    return {"code": status, "headers": headers, "body": body.decode()}


def _checked(inner: Call | None, operation: Record) -> Call:
    if inner is None or operation.get("method") != "PATCH":
        message = "A request of a batch is a PATCH of a work item."
        raise DevOpsRefused(400, "VssPropertyValidationException", message)
    if not inner.version:
        message = 'No api-version was supplied for the "PATCH" request.'
        raise DevOpsRefused(400, "VssVersionNotSpecifiedException", message)
    return inner


def _inner(org: Organisation, call: Call, operation: Record) -> Call | None:
    """Read one request of a batch: its address begins behind the organisation."""
    uri, told = str(operation.get("uri", "")), operation.get("headers")
    headers = tuple((str(name), str(value)) for name, value in (told or {}).items()) if isinstance(told, dict) else ()
    request = Request("PATCH", f"{org.address}{uri}", headers, dump_json(operation.get("body")), "write")
    inner = read_call(request, call.clock)
    if not uri.startswith("/") or [each.lower() for each in inner.place[:2]] != ["wit", "workitems"]:
        return None
    return replace(inner, user=call.user) if len(inner.place) == 3 else None


ROUTES: tuple[Route, ...] = (
    ("POST", "wit/wiql", _ask),
    ("GET", "wit/wiql/{id}", _saved),
    ("PATCH", "wit/$batch", _batch),
)
