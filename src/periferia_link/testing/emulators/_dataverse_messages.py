"""Actions of the emulated Web API: bulk messages, closing an opportunity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from periferia_link.testing.emulators._dataverse_addresses import Address, reference
from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_payload, not_found
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._dataverse_values import read_payload
from periferia_link.testing.emulators._dataverse_writes import insert
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["BULK", "NAMESPACE", "Messages"]

NAMESPACE: Final = "Microsoft.Dynamics.CRM."
BULK: Final = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
_CLOSING: Final = {"WinOpportunity": 1, "LoseOpportunity": 2}


class Messages:
    """
    Actions on the rows of one environment; all of an action's changes happen, or none.

    Source: ``bulk-operations.md``; ``WinOpportunity`` and ``LoseOpportunity`` from the action reference.
    """

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
            "CreateMultiple": self._create, "UpdateMultiple": self._update, "UpsertMultiple": self._upsert
        }  # fmt: skip
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
        self.rows.change(table, key, payload.values, call.now)
        return str(key)

    def _upsert(self, call: Call, table: Table, target: Record) -> str:
        payload = read_payload(self.rows, table, target)
        address = self._addressed(table, target, payload.values)
        known = address.key is not None and address.key in self.rows.of(table)
        if address.key is not None and known:
            values = {name: value for name, value in payload.values.items() if name not in address.alternate}
            self.rows.change(table, address.key, values, call.now)
            return address.key
        if set(address.alternate) & set(payload.values):
            # reported from a real tenant: a key column repeated in the body, on the create path
            raise DataverseRefused(400, "0x80040216", "An unexpected error occurred.")
        full = payload._replace(values=dict(address.alternate) | payload.values)
        return insert(self.rows, call, table, full, None if address.alternate else address.key)

    def _addressed(self, table: Table, target: Record, values: Record) -> Address:
        key = values.pop(table.key, None)
        if (text := target.get("@odata.id")) is None:
            return Address(table, key, {}, "")
        address = reference(self.rows, str(text))
        if address.table is not table:
            raise bad_payload(table.entity_set, "Microsoft.OData.ODataException: '@odata.id' names another table.")
        return address

    # ------------------------------------------------------------------ closing an opportunity

    def close_opportunity(self, call: Call, message: str) -> Response:
        """
        Answer ``POST WinOpportunity`` or ``LoseOpportunity``.

        Raises:
            DataverseRefused: 400, the body lacks the opportunity or the status does not fit; 404, it is not there.
        """
        check_options(call, ())
        body = call.body
        close = body.get("OpportunityClose") if isinstance(body, Mapping) else None
        if not isinstance(close, Mapping) or "opportunityid@odata.bind" not in close or "Status" not in body:
            raise bad_payload(message, "Microsoft.OData.ODataException: OpportunityClose and Status are required.")
        address = reference(self.rows, str(close["opportunityid@odata.bind"]))
        if address.table.logical != "opportunity" or address.key not in self.rows.of(address.table):
            raise address.refusal
        table = address.table
        ended = str(close.get("actualend") or call.now.isoformat())[:10]
        values: Record = {"statecode": _CLOSING[message], "statuscode": body["Status"], "actualclosedate": ended}
        if message == "WinOpportunity":
            revenue = close.get("actualrevenue", self.rows.get(table, str(address.key)).get("estimatedvalue"))
            values["actualvalue"] = revenue
        # -1 lets the server choose the default status of the state
        if values["statuscode"] == -1:
            del values["statuscode"]
        self.rows.change(table, str(address.key), values, call.now)
        return answer(call, 204)
