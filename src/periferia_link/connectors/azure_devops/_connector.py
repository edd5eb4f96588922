"""The connector of Azure DevOps: the five verbs over work items, their comments, and team projects."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.azure_devops._api import Api
from periferia_link.connectors.azure_devops._comments import interaction_from_wire
from periferia_link.connectors.azure_devops._discovery import discovered
from periferia_link.connectors.azure_devops._finding import Finder
from periferia_link.connectors.azure_devops._history import StateChange, state_changes
from periferia_link.connectors.azure_devops._items import DEVOPS_FIELDS, work_item_from_wire
from periferia_link.connectors.azure_devops._line import line_to
from periferia_link.connectors.azure_devops._nodes import Nodes, Structure
from periferia_link.connectors.azure_devops._options import SCOPE, Options
from periferia_link.connectors.azure_devops._plans import ACTIONS, Planner
from periferia_link.connectors.azure_devops._process import Processes
from periferia_link.connectors.azure_devops._projects import project_from_wire
from periferia_link.connectors.azure_devops._reading import Reader
from periferia_link.connectors.azure_devops._writes import Writes
from periferia_link.connectors.base import (
    Capabilities,
    Connector,
    Outcome,
    Page,
    Row,
    SystemInfo,
    Write,
)
from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError
from periferia_link.transport._credentials import BasicAuth, BearerAuth, Secret
from periferia_link.transport._json import NotJsonError, record_of
from periferia_link.transport._transport import Auth
from periferia_link.typing import Clock, TokenProvider, Wire

if TYPE_CHECKING:
    from pydantic import SecretStr, ValidationError

    from periferia_link.domain import Entity
    from periferia_link.settings import SystemSettings

__all__ = ["AzureDevOps"]

_DECODERS: dict[str, Callable[..., Entity]] = {
    "Interaction": interaction_from_wire,
    "Project": project_from_wire,
}
_BAD = (KeyError, TypeError, ValueError, AttributeError)


class AzureDevOps(Connector):
    """
    Work items, their comments (``Interaction``) and team projects of one organisation.

    Changes come by the reporting feeds, of revisions and of links, whose tokens are kept; how an item is now is read
    200 at a time. An update carries the revision that it was planned on. A new item carries a tag and a hyperlink
    with the key of its creation, by which it is found again when the answer was lost, also in the recycle bin.
    ``category`` is the neutral state: names of states differ between processes.

    Args:
        url: Address of the organisation, ``https://dev.azure.com/contoso``, or of a collection of the server.

        token: A personal access token; or

        credential: Any object with ``get_token(*scopes)``: :class:`~periferia_link.ClientSecret`, or one of
            azure-identity.

        name: Instance name.

        fields: Reference names of this organisation; :data:`DEVOPS_FIELDS` by default.

        user: Who signs in, where several identities talk to one organisation: limits are per identity.

        ca_file: Certificates of a private authority, PEM.

        proxy: Proxy to use.

        allow_private: The address may be one of an internal network.

        clock: Source of time.

        plan_only: Refuse every write; reads are the same.

        deadline: Seconds that a request may take.

        wire: Carries the requests instead of the network: an emulator in the same process.

        owns_credential: Close the credential together with the connector.

        options: ``project`` (only its items; where new ones go), ``types`` (only these), ``page_size`` and
            ``max_batch``, ``overlap`` (seconds before the first pull from which links are read), ``lookback`` (seconds
            in which a lost comment is looked for), ``settle`` (seconds that a lost request may still take effect),
            ``bin_depth`` (items of the recycle bin that are looked through), ``marker_field`` (a field of your own
            instead of the tag), ``marker_url`` (address of the hyperlink), ``markdown``, ``create_paths`` (make areas
            and iterations that are missing), ``bearer`` (the configured token is no PAT), ``bypass_rules``,
            ``suppress_notifications``, ``parallel``.

    Raises:
        ConfigurationError: Neither a token nor a credential, or both; or an option that is none.
    """

    product: ClassVar[str] = "Azure DevOps"

    def __init__(
        self,
        url: str,
        *,
        token: SecretStr | str | None = None,
        credential: TokenProvider | None = None,
        name: str = "devops",
        fields: FieldMap | None = None,
        user: str = "",
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        clock: Clock | None = None,
        plan_only: bool = False,
        deadline: float = 30.0,
        wire: Wire | None = None,
        owns_credential: bool = False,
        **options: Any,
    ) -> None:
        self.name = name
        self.fields = fields or DEVOPS_FIELDS
        # what depends on how an item is now is read first: that takes no longer than the write itself
        self.deadline = 2 * deadline
        self._options = told = Options.checked(name, **options)
        self._clock = clock or SystemClock()
        self._can_write = not plan_only
        self._credential = credential if owns_credential else None
        self._transport = line_to(
            url.rstrip("/"),
            system=name,
            clock=self._clock,
            auth=_auth(name, token, credential),
            user=user,
            parallel=told.parallel,
            wire=wire,
            ca_file=ca_file,
            proxy=proxy,
            allow_private=allow_private,
            plan_only=plan_only,
            deadline=deadline,
        )
        base = self._transport.base_url
        self._api = Api(self._transport, name, project=told.project)
        self._processes = Processes(self._api)
        self._nodes = Nodes(self._api)
        planner = Planner(self._api, self._processes, name=name, fields=self.fields, options=told, base_url=base)
        self._writes = Writes(
            self._transport,
            self._api,
            planner,
            self._nodes,
            name=name,
            options=told,
            clock=self._clock,
            is_renewable=credential is not None,
        )
        self._reader = Reader(self._api, self._processes, self.fields, options=told, clock=self._clock)
        self._finder = Finder(self._api, self._reader, self.fields, options=told, clock=self._clock)
        self._capabilities = self._able()

    @classmethod
    def configured(
        cls, name: str, settings: SystemSettings, *, clock: Clock | None = None, wire: Wire | None = None
    ) -> AzureDevOps:
        """
        Build the connector of one table ``[systems.…]`` of periferia.toml.

        Args:
            name: Instance name.

            settings: The table; its options are those of the constructor.

            clock: Source of time.

            wire: Carries the requests instead of the network.

        Raises:
            ConfigurationError: No url, a credential of another kind, or an option that is none.
        """
        if settings.url is None:
            msg = f"{name}: Azure DevOps needs an address"
            raise ConfigurationError(msg, hint=f'set url = "https://dev.azure.com/…" in [systems.{name}]')
        from periferia_link.connectors.azure_devops._settings import signing_in  # noqa: PLC0415 - a script needs none

        options = Options.checked(name, **settings.options)
        return cls(
            settings.url,
            name=name,
            fields=DEVOPS_FIELDS.merged(settings.fields),
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            plan_only=settings.plan_only,
            deadline=settings.deadline,
            clock=clock,
            wire=wire,
            owns_credential=True,
            **signing_in(name, settings, bearer=options.bearer, clock=clock, wire=wire),
            **settings.options,
        )

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        closing = getattr(self._credential, "close", None)
        if closing is not None:
            closing()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """Work items and comments to read and write, team projects to read."""
        return self._capabilities

    def _able(self) -> Mapping[str, Capabilities]:
        options = self._options
        columns = self.fields["WorkItem"].columns
        items = Capabilities(
            feed="delta",
            reports_deletions=True,
            writes=frozenset({"create", "update", "delete", "action"}),
            create_guard="marker",
            concurrency="precondition",
            max_batch=options.max_batch,
            parallel=options.parallel,
            settle_seconds=options.settle,
            volatile=frozenset({"_links", "url", "multilineFieldsFormat"}),
            find_fields=frozenset({"title", "external_ref"} & set(columns)),
        )
        comments = Capabilities(
            feed="watermark",
            writes=frozenset({"create", "update", "delete"}),
            create_guard="marker",
            parallel=options.parallel,
            settle_seconds=options.settle,
            volatile=frozenset({"url"}),
        )
        projects = Capabilities(feed="scan", parallel=options.parallel, find_fields=frozenset({"name"}))
        return MappingProxyType({"WorkItem": items, "Interaction": comments, "Project": projects})

    def fingerprint(self, kind: str) -> str:
        """Return a text that changes when the mapping of *kind* does."""
        return f"{self.fields.fingerprint(kind)}:{self._options.project}:{sorted(self._options.types)}"

    # ------------------------------------------------------------------ check

    def check(self) -> SystemInfo:
        """
        Ask who we are, which organisation this is, and whether the project may be read and written; writes nothing.

        Raises:
            AuthenticationError: The credentials are refused.
            ContractBrokenError: The address is no organisation.
            ConnectorError: The organisation cannot be reached, or is stopped.
        """
        told = self._api.ask("_apis/connectionData", operation="check", version="7.1-preview")
        system_id = told.get("instanceId") if isinstance(told, dict) else None
        if not isinstance(system_id, str) or not system_id:
            msg = "the answer does not say which organization this is (connectionData)"
            raise ContractBrokenError(msg, hint="the address ends with the organization", system=self.name)
        who = told.get("authenticatedUser") or {}
        missing = list(self._reader.missing(can_write=self._can_write))
        return SystemInfo(
            system_id=system_id,
            product=self.product,
            version="7.1",
            identity=str(who.get("id") or "") or None,
            missing=missing,
            next_step=f"give the identity: {', '.join(missing)}" if missing else None,
            details={"project": self._options.project or "all"},
        )

    # ------------------------------------------------------------------ pull, decode

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records: all, or those changed since a cursor. Links that came or went bring their items as well.

        Raises:
            ExpiredCursorError: The cursor is not one of ours, or the service forgot it; pull again without.
            PaginationError: A feed does not move on.
            ConnectorError: Anything else that the service refused.
        """
        self.supports(kind)
        return self._reader.pages(kind, since)

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make a work item, an interaction or a project of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the fields and no value.
        """
        self.supports(kind)
        try:
            record = record_of(row.body)
            if kind == "WorkItem":
                return work_item_from_wire(record, self.fields, self.name)
            return _DECODERS[kind](record, row.key, row.version, self.name)
        except _unfit() as exc:
            names = sorted({".".join(map(str, fault["loc"])) for fault in exc.errors(include_input=False)})
            reason = f"{', '.join(names) or 'the record'} does not fit"
        except NotJsonError:
            reason = "it is no JSON object"
        except RecordInvalidError as exc:
            reason = exc.message
        except _BAD:
            reason = "it is no record of that kind, or has a date or number that is none"
        # outside the handlers: the exceptions of parsers carry the values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        ref = Ref(self.name, kind, row.key)
        hint = "correct it in Azure DevOps"
        raise RecordInvalidError(msg, hint=hint, system=self.name, operation="decode", ref=ref)

    # ------------------------------------------------------------------ get, find, write

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id, many in one request; missing and deleted ones are absent.

        Raises:
            ConnectorError: The service refused.
        """
        self.supports(kind)
        return self._reader.get(kind, ids)

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by ``create_key`` (also those in the recycle bin: they are ``pending``), or by a natural key.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: The service refused.
        """
        can = self.supports(kind)
        is_ours = field == "create_key" and bool(can.writes)
        if not is_ours and field not in can.find_fields:
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by {', '.join(sorted(can.find_fields)) or 'create_key'}")
        wanted = [value for value in dict.fromkeys(values) if value and value.strip()]
        return self._finder.find(kind, field, wanted) if wanted else []

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Send these writes in one request: one plainly, several as one batch that goes on after a refusal.

        Actions of a work item: ``comment:TEXT``, ``tag:NAME``, ``untag:NAME``, ``link:RELATION:TARGET``,
        ``unlink:RELATION:TARGET``, ``restore``.

        Raises:
            ConfigurationError: Too many writes, an unknown mode or action, or a change that names no record.
        """
        can = self.supports(kind)
        if len(writes) > can.max_batch:
            msg = f"{self.name} takes {can.max_batch} writes of {kind} at once, not {len(writes)}"
            raise ConfigurationError(msg, hint="write them in smaller lists")
        for write in writes:
            self._check(kind, write, can)
        if not writes:
            return []
        return self._writes.items(writes) if kind == "WorkItem" else [self._writes.comment(writes[0])]

    def _check(self, kind: str, write: Write, can: Capabilities) -> None:
        needs_entity = write.mode in ("create", "update")
        has_entity = write.entity is not None and write.entity.kind() == kind
        if write.mode not in can.writes or (needs_entity and not has_entity):
            msg = f"{self.name} cannot {write.mode} a {kind} like this"
            raise ConfigurationError(msg, hint=f"it can {', '.join(sorted(can.writes)) or 'only read'}")
        if write.mode != "create" and (write.ref is None or write.ref.system != self.name):
            msg = f"{self.name}: the {write.mode} names no record of this system"
            raise ConfigurationError(msg, hint="give the ref that was read here")
        if write.mode == "action" and (write.action or "").partition(":")[0] not in _VERBS:
            msg = f"{self.name}: a work item has no action {(write.action or '').partition(':')[0]}"
            raise ConfigurationError(msg, hint=f"it has {', '.join(ACTIONS)}")

    # ------------------------------------------------------------------ beyond the five verbs

    def query(self, where: str = "") -> Iterator[str]:
        """
        Yield the ids of the items that meet a condition of WIQL, however many: they are read in windows.

        Write values with :func:`~periferia_link.connectors.azure_devops.literal`.

        Args:
            where: Such as ``[System.WorkItemType] = 'Bug'``.

        Raises:
            ConnectorError: The service refused.
        """
        return map(str, self._api.matching(self._finder.scoped(where)))

    def state_changes(self, item: str) -> list[StateChange]:
        """
        Return when an item went from which state to which, in order: what SLA clocks are computed from.

        Raises:
            ConnectorError: The service refused.
        """
        return state_changes(self._api, self._processes, item)

    def paths(self, structure: Structure, project: str | None = None) -> list[str]:
        """
        Return every area or iteration of a project, as paths.

        Raises:
            ConfigurationError: No project is named.
            ConnectorError: The service refused.
        """
        return self._nodes.paths(self._project(project), structure)

    def ensure_path(
        self,
        structure: Structure,
        path: str,
        *,
        project: str | None = None,
        starts: date | None = None,
        ends: date | None = None,
    ) -> list[str]:
        """
        Make an area or iteration and what is missing above it; return what was made.

        Raises:
            ConfigurationError: No project is named.
            WriteRefusedError: The connector is plan-only.
            ConnectorError: The service refused.
        """
        return self._nodes.ensure(self._project(project), structure, path, starts=starts, ends=ends)

    def discover(self, project: str | None = None) -> str:
        """
        Read types, states and fields of a project and write the table of periferia.toml that fits it.

        Raises:
            ConfigurationError: No project is named.
            ConnectorError: The service refused.
        """
        return discovered(self._api, self.name, self._project(project))

    def _project(self, told: str | None) -> str:
        project = told or self._options.project
        if not project:
            msg = f"{self.name}: which project?"
            raise ConfigurationError(msg, hint="name it, or set project in the options of the system")
        return project


@functools.cache
def _unfit() -> type[ValidationError]:
    """Return what a model raises; its library is loaded with the first model."""
    from pydantic import ValidationError  # noqa: PLC0415 - see above

    return ValidationError


_VERBS = frozenset(each.partition(":")[0] for each in ACTIONS)


def _auth(name: str, token: SecretStr | str | None, credential: TokenProvider | None) -> Auth:
    if token is not None and credential is None:
        return BasicAuth("", Secret(token) if isinstance(token, str) else token)
    if credential is not None and token is None:
        return BearerAuth(credential, SCOPE)
    msg = f"{name}: Azure DevOps needs either a personal access token or a credential"
    raise ConfigurationError(msg, hint='set kind = "static-token" or kind = "client-secret" in its table credential')
