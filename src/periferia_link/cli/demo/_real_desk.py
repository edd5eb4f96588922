"""The real incidents as tickets of Periticket: every change of state, priority, group and person, with its time."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from periferia_link.cli.demo._company_desk import USERS
from periferia_link.cli.demo._helpdesk import Desk, History, Row, Sales, contact_row, lead_row, stamp
from periferia_link.errors import ConfigurationError

__all__ = ["COLUMNS", "Sold", "desk_of", "sales_of"]

COLUMNS = (
    *("caller_id", "opened_at", "sys_updated_by", "contact_type", "category", "subcategory", "u_symptom", "priority"),
    "resolved_by",
)
"""Columns of ``incident_events.csv`` that tickets need beside those of the hours."""

_STATES = {
    "New": "new",
    "Active": "in_progress",
    "Awaiting User Info": "pending_customer",
    "Awaiting Evidence": "pending_customer",
    "Awaiting Vendor": "on_hold",
    "Awaiting Problem": "on_hold",
    "Resolved": "resolved",
    "Closed": "closed",
}
_PRIORITIES = {"1": "urgent", "2": "high", "3": "normal", "4": "low"}


class Sold(NamedTuple):
    """A location of the incidents as a client: account and opportunity in the CRM, project, NIT and name."""

    account: str
    sale: str
    project: str
    nit: str
    name: str

    @property
    def client(self) -> str:
        """Id of the client in Periticket."""
        return f"cl-{self.project}"


def sales_of(sold: Iterable[Sold], contacts: Sequence[Row], key: Callable[..., str]) -> Sales:
    """Return a qualified lead for each won opportunity, with the contacts who call."""
    rows = [
        lead_row(
            key("lead", one.project),
            f"Help Care {one.name}"[:300],
            one.name,
            state="qualified",
            source="referral",
            account=one.account,
            opportunity=one.sale,
        )
        for one in sold
    ]
    became = {key("lead", one.project): one.sale for one in sold}
    return Sales(users=USERS, contacts=contacts, leads=rows, became=became)


def desk_of(
    incidents: Mapping[str, Sequence[Mapping[str, str]]],
    places: Mapping[str, Sold],
    *,
    now: datetime,
    moment: Callable[..., datetime],
) -> tuple[Desk, list[Row]]:
    """
    Make a ticket of every incident; return the desk and the contacts who called.

    Args:
        incidents: Rows of the audit log by number, in their order.

        places: Which client a location is; the others are nobody's.

        now: When the tickets were brought into Periticket.

        moment: Reads a time of a row: of its change, or of another column.
    """
    people: dict[str, Row] = {}
    contacts: dict[str, Row] = {}
    histories = [
        _ticket(number, log, places.get(log[-1]["location"]), people, contacts, now=now, moment=moment)
        for number, log in sorted(incidents.items())
    ]
    known = [history.ticket for history in histories if history.ticket["client_id"] is not None]
    first = known[0] if known else None
    desk = Desk(
        clients=[{"id": one.client, "name": one.name, "tax_id": one.nit} for one in places.values()],
        people=list(people.values()),
        tickets=[history.ticket for history in histories],
        events=[event for history in histories for event in history.events],
        reopened=first,
        edited=known[1] if len(known) > 1 else None,
        like=first,
    )
    return desk, list(contacts.values())


def _ticket(
    number: str,
    log: Sequence[Mapping[str, str]],
    sold: Sold | None,
    people: dict[str, Row],
    contacts: dict[str, Row],
    *,
    now: datetime,
    moment: Callable[..., datetime],
) -> History:
    last = log[-1]
    history = History(
        f"tk-{number}",
        " · ".join(text for name in ("u_symptom", "category", "location") if (text := _text(last[name]))) or number,
        recorded_at=now,
        number=number,
        type="incident",
        category=_text(last["category"]),
        channel=(_text(last["contact_type"]) or "").lower() or None,
        client_id=sold.client if sold else None,
        project_code=sold.project if sold else None,
        requester_email=_caller(last["caller_id"], sold, contacts) if sold else None,
        resolver_id=_person(last["resolved_by"], people),
        opened_at=stamp(moment(last, "opened_at")),
    )
    for row in log:
        history.step(
            moment(row),
            actor=_person(row["sys_updated_by"], people),
            status=_state(number, row["incident_state"]),
            priority=_PRIORITIES.get(row["priority"][:1], "normal"),
            group=_text(row["assignment_group"]),
            assignee_id=_person(row["assigned_to"], people),
        )
    return history


def _state(number: str, told: str) -> str:
    state = _STATES.get(told)
    if state is None:
        msg = f"incident_events.csv: {number} has a state that is not known"
        raise ConfigurationError(msg, hint=f"known are {', '.join(_STATES)}")
    return state


def _person(name: str, people: dict[str, Row]) -> str | None:
    """Return the id of somebody of the log, entering who is not there yet."""
    text = _text(name)
    if text is None:
        return None
    kind, _, number = text.rpartition(" ")
    # as the people with hours are called: Resolver 170 is R0170
    letter = {"Resolver": "R", "Resolved by": "B", "Updated by": "U", "Group": "G"}.get(kind.strip(), "X")
    code = f"{letter}{int(number):04}" if number.isdigit() else uuid.uuid5(uuid.NAMESPACE_DNS, text).hex[:12]
    people.setdefault(code, {"id": f"pe-{code}", "employee_code": code, "name": " ".join(text.split())})
    return f"pe-{code}"


def _caller(name: str, sold: Sold, contacts: dict[str, Row]) -> str | None:
    text = _text(name)
    if text is None:
        return None
    kind, _, number = text.rpartition(" ")
    mail = f"{kind}{number}@{sold.project}.example".lower().replace(" ", "")
    key = str(uuid.uuid5(uuid.NAMESPACE_DNS, mail))
    contacts.setdefault(mail, contact_row(key, sold.account, kind or "Caller", number, mail))
    return mail


def _text(value: str) -> str | None:
    text = " ".join(value.split())
    return None if text in {"", "?"} else text
