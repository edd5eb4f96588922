"""A company code on the stand-in of RFC, and what breaks the line to it."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timezone
from decimal import Decimal

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc import SapRfc
from periferia_link.domain import CostEntry, CostLine, Money, Project, TimeEntry
from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.rfc import Document, Item, RfcFault, RfcStandIn

DEBIT, CREDIT = "613595", "510595"
DAY = date(2026, 11, 19)
START = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)
KEY = "0f8e2c52-6a35-5a0b-9d0e-3a1f7c0b1d2e"


def company(clock: ManualClock | None = None, **options) -> RfcStandIn:
    """Return a system with a centre, an order, a customer and a tariff."""
    sap = RfcStandIn(clock=clock or ManualClock(START), **options)
    sap.add_centre("SOFT", "Software")
    sap.add_centre("4711", "Soporte")
    sap.add_order("PRY-1", "Portal")
    sap.add_order("800100", "Mesa de ayuda")
    sap.add_customer("100200", "Acerías del Norte S.A.", CITY="Medellín", STCD1="9001234568", TEL1_NUMBR="6045550101")
    sap.books.tariffs["SOFT", "DEV"] = Decimal(90000)
    sap.books.people |= {"00001001", "00001002"}
    return sap


def connector(sap: RfcStandIn, **changes) -> SapRfc:
    """Return the connector to it."""
    given = {
        "company_code": "1000",
        "controlling_area": "1000",
        "order_type": "PRY1",
        "connect": sap.connect,
        "clock": sap.clock,
    }
    return SapRfc({"user": sap.user, "passwd": sap.password}, **(given | changes))


def posting(amount="1250000", currency="COP", **changes) -> CostEntry:
    """Return a cost entry: labour of a project on a centre; changes are fields of it."""
    cost = CostLine(account=DEBIT, debit=1, project="PRY-1", cost_centre="SOFT", memo="Horas")
    made = CostEntry.transfer(
        Money.of(amount, currency),
        debit=cost,
        credit=CREDIT,
        posted_on=DAY,
        memo="Mano de obra",
        reference="PRY-1/SOFT",
    )
    return made.model_copy(update=changes)


def order(code="PRY-2", name="Migración") -> Project:
    """Return a project to open."""
    return Project(code=code, name=name, starts_on=date(2026, 11, 1))


def hours(**changes) -> TimeEntry:
    """Return hours to allocate."""
    given = {"person": "1001", "project": "PRY-1", "cost_centre": "SOFT", "worked_on": DAY, "hours": Decimal("7.5")}
    return TimeEntry(**(given | changes))


def create(entity, key: str | None = None) -> Write:
    """Return a create of all that an entity says."""
    return Write(key or str(uuid.uuid4()), "create", None, entity, frozenset(entity.model_fields_set))


def functions(sap: RfcStandIn) -> list[str]:
    """Return the functions that were called, in order."""
    return [call.function for call in sap.log]


def enter_document(sap: RfcStandIn, reference: str) -> str:
    """Post a document by hand; returns its key."""
    number = f"{sap.books.draw('FI', 100_000_000):010}"
    amount = Decimal(100)
    items = [
        Item(DEBIT.zfill(10), amount, amount, "SOFT", "PRY-1", "Horas"),
        Item(CREDIT.zfill(10), -amount, -amount),
    ]
    document = Document("1000", number, "2026", "20261119", "COP", "COP", reference, "A mano", "SA", "ANA", items)
    sap.books.documents[document.key] = document
    return document.key


class RfcLine:
    """
    The faults of the contract, for a line that is no HTTP.

    What cuts a line cuts it at the commit of a write, before or after; what is a status there is a dump here; what
    asks to slow down is a system without a free session, and a sign-in page a refused logon.
    """

    WRITING = "BAPI_TRANSACTION_COMMIT"
    BEGINNING = "BAPI_ACC_*|BAPI_INTERNALORDER_CREATE|BAPI_CATIMESHEETMGR_*"

    def __init__(self, sap: RfcStandIn) -> None:
        self.sap = sap

    @property
    def writes(self) -> int:
        """Commits that were asked for, or refused on the way."""
        return sum(call.function == self.WRITING for call in self.sap.log)

    @property
    def reads(self) -> int:
        """Every other call."""
        return len(self.sap.log) - self.writes

    def next(self, fault, when="before", *, on="write"):
        """Play a fault at the next call of that intent."""
        function = self.WRITING if on == "write" else "*"
        first = self.BEGINNING if on == "write" else "*"
        if fault == "throttle":
            self.sap.faults.add(RfcFault("busy", first))
        elif fault == "html":
            self.sap.faults.add(RfcFault("logon", first))
        elif fault == "hang":
            self.sap.faults.add(RfcFault("cancel", function, when=when))
        elif fault == "status":
            self.sap.faults.add(RfcFault("dump", function, when=when))
        else:
            self.sap.faults.add(RfcFault("break", function, when=when))
