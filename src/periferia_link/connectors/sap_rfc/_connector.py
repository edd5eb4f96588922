"""The connector of SAP ECC and S/4HANA by RFC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import SecretStr, ValidationError

from periferia_link.clock import SystemClock
from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import (
    Applied,
    Capabilities,
    Connector,
    NotApplied,
    Outcome,
    Page,
    Row,
    SystemInfo,
    Write,
)
from periferia_link.connectors.sap_rfc._call import Connect
from periferia_link.connectors.sap_rfc._centres import Centres
from periferia_link.connectors.sap_rfc._company import Company, Kind, Record
from periferia_link.connectors.sap_rfc._connections import Connections
from periferia_link.connectors.sap_rfc._customers import Customers
from periferia_link.connectors.sap_rfc._documents import Documents
from periferia_link.connectors.sap_rfc._failures import error_of
from periferia_link.connectors.sap_rfc._fields import FI_CO_FIELDS, Books, Hours, abilities
from periferia_link.connectors.sap_rfc._hours import Allocations, TimeSheets
from periferia_link.connectors.sap_rfc._limits import Limits
from periferia_link.connectors.sap_rfc._orders import Orders
from periferia_link.connectors.sap_rfc._pyrfc import connected
from periferia_link.connectors.sap_rfc._rates import Rates
from periferia_link.connectors.sap_rfc._tables import Tables, equals
from periferia_link.connectors.sap_rfc._unit_of_work import UnitOfWork
from periferia_link.domain import Entity, Ref
from periferia_link.errors import (
    ConfigurationError,
    ConnectorError,
    ContractBrokenError,
    ExpiredCursorError,
    LinkError,
    PermissionDeniedError,
    RecordInvalidError,
    WriteRefusedError,
)
from periferia_link.transport._json import NotJsonError, dumps, record_of
from periferia_link.typing import Clock, Wire

__all__ = ["SapRfc"]

_SECRETS = frozenset({"passwd", "mysapsso2", "x509cert", "saml2"})
_OPTIONS = frozenset(
    {
        *("activity", "check", "client_details", "company_code", "connection", "controlling_area", "decimals"),
        *("document_type", "hour", "hours", "lengths", "order_type", "page_size", "parallel", "profile"),
        *("rate_type", "read_function", "reversal_reason", "settle"),
    }
)


class SapRfc(Connector):
    """
    One company code of SAP ECC or S/4HANA, by RFC: documents of FI, internal orders, cost centres, hours, customers.

    Cost entries are posted by BAPI_ACC_DOCUMENT_POST after BAPI_ACC_DOCUMENT_CHECK and committed with WAIT on the same
    connection; our key stands in the reference number. Projects are internal orders. Nothing in SAP refuses the same
    key twice: the guard is a marker, a lost commit is looked up after ``settle`` seconds.

    The functions were tried on stand-ins only, none of it is verified on SAP yet; the page "SAP by RFC" says what
    rests on memory.

    Args:
        connection: Parameters of ``pyrfc.Connection``: ashost, sysnr, client, user, passwd, lang; or mshost, group; or
            dest; with ``saprouter`` and the SNC parameters where needed.

        company_code: Whose books (BUKRS).

        controlling_area: Its controlling area (KOKRS).

        name: Instance name.

        connect: Opens a connection instead of pyrfc.

        fields: Columns of this installation; :data:`FI_CO_FIELDS` by default.

        hours: What becomes of hours: ``document`` (cost entries only), ``allocation`` (TimeEntry as activity
            allocation, hours × SAP's tariff) or ``cats`` (TimeEntry as record of CATS).

        document_type: Type of the documents (BLART).

        order_type: Type of the orders that are opened (AUART), with external numbers; without it none are.

        reversal_reason: Reason of a reversal (STGRD).

        activity: Activity type of an hour (LSTAR), for allocations and CATS.

        profile: Data entry profile of CATS.

        hour: Unit of measure of an hour.

        check: Let SAP check before it posts; false for a system that lacks the checking functions.

        client_details: Read the detail of every customer as well: e-mail, one call each.

        decimals: Decimals of currencies, where SAP's table of them (TCURX) is not to be read.

        lengths: Room of fields of this installation by ``STRUCTURE-FIELD``, where it differs.

        rate_type: Which exchange rates are read (KURST).

        read_function: RFC_READ_TABLE, or a copy with the same interface.

        page_size: Records of a page.

        parallel: Connections, each of which is a session of the user in SAP.

        timeout: Seconds that one call may take.

        settle: Seconds that a commit may still be under way in SAP after it was given up.

        plan_only: Refuse every write; reads are the same.

        clock: Source of time.

    Raises:
        ConfigurationError: A parameter is missing or cannot be used.
    """

    product: ClassVar[str] = "SAP by RFC"

    def __init__(
        self,
        connection: Mapping[str, str | SecretStr],
        *,
        company_code: str,
        controlling_area: str,
        name: str = "erp",
        connect: Connect | None = None,
        fields: FieldMap | None = None,
        hours: Hours = "document",
        document_type: str = "SA",
        order_type: str = "",
        reversal_reason: str = "01",
        activity: str = "",
        profile: str = "",
        hour: str = "H",
        check: bool = True,
        client_details: bool = False,
        decimals: Mapping[str, int] | None = None,
        lengths: Mapping[str, int] | None = None,
        rate_type: str = "M",
        read_function: str = "RFC_READ_TABLE",
        page_size: int = 200,
        parallel: int = 4,
        timeout: float = 30.0,
        settle: float = 120.0,
        plan_only: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        # a free connection, check, call and commit: each may take the time of one call
        self.deadline = 4 * timeout
        self.fields = fields or FI_CO_FIELDS
        _must_be(hours in ("document", "allocation", "cats"), name, "hours is document, allocation or cats")
        _must_be(hours == "document" or bool(activity), name, f"hours = {hours} needs activity, the type of an hour")
        _must_be(hours != "cats" or bool(profile), name, "hours = cats needs profile, the data entry profile")
        _must_be(len(company_code) == 4 and 0 < len(controlling_area) <= 4, name, "a company code has 4 characters")
        _must_be(
            page_size > 0 and parallel > 0 and timeout > 0, name, "page_size, parallel and timeout are more than 0"
        )
        self._parameters = {key: _hidden(key, value) for key, value in connection.items()}
        self._user = _shown(self._parameters.get("user", ""))
        self._books = Books(
            company_code,
            controlling_area,
            self._user,
            document_type=document_type,
            order_type=order_type,
            reversal_reason=reversal_reason,
            hours=hours,
            profile=profile,
            activity=activity,
            hour=hour,
            is_checked=check,
            decimals=MappingProxyType(dict(decimals or {})),
        )
        self._plan_only = plan_only
        self._page_size = page_size
        self._rate_type = rate_type
        self._clock = clock = clock or SystemClock()
        self._connections = Connections(
            connect or partial(self._opened, timeout), size=parallel, clock=clock, system=name, timeout=timeout
        )
        self._work = UnitOfWork(self._connections, clock=clock, system=name, budget=3 * timeout)
        self._company = Company(
            name,
            self._books,
            self.fields,
            Limits(lengths),
            Tables(self._connections.read, function=read_function, system=name),
            self._connections.read,
        )
        self._capabilities = MappingProxyType(abilities(self._books, parallel=parallel, settle=settle))
        self._kinds = self._made(clock, client_details=client_details)

    def _made(self, clock: Clock, *, client_details: bool) -> dict[str, Kind]:
        company = self._company
        kinds: dict[str, Kind] = {
            "Client": Customers(company, with_details=client_details),
            "CostCentre": Centres(company, clock),
            "CostEntry": Documents(company),
            "ExchangeRate": Rates(company, self._rate_type),
            "Project": Orders(company),
        }
        if self._books.hours != "document":
            kinds["TimeEntry"] = Allocations(company) if self._books.hours == "allocation" else TimeSheets(company)
        return kinds

    def _opened(self, timeout: float) -> Any:
        return connected({key: _shown(value) for key, value in self._parameters.items()}, timeout=timeout)

    @classmethod
    def configured(cls, name: str, settings: Any, *, clock: Clock | None = None, wire: Wire | None = None) -> SapRfc:
        """
        Build the connector of a table ``[systems.NAME]``.

        Args:
            name: Instance name.

            settings: :class:`~periferia_link.settings.SystemSettings` with a ``login`` credential; ``options`` holds
                ``connection`` (everything but user and password), ``company_code``, ``controlling_area`` and the
                arguments of this class that no other table holds.

            clock: Source of time.

            wire: Not used: RFC is no HTTP.

        Raises:
            ConfigurationError: The login or an option is missing or wrong.
        """
        del wire
        options = dict(settings.options)
        unknown = sorted(options.keys() - _OPTIONS)
        if unknown:
            msg = f"systems.{name}.options: unknown {', '.join(unknown)}"
            raise ConfigurationError(msg, hint=f"known are {', '.join(sorted(_OPTIONS))}")
        connection = options.pop("connection", None)
        if not isinstance(connection, Mapping) or not {"company_code", "controlling_area"} <= options.keys():
            msg = f"systems.{name}.options: SAP by RFC needs connection, company_code and controlling_area"
            hint = 'write connection = { ashost = "sap.internal", sysnr = "00", client = "100" }'
            raise ConfigurationError(msg, hint=hint)
        login = settings.credential
        signed = dict(connection)
        if login is not None:
            if not hasattr(login, "username"):
                msg = f"systems.{name}.credential: SAP by RFC signs in with a login"
                raise ConfigurationError(
                    msg, hint='write kind = "login", username and password; or snc_… in connection'
                )
            signed |= {"user": login.username, "passwd": login.password}
        return cls(
            signed,
            name=name,
            fields=FI_CO_FIELDS.merged(settings.fields),
            plan_only=settings.plan_only,
            timeout=settings.deadline,
            clock=clock,
            **options,
        )

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._connections.close()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """Cost entries and, by the settings, orders and hours to write; customers, centres and rates to read."""
        return self._capabilities

    def fingerprint(self, kind: str) -> str:
        """Return a text that changes with the columns of *kind*."""
        return self.fields.fingerprint(kind) if kind in self.fields else ""

    # ------------------------------------------------------------------ check

    def check(self) -> SystemInfo:
        """
        Sign in, ask which system and client this is, and whether the company code can be read.

        Raises:
            AuthenticationError: User or password are refused.
            TransientError: SAP cannot be reached now.
        """
        try:
            with self._connections.line(must_live=True) as line:
                told = {
                    key: str(value or "").strip() for key, value in line.call_of.get_connection_attributes().items()
                }
        except LinkError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever the client library raises
            raise error_of(exc, system=self.name, operation="check") from None
        if not told.get("sysId") or not told.get("client"):
            msg = "the RFC library does not say which system and client this is"
            hint = "the ledger is tied to them: use a library whose get_connection_attributes names sysId and client"
            raise ContractBrokenError(msg, hint=hint, system=self.name, operation="check")
        details, missing, next_step = self._company_told()
        return SystemInfo(
            system_id=f"{told['sysId']}/{told['client']}/{self._books.company_code}",
            product=self.product,
            version=told.get("partnerRel") or None,
            identity=told.get("user") or self._user or None,
            missing=missing,
            next_step=next_step,
            details=details,
        )

    def _company_told(self) -> tuple[dict[str, str], tuple[str, ...], str | None]:
        """Return what SAP says about the company code, what is missing, and what to do about it."""
        code = self._books.company_code
        try:
            rows = self._company.tables.rows("T001", ["BUKRS", "BUTXT", "WAERS"], [equals("BUKRS", code)])
        except (PermissionDeniedError, ContractBrokenError) as exc:
            return {}, ("reading tables by RFC",), exc.hint
        if not rows:
            return {}, (f"company code {code}",), "correct company_code, or give the user the right to see it"
        return {"company": rows[0]["BUTXT"], "currency": rows[0]["WAERS"], "company code": code}, (), None

    # ------------------------------------------------------------------ pull, decode

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records: SAP names all of them first, then they are read page by page.

        Cost entries and hours are those that carry a key of ours.

        Raises:
            ExpiredCursorError: This system has no feed; pull without a cursor.
            ConnectorError: SAP refuses.
        """
        self.supports(kind)
        if since is not None:
            msg = f"{self.name} lists {kind} as a whole and keeps no place in a feed"
            raise ExpiredCursorError(msg, hint="pull again without a cursor", system=self.name, operation="pull")
        return self._pages(kind)

    def _pages(self, kind: str) -> Iterator[Page]:
        keys = self._kinds[kind].keys()
        starts = range(0, len(keys), self._page_size) or range(1)
        for start in starts:
            rows = [self._row(*told) for told in self._kinds[kind].read(keys[start : start + self._page_size])]
            yield Page(rows, is_last=start + self._page_size >= len(keys), is_scan=True)

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make the entity of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the fields and no value.
        """
        self.supports(kind)
        told: dict[str, Any] = {"system": self.name, "operation": "decode", "ref": Ref(self.name, kind, row.key)}
        try:
            return self._kinds[kind].entity(row.key, record_of(row.body))
        except RecordInvalidError as exc:
            reason, hint = exc.message, exc.hint
        except ValidationError as exc:
            wrong = (".".join(str(step) for step in error["loc"]) or error["msg"] for error in exc.errors())
            reason, hint = f"it does not fit in {', '.join(sorted(set(wrong)))}", "correct it in SAP"
        except (NotJsonError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            reason, hint = "it has not the shape of a record of SAP", "compare the columns with the system"
        # outside the handlers: exceptions of parsers carry values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        raise RecordInvalidError(msg, hint=hint, **told)

    def _row(self, key: str, record: Record, match: str | None = None) -> Row:
        return Row(key, None, dumps(record), match)

    # ------------------------------------------------------------------ get, find

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by key; missing ones are absent.

        Raises:
            ConnectorError: SAP refuses.
        """
        self.supports(kind)
        asked = list(dict.fromkeys(ids))
        if not asked:
            return []
        known = set(asked)
        return [self._row(*told) for told in self._kinds[kind].read(asked) if told[0] in known]

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a natural key, or by ``create_key``.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: SAP refuses.
        """
        can = self.supports(kind)
        if field not in can.find_fields and not (field == "create_key" and can.writes):
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by {', '.join(sorted(can.find_fields)) or 'nothing'}")
        if not values:
            return []
        return [self._row(*told) for told in self._kinds[kind].find(field, values)]

    # ------------------------------------------------------------------ write

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Post one record in one unit of work: check, post, commit, on one connection.

        Lengths, digits and decimals are looked at first: RFC would cut and wrap them without a word.

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
        return [self._written(kind, write) for write in writes]

    def _written(self, kind: str, write: Write) -> Outcome:
        if write.mode == "create" and (write.entity is None or write.entity.kind() != kind):
            msg = f"{self.name}: a create of {kind} brings no {kind}"
            raise ConfigurationError(msg)
        told, began = f"{write.action or write.mode} {kind}", self._clock.monotonic()
        if self._plan_only:
            msg = f"{self.name} is plan-only: nothing is written"
            hint = "set plan_only = false when the plan is what you want"
            return NotApplied(WriteRefusedError(msg, hint=hint, system=self.name, operation=told))
        try:
            step = self._kinds[kind].step(write)
        except ConnectorError as exc:
            exc.system, exc.operation = self.name, told
            return NotApplied(exc, exc.retry_after)
        return Applied(step) if isinstance(step, Ref) else self._work.run(step, began=began)


def _must_be(is_so: bool, name: str, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_so:
        msg = f"{name}: {rule}"
        raise ConfigurationError(msg)


def _hidden(key: str, value: str | SecretStr) -> str | SecretStr:
    return SecretStr(value) if key in _SECRETS and isinstance(value, str) else value


def _shown(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
