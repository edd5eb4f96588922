"""JSON Patch for work items: what may be said, and what becomes of fields and relations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from periferia_link.testing.emulators._devops_calls import Call, stamp
from periferia_link.testing.emulators._devops_links import LINKS, RESOURCES
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_process import READ_ONLY, WorkItemType
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused, rule_broken, unreadable
from periferia_link.testing.emulators._devops_shapes import LONG
from periferia_link.testing.emulators._emulator import Record

__all__ = ["Change", "document_of", "patched"]

_TARGET = re.compile(r".*/_apis/wit/work[iI]tems/(-?\d+)$", re.IGNORECASE)
_STATE, _TAGS, _TYPE = "System.State", "System.Tags", "System.WorkItemType"
_UTC = timezone.utc
_MOST_TAGS, _MOST_LINKS, _LONGEST = 100, 1_000, 1_000_000


@dataclass
class Change:
    """Fields and relations as they shall be; ``history`` is a comment, ``temporary`` the id inside one batch."""

    fields: dict[str, Any]
    relations: list[Record]
    formats: dict[str, str] = field(default_factory=dict)
    history: str | None = None
    temporary: int | None = None


def document_of(call: Call) -> list[Any]:
    """
    Read the patch of a request.

    Raises:
        DevOpsRefused: The content type or the document is another one.
    """
    kind = (call.request.header("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json-patch+json":
        message = (
            f'The request indicated a Content-Type of "{kind}" for method type "{call.request.method}" which is not '
            "supported. Valid content types for this method are: application/json-patch+json."
        )
        raise DevOpsRefused(415, "VssRequestContentTypeNotSupportedException", message)
    body = call.body()
    if not isinstance(body, list) or not body:
        message = "You must pass a valid patch document in the body of the request."
        raise DevOpsRefused(400, "VssPropertyValidationException", message)
    return body


def patched(
    org: Organisation,
    item: Record,
    kind: WorkItemType,
    document: list[Any],
    *,
    now: datetime,
    by: Record,
    bypass: bool = False,
    temporary: Mapping[int, int] | None = None,
) -> Change:
    """
    Carry out a patch on a copy of an item.

    Args:
        org: Whose.

        item: What is changed; rev 0 is a new one.

        kind: Its type.

        document: The operations.

        now: When.

        by: Who.

        bypass: Rules of the process are not looked at.

        temporary: Items made earlier in the same batch, by their negative ids.

    Raises:
        DevOpsRefused: An operation cannot be done; nothing is.
    """
    change = Change(dict(item["fields"]), [dict(each) for each in item["relations"]], dict(item["formats"]))
    project = org.books["projects"][item["project"]]
    known = {name.lower(): name for name in org.fields_of(project, kind)}
    for operation in document:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise _bad(what="the operation has no path")
        _apply(org, item, change, operation, known=known, temporary=temporary or {})
    _finish(org, item, change, kind, now=now, by=by, bypass=bypass)
    return change


def _bad(what: str) -> DevOpsRefused:
    return DevOpsRefused(400, "VssPropertyValidationException", f"The patch document cannot be applied: {what}.")


def _apply(
    org: Organisation,
    item: Record,
    change: Change,
    operation: Record,
    *,
    known: Mapping[str, str],
    temporary: Mapping[int, int],
) -> None:
    verb, path, value = str(operation.get("op", "")).lower(), operation["path"], operation.get("value")
    if verb not in ("add", "replace", "remove", "test"):
        raise _bad(what=f"the operation {verb or 'without a name'} is not supported here")
    room, _, rest = path.lstrip("/").partition("/")
    if room == "rev" and not rest and verb == "test":
        _test_revision(item, value)
    elif room == "id" and not rest and verb == "add" and item["rev"] == 0:
        change.temporary = int(str(value))
    elif room == "fields" and rest:
        _field(org, change, verb, rest, value=value, known=known)
    elif room == "relations" and rest:
        _relation(org, item, change, verb, rest, value=value, temporary=temporary)
    elif room == "multilineFieldsFormat" and rest and str(value).lower() in ("markdown", "html"):
        change.formats[rest] = str(value).lower()
    else:
        raise _bad(what=f"the path {path} cannot be changed")


def _test_revision(item: Record, value: Any) -> None:
    if value != item["rev"]:
        message = (
            f"VS403351: Test Operation for path /rev failed, value {item['rev']} was not equal to test value {value}."
        )
        raise DevOpsRefused(412, "TestPatchOperationFailedException", message)


def _field(org: Organisation, change: Change, verb: str, name: str, *, value: Any, known: Mapping[str, str]) -> None:
    reference = known.get(name.lower())
    if reference is None:
        message = f"TF51535: Cannot find field {name}."
        raise DevOpsRefused(400, "WorkItemTrackingFieldDefinitionNotFoundException", message)
    if reference in READ_ONLY:
        raise rule_broken(org.fields[reference].name, "ReadOnly")
    if verb == "test":
        if change.fields.get(reference) != value:
            message = f"VS403351: Test Operation for path /fields/{reference} failed."
            raise DevOpsRefused(412, "TestPatchOperationFailedException", message)
        return
    if reference == "System.History":
        change.history = _comment(value)
        return
    if verb == "remove" or value is None or value == "":
        change.fields.pop(reference, None)
        return
    change.fields[reference] = _value(org, reference, value)


def _comment(value: Any) -> str:
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise _bad(what="a comment is a text")
    return text


def _value(org: Organisation, reference: str, value: Any) -> Any:
    """Read a value as the type of its field."""
    about = org.fields[reference]
    if about.identity:
        user = org.user(value)
        if user is None:
            message = f"The identity value '{value}' for field '{about.name}' is an unknown identity."
            raise DevOpsRefused(400, "RuleValidationException", message)
        return user["uniqueName"]
    if about.type in ("integer", "double"):
        return _number(about.name, about.type, value)
    if about.type == "dateTime":
        return _moment(about.name, value)
    text = str(value)
    if about.type not in LONG and len(text) > 255 and about.type != "treePath":
        raise rule_broken(about.name, "InvalidTooLong")
    if len(text) > _LONGEST:
        raise rule_broken(about.name, "InvalidTooLong")
    return _tags(text) if reference == _TAGS else text


def _number(name: str, kind: str, value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise rule_broken(name, "InvalidType") from None
    if isinstance(value, bool) or (kind == "integer" and number != int(number)):
        raise rule_broken(name, "InvalidType")
    return int(number) if kind == "integer" or number == int(number) else number


def _moment(name: str, value: Any) -> str:
    text = str(value).replace("Z", "+00:00")
    text = re.sub(r"\.(\d+)", lambda found: "." + found[1][:6].ljust(6, "0"), text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise rule_broken(name, "InvalidType") from None
    return stamp(moment if moment.tzinfo is None else moment.astimezone(_UTC))


def _tags(text: str) -> str:
    """Keep the tags of a text once each, whatever their case, in order of their names."""
    tags = {each.strip().lower(): each.strip() for each in reversed(re.split("[;,]", text)) if each.strip()}
    if len(tags) > _MOST_TAGS:
        message = "VS403654: A work item can have at most 100 tags."
        raise DevOpsRefused(400, "WorkItemTagLimitExceededException", message)
    return "; ".join(tags[name] for name in sorted(tags))


def _relation(
    org: Organisation,
    item: Record,
    change: Change,
    verb: str,
    place: str,
    *,
    value: Any,
    temporary: Mapping[int, int],
) -> None:
    if verb == "remove":
        if not place.isdecimal() or int(place) >= len(change.relations):
            raise _bad(what=f"there is no relation {place}")
        del change.relations[int(place)]
        return
    if verb != "add" or place != "-" or not isinstance(value, dict):
        raise _bad(what="a relation is added at /relations/- and removed by its place")
    rel, url = str(value.get("rel")), str(value.get("url"))
    attributes = dict(value.get("attributes") or {})
    if rel in RESOURCES:
        if not re.match(r"(https?|vstfs|file|mailto):", url, re.IGNORECASE) or len(url) > 2083:
            raise _bad(what="the address of the relation is not supported")
        added: Record = {"rel": rel, "url": url, "attributes": attributes}
        same = [each for each in change.relations if (each["rel"], each.get("url")) == (rel, url)]
    elif rel in LINKS:
        target = _target(org, item, url, temporary)
        _check_tree(change, item, rel, target)
        added = {"rel": rel, "target": target, "attributes": {"isLocked": False, **attributes}}
        same = [each for each in change.relations if (each["rel"], each.get("target")) == (rel, target)]
    else:
        message = f"TF237122: The relation type {rel} does not exist."
        raise DevOpsRefused(400, "WorkItemLinkTypeNotFoundException", message)
    if same:
        message = "VS402625: The relation already exists."
        raise DevOpsRefused(400, "WorkItemRelationAlreadyExistsException", message)
    if len(change.relations) >= _MOST_LINKS:
        message = "VS403302: A work item can have at most 1000 links."
        raise DevOpsRefused(400, "WorkItemLinksLimitExceededException", message)
    change.relations.append(added)


def _target(org: Organisation, item: Record, url: str, temporary: Mapping[int, int]) -> int:
    found = _TARGET.fullmatch(url)
    if found is None:
        raise _bad(what="the address of the relation is no work item")
    number = int(found[1])
    if number < 0:
        if number not in temporary:
            raise unreadable(number)
        return temporary[number]
    if number == item["id"]:
        message = "TF201027: A work item cannot be linked to itself."
        raise DevOpsRefused(400, "WorkItemLinkInvalidException", message)
    org.item(number)
    return number


def _check_tree(change: Change, item: Record, rel: str, target: int) -> None:
    if LINKS[rel].single and any(each["rel"] == rel and each.get("target") != target for each in change.relations):
        message = (
            f"TF201036: You cannot add a {LINKS[rel].name} link between work items {item['id']} and {target} because "
            "a work item can have only one Parent link."
        )
        raise DevOpsRefused(400, "WorkItemLinkInvalidException", message)


# ---------------------------------------------------------------------- the rules of the process


def _finish(
    org: Organisation, item: Record, change: Change, kind: WorkItemType, *, now: datetime, by: Record, bypass: bool
) -> None:
    fields, before = change.fields, item["fields"]
    is_new = item["rev"] == 0
    if is_new:
        project = org.books["projects"][item["project"]]["name"]
        begin = {
            "System.AreaPath": project,
            "System.TeamProject": project,
            "System.IterationPath": project,
            _TYPE: kind.name,
            _STATE: kind.states[0].name,
            "System.Reason": kind.reason,
            "System.CreatedDate": stamp(now),
            "System.CreatedBy": by["uniqueName"],
            "System.CommentCount": 0,
            "Microsoft.VSTS.Common.StateChangeDate": stamp(now),
            **dict(kind.defaults),
        }
        change.fields = fields = {**begin, **fields}
    if not fields.get("System.Title"):
        raise rule_broken(field="Title", error="Required, InvalidEmpty")
    for structure, reference in (("area", "System.AreaPath"), ("iteration", "System.IterationPath")):
        fields[reference] = _tree(org, item, structure, reference, fields.get(reference))
    states = {state.name.lower(): state for state in kind.states}
    state = states.get(str(fields.get(_STATE)).lower())
    if state is None or (is_new and state is not kind.states[0] and not bypass):
        if not bypass:
            raise rule_broken(
                field="State", error="Required, HasValues, LimitedToValues, AllowsOldValue, InvalidNotOldValue"
            )
        return
    fields[_STATE] = state.name
    if not is_new and before.get(_STATE) != state.name:
        _moved(change, before, state.category, now=now, by=by)


def _tree(org: Organisation, item: Record, structure: str, reference: str, path: Any) -> str:
    names = [each for each in str(path or "").split("\\") if each]
    project = org.books["projects"][item["project"]]
    if names and names[0].lower() == project["name"].lower():
        node = org.node_at(project, structure, names[1:])
        if node is not None:
            return "\\".join(org.path_of(node))
    message = f"TF401347: Invalid tree name given for work item {item['id']}, field '{reference}'."
    raise DevOpsRefused(400, "WorkItemTrackingTreeNodeNotFoundException", message)


def _moved(change: Change, before: Mapping[str, Any], category: str, *, now: datetime, by: Record) -> None:
    """Set what the process sets when the state changes."""
    fields, common = change.fields, "Microsoft.VSTS.Common"
    fields[f"{common}.StateChangeDate"] = stamp(now)
    if fields.get("System.Reason") == before.get("System.Reason"):
        fields["System.Reason"] = _REASONS[category](str(fields[_STATE]))
    closed = category == "Completed"
    fields |= {f"{common}.ClosedDate": stamp(now), f"{common}.ClosedBy": by["uniqueName"]} if closed else {}
    if not closed:
        fields.pop(f"{common}.ClosedDate", None)
        fields.pop(f"{common}.ClosedBy", None)
    if category == "Resolved":
        fields[f"{common}.ResolvedDate"] = stamp(now)
    if category == "InProgress":
        fields[f"{common}.ActivatedDate"] = stamp(now)


_REASONS: dict[str, Callable[[str], str]] = {
    "Proposed": lambda state: f"Moved to state {state}",
    "InProgress": lambda state: "Started" if state == "Doing" else f"Moved to state {state}",
    "Resolved": lambda _: "Fixed",
    "Completed": lambda _: "Completed",
    "Removed": lambda _: "Removed from the backlog",
}
