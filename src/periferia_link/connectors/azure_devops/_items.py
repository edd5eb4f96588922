"""Work items from and to the wire: fields by reference name, relations, tags, our marker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from periferia_link import domain
from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.azure_devops._process import ESTIMATES
from periferia_link.connectors.azure_devops._values import exact, instant, number_of, person, split_tags
from periferia_link.domain import Ref
from periferia_link.errors import RecordInvalidError

if TYPE_CHECKING:
    from periferia_link.domain import WorkItem, WorkItemLink

__all__ = [
    "DEVOPS_FIELDS",
    "MARK",
    "PARENT",
    "RELATIONS",
    "key_tag",
    "ref_tag",
    "work_item_from_wire",
    "work_item_to_wire",
]

MARK: Final = "pl:"
"""What our tags begin with: ``pl:KEY`` names the creation, ``pl-ref:TEXT`` the record that the item stands for."""

_REF = "pl-ref:"
PARENT: Final = "System.LinkTypes.Hierarchy-Reverse"
RELATIONS: Final = {
    "parent": PARENT,
    "child": "System.LinkTypes.Hierarchy-Forward",
    "related": "System.LinkTypes.Related",
    "successor": "System.LinkTypes.Dependency-Forward",
    "predecessor": "System.LinkTypes.Dependency-Reverse",
    "duplicate": "System.LinkTypes.Duplicate-Forward",
    "duplicate_of": "System.LinkTypes.Duplicate-Reverse",
    "hyperlink": "Hyperlink",
}
"""Our words for the relations; any other stands under its own name."""

_WORDS = {rel: word for word, rel in RELATIONS.items()}
_COMMON, _SCHEDULING = "Microsoft.VSTS.Common", "Microsoft.VSTS.Scheduling"

DEVOPS_FIELDS = FieldMap(
    {
        "WorkItem": KindMap(
            table="workitems",
            key="System.Id",
            columns={
                "title": "System.Title",
                "type": "System.WorkItemType",
                "state": "System.State",
                "category": "System.State",
                "reason": "System.Reason",
                "project": "System.TeamProject",
                "area": "System.AreaPath",
                "iteration": "System.IterationPath",
                "assignee": "System.AssignedTo",
                "description": "System.Description",
                "acceptance": f"{_COMMON}.AcceptanceCriteria",
                "priority": f"{_COMMON}.Priority",
                "tags": "System.Tags",
                "external_ref": "System.Tags",
                "estimate": f"{_SCHEDULING}.OriginalEstimate",
                "remaining": f"{_SCHEDULING}.RemainingWork",
                "due_on": f"{_SCHEDULING}.DueDate",
                "opened_at": "System.CreatedDate",
                "closed_at": f"{_COMMON}.ClosedDate",
                "updated_at": "System.ChangedDate",
                "links": "relations",
                "parent": "relations",
            },
        ),
        "Interaction": KindMap(table="comments", key="id", columns={"text": "text"}),
        "Project": KindMap(table="projects", key="id", columns={"name": "name"}),
    }
)
"""Reference names of a fresh organisation; every process has them, custom ones are added in periferia.toml."""

_READ_ONLY = frozenset({"opened_at", "closed_at", "updated_at"})
_DERIVED = frozenset({"category", "tags", "external_ref", "links", "parent", "project", "type"})
_INSTANTS = frozenset({"opened_at", "closed_at", "updated_at"})


def key_tag(create_key: str) -> str:
    """Return the tag that says which creation made an item."""
    return f"{MARK}{create_key}"


def ref_tag(external_ref: str) -> str:
    """
    Return the tag that says which record an item stands for.

    Raises:
        RecordInvalidError: The text cannot be a tag.
    """
    if any(each in external_ref for each in ";,") or len(external_ref) > 380 or external_ref != external_ref.strip():
        msg = "external_ref has a comma or semicolon, blanks at its ends, or more than 380 characters"
        raise RecordInvalidError(msg, hint='map it to a field of its own: columns = { external_ref = "Custom.…" }')
    return f"{_REF}{external_ref}"


def work_item_from_wire(record: Mapping[str, Any], fields: FieldMap, system: str) -> WorkItem:
    """
    Make a work item of a record: an item as the service gives it, with ``category`` beside its fields.

    Raises:
        ValidationError: A value does not fit.
        ValueError: An instant or a number is none.
        TypeError: It is no such record.
    """
    columns = fields["WorkItem"]
    wire = record["fields"]
    if not isinstance(wire, Mapping) or not isinstance(record["id"], int) or isinstance(record["id"], bool):
        msg = "it is no work item"
        raise TypeError(msg)
    told: dict[str, Any] = {}
    for name, column in columns.columns.items():
        if name not in _DERIVED or name in ("project", "type"):
            value = _read(name, wire.get(column))
            if value is not None:
                told[name] = value
    told |= _derived(record, wire, columns, system)
    told["ref"] = Ref(system, "WorkItem", str(record["id"]))
    told["version"] = None if record.get("rev") is None else str(record["rev"])
    told["custom"] = columns.custom(wire)
    return domain.WorkItem.model_validate(told)


def _read(name: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if name in _INSTANTS:
        return instant(value)
    if name == "due_on":
        moment = instant(value)
        return None if moment is None else moment.date()
    if name == "assignee":
        return person(value)
    return exact(value) if name in ("estimate", "remaining") else value


def _derived(record: Mapping[str, Any], wire: Mapping[str, Any], columns: KindMap, system: str) -> dict[str, Any]:
    """Read what is not one field: size by type, tags without ours, relations, the neutral state."""
    told: dict[str, Any] = {}
    mapped = columns.columns
    points = ESTIMATES.get(str(wire.get("System.WorkItemType")))
    if "estimate" in mapped and points and wire.get(points) is not None:
        told["estimate"] = exact(wire[points])
    if "category" in mapped and record.get("category") is not None:
        told["category"] = record["category"]
    tags = split_tags(wire.get("System.Tags"))
    if "tags" in mapped:
        told["tags"] = tuple(sorted((tag for tag in tags if not tag.startswith((MARK, _REF))), key=str.lower))
    if mapped.get("external_ref") == "System.Tags":
        found = next((tag.removeprefix(_REF) for tag in tags if tag.startswith(_REF)), None)
        told |= {"external_ref": found} if found else {}
    elif "external_ref" in mapped and wire.get(mapped["external_ref"]):
        told["external_ref"] = wire[mapped["external_ref"]]
    relations = record.get("relations") or []
    if "parent" in mapped:
        parents = (number_of(each.get("url")) for each in relations if each.get("rel") == PARENT)
        parent = next((number for number in parents if number), None)
        told |= {"parent": Ref(system, "WorkItem", parent)} if parent else {}
    if "links" in mapped:
        told["links"] = tuple(_links(relations))
    return told


def _links(relations: Iterable[Mapping[str, Any]]) -> list[WorkItemLink]:
    """Read relations in an order of our own: the service's is that of the day."""
    links = []
    for each in relations:
        rel, url = str(each.get("rel")), str(each.get("url"))
        attributes = each.get("attributes") or {}
        comment = attributes.get("comment")
        if rel == PARENT or str(comment or "").startswith(MARK):
            continue
        links.append(
            domain.WorkItemLink(relation=_WORDS.get(rel, rel), target=number_of(url) or url, comment=comment or None)
        )
    return sorted(links, key=lambda link: (link.relation, link.target))


def work_item_to_wire(entity: WorkItem, names: Iterable[str], fields: FieldMap) -> dict[str, Any]:
    """
    Return the plain fields to send, by reference name; ``None`` empties one.

    Tags, relations and the neutral state are no plain fields: they depend on what is there.

    Raises:
        RecordInvalidError: A field is read-only here.
    """
    columns = fields["WorkItem"].columns
    body: dict[str, Any] = {}
    for name in sorted(set(names) - _DERIVED - {"custom"}):
        if name in _READ_ONLY or name not in columns:
            continue  # the service sets them itself
        value = getattr(entity, name)
        column = ESTIMATES.get(entity.type, columns[name]) if name == "estimate" else columns[name]
        if name == "due_on" and value is not None:
            value = f"{value.isoformat()}T00:00:00Z"
        body[column] = value
    if "external_ref" in names and columns.get("external_ref", "System.Tags") != "System.Tags":
        body[columns["external_ref"]] = entity.external_ref
    if "custom" in names:
        body |= {name: value for name, value in entity.custom.items() if name in fields["WorkItem"].extra}
    return body
