from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.connectors.sap_rfc import _values as values
from periferia_link.errors import RecordInvalidError


class TestNumbersWithZeros:
    @pytest.mark.parametrize(
        ("text", "stored"),
        [("4711", "0000004711"), ("SOFT", "SOFT"), ("soft", "SOFT"), ("PRY-1", "PRY-1"), ("", None), (None, None)],
    )
    def test_digits_get_zeros_in_front(self, text, stored):
        """As the ALPHA conversion of the screens does it, and BAPIs do not."""
        assert values.inner(text, 10) == stored

    @given(st.text(alphabet="0123456789", min_size=1, max_size=10).filter(lambda text: not text.startswith("0")))
    def test_there_and_back(self, text):
        """A number that people write without zeros comes back as they wrote it."""
        assert values.outer(values.inner(text, 10)) == text

    def test_nothing_but_zeros_is_nothing(self):
        """An initial field names no record."""
        assert values.outer("0000000000") is None
        assert values.outer("") is None

    def test_an_account_has_no_zeros_in_front(self):
        """It would come back without them and look like another account."""
        assert values.plain("613595", where="") == "613595"
        with pytest.raises(RecordInvalidError, match="line 1"):
            values.plain("0613595", where="line 1: ")


class TestDays:
    @pytest.mark.parametrize(
        ("text", "day"),
        [("20261119", date(2026, 11, 19)), ("2026-11-19", date(2026, 11, 19)), ("00000000", None), ("", None)],
    )
    def test_a_day(self, text, day):
        """YYYYMMDD, with dashes in other clients; zeros are no day."""
        assert values.day_of(text) == day

    def test_a_day_that_must_be_there(self):
        """A document without its day is none."""
        with pytest.raises(ValueError, match="date"):
            values.on_day("00000000")


class TestAmounts:
    @pytest.mark.parametrize(("text", "number"), [(" 12500.00 ", "12500"), ("12500.00-", "-12500"), ("", "0")])
    def test_the_sign_stands_behind(self, text, number):
        """Tables write -1 as 1-."""
        assert values.decimal_of(text) == Decimal(number)

    @given(st.integers(0, 10**13), st.integers(0, 4))
    def test_the_point_moves_with_the_currency(self, units, decimals):
        """A table keeps two decimals for every currency: pesos without cents stand there a hundred times smaller."""
        true = Decimal(units).scaleb(-decimals)
        assert values.shifted(Decimal(units).scaleb(-2), decimals) == true

    def test_pesos(self):
        """1,250,000 pesos stand in BSEG as 12500.00 where TCURX says that the peso has no decimals."""
        assert values.shifted(Decimal("12500.00"), 0) == Decimal(1250000)


class TestKeys:
    @given(st.uuids())
    def test_it_fits_the_reference_number(self, key):
        """16 characters that any code page of SAP has, always the same for a key."""
        made = values.short_key(str(key))
        assert len(made) == 16
        assert made.startswith("PL")
        assert made == made.upper() == values.short_key(str(key))
        assert made.isalnum()

    def test_keys_that_are_alike_are_not_alike_here(self):
        """Keys that share all but the last digit share nothing."""
        keys = {values.short_key(str(uuid.UUID(int=number))) for number in range(5_000)}
        assert len(keys) == 5_000
        assert len({key[2:6] for key in keys}) > 4_900
