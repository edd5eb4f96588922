from __future__ import annotations

import uuid
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.sap_business_one import SAP_FIELDS
from periferia_link.domain import Money, Opportunity, Ref, ServiceCall
from periferia_link.errors import RecordInvalidError, RecordNotFoundError
from periferia_link.testing.emulators import ManualClock
from sap_calls import Caller
from sap_company import company, connector, create, update

KEY = "0f8e2c52-6a35-5a0b-9d0e-3a1f7c0b1d2e"
CLIENT = Ref("erp", "Client", "C1")


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


def keys(pages):
    return [row.key for page in pages for row in page.rows]


def sale(**changes):
    told = {"name": "Portal", "client": CLIENT, "value": Money.of("5000000", "COP"), "closes_on": date(2026, 12, 31)}
    return Opportunity(**(told | changes))


def call(**changes):
    told = {"subject": "No imprime", "client": CLIENT, "priority": "high", "project": "P1", "external_ref": "T-1"}
    return ServiceCall(**(told | {"description": "Desde ayer\nno imprime"} | changes))


class TestOpportunities:
    """Sales opportunities, amounts in the currency of the books."""

    def test_made_once(self, sap, emulator):
        """With our key and a marker; the second run finds the first."""
        write = create(sale(), KEY)
        outcomes = [sap.write("Opportunity", [write])[0] for _ in range(2)]
        (row,) = emulator.books["SalesOpportunities"].values()

        assert [Applied, Unknown] == [type(each) for each in outcomes]
        assert ("Portal", "C1", "2026-12-31", KEY) == tuple(
            row[name] for name in ("OpportunityName", "CardCode", "PredictedClosingDate", "U_PL_Key")
        )
        assert Decimal(5000000) == Decimal(row["MaxLocalTotal"])
        assert [outcomes[0].ref.id] == [found.key for found in sap.find("Opportunity", "create_key", [KEY])]

    def test_read_and_changed(self, sap):
        """What was written is read; state, name and amount can change."""
        (outcome,) = sap.write("Opportunity", [create(sale())])
        read = sap.decode("Opportunity", sap.get("Opportunity", [outcome.ref.id])[0])
        won = read.model_copy(update={"state": "won", "closed_on": date(2026, 11, 20)})
        sap.write("Opportunity", [update(won, "state", "closed_on")])
        again = sap.decode("Opportunity", sap.get("Opportunity", [outcome.ref.id])[0])

        assert (sale().name, sale().client, sale().value, sale().closes_on, "open") == (
            read.name,
            read.client,
            read.value,
            read.closes_on,
            read.state,
        )
        assert ("won", date(2026, 11, 20)) == (again.state, again.closed_on)
        assert outcome.ref.id == read.number

    def test_other_currency(self, sap, emulator):
        """SAP keeps the amount in the currency of the books."""
        (outcome,) = sap.write("Opportunity", [create(sale(value=Money.of(1, "USD")))])

        assert isinstance(outcome.error, RecordInvalidError)
        assert {} == emulator.books["SalesOpportunities"]

    def test_no_such_client(self, sap):
        """A client that SAP does not have."""
        (outcome,) = sap.write("Opportunity", [create(sale(client=Ref("erp", "Client", "NO")))])

        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordInvalidError)

    def test_new_ones_by_number(self, sap, clock, emulator, person):
        """No column tells the day of creation: new ones are those behind the highest number, changes go by day."""
        sap.write("Opportunity", [create(sale(name=f"O{n}")) for n in range(3)])
        cursor = list(sap.pull("Opportunity"))[-1].cursor
        clock.advance(3 * 86400)
        first = keys(sap.pull("Opportunity", cursor))
        person.login()
        person("PATCH", "/b1s/v2/SalesOpportunities(2)", {"OpportunityName": "Otra"})
        cursor = list(sap.pull("Opportunity", cursor))[-1].cursor
        clock.advance(9 * 86400)
        sap.write("Opportunity", [create(sale(name="Nueva"))])
        emulator.books["SalesOpportunities"]["4"]["UpdateDate"] = None

        assert ["1", "2", "3"] == first
        assert ["2", "4"] == keys(sap.pull("Opportunity", cursor))

    def test_resumes_inside(self, emulator, clock):
        """A cursor of a page continues behind it."""
        with connector(emulator, clock, page_size=2) as sap:
            sap.write("Opportunity", [create(sale(name=f"O{n}")) for n in range(5)])
            page = next(sap.pull("Opportunity"))

            assert ["3", "4", "5"] == keys(sap.pull("Opportunity", page.cursor))

    def test_purchases_are_left_out(self, sap, emulator):
        """Only sales."""
        rows = [{"CardCode": "C1", "OpportunityType": kind} for kind in ("boOpPurchasing", "boOpSales")]
        emulator.load({"SalesOpportunities": rows})

        assert ["2"] == keys(sap.pull("Opportunity"))
        assert "#2" == sap.decode("Opportunity", sap.get("Opportunity", ["2"])[0]).name


class TestServiceCalls:
    """Service calls: client in CustomerCode, status by number."""

    def test_made_once(self, sap, emulator):
        """Subject, priority, project; our key and a marker; memo columns take line breaks."""
        write = create(call(), KEY)
        outcomes = [sap.write("ServiceCall", [write])[0] for _ in range(2)]
        (row,) = emulator.books["ServiceCalls"].values()

        assert [Applied, Unknown] == [type(each) for each in outcomes]
        assert ("No imprime", "C1", "P1", "T-1", "Desde ayer\nno imprime", KEY) == tuple(
            row[name]
            for name in ("Subject", "CustomerCode", "BPProjectCode", "CustomerRefNo", "Description", "U_PL_Key")
        )

    def test_life(self, sap, clock):
        """Read, answered, pending, closed; moments in UTC."""
        (outcome,) = sap.write("ServiceCall", [create(call())])
        read = sap.decode("ServiceCall", sap.get("ServiceCall", [outcome.ref.id])[0])
        pending = read.model_copy(update={"status": "pending", "resolution": "Se reinició"})
        sap.write("ServiceCall", [update(pending, "status", "resolution")])
        middle = sap.decode("ServiceCall", sap.get("ServiceCall", [outcome.ref.id])[0])
        closed = sap.write("ServiceCall", [Write(str(uuid.uuid4()), "action", outcome.ref, action="close")])
        last = sap.decode("ServiceCall", sap.get("ServiceCall", [outcome.ref.id])[0])

        assert ("open", "high", CLIENT, "P1", "T-1") == (
            read.status,
            read.priority,
            read.client,
            read.project,
            read.external_ref,
        )
        assert clock.now().replace(microsecond=0) == read.opened_at
        assert ("pending", "Se reinició") == (middle.status, middle.resolution)
        assert [Applied(outcome.ref)] == closed
        assert "closed" == last.status

    def test_statuses_of_the_company(self, emulator, clock):
        """Words of the installation; a number without a word stays a number; a word without a number is refused."""
        fields = SAP_FIELDS.merged({"ServiceCall": {"choices": {"status": {"waiting": 4}}}})
        with connector(emulator, clock, fields=fields) as sap:
            outcomes = sap.write("ServiceCall", [create(call(status=word)) for word in ("waiting", "7", "lost")])
            read = [sap.decode("ServiceCall", row) for row in sap.get("ServiceCall", ["1", "2"])]

        assert [4, 7] == [row["Status"] for row in emulator.books["ServiceCalls"].values()]
        assert ["waiting", "7"] == [each.status for each in read]
        assert "stands for lost" in outcomes[2].error.message

    def test_changes_since(self, sap, clock, person):
        """By day of change, or of creation."""
        sap.write("ServiceCall", [create(call(external_ref=f"T-{n}")) for n in range(3)])
        cursor = list(sap.pull("ServiceCall"))[-1].cursor
        clock.advance(5 * 86400)
        person.login()
        person("PATCH", "/b1s/v2/ServiceCalls(2)", {"Subject": "Otro"})
        cursor = list(sap.pull("ServiceCall", cursor))[-1].cursor

        assert ["2"] == keys(sap.pull("ServiceCall", cursor))

    def test_a_day_that_is_none(self, sap, emulator):
        """Rubbish in one row is the trouble of that row: the feed goes on."""
        sap.write("ServiceCall", [create(call(external_ref=f"T-{n}")) for n in range(2)])
        emulator.books["ServiceCalls"]["1"]["UpdateDate"] = "manana"
        pages = list(sap.pull("ServiceCall"))
        cursor = pages[-1].cursor

        assert ["1", "2"] == keys(pages)
        assert '"latest": "2026-11-21"' in cursor
        with pytest.raises(RecordInvalidError):
            sap.decode("ServiceCall", pages[0].rows[0])

    def test_found(self, sap):
        """By the reference of the client."""
        sap.write("ServiceCall", [create(call())])

        assert ["T-1"] == [row.match for row in sap.find("ServiceCall", "external_ref", ["T-1", "T-2"])]

    def test_gone(self, sap):
        """A call that is not there."""
        (outcome,) = sap.write("ServiceCall", [update(call(ref=Ref("erp", "ServiceCall", "9")), "subject")])

        assert isinstance(outcome.error, RecordNotFoundError)

    def test_too_long(self, sap):
        """Lengths are checked before."""
        (outcome,) = sap.write("ServiceCall", [create(call(subject="x" * 255))])

        assert "subject has 255 characters, SAP keeps 254" in outcome.error.message


class TestDeletedByPeople:
    """Opportunities and calls that somebody deleted are not made again."""

    @pytest.mark.parametrize(
        ("kind", "make", "table"), [("Opportunity", sale, "SalesOpportunities"), ("ServiceCall", call, "ServiceCalls")]
    )
    def test_marker_tells(self, sap, emulator, kind, make, table):
        """The marker says that it was made; it waits for a person."""
        sap.write(kind, [create(make(), KEY)])
        emulator.books[table].clear()
        (row,) = sap.find(kind, "create_key", [KEY, "other"])

        assert KEY == row.match
        assert "delete the row" in row.pending

    def test_unknown_state(self, sap, emulator):
        """A state that is none parks the record; owner, empty values and missing columns are read as they are."""
        emulator.load({"SalesOpportunities": [{"CardCode": "C1", "OpportunityName": "X", "DataOwnershipfield": 7}]})
        (row,) = sap.get("Opportunity", ["1"])
        read = sap.decode("Opportunity", row)
        bare = sap.decode("Opportunity", row._replace(body={"SequentialNo": 1, "MaxLocalTotal": None}))

        assert (Ref("erp", "Employee", "7"), None) == (read.owner, bare.value)
        with pytest.raises(RecordInvalidError, match="none of open, sold and missed"):
            sap.decode("Opportunity", row._replace(body={**row.body, "Status": "sos_Other"}))


class TestWithoutTheKey:
    """A company where init sap was not run for these tables."""

    def test_read_only_after_check(self, sap, emulator):
        """Capabilities say it before a run does."""
        before = sap.supports("Opportunity").writes
        emulator.drop_user_field("PL_Key", "OOPR", "OSCL")
        told = sap.check()

        assert before
        assert [frozenset()] * 2 == [sap.supports(kind).writes for kind in ("Opportunity", "ServiceCall")]
        assert sap.supports("Invoice").writes
        assert () == tuple(told.missing)
        assert "Opportunity, ServiceCall" in told.details["read only"]

    def test_until_it_is_there(self, sap, emulator):
        """Made and restarted, the next check gives the writes back."""
        emulator.drop_user_field("PL_Key", "OOPR")
        sap.check()
        sap.install()
        emulator.restart()
        before = sap.supports("Opportunity").writes
        sap.check()

        assert not before
        assert "create" in sap.supports("Opportunity").writes
