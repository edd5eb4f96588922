"""A stand-in for the Dataverse Web API of Dynamics 365, after Microsoft's documentation and recorded traffic."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, ClassVar

from periferia_link.testing.emulators._dataverse_actions import Actions
from periferia_link.testing.emulators._dataverse_addresses import Address, locate, split_segment
from periferia_link.testing.emulators._dataverse_batches import Batches
from periferia_link.testing.emulators._dataverse_callers import Callers
from periferia_link.testing.emulators._dataverse_calls import (
    Call,
    answer,
    check_options,
    no_such_call,
    read_call,
    refused,
)
from periferia_link.testing.emulators._dataverse_files import BLOCK_ACTIONS, Files
from periferia_link.testing.emulators._dataverse_limits import ServiceProtection
from periferia_link.testing.emulators._dataverse_messages import BULK, NAMESPACE, Messages
from periferia_link.testing.emulators._dataverse_metadata import Metadata
from periferia_link.testing.emulators._dataverse_pages import TRACKING, Pages
from periferia_link.testing.emulators._dataverse_refusals import (
    DataverseRefused,
    bad_query,
    privilege,
    unknown_property,
)
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_shapes import context, etag, read_shape, shaped
from periferia_link.testing.emulators._dataverse_standard import standard_tables
from periferia_link.testing.emulators._dataverse_tables import Column, ColumnType, Schema, Table
from periferia_link.testing.emulators._dataverse_values import check_value
from periferia_link.testing.emulators._dataverse_writes import Writes
from periferia_link.testing.emulators._emulator import Answer, Emulator, Record
from periferia_link.testing.emulators._odata import ODataRefused
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.typing import Clock, Request, Response

__all__ = ["Dynamics365Emulator"]

_RIGHTS = {"GET": "Read", "POST": "Create", "PATCH": "Write", "PUT": "Write", "DELETE": "Delete"}
_LONGEST_URL = 32_768
_ALWAYS = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)


class Dynamics365Emulator(Emulator):
    """
    One environment, below ``/api/data/v9.x``, without records of its own but the caller as a user, a business unit, a
    currency and the organisation; ``entra`` issues the tokens that it accepts.

    Tables: sales (account, contact, lead, opportunity, campaign), service (incident), activities and notes, Customer
    Voice (``msfp_*``), users and teams, with the columns that matter here and the custom ones ``pl_*``;
    :meth:`add_table`, :meth:`add_column` and :meth:`add_alternate_key` customise it, as the API does.

    What environments differ in is set on the parts: ``tables["account"].change_tracking``, ``pages.cap``,
    ``pages.expire_days``, ``limits`` (service protection), ``metadata.denied`` and ``metadata.local`` (privileges),
    ``rows.plug_ins`` (messages that stop writes), ``empty_codes`` (failed preconditions without a code, as documented
    for older servers).

    ``actions.custom`` are actions of the installation, ``callers.executions`` what its plug-ins saw of each write.

    Not emulated: business process flows, sharing and teams' rights, many-to-many relationships, ``?sql=``, Cosmos
    queries, incremental metadata (``RetrieveMetadataChanges``), images, merging, partial success of elastic tables.
    """

    name: ClassVar[str] = "dynamics365"

    def __init__(self, *, seed: int = 1, entra: EntraEmulator | None = None) -> None:
        super().__init__(seed=seed)
        self.entra = entra or EntraEmulator(seed=seed)
        self.tables = Schema(standard_tables())
        self.rows = Rows(self, self.tables)
        self.pages = Pages(self.rows)
        self.metadata = Metadata(self.rows)
        self.limits = ServiceProtection()
        self.empty_codes = False
        self._writes = Writes(self.rows)
        self._messages = Messages(self.rows)
        self.actions = Actions(self.rows)
        self.callers = Callers(self.rows, self.metadata)
        self._files = Files(self.rows)
        self._batch: Call | None = None
        self._batches = Batches(self.rows, self._inner)
        self._entrance = threading.Lock()
        self._now = _ALWAYS
        self.populate()

    @property
    def organization_id(self) -> str:
        """What identifies the environment for ever."""
        return self.rows.organization_id

    def credentials(self) -> dict[str, Any]:
        """Return what a client needs for a token of this environment, and the scope to ask for."""
        return self.entra.credentials() | {"scope": f"{self.base_url}/.default"}

    def populate(self) -> None:
        """File what every environment has: its organisation, a business unit, a currency, the caller as a user."""
        self.rows.found(_ALWAYS)

    def reset(self) -> None:
        """Go back to an empty environment; its customisation and its limits stay."""
        with self.lock:
            self.rows.restart()
            self.pages.restart()
            self.limits.restart()
            self.callers.executions.clear()
            self._files.restart()
            super().reset()

    # ------------------------------------------------------------------ what people do in the CRM

    def add_table(self, logical: str, entity_set: str, columns: Mapping[str, ColumnType], *, title: str = "") -> Table:
        """Add a table of one's own: the first text column is its name unless *title* says another."""
        table = Table(logical, entity_set, f"{logical}id", title or next(iter(columns)))
        table.add(Column(table.key, "Uniqueidentifier"), *_audit_columns())
        table.add(*(Column(name, kind, _limit(kind)) for name, kind in columns.items()))
        self.tables.add(table)
        return table

    def add_column(
        self,
        table: str,
        name: str,
        kind: ColumnType = "String",
        *,
        limit: int | None = None,
        targets: str = "",
        schema_name: str = "",
    ) -> None:
        """
        Add a column to a table.

        Args:
            table: Logical name of the table.

            name: Logical name of the column.

            kind: Its type.

            limit: Characters of a text, decimals of a number.

            targets: The table that a lookup points to.

            schema_name: The cased name, which is also the navigation property of a lookup: ``cr123_Segment``.
        """
        navigation = {schema_name or name: targets} if targets else {}
        self.tables[table].add(Column(name, kind, limit or _limit(kind), targets=navigation, schema=schema_name))

    def add_alternate_key(self, table: str, *columns: str) -> None:
        """Make columns together unique, and usable as an address: ``accounts(accountnumber='A')``."""
        self.tables[table].alternate_keys[f"{table}_{'_'.join(columns)}"] = columns

    def load(self, tables: Mapping[str, Sequence[Record]]) -> None:
        """
        Merge rows into the books, as if somebody had always had them; nothing is counted.

        Custom columns (with a publisher prefix) that a table lacks are added.

        Args:
            tables: Rows by entity set, as the wire shows them; a missing key is made up.

        Raises:
            ValueError: No such entity set or standard column.
            DataverseRefused: A value does not fit its column.
        """
        with self.lock:
            for entity_set, rows in tables.items():
                table = self._table(entity_set)
                for row in rows:
                    self.rows.file(table, _checked(table, row), self._now)

    def edit(self, entity_set: str, key: str, values: Record, clock: Clock) -> None:
        """Change a row as a person in the CRM does."""
        with self.lock:
            table = self._table(entity_set)
            self.rows.change(table, key, _checked(table, values), clock.now())

    def remove(self, entity_set: str, key: str, clock: Clock) -> None:
        """Delete a row as a person in the CRM does."""
        with self.lock:
            self.rows.remove(self._table(entity_set), key, clock.now())

    def _table(self, entity_set: str) -> Table:
        table = self.tables.of_set(entity_set)
        if table is None:
            msg = f"there is no entity set {entity_set}; add one with add_table"
            raise ValueError(msg)
        return table

    # ------------------------------------------------------------------ serving

    def handle(self, request: Request, clock: Clock) -> Answer:
        """Answer one request, counting those under way at the same time."""
        with self._entrance:
            self.limits.in_flight += 1
        try:
            return super().handle(request, clock)
        finally:
            with self._entrance:
                self.limits.in_flight -= 1

    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer one request to the Web API."""
        self._now = clock.now()
        self.rows.expire(self._now)
        server = self.limits.server_of(request.header("Cookie"))
        call: Call | None = None
        remaining: list[tuple[str, str]] = []
        try:
            call = self._received(request)
            if not self._is_signed_in(request, clock):
                return self._unauthorized()
            remaining = self.limits.admit(server, self._now)
            self._batch = call if call.path == ("$batch",) else None
            response = self._batches.run(call) if self._batch else self._operate(call)
            self.limits.charge(server, self._now, max(1, len(self._operations)))
        except DataverseRefused as refusal:
            response = refused(refusal, call=call, empty_codes=self.empty_codes)
        except ODataRefused as refusal:
            response = refused(bad_query(refusal.message), call=call)
        if call is not None and self._is_elastic(call):
            token = ("x-ms-session-token", f"207:30#{self.rows.version}#7=154204239")
            response = Response(response.status, (*response.headers, token), response.body)
        ids = [self.rows.new_request_id() for _ in range(3)]
        headers = [
            ("x-ms-service-request-id", f"{ids[0]},{ids[1]}"),
            ("REQ_ID", ids[2]),
            ("x-ms-dop-hint", str(self.metadata.dop_hint)),
            ("Cache-Control", "no-cache"),
            ("Expires", "-1"),
            ("Set-Cookie", f"ARRAffinity={server}; path=/; secure; HttpOnly"),
        ]
        return Response(response.status, (*response.headers, *remaining, *headers), response.body)

    def _is_elastic(self, call: Call) -> bool:
        table = self.tables.of_set(call.path[0].partition("(")[0]) if call.path else None
        return table is not None and table.is_elastic

    def _received(self, request: Request) -> Call:
        if len(request.url) > _LONGEST_URL:
            msg = "The request URI is too long."
            raise bad_query(msg, status=414)
        return read_call(request, self.base_url, self._now)

    def refusal(self, status: int, code: str, message: str) -> Response:
        """Make an error answer as Dataverse writes it."""
        return refused(DataverseRefused(status, code, message))

    def _is_signed_in(self, request: Request, clock: Clock) -> bool:
        scheme, _, token = (request.header("Authorization") or "").partition(" ")
        return scheme.lower() == "bearer" and self.entra.validate(token, self.base_url, clock)

    def _unauthorized(self) -> Response:
        challenge = (
            f"Bearer authorization_uri={self.entra.base_url}/{self.entra.tenant_id}/oauth2/authorize, "
            f"resource_id={self.base_url}/"
        )
        body = b"HTTP Error 401 - Unauthorized: Access is denied"
        return Response(401, (("WWW-Authenticate", challenge), ("Content-Type", "text/plain; charset=utf-8")), body)

    def _inner(self, request: Request, created: Mapping[str, str]) -> Response:
        """Answer one operation of a batch."""
        call = read_call(request, self.base_url, self._now, created)
        try:
            return self._operate(call)
        except DataverseRefused as refusal:
            return refused(refusal, call=call, empty_codes=self.empty_codes)

    # ------------------------------------------------------------------ dispatching

    def _operate(self, call: Call) -> Response:
        """Answer one operation; what a write changed is taken back when it is refused."""
        with self.callers.acting(call, self._batch):
            if call.method == "GET":
                return self._route(call)
            with self.transaction():
                return self._route(call)

    def _route(self, call: Call) -> Response:
        if not call.path:
            return self.metadata.service_document(call)
        name = split_segment(call.path[0])[0]
        plain: dict[str, Callable[[Call], Response]] = {
            "WhoAmI": self.metadata.who_am_i,
            "$metadata": self.metadata.document,
            "EntityDefinitions": self.metadata.definitions,
            "RelationshipDefinitions": self.metadata.relationships,
            "CreateEntities": self.metadata.customizing.create_tables,
            "RetrieveTotalRecordCount": self.metadata.total_counts,
            "sdkmessagefilters": self.metadata.message_filters,
        }
        if name in plain:
            return plain[name](call)
        if call.method == "POST" and name in BLOCK_ACTIONS:
            return self._files.blocks(call, name)
        if call.method == "POST" and len(call.path) == 1 and self.actions.knows(name):
            if subject := self.actions.subject_of(name):
                self._allow(call, self.tables[subject], "Write")
            return self.actions.run(call, name)
        found = locate(self.rows, call.path[0])
        if isinstance(found, Table):
            return self._on_set(call, found)
        return self._on_record(call, found)

    def _on_set(self, call: Call, table: Table) -> Response:
        """Answer what is asked of an entity set."""
        below = call.path[1:]
        is_update = below == (f"{NAMESPACE}UpdateMultiple",)
        self._allow(call, table, "Write" if is_update else _RIGHTS.get(call.method, "Read"))
        if below == ("$count",) and call.method == "GET":
            return self.pages.count(call, table)
        message = below[0].removeprefix(NAMESPACE) if below else ""
        if message in BULK and below == (NAMESPACE + message,) and call.method == "POST":
            return self._messages.bulk(call, table, message)
        if below:
            msg = "Request message has unresolved parameters"
            raise bad_query(msg)
        if call.method == "GET":
            return self.pages.read(call, table)
        if call.method == "POST":
            return self._writes.create(call, table)
        raise no_such_call(call)

    def _on_record(self, call: Call, address: Address) -> Response:
        """Answer what is asked of one record."""
        self._allow(call, address.table, self._right_on(call, address))
        if len(call.path) == 1:
            whole: dict[str, Callable[[Call, Address], Response]] = {
                "GET": self._retrieve,
                "PATCH": self._writes.upsert,
                "DELETE": self._writes.delete,
            }
            if call.method not in whole:
                raise no_such_call(call)
            return whole[call.method](call, address)
        if call.path[2:] == ("$ref",):
            navigation, member = split_segment(call.path[1])
            return self._writes.link(call, address, navigation, member)
        if (response := self._on_file(call, address)) is not None:
            return response
        if len(call.path) > 2:
            msg = "Request message has unresolved parameters"
            raise bad_query(msg)
        if call.path[1] == f"{NAMESPACE}RetrieveUserPrivileges()" and address.table.logical == "systemuser":
            return self.metadata.privileges(call)
        bound = call.path[1].removeprefix(NAMESPACE)
        if call.method == "POST" and bound != call.path[1] and self.actions.knows(bound, address.table.logical):
            return self.actions.run(call, bound, address)
        if call.method == "GET":
            return self._retrieve_part(call, address, call.path[1])
        return self._writes.property(call, address, call.path[1])

    def _on_file(self, call: Call, address: Address) -> Response | None:
        """Answer what is asked of a file column, or of the bare value of any other; None when it is neither."""
        is_bare = call.method == "GET" and call.path[2:] == ("$value",)
        column = address.table.readable(call.path[1])
        is_piece = call.method != "GET" or call.header("Range") is not None
        if column is None or not (is_bare or (column.type == "File" and len(call.path) == 2 and is_piece)):
            return None
        key = self._writes.existing(address)
        if column.type == "File":
            asked = self._files.read if is_bare else self._files.piece if call.method == "GET" else self._files.write
            return asked(call, address, key, column)
        value = self.rows.get(address.table, key).get(column.wire)
        if value is None:
            return answer(call, 204)
        return Response(200, (("Content-Type", "text/plain"), ("OData-Version", "4.0")), str(value).encode())

    def _retrieve(self, call: Call, address: Address) -> Response:
        check_options(call, ("select", "expand"))
        row = self.rows.get(address.table, self._writes.existing(address))
        shape = read_shape(self.rows, address.table, call.options)
        known = call.header("If-None-Match")
        # never with expanded links or annotations (perform-conditional-operations-using-web-api.md)
        is_plain = not shape.expansions and "odata.include-annotations" not in call.preferences
        if known == etag(row) and is_plain and address.table.optimistic_concurrency:
            return Response(304, (("OData-Version", "4.0"), ("ETag", etag(row))))
        body = {"@odata.context": context(call, shape, "/$entity")} | shaped(self.rows, call, shape, row)
        return answer(call, 200, body, [("ETag", etag(row))], applied=True)

    def _retrieve_part(self, call: Call, address: Address, name: str) -> Response:
        """Answer a single property, the record behind a lookup, or the records of a collection."""
        table, key = address.table, self._writes.existing(address)
        row = self.rows.get(table, key)
        if (single := table.navigation(name)) is not None:
            linked = row.get(single[0].wire)
            target = self.tables.get(single[1])
            if linked is None or target is None:
                return answer(call, 204)
            return self._retrieve(call, Address(target, linked, {}, ""))
        if name in table.collections:
            child, lookup = table.collections[name]
            return self.pages.read(call, self.tables[child], self.rows.related(self.tables[child], lookup, key))
        if table.readable(name) is None:
            raise unknown_property(table.logical, name)
        if row.get(name) is None:
            return answer(call, 204)
        place = f"{call.root}/$metadata#{table.entity_set}({key})/{name}"
        return answer(call, 200, {"@odata.context": place, "value": row[name]})

    def _right_on(self, call: Call, address: Address) -> str:
        """Return what a call on a record needs: an upsert of a missing one is a creation."""
        if len(call.path) > 1 and call.method != "GET":
            return "Write"
        is_missing = address.key is None or address.key not in self.rows.of(address.table)
        if call.method == "PATCH" and is_missing and call.header("If-Match") is None:
            return "Create"
        return _RIGHTS.get(call.method, "Read")

    def _allow(self, call: Call, table: Table, right: str) -> None:
        """Refuse what the caller has no privilege for; change tracking needs one that reaches everything."""
        needed = f"prv{right}{table.privilege}"
        is_tracked = TRACKING in call.preferences or "$deltatoken" in call.options
        if needed in self.metadata.denied or (is_tracked and needed in self.metadata.local):
            raise privilege(needed, table.logical, self.rows.user_id, table.object_type_code)


def _limit(kind: ColumnType) -> int | None:
    return {"String": 100, "Memo": 2000, "Decimal": 10, "Double": 5, "Money": 2}.get(kind)


def _audit_columns() -> Iterable[Column]:
    return (
        Column("createdon", "DateTime", is_read_only=True),
        Column("modifiedon", "DateTime", is_read_only=True),
        Column("versionnumber", "BigInt", is_read_only=True),
    )


def _checked(table: Table, row: Record) -> Record:
    """Return a row of a test with every value as it is stored; columns of the installation are added."""
    out: Record = {}
    for name, value in row.items():
        table.ensure(name, value)
        column = table.readable(name)
        is_plain = column is not None and column.type != "Lookup"
        out[name] = check_value(table, column, value) if column is not None and is_plain else value
    return out
