"""Clients: what an account of the CRM becomes in the ERP."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from periferia_link.domain import Client, Ref, TaxId
from periferia_link.engine import Ask, Context
from periferia_link.errors import ConfigurationError
from periferia_link.flows import clients

FLOW = clients()
CONTEXT = Context(zone=ZoneInfo("America/Bogota"), today=date(2026, 11, 3))
ACCOUNT = Ref("crm", "Client", "0f8e0000-1111-2222-3333-444455556666")


def account(**values):
    """Return an account of the CRM."""
    return Client(ref=ACCOUNT, version="1", **({"name": "ACME S.A.S."} | values))


def becomes(**values):
    """Project an account."""
    return FLOW.project(account(**values), CONTEXT)


def keys(client):
    """Return what a client is recognised by."""
    return {key.name: key.of(client) for key in FLOW.match}


class TestFields:
    """What travels."""

    def test_master_data(self):
        """Name, tax id, place, contact, activity."""
        number = TaxId.parse("900123456-8")
        given = {
            "country": "CO",
            "city": "Bogotá",
            "email": "pagos@acme.co",
            "phone": "+57 1 555",
            "is_active": False,
            "tax_id": number,
        }
        wanted = becomes(**given)
        assert given == {name: getattr(wanted, name) for name in given}
        assert ("ACME S.A.S.", None, None) == (wanted.name, wanted.ref, wanted.version)

    def test_what_is_not_ours_stays(self):
        """Currency, owner and columns of the installation are not touched."""
        wanted = becomes(currency="USD", owner=Ref("crm", "User", "1"), custom={"cr123_x": 1})
        assert not wanted.model_fields_set & {"currency", "owner", "custom", "updated_at"}

    def test_only_owned_fields_are_set(self):
        """The flow writes what it says it owns."""
        assert becomes().model_fields_set <= FLOW.owns

    def test_an_emptied_field_is_emptied(self):
        """Somebody deleted the phone number: that is a value."""
        assert ("phone" in becomes(phone=None).model_fields_set, None) == (True, becomes(phone=None).phone)

    def test_the_name_is_not_folded(self):
        """Folding is for comparing."""
        assert "Ñandú & Cía. Ltda." == becomes(name="Ñandú & Cía. Ltda.").name


class TestCodes:
    """What accountants look for."""

    def test_by_tax_id(self):
        """C and the number."""
        assert "C9001234568" == becomes(tax_id=TaxId.parse("900123456-8")).code

    def test_a_nit_without_check_digit(self):
        """The same code: it is completed."""
        assert "C9001234568" == becomes(tax_id=TaxId.parse("900123456")).code

    @pytest.mark.parametrize("number", [None, TaxId(country="CO", number="123")])
    def test_without_a_number_to_trust(self, number):
        """From the id of the account; fifteen characters, as a CardCode takes."""
        found = becomes(tax_id=number)
        wanted = found.otherwise if isinstance(found, Ask) else found
        assert ("C0F8E0000111122", True) == (wanted.code, len(wanted.code) <= 15)

    def test_codes_are_kept(self):
        """A partner that has one keeps it, whatever happens to its tax id."""
        assert "code" in FLOW.keeps


class TestTaxIds:
    """How far a number is trusted."""

    def test_a_wrong_check_digit_is_a_question(self):
        """With the reason, and what would be created."""
        found = becomes(tax_id=TaxId.parse("900123456-1"))
        assert (Ask, True, "ACME S.A.S.") == (type(found), "8" in found.reason, found.otherwise.name)

    def test_the_question_names_no_number(self):
        """A person's NIT is the cédula."""
        assert "900123456" not in becomes(tax_id=TaxId.parse("900123456-1")).reason

    @pytest.mark.parametrize("country", ["MX", "US"])
    def test_a_number_without_rule(self, country):
        """Carried over; it identifies nobody by itself."""
        number = TaxId(country=country, number="ABC123", standing="unverified")
        assert number == becomes(tax_id=number).tax_id
        assert None is keys(becomes(tax_id=number))["tax_id"]


class TestRecognition:
    """By what two records are the same."""

    def test_tax_id_first(self):
        """Strong; with its country: numbers repeat over borders."""
        assert [("tax_id", True), ("name", False)] == [(key.name, key.is_strong) for key in FLOW.match]
        colombia = keys(becomes(tax_id=TaxId.parse("900123456-8")))["tax_id"]
        elsewhere = keys(becomes(tax_id=TaxId(country="PE", number="9001234568", standing="verified")))["tax_id"]
        assert colombia != elsewhere

    def test_completed_equals_complete(self):
        """One side has the check digit, the other one not."""
        assert (
            keys(becomes(tax_id=TaxId.parse("900123456")))["tax_id"]
            == keys(Client(name="x", tax_id=TaxId.parse("900.123.456-8")))["tax_id"]
        )

    def test_names_without_legal_form(self):
        """ACME S.A.S. and Acme are one name."""
        assert keys(becomes())["name"] == keys(Client(name="acme"))["name"]

    def test_wrong_numbers_prove_nothing(self):
        """They are not compared."""
        assert None is keys(account(tax_id=TaxId.parse("900123456-1")))["tax_id"]


class TestSettings:
    """Where from, where to, and what may be changed."""

    def test_roles(self):
        """The usual ones, or others."""
        assert (("crm", "Client"), ("erp", "Client")) == (FLOW.source, FLOW.target)
        other = clients(source="sales", target="books")
        assert ("sales", "books") == (other.source[0], other.target[0])

    def test_changes(self):
        """Any setting of a flow."""
        assert ("partners", "review") == (
            (flow := clients(name="partners", on_conflict="review")).name,
            flow.on_conflict,
        )

    def test_wrong_changes(self):
        """Are refused."""
        with pytest.raises(ConfigurationError):
            clients(posts_money=True)

    def test_careful_by_default(self):
        """It deletes no partner."""
        assert ("ignore", 50.0) == (FLOW.on_delete, FLOW.ceilings.percent)
