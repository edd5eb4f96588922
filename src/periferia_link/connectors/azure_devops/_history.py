"""The history of an item: every change of its state, with the instant at which it was made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from periferia_link.connectors.azure_devops._api import Api
from periferia_link.connectors.azure_devops._process import Processes
from periferia_link.connectors.azure_devops._values import instant
from periferia_link.errors import ContractBrokenError, RecordNotFoundError

if TYPE_CHECKING:
    from periferia_link.domain.work_item import WorkItemCategory

__all__ = ["StateChange", "state_changes"]

_PAGE = 200


class StateChange(NamedTuple):
    """An item went from one state to another; ``before`` is ``None`` when it was made."""

    at: datetime
    before: str | None
    after: str
    category: WorkItemCategory | None


def state_changes(api: Api, processes: Processes, item: str) -> list[StateChange]:
    """
    Read the updates of an item and return those that changed its state.

    The instant is ``System.ChangedDate`` of the update: ``revisedDate`` says when it ceased to be the last one, and is
    in the year 9999 for the last (wire sheet, section 3).

    Raises:
        RecordNotFoundError: The item is not there.
        ConnectorError: By what happens next.
    """
    if not item.isdecimal():
        msg = "it names no work item"
        raise RecordNotFoundError(msg, hint="ids of work items are whole numbers", system=api.system)
    project: Any = None
    kind: Any = None
    found: list[StateChange] = []
    for update in _updates(api, item):
        fields = update.get("fields") or {}
        project = _new(fields, "System.TeamProject") or project
        kind = _new(fields, "System.WorkItemType") or kind
        after = _new(fields, "System.State")
        if not isinstance(after, str):
            continue
        try:
            at = instant(_new(fields, "System.ChangedDate"))
        except ValueError:
            at = None
        if at is None:
            msg = "an update of a state does not say when it was made"
            raise ContractBrokenError(msg, hint="check the API version", system=api.system)
        before = fields["System.State"].get("oldValue")
        found.append(StateChange(at, before, after, processes.category(project, kind, after)))
    return sorted(found, key=lambda change: change.at)


def _updates(api: Api, item: str) -> Iterator[dict[str, Any]]:
    skip = 0
    while True:
        path = f"_apis/wit/workItems/{item}/updates"
        rows = api.rows(api.ask(path, operation="updates", _top=_PAGE, _skip=skip))
        yield from rows
        if len(rows) < _PAGE:
            return
        skip += len(rows)


def _new(fields: dict[str, Any], name: str) -> Any:
    change = fields.get(name)
    return change.get("newValue") if isinstance(change, dict) else None
