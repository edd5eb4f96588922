"""Laws of the domain values, tried on many of them; python-stdnum is the oracle for tax ids."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.ar import cuit
from stdnum.br import cnpj
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.mx import rfc
from stdnum.pe import ruc

from periferia_link.domain import (
    CostEntry,
    CostLine,
    Money,
    Period,
    Ref,
    TaxId,
    accounting_date,
    folded_name,
    nit_check_digit,
)

AMOUNTS = st.decimals(-(10**15), 10**15, places=4)
WEIGHTS = st.lists(st.decimals(0, 10**6, places=3) | st.integers(0, 10**12), min_size=1, max_size=12).filter(any)
CURRENCIES = st.sampled_from(["COP", "CLP", "CLF", "USD", "KWD"])
ZONES = st.sampled_from(["America/Bogota", "America/Santiago", "America/New_York", "UTC", "Asia/Tokyo"])


class TestMoney:
    @given(AMOUNTS, CURRENCIES, WEIGHTS)
    def test_a_split_loses_nothing(self, amount, currency, weights):
        """Parts sum to the rounded whole, and none is a minor unit or more away from its exact share."""
        money = Money.of(amount, currency)
        parts = money.split(weights)
        whole = money.rounded()
        assert whole == Money.sum(parts, currency)
        unit = Fraction(1, 10**money.decimals)
        total = sum(Fraction(w) for w in weights)
        for part, weight in zip(parts, weights, strict=True):
            assert abs(Fraction(part.amount) - Fraction(whole.amount) * Fraction(weight) / total) < unit

    @given(AMOUNTS, WEIGHTS)
    def test_a_correction_takes_back_every_part(self, amount, weights):
        """split(-x) is -split(x), part by part."""
        assert [-part for part in Money.of(amount, "COP").split(weights)] == Money.of(-amount, "COP").split(weights)

    @given(st.lists(AMOUNTS, max_size=8))
    def test_sums_are_exact(self, amounts):
        """Order does not matter and nothing is rounded."""
        forth = Money.sum((Money.of(a, "COP") for a in amounts), "COP")
        back = Money.sum((Money.of(a, "COP") for a in reversed(amounts)), "COP")
        assert forth == back
        assert sum((Fraction(a) for a in amounts), Fraction(0)) == Fraction(forth.amount)

    @given(AMOUNTS, CURRENCIES)
    def test_rounding_is_near_and_stays(self, amount, currency):
        """At most half a minor unit away, and rounding twice changes nothing."""
        money = Money.of(amount, currency)
        rounded = money.rounded()
        assert abs(rounded.amount - amount) <= Decimal("0.5").scaleb(-money.decimals)
        assert rounded == rounded.rounded()

    @given(AMOUNTS, CURRENCIES)
    def test_json_reads_back(self, amount, currency):
        """Every amount survives its JSON."""
        money = Money.of(amount, currency)
        assert money == Money.model_validate_json(money.model_dump_json())


class TestPostings:
    @given(AMOUNTS.filter(bool))
    def test_a_transfer_balances(self, amount):
        """Whatever the sign, debits equal credits and no line is negative."""
        entry = CostEntry.transfer(Money.of(amount, "COP"), debit="1", credit="2", posted_on=date(2026, 1, 1))
        assert abs(amount) == entry.total.amount == entry.lines[1].credit

    @given(st.lists(st.decimals(Decimal("0.01"), 10**9, places=2), min_size=1, max_size=9), st.booleans())
    def test_what_balances_is_built_and_nothing_else(self, debits, is_off):
        """One cent decides."""
        total = sum(debits, Decimal(0)) + (Decimal("0.01") if is_off else 0)
        lines = (*(CostLine(account="1", debit=d) for d in debits), CostLine(account="2", credit=total))
        if is_off:
            with pytest.raises(ValueError, match="differ"):
                CostEntry(posted_on=date(2026, 1, 1), currency="COP", lines=lines)
        else:
            assert total == CostEntry(posted_on=date(2026, 1, 1), currency="COP", lines=lines).total.amount


class TestCalendar:
    @given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(timezone.utc)), ZONES)
    def test_the_accounting_date_is_the_local_one(self, moment, zone):
        """It is at most a day from the UTC date, and the period of the books holds it."""
        day = accounting_date(moment, ZoneInfo(zone))
        assert abs(day - moment.date()) <= timedelta(days=1)
        assert day in Period.of(day)

    @given(st.dates(date(1900, 1, 1), date(9998, 12, 31)))
    def test_periods_follow_each_other(self, day):
        """The day after the last one is the first of the next."""
        period = Period.of(day)
        following = Period.of(period.last + timedelta(days=1))
        assert following != period
        assert 1 == following.first.day


class TestRef:
    @given(
        st.text(st.characters(exclude_characters=":"), min_size=1),
        st.sampled_from(["Client", "Ticket"]),
        st.text(min_size=1),
    )
    def test_text_reads_back(self, system, kind, id_):
        """Any id survives."""
        ref = Ref(system, kind, id_)
        assert ref == Ref.parse(str(ref))


class TestTaxIds:
    def _agrees(self, tax_id, is_valid):
        assert (tax_id.standing == "verified") == is_valid

    @given(st.integers(10**5, 10**10 - 1), st.integers(0, 9))
    def test_colombia(self, body, digit):
        """With the digit set apart we agree with the oracle; without it the completed one is valid."""
        assume(len(set(str(body))) > 1)
        tax_id = TaxId.parse(f"{body}-{digit}")
        assert (tax_id.standing == "verified") == (nit.calc_check_digit(str(body)) == str(digit))
        if 10**8 <= body < 10**9:
            completed = TaxId.parse(str(body))
            assert "completed" == completed.standing
            assert nit.is_valid(completed.number)
        assert nit.calc_check_digit(str(body)) == nit_check_digit(str(body))

    @given(st.integers(10**6, 10**8 - 1), st.sampled_from("0123456789K"))
    def test_chile(self, body, digit):
        """RUT, with K."""
        assume(len(set(str(body))) > 1)
        self._agrees(TaxId.parse(f"{body}-{digit}", "CL"), rut.is_valid(f"{body}{digit}"))

    @given(st.sampled_from(["20", "23", "27", "30", "33", "50"]), st.integers(0, 10**8 - 1), st.integers(0, 9))
    def test_argentina(self, prefix, body, digit):
        """CUIT."""
        number = f"{prefix}{body:08d}{digit}"
        self._agrees(TaxId.parse(f"{number[:2]}-{number[2:10]}-{digit}", "AR"), cuit.is_valid(number))

    @given(st.sampled_from(["10", "15", "17", "20"]), st.integers(0, 10**8 - 1), st.integers(0, 9))
    def test_peru(self, prefix, body, digit):
        """RUC."""
        number = f"{prefix}{body:08d}{digit}"
        self._agrees(TaxId.parse(f"RUC {number}", "PE"), ruc.is_valid(number))

    @given(st.text("0123456789ABCXYZ", min_size=12, max_size=12), st.integers(0, 99))
    def test_brazil(self, body, digits):
        """CNPJ, with the letters of 2026."""
        assume(not body.startswith("0000") and not body.startswith(("CNPJ", "BR")))
        number = f"{body}{digits:02d}"
        self._agrees(TaxId.parse(number, "BR"), cnpj.is_valid(number))
        right = body + cnpj.calc_check_digits(body)
        self._agrees(TaxId.parse(right, "BR"), True)

    @given(st.from_regex(r"[B-Y]{3,4}[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[1-9A-V][1-9A-Z]", fullmatch=True))
    def test_mexico(self, body):
        """RFC: the digit of the oracle is verified, any other is not."""
        right = rfc.calc_check_digit(body)
        assert "verified" == TaxId.parse(body + right, "MX").standing
        assert "unverified" == TaxId.parse(body + ("1" if right != "1" else "2"), "MX").standing

    @given(st.text(), st.sampled_from(["CO", "CL", "AR", "PE", "BR", "MX", "ES"]))
    def test_any_text_is_an_answer(self, text, country):
        """Whatever people type: nothing, or a value that survives its JSON and a second reading."""
        tax_id = TaxId.parse(text, country)
        if tax_id is not None:
            assert tax_id == TaxId.model_validate_json(tax_id.model_dump_json())
            if tax_id.is_strong:
                assert tax_id == TaxId.parse(tax_id.printed, country)


class TestNames:
    @given(st.text())
    def test_folding_twice_changes_nothing(self, name):
        """folded(folded(x)) is folded(x)."""
        assert folded_name(name) == folded_name(folded_name(name))

    @given(st.text("ABCDEFG hijk", min_size=1))
    def test_case_and_legal_form_do_not_matter(self, name):
        """A suffix added is a suffix removed."""
        assert folded_name(f"Zeta {name.lower()}") == folded_name(f"ZETA {name.upper()} Ltda.")
