"""Azure DevOps: work items, their comments and team projects, to read and to write; and its service hooks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.azure_devops._connector import AzureDevOps
from periferia_link.connectors.azure_devops._items import DEVOPS_FIELDS, work_item_from_wire, work_item_to_wire

if TYPE_CHECKING:
    from periferia_link.connectors.azure_devops._comments import interaction_from_wire
    from periferia_link.connectors.azure_devops._history import StateChange
    from periferia_link.connectors.azure_devops._hooks import HookAnswer, ServiceHooks
    from periferia_link.connectors.azure_devops._projects import project_from_wire
    from periferia_link.connectors.azure_devops._wiql import literal

__all__ = [
    "DEVOPS_FIELDS",
    "AzureDevOps",
    "HookAnswer",
    "ServiceHooks",
    "StateChange",
    "interaction_from_wire",
    "literal",
    "project_from_wire",
    "work_item_from_wire",
    "work_item_to_wire",
]

_HOMES = {
    "HookAnswer": "_hooks",
    "ServiceHooks": "_hooks",
    "StateChange": "_history",
    "interaction_from_wire": "_comments",
    "literal": "_wiql",
    "project_from_wire": "_projects",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
