"""FetchXML, aggregates and record counts of the emulated Dataverse."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

import pytest

from dataverse_calls import Environment

COOKIES = 'odata.include-annotations="*"'
PERSON = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def env():
    env = Environment()
    env.emulator.load({"contacts": [{"contactid": PERSON, "firstname": "Ana", "lastname": "Ruiz"}]})
    rows = [
        {"name": f"n{n}", "numberofemployees": n, "accountcategorycode": 1 + n % 2, "revenue": n * 10} for n in range(7)
    ]
    rows[3]["_primarycontactid_value"] = PERSON
    env.emulator.load({"accounts": rows})
    return env


def fetch(env, xml, **headers):
    return env.get(f"accounts?fetchXml={quote(xml, safe='')}", **headers)


def names(answer):
    return [row["name"] for row in answer.json["value"]]


def where(conditions, attributes='<attribute name="name"/>', options=""):
    return (
        f'<fetch {options}><entity name="account">{attributes}<order attribute="name"/>'
        f"<filter>{conditions}</filter></entity></fetch>"
    )


class TestFetchXml:
    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            ('attribute="name" operator="eq" value="N3"', ["n3"]),
            ('attribute="numberofemployees" operator="ge" value="5"', ["n5", "n6"]),
            ('attribute="name" operator="like" value="%4"', ["n4"]),
            ('attribute="name" operator="not-like" value="n%"', []),
            ('attribute="primarycontactid" operator="not-null"', ["n3"]),
            ('attribute="numberofemployees" operator="ne" value="0"', ["n1", "n2", "n3", "n4", "n5", "n6"]),
            ('attribute="createdon" operator="today"', []),
        ],
    )
    def test_conditions(self, env, condition, found):
        """Operators compare as the column's type does."""
        assert found == names(fetch(env, where(f"<condition {condition}/>")))

    def test_lists_of_values(self, env):
        """In and between take value elements."""
        values = "<value>n1</value><value>n2</value>"
        assert ["n1", "n2"] == names(
            fetch(env, where(f'<condition attribute="name" operator="in">{values}</condition>'))
        )
        numbers = "<value>2</value><value>4</value>"
        inside = f'<condition attribute="numberofemployees" operator="between">{numbers}</condition>'
        assert ["n2", "n3", "n4"] == names(fetch(env, where(inside)))

    def test_links(self, env):
        """A linked table brings its columns under its alias; inner leaves rows out, outer does not."""
        link = (
            '<fetch><entity name="account"><attribute name="name"/><link-entity name="contact" from="contactid" '
            'to="primarycontactid" alias="c" link-type="{}"><attribute name="fullname"/></link-entity></entity></fetch>'
        )
        (row,) = fetch(env, link.format("inner")).json["value"]
        assert ("n3", "Ana Ruiz") == (row["name"], row["c.fullname"])
        assert 7 == len(fetch(env, link.format("outer")).json["value"])

    def test_pages(self, env):
        """Each page says how to ask for the next one, as documented: the cookie, decoded twice."""
        seen, page, cookie = [], 1, ""
        while True:
            more = f' paging-cookie="{escape(cookie, {chr(34): "&quot;"})}"' if cookie else ""
            xml = (
                f'<fetch count="3" page="{page}"{more}><entity name="account"><attribute name="name"/></entity></fetch>'
            )
            answer = fetch(env, xml, Prefer=COOKIES).json
            seen += [row["name"] for row in answer["value"]]
            if not answer["@Microsoft.Dynamics.CRM.morerecords"]:
                break
            text = answer["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
            cookie = unquote(unquote(re.search(r'pagingcookie="([^"]+)"', text)[1]))
            page += 1
        assert (3, 7) == (page, len(set(seen)))

    def test_cookies_only_when_asked(self, env):
        """Without the annotations there is no cookie."""
        xml = '<fetch count="3"><entity name="account"/></fetch>'
        assert {"@odata.context", "value"} == set(fetch(env, xml).json)

    def test_a_foreign_cookie(self, env):
        """A cookie that was never issued is refused."""
        xml = '<fetch count="3" page="2" paging-cookie="x"><entity name="account"/></fetch>'
        assert "0x80040203" == fetch(env, xml).code

    def test_empty_columns_are_left_out(self, env):
        """FetchXML does not say null."""
        (row,) = fetch(env, where('<condition attribute="name" operator="eq" value="n1"/>', "<all-attributes/>")).json[
            "value"
        ]
        assert None not in row.values()

    def test_aggregates(self, env):
        """Groups with sums and counts, ordered by alias, labels on request."""
        xml = (
            '<fetch aggregate="true"><entity name="account"><attribute name="accountcategorycode" groupby="true" '
            'alias="kind"/><attribute name="revenue" aggregate="sum" alias="total"/><attribute name="accountid" '
            'aggregate="count" alias="n"/><order alias="total" descending="true"/></entity></fetch>'
        )
        found = fetch(env, xml, Prefer=COOKIES).json["value"]
        assert [(1, 120, 4), (2, 90, 3)] == [(row["kind"], row["total"], row["n"]) for row in found]
        assert "Preferred Customer" == found[0]["kind@OData.Community.Display.V1.FormattedValue"]

    def test_dates_are_grouped_by_their_parts(self, env):
        """A year and a month of a moment."""
        xml = (
            '<fetch aggregate="true"><entity name="account"><attribute name="createdon" groupby="true" alias="year" '
            'dategrouping="year"/><attribute name="accountid" aggregate="count" alias="n"/></entity></fetch>'
        )
        assert [7] == [row["n"] for row in fetch(env, xml).json["value"]]

    @pytest.mark.parametrize(
        "xml",
        [
            "<fetch",
            '<fetch><entity name="contact"/></fetch>',
            '<fetch><entity name="account"><attribute name="nowhere"/></entity></fetch>',
            '<fetch><entity name="account"><attribute name="name"/><link-entity name="nowhere"/></entity></fetch>',
            '<!DOCTYPE x [<!ENTITY y "z">]><fetch><entity name="account"/></fetch>',
            where('<condition attribute="name" operator="sounds-like" value="x"/>'),
        ],
    )
    def test_refusals(self, env, xml):
        """What cannot be read, or names what is not there."""
        assert 400 == fetch(env, xml).status


class TestApply:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("aggregate(revenue with sum as total)", [{"total": 210}]),
            ("aggregate($count as n)", [{"n": 7}]),
            ("filter(numberofemployees gt 4)/aggregate(revenue with average as mean)", [{"mean": 55}]),
            (
                "groupby((accountcategorycode),aggregate(numberofemployees with max as most))",
                [{"accountcategorycode": 1, "most": 6}, {"accountcategorycode": 2, "most": 5}],
            ),
        ],
    )
    def test_transformations(self, env, text, found):
        """Filter, groups and measures."""
        assert found == env.get(f"accounts?$apply={text}").json["value"]

    def test_groups_without_a_value(self, env):
        """An empty group column is left out of its row."""
        assert {"n": 6} in env.get("accounts?$apply=groupby((_primarycontactid_value),aggregate($count as n))").json[
            "value"
        ]

    @pytest.mark.parametrize(
        "query",
        [
            "$apply=aggregate(revenue with sum as total)&$orderby=total",
            "$apply=groupby((createdon))",
            "$apply=aggregate(nowhere with sum as total)",
            "$apply=topcount(5,revenue)",
        ],
    )
    def test_refusals(self, env, query):
        """No order of aggregates, no groups by moments, no other transformations."""
        assert 400 == env.get(f"accounts?{query}").status

    def test_at_most_fifty_thousand_rows(self, env, monkeypatch):
        """Larger sets are refused with the code of the error list."""
        monkeypatch.setattr("periferia_link.testing.emulators._dataverse_aggregates.MOST_ROWS", 6)
        assert "0x8004E023" == env.get("accounts?$apply=aggregate($count as n)").code


class TestCounts:
    def test_total_record_count(self, env):
        """Counts by table; a snapshot may be older than the rows."""
        found = env.get("RetrieveTotalRecordCount(EntityNames=['account','contact'])").json
        counts = found["EntityRecordCountCollection"]
        assert {"account": 7, "contact": 1} == dict(zip(counts["Keys"], counts["Values"], strict=True))
        env.emulator.metadata.totals["account"] = 5
        aliased = env.get('RetrieveTotalRecordCount(EntityNames=@p1)?@p1=["account"]').json
        assert [5] == aliased["EntityRecordCountCollection"]["Values"]

    def test_unknown_tables(self, env):
        """A name that is no table is refused."""
        assert 400 == env.get("RetrieveTotalRecordCount(EntityNames=['nowhere'])").status


class TestLargeTables:
    """What large tables keep at hand never shows anything old."""

    @pytest.fixture
    def large(self):
        env = Environment()
        env.emulator.load({"accounts": [{"name": f"n{n:04}", "numberofemployees": n} for n in range(1100)]})
        return env

    def read(self, env, path):
        rows, url = [], path
        while url:
            page = env.get(url, Prefer="odata.maxpagesize=500").json
            rows += page["value"]
            url = page.get("@odata.nextLink")
        return rows

    def test_changes_show(self, large):
        """After an update, a creation and a deletion the same queries answer anew."""
        path, few = "accounts?$select=name", "accounts?$select=name&$filter=numberofemployees lt 2"
        before, some = self.read(large, path), self.read(large, few)
        assert (1100, 2) == (len(before), len(some))
        large.patch(f"accounts({some[0]['accountid']})", {"name": "changed"})
        large.call("DELETE", f"accounts({some[1]['accountid']})")
        large.post("accounts", {"name": "new"})
        after = {row["name"] for row in self.read(large, path)}
        assert {"changed", "new"} <= after
        assert 1100 == len(after)
        assert ["changed"] == [row["name"] for row in self.read(large, few)]

    def test_every_shape_is_its_own(self, large):
        """Other columns, labels and links of the same rows."""
        narrow = self.read(large, "accounts?$select=name")[0]
        wide = self.read(large, "accounts?$select=name,numberofemployees")[0]
        assert {"numberofemployees"} == set(wide) - set(narrow)
        labelled = large.get("accounts?$select=statecode&$top=1", Prefer='odata.include-annotations="*"').json
        assert "Active" == labelled["value"][0]["statecode@OData.Community.Display.V1.FormattedValue"]

    @pytest.mark.parametrize("operators", [("ge", "lt"), ("gt", "le")])
    def test_ranges_of_the_key(self, large, operators):
        """Ranges of the key are cut as a filter on every row would cut them."""
        keys = [row["accountid"] for row in self.read(large, "accounts?$select=name")]
        low, high = keys[100], keys[300]
        first, last = operators
        found = self.read(large, f"accounts?$select=name&$filter=accountid {first} {low} and accountid {last} {high}")
        sides = 1 if first == "gt" else 0
        assert keys[100 + sides : 300 + sides] == [row["accountid"] for row in found]
        slow = f"accounts?$select=name&$filter=accountid {first} {low} and accountid {last} {high} and statecode eq 0"
        assert found == self.read(large, slow)

    def test_named_keys(self, large):
        """Rows named by their keys are looked up, in the order of the table, once each."""
        keys = [row["accountid"] for row in self.read(large, "accounts?$select=name")]
        wanted = [keys[5], keys[700], "00000000-0000-0000-0000-000000000000", keys[5]]
        either = " or ".join(f"accountid eq {key}" for key in wanted)
        inside = ",".join(f'"{key}"' for key in wanted)
        listed = f"Microsoft.Dynamics.CRM.In(PropertyName='accountid',PropertyValues=[{inside}])"
        for text in (either, f"({either})", listed):
            found = self.read(large, f"accounts?$select=name&$filter={text}")
            assert [keys[5], keys[700]] == [row["accountid"] for row in found]
