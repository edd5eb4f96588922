"""Opportunities, service calls, user tables and keys, stored queries, rates: what the emulated company does with them."""

from __future__ import annotations

import json
import urllib.request
from decimal import Decimal

import pytest
from pydantic import SecretStr

from periferia_link.connectors.sap_business_one.webhooks import SapWebhooks, subscription
from periferia_link.testing.emulators import ManualClock, host
from periferia_link.testing.emulators.sap import SapEmulator
from sap_calls import Caller, batch, code_of, entry

KINDS = ["Project"]


@pytest.fixture
def emulator():
    emulator = SapEmulator()
    emulator.load(
        {
            "BusinessPartners": [{"CardCode": "C1", "CardName": "Cliente Uno"}],
            "Projects": [{"Code": "P1", "Name": "Uno"}],
        }
    )
    return emulator


@pytest.fixture
def call(emulator):
    caller = Caller(emulator, ManualClock())
    caller.login()
    return caller


def made(answer):
    assert answer.status == 201, answer.body
    return json.loads(answer.body)


class TestOpportunities:
    """Stages, sums and the end."""

    def test_sums(self, call):
        """The total of the header is weighted by the percentage of the last stage."""
        body = {"CardCode": "C1", "OpportunityName": "Portal", "MaxLocalTotal": 1000, "ProjectCode": "P1"}
        body |= {"SalesOpportunitiesLines": [{"StageKey": 1}, {"StageKey": 3}]}
        found = made(call("POST", "/b1s/v2/SalesOpportunities", body))

        assert (1, "sos_Open", "Cliente Uno", 1) == tuple(
            found[name] for name in ("SequentialNo", "Status", "CustomerName", "CurrentStageNo")
        )
        assert (1000.0, 500.0, 50.0) == tuple(
            found[name] for name in ("MaxLocalTotal", "WeightedSumLC", "ClosingPercentage")
        )
        assert "@odata.etag" not in found

    def test_sold(self, call):
        """A sold one has its closing date and its amount, and stays as it is until it is opened again."""
        made(call("POST", "/b1s/v2/SalesOpportunities", {"CardCode": "C1", "MaxLocalTotal": 70}))
        path = "/b1s/v2/SalesOpportunities(1)"

        assert 204 == call("PATCH", path, {"Status": "sos_Sold"}).status
        found = call.get(path)
        assert (70.0, True) == (found["TotalAmountLocal"], found["ClosingDate"] is not None)
        assert (400, "-5006") == code_of(call("PATCH", path, {"MaxLocalTotal": 1}))
        assert 204 == call("PATCH", path, {"Status": "O"}).status
        assert (None, 0.0) == (call.get(path)["ClosingDate"], call.get(path)["TotalAmountLocal"])

    @pytest.mark.parametrize(
        ("body", "code"),
        [({}, "-5002"), ({"CardCode": "no"}, "-2028"), ({"CardCode": "C1", "ProjectCode": "no"}, "-2028")],
    )
    def test_refusals(self, call, body, code):
        """A client is needed, and must be there."""
        assert (400, code) == code_of(call("POST", "/b1s/v2/SalesOpportunities", body))

    def test_filter_by_stored_value(self, call):
        """Enums by member or by stored value."""
        made(call("POST", "/b1s/v2/SalesOpportunities", {"CardCode": "C1"}))

        for value in ("sos_Open", "O"):
            assert 1 == len(call.get(f"/b1s/v2/SalesOpportunities?$filter=Status eq '{value}'")["value"])


class TestServiceCalls:
    """From open to closed."""

    def test_round(self, call):
        """Open with a number and stamps, pending, closed by the action with its day, open again."""
        found = made(call("POST", "/b1s/v2/ServiceCalls", {"CustomerCode": "C1", "Subject": "Falla", "Priority": "H"}))
        path = "/b1s/v2/ServiceCalls(1)"

        assert (-3, "scp_High", "Cliente Uno", 1) == tuple(
            found[name] for name in ("Status", "Priority", "CustomerName", "DocNum")
        )
        assert found["CreationDate"]
        assert found["CreationTime"]
        call("PATCH", path, {"Status": -2})
        assert 204 == call("POST", f"{path}/Close").status
        closed = call.get(path)
        assert (-1, True) == (closed["Status"], closed["ClosingDate"] is not None)
        call("PATCH", path, {"Status": -3})
        assert call.get(path)["ClosingDate"] is None

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"CardCode": "C1", "Subject": "x"}, "-1000"),
            ({"CustomerCode": "C1"}, "-5002"),
            ({"CustomerCode": "no", "Subject": "x"}, "-2028"),
            ({"CustomerCode": "C1", "Subject": "x" * 255}, "-1000"),
        ],
    )
    def test_refusals(self, call, body, code):
        """It is CustomerCode, not CardCode; a subject is needed and fits."""
        assert (400, code) == code_of(call("POST", "/b1s/v2/ServiceCalls", body))


class TestUserTables:
    """What a company adds is seen after a restart."""

    TABLE = {"TableName": "PL_RATES", "TableDescription": "Rates", "TableType": "bott_NoObject"}
    FIELD = {"TableName": "@PL_RATES", "Name": "Hourly", "Description": "Hourly", "Type": "db_Float"}

    def test_after_restart(self, call, emulator):
        """The set is not there before; the sessions are gone after."""
        made(call("POST", "/b1s/v2/UserTablesMD", self.TABLE))
        made(call("POST", "/b1s/v2/UserFieldsMD", self.FIELD))
        row = {"Code": "1", "Name": "1", "U_Hourly": 5}
        assert (400, "-1002") == code_of(call("POST", "/b1s/v2/U_PL_RATES", row))
        emulator.restart()

        assert 401 == call("GET", "/b1s/v2/U_PL_RATES").status
        call.login()
        assert 5 == made(call("POST", "/b1s/v2/U_PL_RATES", row))["U_Hourly"]

    def test_restart_by_the_admin_address(self, emulator):
        """A harness in another process restarts it, too."""
        with host(emulator) as server:
            request = urllib.request.Request(f"{server.admin_url}/restart", method="POST", data=b"{}")
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert {"restarted": "sap"} == json.load(answer)

    def test_field_of_a_document_stands_on_all(self, call, emulator):
        """A field of OINV is one of orders and drafts as well."""
        made(call("POST", "/b1s/v2/UserFieldsMD", {"TableName": "OINV", "Name": "PL_X", "Description": "x", "Size": 3}))
        emulator.restart()
        call.login()
        emulator.load({"Orders": [{"DocEntry": 1}]})

        assert 204 == call("PATCH", "/b1s/v2/Orders(1)", {"U_PL_X": "abc"}).status
        assert (400, "-1000") == code_of(call("PATCH", "/b1s/v2/Orders(1)", {"U_PL_X": "abcd"}))

    def test_twice(self, call):
        """A second table, field or key of one name is there already."""
        made(call("POST", "/b1s/v2/UserTablesMD", self.TABLE))
        made(call("POST", "/b1s/v2/UserFieldsMD", self.FIELD))

        assert (400, "-2035") == code_of(call("POST", "/b1s/v2/UserTablesMD", self.TABLE))
        assert (400, "-2035") == code_of(call("POST", "/b1s/v2/UserFieldsMD", self.FIELD))

    @pytest.mark.parametrize(
        ("kind", "body", "code"),
        [
            ("UserTablesMD", {"TableName": "A B", "TableDescription": "x"}, "-5002"),
            ("UserTablesMD", {"TableName": "X" * 20, "TableDescription": "x"}, "-1000"),
            ("UserTablesMD", {"TableName": "X"}, "-5002"),
            ("UserFieldsMD", {"TableName": "@NO", "Name": "x"}, "-2028"),
            ("UserFieldsMD", {"TableName": "no table", "Name": "x"}, "-2028"),
            ("UserFieldsMD", {"TableName": "OINV", "Name": "x", "Size": 255}, "-5002"),
            ("UserKeysMD", {"TableName": "OINV", "KeyName": "K", "UserKeysMD_Elements": []}, "-2028"),
            (
                "UserKeysMD",
                {"TableName": "OINV", "KeyName": "K", "UserKeysMD_Elements": [{"ColumnAlias": "no"}]},
                "-2028",
            ),
        ],
    )
    def test_refusals(self, call, kind, body, code):
        """Names, sizes and tables that cannot be."""
        assert (400, code) == code_of(call("POST", f"/b1s/v2/{kind}", body))


class TestUserKeys:
    """A unique key is a server-enforced one."""

    @pytest.fixture(autouse=True)
    def key(self, call):
        body = {"TableName": "OJDT", "KeyName": "PL", "Unique": "tYES"}
        made(call("POST", "/b1s/v2/UserKeysMD", body | {"UserKeysMD_Elements": [{"ColumnAlias": "PL_Key"}]}))

    def test_enforced(self, call, emulator):
        """A second row with the value is refused with -2035, rows without a value are not."""
        made(call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="k")))

        assert (400, "-2035") == code_of(call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="k")))
        for _ in range(2):
            made(call("POST", "/b1s/v2/JournalEntries", entry()))
        assert 3 == len(emulator.books["JournalEntries"])

    def test_change_cannot_clash(self, call):
        """Neither can a change take a value that is taken; its own may be given again."""
        made(call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="a")))
        made(call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="b")))

        assert (400, "-2035") == code_of(call("PATCH", "/b1s/v2/JournalEntries(2)", {"U_PL_Key": "a"}))
        assert 204 == call("PATCH", "/b1s/v2/JournalEntries(2)", {"U_PL_Key": "b"}).status
        assert 204 == call("PATCH", "/b1s/v2/JournalEntries(2)", {"U_PL_Key": "c"}).status
        made(call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="b")))


class TestQueries:
    """Stored queries over tables of the database."""

    TEXT = (
        "SELECT T0.[TransId], SUM(T1.[Debit]) AS [Total] FROM [OJDT] T0 JOIN [JDT1] T1 ON T1.[TransId] = T0.[TransId]"
    )
    BY_DAY = f"{TEXT} WHERE T0.[RefDate] >= :since GROUP BY T0.[TransId]"

    def stored(self, call, text, code="q1"):
        return call("POST", "/b1s/v2/SQLQueries", {"SqlCode": code, "SqlName": code, "SqlText": text})

    def test_parameters(self, call):
        """Values by query option or by body; days in either form."""
        call("POST", "/b1s/v2/JournalEntries", entry("100.50"))
        assert "since" == made(self.stored(call, self.BY_DAY))["ParamList"]

        for since, found in (("2026-11-20", [{"TransId": 1, "Total": 100.5}]), ("20261121", [])):
            assert found == call.get(f"/b1s/v2/SQLQueries('q1')/List?since='{since}'")["value"]
        answer = call("POST", "/b1s/v2/SQLQueries('q1')/List", {"ParamList": "since='2026-01-01'"})
        assert 1 == len(json.loads(answer.body)["value"])

    def test_refused_when_stored(self, call):
        """701 syntax, 702 table, 703 column: each by its code."""
        for text, code in [
            ("SELEC 1", "701"),
            ("SELECT FROM [OCRD]", "701"),
            ("DELETE FROM [OCRD]", "701"),
            ("SELECT 1; SELECT 2", "701"),
            ("SELECT [Password] FROM [OUSR]", "702"),
            ("SELECT [nope] FROM [OCRD]", "703"),
            ("SELECT [salary] FROM [OHEM]", "703"),
        ]:
            assert (400, code) == code_of(self.stored(call, text)), text

    def test_refused_when_run(self, call):
        """704 for a parameter that is missing, unknown or no value; 404 for a query that is not there."""
        made(self.stored(call, self.BY_DAY))

        for options in ("", "?since='2026-01-01'&more=1", "?since=nothing"):
            assert (400, "704") == code_of(call("GET", f"/b1s/v2/SQLQueries('q1')/List{options}"))
        assert (404, "-2028") == code_of(call("GET", "/b1s/v2/SQLQueries('q2')/List"))

    def test_pages_and_user_fields(self, call, emulator):
        """Pages keep their parameters; user tables and fields can be read; text compares without case."""
        emulator.add_user_table("PL_RATES", ["Employee"])
        emulator.load({"U_PL_RATES": [{"Code": f"{n}", "Name": f"{n}", "U_Employee": "E1"} for n in range(30)]})
        made(self.stored(call, "SELECT [Code] FROM [@PL_RATES] WHERE [U_Employee] = :who ORDER BY [Code]"))
        page = call.get("/b1s/v2/SQLQueries('q1')/List?who='e1'")

        assert "SQLQueries('q1')/List?who='e1'&$skip=20" == page["@odata.nextLink"]
        assert (20, 10) == (len(page["value"]), len(call.get("/b1s/v2/" + page["@odata.nextLink"])["value"]))

    def test_changed(self, call):
        """A text may be changed for one that runs."""
        made(self.stored(call, "SELECT [CardCode] FROM [OCRD]"))

        assert (400, "702") == code_of(call("PATCH", "/b1s/v2/SQLQueries('q1')", {"SqlText": "SELECT 1 FROM [X]"}))
        assert 204 == call("PATCH", "/b1s/v2/SQLQueries('q1')", {"SqlText": "SELECT [CardName] FROM [OCRD]"}).status
        assert [{"CardName": "Cliente Uno"}] == call.get("/b1s/v2/SQLQueries('q1')/List")["value"]


class TestRates:
    """Rates of exchange by day."""

    def test_set_and_get(self, call):
        """204, then a bare number in v1 and a value in v2; no rate is -4006."""
        rate = {"Currency": "USD", "Rate": "4000.5", "RateDate": "20261120"}
        asked = {"Currency": "USD", "Date": "20261120"}
        assert 204 == call("POST", "/b1s/v2/SBOBobService_SetCurrencyRate", rate).status

        assert b"4000.5" == call("POST", "/b1s/v1/SBOBobService_GetCurrencyRate", asked).body
        assert 4000.5 == json.loads(call("POST", "/b1s/v2/SBOBobService_GetCurrencyRate", asked).body)["value"]
        other = asked | {"Date": "20261121"}
        assert (400, "-4006") == code_of(call("POST", "/b1s/v2/SBOBobService_GetCurrencyRate", other))

    @pytest.mark.parametrize(("currency", "rate"), [("ABC", 1), ("COP", 1), ("USD", 0)])
    def test_impossible(self, call, currency, rate):
        """A rate of the books' own currency, of one that is not there, or of nothing."""
        body = {"Currency": currency, "Rate": rate, "RateDate": "20261120"}
        assert 400 == call("POST", "/b1s/v2/SBOBobService_SetCurrencyRate", body).status

    def test_books_in_two_currencies(self, call, emulator):
        """Lines carry the amount of the system currency, where its rate is known."""
        emulator.journal.system_currency = "USD"
        emulator.load({"ORTT": [{"Currency": "USD", "RateDate": "2026-11-20", "Rate": 4000}]})
        made(call("POST", "/b1s/v2/JournalEntries", entry("10000")))
        made(call("POST", "/b1s/v2/JournalEntries", entry("10000", ReferenceDate="2026-11-21")))

        sums = [call.get(f"/b1s/v2/JournalEntries({n})")["JournalEntryLines"][0]["DebitSys"] for n in (1, 2)]
        assert [2.5, 0.0] == sums
        assert "USD" == json.loads(call("POST", "/b1s/v2/SBOBobService_GetSystemCurrency").body)["value"]

    def test_posted_in_dollars(self, call, emulator):
        """A line in dollars is booked at the rate of its day."""
        emulator.set_rate("USD", "2026-11-20", Decimal(4000))
        lines = [
            {"AccountCode": "613595", "FCDebit": 10, "FCCurrency": "USD"},
            {"AccountCode": "510595", "FCCredit": 10, "FCCurrency": "USD"},
        ]
        found = made(call("POST", "/b1s/v2/JournalEntries", entry() | {"JournalEntryLines": lines}))

        assert [(40000.0, 0.0), (0.0, 40000.0)] == [(row["Debit"], row["Credit"]) for row in found["JournalEntryLines"]]
        unknown = [line | {"FCCurrency": "ABC"} for line in lines]
        answer = call("POST", "/b1s/v2/JournalEntries", entry() | {"JournalEntryLines": unknown})
        assert (400, "-2028") == code_of(answer)


class TestEvents:
    """Whoever subscribed is told what happened, signed; what is undone is not told."""

    @pytest.fixture(autouse=True)
    def subscribed(self, call):
        made(call("POST", "/b1s/v2/EventSubscription", subscription("w1", "https://hooks.example.com/sap", KINDS)))

    def test_receiver(self, call, emulator):
        """Our receiver believes each message and says what to look at."""
        call("POST", "/b1s/v2/Projects", {"Code": "P2", "Name": "Dos"})
        call("PATCH", "/b1s/v2/Projects('P2')", {"Name": "dos"})
        call("DELETE", "/b1s/v2/Projects('P2')")
        call("PATCH", "/b1s/v2/BusinessPartners('C1')", {"City": "Cali"})
        hooks = SapWebhooks([SecretStr(emulator.events.secret)])
        hints = [hooks.receive(dict(each.headers), each.body) for each in emulator.events.sent]

        assert [(hint.kind, hint.keys, hint.change) for (hint,) in hints] == [
            ("Project", ("P2",), "created"),
            ("Project", ("P2",), "updated"),
            ("Project", ("P2",), "deleted"),
        ]
        assert {each.url for each in emulator.events.sent} == {"https://hooks.example.com/sap"}
        assert all(emulator.events.is_genuine(each) for each in emulator.events.sent)
        assert not emulator.events.is_genuine(emulator.events.sent[0]._replace(body=b"{}"))

    def test_undone(self, call, emulator):
        """A change set that fails tells nothing."""
        parts = ['POST /Projects\n{"Code": "P2", "Name": "x"}', 'POST /Projects\n{"Code": "P1", "Name": "x"}']
        body, kind = batch([parts])
        call("POST", "/b1s/v2/$batch", body, Content_Type=kind)

        assert [] == emulator.events.sent

    def test_paused(self, call, emulator):
        """An inactive subscription is told nothing, and nothing later about it."""
        call("PATCH", "/b1s/v2/EventSubscription('w1')", {"State": "Inactive"})
        call("POST", "/b1s/v2/Projects", {"Code": "P2", "Name": "Dos"})
        call("PATCH", "/b1s/v2/EventSubscription('w1')", {"State": "Active"})

        assert [] == emulator.events.sent

    @pytest.mark.parametrize(
        "change",
        [
            {"WebhookURL": "http://hooks.example.com"},
            {"EventCollection": []},
            {"EventCollection": [{"BusinessObject": "oNothing", "TransactionType": "Created"}]},
            {"EventCollection": [{"BusinessObject": "oItems", "TransactionType": "Seen"}]},
            {"State": "On"},
        ],
    )
    def test_refusals(self, call, change):
        """An address without TLS, no events, unknown ones."""
        body = subscription("w2", "https://hooks.example.com/sap", KINDS) | change

        assert (400, "-5002") == code_of(call("POST", "/b1s/v2/EventSubscription", body))


class TestCompanies:
    """A second company is a second set of books."""

    def test_named(self):
        """It lets in who asks for it, and nobody else."""
        emulator = SapEmulator(company_db="FILIAL")
        caller = Caller(emulator, ManualClock())

        assert 200 == caller.login().status
        assert 401 == caller.login(CompanyDB="PERIFERIA").status


class TestOrder:
    """Rows are sorted once for many pages, and anew when the books change."""

    def test_keyset(self, call, emulator):
        """Pages by key are complete while rows come and go between them."""
        emulator.load({"Projects": [{"Code": f"K{n:03}", "Name": "x"} for n in range(50)]})
        seen, last = [], "J"
        while True:
            query = f"$filter=Code gt '{last}' and startswith(Code, 'K')&$orderby=Code&$top=20"
            rows = call.get(f"/b1s/v2/Projects?{query}")["value"]
            if not rows:
                break
            seen += [row["Code"] for row in rows]
            last = seen[-1]
            call("POST", "/b1s/v2/Projects", {"Code": f"{last}b", "Name": "new"})
            call("DELETE", f"/b1s/v2/Projects('{seen[0]}')")

        wanted = [f"K{n:03}" for n in range(50)]
        assert wanted == [code for code in seen if not code.endswith("b")]
        assert sorted(seen) == seen

    def test_rolled_back_rows_are_not_kept(self, call):
        """What a failed change set added is in no list."""
        before = [row["Code"] for row in call.get("/b1s/v2/Projects?$orderby=Code")["value"]]
        body, kind = batch(
            [
                [
                    'POST /Projects\n{"Code": "A0", "Name": "x"}',
                    'POST /Projects\n{"Code": "P1", "Name": "x"}',
                ],
            ]
        )
        assert 200 == call("POST", "/b1s/v2/$batch", body, Content_Type=kind).status

        assert before == [row["Code"] for row in call.get("/b1s/v2/Projects?$orderby=Code")["value"]]

    def test_either_side(self, call, emulator):
        """An `or` beside the key leaves nothing out."""
        emulator.load({"Projects": [{"Code": f"K{n}", "Name": "x"} for n in range(5)]})
        found = call.get("/b1s/v2/Projects?$filter=Code gt 'K3' or Code eq 'K1'&$orderby=Code")["value"]

        assert ["K1", "K4", "P1"] == [row["Code"] for row in found]
