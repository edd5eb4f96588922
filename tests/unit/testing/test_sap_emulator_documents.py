"""Marketing documents of the emulated company: drafts, approval, invoices and what they book, previews, cancellation."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators.sap import SapEmulator
from sap_calls import Caller, code_of

LINE = {"AccountCode": "413595", "UnitPrice": 1000000, "Quantity": 2, "TaxCode": "IVA19", "ProjectCode": "P1"}
INVOICE = {"CardCode": "C1", "DocType": "dDocument_Service", "DocDate": "2026-11-20", "U_PL_Key": "k1"}


@pytest.fixture
def emulator():
    emulator = SapEmulator()
    emulator.load(
        {
            "BusinessPartners": [{"CardCode": "C1", "CardName": "Cliente Uno", "FederalTaxID": "900100200-1"}],
            "Projects": [{"Code": "P1", "Name": "Uno"}],
            "ProfitCenters": [{"CenterCode": "SOFT", "CenterName": "Software"}],
            "DistributionRules": [{"FactorCode": "SOFT"}],
            "Items": [{"ItemCode": "i1", "ItemName": "Hora"}],
        }
    )
    return emulator


@pytest.fixture
def call(emulator):
    caller = Caller(emulator, ManualClock())
    caller.login()
    return caller


def invoice(*lines, **more):
    return INVOICE | {"DocumentLines": [LINE | line for line in lines or ({},)]} | more


def made(answer):
    assert answer.status == 201, answer.body
    return json.loads(answer.body)


def sums(entry):
    rows = entry["JournalEntryLines"]
    return tuple(sum(Decimal(row[side]) for row in rows) for side in ("Debit", "Credit"))


class TestDrafts:
    """A draft has everything but consequences."""

    def test_is_saved(self, call, emulator):
        """Totals and tax are worked out, the client's name is filled in, nothing is booked."""
        body = made(call("POST", "/b1s/v2/Drafts", invoice(DocObjectCode="oInvoices")))

        assert ("oInvoices", "dasWithout", "bost_Open") == (
            body["DocObjectCode"],
            body["AuthorizationStatus"],
            body["DocumentStatus"],
        )
        assert (2380000.0, 380000.0, "Cliente Uno", "k1") == (
            body["DocTotal"],
            body["VatSum"],
            body["CardName"],
            body["U_PL_Key"],
        )
        assert {} == emulator.books["JournalEntries"]

    def test_of_what_by_edition(self, call):
        """v2 shows the member of SAP's metadata, v1 the number of the guide; a filter takes either."""
        made(call("POST", "/b1s/v2/Drafts", invoice(DocObjectCode="13")))

        assert "oInvoices" == call.get("/b1s/v2/Drafts(1)")["DocObjectCode"]
        assert "13" == call.get("/b1s/v1/Drafts(1)")["DocObjectCode"]
        for value in ("13", "oInvoices"):
            assert 1 == len(call.get(f"/b1s/v2/Drafts?$filter=DocObjectCode eq '{value}'")["value"])
        assert [] == call.get("/b1s/v2/Drafts?$filter=DocObjectCode eq '17'")["value"]

    @pytest.mark.parametrize("code", [None, "oItems", "13x"])
    def test_must_say_of_what(self, call, code):
        """A draft of nothing is refused."""
        assert (400, "-5002") == code_of(call("POST", "/b1s/v2/Drafts", invoice(DocObjectCode=code)))

    def test_may_be_changed(self, call, emulator):
        """Lines are merged by their number and the totals follow; the version grows."""
        number = made(call("POST", "/b1s/v2/Drafts", invoice({}, {}, DocObjectCode="13")))["DocEntry"]
        change = {"DocumentLines": [{"LineNum": 1, "UnitPrice": 500000, "Quantity": 1, "TaxCode": "EXE"}]}

        assert 204 == call("PATCH", f"/b1s/v2/Drafts({number})", change).status
        body = call.get(f"/b1s/v2/Drafts({number})")
        assert (2880000.0, 2) == (body["DocTotal"], body["DataVersion"])
        assert [2000000.0, 500000.0] == [line["LineTotal"] for line in body["DocumentLines"]]

    def test_lines_may_be_replaced(self, call):
        """With the header of the guide the lines are what was sent."""
        number = made(call("POST", "/b1s/v2/Drafts", invoice({}, {}, DocObjectCode="13")))["DocEntry"]
        change = {"DocumentLines": [LINE | {"Quantity": 1}]}
        call("PATCH", f"/b1s/v2/Drafts({number})", change, B1S_ReplaceCollectionsOnPatch="true")

        assert 1190000.0 == call.get(f"/b1s/v2/Drafts({number})")["DocTotal"]

    def test_becomes_an_invoice(self, call, emulator):
        """SaveDraftToDocument: an invoice with our key; the draft stays and is closed, once."""
        number = made(call("POST", "/b1s/v2/Drafts", invoice(DocObjectCode="13")))["DocEntry"]
        save = {"Document": {"DocEntry": str(number)}}

        assert 204 == call("POST", "/b1s/v2/DraftsService_SaveDraftToDocument", save).status
        [document] = call.get("/b1s/v2/Invoices?$filter=U_PL_Key eq 'k1'")["value"]
        draft = call.get(f"/b1s/v2/Drafts({number})")
        assert ("bost_Close", "dasGenerated") == (draft["DocumentStatus"], draft["AuthorizationStatus"])
        assert 2380000.0 == document["DocTotal"]
        assert (400, "-5006") == code_of(call("POST", "/b1s/v2/DraftsService_SaveDraftToDocument", save))
        assert (400, "-5006") == code_of(call("PATCH", f"/b1s/v2/Drafts({number})", {"Comments": "x"}))

    def test_may_be_thrown_away(self, call):
        """DELETE, and closed by an action; a number is given once."""
        draft = invoice(DocObjectCode="13")
        first = made(call("POST", "/b1s/v2/Drafts", draft))["DocEntry"]
        assert 204 == call("DELETE", f"/b1s/v2/Drafts({first})").status
        second = made(call("POST", "/b1s/v2/Drafts", draft))["DocEntry"]

        assert (1, 2) == (first, second)
        assert 204 == call("POST", f"/b1s/v2/Drafts({second})/Close").status
        assert "bost_Close" == call.get(f"/b1s/v2/Drafts({second})")["DocumentStatus"]

    def test_etag(self, call):
        """Drafts are on SAP's list: a stale etag is refused."""
        answer = call("POST", "/b1s/v2/Drafts", invoice(DocObjectCode="13"))
        call("PATCH", "/b1s/v2/Drafts(1)", {"Comments": "a"})

        assert (412, "-2039") == code_of(
            call("PATCH", "/b1s/v2/Drafts(1)", {"Comments": "b"}, If_Match=answer.header("ETag"))
        )


class TestApproval:
    """Where invoices must be approved, one becomes a draft and the caller is told that nothing was found."""

    @pytest.fixture(autouse=True)
    def procedure(self, emulator):
        emulator.documents.needs_approval.add("Invoices")

    def test_saved_as_draft(self, call, emulator):
        """-2028, a pending draft with our key, and a request for approval."""
        assert (400, "-2028") == code_of(call("POST", "/b1s/v2/Invoices", invoice()))
        [draft] = call.get("/b1s/v2/Drafts?$filter=U_PL_Key eq 'k1'")["value"]
        [request] = call.get("/b1s/v2/ApprovalRequests?$filter=DraftEntry eq 1")["value"]

        assert ("dasPending", "oInvoices") == (draft["AuthorizationStatus"], draft["DocObjectCode"])
        assert ("arsPending", "13") == (request["Status"], request["ObjectType"])
        assert {} == emulator.books["Invoices"]

    def test_generated_by_the_approver(self, call, emulator):
        """The approver makes the invoice at once."""
        call("POST", "/b1s/v2/Invoices", invoice())

        assert "1" == emulator.approve_draft(1)
        assert "dasGeneratedbyAuthorizer" == call.get("/b1s/v2/Drafts(1)")["AuthorizationStatus"]
        assert "arsGenerated" == call.get("/b1s/v2/ApprovalRequests(1)")["Status"]
        assert "k1" == call.get("/b1s/v2/Invoices(1)")["U_PL_Key"]

    def test_allowed_then_added(self, call, emulator):
        """Pending cannot be added, approved can."""
        call("POST", "/b1s/v2/Invoices", invoice())
        save = {"Document": {"DocEntry": 1}}
        assert (400, "-5006") == code_of(call("POST", "/b1s/v2/DraftsService_SaveDraftToDocument", save))
        emulator.allow_draft(1)

        assert "arsApproved" == call.get("/b1s/v2/ApprovalRequests(1)")["Status"]
        assert 204 == call("POST", "/b1s/v2/DraftsService_SaveDraftToDocument", save).status

    def test_refused(self, call, emulator):
        """A refused draft stays a draft."""
        call("POST", "/b1s/v2/Invoices", invoice())
        emulator.reject_draft(1)

        assert "dasRejected" == call.get("/b1s/v2/Drafts(1)")["AuthorizationStatus"]
        assert "arsNotApproved" == call.get("/b1s/v2/ApprovalRequests(1)")["Status"]


class TestInvoices:
    """What is posted is in the books."""

    def test_books(self, call, emulator):
        """Debit of the client, revenue with project and rule, tax: both sides equal, and the invoice names the entry."""
        body = made(call("POST", "/b1s/v2/Invoices", invoice({"CostingCode": "SOFT"}, {"UnitPrice": "333333.335"})))
        entry = emulator.books["JournalEntries"][str(body["TransNum"])]

        assert sums(entry)[0] == sums(entry)[1] == Decimal(str(body["DocTotal"]))
        assert ("ttARInvoice", 1, "C1") == (
            entry["OriginalJournal"],
            entry["Original"],
            entry["JournalEntryLines"][0]["ShortName"],
        )
        assert ("SOFT", "P1") == tuple(entry["JournalEntryLines"][1][n] for n in ("CostingCode", "ProjectCode"))

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"CardCode": "nobody"}, "-2028"),
            ({"CardCode": None}, "-5002"),
            ({"Project": "no"}, "-2028"),
            ({"DocumentLines": []}, "-10"),
            ({"DocumentLines": [{"UnitPrice": 1}]}, "-5002"),
            ({"DocumentLines": [LINE | {"CostingCode": "BARE"}]}, "-2028"),
            ({"DocumentLines": [LINE | {"TaxCode": "VAT"}]}, "-2028"),
            ({"DocCurrency": "USD"}, "-4006"),
            ({"DocCurrency": "ABC"}, "-2028"),
            ({"U_PL_Key": "x" * 65}, "-1000"),
        ],
    )
    def test_refusals(self, call, emulator, change, code):
        """What it names must be there; nothing is left of a refused one."""
        assert (400, code) == code_of(call("POST", "/b1s/v2/Invoices", invoice() | change))
        assert ({}, {}) == (emulator.books["Invoices"], emulator.books["JournalEntries"])

    def test_closed_period(self, call, emulator):
        """A locked month."""
        emulator.lock_period("2026-11")

        assert (400, "-4013") == code_of(call("POST", "/b1s/v2/Invoices", invoice()))

    def test_in_dollars(self, call, emulator):
        """A rate of the day turns dollars into pesos; both totals are told."""
        emulator.set_rate("USD", "2026-11-20", "4000.25")
        body = made(call("POST", "/b1s/v2/Invoices", invoice({"UnitPrice": 100}, DocCurrency="USD")))

        assert (952059.5, 238.0, 4000.25) == (body["DocTotal"], body["DocTotalFc"], body["DocRate"])

    def test_figures_stay(self, call):
        """A note may be changed, the lines may not."""
        made(call("POST", "/b1s/v2/Invoices", invoice()))

        assert 204 == call("PATCH", "/b1s/v2/Invoices(1)", {"Comments": "pagada"}).status
        assert (400, "-5006") == code_of(call("PATCH", "/b1s/v2/Invoices(1)", {"DocumentLines": [LINE]}))

    def test_cancel(self, call, emulator):
        """A cancellation document without our key and a reversed entry; not twice."""
        made(call("POST", "/b1s/v2/Invoices", invoice()))

        assert 204 == call("POST", "/b1s/v2/Invoices(1)/Cancel").status
        first, second = (call.get(f"/b1s/v2/Invoices({n})") for n in (1, 2))
        assert ("csYes", "tYES", "csCancellation", None) == (
            first["CancelStatus"],
            first["Cancelled"],
            second["CancelStatus"],
            second["U_PL_Key"],
        )
        totals = [sums(entry) for entry in emulator.books["JournalEntries"].values()]
        assert totals[0] == totals[1]
        assert (400, "-10") == code_of(call("POST", "/b1s/v2/Invoices(1)/Cancel"))

    def test_of_items(self, call):
        """A line of items needs a known item."""
        line = {"ItemCode": "i1", "Quantity": 3, "UnitPrice": 10, "TaxCode": "EXE"}
        order = {"CardCode": "C1", "DocDueDate": "2026-12-01", "DocumentLines": [line]}

        assert 30.0 == made(call("POST", "/b1s/v2/Orders", order))["DocTotal"]
        missing = order | {"DocumentLines": [line | {"ItemCode": "no"}]}
        assert (400, "-2028") == code_of(call("POST", "/b1s/v2/Orders", missing))


class TestPreview:
    """A preview has totals and leaves nothing."""

    def test_nothing_is_saved(self, call, emulator):
        """200 with the totals, no number, empty books."""
        answer = call("POST", "/b1s/v2/InvoicesService_Preview", {"Document": invoice()})
        body = json.loads(answer.body)

        assert (200, None, 2380000.0) == (answer.status, body["DocEntry"], body["DocTotal"])
        assert {} == emulator.books["Invoices"]

    def test_refuses_as_the_posting_would(self, call):
        """What is missing is said before anything is posted."""
        document = {"Document": invoice() | {"CardCode": "no"}}

        assert (400, "-2028") == code_of(call("POST", "/b1s/v2/InvoicesService_Preview", document))
        assert (400, "-1000") == code_of(call("POST", "/b1s/v2/InvoicesService_Preview", {"Doc": {}}))

    def test_reading_it_is_no_read(self, call):
        """Service methods are called with POST."""
        assert (400, "-5006") == code_of(call("GET", "/b1s/v2/InvoicesService_Preview"))
