"""One write of a work item as a JSON Patch: what to say, given how the item is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from periferia_link import domain
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.azure_devops._api import VERSION, Api
from periferia_link.connectors.azure_devops._items import MARK, key_tag, ref_tag, work_item_to_wire
from periferia_link.connectors.azure_devops._options import Options
from periferia_link.connectors.azure_devops._patch import (
    field_ops,
    link_ops,
    parent_ops,
    rev_test,
    tag_ops,
    unlink_ops,
    untag_ops,
)
from periferia_link.connectors.azure_devops._process import Processes
from periferia_link.connectors.azure_devops._values import joined, split_tags
from periferia_link.connectors.base import Write
from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError, RecordConflictError, RecordInvalidError, RecordNotFoundError

if TYPE_CHECKING:
    from periferia_link.domain import WorkItem

__all__ = ["ACTIONS", "Plan", "Planner"]

ACTIONS = ("comment:TEXT", "tag:NAME", "untag:NAME", "link:RELATION:TARGET", "unlink:RELATION:TARGET", "restore")
"""What an action of a work item may be."""

_DEPENDS = frozenset({"tags", "external_ref", "links", "parent", "category", "project", "type"})
_READING = ("tag:", "untag:", "link:", "unlink:")


@dataclass(slots=True)
class Plan:
    """A request for one write: method, address below the organisation, and the document."""

    write: Write
    ref: Ref | None
    method: str
    path: str
    ops: list[dict[str, Any]] = field(default_factory=list)


class Planner:
    """Makes plans; it sends nothing."""

    def __init__(
        self, api: Api, processes: Processes, *, name: str, fields: FieldMap, options: Options, base_url: str
    ) -> None:
        self._api = api
        self._processes = processes
        self._name = name
        self._fields = fields
        self._options = options
        self._base = base_url

    @staticmethod
    def depends(write: Write) -> bool:
        """Whether the item must be read before it can be changed: tags and links are merged, never replaced."""
        if write.mode == "delete":
            return write.if_version is not None
        if write.mode == "action":
            return (write.action or "").startswith(_READING)
        return write.mode == "update" and bool(write.fields & _DEPENDS)

    def plan(self, write: Write, there: Mapping[str, Any] | None) -> Plan | None:
        """
        Return the request for a write; ``None`` where nothing is left to say.

        Args:
            write: What is wanted.

            there: The item as it is, where :meth:`depends` asked for it.

        Raises:
            ConfigurationError: An action that there is not.
            RejectedError: The record cannot be written like this.
        """
        if write.mode == "create":
            return self._creation(write)
        ref = write.ref
        if ref is None or not ref.id.isdecimal():
            msg = "it names no work item"
            raise RecordNotFoundError(msg, hint="ids of work items are whole numbers")
        if self.depends(write):
            if there is None:
                msg = "the item is not there, or this identity may not see it"
                raise RecordNotFoundError(msg, hint="look into the recycle bin, and at the rights of the area")
            if write.if_version is not None and str(there.get("rev")) != write.if_version:
                msg = "the record changed meanwhile"
                raise RecordConflictError(msg, hint="it is read and compared again")
        if write.mode == "delete":
            return Plan(write, ref, "DELETE", f"_apis/wit/workitems/{ref.id}?{self._query()}")
        if write.mode == "action" and write.action == "restore":
            return Plan(write, ref, "PATCH", f"_apis/wit/recyclebin/{ref.id}?{self._query()}")
        ops = self._change(write, there or {}) if write.mode == "update" else self._action(write, there or {})
        if not ops:
            return None
        version = write.if_version if write.if_version is not None else (there or {}).get("rev")
        if version is not None:
            ops.insert(0, rev_test(version))
        return Plan(write, ref, "PATCH", f"_apis/wit/workitems/{ref.id}?{self._query()}", ops)

    def _query(self) -> str:
        told = {"api-version": VERSION}
        if self._options.bypass_rules:
            told["bypassRules"] = "true"
        if self._options.suppress_notifications:
            told["suppressNotifications"] = "true"
        return urlencode(told)

    # ------------------------------------------------------------------ create

    def project_of(self, entity: WorkItem) -> str:
        """
        Return the project of a new item.

        Raises:
            RecordInvalidError: Neither the item nor the settings name one.
        """
        project = entity.project or self._options.project
        if not project:
            msg = "the item names no project"
            raise RecordInvalidError(msg, hint=f"set project in [systems.{self._name}.options], or in the item")
        return project

    def _creation(self, write: Write) -> Plan:
        entity = write.entity
        assert isinstance(entity, domain.WorkItem)  # noqa: S101 - checked by the caller
        names, options = write.fields, self._options
        project = self.project_of(entity)
        body = work_item_to_wire(entity, names | {"title"}, self._fields)
        if "category" in names and "state" not in names and entity.category is not None:
            state = self._processes.state_for(project, entity.type, entity.category)
            if state != self._processes.initial(project, entity.type):
                body["System.State"] = state
        tags = list(entity.tags) if "tags" in names else []
        if "external_ref" in names and entity.external_ref and self._is_tagged():
            tags.append(ref_tag(entity.external_ref))
        if options.marker_field:
            body[options.marker_field] = write.create_key
        else:
            tags.append(key_tag(write.create_key))
        links = list(entity.links) if "links" in names else []
        comment = f"{MARK}{write.create_key} {entity.external_ref or ''}".strip()[:250]
        links.append(
            domain.WorkItemLink(relation="hyperlink", target=self.marker_url(write.create_key), comment=comment)
        )
        ops = [
            *field_ops(body, is_new=True, markdown=options.markdown),
            *tag_ops("", tags),
            *(parent_ops([], entity.parent, self._base) if "parent" in names else []),
            *link_ops([], links, self._base),
        ]
        scope, kind = quote(project, safe=""), quote(entity.type, safe="")
        return Plan(write, None, "POST", f"{scope}/_apis/wit/workitems/${kind}?{self._query()}", ops)

    def marker_url(self, create_key: str) -> str:
        """Return the address of the hyperlink that marks what this library made."""
        return f"{self._options.marker_url or self._base}?pl={create_key}"

    def _is_tagged(self) -> bool:
        return self._fields["WorkItem"].columns.get("external_ref") == "System.Tags"

    # ------------------------------------------------------------------ update

    def _change(self, write: Write, there: Mapping[str, Any]) -> list[dict[str, Any]]:
        entity, names = write.entity, write.fields
        assert isinstance(entity, domain.WorkItem)  # noqa: S101 - checked by the caller
        wire = there.get("fields") or {}
        body = work_item_to_wire(entity, names, self._fields)
        self._stays(entity, names, wire)
        if "category" in names and "state" not in names and entity.category is not None:
            project, kind = str(wire.get("System.TeamProject")), str(wire.get("System.WorkItemType"))
            if self._processes.category(project, kind, wire.get("System.State")) != entity.category:
                body["System.State"] = self._processes.state_for(project, kind, entity.category)
        relations = there.get("relations") or []
        ops = field_ops(body, is_new=False, markdown=self._options.markdown)
        ops += self._tags(entity, names, wire.get("System.Tags"))
        # places in the list first: additions do not move them
        ops += parent_ops(relations, entity.parent, self._base) if "parent" in names else []
        ops += link_ops(relations, entity.links, self._base) if "links" in names else []
        return ops

    def _tags(self, entity: WorkItem, names: frozenset[str], present: Any) -> list[dict[str, Any]]:
        wanted = list(entity.tags) if "tags" in names else []
        if "external_ref" not in names or not self._is_tagged():
            return tag_ops(present, wanted)
        ours = [ref_tag(entity.external_ref)] if entity.external_ref else []
        kept = [tag for tag in split_tags(present) if not tag.startswith(ref_tag(""))]
        tag_ops("", wanted)  # refuses what cannot be a tag
        merged = joined(kept, wanted, ours)
        same = set(split_tags(merged)) == set(split_tags(present))
        return [] if same else [{"op": "add", "path": "/fields/System.Tags", "value": merged}]

    @staticmethod
    def _stays(entity: WorkItem, names: frozenset[str], wire: Mapping[str, Any]) -> None:
        """Refuse to move an item to another project or to make another type of it: people do that."""
        for name, column in (("project", "System.TeamProject"), ("type", "System.WorkItemType")):
            wanted = getattr(entity, name)
            if name in names and wanted and str(wire.get(column, wanted)).lower() != wanted.lower():
                msg = f"an item that exists does not change its {name} from here"
                raise RecordInvalidError(msg, hint="move it in Azure DevOps, then run again")

    # ------------------------------------------------------------------ actions

    def _action(self, write: Write, there: Mapping[str, Any]) -> list[dict[str, Any]]:
        verb, _, rest = (write.action or "").partition(":")
        relations, present = there.get("relations") or [], (there.get("fields") or {}).get("System.Tags")
        if verb == "comment" and rest.strip():
            return [{"op": "add", "path": "/fields/System.History", "value": rest}]
        if verb == "tag" and rest:
            return tag_ops(present, [rest])
        if verb == "untag" and rest:
            return untag_ops(present, rest)
        relation, _, target = rest.partition(":")
        if verb == "link" and relation and target:
            return link_ops(relations, [domain.WorkItemLink(relation=relation, target=target)], self._base)
        if verb == "unlink" and relation and target:
            return unlink_ops(relations, relation, target)
        msg = f"{self._name}: a work item has no action {verb or 'without a name'}"
        raise ConfigurationError(msg, hint=f"it has {', '.join(ACTIONS)}")
