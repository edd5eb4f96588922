"""
The connector of every help desk: five verbs over what a profile says.

Source: the profile; each names the pages it was made from (``source``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import SecretStr

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.base import (
    Capabilities,
    Connector,
    NotApplied,
    Outcome,
    Page,
    Row,
    SystemInfo,
    Write,
)
from periferia_link.connectors.ticketing._reading import Reader
from periferia_link.connectors.ticketing._records import Records, UnreadableError
from periferia_link.connectors.ticketing._requests import Line
from periferia_link.connectors.ticketing._signing_in import Credentials, auth_for
from periferia_link.connectors.ticketing._who import installation
from periferia_link.connectors.ticketing._writing import Writer
from periferia_link.connectors.ticketing.catalogue import load_profile
from periferia_link.connectors.ticketing.hooks import TicketHooks
from periferia_link.connectors.ticketing.profile import KindRules, TicketProfile
from periferia_link.domain import Entity, Ref
from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError, WriteRefusedError
from periferia_link.settings import ApiKeySettings, LoginSettings, StaticTokenSettings, SystemSettings
from periferia_link.transport._json import NotJsonError, record_of
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Wire

__all__ = ["Ticketing", "fields_of"]

_OPTIONS = {"page_size": 1, "overlap": 0}  # and the smallest value of each


class Ticketing(Connector):
    """
    A help desk by its profile: whatever kinds the profile names, to read and, where it says so, to write.

    Args:
        url: Address of the server; the profile knows what follows it.

        profile: Name of one that is shipped, path of a file, or a :class:`TicketProfile`.

        token: A token; or

        username: Name of a service account, with its

        password: Password; or

        key: A key that travels in

        key_header: This header.

        name: Instance name.

        fields: Paths of this installation, where they differ from the profile's.

        hooks: What the profile cannot say.

        options: Values for ``{option.NAME}`` in the headers of the profile.

        page_size: Records asked for at once, instead of what the profile says.

        overlap: Seconds before the latest change that every pull reads again, instead of what the profile says.

        ca_file: Certificates of a private authority, PEM.

        proxy: Proxy to use.

        allow_private: The address may be one of an internal network.

        clock: Source of time.

        plan_only: Refuse every write; reads are the same.

        deadline: Seconds that a request may take.

        wire: Carries the requests instead of the network: an emulator in the same process.

    Raises:
        ConfigurationError: The profile cannot be read, or the server takes another kind of credential.
    """

    product: ClassVar[str] = "Ticketing"
    default_profile: ClassVar[str | None] = None
    """Profile of a preset; its settings need not name one."""

    def __init__(
        self,
        url: str,
        *,
        profile: str | Path | TicketProfile | None = None,
        token: SecretStr | None = None,
        username: str | None = None,
        password: SecretStr | None = None,
        key: SecretStr | None = None,
        key_header: str = "X-Api-Key",
        name: str = "helpdesk",
        fields: FieldMap | None = None,
        hooks: TicketHooks | None = None,
        options: Mapping[str, str] | None = None,
        page_size: int | None = None,
        overlap: float | None = None,
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        clock: Clock | None = None,
        plan_only: bool = False,
        deadline: float = 30.0,
        wire: Wire | None = None,
    ) -> None:
        self.name = name
        self.profile = _profile(profile or self.default_profile)
        self.fields = fields or fields_of(self.profile)
        self._hooks = hooks or TicketHooks()
        self._clock = clock or SystemClock()
        self._plan_only = plan_only
        self._username = username or ""
        self._line: dict[str, Any] = {
            "system": name,
            "clock": self._clock,
            "ca_file": ca_file,
            "proxy": proxy,
            "allow_private": allow_private,
            "deadline": deadline,
            "wire": wire,
        }
        self._open: list[Transport] = []
        self._url = url
        given = Credentials(token=token, username=username, password=password, key=key, key_header=key_header)
        title = self.profile.title
        auth = auth_for(given, self.profile.auth, system=name, title=title, line=self._to)
        transport = self._to(auth=auth, plan_only=plan_only)
        self._server = Line(transport, self.profile, name, options or {})
        # a write may read before it sends: the engine waits for both before it looks for a lost create
        self.deadline = deadline * (2 if any(rules.write.modes for rules in self.profile.kinds.values()) else 1)
        self._patience = self.deadline - deadline
        self._build(page_size, overlap)

    def _build(self, page_size: int | None, overlap: float | None) -> None:
        self._records: dict[str, Records] = {}
        self._readers: dict[str, Reader] = {}
        self._writers: dict[str, Writer] = {}
        kinds = self.profile.kinds
        for kind in sorted(kinds, key=lambda each: kinds[each].under is not None):
            shaped = None if type(self._hooks) is TicketHooks else _shaping(self._hooks, kind)
            records = Records(kind, self.profile, self.fields[kind], shaped=shaped)
            above = kinds[kind].under
            reader = Reader(
                self._server,
                records,
                parent=self._readers[above] if above else None,
                clock=self._clock,
                page_size=page_size,
                overlap=overlap,
            )
            self._records[kind], self._readers[kind] = records, reader
            self._writers[kind] = Writer(
                self._server,
                records,
                reader,
                hooks=self._hooks,
                clock=self._clock,
                patience=self._patience,
                entity_of=lambda row, kind=kind: self.decode(kind, row),  # type: ignore[misc]
            )
        self._capabilities = MappingProxyType({kind: _abilities(kinds[kind], self._readers[kind]) for kind in kinds})

    @classmethod
    def configured(
        cls, name: str, settings: SystemSettings, *, clock: Clock | None = None, wire: Wire | None = None
    ) -> Ticketing:
        """
        Build the connector of one table ``[systems.…]`` of periferia.toml.

        Args:
            name: Instance name.

            settings: The table; its options may be ``profile`` (a name, or the path of a file), ``page_size``,
                ``overlap`` (seconds) and whatever the headers of the profile ask for.

            clock: Source of time.

            wire: Carries the requests instead of the network.

        Raises:
            ConfigurationError: No url, a credential of another kind, or an option that is none.
        """
        title = cls.product
        if settings.url is None:
            msg = f"{name}: {title} needs an address"
            raise ConfigurationError(msg, hint=f'set url = "https://…" in [systems.{name}]')
        options = dict(settings.options)
        profile = _profile(_chosen_profile(name, options, cls.default_profile))
        credential = settings.credential
        signing_in: dict[str, Any] = {}
        if isinstance(credential, StaticTokenSettings):
            signing_in = {"token": credential.token}
        elif isinstance(credential, LoginSettings):
            signing_in = {"username": credential.username, "password": credential.password}
        elif isinstance(credential, ApiKeySettings):
            signing_in = {"key": credential.key, "key_header": credential.header}
        return cls(
            settings.url,
            profile=profile,
            name=name,
            fields=fields_of(profile).merged(settings.fields),
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            plan_only=settings.plan_only,
            deadline=settings.deadline,
            clock=clock,
            wire=wire,
            **signing_in,
            **_options(name, title, options, profile),
        )

    def _to(self, **options: Any) -> Transport:
        root = self.profile.root.strip("/")
        transport = Transport(f"{self._url.rstrip('/')}/{root}{'/' if root else ''}", **self._line, **options)
        self._open.append(transport)
        return transport

    def close(self) -> None:
        """Close the connections."""
        for transport in self._open:
            transport.close()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """What the profile says of each kind."""
        return self._capabilities

    def fingerprint(self, kind: str) -> str:
        """Return a text that changes when the mapping of *kind* does."""
        self.supports(kind)
        rules = self.profile.kinds[kind]
        words = {name: self.profile.map[name].model_dump_json() for name in sorted(self.profile.map)}
        told = rules.model_dump_json(include={"fields", "custom", "events", "where", "nested"})
        return f"{self.fields.fingerprint(kind)}|{told}|{words}|{self.profile.times.model_dump_json()}"

    def reader(self, kind: str) -> Reader:
        """
        Return what reads *kind* page by page, for a look at the server itself (see :mod:`checking`).

        Raises:
            ConfigurationError: The profile does not know the kind.
        """
        self.supports(kind)
        return self._readers[kind]

    # ------------------------------------------------------------------ check

    def check(self) -> SystemInfo:
        """
        Ask who we are, and whether the server filters by time of change at all.

        Raises:
            AuthenticationError: The credentials are refused, or the server takes us for nobody.
            ContractBrokenError: The server is another one than the profile describes, or it ignores the filter.
            TransientError: The server cannot be reached now.
        """
        info = installation(self._server, product=self._shown_product(), username=self._username)
        probed = set()
        for kind, rules in self.profile.kinds.items():
            is_readable = rules.right is None or rules.right not in (*info.missing, *info.details)
            table = self.fields[kind].table
            if is_readable and self._readers[kind].feeds_changes and table not in probed:
                probed.add(table)
                self._probe_filter(kind)
        if not any(reader.feeds_changes for reader in self._readers.values()) and self.profile.auth.who is None:
            next(iter(self._readers.values())).first_page(1)  # proves that we are let in
        return info

    def _shown_product(self) -> str:
        return self.product if self.default_profile else self.profile.title

    def _probe_filter(self, kind: str) -> None:
        # a server that ignores what it does not know answers with every record, at every pull
        if self._readers[kind].newer_than_any():
            msg = f"the server ignores {self.profile.kinds[kind].since.param} on {self.fields[kind].table}"
            raise ContractBrokenError(msg, hint=self._server.advice, system=self.name)

    # ------------------------------------------------------------------ pull, decode

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records, all of them or by time of change; tombstones are among ``deleted``.

        Raises:
            ExpiredCursorError: The server keeps no deletions as old as the cursor, or it is not ours; pull without.
            PaginationError: The server hands out a page for the second time.
            ConnectorError: Anything else that the server refused.
        """
        self.supports(kind)
        return self._readers[kind].pull(since)

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make the entity of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the columns and no value.
        """
        self.supports(kind)
        try:
            return self._records[kind].entity(record_of(row.body), self.name)
        except NotJsonError:
            reason = "it is no JSON object"
        except UnreadableError as exc:
            reason = str(exc)
        except RecordInvalidError as exc:
            reason = exc.message
        # outside the handler: the exceptions of parsers carry the values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        ref = Ref(self.name, kind, row.key)
        hint = f"correct it in {self._shown_product()}, or its words in the profile"
        raise RecordInvalidError(msg, hint=hint, system=self.name, operation="decode", ref=ref)

    # ------------------------------------------------------------------ get, find, write

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id; missing and deleted ones are absent.

        Raises:
            ConnectorError: The server refused.
        """
        self.supports(kind)
        return self._readers[kind].get(ids)

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a natural key, or by ``create_key``.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: The server refused.
        """
        self.supports(kind)
        return self._readers[kind].find(field, values)

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Send one record.

        Raises:
            ConfigurationError: The profile does not let this kind be written like that, or there are several writes.
        """
        can = self.supports(kind)
        if not writes:
            return []
        if len(writes) > can.max_batch:
            msg = f"{self._shown_product()} takes {can.max_batch} write in one request, not {len(writes)}"
            raise ConfigurationError(msg, hint="send them one by one")
        write = writes[0]
        if write.mode not in can.writes:
            word = "read-only" if not can.writes else f"never changed by {write.mode}"
            msg = f"{kind} is {word} in {self._shown_product()}"
            raise ConfigurationError(msg, hint="make it the source of a flow, not the target")
        if self._plan_only:
            msg = "the system is configured plan-only, nothing was sent"
            return [NotApplied(WriteRefusedError(msg, hint="remove plan_only to allow writes", system=self.name))]
        return [self._writers[kind].send(write)]


def fields_of(profile: TicketProfile) -> FieldMap:
    """Return where a profile finds each field, as a map that periferia.toml may change."""
    kinds = {}
    for kind, rules in profile.kinds.items():
        columns = {name: field.paths[0] for name, field in rules.fields.items() if field.const is None}
        kinds[kind] = KindMap(rules.path, rules.key, columns)
    return FieldMap(kinds)


def _abilities(rules: KindRules, reader: Reader) -> Capabilities:
    write = rules.write
    guard = "none" if write.reference is None else "marker"
    if write.reference is not None and (write.once == "key-header" or write.is_unique):
        guard = "server-key"
    return Capabilities(
        feed="watermark" if reader.feeds_changes else "scan",
        version_covers_fields=rules.version is not None,
        reports_deletions=reader.feeds_changes and rules.deleted is not None,
        writes=frozenset(write.modes),
        create_guard=guard if "create" in write.modes else "none",  # type: ignore[arg-type]
        concurrency="compare" if write.if_match == "none" else "precondition",
        parallel=4,
        settle_seconds=write.settle if "create" in write.modes else 0.0,
        volatile=frozenset(rules.volatile),
        find_fields=frozenset(rules.find),
    )


def _shaping(hooks: TicketHooks, kind: str) -> Any:
    return lambda row: hooks.row(kind, row)


def _profile(profile: str | Path | TicketProfile | None) -> TicketProfile:
    if profile is None:
        msg = "a help desk needs a profile"
        raise ConfigurationError(msg, hint='give profile="…": a shipped one or the path of a file')
    return profile if isinstance(profile, TicketProfile) else load_profile(profile)


def _chosen_profile(name: str, options: dict[str, Any], default: str | None) -> str:
    if default is not None:
        return default
    chosen = options.pop("profile", None)
    if not isinstance(chosen, str) or not chosen:
        msg = f"{name}: the option profile is missing"
        raise ConfigurationError(msg, hint=f'set profile = "…" in [systems.{name}.options]')
    return chosen


def _options(name: str, title: str, options: Mapping[str, Any], profile: TicketProfile) -> dict[str, Any]:
    """Check what stands in the table ``options``."""
    texts = " ".join(text for group in profile.headers.values() for text in group.values())
    found: dict[str, Any] = {"options": {}}
    for option, value in options.items():
        if f"{{option.{option}}}" in texts:
            found["options"][option] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        elif option not in _OPTIONS:
            msg = f"{name}: {title} has no option {option}"
            raise ConfigurationError(msg, hint=f"it has {', '.join(_OPTIONS)}")
        elif isinstance(value, bool) or not isinstance(value, int) or value < _OPTIONS[option]:
            msg = f"{name}: the option {option} is a whole number from {_OPTIONS[option]}"
            raise ConfigurationError(msg, hint=f"correct it in [systems.{name}.options]")
        else:
            found[option] = value
    return found
