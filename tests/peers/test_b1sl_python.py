"""
b1sl-python, a Service Layer client by other people, works against our stand-in over loopback HTTP.

``pip install b1sl-python`` (0.16 or later).
"""

from __future__ import annotations

import pytest

b1sl = pytest.importorskip("b1sl.b1sl", reason="b1sl-python is missing")

from b1sl.b1sl import entities as en  # noqa: E402
from b1sl.b1sl.exceptions.exceptions import (  # noqa: E402
    B1AuthError,
    B1NotFoundError,
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
