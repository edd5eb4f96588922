"""
A stand-in for SAP ECC or S/4HANA at the seam of a pyrfc connection: own books, sessions, units of work, faults.

No RFC server can be run on a desk, so this one is called and not connected to::

    sap = RfcStandIn()
    erp = SapRfc({"user": sap.user}, company_code="1000", controlling_area="1000", connect=sap.connect)

What a session posts is seen after its commit only; a rollback or a lost line drops it, and the number that was drawn
stays drawn. The same reference twice makes two documents, as in SAP. Texts are cut and small integers wrap without a
word. After a broken call the connection has silently opened a new session, as pyrfc and pyrfcx do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from periferia_link.testing.emulators._clock import ManualClock
from periferia_link.testing.emulators._rfc_accounting import (
    check_document,
    check_reversal,
    post_document,
    post_reversal,
)
from periferia_link.testing.emulators._rfc_books import Document, FiCoBooks, Item, message
from periferia_link.testing.emulators._rfc_controlling import (
    check_allocation,
    create_order,
    delete_sheets,
    insert_sheets,
    list_orders,
    post_allocation,
    show_order,
)
from periferia_link.testing.emulators._rfc_dictionary import interface, received, returned
from periferia_link.testing.emulators._rfc_failures import (
    ABAPRuntimeError,
    CommunicationError,
    LogonError,
    RFCError,
)
from periferia_link.testing.emulators._rfc_faults import RfcFault, RfcFaults
from periferia_link.testing.emulators._rfc_master_data import list_centres, list_customers, show_centre, show_customer
from periferia_link.testing.emulators._rfc_tables import read_table
from periferia_link.testing.emulators._rfc_work import Answer, Work
from periferia_link.typing import Clock

__all__ = ["Document", "FiCoBooks", "Item", "RfcCall", "RfcConnection", "RfcFault", "RfcStandIn"]

_COMMIT, _ROLLBACK = "BAPI_TRANSACTION_COMMIT", "BAPI_TRANSACTION_ROLLBACK"


def _commit(work: Work, told: dict[str, Any]) -> Answer:
    del told
    work.commit()
    return {"RETURN": {}}


def _roll_back(work: Work, told: dict[str, Any]) -> Answer:
    del told
    work.roll_back()
    return {"RETURN": {}}


def _echo(work: Work, told: dict[str, Any]) -> Answer:
    return {"ECHOTEXT": told.get("REQUTEXT", ""), "RESPTEXT": f"SAP stand-in, {work.user}"}


_FUNCTIONS: Mapping[str, Callable[[Work, dict[str, Any]], Answer]] = {
    "RFC_PING": lambda _work, _told: {},
    "STFC_CONNECTION": _echo,
    "RFC_READ_TABLE": read_table,
    _COMMIT: _commit,
    _ROLLBACK: _roll_back,
    "BAPI_ACC_DOCUMENT_CHECK": check_document,
    "BAPI_ACC_DOCUMENT_POST": post_document,
    "BAPI_ACC_DOCUMENT_REV_CHECK": check_reversal,
    "BAPI_ACC_DOCUMENT_REV_POST": post_reversal,
    "BAPI_INTERNALORDER_CREATE": create_order,
    "BAPI_INTERNALORDER_GETLIST": list_orders,
    "BAPI_INTERNALORDER_GETDETAIL": show_order,
    "BAPI_COSTCENTER_GETLIST1": list_centres,
    "BAPI_COSTCENTER_GETDETAIL1": show_centre,
    "BAPI_ACC_ACTIVITY_ALLOC_CHECK": check_allocation,
    "BAPI_ACC_ACTIVITY_ALLOC_POST": post_allocation,
    "BAPI_CATIMESHEETMGR_INSERT": insert_sheets,
    "BAPI_CATIMESHEETMGR_DELETE": delete_sheets,
    "BAPI_CUSTOMER_GETLIST": list_customers,
    "BAPI_CUSTOMER_GETDETAIL2": show_customer,
}


@dataclass(frozen=True, slots=True)
class RfcCall:
    """One call as the stand-in saw it: on which session, by which thread."""

    session: int
    thread: int
    function: str
    parameters: Mapping[str, Any]


class RfcStandIn:
    """
    One system.

    Args:
        books: What is in it; an empty company code by default.

        clock: Source of time.

        on_io: Told ``before FUNCTION`` and ``after FUNCTION``; what it raises is the death of the caller.

        max_sessions: Sessions that the user may have.
    """

    user = "PL_LINK"
    password = "Rfc-2026-stand-in"  # noqa: S105 - it opens nothing

    def __init__(
        self,
        books: FiCoBooks | None = None,
        *,
        clock: Clock | None = None,
        on_io: Callable[[str], None] | None = None,
        max_sessions: int = 100,
    ) -> None:
        self.books = books or FiCoBooks()
        self.clock = clock or ManualClock()
        self.on_io = on_io
        self.max_sessions = max_sessions
        self.faults = RfcFaults()
        self.log: list[RfcCall] = []
        self.forbidden: set[str] = set()
        self.commits_by_itself = False
        self.lock = threading.RLock()
        self.sessions = 0
        self.open = 0
        self._late: list[tuple[float, Work]] = []

    # ------------------------------------------------------------------ sessions

    def connect(self, *, user: str | None = None, passwd: str | None = None) -> RfcConnection:
        """
        Open a connection.

        Args:
            user: Who; the user of the stand-in by default.

            passwd: The password; the right one by default.

        Raises:
            LogonError: User or password are wrong.
            CommunicationError: All sessions are taken, or a fault says so.
        """
        with self.lock:
            self._arrive("connect")
            fault = self.faults.due("connect")
            if fault is not None:
                raise _raised(fault, "connect")
            if (user or self.user, passwd or self.password) != (self.user, self.password):
                msg = "Name or password is incorrect (repeat logon)"
                raise LogonError(msg, 2, "RFC_LOGON_FAILURE", "00", "E", "152")
            if self.open >= self.max_sessions:
                msg = "max no of conversations exceeded"
                raise CommunicationError(msg, 1, "RFC_COMMUNICATION_FAILURE")
            self.open += 1
            return RfcConnection(self)

    def opened(self, user: str) -> tuple[int, Work]:
        """Begin a session."""
        self.sessions += 1
        today = f"{self.clock.now():%Y%m%d}"
        return self.sessions, Work(self.books, user, today, commits_by_itself=self.commits_by_itself)

    # ------------------------------------------------------------------ calls

    def run(self, session: int, work: Work, function: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """
        Run a function for a session.

        Raises:
            RFCLibError: What pyrfc would raise.
        """
        told = received(function, parameters)
        with self.lock:
            self._arrive(function)
            self.log.append(RfcCall(session, threading.get_ident(), function, parameters))
            fault = self.faults.due(function)
            if function in self.forbidden:
                fault = RfcFault("forbidden")
            if fault is not None and fault.trouble == "late":
                self._late.append((self.clock.monotonic() + fault.seconds, self._given_away(work)))
                raise _raised(RfcFault("break"), function)
            if fault is not None and fault.when == "before" and fault.trouble != "refuse":
                raise _raised(fault, function)
            answer = self._answer(fault, work, function, told)
            answer = returned(function, {**{name: told.get(name) for name in _tables_of(function)}, **answer})
        if self.on_io is not None:
            self.on_io(f"after {function}")
        if fault is not None and fault.trouble != "refuse":
            raise _raised(fault, function)
        return answer

    def _answer(self, fault: RfcFault | None, work: Work, function: str, told: dict[str, Any]) -> Answer:
        if fault is not None and fault.trouble == "refuse":
            row = message(fault.type, fault.code, fault.text)
            is_table = interface(function)["RETURN"].direction == "t"
            if fault.type in ("E", "A"):
                return {"RETURN": [row] if is_table else row}
            answer = _FUNCTIONS[function](work, told)
            return {**answer, "RETURN": [*answer.get("RETURN", []), row] if is_table else row}
        return _FUNCTIONS[function](work, told)

    def _arrive(self, what: str) -> None:
        self.settle()
        if self.on_io is not None:
            self.on_io(f"before {what}")

    def _given_away(self, work: Work) -> Work:
        """Return the work of a session that goes on without its caller."""
        return Work(work.books, work.user, work.today, list(work.held))

    def settle(self) -> None:
        """Do what was late and is due by now."""
        now = self.clock.monotonic()
        due = [work for at, work in self._late if at <= now]
        self._late = [(at, work) for at, work in self._late if at > now]
        for work in due:
            work.commit()

    # ------------------------------------------------------------------ what people enter

    def add_centre(self, code: str, name: str = "", **values: str) -> str:
        """Enter a cost centre; returns its code as SAP has it."""
        number = code.zfill(10) if code.isdigit() else code
        usual = {"NAME": name or code, "VALID_FROM": "20200101", "VALID_TO": "99991231", "CURRENCY": "COP"}
        self.books.centres[number] = usual | {"COMP_CODE": self.books.company} | values
        return number

    def add_order(self, code: str, name: str = "", **values: str) -> str:
        """Enter an internal order; returns its number as SAP has it."""
        number = code.zfill(12) if code.isdigit() else code
        usual = {"ORDER_TYPE": "PRY1", "CO_AREA": self.books.area, "COMP_CODE": self.books.company, "EXT_ORD_NO": ""}
        status = values.pop("status", "I0002")
        master = {"ORDER": number, "ORDER_NAME": name or code} | usual | values
        self.books.orders[number] = {"master": master, "status": status}
        return number

    def add_customer(self, number: str, name: str, **values: str) -> str:
        """Enter a customer; returns its number as SAP has it."""
        key = number.zfill(10) if number.isdigit() else number
        self.books.customers[key] = {"NAME": name, "COUNTRY": "CO"} | values
        return key

    def add_rate(self, currency: str, day: str, rate: str) -> str:
        """Enter an exchange rate into the currency of the books from a day on (YYYYMMDD); returns its key for us."""
        self.books.daily_rates[currency, day] = Decimal(rate)
        return f"{currency}-{self.books.currency}-{day}"

    def __repr__(self) -> str:
        return f"RfcStandIn({self.books.company!r})"


class RfcConnection:
    """A connection as pyrfc gives it."""

    def __init__(self, system: RfcStandIn) -> None:
        self._system = system
        self._session, self._work = system.opened(system.user)
        self.alive = True

    def call(self, func_name: str, options: Mapping[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """
        Call a function module.

        Args:
            func_name: Its name.

            options: Not used.

            **params: By name.

        Raises:
            RFCLibError: What pyrfc would raise; a broken line leaves a new session behind.
        """
        del options
        if not self.alive:
            msg = f"Remote function module '{func_name}' invocation rejected because the connection is closed"
            raise RFCError(msg)
        try:
            return self._system.run(self._session, self._work, func_name, params)
        except (CommunicationError, ABAPRuntimeError):
            # pyrfc opens the next session by itself: alive, and empty
            self._session, self._work = self._system.opened(self._system.user)
            raise

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.call("RFC_PING")

    def reset_server_context(self) -> None:
        """Begin a new context."""
        self._work.roll_back()

    def get_connection_attributes(self) -> dict[str, Any]:
        """Return who is connected with what."""
        if not self.alive:
            return {}
        told = {"sysId": "PLK", "client": "100", "user": self._system.user, "partnerRel": "756", "language": "S"}
        return told | {"partnerHost": "sap-stand-in", "kernelRel": "793"}

    def close(self) -> None:
        """Close the connection; what was not committed is gone."""
        if self.alive:
            self.alive = False
            self._work.roll_back()
            self._system.open -= 1

    def __repr__(self) -> str:
        return f"RfcConnection(session={self._session})"


def _tables_of(function: str) -> list[str]:
    return [name for name, parameter in interface(function).items() if parameter.direction == "t"]


def _raised(fault: RfcFault, function: str) -> RFCError:
    """Return what pyrfc raises for a fault."""
    if fault.trouble == "logon":
        return LogonError("Password logon no longer possible", 2, "RFC_LOGON_FAILURE", "00", "E", "200")
    if fault.trouble == "busy":
        return ABAPRuntimeError("no free work process", 3, "RFC_NO_RESOURCE", "00", "A", "341")
    if fault.trouble == "forbidden":
        text = f"No RFC authorization for function module {function}"
        return ABAPRuntimeError(text, 3, "RFC_NO_AUTHORITY", "00", "E", "341")
    if fault.trouble == "dump":
        return ABAPRuntimeError("MESSAGE_TYPE_X", 3, "MESSAGE_TYPE_X", "00", "A", "341")
    if fault.trouble == "cancel":
        return CommunicationError("Connection was canceled", 7, "RFC_CANCELED")
    return CommunicationError("connection to partner broken", 1, "RFC_COMMUNICATION_FAILURE")
