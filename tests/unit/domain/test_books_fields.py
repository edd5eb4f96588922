"""What the books of an ERP need of a posting, an invoice and a sale: both currencies, dimensions, states."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from periferia_link.domain import (
    CostEntry,
    CostLine,
    Exchange,
    ExchangeRate,
    Invoice,
    InvoiceLine,
    Money,
    Opportunity,
    Ref,
)

DAY = date(2026, 11, 20)


def lines(local_debit="410532", local_credit="410532", **more):
    """Return two lines of 100 dollars and what they are in pesos."""
    return (
        CostLine(account="613595", debit=100, local_debit=local_debit, **more),
        CostLine(account="510595", credit=100, local_credit=local_credit),
    )


def posting(**changes):
    """Return a posting in dollars."""
    given = {"posted_on": DAY, "currency": "USD", "lines": lines(), "local_currency": "COP"}
    return CostEntry(**(given | changes))


class TestTwoCurrencies:
    """Document and books."""

    def test_both_totals(self):
        """The books' one is the document's where there is no other."""
        plain = CostEntry.transfer(Money.of(5, "COP"), debit="1", credit="2", posted_on=DAY)
        assert (Money.of(100, "USD"), Money.of(410_532, "COP"), plain.total) == (
            posting().total,
            posting().local_total,
            plain.local_total,
        )

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"lines": lines("410532", "410531")}, "in COP differ"),
            ({"local_currency": None}, "currency of the books"),
        ],
    )
    def test_one_that_does_not_balance_cannot_be_built(self, changes, words):
        """In neither currency."""
        with pytest.raises(ValidationError, match=words):
            posting(**changes)

    def test_both_on_one_side(self):
        """A debit in dollars is no credit in pesos."""
        with pytest.raises(ValidationError, match="one side"):
            CostLine(account="1", debit=1, local_credit=1)

    def test_a_line_may_be_worth_nothing_in_the_books(self):
        """A cent of a small currency."""
        assert 0 == CostLine(account="1", debit=Decimal("0.01"), local_debit=0).local_debit

    def test_survives_json(self):
        """With rate, company and what it reverses."""
        whole = posting(
            exchange=Exchange(factor="4105.32", on=DAY, source="TRM"),
            company="1000",
            reverses=Ref("erp", "CostEntry", "7"),
        )
        assert whole == CostEntry.model_validate_json(whole.model_dump_json(exclude_unset=True))

    def test_what_is_not_set_is_not_said(self):
        """The JSON of a posting without these fields is what it always was."""
        plain = CostEntry.transfer(Money.of(5, "COP"), debit="1", credit="2", posted_on=DAY)
        assert (
            '{"posted_on":"2026-11-20","currency":"COP","lines":[{"account":"1","debit":"5"},'
            '{"account":"2","credit":"5"}]}'
        ) == plain.model_dump_json(exclude_unset=True)


class TestDimensions:
    """Codes by place."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [((), ()), ((None, "B"), (None, "B")), ((None, "B", None), (None, "B")), (("", "B", ""), (None, "B"))],
    )
    def test_equal_ones_are_written_equally(self, given, kept):
        """Empty places at the end are none."""
        assert kept == CostLine(account="1", debit=1, dimensions=given).dimensions

    @pytest.mark.parametrize("given", [("a",) * 6, ("x" * 51,)])
    def test_five_of_fifty_characters(self, given):
        """Not more."""
        with pytest.raises(ValidationError, match="five dimensions"):
            CostLine(account="1", debit=1, dimensions=given)

    def test_a_line_can_be_a_key(self):
        """Values are hashable."""
        assert 1 == len({CostLine(account="1", debit=1, dimensions=("a",)) for _ in range(2)})


class TestExchangeRates:
    """Published rates."""

    @pytest.mark.parametrize("changes", [{"until": date(2026, 11, 19)}, {"into": "USD"}, {"factor": 0}, {"factor": -1}])
    def test_refused(self, changes):
        """An end before the beginning, a currency in itself, no factor."""
        given = {"currency": "USD", "into": "COP", "on": DAY, "factor": 4_100, "source": "TRM"}
        with pytest.raises(ValidationError):
            ExchangeRate(**(given | changes))

    def test_what_a_posting_keeps(self):
        """Factor, day, source."""
        rate = ExchangeRate(currency="USD", into="COP", on=DAY, factor="4105.32", source="TRM")
        assert Exchange(factor="4105.32", on=DAY, source="TRM") == rate.exchange


class TestProposals:
    """Invoices that are none yet, and what the sale hears of them."""

    @pytest.mark.parametrize(
        ("is_draft", "approval", "is_open"),
        [
            (True, None, True),
            (True, "draft", True),
            (True, "rejected", True),
            (True, "pending", False),
            (True, "approved", False),
            (True, "cancelled", False),
            (False, "approved", False),
            (False, None, False),
        ],
    )
    def test_which_may_be_written_anew(self, is_draft, approval, is_open):
        """Drafts that nobody was asked about, or that were sent back."""
        line = InvoiceLine(description="Horas", quantity=1, unit_price=1)
        client = Ref("erp", "Client", "C1")
        one = Invoice(client=client, currency="COP", lines=(line,), posted_on=DAY, is_draft=is_draft, approval=approval)
        assert is_open == one.is_open

    @pytest.mark.parametrize("period", ["2026-13", "2026-1", "11/2026"])
    def test_a_month_is_written_in_one_way(self, period):
        """Year and month."""
        with pytest.raises(ValidationError):
            Invoice(
                client=Ref("erp", "Client", "C1"),
                currency="COP",
                lines=(InvoiceLine(description="Horas", quantity=1, unit_price=1),),
                posted_on=DAY,
                period=period,
            )

    def test_a_state_that_nobody_knows(self):
        """Refused."""
        with pytest.raises(ValidationError):
            Opportunity(name="Portal", proposal_state="maybe")
