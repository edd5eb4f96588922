"""Forms, a CRM, a help desk and a delivery tool in memory, and the flows of the detractor loop over them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from periferia_link.domain import (
    Client,
    Contact,
    Employee,
    Interaction,
    Ref,
    Survey,
    SurveyAnswer,
    Ticket,
    WorkItem,
)
from periferia_link.flows import (
    ask_again,
    detractor_links,
    detractor_loops,
    detractor_ticket_ends,
    detractor_work,
    detractor_work_ends,
    detractors,
    helpdesk_clients,
    surveys_to_crm,
)
from small_company import Awkward, nit

ANSWERED = datetime(2026, 11, 19, 21, 30, tzinfo=timezone.utc)  # Thursday 16:30 in Bogotá
BOGOTA = ZoneInfo("America/Bogota")
ACME, OTHER = Ref("crm", "Client", "a1"), Ref("crm", "Client", "a2")
ANA = Ref("crm", "Contact", "p1")
OFFICE = {"zone": "America/Bogota", "hours": {"mon-fri": ["08:00-17:00"]}}
SLA = {
    "calendars": {"office": OFFICE},
    "policies": {
        "complaints": {
            "calendar": "office",
            "applies": {"types": ["complaint"]},
            "targets": [
                {"metric": "resolution", "within": "9h"},
                {"metric": "resolution", "within": "2h", "tier": "gold"},
            ],
        }
    },
}
RULES = {
    "addresses": {
        "helpdesk": "https://desk.example/tickets/{id}",
        "devops": "https://dev.azure.example/periferia/_workitems/edit/{id}",
        "crm": "https://crm.example/accounts/{id}",
    }
}


def chain(rules=None, sla=None, **options):
    """Return every flow from the form to the re-ask."""
    given = {"detractors": RULES if rules is None else rules}
    promised = {"sla": SLA if sla is None else sla}
    return [
        surveys_to_crm(**options),
        helpdesk_clients(),
        detractors(**given, **promised),
        detractor_work(**given, **promised),
        detractor_links(**given, **promised),
        detractor_ticket_ends(**given),
        detractor_work_ends(**given),
        detractor_loops(**given),
        ask_again(**given),
    ]


def answer(key="r1", **values) -> Survey:
    """Return an answered form of Ana: a detractor."""
    given = {
        "questionnaire": "F1",
        "wave": "2026-Q4",
        "email": "ana@acme.example",
        "respondent": "Ana Ruiz",
        "answered_at": ANSWERED,
        "nps": 3,
        "comment": "Los plazos no se cumplen",
        "answers": (SurveyAnswer(question="¿Nos recomendaría?", value=3, measure="nps"),),
    }
    return Survey(ref=Ref("forms", "Survey", key), **(given | values))


def forms_of(*answers, **options) -> Awkward:
    """Return a source of answers."""
    return Awkward("forms", [Survey], answers, **options)


def crm_of(*records, **options) -> Awkward:
    """Return a CRM with two clients, a contact of the first and the owner of its account."""
    owner = Ref("crm", "User", "u1")
    people = [
        Client(
            ref=ACME, name="ACME S.A.S.", code="C-1", tax_id=nit(900_123_456), owner=owner, custom={"tier": "plata"}
        ),
        Client(ref=OTHER, name="Andina S.A.", code="C-2", tax_id=nit(800_222_333), email="info@andina.example"),
        Contact(ref=ANA, name="Ana Ruiz", email="Ana@ACME.example", client=ACME),
        Employee(ref=Ref("crm", "Employee", "u1"), code="E1", name="Olga Paz", email="olga@periferia.example"),
    ]
    return Awkward("crm", [Client, Contact, Survey, Employee, Ticket, Interaction], [*people, *records], **options)


def desk_of(*records, **options) -> Awkward:
    """Return a help desk that keeps ACME and Olga."""
    there = [
        Client(ref=Ref("helpdesk", "Client", "cl1"), name="Acme", tax_id=nit(900_123_456)),
        Employee(ref=Ref("helpdesk", "Employee", "pe1"), code="E1", name="Olga", email="olga@periferia.example"),
    ]
    return Awkward("helpdesk", [Ticket, Client, Employee], [*there, *records], **options)


def devops_of(*records, **options) -> Awkward:
    """Return a delivery tool."""
    return Awkward("devops", [WorkItem, Interaction], records, **options)


def day(number: int) -> date:
    """Return the day so many days after the answer."""
    return ANSWERED.date() + timedelta(days=number)
