"""A month of hours: cost in the books, a correction, a billing proposal; every posting traced to its hours."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

from periferia_link import Engine, SqliteLedger
from periferia_link.domain import CostCentre, CostEntry, Employee, Invoice, Money, Project, Rate, Ref, TimeEntry
from periferia_link.flows import billing_proposals, labour_costs
from periferia_link.testing import MemoryConnector
from periferia_link.trace import trace

APPROVED = datetime(2026, 11, 30, 22, tzinfo=timezone.utc)


def hours(key: str, person: str, worked_on: date, hours: str) -> TimeEntry:
    """Hours that somebody entered and somebody approved."""
    ref = Ref("helpdesk", "TimeEntry", key)
    given = {"person": person, "project": "P-1", "worked_on": worked_on, "approved_at": APPROVED}
    return TimeEntry(ref=ref, hours=Decimal(hours), **given)


helpdesk = MemoryConnector("helpdesk", [TimeEntry, Employee])
erp = MemoryConnector("erp", [CostEntry, Invoice, Employee, CostCentre, Project])
for code, hourly in (("E-1", Money.of("52000", "COP")), ("E-2", Money.of("12.50", "USD"))):
    helpdesk.put(Employee(ref=Ref("helpdesk", "Employee", code), code=code, name=code))
    rates = (Rate(valid_from=date(2026, 1, 1), hourly=hourly),)
    erp.put(Employee(ref=Ref("erp", "Employee", code), code=code, name=code, cost_centre="SOFT", rates=rates))
erp.put(CostCentre(code="SOFT", name="Software", distribution_rule="SOFT"))
erp.put(Project(code="P-1", name="Portal"))
for entry in (
    hours("1", "E-1", date(2026, 11, 26), "7.5"),
    hours("2", "E-1", date(2026, 11, 27), "8"),
    hours("3", "E-2", date(2026, 11, 27), "4"),
):
    helpdesk.put(entry)

trm = [{"currency": "USD", "on": date(2026, 11, 27), "until": date(2026, 11, 30), "factor": Decimal("4105.32")}]
cost = labour_costs(
    starts=date(2026, 11, 1),
    debit="613595",
    credit="510595",
    currency="COP",
    decimals=0,
    exchange_rates={"rates": trm},
)
prices = {"prices": [{"price": 180_000}], "clients": {"P-1": "C900123456"}, "account": "413595"}
billing = billing_proposals(starts=date(2026, 11, 1), billing=prices, sales=None)  # the rule says who pays

with SqliteLedger.open("close_a_month.db") as ledger:
    engine = Engine({"helpdesk": helpdesk, "erp": erp}, ledger)
    engine.run([cost, billing])
    helpdesk.change(Ref("helpdesk", "TimeEntry", "2"), hours="6")  # somebody corrects an entry
    engine.run([cost, billing])

    for posting in erp.holds("CostEntry"):
        made_from = [step.target.id for step in trace(posting.ref, ledger, depth=1).steps]
        print(posting.posted_on, posting.memo, posting.local_total, "from", ", ".join(sorted(made_from)))
    for proposal in erp.holds("Invoice"):
        print(proposal.reference, proposal.total, "for", proposal.client.id)
    print(engine.run([cost, billing]))  # both sides agree: nothing is written
