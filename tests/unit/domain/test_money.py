"""Money: exact amounts of one currency."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext

import pytest
from pydantic import ValidationError

from periferia_link.domain import Money, exact_sum


class TestBuilding:
    def test_exact_numbers_are_taken(self):
        """A Decimal, an int and a string mean the same amount."""
        assert Money.of(Decimal("12.50"), "COP") == Money.of("12.5", "COP")
        assert Money.of(12, "COP") == Money.of("12.00", "COP")

    @pytest.mark.parametrize(
        "amount", [0.1, 1.0, float("nan"), True, "NaN", "sNaN", "Infinity", "-inf", "1,5", "", None]
    )
    def test_everything_else_is_refused(self, amount):
        """A float is not exact, NaN is no amount: both constructors refuse them as ValueError."""
        with pytest.raises(ValueError, match="Money"):
            Money.of(amount, "COP")
        with pytest.raises(ValidationError):
            Money(amount=amount, currency="COP")

    @pytest.mark.parametrize("amount", ["1E+999999", "1E-999999", "9" * 42])
    def test_absurd_sizes_are_refused(self, amount):
        """A short text that would print as a million digits is no money."""
        with pytest.raises(ValueError, match="more digits than any money has"):
            Money.of(amount, "COP")

    @pytest.mark.parametrize("currency", ["cop", "CO", "COPS", "", "€"])
    def test_a_currency_is_three_capitals(self, currency):
        """Anything but an ISO 4217 code is refused."""
        with pytest.raises(ValidationError):
            Money.of(1, currency)

    def test_it_never_changes(self):
        """Money is a value."""
        with pytest.raises(ValidationError):
            Money.of(1, "COP").amount = Decimal(2)

    def test_the_input_stays_out_of_the_error(self):
        """What was typed may be personal: the error does not repeat it."""
        with pytest.raises(ValidationError) as caught:
            Money.of("salary 9876543", "COP")
        assert "9876543" not in str(caught.value)


class TestArithmetic:
    def test_sums_and_differences(self):
        """Cents add exactly."""
        assert Money.of("0.3", "USD") == Money.of("0.1", "USD") + Money.of("0.2", "USD")
        assert Money.of("-0.1", "USD") == Money.of("0.1", "USD") - Money.of("0.2", "USD")
        assert Money.of("-0.1", "USD") == -Money.of("0.1", "USD")

    def test_hours_times_rate(self):
        """A quarter of an hour keeps its cents."""
        assert Money.of("14062.5", "COP") == Money.of(56250, "COP") * Decimal("0.25")

    def test_currencies_never_mix(self):
        """Adding pesos and dollars needs a rate that nobody gave."""
        with pytest.raises(ValueError, match="COP and USD"):
            Money.of(1, "COP") + Money.of(1, "USD")
        with pytest.raises(ValueError, match="COP and USD"):
            Money.of(1, "COP") - Money.of(1, "USD")

    def test_a_sum_of_nothing_is_zero(self):
        """An empty sum has its currency."""
        assert Money.of(0, "CLP") == Money.sum([], "CLP")
        assert Money.of(3, "CLP") == Money.sum([Money.of(1, "CLP"), Money.of(2, "CLP")], "CLP")

    def test_zero_is_false(self):
        """Only an amount that moves something is true."""
        assert not Money.of("0.00", "COP")
        assert Money.of("0.01", "COP")

    def test_the_context_of_the_thread_changes_nothing(self):
        """A program that lowered the decimal precision still gets every digit."""
        big, small = Money.of("123456789.12", "COP"), Money.of("0.01", "COP")
        with localcontext(Context(prec=4)):
            assert "123,456,789.13 COP" == str(big + small)
            assert "123,456,789.11 COP" == str(big - small)
            assert "-123,456,789.12 COP" == str(-big)
            assert "370,370,367.36 COP" == str(big * 3)
            assert "123,456,789.1 COP" == str(big.rounded(1))
            assert big == Money.sum(big.split([1, 1, 1]), "COP")
            assert Decimal("123456789.13") == exact_sum([big.amount, small.amount])


class TestRounding:
    @pytest.mark.parametrize(
        ("amount", "currency", "expected"),
        [
            ("2.345", "COP", "2.35"),
            ("-2.345", "COP", "-2.35"),
            ("2.344", "USD", "2.34"),
            ("1234.5", "CLP", "1235"),
            ("1.23455", "CLF", "1.2346"),
            ("1.2345", "KWD", "1.235"),
        ],
    )
    def test_half_up_to_the_decimals_of_the_currency(self, amount, currency, expected):
        """Accountants round half away from zero; Chilean pesos have no cents."""
        assert Decimal(expected) == Money.of(amount, currency).rounded().amount

    def test_books_may_keep_other_decimals(self):
        """Companies that keep pesos without cents say so."""
        assert Decimal(2500) == Money.of("2499.5", "COP").rounded(0).amount

    def test_large_amounts_round_too(self):
        """Rounding does not end at 28 digits."""
        assert Decimal("9" * 35) == Money.of("9" * 35 + ".4", "CLP").rounded().amount


class TestSplit:
    def test_the_cent_goes_somewhere(self):
        """100.00 in three parts is 33.34 + 33.33 + 33.33: nothing is lost."""
        parts = Money.of(100, "COP").split([1, 1, 1])
        assert [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")] == [part.amount for part in parts]

    def test_the_largest_fraction_comes_first(self):
        """The remainder goes where the rounding took most."""
        parts = Money.of(10, "CLP").split([Decimal("1.1"), Decimal("1.1"), Decimal("1.8")])
        assert [Decimal(3), Decimal(3), Decimal(4)] == [part.amount for part in parts]

    def test_a_correction_mirrors_the_posting(self):
        """Splitting the negative takes back exactly what was booked on each centre."""
        booked = Money.of("100.01", "COP").split([3, 5, 7])
        assert [-part for part in booked] == Money.of("-100.01", "COP").split([3, 5, 7])

    def test_a_weight_of_zero_gets_nothing(self):
        """A centre that has no share has no cent either."""
        assert not Money.of("0.01", "COP").split([0, 1])[0]

    def test_weights_far_apart_keep_the_sum(self):
        """A weight of 29 digits beside one of 1 loses nothing."""
        whole = Money.of("999999999999.99", "COP")
        assert whole == Money.sum(whole.split([Decimal("1E+28"), 1, Decimal("1E-20")]), "COP")

    @pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [2, -1], [Decimal("NaN")], [Decimal("Infinity"), 1]])
    def test_senseless_weights_are_refused(self, weights):
        """Nothing to divide by is an error, not a division by zero."""
        with pytest.raises(ValueError, match="weights"):
            Money.of(1, "COP").split(weights)


class TestShowing:
    @pytest.mark.parametrize(
        ("amount", "shown"), [("1234567.5", "1,234,567.5 COP"), ("1E+3", "1,000 COP"), ("-0.10", "-0.10 COP")]
    )
    def test_as_text(self, amount, shown):
        """Thousands are grouped, exponents are written out."""
        assert shown == str(Money.of(amount, "COP"))

    @pytest.mark.parametrize(("left", "right"), [("100", "100.00"), ("1E+2", "100"), ("-0", "0.0"), ("0.10", "0.1")])
    def test_equal_amounts_have_equal_json(self, left, right):
        """What compares equal is stored equal: a trailing zero is no change."""
        assert Money.of(left, "COP") == Money.of(right, "COP")
        assert Money.of(left, "COP").model_dump_json() == Money.of(right, "COP").model_dump_json()

    def test_json_reads_back(self):
        """The JSON of money is exact."""
        money = Money.of("10.10", "COP")
        assert '{"amount":"10.1","currency":"COP"}' == money.model_dump_json()
        assert money == Money.model_validate_json(money.model_dump_json())
