"""Tickets, leads and contacts of the company made up: what its clients asked for, and how they became clients."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from periferia_link.cli.demo._helpdesk import ENDED, Desk, History, Row, Sales, contact_row, lead_row, user_row

__all__ = ["USERS", "Buyer", "desk_of", "sales_of"]

_ZONE = ZoneInfo("America/Bogota")
_GROUPS = ("Mesa de ayuda 1", "Mesa de ayuda 2", "Soporte de aplicaciones")
_STRANGER = "900000001"  # a NIT that no account has
USERS = tuple(
    user_row(str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{first}.{last}.periferia.example")), first, last)
    for first, last in (("Marcela", "Rincón"), ("Esteban", "Pardo"), ("Liliana", "Cifuentes"))
)
"""The people of sales: accounts belong to them in turn."""

_ASKED = {
    "incident": ("No abre el portal", "El reporte sale vacío", "Error al cerrar el mes", "La aplicación está lenta"),
    "service_request": ("Crear un usuario nuevo", "Cambiar permisos de un usuario", "Copia de la base de pruebas"),
    "reclamo": ("Cobro duplicado en la factura", "La factura llegó tarde"),
    "queja": ("Nadie devuelve la llamada",),
    "peticion": ("Informe de niveles de servicio",),
}
_ANSWERS = ("Ya quedó corregido, por favor revise.", "Se reinició el servicio.", "Quedó listo; avísenos si se repite.")
_QUESTIONS = ("¿Nos envía una captura de la pantalla?", "¿Desde qué usuario ocurre?")


class Buyer(NamedTuple):
    """A client with what it bought; ``sale`` is the id of the opportunity, ``project`` its code when it was won."""

    account: str
    name: str
    tax_id: str
    sale: str
    project: str | None
    title: str


def sales_of(buyers: Sequence[Buyer], rng: random.Random, names: Sequence[tuple[str, str]]) -> Sales:
    """
    Make a contact for each client and a lead for most sales; some leads are open still, one came to nothing.

    Args:
        buyers: Clients in the order of their sales.

        rng: Draws.

        names: First and last names.
    """
    contacts, leads, became = [], [], {}
    for number, buyer in enumerate(buyers):
        first, last = names[number % len(names)]
        contact = _uuid(rng)
        contacts.append(contact_row(contact, buyer.account, first, last, mail_of(number)))
        lead = _uuid(rng)
        source = rng.choice(("web", "referral", "event"))
        if number and rng.random() < 0.2:
            continue  # an old client: it began before there were leads
        leads.append(
            lead_row(
                lead,
                buyer.title,
                buyer.name,
                state="qualified",
                source=source,
                account=buyer.account,
                contact=contact,
                opportunity=buyer.sale,
            )
        )
        became[lead] = buyer.sale
    for subject, state in (("Automatización de pruebas", "open"), ("Migración a la nube", "disqualified")):
        leads.append(lead_row(_uuid(rng), subject, "Empresa interesada", state=state))
    return Sales(users=USERS, contacts=contacts, leads=leads, became=became)


def mail_of(number: int) -> str:
    """Return the address of the contact of a client."""
    return f"contacto{number + 1}@cliente{number + 1}.example"


def desk_of(
    buyers: Sequence[Buyer], people: Sequence[str], days: Sequence[date], draws: Callable[..., random.Random]
) -> Desk:
    """
    Make the tickets of a company.

    Args:
        buyers: Clients, the first of them known beyond doubt.

        people: Ids in Periticket of those who answer.

        days: Working days on which clients ask.

        draws: Gives a generator for some names.
    """
    clients: dict[str, Row] = {}
    histories: list[History] = []
    for number, buyer in enumerate(buyers):
        if buyer.project is None:
            continue
        key = clients.setdefault(
            buyer.account, {"id": f"cl-{len(clients) + 1:04}", "name": buyer.name, "tax_id": buyer.tax_id}
        )["id"]
        rng = draws("tickets", number)
        for _ in range(rng.choice((1, 2, 2, 3))):
            is_first = not histories
            # early enough that people have worked on it
            day = days[0] if is_first else rng.choice(days[: max(1, 2 * len(days) // 3)])
            begin = datetime.combine(day, time(8, 5), _ZONE)
            histories.append(_ticket(len(histories) + 1, key, buyer.project, mail_of(number), rng))
            _live(histories[-1], begin, days[-1], people, rng, is_short=is_first)
    histories += _strangers(len(histories), days[-1])
    stranger = {"id": "cl-9999", "name": "Empresa que no está en el CRM", "tax_id": _STRANGER}
    known = [history.ticket for history in histories if history.ticket.get("client_id") == "cl-0001"]
    others = [row for row in known if row["status"] not in ENDED] or known
    return Desk(
        clients=[*clients.values(), stranger],
        tickets=[history.ticket for history in histories],
        events=[event for history in histories for event in history.events],
        reopened=known[0],
        edited=next((row for row in others if row is not known[0]), None),
        like=known[0],
    )


def _ticket(number: int, client: str, project: str, mail: str, rng: random.Random) -> History:
    kind = rng.choices(list(_ASKED), (6, 4, 2, 1, 1))[0]
    return History(
        f"tk-{number:06}",
        rng.choice(_ASKED[kind]),
        number=f"TK-{number:06}",
        type=kind,
        client_id=client,
        project_code=project,
        requester_email=mail,
        channel=rng.choice(("email", "phone", "web")),
    )


def _live(
    history: History, begin: datetime, last: date, people: Sequence[str], rng: random.Random, *, is_short: bool
) -> None:
    """Let a ticket live until it is closed or the last day is over."""
    end = datetime.combine(last, time(23, 59), _ZONE)
    at = begin + timedelta(minutes=0 if is_short else rng.randrange(480))
    history.step(at, status="new", priority=rng.choices(("urgent", "high", "normal", "low"), (1, 3, 8, 2))[0])
    person = rng.choice(people)
    steps: list[tuple[int, dict[str, str]]] = [
        (rng.randrange(5, 120), {"group": rng.choice(_GROUPS), "assignee_id": person, "status": "in_progress"})
    ]
    if not is_short and rng.random() < 0.4:
        asked = {"status": "pending_customer", "reply": "agent", "note": rng.choice(_QUESTIONS)}
        steps.append((rng.randrange(10, 90), asked))
        steps.append((rng.randrange(30, 600), {"status": "in_progress", "reply": "customer", "note": "Ya la envié."}))
    answer = {"status": "resolved", "resolver_id": person, "reply": "agent", "note": rng.choice(_ANSWERS)}
    steps.append((90 if is_short else rng.randrange(30, 1800), answer))
    steps.append((180 if is_short else rng.randrange(600, 2880), {"status": "closed"}))
    for minutes, told in steps:
        at += timedelta(minutes=minutes)
        if at > end:
            return
        is_client = told.get("reply") == "customer"
        if "resolver_id" in told:
            history.ticket["resolver_id"] = told["resolver_id"]
        said = {name: value for name, value in told.items() if name != "resolver_id"}
        history.step(at, actor=None if is_client else person, **said)


def _strangers(number: int, day: date) -> list[History]:
    """Two tickets that nobody may guess a client for: of a company unknown to the CRM, and of nobody."""
    at = datetime.combine(day, time(9, 30), _ZONE)
    unknown = History(
        f"tk-{number + 1:06}",
        "Cotización de soporte",
        number=f"TK-{number + 1:06}",
        type="peticion",
        client_id="cl-9999",
    )
    nobody = History(f"tk-{number + 2:06}", "No puedo entrar", number=f"TK-{number + 2:06}", type="incident")
    return [history.step(at, status="new", priority="normal") for history in (unknown, nobody)]


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
