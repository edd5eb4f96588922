"""Values and queries of Azure DevOps: quoting that holds, dates, people, tags."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.connectors.azure_devops import literal
from periferia_link.connectors.azure_devops._values import instant, joined, number_of, person, split_tags, us_instant
from periferia_link.connectors.azure_devops._wiql import LONGEST, any_of, chunked, eq, select, tagged
from periferia_link.errors import ConfigurationError
from periferia_link.testing.emulators._devops_process import FIELDS
from periferia_link.testing.emulators._devops_wiql import Surroundings, parse_wiql

AROUND = Surroundings(FIELDS, "Entrega", "ana@periferia.example", datetime(2026, 11, 20, tzinfo=timezone.utc))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def matches(query: str, **fields: object) -> bool:
    return parse_wiql(query, AROUND).test({f"System.{name}": value for name, value in fields.items()})


class TestLiteral:
    @given(TEXT)
    def test_a_value_is_never_anything_but_a_value(self, value):
        """Whatever stands in it: the query finds exactly that title and nothing else."""
        query = select(eq("System.Title", value))
        assert matches(query, Title=value)
        assert not matches(query, Title=f"{value}x")
        assert not matches(query, Title="")

    @given(TEXT, TEXT)
    def test_quotes_open_no_second_condition(self, value, other):
        """A value followed by another condition leaves that condition alone."""
        query = select(f"{eq('System.Title', value)} AND {eq('System.State', other)}")
        assert matches(query, Title=value, State=other)
        assert not matches(query, Title=value, State=f"{other}-")

    @given(st.lists(TEXT.map(lambda text: text.replace(";", "").strip() or "x"), min_size=1, max_size=8, unique=True))
    def test_tags_are_found_whole(self, tags):
        """Each tag finds an item that has it among others, and none that has not."""
        there = "; ".join(tags)
        for tag in tags:
            assert matches(select(tagged(tag)), Tags=there)
            assert not matches(select(tagged(f"{tag}-")), Tags=there)

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("O'Neil", "'O''Neil'"),
            ("' OR 1=1", "''' OR 1=1'"),
            (7, "7"),
            (True, "true"),
            (Decimal("1.50"), "1.50"),
            (date(2026, 1, 2), "'2026-01-02'"),
            (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), "'2026-01-02T03:04:05Z'"),
        ],
    )
    def test_types(self, value, text):
        """Each type as WIQL writes it."""
        assert text == literal(value)

    @pytest.mark.parametrize("value", [None, 1.5, object(), Decimal("NaN"), datetime(2026, 1, 1)])
    def test_what_wiql_has_not_is_refused(self, value):
        """Guessing would ask another question."""
        with pytest.raises(ConfigurationError):
            literal(value)

    @pytest.mark.parametrize("name", ["System.Title] OR [System.Id", "Title", "", "System.", "a b.c", "x]'"])
    def test_field_names_are_names(self, name):
        """A field is a reference name or nothing."""
        with pytest.raises(ConfigurationError):
            eq(name, "x")

    @given(st.lists(TEXT, min_size=1, max_size=30))
    def test_queries_stay_below_the_limit(self, values):
        """Chunks keep every condition, in order, and fit into one query."""
        conditions = [eq("System.Title", value * 50) for value in values]
        chunks = list(chunked(conditions))
        assert conditions == [each for chunk in chunks for each in chunk]
        assert all(len(select(any_of(chunk))) <= LONGEST or len(chunk) == 1 for chunk in chunks)


class TestValues:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2025-01-10T12:13:07.26Z", datetime(2025, 1, 10, 12, 13, 7, 260_000, timezone.utc)),
            ("2025-01-10T12:13:07Z", datetime(2025, 1, 10, 12, 13, 7, 0, timezone.utc)),
            ("2021-08-07T15:41:56.5943909Z", datetime(2021, 8, 7, 15, 41, 56, 594_390, timezone.utc)),
            ("2021-08-07T10:41:56-05:00", datetime(2021, 8, 7, 15, 41, 56, 0, timezone.utc)),
            ("9999-01-01T00:00:00Z", None),
            (None, None),
        ],
    )
    def test_instants(self, text, expected):
        """Zero to seven digits of a second; the year 9999 is not yet."""
        assert expected == instant(text)

    @pytest.mark.parametrize("text", ["1/2/2026", "yesterday", 5, [], "2026-13-01T00:00:00Z"])
    def test_what_is_no_instant(self, text):
        """It is refused, not guessed."""
        with pytest.raises(ValueError):
            instant(text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1/10/2025 12:13:35 PM", datetime(2025, 1, 10, 12, 13, 35, tzinfo=timezone.utc)),
            ("12/1/2025 12:00:01 AM", datetime(2025, 12, 1, 0, 0, 1, tzinfo=timezone.utc)),
            ("2015-01-07T18:13:01.807Z", datetime(2015, 1, 7, 18, 13, 1, 807_000, tzinfo=timezone.utc)),
        ],
    )
    def test_dates_of_deletions(self, text, expected):
        """Month first, twelve hours: the recycle bin writes like that."""
        assert expected == us_instant(text)

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            ({"displayName": "Ana", "uniqueName": "ana@x.example"}, "ana@x.example"),
            ({"displayName": "Ana"}, "Ana"),
            ("Ana Prueba <ana@x.example>", "ana@x.example"),
            ("ana@x.example", "ana@x.example"),
            ("", None),
            (None, None),
            (7, None),
        ],
    )
    def test_people(self, told, expected):
        """Objects in items, texts in feeds, bins and webhooks."""
        assert expected == person(told)

    @given(st.lists(st.text(st.characters(exclude_characters=";", exclude_categories=["Cs"]), max_size=12), max_size=9))
    def test_no_tag_is_lost(self, tags):
        """Merged with itself or with others, every tag is there once, whatever its case."""
        merged = split_tags(joined(tags, ["nuevo"], tags))
        wanted = {tag.strip().lower() for tag in tags if tag.strip()} | {"nuevo"}
        assert wanted == {tag.lower() for tag in merged}
        assert len(merged) == len(wanted)

    def test_addresses_of_items(self):
        """With or without the project, in any case."""
        assert "7" == number_of("https://dev.azure.com/o/d5d6109b/_apis/wit/workItems/7")
        assert "7" == number_of("https://dev.azure.com/o/_apis/wit/workitems/7")
        assert number_of("https://dev.azure.com/o/_apis/git/7") is None
