"""Projects and their teams in the help desk, from the ERP and the CRM; and the state of a project back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from periferia_link.domain import Allocation, Employee, Opportunity, Project
from periferia_link.engine import Context, Flow, Lookup, MatchKey, Skip
from periferia_link.errors import MissingReferenceError

__all__ = ["project_state", "project_to_helpdesk", "team_to_helpdesk"]

# code of a person, hours a week, role
_MEMBER = re.compile(r"\s*([^\s:,;]+)\s*:\s*(\d{1,3}(?:\.\d{1,2})?)\s*h?\s*([^,;]*?)\s*", re.ASCII)


def project_to_helpdesk(
    *, clients: bool = False, source: str = "erp", target: str = "helpdesk", **changes: Any
) -> Flow:
    """
    Return the flow that opens every project of the ERP in the help desk.

    Name and days follow; whether it is active is given once, because the help desk says when the work is over
    (:func:`project_state`). Projects that stand there already are adopted by code.

    Args:
        clients: Whether the project names its client; it then waits until the client is linked to the help desk.

        source: Role of the ERP.

        target: Role of the help desk.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """

    def project(one: Project, context: Context) -> Project | Skip:
        if one.code is None:
            return Skip("no code")
        values: dict[str, Any] = {"name": one.name, "code": one.code, "is_active": one.is_active}
        values |= {name: day for name in ("starts_on", "ends_on") if (day := getattr(one, name)) is not None}
        if clients and one.client is not None:
            values["client"] = context.link(one.client)
        return Project(**values)

    flow = Flow(
        name="project_to_helpdesk",
        source=(source, "Project"),
        target=(target, "Project"),
        project=project,
        match=(MatchKey("code", lambda one: one.code),),
        keeps=frozenset({"code", "is_active"}),
        owns=frozenset({"code", "name", "client", "starts_on", "ends_on", "is_active"}),
        after=("projects",),
        rules=f"clients={clients}",
    )
    return flow.but(**changes) if changes else flow


def team_to_helpdesk(
    *,
    team: str = "team",
    starts_on: str | None = None,
    ends_on: str | None = None,
    source: str = "crm",
    people: str = "erp",
    target: str = "helpdesk",
    **changes: Any,
) -> Flow:
    """
    Return the flow that allocates the team of a won opportunity to its project in the help desk.

    The team stands in a custom column of the opportunity, one ``CODE: HOURS ROLE`` for each person, separated by
    commas or semicolons: ``E-1001: 40, E-1002: 20 QA`` (hours a week). Each person must be an active employee of the
    ERP, who gives the cost centre, and the project must be open there, which gives its days. A person who leaves the
    team is taken off.

    Args:
        team: Custom column with the team.

        starts_on: Custom column with the first day; without it the project's, then the day of the sale.

        ends_on: Custom column with the last day; without it the project's.

        source: Role of the CRM.

        people: Role of the ERP.

        target: Role of the help desk.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="team_to_helpdesk",
        source=(source, "Opportunity"),
        target=(target, "Allocation"),
        project=_team({"team": team, "starts_on": starts_on, "ends_on": ends_on}),
        lookups={
            "employees": Lookup(people, "Employee", lambda employee: employee.code, "employee"),
            "projects": Lookup(people, "Project", lambda project: project.code, "project"),
        },
        on_delete="delete",
        after=("project_to_helpdesk",),
        relation="made from",
        rules=f"{team}|{starts_on}|{ends_on}",
    )
    return flow.but(**changes) if changes else flow


def project_state(*, source: str = "helpdesk", target: str = "erp", **changes: Any) -> Flow:
    """
    Return the flow that tells the ERP which projects are over: the state back.

    Only whether a project is active is written, to projects that the ERP has (by code); none is created.

    Args:
        source: Role of the help desk.

        target: Role of the ERP.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: The changes do not make a valid flow.
    """
    flow = Flow(
        name="project_state",
        source=(source, "Project"),
        target=(target, "Project"),
        project=lambda one, _context: Project(name=one.name, code=one.code, is_active=one.is_active),
        match=(MatchKey("code", lambda one: one.code),),
        creates=False,
        overwrites=True,
        owns=frozenset({"is_active"}),
        after=("project_to_helpdesk",),
    )
    return flow.but(**changes) if changes else flow


def _team(columns: Mapping[str, str | None]) -> Callable[[Opportunity, Context], list[Allocation] | Skip]:
    def project(sale: Opportunity, context: Context) -> list[Allocation] | Skip:
        text = sale.custom.get(columns["team"] or "")
        if sale.state != "won":
            return Skip("not won")
        if sale.number is None or not text:
            return Skip("no team" if sale.number else "no number")
        opened: Project = context.lookup("projects", sale.number)
        first = _day(sale, columns["starts_on"]) or opened.starts_on or sale.closed_on
        if first is None:
            msg = f"neither the sale nor the project {sale.number} says when the team starts"
            raise MissingReferenceError(msg, hint="give the project its first day in the ERP")
        last = _day(sale, columns["ends_on"]) or opened.ends_on
        return [_allocation(member, sale.number, first, last, context) for member in re.split(r"[,;]", str(text))]

    return project


def _allocation(member: str, project: str, first: date, last: date | None, context: Context) -> Allocation:
    found = _MEMBER.fullmatch(member)
    if found is None:
        msg = f"the team of {project} is not written CODE: HOURS ROLE"
        raise MissingReferenceError(msg, hint='write it as "E-1001: 40, E-1002: 20 QA" in the CRM')
    employee: Employee = context.lookup("employees", found[1])
    if not employee.is_active:
        msg = f"employee {found[1]} does not work here any more"
        raise MissingReferenceError(msg, hint=f"change the team of {project} in the CRM")
    return Allocation(
        person=employee.code,
        project=project,
        role=found[3] or None,
        cost_centre=employee.cost_centre,
        hours_per_week=Decimal(found[2]),
        starts_on=first,
        ends_on=last,
    )


def _day(sale: Opportunity, column: str | None) -> date | None:
    value = sale.custom.get(column) if column else None
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        msg = f"the column {column} of the opportunity is no day"
        raise MissingReferenceError(msg, hint="write it as 2026-12-31 in the CRM") from None
