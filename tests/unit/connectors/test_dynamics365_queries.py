"""Filters and FetchXML that no value can escape, counts, sums, chains read side by side."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime, timezone
from decimal import Decimal
from itertools import pairwise
from threading import Event, Lock, get_ident
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse_calls import API, Crm, answering, refusing, scripted
from periferia_link.connectors.base import Page
from periferia_link.connectors.dynamics365 import querying as where
from periferia_link.connectors.dynamics365.querying import Aggregate, Condition, FetchXml, Link
from periferia_link.connectors.dynamics365.querying._fetch_xml import paging_cookie
from periferia_link.connectors.dynamics365.reading import _ranges
from periferia_link.connectors.dynamics365.reading._ranges import (
    _are_even,
    _order_of,
    _same_bytes,
    _sql_order,
    _text_order,
    as_they_come,
)
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    PaginationError,
    RecordInvalidError,
    ThrottledError,
)
from periferia_link.testing.emulators._dataverse_shapes import DIALECT
from periferia_link.testing.emulators._odata import IN, parse_filter

FUNCTIONS = frozenset({"contains", "startswith", "endswith", IN})
PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30)
NASTY = st.sampled_from(
    ["'", "''", "' or 1 eq 1 or name eq '", "%", "_", "[x]", "a%b_c[d", "\\", "&$filter=1", "]]>", "ñ☃"]
)


def passes(condition, **row):
    """Whether a row passes, as a server that parses the expression by itself sees it."""
    return parse_filter(condition, functions=FUNCTIONS, dialect=DIALECT).test(row)


@pytest.fixture(scope="module")
def crm():
    crm = Crm(page_size=7)
    crm.emulator.load({
        "accounts": [
            {"name": f"Cliente {n:02}", "accountnumber": f"K-{n:02}", "address1_city": f"C{n % 3}", "revenue": n,
             "modifiedon": f"2026-01-{n % 28 + 1:02}T00:00:00Z"}
            for n in range(40)
        ]
    })  # fmt: skip
    crm.connector.check()
    return crm


class TestQuoting:
    @given(PRINTABLE | NASTY, PRINTABLE | NASTY)
    def test_a_value_equals_itself_and_nothing_else(self, value, other):
        """Whatever the text is, it is compared as text: equal to itself, and to another one only if that is the same."""
        condition = where.exactly("name", value)
        assert passes(condition, name=value)
        if value.casefold() != other.casefold():
            assert not passes(where.every(condition, where.other_than("name", None)), name=f"{other}-another")

    @given(PRINTABLE | NASTY, PRINTABLE, PRINTABLE)
    def test_wildcards_stand_for_themselves(self, value, before, after):
        """Signs that are wildcards in Dataverse find themselves in the text functions."""
        row = f"{before}{value}{after}"
        assert passes(where.contains("name", value), name=row)
        assert passes(where.starts_with("name", value), name=value + after)
        assert passes(where.ends_with("name", value), name=before + value)

    @given(st.lists(PRINTABLE | NASTY, min_size=1, max_size=5))
    def test_one_of_several(self, values):
        """Each of the values passes, also within other conditions."""
        condition = where.every(where.one_of("name", values), where.excluding(where.exactly("name", "\u2603\u2603")))
        for value in values:
            assert passes(condition, name=value)

    @given(st.text("'\"%&+#?/ñ()", max_size=12))
    def test_over_the_wire(self, value):
        """Every sign arrives in the query as it was asked for."""
        connector, wire = scripted(answering(200, {"value": []}))
        list(connector.rows("accounts", select=["name"], where=where.exactly("name", value)))
        asked = parse_qs(urlsplit(wire.requests[0].url).query)["$filter"]
        assert [where.exactly("name", value)] == asked

    @pytest.mark.parametrize("name", ["", "na me", "name eq 1 or x", "name'", "a/b/c/d/e/f/g", "ñ", "1x", "a,b"])
    def test_names_that_are_none(self, name):
        """A name is a name."""
        for condition in (where.exactly, where.contains, where.after):
            with pytest.raises(ConfigurationError):
                condition(name, "x")

    def test_values_of_every_type(self):
        """Numbers, days, moments and ids are written as OData writes them."""
        moment = datetime(2026, 3, 1, 5, tzinfo=timezone.utc)
        key = uuid.UUID(int=7)
        assert [
            "a eq 1", "a ne null", "a gt 1.50", "a ge 2026-03-01", "a lt 2026-03-01T05:00:00Z", f"a le {key}", "a eq true",
            "a eq null", "not (a eq 1)", "((a eq 1) or (b eq 2))", "a ge 1 and a le 2",
        ] == [
            where.exactly("a", 1), where.is_filled("a"), where.after("a", Decimal("1.50")),
            where.after("a", date(2026, 3, 1), or_same=True), where.before("a", moment),
            where.before("a", key, or_same=True), where.exactly("a", value=True), where.is_empty("a"),
            where.excluding(where.exactly("a", 1)), where.either(where.exactly("a", 1), where.exactly("b", 2)),
            where.between("a", 1, 2),
        ]  # fmt: skip

    def test_query_functions(self):
        """Functions of Dataverse take one value or several; a text in them is quoted as JSON or as OData wants it."""
        assert [
            "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=7)",
            'Microsoft.Dynamics.CRM.In(PropertyName=\'name\',PropertyValues=["O\'Brien","\\"x\\""])',
            "Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid')",
        ] == [
            where.function("LastXDays", "createdon", 7),
            where.function("In", "name", "O'Brien", '"x"'),
            where.function("EqualUserId", "ownerid"),
        ]
        with pytest.raises(ConfigurationError):
            where.function("In(", "name", "x")
        with pytest.raises(RecordInvalidError):
            where.function("In", "name", "a\x00b", "c")

    def test_nothing_to_combine(self):
        """An empty condition would keep everything: it is refused."""
        for condition in (where.every, where.either):
            with pytest.raises(ConfigurationError):
                condition()


class TestRows:
    def test_a_question_of_ones_own(self, crm):
        """Any table, with condition, order and pages followed."""
        found = list(
            crm.connector.rows("Client", select=["name"], where=where.exactly("address1_city", "C1"), order=["-name"])
        )
        assert 13 == len(found)
        assert "Cliente 37" == found[0]["name"]

    def test_the_first_few(self, crm):
        """With a top no page size is asked for: the server would forget the top."""
        assert 3 == len(list(crm.connector.rows("accounts", select=["name"], top=3)))

    def test_links_brought_along(self):
        """Expanded links name their columns; more than 15 are refused before anything is sent."""
        connector, wire = scripted(answering(200, {"value": []}))
        list(connector.rows("accounts", select=["name"], expand={"primarycontactid": ["fullname"]}))
        assert "$expand=primarycontactid($select=fullname)" in unquote(wire.requests[0].url)
        with pytest.raises(ConfigurationError):
            connector.rows("accounts", select=["name"], expand={f"l{n}": ["a"] for n in range(16)})

    @pytest.mark.parametrize("options", [{}, {"select": []}, {"select": ["a b"]}, {"select": ["a"], "order": ["x y"]}])
    def test_columns_are_always_named(self, options):
        """A query without columns would bring all of them."""
        connector, wire = scripted(answering(200, {"value": []}))
        with pytest.raises(ConfigurationError):
            connector.rows("accounts", **options)
        assert [] == wire.requests


class TestCounts:
    def test_all_and_some(self, crm):
        """All records by the kept number, those that meet a condition counted now."""
        assert (40, 13) == (
            crm.connector.count("Client"),
            crm.connector.count("Client", where=where.exactly("address1_city", "C1")),
        )

    def test_sums_by_group(self, crm):
        """Sums and counts by city."""
        found = crm.connector.aggregate(
            "Client", {"n": ("", "count"), "total": ("revenue", "sum")}, by=["address1_city"]
        )
        assert {"C0": (14, 273), "C1": (13, 247), "C2": (13, 260)} == {
            row["address1_city"]: (row["n"], row["total"]) for row in found
        }

    @pytest.mark.parametrize("values", [{}, {"n": ("name", "median")}, {"n n": ("", "count")}])
    def test_mistakes(self, crm, values):
        """A method or name that is none is told before anything is sent."""
        with pytest.raises(ConfigurationError):
            crm.connector.aggregate("Client", values)

    @pytest.mark.parametrize("told", [{}, {"EntityRecordCountCollection": {"Keys": ["lead"], "Values": [1]}}])
    def test_no_count(self, told):
        """An answer without the number is a broken contract."""
        row = {"EntitySetName": "accounts", "LogicalName": "account", "PrimaryIdAttribute": "accountid"}
        connector, _ = scripted(answering(200, {"value": [row]}), answering(200, told))
        with pytest.raises(ContractBrokenError):
            connector.count("Client")

    def test_no_such_table(self):
        """A kind whose table is not there cannot be counted."""
        connector, _ = scripted(answering(200, {"value": []}))
        with pytest.raises(ContractBrokenError, match="no table accounts"):
            connector.count("Client")


class TestFetchXml:
    @given(PRINTABLE | NASTY | st.sampled_from(["<x/>", '"/><condition', "&amp;", "]]>"]))
    def test_a_value_is_never_markup(self, value):
        """Whatever the text is, it is the value of its condition, and there is one condition."""
        root = fromstring(FetchXml(table="account", conditions=[Condition.of("name", "eq", value)]).text())
        assert [value] == [node.get("value") for node in root.iter("condition")]
        root = fromstring(FetchXml(table="account", conditions=[Condition.of("name", "in", value, "b")]).text())
        assert [value, "b"] == [node.text or "" for node in root.iter("value")]

    def test_pages(self, crm):
        """Pages are followed by their cookie to the end."""
        question = FetchXml(
            table="account", columns=["name"], conditions=[Condition.of("name", "like", "Cliente%")], page_size=9
        )
        assert 40 == len({row["accountid"] for row in crm.connector.fetch(question)})

    def test_sums(self, crm):
        """Aggregates group and count."""
        question = FetchXml(table="account", aggregates=[Aggregate("address1_city", "city"), Aggregate("accountid", "n", "count")], order=["city"])  # fmt: skip
        assert [("C0", 14), ("C1", 13), ("C2", 13)] == [
            (row["city"], row["n"]) for row in crm.connector.fetch(question)
        ]

    def test_joins(self):
        """Joined tables, their conditions, joins below joins, distinct, top."""
        below = Link(table="task", joins="regardingobjectid", to="contactid", alias="t", outer=True)
        link = Link(table="contact", joins="parentcustomerid", to="accountid", columns=("fullname",), conditions=(Condition("fullname", "not-null"),), links=(below,))  # fmt: skip
        root = fromstring(FetchXml(table="account", columns=["name"], links=[link], distinct=True, top=5, any_condition=True, order=["-name"]).text())  # fmt: skip
        assert [("contact", "inner"), ("task", "outer")] == [
            (n.get("name"), n.get("link-type")) for n in root.iter("link-entity")
        ]
        assert ("true", "5", None) == (root.get("distinct"), root.get("top"), root.get("page"))
        assert "true" == next(root.iter("order")).get("descending")

    @pytest.mark.parametrize(
        "question",
        [
            FetchXml(table="acc ount"),
            FetchXml(table="account", columns=["<x"]),
            FetchXml(table="account", conditions=[Condition.of("name", "eq or", "x")]),
            FetchXml(table="account", page_size=5001),
        ],
    )
    def test_mistakes(self, question):
        """Names, operators and sizes that are none are refused."""
        with pytest.raises(ConfigurationError):
            question.text()

    def test_a_text_that_xml_cannot_hold(self):
        """A control character has no place in XML."""
        with pytest.raises(RecordInvalidError):
            FetchXml(table="account", conditions=[Condition.of("name", "eq", "a\x00")]).text()

    def test_values_of_every_type(self):
        """Switches, numbers and days are texts in XML."""
        values = (True, 1, Decimal("1.5"), date(2026, 3, 1))
        root = fromstring(FetchXml(table="account", conditions=[Condition.of("x", "in", *values)]).text())
        assert ["1", "1", "1.5", "2026-03-01"] == [node.text for node in root.iter("value")]

    @pytest.mark.parametrize(
        "text", ["<cookie", "plain", "<cookie x='1'/>", "<!DOCTYPE x><cookie pagingcookie='1'/>", "x" * 100_001]
    )
    def test_cookies_that_are_none(self, text):
        """A cookie that cannot be read ends the query with a typed error; declarations are not even looked at."""
        with pytest.raises(ContractBrokenError):
            paging_cookie(text)

    def test_pages_that_repeat(self):
        """A cookie that comes again would never end."""
        table = answering(200, {"value": [{"EntitySetName": "accounts", "LogicalName": "account"}]})
        page = answering(200, {
            "value": [{"accountid": str(uuid.UUID(int=1))}], "@Microsoft.Dynamics.CRM.morerecords": True,
            "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie": "<cookie pagingcookie='%253ca%253e'/>",
        })  # fmt: skip
        connector, _ = scripted(table, page)
        with pytest.raises(PaginationError):
            list(connector.fetch(FetchXml(table="account")))

    def test_a_table_that_no_kind_has(self):
        """Any table can be asked for by its logical name; one that is not there is told."""
        connector, wire = scripted(answering(200, {"value": []}), answering(200, {"value": [{"EntitySetName": "teams"}]}), answering(200, {"value": []}))  # fmt: skip
        assert [] == list(connector.fetch(FetchXml(table="team")))
        assert wire.requests[-1].url.startswith(f"{API}/teams?fetchXml=")
        connector, _ = scripted(answering(200, {"value": []}))
        with pytest.raises(ContractBrokenError, match="no table teem"):
            list(connector.fetch(FetchXml(table="teem")))


class TestSideBySide:
    @pytest.mark.parametrize("ranges", [1, 2, 4, 7])
    def test_every_record_once(self, crm, ranges):
        """Ranges are disjoint and leave nothing out, however many there are."""
        keys = [row.key for pages in crm.connector.pull_ranges("Client", ranges) for page in pages for row in page.rows]
        assert 40 == len(keys) == len(set(keys))

    def test_ranges_are_even(self, crm):
        """Each of four chains has its share."""
        sizes = [sum(len(page.rows) for page in pages) for pages in crm.connector.pull_ranges("Client", 4)]
        assert [10] * 4 == sizes

    def test_rows_in_ranges(self, crm):
        """Rows of any table are read in ranges too, within a condition; each comes once."""
        names = [row["name"] for row in crm.connector.rows("Client", ranges=5)]
        assert sorted(names) == [f"Cliente {n:02}" for n in range(40)]
        found = crm.connector.rows("accounts", select=["name"], where=where.starts_with("name", "Cliente 1"), ranges=3)
        assert {f"Cliente 1{n}" for n in range(10)} == {row["name"] for row in found}

    @pytest.mark.parametrize(("parallel", "is_even", "asked"), [
        # the sample and the four ranges; where ids count up, the oldest and the first ones are asked for, too
        (4, True, [5, 5]), (1, True, [5, 5]),
        # what is asked for ahead is in vain, and only once
        (4, False, [10, 7]), (2, False, [8, 7]), (1, False, [7, 7]),
    ])  # fmt: skip
    def test_the_first_ranges_ahead(self, parallel, is_even, asked):
        """An even cut is begun while it is found out whether it is one; a wrong guess costs some pages, once."""
        chance = random.Random(7)
        crm = Crm(parallel=parallel)
        for batch in range(2):
            crm.clock.advance(60)
            ids = [
                str(uuid.UUID(int=chance.getrandbits(128)) if is_even else uuid.UUID(int=batch * 300 + n))
                for n in range(300)
            ]
            crm.emulator.load({"accounts": [
                {"accountid": each, "name": each, "modifiedon": crm.clock.now().isoformat()} for each in ids
            ]})  # fmt: skip
        next(crm.connector.rows("Client", top=1))
        found = []
        for _ in asked:
            before = len(crm.emulator.log)
            names = [row["name"] for row in crm.connector.rows("Client", ranges=4)]
            assert 600 == len(names) == len(set(names))
            found.append(len(crm.emulator.log) - before)
        assert asked == found

    @pytest.mark.parametrize("told", [{"order": ["name"]}, {"top": 3}])
    def test_ranges_have_no_order(self, crm, told):
        """What is sorted or cut off is one chain."""
        with pytest.raises(ConfigurationError):
            crm.connector.rows("Client", ranges=2, **told)

    def test_ranges_of_no_table(self, crm):
        """A table that is not there has no key to cut."""
        with pytest.raises(ContractBrokenError):
            crm.connector.rows("nothings", select=["name"], ranges=2)

    @given(st.lists(st.uuids(), max_size=30), st.integers(2, 40))
    def test_even_bounds_grow_in_every_order(self, keys, count):
        """Whoever compares bytes in whatever order: an id lies within exactly one range."""
        bounds = _same_bytes(count)
        for order in (_sql_order, _text_order):
            places = [order(bound) for bound in bounds]
            assert sorted(set(places)) == places
            for key in keys:
                edges = [b"", *places, b"\xff" * 17]
                assert 1 == sum(low <= order(key) < high for low, high in pairwise(edges))

    def test_ids_by_chance_are_cut_evenly(self):
        """Random ids are even; ids that count up within one machine's group are not, nor is a small sample."""
        chance = random.Random(1)
        by_chance = [uuid.UUID(int=chance.getrandbits(128)) for _ in range(500)]
        counted = [uuid.UUID(f"{n:08x}-1234-ee11-9ae7-000d3a5b1234") for n in range(500)]
        assert _are_even(by_chance, _same_bytes(8))
        assert not _are_even(counted, _same_bytes(8))
        assert not _are_even(by_chance[:499], _same_bytes(8))

    def test_decoded_as_they_come(self, crm):
        """Four chains at once bring every client."""
        found = list(crm.connector.each_side_by_side("Client", 4, page_size=3))
        assert {f"Cliente {n:02}" for n in range(40)} == {client.name for client in found}
        assert crm.connector.pages_side_by_side("Client", 1) is not None

    def test_who_leaves_early_asks_no_more(self, monkeypatch):
        """Chains that were not begun when the reader left stay so."""
        asked, left = [], Event()

        class Told(Event):
            def set(self):
                super().set()
                left.set()

        def chain_of(number):
            asked.append(number)
            yield Page([])
            left.wait(30)

        monkeypatch.setattr(_ranges, "Event", Told)
        chains = as_they_come([chain_of(number) for number in range(9)], 1)
        next(chains)
        chains.close()
        assert [0] == asked

    def test_as_many_threads_as_questions(self):
        """Ten chains share three threads, and every page arrives."""
        running, most, lock = set(), [], Lock()

        def chain_of(number):
            for _ in range(3):
                with lock:
                    running.add(get_ident())
                    most.append(len(running))
                yield Page([])

        assert 31 == len(list(as_they_come([chain_of(number) for number in range(10)], 3)))
        assert max(most) <= 3

    def test_a_refusal_ends_all(self):
        """The first error of a chain is the error of the whole."""
        crm = Crm()
        crm.emulator.load({"accounts": [{"name": f"n{n}"} for n in range(30)]})
        chains = crm.connector.pages_side_by_side("Client", 3)
        for _ in range(6):
            crm.fault("throttle", path="*/accounts", times=50, params={"retry_after": "1"})
        with pytest.raises(ThrottledError):
            list(chains)

    def test_a_kind_of_several_tables(self, crm):
        """Interactions live in several tables: they are pulled."""
        with pytest.raises(ConfigurationError):
            crm.connector.pull_ranges("Interaction")

    def test_an_order_that_nobody_knows(self):
        """Where the order of ids is not understood, there is one chain: slow and whole."""
        keys = [uuid.UUID(int=1 << 100), uuid.UUID(int=1), uuid.UUID(int=1 << 64)]
        assert _order_of(keys) is None
        rows = answering(200, {"value": [{"accountid": str(key)} for key in keys]})
        connector, _ = scripted(rows)
        assert 1 == len(connector.pull_ranges("Client", 4))

    @given(st.lists(st.uuids(), min_size=2, max_size=20, unique=True))
    def test_orders_of_ids(self, keys):
        """Ids sorted as SQL Server or as text are recognised as such."""
        for order in (_sql_order, _text_order):
            found = _order_of(sorted(keys, key=order))
            assert found is not None
            assert sorted(keys, key=found) == sorted(keys, key=order)

    def test_refusals_are_told(self):
        """An environment that refuses the sample refuses the ranges."""
        connector, _ = scripted(refusing(400, "0x80060888", "no"))
        with pytest.raises(ContractBrokenError):
            connector.pull_ranges("Client", 4)
