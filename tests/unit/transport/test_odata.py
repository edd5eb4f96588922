"""OData text, and that no value escapes from its literal."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError
from periferia_link.transport._odata import any_of, both, eq, error_of, ge, gt, key, literal, next_link, query

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


def read_string(text: str) -> tuple[str, str]:
    """Read one quoted literal the way a server does, and return what is left."""
    assert "'" == text[0]
    value, position = "", 1
    while True:
        end = text.index("'", position)
        value += text[position:end]
        if text[end : end + 2] != "''":
            return value, text[end + 1 :]
        value, position = value + "'", end + 2


def read_comparison(text: str) -> tuple[str, str, str]:
    """Read ``name op 'value'`` and nothing else."""
    name, operator, rest = text.split(" ", 2)
    value, left = read_string(rest)
    assert "" == left
    return name, operator, value


class TestLiterals:
    """One function writes every value."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("O'Brien", "'O''Brien'"),
            ("", "''"),
            ("a' or name ne '", "'a'' or name ne '''"),
            (None, "null"),
            (True, "true"),
            (False, "false"),
            (-7, "-7"),
            (Decimal("1E+3"), "1000"),
            (Decimal("-0.10"), "-0.10"),
            (date(2026, 1, 31), "2026-01-31"),
            (datetime(2026, 1, 31, 10, 0, tzinfo=timezone(timedelta(hours=-5))), "2026-01-31T15:00:00Z"),
            (datetime(2026, 1, 31, 10, 0, 0, 120000, tzinfo=timezone.utc), "2026-01-31T10:00:00.120000Z"),
            (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ],
    )
    def test_written(self, value: object, text: str) -> None:
        """As OData v4 says (ABNF, primitiveLiteral)."""
        assert text == literal(value)

    def test_an_enumeration_is_its_value(self) -> None:
        """A text that is a member of an Enum is written as the text."""

        class Kind(str, Enum):
            CUSTOMER = "C"

        assert "'C'" == literal(Kind.CUSTOMER)

    @pytest.mark.parametrize(
        "value",
        ["a\nb", "a\x00", "\x7f", "\x85", "\ud800", Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), 2**63],
    )
    def test_what_cannot_be_said_is_parked(self, value: object) -> None:
        """Control characters, lone surrogates, numbers out of range: this record is refused, the run goes on."""
        with pytest.raises(RecordInvalidError):
            literal(value)

    @pytest.mark.parametrize("value", [1.5, b"x", [1], datetime(2026, 1, 1)])
    def test_wrong_types_are_mistakes_of_the_caller(self, value: object) -> None:
        """Floats are no money, naive times are guesses."""
        with pytest.raises(ConfigurationError):
            literal(value)

    @given(printable)
    def test_a_text_comes_back(self, value: str) -> None:
        """A server that reads the literal gets the value and nothing more."""
        assert (value, "") == read_string(literal(value))

    @given(printable, printable)
    def test_no_value_becomes_an_expression(self, left: str, right: str) -> None:
        """Two comparisons stay two comparisons, whatever the values hold."""
        expression = both(eq("name", left), eq("city", right))
        first = expression[: len("name eq ") + len(literal(left))]
        assert ("name", "eq", left) == read_comparison(first)
        assert ("city", "eq", right) == read_comparison(expression[len(first) + len(" and ") :])

    @given(printable)
    def test_a_filter_survives_the_url(self, value: str) -> None:
        """``& # + % '`` in a value stay inside ``$filter``."""
        url = query("accounts", filter=eq("name", value), top=1)
        parts = urlsplit(f"https://crm.example/{url}")
        assert [("$filter", f"name eq {literal(value)}"), ("$top", "1")] == parse_qsl(parts.query)
        assert "" == parts.fragment

    @given(printable)
    def test_a_key_survives_the_path(self, value: str) -> None:
        """Slashes and question marks in a key stay in the key."""
        path = urlsplit(f"https://erp.example/{key('Items', value)}").path
        assert 1 == path.count("/")
        assert (value, ")") == read_string(unquote(path).removeprefix("/Items("))


class TestFilters:
    """Expressions from parts."""

    def test_comparisons(self) -> None:
        """Equal, from, after."""
        assert "x eq 1" == eq("x", 1)
        assert "owner/name ge 'b'" == ge("owner/name", "b")
        assert "_id_value gt null" == gt("_id_value", None)

    def test_any_of(self) -> None:
        """One value needs no parentheses; none is a mistake, because everything would match."""
        assert "x eq 1" == any_of("x", [1])
        assert "(x eq 'a' or x eq 'b')" == any_of("x", ["a", "b"])
        with pytest.raises(ConfigurationError):
            any_of("x", [])

    def test_both(self) -> None:
        """What somebody wrote by hand is put in parentheses."""
        assert "x eq 1 and (a eq 1 or b eq 2)" == both(eq("x", 1), "a eq 1 or b eq 2")
        assert "x eq 1 and (y eq 1 or y eq 2)" == both(eq("x", 1), any_of("y", [1, 2]))
        with pytest.raises(ConfigurationError):
            both()

    @pytest.mark.parametrize("field", ["", "a b", "a eq 1 or b", "a'", "a)", "1a"])
    def test_names_are_names(self, field: str) -> None:
        """A field map cannot smuggle an expression either."""
        with pytest.raises(ConfigurationError):
            eq(field, 1)


class TestPaths:
    """Keys and query strings."""

    def test_keys(self) -> None:
        """Numbers bare, texts quoted, several values named."""
        assert "JournalEntries(7)" == key("JournalEntries", 7)
        assert "Items('A%2F1%20%C3%B1')" == key("Items", "A/1 ñ")
        assert "UserFieldsMD(TableName='@UDT01',FieldID=0)" == key(
            "UserFieldsMD", {"TableName": "@UDT01", "FieldID": 0}
        )
        with pytest.raises(ConfigurationError):
            key("Items", {})

    def test_options(self) -> None:
        """Names get ``$``, lists commas, booleans lower case; None is left out."""
        assert "a?$select=x,y&$count=true&$top=5" == query("a", select=["x", "y"], count=True, top=5, filter=None)
        assert "a?b=1&$skip=2" == query("a?b=1", skip=2)
        assert "a" == query("a")

    def test_unknown_options_are_refused(self) -> None:
        """A typing mistake would read the whole table."""
        with pytest.raises(ConfigurationError, match="fitler"):
            query("a", fitler="x eq 1")


class TestAnswers:
    """Error bodies and next links of both generations."""

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            (b'{"error":{"code":"0x80040265","message":"no"}}', ("0x80040265", "no")),
            (b'{"error":{"code":"","message":"no"}}', ("", "no")),
            (b'{"error":{"code":-2028,"message":{"lang":"en-us","value":"none"}}}', ("-2028", "none")),
            (b'{"odata.error":{"code":"x","message":{"value":"y"}}}', ("x", "y")),
            (b'{"error":{}}', ("", "")),
            (b'{"error":"invalid_client"}', None),
            (b'{"value":[]}', None),
            (b"[1]", None),
            (b"<html>", None),
            (b"", None),
        ],
    )
    def test_errors(self, body: bytes, error: tuple[str, str] | None) -> None:
        """v4 and v3, codes as texts; anything else is no OData error."""
        assert error == error_of(body)

    @pytest.mark.parametrize("name", ["@odata.nextLink", "odata.nextLink", "@nextLink"])
    def test_next_links(self, name: str) -> None:
        """As the server wrote it."""
        assert "Orders?$skip=20" == next_link({"value": [], name: "Orders?$skip=20"})

    def test_no_next_link(self) -> None:
        """The last page has none; something else than text is a broken contract."""
        assert next_link({"value": []}) is None
        with pytest.raises(ContractBrokenError):
            next_link({"@odata.nextLink": 7})
