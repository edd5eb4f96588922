from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.connectors.sap_rfc._connections import Connections
from periferia_link.connectors.sap_rfc._tables import Tables, equals, greater_or_equal, is_searchable
from periferia_link.errors import ContractBrokenError, PermissionDeniedError
from periferia_link.testing.emulators.rfc import RfcFault, RfcStandIn
from rfc_company import company


def tables(sap, function="RFC_READ_TABLE"):
    connections = Connections(sap.connect, size=1, clock=sap.clock, system="erp", timeout=1)
    return Tables(connections.read, function=function, system="erp")


def lines_of(sap):
    return [row["TEXT"] for row in sap.log[-1].parameters["OPTIONS"]]


class TestReading:
    def test_columns_are_cut_at_their_places(self):
        """Texts with blanks inside, numbers with the sign behind, in whatever order the columns are asked."""
        sap = company()
        rows = tables(sap).rows("KNA1", ["STCD1", "NAME1", "KUNNR"])
        assert rows == [{"STCD1": "9001234568", "NAME1": "Acerías del Norte S.A.", "KUNNR": "0000100200"}]

    def test_a_condition_chooses(self):
        """Conditions are joined by AND."""
        sap = company()
        for number in range(5):
            sap.add_customer(f"20{number}", f"Cliente {number}", STCD1=f"80{number}")
        where = [greater_or_equal("STCD1", "802"), equals("LAND1", "CO")]
        rows = tables(sap).rows("KNA1", ["STCD1"], where)
        assert sorted(row["STCD1"] for row in rows) == ["802", "803", "804", "9001234568"]

    def test_many_values_are_asked_in_several_calls(self):
        """40 at a time: the condition becomes a program in SAP."""
        sap = company()
        for number in range(90):
            sap.add_customer(f"{3000 + number}", "X")
        keys = [f"{3000 + number:010}" for number in range(90)]
        rows = list(tables(sap).matching("KNA1", ["KUNNR"], "KUNNR", [*keys, *keys, "\x00", " " * 3, "9" * 99]))
        assert sorted(row["KUNNR"] for row in rows) == keys
        assert len(sap.log) == 3

    @pytest.mark.parametrize("table", ["BSEG", "NOSUCH"])
    def test_what_the_function_refuses(self, table):
        """Rows wider than 512 bytes and tables that are not there end in an error of ours that names the exception."""
        columns = [name for name in ("SGTXT", "LONGTEXT", "ZUONR", "KOSTL", "AUFNR", "HKONT") for _ in range(2)]
        with pytest.raises(ContractBrokenError, match=r"DATA_BUFFER_EXCEEDED|TABLE_NOT_AVAILABLE"):
            tables(company()).rows(table, columns)

    def test_a_user_without_the_right(self):
        """The message says which function, the hint who gives the right."""
        sap = company()
        sap.forbidden.add("RFC_READ_TABLE")
        with pytest.raises(PermissionDeniedError, match="RFC_READ_TABLE"):
            tables(sap).rows("T001", ["BUKRS"])

    def test_a_copy_of_the_function_does_as_well(self):
        """Companies that forbid RFC_READ_TABLE have one of their own, with the same interface."""
        asked = []

        def read(function, parameters):
            asked.append((function, parameters["QUERY_TABLE"]))
            return {
                "FIELDS": [{"FIELDNAME": "BUKRS", "OFFSET": "000000", "LENGTH": "000004"}],
                "DATA": [{"WA": "1000"}],
            }

        own = Tables(read, function="Z_PL_READ_TABLE", system="erp")
        assert own.rows("T001", ["BUKRS"]) == [{"BUKRS": "1000"}]
        assert asked == [("Z_PL_READ_TABLE", "T001")]

    @pytest.mark.parametrize("answer", [{}, {"FIELDS": [{}], "DATA": []}, {"FIELDS": [], "DATA": [3]}, {"FIELDS": 1}])
    def test_a_copy_with_another_interface_is_told(self, answer):
        """An answer of another shape is no empty table."""
        with pytest.raises(ContractBrokenError, match="shape"):
            Tables(lambda *_: answer, function="Z_OTHER", system="erp").rows("T001", ["BUKRS"])


class TestConditions:
    @given(st.lists(st.text(max_size=50), max_size=60))
    def test_lines_are_short_and_values_stay_values(self, texts):
        """Whatever the values: no line has more than 72 characters, none is broken in a value, none chooses others."""
        sap = RfcStandIn()
        sap.add_customer("1", "Uno", STCD1="900'1")
        rows = list(tables(sap).matching("KNA1", ["KUNNR", "STCD1"], "STCD1", texts))
        assert all(row["STCD1"] in texts for row in rows)
        if any(is_searchable(text) for text in texts):
            assert max(map(len, lines_of(sap))) <= 71

    def test_a_quote_is_doubled(self):
        """The value with a quote finds its row, the rest of it is no condition."""
        sap = company()
        sap.add_customer("7", "Siete", STCD1="O'Higgins")
        found = list(tables(sap).matching("KNA1", ["STCD1"], "STCD1", ["O'Higgins", "x' OR STCD1 <> 'y"]))
        assert found == [{"STCD1": "O'Higgins"}]

    def test_broken_reads_are_tried_again(self):
        """The line broke: another connection, the same question; twice broken is told."""
        sap = company()
        sap.faults.add(RfcFault("break", "RFC_READ_TABLE"))
        assert tables(sap).rows("T001", ["BUKRS"]) == [{"BUKRS": "1000"}]
        assert sap.sessions == 3  # the broken one, the one that pyrfc opened by itself, and ours
