"""Writes as requests to the Web API: one for one write, one ``$batch`` for several; pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.base import Write
from periferia_link.connectors.dynamics365.kinds._columns import guid
from periferia_link.connectors.dynamics365.writing._actions import action_request, closing
from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError
from periferia_link.transport._json import dumps
from periferia_link.transport._odata import BatchPart, encode_batch, key

__all__ = ["Operation", "batch", "marker", "operation", "target_of"]

_CREATE_ONLY: Final = {"If-None-Match": "*"}
_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}
_PARTITION: Final = "partitionid"
_STATE: Final = ("statecode", "statuscode")


class Operation(NamedTuple):
    """
    One write: the requests that make it (two are a change set), what it is about, the texts that it sends.

    ``values`` are the columns of a write that is one request, so that it may travel in a bulk message.
    """

    write: Write
    ref: Ref
    parts: tuple[BatchPart, ...]
    texts: tuple[str, ...] = ()
    values: Mapping[str, Any] | None = None


def target_of(write: Write, kind: str, system: str, *, table: str = "") -> Ref:
    """
    Return the record that a write is about: the one that its create_key makes, or the one it names.

    Args:
        write: The intended change.

        kind: Its kind.

        system: Instance name.

        table: What stands before the id, for kinds of several tables: ``phonecalls``.

    Raises:
        ConfigurationError: The key is no GUID, or a change names no record of this environment.
    """
    if write.mode == "create":
        made = guid(write.create_key)
        if made is None:
            msg = "a create_key is a UUID: it becomes the id of the record"
            raise ConfigurationError(msg, hint="make it with uuid.uuid5, the same one for every attempt")
        return Ref(system, kind, f"{table}/{made}" if table else made)
    named = write.ref
    before, slash, rest = named.id.rpartition("/") if named is not None else ("", "", "")
    key = guid(rest)
    if named is None or named.system != system or key is None:
        msg = f"a {write.mode} names the record of {system} that it changes"
        raise ConfigurationError(msg, hint="set ref to the reference under which the record was read")
    return Ref(system, kind, f"{before}{slash}{key}")


def marker(tag: str | None) -> str:
    """Return the query that tells plug-ins of the environment whose write it is."""
    return f"?tag={quote(tag, safe='')}" if tag else ""


def operation(write: Write, ref: Ref, columns: KindMap, body: Mapping[str, Any], *, tag: str | None) -> Operation:
    """
    Return the requests of one write.

    A create is ``PATCH set(<create_key>)`` with ``If-None-Match: *``: the server refuses to make the record twice.
    A new record always begins in its first state, so another one is set in the same change set. States that only an
    action sets are one change set with the columns, whose version guards them both.

    Args:
        write: The intended change.

        ref: The record, see :func:`target_of`.

        columns: Table and columns of the kind.

        body: What ``<kind>_to_wire`` made.

        tag: Reaches the plug-ins of the environment; ``None`` sends none.
    """
    marked = marker(tag)
    record = ref._replace(id=ref.id.rpartition("/")[2])
    url = key(columns.table, _address(write, record, columns)) + marked
    texts = tuple(value for value in body.values() if isinstance(value, str))
    version = {"If-Match": write.if_version or "*"}
    if write.mode == "action":
        part = action_request(write.action or "", record, columns.table, tag=marked)
        return Operation(write, ref, (part,))
    if write.mode == "delete":
        return Operation(write, ref, (BatchPart("DELETE", url, version if write.if_version else {}),))
    values = {name: value for name, value in body.items() if name != _PARTITION}
    subject = next((str(body[name]) for name in ("title", "name") if body.get(name)), write.mode)
    closed = closing(columns.table, record, values, subject=subject, tag=marked)
    if write.mode == "update":
        requests = tuple(filter(None, (_patch(url, version, values), closed)))
        return Operation(write, ref, requests, texts, values if closed is None else None)
    state: dict[str, Any] = {name: values[name] for name in _STATE if name in values}
    filled = {name: value for name, value in values.items() if name not in state and value is not None}
    parts = [_patch(url, _CREATE_ONLY, filled)]
    if closed is not None:
        parts.append(closed)
    elif state.get("statecode"):
        parts.append(_patch(url, {"If-Match": "*"}, state))
    elif state:
        # the first state takes any of its reasons at once
        filled["statuscode"] = state["statuscode"]
        parts = [_patch(url, _CREATE_ONLY, filled)]
    return Operation(write, ref, tuple(parts), texts, filled if len(parts) == 1 else None)


def _address(write: Write, record: Ref, columns: KindMap) -> uuid.UUID | dict[str, uuid.UUID | str]:
    """Return the key of a record; in an elastic table with partitions it takes both (use-elastic-tables.md)."""
    partition = (
        write.entity.custom.get(_PARTITION) if write.entity is not None and _PARTITION in columns.extra else None
    )
    made = uuid.UUID(record.id)
    return {columns.key: made, _PARTITION: partition} if isinstance(partition, str) else made


def batch(operations: Sequence[Operation], root: str) -> tuple[str, bytes]:
    """
    Write operations as one ``$batch``; its Content-Type and body.

    Args:
        operations: At least one.

        root: Path of the service, such as ``/api/data/v9.2``.
    """
    items: list[BatchPart | list[BatchPart]] = []
    for each in operations:
        parts = [BatchPart(part.method, f"{root}/{part.url}", part.headers, part.body) for part in each.parts]
        items.append(parts if len(parts) > 1 else parts[0])
    return encode_batch(items, f"batch_{uuid.uuid4()}")


def _patch(url: str, condition: Mapping[str, str], body: Mapping[str, Any]) -> BatchPart:
    return BatchPart("PATCH", url, {**_JSON, **condition}, dumps(body))
