"""Labour costs: approved hours of the help desk become balanced postings, one for each project, centre and day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from periferia_link.domain import CostCentre, CostEntry, CostLine, Employee, Money, TimeEntry
from periferia_link.engine import Context, Contribution, Flow, Group, Lookup, Skip
from periferia_link.errors import MissingReferenceError

__all__ = ["labour_costs"]


def labour_costs(
    *,
    starts: date | None,
    debit: str,
    credit: str,
    per: Literal["day", "entry"] = "day",
    corrections: Literal["same day", "today"] = "same day",
    decimals: int | None = None,
    source: str = "helpdesk",
    target: str = "erp",
    **changes: Any,
) -> Flow:
    """
    Return the flow that books labour cost.

    cost of an entry = hours times the person's rate on that day, rounded half up to the decimals of the currency; a
    posting is the sum of its entries, to the cent. A later correction posts the difference. Entries count when they
    are approved. Rate and distribution rule are looked up when the run starts; a missing one parks the record, and a
    change of a rate posts the difference for every day it applies to.

    Args:
        starts: First day whose hours are booked by this flow; earlier ones were booked by hand.

        debit: Account of labour cost.

        credit: Offset account.

        per: One posting for each project, centre and day, or one for each time entry.

        corrections: Day of a posting that corrects: the day worked, or today when that period is closed.

        decimals: Decimals of the books where they differ from ISO 4217 (COP is often kept without cents).

        source: Role of the help desk.

        target: Role of the ERP.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: ``starts`` is missing, or the changes do not make a valid flow.
    """
    flow = Flow(
        name="labour_costs",
        source=(source, "TimeEntry"),
        target=(target, "CostEntry"),
        contribute=_contribution(per, decimals),
        project=_posting(debit, credit, corrections),
        lookups={
            "people": Lookup(source, "Employee", lambda person: person.ref.id if person.ref else None, "person"),
            "employees": Lookup(target, "Employee", lambda employee: employee.code, "employee"),
            "centres": Lookup(target, "CostCentre", lambda centre: centre.code, "cost centre"),
            "projects": Lookup(target, "Project", lambda project: project.code, "project"),
        },
        on_delete="adjust",
        after=("clients", "projects"),
        starts=starts,
        dated=lambda entry: entry.worked_on,
        posts_money=True,
        relation="made from",
        rules=f"{debit}|{credit}|{per}|{corrections}|{decimals}",
    )
    return flow.but(**changes) if changes else flow


def _contribution(per: str, decimals: int | None) -> Callable[[TimeEntry, Context], Contribution | Skip]:
    def contribute(entry: TimeEntry, context: Context) -> Contribution | Skip:
        if entry.approved_at is None:
            return Skip("not approved")
        if entry.project is None:
            msg = "the time entry names no project"
            raise MissingReferenceError(msg, hint="choose the project in the help desk")
        person: Employee = context.lookup("people", entry.person)
        employee: Employee = context.lookup("employees", person.code)
        centre = entry.cost_centre or employee.cost_centre
        if centre is None:
            msg = "neither the time entry nor the employee names a cost centre"
            raise MissingReferenceError(msg, hint=f"set the cost centre of employee {employee.code} in the ERP")
        context.lookup("projects", entry.project)
        rate = employee.rate_on(entry.worked_on)
        cost = (rate * entry.hours).rounded(decimals)
        own = (entry.ref.id,) if per == "entry" and entry.ref is not None else ()
        group = (entry.project, centre, entry.worked_on.isoformat(), cost.currency, *own)
        return Contribution(group, {"amount": cost.amount, "hours": entry.hours})

    return contribute


def _posting(debit: str, credit: str, corrections: str) -> Callable[[Group, Context], CostEntry | Skip]:
    def project(group: Group, context: Context) -> CostEntry | Skip:
        project_code, centre_code, day_text, currency = group.names[:4]
        amount = group.delta.get("amount", Decimal(0))
        if not amount:
            return Skip("no cost")
        centre: CostCentre = context.lookup("centres", centre_code)
        if centre.distribution_rule is None:
            msg = f"cost centre {centre_code} has no distribution rule"
            raise MissingReferenceError(msg, hint="create the rule in the ERP; the posting is tried again then")
        worked_on = date.fromisoformat(day_text)
        posted_on = context.today if group.ordinal and corrections == "today" else worked_on
        word = "Labour" if group.ordinal == 0 else "Labour adj."
        memo = f"{word} {project_code} {centre_code} {day_text}"[:50]
        cost = CostLine(
            account=debit,
            debit=Decimal(1),
            project=project_code,
            cost_centre=centre_code,
            distribution_rule=centre.distribution_rule,
            memo=memo,
        )
        return CostEntry.transfer(
            Money(amount=amount, currency=currency),
            debit=cost,
            credit=credit,
            posted_on=posted_on,
            memo=memo,
            reference=f"{project_code}/{centre_code}"[:27],
            project=project_code,
        )

    return project
