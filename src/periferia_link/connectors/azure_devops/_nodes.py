"""Areas and iterations: read as a tree of paths, made where they are missing."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

from periferia_link.connectors.azure_devops._api import VERSION, Api, is_json
from periferia_link.connectors.azure_devops._errors import error_for, refusal_of
from periferia_link.errors import RecordConflictError, RecordInvalidError

__all__ = ["Nodes", "Structure"]

Structure = Literal["areas", "iterations"]

_FORBIDDEN = re.compile(r'[\\/:*?"<>|;#$&+]|[\x00-\x1f]')
_DEPTH = 14


class Nodes:
    """The classification nodes of the projects of one organisation; thread-safe."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: dict[tuple[str, Structure], dict[str, str]] = {}

    def paths(self, project: str, structure: Structure) -> list[str]:
        r"""
        Return every path, ``Project\Team\Squad``, from the root down.

        Raises:
            ConnectorError: By what happens next.
        """
        path = f"{quote(project, safe='')}/_apis/wit/classificationnodes/{structure}"
        told = self._api.ask(path, operation=structure, _depth=_DEPTH)
        found = list(_walk(told, ()))
        with self._lock:
            self._known[project, structure] = {each.lower(): each for each in found}
        return found

    def ensure(
        self, project: str, structure: Structure, path: str, *, starts: date | None = None, ends: date | None = None
    ) -> list[str]:
        """
        Make a path and what is missing above it; return the paths that were made.

        A path is its own key: one that somebody made meanwhile is taken as it is.

        Args:
            project: Name of the project.

            structure: ``areas`` or ``iterations``.

            path: Beginning with the name of the project.

            starts: First day of a new iteration.

            ends: Last day of a new iteration.

        Raises:
            RecordInvalidError: It begins with another name, or has a name that is none.
            ConnectorError: By what happens next.
        """
        names = path.split("\\")
        if names[0].lower() != project.lower() or not all(names) or any(_FORBIDDEN.search(each) for each in names[1:]):
            msg = f"the path of {structure} begins with the project, and no name in it is empty or has special signs"
            raise RecordInvalidError(msg, hint="write it as Project\\Team\\Squad", system=self._api.system)
        known = self._known.get((project, structure))
        if known is None or path.lower() not in known:
            self.paths(project, structure)
        made = []
        for depth in range(2, len(names) + 1):
            whole = "\\".join(names[:depth])
            if whole.lower() in self._known[project, structure]:
                continue
            days = {"startDate": starts, "finishDate": ends} if depth == len(names) else {}
            self._make(project, structure, names[1 : depth - 1], names[depth - 1], days)
            made.append(whole)
            with self._lock:
                self._known[project, structure][whole.lower()] = whole
        return made

    def _make(
        self, project: str, structure: Structure, above: list[str], name: str, days: Mapping[str, date | None]
    ) -> None:
        below = "".join(f"/{quote(each, safe='')}" for each in above)
        path = f"{quote(project, safe='')}/_apis/wit/classificationnodes/{structure}{below}?api-version={VERSION}"
        body: dict[str, Any] = {"name": name}
        attributes = {key: f"{day.isoformat()}T00:00:00Z" for key, day in days.items() if day is not None}
        if attributes:
            body["attributes"] = attributes
        transport = self._api.transport
        answer = transport.send(
            "POST", path, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode()
        )
        if answer.status in (200, 201) and is_json(answer):
            return
        told = refusal_of(answer.status, answer.body)
        error = error_for(told, system=self._api.system, operation=structure, answer=answer, is_json=is_json(answer))
        if not (isinstance(error, RecordConflictError) or told.code == "TF237018"):
            raise error


def _walk(node: Any, above: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(node, Mapping) or not isinstance(node.get("name"), str):
        return
    names = (*above, node["name"])
    yield "\\".join(names)
    for child in node.get("children") or ():
        yield from _walk(child, names)
