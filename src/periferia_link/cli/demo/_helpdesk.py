"""What the help desk and the sales people of the demo hold beside clients, sales and hours, in the systems' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "ENDED",
    "Desk",
    "History",
    "Row",
    "Sales",
    "TicketChange",
    "contact_row",
    "lead_row",
    "old_case_row",
    "stamp",
    "user_row",
]

Row: TypeAlias = dict[str, Any]

ENDED = frozenset({"resolved", "closed", "cancelled"})
_LOGICAL_NAME = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_SOURCES = {"web": 8, "referral": 3, "event": 7}
_LEAD_STATES = {"open": (0, 1), "qualified": (1, 3), "disqualified": (2, 4)}


def stamp(moment: datetime) -> str:
    """Write an instant as Periticket does."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class History:
    """
    Builds one ticket step by step: what each step changes becomes an event, and the last values are the ticket.

    ``recorded_at`` is when Periticket was told; without it, when it happened.
    """

    def __init__(self, key: str, subject: str, *, recorded_at: datetime | None = None, **members: Any) -> None:
        self._recorded_at = recorded_at
        self._steps = 0
        self.ticket: Row = {"id": key, "subject": subject, "status": None, "priority": None} | members
        self.events: list[Row] = []

    def step(
        self, at: datetime, *, actor: str | None = None, reply: str | None = None, note: str | None = None, **new: Any
    ) -> History:
        """Note what somebody did at one moment; members that keep their value are no events."""
        before = len(self.events)
        for member, value in new.items():
            old = self.ticket.get(member)
            if value != old:
                self._event(at, actor, member=member, old=old, new=value)
                self.ticket[member] = value
        if note is not None:
            self._event(at, actor, member="reply" if reply else "note", old=None, new=reply, note=note)
        self._steps += len(self.events) > before
        self._follow(at)
        return self

    def _event(self, at: datetime, actor: str | None, **told: Any) -> None:
        key = f"ev-{self.ticket['id']}-{len(self.events) + 1:03}"
        moments = {"at": stamp(at), "updated_at": stamp(self._recorded_at or at)}
        self.events.append({"id": key, "ticket_id": self.ticket["id"], "actor_id": actor} | told | moments)

    def _follow(self, at: datetime) -> None:
        ticket, now = self.ticket, stamp(at)
        ticket.setdefault("opened_at", now)
        for member, states in (("resolved_at", ("resolved", "closed")), ("closed_at", ("closed", "cancelled"))):
            ticket[member] = (ticket.get(member) or now) if ticket["status"] in states else None
        ticket["updated_at"] = stamp(self._recorded_at or at)
        ticket["revision"] = max(1, self._steps)


class TicketChange(NamedTuple):
    """What somebody does with a ticket between the runs: ``text`` is the name of the sentence that says it."""

    text: str
    ticket: Row
    events: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """
    Periticket before the first run.

    ``people`` are those who have no cost in SAP. ``reopened``, ``edited`` and ``like`` are the tickets that people
    touch later; a new one looks like the last of them.
    """

    clients: Sequence[Row] = ()
    people: Sequence[Row] = ()
    tickets: Sequence[Row] = ()
    events: Sequence[Row] = ()
    reopened: Row | None = None
    edited: Row | None = None
    like: Row | None = None

    def changes(self, now: datetime) -> list[TicketChange]:
        """Return what people do: one ticket comes back, one is edited, one is new."""
        found = []
        if self.reopened is not None:
            found.append(self._changed("changed.reopened", self.reopened, now, status="in_progress"))
        if self.edited is not None:
            other = "high" if self.edited["priority"] != "high" else "normal"
            subject = f"{self.edited['subject']} (otra vez)"
            found.append(self._changed("changed.edited", self.edited, now, priority=other, subject=subject))
        if self.like is not None:
            kept = {name: self.like.get(name) for name in ("client_id", "project_code", "type", "group", "channel")}
            history = History("tk-new", "No carga el tablero", number="TK-NEW", **kept)
            history.step(now, status="new", priority="normal", group=kept["group"])
            found.append(TicketChange("changed.ticket", history.ticket, history.events))
        return found

    def _changed(self, text: str, row: Row, now: datetime, *, subject: str | None = None, **new: Any) -> TicketChange:
        history = History(row["id"], subject or row["subject"])
        history.ticket = dict(row) | ({"subject": subject} if subject else {})
        history.step(now, actor=row.get("assignee_id"), **new)
        for number, event in enumerate(history.events):
            event["id"] = f"ev-{row['id']}-later-{number}"
        return TicketChange(text, history.ticket | {"revision": row["revision"] + 1}, history.events)


@dataclass(frozen=True, kw_only=True)
class Sales:
    """The CRM before the first run, beside accounts and opportunities: who owns them, who asks, how it began."""

    users: Sequence[Row] = ()
    contacts: Sequence[Row] = ()
    leads: Sequence[Row] = ()
    became: Mapping[str, str] = field(default_factory=dict)
    """Id of a lead and of the opportunity that it became."""


def user_row(key: str, first: str, last: str) -> Row:
    """Return a user of the CRM."""
    mail = f"{first}.{last}@periferia.example".lower()
    return {
        "systemuserid": key,
        "firstname": first,
        "lastname": last,
        "fullname": f"{first} {last}",
        "internalemailaddress": mail,
        "domainname": mail,
        "isdisabled": False,
    }


def old_case_row(account: str) -> Row:
    """Return a case that sales entered by hand, with the columns that this company added: none of our business."""
    lookup = "_customerid_value"
    return {
        "incidentid": "0c45e000-0000-4000-8000-000000000001",
        "title": "Consulta de ventas",
        "ticketnumber": "CAS-01000-X",
        lookup: account,
        lookup + _LOGICAL_NAME: "account",
        "pl_group": "Ventas",
        "pl_assignee": None,
        "pl_category": None,
    }


def contact_row(key: str, account: str, first: str, last: str, mail: str) -> Row:
    """Return a person at a client."""
    lookup = "_parentcustomerid_value"
    names = {"firstname": first, "lastname": last, "fullname": f"{first} {last}"}
    return {"contactid": key, "emailaddress1": mail, lookup: account, lookup + _LOGICAL_NAME: "account"} | names


def lead_row(
    key: str,
    subject: str,
    company: str,
    *,
    state: str,
    source: str = "web",
    account: str | None = None,
    contact: str | None = None,
    opportunity: str | None = None,
) -> Row:
    """Return a lead; one that was qualified says what it became."""
    code, status = _LEAD_STATES[state]
    row: Row = {"leadid": key, "subject": subject, "companyname": company[:100], "leadsourcecode": _SOURCES[source]}
    row |= {"statecode": code, "statuscode": status}
    became = (("parentaccountid", "account", account), ("parentcontactid", "contact", contact))
    for column, table, target in (*became, ("qualifyingopportunityid", "opportunity", opportunity)):
        if target is not None:
            row |= {f"_{column}_value": target, f"_{column}_value{_LOGICAL_NAME}": table}
    return row
