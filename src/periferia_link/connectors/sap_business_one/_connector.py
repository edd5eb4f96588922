"""The connector of SAP Business One: the five verbs over the Service Layer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from periferia_link.connectors.base import Outcome, Page, Row, SystemInfo, Unknown, Write
from periferia_link.connectors.sap_business_one._identity import company_of
from periferia_link.connectors.sap_business_one._line import Line
from periferia_link.connectors.sap_business_one._options import checked_options
from periferia_link.connectors.sap_business_one._queries import Queries
from periferia_link.connectors.sap_business_one._refusals import NO_SUCH_PROPERTY, NO_SUCH_SET
from periferia_link.connectors.sap_business_one.kinds import (
    DRAFTS,
    KEY_FIELD,
    KEYED,
    SAP_FIELDS,
    TOLD,
    TRAITS,
    from_wire,
)
from periferia_link.connectors.sap_business_one.kinds._values import etag, is_searchable
from periferia_link.connectors.sap_business_one.querying._stored import RATES
from periferia_link.connectors.sap_business_one.reading._feed import Place
from periferia_link.connectors.sap_business_one.reading._pages import Record
from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError, WriteRefusedError
from periferia_link.transport._json import NotJsonError, record_of, remade
from periferia_link.typing import Clock, Wire

if TYPE_CHECKING:
    from pydantic import ValidationError

    from periferia_link.domain import Entity

__all__ = ["SapBusinessOne"]


_DELETABLE = frozenset({"Opportunity", "ServiceCall"})
"""Kinds with a marker whose records people may delete: they are not made again behind their backs."""


class SapBusinessOne(Queries, Line):
    """
    One company of SAP Business One behind its Service Layer.

    Clients are customers (``BusinessPartners``, key CardCode, given by the flow), projects ``Projects``, cost centres
    ``ProfitCenters`` joined with the distribution rule that books everything on them, employees ``EmployeesInfo`` with
    their cost rates, cost entries ``JournalEntries`` that carry our key, invoices ``Invoices`` and the ``Drafts`` that
    propose them, opportunities ``SalesOpportunities``, service calls ``ServiceCalls``.

    A posting, proposal, opportunity or call and a marker row in the user table ``U_PL_SYNC`` travel in one change set:
    both happen or none, and a second run of the same creation fails as a whole. That rests on documented behaviour of
    the Service Layer and is proved on the emulator; it is not yet verified on SAP.

    Args:
        url: ``https://HOST:50000``; with ``/b1s/v1`` behind it for a company that has OData 3 only.

        company_db: Name of the company database.

        username: A user of the company, with a licence for the Service Layer.

        password: Its password.

        name: Instance name.

        fields: Columns of this installation; :data:`SAP_FIELDS` by default.

        language: Language of SAP's messages, such as ``ln_Spanish_La``; that of the user by default.

        marker: ``table`` as described above; ``field`` keeps our key in the entry only, for companies without the
            user table: a record that reaches SAP later than ``settle`` seconds could then happen twice.

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

        parallel: Requests in flight, at most: fewer while the balancer answers 502, 503 or 504. SAP's own tests peak
            at 40 for a whole installation.

        max_batch: Writes in one request.

        currency: Currency of the books.

        decimals: Decimals that the books keep.

        zone: Time zone of the wall clock of SAP's server.

        hours_per_day: Working hours of a day, for rates per day, week, month or year: 8, or 7 since July 2026 where
            the 42-hour week is counted.

        tax_code: Code of the tax on lines of invoices that name none.

        settle: Seconds that a request may still be under way in SAP after it was given up.

    Raises:
        ConfigurationError: The address, zone or another option cannot be used.
    """

    product: ClassVar[str] = "SAP Business One"

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
        options = checked_options(name, settings.options)
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

    # ------------------------------------------------------------------ check

    def check(self) -> SystemInfo:
        """
        Sign in, ask which company this is, and whether the markers are there.

        Kinds whose table lacks the field for our key can be read only, and say so from then on.

        Raises:
            AuthenticationError: User, password or company are refused.
            TransientError: The Service Layer cannot be reached now.
        """
        company = company_of(self._reads, self._books, self.fields)
        able = self._abilities(has_approvals=self._has_approvals)
        read_only = {kind: replace(able[kind], writes=frozenset()) for kind in company.unkeyed}
        self._capabilities = MappingProxyType({**able, **read_only})
        return SystemInfo(
            system_id=f"{self._host}/{self._books.company_db}/{company.installation}",
            product=self.product,
            version=self._session.version,
            identity=self._username,
            missing=company.missing,
            next_step=company.next_step,
            details=company.details | {"company database": self._books.company_db},
        )

    # ------------------------------------------------------------------ pull, decode

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records in the order of their keys; what tells its day of change from that day on, the others as a whole.

        Raises:
            ExpiredCursorError: The cursor is none of ours; pull again without one.
            PaginationError: The server gives a page again.
            ConnectorError: It refuses.
        """
        self.supports(kind)
        if kind == "Invoice":
            yield from self._documents.pull()
            return
        if kind == "ExchangeRate":
            yield Page(self._rates(), is_last=True, is_scan=True)
            return
        traits, columns = TRAITS[kind], self.fields[kind]
        stamp, join = traits.stamp, self._joins.of(kind)
        place = Place.parse(since) if stamp else Place()
        where = [*self._of_kind(kind), *(place.where(stamp, columns.key) if stamp else ())]
        after = int(place.after) if place.after is not None and traits.has_numeric_key else place.after
        for records, is_last in self._reads.pages(
            columns.table, columns.key, select=self._select(kind), where=where, after=after
        ):
            cursor = None
            if stamp:
                place = place.behind(records, stamp, columns.key, is_last=is_last)
                cursor = place.text
            rows = self._rows(kind, records, join)
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
            return self._entity(kind, record_of(row.body))
        except RecordInvalidError as exc:
            reason, hint = exc.message, exc.hint
        except _unfit() as exc:
            wrong = (".".join(str(step) for step in error["loc"]) or error["msg"] for error in exc.errors())
            reason, hint = f"it does not fit in {', '.join(sorted(set(wrong)))}", "correct it in SAP"
        except (NotJsonError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            reason, hint = "it has not the shape of a row of SAP", "compare the field map with the company"
        # outside the handlers: exceptions of parsers carry values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        raise RecordInvalidError(msg, hint=hint, **told)

    def _entity(self, kind: str, row: Mapping[str, Any]) -> Entity:
        """Make an entity by the function of its kind."""
        about = {"zone": self._zone, "house_currency": self._books.currency, "hours_per_day": self._hours}
        told = {name: about[name] for name in TOLD.get(kind, ())}
        return from_wire(kind)(row, self.fields, self.name, **told)

    # ------------------------------------------------------------------ get, find

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by key; missing ones are absent.

        Raises:
            ConnectorError: SAP refuses.
        """
        self.supports(kind)
        if kind == "Invoice":
            return self._documents.get(ids)
        if kind == "ExchangeRate":
            return [row for row in self._rates() if row.key in ids]
        columns = self.fields[kind]
        keys: list[str | int] = [key for key in ids if is_searchable(key)]
        if TRAITS[kind].has_numeric_key:
            keys = _numbers(ids)
        if not keys:
            return []
        where = self._of_kind(kind) if kind == "Client" else ()  # a supplier is no client, whoever asks for it
        records = self._reads.matching(
            columns.table, columns.key, column=columns.key, values=keys, select=self._select(kind), where=where
        )
        return self._rows(kind, records, self._joins.of(kind))

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a natural key, or by ``create_key``; a posting also among the drafts that wait for approval.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: SAP refuses.
        """
        can = self.supports(kind)
        if field == "create_key" and kind in KEYED:
            columns, column = self.fields[kind], KEY_FIELD
        elif field in can.find_fields:
            columns = self.fields[kind]
            column = columns.column(field)
        else:
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by {', '.join(sorted(can.find_fields)) or 'nothing'}")
        if kind == "Invoice" and field == "create_key":
            return self._documents.created(values)
        spelled = {_folded(spelling): value for value in values for spelling in _spellings(field, value)}
        if kind == "Invoice":
            found = self._documents.find(column, values)
            return [self._documents.row(row, spelled.get(_folded(row.get(column)))) for row in found]
        asked: list[str | int] = [spelling for value in values for spelling in _spellings(field, value)]
        if field == "number":
            asked = _numbers(values)
        if not asked:
            return []
        select = list(dict.fromkeys([*self._select(kind), column]))
        where = self._of_kind(kind) if kind == "Client" and field != "create_key" else ()
        records = self._reads.matching(
            columns.table, columns.key, column=column, values=asked, select=select, where=where
        )
        matches = [spelled.get(_folded(record.get(column))) for record in records]
        rows = self._rows(kind, records, self._joins.of(kind))
        rows = [row._replace(match=match) for row, match in zip(rows, matches, strict=True)]
        if kind == "CostEntry" and field == "create_key":
            rows += self._drafts([str(key) for key in asked])
        if kind in _DELETABLE and field == "create_key":
            matched = {row.match for row in rows}
            rows += self._documents.deleted([str(key) for key in asked if str(key) not in matched])
        return [row for row in rows if row.match is not None]

    def _drafts(self, keys: Sequence[str]) -> list[Row]:
        """Read the drafts of postings that wait for approval; those that were refused there do not count."""
        select = ["DocEntry", KEY_FIELD, "AuthorizationStatus"]
        try:
            records = self._reads.matching(DRAFTS, "DocEntry", column=KEY_FIELD, values=keys, select=select)
        except ContractBrokenError as exc:
            if exc.code in NO_SUCH_PROPERTY | NO_SUCH_SET:  # drafts here have no key of ours, so none is ours
                return []
            raise
        waiting = [record for record in records if record.get("AuthorizationStatus") != "dasRejected"]
        return [
            Row(
                f"draft-{record['DocEntry']}",
                None,
                record,
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
        return [self._answered(outcome) for outcome in outcomes]

    def _answered(self, outcome: Outcome) -> Outcome:
        """Tell refusals that hide an effect from silence; the first draft shows that approvals are at work."""
        if not isinstance(outcome, Unknown) or outcome.error.code not in ("-2028", "-2035"):
            return outcome
        if outcome.error.code == "-2028":
            self._has_approvals = True
            able = self._abilities(has_approvals=True)["CostEntry"]
            self._capabilities = MappingProxyType({**self._capabilities, "CostEntry": able})
        return outcome._replace(is_answered=True)

    # ------------------------------------------------------------------ rows

    def _rates(self) -> list[Row]:
        """Read the rates of exchange by a stored query: the Service Layer has no set of them."""
        from periferia_link.connectors.sap_business_one.kinds._exchange_rate import rate_key  # noqa: PLC0415

        try:
            self._stored.prepare(RATES)
        except WriteRefusedError as exc:
            exc.hint = "run periferia-link init sap once without plan_only: it stores the query of exchange rates"
            raise
        return [Row(rate_key(row), None, row) for row in self._stored.run(RATES.code, {"since": date(1900, 1, 1)})]

    def _select(self, kind: str) -> list[str]:
        return list(dict.fromkeys([*self.fields[kind].select, *TRAITS[kind].also]))

    def _of_kind(self, kind: str) -> tuple[str, ...]:
        return (TRAITS[kind].filter,) if TRAITS[kind].filter else ()

    def _rows(self, kind: str, records: Sequence[Record], join: Callable[[Record], Record] | None) -> list[Row]:
        key = self.fields[kind].key
        if join is not None:
            records = [remade(join(record), record) for record in records]
        return [Row(str(record[key]), etag(record.get("DataVersion")), record) for record in records]


@functools.cache
def _unfit() -> type[ValidationError]:
    """Return what a model raises; its library is loaded with the first model."""
    from pydantic import ValidationError  # noqa: PLC0415 - see above

    return ValidationError


def _numbers(texts: Sequence[str]) -> list[str | int]:
    return [int(text) for text in texts if text.isascii() and text.isdigit()]


def _spellings(field: str, value: str) -> list[str]:
    """Return the ways in which people write a value: a NIT with or without its check digit and the dash."""
    if not is_searchable(value):
        return []
    from periferia_link.domain import TaxId  # noqa: PLC0415 - the models are loaded when one is asked for

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
