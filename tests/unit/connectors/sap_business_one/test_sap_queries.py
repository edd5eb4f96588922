from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.connectors.base import Row, Write
from periferia_link.connectors.sap_business_one import Booked, querying
from periferia_link.domain import CostLine, Exchange, Ref
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    PaginationError,
    PermissionDeniedError,
    RecordInvalidError,
    UnavailableError,
    WriteRefusedError,
)
from periferia_link.testing.emulators import FaultRule, ManualClock
from sap_company import URL, company, connector, create, posting


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 21, 15, tzinfo=timezone.utc))


@pytest.fixture
def emulator():
    emulator = company()
    rows = [{"CardCode": f"C{n:02}", "CardName": f"Cliente {n % 7}"} for n in range(1, 26)]
    emulator.load({"BusinessPartners": [*rows, {"CardCode": "V1", "CardName": "Proveedor", "CardType": "S"}]})
    return emulator


@pytest.fixture(params=["v1", "v2"])
def sap(request, emulator, clock):
    with connector(emulator, clock, page_size=10, url=f"{URL}/b1s/{request.param}") as made:
        yield made


def codes(rows):
    return [row["CardCode"] for row in rows]


class TestRows:
    """Rows of any table, in both editions of the protocol."""

    def test_by_key(self, sap):
        """A kind brings its key, its filter and its columns; no annotation is left in the rows."""
        rows = list(sap.rows("Client", select=["CardName"]))

        assert [f"C{n:02}" for n in range(1, 26)] == codes(rows)
        assert {"CardCode", "CardName"} == set(rows[0])

    def test_conditions_and_limits(self, sap):
        """Conditions are joined with those of the kind; the limit is counted here."""
        found = sap.rows("Client", where=querying.is_("CardName", "Cliente 3"))

        assert ["C03", "C10", "C17", "C24"] == codes(found)
        assert ["C01", "C02", "C03"] == codes(sap.rows("Client", top=3))
        assert 12 == len(list(sap.rows("Client", top=12)))
        assert [] == list(sap.rows("Client", top=0))

    @pytest.mark.parametrize("form", ["relative", "rooted", "odd", "absolute"])
    @pytest.mark.parametrize("drops", [False, True])
    def test_ordered(self, sap, emulator, form, drops):
        """In another order the links are followed, whatever their form, with the question that they lost."""
        emulator.reads.link_form, emulator.reads.drops_filter = form, drops
        found = codes(sap.rows("Client", order=["-CardName"], where=querying.is_not("CardCode", "C06")))

        assert 24 == len(set(found))
        assert ["C13", "C20", "C05"] == found[:3]

    def test_ordered_with_a_limit(self, sap):
        """SAP gives no link when $top fits into a page: it is not asked for."""
        assert 12 == len(list(sap.rows("Client", order=["CardName"], top=12)))
        assert 3 == len(list(sap.rows("Client", order=["CardName"], top=3)))

    def test_any_table(self, sap):
        """A table that is no kind, with its key."""
        rows = sap.rows("ChartOfAccounts", select=["Name"], key="Code", top=1)

        assert ["Code", "Name"] == sorted(next(rows))

    def test_incomplete_questions(self, sap):
        """Columns, and a key or an order."""
        with pytest.raises(ConfigurationError):
            sap.rows("ChartOfAccounts", select=["Name"])
        with pytest.raises(ConfigurationError):
            sap.rows("ChartOfAccounts", key="Code")

    def test_links_that_lead_nowhere(self, sap, emulator):
        """The same link again is an end, not a loop."""
        page = {"value": [{"CardCode": "C1"}], "@odata.nextLink": "BusinessPartners?$skip=1"}
        emulator.faults.add(
            FaultRule("status", path="*/BusinessPartners", times=None, params={"status": 200, "body": json.dumps(page)})
        )

        with pytest.raises(PaginationError):
            list(sap.rows("Client", order=["CardName"]))

    def test_page_without_a_link(self, sap, emulator):
        """A page that is just full and names no next one is not believed: the rows behind are asked for."""
        emulator.reads.links_full_pages = False
        rows = [{"CardCode": f"C{n:02}", "DataVersion": 1} for n in range(1, 11)]
        emulator.faults.add(
            FaultRule("status", path="*/BusinessPartners", params={"status": 200, "body": json.dumps({"value": rows})})
        )

        assert 25 == len([row for page in sap.pull("Client") for row in page.rows])

    def test_count(self, sap, emulator):
        """A number in plain text, in both editions."""
        assert 25 == sap.count("Client")
        assert 4 == sap.count("Client", where=querying.is_("CardName", "Cliente 3"))
        assert 26 == sap.count("BusinessPartners")
        emulator.faults.add(FaultRule("status", path="*count", params={"status": 200, "body": "[1]"}))
        with pytest.raises(ContractBrokenError):
            sap.count("Client")


class TestSql:
    """Stored queries, the way to let SQL Server add up."""

    TEXT = "SELECT T0.CardCode, T0.CardName FROM OCRD T0 WHERE T0.CardName = :name ORDER BY T0.CardCode"

    def test_made_and_run(self, sap, emulator):
        """The query is stored once; its pages are followed; parameters are quoted."""
        rows = list(sap.sql("pl_name", self.TEXT, name="Cliente 3"))
        again = list(sap.sql("pl_name", self.TEXT, name="x' or 'a'='a"))

        assert ["C03", "C10", "C17", "C24"] == codes(rows)
        assert [] == again
        assert self.TEXT == emulator.books["SQLQueries"]["pl_name"]["SqlText"]
        assert 1 == len([entry for entry in emulator.log if entry.method == "POST" and "SQLQueries" in entry.path])

    def test_pages(self, sap):
        """More rows than a page; the limit is counted here."""
        text = "SELECT T0.CardCode FROM OCRD T0 ORDER BY T0.CardCode"

        assert 26 == len(list(sap.sql("pl_all", text)))
        assert 12 == len(list(sap.sql("pl_all", top=12)))

    def test_found(self, sap, emulator):
        """A query of the company is run as it is; another text under its code is refused."""
        list(sap.sql("pl_all", "SELECT T0.CardCode FROM OCRD T0"))
        with connector(emulator, sap._session._clock) as other:
            assert 26 == len(list(other.sql("pl_all")))
            with pytest.raises(ConfigurationError, match="another text"):
                other.sql("pl_all", "SELECT T0.CardName FROM OCRD T0")

    @pytest.mark.parametrize(
        ("text", "code", "word"),
        [
            ("SELEC 1", "701", "cannot read the SQL"),
            ("SELECT T0.x FROM USR6 T0", "702", "b1s_sqltable.conf"),
            ("SELECT T0.salary FROM OHEM T0", "703", "column"),
        ],
    )
    def test_refused(self, sap, text, code, word):
        """701 to 703: each with its reason."""
        with pytest.raises(ContractBrokenError) as caught:
            sap.sql("pl_bad", text)

        assert code == caught.value.code
        assert word in f"{caught.value.message} {caught.value.hint}"

    def test_parameter_missing(self, sap):
        """A parameter without a value is named here; 704 says it where the text is SAP's."""
        with pytest.raises(ConfigurationError, match="differ: name"):
            sap.sql("pl_name", self.TEXT)
        list(sap.sql("pl_name", self.TEXT, name="x"))
        with pytest.raises(ContractBrokenError) as caught:
            list(sap.sql("pl_name"))

        assert "704" == caught.value.code

    def test_rights(self, sap, emulator):
        """A user who may not."""
        emulator.faults.add(FaultRule("status", path="*/SQLQueries*", params={"status": 403, "code": "-1"}))
        with pytest.raises(PermissionDeniedError):
            sap.sql("pl_name", self.TEXT, name="x")

    def test_impossible_code(self, sap, emulator):
        """A code that is none."""
        with pytest.raises(ConfigurationError):
            sap.sql("a'b", self.TEXT, name="x")
        assert [] == emulator.log


class TestBooked:
    """What our postings moved, by project and account."""

    @pytest.fixture(autouse=True)
    def _posted(self, sap):
        days = (date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30))
        for on in days:
            sap.write("CostEntry", [create(posting("100.50", posted_on=on))])

    EXPECTED = [
        Booked(None, "510595", Decimal(0), Decimal("201.00")),
        Booked("P1", "613595", Decimal("201.00"), Decimal(0)),
    ]

    def test_by_the_database(self, sap, emulator):
        """The database adds up; entries of other people do not count."""
        found = sap.booked(date(2026, 11, 1), date(2026, 11, 30))

        assert self.EXPECTED == found
        assert not [entry for entry in emulator.log if entry.method == "GET" and entry.path.endswith("JournalEntries")]

    def test_without_stored_queries(self, sap, emulator):
        """A table that is not allowed, or no stored queries at all: the entries are added here."""
        emulator.queries.allowed.discard("JDT1")

        assert self.EXPECTED == sap.booked(date(2026, 11, 1), date(2026, 11, 30))

    def test_plan_only(self, emulator, clock):
        """Nothing is stored in a company that must not be written to."""
        with connector(emulator, clock, plan_only=True) as sap:
            assert self.EXPECTED == sap.booked(date(2026, 11, 1), date(2026, 11, 30))
        assert {} == emulator.books["SQLQueries"]

    def test_other_troubles(self, sap, emulator):
        """A server that is not there is no reason to add up."""
        emulator.faults.add(FaultRule("status", path="*/SQLQueries*", times=None, params={"status": 503}))

        with pytest.raises(UnavailableError):
            sap.booked(date(2026, 11, 1), date(2026, 11, 30))


class TestPostings:
    """Dimensions, currencies, storno, companies."""

    def lines(self, emulator):
        return list(emulator.books["JournalEntries"].values())[-1]["JournalEntryLines"]

    def test_dimensions(self, sap, emulator):
        """The rule of the centre in its dimension, the others by place; read back alike."""
        (outcome,) = sap.write("CostEntry", [create(posting(line={"dimensions": (None, "ZONE")}))])
        read = sap.decode("CostEntry", sap.get("CostEntry", [outcome.ref.id])[0])

        assert ("SOFT", "ZONE") == tuple(self.lines(emulator)[0][name] for name in ("CostingCode", "CostingCode2"))
        assert ("SOFT", (None, "ZONE")) == (read.lines[0].distribution_rule, read.lines[0].dimensions)

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ({"dimensions": ("ZONE",)}, "rule ZONE belongs to dimension 2, not 1"),
            ({"dimensions": ("R9",)}, "dimension 1 has two rules, SOFT and R9"),
            ({"dimensions": (None, "NOPE")}, "no active distribution rule NOPE"),
        ],
    )
    def test_wrong_dimensions(self, sap, line, told):
        """Refused before anything is sent."""
        (outcome,) = sap.write("CostEntry", [create(posting(line=line))])

        assert told in outcome.error.message

    def test_both_currencies(self, sap, emulator):
        """With an exchange of ours both amounts travel, and both are read."""
        entry = posting("10.25", currency="USD")
        first, second = entry.lines
        lines = (
            first.model_copy(update={"local_debit": Decimal("41000.10")}),
            second.model_copy(update={"local_credit": Decimal("41000.10")}),
        )
        entry = entry.model_copy(update={"lines": lines, "local_currency": "COP"})
        emulator.set_rate("USD", "2026-11-20", "4000")
        (outcome,) = sap.write("CostEntry", [create(entry)])
        read = sap.decode("CostEntry", sap.get("CostEntry", [outcome.ref.id])[0])

        assert ("10.25", "USD", "41000.10") == tuple(
            self.lines(emulator)[0][name] for name in ("FCDebit", "FCCurrency", "Debit")
        )
        assert (entry.total, entry.local_total) == (read.total, read.local_total)

    def test_other_books(self, sap):
        """Amounts of other books are refused."""
        entry = posting("10", currency="USD").model_copy(update={"local_currency": "PEN"})
        (outcome,) = sap.write("CostEntry", [create(entry)])

        assert "the books are kept in COP" in outcome.error.message

    def test_no_rate(self, sap):
        """Where SAP has to convert and has no rate, the day and the next step are named."""
        (outcome,) = sap.write("CostEntry", [create(posting("10", currency="USD"))])

        assert "no exchange rate for the day (-4006)" in outcome.error.message
        assert "Exchange Rates" in outcome.error.hint

    def test_internal_order(self, sap, emulator):
        """Business One has none: the project of that code stands for it."""
        line = CostLine(account="613595", debit=1, internal_order="P2", distribution_rule="SOFT")
        entry = posting().model_copy(
            update={"lines": (line.model_copy(update={"debit": posting().lines[1].credit}), posting().lines[1])}
        )
        sap.write("CostEntry", [create(entry)])

        assert "P2" == self.lines(emulator)[0]["ProjectCode"]

    def test_storno(self, sap, emulator):
        """A posting that takes another one back is one of its own, and names it."""
        sap.write("CostEntry", [create(posting(reverses=Ref("erp", "CostEntry", "1")))])

        assert "rev 1" == list(emulator.books["JournalEntries"].values())[-1]["Reference3"]

    def test_storno_in_a_closed_period(self, sap, emulator):
        """SAP's own storno goes into the period of the entry: its name stands in the refusal."""
        (made,) = sap.write("CostEntry", [create(posting())])
        emulator.lock_period("2026-11")
        (outcome,) = sap.write("CostEntry", [Write("k", "action", made.ref, action="cancel")])

        assert "period 2026-11 (-4013)" in outcome.error.message

    def test_rate_for_people(self, sap, emulator):
        """Source, factor and day of an exchange of ours stand in the entry."""
        rate = Exchange(factor="4000.25", on=date(2026, 11, 20), source="TRM")
        sap.write("CostEntry", [create(posting(exchange=rate))])

        assert "TRM 4000.25 2026-11-20" == list(emulator.books["JournalEntries"].values())[-1]["Reference3"]

    def test_company(self, sap, emulator):
        """A posting of another company does not go into these books."""
        outcomes = sap.write("CostEntry", [create(posting(company="FILIAL")), create(posting(company="periferia"))])

        assert "the posting is one of company FILIAL, this is PERIFERIA" in outcomes[0].error.message
        assert 1 == len(emulator.books["JournalEntries"])


class TestRates:
    """Rates of exchange are a kind to look up, read by a stored query."""

    def test_read(self, sap, emulator):
        """One for each currency and day, into the currency of the books."""
        emulator.set_rate("USD", "2026-11-20", "4000.25")
        emulator.set_rate("EUR", "2026-11-20", "4600")
        emulator.set_rate("USD", "2026-11-21", "4010")
        rates = {rate.ref.id: rate for rate in sap.each("ExchangeRate")}

        assert ["EUR 2026-11-20", "USD 2026-11-20", "USD 2026-11-21"] == sorted(rates)
        usd = rates["USD 2026-11-20"]
        assert ("USD", "COP", date(2026, 11, 20), Decimal("4000.25"), "SAP") == (
            usd.currency,
            usd.into,
            usd.on,
            usd.factor,
            usd.source,
        )
        assert ["USD 2026-11-21"] == [row.key for row in sap.get("ExchangeRate", ["USD 2026-11-21", "x"])]

    def test_rows_that_are_none(self, sap):
        """Days in either spelling; a currency without an ISO code and a row without a day are put aside."""
        rows = [{"RateDate": "2026-11-20T00:00:00Z", "Currency": "USD", "Rate": 4000}]
        rows += [{"RateDate": "20261120", "Currency": "$", "Rate": 1}, {"RateDate": None, "Currency": "USD", "Rate": 1}]
        good, *bad = [Row("k", None, row) for row in rows]

        assert date(2026, 11, 20) == sap.decode("ExchangeRate", good).on
        for row in bad:
            with pytest.raises(RecordInvalidError):
                sap.decode("ExchangeRate", row)

    def test_plan_only(self, emulator, clock):
        """A plan-only system reads them when the query was stored before; else it says what to do."""
        with connector(emulator, clock, plan_only=True) as careful:
            with pytest.raises(WriteRefusedError, match="plan-only") as caught:
                list(careful.each("ExchangeRate"))
            with connector(emulator, clock) as sap:
                sap.install()
            assert [] == list(careful.each("ExchangeRate"))
        assert "init sap" in caught.value.hint

    def test_read_only(self, sap):
        """Nothing is written, nothing is searched."""
        assert frozenset() == sap.supports("ExchangeRate").writes
        with pytest.raises(ConfigurationError):
            sap.find("ExchangeRate", "currency", ["USD"])
        with pytest.raises(ConfigurationError):
            sap.write("ExchangeRate", [create(posting())])
