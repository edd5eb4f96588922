"""The books of one organisation: projects, people, nodes, items with their revisions, and the two feeds."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from periferia_link.testing.emulators._devops_calls import stamp
from periferia_link.testing.emulators._devops_links import LINKS, opposite
from periferia_link.testing.emulators._devops_process import FIELDS, PROCESSES, Field, WorkItemType
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused, unreadable
from periferia_link.testing.emulators._emulator import Record

__all__ = ["FOREVER", "Organisation"]

FOREVER = "9999-01-01T00:00:00Z"
"""When the last revision is revised: never."""


class Organisation:
    """
    What the resources share.

    An item is ``{id, rev, project, fields, relations, formats, deleted, updates}``; its ``relations`` are
    ``{rel, target}`` for links between items and ``{rel, url}`` for the others. Links between items bump neither
    ``rev`` nor ``System.ChangedDate`` (recorded, 40 of 40), files and hyperlinks do (httpExamples of ``updates``).
    """

    def __init__(
        self,
        name: str,
        books: dict[str, dict[str, Record]],
        *,
        seed: int,
        wrote: Callable[[int], None],
        operation: Callable[[str, str, int], None],
        base_url: Callable[[], str],
    ) -> None:
        self.name = name
        self.books = books
        self.key = self._chosen(seed)
        self.fields: dict[str, Field] = dict(FIELDS)
        self.feed: list[tuple[int, int, int]] = []
        self.link_feed: list[tuple[int, Record]] = []
        self.next_item = 1
        self.next_node = 1500
        self.next_comment = 1
        self.watermark = 0
        self.bin_cap = 20_000
        self._random = random.Random(seed)  # noqa: S311 - made-up ids
        self._wrote = wrote
        self.operation = operation
        self._base_url = base_url
        self._added: dict[tuple[str, str], list[str]] = {}

    @staticmethod
    def _chosen(seed: int) -> str:
        return str(uuid.UUID(int=random.Random(f"organisation {seed}").getrandbits(128), version=4))  # noqa: S311

    @property
    def address(self) -> str:
        """The address of the organisation."""
        return f"{self._base_url()}/{self.name}"

    def guid(self) -> str:
        """Return an id that looks random and is the same for the same seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def tick(self) -> int:
        """Return the next watermark."""
        self.watermark += 1
        return self.watermark

    def wrote(self, count: int = 1) -> None:
        """Count records that changed."""
        self._wrote(count)

    # ------------------------------------------------------------------ projects, types, people

    def add_project(self, name: str, process: str, now: datetime) -> Record:
        """Make a project with its two root nodes."""
        key = self.guid()
        project = {
            "id": key,
            "name": name,
            "process": process,
            "state": "wellFormed",
            "visibility": "private",
            "revision": self.tick(),
            "lastUpdateTime": stamp(now),
        }
        self.books["projects"][key] = project
        for structure in ("area", "iteration"):
            self.add_node(project, structure, name, None)
        return project

    def project(self, told: str | None) -> Record:
        """
        Find a project by name or id.

        Raises:
            DevOpsRefused: There is none (recorded text).
        """
        wanted = (told or "").lower()
        for project in self.books["projects"].values():
            if wanted in (project["id"], project["name"].lower()):
                return project
        message = (
            f"TF200016: The following project does not exist: {told}. Verify that the name of the project is correct "
            "and that the project exists on the specified Azure DevOps Server."
        )
        raise DevOpsRefused(404, "ProjectDoesNotExistWithNameException", message)

    def types(self, project: Record) -> Sequence[WorkItemType]:
        """Return the work item types of a project."""
        return PROCESSES[project["process"]].types

    def type_of(self, project: Record, name: str) -> WorkItemType:
        """
        Find a type of a project.

        Raises:
            DevOpsRefused: The process has none of that name.
        """
        for each in self.types(project):
            if each.name.lower() == name.lower():
                return each
        message = (
            f"VS402323: Work item type {name} does not exist in project {project['name']} or you do not have "
            "permission to access it."
        )
        raise DevOpsRefused(404, "WorkItemTypeNotFoundException", message)

    def add_field(self, reference: str, name: str, kind: str, *types: str) -> None:
        """Add a custom field to types of every process."""
        self.fields[reference] = Field(name, kind)
        for each in types:
            for process in PROCESSES:
                self._added.setdefault((process, each), []).append(reference)

    def fields_of(self, project: Record, kind: WorkItemType) -> list[str]:
        """Name the fields of a type in a project."""
        return [*kind.fields, *self._added.get((project["process"], kind.name), [])]

    def add_user(self, name: str, mail: str) -> Record:
        """Make somebody known whom items may be assigned to."""
        user = {"id": self.guid(), "displayName": name, "uniqueName": mail}
        self.books["users"][mail.lower()] = user
        return user

    def user(self, told: Any) -> Record | None:
        """Find a person by mail, by name, by ``Name <mail>`` or by the object that the service itself gives."""
        if isinstance(told, Mapping):
            told = told.get("uniqueName") or told.get("id") or told.get("displayName")
        text = str(told or "")
        wanted = text.rpartition("<")[2].rstrip(">").strip().lower()
        found = self.books["users"].get(wanted)
        if found is not None:
            return found
        everybody = self.books["users"].values()
        return next((user for user in everybody if wanted in (user["id"], user["displayName"].lower())), None)

    # ------------------------------------------------------------------ nodes

    def add_node(self, project: Record, structure: str, name: str, parent: str | None) -> Record:
        """Add an area or an iteration below another one; ``None`` makes the root."""
        number = self.next_node
        self.next_node += 1
        node: Record = {
            "id": number,
            "identifier": self.guid(),
            "name": name,
            "structureType": structure,
            "project": project["id"],
            "parent": parent,
            "attributes": None,
        }
        self.books["nodes"][str(number)] = node
        return node

    def root(self, project: Record, structure: str) -> Record:
        """Return the root of the areas or iterations of a project."""
        return next(
            node
            for node in self.books["nodes"].values()
            if node["project"] == project["id"] and node["structureType"] == structure and node["parent"] is None
        )

    def children(self, node: Record) -> list[Record]:
        """Return the nodes right below a node."""
        return [each for each in self.books["nodes"].values() if each["parent"] == str(node["id"])]

    def node_at(self, project: Record, structure: str, names: Sequence[str]) -> Record | None:
        """Follow names down from the root; ``None`` where a name is missing."""
        node = self.root(project, structure)
        for name in names:
            below = (each for each in self.children(node) if each["name"].lower() == name.lower())
            found = next(below, None)
            if found is None:
                return None
            node = found
        return node

    def path_of(self, node: Record) -> list[str]:
        """Return the names from the root down to a node."""
        names = [node["name"]]
        while node["parent"] is not None:
            node = self.books["nodes"][node["parent"]]
            names.insert(0, node["name"])
        return names

    # ------------------------------------------------------------------ items

    def item(self, number: object, *, deleted: bool = False) -> Record:
        """
        Find an item that lives, or one in the recycle bin.

        Raises:
            DevOpsRefused: It is not there.
        """
        found = self.books["workItems"].get(str(number))
        if found is None or bool(found["deleted"]) is not deleted:
            raise unreadable(number)
        return found

    def living(self) -> list[Record]:
        """Return every item that is not deleted."""
        return [item for item in self.books["workItems"].values() if not item["deleted"]]

    def begin(self, project: Record, number: int | None = None) -> Record:
        """Return a new item without fields; it counts once it is revised."""
        if number is None:
            number = self.next_item
        self.next_item = max(self.next_item, number + 1)
        return {
            "id": number,
            "rev": 0,
            "project": project["id"],
            "fields": {},
            "relations": [],
            "formats": {},
            "deleted": None,
            "updates": 0,
        }

    def revise(
        self, item: Record, fields: Mapping[str, Any], relations: Sequence[Record], *, by: Record, now: datetime
    ) -> None:
        """Make these the fields and relations of an item: a revision, an update and link changes as it takes."""
        before, had = item["fields"], item["relations"]
        added = [each for each in relations if each not in had]
        removed = [each for each in had if each not in relations]
        changed = {name for name in {*before, *fields} if before.get(name) != fields.get(name)}
        is_new = item["rev"] == 0
        if changed or is_new or any("url" in each for each in [*added, *removed]):
            self._new_revision(item, dict(fields), by=by, now=now)
            changed |= {"System.ChangedDate", "System.ChangedBy", "System.Rev"}
        elif not added and not removed:
            return
        item["relations"] = list(relations)
        self.books["workItems"][str(item["id"])] = item
        self._note_update(item, before, changed, added, removed, by=by, now=now)
        for active, changes in ((True, added), (False, removed)):
            for each in changes:
                if "target" in each:
                    self._link(item, each, active=active, by=by, now=now)
        self.wrote(1)

    def _new_revision(self, item: Record, fields: dict[str, Any], *, by: Record, now: datetime) -> None:
        last = self.books["revisions"].get(f"{item['id']}.{item['rev']}")
        if last is not None:
            last["revised"] = stamp(now)
        mark = self.tick()
        item["rev"] += 1
        fields |= {"System.ChangedDate": stamp(now), "System.ChangedBy": by["uniqueName"]}
        item["fields"] = fields
        snapshot = {
            "id": item["id"],
            "rev": item["rev"],
            "fields": fields,
            "watermark": mark,
            "revised": FOREVER,
            "deleted": bool(item["deleted"]),
        }
        self.books["revisions"][f"{item['id']}.{item['rev']}"] = snapshot
        self.feed.append((mark, item["id"], item["rev"]))

    def _note_update(
        self,
        item: Record,
        before: Mapping[str, Any],
        changed: set[str],
        added: Sequence[Record],
        removed: Sequence[Record],
        *,
        by: Record,
        now: datetime,
    ) -> None:
        item["updates"] += 1
        fields = {}
        for name in sorted(changed):
            old = item["rev"] - 1 or None if name == "System.Rev" else before.get(name)
            new = item["rev"] if name == "System.Rev" else item["fields"].get(name)
            fields[name] = {"oldValue": old, "newValue": new}
        self.books["updates"][f"{item['id']}.{item['updates']}"] = {
            "id": item["updates"],
            "workItemId": item["id"],
            "rev": item["rev"],
            "by": by["uniqueName"],
            "at": stamp(now),
            "fields": fields,
            "added": list(added),
            "removed": list(removed),
        }

    def _link(self, item: Record, relation: Record, *, active: bool, by: Record, now: datetime) -> None:
        """Tell the links feed, and keep the other end of the link in step."""
        forward = LINKS[relation["rel"]].forward
        ends = (item["id"], relation["target"])
        source, target = ends if relation["rel"] == forward else ends[::-1]
        record = {
            "rel": forward.removesuffix("-Forward"),
            "sourceId": source,
            "targetId": target,
            "changedDate": stamp(now),
            "changedBy": by["uniqueName"],
            "isActive": active,
        }
        self.link_feed.append((self.tick(), record))
        other = self.books["workItems"].get(str(relation["target"]))
        if other is None:
            return
        mirrored = {"rel": opposite(relation["rel"]), "target": item["id"], "attributes": {"isLocked": False}}
        kept = [
            each
            for each in other["relations"]
            if (each["rel"], each.get("target")) != (mirrored["rel"], mirrored["target"])
        ]
        other["relations"] = [*kept, mirrored] if active else kept
        changes = ([mirrored], []) if active else ([], [mirrored])
        self._note_update(other, {}, set(), *changes, by=by, now=now)
