"""A help desk, a CRM and an ERP in memory that share one client, and the ticket flows over them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from periferia_link.domain import (
    Allocation,
    Client,
    Contact,
    Employee,
    Interaction,
    Lead,
    Opportunity,
    Project,
    Ref,
    Ticket,
    TicketEvent,
    TimeEntry,
)
from periferia_link.engine import Context
from periferia_link.engine.context import Tables
from periferia_link.flows import helpdesk_clients, leads, ticket_timeline, tickets_to_crm
from small_company import Awkward, nit, person

OPENED = datetime(2026, 11, 2, 14, tzinfo=timezone.utc)
ACME, ANDINA = nit(900_123_456), nit(800_222_333)
OWNER, OTHER_OWNER = Ref("crm", "User", "u1"), Ref("crm", "User", "u2")
ACCOUNT = Ref("crm", "Client", "a1")
DESK_CLIENT = Ref("helpdesk", "Client", "cl1")

CLIENTS, TICKETS, TIMELINE, LEADS = helpdesk_clients(), tickets_to_crm(), ticket_timeline(), leads()
CHAIN = (CLIENTS, TICKETS, TIMELINE)


def step(minutes, **values) -> TicketEvent:
    """Return an event so many minutes after the ticket was opened; its id says when."""
    return TicketEvent(**({"at": OPENED + timedelta(minutes=minutes), "id": f"ev{minutes}"} | values))


HISTORY = (
    step(0, status="new", priority="normal", actor="E2"),
    step(5, status="in_progress", group="Mesa 1", assignee="E1", actor="E1"),
)


def ticket(key="tk1", **values) -> Ticket:
    """Return a ticket of ACME, taken by E1."""
    given = {
        "title": "No abre el portal",
        "number": f"PT-{key}",
        "type": "incident",
        "status": "in_progress",
        "priority": "normal",
        "client": DESK_CLIENT,
        "project": "P1",
        "group": "Mesa 1",
        "assignee": "E1",
        "opened_at": OPENED,
        "events": HISTORY,
    }
    return Ticket(ref=Ref("helpdesk", "Ticket", key), **(given | values))


def account(key="a1", **values) -> Client:
    """Return an account of the CRM."""
    given = {"name": "ACME S.A.S.", "tax_id": ACME, "owner": OWNER}
    return Client(ref=Ref("crm", "Client", key), **(given | values))


def desk_client(key="cl1", **values) -> Client:
    """Return a client of the help desk."""
    return Client(ref=Ref("helpdesk", "Client", key), **({"name": "Acme", "tax_id": ACME} | values))


def desk_of(*records, **options) -> Awkward:
    """Return a help desk with E1, E2 and these."""
    kinds = [Ticket, Client, Employee, TimeEntry, Allocation]
    return Awkward("helpdesk", kinds, [person("E1"), person("E2"), *records], **options)


def crm_of(*records, **options) -> Awkward:
    """Return a CRM with these."""
    kinds = [Client, Contact, Lead, Opportunity, Ticket, Interaction, Employee]
    return Awkward("crm", kinds, records, **options)


def erp_of(*records) -> Awkward:
    """Return an ERP with project P1 and these."""
    return Awkward(
        "erp", [Client, Project], [Project(ref=Ref("erp", "Project", "P1"), code="P1", name="Mesa"), *records]
    )


def context_of(flow, links=None, **rows) -> Context:
    """Return a context with a table of rows for each look-up of the flow; E1 and E2 are people."""
    everybody = [person("E1"), person("E2")]
    given = {"assignees": everybody, "actors": everybody} | rows

    def table(lookup, found):
        keyed, twice = {}, set()
        for row in found:
            key = lookup.key(row)
            twice |= {key} & keyed.keys()
            keyed[key] = row
        return lookup, keyed, frozenset(twice)

    tables = {name: table(lookup, given.get(name, ())) for name, lookup in flow.lookups.items()}
    zone = ZoneInfo("America/Bogota")
    return Context(zone=zone, today=date(2026, 11, 3), tables=Tables(tables), twins=(links or {}).get)
