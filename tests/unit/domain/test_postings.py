"""Hours, rates and the postings that they become."""

from __future__ import annotations

from datetime import date
from decimal import Context, Decimal, localcontext

import pytest
from pydantic import ValidationError

from periferia_link.domain import CostCentre, CostEntry, CostLine, Employee, Money, Rate, TimeEntry
from periferia_link.errors import MissingReferenceError

DAY = date(2026, 11, 21)


def cost_line(account="5105", **fields):
    return CostLine(account=account, **fields)


class TestTimeEntry:
    @pytest.mark.parametrize("hours", ["0.25", Decimal("7.5"), 8, 24, 1.5])
    def test_hours_of_a_day(self, hours):
        """More than none, at most 24, exact."""
        assert Decimal(str(hours)) == TimeEntry(person="P1", worked_on=DAY, hours=hours).hours

    @pytest.mark.parametrize("hours", [0, -1, "-0.25", 24.01, "NaN", float("nan"), "Infinity", "sNaN", "8h", None])
    def test_impossible_hours_are_refused(self, hours):
        """Negative hours, no hours, more than a day and NaN never become cost."""
        with pytest.raises(ValidationError):
            TimeEntry(person="P1", worked_on=DAY, hours=hours)

    def test_equal_hours_have_equal_json(self):
        """8 and 8.00 hours are no change."""
        first, second = (TimeEntry(person="P1", worked_on=DAY, hours=hours) for hours in ("8", "8.00"))
        assert first.model_dump_json() == second.model_dump_json()


class TestCostLine:
    @pytest.mark.parametrize(
        "sides",
        [{}, {"debit": 1, "credit": 1}, {"debit": 0}, {"debit": -1}, {"credit": -5, "debit": 1}, {"debit": "NaN"}],
    )
    def test_a_line_has_one_side(self, sides):
        """A debit or a credit, positive, exactly one of them."""
        with pytest.raises(ValidationError):
            cost_line(**sides)


class TestCostEntry:
    def test_one_that_balances(self):
        """Debits equal credits; the total is either."""
        entry = CostEntry(
            posted_on=DAY,
            currency="COP",
            lines=(cost_line(debit="60.10"), cost_line(debit="39.90"), cost_line("7205", credit=100)),
        )
        assert Money.of(100, "COP") == entry.total

    def test_one_that_does_not_cannot_exist(self):
        """A cent off is refused at construction."""
        with pytest.raises(ValidationError, match="differ"):
            CostEntry(posted_on=DAY, currency="COP", lines=(cost_line(debit=1), cost_line(credit="1.01")))

    def test_a_short_decimal_context_hides_no_cent(self):
        """Where the program works with few digits the balance is still checked to the last one."""
        lines = (cost_line(debit="1000000.01"), cost_line(credit="1000000.02"))
        with localcontext(Context(prec=4)), pytest.raises(ValidationError, match="differ"):
            CostEntry(posted_on=DAY, currency="COP", lines=lines)

    @pytest.mark.parametrize("lines", [(), (cost_line(debit=1),)])
    def test_a_posting_has_two_lines(self, lines):
        """One line never balances."""
        with pytest.raises(ValidationError):
            CostEntry(posted_on=DAY, currency="COP", lines=lines)


class TestTransfer:
    def test_moves_an_amount(self):
        """The debit gets it, the credit gives it."""
        entry = CostEntry.transfer(Money.of("12.50", "COP"), debit="5105", credit="7205", posted_on=DAY, memo="horas")
        debit, credit = entry.lines
        assert ("5105", Decimal("12.50"), 0) == (debit.account, debit.debit, debit.credit)
        assert ("7205", 0, Decimal("12.50")) == (credit.account, credit.debit, credit.credit)
        assert ("COP", "horas") == (entry.currency, entry.memo)

    def test_a_correction_swaps_the_sides(self):
        """A negative amount is booked the other way round, never as a negative line."""
        debit, credit = CostEntry.transfer(Money.of(-5, "COP"), debit="5105", credit="7205", posted_on=DAY).lines
        assert ("7205", 5) == (debit.account, debit.debit)
        assert ("5105", 5) == (credit.account, credit.credit)

    def test_a_line_lends_its_place(self):
        """Project, centre and rule of a given line stay, its amount does not."""
        place = cost_line(debit=1, project="P-1", cost_centre="CC1", distribution_rule="R1")
        debit = CostEntry.transfer(Money.of(9, "COP"), debit=place, credit="7205", posted_on=DAY).lines[0]
        assert ("P-1", "CC1", "R1", 9) == (debit.project, debit.cost_centre, debit.distribution_rule, debit.debit)

    def test_fields_that_nobody_gave_stay_unset(self):
        """Unset fields are never sent: they must not look as if somebody emptied them."""
        entry = CostEntry.transfer(Money.of(9, "COP"), debit="5105", credit="7205", posted_on=DAY, reference="R")
        assert {"posted_on", "currency", "lines", "reference"} == entry.model_fields_set
        assert {"account", "debit"} == entry.lines[0].model_fields_set

    def test_zero_moves_nothing(self):
        """There is no posting of zero."""
        with pytest.raises(ValueError, match="zero"):
            CostEntry.transfer(Money.of("0.00", "COP"), debit="5105", credit="7205", posted_on=DAY)


class TestRates:
    employee = Employee(
        code="E7",
        name="Ana",
        rates=(
            Rate(valid_from=date(2026, 7, 1), hourly=Money.of(60000, "COP")),
            Rate(valid_from=date(2026, 1, 1), hourly=Money.of(50000, "COP")),
        ),
    )

    @pytest.mark.parametrize(
        ("day", "expected"),
        [(date(2026, 1, 1), 50000), (date(2026, 6, 30), 50000), (date(2026, 7, 1), 60000), (date(2030, 1, 1), 60000)],
    )
    def test_the_rate_of_the_day_worked(self, day, expected):
        """A rate holds from its first day until the next begins, in whatever order they come."""
        assert Money.of(expected, "COP") == self.employee.rate_on(day)

    def test_no_rate_yet(self):
        """Hours before the first rate wait, and the error says for whom and what to do."""
        with pytest.raises(MissingReferenceError, match=r"E7 has no cost rate valid on 2025-12-31 → add the rate"):
            self.employee.rate_on(date(2025, 12, 31))

    def test_two_rates_of_one_day_are_refused(self):
        """Which of them holds would be a guess; the same one twice is harmless."""
        first = Rate(valid_from=DAY, hourly=Money.of(1, "COP"))
        with pytest.raises(ValidationError, match="two different rates begin on 2026-11-21"):
            Employee(code="E7", name="Ana", rates=(first, Rate(valid_from=DAY, hourly=Money.of(2, "COP"))))
        assert Money.of(1, "COP") == Employee(code="E7", name="Ana", rates=(first, first)).rate_on(DAY)

    def test_a_rate_is_not_negative(self):
        """Nobody pays to work."""
        with pytest.raises(ValidationError):
            Rate(valid_from=DAY, hourly=Money.of(-1, "COP"))


class TestCostCentre:
    @pytest.mark.parametrize("dimension", [0, 6])
    def test_five_dimensions(self, dimension):
        """Business One has five."""
        with pytest.raises(ValidationError):
            CostCentre(code="CC1", name="Centro", dimension=dimension)
