from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators._rfc_failures import (
    ABAPApplicationError,
    ABAPRuntimeError,
    CommunicationError,
    ExternalRuntimeError,
    LogonError,
    RFCError,
)
from periferia_link.testing.emulators.rfc import RfcFault, RfcStandIn

HEADER = {
    "BUS_ACT": "RFBU",
    "USERNAME": "ANA",
    "COMP_CODE": "1000",
    "PSTNG_DATE": "20261119",
    "DOC_DATE": "20261119",
    "REF_DOC_NO": "PLABC",
}
POST = "BAPI_ACC_DOCUMENT_POST"


def document(amount="100", currency="COP", **header):
    value = Decimal(amount)
    return {
        "DOCUMENTHEADER": {**HEADER, **header},
        "ACCOUNTGL": [
            {"ITEMNO_ACC": "1", "GL_ACCOUNT": "0000613595"},
            {"ITEMNO_ACC": "2", "GL_ACCOUNT": "0000510595"},
        ],
        "CURRENCYAMOUNT": [
            {"ITEMNO_ACC": "1", "CURRENCY": currency, "AMT_DOCCUR": value},
            {"ITEMNO_ACC": "2", "CURRENCY": currency, "AMT_DOCCUR": -value},
        ],
    }


def codes(answer):
    told = answer["RETURN"]
    return [f"{row['TYPE']} {row['ID']}/{row['NUMBER']}" for row in (told if isinstance(told, list) else [told])]


@pytest.fixture
def sap():
    return RfcStandIn(clock=ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc)))


@pytest.fixture
def line(sap):
    return sap.connect()


def headers(connection):
    told = connection.call("RFC_READ_TABLE", QUERY_TABLE="BKPF", FIELDS=[{"FIELDNAME": "BELNR"}])
    return [row["WA"] for row in told["DATA"]]


class TestUnitsOfWork:
    def test_a_posting_is_seen_after_its_commit(self, sap, line):
        """It has a number at once, and is in the books when the session commits; others see nothing before."""
        answer = line.call(POST, **document())
        assert codes(answer) == ["S RW/605"]
        assert answer["OBJ_KEY"] == "010000000010002026"
        assert headers(sap.connect()) == headers(line) == []
        line.call("BAPI_TRANSACTION_COMMIT", WAIT="X")
        assert headers(sap.connect()) == ["0100000000"]

    def test_a_commit_of_another_session_commits_nothing(self, sap, line):
        """Work belongs to its session."""
        line.call(POST, **document())
        sap.connect().call("BAPI_TRANSACTION_COMMIT")
        assert sap.books.documents == {}

    @pytest.mark.parametrize("end", ["rollback", "close", "reset", "break"])
    def test_what_was_not_committed_is_gone(self, sap, line, end):
        """After a rollback, a closed or broken connection, a new context; the number stays drawn."""
        line.call(POST, **document())
        if end == "rollback":
            line.call("BAPI_TRANSACTION_ROLLBACK")
        elif end == "close":
            line.close()
            line = sap.connect()
        elif end == "reset":
            line.reset_server_context()
        else:
            sap.faults.add(RfcFault("break", "RFC_PING"))
            with pytest.raises(CommunicationError):
                line.ping()
            assert line.alive  # pyrfc has opened the next session by itself
        line.call("BAPI_TRANSACTION_COMMIT")
        assert sap.books.documents == {}
        line.call(POST, **document())
        line.call("BAPI_TRANSACTION_COMMIT")
        assert list(sap.books.documents) == ["010000000110002026"]

    def test_nobody_refuses_the_same_reference(self, sap, line):
        """Two documents, as in SAP: an exactly-once client must look for itself."""
        for _ in range(2):
            line.call(POST, **document())
            line.call("BAPI_TRANSACTION_COMMIT")
        assert [document.reference for document in sap.books.documents.values()] == ["PLABC", "PLABC"]


class TestAccounting:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda told: told["CURRENCYAMOUNT"].pop(), "F5/167"),
            (lambda told: told["CURRENCYAMOUNT"][0].update(AMT_DOCCUR="99"), "F5/702"),
            (lambda told: told["ACCOUNTGL"][0].update(GL_ACCOUNT="613595"), "F5/506"),
            (lambda told: told["ACCOUNTGL"][0].update(COSTCENTER="NADA"), "KI/235"),
            (lambda told: told["ACCOUNTGL"][0].update(ORDERID="NADA"), "KI/238"),
            (lambda told: told["DOCUMENTHEADER"].update(COMP_CODE="9999"), "F5/165"),
            (lambda told: told["DOCUMENTHEADER"].update(PSTNG_DATE="20251231"), "F5/201"),
            (lambda told: told["DOCUMENTHEADER"].pop("PSTNG_DATE"), "F5/117"),
            (lambda told: told["DOCUMENTHEADER"].pop("USERNAME"), "RW/023"),
            (lambda told: told["CURRENCYAMOUNT"][0].update(CURRENCY="USD"), "SG/105"),
            (lambda told: [row.update(AMT_DOCCUR=row["AMT_DOCCUR"] / 8) for row in told["CURRENCYAMOUNT"]], "RW/028"),
            (
                lambda told: [row.update(AMT_DOCCUR=row["AMT_DOCCUR"] * 10**11) for row in told["CURRENCYAMOUNT"]],
                "RW/029",
            ),
        ],
    )
    def test_what_is_wrong_is_refused(self, sap, line, change, code):
        """In RETURN and not by an exception: the general row first, the reason behind it; CHECK says the same."""
        sap.books.closed.add("2025-12")
        told = document()
        change(told)
        for function in ("BAPI_ACC_DOCUMENT_CHECK", POST):
            answer = line.call(function, **told)
            assert codes(answer)[0] == "E RW/609"
            assert f"E {code}" in codes(answer)
            assert answer["OBJ_KEY"] == "$"
        line.call("BAPI_TRANSACTION_COMMIT")
        assert sap.books.documents == {}

    def test_the_check_draws_no_number(self, sap, line):
        """It looks and leaves."""
        assert codes(line.call("BAPI_ACC_DOCUMENT_CHECK", **document())) == ["S RW/614"]
        assert sap.books.drawn == {}

    def test_tables_keep_amounts_with_the_point_moved(self, sap, line):
        """100 pesos without decimals stand in BSEG as 1.00."""
        line.call(POST, **document())
        line.call("BAPI_TRANSACTION_COMMIT")
        told = line.call("RFC_READ_TABLE", QUERY_TABLE="BSEG", FIELDS=[{"FIELDNAME": "WRBTR"}])
        assert {row["WA"].strip() for row in told["DATA"]} == {"1.00"}

    def test_an_exit_that_commits_by_itself(self, sap):
        """A company's own code can make the posting stand before the commit."""
        sap.commits_by_itself = True
        sap.connect().call(POST, **document())
        assert len(sap.books.documents) == 1


class TestTheLibrary:
    """What pyrfc does with a call, whoever answers it."""

    def test_values_are_cut_and_wrapped_in_silence(self, sap, line):
        """A text that is too long, an integer that is too large: no error, other data."""
        line.call(POST, **document(REF_DOC_NO="X" * 40))
        line.call("BAPI_TRANSACTION_COMMIT")
        assert next(iter(sap.books.documents.values())).reference == "X" * 16
        assert line.call("RFC_READ_TABLE", QUERY_TABLE="TCURX", ROWCOUNT=2**32 + 1)["DATA"] != []

    def test_a_float_is_taken_with_all_its_digits(self, sap, line):
        """Nobody refuses it: 0.1 + 0.2 is rounded to the four decimals of the field, a larger one loses its end."""
        debit, credit = (told := document())["CURRENCYAMOUNT"]
        debit["AMT_DOCCUR"], credit["AMT_DOCCUR"] = 0.1 + 0.2, Decimal("-0.3")
        assert "E F5/702" not in codes(line.call(POST, **told))
        debit["AMT_DOCCUR"], credit["AMT_DOCCUR"] = 100_000_000_000_000_010.0 * 1.1, Decimal("-110000000000000011")
        assert "E F5/702" in codes(line.call(POST, **told))

    @pytest.mark.parametrize(
        "parameters",
        [
            {"NOSUCH": 1},
            {"DOCUMENTHEADER": {"NOSUCH": "x"}},
            {"DOCUMENTHEADER": {"PSTNG_DATE": "19.11.2026"}},
            {"CURRENCYAMOUNT": [{"AMT_DOCCUR": "viele"}]},
            {"CURRENCYAMOUNT": [{"AMT_DOCCUR": "1e30"}]},
            {"ACCOUNTGL": [{"ITEMNO_ACC": "A"}]},
        ],
    )
    def test_what_it_refuses_itself(self, sap, line, parameters):
        """A name that is not there, a value that cannot be converted: nothing is sent."""
        with pytest.raises(ExternalRuntimeError):
            line.call(POST, **parameters)
        assert sap.log == []

    @pytest.mark.parametrize(
        "parameters",
        [
            {"DOCUMENTHEADER": "x"},
            {"DOCUMENTHEADER": {"HEADER_TXT": 5}},
            {"CURRENCYAMOUNT": [{"AMT_DOCCUR": [1]}]},
            {"DOCUMENTHEADER": {"PSTNG_DATE": 20261119}},
        ],
    )
    def test_other_types(self, line, parameters):
        """A TypeError, as pyrfc raises it."""
        with pytest.raises(TypeError):
            line.call(POST, **parameters)

    def test_a_function_that_is_not_there(self, line):
        """By the name of the library's code."""
        with pytest.raises(ExternalRuntimeError) as raised:
            line.call("Z_NO_SUCH_FUNCTION")
        assert raised.value.key == "RFC_NOT_FOUND"

    def test_exceptions_of_a_function(self, line):
        """RFC_READ_TABLE raises what others put into RETURN."""
        for told, key in (
            ({"QUERY_TABLE": "NADA"}, "TABLE_NOT_AVAILABLE"),
            ({"QUERY_TABLE": "T001", "FIELDS": [{"FIELDNAME": "NADA"}]}, "FIELD_NOT_VALID"),
            ({"QUERY_TABLE": "BSEG"}, "DATA_BUFFER_EXCEEDED"),
            ({"QUERY_TABLE": "T001", "OPTIONS": [{"TEXT": "BUKRS IS GREAT"}]}, "OPTION_NOT_VALID"),
            ({"QUERY_TABLE": "T001", "OPTIONS": [{"TEXT": "BUKRS = '" + "1" * 70 + "'"}]}, "OPTION_NOT_VALID"),
        ):
            with pytest.raises(ABAPApplicationError) as raised:
                line.call("RFC_READ_TABLE", **told)
            assert raised.value.key == key

    def test_lines_that_are_full_grow_together(self, line):
        """A condition that fills its 72 characters has no blank before the next line."""
        full = "BUKRS = '1000' AND BUTXT <> 'x'".ljust(70) + "OR"
        lines = [{"TEXT": full}, {"TEXT": "BUKRS = '2000'"}]
        with pytest.raises(ABAPApplicationError):
            line.call("RFC_READ_TABLE", QUERY_TABLE="T001", OPTIONS=lines)
        assert line.call("RFC_READ_TABLE", QUERY_TABLE="T001", OPTIONS=[{"TEXT": full[:-2]}])["DATA"]

    def test_a_closed_connection(self, line):
        """It says so, and has no attributes."""
        line.close()
        with pytest.raises(RFCError, match="closed"):
            line.ping()
        assert line.get_connection_attributes() == {}


class TestFaults:
    def test_logon(self, sap):
        """A wrong password, and too many sessions."""
        with pytest.raises(LogonError):
            sap.connect(passwd="wrong")
        sap.max_sessions = 1
        held = sap.connect()
        with pytest.raises(CommunicationError, match="conversations"):
            sap.connect()
        held.close()
        sap.connect()

    @pytest.mark.parametrize(
        ("trouble", "error", "key"),
        [
            ("break", CommunicationError, "RFC_COMMUNICATION_FAILURE"),
            ("cancel", CommunicationError, "RFC_CANCELED"),
            ("logon", LogonError, "RFC_LOGON_FAILURE"),
            ("busy", ABAPRuntimeError, "RFC_NO_RESOURCE"),
            ("dump", ABAPRuntimeError, "MESSAGE_TYPE_X"),
            ("forbidden", ABAPRuntimeError, "RFC_NO_AUTHORITY"),
        ],
    )
    def test_each_is_played_once_at_its_call(self, sap, line, trouble, error, key):
        """The second call that fits; the third is well again."""
        sap.faults.add(RfcFault(trouble, "STFC_*|RFC_PING", nth=2))
        line.ping()
        with pytest.raises(error) as raised:
            line.call("STFC_CONNECTION", REQUTEXT="hola")
        assert raised.value.key == key
        assert line.call("STFC_CONNECTION", REQUTEXT="hola")["ECHOTEXT"] == "hola"

    def test_a_late_commit(self, sap, line):
        """The caller is told nothing, the work is done later."""
        line.call(POST, **document())
        sap.faults.add(RfcFault("late", "BAPI_TRANSACTION_COMMIT", seconds=60))
        with pytest.raises(CommunicationError):
            line.call("BAPI_TRANSACTION_COMMIT")
        assert headers(line) == []
        sap.clock.advance(61)
        assert headers(line) == ["0100000000"]

    def test_there_is_no_other_fault(self):
        """A typing error in a test is told."""
        with pytest.raises(ConfigurationError):
            RfcFault("explode")
