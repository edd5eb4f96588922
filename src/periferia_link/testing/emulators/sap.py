"""A stand-in for the Service Layer of SAP Business One, after SAP's guide v1.29 and recorded traffic."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal
from urllib.parse import unquote, urlsplit

from periferia_link.clock import SystemClock
from periferia_link.testing.emulators._emulator import Emulator, Record
from periferia_link.testing.emulators._odata import ODataRefused, query_options
from periferia_link.testing.emulators._sap_batch import Batches
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_journal import Journal
from periferia_link.testing.emulators._sap_reads import Reads
from periferia_link.testing.emulators._sap_refusals import Refusal, RefusedError
from periferia_link.testing.emulators._sap_resources import Call, Resources
from periferia_link.testing.emulators._sap_sessions import Sessions
from periferia_link.testing.emulators._sap_tables import TABLES, Table, empty_books, user_table
from periferia_link.testing.emulators._sap_wire import Edition, apache_error
from periferia_link.typing import Clock, Request, Response

__all__ = ["SapEmulator"]

_ACCOUNT = {"username": "manager", "password": "Andes-2026!"}
_LONG_AGO = "2025-01-02"
_MOST_BYTES = 50 * 1024 * 1024


class SapEmulator(Emulator):
    """
    One company, ``PERIFERIA`` unless it is named, on SQL Server (no ``$apply``), behind ``/b1s/v1`` and ``/b1s/v2``.

    A new one holds a few accounts of the Colombian chart (510506 payroll, 510595 its distribution, 613595 and 720506
    labour of services, 130505 clients, 413595 revenue, 240805 tax), five dimensions, the general cost centre, three
    currencies and the markers of periferia_link.

    ``approval_required`` makes drafts of postings. What else an installation can differ in is set on its parts:
    ``journal`` (``locked_periods``, ``rates``, ``decimals``, ``currency``, ``system_currency``), ``documents``
    (``needs_approval``, ``taxes``), ``events`` (``secret``, ``sent``), ``queries`` (``allowed``), ``reads``
    (``link_form``, ``drops_filter``, ``page_size``), ``batches`` (``status_v2``), ``sessions`` (``minutes``,
    ``expire()``), ``nodes_down`` (for ``/ping/node/N``). :meth:`drop_user_table` and :meth:`drop_user_field` make a
    bare company; what is created over the wire is seen after :meth:`restart`.
    """

    name: ClassVar[str] = "sap"
    idle_seconds: ClassVar[float] = 5.0
    max_requests: ClassVar[int | None] = 100

    def __init__(self, *, seed: int = 1, company_db: str = "PERIFERIA") -> None:
        super().__init__(seed=seed)
        self.company_db = company_db
        self.nodes_down: set[str] = set()
        self._clock: Clock = SystemClock()  # of the last request, from then on
        self._build()
        self.populate()

    def _build(self) -> None:
        self.company = Company(self.books, self.wrote, self.on_rollback)
        self.journal = Journal(self.company)
        self.reads = Reads(self.company)
        self.resources = Resources(self.company, self.journal, self.reads)
        self.documents, self.queries = self.resources.documents, self.resources.queries
        self.events = self.resources.events
        self.sessions = Sessions(self.credentials(), seed=self.seed)
        self.batches = Batches(
            answer=self._inner,
            transaction=self.transaction,
            note=self.operation,
            random=random.Random(self.seed),  # noqa: S311 - boundaries, the same in every run
        )

    def populate(self) -> None:
        """Found the company and start the Service Layer."""
        for table, records in empty_books().items():
            self.books[table] = records
        self.company.restart()

    def reset(self) -> None:
        """Go back to a new company: no sessions, no switches."""
        with self.lock:
            self.nodes_down.clear()
            self._build()
            super().reset()

    def credentials(self) -> dict[str, Any]:
        """Return user, password and company."""
        return _ACCOUNT | {"company_db": self.company_db}

    # ------------------------------------------------------------------ what tests set up

    def key_of(self, table: str, record: Mapping[str, Any]) -> str:
        """Return the key under which a record is filed."""
        return self._table(table).key_of(record)

    def load(self, tables: Mapping[str, Sequence[Record]]) -> None:
        """
        Put records into the books, by entity set; missing properties get their defaults, missing numbers the next.

        Raises:
            ValueError: A value that the real company could not hold.
        """
        with self.lock:
            for name, records in tables.items():
                if name == "ORTT":  # rates of exchange have a table and no entity set
                    for rate in records:
                        self.journal.set_rate(rate["Currency"], rate["RateDate"], Decimal(str(rate["Rate"])))
                    continue
                table = self._table(name)
                for given in records:
                    self._file(table, given)
                self.company.touched()
                self.company.restart()

    def _file(self, table: Table, given: Record) -> None:
        try:
            checked = self.company.checked(table, given)
        except RefusedError as error:
            msg = f"{table.name}: {error}"
            raise ValueError(msg) from None
        self.company.number(table, checked)
        created, at, updated, updated_at = table.stamps or ("", "", "", "")
        checked = {created or updated: _LONG_AGO, at or updated_at: "08:00:00"} | checked
        checked = {updated: checked[created or updated], updated_at: checked[at or updated_at]} | checked
        checked.pop("", None)
        key = table.key_of(checked)
        before = self.books[table.name].get(key)
        self.books[table.name][key] = self.company.complete(table, {**(before or {}), **checked})

    def restart(self) -> None:
        """Start the Service Layer again: it forgets its sessions and sees the new user tables and fields."""
        with self.lock:
            self.company.restart()
            self.sessions.expire()

    def set_rate(self, currency: str, day: str, rate: Decimal | str) -> None:
        """Enter the rate of exchange of a day, as the accountant does: units of the books' currency for one."""
        with self.lock:
            self.journal.set_rate(currency, day, Decimal(rate))

    def add_user_table(self, name: str, fields: Sequence[str] = ()) -> None:
        """Add a user table without object (``PL_RATES`` is ``U_PL_RATES``) with user fields, and restart."""
        self.load({"UserTablesMD": [{"TableName": name, "TableDescription": name}]})
        self.load({"UserFieldsMD": [{"TableName": f"@{name}", "Name": field} for field in fields]})

    def drop_user_table(self, name: str) -> None:
        """Take a user table away, and restart."""
        del self.books["UserTablesMD"][name]
        self.company.restart()

    def drop_user_field(self, name: str, *tables: str) -> None:
        """Take a user field (``PL_Key``) off tables (``OJDT``), or off all of them, and restart."""
        fields = self.books["UserFieldsMD"]
        for key, row in list(fields.items()):
            if row["Name"] == name and (not tables or row["TableName"] in tables):
                del fields[key]
        self.company.restart()

    def lock_period(self, month: str) -> None:
        """Lock a posting period, ``"2026-10"``."""
        self.journal.locked_periods.add(month)

    @property
    def approval_required(self) -> bool:
        """Whether postings become drafts, and their callers are told -2028."""
        return self.journal.approval_required

    @approval_required.setter
    def approval_required(self, required: bool) -> None:
        self.journal.approval_required = required

    def approve_draft(self, number: int, clock: Clock | None = None) -> str:
        """
        Turn a draft into a journal entry or an invoice and return its number, as the approver does.

        The draft of an invoice stays, closed, with ``dasGeneratedbyAuthorizer``. The time is that of SAP.
        """
        now = (clock or self._clock).now()
        with self.lock:
            if self.books["Drafts"][str(number)]["DocObjectCode"] == "oJournalEntries":
                return str(self.journal.approve(str(number), now)["JdtNum"])
            return str(self.documents.generate(str(number), now)["DocEntry"])

    def allow_draft(self, number: int, clock: Clock | None = None) -> None:
        """Approve a draft without making anything of it: whoever asked adds it (``SaveDraftToDocument``)."""
        with self.lock:
            self.documents.decide(str(number), "dasApproved", (clock or self._clock).now())

    def reject_draft(self, number: int, clock: Clock | None = None) -> None:
        """Refuse a draft, as the approver does; it stays in the list. The time is that of SAP."""
        with self.lock:
            self.documents.decide(str(number), "dasRejected", (clock or self._clock).now())

    def _table(self, name: str) -> Table:
        return TABLES.get(name) or user_table(name)

    # ------------------------------------------------------------------ serving

    def expectation(self, request: Request) -> Response | None:
        """Answer ``Expect: 100-continue`` with the empty 500 of the balancer."""
        if "100-continue" not in (request.header("Expect") or "").lower():
            return None
        lost = apache_error(500, is_empty=True)
        cookie = ("Set-Cookie", f"ROUTEID={self.sessions.node}; path=/b1s")
        return Response(500, (("DataServiceVersion", "3.0"), ("Connection", "close"), cookie, *lost.headers))

    def refusal(self, status: int, code: str, message: str) -> Response:
        """Make an error of the Service Layer, or of the balancer where no code is given."""
        if not code:
            return apache_error(status, is_empty=status == 500)
        number = int(code) if code.lstrip("-").isdigit() else -1
        edition = Edition("v2", f"{self.base_url}/b1s/v2/")
        return edition.refusal(RefusedError(status, number, message, message))

    def serve(self, request: Request, clock: Clock) -> Response:
        """Answer one request."""
        self._clock = clock
        refusal = self.expectation(request)
        if refusal is not None:
            return refusal
        address = urlsplit(request.url)
        path = unquote(address.path)
        if path.startswith("/ping"):
            return self._pong(path)
        version = _version(path)
        if version is None:
            return apache_error(404)
        if len(request.body) > _MOST_BYTES:
            return apache_error(413)
        edition = Edition(version, f"{address.scheme}://{address.netloc}/b1s/{version}/")
        return self._guarded(edition, lambda: self._front(request, edition, path.split("/", 3)[3], clock))

    def _front(self, request: Request, edition: Edition, resource: str, clock: Clock) -> Response:
        """Let people in and out; everything else needs a session."""
        if request.method == "POST" and resource == "Login":  # case counts: /login is a resource like any other
            return self.sessions.login(request, edition, clock.now())
        self._edition = Edition(edition.version, edition.root, self.sessions.enter(request, clock.now()))
        if request.method == "POST" and resource == "Logout":
            self.sessions.logout(request)
            return self._edition.answer(204)
        if request.method == "POST" and resource == "$batch":
            answer = self._guarded(self._edition, lambda: self.batches.run(request, self._edition))
        else:
            answer = self._inner(request)
        self.journal.file_drafts(clock.now())
        self.events.tell(self.company.happened, clock.now())
        self.company.happened.clear()
        return answer

    def _pong(self, path: str) -> Response:
        """Answer the health checks, which need no session: 503 for a node that is down."""
        node = path.removeprefix("/ping/node/")
        if node in self.nodes_down:
            return apache_error(503)
        known = path.rstrip("/") in ("/ping", "/ping/load-balancer") or node != path
        return Response(200, (("Content-Type", "text/plain"),), b"pong") if known else apache_error(404)

    def _inner(self, request: Request) -> Response:
        """Answer one request of an open session, alone or inside a batch."""
        address = urlsplit(request.url)
        resource = unquote(address.path).split("/", 3)[3]
        headers = {name.lower(): value for name, value in request.headers}
        edition = self._edition

        def answer() -> Response:
            options = query_options(request.url)
            call = Call(request.method, resource, edition, self._clock.now(), options, headers, request.body)
            with self.transaction():  # what is refused half-way leaves no trace in the books
                return self.resources.answer(call)

        return self._guarded(edition, answer)

    def _guarded(self, edition: Edition, answer: Callable[[], Response]) -> Response:
        """Turn what an operation refuses into an answer."""
        try:
            return answer()
        except RefusedError as error:
            return edition.refusal(error)
        except ODataRefused as error:
            kind = Refusal.BATCH if "Incomplete" in error.message else Refusal.QUERY
            return edition.refusal(kind.error(reason=error.message))


def _version(path: str) -> Literal["v1", "v2"] | None:
    pieces = path.split("/", 3)
    if len(pieces) < 4 or pieces[1] != "b1s":
        return None
    return "v1" if pieces[2] == "v1" else "v2" if pieces[2] == "v2" else None
