"""Areas and iterations: trees of names, with a path in the address that may be one percent-encoded text."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from periferia_link.testing.emulators._devops_calls import Call, Route, answered
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["ROUTES"]

_GROUPS = {"areas": "area", "iterations": "iteration"}
_FORBIDDEN = re.compile(r'[\\/:*?"<>|;#$&+]|[\x00-\x1f]')


def _address(org: Organisation, node: Record) -> str:
    names = org.path_of(node)[1:]
    group = {"area": "Areas", "iteration": "Iterations"}[node["structureType"]]
    below = "".join(f"/{quote(name)}" for name in names)
    return f"{org.address}/{node['project']}/_apis/wit/classificationNodes/{group}{below}"


def _shape(org: Organisation, node: Record, *, depth: int, links: bool = False) -> Record:
    names = org.path_of(node)
    kind = {"area": "Area", "iteration": "Iteration"}[node["structureType"]]
    children = org.children(node)
    shape: Record = {
        "id": node["id"],
        "identifier": node["identifier"],
        "name": node["name"],
        "structureType": node["structureType"],
        "hasChildren": bool(children),
    }
    if node["attributes"]:
        shape["attributes"] = node["attributes"]
    if children and depth > 0:
        shape["children"] = [_shape(org, each, depth=depth - 1) for each in children]
    shape["path"] = "\\" + "\\".join([names[0], kind, *names[1:]])
    if links:
        shape["_links"] = {"self": {"href": _address(org, node)}}
        if node["parent"] is not None:
            shape["_links"]["parent"] = {"href": _address(org, org.books["nodes"][node["parent"]])}
    shape["url"] = _address(org, node)
    return shape


def _where(org: Organisation, call: Call) -> tuple[Record, str, Record]:
    """Find the node that the address names."""
    project = org.project(call.project)
    structure = _GROUPS.get(call.variables["group"].lower())
    if structure is None:
        message = f"VS402356: {call.variables['group']} is no structure group."
        raise DevOpsRefused(400, "VssPropertyValidationException", message)
    names = [each for each in re.split(r"[\\/]", call.variables.get("path", "")) if each]
    node = org.node_at(project, structure, names)
    if node is None:
        shown = "\\".join(names)
        message = f"TF200018: The following classification node does not exist: {shown}."
        raise DevOpsRefused(404, "ClassificationNodeDoesNotExistException", message)
    return project, structure, node


def _roots(org: Organisation, call: Call) -> Response:
    project = org.project(call.project)
    depth = call.number("$depth", 0, most=14)
    if "ids" in call.query:
        found = []
        for number in call.query["ids"].split(","):
            node = org.books["nodes"].get(number)
            if node is None or node["project"] != project["id"]:
                if call.query.get("errorpolicy", "").lower() == "omit":
                    continue
                message = f"VS402366: The classification node {number} does not exist."
                raise DevOpsRefused(404, "ClassificationNodeDoesNotExistException", message)
            found.append(_shape(org, node, depth=depth, links=True))
    else:
        found = [_shape(org, org.root(project, each), depth=depth) for each in ("area", "iteration")]
    return answered(call, {"count": len(found), "value": found})


def _get(org: Organisation, call: Call) -> Response:
    _, _, node = _where(org, call)
    return answered(call, _shape(org, node, depth=call.number("$depth", 0, most=14), links=True))


def _post(org: Organisation, call: Call) -> Response:
    project, structure, parent = _where(org, call)
    body = call.record()
    if "id" in body and not body.get("name"):
        return _move(org, call, parent, body["id"])
    name = _name(body.get("name"))
    if any(each["name"].lower() == name.lower() for each in org.children(parent)):
        message = f"TF237018: The name {name} is already in use by another node at this level."
        raise DevOpsRefused(409, "ClassificationNodeDuplicateNameException", message)
    node = org.add_node(project, structure, name, str(parent["id"]))
    node["attributes"] = body.get("attributes") or None
    org.wrote(1)
    return answered(call, _shape(org, node, depth=0, links=True), 201)


def _name(told: Any) -> str:
    if not isinstance(told, str) or not told.strip() or len(told) > 255 or _FORBIDDEN.search(told):
        message = "TF237053: The name of a classification node cannot be empty or contain special characters."
        raise DevOpsRefused(400, "ClassificationNodeNameInvalidException", message)
    return told


def _move(org: Organisation, call: Call, parent: Record, number: Any) -> Response:
    node = org.books["nodes"].get(str(number))
    if node is None:
        message = f"VS402366: The classification node {number} does not exist."
        raise DevOpsRefused(404, "ClassificationNodeDoesNotExistException", message)
    node["parent"] = str(parent["id"])
    org.wrote(1)
    return answered(call, _shape(org, node, depth=0, links=True))


def _patch(org: Organisation, call: Call) -> Response:
    _, _, node = _where(org, call)
    body = call.record()
    if body.get("name"):
        node["name"] = _name(body["name"])
    if body.get("attributes"):
        node["attributes"] = body["attributes"]
    org.wrote(1)
    return answered(call, _shape(org, node, depth=0, links=True))


def _delete(org: Organisation, call: Call) -> Response:
    project, _, node = _where(org, call)
    if node["parent"] is None:
        message = "TF237054: The root node cannot be deleted."
        raise DevOpsRefused(400, "ClassificationNodeCannotModifyRootNodeException", message)
    reference = {"area": "System.AreaPath", "iteration": "System.IterationPath"}[node["structureType"]]
    path = "\\".join(org.path_of(node))
    users = [
        item
        for item in org.living()
        if item["project"] == project["id"] and f"{item['fields'][reference]}\\".startswith(f"{path}\\")
    ]
    heir = org.books["nodes"].get(call.query.get("$reclassifyid", ""))
    if users and heir is None:
        message = "VS402362: The node is used by work items: give $reclassifyId."
        raise DevOpsRefused(400, "ClassificationNodeReclassificationException", message)
    for item in users:
        fields = {**item["fields"], reference: "\\".join(org.path_of(heir or {}))}
        org.revise(item, fields, item["relations"], by=call.user, now=call.now)
    doomed = [node]
    while doomed:
        each = doomed.pop()
        doomed += org.children(each)
        del org.books["nodes"][str(each["id"])]
    org.wrote(1)
    return Response(204, (("Cache-Control", "no-cache"),))


ROUTES: tuple[Route, ...] = (
    ("GET", "wit/classificationnodes", _roots),
    *(
        (verb, f"wit/classificationnodes/{place}", do)
        for place in ("{group}", "{group}/{*path}")
        for verb, do in (("GET", _get), ("POST", _post), ("PATCH", _patch), ("DELETE", _delete))
    ),
)
