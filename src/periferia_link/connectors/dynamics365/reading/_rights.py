"""What the application user must be allowed, and which columns must be there, for the flows to work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.dynamics365.reading._web_api import Definition, WebApi
from periferia_link.errors import ContractBrokenError, PermissionDeniedError
from periferia_link.transport._odata import any_of, query

__all__ = ["missing_columns", "missing_rights", "privileges_of"]

_NAMESPACE = "Microsoft.Dynamics.CRM"


def privileges_of(api: WebApi, user_id: str) -> dict[str, str] | None:
    """
    Return the depth of every privilege of a user, by lower-case name; ``None`` when it cannot be read.

    Source: ``RetrieveUserPrivileges`` of the Web API function reference.

    Raises:
        TransientError: The environment cannot be reached now.
    """
    try:
        answer = api.ask(f"systemusers({user_id})/{_NAMESPACE}.RetrieveUserPrivileges()")
    except (ContractBrokenError, PermissionDeniedError):
        return None
    granted = api.whole(answer).get("RolePrivileges")
    if not isinstance(granted, list):
        return None
    pairs = (entry for entry in granted if isinstance(entry, dict))
    return {str(entry.get("PrivilegeName", "")).lower(): str(entry.get("Depth", "")) for entry in pairs}


def missing_rights(
    api: WebApi, granted: Mapping[str, str], definition: Definition, *, can_write: bool, tracked: bool
) -> Iterator[str]:
    """
    List the privileges that a table needs and the user lacks.

    Most tables have privileges of their own name. Activities share theirs, notes and users have odd ones, so the
    environment is asked before a privilege is called missing.

    Args:
        api: Whom to ask.

        granted: Depth by privilege, see :func:`privileges_of`.

        definition: The table.

        can_write: Records are created and updated, too.

        tracked: Changes are tracked, which needs read access to the whole organisation.

    Raises:
        TransientError: The environment cannot be reached now.
    """
    rights = ("Read", "Create", "Write") if can_write else ("Read",)
    names = {right: f"prv{right}{definition.schema_name}" for right in rights}
    if any(name.lower() not in granted for name in names.values()):
        names |= _names(api, definition)
    for right in rights:
        name = names[right]
        depth = granted.get(name.lower())
        if depth is None:
            yield name
        elif right == "Read" and tracked and depth != "Global":
            yield f"{name} at organization level"


def _names(api: WebApi, definition: Definition) -> dict[str, str]:
    """Return the privileges of a table by right, as the environment calls them; none where it does not say."""
    path = query("EntityDefinitions", select=["Privileges"], filter=any_of("LogicalName", [definition.logical_name]))
    try:
        rows = list(api.rows(path))
    except (ContractBrokenError, PermissionDeniedError):
        return {}
    told = [each for row in rows for each in row.get("Privileges") or () if isinstance(each, dict)]
    return {str(each.get("PrivilegeType")): str(each["Name"]) for each in told if each.get("Name")}


def missing_columns(api: WebApi, columns: KindMap) -> Iterator[str]:
    """
    List the columns of a mapping that the table does not have.

    Raises:
        ConnectorError: The table cannot be read for another reason.
    """
    wanted = list(columns.select)
    while wanted and (absent := _absent(api, columns.table, wanted)) is not None:
        wanted.remove(absent)
        yield f"column {absent} of {columns.table}"


def _absent(api: WebApi, table: str, wanted: Sequence[str]) -> str | None:
    """Return a column that the environment says it does not have."""
    try:
        api.ask(query(table, select=wanted, top=1))
    except PermissionDeniedError:
        return None  # told as a missing privilege
    except ContractBrokenError as exc:
        absent = exc.message.rpartition(" ")[2]
        if absent in wanted:
            return absent
        raise
    return None
