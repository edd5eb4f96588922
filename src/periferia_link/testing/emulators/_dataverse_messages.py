"""Bulk messages of the emulated Web API: CreateMultiple, UpdateMultiple, UpsertMultiple, DeleteMultiple."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from periferia_link.testing.emulators._dataverse_addresses import Address, reference
from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options
from periferia_link.testing.emulators._dataverse_refusals import (
    DataverseRefused,
    bad_payload,
    check_closing,
    not_found,
)
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._dataverse_values import read_payload
from periferia_link.testing.emulators._dataverse_writes import insert
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["BULK", "NAMESPACE", "Messages"]

NAMESPACE: Final = "Microsoft.Dynamics.CRM."
BULK: Final = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple", "DeleteMultiple")


class Messages:
    """Writes of many rows in one call; all of them happen, or none. Source: ``bulk-operations.md``."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    # ------------------------------------------------------------------ bulk messages

    def bulk(self, call: Call, table: Table, message: str) -> Response:
        """
        Answer ``POST accounts/Microsoft.Dynamics.CRM.CreateMultiple`` and its two sisters.

        Raises:
            DataverseRefused: 400, no targets or one without its type; whatever a single target deserves.
        """
        check_options(call, ())
        targets = call.body.get("Targets") if isinstance(call.body, Mapping) else None
        if not isinstance(targets, list) or not targets:
            raise bad_payload(table.entity_set, "Microsoft.OData.ODataException: The parameter Targets is required.")
        one: dict[str, Callable[[Call, Table, Record], str]] = {
            "CreateMultiple": self._create, "UpdateMultiple": self._update, "UpsertMultiple": self._upsert,
            "DeleteMultiple": self._delete,
        }  # fmt: skip
        if message == "DeleteMultiple" and not table.is_elastic:
            # as reported for standard tables (bulk-operations.md)
            raise DataverseRefused(501, "0x80040800", "DeleteMultiple has not yet been implemented.")
        ids = [one[message](call, table, self._typed(table, target)) for target in targets]
        if message != "CreateMultiple":
            return answer(call, 204)
        context = f"{call.root}/$metadata#{NAMESPACE}CreateMultipleResponse"
        return answer(call, 200, {"@odata.context": context, "Ids": ids})

    def _typed(self, table: Table, target: Any) -> Record:
        kind = target.get("@odata.type") if isinstance(target, Mapping) else None
        if not isinstance(kind, str) or kind.removeprefix("#") != NAMESPACE + table.logical:
            raise bad_payload(
                table.entity_set,
                "Microsoft.OData.ODataException: The type of a target is missing or is another one; every target "
                f"needs '@odata.type': '{NAMESPACE}{table.logical}'.",
            )
        return dict(target)

    def _create(self, call: Call, table: Table, target: Record) -> str:
        payload = read_payload(self.rows, table, target)
        return insert(self.rows, call, table, payload, payload.values.pop(table.key, None))

    def _update(self, call: Call, table: Table, target: Record) -> str:
        payload = read_payload(self.rows, table, target)
        key = payload.values.pop(table.key, None)
        if key is None:
            raise not_found(table.logical, "00000000-0000-0000-0000-000000000000")
        self.rows.get(table, key)
        check_closing(table, payload.values)
        self.rows.change(table, key, payload.values, call.now)
        return str(key)

    def _upsert(self, call: Call, table: Table, target: Record) -> str:
        payload = read_payload(self.rows, table, target)
        address = self._addressed(table, target, payload.values)
        known = address.key is not None and address.key in self.rows.of(table)
        if address.key is not None and known:
            values = {name: value for name, value in payload.values.items() if name not in address.alternate}
            check_closing(table, values)
            self.rows.change(table, address.key, values, call.now)
            return address.key
        if set(address.alternate) & set(payload.values):
            # reported from a real tenant: a key column repeated in the body, on the create path
            raise DataverseRefused(400, "0x80040216", "An unexpected error occurred.")
        full = payload._replace(values=dict(address.alternate) | payload.values)
        return insert(self.rows, call, table, full, None if address.alternate else address.key)

    def _delete(self, call: Call, table: Table, target: Record) -> str:
        key = str(read_payload(self.rows, table, target).values.get(table.key))
        self.rows.remove(table, key, call.now)
        return key

    def _addressed(self, table: Table, target: Record, values: Record) -> Address:
        key = values.pop(table.key, None)
        if (text := target.get("@odata.id")) is None:
            return Address(table, key, {}, "")
        address = reference(self.rows, str(text))
        if address.table is not table:
            raise bad_payload(table.entity_set, "Microsoft.OData.ODataException: '@odata.id' names another table.")
        return address
