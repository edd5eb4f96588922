from __future__ import annotations

import uuid
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.sap_business_one import SAP_FIELDS, invoice_from_wire, invoice_to_wire
from periferia_link.domain import Invoice, InvoiceLine, Money, Ref
from periferia_link.errors import (
    ConfigurationError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
)
from periferia_link.testing.emulators import ManualClock
from sap_calls import Caller
from sap_company import company, connector, create, update

KEY = "0f8e2c52-6a35-5a0b-9d0e-3a1f7c0b1d2e"


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 21, 15, tzinfo=timezone.utc))


@pytest.fixture
def emulator():
    emulator = company()
    emulator.load({"BusinessPartners": [{"CardCode": "C1", "CardName": "Cliente Uno"}]})
    return emulator


@pytest.fixture
def sap(emulator, clock):
    with connector(emulator, clock) as made:
        yield made


@pytest.fixture
def person(emulator, clock):
    person = Caller(emulator, clock)
    person.login()
    return person


def line(**changes):
    told = {"description": "Horas de octubre", "quantity": "12.5", "unit_price": "180000", "account": "413595"}
    return InvoiceLine(**(told | {"project": "P1", "distribution_rule": "SOFT"} | changes))


def proposal(*lines, **changes):
    """Return the proposal of a month."""
    told = {
        "client": Ref("erp", "Client", "C1"),
        "currency": "COP",
        "lines": lines or (line(),),
        "project": "P1",
        "posted_on": date(2026, 10, 31),
        "due_on": date(2026, 11, 30),
        "reference": "P1/2026-10",
    }
    return Invoice(**(told | changes))


def changed(invoice, *names, version=None, key=KEY):
    return update(invoice.model_copy(update={"ref": Ref("erp", "Invoice", key)}), *names, version=version)


def on(mode, key=KEY, **more):
    return Write(str(uuid.uuid4()), mode, Ref("erp", "Invoice", key), **more)


def only(sap):
    (row,) = [row for page in sap.pull("Invoice") for row in page.rows]
    return row, sap.decode("Invoice", row)


class TestProposals:
    """A proposal is a draft with our key."""

    def test_draft(self, sap, emulator):
        """A document of services in the table of drafts, a marker row beside it, one request."""
        (outcome,) = sap.write("Invoice", [create(proposal(), KEY)])
        (draft,) = emulator.books["Drafts"].values()
        (row,) = draft["DocumentLines"]

        assert Ref("erp", "Invoice", KEY) == outcome.ref
        assert draft["DocObjectCode"] in ("13", "oInvoices")
        assert ("dDocument_Service", "C1", "P1/2026-10", "2026-10-31", "2026-11-30", KEY, "P1") == tuple(
            draft[name]
            for name in (
                *("DocType", "CardCode", "NumAtCard", "DocDate", "DocDueDate", "U_PL_Key"),
                "Project",
            )
        )
        assert ("413595", "P1", "SOFT", "12.5 × 180000") == tuple(
            row[name] for name in ("AccountCode", "ProjectCode", "CostingCode", "FreeText")
        )
        assert Decimal(2250000) == Decimal(row["LineTotal"])
        assert KEY == emulator.books["U_PL_SYNC"][KEY.replace("-", "")]["Name"]
        assert {} == emulator.books["Invoices"]

    def test_reads_back_what_was_written(self, sap):
        """Quantity and price survive in a document of services; the state is that of a draft."""
        made = proposal(line(), line(quantity="3", unit_price="99999.99", description="Soporte"))
        (outcome,) = sap.write("Invoice", [create(made, KEY)])
        row, read = only(sap)

        assert made.lines == read.lines
        assert made.total == read.total
        assert (KEY, outcome.version) == (row.key, row.version)
        assert ("draft", True, "P1", "P1/2026-10") == (read.approval, read.is_draft, read.project, read.reference)
        assert (made.client, made.posted_on, made.due_on) == (read.client, read.posted_on, read.due_on)

    def test_items(self, sap, emulator):
        """Lines that name an item make a document of items, with quantity and price."""
        emulator.load({"Items": [{"ItemCode": "HORA", "ItemName": "Hora de consultoría"}]})
        sap.write("Invoice", [create(proposal(line(item="HORA", account=None)), KEY)])
        (draft,) = emulator.books["Drafts"].values()

        assert ("dDocument_Items", "HORA", "12.5") == (
            draft["DocType"],
            draft["DocumentLines"][0]["ItemCode"],
            draft["DocumentLines"][0]["Quantity"],
        )
        assert (Decimal("12.5"), Decimal(180000), "HORA") == tuple(
            getattr(only(sap)[1].lines[0], name) for name in ("quantity", "unit_price", "item")
        )

    def test_second_run(self, sap, emulator):
        """The marker makes the second run fail as a whole; the read-back finds the draft."""
        write = create(proposal(), KEY)
        outcomes = [sap.write("Invoice", [write])[0] for _ in range(2)]
        found = sap.find("Invoice", "create_key", [KEY])

        assert [Applied, Unknown] == [type(outcome) for outcome in outcomes]
        assert outcomes[1].is_answered
        assert [(KEY, KEY, None)] == [(row.key, row.match, row.pending) for row in found]
        assert 1 == len(emulator.books["Drafts"])

    def test_tax(self, emulator, clock):
        """The code of a line, or that of the company."""
        with connector(emulator, clock, tax_code="IVA19") as sap:
            sap.write("Invoice", [create(proposal(line(), line(tax_code="EXE")), KEY)])
        (draft,) = emulator.books["Drafts"].values()

        assert ["IVA19", "EXE"] == [row["TaxCode"] for row in draft["DocumentLines"]]

    @pytest.mark.parametrize(
        ("invoice", "told"),
        [
            (proposal(is_draft=False), "an invoice is proposed here and booked in SAP"),
            (proposal(client=Ref("erp", "Client", "NO")), "client NO does not exist"),
            (proposal(line(account="999")), "line 1: account 999 does not exist"),
            (proposal(line(project="P7")), "line 1: project P7 does not exist"),
            (proposal(project="P7"), "project P7 does not exist"),
            (proposal(line(account=None)), "line 1: neither an item nor an account"),
            (proposal(line(), line(item="HORA")), "some lines name an item"),
            (proposal(line(description="x" * 101)), "line 1: description has 101 characters, SAP keeps 100"),
            (proposal(line(distribution_rule="NOPE")), "no active distribution rule NOPE"),
            (proposal(line(unit_price="0.1234567")), "line 1: unit price has 7 decimals, the books keep 6"),
            (proposal(line(tax_code="TOOLONGCODE")), "line 1: tax_code has 11 characters, SAP keeps 8"),
            (proposal(reference="x" * 100), ""),
            (proposal(company="OTRA"), "the invoice is one of company OTRA"),
        ],
    )
    def test_checked(self, sap, emulator, invoice, told):
        """What SAP would refuse, or cut, is refused before anything is sent."""
        (outcome,) = sap.write("Invoice", [create(invoice)])

        if told:
            assert isinstance(outcome, NotApplied)
            assert isinstance(outcome.error, RecordInvalidError)
            assert told in outcome.error.message
            assert {} == emulator.books["Drafts"]
        else:
            assert isinstance(outcome, Applied)

    def test_without_the_marker_table(self, emulator, clock):
        """With the key in the field only it is a plain request, found again by the field."""
        emulator.drop_user_table("PL_SYNC")
        with connector(emulator, clock, marker="field") as sap:
            (outcome,) = sap.write("Invoice", [create(proposal(), KEY)])

            assert isinstance(outcome, Applied)
            assert [KEY] == [row.key for row in sap.find("Invoice", "create_key", [KEY])]
            assert "marker" == sap.supports("Invoice").create_guard


class TestPreview:
    """SAP works a proposal out without saving it."""

    def test_with_tax(self, sap, emulator):
        """Before tax, tax, total."""
        told = sap.preview(proposal(line(tax_code="IVA19"), line(tax_code="EXE", unit_price="100", quantity="1")))

        assert (Money.of("2250100", "COP"), Money.of("427500", "COP")) == (told.net, told.tax)
        assert told.net + told.tax == told.total
        assert {} == emulator.books["Drafts"]

    def test_foreign(self, sap, emulator):
        """In the currency of the document."""
        emulator.set_rate("USD", "2026-10-31", "4000")

        assert Money.of("100", "USD") == sap.preview(proposal(line(quantity="1", unit_price="100"), currency="USD")).net

    def test_refused(self, sap):
        """What could not be written is not asked, either."""
        with pytest.raises(RecordInvalidError, match="account 999 does not exist"):
            sap.preview(proposal(line(account="999")))


class TestRewriting:
    """A proposal is written anew while nobody was asked about it."""

    @pytest.fixture(autouse=True)
    def _made(self, sap):
        sap.write("Invoice", [create(proposal(line(), line(description="Otra")), KEY)])

    def test_lines_are_replaced(self, sap, emulator):
        """The lines travel as a whole, with the version that was read."""
        row, _ = only(sap)
        (outcome,) = sap.write("Invoice", [changed(proposal(line(quantity="20")), "lines", version=row.version)])
        (draft,) = emulator.books["Drafts"].values()

        assert Applied(Ref("erp", "Invoice", KEY)) == outcome
        assert ["20 × 180000"] == [row["FreeText"] for row in draft["DocumentLines"]]
        assert "P1/2026-10" == draft["NumAtCard"]

    def test_stale(self, sap, person):
        """A draft that somebody changed meanwhile is a conflict; nothing is sent."""
        row, _ = only(sap)
        person("PATCH", "/b1s/v2/Drafts(1)", {"Comments": "Revisar"})
        (outcome,) = sap.write("Invoice", [changed(proposal(), "lines", version=row.version)])

        assert isinstance(outcome.error, RecordConflictError)

    def test_booked(self, sap, emulator, person):
        """What is booked stays; the key of the proposal is that of the invoice."""
        before, _ = only(sap)
        person("POST", "/b1s/v2/DraftsService_SaveDraftToDocument", {"Document": {"DocEntry": "1"}})
        row, read = only(sap)
        (outcome,) = sap.write("Invoice", [changed(proposal(), "lines")])

        assert (KEY, "approved", False) == (row.key, read.approval, read.is_draft)
        assert before.version != row.version
        assert isinstance(outcome.error, RecordConflictError)
        assert "booked as an invoice" in outcome.error.message
        assert [KEY] == [row.key for row in sap.get("Invoice", [KEY])]

    @pytest.mark.parametrize(("status", "state"), [("dasPending", "pending"), ("dasApproved", "approved")])
    def test_under_approval(self, sap, emulator, status, state):
        """A draft that is with its approver is not written any more."""
        emulator.books["Drafts"]["1"]["AuthorizationStatus"] = status
        (outcome,) = sap.write("Invoice", [changed(proposal(), "lines")])

        assert isinstance(outcome.error, RecordConflictError)
        assert (state, True) == (only(sap)[1].approval, only(sap)[1].is_draft)

    def test_rejected_is_written_anew(self, sap, emulator):
        """One that was sent back may be changed."""
        emulator.books["Drafts"]["1"]["AuthorizationStatus"] = "dasRejected"

        assert "rejected" == only(sap)[1].approval
        assert isinstance(sap.write("Invoice", [changed(proposal(), "lines")])[0], Applied)

    def test_nothing_to_send(self, sap, emulator):
        """A change without columns is done."""
        before = dict(emulator.books["Drafts"]["1"])

        assert isinstance(sap.write("Invoice", [changed(proposal(), "period")])[0], Applied)
        assert before == emulator.books["Drafts"]["1"]

    def test_absent(self, sap):
        """A proposal that is not there."""
        outcomes = sap.write("Invoice", [changed(proposal(), "lines", key="no-such-key")])

        assert isinstance(outcomes[0].error, RecordNotFoundError)

    def test_deleted(self, sap, emulator):
        """Draft and marker go together: the same proposal can be made again."""
        (gone,) = sap.write("Invoice", [on("delete")])
        again = sap.write("Invoice", [create(proposal(), KEY)])

        assert isinstance(gone, Applied)
        assert isinstance(again[0], Applied)
        assert 1 == len(emulator.books["Drafts"])

    def test_deleted_by_a_person(self, sap, person):
        """The marker tells that it was made once; it is not made again behind somebody's back."""
        person("DELETE", "/b1s/v2/Drafts(1)")
        (row,) = sap.find("Invoice", "create_key", [KEY])

        assert KEY == row.match
        assert "delete the row" in row.pending
        assert [] == sap.get("Invoice", [KEY])

    def test_cancelled(self, sap, emulator, person):
        """An invoice is cancelled, a draft is not; the second document of a cancellation is not listed."""
        (draft,) = sap.write("Invoice", [on("action", action="cancel")])
        person("POST", "/b1s/v2/DraftsService_SaveDraftToDocument", {"Document": {"DocEntry": "1"}})
        (outcome,) = sap.write("Invoice", [on("action", action="cancel")])

        assert isinstance(draft.error, RecordInvalidError)
        assert isinstance(outcome, Applied)
        assert ("cancelled", False) == (only(sap)[1].approval, only(sap)[1].is_draft)

    def test_delete_of_an_invoice(self, sap, person):
        """Booked, it is cancelled in SAP."""
        person("POST", "/b1s/v2/DraftsService_SaveDraftToDocument", {"Document": {"DocEntry": "1"}})
        (outcome,) = sap.write("Invoice", [on("delete")])

        assert isinstance(outcome.error, RecordConflictError)


class TestReading:
    """Invoices of ours, and those of others when they are asked for."""

    def test_others_are_left_out(self, sap, emulator, person):
        """Documents and drafts without our key, and drafts of postings, are none of our business."""
        body = {"CardCode": "C1", "DocType": "dDocument_Service", "DocDate": "2026-11-20"}
        body["DocumentLines"] = [{"AccountCode": "413595", "UnitPrice": 100, "ItemDescription": "Otro"}]
        person("POST", "/b1s/v2/Invoices", body | {"NumAtCard": "X1"})
        person("POST", "/b1s/v2/Drafts", body | {"DocObjectCode": "oInvoices", "NumAtCard": "X1"})

        assert [] == [row for page in sap.pull("Invoice") for row in page.rows]
        assert ["invoice-1", "draft-1"] == [row.key for row in sap.find("Invoice", "reference", ["X1"])]
        assert ["invoice-1"] == [row.key for row in sap.find("Invoice", "number", ["1", "x"])]
        assert {"invoice-1", "draft-1"} == {
            row.key for row in sap.get("Invoice", ["invoice-1", "draft-1", "draft-9", "x"])
        }

    def test_found_by_reference(self, sap):
        """The row says which value it answers."""
        sap.write("Invoice", [create(proposal(), KEY)])
        (row,) = sap.find("Invoice", "reference", ["P1/2026-10", "no"])

        assert (KEY, "P1/2026-10") == (row.key, row.match)
        assert [] == sap.find("Invoice", "reference", [])

    def test_amount_that_a_person_changed(self):
        """The free text counts while it explains the amount; else the amount itself does."""
        row = {"DocEntry": 1, "CardCode": "C1", "DocDate": "2026-10-31", "DocCurrency": "COP", "DataVersion": 2}
        lines = [{"ItemDescription": "Horas", "AccountCode": "4", "FreeText": "2 × 50", "UnitPrice": 120}]
        read = invoice_from_wire(row | {"DocumentLines": lines})

        assert (Decimal(1), Decimal(120)) == (read.lines[0].quantity, read.lines[0].unit_price)
        assert Money.of(120, "COP") == read.total

    def test_foreign_currency(self):
        """A document in another currency keeps it."""
        body = invoice_to_wire(proposal(currency="USD"), frozenset({"currency", "lines"}), {"SOFT": 1}, SAP_FIELDS)

        assert "USD" == body["DocCurrency"]

    def test_kinds_and_actions(self, sap):
        """Actions that there are not."""
        with pytest.raises(ConfigurationError, match="no action approve of Invoice"):
            sap.write("Invoice", [on("action", action="approve")])
