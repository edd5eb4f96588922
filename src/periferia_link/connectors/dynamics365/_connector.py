"""The connector of Dynamics 365: the five verbs over the Dataverse Web API."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import ValidationError

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import (
    Applied,
    Capabilities,
    Connector,
    Mode,
    NotApplied,
    Outcome,
    Page,
    Row,
    SystemInfo,
    Write,
)
from periferia_link.connectors.dynamics365._columns import ETAG, guid, reasons
from periferia_link.connectors.dynamics365._feed import Place
from periferia_link.connectors.dynamics365._finding import answered, chunked, is_askable, spellings
from periferia_link.connectors.dynamics365._kinds import DYNAMICS365_FIELDS, codecs
from periferia_link.connectors.dynamics365._options import Options, credential_of
from periferia_link.connectors.dynamics365._pull import pages
from periferia_link.connectors.dynamics365._requests import Operation, operation, target_of
from periferia_link.connectors.dynamics365._rights import missing_columns, missing_rights, privileges_of
from periferia_link.connectors.dynamics365._web_api import Definition, WebApi
from periferia_link.connectors.dynamics365._writing import Writer
from periferia_link.domain import Entity, Ref
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    ExpiredCursorError,
    RecordInvalidError,
    RejectedError,
)
from periferia_link.settings import SystemSettings
from periferia_link.transport._auth import BearerAuth
from periferia_link.transport._http import Transport
from periferia_link.transport._json import NotJsonError, loads
from periferia_link.transport._odata import any_of, query
from periferia_link.transport._pacing import gate_for
from periferia_link.typing import Clock, TokenProvider, Wire

__all__ = ["Dynamics365"]

_MODES: frozenset[Mode] = frozenset({"create", "update", "delete"})
_NOWHERE = str(uuid.UUID(int=0))
_EVERY_REQUEST = {
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    # the word itself: it keeps caches from answering (compose-http-requests-handle-errors.md)
    "If-None-Match": "null",
}


class Dynamics365(Connector):
    """
    Clients (accounts) and opportunities of one Dynamics 365 environment.

    Changes come by change tracking where the table has it switched on, with deletions; elsewhere by ``modifiedon``
    with an overlap. A record is created under the id that the engine chose, so it can never be made twice; an update
    carries the version that it was planned on.

    Args:
        url: Address of the environment, ``https://contoso.crm.dynamics.com``.

        credential: Any object with ``get_token(*scopes)``: :class:`~periferia_link.ClientSecret`, or one of
            azure-identity.

        name: Instance name.

        fields: Columns of this installation; :data:`DYNAMICS365_FIELDS` by default.

        api_version: Version segment of the Web API.

        currency: Currency of the amounts (ISO 4217).

        page_size: Rows asked for at once; the server gives 5,000 at most.

        max_batch: Writes in one request; at most 500, for one may take two operations.

        overlap: Seconds before the latest change that every pull by ``modifiedon`` reads again.

        change_tracking: Use change tracking where a table has it.

        navigation: Navigation property by lookup column, for custom lookups: ``{"_cr123_client_value":
            "cr123_Client"}``. Case matters.

        tag: Text that reaches the environment's plug-ins with every write; they tell our writes by it.

        caller_id: Entra object id of a user on whose behalf everything is done.

        user: Who signs in, where several identities talk to one environment: limits are per user.

        ca_file: Certificates of a private authority, PEM.

        proxy: Proxy to use.

        allow_private: The address may be one of an internal network.

        clock: Source of time.

        plan_only: Refuse every write; reads are the same.

        deadline: Seconds that a request may take.

        parallel: Requests in flight; the environment's own hint may lower it.

        wire: Carries the requests instead of the network: an emulator in the same process.

        owns_credential: Close the credential together with the connector.
    """

    product: ClassVar[str] = "Dynamics 365"

    def __init__(
        self,
        url: str,
        *,
        credential: TokenProvider,
        name: str = "crm",
        fields: FieldMap | None = None,
        api_version: str = "v9.2",
        currency: str = "COP",
        page_size: int | None = None,
        max_batch: int = 100,
        overlap: float = 300.0,
        change_tracking: bool = True,
        navigation: Mapping[str, str] | None = None,
        tag: str | None = "periferia-link",
        caller_id: str | None = None,
        user: str = "",
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        clock: Clock | None = None,
        plan_only: bool = False,
        deadline: float = 30.0,
        parallel: int = 4,
        wire: Wire | None = None,
        owns_credential: bool = False,
    ) -> None:
        self.name = name
        self.fields = fields or DYNAMICS365_FIELDS
        self.deadline = deadline
        self._options = Options.checked(
            name,
            api_version=api_version,
            currency=currency,
            page_size=page_size,
            max_batch=max_batch,
            overlap=overlap,
            change_tracking=change_tracking,
            navigation=dict(navigation or {}),
            tag=tag,
            caller_id=caller_id,
            user=user,
            parallel=parallel,
        )
        self._clock = clock or SystemClock()
        self._codecs = codecs(currency=currency, navigation=self._options.navigation)
        self._can_write = not plan_only
        base = url.rstrip("/")
        self._gate = gate_for((base, user), self._clock, parallel)
        self._transport = Transport(
            f"{base}/api/data/{api_version}",
            system=name,
            clock=self._clock,
            auth=BearerAuth(credential, f"{base}/.default"),
            gate=self._gate,
            ca_file=ca_file,
            proxy=proxy,
            allow_private=allow_private,
            deadline=deadline,
            pool=parallel,
            plan_only=plan_only,
            headers=_EVERY_REQUEST | ({"CallerObjectId": caller_id} if caller_id else {}),
            wire=wire,
        )
        self._api = WebApi(self._transport, name)
        self._writer = Writer(self._transport, name, self._clock)
        self._capabilities = self._able()
        self._credential = credential if owns_credential else None

    @classmethod
    def configured(
        cls, name: str, settings: SystemSettings, *, clock: Clock | None = None, wire: Wire | None = None
    ) -> Dynamics365:
        """
        Build the connector of one table ``[systems.…]`` of periferia.toml.

        Args:
            name: Instance name.

            settings: The table; its options are the keyword arguments of the constructor that tune the connector.

            clock: Source of time.

            wire: Carries the requests instead of the network.

        Raises:
            ConfigurationError: No url, a credential of another kind, or an option that is none.
        """
        if settings.url is None:
            msg = f"{name}: Dynamics 365 needs an address"
            raise ConfigurationError(msg, hint=f'set url = "https://…" in [systems.{name}]')
        options = Options.checked(name, **settings.options)
        credential, user = credential_of(name, settings, clock=clock, wire=wire)
        return cls(
            settings.url,
            credential=credential,
            name=name,
            fields=DYNAMICS365_FIELDS.merged(settings.fields),
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            plan_only=settings.plan_only,
            deadline=settings.deadline,
            clock=clock,
            wire=wire,
            owns_credential=True,
            **({"user": user} | options.model_dump(exclude_unset=True)),
        )

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        closing = getattr(self._credential, "close", None)
        if closing is not None:
            closing()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """What works, by kind; the feed is ``watermark`` until the environment said that the table tracks changes."""
        return self._capabilities

    def fingerprint(self, kind: str) -> str:
        """Return a text that changes when the mapping of *kind* does."""
        options = self._options
        return f"{self.fields.fingerprint(kind)}:{options.currency}:{sorted(options.navigation.items())}"

    def _able(self) -> Mapping[str, Capabilities]:
        return MappingProxyType({kind: self._abilities(kind) for kind in self.fields if kind in self._codecs})

    def _abilities(self, kind: str) -> Capabilities:
        columns, options = self.fields[kind], self._options
        known = self._api.known(columns.table)
        tracked = options.change_tracking and known is not None and known.is_tracked
        return Capabilities(
            feed="delta" if tracked else "watermark",
            version_covers_fields=True,
            reports_deletions=tracked,
            writes=_MODES,
            create_guard="server-key",
            concurrency="precondition",
            max_batch=options.max_batch,
            parallel=options.parallel,
            find_fields=self._codecs[kind].find_fields & set(columns.columns),
        )

    # ------------------------------------------------------------------ check

    def check(self) -> SystemInfo:
        """
        Ask who we are, what we may do, and whether tables and columns of the mapping are there.

        Raises:
            AuthenticationError: The credentials are refused.
            PermissionDeniedError: The application is no user of the environment.
            ConnectorError: The environment cannot be reached, or is none.
        """
        answer = self._api.ask("WhoAmI")
        who = self._api.whole(answer)
        system_id, user_id = guid(who.get("OrganizationId")), guid(who.get("UserId"))
        if system_id is None or user_id is None:
            msg = "the answer does not say which organisation this is (WhoAmI)"
            raise ContractBrokenError(msg, hint="check the address of the environment", system=self.name)
        hint = answer.header("x-ms-dop-hint") or ""
        if hint.isdigit() and int(hint) > 0:
            self._gate.narrow(int(hint))
        missing = list(self._missing(user_id))
        feeds = {kind: self.supports(kind).feed for kind in self.capabilities}
        return SystemInfo(
            system_id=system_id,
            product=self.product,
            version=self._options.api_version,
            identity=user_id,
            missing=missing,
            next_step=f"in the environment, add {', '.join(missing)}" if missing else None,
            details={f"feed of {kind}": feed for kind, feed in feeds.items()} | ({"parallelism": hint} if hint else {}),
        )

    def _defined(self, tables: Sequence[str]) -> dict[str, Definition]:
        """Ask for the definitions of tables, once, and remember which of them track changes."""
        definitions = self._api.definitions(tables)
        self._capabilities = self._able()
        return definitions

    def _missing(self, user_id: str) -> Iterator[str]:
        tables = [self.fields[kind].table for kind in self.capabilities]
        definitions = self._defined(tables)
        granted = privileges_of(self._api, user_id)
        for kind in self.capabilities:
            columns, definition = self.fields[kind], definitions.get(self.fields[kind].table)
            if definition is None:
                yield f"table {columns.table}"
                continue
            if granted is not None:
                tracked = self.supports(kind).feed == "delta"
                yield from missing_rights(granted, definition, can_write=self._can_write, tracked=tracked)
            yield from missing_columns(self._api, columns)

    # ------------------------------------------------------------------ pull, decode

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records: all, or those changed and deleted since a cursor.

        Raises:
            ExpiredCursorError: The environment forgot the cursor, or the feed is another one now; pull without it.
            PaginationError: The pages repeat.
            ConnectorError: Anything else that the environment refused.
        """
        self.supports(kind)
        self._defined([self.fields[kind].table])
        feed = self.supports(kind).feed
        place = Place("delta" if feed == "delta" else "watermark", tracking=feed == "delta")
        if since is not None:
            place = Place.parse(since, self.name)
            if place.feed != feed:
                msg = f"changes of {kind} come by {feed} now"
                raise ExpiredCursorError(msg, hint="everything is read once more", system=self.name)
        return pages(
            self._api,
            self.fields[kind],
            place,
            options=self._options,
            is_scan=since is None,
            row=partial(self._row, kind),
            now=self._clock.now,
        )

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make a client or an opportunity of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the columns and no value.
        """
        self.supports(kind)
        hint: str | None = "correct it in the CRM"
        try:
            record = loads(row.body, exact=True) if isinstance(row.body, bytes) else row.body
            return self._codecs[kind].from_wire(record, self.fields, self.name)
        except ValidationError as exc:
            reason = reasons(exc, self.fields[kind])
        except RecordInvalidError as exc:
            reason, hint = exc.message, exc.hint
        except (NotJsonError, AttributeError, TypeError):
            reason = "it is no JSON object"
        # outside the handlers: the exceptions of parsers carry the values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        ref = Ref(self.name, kind, row.key)
        raise RecordInvalidError(msg, hint=hint, system=self.name, operation="decode", ref=ref)

    def _row(self, kind: str, record: Mapping[str, Any], match: str | None = None) -> Row:
        columns = self.fields[kind]
        key, version = guid(record.get(columns.key)), record.get(ETAG)
        if key is None:
            msg = f"a row of {columns.table} has no {columns.key}"
            raise ContractBrokenError(msg, hint="check table and key in the fields of the system", system=self.name)
        return Row(key, version if isinstance(version, str) else None, record, match)

    # ------------------------------------------------------------------ get, find

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id, many in one request; missing ones are absent.

        Raises:
            ConnectorError: The environment refused.
        """
        self.supports(kind)
        # what is no GUID is no id here; the nil GUID stands for it, so the question is asked all the same
        wanted = list(dict.fromkeys(guid(each) or _NOWHERE for each in ids))
        rows = (self._row(kind, record) for record in self._where(kind, self.fields[kind].key, wanted))
        found = {row.key: row for row in rows}
        return [found[key] for key in wanted if key in found]

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by ``create_key`` (the id of what it made), number, name or tax id.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: The environment refused.
        """
        can = self.supports(kind)
        if field == "create_key":
            asked = {guid(value) or value: value for value in values}
            return [row._replace(match=asked[row.key]) for row in self.get(kind, list(asked)) if row.key in asked]
        if field not in can.find_fields:
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by create_key, {', '.join(sorted(can.find_fields))}")
        wanted = [value for value in dict.fromkeys(values) if is_askable(value)]
        spelled = dict.fromkeys(text for value in wanted for text in spellings(field, value) if is_askable(text))
        found: dict[str, Row] = {}
        column = self.fields[kind].column(field)
        for record in self._where(kind, column, list(spelled)):
            match = answered(field, record.get(column), wanted)
            if match is not None:
                row = self._row(kind, record, match)
                found[row.key] = row
        return list(found.values())

    def _where(self, kind: str, column: str, values: Sequence[str]) -> Iterator[dict[str, Any]]:
        columns = self.fields[kind]
        for chunk in chunked(values):
            wanted = [uuid.UUID(value) for value in chunk] if column == columns.key else chunk
            yield from self._api.rows(query(columns.table, select=columns.select, filter=any_of(column, wanted)))

    # ------------------------------------------------------------------ write

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Send these writes in one request: one plainly, several as one ``$batch`` that goes on after a refusal.

        Raises:
            ConfigurationError: Too many writes, an unknown mode, or a change that names no record.
        """
        can = self.supports(kind)
        if len(writes) > can.max_batch:
            msg = f"{self.name} takes {can.max_batch} writes at once, not {len(writes)}"
            raise ConfigurationError(msg, hint="write them in smaller lists")
        outcomes: dict[int, Outcome] = {}
        operations: dict[int, Operation] = {}
        for position, write in enumerate(writes):
            if write.mode not in can.writes or (write.mode != "delete" and write.entity is None):
                msg = f"{self.name} cannot {write.mode} a {kind} like this"
                raise ConfigurationError(msg, hint=f"it can {', '.join(sorted(can.writes))}, with the entity to write")
            ref = target_of(write, kind, self.name)
            try:
                prepared = self._operation(kind, write, ref)
            except RejectedError as exc:
                exc.system, exc.operation, exc.ref = self.name, write.mode, ref
                outcomes[position] = NotApplied(exc)
            else:
                # an update that leaves nothing to send is as good as done
                outcomes[position] = Applied(ref, write.if_version)
                if prepared is not None:
                    operations[position] = prepared
        if operations:
            outcomes |= dict(zip(operations, self._writer.send(list(operations.values())), strict=True))
        return [outcomes[position] for position in range(len(writes))]

    def _operation(self, kind: str, write: Write, ref: Ref) -> Operation | None:
        columns, body = self.fields[kind], {}
        if write.entity is not None and write.mode != "delete":
            for name, target in write.entity.references().items():
                if name in write.fields and target.system != self.name:
                    msg = f"{name} points to a record of {target.system}, not of {self.name}"
                    raise RecordInvalidError(msg, hint="link the record of this environment")
            body = self._codecs[kind].to_wire(write.entity, write.fields, self.fields)
            if write.mode == "update" and not body:
                return None
        return operation(write, ref, columns, body, tag=self._options.tag)
