from __future__ import annotations

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periferia_link.connectors.sap_business_one import querying as where
from periferia_link.connectors.sap_business_one._pace import Pace
from periferia_link.connectors.sap_business_one.reading._links import continued, skip_of
from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError
from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.emulators._odata import parse_filter
from periferia_link.transport._odata import eq, gt, key, query
from periferia_link.transport._pacing import Gate
from periferia_link.typing import Response

TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("'\"%&=()$+,;/\\#? ó"), min_size=1, max_size=30
)


class TestLinks:
    """Three forms of next links, and those that lost the question."""

    ASKED = {"filter": "Code gt 'a''b'", "select": "Code,Name", "orderby": "Code"}

    @pytest.mark.parametrize(
        ("link", "path"),
        [
            ("/b1s/v1/Orders?$skip=20", "/b1s/v1/Orders"),
            ("Orders?$skip=20", "Orders"),
            ("SQLQueries('x')/List?&$skip=20", "SQLQueries('x')/List"),
            ("Orders?%24skip=20", "Orders"),
        ],
    )
    def test_what_was_lost_is_asked_again(self, link, path):
        """Filter, columns and order of the first page come back; the rest of the link stays as it is."""
        found = urlsplit(continued(link, self.ASKED))

        assert path == found.path
        assert {"$skip": ["20"], **{f"${name}": [value] for name, value in self.ASKED.items()}} == parse_qs(found.query)
        assert 20 == skip_of(link)

    def test_what_is_there_stays(self):
        """A link that carries the question is followed as it is, whatever its spelling."""
        link = "Orders?%24filter=Code%20gt%20'x'&$select=Code&$orderby=Code&$skip=2"

        assert link == continued(link, self.ASKED)

    def test_links_without_a_place(self):
        """A place that is none is refused; one that is not told is unknown."""
        assert skip_of("Orders") is None
        with pytest.raises(ContractBrokenError):
            skip_of("Orders?$skip=x")

    def test_nothing_asked(self):
        """A plain list goes on plainly."""
        assert "Orders?$skip=2" == continued("Orders?$skip=2", {})


class TestQuoting:
    """A value is never a filter."""

    @given(TEXTS)
    def test_a_literal_is_one_value(self, text):
        """What is asked for is what the far side reads, after quoting and percent-encoding."""
        address = query("Projects", filter=gt("Code", text))
        told = parse_qs(urlsplit(address).query, keep_blank_values=True)["$filter"][0]
        test = parse_filter(eq("Code", text), functions=frozenset())

        assert f"Code gt '{text.replace(chr(39), chr(39) * 2)}'" == told
        assert test({"Code": text})
        assert not test({"Code": f"{text}x"})

    @given(TEXTS)
    def test_a_key_is_one_segment(self, text):
        """A key with quotes and slashes stays one piece of the path."""
        address = key("Projects", text)

        assert 1 == len(urlsplit(address).path.split("/"))
        assert not urlsplit(address).query

    @given(TEXTS, TEXTS)
    def test_conditions(self, text, other):
        """Built conditions mean what they say, whatever the values hold."""
        wanted = where.every(
            where.either(where.is_("Code", text), where.is_("Code", other)), where.is_not("Name", other)
        )
        test = parse_filter(wanted, functions=frozenset())

        assert test({"Code": text, "Name": f"{other}!"})
        assert not test({"Code": text, "Name": other})
        assert not test({"Code": f"{text}{other}?", "Name": ""})

    @given(TEXTS)
    def test_functions_of_text(self, text):
        """The three functions that the Service Layer has."""
        functions = frozenset({"startswith", "endswith", "contains"})
        wanted = where.every(where.starts("A", text), where.ends("A", text), where.contains("A", text))
        test = parse_filter(wanted, functions=functions)

        assert test({"A": text})
        assert not parse_filter(where.no(where.contains("A", text)), functions=functions)({"A": text})

    def test_names_and_controls(self):
        """A name that is none and a control character are refused."""
        with pytest.raises(ConfigurationError):
            where.starts("A eq 1 or B", "x")
        with pytest.raises(RecordInvalidError):
            where.contains("A", "a\x00")
        with pytest.raises(ConfigurationError):
            where.either()

    def test_comparisons(self):
        """Numbers, days, nothing."""
        assert "(A gt 1 or B lt 2)" == where.either(where.above("A", 1), where.below("B", 2))
        assert "A ge '2026-11-22' and B le null" == where.every(
            where.at_least("A", date(2026, 11, 22)), where.at_most("B", None)
        )


class TestPace:
    """Fewer requests at once after the balancer gave up, one more after a quiet while."""

    @pytest.fixture
    def gate(self):
        return Gate(ManualClock(), parallel=8)

    def hear(self, pace, status, times=1):
        for _ in range(times):
            pace.heard(Response(status))

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_halved(self, gate, status):
        """An answer of the balancer halves; those that were under way with it count once."""
        pace = Pace(gate, 8)
        self.hear(pace, status, 8)

        assert 4 == pace.parallel

    def test_never_none(self, gate):
        """One request at a time is always left."""
        pace = Pace(gate, 8)
        self.hear(pace, 503, 100)

        assert 1 == pace.parallel

    def test_grows_again(self, gate):
        """By one after twenty answers, up to what was configured."""
        pace = Pace(gate, 4)
        self.hear(pace, 503)
        self.hear(pace, 200, 20)
        once = pace.parallel
        self.hear(pace, 200, 200)

        assert (3, 4) == (once, pace.parallel)

    def test_a_refusal_is_no_strain(self, gate):
        """What SAP itself refuses says nothing about the load; an error of a node is no quiet answer either."""
        pace = Pace(gate, 8)
        self.hear(pace, 400)
        self.hear(pace, 500, 50)

        assert 8 == pace.parallel

    def test_strain_again(self, gate):
        """A second wave halves again."""
        pace = Pace(gate, 8)
        self.hear(pace, 503)
        self.hear(pace, 200, 7)
        self.hear(pace, 503)

        assert 2 == pace.parallel
