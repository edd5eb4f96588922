"""Hours out of incidents, by the rule that the screen states."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

pytest.importorskip("rich", reason="the extra cli is not installed")

from periferia_link.cli.demo import _real
from periferia_link.cli.demo._real import real_business
from periferia_link.errors import ConfigurationError

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 15, tzinfo=timezone.utc)
COMPANIES = "nit,legal_name,city\n" + "\n".join(
    f"{nit},{name},BOGOTA"
    for nit, name in [
        (900138670, "C.I BIOCOSTA S.A"),
        (890302629, "MELENDEZ S.A."),
        (800141770, "CI ACEPALMA SA"),
        (890302629, "MELENDEZ S.A."),
    ]
)
HEAD = (
    "number,incident_state,sys_mod_count,sys_updated_at,location,assignment_group,assigned_to,caller_id,opened_at,"
    "sys_updated_by,contact_type,category,subcategory,u_symptom,priority,resolved_by\n"
)


def event(
    state,
    when,
    *,
    number="INC1",
    count=0,
    location="Location 1",
    group="Group 7",
    who="Resolver 170",
    caller="Caller 24",
    opened="28-02-2016 07:00",
    by="Updated by 21",
    priority="3 - Moderate",
    symptom="Symptom 72",
    resolver="?",
):
    """Write one row of the audit log."""
    rest = f"{caller},{opened},{by},Phone,Category 55,Subcategory 170,{symptom},{priority},{resolver}"
    return f"{number},{state},{count},{when},{location},{group},{who},{rest}"


@pytest.fixture
def read(tmp_path):
    """Write the two files and make the company of them."""

    def make(*events, companies=COMPANIES):
        (tmp_path / "companies_co.csv").write_text(companies, encoding="utf-8")
        (tmp_path / "incident_events.csv").write_text(HEAD + "\n".join(events) + "\n", encoding="utf-8")
        return real_business(tmp_path, today=TODAY, now=NOW)

    return make


def spells(read, *events):
    """Return who worked how long on which day."""
    ended = event("Closed", "05-03-2016 12:00", count=99)
    # a second incident keeps the company alive, whatever comes of the first
    other = [event("Active", "01-01-2017 08:00", number="INC9", who="Resolver 1")]
    other += [event("Active", "01-01-2017 10:00", number="INC9", who="Resolver 2", count=1)]
    other += [event("Closed", "01-01-2017 12:00", number="INC9", count=2)]
    logs = read(*events, ended, *other).logs()
    return [(log.person, log.day, log.hours) for log in logs if log.note == "INC1"]


class TestHowLong:
    @pytest.mark.parametrize(
        ("end", "hours"),
        [
            ("29-02-2016 08:00", "0.25"),
            ("29-02-2016 08:15", "0.25"),
            ("29-02-2016 08:16", "0.50"),
            ("29-02-2016 09:40", "1.75"),
            ("29-02-2016 10:00", "2"),
            ("04-03-2016 10:00", "2"),
        ],
    )
    def test_quarters_upwards_to_two_hours(self, read, end, hours):
        """From a change to the next one, in quarters of an hour rounded up, at most two hours."""
        found = spells(read, event("Active", "29-02-2016 08:00"), event("Resolved", end, count=1))
        assert [("pe-R0170", date(2016, 2, 29), Decimal(hours))] == found

    def test_only_while_somebody_works(self, read):
        """Waiting for the user is no work; New and Active are."""
        states = ("New", "Awaiting User Info", "Active", "Resolved")
        rows = [event(state, f"29-02-2016 {8 + n:02}:00", count=n) for n, state in enumerate(states)]
        assert [("pe-R0170", date(2016, 2, 29), Decimal(2))] == spells(read, *rows)

    def test_one_entry_for_incident_person_and_day(self, read):
        """Spells of a day add up; the next day is another entry."""
        rows = [
            event("Active", when, count=n)
            for n, when in enumerate(("29-02-2016 08:00", "29-02-2016 09:00", "01-03-2016 09:00"))
        ]
        found = spells(read, *rows)
        assert [(date(2016, 2, 29), Decimal(3)), (date(2016, 3, 1), Decimal(2))] == [row[1:] for row in found]

    def test_eight_hours_a_day(self, read):
        """A named person works eight hours at most, a group is several people."""
        rows = [event("Active", f"29-02-2016 {n:02}:00", count=n) for n in range(0, 20, 2)]
        assert Decimal(8) == sum(hours for _, _, hours in spells(read, *rows))
        rows = [event("Active", f"29-02-2016 {n:02}:00", count=n, who="?") for n in range(0, 20, 2)]
        assert [("pe-G0007", date(2016, 2, 29), Decimal(20))] == spells(read, *rows)

    def test_by_the_order_of_the_log(self, read):
        """Rows are sorted by their modification, wherever they stand in the file."""
        late, early = event("Resolved", "29-02-2016 09:00", count=10), event("Active", "29-02-2016 08:00", count=9)
        assert [Decimal(1)] == [hours for _, _, hours in spells(read, late, early)]


class TestWho:
    def test_the_group_where_nobody_is_assigned(self, read):
        """A question mark means that nobody is known."""
        assert "pe-G0007" == spells(read, event("New", "29-02-2016 08:00", who="?"))[0][0]

    def test_nobody_at_all(self, read):
        """Without person and group there is no entry, and the rule counts it."""
        nobody = event("New", "28-02-2016 08:00", who="?", group="?")
        rows = [nobody, event("Active", "29-02-2016 08:00", count=1)]
        assert 1 == len(spells(read, *rows))
        rules = dict(read(*rows, event("Closed", "01-03-2016 08:00", count=2), *_second()).rules)
        assert {"n": 1} == rules["real.who"]

    def test_the_rate_of_the_name(self, read):
        """40,000 and 1,000 for each unit of the number, modulo 60: Resolver 170 costs 90,000."""
        business = read(event("Active", "29-02-2016 08:00"), event("Closed", "29-02-2016 09:00", count=1), *_second())
        person = next(person for person in business.people if person.code == "R0170")
        assert ((date(2016, 1, 1), Decimal(90_000)),) == person.rates
        assert "HC-1" == next(business.logs()).centre


def _second():
    return (
        event("Active", "01-03-2016 08:00", number="INC2", who="Resolver 3"),
        event("Closed", "01-03-2016 10:00", number="INC2", count=1),
    )


class TestTickets:
    """Every incident is a ticket with its history."""

    ROWS = (
        event("New", "29-02-2016 08:00", who="?"),
        event("Active", "29-02-2016 08:20", count=1, priority="2 - High"),
        event("Active", "29-02-2016 08:30", count=2, priority="2 - High"),
        event("Awaiting User Info", "29-02-2016 09:00", count=3, priority="2 - High", group="Group 8"),
        event("Closed", "05-03-2016 12:00", count=4, priority="2 - High", group="Group 8", resolver="Resolved by 9"),
    )

    def desk(self, read, *rows):
        return read(*(rows or self.ROWS), *_second()).desk

    def test_a_ticket(self, read):
        """State, priority and people of the last row; the times of the log in UTC."""
        (ticket,) = [row for row in self.desk(read).tickets if row["number"] == "INC1"]
        assert ("closed", "high", "Group 8", "pe-R0170", "pe-B0009") == tuple(
            ticket[name] for name in ("status", "priority", "group", "assignee_id", "resolver_id")
        )
        assert ("2016-02-28T12:00:00Z", "2016-03-05T17:00:00Z") == (ticket["opened_at"], ticket["closed_at"])
        assert "Symptom 72 · Category 55 · Location 1" == ticket["subject"]

    def test_its_history(self, read):
        """What each row changed against the one before it, with who did it; a row that changed nothing is no event."""
        events = [row for row in self.desk(read).events if row["ticket_id"] == "tk-INC1"]
        told = [(row["at"][11:16], row["member"], row["old"], row["new"]) for row in events]
        assert [
            ("13:00", "status", None, "new"),
            ("13:00", "priority", None, "normal"),
            ("13:00", "group", None, "Group 7"),
            ("13:20", "status", "new", "in_progress"),
            ("13:20", "priority", "normal", "high"),
            ("13:20", "assignee_id", None, "pe-R0170"),
            ("14:00", "status", "in_progress", "pending_customer"),
            ("14:00", "group", "Group 7", "Group 8"),
            ("17:00", "status", "pending_customer", "closed"),
        ] == told
        assert {"pe-U0021"} == {row["actor_id"] for row in events}

    def test_its_client(self, read):
        """The one that the location stands for; a location without client leaves the ticket without one."""
        rows = (*self.ROWS, event("Closed", "01-03-2016 08:00", number="INC3", location="?"))
        desk = self.desk(read, *rows)
        clients = {row["number"]: row["client_id"] for row in desk.tickets}
        assert {"INC1": "cl-P-001", "INC2": "cl-P-001", "INC3": None} == clients
        assert [("cl-P-001", "900138670")] == [(row["id"], row["tax_id"]) for row in desk.clients]

    def test_its_hours(self, read):
        """The work logs name it."""
        assert {"tk-INC1", "tk-INC2"} == {log.ticket for log in read(*self.ROWS, *_second()).logs()}

    def test_everybody_is_on_the_list(self, read):
        """Once, with or without hours."""
        business = read(*self.ROWS, *_second())
        ids = [row["id"] for row in business.helpdesk_people]
        assert len(ids) == len(set(ids))
        assert {"pe-R0170", "pe-B0009", "pe-U0021", "pe-R0003"} <= set(ids)

    def test_who_called_is_a_contact(self, read):
        """Of the client; the ticket has the same address."""
        business = read(*self.ROWS, *_second())
        (contact,) = business.sales.contacts
        assert {contact["emailaddress1"]} == {row["requester_email"] for row in business.desk.tickets}
        assert business.accounts[0]["accountid"] == contact["_parentcustomerid_value"]

    def test_a_lead_for_each_sale(self, read):
        """It names account and opportunity."""
        business = read(*self.ROWS, *_second())
        (lead,) = business.sales.leads
        sale = business.opportunities[0]
        assert {lead["leadid"]: sale["opportunityid"]} == business.sales.became
        assert business.accounts[0]["accountid"] == lead["_parentaccountid_value"]

    def test_an_unknown_state(self, read):
        """Is refused with the known ones: nothing is mapped by guessing."""
        with pytest.raises(ConfigurationError, match="INC1 has a state that is not known"):
            self.desk(read, *self.ROWS, event("Paused", "06-03-2016 12:00", count=5))


class TestCompanies:
    def test_all_are_accounts(self, read):
        """As registered, twice where the registry has them twice; every third distinct one is a partner."""
        business = read(event("Active", "29-02-2016 08:00"), event("Closed", "29-02-2016 10:00", count=1), *_second())
        assert ["900138670", "890302629", "800141770", "890302629"] == [row["pl_nit"] for row in business.accounts]
        assert 4 == len({row["accountid"] for row in business.accounts})
        assert [("N900138670", "900138670-3")] == [(row["CardCode"], row["FederalTaxID"]) for row in business.partners]
        assert {"n": 4, "distinct": 3, "twice": 1} == dict(business.rules)["real.accounts"]

    def test_long_names_are_cut(self, read):
        """What the CRM cannot hold is cut, and said."""
        companies = f"nit,legal_name,city\n900138670,{'A' * 200},X\n"
        business = read(
            event("Active", "29-02-2016 08:00"),
            event("Closed", "29-02-2016 10:00", count=1),
            *_second(),
            companies=companies,
        )
        assert 160 == len(business.accounts[0]["name"])
        assert {"n": 1, "limit": 160} == dict(business.rules)["real.long"]


class TestFiles:
    def test_no_folder(self, tmp_path):
        """The missing file is named."""
        with pytest.raises(ConfigurationError, match=r"companies_co\.csv cannot be read"):
            real_business(tmp_path / "no", today=TODAY, now=NOW)

    def test_other_columns(self, read):
        """Another export is refused before anything is made of it."""
        with pytest.raises(ConfigurationError, match=r"companies_co\.csv has no column nit"):
            read(companies="id,name\n1,A\n")

    def test_no_time(self, read):
        """A moment that cannot be read names its incident."""
        with pytest.raises(ConfigurationError, match="sys_updated_at of INC1"):
            read(event("Active", "2016/02/29"), event("Closed", "01-03-2016 08:00", count=1))

    def test_not_a_csv(self, tmp_path):
        """Bytes that are no text are no CSV."""
        (tmp_path / "companies_co.csv").write_bytes(b"nit,legal_name,city\n\xff\xfe\n")
        with pytest.raises(ConfigurationError, match="no CSV in UTF-8"):
            real_business(tmp_path, today=TODAY, now=NOW)

    def test_too_many_rows(self, read, monkeypatch):
        """Reading is bounded."""
        monkeypatch.setattr(_real, "_MOST_ROWS", 2)
        with pytest.raises(ConfigurationError, match="more than 2 rows"):
            read(event("Active", "29-02-2016 08:00"))

    def test_no_work(self, read):
        """Files without hours are no demo."""
        with pytest.raises(ConfigurationError, match="no hours"):
            read(event("Closed", "29-02-2016 08:00"))
