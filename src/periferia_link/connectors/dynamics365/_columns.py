"""Rows and bodies of the Web API, column by column; pure, shared by the kinds."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.domain import Entity, Ref
from periferia_link.errors import RecordInvalidError

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["ETAG", "NAVIGATION", "USERS", "guid", "link", "own_values", "plain_columns", "reasons", "ref_of"]

ETAG = "@odata.etag"

USERS = "systemusers"
"""Entity set of the owners of records; their kind in a :class:`Ref` is ``User``."""

NAVIGATION: Mapping[str, str] = MappingProxyType({"_customerid_value": "customerid_account"})
"""
Navigation property by lookup column, where it is not the column without ``_`` and ``_value``.

Their case matters; those of custom columns are spelled like the schema name (``cr123_Client``), see
``Dynamics365(navigation=…)``.
"""


def guid(text: object) -> str | None:
    """Return a GUID in the spelling of Dataverse, or ``None`` when *text* is none."""
    try:
        return str(uuid.UUID(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def own_values(row: Mapping[str, Any], kind: str, fields: FieldMap, system: str) -> dict[str, Any]:
    """Return the mapped columns that hold something, and what every entity has: ref, version, custom columns."""
    columns = fields[kind]
    values = {name: row[column] for name, column in columns.columns.items() if row.get(column) not in (None, "")}
    own = {"ref": (system, kind, row.get(columns.key)), "version": row.get(ETAG), "custom": columns.custom(row)}
    return values | own


def ref_of(value: Any, kind: str, system: str) -> Any:
    """Return a lookup as a reference; what is no GUID stays as it is, for the model to refuse."""
    return Ref(system, kind, value) if guid(value) else value


def plain_columns(entity: Entity, names: Collection[str], columns: KindMap) -> Iterator[tuple[str, Any]]:
    """List columns whose JSON value is the field's own; fields without a column do not travel."""
    for name in sorted(names):
        if name in columns.columns:
            value = getattr(entity, name)
            yield columns.columns[name], value.isoformat() if isinstance(value, date) else value


def link(column: str, target: Ref | None, fields: FieldMap, navigation: Mapping[str, str]) -> dict[str, str | None]:
    """
    Return the ``@odata.bind`` that sets a lookup, or empties it.

    Raises:
        RecordInvalidError: The reference is not one to a record of this environment.
    """
    name = navigation.get(column) or NAVIGATION.get(column) or column.removeprefix("_").removesuffix("_value")
    if target is None:
        return {f"{name}@odata.bind": None}
    entity_set = USERS if target.kind == "User" else fields[target.kind].table if target.kind in fields else None
    key = guid(target.id)
    if entity_set is None or key is None:
        msg = f"{column} cannot point to a {target.kind} that is no record of this environment"
        raise RecordInvalidError(msg, hint="link the other record first")
    return {f"{name}@odata.bind": f"/{entity_set}({key})"}


def reasons(error: ValidationError, columns: KindMap) -> str:
    """Say which columns do not fit and why, without a value: it may be personal."""
    wrong = []
    for fault in error.errors(include_input=False, include_context=False, include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else "the record"
        # validators of ours may quote the value, those of pydantic do not
        why = "not valid" if fault["type"] == "value_error" else fault["msg"]
        wrong.append(f"{columns.columns.get(name, columns.key if name == 'ref' else name)}: {why}")
    return "; ".join(dict.fromkeys(wrong))
