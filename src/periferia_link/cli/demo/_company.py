"""A believable small company, the same for the same seed: clients, sales, people, rates and hours."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from periferia_link.cli.demo._business import (
    Business,
    Changes,
    Person,
    Row,
    WorkLog,
    account_row,
    opportunity_row,
    partner_row,
)
from periferia_link.cli.demo._company_desk import USERS, Buyer, desk_of, sales_of
from periferia_link.domain import nit_check_digit

__all__ = ["company"]

_MOST_LOGS = 20_000
_LOGS_A_DAY = 2  # of one person, on average
_TEAM = 4  # people who share projects
_ZONE = ZoneInfo("America/Bogota")
_QUARTER = Decimal("0.25")

_CENTRES = {"FABSW": "Fábrica de software", "FABQA": "Fábrica de pruebas", "CONSU": "Consultoría", "HELPC": "Help Care"}
_BRANCHES = (
    *("Seguros", "Banco", "Clínica", "Universidad", "Almacenes", "Energía", "Comunicaciones", "Agroindustrias"),
    *("Fiduciaria", "Cooperativa", "Transportes", "Laboratorios", "Pensiones", "Constructora", "Colegio", "Petróleos"),
)
_PLACES = (
    *("Cordillera", "Altiplano", "Guatavita", "Río Claro", "Sierra Nevada", "Macarena", "Chicamocha", "Tayrona"),
    *("Farallones", "Los Nevados", "Candelaria", "Monserrate", "Caño Cristales", "Puracé", "Sumapaz", "Cocora"),
    *("Amacayacu", "Tequendama", "Gorgona", "Iguaque"),
)
_SIDES = ("", " del Norte", " del Sur", " del Oriente", " del Occidente", " del Caribe", " del Pacífico")
_FORMS = ("S.A.", "S.A.S.", "Ltda.", "S.A.S.")
_CITIES = ("Bogotá", "Medellín", "Cali", "Barranquilla", "Bucaramanga", "Cartagena", "Pereira", "Manizales")
_SERVICES = ("Fábrica de software", "Fábrica de pruebas", "Mesa de ayuda", "Modernización de aplicaciones", "Analítica")
_TASKS = ("Desarrollo", "Pruebas", "Análisis", "Soporte", "Reunión con el cliente", "Despliegue", "Documentación")
_FIRST = (
    *("Adriana", "Andrés", "Camila", "Carlos", "Catalina", "Daniel", "Diana", "Felipe", "Gloria", "Hernán", "Isabel"),
    *("Javier", "Juliana", "Laura", "Mauricio", "Natalia", "Óscar", "Paola", "Ricardo", "Sandra", "Tomás", "Valentina"),
)
_LAST = (
    *("Acosta", "Beltrán", "Cárdenas", "Duarte", "Echeverri", "Forero", "Guzmán", "Henao", "Jaramillo", "Londoño"),
    *(
        "Mejía",
        "Nariño",
        "Ospina",
        "Pineda",
        "Quintero",
        "Restrepo",
        "Salazar",
        "Tobón",
        "Uribe",
        "Velásquez",
        "Zapata",
    ),
)


def company(*, seed: int, clients: int, days: int, today: date) -> Business:
    """
    Make a company.

    Args:
        seed: The same one makes the same company, counted from the same day.

        clients: Accounts in the CRM.

        days: Working days with hours, the last of them before *today*.

        today: A day of the company's calendar.
    """
    return _Company(seed, clients, _working_days(today, days)).business()


def _working_days(today: date, number: int) -> list[date]:
    days: list[date] = []
    day = today
    while len(days) < number:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            days.append(day)
    return days[::-1]


def _nit(body: int, form: int) -> str:
    """Write a NIT as people do: with its digit, without the dash, without the digit, with dots and a label."""
    text, digit = str(body), nit_check_digit(str(body))
    dotted = f"{text[:3]}.{text[3:6]}.{text[6:]}"
    return (f"{text}-{digit}", text + digit, text, f"NIT {dotted}-{digit}")[form % 4]


class _Company:
    """Draws one thing after the other; each from a generator of its own, so that none shifts the others."""

    def __init__(self, seed: int, clients: int, days: list[date]) -> None:
        self._seed = seed
        self._days = days
        # the last one has a wrong NIT, the one before stands twice
        self._wrong = clients - 1 if clients >= 3 else None
        self._twice = clients - 2 if clients >= 8 else None
        rng = self._rng("clients")
        # bodies that were not given to any company yet
        self._nits = rng.sample(range(950_000_000, 960_000_000), clients + 1)
        self._names = self._draw_names(clients + 1)
        self._keys = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(clients + 1)]
        self._cities = [rng.choice(_CITIES) for _ in range(clients + 1)]
        self._clients = clients
        self._sales = self._draw_sales()
        self._won = [row["pl_number"] for row in self._sales if row["statecode"] == 1]
        self._people = self._draw_people(max(3, min(clients // 2, _MOST_LOGS // (_LOGS_A_DAY * len(days)))))
        self._assigned = {person.id: self._team(i // _TEAM)[1] for i, person in enumerate(self._people)}
        self._buyers = self._draw_buyers()
        self._desk = desk_of(self._buyers, [person.id for person in self._people[:6]], self._days, self._rng)
        self._asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in self._desk.tickets:
            if row.get("project_code"):
                self._asked[row["project_code"]].append((row["opened_at"][:10], row["id"]))

    def business(self) -> Business:
        accounts = [self._account(i) for i in range(self._clients)]
        partners = [self._partner(i) for i in range(0, self._clients, 3) if i not in (self._wrong, self._twice)]
        rules: list[tuple[str, Mapping[str, Any]]] = [
            ("company.accounts", {"n": len(accounts), "partners": len(partners)})
        ]
        rules += [("company.wrong", {})] if self._wrong is not None else []
        rules += [("company.twice", {})] if self._twice is not None else []
        rules += [
            ("company.sales", {"n": len(self._sales), "won": len(self._won)}),
            ("company.people", {"n": len(self._people), "first": self._days[0], "last": self._days[-1]}),
            ("company.tickets", {"n": len(self._desk.tickets)}),
        ]
        return Business(
            starts=self._days[0],
            accounts=accounts,
            opportunities=self._sales,
            partners=partners,
            centres=_CENTRES,
            people=self._people,
            logs=self._logs,
            changes=self._changes(),
            desk=self._desk,
            sales=sales_of(self._buyers, self._rng("leads"), self._people_names()),
            rules=rules,
        )

    def _rng(self, *names: object) -> random.Random:
        return random.Random("/".join(str(name) for name in (self._seed, *names)))  # noqa: S311 - a story, no secret

    # ------------------------------------------------------------------ clients and sales

    def _draw_names(self, number: int) -> list[str]:
        rng = self._rng("names")
        names: list[str] = []
        for side in _SIDES:
            pairs = [(branch, place) for branch in _BRANCHES for place in _PLACES]
            rng.shuffle(pairs)
            names += [f"{branch} {place}{side} {rng.choice(_FORMS)}" for branch, place in pairs]
            if len(names) >= number:
                break
        return names[:number]

    def _account(self, i: int) -> Row:
        same = 1 if i == self._twice else i
        nit = _nit(self._nits[same], i)
        if i == self._wrong:
            right = nit_check_digit(str(self._nits[i]))
            nit = f"{self._nits[i]}-{(int(right) + 1) % 10}"
        owner = USERS[same % len(USERS)]["systemuserid"]
        return account_row(self._keys[i], self._names[same], nit, self._cities[same], owner)

    def _partner(self, i: int) -> Row:
        name = self._names[i].upper().replace("S.A.S.", "SAS")
        return partner_row(f"CL{i + 1:05}", name, _nit(self._nits[i], 0), self._cities[i])

    def _draw_sales(self) -> list[Row]:
        rng = self._rng("sales")
        numbers = count(1)
        sales = []
        for i in range(self._clients):
            if i == self._twice:
                continue
            state = rng.choices(("won", "open", "lost"), (70, 20, 10))[0]
            state = "open" if i == self._wrong else "won" if i == 0 else state
            sales.append(self._sale(i, next(numbers), state, rng))
        return sales

    def _sale(self, i: int, number: int, state: str, rng: random.Random) -> Row:
        first = self._days[0]
        return opportunity_row(
            str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            self._keys[i],
            f"{rng.choice(_SERVICES)} {first.year}",
            number=f"P-{first.year}-{number:03}",
            state=state,
            value=rng.randrange(80, 2400, 20) * 1_000_000,
            closed_on=None if state == "open" else first - timedelta(days=rng.randrange(5, 120)),
        )

    def _draw_buyers(self) -> list[Buyer]:
        """Return who bought what, in the order of the sales."""
        place = {key: i for i, key in enumerate(self._keys)}
        buyers = []
        for row in self._sales:
            i = place[row["_customerid_value"]]
            project = row["pl_number"] if row["statecode"] == 1 else None
            sale = row["opportunityid"], project, row["name"]
            buyers.append(Buyer(self._keys[i], self._names[i], _nit(self._nits[i], i + 1), *sale))
        return buyers

    def _people_names(self) -> list[tuple[str, str]]:
        """Return names for people at clients, none of them ours."""
        pairs = [(first, last) for first in _FIRST for last in _LAST]
        self._rng("people").shuffle(pairs)
        return pairs[len(self._people) % len(pairs) :] + pairs[: len(self._people) % len(pairs)]

    # ------------------------------------------------------------------ people and hours

    def _draw_people(self, number: int) -> list[Person]:
        rng = self._rng("people")
        pairs = [(first, last) for first in _FIRST for last in _LAST]
        rng.shuffle(pairs)
        return [self._person(i, *pairs[i % len(pairs)], rng) for i in range(number)]

    def _person(self, i: int, first: str, last: str, rng: random.Random) -> Person:
        hourly = Decimal(rng.randrange(42_000, 118_000, 100))
        rates = [(date(self._days[0].year - 1, 1, 1), hourly)]
        if rng.random() < 0.3:
            # somebody's raise in the middle of the period: the rate of the day counts
            raised = (hourly * Decimal("1.08") / 100).to_integral_value() * 100
            rates.append((self._days[len(self._days) // 2], raised))
        return Person(f"pe-{i + 1:04}", f"E{1001 + i}", first, last, self._team(i // _TEAM)[0], tuple(rates))

    def _team(self, number: int) -> tuple[str, list[str]]:
        """Return the centre of a team and the projects that it works on."""
        rng = self._rng("team", number)
        return list(_CENTRES)[number % len(_CENTRES)], rng.sample(self._won, min(len(self._won), rng.randrange(2, 5)))

    def _logs(self) -> Iterator[WorkLog]:
        numbers = count(1)
        for day in self._days:
            for person in self._people:
                yield from self._day(day, person, numbers)

    def _day(self, day: date, person: Person, numbers: Iterator[int]) -> Iterator[WorkLog]:
        rng = self._rng("day", day, person.id)
        projects = rng.sample(self._assigned[person.id], min(rng.choice((1, 2, 2, 3)), len(self._assigned[person.id])))
        cuts = sorted(rng.sample(range(2, 31), len(projects) - 1))  # 32 quarters are eight hours
        evening = datetime.combine(day, time(18, rng.randrange(60)), _ZONE)
        for project, begin, end in zip(projects, [0, *cuts], [*cuts, 32], strict=True):
            fate = rng.random()
            number = next(numbers)
            yield WorkLog(
                id=f"wl-{number:06}",
                person=person.id,
                project=project,
                centre=rng.choice(list(_CENTRES)) if rng.random() < 0.1 else None,
                day=day,
                hours=(end - begin) * _QUARTER,
                is_approved=fate >= 0.06,
                note=rng.choice(_TASKS),
                updated_at=evening,
                revision=2 if 0.06 <= fate < 0.09 else 1,
                ticket=self._ticket_for(number, project, day),
            )

    def _ticket_for(self, number: int, project: str, day: date) -> str | None:
        """Return the ticket that the work was for: every third log has one, where the client had asked by then."""
        asked = [key for opened, key in self._asked.get(project, ()) if opened <= day.isoformat()]
        return asked[number % len(asked)] if asked and number % 3 == 0 else None

    # ------------------------------------------------------------------ what changes later

    def _changes(self) -> Changes:
        i, number, rng = self._clients, len(self._sales) + 1, self._rng("changes")
        log = next(log for log in self._logs() if log.is_approved and log.hours >= 2)
        person = next((person for person in self._people if person.id != log.person), self._people[0])
        since = self._days[max(0, len(self._days) - 2)]
        hourly = max(rate for day, rate in person.rates if day <= since) + 3_000
        return Changes(
            account=self._account(i),
            opportunity=self._sale(i, number, "won", rng),
            log=log._replace(hours=log.hours - 3 * _QUARTER, revision=log.revision + 1),
            before=log.hours,
            person=person,
            since=since,
            hourly=hourly,
        )
