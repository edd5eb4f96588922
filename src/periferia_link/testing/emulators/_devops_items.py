"""Work items: create, read, change, delete; the recycle bin; history."""

from __future__ import annotations

from typing import Any

from periferia_link.testing.emulators._devops_calls import Call, Route, answered, no_controller
from periferia_link.testing.emulators._devops_comments import add_comment
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_patch import document_of, patched
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused, unreadable
from periferia_link.testing.emulators._devops_shapes import item_shape, person_text, update_shape
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["ROUTES", "change_item", "create_item"]

_MOST = 200
_EXPANSIONS = ("none", "relations", "fields", "links", "all")


def create_item(
    org: Organisation,
    call: Call,
    project: Record,
    kind: str,
    document: list[Any],
    *,
    temporary: dict[int, int] | None = None,
) -> Record:
    """Make an item of a patch; the id is taken when the patch is good."""
    about = org.type_of(project, kind)
    item = org.begin(project)
    org.next_item -= 1
    change = patched(
        org, item, about, document, now=call.now, by=call.user, bypass=call.flag("bypassrules"), temporary=temporary
    )
    if call.flag("validateonly"):
        return item | {"id": 0, "rev": 0, "fields": change.fields, "relations": change.relations}
    org.next_item += 1
    item["formats"] = change.formats
    org.revise(item, change.fields, change.relations, by=call.user, now=call.now)
    if change.temporary is not None and temporary is not None:
        temporary[change.temporary] = item["id"]
    if change.history:
        add_comment(org, call, item, change.history)
    return item


def change_item(
    org: Organisation, call: Call, item: Record, document: list[Any], temporary: dict[int, int] | None = None
) -> Record:
    """Change an item by a patch: all of it or nothing."""
    project = org.books["projects"][item["project"]]
    kind = org.type_of(project, item["fields"]["System.WorkItemType"])
    change = patched(
        org, item, kind, document, now=call.now, by=call.user, bypass=call.flag("bypassrules"), temporary=temporary
    )
    if call.flag("validateonly"):
        return item | {"fields": change.fields, "relations": change.relations}
    item["formats"] = change.formats
    if change.history:
        change.fields["System.CommentCount"] = item["fields"].get("System.CommentCount", 0) + 1
    org.revise(item, change.fields, change.relations, by=call.user, now=call.now)
    if change.history:
        add_comment(org, call, item, change.history)
    return item


def _expansion(call: Call) -> str:
    told = call.query.get("$expand", "none").lower()
    if told not in _EXPANSIONS:
        raise DevOpsRefused(400, "VssPropertyValidationException", f"The value {told} of $expand is not valid.")
    if told in ("relations", "all", "fields") and call.query.get("fields"):
        message = "VS403673: The expand parameter can not be used with the fields parameter."
        raise DevOpsRefused(400, "ConflictingParametersException", message)
    return told


def _fields(org: Organisation, names: list[str] | None) -> list[str] | None:
    known = {name.lower() for name in org.fields}
    for name in names or ():
        if str(name).lower() not in known:
            message = f"TF51535: Cannot find field {name}."
            raise DevOpsRefused(400, "WorkItemTrackingFieldDefinitionNotFoundException", message)
    return names


def _asked_fields(org: Organisation, call: Call) -> list[str] | None:
    told = call.query.get("fields")
    return _fields(org, [each.strip() for each in told.split(",") if each.strip()]) if told else None


def _create(org: Organisation, call: Call) -> Response:
    if not call.variables["type"].startswith("$"):
        raise unreadable(call.variables["type"])
    item = create_item(org, call, org.project(call.project), call.variables["type"][1:], document_of(call))
    return answered(call, item_shape(org, item, expand="answer"))


def _scoped(org: Organisation, call: Call, item: Record) -> Record:
    """An item of another project is not there, below the address of a project."""
    if call.project is not None and org.project(call.project)["id"] != item["project"]:
        raise unreadable(item["id"])
    return item


def _get(org: Organisation, call: Call) -> Response:
    number = call.variables["id"]
    if not number.isdecimal() or number == "0":
        return no_controller(call)
    expand, wanted = _expansion(call), _asked_fields(org, call)
    if "$expand" not in call.query and wanted is None:
        expand = "links"  # recorded: one item comes with its addresses, a list does not
    return answered(call, item_shape(org, _scoped(org, call, org.item(number)), expand=expand, wanted=wanted))


def _update(org: Organisation, call: Call) -> Response:
    document = document_of(call)
    item = _scoped(org, call, org.item(call.variables["id"]))
    return answered(call, item_shape(org, change_item(org, call, item, document), expand="answer"))


def _several(
    org: Organisation, call: Call, ids: list[Any], *, expand: str, wanted: list[str] | None, omit: bool
) -> Response:
    if len(ids) > _MOST:
        message = f"VS403474: You requested {len(ids)} work items which exceeds the limit of 200."
        raise DevOpsRefused(400, "VssPropertyValidationException", message)
    found: list[Any] = []
    for number in ids:
        item = org.books["workItems"].get(str(number))
        if omit and (item is None or item["deleted"]):
            found.append(None)
            continue
        found.append(item_shape(org, _scoped(org, call, org.item(number)), expand=expand, wanted=wanted))
    return answered(call, {"count": len(found), "value": found})


def _list(org: Organisation, call: Call) -> Response:
    ids = [each.strip() for each in call.query.get("ids", "").split(",") if each.strip()]
    if not ids or not all(each.isdecimal() for each in ids):
        raise DevOpsRefused(400, "VssPropertyValidationException", "The ids parameter is required.")
    omit = call.query.get("errorpolicy", "").lower() == "omit"
    return _several(org, call, ids, expand=_expansion(call), wanted=_asked_fields(org, call), omit=omit)


def _batch(org: Organisation, call: Call) -> Response:
    body = call.record()
    ids, wanted = body.get("ids"), body.get("fields")
    if not isinstance(ids, list) or not ids or not all(isinstance(each, int) for each in ids):
        raise DevOpsRefused(400, "VssPropertyValidationException", "The ids of the body are required.")
    call.query = {**call.query, "$expand": str(body.get("$expand") or "none"), "fields": "x" if wanted else ""}
    omit = str(body.get("errorPolicy", "")).lower() == "omit"
    return _several(org, call, ids, expand=_expansion(call), wanted=_fields(org, wanted), omit=omit)


# ---------------------------------------------------------------------- deletion


def _us(call: Call) -> str:
    """Write an instant as deletions do: in the manner of the United States (recorded: 1/10/2025 12:13:35 PM)."""
    now = call.now
    return f"{now.month}/{now.day}/{now.year} {(now.hour % 12) or 12}:{now:%M:%S} {'AM' if now.hour < 12 else 'PM'}"


def _reference(org: Organisation, item: Record) -> Record:
    return {
        "id": item["id"],
        "type": item["fields"]["System.WorkItemType"],
        "name": item["fields"]["System.Title"],
        "project": org.books["projects"][item["project"]]["name"],
        "deletedDate": (item["deleted"] or {}).get("date"),
        "deletedBy": person_text(org, (item["deleted"] or {}).get("by")),
        "code": 200,
        "url": f"{org.address}/_apis/wit/recyclebin/{item['id']}",
    }


def _thrown(org: Organisation, call: Call, item: Record) -> Record:
    item["deleted"] = {"date": _us(call), "by": call.user["uniqueName"]}
    org.revise(item, {**item["fields"], "System.IsDeleted": True}, item["relations"], by=call.user, now=call.now)
    resource = item_shape(org, item)
    resource["fields"] = {
        name: person_text(org, value) if org.fields[name].identity else value for name, value in item["fields"].items()
    }
    return _reference(org, item) | {"resource": resource}


def _destroyed(org: Organisation, item: Record) -> None:
    number = item["id"]
    org.feed = [entry for entry in org.feed if entry[1] != number]
    for table in ("revisions", "updates", "comments"):
        for key in [key for key in org.books[table] if key.partition(".")[0] == str(number)]:
            del org.books[table][key]
    del org.books["workItems"][str(number)]
    org.wrote(1)


def _delete(org: Organisation, call: Call) -> Response:
    item = _scoped(org, call, org.item(call.variables["id"]))
    if call.flag("destroy"):
        _destroyed(org, item)
        return Response(204, (("Cache-Control", "no-cache"),))
    return answered(call, _thrown(org, call, item))


def _delete_several(org: Organisation, call: Call) -> Response:
    body = call.record()
    results: list[Record] = []
    for number in body.get("ids") or []:
        try:
            item = org.item(number)
        except DevOpsRefused as exc:
            results.append({"id": number, "code": exc.status, "message": exc.message})
            continue
        results.append(_thrown(org, call, item))
        if body.get("destroy"):
            _destroyed(org, item)
    return answered(call, {"results": results})


def _bin(org: Organisation, call: Call) -> Response:
    gone = [item for item in org.books["workItems"].values() if item["deleted"]]
    if call.project is not None:
        key = org.project(call.project)["id"]
        gone = [item for item in gone if item["project"] == key]
    if "ids" in call.query:
        wanted = set(call.query["ids"].split(","))
        return answered(
            call, {"count": len(wanted), "value": [_reference(org, i) for i in gone if str(i["id"]) in wanted]}
        )
    if len(gone) > org.bin_cap:
        message = f"VS402337: The number of work items returned exceeds the size limit of {org.bin_cap}."
        raise DevOpsRefused(400, "WorkItemTrackingQueryResultSizeLimitExceededException", message)
    refs = [{"id": item["id"], "url": _reference(org, item)["url"]} for item in gone]
    return answered(call, {"count": len(refs), "value": refs})


def _bin_one(org: Organisation, call: Call) -> Response:
    item = org.item(call.variables["id"], deleted=True)
    return answered(call, _reference(org, item) | {"resource": item_shape(org, item)})


def _restore(org: Organisation, call: Call) -> Response:
    item = org.item(call.variables["id"], deleted=True)
    if call.record().get("isDeleted") is not False:
        raise DevOpsRefused(400, "VssPropertyValidationException", "isDeleted must be false.")
    told = _reference(org, item)
    item["deleted"] = None
    fields = {name: value for name, value in item["fields"].items() if name != "System.IsDeleted"}
    org.revise(item, fields, item["relations"], by=call.user, now=call.now)
    return answered(call, told | {"resource": item_shape(org, item)})


def _destroy(org: Organisation, call: Call) -> Response:
    _destroyed(org, org.item(call.variables["id"], deleted=True))
    return Response(204, (("Cache-Control", "no-cache"),))


# ---------------------------------------------------------------------- history


def _window(call: Call, rows: list[Record]) -> list[Record]:
    skip, top = call.number("$skip", 0, most=10_000), call.number("$top", 200, most=10_000)
    return rows[skip : skip + top]


def _updates(org: Organisation, call: Call) -> Response:
    item = org.item(call.variables["id"])
    steps = [org.books["updates"][f"{item['id']}.{n}"] for n in range(1, item["updates"] + 1)]
    shapes = [update_shape(org, item, step) for step in _window(call, steps)]
    return answered(call, {"count": len(shapes), "value": shapes})


def _one_update(org: Organisation, call: Call) -> Response:
    item = org.item(call.variables["id"])
    step = org.books["updates"].get(f"{item['id']}.{call.variables['number']}")
    if step is None:
        raise unreadable(call.variables["number"])
    return answered(call, update_shape(org, item, step))


def _revisions(org: Organisation, call: Call) -> Response:
    item = org.item(call.variables["id"])
    past = [org.books["revisions"][f"{item['id']}.{n}"] for n in range(1, item["rev"] + 1)]
    shapes = [item_shape(org, item, revision=each) for each in _window(call, past)]
    return answered(call, {"count": len(shapes), "value": shapes})


def _one_revision(org: Organisation, call: Call) -> Response:
    item = org.item(call.variables["id"])
    past = org.books["revisions"].get(f"{item['id']}.{call.variables['number']}")
    if past is None:
        raise unreadable(call.variables["id"])
    return answered(call, item_shape(org, item, expand="links", revision=past))


ROUTES: tuple[Route, ...] = (
    ("POST", "wit/workitems/{type}", _create),
    ("PATCH", "wit/workitems/{id}", _update),
    ("GET", "wit/workitems/{id}", _get),
    ("GET", "wit/workitems", _list),
    ("POST", "wit/workitemsbatch", _batch),
    ("DELETE", "wit/workitems/{id}", _delete),
    ("POST", "wit/workitemsdelete", _delete_several),
    ("GET", "wit/recyclebin", _bin),
    ("GET", "wit/recyclebin/{id}", _bin_one),
    ("PATCH", "wit/recyclebin/{id}", _restore),
    ("DELETE", "wit/recyclebin/{id}", _destroy),
    ("GET", "wit/workitems/{id}/updates", _updates),
    ("GET", "wit/workitems/{id}/updates/{number}", _one_update),
    ("GET", "wit/workitems/{id}/revisions", _revisions),
    ("GET", "wit/workitems/{id}/revisions/{number}", _one_revision),
)
