"""Writes of the emulated Web API: create, upsert, update, delete, single properties and links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from periferia_link.testing.emulators._dataverse_addresses import Address, reference
from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options, no_such_call
from periferia_link.testing.emulators._dataverse_refusals import (
    DataverseRefused,
    bad_payload,
    check_closing,
    exists,
    stale,
    unknown_property,
    unsupported,
)
from periferia_link.testing.emulators._dataverse_rows import LOOKUP_TABLE, Rows
from periferia_link.testing.emulators._dataverse_shapes import context, etag, read_shape, shaped
from periferia_link.testing.emulators._dataverse_tables import Column, Table
from periferia_link.testing.emulators._dataverse_values import Payload, bound, check_value, read_payload
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["Writes", "insert"]

_REFERENCE = re.compile(r"\$(\w+)")
_SUPPRESS = "MSCRM.SuppressDuplicateDetection"


class Writes:
    """What changes rows of one environment."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    # ------------------------------------------------------------------ whole records

    def create(self, call: Call, table: Table) -> Response:
        """
        Answer ``POST accounts``: 204 with the address, or 201 with the record.

        Raises:
            DataverseRefused: 400, 404 or 412 as the body deserves; 500 for a duplicate that a rule detects.
        """
        check_options(call, ("select", "expand"))
        _check_supported(table, "Create")
        payload = read_payload(self.rows, table, _referenced(call.body, call.contents))
        self._detect_duplicate(call, table, payload.values, None)
        key = insert(self.rows, call, table, payload, payload.values.pop(table.key, None))
        return self._written(call, Address(table, key, {}, f"{table.entity_set}({key})"), key, is_new=True)

    def upsert(self, call: Call, address: Address) -> Response:
        """
        Answer ``PATCH accounts(…)``: updates, or creates under the id or alternate key of the address.

        Raises:
            DataverseRefused: 412 or 404 as the preconditions demand; 400, 404, 412 or 500 for the body.
        """
        check_options(call, ("select", "expand"))
        table = address.table
        _check_supported(table, "Update")
        payload = read_payload(self.rows, table, _referenced(call.body, call.contents))
        payload.values.pop(table.key, None)
        if address.key is not None and address.key in self.rows.of(table):
            return self._update(call, address, address.key, payload)
        if call.header("If-Match") is not None:
            raise address.refusal
        self._detect_duplicate(call, table, payload.values, None)
        # a key column in the body wins over the one in the address (use-alternate-key-reference-record.md)
        full = payload._replace(values=dict(address.alternate) | payload.values)
        key = insert(self.rows, call, table, full, None if address.alternate else address.key)
        return self._written(call, address, key, is_new=True)

    def _update(self, call: Call, address: Address, key: str, payload: Payload) -> Response:
        if call.header("If-None-Match") == "*":
            raise exists()
        self._check_version(call, address.table, key)
        if payload.children or payload.parents:
            raise bad_payload(address.table.entity_set, "Microsoft.Crm.CrmException: Deep update is not supported.")
        values = {name: value for name, value in payload.values.items() if name not in address.alternate}
        if address.table.is_elastic and call.header("If-Match") is None:
            # an upsert of an elastic row puts a whole new one in its place (use-elastic-tables.md)
            emptied = {name: None for name in self.rows.get(address.table, key) if name in address.table.columns}
            values = {n: v for n, v in emptied.items() if n != address.table.key and not _is_kept(n)} | values
        self._detect_duplicate(call, address.table, values, key)
        check_closing(address.table, values)
        self.rows.change(address.table, key, values, call.now)
        _join(self.rows, call, address, payload)
        return self._written(call, address, key, is_new=False)

    def delete(self, call: Call, address: Address) -> Response:
        """
        Answer ``DELETE accounts(…)``.

        Raises:
            DataverseRefused: 404 or 412.
        """
        _check_supported(address.table, "Delete")
        key = self.existing(address)
        self._check_version(call, address.table, key)
        self.rows.remove(address.table, key, call.now)
        return answer(call, 204)

    # ------------------------------------------------------------------ one property

    def property(self, call: Call, address: Address, name: str) -> Response:
        """
        Answer ``PUT accounts(…)/name`` with ``{"value": …}``, or ``DELETE`` of one property.

        Raises:
            DataverseRefused: 400 or 404.
        """
        key, table = self.existing(address), address.table
        column = table.readable(name)
        if column is None:
            raise unknown_property(table.logical, name)
        if call.method not in ("PUT", "DELETE"):
            raise no_such_call(call)
        body = call.body if call.method == "PUT" else {"value": None}
        if not isinstance(body, Mapping) or set(body) != {"value"} or column.is_read_only:
            raise bad_payload(table.entity_set, "Microsoft.OData.ODataException: A property with value was expected.")
        self.rows.change(table, key, {column.wire: check_value(table, column, body["value"])}, call.now)
        return answer(call, 204)

    def link(self, call: Call, address: Address, name: str, member: str | None = None) -> Response:
        """
        Answer ``…/<navigation property>/$ref``: POST and DELETE on collections, PUT and DELETE on lookups.

        Args:
            call: The request.

            address: The record whose links change.

            name: The navigation property.

            member: Id of the linked record, where the address names it: ``…/Account_Tasks(<id>)/$ref``.

        Raises:
            DataverseRefused: 400, 404 or 405.
        """
        key, table = self.existing(address), address.table
        single = table.navigation(name)
        if single is not None:
            self._link_lookup(call, table, key, *single)
        elif name in table.collections:
            self._link_member(call, address, name, member)
        else:
            raise unknown_property(table.logical, name)
        return answer(call, 204)

    def _link_lookup(self, call: Call, table: Table, key: str, column: Column, target: str) -> None:
        if call.method == "PUT":
            values = bound(self.rows, column, target, _odata_id(table, call))
        elif call.method == "DELETE":
            values = {column.wire: None, column.wire + LOOKUP_TABLE: None}
        else:
            raise no_such_call(call)
        self.rows.change(table, key, values, call.now)

    def _link_member(self, call: Call, address: Address, name: str, member: str | None) -> None:
        table = address.table
        child, lookup = table.collections[name]
        target = self.rows.schema[child]
        if call.method == "POST":
            _point(self.rows, call, address, name, reference(self.rows, _odata_id(table, call)))
            return
        if call.method != "DELETE":
            raise no_such_call(call)
        text = f"{target.entity_set}({member})" if member else call.options.get("$id", "")
        gone = self.existing(reference(self.rows, text))
        wire = target.columns[lookup].wire
        self.rows.change(target, gone, {wire: None, wire + LOOKUP_TABLE: None}, call.now)

    # ------------------------------------------------------------------ conditions and answers

    def existing(self, address: Address) -> str:
        """
        Return the id of a record that must be there.

        Raises:
            DataverseRefused: 404.
        """
        if address.key is None or address.key not in self.rows.of(address.table):
            raise address.refusal
        return address.key

    def _check_version(self, call: Call, table: Table, key: str) -> None:
        wanted = call.header("If-Match")
        if wanted not in (None, "*", etag(self.rows.get(table, key))):
            raise stale()

    def _detect_duplicate(self, call: Call, table: Table, values: Record, key: str | None) -> None:
        """Apply the default duplicate rule when the client turned it on; it is off otherwise."""
        if (call.header(_SUPPRESS) or "true").lower() != "false" or not table.duplicate_rule:
            return
        wanted = {name: values.get(name) for name in table.duplicate_rule}
        if None in wanted.values():
            return
        if self.rows.find(table, wanted) not in (None, key):
            raise DataverseRefused(
                500,
                "0x80040333",
                "A record was not created or updated because a duplicate of the current record already exists.",
            )

    def _written(self, call: Call, address: Address, key: str, *, is_new: bool) -> Response:
        row = self.rows.get(address.table, key)
        if not call.wants_representation:
            segment = address.segment
            partition = row.get("partitionid") if address.table.is_elastic else None
            if partition is not None:
                quoted = partition.replace("'", "''")
                segment = f"{address.table.entity_set}({address.table.key}={key},partitionid='{quoted}')"
            return answer(call, 204, None, [("OData-EntityId", f"{call.root}/{segment}")])
        shape = read_shape(self.rows, address.table, call.options)
        body = {"@odata.context": context(call, shape, "/$entity")}
        body |= shaped(self.rows, call, shape, row, links=False)
        return answer(call, 201 if is_new else 200, body, [("ETag", etag(row))], applied=True)


def _is_kept(name: str) -> bool:
    return name in ("createdon", "modifiedon", "versionnumber", "partitionid")


def _check_supported(table: Table, message: str) -> None:
    if message in table.refuses:
        raise unsupported(message, table.logical)


def insert(rows: Rows, call: Call, table: Table, payload: Payload, key: str | None) -> str:
    """
    Create a record and what its body nests (deep insert), and return its id.

    Raises:
        DataverseRefused: 400, 404 or 412.
    """
    values = dict(payload.values)
    for column, target, body in payload.parents:
        made = _insert_nested(rows, call, rows.schema[target], body, {})
        values |= {column.wire: made, column.wire + LOOKUP_TABLE: target}
    key = rows.insert(table, values, key, call.now)
    for name, bodies in payload.children.items():
        child, lookup = table.collections[name]
        link = {f"_{lookup}_value": key, f"_{lookup}_value{LOOKUP_TABLE}": table.logical}
        for body in bodies:
            _insert_nested(rows, call, rows.schema[child], body, link)
    _join(rows, call, Address(table, key, {}, ""), payload)
    return key


def _insert_nested(rows: Rows, call: Call, table: Table, body: Any, link: Record) -> str:
    payload = read_payload(rows, table, body)
    key = payload.values.pop(table.key, None)
    return insert(rows, call, table, payload._replace(values=payload.values | link), key)


def _join(rows: Rows, call: Call, owner: Address, payload: Payload) -> None:
    """Link existing records that the body names through a collection."""
    for name, members in payload.members.items():
        for member in members:
            _point(rows, call, owner, name, member)


def _point(rows: Rows, call: Call, owner: Address, name: str, member: Address) -> None:
    child, lookup = owner.table.collections[name]
    if member.table.logical != child or member.key is None or member.key not in rows.of(member.table):
        raise member.refusal
    wire = f"_{lookup}_value"
    rows.change(member.table, member.key, {wire: owner.key, wire + LOOKUP_TABLE: owner.table.logical}, call.now)


def _odata_id(table: Table, call: Call) -> str:
    body = _referenced(call.body, call.contents)
    if not isinstance(body, Mapping) or not isinstance(body.get("@odata.id"), str):
        raise bad_payload(table.entity_set, "Microsoft.OData.ODataException: '@odata.id' was expected.")
    return str(body["@odata.id"])


def _referenced(body: Any, contents: Mapping[str, str]) -> Any:
    """Replace ``$1`` in links by the address that the operation with that Content-ID created."""
    if not isinstance(body, Mapping):
        return body
    return {
        name: _resolved(value, contents) if name.endswith(("@odata.bind", "@odata.id")) else value
        for name, value in body.items()
    }


def _resolved(value: Any, contents: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_resolved(each, contents) for each in value]
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    if found[1] not in contents:
        raise DataverseRefused(
            400, "0x80060888", f"Content-ID Reference: '${found[1]}' does not exist in the batch context."
        )
    return contents[found[1]]
