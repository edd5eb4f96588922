"""Projects, processes, types, fields, tags, who is signed in, and where the resources are (OPTIONS)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from periferia_link.testing.emulators._devops_calls import Call, Route, answered
from periferia_link.testing.emulators._devops_links import LINKS, RESOURCES
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_process import PROCESSES, READ_ONLY, WorkItemType
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["LOCATIONS", "ROUTES"]

_AREAS = {"wit": "5264459e-e5e0-4bd8-b118-0985e68a4ec5", "core": "79134c72-4a58-4b42-976c-04e7115f32bf"}
_ITEM, _WIT = "{project}/_apis/{area}/workItems/{id}", "{project}/_apis/{area}/{resource}"

LOCATIONS: tuple[tuple[str, str, str, str, int, str], ...] = (
    ("Location", "ResourceAreas", "e81700f7-3be2-46de-8624-2eb35882fcaa", "_apis/{resource}/{areaId}", 1, "3.2"),
    ("Location", "ConnectionData", "00d9565f-ed9c-4a06-9a50-00e7896ccab4", "_apis/{resource}", 1, "1.0"),
    ("wit", "workItems", "72c7ddf8-2cdc-4f60-90cd-ab71c14a399b", f"{_WIT}/{{id}}", 3, "1.0"),
    ("wit", "workItems", "62d3d110-0047-428c-ad3c-4fe872c91c74", f"{_WIT}/${{type}}", 3, "1.0"),
    ("wit", "workItemsBatch", "908509b6-4248-4475-a1cd-829139ba419f", _WIT, 1, "5.0"),
    ("wit", "workItemsDelete", "8bc57545-27e5-420d-b709-f6e3ebcc1fc1", _WIT, 1, "7.1"),
    ("wit", "batch", "92eefc1f-1e81-473d-88d6-749205248dc3", "_apis/{area}/${resource}", 2, "1.0"),
    ("wit", "wiql", "1a9c53f7-f243-4447-b110-35ef023636e4", "{project}/{team}/_apis/{area}/{resource}", 2, "1.0"),
    ("wit", "wiql", "a02355f5-5f8a-4671-8e32-369d23aac83d", "{project}/{team}/_apis/{area}/{resource}/{id}", 2, "1.0"),
    (
        "wit",
        "workItemRevisions",
        "f828fe59-dd87-495d-a17c-7a8d6211ca6c",
        "{project}/_apis/{area}/reporting/{resource}",
        2,
        "2.0",
    ),
    (
        "wit",
        "workItemLinks",
        "b5b5b6d0-0308-40a1-b3f4-b9bb3c66878f",
        "{project}/_apis/{area}/reporting/{resource}",
        3,
        "2.0",
    ),
    ("wit", "updates", "6570bf97-d02c-4a91-8d93-3abe9895b1a9", f"{_ITEM}/updates/{{updateNumber}}", 4, "1.0"),
    ("wit", "revisions", "a00c85a5-80fa-4565-99c3-bcd2181434bb", f"{_ITEM}/revisions/{{revisionNumber}}", 3, "1.0"),
    (
        "wit",
        "comments",
        "608aac0a-32e1-4493-a863-b9cf4566d257",
        "{project}/_apis/wit/workItems/{workItemId}/comments/{commentId}",
        4,
        "5.1",
    ),
    ("wit", "recyclebin", "b70d8d39-926c-465e-b927-b1bf0e5ca0e0", f"{_WIT}/{{id}}", 2, "2.1"),
    ("wit", "workItemTypes", "7c8d7a76-4a09-43e8-b5df-bd792f4ac6aa", f"{_WIT}/{{type}}", 2, "1.0"),
    (
        "wit",
        "workItemTypeStates",
        "7c9d7a76-4a09-43e8-b5df-bd792f4ac6aa",
        "{project}/_apis/{area}/workitemtypes/{type}/states",
        1,
        "1.0",
    ),
    ("wit", "fields", "b51fd764-e5c2-4b9b-aaf7-3395cf4bdd94", f"{_WIT}/{{fieldNameOrRefName}}", 3, "1.0"),
    ("wit", "tags", "bc15bc60-e7a8-43cb-ab01-2106be3983a1", f"{_WIT}/{{tagIdOrName}}", 1, "5.2"),
    (
        "wit",
        "classificationNodes",
        "5a172953-1b41-49d3-840a-33f79c3ce89f",
        f"{_WIT}/{{structureGroup}}/{{*path}}",
        2,
        "1.0",
    ),
    ("wit", "classificationNodes", "a70579d1-f53a-48ee-a5be-7be8659023b9", _WIT, 2, "1.0"),
    ("wit", "artifactUriQuery", "a9a9aa7a-8c09-44d3-ad1b-46e855c1e3d3", _WIT, 1, "3.2"),
    ("wit", "attachments", "e07b5fa4-1499-494d-a496-64b860fd64ff", f"{_WIT}/{{id}}", 4, "1.0"),
    ("core", "projects", "603fe2ac-9723-48b9-88ad-09305aa6c6e1", "_apis/{resource}/{*projectId}", 4, "1.0"),
)
"""Area, resource, id, route, resource version and oldest version (recorded values of 2026)."""

_UNRELEASED = {"Location", "comments"}


def _locations(org: Organisation, call: Call) -> Response:  # noqa: ARG001 - every handler has the organisation
    rows = [
        {
            "id": key,
            "area": area,
            "resourceName": resource,
            "routeTemplate": route,
            "resourceVersion": version,
            "minVersion": oldest,
            "maxVersion": "7.2",
            "releasedVersion": "0.0" if _UNRELEASED & {area, resource} else "7.1",
        }
        for area, resource, key, route, version, oldest in LOCATIONS
    ]
    return answered(call, {"count": len(rows), "value": rows})


def _areas(org: Organisation, call: Call) -> Response:
    rows = [{"id": key, "name": name, "locationUrl": f"{org.address}/"} for name, key in _AREAS.items()]
    return answered(call, {"count": len(rows), "value": rows})


def _connection(org: Organisation, call: Call) -> Response:
    user = call.user
    who = {
        "id": user["id"],
        "descriptor": f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{org.key}\\{user['uniqueName']}",
        "subjectDescriptor": f"aad.{user['id'].replace('-', '')}",
        "providerDisplayName": user["displayName"],
        "isActive": True,
        "properties": {"Account": {"$type": "System.String", "$value": user["uniqueName"]}},
        "resourceVersion": 2,
        "metaTypeId": 255,
    }
    body = {
        "authenticatedUser": who,
        "authorizedUser": who,
        "instanceId": org.key,
        "deploymentId": org.key[::-1].replace("-", "")[:8] + org.key[8:],
        "deploymentType": "hosted",
        "locationServiceData": {
            "serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7",
            "defaultAccessMappingMoniker": "PublicAccessMapping",
            "lastChangeId": 37777428,
            "lastChangeId64": 37777428,
        },
    }
    return answered(call, body)


def _project_shape(org: Organisation, project: Record) -> Record:
    address = f"{org.address}/_apis/projects/{project['id']}"
    names = ("id", "name", "state", "revision", "visibility", "lastUpdateTime")
    return {name: project[name] for name in names} | {"url": address}


def _projects(org: Organisation, call: Call) -> Response:
    everyone = list(org.books["projects"].values())
    skip, top = call.number("$skip", 0, most=1_000_000), call.number("$top", 100, most=10_000)
    token = call.number("continuationtoken", 0, most=1_000_000)
    shown = everyone[skip + token : skip + token + top]
    more = skip + token + top
    headers = {"x-ms-continuationtoken": str(more)} if more < len(everyone) else {}
    return answered(
        call, {"count": len(shown), "value": [_project_shape(org, each) for each in shown]}, headers=headers
    )


def _project(org: Organisation, call: Call) -> Response:
    project = org.project(call.variables["project"])
    process = PROCESSES[project["process"]]
    shape = _project_shape(org, project)
    if call.flag("includecapabilities"):
        shape["capabilities"] = {
            "processTemplate": {"templateName": process.name, "templateTypeId": process.key},
            "versioncontrol": {"sourceControlType": "Git", "gitEnabled": "True", "tfvcEnabled": "False"},
        }
    shape["_links"] = {
        "self": {"href": shape["url"]},
        "collection": {"href": f"{org.address}/_apis/projectCollections/{org.key}"},
        "web": {"href": f"{org.address}/{quote(project['name'])}"},
    }
    shape["defaultTeam"] = {
        "id": project["id"][::-1].replace("-", "")[:8] + project["id"][8:],
        "name": f"{project['name']} Team",
        "url": f"{shape['url']}/teams/{project['id']}",
    }
    return answered(call, shape)


def _new_project(org: Organisation, call: Call) -> Response:
    body = call.record()
    template = ((body.get("capabilities") or {}).get("processTemplate") or {}).get("templateTypeId")
    process = next((each.name for each in PROCESSES.values() if each.key == template), None)
    name = body.get("name")
    if (
        process is None
        or not isinstance(name, str)
        or not re.fullmatch(r"[^\\/:*?\"<>|;#$&+{},_.][^\\/:*?\"<>|;#$&+]*", name)
    ):
        message = "TF200012: The project cannot be created: give a name and a process template."
        raise DevOpsRefused(400, "ProjectCreateException", message)
    if any(each["name"].lower() == name.lower() for each in org.books["projects"].values()):
        message = f"TF200019: The following project already exists on the Azure DevOps Server: {name}."
        raise DevOpsRefused(400, "ProjectAlreadyExistsException", message)
    org.add_project(name, process, call.now)
    org.wrote(1)
    key = org.guid()
    org.books["operations"][key] = {"id": key, "status": "succeeded"}
    told = {"id": key, "status": "notSet", "url": f"{org.address}/_apis/operations/{key}"}
    return answered(call, told, 202)


def _operation(org: Organisation, call: Call) -> Response:
    key = call.variables["id"]
    found = org.books["operations"].get(key)
    if found is None:
        raise DevOpsRefused(404, "OperationNotFoundException", f"VS403351: The operation {key} does not exist.")
    address = f"{org.address}/_apis/operations/{key}"
    return answered(call, found | {"url": address, "_links": {"self": {"href": address}}})


def _drop_project(org: Organisation, call: Call) -> Response:
    project = org.project(call.variables["project"])
    for item in [item for item in org.books["workItems"].values() if item["project"] == project["id"]]:
        del org.books["workItems"][str(item["id"])]
        org.feed = [entry for entry in org.feed if entry[1] != item["id"]]
    del org.books["projects"][project["id"]]
    key = org.guid()
    org.books["operations"][key] = {"id": key, "status": "succeeded"}
    org.wrote(1)
    told = {"id": key, "status": "notSet", "url": f"{org.address}/_apis/operations/{key}"}
    return answered(call, told, 202)


def _processes(org: Organisation, call: Call) -> Response:
    rows = [
        {
            "id": each.key,
            "description": f"The {each.name} process.",
            "isDefault": each.name == "Basic",
            "type": "system",
            "url": f"{org.address}/_apis/process/processes/{each.key}",
            "name": each.name,
        }
        for each in PROCESSES.values()
    ]
    return answered(call, {"count": len(rows), "value": rows})


def _type_shape(org: Organisation, project: Record, kind: WorkItemType) -> Record:
    base = f"{org.address}/{project['id']}/_apis/wit"
    fields = [
        {
            "alwaysRequired": name in ("System.Title", "System.State", "System.AreaId", "System.IterationId"),
            "defaultValue": None,
            "referenceName": name,
            "name": org.fields[name].name,
            "url": f"{base}/fields/{name}",
        }
        for name in org.fields_of(project, kind)
    ]
    return {
        "name": kind.name,
        "referenceName": f"Microsoft.VSTS.WorkItemTypes.{kind.name.replace(' ', '')}",
        "description": kind.name,
        "color": "CC293D",
        "isDisabled": False,
        "fields": fields,
        "fieldInstances": fields,
        "states": [state._asdict() for state in kind.states],
        "url": f"{base}/workItemTypes/{quote(kind.name)}",
    }


def _types(org: Organisation, call: Call) -> Response:
    project = org.project(call.project)
    rows = [_type_shape(org, project, kind) for kind in org.types(project)]
    return answered(call, {"count": len(rows), "value": rows})


def _type(org: Organisation, call: Call) -> Response:
    project = org.project(call.project)
    return answered(call, _type_shape(org, project, org.type_of(project, call.variables["type"])))


def _states(org: Organisation, call: Call) -> Response:
    kind = org.type_of(org.project(call.project), call.variables["type"])
    rows = [{"name": each.name, "color": each.color, "category": each.category} for each in kind.states]
    return answered(call, {"count": len(rows), "value": rows})


def _field_shape(org: Organisation, name: str) -> Record:
    about = org.fields[name]
    return {
        "name": about.name,
        "referenceName": name,
        "description": None,
        "type": about.type,
        "usage": "workItem",
        "readOnly": name in READ_ONLY,
        "canSortBy": True,
        "isQueryable": True,
        "isIdentity": about.identity,
        "isPicklist": False,
        "url": f"{org.address}/_apis/wit/fields/{name}",
    }


def _fields(org: Organisation, call: Call) -> Response:
    return answered(call, {"count": len(org.fields), "value": [_field_shape(org, name) for name in org.fields]})


def _field(org: Organisation, call: Call) -> Response:
    wanted = call.variables["field"].lower()
    for name, about in org.fields.items():
        if wanted in (name.lower(), about.name.lower()):
            return answered(call, _field_shape(org, name))
    message = f"TF51535: Cannot find field {call.variables['field']}."
    raise DevOpsRefused(404, "WorkItemTrackingFieldDefinitionNotFoundException", message)


def _tags(org: Organisation, call: Call) -> Response:
    key = org.project(call.project)["id"]
    names = {
        each.strip()
        for item in org.living()
        if item["project"] == key
        for each in str(item["fields"].get("System.Tags") or "").split(";")
        if each.strip()
    }
    rows = [
        {"id": name, "name": name, "url": f"{org.address}/{key}/_apis/wit/tags/{quote(name)}"} for name in sorted(names)
    ]
    return answered(call, {"count": len(rows), "value": rows})


def _relation_types(org: Organisation, call: Call) -> Response:
    address = f"{org.address}/_apis/wit/workItemRelationTypes"
    rows: list[Record] = []
    for name, link in LINKS.items():
        attributes: dict[str, Any] = {"usage": "workItemLink", "editable": False, "enabled": True}
        attributes |= {"acyclic": link.topology != "network", "directional": link.topology != "network"}
        attributes |= {"singleTarget": link.topology != "tree", "topology": link.topology, "remote": False}
        if link.other != name:
            attributes |= {"isForward": name == link.forward, "oppositeEndReferenceName": link.other}
        rows.append({"attributes": attributes, "referenceName": name, "name": link.name, "url": f"{address}/{name}"})
    for name, shown in RESOURCES.items():
        attributes = {"usage": "resourceLink", "editable": False, "enabled": True}
        rows.append({"attributes": attributes, "referenceName": name, "name": shown, "url": f"{address}/{name}"})
    return answered(call, {"count": len(rows), "value": rows})


ROUTES: tuple[Route, ...] = (
    ("OPTIONS", "", _locations),
    ("GET", "resourceareas", _areas),
    ("GET", "connectiondata", _connection),
    ("GET", "projects", _projects),
    ("POST", "projects", _new_project),
    ("GET", "projects/{project}", _project),
    ("DELETE", "projects/{project}", _drop_project),
    ("GET", "operations/{id}", _operation),
    ("GET", "process/processes", _processes),
    ("GET", "wit/workitemtypes", _types),
    ("GET", "wit/workitemtypes/{type}", _type),
    ("GET", "wit/workitemtypes/{type}/states", _states),
    ("GET", "wit/fields", _fields),
    ("GET", "wit/fields/{field}", _field),
    ("GET", "wit/tags", _tags),
    ("GET", "wit/workitemrelationtypes", _relation_types),
)
