"""What an organisation is made of, written as the table of periferia.toml that fits it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from periferia_link.connectors.azure_devops._api import Api
from periferia_link.connectors.azure_devops._items import DEVOPS_FIELDS
from periferia_link.errors import ContractBrokenError

__all__ = ["discovered"]

_LONGEST = 60


def discovered(api: Api, name: str, project: str) -> str:
    """
    Return the part of periferia.toml for one project: types, states by category, custom fields, missing fields.

    Raises:
        ConnectorError: By what happens next.
    """
    scope = quote(project, safe="")
    about = api.ask(f"_apis/projects/{scope}", operation="discover", includeCapabilities=True)
    process = ((about.get("capabilities") or {}).get("processTemplate") or {}).get("templateName")
    types = api.rows(api.ask(f"{scope}/_apis/wit/workitemtypes", operation="discover"))
    fields = {str(row.get("referenceName")): row for row in api.rows(api.ask("_apis/wit/fields", operation="discover"))}
    if not types:
        msg = f"the project {project} has no work item types"
        raise ContractBrokenError(msg, hint="check the rights of the identity", system=api.system)
    lines = [
        f"# {_plain(project)}: process {_plain(process)}; made by reading the project, edit as you like",
        f"[systems.{name}.options]",
        f"project = {json.dumps(project, ensure_ascii=False)}",
        "",
    ]
    used: dict[str, list[str]] = {}
    for kind in types:
        if kind.get("isDisabled") is True:
            continue
        lines.append(f"# {_plain(kind.get('name'))}: {_states(api, scope, kind)}")
        for each in kind.get("fields") or ():
            used.setdefault(str(each.get("referenceName")), []).append(str(kind.get("name")))
    return "\n".join([*lines, "", *_columns(name, used, fields), ""])


def _states(api: Api, scope: str, kind: Mapping[str, Any]) -> str:
    path = f"{scope}/_apis/wit/workitemtypes/{quote(str(kind.get('name')), safe='')}/states"
    rows = api.rows(api.ask(path, operation="discover"))
    return ", ".join(f"{_plain(row.get('name'))} = {_plain(row.get('category'))}" for row in rows)


def _columns(name: str, used: Mapping[str, Sequence[str]], fields: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write the table of fields: custom ones to travel along, standard ones that no type has taken out."""
    lines = [f"[systems.{name}.fields.WorkItem]"]
    absent = [
        each
        for each, column in DEVOPS_FIELDS["WorkItem"].columns.items()
        if column not in used and column != "relations" and not column.startswith("System.")
    ]
    if absent:
        lines.append(f"columns = {{ {', '.join(f'{each} = {_EMPTY}' for each in absent)} }}  # no type has them")
    custom = sorted(each for each in used if not each.startswith(("System.", "Microsoft.", "WEF_")))
    for each in custom:
        about = fields.get(each, {})
        lines.append(
            f"# {each}: {_plain(about.get('name'))} ({_plain(about.get('type'))}) of {_plain(', '.join(used[each]))}"
        )
    lines.append(f"extra = [{', '.join(json.dumps(each) for each in custom)}]")
    return lines


_EMPTY = '""'


def _plain(text: Any) -> str:
    """Keep a text of the service inside its comment."""
    return " ".join(str(text or "?").split())[:_LONGEST]
