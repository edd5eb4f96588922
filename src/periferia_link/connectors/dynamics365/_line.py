"""What everything that asks an environment shares: options, transport, definitions, feeds of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Capabilities, Connector, Mode
from periferia_link.connectors.dynamics365._options import Options
from periferia_link.connectors.dynamics365._pace import Pace
from periferia_link.connectors.dynamics365.kinds import DYNAMICS365_FIELDS, codec_of, maps_of
from periferia_link.connectors.dynamics365.kinds._maps import with_invitations
from periferia_link.connectors.dynamics365.reading._metadata import Metadata
from periferia_link.connectors.dynamics365.reading._reader import Reader
from periferia_link.connectors.dynamics365.reading._web_api import Definition, WebApi
from periferia_link.connectors.dynamics365.writing._bulk import Messages
from periferia_link.connectors.dynamics365.writing._sender import Writer
from periferia_link.transport._credentials import BearerAuth
from periferia_link.transport._pacing import gate_for
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, TokenProvider, Wire

__all__ = ["Line"]

_MODES: frozenset[Mode] = frozenset({"create", "update", "delete", "action"})
_EVERY_REQUEST = {
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    # the word itself: it keeps caches from answering (compose-http-requests-handle-errors.md)
    "If-None-Match": "null",
}


class Line(Connector):
    """The line to one environment; its arguments are those of ``Dynamics365``."""

    def __init__(
        self,
        url: str,
        *,
        credential: TokenProvider,
        name: str = "crm",
        fields: FieldMap | None = None,
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
        self.fields = with_invitations(fields or DYNAMICS365_FIELDS)
        self.deadline = deadline
        self._options = told = Options.checked(name, **options)
        self._clock = clock or SystemClock()
        self._names = {kind: maps_of(kind, self.fields) for kind in self.fields if "." not in kind}
        self._codecs = {kind: codec_of(kind, self.fields) for kind in self.fields}
        self._can_write = not plan_only
        base = url.rstrip("/")
        gate = gate_for((base, told.user), self._clock, told.parallel)
        self._pace = Pace(gate, told.parallel)
        self._transport = Transport(
            f"{base}/api/data/{told.api_version}",
            system=name,
            clock=self._clock,
            auth=BearerAuth(credential, f"{base}/.default"),
            gate=gate,
            ca_file=ca_file,
            proxy=proxy,
            allow_private=allow_private,
            deadline=deadline,
            pool=told.parallel,
            plan_only=plan_only,
            headers=_EVERY_REQUEST | ({"CallerObjectId": told.caller_id} if told.caller_id else {}),
            wire=wire,
            heard=self._pace.heard,
        )
        self._api = WebApi(self._transport, name, session=lambda: self._pace.session)
        self._metadata = Metadata(self._api)
        self._reader = Reader(self._api, self.fields, self._codecs, told, self._clock.now)
        self._messages = Messages(self._api)
        self._writer = Writer(self._transport, name, self._clock, messages=self._messages, headers=told.write_headers)
        self._defined_tables = -1
        self._uneven: set[str] = set()  # tables whose ids do not fall evenly into ranges
        self._capabilities = self._able()
        self._credential = credential if owns_credential else None

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
        told = [self.fields.fingerprint(name) for name in self._names.get(kind, (kind,))]
        return f"{':'.join(told)}:{options.currency}:{sorted(options.navigation.items())}{':labels' * options.labels}"

    # ------------------------------------------------------------------ what the tables can do

    def _defined(self) -> dict[str, Definition]:
        """Ask for the definitions of the tables, once, and remember which of them track changes."""
        definitions = self._api.definitions([each.table for each in self.fields.values()])
        if len(definitions) != self._defined_tables:
            self._defined_tables = len(definitions)
            self._capabilities = self._able()
            names = {table: definition.logical_name for table, definition in definitions.items()}
            terms = replace(self._reader.terms, logical_names=names)
            self._reader.terms = replace(terms, relations=self._metadata.relations(self._own_lookups(), names))
        return definitions

    def _own_lookups(self) -> Iterator[tuple[str, str]]:
        """List the lookups whose navigation property only the environment knows: (entity set, column)."""
        for columns in self.fields.values():
            for column in columns.columns.values():
                is_own = column.startswith("_") and "_" in column[1:].removesuffix("_value")
                if is_own and column not in self._options.navigation:
                    yield columns.table, column

    def _able(self) -> Mapping[str, Capabilities]:
        return MappingProxyType({kind: self._abilities(kind) for kind in self._names})

    def _abilities(self, kind: str) -> Capabilities:
        options = self._options
        tracked = all(self._feed(name) == "delta" for name in self._maps(kind))
        found = [self._codecs[name].find_fields & set(self.fields[name].columns) for name in self._names[kind]]
        return Capabilities(
            feed="delta" if tracked else "watermark",
            version_covers_fields=True,
            reports_deletions=tracked,
            writes=_MODES if self._codecs[kind].is_written else frozenset(),
            create_guard="server-key",
            concurrency="precondition",
            max_batch=options.max_batch,
            parallel=options.parallel,
            find_fields=frozenset().union(*found),
        )

    def _maps(self, kind: str) -> tuple[str, ...]:
        """Return the maps of a kind whose tables the environment has; its own in any case."""
        first, *others = self._names[kind]
        return (first, *(name for name in others if self._api.known(self.fields[name].table) is not None))

    def _feed(self, name: str) -> Literal["delta", "watermark"]:
        known = self._api.known(self.fields[name].table)
        is_tracked = self._options.change_tracking and known is not None and known.is_tracked
        return "delta" if is_tracked else "watermark"
