"""What a believable record of each kind says: a function from a draw to the fields."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias

from periferia_link.domain import (
    CostLine,
    InvoiceLine,
    Money,
    Rate,
    Ref,
    SurveyAnswer,
    TaxId,
    TicketEvent,
)
from periferia_link.testing._factory_words import (
    CENTRES,
    CITIES,
    SERVICES,
    TASKS,
    company_name,
    landline,
    nit,
    person_name,
    slug_of,
)

__all__ = ["BUILDERS", "Draw"]


@dataclass(frozen=True)
class Draw:
    """One record to make: the how-manieth of its kind, of which seed, in which system, counted from which day."""

    kind: str
    number: int
    seed: int
    today: date
    system: str
    dice: random.Random

    def code(self, prefix: str) -> str:
        """Return a key that no other record of the kind has, whatever the seed of its factory."""
        return f"{prefix}{self.seed:02}-{self.number:05}"

    def day(self, back: int) -> date:
        """Return a day up to so many days ago."""
        return self.today - timedelta(days=self.dice.randrange(1, back + 1))

    def moment(self, back: int) -> datetime:
        """Return a moment of a working day up to so many days ago, UTC."""
        hour = time(self.dice.randrange(12, 23), self.dice.randrange(60))
        return datetime.combine(self.day(back), hour, timezone.utc)

    def pesos(self, low: int, high: int) -> Money:
        """Return an amount in thousands of pesos."""
        return Money.of(self.dice.randrange(low, high) * 1_000, "COP")

    def ref(self, kind: str) -> Ref:
        """Return a reference to a record of another kind of the same system."""
        return Ref(self.system, kind, str(self.dice.randrange(1, 100)))


Builder: TypeAlias = Callable[[Draw], dict[str, Any]]


def _client(draw: Draw) -> dict[str, Any]:
    name = company_name(draw.dice, draw.number)
    return {
        "name": name,
        "code": draw.code("C"),
        "tax_id": TaxId.parse(nit(draw.seed, draw.number)),
        "country": "CO",
        "city": draw.dice.choice(CITIES),
        "email": f"compras@{slug_of(name)}.example",
        "phone": landline(draw.dice),
        "currency": "COP",
    }


def _contact(draw: Draw) -> dict[str, Any]:
    name = person_name(draw.dice)
    return {
        "name": name,
        "code": draw.code("K"),
        "email": f"{slug_of(name)}.{draw.seed}.{draw.number}@cliente.example",
        "phone": landline(draw.dice),
        "role": draw.dice.choice(("Compras", "Tecnología", "Dirección", "Interventoría")),
    }


def _lead(draw: Draw) -> dict[str, Any]:
    company = company_name(draw.dice, draw.number)
    return {
        "subject": f"{draw.dice.choice(SERVICES)} para {company}",
        "number": draw.code("L"),
        "company": company,
        "person": person_name(draw.dice),
        "email": f"contacto@{slug_of(company)}.example",
        "source": draw.dice.choice(("web", "referido", "evento", "licitación")),
        "value": draw.pesos(20_000, 400_000),
        "opened_at": draw.moment(60),
    }


def _opportunity(draw: Draw) -> dict[str, Any]:
    return {
        "name": f"{draw.dice.choice(SERVICES)} {draw.number}",
        "number": draw.code("O"),
        "state": "open",
        "value": draw.pesos(50_000, 900_000),
        "closes_on": draw.today + timedelta(days=draw.dice.randrange(10, 120)),
    }


def _project(draw: Draw) -> dict[str, Any]:
    return {"name": f"{draw.dice.choice(SERVICES)} {draw.number}", "code": draw.code("P"), "starts_on": draw.day(200)}


def _employee(draw: Draw) -> dict[str, Any]:
    name = person_name(draw.dice)
    return {
        "code": draw.code("E"),
        "name": name,
        "email": f"{slug_of(name)}.{draw.seed}.{draw.number}@empresa.example",
        "cost_centre": draw.dice.choice(CENTRES),
        "rates": (Rate(valid_from=date(draw.today.year - 1, 1, 1), hourly=draw.pesos(40, 160)),),
    }


def _cost_centre(draw: Draw) -> dict[str, Any]:
    code = draw.code("CC")
    return {"code": code, "name": f"Centro {draw.number}", "distribution_rule": code}


def _exchange_rate(draw: Draw) -> dict[str, Any]:
    return {
        "currency": draw.dice.choice(("USD", "EUR")),
        "into": "COP",
        "on": draw.day(300),
        "factor": Decimal(draw.dice.randrange(390_000, 470_000)) / 100,
        "source": "TRM",
    }


def _time_entry(draw: Draw) -> dict[str, Any]:
    worked_on = draw.day(30)
    return {
        "person": f"E{draw.seed:02}-{draw.dice.randrange(1, 20):05}",
        "project": f"P{draw.seed:02}-{draw.dice.randrange(1, 20):05}",
        "cost_centre": draw.dice.choice(CENTRES),
        "worked_on": worked_on,
        "hours": Decimal(draw.dice.randrange(1, 33)) / 4,
        "note": draw.dice.choice(TASKS),
        "approved_at": datetime.combine(worked_on + timedelta(days=1), time(14), timezone.utc),
    }


def _cost_entry(draw: Draw) -> dict[str, Any]:
    amount, project = draw.pesos(100, 5_000).amount, f"P{draw.seed:02}-{draw.dice.randrange(1, 20):05}"
    return {
        "posted_on": draw.day(30),
        "currency": "COP",
        "lines": (
            CostLine(account="613595", debit=amount, project=project, cost_centre=draw.dice.choice(CENTRES)),
            CostLine(account="510595", credit=amount),
        ),
        "memo": f"Mano de obra {draw.number}",
        "reference": draw.code("R"),
        "project": project,
    }


def _ticket(draw: Draw) -> dict[str, Any]:
    opened = draw.moment(20)
    at = opened + timedelta(minutes=draw.dice.randrange(5, 240))
    person = f"E{draw.seed:02}-{draw.dice.randrange(1, 20):05}"
    return {
        "title": f"{draw.dice.choice(('Error en', 'Consulta sobre', 'Cambio en'))} {draw.dice.choice(TASKS).lower()}",
        "number": draw.code("T"),
        "description": f"Caso {draw.number} de una compañía inventada.",
        "type": draw.dice.choice(("incident", "petition", "claim", "service_request")),
        "status": "in_progress",
        "priority": draw.dice.choice(("critical", "high", "normal", "low")),
        "group": draw.dice.choice(("Soporte 1", "Soporte 2", "Infraestructura")),
        "assignee": person,
        "opened_at": opened,
        "updated_at": at,
        "events": (
            TicketEvent(at=opened, status="new"),
            TicketEvent(at=at, status="in_progress", assignee=person, actor=person),
        ),
    }


def _interaction(draw: Draw) -> dict[str, Any]:
    return {
        "subject": f"{draw.dice.choice(('Llamada', 'Visita', 'Correo'))} de seguimiento {draw.number}",
        "channel": "note",
        "text": f"Se revisó el estado de {draw.dice.choice(SERVICES).lower()}.",
        "external_ref": draw.code("I"),
        "happened_at": draw.moment(20),
    }


def _survey(draw: Draw) -> dict[str, Any]:
    nps, csat = draw.dice.randrange(0, 11), draw.dice.randrange(1, 6)
    started = draw.moment(30)
    return {
        "questionnaire": "satisfaccion",
        "wave": f"{draw.today.year}-Q{(draw.today.month + 2) // 3}",
        "email": f"respuesta.{draw.seed}.{draw.number}@cliente.example",
        "started_at": started,
        "answered_at": started + timedelta(seconds=draw.dice.randrange(60, 600)),
        "answers": (
            SurveyAnswer(question="¿Nos recomendaría?", value=Decimal(nps), measure="nps"),
            SurveyAnswer(question="¿Qué tan satisfecho está?", value=Decimal(csat), measure="csat"),
        ),
        "nps": nps,
        "csat": csat,
    }


def _work_item(draw: Draw) -> dict[str, Any]:
    return {
        "title": f"{draw.dice.choice(TASKS)} {draw.number}",
        "type": draw.dice.choice(("Feature", "User Story", "Task", "Bug")),
        "state": "Active",
        "category": "in_progress",
        "project": "Portal",
        "priority": draw.dice.randrange(1, 5),
        "tags": ("portal",),
        "estimate": Decimal(draw.dice.randrange(1, 40)),
        "external_ref": draw.code("W"),
        "opened_at": draw.moment(40),
    }


def _allocation(draw: Draw) -> dict[str, Any]:
    starts_on = draw.day(60)
    return {
        "person": f"E{draw.seed:02}-{draw.number:05}",
        "project": f"P{draw.seed:02}-{draw.dice.randrange(1, 20):05}",
        "role": draw.dice.choice(("Desarrollo", "Pruebas", "Arquitectura")),
        "cost_centre": draw.dice.choice(CENTRES),
        "hours_per_week": Decimal(draw.dice.choice((10, 20, 30, 40))),
        "starts_on": starts_on,
        "ends_on": starts_on + timedelta(days=draw.dice.randrange(30, 300)),
    }


def _invoice(draw: Draw) -> dict[str, Any]:
    posted_on = draw.day(30)
    line = InvoiceLine(
        description=draw.dice.choice(SERVICES),
        quantity=Decimal(draw.dice.randrange(1, 200)),
        unit_price=draw.pesos(80, 250).amount,
    )
    return {
        "client": draw.ref("Client"),
        "currency": "COP",
        "lines": (line,),
        "posted_on": posted_on,
        "due_on": posted_on + timedelta(days=30),
        "reference": draw.code("F"),
    }


def _service_call(draw: Draw) -> dict[str, Any]:
    return {
        "subject": f"Llamada de servicio {draw.number}",
        "number": draw.code("S"),
        "status": "open",
        "priority": "normal",
        "external_ref": draw.code("S"),
        "opened_at": draw.moment(20),
    }


def _campaign(draw: Draw) -> dict[str, Any]:
    sent = draw.dice.randrange(500, 5_000)
    return {
        "name": f"Boletín {draw.number}",
        "code": draw.code("M"),
        "channel": "e-mail",
        "status": "done",
        "starts_on": draw.day(60),
        "cost": draw.pesos(500, 5_000),
        "sent": sent,
        "delivered": sent * 97 // 100,
        "opened": sent * 30 // 100,
        "clicked": sent * 4 // 100,
    }


def _client_context(draw: Draw) -> dict[str, Any]:
    return {
        "code": nit(draw.seed, draw.number).partition("-")[0],
        "name": company_name(draw.dice, draw.number),
        "tier": draw.dice.choice(("oro", "plata", "bronce")),
        "value": draw.pesos(50_000, 2_000_000),
        "renews_on": draw.today + timedelta(days=draw.dice.randrange(5, 300)),
        "satisfaction": Decimal(draw.dice.randrange(40, 101)),
        "answers": draw.dice.randrange(1, 30),
        "open_pqrs": draw.dice.randrange(0, 4),
    }


BUILDERS: Mapping[str, Builder] = MappingProxyType(
    {
        "Allocation": _allocation,
        "Campaign": _campaign,
        "Client": _client,
        "ClientContext": _client_context,
        "Contact": _contact,
        "CostCentre": _cost_centre,
        "CostEntry": _cost_entry,
        "Employee": _employee,
        "ExchangeRate": _exchange_rate,
        "Interaction": _interaction,
        "Invoice": _invoice,
        "Lead": _lead,
        "Opportunity": _opportunity,
        "Project": _project,
        "ServiceCall": _service_call,
        "Survey": _survey,
        "Ticket": _ticket,
        "TimeEntry": _time_entry,
        "WorkItem": _work_item,
    }
)
"""A builder by kind; kinds that are not here get what their model asks for."""
