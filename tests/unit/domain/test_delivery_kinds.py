"""Surveys, work items, allocations, invoices and service calls: what is delivered, measured and billed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from periferia_link.domain import Allocation, Invoice, InvoiceLine, Money, Ref, ServiceCall, Survey, WorkItem

CLIENT = Ref("erp", "Client", "C1")
PRICES = st.decimals(min_value=0, max_value=10**9, places=4)
AMOUNTS = st.decimals(min_value=Decimal("0.0001"), max_value=10**4, places=4)


class TestSurvey:
    @pytest.mark.parametrize(
        ("field", "good", "bad"), [("nps", (0, 10), (-1, 11)), ("csat", (1, 5), (0, 6)), ("ces", (1, 7), (0, 8))]
    )
    def test_scales(self, field, good, bad):
        """What lies outside a scale is no answer to it."""
        assert list(good) == [getattr(Survey(questionnaire="q", **{field: value}), field) for value in good]
        for value in bad:
            with pytest.raises(ValidationError):
                Survey(questionnaire="q", **{field: value})

    @pytest.mark.parametrize(("flags", "reliable"), [((), True), (("fast",), True), (("fast", "duplicate"), False)])
    def test_two_flags_are_too_many(self, flags, reliable):
        """One may be chance."""
        assert reliable == Survey(questionnaire="q", flags=flags).is_reliable

    def test_weights(self):
        """From nothing to all; never more."""
        assert Decimal(1) == Survey(questionnaire="q").weight
        with pytest.raises(ValidationError):
            Survey(questionnaire="q", weight=Decimal("1.1"))


class TestWorkItem:
    @pytest.mark.parametrize(
        ("category", "is_open"), [(None, True), ("proposed", True), ("completed", False), ("removed", False)]
    )
    def test_what_is_left_to_do(self, category, is_open):
        """By the neutral state; the process's own word decides nothing."""
        assert is_open == WorkItem(title="x", category=category, state="Cerrado").is_open

    def test_no_negative_effort(self):
        """Neither estimated nor remaining."""
        with pytest.raises(ValidationError):
            WorkItem(title="x", remaining=Decimal("-1"))


class TestAllocation:
    def test_an_open_end(self):
        """Until somebody says otherwise."""
        one = Allocation(person="E1", project="P1", hours_per_week=Decimal(20), starts_on=date(2026, 11, 1))
        assert one.ends_on is None

    def test_one_day(self):
        """Both ends are inclusive."""
        day = date(2026, 11, 1)
        one = Allocation(person="E1", project="P1", hours_per_week=Decimal(8), starts_on=day, ends_on=day)
        assert day == one.ends_on

    @pytest.mark.parametrize(
        "wrong",
        [{"ends_on": date(2026, 10, 31)}, {"hours_per_week": 0}, {"hours_per_week": 169}, {"person": ""}],
    )
    def test_what_cannot_be(self, wrong):
        """An end before the start, no hours, more hours than a week has, nobody."""
        given = {"person": "E1", "project": "P1", "hours_per_week": 20, "starts_on": date(2026, 11, 1)}
        with pytest.raises(ValidationError):
            Allocation(**(given | wrong))


def invoice(*lines, currency="COP", **values):
    """Return an invoice of (quantity, price) lines."""
    made = [InvoiceLine(description="Horas", quantity=quantity, unit_price=price) for quantity, price in lines]
    return Invoice(client=CLIENT, currency=currency, lines=made, posted_on=date(2026, 11, 1), **values)


class TestInvoice:
    def test_each_line_is_rounded_as_it_is_printed(self):
        """Three lines of a third of a peso are three times 0.33, not one."""
        third = (Decimal(1), Decimal("0.333"))
        assert Money.of("0.99", "COP") == invoice(third, third, third).total
        assert Money.of(4, "CLP") == invoice((Decimal(3), Decimal("1.2")), currency="CLP").total

    @given(st.lists(st.tuples(AMOUNTS, PRICES), min_size=1, max_size=20))
    def test_the_total_is_the_sum_of_what_is_printed(self, lines):
        """To the cent, whatever the number of lines."""
        printed = [(quantity * price).quantize(Decimal("0.01"), "ROUND_HALF_UP") for quantity, price in lines]
        assert sum(printed) == invoice(*lines).total.amount

    def test_a_proposal_first(self):
        """Until somebody posts it."""
        assert invoice((1, 1)).is_draft

    def test_what_cannot_be(self):
        """Due before it is posted; without lines; nothing sold; a negative price."""
        with pytest.raises(ValidationError, match="due before"):
            invoice((1, 1), due_on=date(2026, 10, 31))
        for lines in ((), ((0, 1),), ((1, -1),)):
            with pytest.raises(ValidationError):
                invoice(*lines)


class TestServiceCall:
    def test_the_words_of_the_erp(self):
        """Its status is its own; its priority is one of three."""
        assert "Pendiente" == ServiceCall(subject="x", status="Pendiente").status
        with pytest.raises(ValidationError):
            ServiceCall(subject="x", priority="critical")
