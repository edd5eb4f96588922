"""Tickets: what clients ask of the help desk stands as a case in the CRM, with its state, and follows every change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from periferia_link.domain import Client, Contact, Employee, Project, Ref, TaxId, Ticket
from periferia_link.engine import Context, Flow, Lookup, MatchKey, Skip
from periferia_link.errors import ConfigurationError, MissingReferenceError

__all__ = ["tickets_to_crm"]

# what a case cannot be: it is in progress from its first moment, and resolved is its end
_STATUSES = {"new": "in_progress", "open": "in_progress", "closed": "resolved"}
_PRIORITIES = {"critical": "high"}
_LONGEST_TITLE = 200  # of a case in Dynamics 365
_SAME = (
    *("number", "type", "category", "channel", "group"),
    *("opened_at", "resolved_at", "closed_at", "due_at"),
)
_EXTRA = frozenset({"category", "group", "assignee", "resolver", "opened_at", "resolved_at", "closed_at"})
_OWNED = frozenset(
    {*_SAME, "title", "description", "status", "priority", "client", "contact", "assignee", "resolver", "owner"}
)


def tickets_to_crm(
    *,
    client_by: Literal["link", "tax id", "code"] = "link",
    country: str = "CO",
    owner: Literal["client", "nobody"] = "client",
    contacts: bool = False,
    people: bool = True,
    projects: str = "erp",
    statuses: Mapping[str, str] | None = None,
    priorities: Mapping[str, str] | None = None,
    ignored_types: Sequence[str] = ("allocation",),
    extra: Sequence[str] = (),
    source: str = "helpdesk",
    target: str = "crm",
    **changes: Any,
) -> Flow:
    """
    Return the flow that keeps one case in the CRM for each ticket.

    The account is the one that the client of the ticket is linked to; a ticket whose client is not linked waits, one
    that names no client is parked: no account is guessed. Edits, closings and reopenings follow. A case that people
    entered by hand with the number of the ticket, for the same account, is adopted.

    Args:
        client_by: How the account is found: by the link of ``helpdesk_clients``, or, for help desks that keep no
            clients, by what the ticket says, taken as a tax id or as the code of the account.

        country: Country of tax ids that do not say theirs.

        owner: Who answers for the case in the CRM: the owner of the account, or nobody in particular.

        contacts: Look for the person who asks among the contacts of the CRM, by e-mail.

        people: The help desk has a list of people: names stand in the case instead of their ids.

        projects: Role of the system that keeps projects by code, for the trace; empty where there is none.

        statuses: Words of the ticket that stand as another one in the case. A case of Dynamics 365 knows in_progress,
            on_hold, pending_customer, resolved and cancelled, so that without more new and open are in_progress and
            closed is resolved; ``{"resolved": "in_progress"}`` beside it keeps a case open until the ticket is closed.

        priorities: The same for the priority; critical is high without more.

        ignored_types: Types of tickets that are no cases.

        extra: Fields for which a case of this installation has columns and one of a new CRM has none: any of
            category, group, assignee, resolver, opened_at, resolved_at, closed_at. The columns stand in
            ``[systems.crm.fields.Ticket.columns]``.

        source: Role of the help desk.

        target: Role of the CRM.

        changes: Any setting of :class:`~periferia_link.Flow`.

    Raises:
        ConfigurationError: ``extra`` names another field, or the changes do not make a valid flow.
    """
    unknown = sorted(set(extra) - _EXTRA)
    if unknown:
        msg = f"tickets_to_crm: {unknown[0]} is no extra field of a case"
        raise ConfigurationError(msg, hint=f"extra can name {', '.join(sorted(_EXTRA))}")
    words = {**_STATUSES, **(statuses or {})}, {**_PRIORITIES, **(priorities or {})}
    rules = _Rules(client_by, country, owner, *words, tuple(sorted(ignored_types)))
    lookups = {
        "accounts": Lookup(target, "Client", _account_key(client_by), "account"),
        "contacts": Lookup(target, "Contact", _mail, "contact"),
        "assignees": Lookup(source, "Employee", lambda person: person.ref.id if person.ref else None, "person"),
        "ticket_projects": Lookup(projects, "Project", lambda project: project.code, "project"),
    }
    wanted = {
        "accounts": client_by != "link" or owner == "client",
        "contacts": contacts,
        "assignees": people,
        "ticket_projects": bool(projects),
    }
    tables = {name: lookup for name, lookup in lookups.items() if wanted[name]}
    flow = Flow(
        name="tickets_to_crm",
        source=(source, "Ticket"),
        target=(target, "Ticket"),
        project=_projection(rules, frozenset(tables)),
        lookups=tables,
        match=(MatchKey("number", _number_of_client),),
        keeps=frozenset({"number"}),
        owns=_OWNED - (_EXTRA - set(extra)),
        after=("clients", "helpdesk_clients", "projects"),
        dated=_opened_on,
        rules=rules.text(tables),
    )
    return flow.but(**changes) if changes else flow


class _Rules(NamedTuple):
    """What the options say."""

    client_by: str
    country: str
    owner: str
    statuses: Mapping[str, str]
    priorities: Mapping[str, str]
    ignored_types: tuple[str, ...]

    def text(self, tables: Mapping[str, Lookup]) -> str:
        """Return the rules as they go into the fingerprint of the flow."""
        return json.dumps([*self, sorted(tables)], sort_keys=True)


def _projection(rules: _Rules, tables: frozenset[str]) -> Callable[[Ticket, Context], Ticket | Skip]:
    def project(ticket: Ticket, context: Context) -> Ticket | Skip:
        if ticket.type in rules.ignored_types:
            return Skip(f"a ticket of the type {ticket.type} is no case")
        if ticket.project and "ticket_projects" in tables:
            found: Project | None = context.find("ticket_projects", ticket.project)
            if found is not None and found.ref is not None:
                context.relate("project", found.ref)
        client = _client(ticket, context, rules)
        title, description = _title(ticket)
        values: dict[str, Any] = {name: getattr(ticket, name) for name in _SAME}
        values |= {
            "title": title,
            "description": description,
            "status": rules.statuses.get(ticket.status, ticket.status),
            "priority": rules.priorities.get(ticket.priority or "", ticket.priority),
            "client": client,
            "contact": _contact(ticket, context, client) if "contacts" in tables else None,
        }
        for name in ("assignee", "resolver"):
            values[name] = _name(getattr(ticket, name), context) if "assignees" in tables else getattr(ticket, name)
        if rules.owner == "client":
            values["owner"] = _owner(ticket, context, client, rules)
        return Ticket.model_validate(values)

    return project


# ---------------------------------------------------------------------- who


def _client(ticket: Ticket, context: Context, rules: _Rules) -> Ref:
    if rules.client_by == "link":
        if ticket.client is None:
            msg = "the ticket names no client"
            raise MissingReferenceError(msg, hint="choose the client in the help desk; the ticket is tried again then")
        return context.link(ticket.client)
    account: Client = context.lookup("accounts", _told_client(ticket, rules))
    assert account.ref is not None  # noqa: S101 - a record that was read has a ref
    return account.ref


def _told_client(ticket: Ticket, rules: _Rules) -> str:
    """Return what the ticket says about its client, in the form of the key of the accounts."""
    told = str(ticket.client.id if ticket.client is not None else ticket.custom.get("client_tax_id") or "").strip()
    if rules.client_by == "code":
        key = told or None
    else:
        tax_id = TaxId.parse(told, rules.country)
        key = _strong(tax_id)
    if key is None:
        msg = "the ticket names no client" if not told else "what the ticket says about its client is no valid tax id"
        raise MissingReferenceError(msg, hint="correct the client in the help desk; the ticket is tried again then")
    return key


def _strong(tax_id: TaxId | None) -> str | None:
    return f"{tax_id.country}{tax_id.number}" if tax_id is not None and tax_id.is_strong else None


def _owner(ticket: Ticket, context: Context, client: Ref, rules: _Rules) -> Ref | None:
    key = client.id if rules.client_by == "link" else _told_client(ticket, rules)
    account: Client | None = context.find("accounts", key)
    return account.owner if account is not None else None


def _account_key(client_by: str) -> Callable[[Client], str | None]:
    def key(client: Client) -> str | None:
        if client_by == "link":
            return client.ref.id if client.ref is not None else None
        return (client.code or "").strip() or None if client_by == "code" else _strong(client.tax_id)

    return key


def _contact(ticket: Ticket, context: Context, client: Ref) -> Ref | None:
    """Return who asks, when exactly one contact of that client has the e-mail."""
    if not ticket.caller:
        return None
    try:
        found: Contact | None = context.find("contacts", ticket.caller.strip().casefold())
    except MissingReferenceError:
        return None  # two contacts share the address: which one asked is not known
    return found.ref if found is not None and found.client in (None, client) else None


def _mail(contact: Contact) -> str | None:
    return contact.email.strip().casefold() if contact.email else None


def _name(code: str | None, context: Context) -> str | None:
    if code is None:
        return None
    person: Employee | None = context.find("assignees", code)
    return person.name if person is not None else code


# ---------------------------------------------------------------------- what


def _title(ticket: Ticket) -> tuple[str, str | None]:
    """Cut a title that is too long for a case; the whole of it then begins the description."""
    if len(ticket.title) <= _LONGEST_TITLE:
        return ticket.title, ticket.description
    whole = ticket.title if ticket.description is None else f"{ticket.title}\n\n{ticket.description}"
    return f"{ticket.title[: _LONGEST_TITLE - 1]}…", whole


def _number_of_client(ticket: Ticket) -> str | None:
    # two systems may count alike: a number alone proves nothing
    return f"{ticket.client.id}/{ticket.number}" if ticket.client is not None and ticket.number else None


def _opened_on(ticket: Ticket) -> date | None:
    moment = ticket.opened_at or ticket.updated_at
    return moment.date() if moment is not None else None
