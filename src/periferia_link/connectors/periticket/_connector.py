"""
The connector of Periticket: reads only, by time of change.

Source: docs/reference/periticket-contract.md, an assumed contract: the API of Periticket is not public.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from pydantic import SecretStr, ValidationError

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Capabilities, Connector, Outcome, Page, Row, SystemInfo, Write
from periferia_link.connectors.periticket._feed import Place
from periferia_link.connectors.periticket._login import Login
from periferia_link.connectors.periticket._wire import DECODERS, PERITICKET_FIELDS, key_of, reasons, version_of
from periferia_link.domain import Entity, Ref
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    ExpiredCursorError,
    PaginationError,
    PermissionDeniedError,
    RecordInvalidError,
)
from periferia_link.settings import LoginSettings, StaticTokenSettings, SystemSettings
from periferia_link.transport._auth import BearerAuth, StaticToken
from periferia_link.transport._http import Auth, Transport
from periferia_link.transport._json import NotJsonError, loads, rows_of
from periferia_link.typing import Clock, Response, Wire

__all__ = ["Periticket"]

_CAPABILITIES = MappingProxyType(
    {
        "TimeEntry": Capabilities(feed="watermark", version_covers_fields=True, reports_deletions=True, parallel=4),
        "Employee": Capabilities(
            feed="watermark", version_covers_fields=True, parallel=4, find_fields=frozenset({"code"})
        ),
    }
)
_CONTRACT = "docs/reference/periticket-contract.md"
_RIGHTS = {"TimeEntry": "worklogs:read", "Employee": "people:read"}
_OPTIONS = {"page_size": 1, "overlap": 0}  # and the smallest value of each
_AT_ONCE = 50  # values in one query: keeps the URL of ids of 40 characters below 4 kB


class Periticket(Connector):
    """
    Work logs (``TimeEntry``) and people (``Employee``), both to read.

    A work log names its person by Periticket's own id: ``TimeEntry.person`` is the id of an ``Employee`` here, and
    the ``code`` of that employee is the number that the other systems use. Changes come by ``updated_since`` with an
    overlap, deletions of work logs as tombstones.

    Args:
        url: Address of the server, without ``/api/v1``.

        token: A service token; or

        username: Name of a service account, with its

        password: Password.

        name: Instance name.

        fields: Columns of this installation; :data:`PERITICKET_FIELDS` by default.

        page_size: Records asked for at once; the server gives 200 at most.

        overlap: Seconds before the latest change that every pull reads again.

        ca_file: Certificates of a private authority, PEM.

        proxy: Proxy to use.

        allow_private: The address may be one of an internal network.

        clock: Source of time.

        plan_only: Refuse every write; reads are the same.

        deadline: Seconds that a request may take.

        wire: Carries the requests instead of the network: an emulator in the same process.

    Raises:
        ConfigurationError: Neither a token nor a name with its password, or both.
    """

    product: ClassVar[str] = "Periticket"

    def __init__(
        self,
        url: str,
        *,
        token: SecretStr | None = None,
        username: str | None = None,
        password: SecretStr | None = None,
        name: str = "helpdesk",
        fields: FieldMap | None = None,
        page_size: int = 200,
        overlap: float = 120.0,
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        clock: Clock | None = None,
        plan_only: bool = False,
        deadline: float = 30.0,
        wire: Wire | None = None,
    ) -> None:
        self.name = name
        self.fields = fields or PERITICKET_FIELDS
        self.deadline = deadline
        self._page_size = page_size
        self._overlap = timedelta(seconds=overlap)
        self._clock = clock or SystemClock()
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
        self._transport = self._to(url, auth=self._auth(url, token, username, password), plan_only=plan_only)

    @classmethod
    def configured(
        cls, name: str, settings: SystemSettings, *, clock: Clock | None = None, wire: Wire | None = None
    ) -> Periticket:
        """
        Build the connector of one table ``[systems.…]`` of periferia.toml.

        Args:
            name: Instance name.

            settings: The table; its options may be ``page_size`` and ``overlap`` (seconds).

            clock: Source of time.

            wire: Carries the requests instead of the network.

        Raises:
            ConfigurationError: No url, a credential of another kind, or an option that is none.
        """
        if settings.url is None:
            msg = f"{name}: Periticket needs an address"
            raise ConfigurationError(msg, hint=f'set url = "https://…" in [systems.{name}]')
        credential = settings.credential
        signing_in: dict[str, Any] = {}
        if isinstance(credential, StaticTokenSettings):
            signing_in = {"token": credential.token}
        elif isinstance(credential, LoginSettings):
            signing_in = {"username": credential.username, "password": credential.password}
        return cls(
            settings.url,
            name=name,
            fields=PERITICKET_FIELDS.merged(settings.fields),
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            plan_only=settings.plan_only,
            deadline=settings.deadline,
            clock=clock,
            wire=wire,
            **signing_in,
            **_options(name, settings.options),
        )

    def _auth(self, url: str, token: SecretStr | None, username: str | None, password: SecretStr | None) -> Auth:
        if token is not None and username is None and password is None:
            return BearerAuth(StaticToken(token), "")
        if token is None and username is not None and password is not None:
            return Login(self._to(url), system=self.name, username=username, password=password)
        msg = f"{self.name}: Periticket needs either a token, or a username with its password"
        raise ConfigurationError(msg, hint='set kind = "static-token" or kind = "login" in its table credential')

    def _to(self, url: str, **options: Any) -> Transport:
        transport = Transport(f"{url.rstrip('/')}/api/v1/", **self._line, **options)
        self._open.append(transport)
        return transport

    def close(self) -> None:
        """Close the connections."""
        for transport in self._open:
            transport.close()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """Work logs and people, both read-only."""
        return _CAPABILITIES

    # ------------------------------------------------------------------ check

    def check(self) -> SystemInfo:
        """
        Ask who we are, and whether the server filters by ``updated_since`` at all.

        Raises:
            AuthenticationError: The credentials are refused.
            ContractBrokenError: The server is no Periticket, or it ignores the filter.
            TransientError: The server cannot be reached now.
        """
        me = loads(self._ask("me").body)
        told = me if isinstance(me, dict) else {}
        system_id = told.get("instance_id")
        if not isinstance(system_id, str) or not system_id.strip():
            msg = "the server does not say which installation it is (instance_id of /api/v1/me)"
            raise self._broken(msg)
        missing = sorted(set(_RIGHTS.values()) - set(map(str, told.get("rights") or ())))
        for kind, right in _RIGHTS.items():
            if right not in missing:
                self._probe_filter(kind)
        return SystemInfo(
            system_id=system_id,
            product=self.product,
            version=str(told["version"]) if "version" in told else None,
            identity=str(told["account"]) if "account" in told else None,
            missing=missing,
            next_step=f"give the account the rights {', '.join(missing)} in Periticket" if missing else None,
        )

    def _probe_filter(self, kind: str) -> None:
        # a server that ignores what it does not know answers with every record, at every pull
        records, _ = self._page(kind, [("updated_since", "2999-01-01T00:00:00Z"), ("limit", "1")])
        if records:
            msg = f"the server ignores updated_since on {self.fields[kind].table}"
            raise self._broken(msg)

    # ------------------------------------------------------------------ pull, decode

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records by time of change; deleted work logs are among ``deleted``.

        Raises:
            ExpiredCursorError: The server keeps no deletions as old as the cursor, or it is not ours; pull without.
            PaginationError: The server hands out a page for the second time.
            ConnectorError: Anything else that the server refused.
        """
        params = [("include_deleted", "true")] if self.supports(kind).reports_deletions else []
        place = Place() if since is None else Place.parse(since, self.name)
        for records, following in self._pages(kind, [*place.params, *params], place.page):
            place = place.behind(records, following, now=self._clock.now(), overlap=self._overlap)
            yield Page(
                [self._row(kind, record) for record in records if not record.get("deleted_at")],
                [self._row(kind, record).key for record in records if record.get("deleted_at")],
                str(place),
                is_last=following is None,
                is_scan=since is None,
            )

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make a time entry or an employee of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the columns and no value.
        """
        self.supports(kind)
        try:
            record = loads(row.body, exact=True) if isinstance(row.body, bytes) else row.body
            return DECODERS[kind](record, self.fields, self.name)
        except ValidationError as exc:
            reason = reasons(exc, self.fields[kind])
        except (NotJsonError, AttributeError):
            reason = "it is no JSON object"
        # outside the handler: the exceptions of parsers carry the values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        ref = Ref(self.name, kind, row.key)
        raise RecordInvalidError(msg, hint="correct it in Periticket", system=self.name, operation="decode", ref=ref)

    # ------------------------------------------------------------------ get, find, write

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id; missing and deleted ones are absent.

        Raises:
            ConnectorError: The server refused.
        """
        self.supports(kind)
        wanted = [key for key in dict.fromkeys(ids) if key and "," not in key]  # the comma separates ids
        asked = ([("ids", ",".join(chunk))] for chunk in _chunks(wanted))
        rows = [self._row(kind, record) for params in asked for page, _ in self._pages(kind, params) for record in page]
        found = {row.key: row for row in rows}
        return [found[key] for key in wanted if key in found]

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read people by their employee code.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: The server refused.
        """
        can = self.supports(kind)
        if field not in can.find_fields:
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by {', '.join(sorted(can.find_fields)) or 'nothing'}")
        column = self.fields[kind].column(field)
        wanted = [value for value in dict.fromkeys(values) if value]
        asked = ([(column, value) for value in chunk] for chunk in _chunks(wanted))
        records = [record for params in asked for page, _ in self._pages(kind, params) for record in page]
        # compared again: some servers match substrings
        return [self._row(kind, record, record[column]) for record in records if record.get(column) in wanted]

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Refuse: people record their hours in Periticket themselves.

        Raises:
            ConfigurationError: There is something to write.
        """
        self.supports(kind)
        if not writes:
            return []
        msg = f"{kind} is read-only in Periticket"
        raise ConfigurationError(msg, hint="make it the source of a flow, not the target")

    # ------------------------------------------------------------------ requests

    def _pages(
        self, kind: str, params: Sequence[tuple[str, str]], cursor: str | None = None
    ) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
        """Read page after page: the records, and the cursor of the page that follows."""
        served = {cursor}
        while True:
            place = [("cursor", cursor)] if cursor else []
            records, cursor = self._page(kind, [*params, ("limit", str(self._page_size)), *place])
            if cursor is not None and cursor in served:
                msg = f"the pages of {self.fields[kind].table} repeat"
                raise PaginationError(msg, hint=f"compare the server with {_CONTRACT}", system=self.name)
            yield records, cursor
            if cursor is None:
                return
            served.add(cursor)

    def _page(self, kind: str, params: Sequence[tuple[str, str]]) -> tuple[list[dict[str, Any]], str | None]:
        try:
            records, rest = rows_of(self._ask(self.fields[kind].table, params).body, "data")
        except NotJsonError as exc:
            exc.system = self.name
            raise
        following = rest.get("next_cursor")
        if following is not None and not (isinstance(following, str) and following):
            msg = "next_cursor is neither a text nor null"
            raise self._broken(msg)
        return records, following

    def _ask(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Response:
        query = urlencode(params, quote_via=quote, errors="replace")
        response = self._transport.read("GET", f"{path}?{query}" if query else path)
        if response.status == 200:
            return response
        code = _problem_code(response)
        told: dict[str, Any] = {"operation": f"read {path}", "status_code": response.status, "code": code}
        if response.status == 403:
            msg = f"the account may not read {path}"
            raise PermissionDeniedError(msg, hint="give it the right in Periticket", system=self.name, **told)
        if response.status == 410:
            msg = f"Periticket no longer knows this place in {path} ({code})"
            raise ExpiredCursorError(msg, hint="everything is read again", system=self.name, **told)
        msg = f"the server answers {response.status} to a read of {path} ({code})"
        raise self._broken(msg, **told)

    def _row(self, kind: str, record: Mapping[str, Any], match: str | None = None) -> Row:
        columns = self.fields[kind]
        key = key_of(record, columns)
        if key is None:
            msg = f"a record of {columns.table} has no {columns.key}"
            raise self._broken(msg)
        return Row(key, version_of(record), record, match)

    def _broken(self, what: str, **told: Any) -> ContractBrokenError:
        return ContractBrokenError(what, hint=f"compare the server with {_CONTRACT}", system=self.name, **told)


def _options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Check what stands in the table ``options``."""
    for option, value in options.items():
        if option not in _OPTIONS:
            msg = f"{name}: Periticket has no option {option}"
            raise ConfigurationError(msg, hint=f"it has {', '.join(_OPTIONS)}")
        if isinstance(value, bool) or not isinstance(value, int) or value < _OPTIONS[option]:
            msg = f"{name}: the option {option} is a whole number from {_OPTIONS[option]}"
            raise ConfigurationError(msg, hint=f"correct it in [systems.{name}.options]")
    return dict(options)


def _problem_code(response: Response) -> str:
    """Return the last part of the problem's type (RFC 9457); its detail may hold personal data."""
    try:
        problem = loads(response.body)
    except NotJsonError:
        problem = None
    told = problem.get("type") if isinstance(problem, dict) else None
    return told.replace("/", ":").rsplit(":", 1)[-1][:60] if isinstance(told, str) else "no problem body"


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
