"""The same chain on real input: companies of a public registry, hours derived from the audit log of real incidents."""

from __future__ import annotations

import csv
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias
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
from periferia_link.cli.demo._company_desk import USERS
from periferia_link.cli.demo._helpdesk import Desk
from periferia_link.cli.demo._real_desk import COLUMNS, Sold, desk_of, sales_of
from periferia_link.domain import nit_check_digit
from periferia_link.errors import ConfigurationError

__all__ = ["real_business"]

_ZONE = ZoneInfo("America/Bogota")
_IDS = uuid.UUID("3f5b5ad0-61c5-5a6e-9d61-0f2b8a5c7e10")
_MOST_ROWS = 200_000
_COMPANIES = ("nit", "legal_name", "city")
_EVENTS = ("number", "incident_state", "sys_mod_count", "sys_updated_at", "location", "assignment_group", "assigned_to")

_NAME_LIMIT = 160  # of an account in Dynamics 365
_PARTNER_LIMIT = 100  # of a business partner in SAP
_IN_SAP = 3  # every third company
_SOLD = 10  # every tenth company
_WORKING = frozenset({"New", "Active"})
_QUARTER = Decimal("0.25")
_LONGEST = Decimal(2)  # hours that one state of an incident counts at most
_A_DAY = Decimal(8)  # hours that one named person works a day at most
_CENTRES = 6
_AGO = timedelta(minutes=10)  # before the demo, everything was entered

_Incidents: TypeAlias = Mapping[str, Sequence[Mapping[str, str]]]


class _Spell(NamedTuple):
    """One state of one incident in which somebody worked."""

    incident: str
    who: str
    group: str
    location: str
    day: date
    hours: Decimal


def real_business(folder: Path, *, today: date, now: datetime) -> Business:
    """
    Make the company of the files ``companies_co.csv`` and ``incident_events.csv``; nothing of them is kept.

    Hours are derived by a rule that is shown before the run. A state New or Active of an incident counts from its
    change to the next one, rounded up to quarters of an hour, at most two hours; it belongs to the person assigned,
    else to the group; a named person works eight hours a day at most. Times are those of Bogotá.

    Args:
        folder: Where the two files are.

        today: A day of the company's calendar.

        now: When the work logs were entered.

    Raises:
        ConfigurationError: A file is missing, has other columns or holds no hours.
    """
    companies = list(_rows(folder / "companies_co.csv", _COMPANIES))
    incidents = _incidents(_rows(folder / "incident_events.csv", (*_EVENTS, *COLUMNS)))
    spells, nobody = _spells(incidents)
    if not spells or not companies:
        msg = "the two files hold no hours, or no company to work for"
        raise ConfigurationError(msg, hint="give the files as they were published")
    return _Registry(companies).business(spells, incidents, today=today, now=now, nobody=nobody)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Read the columns of a CSV, row by row, up to a limit that no export of this kind reaches."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                msg = f"{path.name} has no column {missing[0]}"
                raise ConfigurationError(msg, hint=f"its columns must include {', '.join(columns)}")
            for number, row in enumerate(reader):
                if number == _MOST_ROWS:
                    msg = f"{path.name} has more than {_MOST_ROWS} rows"
                    raise ConfigurationError(msg, hint="give the file that belongs here")
                yield {name: (row[name] or "").strip() for name in columns}
    except OSError as exc:
        msg = f"{path} cannot be read: {exc.strerror}"
        raise ConfigurationError(
            msg, hint="--data wants the folder of companies_co.csv and incident_events.csv"
        ) from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        msg = f"{path.name} is no CSV in UTF-8"
        raise ConfigurationError(msg, hint="give the file as it was published") from exc


# ---------------------------------------------------------------------- hours out of incidents


def _incidents(events: Iterator[Mapping[str, str]]) -> dict[str, list[Mapping[str, str]]]:
    incidents: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for event in events:
        incidents[event["number"]].append(event)
    return {number: sorted(log, key=lambda event: int(event["sys_mod_count"])) for number, log in incidents.items()}


def _spells(incidents: _Incidents) -> tuple[list[_Spell], int]:
    """Return the spells of work, in the order of incidents, and how many had nobody to count them for."""
    spells, nobody = [], 0
    worked: Counter[tuple[str, date]] = Counter()  # quarters of an hour
    for number in sorted(incidents):
        for event, following in pairwise(incidents[number]):
            if event["incident_state"] not in _WORKING:
                continue
            who = event["assigned_to"] if event["assigned_to"] != "?" else event["assignment_group"]
            if who == "?":
                nobody += 1
                continue
            spell = _spell(number, who, event, _moment(event), _moment(following))
            is_named = who == event["assigned_to"]
            left = _A_DAY - worked[who, spell.day] * _QUARTER if is_named else spell.hours
            hours = min(spell.hours, left)
            if hours > 0:
                worked[who, spell.day] += int(hours / _QUARTER)
                spells.append(spell._replace(hours=hours))
    return spells, nobody


def _spell(number: str, who: str, event: Mapping[str, str], begin: datetime, end: datetime) -> _Spell:
    minutes = Decimal(max(0, int((end - begin).total_seconds()) // 60))
    quarters = (minutes / 15).to_integral_value(ROUND_CEILING) or Decimal(1)
    group = event["assignment_group"] if event["assignment_group"] != "?" else who
    return _Spell(number, who, group, event["location"], begin.date(), min(quarters * _QUARTER, _LONGEST))


def _moment(event: Mapping[str, str], column: str = "sys_updated_at") -> datetime:
    try:
        return datetime.strptime(event[column], "%d-%m-%Y %H:%M").replace(tzinfo=_ZONE)
    except ValueError as exc:
        msg = f"incident_events.csv: {column} of {event['number']} is no day and time"
        raise ConfigurationError(msg, hint="they are written dd-mm-yyyy HH:MM") from exc


def _number(name: str) -> int:
    """Return the number behind a name such as ``Resolver 170``."""
    digits = "".join(letter for letter in name if letter.isdigit())
    return int(digits or 0)


# ---------------------------------------------------------------------- the company around them


class _Registry:
    """Companies of the registry: all are accounts, every third is a partner, every tenth has bought."""

    def __init__(self, companies: Sequence[Mapping[str, str]]) -> None:
        self._rows = companies
        self._distinct: dict[str, int] = {}  # NIT -> its first row
        for place, row in enumerate(companies):
            self._distinct.setdefault(row["nit"], place)

    def business(
        self, spells: Sequence[_Spell], incidents: _Incidents, *, today: date, now: datetime, nobody: int
    ) -> Business:
        places = sorted({spell.location for spell in spells})
        sold = [self._rows[self._distinct[nit]] for nit in list(self._distinct)[::_SOLD]][: len(places)]
        projects = {place: f"P-{i + 1:03}" for i, place in enumerate(places[: len(sold)])}
        people = _people(spells)
        logs = _logs(spells, people, projects, now)
        clients = {place: self._sold(row, projects[place]) for place, row in zip(places, sold, strict=False)}
        desk, contacts = desk_of(incidents, clients, now=now - _AGO, moment=_moment)
        return Business(
            starts=min(log.day for log in logs),
            accounts=[self._account(place, row) for place, row in enumerate(self._rows)],
            opportunities=[self._sale(row, f"P-{i + 1:03}", today) for i, row in enumerate(sold)],
            partners=[self._partner(nit) for nit in list(self._distinct)[::_IN_SAP]],
            centres={f"HC-{i}": f"Help Care {i}" for i in range(_CENTRES)},
            people=list(people.values()),
            logs=lambda: iter(logs),
            changes=self._changes(logs, people, today),
            desk=desk,
            sales=sales_of(clients.values(), contacts, _key),
            rules=self._rules(spells, {"incidents": len(incidents), "nobody": nobody}, desk, people, logs),
        )

    def _sold(self, row: Mapping[str, str], project: str) -> Sold:
        account = _key("account", self._distinct[row["nit"]])
        return Sold(account, _key("sale", project), project, row["nit"], row["legal_name"])

    def _account(self, place: int, row: Mapping[str, str]) -> Row:
        name = row["legal_name"][:_NAME_LIMIT]
        owner = USERS[place % len(USERS)]["systemuserid"]
        return account_row(_key("account", place), name, row["nit"], row["city"][:80], owner)

    def _partner(self, nit: str) -> Row:
        row = self._rows[self._distinct[nit]]
        number = f"{nit}-{nit_check_digit(nit)}"
        return partner_row(f"N{nit}", row["legal_name"][:_PARTNER_LIMIT], number, row["city"])

    def _sale(self, row: Mapping[str, str], number: str, today: date) -> Row:
        account = _key("account", self._distinct[row["nit"]])
        key, name = _key("sale", number), f"Help Care {row['legal_name']}"[:100]
        return opportunity_row(key, account, name, number=number, state="won", value=120_000_000, closed_on=today)

    def _changes(self, logs: Sequence[WorkLog], people: Mapping[str, Person], today: date) -> Changes:
        """One company that is not in the registry, one corrected work log, one raise."""
        account = account_row(_key("account", "new"), "CLIENTE NUEVO DE LA DEMOSTRACION SAS", "959999999", "BOGOTA")
        sale = opportunity_row(
            _key("sale", "new"),
            account["accountid"],
            "Help Care",
            number="P-NEW",
            state="won",
            value=1,
            closed_on=today,
        )
        log = next((log for log in logs if log.hours >= 1), logs[0])
        others = [other for other in logs if other.person != log.person] or list(logs)
        person = next(person for person in people.values() if person.id == others[0].person)
        own = sorted(other.day for other in logs if other.person == person.id)
        return Changes(
            account=account,
            opportunity=sale,
            log=log._replace(hours=log.hours + (-_QUARTER if log.hours > _QUARTER else _QUARTER), revision=2),
            before=log.hours,
            person=person,
            since=own[max(0, len(own) - 3)],
            hourly=person.rates[0][1] + 2_500,
        )

    def _rules(
        self,
        spells: Sequence[_Spell],
        left_out: Mapping[str, int],
        desk: Desk,
        people: Mapping[str, Person],
        logs: Sequence[WorkLog],
    ) -> list[tuple[str, Mapping[str, object]]]:
        long = sum(len(row["legal_name"]) > _NAME_LIMIT for row in self._rows)
        twice = len(self._rows) - len(self._distinct)
        return [
            ("real.accounts", {"n": len(self._rows), "distinct": len(self._distinct), "twice": twice}),
            ("real.partners", {"n": len(range(0, len(self._distinct), _IN_SAP)), "every": _IN_SAP}),
            *([("real.long", {"n": long, "limit": _NAME_LIMIT})] if long else []),
            ("real.sales", {"n": len(desk.clients), "every": _SOLD}),
            (
                "real.source",
                {
                    "n": len({spell.incident for spell in spells}),
                    "all": left_out["incidents"],
                    "spells": len(spells),
                },
            ),
            ("real.hours", {"longest": _LONGEST, "day": _A_DAY}),
            ("real.who", {"n": left_out["nobody"]}),
            ("real.rate", {"people": len(people), "centres": _CENTRES}),
            ("real.logs", {"n": len(logs), "first": min(x.day for x in logs), "last": max(x.day for x in logs)}),
            (
                "real.tickets",
                {
                    "n": len(desk.tickets),
                    "steps": len({(event["ticket_id"], event["at"], event["actor_id"]) for event in desk.events}),
                    "known": sum(row["client_id"] is not None for row in desk.tickets),
                },
            ),
        ]


def _people(spells: Sequence[_Spell]) -> dict[str, Person]:
    """Everybody who worked; COP 40,000 an hour and 1,000 more for each unit of the number in the name, modulo 60."""
    since = date(2016, 1, 1)
    people = {}
    for who in sorted({spell.who for spell in spells}):
        kind, number = who.split(" ")[0], _number(who)
        centre = f"HC-{number % _CENTRES}"
        code = f"{kind[0]}{number:04}"
        hourly = Decimal(40_000 + 1_000 * (number % 60))
        people[who] = Person(f"pe-{code}", code, kind, str(number), centre, ((since, hourly),))
    return people


def _logs(
    spells: Sequence[_Spell], people: Mapping[str, Person], projects: Mapping[str, str], now: datetime
) -> list[WorkLog]:
    """One work log for each incident, person and day; the cost centre is that of the group."""
    hours: dict[tuple[str, str, date], Decimal] = defaultdict(Decimal)
    about: dict[tuple[str, str, date], _Spell] = {}
    for spell in spells:
        place = (spell.incident, spell.who, spell.day)
        hours[place] += spell.hours
        about.setdefault(place, spell)
    return [
        WorkLog(
            id=f"wl-{number:06}",
            person=people[spell.who].id,
            project=projects[spell.location],
            centre=f"HC-{_number(spell.group) % _CENTRES}",
            day=spell.day,
            hours=min(hours[place], Decimal(24)),
            is_approved=True,
            note=spell.incident,
            updated_at=now - _AGO,
            ticket=f"tk-{spell.incident}",
        )
        for number, (place, spell) in enumerate(sorted(about.items()), start=1)
        if spell.location in projects
    ]


def _key(*names: object) -> str:
    return str(uuid.uuid5(_IDS, "/".join(str(name) for name in names)))
