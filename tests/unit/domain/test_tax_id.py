"""Tax ids: normal form, check digits, trust."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from periferia_link.domain import Client, TaxId, nit_check_digit

COMPANIES = Path(__file__).parents[4] / "shared" / "data" / "companies_co.csv"


class TestNit:
    @pytest.mark.parametrize(
        "text",
        [
            "900123456-8",
            "900.123.456-8",
            "NIT 900.123.456-8",
            "N.I.T.: 900.123.456 - 8",
            "nit:900123456\u20138",
            "CO 900123456-8",
            "9001234568",
            " 900 123 456 8 ",
        ],
    )
    def test_what_people_type_is_one_number(self, text):
        """Dots, blanks, labels, country and dashes of any kind fall away."""
        tax_id = TaxId.parse(text)
        assert ("9001234568", "verified", None) == (tax_id.number, tax_id.standing, tax_id.note)
        assert tax_id.is_strong

    @pytest.mark.parametrize("text", ["900123456", "900.123.456", "NIT 900123456", "900-123-456"])
    def test_a_missing_check_digit_is_completed(self, text):
        """Registers give nine digits: the tenth is calculated, and said to be."""
        tax_id = TaxId.parse(text)
        assert ("9001234568", "completed") == (tax_id.number, tax_id.standing)
        assert tax_id.is_strong
        assert "900123456-8" == tax_id.printed

    @pytest.mark.parametrize("text", ["900123456-1", "9001234561"])
    def test_a_wrong_one_says_what_is_expected(self, text):
        """A typing error identifies nobody, and the note tells the digit without repeating the number."""
        tax_id = TaxId.parse(text)
        assert ("wrong", "the check digit should be 8") == (tax_id.standing, tax_id.note)
        assert not tax_id.is_strong
        assert "9001234561" == tax_id.printed

    def test_a_cedula_is_not_a_company(self):
        """Ten digits that begin with 1 are a person's document, even where the last one fits by chance."""
        by_chance = next(f"1{n:08d}" for n in range(100) if nit_check_digit(f"1{n:08d}") == "7") + "7"
        for text in ("1020304050", by_chance):
            tax_id = TaxId.parse(text)
            assert "unverified" == tax_id.standing
            assert not tax_id.is_strong

    @pytest.mark.parametrize("body", ["79123456", "1020304050", "700123"])
    def test_the_nit_of_a_person(self, body):
        """A cédula with its check digit set apart is a NIT."""
        tax_id = TaxId.parse(f"{body}-{nit_check_digit(body)}")
        assert "verified" == tax_id.standing
        wrong = (int(nit_check_digit(body)) + 1) % 10
        assert "wrong" == TaxId.parse(f"{body}-{wrong}").standing

    @pytest.mark.parametrize("text", ["12345", "12345678901234"])
    def test_unusual_lengths_prove_nothing(self, text):
        """Other documents exist; they identify nobody here."""
        assert ("unverified", "unusual length") == (TaxId.parse(text).standing, TaxId.parse(text).note)

    def test_letters_are_no_digits(self):
        """A letter in a NIT is a mistake."""
        assert "wrong" == TaxId.parse("900I23456-8").standing

    def test_longer_than_any_is_wrong(self):
        """Text of any length makes a bounded value."""
        tax_id = TaxId.parse("9" * 19 + "12345")
        assert (20, "wrong") == (len(tax_id.number), tax_id.standing)

    @pytest.mark.parametrize("body", ["", "9001234S6", "²", "1" * 16])
    def test_the_check_digit_needs_digits(self, body):
        """The calculation refuses what is no number."""
        with pytest.raises(ValueError, match="1 to 15 digits"):
            nit_check_digit(body)

    def test_a_whole_register_is_completed(self):
        """Every company of the public register gets a check digit that a verification confirms."""
        if not COMPANIES.exists():
            pytest.skip("the public register (shared/data/companies_co.csv) is not beside this clone")
        with COMPANIES.open(encoding="utf-8") as lines:
            ids = [TaxId.parse(row["nit"]) for row in csv.DictReader(lines)]
        assert len(ids) > 500
        assert {"completed"} == {tax_id.standing for tax_id in ids}
        assert {"verified"} == {TaxId.parse(tax_id.printed).standing for tax_id in ids}


class TestPlaceholders:
    @pytest.mark.parametrize(
        ("text", "country"),
        [
            ("", "CO"),
            (" - . ", "CO"),
            ("NIT", "CO"),
            ("222222222222", "CO"),
            ("222222222222-7", "CO"),
            ("0", "CO"),
            ("999999999", "CO"),
            ("000000000-0", "CO"),
            ("11.111.111-1", "CL"),
            ("XAXX010101000", "MX"),
            ("XEXX-010101-000", "MX"),
        ],
    )
    def test_nobody_is_nobody(self, text, country):
        """What invoices say for "anybody" must never make two clients one."""
        assert TaxId.parse(text, country) is None


class TestOtherCountries:
    @pytest.mark.parametrize(
        ("text", "country"),
        [
            ("76.086.428-5", "CL"),
            ("CL 12.531.909-2", "CL"),
            ("30-50001091-2", "AR"),
            ("20-26756539-3", "AR"),
            ("RUC 20100066603", "PE"),
            ("16.727.230/0001-97", "BR"),
            ("12.ABC.345/01DE-35", "BR"),
            ("GODE 561231 GR8", "MX"),
        ],
    )
    def test_right_ones_are_verified(self, text, country):
        """Each country has its own weights; Brazilian ids hold letters since 2026."""
        assert "verified" == TaxId.parse(text, country).standing

    @pytest.mark.parametrize(
        ("text", "country"),
        [("76.086.428-K", "CL"), ("30-50001091-3", "AR"), ("20100066604", "PE"), ("16.727.230/0001-98", "BR")],
    )
    def test_wrong_ones_are_wrong(self, text, country):
        """One digit off is found."""
        assert "wrong" == TaxId.parse(text, country).standing

    def test_mexico_has_issued_odd_digits(self):
        """An RFC of the right form whose digit does not fit may exist: it proves nothing."""
        assert "unverified" == TaxId.parse("GODE561231GR9", "MX").standing

    def test_a_form_that_does_not_fit(self):
        """The note says what an RFC looks like."""
        assert TaxId.parse("12345", "MX").standing == "unverified"

    def test_a_country_without_a_rule(self):
        """The number is kept and trusted by nobody."""
        tax_id = TaxId.parse("B-12345678", "es")
        assert ("ES", "B12345678", "unverified") == (tax_id.country, tax_id.number, tax_id.standing)
        assert "ES B12345678" == str(tax_id)

    def test_a_country_is_two_letters(self):
        """Anything else is refused."""
        with pytest.raises(ValidationError):
            TaxId.parse("1234567", "Colombia")


class TestAsValue:
    def test_standing_is_how_it_was_typed_not_what_it_is(self):
        """Two systems that hold one NIT with and without its digit hold the same: no update follows."""
        typed, completed = TaxId.parse("900123456-8"), TaxId.parse("900123456")
        assert typed == completed
        assert hash(typed) == hash(completed)
        assert typed.model_dump_json() == completed.model_dump_json()
        assert typed != TaxId.parse("900123457")
        assert typed != "900123456-8"

    def test_a_stored_number_knows_its_standing(self):
        """JSON carries country and number; trust is worked out again."""
        client = Client(name="ACME", tax_id=TaxId.parse("900123456"))
        again = Client.model_validate_json(client.model_dump_json())
        assert client == again
        assert ("verified", "900123456-8") == (again.tax_id.standing, again.tax_id.printed)

    def test_the_repr_shows_no_cedula(self):
        """A person's NIT is the cédula: logs see three digits of it."""
        tax_id = TaxId.parse("1020304050-" + nit_check_digit("1020304050"))
        assert "1020304050" not in repr(tax_id)
        assert repr(tax_id).startswith("TaxId(country='CO', number='…")

    @pytest.mark.parametrize(
        "fields", [{}, {"country": "CO"}, {"country": 5, "number": "1"}, {"number": "x" * 21, "country": "CO"}]
    )
    def test_broken_fields_are_refused(self, fields):
        """A stored value that is none is a validation error."""
        with pytest.raises(ValidationError):
            TaxId.model_validate(fields)


def test_long_texts_take_no_time():
    """50 kB of adversarial text are read in far less than a second."""
    began = time.process_time()
    for text in ("-" * 50_000, "NIT" * 17_000, "9-" * 25_000, "\u2013" * 50_000, "CO-" * 17_000 + "X"):
        TaxId.parse(text)
    assert time.process_time() - began < 1
