"""The connector of SAP Business One."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import SecretStr, ValidationError

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Capabilities, Connector, Outcome, Page, Row, SystemInfo, Unknown, Write
from periferia_link.connectors.sap_business_one._feed import Place
from periferia_link.connectors.sap_business_one._fields import (
    KEY_FIELD,
    SAP_FIELDS,
    TRAITS,
    abilities,
)
from periferia_link.connectors.sap_business_one._identity import company_of
from periferia_link.connectors.sap_business_one._joins import Joins
from periferia_link.connectors.sap_business_one._master_data import (
    client_from_wire,
    cost_centre_from_wire,
    employee_from_wire,
    project_from_wire,
)
from periferia_link.connectors.sap_business_one._postings import cost_entry_from_wire
from periferia_link.connectors.sap_business_one._reads import Reads, Record, selected
from periferia_link.connectors.sap_business_one._references import References
from periferia_link.connectors.sap_business_one._refusals import NO_SUCH_PROPERTY, NO_SUCH_SET
from periferia_link.connectors.sap_business_one._session import Session
from periferia_link.connectors.sap_business_one._values import etag, is_searchable
from periferia_link.connectors.sap_business_one._writes import Books, Writes
from periferia_link.domain import Entity, Ref, TaxId
from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError
from periferia_link.transport._json import NotJsonError, record_of, remade
from periferia_link.transport._pacing import gate_for
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Wire

__all__ = ["SapBusinessOne"]

Decode: TypeAlias = Callable[[Mapping[str, Any]], Entity]

_KEYED = frozenset({"Client", "Project", "CostEntry"})
_OPTIONS = frozenset(
    {
        "approvals",
        "currency",
        "decimals",
        "hours_per_day",
        "language",
        "marker",
        "max_batch",
        "page_size",
        "parallel",
        "zone",
    }
)


class SapBusinessOne(Connector):
    """
    One company of SAP Business One behind its Service Layer.

    Clients are customers (``BusinessPartners``, key CardCode, given by the flow), projects ``Projects``, cost centres
    ``ProfitCenters`` joined with the distribution rule that books everything on them, employees ``EmployeesInfo`` with
    their cost rates, cost entries ``JournalEntries`` that carry our key.

    A posting and a marker row in the user table ``U_PL_SYNC`` travel in one change set: both happen or none, and a
    second run of the same posting fails as a whole. That rests on documented behaviour of the Service Layer and is
    proved on the emulator; it is not yet verified on SAP.

    Args:
        url: ``https://HOST:50000``; with ``/b1s/v1`` behind it for a company that has OData 3 only.

        company_db: Name of the company database.

        username: A user of the company, with a licence for the Service Layer.

        password: Its password.

        name: Instance name.

        fields: Columns of this installation; :data:`SAP_FIELDS` by default.

        language: Language of SAP's messages, such as ``ln_Spanish_La``; that of the user by default.

        marker: ``table`` as described above; ``field`` keeps our key in the entry only, for companies without the
            user table: a posting that reaches SAP later than ``settle`` seconds could then happen twice.

        approvals: Whether approval procedures may take journal entries: then the marker row alone does not stop a
            second draft, and a lost answer is waited for. Found out by the first draft where it is not said.

        page_size: Rows of a page.

        ca_file: Certificates of a private authority, PEM.

        proxy: Proxy to use.

        allow_private: The address is inside the company's network.

        clock: Source of time.

        plan_only: Refuse every write; reads are the same.

        deadline: Seconds that a request may take; SAP needs several for a posting.

        wire: Carries the requests instead of the network: an emulator in the same process.

        parallel: Requests in flight; SAP's own tests peak at 40 for a whole installation.

        max_batch: Writes in one request.

        currency: Currency of the books.

        decimals: Decimals that the books keep.

        zone: Time zone of the wall clock of SAP's server.

        hours_per_day: Working hours of a day, for rates per day, week, month or year: 8, or 7 since July 2026 where
            the 42-hour week is counted.

        settle: Seconds that a request may still be under way in SAP after it was given up.

    Raises:
        ConfigurationError: The address, zone or another option cannot be used.
    """

    product: ClassVar[str] = "SAP Business One"

    def __init__(
        self,
        url: str,
        *,
        company_db: str,
        username: str,
        password: SecretStr,
        name: str = "erp",
        fields: FieldMap | None = None,
        language: str | None = None,
        marker: Literal["table", "field"] = "table",
        approvals: bool = False,
        page_size: int = 500,
        ca_file: str | None = None,
        proxy: str | None = None,
        allow_private: bool = False,
        clock: Clock | None = None,
        plan_only: bool = False,
        deadline: float = 60.0,
        wire: Wire | None = None,
        parallel: int = 4,
        max_batch: int = 20,
        currency: str = "COP",
        decimals: int = 2,
        zone: str = "America/Bogota",
        hours_per_day: Decimal | int = 8,
        settle: float = 120.0,
    ) -> None:
        self.name = name
        self.deadline = 2 * deadline  # a posting is preceded by questions, which may take as long again
        self.fields = fields or SAP_FIELDS
        self._books = Books(currency, decimals, marker)
        self._company_db = company_db
        self._username = username
        self._zone = _zone(zone)
        self._hours = Decimal(hours_per_day)
        if marker not in ("table", "field") or self._hours <= 0:
            msg = f"{name}: marker is table or field, hours_per_day more than 0"
            raise ConfigurationError(msg)
        clock = clock or SystemClock()
        line: dict[str, Any] = {
            "system": name,
            "clock": clock,
            "ca_file": ca_file,
            "proxy": proxy,
            "allow_private": allow_private,
            "deadline": deadline,
            "wire": wire,
        }
        root = _root(url)
        self._host = urlsplit(root).netloc
        self._session = Session(
            Transport(root, pool=1, **line),
            company_db=company_db,
            username=username,
            password=password,
            clock=clock,
            language=language,
        )
        gate = gate_for((self._host, company_db, username), clock, parallel)
        self._transport = Transport(root, auth=self._session, gate=gate, plan_only=plan_only, pool=parallel, **line)
        self._decoders = self._from_wire()
        self._reads = Reads(self._transport, page_size=page_size)
        self._references = References(self._reads)
        self._joins = Joins(self._reads, self._references, self.fields)
        self._writes = Writes(
            self._transport, self._references, name=name, fields=self.fields, books=self._books, clock=clock
        )
        self._abilities = partial(abilities, marker=marker, max_batch=max_batch, parallel=parallel, settle=settle)
        self._capabilities = MappingProxyType(self._abilities(has_approvals=approvals))

    @classmethod
    def configured(
        cls, name: str, settings: Any, *, clock: Clock | None = None, wire: Wire | None = None
    ) -> SapBusinessOne:
        """
        Build the connector of a table ``[systems.NAME]``.

        Args:
            name: Instance name.

            settings: :class:`~periferia_link.settings.SystemSettings` with a ``login`` credential that names the
                company database; ``options`` are the arguments of this class that no other table holds.

            clock: Source of time.

            wire: Carries the requests instead of the network.

        Raises:
            ConfigurationError: The address, the login or an option is missing or wrong.
        """
        login = settings.credential
        company_db = getattr(login, "company_db", None)
        if settings.url is None or company_db is None:
            msg = f"systems.{name}: SAP Business One needs url and a login with company_db"
            raise ConfigurationError(msg, hint='write kind = "login", username, password and company_db')
        options = dict(settings.options)
        unknown = sorted(options.keys() - _OPTIONS)
        if unknown:
            msg = f"systems.{name}.options: unknown {', '.join(unknown)}"
            raise ConfigurationError(msg, hint=f"known are {', '.join(sorted(_OPTIONS))}")
        if "hours_per_day" in options:
            options["hours_per_day"] = Decimal(str(options["hours_per_day"]))
        return cls(
            settings.url,
            company_db=company_db,
            username=login.username,
            password=login.password,
            name=name,
            fields=SAP_FIELDS.merged(settings.fields),
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            plan_only=settings.plan_only,
            deadline=settings.deadline,
            clock=clock,
            wire=wire,
            **options,
        )

    def close(self) -> None:
        """Sign out and close the connections."""
        self._session.close()
        self._transport.close()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """Clients and projects both ways, postings to create and cancel, cost centres and employees to read."""
        return self._capabilities

    # ------------------------------------------------------------------ check

    def check(self) -> SystemInfo:
        """
        Sign in, ask which company this is, and whether the markers are there.

        Raises:
            AuthenticationError: User, password or company are refused.
            TransientError: The Service Layer cannot be reached now.
        """
        company = company_of(self._reads, self._books)
        return SystemInfo(
            system_id=f"{self._host}/{self._company_db}/{company.installation}",
            product=self.product,
            version=self._session.version,
            identity=self._username,
            missing=company.missing,
            next_step=company.next_step,
            details=company.details | {"company database": self._company_db},
        )

    # ------------------------------------------------------------------ pull, decode

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records in the order of their keys; clients by day of change, other kinds as a whole.

        Raises:
            ExpiredCursorError: The cursor is none of ours; pull again without one.
            PaginationError: The server gives a page again.
            ConnectorError: It refuses.
        """
        self.supports(kind)
        stamp, columns = TRAITS[kind].stamp, self.fields[kind]
        place = Place.parse(since) if stamp else Place()
        where = [*self._of_kind(kind), *(place.where(stamp) if stamp else ())]
        join = self._joins.of(kind)
        for records, is_last in self._reads.pages(
            columns.table, columns.key, select=self._select(kind), where=where, after=place.after
        ):
            rows = [self._row(kind, record, join) for record in records]
            cursor = None
            if stamp:
                place = place.behind(records, stamp, None if is_last else rows[-1].key)
                cursor = str(place) if place.latest else None
            yield Page(rows, cursor=cursor, is_last=is_last, is_scan=since is None or not stamp)

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make the entity of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the fields and no value.
        """
        self.supports(kind)
        ref = Ref(self.name, kind, row.key)
        told: dict[str, Any] = {"system": self.name, "operation": "decode", "ref": ref}
        try:
            return self._decoders[kind](record_of(row.body))
        except RecordInvalidError as exc:
            reason, hint = exc.message, exc.hint
        except ValidationError as exc:
            wrong = (".".join(str(step) for step in error["loc"]) or error["msg"] for error in exc.errors())
            reason, hint = f"it does not fit in {', '.join(sorted(set(wrong)))}", "correct it in SAP"
        except (NotJsonError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            reason, hint = "it has not the shape of a row of SAP", "compare the field map with the company"
        # outside the handlers: exceptions of parsers carry values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        raise RecordInvalidError(msg, hint=hint, **told)

    def _from_wire(self) -> dict[str, Decode]:
        """Return what makes an entity of a row, by kind."""
        fields, name, zone, house = self.fields, self.name, self._zone, self._books.currency
        return {
            "Client": lambda row: client_from_wire(row, fields, name, zone=zone),
            "Project": lambda row: project_from_wire(row, fields, name),
            "CostCentre": lambda row: cost_centre_from_wire(row, fields, name),
            "Employee": lambda row: employee_from_wire(
                row, fields, name, zone=zone, house_currency=house, hours_per_day=self._hours
            ),
            "CostEntry": lambda row: cost_entry_from_wire(row, fields, name, house_currency=house),
        }

    # ------------------------------------------------------------------ get, find

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by key; missing ones are absent.

        Raises:
            ConnectorError: SAP refuses.
        """
        self.supports(kind)
        columns = self.fields[kind]
        keys: list[str | int] = [key for key in ids if is_searchable(key)]
        if TRAITS[kind].has_numeric_key:
            keys = [int(key) for key in ids if key.isascii() and key.isdigit()]
        if not keys:
            return []
        records = self._reads.matching(
            columns.table, columns.key, column=columns.key, values=keys, select=self._select(kind)
        )
        join = self._joins.of(kind)
        return [self._row(kind, record, join) for record in records]

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a natural key, or by ``create_key``; a posting also among the drafts that wait for approval.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: SAP refuses.
        """
        can, columns = self.supports(kind), self.fields[kind]
        if field == "create_key" and kind in _KEYED:
            column = KEY_FIELD
        elif field in can.find_fields:
            column = columns.column(field)
        else:
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by {', '.join(sorted(can.find_fields)) or 'nothing'}")
        spelled = {_folded(spelling): value for value in values for spelling in _spellings(field, value)}
        asked = [spelling for value in values for spelling in _spellings(field, value)]
        if not asked:
            return []
        select = list(dict.fromkeys([*self._select(kind), column]))
        where = self._of_kind(kind) if kind == "Client" and field != "create_key" else ()
        records = self._reads.matching(
            columns.table, columns.key, column=column, values=asked, select=select, where=where
        )
        join = self._joins.of(kind)
        rows = [self._row(kind, record, join, spelled.get(_folded(record.get(column)))) for record in records]
        if kind == "CostEntry" and field == "create_key":
            rows += self._drafts(asked)
        return [row for row in rows if row.match is not None]

    def _drafts(self, keys: Sequence[str]) -> list[Row]:
        """Read the drafts of postings that wait for approval; those that were refused there do not count."""
        select = ["DocEntry", KEY_FIELD, "AuthorizationStatus"]
        try:
            records = self._reads.matching("Drafts", "DocEntry", column=KEY_FIELD, values=keys, select=select)
        except ContractBrokenError as exc:
            if exc.code in NO_SUCH_PROPERTY | NO_SUCH_SET:  # drafts here have no key of ours, so none is ours
                return []
            raise
        waiting = [record for record in records if record.get("AuthorizationStatus") != "dasRejected"]
        return [
            Row(
                f"draft-{record['DocEntry']}",
                None,
                selected(record),
                match=str(record[KEY_FIELD]),
                pending=f"draft {record['DocEntry']} waits for approval in SAP: approve or reject it there",
            )
            for record in waiting
        ]

    # ------------------------------------------------------------------ write

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Send the writes in one request: a single record as it is, anything else as a ``$batch``.

        A posting is checked first (lengths, decimals, accounts, projects, rules): what SAP would refuse is refused
        here, with the field and the limit, and nothing is sent for it.

        Raises:
            ConfigurationError: The kind is read-only, knows no such mode or action, or there are too many writes.
        """
        can = self.supports(kind)
        if len(writes) > can.max_batch:
            msg = f"{len(writes)} writes in one request, {self.name} takes {can.max_batch}"
            raise ConfigurationError(msg, hint="send them in several calls")
        wrong = sorted({write.mode for write in writes} - can.writes)
        if wrong:
            msg = f"{self.name} has no {', '.join(wrong)} of {kind}"
            hint = f"it has {', '.join(sorted(can.writes))}" if can.writes else "the kind is read-only here"
            raise ConfigurationError(msg, hint=hint)
        outcomes = self._writes.send(kind, writes) if writes else []
        return [self._answered(outcome) for outcome in outcomes] if kind == "CostEntry" else outcomes

    def _answered(self, outcome: Outcome) -> Outcome:
        """Tell refusals that hide an effect from silence; the first draft shows that approvals are at work."""
        if not isinstance(outcome, Unknown) or outcome.error.code not in ("-2028", "-2035"):
            return outcome
        if outcome.error.code == "-2028":
            self._capabilities = MappingProxyType(self._abilities(has_approvals=True))
        return outcome._replace(is_answered=True)

    # ------------------------------------------------------------------ rows

    def _select(self, kind: str) -> list[str]:
        return list(dict.fromkeys([*self.fields[kind].select, *TRAITS[kind].also]))

    def _of_kind(self, kind: str) -> tuple[str, ...]:
        return (TRAITS[kind].filter,) if TRAITS[kind].filter else ()

    def _row(self, kind: str, record: Record, join: Callable[[Record], Record], match: str | None = None) -> Row:
        body = remade(join(selected(record)), record)
        return Row(str(record[self.fields[kind].key]), etag(record.get("DataVersion")), body, match)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        msg = f"{name!r} is no time zone"
        raise ConfigurationError(msg, hint='write it as "America/Bogota"') from None


def _root(url: str) -> str:
    """Return the address of the service root, OData 4 unless the address says otherwise."""
    plain = url.rstrip("/")
    return f"{plain}/" if urlsplit(plain).path.startswith("/b1s/") else f"{plain}/b1s/v2/"


def _spellings(field: str, value: str) -> list[str]:
    """Return the ways in which people write a value: a NIT with or without its check digit and the dash."""
    if not is_searchable(value):
        return []
    tax_id = TaxId.parse(value.removeprefix("CO")) if field == "tax_id" else None
    if tax_id is None:
        return [value]
    forms = [value, tax_id.number, tax_id.printed]
    if tax_id.is_strong:
        forms.append(tax_id.number[:-1])
    return list(dict.fromkeys(forms))


def _folded(value: Any) -> str:
    """Return a value as a case-insensitive database compares it."""
    return str(value).casefold()
