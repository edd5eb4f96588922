from __future__ import annotations

import json
from decimal import Decimal

import pytest

from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.sap import SapEmulator
from sap_calls import Caller, batch, code_of, entry


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def emulator():
    emulator = SapEmulator()
    emulator.load(
        {
            "Projects": [{"Code": "P1", "Name": "Uno"}],
            "ProfitCenters": [{"CenterCode": "SOFT", "CenterName": "Software"}],
            "DistributionRules": [
                {
                    "FactorCode": "SOFT",
                    "InWhichDimension": 1,
                    "TotalFactor": 100,
                    "DistributionRuleLines": [{"CenterCode": "SOFT", "TotalInCenter": 100}],
                },
                {"FactorCode": "ZONE", "InWhichDimension": 2, "TotalFactor": 100},
            ],
        }
    )
    return emulator


@pytest.fixture
def call(emulator, clock):
    caller = Caller(emulator, clock)
    caller.login()
    return caller


class TestRecords:
    """POST, PATCH, PUT and DELETE of master data."""

    def test_created(self, call):
        """201 with the record, Location and ETag."""
        answer = call("POST", "/b1s/v2/BusinessPartners", {"CardCode": "C1", "CardName": "Uno", "CardType": "C"})
        body = json.loads(answer.body)

        assert 201 == answer.status
        assert "https://sap.example:50000/b1s/v2/BusinessPartners('C1')" == answer.header("Location")
        assert body["@odata.etag"] == answer.header("ETag")
        assert ("cCustomer", "tYES") == (body["CardType"], body["Valid"])

    def test_without_content(self, call):
        """Prefer: return-no-content gives 204 and where the record is."""
        answer = call("POST", "/b1s/v2/Projects", {"Code": "P2"}, Prefer="return-no-content")

        assert (204, b"") == (answer.status, answer.body)
        assert answer.header("Location").endswith("/b1s/v2/Projects('P2')")

    @pytest.mark.parametrize(
        ("path", "body", "code"),
        [
            ("BusinessPartners", {"CardName": "x"}, "-5002"),
            ("BusinessPartners", {"CardCode": "x" * 16}, "-1000"),
            ("BusinessPartners", {"CardCode": "x", "NoSuchField": 1}, "-1000"),
            ("BusinessPartners", {"CardCode": "x", "CardType": "Z"}, "-5002"),
            ("BusinessPartners", {"CardCode": "x", "BPAddresses": [{"Nope": 1}]}, "-1000"),
            ("Projects", {"Code": "P1"}, "-2035"),
            ("Projects", {"Code": "P9", "ValidFrom": "yesterday"}, "-5002"),
            ("Dimensions", {"DimensionCode": 6}, "-5006"),
            ("EmployeesInfo", {"LastName": "x", "EmployeeCosts": "much"}, "-5002"),
            ("EmployeesInfo", {"LastName": "x", "EmployeeCosts": True}, "-5002"),
        ],
    )
    def test_refused(self, call, emulator, path, body, code):
        """Unknown and impossible values, missing and taken keys; nothing is stored."""
        before = {name: dict(rows) for name, rows in emulator.books.items()}

        assert (400, code) == code_of(call("POST", f"/b1s/v2/{path}", body))
        assert before == emulator.books

    def test_taken_card_code(self, call):
        """A taken CardCode is -10; the words begin with the number 1320000140."""
        call("POST", "/b1s/v2/BusinessPartners", {"CardCode": "C1"})
        answer = call("POST", "/b1s/v1/BusinessPartners", {"CardCode": "C1"})

        assert (400, -10) == code_of(answer)
        assert json.loads(answer.body)["error"]["message"]["value"].startswith("1320000140 - ")

    def test_patch_merges_and_hides(self, call):
        """204 with nothing; keys and read-only properties are ignored in silence."""
        call("POST", "/b1s/v2/BusinessPartners", {"CardCode": "C1", "CardName": "Uno"})
        answer = call("PATCH", "/b1s/v2/BusinessPartners('C1')", {"City": "Cali", "CardCode": "C2", "DataVersion": 9})
        row = call.get("/b1s/v2/BusinessPartners('C1')")

        assert (204, b"", None) == (answer.status, answer.body, answer.header("ETag"))
        assert ("C1", "Uno", "Cali", 2) == (row["CardCode"], row["CardName"], row["City"], row["DataVersion"])

    def test_patch_of_a_missing_record(self, call):
        """404, -2028, with other words than a read."""
        answer = call("PATCH", "/b1s/v2/BusinessPartners('no')", {})

        assert (404, "-2028") == code_of(answer)
        assert "Entity with value('no') does not exist" == json.loads(answer.body)["error"]["message"]

    def test_lines_merge_by_key(self, call):
        """A PATCH of a collection changes the lines that it names and adds new ones; a header replaces them all."""
        lines = [{"CenterCode": "SOFT", "TotalInCenter": 60}, {"CenterCode": "TEST", "TotalInCenter": 40}]
        call("PATCH", "/b1s/v2/DistributionRules('SOFT')", {"DistributionRuleLines": lines})
        rows = call.get("/b1s/v2/DistributionRules('SOFT')")["DistributionRuleLines"]
        assert [("SOFT", 60.0), ("TEST", 40.0)] == [(row["CenterCode"], row["TotalInCenter"]) for row in rows]

        replace = {"B1S_ReplaceCollectionsOnPatch": "true"}
        call("PATCH", "/b1s/v2/DistributionRules('SOFT')", {"DistributionRuleLines": lines[:1]}, **replace)
        assert 1 == len(call.get("/b1s/v2/DistributionRules('SOFT')")["DistributionRuleLines"])

    def test_put_resets(self, call):
        """PUT empties what it does not name."""
        call("POST", "/b1s/v2/BusinessPartners", {"CardCode": "C1", "CardName": "Uno", "City": "Cali"})
        call("PUT", "/b1s/v2/BusinessPartners('C1')", {"CardName": "Dos"})
        row = call.get("/b1s/v2/BusinessPartners('C1')")

        assert ("C1", "Dos", None) == (row["CardCode"], row["CardName"], row["City"])

    def test_method_override(self, call):
        """Clients without PATCH say it in a header."""
        answer = call("POST", "/b1s/v2/Projects('P1')", {"Name": "Dos"}, X_HTTP_Method_Override="PATCH")

        assert 204 == answer.status
        assert "Dos" == call.get("/b1s/v2/Projects('P1')")["Name"]

    def test_delete(self, call):
        """204, and gone; the second time 404."""
        assert 204 == call("DELETE", "/b1s/v2/Projects('P1')").status
        assert (404, "-2028") == code_of(call("DELETE", "/b1s/v2/Projects('P1')"))

    def test_user_table_keys(self, call):
        """Code and Name of a user table are both unique."""
        assert 201 == call("POST", "/b1s/v2/U_PL_SYNC", {"Code": "a", "Name": "n"}).status
        assert (400, "-2035") == code_of(call("POST", "/b1s/v2/U_PL_SYNC", {"Code": "a", "Name": "m"}))
        assert (400, "-2035") == code_of(call("POST", "/b1s/v2/U_PL_SYNC", {"Code": "b", "Name": "n"}))

    def test_employee_actions(self, call, emulator):
        """An employee is closed by an action; other actions and objects say -5006."""
        emulator.load({"EmployeesInfo": [{"LastName": "Rojas"}]})

        assert 204 == call("POST", "/b1s/v2/EmployeesInfo(1)/Close").status
        assert "tNO" == call.get("/b1s/v2/EmployeesInfo(1)")["Active"]
        assert (400, "-5006") == code_of(call("POST", "/b1s/v2/EmployeesInfo(1)/Reopen"))
        assert (404, "-2028") == code_of(call("POST", "/b1s/v2/EmployeesInfo(2)/Close"))


class TestPrecondition:
    """If-Match where the object has an etag."""

    @pytest.fixture
    def tag(self, call):
        return call("POST", "/b1s/v2/BusinessPartners", {"CardCode": "C1"}).header("ETag")

    def test_holds(self, call, tag):
        """The etag of the last read, or a star, lets the change through."""
        assert 204 == call("PATCH", "/b1s/v2/BusinessPartners('C1')", {"City": "Cali"}, If_Match=tag).status
        assert 204 == call("PATCH", "/b1s/v2/BusinessPartners('C1')", {"City": "Cali"}, If_Match="*").status

    @pytest.mark.parametrize("method", ["PATCH", "DELETE"])
    def test_fails(self, call, tag, method):
        """An older one is 412, -2039, and nothing changes."""
        call("PATCH", "/b1s/v2/BusinessPartners('C1')", {"City": "Cali"})

        assert (412, "-2039") == code_of(call(method, "/b1s/v2/BusinessPartners('C1')", {"City": "x"}, If_Match=tag))
        assert "Cali" == call.get("/b1s/v2/BusinessPartners('C1')")["City"]

    def test_means_nothing_elsewhere(self, call):
        """Objects without etag ignore it."""
        assert 204 == call("PATCH", "/b1s/v2/Projects('P1')", {"Name": "x"}, If_Match='W/"old"').status


class TestJournal:
    """Journal entries: double entry, references, periods."""

    def test_posted(self, call, emulator):
        """The entry gets a number, its lines numbers and dates; amounts are exact in the books."""
        answer = call("POST", "/b1s/v2/JournalEntries", entry("1234567.89", U_PL_Key="k"))
        body = json.loads(answer.body, parse_float=Decimal)

        assert (201, 1, 1) == (answer.status, body["JdtNum"], body["Number"])
        assert [Decimal("1234567.89"), Decimal("0.0")] == [line["Debit"] for line in body["JournalEntryLines"]]
        assert "1234567.89" == emulator.books["JournalEntries"]["1"]["JournalEntryLines"][0]["Debit"]

    def test_series(self, call):
        """Numbers go on."""
        numbers = [json.loads(call("POST", "/b1s/v2/JournalEntries", entry()).body)["JdtNum"] for _ in range(3)]

        assert [1, 2, 3] == numbers

    def test_dates_default(self, call):
        """Without dates it is today; the other dates follow the first."""
        body = entry()
        del body["ReferenceDate"]
        row = json.loads(call("POST", "/b1s/v1/JournalEntries", body).body)

        assert ["2026-03-02"] * 3 == [row["ReferenceDate"], row["DueDate"], row["TaxDate"]]

    def test_rounds_to_the_accuracy_of_the_company(self, call, emulator):
        """Two decimals are kept."""
        call("POST", "/b1s/v2/JournalEntries", entry("10.005"))

        assert "10.01" == emulator.books["JournalEntries"]["1"]["JournalEntryLines"][0]["Debit"]

    @pytest.mark.parametrize(
        ("lines", "code"),
        [
            ([{"AccountCode": "613595", "Debit": 10}, {"AccountCode": "510595", "Credit": 9}], "-10"),
            ([{"AccountCode": "613595", "Debit": 1, "Credit": 1}], "-10"),
            ([], "-10"),
            ([{"AccountCode": "999", "Debit": 1}, {"AccountCode": "510595", "Credit": 1}], "-2028"),
            ([{"AccountCode": "7", "Debit": 1}, {"AccountCode": "510595", "Credit": 1}], "-5002"),
            ([{"AccountCode": "613595", "Debit": 1, "ProjectCode": "P9"}], "-2028"),
            ([{"AccountCode": "613595", "Debit": 1, "CostingCode": "Centr_z"}], "-2028"),
            ([{"AccountCode": "613595", "Debit": 1, "CostingCode": "ZONE"}], "-2028"),
            ([{"AccountCode": "613595", "Debit": 1, "CostingCode2": "SOFT"}], "-2028"),
            ([{"AccountCode": "613595", "Debit": 1, "CostingCode": "SOFTWARE1"}], "-1000"),
            ([{"AccountCode": "613595", "Debit": 1, "LineMemo": "x" * 51}], "-1000"),
            ([{"AccountCode": "613595", "FCDebit": 1, "FCCurrency": "USD"}], "-4006"),
        ],
    )
    def test_refused(self, call, emulator, lines, code):
        """What does not balance or refers to nothing is not posted."""
        answer = call("POST", "/b1s/v2/JournalEntries", entry(JournalEntryLines=lines))

        assert (400, code) == code_of(answer)
        assert {} == emulator.books["JournalEntries"]
        assert 0 == emulator.log[-1].wrote

    def test_dimensions(self, call):
        """A rule belongs into the column of its dimension."""
        body = entry()
        body["JournalEntryLines"][0] |= {"CostingCode": "SOFT", "CostingCode2": "ZONE", "ProjectCode": "P1"}

        assert 201 == call("POST", "/b1s/v2/JournalEntries", body).status

    def test_foreign_currency(self, call, emulator):
        """Amounts abroad are converted at the rate of the company."""
        emulator.journal.rates["USD"] = Decimal(4000)
        lines = [
            {"AccountCode": "613595", "FCDebit": "2.5", "FCCurrency": "USD"},
            {"AccountCode": "510595", "FCCredit": "2.5", "FCCurrency": "USD"},
        ]
        call("POST", "/b1s/v2/JournalEntries", entry(JournalEntryLines=lines))

        assert "10000.00" == emulator.books["JournalEntries"]["1"]["JournalEntryLines"][0]["Debit"]

    def test_partner_lines(self, call, emulator):
        """A line may go on a business partner."""
        emulator.load({"BusinessPartners": [{"CardCode": "C1"}]})
        lines = [{"ShortName": "C1", "Debit": 1}, {"AccountCode": "510595", "Credit": 1}]

        assert 201 == call("POST", "/b1s/v2/JournalEntries", entry(JournalEntryLines=lines)).status

    def test_locked_period(self, call, emulator):
        """A locked month takes no posting and no reversal."""
        call("POST", "/b1s/v2/JournalEntries", entry())
        emulator.lock_period("2026-11")

        assert (400, "-4013") == code_of(call("POST", "/b1s/v2/JournalEntries", entry()))
        assert (400, "-4013") == code_of(call("POST", "/b1s/v2/JournalEntries(1)/Cancel"))

    def test_posted_lines_stay(self, call):
        """The header can be annotated; lines, dates and the entry itself stay."""
        call("POST", "/b1s/v2/JournalEntries", entry())

        assert 204 == call("PATCH", "/b1s/v2/JournalEntries(1)", {"Memo": "Otro"}).status
        assert (400, "-5006") == code_of(call("PATCH", "/b1s/v2/JournalEntries(1)", {"JournalEntryLines": []}))
        assert (400, "-5006") == code_of(call("DELETE", "/b1s/v2/JournalEntries(1)"))

    def test_cancel(self, call):
        """The reversal is a new entry with the sides swapped; it cannot be done twice."""
        call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="k"))
        assert 204 == call("POST", "/b1s/v2/JournalEntries(1)/Cancel").status
        reversal = call.get("/b1s/v2/JournalEntries(2)")

        assert (1, None) == (reversal["Original"], reversal["U_PL_Key"])
        assert [100.0, 0.0] == [line["Credit"] for line in reversal["JournalEntryLines"]]
        assert (400, "-10") == code_of(call("POST", "/b1s/v2/JournalEntries(1)/Cancel"))
        assert (404, "-2028") == code_of(call("POST", "/b1s/v2/JournalEntries(9)/Cancel"))


class TestApproval:
    """A posting that waits for approval is a draft, and an error for the caller."""

    @pytest.fixture(autouse=True)
    def approval(self, emulator):
        emulator.approval_required = True

    def test_saved_although_refused(self, call, emulator):
        """-2028, and a draft with the body of the entry."""
        answer = call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="k"))
        drafts = call.get("/b1s/v2/Drafts?$filter=U_PL_Key eq 'k'")["value"]

        assert (400, "-2028") == code_of(answer)
        assert {} == emulator.books["JournalEntries"]
        assert [(1, "oJournalEntries", 100.0)] == [
            (row["DocEntry"], row["DocObjectCode"], row["JournalEntryLines"][0]["Debit"]) for row in drafts
        ]

    def test_approved(self, call, emulator, clock):
        """The approver's click makes the entry, with its user fields."""
        call("POST", "/b1s/v2/JournalEntries", entry(U_PL_Key="k"))

        assert "1" == emulator.approve_draft(1)
        assert "k" == call.get("/b1s/v2/JournalEntries(1)")["U_PL_Key"]
        assert {} == emulator.books["Drafts"]

    def test_rejected(self, call, emulator, clock):
        """A refused draft stays in the list, marked."""
        call("POST", "/b1s/v2/JournalEntries", entry())
        emulator.reject_draft(1)

        assert "dasRejected" == call.get("/b1s/v2/Drafts(1)")["AuthorizationStatus"]

    def test_survives_its_change_set(self, call, emulator):
        """The rest of the change set is rolled back, the draft is not."""
        marker = 'POST /U_PL_SYNC\n{"Code":"a","Name":"a"}'
        body, kind = batch([[marker, "POST /JournalEntries\n" + json.dumps(entry(U_PL_Key="k"))]])
        call("POST", "/b1s/v2/$batch", body, Content_Type=kind)

        assert {} == emulator.books["U_PL_SYNC"]
        assert ["1"] == list(emulator.books["Drafts"])


class TestBatch:
    """$batch: sequence, change sets, references, shapes."""

    def send(self, call, items, version="v2", **headers):
        body, kind = batch(items, version=version)
        return call("POST", f"/b1s/{version}/$batch", body, Content_Type=kind, **headers)

    def test_in_order(self, call, emulator):
        """Reads and change sets run one after the other; 200 in v2, 202 in v1."""
        items = ["GET /Projects('P1')\n", ['POST /Projects\n{"Code":"P2"}', 'PATCH /$2\n{"Name":"Dos"}']]
        answer = self.send(call, items)
        text = answer.body.decode()

        assert 200 == answer.status
        assert 202 == self.send(call, items[:1], version="v1").status
        assert ["200 OK", "201 Created", "204 No Content"] == [
            line[9:] for line in text.split("\r\n") if line.startswith("HTTP/1.1 ")
        ]
        assert "Content-Type: multipart/mixed; boundary=changesetresponse_" in text
        assert "Dos" == emulator.books["Projects"]["P2"]["Name"]
        assert 3 == len(emulator.log[-2].operations)

    def test_failed_change_set_is_one_flat_part(self, call, emulator):
        """One answer with the Content-ID of what failed; everything of the set is undone; the rest is not run."""
        items = [['POST /Projects\n{"Code":"P2"}', 'POST /Projects\n{"Code":"P1"}'], "GET /Projects\n"]
        answer = self.send(call, items)
        text = answer.body.decode()

        assert 1 == text.count("HTTP/1.1 ")
        assert "Content-ID: 2\r\n\r\nHTTP/1.1 400 Bad Request" in text
        assert "changesetresponse" not in text
        assert ["P1"] == list(emulator.books["Projects"])
        assert 0 == emulator.log[-1].wrote

    def test_earlier_change_sets_stay(self, call, emulator):
        """What committed before the failure stays; what comes after is not executed."""
        items = [
            ['POST /Projects\n{"Code":"P2"}'],
            ['POST /Projects\n{"Code":"P2"}'],
            ['POST /Projects\n{"Code":"P3"}'],
        ]
        self.send(call, items)

        assert ["P1", "P2"] == list(emulator.books["Projects"])
        assert 1 == emulator.log[-1].wrote

    def test_content_id_inside_in_v1(self, call):
        """v1 writes the Content-ID among the inner headers."""
        text = self.send(call, [['POST /Projects\n{"Code":"P2"}']], version="v1").body.decode()

        assert "HTTP/1.1 201 Created\r\nContent-ID: 1\r\n" in text

    def test_status_can_be_the_other_one(self, call, emulator):
        """Some fixtures show 202 in v2."""
        emulator.batches.status_v2 = 202

        assert 202 == self.send(call, ["GET /Projects\n"]).status

    def test_nul_byte(self, call):
        """A NUL byte anywhere is code 242."""
        body, kind = batch(['POST /Projects\n{"Code":"P2"}'])

        assert (400, "242") == code_of(call("POST", "/b1s/v2/$batch", body + b"\0", Content_Type=kind))

    def test_incomplete(self, call):
        """A batch without its end is refused as a whole."""
        body, kind = batch([['POST /Projects\n{"Code":"P2"}']])

        assert (400, "-1000") == code_of(call("POST", "/b1s/v2/$batch", body[:-20], Content_Type=kind))

    def test_continue_on_error_kills_the_node(self, call):
        """The undocumented preference works outside change sets and is fatal with one that fails."""
        prefer = {"Prefer": "odata.continue-on-error"}
        text = self.send(call, ["GET /Projects('x')\n", "GET /Projects('P1')\n"], **prefer).body.decode()

        assert 2 == text.count("HTTP/1.1 ")
        assert 502 == self.send(call, [['POST /Projects\n{"Code":"P1"}']], **prefer).status

    def test_marker_makes_a_posting_unique(self, call, emulator):
        """Marker row and entry in one change set: the second run is -2035 and leaves nothing."""
        items = [['POST /U_PL_SYNC\n{"Code":"a","Name":"a"}', "POST /JournalEntries\n" + json.dumps(entry())]]
        self.send(call, items)
        text = self.send(call, items).body.decode()

        assert '"code":"-2035"' in text
        assert 1 == len(emulator.books["JournalEntries"])
