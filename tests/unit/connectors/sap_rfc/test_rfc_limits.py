from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.connectors.sap_rfc import LIMITS
from periferia_link.connectors.sap_rfc._limits import Limits
from periferia_link.errors import ConfigurationError, RecordInvalidError
from periferia_link.testing.emulators._rfc_dictionary import STRUCTURES, received

FIELDS = [(structure, field) for structure, fields in LIMITS.items() for field in fields]
KINDS = {"char": "c", "numc": "n", "date": "d", "dec": "p"}


class TestRoom:
    @pytest.mark.parametrize(("structure", "field"), FIELDS)
    def test_it_is_that_of_the_dictionary(self, structure, field):
        """What we let through is what the dictionary of the stand-in, written on its own, has room for."""
        room, there = LIMITS[structure][field], STRUCTURES[structure][field]
        assert (there.kind, there.length, there.decimals) == (KINDS[room.type], room.length, room.decimals)

    def test_the_header_has_its_bytes(self):
        """The header of accounting documents has 251 characters in the dictionary of the stand-in, as in SAP."""
        assert sum(kind.length for kind in STRUCTURES["BAPIACHE09"].values()) == 251

    @pytest.mark.parametrize(
        ("structure", "field"), [pair for pair in FIELDS if LIMITS[pair[0]][pair[1]].type == "char"]
    )
    def test_one_character_more_is_refused(self, structure, field):
        """RFC would cut it in silence: the message names field, limit and length, and not the value."""
        length = LIMITS[structure][field].length
        assert Limits().fitted(structure, {field: "X" * length}) == {field: "X" * length}
        with pytest.raises(RecordInvalidError) as refused:
            Limits().fitted(structure, {field: "Q" * (length + 1)}, where="line 2: ")
        text = str(refused.value)
        assert f"line 2: {structure}-{field}" in text
        assert str(length) in text
        assert "QQ" not in text


class TestSilence:
    """What the limits are for: the stand-in does it as the real library does."""

    def test_a_long_text_is_cut(self):
        """CHAR 25 keeps 25 characters."""
        told = received("BAPI_ACC_DOCUMENT_POST", {"DOCUMENTHEADER": {"HEADER_TXT": "Mano de obra del proyecto PRY-1"}})
        assert told["DOCUMENTHEADER"]["HEADER_TXT"] == "Mano de obra del proyecto"

    @given(st.integers(-(2**40), 2**40))
    def test_an_integer_wraps(self, number):
        """INT4 keeps the last 32 bits."""
        told = received("RFC_READ_TABLE", {"QUERY_TABLE": "T001", "ROWCOUNT": number})
        assert (told["ROWCOUNT"] - number) % 2**32 == 0
        assert -(2**31) <= told["ROWCOUNT"] < 2**31


class TestValues:
    @given(st.text(max_size=60), st.sampled_from(["BAPIACHE09-HEADER_TXT", "BAPIACGL09-ITEM_TEXT"]))
    def test_what_passes_arrives_whole(self, text, place):
        """Whatever a text holds: it is refused, or SAP gets every character of it."""
        structure, _, field = place.partition("-")
        try:
            sent = Limits().fitted(structure, {field: text})
        except RecordInvalidError:
            return
        parameter = "DOCUMENTHEADER" if structure == "BAPIACHE09" else "ACCOUNTGL"
        given_ = sent if parameter == "DOCUMENTHEADER" else [sent]
        told = received("BAPI_ACC_DOCUMENT_POST", {parameter: given_})[parameter]
        assert (told if parameter == "DOCUMENTHEADER" else told[0])[field] == text

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**21), max_value=10**21))
    def test_an_amount_that_passes_arrives_exactly(self, amount):
        """No digit of an amount is lost or rounded on the way."""
        try:
            sent = Limits().fitted("BAPIACCR09", {"AMT_DOCCUR": amount})
        except RecordInvalidError:
            return
        told = received("BAPI_ACC_DOCUMENT_POST", {"CURRENCYAMOUNT": [sent]})["CURRENCYAMOUNT"][0]
        assert told["AMT_DOCCUR"] == amount
        assert isinstance(sent["AMT_DOCCUR"], Decimal)

    @pytest.mark.parametrize(
        ("value", "why"),
        [("0.00001", "decimals"), ("1e19", "digits"), ("NaN", "number"), ("-1e19", "digits")],
    )
    def test_an_amount_without_room_is_refused(self, value, why):
        """More than 19 digits before the point, more than 4 behind it, or no number at all."""
        with pytest.raises(RecordInvalidError, match=why):
            Limits().fitted("BAPIACCR09", {"AMT_DOCCUR": Decimal(value)})

    def test_days_and_numbers(self):
        """A day is YYYYMMDD, a NUMC has its zeros; what is empty does not travel."""
        told = {"DOC_DATE": date(2026, 1, 2), "FIS_PERIOD": 3, "HEADER_TXT": "", "TRANS_DATE": None}
        assert Limits().fitted("BAPIACHE09", told) == {"DOC_DATE": "20260102", "FIS_PERIOD": "03"}

    @pytest.mark.parametrize("text", ["dos\nlíneas", "nul\x00", "tab\t"])
    def test_control_characters_are_refused(self, text):
        """A tab at the end is lost on the way back, a line break ends up in lists."""
        with pytest.raises(RecordInvalidError, match="control"):
            Limits().fitted("BAPIACHE09", {"HEADER_TXT": text})

    def test_letters_are_no_number(self):
        """NUMC takes digits; arabic ones of other scripts are none."""
        for text in ("12a", "٣", "-1"):
            with pytest.raises(RecordInvalidError, match="digits"):
                Limits().fitted("BAPIACCR09", {"ITEMNO_ACC": text})


class TestChanges:
    def test_an_installation_has_fields_of_its_own(self):
        """An appended field has the room that the settings say; without that it is not sent."""
        limits = Limits({"BAPI2075_7-ZZREGION": 3})
        assert limits.fitted("BAPI2075_7", {"ZZREGION": "SUR"}) == {"ZZREGION": "SUR"}
        assert limits.knows("BAPI2075_7", "ZZREGION")
        with pytest.raises(RecordInvalidError):
            limits.fitted("BAPI2075_7", {"ZZREGION": "SURE"})
        with pytest.raises(ConfigurationError, match="not known"):
            Limits().fitted("BAPI2075_7", {"ZZREGION": "SUR"})

    @pytest.mark.parametrize("place", ["BAPIACHE09", "NOSUCH-FIELD", "BAPIACHE09-"])
    def test_a_change_names_a_field(self, place):
        """Anything else is a typing error."""
        with pytest.raises(ConfigurationError):
            Limits({place: 5})

    def test_a_length_is_a_number_above_zero(self):
        """Zero characters are no field."""
        with pytest.raises(ConfigurationError):
            Limits({"BAPIACHE09-HEADER_TXT": 0})
