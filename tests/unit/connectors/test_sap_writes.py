from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.sap_business_one import SAP_FIELDS, cost_entry_to_wire
from periferia_link.domain import CostLine, Ref, TaxId
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
    WriteRefusedError,
)
from periferia_link.testing.emulators import FaultRule, ManualClock
from periferia_link.testing.emulators._odata import InnerAnswer, batch_response
from periferia_link.transport._json import dumps
from periferia_link.typing import Response
from sap_calls import Caller
from sap_company import client, company, connector, create, posting, project, update

KEY = "0f8e2c52-6a35-5a0b-9d0e-3a1f7c0b1d2e"


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 21, 15, tzinfo=timezone.utc))


@pytest.fixture
def emulator():
    return company()


@pytest.fixture
def sap(emulator, clock):
    with connector(emulator, clock) as made:
        yield made


def sent(emulator):
    """Return the requests that could change something."""
    return [e for e in emulator.log if e.method != "GET" and not e.path.endswith(("Login", "Logout"))]


def kinds(outcomes):
    return [
        type(outcome) if isinstance(outcome, Applied) else (type(outcome), type(outcome.error)) for outcome in outcomes
    ]


class TestPosting:
    """A cost entry becomes a journal entry, once."""

    def test_entry(self, sap, emulator):
        """Header, lines, rule in its dimension, our key; the marker row beside it; one request."""
        (outcome,) = sap.write("CostEntry", [create(posting(), KEY)])
        entry = emulator.books["JournalEntries"]["1"]
        first, second = entry["JournalEntryLines"]

        assert Applied(Ref("erp", "CostEntry", "1")) == outcome
        assert ("2026-11-20", "2026-11-20", "Costo", "P1/SOFT", "pl-0f8e2c526a35", KEY, "P1") == tuple(
            entry[name]
            for name in ("ReferenceDate", "TaxDate", "Memo", "Reference", "Reference2", "U_PL_Key", "ProjectCode")
        )
        assert ("613595", "100000.50", "P1", "SOFT") == tuple(
            first[name] for name in ("AccountCode", "Debit", "ProjectCode", "CostingCode")
        )
        assert ("510595", "100000.50", None) == (second["AccountCode"], second["Credit"], second["CostingCode"])
        assert {KEY.replace("-", ""): KEY} == {k: row["Name"] for k, row in emulator.books["U_PL_SYNC"].items()}
        assert 1 == len(sent(emulator))

    def test_second_run(self, sap, emulator):
        """The marker makes the second run fail as a whole; the read-back finds the first."""
        write = create(posting())
        sap.write("CostEntry", [write])
        (outcome,) = sap.write("CostEntry", [write])

        assert [(Unknown, OutcomeUnknownError)] == kinds([outcome])
        assert "-2035" == outcome.error.code
        assert ["1"] == list(emulator.books["JournalEntries"])
        assert ["1"] == [row.key for row in sap.find("CostEntry", "create_key", [write.create_key])]

    def test_dimensions(self, sap, emulator):
        """A rule of the second dimension goes into its column."""
        sap.write("CostEntry", [create(posting(line={"distribution_rule": "ZONE"}))])
        line = emulator.books["JournalEntries"]["1"]["JournalEntryLines"][0]

        assert (None, "ZONE") == (line["CostingCode"], line["CostingCode2"])

    def test_marker_in_the_field(self, emulator, clock):
        """Without the table a single posting is a plain request, and carries the key all the same."""
        emulator.drop_user_table("PL_SYNC")
        with connector(emulator, clock, marker="field") as sap:
            outcomes = sap.write("CostEntry", [create(posting(), KEY)])
            more = sap.write("CostEntry", [create(posting()), create(posting())])

        assert [Applied] * 3 == kinds([*outcomes, *more])
        assert ["/b1s/v2/JournalEntries", "/b1s/v2/$batch"] == [entry.path for entry in sent(emulator)]
        assert KEY == emulator.books["JournalEntries"]["1"]["U_PL_Key"]

    def test_foreign_currency(self, sap, emulator):
        """Another currency goes into its columns; SAP converts."""
        emulator.journal.rates["USD"] = Decimal(4000)
        sap.write("CostEntry", [create(posting("10.25", currency="USD"))])
        line = emulator.books["JournalEntries"]["1"]["JournalEntryLines"][0]

        assert ("10.25", "USD", "41000.00") == (line["FCDebit"], line["FCCurrency"], line["Debit"])

    def test_exact_amounts(self, sap, emulator):
        """Amounts are written digit by digit, as numbers."""
        body = cost_entry_to_wire(posting("12345678901.10"), {"SOFT": 1})
        sap.write("CostEntry", [create(posting("12345678901.10"))])

        assert b'"Debit":12345678901.10' in dumps(body)
        assert "12345678901.10" == emulator.books["JournalEntries"]["1"]["JournalEntryLines"][0]["Debit"]


class TestChecked:
    """What SAP would refuse is refused before anything is sent."""

    @pytest.mark.parametrize(
        ("entry", "told"),
        [
            (posting("10.005"), "line 1: debit has 3 decimals, the books keep 2"),
            (posting("12345678901234.56"), "line 1: debit has more than 15 digits"),
            (posting(line={"account": "999"}), "line 1: account 999 does not exist"),
            (posting(line={"project": "P7"}), "line 1: project P7 does not exist"),
            (posting(project="P7"), "project P7 does not exist"),
            (posting(line={"distribution_rule": "NOPE"}), "line 1: SAP has no active distribution rule NOPE"),
            (posting(line={"distribution_rule": "R8"}), "line 1: SAP has no active distribution rule R8"),
            (
                posting(line={"distribution_rule": None, "cost_centre": "BARE"}),
                "line 1: cost centre BARE has no distribution rule",
            ),
            (posting(reference="x" * 101), "reference has 101 characters, SAP keeps 100"),
            (posting(memo="a\nb"), "memo holds a line break"),
            (posting(line={"project": "P\n1"}), "line 1: project P\n1 does not exist"),
        ],
    )
    def test_posting(self, sap, emulator, entry, told):
        """The message names line, field and limit; no write leaves."""
        (outcome,) = sap.write("CostEntry", [create(entry)])

        assert [(NotApplied, RecordInvalidError)] == kinds([outcome])
        assert told in outcome.error.message
        assert outcome.error.hint
        assert [] == sent(emulator)

    def test_long_names_inside_a_line(self):
        """The columns of lines have limits, too."""
        line = CostLine(account="1" * 16, debit=1)
        entry = posting().model_copy(update={"lines": (line, CostLine(account="5", credit=1))})

        with pytest.raises(RecordInvalidError, match="line 1: account has 16 characters, SAP keeps 15"):
            cost_entry_to_wire(entry, {})

    def test_good_ones_go_on(self, sap, emulator):
        """One that cannot be sent does not hold up the others; outcomes keep the order."""
        outcomes = sap.write("CostEntry", [create(posting("1.234")), create(posting()), create(posting(project="P7"))])

        assert [(NotApplied, RecordInvalidError), Applied, (NotApplied, RecordInvalidError)] == kinds(outcomes)
        assert 1 == len(sent(emulator))

    def test_new_codes_are_asked_for_again(self, sap, emulator):
        """A project or rule that somebody creates meanwhile is found at the next try; known codes are not asked twice."""
        write = create(posting(line={"project": "P7", "distribution_rule": "NEW"}))
        sap.write("CostEntry", [write])
        emulator.load({"Projects": [{"Code": "P7"}], "DistributionRules": [{"FactorCode": "NEW"}]})
        (outcome,) = sap.write("CostEntry", [write])
        before = len(emulator.log)
        sap.write("CostEntry", [create(posting(line={"project": "P7", "distribution_rule": "NEW"}))])

        assert isinstance(outcome, Applied)
        assert before + 1 == len(emulator.log)

    def test_slow_answers(self, sap, emulator):
        """When the questions took too long the posting is not sent: the engine would look for it too early."""
        for table in ("ChartOfAccounts", "Projects"):
            emulator.faults.add(FaultRule("delay", path=f"*/{table}", params={"seconds": 40}))
        write = create(posting())
        outcomes = [*sap.write("CostEntry", [write]), *sap.write("CostEntry", [write])]

        assert [(NotApplied, UnavailableError), Applied] == kinds(outcomes)
        assert 1 == len(sent(emulator))

    def test_references_cannot_be_asked(self, sap, emulator):
        """When SAP cannot be asked, nothing is sent and it is tried again."""
        emulator.faults.add(FaultRule("status", path="*/ChartOfAccounts", times=None, params={"status": 503}))
        outcomes = sap.write("CostEntry", [create(posting()), create(posting())])

        assert [(NotApplied, UnavailableError)] * 2 == kinds(outcomes)
        assert [] == sent(emulator)

    @pytest.mark.parametrize(
        ("entity", "told"),
        [
            (client("C" * 16), "code has 16 characters, SAP keeps 15"),
            (client(None), "Client has no code"),
            (client(phone="1" * 21), "phone has 21 characters, SAP keeps 20"),
            (client(name="x" * 101), "name has 101 characters, SAP keeps 100"),
        ],
    )
    def test_client(self, sap, emulator, entity, told):
        """Lengths and the code, which SAP does not give."""
        (outcome,) = sap.write("Client", [create(entity)])

        assert told in outcome.error.message
        assert [] == sent(emulator)

    def test_project(self, sap):
        """The same for projects."""
        (outcome,) = sap.write("Project", [create(project("P" * 21))])

        assert "code has 21 characters, SAP keeps 20" in outcome.error.message


class TestRefused:
    """What SAP refuses, by code."""

    def test_locked_period(self, sap, emulator):
        """The period and the next step."""
        emulator.lock_period("2026-11")
        (outcome,) = sap.write("CostEntry", [create(posting())])

        assert [(NotApplied, RecordInvalidError)] == kinds([outcome])
        assert "period 2026-11 (-4013)" in outcome.error.message
        assert "open the posting period" in outcome.error.hint
        assert {} == emulator.books["U_PL_SYNC"]

    def test_own_check_of_the_company(self, emulator, clock):
        """-1116 is a closed period or the company's own check."""
        emulator.drop_user_table("PL_SYNC")
        emulator.faults.add(FaultRule("status", path="*/JournalEntries", params={"status": 400, "code": "-1116"}))
        with connector(emulator, clock, marker="field") as sap:
            (outcome,) = sap.write("CostEntry", [create(posting())])

        assert "SBO_SP_TransactionNotification" in outcome.error.hint
        assert "2026-11" in outcome.error.message

    def test_draft(self, sap, emulator):
        """-2028 on a posting may hide a draft: unknown, and the read-back finds it pending."""
        emulator.approval_required = True
        write = create(posting())
        (outcome,) = sap.write("CostEntry", [write])
        (row,) = sap.find("CostEntry", "create_key", [write.create_key])

        assert [(Unknown, OutcomeUnknownError)] == kinds([outcome])
        assert "-2028" == outcome.error.code
        assert row.pending

    def test_stops_at_the_first_failure(self, sap, emulator):
        """Applied before it, refused, not executed behind it."""
        locked = posting(posted_on=date(2026, 10, 31))
        emulator.lock_period("2026-10")
        outcomes = sap.write("CostEntry", [create(each) for each in (posting(), locked, posting(), posting())])

        assert [Applied, (NotApplied, RecordInvalidError), *[(NotApplied, UnavailableError)] * 2] == kinds(outcomes)
        assert 0 == outcomes[-1].retry_after
        assert 1 == len(emulator.books["JournalEntries"])

    @pytest.mark.parametrize(("kind", "write"), [("Client", create(client("C1"))), ("Project", create(project("P1")))])
    def test_taken_code(self, sap, emulator, kind, write):
        """A code that belongs to another record is a conflict."""
        emulator.load({"BusinessPartners": [{"CardCode": "C1"}]})
        (outcome,) = sap.write(kind, [write])

        assert [(NotApplied, RecordConflictError)] == kinds([outcome])

    def test_table_that_the_node_does_not_know(self, sap, emulator):
        """Without the marker table the system stops: every posting would fail."""
        emulator.drop_user_table("PL_SYNC")
        (outcome,) = sap.write("CostEntry", [create(posting())])

        assert [(NotApplied, ContractBrokenError)] == kinds([outcome])
        assert "U_PL_SYNC" in outcome.error.hint

    def test_field_that_the_node_does_not_know(self, sap, emulator):
        """A missing user field names itself."""
        emulator.drop_user_field("PL_Key", "OPRJ")
        (outcome,) = sap.write("Project", [create(project())])

        assert [(NotApplied, RecordInvalidError)] == kinds([outcome])
        assert "U_PL_Key" in outcome.error.message

    @pytest.mark.parametrize(
        ("status", "code", "expected"),
        [
            (403, "-1", (NotApplied, PermissionDeniedError)),
            (413, "", (NotApplied, RecordInvalidError)),
            (429, "", (NotApplied, ThrottledError)),
            (412, "-2039", (NotApplied, RecordConflictError)),
            (400, "-5002", (NotApplied, RecordInvalidError)),
            (400, "-2028", (NotApplied, RecordInvalidError)),
            (404, "-2028", (NotApplied, RecordNotFoundError)),
            (400, "-1002", (NotApplied, ContractBrokenError)),
            (400, "", (Unknown, OutcomeUnknownError)),
            (408, "-1", (Unknown, OutcomeUnknownError)),
            (500, "", (Unknown, OutcomeUnknownError)),
            (500, "407", (Unknown, OutcomeUnknownError)),
            (502, "", (Unknown, OutcomeUnknownError)),
            (504, "", (Unknown, OutcomeUnknownError)),
        ],
    )
    def test_by_code(self, sap, emulator, status, code, expected):
        """One plain request and its answer; an answer of the balancer tells nothing."""
        (row,) = sap.get("Project", ["P1"])
        emulator.faults.add(FaultRule("status", method="PATCH", params={"status": status, "code": code}))
        outcomes = sap.write("Project", [update(sap.decode("Project", row), "name")])

        assert [expected] == kinds(outcomes)

    @pytest.mark.parametrize(
        ("status", "code", "expected"),
        [
            (413, "", (NotApplied, RecordInvalidError)),
            (429, "", (NotApplied, ThrottledError)),
            (400, "242", (Unknown, OutcomeUnknownError)),
            (502, "", (Unknown, OutcomeUnknownError)),
            (200, "1", (Unknown, OutcomeUnknownError)),
        ],
    )
    def test_whole_batch(self, sap, emulator, status, code, expected):
        """An answer to the batch as a whole concerns all its writes."""
        emulator.faults.add(FaultRule("status", path="*/$batch", params={"status": status, "code": code}))

        assert [expected] * 2 == kinds(sap.write("CostEntry", [create(posting()), create(posting())]))

    def test_how_long_to_wait(self, sap, emulator):
        """A 429 says how long; nothing was done."""
        emulator.faults.add(FaultRule("throttle", path="*/$batch", params={"retry_after": "17"}))
        (outcome,) = sap.write("CostEntry", [create(posting())])

        assert [(NotApplied, ThrottledError)] == kinds([outcome])
        assert (17.0, 17.0) == (outcome.retry_after, outcome.error.retry_after)

    def test_page_instead_of_an_answer(self, sap, emulator):
        """HTML with 200 tells nothing."""
        emulator.faults.add(FaultRule("html", path="*/$batch", when="after"))

        assert [(Unknown, OutcomeUnknownError)] == kinds(sap.write("CostEntry", [create(posting())]))


class TestLost:
    """Answers that never came."""

    @pytest.mark.parametrize("fault", ["reset", "truncate", "hang"])
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_unknown_and_then_once(self, sap, emulator, clock, fault, when):
        """Unknown; the read-back tells; sending again posts at most once."""
        emulator.faults.add(FaultRule(fault, path="*/$batch", when=when))
        write = create(posting())
        (outcome,) = sap.write("CostEntry", [write])
        assert isinstance(outcome, Unknown)

        sap.write("CostEntry", [write])
        assert 1 == len(emulator.books["JournalEntries"])
        assert 1 == len(sap.find("CostEntry", "create_key", [write.create_key]))

    def test_late_commit(self, sap, emulator, clock):
        """A posting that commits after we gave up and sent again happens once."""
        emulator.faults.add(FaultRule("late", path="*/$batch", params={"seconds": 90}))
        write = create(posting())
        sap.write("CostEntry", [write])
        (second,) = sap.write("CostEntry", [write])
        clock.advance(120)
        emulator.settle(clock)

        assert isinstance(second, Applied)
        assert ["1"] == list(emulator.books["JournalEntries"])

    def test_not_one_byte(self, sap, emulator):
        """A refused connection is no doubt."""
        sap.check()
        sap.write("CostEntry", [create(posting())])
        sap._transport._wire.unreachable.add("https://sap.example:50000")
        outcomes = sap.write("CostEntry", [create(posting())])

        assert [(NotApplied, UnavailableError)] == kinds(outcomes)

    def test_answer_without_the_rest(self, sap, emulator):
        """Fewer answers than writes, none of them a failure: nobody knows about the others."""
        whole = InnerAnswer(Response(201, (("Location", "https://x/b1s/v2/Projects('P8')"),)), "1")
        kind, body = batch_response([[whole]], "batchresponse_x")
        answer = {"status": 200, "body": body, "headers": {"Content-Type": kind}}
        emulator.faults.add(FaultRule("status", path="*/$batch", params=answer))
        outcomes = sap.write("Project", [create(project("P8")), create(project("P9"))])

        assert [Applied, (Unknown, OutcomeUnknownError)] == kinds(outcomes)

    @pytest.mark.parametrize(
        "answers",
        [
            [InnerAnswer(Response(201, (("Location", "https://x/b1s/v2/JournalEntries(1)"),)), "1")],
            [[InnerAnswer(Response(204), "1"), InnerAnswer(Response(201), "2")]],
            [[InnerAnswer(Response(204), "1"), InnerAnswer(Response(201, (), b"no json"), "2")]],
            [[InnerAnswer(Response(204), "1"), InnerAnswer(Response(400), "2")]],
            [],
        ],
    )
    def test_answers_that_do_not_fit(self, sap, emulator, answers):
        """One answer for two parts, no number, no answer at all: read back."""
        kind, body = batch_response(answers, "batchresponse_x")
        answer = {"status": 202, "body": body, "headers": {"Content-Type": kind}}
        emulator.faults.add(FaultRule("status", path="*/$batch", params=answer))

        assert [(Unknown, OutcomeUnknownError)] == kinds(sap.write("CostEntry", [create(posting())]))

    def test_number_in_the_body(self, sap, emulator):
        """An answer with the record instead of its address is as good."""
        made = InnerAnswer(Response(201, (), b'{"JdtNum": 7}'), "2")
        kind, body = batch_response([[InnerAnswer(Response(204), "1"), made]], "batchresponse_x")
        answer = {"status": 202, "body": body, "headers": {"Content-Type": kind}}
        emulator.faults.add(FaultRule("status", path="*/$batch", params=answer))

        assert [Applied(Ref("erp", "CostEntry", "7"))] == sap.write("CostEntry", [create(posting())])

    def test_plan_only(self, emulator, clock):
        """Nothing leaves; reads work."""
        with connector(emulator, clock, plan_only=True) as sap:
            outcomes = sap.write("CostEntry", [create(posting())])

        assert [(NotApplied, WriteRefusedError)] == kinds(outcomes)
        assert [] == sent(emulator)


class TestMasterData:
    """Clients and projects."""

    def test_client(self, sap, emulator):
        """A customer with our key; the version comes with the answer."""
        made = client(
            tax_id=TaxId.parse("900123456"), city="Cali", email="a@example.com", currency="COP", is_active=False
        )
        (outcome,) = sap.write("Client", [create(made, KEY)])
        row = emulator.books["BusinessPartners"]["C1"]

        assert Applied(Ref("erp", "Client", "C1"), 'W/"356A192B7913B04C54574D18C28D46E6395428AB"') == outcome
        assert ("cCustomer", "900123456-8", "Cali", "COP", KEY) == tuple(
            row[name] for name in ("CardType", "FederalTaxID", "City", "Currency", "U_PL_Key")
        )
        assert ("tNO", "tYES") == (row["Valid"], row["Frozen"])
        assert "/b1s/v2/BusinessPartners" == sent(emulator)[0].path

    def test_only_the_fields_asked_for(self, sap, emulator):
        """Fields that are not named never travel; None empties; the code stays."""
        emulator.load({"BusinessPartners": [{"CardCode": "C1", "CardName": "Uno", "City": "Cali", "Phone1": "1"}]})
        changed = client(ref=Ref("erp", "Client", "C1"), city=None, phone="2").model_copy(update={"code": "OTHER"})
        outcomes = sap.write("Client", [update(changed, "city", "code")])
        row = emulator.books["BusinessPartners"]["C1"]

        assert [Applied] == kinds(outcomes)
        assert ("Uno", None, "1") == (row["CardName"], row["City"], row["Phone1"])

    def test_nothing_to_send(self, sap, emulator):
        """A change without columns is done."""
        changed = client(ref=Ref("erp", "Client", "C1"))

        assert [Applied(Ref("erp", "Client", "C1"), "v")] == sap.write(
            "Client", [update(changed, "owner", version="v")]
        )
        assert [] == emulator.log

    def test_custom_columns(self, emulator, clock):
        """Columns of the installation travel both ways."""
        fields = SAP_FIELDS.merged({"Client": {"extra": ["Website"]}, "Project": {"extra": ["U_PL_Key"]}})
        with connector(emulator, clock, fields=fields) as sap:
            sap.write("Client", [create(client(custom={"Website": "x.co", "Other": 1}))])

        assert "x.co" == emulator.books["BusinessPartners"]["C1"]["Website"]

    def test_precondition(self, sap, emulator, clock):
        """A client that changed meanwhile is a conflict, and keeps the other change."""
        sap.write("Client", [create(client())])
        read = sap.decode("Client", sap.get("Client", ["C1"])[0])
        people = Caller(emulator, clock)
        people.login()
        people("PATCH", "/b1s/v2/BusinessPartners('C1')", {"City": "Cali"})
        changed = read.model_copy(update={"city": "Bogotá"})
        (stale,) = sap.write("Client", [update(changed, "city", version=read.version)])
        again = sap.decode("Client", sap.get("Client", ["C1"])[0])
        (fresh,) = sap.write("Client", [update(changed, "city", version=again.version)])

        assert [(NotApplied, RecordConflictError), Applied] == kinds([stale, fresh])
        assert "Bogotá" == emulator.books["BusinessPartners"]["C1"]["City"]

    def test_project(self, sap, emulator):
        """Dates as days, state, our key."""
        made = project(starts_on=date(2026, 1, 31), ends_on=None, is_active=False)
        sap.write("Project", [create(made, KEY)])
        row = emulator.books["Projects"]["P9"]

        assert ("Proyecto Nueve", "2026-01-31", None, "tNO", KEY) == tuple(
            row[name] for name in ("Name", "ValidFrom", "ValidTo", "Active", "U_PL_Key")
        )

    def test_gone(self, sap):
        """A change of a record that is not there."""
        outcomes = sap.write("Project", [update(project(ref=Ref("erp", "Project", "no")), "name")])

        assert [(NotApplied, RecordNotFoundError)] == kinds(outcomes)

    def test_several_at_once(self, sap, emulator):
        """Several writes are one batch; keys with quotes come back as they are."""
        outcomes = sap.write("Project", [create(project("O'B/1")), create(project("P8"))])

        assert ["O'B/1", "P8"] == [outcome.ref.id for outcome in outcomes]
        assert ["/b1s/v2/$batch"] == [entry.path for entry in sent(emulator)]


class TestCancel:
    """Corrections."""

    def cancel(self, number, **more):
        return Write(KEY, "action", Ref("erp", "CostEntry", number), action="cancel", **more)

    def test_cancelled(self, sap, emulator):
        """SAP posts the reversal; the entry stays ours."""
        sap.write("CostEntry", [create(posting())])
        outcomes = sap.write("CostEntry", [self.cancel("1")])

        assert [Applied(Ref("erp", "CostEntry", "1"))] == outcomes
        assert 1 == emulator.books["JournalEntries"]["2"]["Original"]
        assert "/b1s/v2/JournalEntries(1)/Cancel" == sent(emulator)[-1].path

    def test_not_there(self, sap):
        """An entry that is not there."""
        assert [(NotApplied, RecordNotFoundError)] == kinds(sap.write("CostEntry", [self.cancel("9")]))

    def test_twice(self, sap):
        """The second time SAP refuses."""
        sap.write("CostEntry", [create(posting())])
        sap.write("CostEntry", [self.cancel("1")])

        assert [(NotApplied, RecordInvalidError)] == kinds(sap.write("CostEntry", [self.cancel("1")]))


class TestCalls:
    """Calls that are wrong in themselves."""

    @pytest.mark.parametrize(
        ("kind", "write"),
        [
            ("CostCentre", create(project())),
            ("Employee", Write(KEY, "delete", Ref("erp", "Employee", "1"))),
            ("CostEntry", update(posting(ref=Ref("erp", "CostEntry", "1")), "memo")),
            ("CostEntry", Write(KEY, "action", Ref("erp", "CostEntry", "1"), action="close")),
            ("CostEntry", Write(KEY, "action", action="cancel")),
            ("Client", create(project())),
            ("Client", update(posting(ref=Ref("erp", "CostEntry", "1")), "memo")),
            ("Client", Write(KEY, "create")),
            ("TimeEntry", create(project())),
        ],
    )
    def test_refused(self, sap, emulator, kind, write):
        """A mode, action or entity that the kind does not have."""
        with pytest.raises(ConfigurationError):
            sap.write(kind, [write])
        assert [] == sent(emulator)

    def test_too_many(self, sap):
        """More than one request takes."""
        with pytest.raises(ConfigurationError, match="21 writes in one request"):
            sap.write("Project", [create(project(f"X{n}")) for n in range(21)])

    def test_none(self, sap, emulator):
        """Nothing to write is no request."""
        assert [] == sap.write("Project", [])
        assert [] == emulator.log

    def test_comfort(self, sap):
        """The verbs for scripts work: save twice, with one key, is one posting."""
        ref = sap.save(posting(), create_key=KEY)

        assert ref == sap.save(posting(), create_key=KEY)
