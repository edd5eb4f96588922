"""A small company in memory: systems that misbehave when told, flows to run over them, and a rig that holds both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from decimal import Decimal

from periferia_link.connectors.base import Applied, NotApplied, Row, Unknown
from periferia_link.domain import (
    Client,
    CostCentre,
    CostEntry,
    Employee,
    Money,
    Opportunity,
    Project,
    Rate,
    Ref,
    TaxId,
    TimeEntry,
)
from periferia_link.engine import Engine, Flow
from periferia_link.errors import (
    AuthenticationError,
    ConnectorError,
    OutcomeUnknownError,
    RecordInvalidError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.flows import labour_costs
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import ManualClock, MemoryConnector

DAY = date(2026, 2, 2)
APPROVED = datetime(2026, 2, 3, 9, tzinfo=timezone.utc)


# ---------------------------------------------------------------------- a system that does as it is told


class Awkward(MemoryConnector):
    """
    A memory whose next requests can be scripted.

    ``answers`` holds one rule for each coming write request, ``always`` one for all others; a rule receives the
    connector, the kind and the writes. ``sent`` keeps every write that arrived. ``looks`` keeps every read.
    """

    def __init__(self, *args, abilities=None, clock=None, **options):
        super().__init__(*args, **options)
        if abilities:
            self._capabilities = {kind: replace(held, **abilities) for kind, held in self._capabilities.items()}
        self.clock = clock
        self.answers = []
        self.always = None
        self.sent = []
        self.looks = []
        self.pending = {}  # key -> why it does not count yet
        self.pages = None  # (kind, since, pages) -> pages
        self.finds = None  # (kind, field, values, rows) -> rows
        self.gets = None  # (kind, ids, rows) -> rows
        self.before_write = None
        self.maps = ""
        self._under_way = []  # (due, kind, writes): requests that commit after their answer was lost

    # -------------------------------------------------------------- the verbs

    def check(self):
        self.looks.append(("check", ""))
        return super().check()

    def fingerprint(self, kind):
        return self.maps

    def pull(self, kind, since=None):
        self.looks.append(("pull", kind))
        self._land()
        pages = super().pull(kind, since)
        return pages if self.pages is None else iter(self.pages(kind, since, pages))

    def get(self, kind, ids):
        self.looks.append(("get", kind))
        self._land()
        rows = super().get(kind, ids)
        return rows if self.gets is None else self.gets(kind, ids, rows)

    def find(self, kind, field, values):
        self.looks.append(("find", kind))
        self._land()
        rows = [row._replace(pending=self.pending.get(row.key)) for row in super().find(kind, field, values)]
        return rows if self.finds is None else self.finds(kind, field, values, rows)

    def write(self, kind, writes):
        self.sent.append(list(writes))
        if self.before_write is not None:
            self.before_write(writes)
        self._land()
        rule = self.answers.pop(0) if self.answers else self.always
        if rule is None:
            return super().write(kind, writes)
        return rule(self, kind, writes)

    # -------------------------------------------------------------- for rules

    def commit(self, kind, writes):
        """Do what the writes say, whatever the rules are."""
        return super().write(kind, writes)

    def commit_later(self, kind, writes, seconds):
        """Let the writes take effect after *seconds*: their request is still under way."""
        self._under_way.append((self.clock.monotonic() + seconds, kind, list(writes)))

    def _land(self):
        due = [job for job in self._under_way if job[0] <= self.clock.monotonic()] if self._under_way else []
        for job in due:
            self._under_way.remove(job)
            super().write(job[1], job[2])

    def held(self, kind):
        """Return every record, those of requests under way included when their time has come."""
        self._land()
        return self.holds(kind)


def _lost(system):
    return Unknown(OutcomeUnknownError("no answer came", system=system.name, hint="read back"))


def lost_before(system, kind, writes):
    """Nothing happened, and nobody says so."""
    return [_lost(system)] * len(writes)


def lost_after(system, kind, writes):
    """Everything happened, and nobody says so."""
    system.commit(kind, writes)
    return [_lost(system)] * len(writes)


def late(seconds):
    """Say nothing now; it happens that many seconds later."""

    def rule(system, kind, writes):
        system.commit_later(kind, writes, seconds)
        return [_lost(system)] * len(writes)

    return rule


def refused(error: ConnectorError | None = None, *, where: Callable = lambda write: True):
    """Refuse the writes for which *where* holds; the others are done."""
    refusal = error or RecordInvalidError("the name is taken", system="erp", code="-10", hint="choose another name")

    def rule(system, kind, writes):
        return [NotApplied(refusal) if where(write) else system.commit(kind, [write])[0] for write in writes]

    return rule


def atomic(where: Callable, error: ConnectorError | None = None):
    """Refuse the whole request when *where* holds for one of its writes."""
    refusal = error or RecordInvalidError("refused whole", system="erp", hint="correct the one")

    def rule(system, kind, writes):
        if any(where(write) for write in writes):
            return [NotApplied(refusal)] * len(writes)
        return system.commit(kind, writes)

    return rule


def throttled(seconds):
    """Ask to come back."""

    def rule(system, kind, writes):
        return [NotApplied(ThrottledError("slow down", system=system.name, retry_after=seconds), seconds)] * len(writes)

    return rule


def unavailable(system, kind, writes):
    """Nothing reached the system."""
    return [NotApplied(UnavailableError("connection refused", system=system.name), 1.0)] * len(writes)


def unauthorised(system, kind, writes):
    """The password is wrong."""
    refusal = AuthenticationError("the password is refused", system=system.name, hint="renew the password")
    return [NotApplied(refusal)] * len(writes)


def draft(reason="draft 7 waits for approval"):
    """Keep the record and let it not count yet (SAP -2028)."""

    def rule(system, kind, writes):
        for outcome in system.commit(kind, writes):
            assert isinstance(outcome, Applied)
            system.pending[outcome.ref.id] = reason
        return [_lost(system)] * len(writes)

    return rule


# ---------------------------------------------------------------------- the rig


@dataclass
class Rig:
    """Systems, ledger, clock and engine, wired together."""

    engine: Engine
    ledger: SqliteLedger
    clock: ManualClock
    systems: dict[str, Awkward]

    def __getattr__(self, name):
        systems = self.__dict__.get("systems", {})
        if name in systems:
            return systems[name]
        raise AttributeError(name)

    def run(self, flow: Flow):
        """Run one flow and return its report."""
        return self.engine.run(flow)[flow.name]

    def again(self, **options) -> Engine:
        """Return another engine over the same systems and ledger, as a new process would have it."""
        return Engine(self.systems, self.ledger, clock=self.clock, **options)

    def open_operations(self, flow: Flow):
        """Return what is planned, in flight, ambiguous or held."""
        part = "group" if flow.is_grouped else "source"
        return self.ledger.operations.open(self.ledger.stream(flow.name, part))

    def verdict(self, flow: Flow, key: str, verdict: str):
        """Decide a review as a person would."""
        with self.ledger.transaction():
            self.ledger.desk.decide(self.ledger.stream(flow.name, "source"), key, verdict)


@contextmanager
def rig(*systems: Awkward, path=":memory:", clock=None, **options) -> Iterator[Rig]:
    """Open a ledger over systems; everything shares one clock that stands still."""
    clock = clock or ManualClock()
    for system in systems:
        system.clock = system.clock or clock
    with SqliteLedger.open(path) as ledger:
        named = {system.name: system for system in systems}
        yield Rig(Engine(named, ledger, clock=clock, **options), ledger, clock, named)


# ---------------------------------------------------------------------- clients


def client(number: int, **values) -> Client:
    """Return a client; the same number is the same client."""
    given = {"name": f"Cliente {number}", "city": "Bogotá"} | values
    return Client(ref=Ref("crm", "Client", given.pop("id", f"c{number:03}")), **given)


def nit(body: int) -> TaxId:
    """Return a NIT with the check digit completed."""
    found = TaxId.parse(str(body), "CO")
    assert found is not None
    return found


def copy_client(wanted: Client, context=None) -> Client:
    """Return the fields that the flow of these tests carries over."""
    fields = wanted.model_fields_set & {"name", "city", "email", "tax_id"}
    return Client(**{name: getattr(wanted, name) for name in fields})


def client_flow(**changes) -> Flow:
    """Return a flow from ``crm`` to ``erp`` without matching."""
    options = {
        "name": "clients",
        "source": ("crm", "Client"),
        "target": ("erp", "Client"),
        "project": copy_client,
    }
    return Flow(**(options | changes))


def crm_of(clients: Iterable[Client], **options) -> Awkward:
    """Return a CRM that holds clients."""
    return Awkward("crm", [Client, Opportunity], clients, **options)


def erp_of(clients: Iterable[Client] = (), **options) -> Awkward:
    """Return an ERP that holds clients."""
    return Awkward("erp", [Client, Project], clients, **options)


def names(system: MemoryConnector, kind: str = "Client") -> list[str]:
    """Return the names of all records, sorted."""
    return sorted(record.name for record in system.holds(kind))


# ---------------------------------------------------------------------- labour


def person(code: str, **values) -> Employee:
    """Return somebody of the help desk; the code is also the id there."""
    return Employee(ref=Ref("helpdesk", "Employee", code), code=code, name=f"Persona {code}", **values)


def employee(code: str, *rates, centre: str | None = "CC1") -> Employee:
    """Return an employee of the ERP with rates as (day, amount, currency)."""
    return Employee(
        ref=Ref("erp", "Employee", code),
        code=code,
        name=f"Persona {code}",
        cost_centre=centre,
        rates=tuple(
            Rate(valid_from=day, hourly=Money.of(amount, currency))
            for day, amount, currency in rates or [(date(2020, 1, 1), "50000", "COP")]
        ),
    )


def centre(code: str = "CC1", rule: str | None = "R1") -> CostCentre:
    """Return a cost centre of the ERP."""
    values = {} if rule is None else {"distribution_rule": rule}
    return CostCentre(ref=Ref("erp", "CostCentre", code), code=code, name=f"Centro {code}", **values)


def project(code: str = "P1") -> Project:
    """Return a project of the ERP."""
    return Project(ref=Ref("erp", "Project", code), code=code, name=f"Proyecto {code}")


def entry(key: str, hours="8", **values) -> TimeEntry:
    """Return an approved time entry of E1 on P1."""
    given = {"person": "E1", "project": "P1", "worked_on": DAY, "approved_at": APPROVED} | values
    return TimeEntry(ref=Ref("helpdesk", "TimeEntry", key), hours=Decimal(hours), **given)


def helpdesk_of(entries: Iterable[TimeEntry] = (), people=("E1", "E2"), **options) -> Awkward:
    """Return a help desk with people and time entries."""
    return Awkward("helpdesk", [TimeEntry, Employee], [*map(person, people), *entries], **options)


def books_of(*records, **options) -> Awkward:
    """Return an ERP that keeps books; E1, E2, CC1 and P1, P2 are there unless others are given."""
    usual = [employee("E1"), employee("E2"), centre(), project("P1"), project("P2")]
    mine = {(type(record), record.code) for record in records}
    kept = [record for record in usual if (type(record), record.code) not in mine]
    return Awkward("erp", [CostEntry, Employee, CostCentre, Project], [*kept, *records], **options)


def labour_flow(**changes) -> Flow:
    """Return the labour flow from 2026 on."""
    options = {"starts": date(2026, 1, 1), "debit": "5105", "credit": "2505"}
    return labour_costs(**(options | changes))


def booked(system: MemoryConnector, account: str = "5105") -> dict[str, Decimal]:
    """Return debits minus credits of an account by currency."""
    sums: dict[str, Decimal] = {}
    for posting in system.holds("CostEntry"):
        for line in posting.lines:
            if line.account == account:
                sums[posting.currency] = sums.get(posting.currency, Decimal(0)) + line.debit - line.credit
    return {currency: amount for currency, amount in sums.items() if amount}


def rows_of(system: MemoryConnector, kind: str) -> list[Row]:
    """Return the wire rows of every record."""
    return [row for page in MemoryConnector.pull(system, kind) for row in page.rows]
