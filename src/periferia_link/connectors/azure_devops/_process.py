"""States of the process, by category: names differ between processes and can be renamed, categories cannot."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from periferia_link.connectors.azure_devops._api import Api
from periferia_link.errors import ContractBrokenError, PermissionDeniedError, RecordInvalidError, RejectedError

if TYPE_CHECKING:
    from periferia_link.domain.work_item import WorkItemCategory

__all__ = ["ESTIMATES", "Processes"]

_CATEGORIES: dict[str, WorkItemCategory] = {
    "Proposed": "proposed",
    "InProgress": "in_progress",
    "Resolved": "resolved",
    "Completed": "completed",
    "Removed": "removed",
}

_SCHEDULING = "Microsoft.VSTS.Scheduling"
ESTIMATES = {
    "User Story": f"{_SCHEDULING}.StoryPoints",
    "Product Backlog Item": f"{_SCHEDULING}.Effort",
    "Feature": f"{_SCHEDULING}.Effort",
    "Epic": f"{_SCHEDULING}.Effort",
    "Requirement": f"{_SCHEDULING}.Size",
}
"""Where the size of a type stands that is estimated in points, not in hours."""


class Processes:
    """States of the types of each project, asked for once; thread-safe."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], dict[str, WorkItemCategory | None]] = {}

    def states(self, project: str, kind: str) -> dict[str, WorkItemCategory | None]:
        """
        Return the category of each state of a type, in the order of the process; none where it cannot be read.

        Raises:
            TransientError: The service cannot be reached now.
        """
        known = self._known.get((project, kind))
        if known is not None:
            return known
        with self._lock:
            if (project, kind) not in self._known:
                self._known[project, kind] = self._asked(project, kind)
            return self._known[project, kind]

    def _asked(self, project: str, kind: str) -> dict[str, WorkItemCategory | None]:
        path = f"{quote(project, safe='')}/_apis/wit/workitemtypes/{quote(kind, safe='')}/states"
        try:
            rows = self._api.rows(self._api.ask(path, operation="states"))
        except (RejectedError, ContractBrokenError, PermissionDeniedError):
            return {}
        return {str(row.get("name")): _CATEGORIES.get(str(row.get("category"))) for row in rows}

    def category(self, project: Any, kind: Any, state: Any) -> WorkItemCategory | None:
        """Return the category of a state."""
        if not (isinstance(project, str) and isinstance(kind, str) and isinstance(state, str) and project and kind):
            return None
        return self.states(project, kind).get(state)

    def state_for(self, project: str, kind: str, category: WorkItemCategory) -> str:
        """
        Return the first state of a category.

        Raises:
            RecordInvalidError: The type has none.
        """
        states = self.states(project, kind)
        for name, found in states.items():
            if found == category:
                return name
        msg = f"the type {kind} has no state of the category {category}"
        hint = f"it has {', '.join(sorted({str(each) for each in states.values() if each}))}" if states else None
        raise RecordInvalidError(msg, hint=hint or "check type and project of the item", system=self._api.system)

    def initial(self, project: str, kind: str) -> str | None:
        """Return the state that a new item of a type has."""
        return next(iter(self.states(project, kind)), None)
