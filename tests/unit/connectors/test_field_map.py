"""Which wire column holds which domain field."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.errors import ConfigurationError

CLIENT = KindMap("accounts", "accountid", {"name": "name", "city": "address1_city", "owner": "_ownerid_value"})
MAP = FieldMap({"Client": CLIENT, "Visit": KindMap("visits", "id", {"place": "place"})})


class TestKindMap:
    def test_select_asks_for_every_column_once(self):
        """The key first, then what is mapped, then what is extra."""
        kind = KindMap("t", "id", {"code": "id", "name": "n", "city": "n"}, ("x", "n", "x"))
        assert ("id", "n", "x") == kind.select

    def test_column_of_a_field(self):
        """The wire column, or what to write in the file."""
        assert "address1_city" == CLIENT.column("city")
        with pytest.raises(ConfigurationError, match=r"no column for the field phone.* columns = \{ phone"):
            CLIENT.column("phone")

    def test_custom_holds_the_extra_columns_of_a_row(self):
        """What the row does not have is not made up; null is a value."""
        kind = KindMap("t", "id", {"name": "n"}, ("a", "b", "c"))
        assert {"a": 1, "b": None} == kind.custom({"id": 9, "n": "x", "a": 1, "b": None})

    def test_it_cannot_be_changed(self):
        """Neither by attribute, nor inside, nor through the mapping that it was made of."""
        columns = {"name": "n"}
        kind = KindMap("t", "id", columns)
        columns["city"] = "c"
        with pytest.raises(TypeError):
            kind.columns["phone"] = "p"
        with pytest.raises(AttributeError):
            kind.table = "u"
        assert {"name": "n"} == kind.columns


class TestMerged:
    def test_what_differs_is_changed_and_the_rest_kept(self):
        """The map itself stays as it was."""
        merged = MAP.merged(
            {"Client": {"columns": {"tax_id": "cr123_nit", "city": "cr123_city"}, "extra": ["cr123_segment"]}}
        )
        expected = {"name": "name", "city": "cr123_city", "owner": "_ownerid_value", "tax_id": "cr123_nit"}
        assert (expected, ("cr123_segment",)) == (merged["Client"].columns, merged["Client"].extra)
        assert MAP["Visit"] == merged["Visit"]
        assert CLIENT == MAP["Client"]

    def test_table_and_key(self):
        """A renamed table is told like anything else."""
        merged = MAP.merged({"Client": {"table": "cr123_clients", "key": "cr123_clientid"}})["Client"]
        assert ("cr123_clients", "cr123_clientid", "cr123_clientid") == (merged.table, merged.key, merged.select[0])

    def test_an_empty_column_takes_the_field_out(self):
        """Also one that was not there."""
        assert {"name", "owner"} == set(
            MAP.merged({"Client": {"columns": {"city": "", "phone": ""}}})["Client"].columns
        )

    def test_extra_columns_add_up(self):
        """A second change keeps those of the first."""
        twice = MAP.merged({"Client": {"extra": ["a"]}}).merged({"Client": {"extra": ["b", "a"]}})
        assert ("a", "b") == twice["Client"].extra

    def test_kinds_of_other_packages_keep_their_fields(self):
        """A kind that the domain does not know has the fields that its connector maps."""
        assert "cr_place" == MAP.merged({"Visit": {"columns": {"place": "cr_place"}}})["Visit"].column("place")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"Cliente": {}}, r"fields: unknown kind Cliente .*did you mean Client\? known are Client, Visit"),
            ({"Client": {"colums": {}}}, r"fields\.Client: unknown entry colums .*did you mean columns\?"),
            ({"Client": {"columns": {"taxid": "x"}}}, r"unknown field taxid .*did you mean tax_id\? .*updated_at"),
            ({"Client": {"columns": {"custom": "x"}}}, "unknown field custom"),
            ({"Client": {"columns": {"version": "x"}}}, "unknown field version"),
            ({"Visit": {"columns": {"zzz": "x"}}}, "unknown field zzz .* known are place"),
            ({"Client": []}, r"fields\.Client is not a table"),
            ({"Client": {"columns": "x"}}, r"fields\.Client\.columns is not a table"),
            ({"Client": {"columns": {"city": 5}}}, r"fields\.Client\.columns\.city is not the name"),
            ({"Client": {"columns": {"city": "a b"}}}, r"fields\.Client\.columns\.city is not the name"),
            ({"Client": {"extra": "cr123_segment"}}, r"fields\.Client\.extra is not a list"),
            ({"Client": {"extra": ["a&b"]}}, r"fields\.Client\.extra is not the name"),
            ({"Client": {"table": ""}}, r"fields\.Client\.table is not the name"),
            ({"Client": {"key": None}}, r"fields\.Client\.key is not the name"),
        ],
    )
    def test_typing_errors_are_told(self, changes, message):
        """The place, what is wrong and what is known."""
        with pytest.raises(ConfigurationError, match=message):
            MAP.merged(changes)


class TestMapping:
    def test_it_reads_like_a_mapping(self):
        """By kind name, with length and order."""
        assert (["Client", "Visit"], 2, True, None) == (list(MAP), len(MAP), "Client" in MAP, MAP.get("Lead"))

    def test_equal_maps_are_equal(self):
        """Compared by what they say."""
        assert FieldMap({"Client": CLIENT}) == FieldMap({"Client": KindMap("accounts", "accountid", CLIENT.columns)})


class TestFingerprint:
    def test_it_is_the_same_for_the_same_mapping(self):
        """The order of writing does not matter, the process neither."""
        turned = FieldMap(
            {
                "Visit": MAP["Visit"],
                "Client": KindMap("accounts", "accountid", dict(reversed(list(CLIENT.columns.items())))),
            }
        )
        program = (
            "from periferia_link.connectors._field_map import FieldMap, KindMap\n"
            "print(FieldMap({'Client': KindMap('t', 'id', {'name': 'n', 'city': 'c'}, ('b', 'a'))}).fingerprint())"
        )
        here = FieldMap({"Client": KindMap("t", "id", {"city": "c", "name": "n"}, ("a", "b"))}).fingerprint()
        there = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()
        assert (MAP.fingerprint(), here) == (turned.fingerprint(), there)

    @pytest.mark.parametrize(
        "changes",
        [{"columns": {"city": "x"}}, {"columns": {"city": ""}}, {"extra": ["x"]}, {"table": "x"}, {"key": "x"}],
    )
    def test_it_changes_with_anything_that_matters(self, changes):
        """And only for the kind that changed."""
        merged = MAP.merged({"Client": changes})
        assert MAP.fingerprint() != merged.fingerprint()
        assert MAP.fingerprint("Client") != merged.fingerprint("Client")
        assert MAP.fingerprint("Visit") == merged.fingerprint("Visit")

    @given(st.dictionaries(st.sampled_from(["name", "city", "phone"]), st.sampled_from(["a", "b", "c", ""])))
    def test_it_is_equal_exactly_when_the_map_is(self, columns):
        """No two maps share one."""
        merged = MAP.merged({"Client": {"columns": columns}})
        assert (merged == MAP) is (merged.fingerprint() == MAP.fingerprint())

    def test_of_an_unknown_kind(self):
        """A typing error, not an empty hash."""
        with pytest.raises(ConfigurationError, match="unknown kind Lead"):
            MAP.fingerprint("Lead")
