"""Rows of the CRM become entities and back, column by column."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse_calls import answering, scripted
from periferia_link.connectors.base import Row
from periferia_link.connectors.dynamics365 import (
    DYNAMICS365_FIELDS,
    Terms,
    client_from_wire,
    client_to_wire,
    opportunity_from_wire,
    opportunity_to_wire,
)
from periferia_link.connectors.dynamics365.kinds._countries import country_code
from periferia_link.connectors.dynamics365.reading._finding import answered, chunked, is_askable, spellings
from periferia_link.domain import Client, Money, Opportunity, Ref, TaxId
from periferia_link.errors import RecordInvalidError

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
USER = "4026be43-6b69-4111-8f65-78e7d1620f5e"
ACCOUNT = {
    "@odata.etag": 'W/"470867"',
    "accountid": KEY,
    "name": "Compañía de los Andes S.A.S.",
    "accountnumber": "A-17",
    "pl_nit": "900.123.456-8",
    "address1_city": "Bogotá",
    "address1_country": "Colombia",
    "emailaddress1": "pagos@andes.example",
    "telephone1": "+57 601 555 0000",
    "_ownerid_value": USER,
    "statecode": 0,
    "modifiedon": "2026-03-02T13:00:00Z",
}
DEAL = {
    "@odata.etag": 'W/"9"',
    "opportunityid": KEY,
    "name": "Renovación",
    "pl_number": "OPP-1",
    "_parentaccountid_value": USER,
    "statecode": 1,
    "estimatedvalue": Decimal("1000.50"),
    "actualvalue": Decimal("123456789012.35"),
    "estimatedclosedate": "2026-05-01",
    "actualclosedate": "2026-04-01",
    "modifiedon": "2026-03-02T13:00:00Z",
}


class TestClientFromWire:
    def test_every_column(self):
        """Each column fills its field; the country is told by name, the NIT normalised."""
        client = client_from_wire(ACCOUNT, DYNAMICS365_FIELDS, "crm")
        expected = Client(
            ref=Ref("crm", "Client", KEY),
            version='W/"470867"',
            name="Compañía de los Andes S.A.S.",
            code="A-17",
            tax_id=TaxId.parse("900123456-8"),
            city="Bogotá",
            country="CO",
            email="pagos@andes.example",
            phone="+57 601 555 0000",
            owner=Ref("crm", "User", USER),
            is_active=True,
            updated_at=datetime(2026, 3, 2, 13, tzinfo=timezone.utc),
        )
        assert expected == client

    def test_empty_columns(self):
        """Empty and missing columns leave the field as the model has it."""
        row = dict.fromkeys(ACCOUNT) | {"accountid": KEY, "name": "A", "emailaddress1": ""}
        client = client_from_wire(row, DYNAMICS365_FIELDS, "crm")
        assert (None, None, None, True) == (client.code, client.email, client.tax_id, client.is_active)

    def test_inactive(self):
        """State 1 is inactive."""
        assert not client_from_wire(ACCOUNT | {"statecode": 1}, DYNAMICS365_FIELDS, "crm").is_active

    def test_own_columns(self):
        """An installation names its own columns; unknown ones travel in custom."""
        fields = DYNAMICS365_FIELDS.merged(
            {"Client": {"columns": {"tax_id": "cr123_nit", "phone": ""}, "extra": ["cr123_segment"]}}
        )
        row = ACCOUNT | {"cr123_nit": "800197268-4", "cr123_segment": "gold"}
        client = client_from_wire(row, fields, "crm")
        assert ("8001972684", None, {"cr123_segment": "gold"}) == (client.tax_id.number, client.phone, client.custom)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("name", 5),
            ("name", None),
            ("emailaddress1", ["secret@x.example"]),
            ("statecode", 7),
            ("statecode", "0"),
            ("address1_country", "Atlantis"),
            ("_ownerid_value", "nobody"),
            ("modifiedon", "yesterday"),
            ("accountid", None),
        ],
    )
    def test_what_does_not_fit(self, column, value):
        """A wrong type parks the record; the message names the column and no value."""
        connector, _ = scripted(answering(200, {}))
        with pytest.raises(RecordInvalidError) as raised:
            connector.decode("Client", Row(KEY, None, ACCOUNT | {column: value}))
        assert column in str(raised.value)
        assert "secret" not in str(raised.value)
        assert "Atlantis" not in str(raised.value)


class TestOpportunityFromWire:
    def test_every_column(self):
        """The real amount stands before the estimate; money is exact."""
        deal = opportunity_from_wire(DEAL, DYNAMICS365_FIELDS, "crm", terms=Terms(currency="COP"))
        expected = Opportunity(
            ref=Ref("crm", "Opportunity", KEY),
            version='W/"9"',
            name="Renovación",
            number="OPP-1",
            client=Ref("crm", "Client", USER),
            state="won",
            value=Money.of("123456789012.35", "COP"),
            closes_on=date(2026, 5, 1),
            closed_on=date(2026, 4, 1),
            updated_at=datetime(2026, 3, 2, 13, tzinfo=timezone.utc),
        )
        assert expected == deal

    def test_estimate(self):
        """Without a real amount the estimate counts."""
        deal = opportunity_from_wire(
            DEAL | {"actualvalue": None}, DYNAMICS365_FIELDS, "crm", terms=Terms(currency="USD")
        )
        assert Money.of("1000.50", "USD") == deal.value

    def test_no_amount(self):
        """An opportunity need not have an amount."""
        row = DEAL | {"actualvalue": None, "estimatedvalue": None}
        assert opportunity_from_wire(row, DYNAMICS365_FIELDS, "crm").value is None

    @pytest.mark.parametrize("value", [1.5, float("nan"), Decimal("NaN"), Decimal("Infinity"), "a lot", True, [1]])
    def test_amounts_that_are_none(self, value):
        """Floats, NaN and texts are no money."""
        connector, _ = scripted(answering(200, {}))
        with pytest.raises(RecordInvalidError, match="estimatedvalue"):
            connector.decode("Opportunity", Row(KEY, None, DEAL | {"actualvalue": value}))

    def test_a_body_of_bytes(self):
        """A row may be the bytes of the wire; NaN in it is refused."""
        connector, _ = scripted(answering(200, {}))
        row = Row(KEY, None, b'{"opportunityid": "%s", "name": "A", "estimatedvalue": 10.10}' % KEY.encode())
        assert Decimal("10.10") == connector.decode("Opportunity", row).value.amount
        with pytest.raises(RecordInvalidError):
            connector.decode("Opportunity", row._replace(body=row.body.replace(b"10.10", b"NaN")))


class TestToWire:
    def test_client(self):
        """Only the asked fields travel; state and status always as a pair; times never."""
        client = client_from_wire(ACCOUNT | {"statecode": 1}, DYNAMICS365_FIELDS, "crm")
        body = client_to_wire(
            client, {"name", "tax_id", "is_active", "owner", "updated_at", "currency"}, DYNAMICS365_FIELDS
        )
        assert {
            "name": "Compañía de los Andes S.A.S.",
            "pl_nit": "900123456-8",
            "statecode": 1,
            "statuscode": 2,
            "ownerid@odata.bind": f"/systemusers({USER})",
        } == body

    def test_emptied_fields(self):
        """None empties a column, and unbinds a link."""
        assert {"emailaddress1": None, "pl_nit": None} == client_to_wire(
            Client(name="A"), {"email", "tax_id"}, DYNAMICS365_FIELDS
        )
        assert {"estimatedvalue": None} == opportunity_to_wire(Opportunity(name="A"), {"value"}, DYNAMICS365_FIELDS)
        assert {"parentaccountid@odata.bind": None} == opportunity_to_wire(
            Opportunity(name="A"), {"client"}, DYNAMICS365_FIELDS
        )

    def test_opportunity(self):
        """Links are bound, dates are plain, the amount of a won one is the real one."""
        deal = opportunity_from_wire(DEAL, DYNAMICS365_FIELDS, "crm")
        body = opportunity_to_wire(deal, {"client", "state", "value", "closes_on"}, DYNAMICS365_FIELDS)
        assert {
            "parentaccountid@odata.bind": f"/accounts({USER})",
            "statecode": 1,
            "statuscode": 3,
            "actualvalue": Decimal("123456789012.35"),
            "estimatedclosedate": "2026-05-01",
        } == body

    def test_open_opportunity(self):
        """The amount of an open one is the estimate."""
        deal = Opportunity(name="A", value=Money.of(5, "COP"))
        assert {"estimatedvalue": Decimal(5)} == opportunity_to_wire(deal, {"value"}, DYNAMICS365_FIELDS)

    def test_other_currency(self):
        """An amount in another currency is never written as if it were ours."""
        deal = Opportunity(name="A", value=Money.of(5, "USD"))
        with pytest.raises(RecordInvalidError, match="USD"):
            opportunity_to_wire(deal, {"value"}, DYNAMICS365_FIELDS, terms=Terms(currency="COP"))

    def test_link_to_elsewhere(self):
        """A reference that is no record of the environment cannot be bound."""
        deal = Opportunity(name="A", client=Ref("crm", "Client", "C900123456"))
        with pytest.raises(RecordInvalidError, match="_parentaccountid_value"):
            opportunity_to_wire(deal, {"client"}, DYNAMICS365_FIELDS)

    def test_custom_links(self):
        """Navigation properties of custom lookups are spelled as configured; known ones are known."""
        fields = DYNAMICS365_FIELDS.merged({"Opportunity": {"columns": {"client": "_cr123_client_value"}}})
        deal = Opportunity(name="A", client=Ref("crm", "Client", USER))
        body = opportunity_to_wire(
            deal, {"client"}, fields, terms=Terms(navigation={"_cr123_client_value": "cr123_Client"})
        )
        assert ["cr123_Client@odata.bind"] == list(body)
        fields = DYNAMICS365_FIELDS.merged({"Opportunity": {"columns": {"client": "_customerid_value"}}})
        assert ["customerid_account@odata.bind"] == list(opportunity_to_wire(deal, {"client"}, fields))

    def test_custom_columns(self):
        """Extra columns of the map are written from custom; annotations and lookups are not."""
        fields = DYNAMICS365_FIELDS.merged({"Client": {"extra": ["cr123_segment", "_cr123_x_value"]}})
        client = Client(name="A", custom={"cr123_segment": "gold", "_cr123_x_value": USER, "other": 1})
        assert {"cr123_segment": "gold"} == client_to_wire(client, {"custom"}, fields)
        fields = DYNAMICS365_FIELDS.merged({"Opportunity": {"extra": ["cr123_stage"]}})
        deal = Opportunity(name="A", custom={"cr123_stage": 3})
        assert {"cr123_stage": 3} == opportunity_to_wire(deal, {"custom"}, fields)

    @given(
        st.builds(
            Client,
            name=st.text(max_size=50).map(lambda text: f"A{text}"),
            code=st.none() | st.text(min_size=1, max_size=20),
            city=st.none() | st.text(min_size=1, max_size=80),
            country=st.sampled_from(["CO", "PE", "MX", "US"]),
            is_active=st.booleans(),
        )
    )
    def test_round_trip(self, client):
        """What to_wire says, from_wire understands."""
        body = client_to_wire(client, Client.model_fields, DYNAMICS365_FIELDS)
        again = client_from_wire(body | {"accountid": KEY}, DYNAMICS365_FIELDS, "crm")
        for name in ("name", "code", "city", "country", "is_active"):
            assert getattr(client, name) == getattr(again, name)


class TestCountries:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("CO", "CO"),
            ("co", "CO"),
            ("COL", "CO"),
            ("Colombia", "CO"),
            ("PERÚ", "PE"),
            ("  méxico ", "MX"),
            ("República Dominicana", "DO"),
            ("EE.UU.", "US"),
            ("E.E.U.U", "US"),
            ("Brasil", "BR"),
            ("España", "ES"),
            ("Atlantis", None),
            ("C1", None),
        ],
    )
    def test_names_and_codes(self, text, code):
        """Codes and names of the region, however they are typed."""
        assert code == country_code(text)


class TestFinding:
    def test_tax_ids_are_typed_in_many_ways(self):
        """A NIT is asked for with and without check digit, dash and dots, and recognised in each form."""
        asked = spellings("tax_id", "9001234568")
        assert {"9001234568", "900123456-8", "900123456", "900.123.456-8", "900.123.456"} <= set(asked)
        for text in asked:
            assert "9001234568" == answered("tax_id", text, ["9001234568"])
        assert answered("tax_id", "9001234569", ["9001234568"]) is None

    def test_texts_compare_as_in_dataverse(self):
        """Case and accents make no difference there, so a hit is recognised by its folded text."""
        assert "bogota" == answered("name", "BOGOTÁ", ["lima", "bogota"])
        assert answered("name", "Bogotá D.C.", ["bogota"]) is None
        assert answered("name", None, ["x"]) is None

    def test_chunks_fit_into_a_url(self):
        """Many or long values are asked for in several requests."""
        assert [100, 100, 50] == [len(chunk) for chunk in chunked([str(n) for n in range(250)])]
        assert [3, 2] == [len(chunk) for chunk in chunked(["ñ" * 1000 + str(n) for n in range(5)])]
        assert [] == list(chunked([]))

    def test_what_no_record_holds(self):
        """Empty texts, control characters and lone surrogates are not asked for."""
        texts = ("a", "", "a\r\nb", "\ud800", "x" * 1001)
        assert [True, False, False, False, False] == [is_askable(text) for text in texts]
