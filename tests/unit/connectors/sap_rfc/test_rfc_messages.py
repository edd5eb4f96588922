from __future__ import annotations

import pytest

from periferia_link.connectors.sap_rfc._messages import Message, messages_of, refusal_of
from periferia_link.errors import RecordInvalidError, UnavailableError


def row(kind="E", code="F5/702", text="Balance in transaction currency", **more):
    identity, number = code.split("/")
    return {"TYPE": kind, "ID": identity, "NUMBER": number, "MESSAGE": text, **more}


def refused(*rows, **told):
    return refusal_of(messages_of({"RETURN": list(rows)}), system="erp", operation="create CostEntry", **told)


class TestReading:
    def test_a_table_and_a_structure(self):
        """POST answers a table, COMMIT a structure: every row counts, blank ones do not."""
        table = messages_of({"RETURN": [row(), row("S", "RW/605", "posted"), {"TYPE": ""}]})
        assert [message.type for message in table] == ["E", "S"]
        assert messages_of({"RETURN": row("A")}) == [Message("A", "F5", "702", "Balance in transaction currency")]
        assert messages_of({"RETURN": {"TYPE": "", "NUMBER": "000"}}) == []
        assert messages_of({}) == []

    def test_where_it_is_wrong(self):
        """Parameter, row and field are told as SAP tells them."""
        told = messages_of({"RETURN": [row(PARAMETER="ACCOUNTGL", ROW=2, FIELD="GL_ACCOUNT", NUMBER=7)]})[0]
        assert str(told) == "Balance in transaction currency (F5/007) [ACCOUNTGL-GL_ACCOUNT, row 2]"


class TestRefusals:
    @pytest.mark.parametrize("kind", ["S", "W", "I"])
    def test_others_are_no_refusal(self, kind):
        """A warning is not an error: the work goes on."""
        assert refused(row(kind)) is None

    @pytest.mark.parametrize("kind", ["E", "A"])
    def test_errors_and_aborts_are(self, kind):
        """Wherever in the table they stand."""
        error = refused(row("S", "RW/605"), row(kind))
        assert isinstance(error, RecordInvalidError)
        assert error.code == "F5/702"

    def test_the_reason_and_not_the_preamble(self):
        """SAP begins with a row that says nothing but that there is an error."""
        error = refused(row(code="RW/609", text="Error in document"), row(code="KI/235", text="Centre is missing"))
        assert "Centre is missing (KI/235)" in str(error)
        assert "RW/609" not in str(error)
        assert refused(row(code="RW/609", text="Error in document")).code == "RW/609"

    def test_a_closed_period_is_named(self):
        """Parked with the period, in whatever language SAP spoke."""
        error = refused(row(code="F5/201", text="Período contable 11 2026 no está abierto"), period="2026-11")
        assert isinstance(error, RecordInvalidError)
        assert "period 2026-11" in str(error)
        assert "OB52" in error.hint

    def test_a_locked_object_is_waited_for(self):
        """Somebody has the order open: nothing is wrong with the record."""
        error = refused(row(code="MC/601", text="Object is locked by ANA"))
        assert isinstance(error, UnavailableError)
        assert error.retry_after == 60.0
        assert isinstance(refused(row(code="MC/601"), row()), RecordInvalidError)
