"""JSON that is stricter than its parsers."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError
from periferia_link.transport import _json
from periferia_link.transport._json import Doubtful, NotJsonError, claims, dumps, loads, record_of, remade, rows_of

BAD = {
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "digits": b"[" + b"9" * 5000 + b"]",
    "depth": b"[" * 201 + b"]" * 201,
    "depth of objects": b'{"a":' * 201 + b"1" + b"}" * 201,
    "depth behind brackets in texts": b'["]]]][[[[",' + b"[" * 200 + b"]" * 200 + b"]",
    "great depth": b"[" * 100_000,
    "escaped surrogate": b'["\\ud800"]',
    "surrogate in a name": b'{"\\uDC00":1}',
    "raw surrogate": b'["\xed\xa0\x80"]',
    "bad UTF-8": b'["\xff"]',
    "latin-1": '["ñ"]'.encode("latin-1"),
    "UTF-16": '["a"]'.encode("utf-16"),
    "trailing": b"[1] x",
    "nothing": b"",
    "cut": b'{"a": [1, 2',
    "HTML": b"<html>",
    "line break in a text": b'["a\nb"]',
}


@pytest.fixture(params=["as installed", "standard library"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with the fast parser, if it is installed, and without."""
    if request.param == "standard library":
        monkeypatch.setattr(_json, "_PLAIN", _json.STANDARD_PLAIN)
        monkeypatch.setattr(_json, "_EXACT", _json.STANDARD_EXACT)
    return request.param


@pytest.mark.usefixtures("parser")
class TestReading:
    """The same texts are accepted and refused, whatever is installed."""

    @pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
    @pytest.mark.parametrize("exact", [False, True])
    def test_refused(self, body: bytes, exact: bool) -> None:
        """One error for all of it, which both kinds of handlers catch, and nothing of the document in it."""
        with pytest.raises(NotJsonError) as caught:
            loads(body, exact=exact)
        assert isinstance(caught.value, ContractBrokenError)
        assert isinstance(caught.value, ValueError)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_a_number_beyond_a_float(self) -> None:
        """1e400 is no infinity: refused as a float, kept as a decimal."""
        with pytest.raises(NotJsonError):
            loads(b"[1e400]")
        assert [Decimal("1e400")] == loads(b"[1e400]", exact=True)

    def test_accepted(self) -> None:
        """A byte order mark, escaped pairs, NUL, 200 levels, large integers."""
        assert [1] == loads(b"\xef\xbb\xbf[1]")
        assert ["😀\x00"] == loads(b'["\\ud83d\\ude00\\u0000"]')
        assert [10**30] == loads(b"[1" + b"0" * 30 + b"]")
        assert loads(b"[" * 200 + b"]" * 200)
        assert loads(b'["]]]][[[[",' + b"[" * 199 + b"]" * 199 + b"]")

    def test_money_digit_by_digit(self) -> None:
        """Exact reading never sees a binary float."""
        assert {"a": Decimal("0.10"), "b": Decimal("12345678901234567890.12"), "c": 1} == loads(
            b'{"a": 0.10, "b": 12345678901234567890.12, "c": 1}', exact=True
        )
        assert "0.10" == str(loads(b"0.10", exact=True))
        assert isinstance(loads(b"0.5"), float)


class TestRows:
    """Pages."""

    def test_rows_and_rest(self) -> None:
        """Rows, and links and counts beside them."""
        rows, rest = rows_of(b'{"value": [{"a": 1.10}], "@odata.nextLink": "x"}')
        assert ([{"a": Decimal("1.10")}], {"@odata.nextLink": "x"}) == (rows, rest)
        assert [{}] == rows_of(b'{"items": [{}]}', "items")[0]

    @pytest.mark.parametrize("body", [b"[]", b"{}", b'{"value": null}', b'{"value": {}}', b'{"value": [1]}', b"1"])
    def test_another_shape_is_no_empty_page(self, body: bytes) -> None:
        """Typed, never an empty list."""
        with pytest.raises(NotJsonError):
            rows_of(body)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@pytest.mark.usefixtures("parser")
class TestNamesThatStandTwice:
    """Parsers keep the last value and say nothing."""

    @pytest.mark.parametrize(
        "row",
        [
            b'{"id":"A","name":"x","id":"B"}',
            b'{"id":"A","name":"\\":","id":"B"}',
            b'{"i\\u0064":"A","name":"x","id":"B"}',
            b'{"n":[[{"id":"A","id":"B"}]],"id":"B","name":"x"}',
        ],
        ids=["plain", "with quotes", "escaped", "further inside"],
    )
    @pytest.mark.parametrize("exact", [False, True])
    def test_told_by_both_parsers(self, row, exact):
        """The record that does is marked, its neighbours are not."""
        whole = b'{"id":"C","text":"\\"a\\": {\\"b\\":1}","n":{"x":1.5}}'
        (one, other), rest = rows_of(b'{"value":[' + row + b"," + whole + b'],"count":2}', exact=exact)
        assert (Doubtful, "B", ("id",)) == (type(one), one["id"], one.names)
        assert dict is type(other)
        assert {"count": 2} == rest
        with pytest.raises(RecordInvalidError, match="it says id twice"):
            record_of(one)
        assert other is record_of(other)

    def test_blanks_before_the_colon(self):
        """Rare, and looked at more closely."""
        (one,), _ = rows_of(b'{ "value" : [ { "id" : "A", "id" : "B", "text" : "\\":" } ] }')
        assert ("id",) == one.names

    def test_a_page_that_does_is_refused(self):
        """Which of its lists counts nobody knows."""
        with pytest.raises(NotJsonError, match="says value twice"):
            rows_of(b'{"value":[],"value":[{"id":1}]}')

    def test_values_are_those_of_the_parser(self):
        """A closer look changes no value of the others."""
        page = b'{"value":[{"a":1,"a":2},{"b":1.10,"c":[1,2.5,{"d":null}],"e":"\xc3\xb1"}]}'
        told = rows_of(page)[0][1]
        assert {"b": Decimal("1.10"), "c": [1, Decimal("2.5"), {"d": None}], "e": "ñ"} == told
        assert Decimal is type(told["b"])

    def test_each_key_that_it_claims_is_a_record(self):
        """All of them are put aside; what else stands twice is left out."""
        rows, _ = rows_of(b'{"value":[{"id":"A","v":1,"id":"B","v":2,"w":3},{"id":"C"}]}')
        told = claims(rows, "id")
        assert [{"id": "A", "w": 3}, {"id": "B", "w": 3}, {"id": "C"}] == told
        assert [Doubtful, Doubtful, dict] == [type(one) for one in told]
        assert told == claims(told, "id")
        assert (plain := [{"id": "C"}]) is claims(plain, "id")

    def test_what_is_made_of_it_is_no_surer(self):
        """A copy with something added is as doubtful as the record."""
        (row,), _ = rows_of(b'{"value":[{"id":"A","id":"B"}]}')
        assert Doubtful is type(remade({**row, "more": 1}, row))
        assert dict is type(remade({"id": 1}, {"id": 1}))

    @settings(max_examples=50)
    @given(
        st.recursive(
            st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    )
    def test_nothing_is_marked_that_is_whole(self, value):
        """Whatever the texts hold, and however it is written."""
        for separators in ((",", ":"), (", ", " : ")):
            read = loads(
                json.dumps({"value": value}, separators=separators, ensure_ascii=False).encode("utf-8", "replace")
            )
            assert "Doubtful" not in str(list(map(type, _inside(read))))

    @given(
        st.lists(
            st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.integers() | st.text(), max_size=4)
        ),
        st.dictionaries(
            st.text(max_size=3), st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.none())
        ),
    )
    def test_a_page_is_counted_at_once(self, rows, rest):
        """The short way believes what the long one does, or leaves it to that one: nested values, names in texts."""
        page = rest | {"value": rows}
        body = json.dumps(page, ensure_ascii=False).encode()
        told = body.count(b'":')
        if _json._is_plain_page(body, page, told):
            assert _json._are_all(body, told, _json._names_in(page))
        assert not _json._is_plain_page(body, page, told + 1) or b'\\":' in body
        plain = json.dumps({"value": [{"a": 1, "b": None}] * 3}).encode()
        assert _json._is_plain_page(plain, json.loads(plain), 7)
        assert not _json._is_plain_page(plain, json.loads(plain), 8)

    @pytest.mark.parametrize("size", [0, 1, 2, 65535, 65536, 65537, 200_000])
    def test_braces_are_counted_in_pieces(self, size):
        """Whatever stands at the ends of the pieces."""
        for body in (b"{" * size, b"x{" * (size // 2), b"{".ljust(size, b"x") + b"{"):
            assert body.count(b"{") == _json._count(body, b"{")

    def test_levels_beside_names_with_blanks(self):
        """As many names hidden by blanks as there are levels: they are counted all the same."""
        deep = '{"c":' * 300 + "1" + "}" * 300
        hidden = ",".join(f'"h{number}" :1' for number in range(300))
        with pytest.raises(NotJsonError, match="200 levels"):
            rows_of(f'{{"value":[{{"a":{deep},{hidden}}}]}}'.encode())

    @pytest.mark.parametrize("twice", ['{"a":1,"a":2}', '{"a":{"b":1},"a":2}', '{"a":[1],"a":2}', '{"a":"{","a":2}'])
    def test_one_record_of_a_flat_page(self, twice):
        """Whatever the value was that another one took the place of, the record is doubtful."""
        rows, _ = rows_of(f'{{"value":[{{"a":1,"b":2}},{twice},{{"a":3,"b":4}}]}}'.encode())
        assert [dict, Doubtful, dict] == list(map(type, rows))


def _inside(value):
    yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _inside(each)


class TestWriting:
    """Always the same bytes."""

    def test_bytes(self) -> None:
        """Sorted names, no blanks, decimals as numbers, UTF-8."""
        value = {"b": Decimal("100.10"), "a": ["ñ\n", None, True, 1.5, 7, Decimal("1E+2")], "c": {}, "d": []}
        assert '{"a":["ñ\\n",null,true,1.5,7,100],"b":100.10,"c":{},"d":[]}'.encode() == dumps(value)

    @given(st.dictionaries(st.text(), st.none() | st.booleans() | st.text() | st.integers(), max_size=6))
    def test_a_flat_record(self, value: dict[str, object]) -> None:
        """One record, as most are, is written as it would be inside another value."""
        assert dumps([value]) == b"[%s]" % dumps(value)

    @given(st.dictionaries(st.text(), st.none() | st.booleans() | st.text(), min_size=1, max_size=6))
    def test_whatever_is_installed(self, value: dict[str, object]) -> None:
        """The same bytes with the standard library alone."""
        assert dumps(value) == _json.standard_flat(value)

    @given(json_values)
    def test_round_trip(self, value: object) -> None:
        """What is written is read back as it was, digit by digit."""
        assert value == loads(dumps(value), exact=True)

    @pytest.mark.parametrize(
        "value",
        [
            *(Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), float("nan"), float("inf"), 10**401),
            *(Decimal("1E+999999999"), Decimal("1E-999999999"), "\ud800", {"\udfff": 1}),
        ],
    )
    def test_values_that_json_cannot_say(self, value: object) -> None:
        """The record is parked; nothing is rounded or dropped in silence."""
        with pytest.raises(RecordInvalidError):
            dumps({"x": value} if not isinstance(value, dict) else value)

    def test_depth(self) -> None:
        """What we would not read we do not write."""
        deep: list[object] = []
        for _ in range(199):
            deep = [deep]
        assert deep == loads(dumps(deep))
        with pytest.raises(RecordInvalidError):
            dumps([deep])

    @pytest.mark.parametrize("value", [object(), b"x", {1: 2}, {1, 2}])
    def test_types_that_json_does_not_have(self, value: object) -> None:
        """A mistake of the caller."""
        with pytest.raises(ConfigurationError):
            dumps([value])


class TestInstallation:
    """The fast parser is optional."""

    def test_without_msgspec(self) -> None:
        """The module works, and reads money exactly, when msgspec is not installed."""
        program = (
            "import sys; sys.modules['msgspec'] = None\n"
            "from importlib.machinery import PathFinder\n"
            "find = PathFinder.find_spec\n"
            "PathFinder.find_spec = lambda name, *a, **k: None if name == 'msgspec' else find(name, *a, **k)\n"
            "del sys.modules['msgspec']\n"
            "from periferia_link.transport._json import loads\n"
            "print(loads(b'[0.10]', exact=True), 'msgspec' in sys.modules)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "[Decimal('0.10')] False" == done.stdout.strip()
