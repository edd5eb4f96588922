"""What a request body says: columns checked and stored as the wire shows them, links resolved, nested records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timezone
from decimal import Decimal
from typing import Any, NamedTuple

from periferia_link.testing.emulators._dataverse_addresses import Address, reference
from periferia_link.testing.emulators._dataverse_refusals import bad_payload, bad_value
from periferia_link.testing.emulators._dataverse_rows import LOOKUP_TABLE, Rows, as_number
from periferia_link.testing.emulators._dataverse_tables import Column, Table
from periferia_link.testing.emulators._emulator import Record
from periferia_link.testing.emulators._odata_values import is_guid, read_moment

__all__ = ["Payload", "bound", "check_value", "read_payload"]

_BIND = "@odata.bind"
_MONEY_LIMIT = Decimal("922337203685477.5807")
_INTEGER_LIMIT = 2**31
_OWNERS = ("systemuser", "team")


class Payload(NamedTuple):
    """
    A body taken apart.

    ``values`` are columns as stored; ``parents`` (lookup column, table, body) and ``children`` (by navigation
    property) are records to create along (deep insert); ``members`` are existing records to link through a collection.
    """

    values: Record
    parents: list[tuple[Column, str, Record]]
    children: dict[str, list[Record]]
    members: dict[str, list[Address]]


def read_payload(rows: Rows, table: Table, body: Any) -> Payload:
    """
    Check a body against the table.

    Raises:
        DataverseRefused: 400, an unknown property, a wrong type, a value too long; 404, a link to nothing.
    """
    if not isinstance(body, Mapping):
        raise bad_payload(table.entity_set, "Microsoft.OData.ODataException: A resource was expected.")
    payload = Payload({}, [], {}, {})
    for name, value in body.items():
        if name.endswith(_BIND):
            _read_bind(rows, table, payload, name.removesuffix(_BIND), value)
        elif "@" not in name:
            _read_property(table, payload, name, value)
    return payload


def bound(rows: Rows, column: Column, target: str, text: Any) -> Record:
    """
    Return what a lookup stores for a reference; ``None`` empties it.

    Raises:
        DataverseRefused: 400, another table than the lookup takes; 404, nothing is there.
    """
    if text is None:
        return {column.wire: None, column.wire + LOOKUP_TABLE: None}
    found = reference(rows, str(text))
    accepted = _OWNERS if target == "principal" else (target,)
    if found.table.logical not in accepted:
        raise bad_payload(found.table.entity_set, f"Microsoft.Crm.CrmException: {column.name} takes {target}.")
    known = found.key is not None and (found.key == rows.user_id or found.key in rows.of(found.table))
    if not known:
        raise found.refusal
    return {column.wire: found.key, column.wire + LOOKUP_TABLE: found.table.logical}


def check_value(table: Table, column: Column, value: Any) -> Any:
    """
    Return the value as it is stored.

    Raises:
        DataverseRefused: 400, it does not fit the column.
    """
    if value is None:
        return None
    kind = column.type
    if kind in ("String", "Memo"):
        return _text(table, column, value)
    if kind in ("Decimal", "Double", "Money"):
        return _number(table, column, value)
    if kind in ("Integer", "BigInt", "Picklist", "State", "Status"):
        return _whole(table, column, value)
    if kind == "Boolean":
        return value if isinstance(value, bool) else _wrong(table, column, value)
    if kind == "Uniqueidentifier":
        return str(value).lower() if is_guid(str(value)) else _wrong(table, column, value)
    return _moment(table, column, value)


def _read_bind(rows: Rows, table: Table, payload: Payload, name: str, value: Any) -> None:
    single = table.navigation(name)
    if single is not None:
        payload.values.update(bound(rows, *single, value))
    elif name in table.collections and isinstance(value, Sequence) and not isinstance(value, str):
        payload.members[name] = [reference(rows, str(text)) for text in value]
    else:
        raise bad_payload(
            table.entity_set,
            f"Microsoft.OData.ODataException: An undeclared property '{name}' which only has property annotations in "
            "the payload but no property value was found in the payload. In OData, only declared navigation properties "
            "and declared named streams can be represented as properties without values.",
        )


def _read_property(table: Table, payload: Payload, name: str, value: Any) -> None:
    single = table.navigation(name)
    if single is not None:
        _read_parent(table, payload, *single, value)
    elif name in table.collections:
        payload.children[name] = list(value)
    elif (column := table.readable(name)) is None:
        raise bad_payload(
            table.entity_set,
            f"Microsoft.Crm.CrmException: Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM."
            f"{table.logical}'. ---> Microsoft.OData.ODataException: The property '{name}' does not exist on type "
            f"'Microsoft.Dynamics.CRM.{table.logical}'. Make sure to only use property names that are defined by the "
            "type.",
        )
    elif column.type == "Lookup":
        raise bad_payload(
            table.entity_set,
            "Microsoft.Crm.CrmException: CRM do not support direct update of Entity Reference properties, Use "
            "Navigation properties instead.",
        )
    elif not column.is_read_only:
        payload.values[name] = check_value(table, column, value)


def _read_parent(table: Table, payload: Payload, column: Column, target: str, value: Any) -> None:
    if value is None:
        payload.values.update({column.wire: None, column.wire + LOOKUP_TABLE: None})
    elif isinstance(value, Mapping):
        payload.parents.append((column, target, dict(value)))
    else:
        raise bad_payload(
            table.entity_set,
            "Microsoft.OData.ODataException: A 'PrimitiveValue' node with non-null value was found when trying to read "
            f"the value of the property '{column.name}'; however, a 'StartArray' node, a 'StartObject' node, or a "
            "'PrimitiveValue' node with null value was expected.",
        )


def _wrong(table: Table, column: Column, value: Any) -> Any:
    raise bad_payload(
        table.entity_set,
        f"Microsoft.OData.ODataException: Cannot convert the value of type '{type(value).__name__}' of the property "
        f"'{column.name}' to the expected target type '{column.type}'.",
    )


def _out_of_range(table: Table, column: Column) -> Exception:
    return bad_value(f"The value of '{column.name}' on record of type '{table.logical}' is outside the valid range.")


def _text(table: Table, column: Column, value: Any) -> str:
    if not isinstance(value, str):
        _wrong(table, column, value)
    if column.limit is not None and len(value) > column.limit:
        msg = (
            f"The length of the '{column.name}' attribute of the '{table.logical}' entity exceeded the maximum allowed "
            f"length of '{column.limit}'."
        )
        raise bad_value(
            msg,
            code="0x80044331",
        )
    return str(value)


def _number(table: Table, column: Column, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        _wrong(table, column, value)
    exact = Decimal(value)
    if abs(exact) > _MONEY_LIMIT:
        raise _out_of_range(table, column)
    return as_number(round(exact, column.limit or 0))


def _whole(table: Table, column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        _wrong(table, column, value)
    if column.options and value not in column.options:
        accepted = ",".join(str(option) for option in column.options)
        msg = (
            f"The value {value} of '{column.name}' on record of type '{table.logical}' is outside the valid range. "
            f"Accepted Values: {accepted}"
        )
        raise bad_value(msg)
    if column.type == "Integer" and not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
        raise _out_of_range(table, column)
    return int(value)


def _moment(table: Table, column: Column, value: Any) -> str:
    moment = read_moment(value) if isinstance(value, str) else None
    if moment is None or (column.type == "DateTime" and "T" not in value):
        return str(_wrong(table, column, value))
    if column.type == "DateOnly":
        return moment.date().isoformat() if "T" not in value else str(_wrong(table, column, value))
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
