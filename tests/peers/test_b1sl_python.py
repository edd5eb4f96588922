"""
b1sl-python, a Service Layer client by other people, works against our stand-in over loopback HTTP.

``pip install b1sl-python`` (0.16 or later).
"""

from __future__ import annotations

import asyncio

import pytest

b1sl = pytest.importorskip("b1sl.b1sl", reason="b1sl-python is missing")

from b1sl.b1sl import entities as en  # noqa: E402
from b1sl.b1sl.exceptions.exceptions import (  # noqa: E402
    B1AuthError,
    B1NotFoundError,
    B1SqlParamError,
    B1ValidationError,
    SAPConcurrencyError,
)
from b1sl.b1sl.fields import BusinessPartner as BP  # noqa: E402

from periferia_link.testing.emulators import host  # noqa: E402
from periferia_link.testing.emulators.sap import SapEmulator  # noqa: E402

# what third parties leave open or deprecate is not ours to judge
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::RuntimeWarning"
)


@pytest.fixture
def running():
    emulator = SapEmulator()
    emulator.load(
        {
            "BusinessPartners": [
                {"CardCode": f"C{n:05}", "CardName": f"Cliente {n}", "FederalTaxID": f"90{n:07}"} for n in range(1, 251)
            ],
            "Projects": [{"Code": "P1", "Name": "Uno"}],
        }
    )
    with host(emulator) as server:
        yield server


@pytest.fixture
def config(running):
    account = running.emulator.credentials()
    return b1sl.B1Config(base_url=running.url, **account)


@pytest.fixture
def b1(config):
    with b1sl.B1Client(config) as client:
        yield client


def paths(running):
    return [f"{entry.method} {entry.path.removeprefix('/b1s/v2/')}" for entry in running.emulator.log]


class TestSession:
    """Login, expiry, logout."""

    def test_login_and_logout(self, running, config):
        """One login for several calls, one logout at the end."""
        with b1sl.B1Client(config) as client:
            client.business_partners.get("C00001")
            client.business_partners.get("C00002")

        assert 1 == paths(running).count("POST Login")
        assert "POST Logout" == paths(running)[-1]
        assert 0 == len(running.emulator.sessions)

    def test_wrong_password(self, running):
        """Its authentication error."""
        account = running.emulator.credentials() | {"password": "no"}
        with pytest.raises(B1AuthError), b1sl.B1Client(b1sl.B1Config(base_url=running.url, **account)) as client:
            client.business_partners.get("C00001")

    def test_expired(self, running, b1):
        """After 401/301 it signs in again by itself."""
        b1.business_partners.get("C00001")
        running.emulator.sessions.expire()

        assert "Cliente 2" == b1.business_partners.get("C00002").card_name
        assert 2 == running.emulator.sessions.logins


class TestRecords:
    """Create, read, update, delete."""

    def test_round_trip(self, running, b1):
        """A partner with a user field, from its creation to its end."""
        books = running.emulator.books["BusinessPartners"]
        made = b1.business_partners.create(en.BusinessPartner(card_code="N1", card_name="Nuevo", U_PL_Key="k"))
        b1.business_partners.update("N1", en.BusinessPartner(card_name="Otro", city="Cali"))
        read = b1.business_partners.get("N1")
        assert "k" == books["N1"]["U_PL_Key"]
        b1.business_partners.delete("N1")

        assert ("N1", "Otro", "Cali") == (made.card_code, read.card_name, read.city)
        with pytest.raises(B1NotFoundError):
            b1.business_partners.get("N1")

    def test_user_field(self, running, b1):
        """User fields arrive among the properties."""
        running.emulator.books["BusinessPartners"]["C00001"]["U_PL_Key"] = "k"

        assert "k" == b1.business_partners.get("C00001").udfs["U_PL_Key"]

    def test_taken(self, b1):
        """A taken code is its validation error."""
        with pytest.raises(B1ValidationError):
            b1.business_partners.create(en.BusinessPartner(card_code="C00001", card_name="x"))

    def test_filter(self, running, b1):
        """Its filter expressions are understood."""
        found = b1.business_partners.filter(
            (BP.card_code == "C00007") | BP.card_name.startswith("Cliente 24")
        ).execute()

        assert ["C00007", "C00024", *[f"C0024{n}" for n in range(10)]] == [row.card_code for row in found]

    def test_stream(self, running, b1):
        """All 250 rows over pages, by the links."""
        codes = [row.card_code for row in b1.business_partners.stream(page_size=100)]

        assert [f"C{n:05}" for n in range(1, 251)] == codes
        assert 3 <= paths(running).count("GET BusinessPartners") <= 4

    @pytest.mark.parametrize("form", ["relative", "rooted", "odd"])
    def test_stream_over_link_forms(self, running, b1, form):
        """Each form of link is followed."""
        running.emulator.reads.link_form = form

        assert 250 == len(list(b1.business_partners.stream(page_size=60)))

    def test_count(self, b1):
        """/$count."""
        assert 250 == b1.business_partners.count()

    def test_etag(self, running, b1):
        """What was read before and changed since cannot be overwritten."""
        b1.business_partners.get("C00001")
        record = running.emulator.books["BusinessPartners"]["C00001"]
        record["DataVersion"] += 1

        with pytest.raises(SAPConcurrencyError):
            b1.business_partners.update("C00001", en.BusinessPartner(city="Cali"))
        assert record["City"] is None

    def test_second_read(self, b1):
        """A read that carries If-None-Match is answered in full: the client does not know a 304."""
        assert b1.business_partners.get("C00001").card_name == b1.business_partners.get("C00001").card_name

    def test_actions(self, running, b1):
        """A journal entry is posted and cancelled; service methods answer."""
        journal = b1.get_resource(en.JournalEntry, "JournalEntries")
        lines = [{"AccountCode": "613595", "Debit": 10.5}, {"AccountCode": "510595", "Credit": 10.5}]
        entry = journal.create(en.JournalEntry(memo="Costo", JournalEntryLines=lines))
        journal.action(entry.jdt_num, "Cancel")
        admin = b1.call_service_method("CompanyService_GetAdminInfo")

        assert (1, 2) == (entry.jdt_num, len(running.emulator.books["JournalEntries"]))
        assert "COP" == admin["LocalCurrency"]


class TestBatch:
    """$batch as another client writes and reads it."""

    def test_applied(self, running, b1):
        """A read and a change set."""
        with b1.batch() as batch:
            batch.business_partners.get("C00001")
            with batch.changeset() as changes:
                changes.business_partners.create(en.BusinessPartner(card_code="B1", card_name="b"))
                changes.business_partners.update("C00002", en.BusinessPartner(city="Cali"))
            results = batch.execute()

        assert results.all_ok
        assert [200, 201, 204] == [result.status for result in results]
        assert "Cali" == running.emulator.books["BusinessPartners"]["C00002"]["City"]

    def test_rolled_back(self, running, b1):
        """A change set with a taken code: nothing of it happens, what follows is not executed."""
        with b1.batch() as batch:
            with batch.changeset() as changes:
                changes.business_partners.create(en.BusinessPartner(card_code="B1", card_name="b"))
                changes.business_partners.create(en.BusinessPartner(card_code="C00001", card_name="b"))
            batch.business_partners.get("C00001")
            results = batch.execute()

        assert ["rolled_back", "rolled_back", "not_executed"] == [result.outcome.value for result in results]
        assert "B1" not in running.emulator.books["BusinessPartners"]

    def test_stops(self, b1):
        """A failed read stops the batch."""
        with b1.batch() as batch:
            batch.business_partners.get("nope")
            batch.business_partners.get("C00001")
            results = batch.execute()

        assert ["failed", "not_executed"] == [result.outcome.value for result in results]


class TestDocuments:
    """Drafts, invoices, opportunities and stored queries by their client."""

    INVOICE = {
        "CardCode": "C00001",
        "DocType": "dDocument_Service",
        "U_PL_Key": "k",
        "DocumentLines": [{"AccountCode": "413595", "UnitPrice": 100, "TaxCode": "IVA19"}],
    }

    def test_invoice(self, running, b1):
        """Posted, read by our key, cancelled; both sides of the books are equal."""
        made = b1.invoices.create(en.Document(**self.INVOICE))
        [found] = b1.invoices.filter("U_PL_Key eq 'k'").execute()
        b1.invoices.action(made.doc_entry, "Cancel")
        books = running.emulator.books

        assert (119.0, made.doc_entry) == (made.doc_total, found.doc_entry)
        assert "csYes" == books["Invoices"][str(made.doc_entry)]["CancelStatus"]
        for entry in books["JournalEntries"].values():
            lines = entry["JournalEntryLines"]
            assert sum(float(line["Debit"]) for line in lines) == sum(float(line["Credit"]) for line in lines)

    def test_needs_approval(self, running, b1):
        """-2028 although a draft was saved, which the client finds and turns into an invoice."""
        running.emulator.documents.needs_approval.add("Invoices")
        with pytest.raises((B1ValidationError, B1NotFoundError)):
            b1.invoices.create(en.Document(**self.INVOICE))
        [draft] = b1.drafts.filter("U_PL_Key eq 'k'").execute()
        running.emulator.allow_draft(draft.doc_entry)
        b1.call_service_method("DraftsService_SaveDraftToDocument", {"Document": {"DocEntry": draft.doc_entry}})

        assert 1 == len(running.emulator.books["Invoices"])

    def test_opportunity(self, b1):
        """Created with a stage, sold."""
        opportunities = b1.get_resource(en.SalesOpportunities, "SalesOpportunities")
        made = opportunities.create(en.SalesOpportunities(card_code="C00001", max_local_total=70.0))
        opportunities.update(made.sequential_no, en.SalesOpportunities(status="sos_Sold"))

        assert 70.0 == opportunities.get(made.sequential_no).total_amount_local

    def test_user_fields(self, b1):
        """It reads which fields a company added."""
        assert "U_PL_Key" in str(list(b1.business_partners.get_udf_schema()))

    def test_stored_query(self, b1):
        """Created and run with its own client."""
        queries = b1.sql_queries
        text = "SELECT [CardCode] FROM [OCRD] WHERE [CardCode] > :after ORDER BY [CardCode]"
        queries.create(en.SQLQuery(sql_code="q", sql_name="q", sql_text=text))

        assert ["after"] == queries.describe("q").params
        assert 240 == len(list(queries.run_stream("q", page_size=100, after="C00010")))
        with pytest.raises(B1SqlParamError):
            queries.run("q", before="C00010")


class TestAsync:
    """The asynchronous client, as its users write it."""

    def run(self, config, work):
        async def whole():
            async with b1sl.AsyncB1Client(config) as client:
                return await work(client)

        return asyncio.run(whole())

    def test_records(self, running, config):
        """Create, read, update with an etag, delete; a missing one is its own error."""

        async def work(client):
            partners = client.business_partners
            await partners.create(en.BusinessPartner(card_code="N1", card_name="Nuevo"))
            await partners.update("N1", en.BusinessPartner(city="Cali"))
            read = await partners.get("N1")
            await partners.delete("N1")
            with pytest.raises(B1NotFoundError):
                await partners.get("N1")
            return read.city

        assert "Cali" == self.run(config, work)
        assert "POST Logout" == paths(running)[-1]

    def test_stream(self, config):
        """Every row over pages of the size that it asks for."""

        async def work(client):
            return [row.card_code async for row in client.business_partners.stream(page_size=60)]

        assert [f"C{n:05}" for n in range(1, 251)] == self.run(config, work)

    def test_default_pages(self, running, config):
        """Without a size the server's page of 20 is followed to the end."""

        async def work(client):
            return [row.card_code async for row in client.business_partners.stream()]

        assert 250 == len(self.run(config, work))
        assert 13 <= paths(running).count("GET BusinessPartners") <= 14

    def test_side_by_side(self, running, config):
        """Sixteen requests at once over one session."""

        async def work(client):
            return await asyncio.gather(*(client.business_partners.get(f"C{n:05}") for n in range(1, 17)))

        assert 16 == len(self.run(config, work))
        assert 1 == running.emulator.sessions.logins

    def test_expired(self, running, config):
        """Several at once find the session gone; it signs in again and all of them are answered."""

        async def work(client):
            await client.business_partners.get("C00001")
            running.emulator.sessions.expire()
            return await asyncio.gather(*(client.business_partners.get(f"C{n:05}") for n in range(1, 9)))

        assert 8 == len(self.run(config, work))
        assert running.emulator.sessions.logins >= 2

    def test_stale_etag(self, running, config):
        """Changed since it was read: its concurrency error."""

        async def work(client):
            await client.business_partners.get("C00001")
            running.emulator.books["BusinessPartners"]["C00001"]["DataVersion"] += 1
            with pytest.raises(SAPConcurrencyError):
                await client.business_partners.update("C00001", en.BusinessPartner(city="Cali"))

        self.run(config, work)

    def test_batch(self, running, config):
        """A read and a change set; the second time its key is taken and all of it is rolled back."""

        async def work(client):
            outcomes = []
            for _ in range(2):
                async with client.batch() as batch:
                    await batch.business_partners.get("C00001")
                    async with batch.changeset() as changes:
                        await changes.invoices.create(en.Document(**TestDocuments.INVOICE))
                        await changes.business_partners.create(en.BusinessPartner(card_code="B1", card_name="b"))
                    outcomes.append([result.outcome.value for result in await batch.execute()])
            return outcomes

        assert [["applied"] * 3, ["applied", "rolled_back", "rolled_back"]] == self.run(config, work)
        assert 1 == len(running.emulator.books["Invoices"])
