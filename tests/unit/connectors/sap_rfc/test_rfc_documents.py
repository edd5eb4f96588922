from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from periferia_link.connectors.base import Applied, NotApplied, Write
from periferia_link.connectors.sap_rfc._values import short_key
from periferia_link.domain import CostEntry, CostLine, Money, Ref
from periferia_link.domain.exchange_rate import Exchange
from periferia_link.errors import ConfigurationError, RecordInvalidError, RecordNotFoundError
from rfc_company import CREDIT, DAY, DEBIT, KEY, company, connector, create, enter_document, posting


@pytest.fixture
def sap():
    return company()


@pytest.fixture
def erp(sap):
    with connector(sap) as made:
        yield made


def post(erp, entry, key=KEY):
    (outcome,) = erp.write("CostEntry", [create(entry, key)])
    return outcome


def stored(erp, outcome):
    assert isinstance(outcome, Applied), outcome
    (row,) = erp.get("CostEntry", [outcome.ref.id])
    return erp.decode("CostEntry", row)


def refusal(erp, entry):
    outcome = post(erp, entry)
    assert isinstance(outcome, NotApplied)
    assert isinstance(outcome.error, RecordInvalidError)
    return str(outcome.error)


class TestPosting:
    def test_what_travels(self, sap, erp):
        """Header, lines and signed amounts, joined by the number of the item; numbers with their zeros."""
        post(erp, posting())
        sent = next(call.parameters for call in sap.log if call.function == "BAPI_ACC_DOCUMENT_POST")
        header = sent["DOCUMENTHEADER"]
        assert header["REF_DOC_NO"] == short_key(KEY)
        assert (header["COMP_CODE"], header["PSTNG_DATE"], header["USERNAME"]) == ("1000", "20261119", "PL_LINK")
        assert [(row["ITEMNO_ACC"], row["GL_ACCOUNT"]) for row in sent["ACCOUNTGL"]] == [
            ("0000000001", "0000613595"),
            ("0000000002", "0000510595"),
        ]
        assert sent["ACCOUNTGL"][0]["ORDERID"] == "PRY-1"
        assert [row["AMT_DOCCUR"] for row in sent["CURRENCYAMOUNT"]] == [Decimal(1250000), Decimal(-1250000)]

    def test_no_float_ever_travels(self, sap, erp):
        """BCD takes a float and keeps the digits that it has in truth: we give decimals."""
        post(erp, posting("0.10", "USD"))

        def floats(value):
            if isinstance(value, dict):
                return [found for inner in value.values() for found in floats(inner)]
            if isinstance(value, list):
                return [found for inner in value for found in floats(inner)]
            return [value] if isinstance(value, float) else []

        assert [found for call in sap.log for found in floats(dict(call.parameters))] == []

    def test_an_order_takes_the_place_of_the_project(self, sap, erp):
        """The internal order of a line wins; numbers of orders get their zeros, too."""
        cost = CostLine(account=DEBIT, debit=100, internal_order="800100", cost_centre="4711")
        entry = CostEntry(posted_on=DAY, currency="COP", lines=(cost, CostLine(account=CREDIT, credit=100)))
        back = stored(erp, post(erp, entry))
        assert (back.lines[0].project, back.lines[0].cost_centre) == ("800100", "4711")
        document = next(iter(sap.books.documents.values()))
        assert (document.items[0].order, document.items[0].centre) == ("000000800100", "0000004711")

    def test_pesos_are_posted_and_read_as_pesos(self, sap, erp):
        """BAPIs take the true amount, tables show it with the point moved: 1,250,000 stay 1,250,000."""
        assert stored(erp, post(erp, posting("1250000"))).total == Money.of(1250000, "COP")
        assert sap.books.balance(DEBIT) == Decimal(1250000)

    def test_cents_in_a_currency_without_cents(self, sap, erp):
        """SAP keeps no decimals of the peso: refused before anything is sent, with the setting to change."""
        assert "more than the 0 decimals" in refusal(erp, posting("1250000.50"))
        assert "BAPI_ACC_DOCUMENT_CHECK" not in [call.function for call in sap.log]

    def test_decimals_of_the_settings(self, sap):
        """Where the table of currencies may not be read the settings say the decimals."""
        sap.books.decimals = {}
        with connector(sap, decimals={"COP": 2}) as erp:
            assert stored(erp, post(erp, posting("10.55"))).total == Money.of("10.55", "COP")
        assert "TCURX" not in [call.parameters.get("QUERY_TABLE") for call in sap.log]

    def test_long_texts_for_people(self, sap, erp):
        """The header shows the beginning of a long memo, its lines the whole; a reference is shortened."""
        memo = "Labour PRY-1 SOFT 2026-11-19 sprint 4"
        cost = CostLine(account=DEBIT, debit=1, project="PRY-1", cost_centre="SOFT")
        entry = CostEntry.transfer(
            Money.of(5, "USD"), debit=cost, credit=CREDIT, posted_on=DAY, memo=memo, reference="PRY-1/SOFT/QUITE-LONG"
        )
        sap.books.rates["USD"] = Decimal(4000)
        back = stored(erp, post(erp, entry))
        assert back.memo == memo
        assert back.reference == "PRY-1/SOFT/QUITE-L"
        assert [line.memo for line in back.lines] == [memo, memo]

    def test_another_company(self, erp):
        """A posting for other books is not put into these."""
        assert "company 2000" in refusal(erp, posting(company="2000"))
        assert isinstance(post(erp, posting(company="1000")), Applied)

    def test_an_account_with_zeros(self, erp):
        """It would come back as another account."""
        lines = (CostLine(account="0613595", debit=1), CostLine(account=CREDIT, credit=1))
        assert "leading zeros" in refusal(erp, CostEntry(posted_on=DAY, currency="COP", lines=lines))

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ({"account": "999999"}, "F5/506"),
            ({"cost_centre": "NADA"}, "KI/235"),
            ({"project": "NADA"}, "KI/238"),
            ({"cost_centre": "ELEVEN-SIGNS"}, "COSTCENTER has 12 characters"),
            ({"project": "THIRTEEN-SIGN"}, "ORDERID has 13 characters"),
        ],
    )
    def test_what_is_not_there_parks_the_posting(self, sap, erp, line, said):
        """By SAP's code with the place, or by our check of the length; nothing is booked."""
        given = {"account": DEBIT, "debit": 1, "project": "PRY-1", "cost_centre": "SOFT"} | line
        lines = (CostLine(**given), CostLine(account=CREDIT, credit=1))
        assert said in refusal(erp, CostEntry(posted_on=DAY, currency="COP", lines=lines))
        assert sap.books.documents == {}

    def test_dimensions_of_another_erp(self, erp):
        """They would be lost in silence: the posting is parked."""
        lines = (CostLine(account=DEBIT, debit=1, dimensions=(None, "BOG")), CostLine(account=CREDIT, credit=1))
        assert "dimensions" in refusal(erp, CostEntry(posted_on=DAY, currency="COP", lines=lines))

    def test_a_rule_is_its_centre(self, sap, erp):
        """A line that names the rule alone costs the centre of that name."""
        cost = CostLine(account=DEBIT, debit=1, project="PRY-1", distribution_rule="SOFT")
        post(erp, CostEntry(posted_on=DAY, currency="COP", lines=(cost, CostLine(account=CREDIT, credit=1))))
        assert next(iter(sap.books.documents.values())).items[0].centre == "SOFT"

    def test_a_closed_order(self, sap, erp):
        """Costs on an order that was completed are refused by SAP and parked."""
        sap.add_order("PRY-9", status="I0045")
        lines = (CostLine(account=DEBIT, debit=1, project="PRY-9"), CostLine(account=CREDIT, credit=1))
        assert "BS/007" in refusal(erp, CostEntry(posted_on=DAY, currency="COP", lines=lines))


class TestCurrencies:
    def abroad(self, **changes):
        cost = CostLine(account=DEBIT, debit="100.50", project="PRY-1", local_debit=412050)
        offset = CostLine(account=CREDIT, credit="100.50", local_credit=412050)
        given = {"posted_on": DAY, "currency": "USD", "lines": (cost, offset), "local_currency": "COP"}
        return CostEntry(**(given | changes))

    def test_both_amounts_travel(self, sap, erp):
        """The amount of the books is ours, not SAP's conversion: type 10 beside type 00."""
        back = stored(erp, post(erp, self.abroad(exchange=Exchange(factor="4100", on=DAY, source="TRM"))))
        assert back.total == Money.of("100.50", "USD")
        assert [line.local_debit or line.local_credit for line in back.lines] == [412050, 412050]
        document = next(iter(sap.books.documents.values()))
        assert [item.local for item in document.items] == [412050, -412050]
        assert sap.books.unbalanced() == []

    def test_a_rate_without_amounts(self, sap, erp):
        """The rate travels, SAP converts."""
        cost = CostLine(account=DEBIT, debit=100, project="PRY-1")
        entry = CostEntry(
            posted_on=DAY,
            currency="USD",
            lines=(cost, CostLine(account=CREDIT, credit=100)),
            exchange=Exchange(factor="4100", on=DAY, source="TRM"),
        )
        post(erp, entry)
        assert [item.local for item in next(iter(sap.books.documents.values())).items] == [410000, -410000]

    def test_no_rate_at_all(self, erp):
        """SAP has no rate of that day either: parked with the pair."""
        cost = CostLine(account=DEBIT, debit=100, project="PRY-1")
        entry = CostEntry(posted_on=DAY, currency="USD", lines=(cost, CostLine(account=CREDIT, credit=100)))
        assert "USD / COP" in refusal(erp, entry)


class TestReadingBack:
    def test_the_same_key_twice_is_two_documents(self, sap, erp):
        """Nothing in SAP refuses it: the read-back shows both, and the engine reports them."""
        post(erp, posting())
        post(erp, posting())
        assert len(sap.books.documents) == 2
        found = erp.find("CostEntry", "create_key", [KEY])
        assert sorted(row.key for row in found) == sorted(sap.books.documents)
        assert {row.match for row in found} == {KEY}
        assert erp.supports("CostEntry").create_guard == "marker"

    def test_documents_of_others_are_not_listed(self, sap, erp):
        """A pull lists what carries a key of ours; by its number any document is read."""
        key = enter_document(sap, "PLAN-2026")
        post(erp, posting())
        pulled = [row.key for page in erp.pull("CostEntry") for row in page.rows]
        assert key not in pulled
        assert len(pulled) == 1
        assert [row.key for row in erp.get("CostEntry", [key])] == [key]

    def test_another_company_code(self, sap, erp):
        """A document of other books is not read as one of these."""
        key = enter_document(sap, "X")
        assert erp.get("CostEntry", [f"{key[:10]}2000{key[14:]}"]) == []


class TestTakingBack:
    def cancel(self, erp, ref, action="cancel"):
        (outcome,) = erp.write("CostEntry", [Write(KEY, "action", ref, action=action)])
        return outcome

    def test_a_reversal(self, sap, erp):
        """The document stays, another one takes it back, and both are one record for us."""
        made = post(erp, posting())
        assert isinstance(self.cancel(erp, made.ref), Applied)
        assert len(sap.books.documents) == 2
        assert sap.books.balance(DEBIT) == 0
        assert stored(erp, made).is_cancelled
        # the reversing document has the same reference: it is not taken for a second posting
        assert [row.key for row in erp.find("CostEntry", "create_key", [KEY])] == [made.ref.id]
        assert [row.key for page in erp.pull("CostEntry") for row in page.rows] == [made.ref.id]

    def test_twice_is_once(self, sap, erp):
        """What somebody has taken back already is done."""
        made = post(erp, posting())
        self.cancel(erp, made.ref)
        assert self.cancel(erp, made.ref) == Applied(made.ref)
        assert len(sap.books.documents) == 2

    def test_on_another_day(self, sap, erp):
        """The period of the document is closed: it is taken back in an open one, with the reason for that."""
        made = post(erp, posting())
        sap.books.closed.add("2026-11")
        refused = self.cancel(erp, made.ref)
        assert isinstance(refused, NotApplied)
        assert "2026-11" in str(refused.error)
        assert isinstance(self.cancel(erp, made.ref, "cancel:2026-12-01"), Applied)
        days = [document.posted_on for document in sap.books.documents.values()]
        assert days == ["20261119", "20261201"]

    def test_what_is_not_there(self, erp):
        """No document, no reversal."""
        outcome = self.cancel(erp, Ref("erp", "CostEntry", "010000009910002026"))
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, RecordNotFoundError)

    @pytest.mark.parametrize("action", ["close", "cancel:tomorrow", None])
    def test_other_actions(self, erp, action):
        """Only cancel is known."""
        made = post(erp, posting())
        with pytest.raises(ConfigurationError, match="cancel"):
            self.cancel(erp, made.ref, action)

    def test_a_posting_that_takes_another_back_is_posted_with_its_key(self, sap, erp):
        """SAP's own reversal keeps no key of ours: a mirrored posting does, so that it happens once."""
        made = post(erp, posting("100"))
        back = posting("-100", reverses=made.ref, posted_on=date(2026, 11, 20))
        again = "6b1f8a1e-5b0e-4c53-9c7e-0d5b1f0c0de5"
        assert isinstance(post(erp, back, again), Applied)
        assert sap.books.balance(DEBIT) == 0
        assert len(erp.find("CostEntry", "create_key", [again])) == 1
