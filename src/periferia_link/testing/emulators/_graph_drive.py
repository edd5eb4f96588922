"""A drive: folders and files with their tags, and the order in which they changed."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from periferia_link.testing.emulators._emulator import Record
from periferia_link.testing.emulators._graph_answers import GraphRefused

__all__ = ["Drive"]


class Drive:
    """
    Items by id in a table of the books; ``changes`` lists ids in the order of their changes, also those gone.

    ``eTag`` changes with anything, ``cTag`` with the content only.
    """

    def __init__(self, key: str, rows: dict[str, Record], wrote: Callable[[], None]) -> None:
        self.key, self._rows, self._wrote = key, rows, wrote
        self.contents: dict[str, bytes] = {}
        self.changes: list[str] = []
        self.forgotten = 0
        self.root = self._new("root", None, datetime(2026, 1, 5), folder={"childCount": 0}, root={})  # noqa: DTZ001

    def _new(self, name: str, parent: str | None, at: datetime, **facets: Any) -> Record:
        key = "01" + uuid.uuid5(uuid.NAMESPACE_OID, f"{self.key} {parent} {name} {len(self.changes)}").hex.upper()
        moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        item: Record = {"id": key, "name": name, "createdDateTime": moment, "size": 0, "version": 0, "content": 0}
        item |= {
            "parentReference": {"driveId": self.key, "driveType": "business", **({"id": parent} if parent else {})}
        }
        self._rows[key] = item | facets
        self.touch(key, at)
        return self._rows[key]

    def touch(self, key: str, at: datetime, *, content: bytes | None = None) -> Record:
        """Note a change of an item, of its content where there is one."""
        item = dict(self._rows[key])
        item["version"] += 1
        if content is not None:
            item["content"] += 1
            self.contents[key] = content
            item["size"] = len(content)
            item["file"] = {"mimeType": _mime(item["name"]), "hashes": {"quickXorHash": _digest(content)}}
        plain = str(uuid.uuid5(uuid.NAMESPACE_OID, key)).upper()
        item["eTag"] = f'"{{{plain}}},{item["version"]}"'
        item["cTag"] = f'"c:{{{plain}}},{item["content"]}"'
        item["lastModifiedDateTime"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._rows[key] = item
        self.changes.append(key)
        self._wrote()
        return item

    # ------------------------------------------------------------------ finding

    def item(self, key: str) -> Record:
        """
        Return an item.

        Raises:
            GraphRefused: It is not there.
        """
        found = self.root if key == "root" else self._rows.get(key)
        if found is None or "deleted" in found:
            raise GraphRefused(404, "itemNotFound", "The resource could not be found.")
        return self._rows[found["id"]]

    def children(self, key: str) -> list[Record]:
        """Return what stands in a folder, by name."""
        inside = [row for row in self._rows.values() if row["parentReference"].get("id") == key]
        return sorted((row for row in inside if "deleted" not in row), key=lambda row: str(row["name"]))

    def at(self, path: str) -> Record:
        """
        Return the item at a path below the root.

        Raises:
            GraphRefused: It is not there.
        """
        item = self.root
        for name in filter(None, path.strip("/").split("/")):
            near = [row for row in self.children(item["id"]) if row["name"].lower() == name.lower()]
            if not near:
                raise GraphRefused(404, "itemNotFound", "The resource could not be found.")
            item = near[0]
        return self._rows[item["id"]]

    # ------------------------------------------------------------------ changing

    def put(self, path: str, content: bytes, at: datetime) -> Record:
        """Write a file; folders on the way are made."""
        *folders, name = [part for part in path.strip("/").split("/") if part]
        parent = self.root
        for folder in folders:
            near = [row for row in self.children(parent["id"]) if row["name"].lower() == folder.lower()]
            parent = near[0] if near else self._new(folder, parent["id"], at, folder={"childCount": 0})
        near = [row for row in self.children(parent["id"]) if row["name"].lower() == name.lower()]
        item = near[0] if near else self._new(name, parent["id"], at, file={})
        return self.touch(item["id"], at, content=content)

    def remove(self, key: str, at: datetime) -> None:
        """
        Delete an item; it stays in the feed as deleted.

        Raises:
            GraphRefused: It is not there.
        """
        item = self.item(key)
        self._rows[item["id"]] = {**item, "deleted": {"state": "deleted"}}
        self.contents.pop(item["id"], None)
        self.touch(item["id"], at)

    def shown(self, item: Record) -> Record:
        """Return an item as the API shows it."""
        hidden = {"version", "content"}
        told = {name: value for name, value in item.items() if name not in hidden}
        if "folder" in told:
            told["folder"] = {"childCount": len(self.children(item["id"]))}
        return told


def _mime(name: str) -> str:
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return sheet if str(name).lower().endswith(".xlsx") else "text/csv"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:28]
