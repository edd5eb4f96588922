"""Bad input over real connectors: each case gets its typed error or its place on a list; the rest goes on; nothing is lost."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from emulated_company import CLIENTS, CRM, DEBIT, EVIL, LABOUR, company
from periferia_link.errors import (
    AuthenticationError,
    ContractBrokenError,
    FlowError,
    OriginError,
    PaginationError,
    RequestTimeoutError,
    UnavailableError,
)

SYSTEMS = [("crm", CLIENTS), ("erp", CLIENTS), ("helpdesk", LABOUR), ("erp", LABOUR)]
every_system = pytest.mark.parametrize(("system", "flow"), SYSTEMS, ids=["crm", "erp", "helpdesk", "erp labour"])
BOOKED = Decimal(525_000)


@pytest.fixture
def here():
    """Two clients, ten and a half hours of Ana, who costs 50,000."""
    with company() as one:
        fill(one)
        yield one


def fill(one):
    """Let people enter what every test begins with."""
    one.account(1)
    one.account(2)
    one.rate()
    one.log("t1")
    one.log("t2", "2.50")


def stopped(here, flow):
    """Run into an error; return it with its cause, which names its system and a next step and holds no secret."""
    with pytest.raises(FlowError) as caught:
        here.run(flow)
    text = str(caught.value)
    assert caught.value.hint
    assert 1 == text.count(caught.value.hint)
    assert not [secret for secret in here.secrets.values() if secret in text]
    assert flow.name in caught.value.report.flows or not caught.value.report.flows
    return caught.value, caught.value.__cause__


def recovers(here, flow):
    """Take all faults away: the next run does everything, once."""
    for emulator in here.emulators.values():
        emulator.faults.clear()
    here.clock.advance(3_600)
    here.run(flow)
    if flow is CLIENTS:
        assert ["Cliente 1 SAS", "Cliente 2 SAS"] == here.partners()
    else:
        assert here.booked() == BOOKED
    assert 0 == here.run(flow).writes
    assert ([], []) == (here.ledger.parked(), here.ledger.reviews())


class TestCredentials:
    """The password is wrong."""

    @every_system
    def test_said_and_not_tried_again(self, system, flow):
        """Which system; other flows go on; with the right one everything is done."""
        with company(**{system: "not-the-one-2026"}) as here:
            fill(here)
            _, cause = stopped(here, flow)
            assert isinstance(cause, AuthenticationError)
            assert (0, 0) == (len(here.erp.books["JournalEntries"]), len(here.partners()))
            if system != "erp":
                other = LABOUR if flow is CLIENTS else CLIENTS
                assert here.run(other).writes

            here.secrets = type(here)(here.ledger).secrets
            here.engine = here.started()
            recovers(here, flow)

    def test_the_login_is_tried_once(self):
        """SAP locks a user after a few attempts."""
        with company(erp="not-the-one-2026") as here:
            stopped(here, CLIENTS)
            assert 1 == len([one for one in here.erp.log if one.path.endswith("/Login")])


class TestAnswers:
    """Something that is no answer comes with a good status."""

    @every_system
    @pytest.mark.parametrize("status", [200, 203])
    def test_a_sign_in_page(self, here, system, flow, status):
        """The credential expired, or a proxy wants a person."""
        here.fault(system, "html", method="GET", status=status, times=None)
        error, cause = stopped(here, flow)
        assert (AuthenticationError, True) == (type(cause), "web page" in error.message)
        recovers(here, flow)

    @every_system
    def test_half_a_json(self, here, system, flow):
        """The end of it is missing, although the answer is whole."""
        here.fault(system, "garbage", method="GET", body='{"value": [{"name": "Cli', times=None)
        error, cause = stopped(here, flow)
        assert (True, True) == (isinstance(cause, ContractBrokenError), "JSON" in error.message)
        recovers(here, flow)

    @every_system
    def test_the_line_breaks(self, here, system, flow):
        """Every time: the system is not available."""
        here.fault(system, "truncate", method="GET", times=None)
        assert isinstance(stopped(here, flow)[1], UnavailableError)
        recovers(here, flow)

    @every_system
    def test_the_line_breaks_once(self, here, system, flow):
        """Reads are tried again; nobody hears of it."""
        here.fault(system, "truncate", method="GET", nth=3)
        assert here.run(flow).writes
        recovers(here, flow)

    @every_system
    def test_one_byte_at_a_time(self, here, system, flow):
        """Headers dripped past the deadline: control comes back on time."""
        here.fault(system, "drip", method="GET", seconds=3, times=None)
        begun = here.clock.monotonic()
        assert isinstance(stopped(here, flow)[1], RequestTimeoutError)
        assert here.clock.monotonic() - begun <= 120
        recovers(here, flow)


PAGES = {
    "crm": ("*/accounts*", {"value": []}, "@odata.nextLink", f"{CRM}/api/data/v9.2/accounts?$skiptoken=1"),
    "helpdesk": ("*/worklogs*", {"data": []}, "next_cursor", "bm9uc2Vuc2U"),
    "erp": ("*/BusinessPartners*", {"value": []}, "@odata.nextLink", "BusinessPartners?$skip=20"),
}


class TestPages:
    """Links between pages."""

    @pytest.mark.parametrize(("system", "flow"), SYSTEMS[:3], ids=["crm", "erp", "helpdesk"])
    def test_pages_that_never_end(self, here, system, flow):
        """The same page again and again: a few requests, then an error; nothing is believed of it."""
        path, body, name, link = PAGES[system]
        here.fault(system, "garbage", path, method="GET", body=json.dumps(body | {name: link}), times=None)
        _, cause = stopped(here, flow)
        assert isinstance(cause, (PaginationError, ContractBrokenError))
        assert 30 > len(here.emulators[system].log)
        recovers(here, flow)

    @pytest.mark.parametrize(
        "link",
        [
            f"{EVIL}/api/data/v9.2/accounts?page=2",
            f"//{EVIL[8:]}/api/data/v9.2/accounts",
            f"{CRM}.evil.example/api",
            f"{CRM}@evil.example/api",
            f"http{CRM[5:]}/api/data/v9.2/accounts",
            f"{CRM}:8443/api/data/v9.2/accounts",
        ],
    )
    def test_a_link_to_another_origin(self, here, link):
        """Not one byte goes there."""
        body = json.dumps({"value": [], "@odata.nextLink": link})
        here.fault("crm", "garbage", "*/accounts*", method="GET", body=body, times=None)
        assert isinstance(stopped(here, CLIENTS)[1], OriginError)
        assert [] == here.evil.log
        recovers(here, CLIENTS)

    @pytest.mark.parametrize(
        ("system", "flow", "path"),
        [("crm", CLIENTS, "*/accounts*"), ("erp", CLIENTS, "*/BusinessPartners*"), ("helpdesk", LABOUR, "*/worklogs*")],
        ids=["crm", "erp", "helpdesk"],
    )
    def test_a_redirect(self, here, system, flow, path):
        """Never followed: the credentials stay here."""
        here.fault(system, "redirect", path, method="GET", location=f"{EVIL}/x", times=None)
        assert isinstance(stopped(here, flow)[1], OriginError)
        assert [] == here.evil.log
        recovers(here, flow)

    def test_a_link_of_sap(self, here):
        """It asks for pages by key and never follows one; a promise without rows is no end of a list."""
        body = json.dumps({"value": [], "@odata.nextLink": f"{EVIL}/b1s/v2/BusinessPartners?$skip=20"})
        here.fault("erp", "garbage", "*/BusinessPartners*", method="GET", body=body, times=None)
        assert isinstance(stopped(here, CLIENTS)[1], ContractBrokenError)
        assert [] == here.evil.log
        recovers(here, CLIENTS)


class TestLostWrites:
    """The answer to a write is no answer."""

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize(
        ("kind", "params"),
        [
            ("html", {"status": 200}),
            ("html", {"status": 203}),
            ("garbage", {}),
            ("reset", {}),
            ("redirect", {"location": EVIL}),
            ("status", {"status": 500}),
            ("status", {"status": 502}),
        ],
        ids=["html", "html 203", "half a json", "reset", "redirect", "500", "502"],
    )
    @pytest.mark.parametrize("flow", [CLIENTS, LABOUR], ids=["clients", "labour"])
    def test_read_back(self, here, flow, kind, params, when):
        """Whether it happened is seen in the system itself: each record once."""
        here.fault("erp", kind, "*/$batch*", method="POST", when=when, **params)
        assert here.run(flow).created
        assert [] == here.evil.log
        recovers(here, flow)

    @pytest.mark.parametrize(
        ("kind", "params"), [("drip", {"seconds": 9}), ("late", {"seconds": 100}), ("truncate", {})]
    )
    @pytest.mark.parametrize("flow", [CLIENTS, LABOUR], ids=["clients", "labour"])
    def test_past_the_deadline(self, here, flow, kind, params):
        """Dripped, or done after we left: waited for, looked at, never doubled."""
        here.fault("erp", kind, "*/$batch*", method="POST", **params)
        assert here.run(flow).created
        recovers(here, flow)

    def test_throttled(self, here):
        """Waits exactly as long as SAP asks."""
        here.fault("erp", "throttle", "*/$batch*", method="POST", retry_after="7")
        begun = here.clock.monotonic()
        assert (2, 7.0) == (here.run(CLIENTS).created, here.clock.monotonic() - begun)


class TestHours:
    """Numbers that are none."""

    @pytest.mark.parametrize(
        "hours", ["NaN", "-2.00", "0", "25.00", "Infinity", "ocho", None, "", [8], "8,00", "1e5000"], ids=str
    )
    def test_parked_and_the_rest_is_booked(self, here, hours):
        """With the field in the reason; corrected, it is booked by itself."""
        here.log("t3", hours)
        report = here.run(LABOUR)
        [parked] = here.ledger.parked()
        assert (1, here.booked(), "t3") == (report.parked, BOOKED, parked.key)
        assert (True, True) == ("hours" in parked.reason, bool(parked.next_step))

        here.clock.advance(60)
        here.log("t3", "1.00")
        here.run(LABOUR)
        assert (BOOKED + 50_000, []) == (here.booked(), here.ledger.parked())

    def test_json_that_says_nan(self, here):
        """Not JSON at all: the page is refused, nothing of it is believed."""
        record = json.dumps({"data": [{"id": "t9", "hours": 1}], "next_cursor": None}).replace("1}", "NaN}")
        here.fault("helpdesk", "garbage", "*/worklogs*", method="GET", body=record)
        assert isinstance(stopped(here, LABOUR)[1], ContractBrokenError)
        recovers(here, LABOUR)

    @pytest.mark.parametrize("values", [{"worked_on": "2026-02-30"}, {"worked_on": None}, {"person_id": None}])
    def test_other_fields(self, here, values):
        """Days that do not exist, hours of nobody."""
        here.log("t3", **values)
        here.run(LABOUR)
        assert (["t3"], BOOKED) == ([parked.key for parked in here.ledger.parked()], here.booked())

    def test_an_entry_that_became_unreadable(self, here):
        """What was booked stays until it is corrected."""
        here.run(LABOUR)
        here.clock.advance(60)
        here.log("t1", "-8.00")
        here.run(LABOUR)
        assert (BOOKED, ["t1"]) == (here.booked(), [parked.key for parked in here.ledger.parked()])
        here.clock.advance(60)
        here.log("t1", "4.00")
        here.run(LABOUR)
        assert (BOOKED - 200_000, []) == (here.booked(), here.ledger.parked())


class TestMissing:
    """Something that a posting needs is not in the ERP yet."""

    def test_a_rate(self, here):
        """Of somebody new: parked, booked when the rate appears."""
        here.desk.load({"people": [{"id": "eva", "employee_code": "E2", "name": "Eva"}]})
        here.log("t3", "1.00", person_id="eva")
        employee = {"FirstName": "Eva", "LastName": "Paz", "ExternalEmployeeNumber": "E2", "CostCenterCode": "SOFT"}
        here.erp.load({"EmployeesInfo": [employee]})
        here.run(LABOUR)
        [parked] = here.ledger.parked()
        assert (True, True, BOOKED) == (
            "E2" in parked.reason and "rate" in parked.reason,
            "ERP" in parked.next_step,
            here.booked(),
        )

        here.rate("80000", code="E2")
        here.run(LABOUR)
        assert (BOOKED + 80_000, []) == (here.booked(), here.ledger.parked())

    def test_a_distribution_rule(self, here):
        """The centre exists and nothing can be booked on it."""
        here.log("t3", "1.00", cost_centre="BARE")
        here.run(LABOUR)
        [parked] = here.ledger.parked()
        assert (True, True, BOOKED) == ("BARE" in parked.reason, bool(parked.next_step), here.booked())

        whole = [{"CenterCode": "BARE", "TotalInCenter": 100}]
        here.erp.load({"DistributionRules": [{"FactorCode": "R7", "DistributionRuleLines": whole}]})
        here.run(LABOUR)
        assert (BOOKED + 50_000, []) == (here.booked(), here.ledger.parked())
        rules = {
            line["CostingCode"]
            for one in here.erp.books["JournalEntries"].values()
            for line in one["JournalEntryLines"]
            if line["AccountCode"] == DEBIT
        }
        assert {"SOFT", "R7"} == rules

    def test_a_project(self, here):
        """Opened later."""
        here.log("t3", "1.00", project_code="P7")
        here.run(LABOUR)
        assert [True] == ["P7" in parked.reason for parked in here.ledger.parked()]
        here.erp.load({"Projects": [{"Code": "P7", "Name": "Siete"}]})
        here.run(LABOUR)
        assert (BOOKED + 50_000, []) == (here.booked(), here.ledger.parked())

    def test_an_employee(self, here):
        """The help desk knows somebody whom the ERP does not."""
        here.desk.load({"people": [{"id": "eva", "employee_code": "E2", "name": "Eva"}]})
        here.log("t3", "1.00", person_id="eva")
        here.run(LABOUR)
        assert ([True], BOOKED) == (["E2" in parked.reason for parked in here.ledger.parked()], here.booked())


class TestPeriods:
    """The month is closed."""

    def test_parked_naming_the_period(self, here):
        """Other months are booked; when it is opened, the rest follows."""
        here.log("t3", "1.00", worked_on="2026-12-01")
        here.erp.lock_period("2026-11")
        report = here.run(LABOUR)
        [parked] = here.ledger.parked()
        assert (1, 1, Decimal(50_000)) == (report.created, report.parked, here.booked())
        assert (True, True) == ("2026-11" in parked.reason, "period" in parked.next_step)

        here.erp.journal.locked_periods.clear()
        here.clock.advance(86_400)
        here.run(LABOUR)
        assert (BOOKED + 50_000, []) == (here.booked(), here.ledger.parked())

    def test_closed_after_the_booking(self, here):
        """A correction of a closed month waits; with corrections of today it is booked in the open one."""
        here.run(LABOUR)
        here.erp.lock_period("2026-11")
        here.clock.advance(30 * 86_400)
        here.log("t1", "7.00")
        here.run(LABOUR)
        assert ([True], BOOKED) == (["2026-11" in parked.reason for parked in here.ledger.parked()], here.booked())


class TestDrafts:
    """An approval procedure: SAP says -2028 and keeps a draft."""

    @pytest.fixture
    def held(self, here):
        """One posting waits as a draft."""
        here.erp.approval_required = True
        report = here.run(LABOUR)
        here.erp.approval_required = False
        assert (0, 1, 1) == (report.created, report.parked, len(here.erp.books["Drafts"]))
        return here

    def requests(self, here):
        """Return how many requests wanted to write."""
        return len([one for one in here.erp.log if one.path.endswith("$batch")])

    def test_held(self, held):
        """Said to a person, looked at by every run, never posted a second time."""
        [parked] = held.ledger.parked()
        assert ("Pending", True, True) == (parked.error, "draft" in parked.reason.lower(), bool(parked.next_step))
        before = self.requests(held)
        for _ in range(3):
            held.clock.advance(3_600)
            held.run(LABOUR)
        assert (before, 1, 0) == (
            self.requests(held),
            len(held.erp.books["Drafts"]),
            len(held.erp.books["JournalEntries"]),
        )

    def test_approved(self, held):
        """The next run takes it over; nothing is posted again."""
        [draft] = held.erp.books["Drafts"]
        held.erp.approve_draft(int(draft), held.clock)
        before = self.requests(held)
        held.clock.advance(3_600)
        assert 1 == held.run(LABOUR).created
        assert (before, BOOKED, []) == (self.requests(held), held.booked(), held.ledger.parked())
        assert 0 == held.run(LABOUR).writes

    def test_rejected(self, held):
        """Parked with that reason; nothing is posted behind the back of the approver in the same run."""
        [draft] = held.erp.books["Drafts"]
        held.erp.reject_draft(int(draft), held.clock)
        held.clock.advance(3_600)
        held.run(LABOUR)
        [parked] = held.ledger.parked()
        assert (True, 0, True) == (
            "refused" in parked.reason,
            len(held.erp.books["JournalEntries"]),
            bool(parked.next_step),
        )

    def test_corrected_while_it_waits(self, held):
        """The draft stays what it is; the difference follows after its approval."""
        held.clock.advance(60)
        held.log("t1", "7.00")
        held.run(LABOUR)
        [draft] = held.erp.books["Drafts"]
        held.erp.approve_draft(int(draft), held.clock)
        held.clock.advance(3_600)
        held.run(LABOUR)
        held.run(LABOUR)
        assert (BOOKED - 50_000, 2) == (held.booked(), len(held.erp.books["JournalEntries"]))
