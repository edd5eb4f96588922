"""The flows and ``profile check`` on Roundup and django-helpdesk: an unknown help desk by writing a profile only."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from periferia_link.connectors.ticketing import Ticketing, load_profile
from periferia_link.connectors.ticketing.catalogue import profile_from
from periferia_link.connectors.ticketing.checking import check_profile
from periferia_link.domain import (
    Client,
    CostCentre,
    CostEntry,
    Employee,
    Money,
    Project,
    Rate,
    Ref,
    Survey,
    TaxId,
    Ticket,
)
from periferia_link.engine import Engine
from periferia_link.flows import detractor_loops, detractor_ticket_ends, detractors, labour_costs, tickets_to_crm
from periferia_link.ledger import SqliteLedger
from periferia_link.testing import MemoryConnector
from servers.leaping_clock import LeapingClock
from servers.rest_hands import BreakingLine, HelpdeskHands, RoundupHands

pytestmark = pytest.mark.timeout(300)

BOGOTA = ZoneInfo("America/Bogota")
TAX_ID = "900123456-8"
TODAY = datetime.now(timezone(timedelta(hours=-5))).date()


class AtRoundup:
    """What the flows need to know of Roundup, and what people do there."""

    root = "/pt"
    ana, high = "4", "2"
    day = date(2026, 11, 19)
    # the number that other systems use for a person stands in another column of this installation
    profile = {"profile": 1, "extends": "roundup", "kinds": {"Employee": {"fields": {"code": "organisation"}}}}

    def __init__(self, live):
        self.url = f"{live.url}{self.root}"
        self.credentials = {"username": "sync", "password": SecretStr(live.credentials["password"])}
        self.hands = RoundupHands(live.url, **live.credentials)
        self.people = {"E-ana": 50_000}

    def open(self, title):
        """Open a ticket of our client."""
        return self.hands.make("issue", {"title": title, "status": "chatting", "priority": "bug", "customer": TAX_ID})

    def close(self, key):
        """Resolve it."""
        self.hands.change("issue", key, {"status": "resolved"})

    finish = close

    def reopen(self, key):
        """Take it up again."""
        self.hands.change("issue", key, {"status": "chatting"})

    def kept(self):
        """Return what stands in the tickets."""
        rows = {key: self.hands.row("issue", key) for key in self.hands.keys("issue")}
        return [
            {
                "key": key,
                "title": row["title"],
                "text": row["description"],
                "due": datetime.strptime(f"{row['due']}+0000", "%Y-%m-%d.%H:%M:%S%z"),
                "client": row["customer"],
                "project": row["project"],
                "who": (row["assignedto"] or {}).get("id"),
                "priority": row["priority"]["id"],
            }
            for key, row in rows.items()
        ]

    def work(self, hours, ticket):
        """Log approved hours of Ana."""
        del ticket
        worked = {"date": "2026-11-19", "hours": hours, "person": "ana", "project": "PRY-1", "note": "Análisis"}
        return self.hands.make("timelog", {**worked, "approved": "2026-11-20.14:00:00"})

    def correct(self, key, hours):
        """Correct the hours."""
        self.hands.change("timelog", key, {"hours": hours})

    def forget(self):
        """Remove what the test made."""
        for table in ("issue", "timelog"):
            for key in self.hands.keys(table):
                self.hands.remove(table, key)
        self.hands.close()


class AtHelpdesk:
    """The same for django-helpdesk."""

    ana, high = "1", 2
    day = TODAY
    profile = {
        "profile": 1,
        "extends": "django-helpdesk",
        "kinds": {
            # this server does not list its people
            "Employee": {
                "records": [{"id": "1", "code": "E-ana", "name": "Ana Ruiz"}],
                "fields": {"code": "code", "name": "name"},
            }
        },
    }

    def __init__(self, live):
        self.url = live.url
        self.credentials = {"token": SecretStr(live.credentials["token"])}
        self.hands = HelpdeskHands(live.url, live.credentials["token"])
        self.people = {"E-ana": 50_000}

    def open(self, title):
        """Open a ticket of our client."""
        more = {"custom_client_tax_id": TAX_ID, "custom_project_code": "PRY-1"}
        ticket = {"queue": 1, "title": title, "description": "x", "priority": 3, **more}
        return str(self.hands.make("tickets", ticket)["id"])

    def close(self, key):
        """Resolve it."""
        self.hands.change("tickets", key, {"status": 3})

    def finish(self, key):
        """Resolve it with a comment, as its page does."""
        title = self.hands.row("tickets", key)["title"]
        done = {"ticket": int(key), "user": 1, "title": title, "comment": "Hablamos", "new_status": 3}
        self.hands.make("followups", done)

    def reopen(self, key):
        """Take it up again."""
        self.hands.change("tickets", key, {"status": 2})

    def kept(self):
        """Return what stands in the tickets."""
        rows = {key: self.hands.row("tickets", key) for key in self.hands.keys("tickets")}
        return [
            {
                "key": key,
                "title": row["title"],
                "text": row["description"],
                "due": datetime.fromisoformat(row["due_date"].replace("Z", "+00:00")),
                "client": row["custom_client_tax_id"],
                "project": row["custom_project_code"],
                "who": str(row["assigned_to"]),
                "priority": row["priority"],
            }
            for key, row in rows.items()
        ]

    def work(self, hours, ticket):
        """Log hours of the account in a follow-up."""
        clock = f"{int(hours):02}:{int(hours % 1 * 60):02}:00"
        worked = {"ticket": int(ticket), "user": 1, "title": "Trabajo", "comment": "hecho", "time_spent": clock}
        return str(self.hands.make("followups", worked)["id"])

    def correct(self, key, hours):
        """Correct the hours."""
        self.hands.change("followups", key, {"time_spent": f"{int(hours):02}:00:00"})

    def forget(self):
        """Remove what the test made."""
        for key in self.hands.keys("tickets"):
            self.hands.remove("tickets", key)
        self.hands.close()


@pytest.fixture(params=[("roundup_server", AtRoundup), ("helpdesk_server", AtHelpdesk)], ids=["roundup", "django"])
def site(request):
    """One of the servers, with what people do there."""
    fixture, people = request.param
    site = people(request.getfixturevalue(fixture))
    yield site
    site.forget()


@pytest.fixture
def line(site):
    """The network to it, which can break."""
    line = BreakingLine(f"http://127.0.0.1:{site.hands.address.port}")
    yield line
    line.close()


@pytest.fixture
def clock():
    """Time for connector and engine."""
    return LeapingClock()


@pytest.fixture
def desk(site, line, clock):
    """The help desk, through its profile."""
    profile = profile_from({**site.profile, "name": "here", "title": "Here"})
    with Ticketing(site.url, profile=profile, allow_private=True, wire=line, clock=clock, **site.credentials) as desk:
        yield desk


@pytest.fixture
def engine_with(desk, clock):
    """An engine over the help desk and one system more; a second one goes on where the first stopped."""
    ledgers = []

    def made(other):
        ledgers[:] = ledgers or [SqliteLedger.open(":memory:")]
        return Engine({"helpdesk": desk, other.name: other}, ledgers[0], zone=BOGOTA, clock=clock)

    yield made
    for ledger in ledgers:
        ledger.close()


class TestTicketsToCrm:
    """Tickets of a real server stand as cases in the CRM."""

    def test_they_come_and_follow(self, site, engine_with):
        """Created once; a second run writes nothing; a ticket that is resolved there is resolved here."""
        keys = [site.open(f"Señal caída {number}") for number in range(3)]
        crm = MemoryConnector("crm", [Client, Ticket], [Client(name="Andina S.A.S.", tax_id=TaxId.parse(TAX_ID))])
        engine = engine_with(crm)
        flow = tickets_to_crm(client_by="tax id", people=False, projects="")
        assert {"created": 3, "updated": 0, "parked": 0} == self.counts(engine.run([flow]))
        assert {"created": 0, "updated": 0, "parked": 0} == self.counts(engine.run([flow]))
        site.close(keys[1])
        assert {"created": 0, "updated": 1, "parked": 0} == self.counts(engine.run([flow]))
        cases = {case.number: case for case in crm.each("Ticket")}
        assert ["in_progress", "resolved", "in_progress"] == [cases[key].status for key in keys]
        assert "Señal caída 1" == cases[keys[1]].title
        assert {"normal"} == {case.priority for case in cases.values()}

    def counts(self, report):
        counts = report.flows["tickets_to_crm"].counts
        return {name: counts[name] for name in ("created", "updated", "parked")}


class TestLabourCosts:
    """Hours of a real server become balanced postings."""

    def test_hours_are_booked_and_corrected(self, site, engine_with):
        """Hours times rate, to the cent; nothing twice; a corrected work log posts the difference."""
        ticket = site.open("Migración")
        first, _ = site.work(7.5, ticket), site.work(0.5, ticket)
        rates = {
            code: (Rate(valid_from=date(2020, 1, 1), hourly=Money.of(rate, "COP")),)
            for code, rate in site.people.items()
        }
        people = [Employee(code=code, name=code, cost_centre="CC-1", rates=rates[code]) for code in rates]
        books = [*people, CostCentre(code="CC-1", name="Soporte", distribution_rule="R-1")]
        erp = MemoryConnector(
            "erp", [Employee, CostCentre, Project, CostEntry], [*books, Project(name="Migración", code="PRY-1")]
        )
        engine = engine_with(erp)
        flow = labour_costs(starts=min(site.day, date(2026, 11, 1)), debit="5105", credit="2610")
        engine.run([flow])
        assert [Decimal(400_000)] == [entry.total.amount for entry in erp.each("CostEntry")]
        engine.run([flow])
        assert 1 == len(list(erp.each("CostEntry")))
        site.correct(first, 6)
        engine.run([flow])
        assert [Decimal(75_000), Decimal(400_000)] == sorted(entry.total.amount for entry in erp.each("CostEntry"))


class TestDetractors:
    """Bad answers are followed up in a real server."""

    answered = datetime(2026, 11, 19, 21, 30, tzinfo=timezone.utc)  # Thursday 16:30 in Bogotá
    due = datetime(2026, 11, 20, 21, 30, tzinfo=timezone.utc)  # nine office hours later
    said = "Los plazos no se cumplen.\nÑandú & <b>señal</b> al 100 %"
    sla = {
        "calendars": {"office": {"zone": "America/Bogota", "hours": {"mon-fri": ["08:00-17:00"]}}},
        "policies": {"all": {"calendar": "office", "targets": [{"metric": "resolution", "within": "9h"}]}},
    }

    @pytest.fixture
    def crm(self):
        """A CRM with a client, the owner of its account and four answers, three of them bad."""
        client, owner = Ref("crm", "Client", "a1"), Ref("crm", "User", "u1")
        answers = [
            Survey(
                ref=Ref("crm", "Survey", f"s{mark}"),
                questionnaire="F1",
                respondent="Luz Díaz",
                answered_at=self.answered,
                client=client,
                project="PRY-1",
                nps=mark,
                comment=self.said,
            )
            for mark in (0, 3, 6, 9)
        ]
        there = [
            Client(ref=client, name="Andina S.A.S.", tax_id=TaxId.parse(TAX_ID), owner=owner),
            Employee(ref=Ref("crm", "Employee", "u1"), code="E-ana", name="Ana Ruiz", email="ana@periferia.example"),
        ]
        return MemoryConnector("crm", [Client, Employee, Survey], [*there, *answers])

    @pytest.fixture
    def flow(self):
        """The flow as a help desk needs it that keeps no clients."""
        return detractors(client_by="tax id", sla=self.sla)

    def ends(self, crm):
        """Return when the ticket of each answer ended, as the CRM has it, in the order of the marks."""
        return [answer.ticket_ended_at for answer in sorted(crm.each("Survey"), key=lambda answer: answer.nps)]

    def test_each_opens_one_ticket(self, site, desk, line, crm, flow, engine_with):
        """Text, due time, priority, tax id and the owner of the account arrive; a second run sends nothing."""
        engine = engine_with(crm)
        report = engine.run([flow]).flows["detractors"]
        assert (3, 0) == (report.counts["created"], report.counts["parked"])
        kept, sent = sorted(site.kept(), key=lambda ticket: ticket["title"]), line.writes
        assert [f"Detractor: Andina S.A.S. · NPS {mark}" for mark in (0, 3, 6)] == [each["title"] for each in kept]
        for ticket in kept:
            text = ticket["text"].replace("\r\n", "\n")
            assert f"Comentario: {self.said}" in text
            assert "Plazo: 2026-11-20 16:30" in text
            assert (self.due, site.ana, site.high) == (ticket["due"], ticket["who"], ticket["priority"])
            assert (TaxId.parse(TAX_ID).number, "PRY-1") == (ticket["client"], ticket["project"])
        assert {site.ana} == {ticket.assignee for ticket in desk.each("Ticket")}
        again = engine.run([flow]).flows["detractors"]
        assert (0, 0) == (again.counts["created"], again.counts["updated"])
        assert (3, sent) == (len(site.kept()), line.writes)

    @pytest.mark.parametrize(
        ("fault", "when"), [("reset", "before"), ("reset", "after"), ("status", "after"), ("garbage", "after")]
    )
    def test_a_lost_answer_makes_no_second_ticket(self, fault, when, site, line, crm, flow, engine_with):
        """The line breaks before or after the server has committed one of three creates: three tickets, none lost."""
        line.next(fault, when)
        engine = engine_with(crm)
        counts = [engine.run([flow]).flows["detractors"].counts for _ in range(2)]
        assert [(3, 0), (0, 0)] == [(each["created"], each["updated"]) for each in counts]
        titles = sorted(ticket["title"] for ticket in site.kept())
        assert [f"Detractor: Andina S.A.S. · NPS {mark}" for mark in (0, 3, 6)] == titles
        assert (3 if when == "after" else 4) == line.writes

    def test_a_stopped_run_is_finished_once(self, site, line, crm, flow, engine_with):
        """Stopped by hand when the server has committed and nobody knows: the next process finishes the work, once."""
        line.next("stop", "after")
        with pytest.raises(KeyboardInterrupt):
            engine_with(crm).run([flow])
        engine_with(crm).run([flow])
        engine_with(crm).run([flow])
        titles = sorted(ticket["title"] for ticket in site.kept())
        assert [f"Detractor: Andina S.A.S. · NPS {mark}" for mark in (0, 3, 6)] == titles
        assert 3 == line.writes

    def test_the_loop_closes(self, site, crm, flow, engine_with):
        """A ticket that people end there has an end in the CRM, at that time; taken up again, it has none."""
        engine, ends = engine_with(crm), detractor_ticket_ends()
        flows = [flow, ends, detractor_loops()]
        engine.run(flows)
        assert [None] * 4 == self.ends(crm)
        keys = {ticket["title"][-1]: ticket["key"] for ticket in site.kept()}
        began = datetime.now(timezone.utc).replace(microsecond=0)
        site.finish(keys["3"])
        engine.run(flows)
        zero, three, six, nine = self.ends(crm)
        assert [None, None, None] == [zero, six, nine]
        assert three is not None
        assert began - timedelta(seconds=1) <= three <= datetime.now(timezone.utc)
        crm.change(Ref("crm", "Survey", "s3"), work_ended_at=began)
        engine.run(flows)
        (closed,) = [answer for answer in crm.each("Survey") if answer.loop_closed_at is not None]
        assert (3, three) == (closed.nps, closed.loop_closed_at)
        site.reopen(keys["3"])
        site.close(keys["0"])
        engine.run(flows)
        assert [True, False, False, False] == [end is not None for end in self.ends(crm)]
        assert [] == [answer for answer in crm.each("Survey") if answer.loop_closed_at is not None]
        assert 3 == len(site.kept())


class TestProfileCheck:
    """``profile check`` against the servers themselves."""

    def check(self, site, profile, **changes):
        def connect(*, wrong=False):
            given = dict(site.credentials)
            if wrong:
                given = {name: value if name == "username" else SecretStr("0" * 40) for name, value in given.items()}
            return Ticketing(site.url, profile=profile, allow_private=True, **given)

        return list(check_profile(profile, connect, **changes))

    def test_the_shipped_profile_is_true(self, site):
        """Nothing contradicts it, and everything that the server can do is proved, round trips too."""
        ticket = site.open("Uno")
        site.work(1.5, ticket)
        site.close(site.open("Dos"))
        for number in range(3):
            site.open(f"Más {number}")
        found = self.check(site, load_profile(site.profile["extends"]), writes=True)
        assert [] == [f"{each.name}: {each}" for each in found if each.state == "failed"]
        proved = {each.name for each in found if each.state == "proved"}
        assert {"let_in", "wrong_key", "list", "pages", "past_end", "closed", "ticket", "once", "worklog"} <= proved
        assert ("stale" in proved) == (site.profile["extends"] == "roundup")

    def test_a_filter_that_is_ignored_is_found(self, site):
        """A profile that trusts a filter by time that this server does not know is refused, with the lines to change."""
        site.open("Uno")
        told = {"kinds": {"Ticket": {"since": {"param": "modified__gte", "value": "{since}"}}}}
        profile = profile_from({"profile": 1, "extends": site.profile["extends"], "name": "w", "title": "W", **told})
        failed = [each for each in self.check(site, profile) if each.state == "failed"]
        assert failed
        if site.profile["extends"] == "django-helpdesk":  # Roundup refuses what it does not know
            assert '[kinds.Ticket.since]\nparam = ""' in [each.change for each in failed]

    def test_an_unknown_word_is_found(self, site):
        """A state that the profile does not map is named, with the line that maps it."""
        site.open("Uno")
        base = load_profile(site.profile["extends"])
        words = dict(base.map["status"].values)
        gone = next(word for word, ours in words.items() if ours == "open")
        del words[gone]
        maps = {**base.map, "status": base.map["status"].model_copy(update={"values": words})}
        found = self.check(site, base.model_copy(update={"map": maps}))
        (finding,) = [each for each in found if each.name == "words"]
        assert gone in json.dumps(dict(finding.details))
        assert finding.change.startswith("[map.status.values]")
