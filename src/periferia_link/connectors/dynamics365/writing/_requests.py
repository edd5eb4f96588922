"""Writes as requests to the Web API: one for one write, one ``$batch`` for several; pure."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.base import Write
from periferia_link.connectors.dynamics365.kinds._columns import guid
from periferia_link.connectors.dynamics365.writing._actions import action_request, closing
from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError
from periferia_link.transport._json import dumps, loads
from periferia_link.transport._odata import BatchPart, encode_batch, key

__all__ = ["Operation", "batch", "creator", "marker", "operation", "target_of"]

_CREATE_ONLY: Final = {"If-None-Match": "*"}
_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}
_TYPE: Final = "@odata.type"
_PARTITION: Final = "partitionid"
_STATE: Final = ("statecode", "statuscode")
_SPECIAL: Final = frozenset({_PARTITION, _TYPE, *_STATE})
_CREATED: Final = {**_JSON, **_CREATE_ONLY}


class Operation(NamedTuple):
    """
    One write: the requests that make it (two are a change set) and what it is about.

    ``requests`` may be the address alone, of a create that is nothing but columns: in a bulk message it never becomes
    a request of its own. ``body`` are the columns of a write that is one request, as JSON, so that it may travel in
    such a message: written once, whichever way it goes. It names neither the record nor its type.
    """

    write: Write
    ref: Ref
    requests: tuple[BatchPart, ...] | str
    body: bytes | None = None

    @property
    def parts(self) -> tuple[BatchPart, ...]:
        """The requests."""
        if isinstance(self.requests, str):
            return (BatchPart("PATCH", self.requests, _CREATED, self.body or b""),)
        return self.requests

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that it sends as columns: no message may repeat them."""
        if self.write.mode == "action":
            return ()
        return tuple(text for part in self.parts if part.body for text in _texts_of(loads(part.body)))


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            if "@" not in name:  # annotations and links are ours, not the record's
                yield from _texts_of(each)


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
        # its constructor costs as much as all else here
        return tuple.__new__(Ref, (system, kind, f"{table}/{made}" if table else made))
    named = write.ref
    before, slash, rest = named.id.rpartition("/") if named is not None else ("", "", "")
    key = guid(rest)
    if named is None or named.system != system or key is None:
        msg = f"a {write.mode} names the record of {system} that it changes"
        raise ConfigurationError(msg, hint="set ref to the reference under which the record was read")
    return Ref(system, kind, f"{before}{slash}{key}")


@functools.lru_cache(64)
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
    record = ref._replace(id=ref.id.rpartition("/")[2]) if "/" in ref.id else ref
    url = _address(write, record, columns) + marked
    if write.mode == "action":
        part = action_request(write.action or "", record, columns.table, tag=marked)
        return Operation(write, ref, (part,))
    if write.mode == "delete":
        return Operation(
            write, ref, (BatchPart("DELETE", url, {"If-Match": write.if_version} if write.if_version else {}),)
        )
    values = {name: value for name, value in body.items() if name != _PARTITION}
    closed = closing(columns.table, record, values, subject=write.mode, tag=marked)
    if write.mode == "update":
        changed = _patch(url, {"If-Match": write.if_version or "*"}, values)
        requests = (changed,) if closed is None else (changed, closed)
        return Operation(write, ref, requests, _apart(requests, values, columns))
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
    return Operation(write, ref, tuple(parts), _apart(parts, filled, columns))


def creator(columns: KindMap, *, tag: str | None) -> Callable[[Write, Ref, Mapping[str, Any]], Operation]:
    """
    Return :func:`operation` for the creates of one kind: what does not change from one to the next is looked up once.

    Args:
        columns: As there.

        tag: As there.
    """
    marked, table, primary = marker(tag), _set(columns.table), columns.key
    is_partitioned = _PARTITION in columns.extra

    def create(write: Write, ref: Ref, body: Mapping[str, Any]) -> Operation:
        if is_partitioned or primary in body or not _SPECIAL.isdisjoint(body):
            return operation(write, ref, columns, body, tag=tag)
        # the usual case: one request, nothing but columns
        if None in body.values():
            body = {name: value for name, value in body.items() if value is not None}
        made = ref[2]
        if "/" in made:
            made = made.rpartition("/")[2]
        return tuple.__new__(Operation, (write, ref, f"{table}({made}){marked}", dumps(body)))

    return create


def _apart(requests: Sequence[BatchPart], values: Mapping[str, Any], columns: KindMap) -> bytes | None:
    """Return the body of the only request, unless its columns would say once more which record it is."""
    return requests[0].body if len(requests) == 1 and columns.key not in values and _TYPE not in values else None


def _address(write: Write, record: Ref, columns: KindMap) -> str:
    """Return the path of a record; in an elastic table with partitions it takes both keys (use-elastic-tables.md)."""
    if write.entity is not None and _PARTITION in columns.extra:
        partition = write.entity.custom.get(_PARTITION)
        if isinstance(partition, str):
            return key(columns.table, {columns.key: uuid.UUID(record.id), _PARTITION: partition})
    return f"{_set(columns.table)}({record.id})"


@functools.lru_cache(256)
def _set(table: str) -> str:
    """Return the name of an entity set, looked at once; an id needs no look, it was one when the record was named."""
    return key(table, uuid.UUID(int=0)).partition("(")[0]


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
