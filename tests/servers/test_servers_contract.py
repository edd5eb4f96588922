"""Roundup and django-helpdesk themselves keep the contract, through nothing but a profile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import SecretStr

from periferia_link.connectors.ticketing import Ticketing
from periferia_link.domain import Ref, Ticket, TimeEntry
from periferia_link.testing.contract import ConnectorContract
from servers.leaping_clock import LeapingClock
from servers.rest_hands import BreakingLine, HelpdeskHands, RoundupHands

pytestmark = pytest.mark.timeout(300)

DUE = datetime(2026, 12, 15, 22, 30, tzinfo=timezone.utc)
BOGOTA = timezone(timedelta(hours=-5))


class ServerContract(ConnectorContract):
    """What both servers have in common: a real line that can break, and everything removed after each test."""

    kinds = ("Ticket", "TimeEntry")
    seed_count = 4
    tables: dict[str, str] = {}
    secret = ""

    @pytest.fixture
    def hands(self):
        """Somebody who works on the server directly."""
        pytest.skip("asked of the classes below")

    @pytest.fixture
    def faults(self, live) -> Iterator[BreakingLine]:
        line = BreakingLine(live.url)
        yield line
        line.close()

    @pytest.fixture
    def secrets(self):
        return [self.secret]

    @pytest.fixture(autouse=True)
    def empty(self, hands):
        """Leave nothing behind: later tests read less."""
        before = {table: set(hands.keys(table)) for table in self.cleaned}
        yield
        for table in self.cleaned:
            for key in set(hands.keys(table)) - before[table]:
                hands.remove(table, key)

    @pytest.fixture
    def absent(self):
        return "999999"

    @pytest.fixture
    def edit(self):
        changes = {
            "Ticket": {"title": "Otro asunto", "priority": "low"},
            "TimeEntry": {"note": "otra nota", "hours": Decimal("3.5")},
        }
        return lambda entity: changes[entity.kind()]


class TestRoundup(ServerContract):
    """Basic authentication, ETag with If-Match, one-time addresses, changes by activity."""

    cleaned = ("issue", "timelog")
    secret = "clave-2026"

    @pytest.fixture
    def live(self, roundup_server):
        return roundup_server

    @pytest.fixture
    def hands(self, live):
        hands = RoundupHands(live.url, **live.credentials)
        yield hands
        hands.close()

    def desk(self, live, faults, password):
        return Ticketing(
            f"{live.url}/pt",
            profile="roundup",
            username="sync",
            password=SecretStr(password),
            allow_private=True,
            clock=LeapingClock(),
            wire=faults,
            page_size=3,
        )

    @pytest.fixture
    def connector(self, live, faults):
        with self.desk(live, faults, self.secret) as desk:
            yield desk

    @pytest.fixture
    def locked_out(self, live, faults):
        with self.desk(live, faults, "otra-clave-2026") as desk:
            yield desk

    @pytest.fixture
    def seed(self, hands):
        def seeded(kind, count):
            if kind == "Ticket":
                return [hands.make("issue", {"title": f"Caso {n}", "status": "chatting"}) for n in range(count)]
            worked = {"date": "2026-11-19", "hours": 7.5, "person": "sync", "project": "PRY-1", "note": "Análisis"}
            return [hands.make("timelog", worked) for _ in range(count)]

        return seeded

    @pytest.fixture
    def touch(self, hands):
        changes = {"Ticket": ("issue", {"title": "Cambiado"}), "TimeEntry": ("timelog", {"note": "cambiada"})}
        return lambda kind, key: hands.change(changes[kind][0], key, changes[kind][1])

    @pytest.fixture
    def erase(self, hands):
        return lambda kind, key: hands.remove({"Ticket": "issue", "TimeEntry": "timelog"}[kind], key)

    @pytest.fixture
    def fresh(self):
        def made(kind, number):
            if kind == "Ticket":
                return Ticket(
                    title=f"Señal caída número {number}",
                    description="El portal no abre.\nNi ayer, ni hoy.",
                    status="in_progress",
                    priority="critical",
                    assignee="4",
                    due_at=DUE,
                )
            worked = date(2026, 11, 19)
            return TimeEntry(person="3", project="PRY-1", worked_on=worked, hours=Decimal("2.25"), note="Ñandú")

        return made


class TestDjangoHelpdesk(ServerContract):
    """
    A token, no ETag, no filter by time, our key in a field.

    Its work logs (hours inside follow-ups) are proved by ``profile check`` and by the flow.
    """

    kinds = ("Ticket",)
    cleaned = ("tickets",)

    @pytest.fixture
    def live(self, helpdesk_server):
        return helpdesk_server

    @pytest.fixture
    def secrets(self, live):
        return [live.credentials["token"]]

    @pytest.fixture
    def hands(self, live):
        hands = HelpdeskHands(live.url, live.credentials["token"])
        yield hands
        hands.close()

    def desk(self, live, faults, token):
        return Ticketing(
            live.url,
            profile="django-helpdesk",
            token=SecretStr(token),
            allow_private=True,
            clock=LeapingClock(),
            wire=faults,
            page_size=3,
        )

    @pytest.fixture
    def connector(self, live, faults):
        with self.desk(live, faults, live.credentials["token"]) as desk:
            yield desk

    @pytest.fixture
    def locked_out(self, live, faults):
        with self.desk(live, faults, "0" * 40) as desk:
            yield desk

    @pytest.fixture
    def opened(self, hands):
        """Open a ticket and return its number."""
        return lambda: hands.make("tickets", {"queue": 1, "title": "Caso", "description": "x", "priority": 3})["id"]

    @pytest.fixture
    def seed(self, hands, opened):
        def seeded(kind, count):
            tickets = [opened() for _ in range(count)]
            if kind == "Ticket":
                return [str(ticket) for ticket in tickets]
            keys = []
            for ticket in tickets:
                worked = {"ticket": ticket, "user": 1, "title": "Trabajo", "comment": "hecho", "time_spent": "07:30:00"}
                keys.append(f"{ticket}/{hands.make('followups', worked)['id']}")
            return keys

        return seeded

    @pytest.fixture
    def touch(self, hands):
        def touched(kind, key):
            if kind == "Ticket":
                hands.change("tickets", key, {"title": "Cambiado"})
            else:
                hands.change("followups", key.partition("/")[2], {"comment": "cambiado"})

        return touched

    @pytest.fixture
    def erase(self, hands):
        def erased(kind, key):
            table = "tickets" if kind == "Ticket" else "followups"
            hands.remove(table, key if kind == "Ticket" else key.partition("/")[2])

        return erased

    @pytest.fixture
    def fresh(self, connector, opened):
        def made(kind, number):
            if kind == "Ticket":
                return Ticket(
                    title=f"Señal caída número {number}",
                    description="El portal no abre.\nNi ayer, ni hoy.",
                    status="on_hold" if number < 0 else "open",
                    priority="critical",
                    project="PRY-1",
                    due_at=DUE,
                )
            ticket = Ref(connector.name, "Ticket", str(opened()))
            today = datetime.now(BOGOTA).date()
            return TimeEntry(person="1", ticket=ticket, worked_on=today, hours=Decimal("2.25"), note="Ñandú")

        return made
