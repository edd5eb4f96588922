"""The connector of Dynamics 365: the five verbs over the Dataverse Web API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.base import Applied, NotApplied, Outcome, Page, Row, SystemInfo, Write
from periferia_link.connectors.dynamics365._line import Line
from periferia_link.connectors.dynamics365._options import Options, credential_of
from periferia_link.connectors.dynamics365._queries import Queries
from periferia_link.connectors.dynamics365._scripts import Scripts
from periferia_link.connectors.dynamics365.kinds import DYNAMICS365_FIELDS
from periferia_link.connectors.dynamics365.kinds._columns import guid
from periferia_link.connectors.dynamics365.kinds._maps import SURVEY_COLUMNS, interaction_map
from periferia_link.connectors.dynamics365.reading._customer_voice import TABLES as BESIDE
from periferia_link.connectors.dynamics365.reading._rights import missing_columns, missing_rights, privileges_of
from periferia_link.connectors.dynamics365.writing._bulk import MESSAGES
from periferia_link.connectors.dynamics365.writing._requests import Operation, creator, marker, operation, target_of
from periferia_link.connectors.dynamics365.writing._sender import BulkTable
from periferia_link.domain import Ref
from periferia_link.errors import (
    ConfigurationError,
    ConnectorError,
    ContractBrokenError,
    RecordInvalidError,
    RejectedError,
)
from periferia_link.typing import Clock, Wire

if TYPE_CHECKING:
    from periferia_link.domain import Entity
    from periferia_link.settings import SystemSettings

__all__ = ["Dynamics365"]

_ALWAYS_CHECKED = ("Client", "Opportunity")


class Dynamics365(Queries, Scripts, Line):
    """
    One Dynamics 365 environment: clients, contacts, leads, deals, tickets, interactions and tables of one's own.

    Changes come by change tracking where the table has it switched on, with deletions; elsewhere by ``modifiedon``
    with an overlap. A record is created under the id that the engine chose, so it can never be made twice; an update
    carries the version that it was planned on.

    Args:
        url: Address of the environment, ``https://contoso.crm.dynamics.com``.

        credential: Any object with ``get_token(*scopes)``: :class:`~periferia_link.ClientSecret`, or one of
            azure-identity.

        name: Instance name.

        fields: Columns of this installation; :data:`DYNAMICS365_FIELDS` by default.

        ca_file: Certificates of a private authority, PEM.

        proxy: Proxy to use.

        allow_private: The address may be one of an internal network.

        clock: Source of time.

        plan_only: Refuse every write; reads are the same.

        deadline: Seconds that a request may take.

        wire: Carries the requests instead of the network: an emulator in the same process.

        owns_credential: Close the credential together with the connector.

        options: Everything that tunes it, as in the table ``options`` of periferia.toml; see
            :class:`~periferia_link.connectors.dynamics365.Options`.
    """

    product: ClassVar[str] = "Dynamics 365"

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
        Options.checked(name, **settings.options)
        credential, user = credential_of(name, settings, clock=clock, wire=wire)
        return cls(
            settings.url,
            credential=credential,
            name=name,
            fields=DYNAMICS365_FIELDS.merged(settings.fields, own_kinds=True),
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            plan_only=settings.plan_only,
            deadline=settings.deadline,
            clock=clock,
            wire=wire,
            owns_credential=True,
            **({"user": user} | dict(settings.options)),
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
        self._pace.hint(hint)
        self._api.look_again()
        missing = list(self._missing(user_id))
        self._look_up_messages()
        feeds = {kind: self.supports(kind).feed for kind in self._options.kinds or _ALWAYS_CHECKED}
        return SystemInfo(
            system_id=system_id,
            product=self.product,
            version=self._options.api_version,
            identity=user_id,
            missing=missing,
            next_step=f"in the environment, add {', '.join(missing)}" if missing else None,
            details={f"feed of {kind}": feed for kind, feed in feeds.items()} | ({"parallelism": hint} if hint else {}),
        )

    def _missing(self, user_id: str) -> Iterator[str]:
        definitions = self._defined()
        granted = privileges_of(self._api, user_id)
        for kind in self._options.kinds or _ALWAYS_CHECKED:
            self.supports(kind)
            columns, definition = self.fields[kind], definitions.get(self.fields[kind].table)
            if definition is None:
                yield f"table {columns.table}"
                continue
            if granted is not None:
                tracked = self._feed(kind) == "delta"
                can_write = self._can_write and bool(self.supports(kind).writes)
                yield from missing_rights(self._api, granted, definition, can_write=can_write, tracked=tracked)
            yield from missing_columns(self._api, columns)
            if columns.table == SURVEY_COLUMNS.table:
                beside = self._api.definitions(BESIDE)
                for table in BESIDE:
                    if table not in beside:
                        yield f"table {table}"
                    elif granted is not None:
                        yield from missing_rights(self._api, granted, beside[table], can_write=False, tracked=False)

    def _look_up_messages(self) -> None:
        """Find out which of the tables take bulk messages: the first one of a run need not wait for that."""
        options, kinds = self._options, self._options.kinds or _ALWAYS_CHECKED
        if not self._can_write or options.max_batch < options.bulk_from:
            return
        for mode, message in MESSAGES.items():
            asked = [kind for kind in kinds if mode in self.supports(kind).writes]
            known = [
                self._api.known(self.fields[kind].table)
                for kind in asked
                if mode == "create" or kind in options.sole_owner
            ]
            self._messages.look_up(
                [each.logical_name for each in known if each is not None and not each.is_elastic], message
            )

    # ------------------------------------------------------------------ pull, decode, get, find

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records: all, or those changed and deleted since a cursor.

        Source: "Use change tracking to synchronize data with external systems" and "Page results" of the Web API.

        Raises:
            ExpiredCursorError: The environment forgot the cursor, or the feed is another one now; pull without it.
            PaginationError: The pages repeat.
            ConnectorError: Anything else that the environment refused.
        """
        self.supports(kind)
        self._defined()
        return self._reader.pull({name: self._feed(name) for name in self._maps(kind)}, since)

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make an entity of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the columns and no value.
        """
        names = self._names.get(kind)
        if names is None:
            self.supports(kind)
        return self._reader.decode(kind, names or (kind,), row)

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id, many in one request; missing ones are absent.

        Raises:
            ConnectorError: The environment refused.
        """
        self.supports(kind)
        return self._reader.get(kind, self._names[kind], ids)

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by ``create_key`` (the id of what it made), number, name, e-mail or tax id.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: The environment refused.
        """
        can = self.supports(kind)
        if len(self._names[kind]) > 1:
            self._defined()
        if field == "create_key":
            return self._reader.created(self._maps(kind), values)
        if field not in can.find_fields:
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by create_key, {', '.join(sorted(can.find_fields))}")
        return self._reader.find(self._maps(kind), field, values)

    # ------------------------------------------------------------------ write

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Send these writes in one request: one plainly, several as one ``$batch`` that goes on after a refusal.

        Source: "Execute batch operations using the Web API" and "Perform conditional operations using the Web API".

        Raises:
            ConfigurationError: Too many writes, an unknown mode, or a change that names no record.
        """
        return self._prepare(kind, writes)()

    def prepare(self, kind: str, writes: Sequence[Write]) -> Callable[[], list[Outcome]]:
        """
        Write the request down; what is returned sends it and does what :meth:`write` says.

        Raises:
            ConfigurationError: As :meth:`write`.
        """
        if type(self).write is not Dynamics365.write:
            return super().prepare(kind, writes)  # a connector made of this one writes in a way of its own
        return self._prepare(kind, writes)

    def _prepare(self, kind: str, writes: Sequence[Write]) -> Callable[[], list[Outcome]]:
        can = self.supports(kind)
        if len(writes) > can.max_batch:
            msg = f"{self.name} takes {can.max_batch} writes at once, not {len(writes)}"
            raise ConfigurationError(msg, hint="write them in smaller lists")
        try:
            if len(self._names[kind]) > 1 and writes:
                self._defined()
        except ConnectorError as exc:
            refused: list[Outcome] = [NotApplied(exc, exc.retry_after)] * len(writes)
            return lambda: refused
        settled: dict[int, Outcome] = {}
        operations: list[Operation] = []
        made: dict[str, Callable[[Write, Ref], Operation | None]] = {}
        names, modes, system = self._names[kind], can.writes, self.name
        for position, write in enumerate(writes):
            mode = write.mode
            if mode not in modes or (write.entity is None and mode in ("create", "update")):
                msg = f"{system} cannot {mode} a {kind} like this"
                raise ConfigurationError(msg, hint=f"it can {', '.join(sorted(modes))}, with the entity to write")
            name = kind if len(names) == 1 else self._map_of(kind, write)
            ref = target_of(write, kind, system, table=self.fields[name].table if "." in name else "")
            make = made.get(name) or made.setdefault(name, self._operations(name))
            try:
                prepared = make(write, ref)
            except RejectedError as exc:
                exc.system, exc.operation, exc.ref = system, mode, ref
                settled[position] = NotApplied(exc)
            else:
                if prepared is None:
                    # an update that leaves nothing to send is as good as done
                    settled[position] = Applied(ref, write.if_version)
                else:
                    operations.append(prepared)
        return partial(self._send, kind, operations, settled)

    def _send(self, kind: str, operations: list[Operation], settled: Mapping[int, Outcome]) -> list[Outcome]:
        told = self._writer.send(operations, self._bulk_table(kind, operations)) if operations else []
        if not settled:
            return told
        rest = iter(told)
        every = range(len(told) + len(settled))
        return [settled[position] if position in settled else next(rest) for position in every]

    def _bulk_table(self, kind: str, operations: Sequence[Operation]) -> BulkTable | None:
        """Return where a bulk message may be used: many creates, or updates of what nobody else writes."""
        options, mode = self._options, operations[0].write.mode
        if len(operations) < options.bulk_from or not (mode == "create" or kind in options.sole_owner):
            return None
        names = {kind}
        if len(self._names[kind]) > 1:
            names = {self._map_of(kind, each.write) for each in operations}
        columns = self.fields[names.pop()]
        known = self._api.known(columns.table)
        if names or known is None or known.is_elastic:
            return None
        return BulkTable(columns.table, columns.key, known.logical_name, marker(options.tag))

    def _map_of(self, kind: str, write: Write) -> str:
        """Return the map of the table that a write goes to: a new interaction's channel decides, an old one's key."""
        names = self._names[kind]
        if len(names) == 1:
            return kind
        if write.mode == "create":
            return interaction_map(getattr(write.entity, "channel", ""), self._maps(kind))
        return self._reader.placed(kind, write.ref.id, names)[0] if write.ref is not None else kind

    def _operations(self, name: str) -> Callable[[Write, Ref], Operation | None]:
        """Return what makes the requests of writes to one table: what is the same for all is looked up once."""
        columns, codec, terms, options = self.fields[name], self._codecs[name], self._reader.terms, self._options
        known: dict[tuple[type[Entity], frozenset[str]], tuple[Callable[[Entity], dict[str, Any]] | None, bool]] = {}
        create = creator(columns, tag=options.tag)

        def made(write: Write, ref: Ref) -> Operation | None:
            entity, names = write.entity, write.fields
            if entity is None or write.mode not in ("create", "update"):
                return operation(write, ref, columns, {}, tag=options.tag)
            found = known.get((type(entity), names))
            if found is None:
                points = not names.isdisjoint(entity.reference_fields())
                found = known[type(entity), names] = codec.encoder(names, self.fields, terms), points
            encode, points = found
            if points:
                self._check_references(entity, names)
            body = {} if encode is None else encode(entity)
            if write.mode == "create":
                if options.backdate and encode is not None:
                    body |= _backdated(write, columns)
                return create(write, ref, body)
            if write.mode == "update" and encode is not None and not body:
                return None
            return operation(write, ref, columns, body, tag=options.tag)

        return made

    def _check_references(self, entity: Entity, names: frozenset[str]) -> None:
        for field, target in entity.references().items():
            if field in names and target.system != self.name:
                msg = f"{field} points to a record of {target.system}, not of {self.name}"
                raise RecordInvalidError(msg, hint="link the record of this environment")


def _backdated(write: Write, columns: KindMap) -> dict[str, str]:
    """Return what makes a new record as old as it says: a column that only creations have."""
    for field, column in columns.columns.items():
        moment = getattr(write.entity, field, None) if column == "createdon" and field in write.fields else None
        if moment is not None:
            return {"overriddencreatedon": moment.isoformat().replace("+00:00", "Z")}
    return {}
