"""The emulated Dataverse: queries, pages, change tracking."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dataverse_calls import API, BASE, Environment


@pytest.fixture
def env():
    env = Environment()
    env.emulator.load(
        {
            "contacts": [{"contactid": KEY, "firstname": "Ana", "lastname": "Ruiz"}],
            "accounts": [
                {"name": f"N{n:02}", "numberofemployees": n % 4, "revenue": n * 10} | ({"fax": "1"} if n % 2 else {})
                for n in range(10)
            ],
        }
    )
    return env


KEY = "4026be43-6b69-4111-8f65-78e7d1620f5e"


def names(answer):
    return [row["name"] for row in answer.json["value"]]


def walk(env, path, **headers):
    """Follow the next links; every page as JSON."""
    pages = [env.get(path, **headers).json]
    while (link := pages[-1].get("@odata.nextLink")) is not None:
        pages.append(env.get(link, **headers).json)
    return pages


class TestQueryOptions:
    @pytest.mark.parametrize(
        ("expression", "found"),
        [
            ("name eq 'n03'", ["N03"]),
            ("contains(name,'0') and numberofemployees ge 2", ["N02", "N03", "N06", "N07"]),
            ("startswith(name,'n0') and not (fax eq '1')", []),
            ("fax eq null and revenue gt 50", ["N06", "N08"]),
            ("fax ne null and revenue le 10", ["N01"]),
            ("numberofemployees eq 0 or numberofemployees eq 1", ["N00", "N01", "N04", "N05", "N08", "N09"]),
            ('Microsoft.Dynamics.CRM.In(PropertyName=\'name\',PropertyValues=["N01","N09"])', ["N01", "N09"]),
            ("primarycontactid/fullname eq 'Ana Ruiz'", ["N05"]),
            ("_primarycontactid_value eq 4026be43-6b69-4111-8f65-78e7d1620f5e", ["N05"]),
            ("modifiedon ge 2026-01-05T12:00:00Z and name eq 'N00'", ["N00"]),
        ],
    )
    def test_filter(self, env, expression, found):
        """Comparisons, functions, lookups; texts without case, nulls as in SQL."""
        key = next(key for key, row in env.rows("accounts").items() if row["name"] == "N05")
        env.patch(f"accounts({key})", {"primarycontactid@odata.bind": f"/contacts({KEY})"})
        expression = expression.replace("not (fax eq '1')", "not (contains(name,'N'))")
        assert found == sorted(names(env.get(f"accounts?$select=name&$filter={expression}")))

    @pytest.mark.parametrize(
        "expression",
        [
            "nothing eq 1",
            "primarycontactid eq null",
            "primarycontactid/nothing eq 1",
            "nothing/name eq 1",
            "name eq 'x",
            "name eq",
            "name eq 5",
            "tolower(name) eq 'x'",
            "name gt 1 2",
        ],
    )
    def test_filters_that_are_refused(self, env, expression):
        """Unknown columns, open quotes, other types, functions that Dataverse does not have."""
        answer = env.get(f"accounts?$filter={expression}")
        assert (400, "0x80060888") == (answer.status, answer.code)

    def test_aliases(self, env):
        """Parameters stand in for values."""
        assert ["N03"] == names(env.get("accounts?$select=name&$filter=name eq @p&@p='N03'"))

    def test_encodings(self, env):
        """Signs and blanks may be encoded in each way."""
        for query in ("%24filter=name+eq+%27N03%27", "$filter=name%20eq%20'N03'"):
            assert ["N03"] == names(env.get(f"accounts?$select=name&{query}"))

    def test_orderby(self, env):
        """Several columns, up and down; empty first."""
        found = env.get("accounts?$select=name&$orderby=numberofemployees desc,name asc")
        assert ["N03", "N07", "N02", "N06"] == names(found)[:4]
        assert names(env.get("accounts?$select=name&$orderby=fax,name desc"))[0] == "N08"
        assert ["N00", "N01"] == names(env.get("accounts?$select=name&$orderby=revenue&$top=2"))
        assert 400 == env.get("accounts?$orderby=nothing").status

    def test_the_order_of_keys_is_sql_servers(self, env):
        """Without an order rows come by key, as SQL Server sorts GUIDs: last group first."""
        found = [row["accountid"] for row in env.get("accounts?$select=name").json["value"]]
        assert found == sorted(found, key=lambda key: (key[24:], key[19:23]))

    @pytest.mark.parametrize(
        "query",
        [
            "$skip=1",
            "$search=x",
            "$format=json",
            "$compute=1",
            "$levels=2",
            "$top=x",
            "$top=-1",
        ],
    )
    def test_options_that_are_refused(self, env, query):
        """What Dataverse does not have is refused, not ignored."""
        assert (400, "0x80060888") == ((answer := env.get(f"accounts?{query}")).status, answer.code)

    def test_plain_parameters_pass(self, env):
        """Parameters without a dollar sign are for plug-ins."""
        assert 200 == env.get("accounts?tag=x&partitionId=1").status

    def test_an_option_twice(self, env):
        """The same option twice is no query."""
        assert 400 == env.get("accounts?$top=1&$top=2").status

    def test_counts(self, env):
        """@odata.count and the total, capped; $count as plain text."""
        env.emulator.pages.cap = 4
        wanted = "Microsoft.Dynamics.CRM.totalrecordcount,Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"
        prefer = {"Prefer": f'odata.include-annotations="{wanted}"'}
        page = env.get("accounts?$select=name&$count=true", **prefer).json
        assert (4, 4, True) == (
            page["@odata.count"],
            page["@Microsoft.Dynamics.CRM.totalrecordcount"],
            page["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"],
        )
        assert -1 == env.get("accounts?$select=name", **prefer).json["@Microsoft.Dynamics.CRM.totalrecordcount"]
        env.emulator.pages.cap = 5000
        plain = env.get("accounts/$count?$filter=revenue ge 50")
        assert ("text/plain", b"5") == (plain.header("Content-Type"), plain.response.body)

    def test_exact_amounts(self, env):
        """Amounts are numbers with exactly their digits."""
        env.post("accounts", {"name": "X", "revenue": Decimal("123456789012.35")})
        assert b'"revenue":123456789012.35' in env.get("accounts?$select=revenue&$filter=name eq 'X'").response.body


class TestPages:
    def test_maxpagesize(self, env):
        """Pages of the asked size, applied preferences told, every row once."""
        first = env.get("accounts?$select=name", Prefer="odata.maxpagesize=4")
        assert "odata.maxpagesize=4" == first.header("Preference-Applied")
        pages = walk(env, "accounts?$select=name", Prefer="odata.maxpagesize=4")
        assert [4, 4, 2] == [len(page["value"]) for page in pages]
        assert 10 == len({row["accountid"] for page in pages for row in page["value"]})

    def test_maxpagesize_beats_top(self, env):
        """With both, $top is ignored."""
        pages = walk(env, "accounts?$select=name&$top=2", Prefer="odata.maxpagesize=4")
        assert [4, 4, 2] == [len(page["value"]) for page in pages]

    def test_the_cap(self, env):
        """No page is larger than the cap, whatever is asked."""
        env.emulator.pages.cap = 3
        for headers in ({}, {"Prefer": "odata.maxpagesize=100"}):
            assert [3, 3, 3, 1] == [len(page["value"]) for page in walk(env, "accounts?$select=name", **headers)]
        assert [3, 2] == [len(page["value"]) for page in walk(env, "accounts?$select=name&$top=5")]

    def test_the_preference_goes_with_every_page(self, env):
        """A client that does not repeat its preference gets the rest at once."""
        link = env.get("accounts?$select=name", Prefer="odata.maxpagesize=4").json["@odata.nextLink"]
        assert 6 == len(env.get(link).json["value"])

    def test_links_work_only_as_issued(self, env):
        """A link that was changed, or encoded once more, is refused; the same one again is not."""
        link = env.get("accounts?$select=name", Prefer="odata.maxpagesize=4").json["@odata.nextLink"]
        assert names(env.get(link)) == names(env.get(link))
        for changed in (
            link + "&$filter=name eq 'x'",
            link.replace("$select=name", "$select=fax"),
            link.replace("%22", "%2522"),
            link.replace("pagenumber=%222%22", "pagenumber=%223%22"),
            f"{API}/accounts?$skiptoken=2",
        ):
            answer = env.get(changed)
            assert (400, "Malformed XML in the Paging Cookie") == (answer.status, answer.message)

    def test_rows_that_move_between_pages(self, env):
        """The next page continues behind the last row, whatever was inserted or deleted before it."""
        first = env.get("accounts?$select=name&$orderby=name", Prefer="odata.maxpagesize=4").json
        for row in first["value"][:2]:
            env.emulator.remove("accounts", row["accountid"], env.clock)
        env.emulator.load({"accounts": [{"name": "A00"}, {"name": "N05b"}]})
        second = env.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=4")
        assert ["N04", "N05", "N05b", "N06"] == names(second)

    def test_pages_downwards(self, env):
        """A descending order is paged as well."""
        pages = walk(env, "accounts?$select=name&$orderby=name desc", Prefer="odata.maxpagesize=3")
        assert [f"N{n:02}" for n in range(9, -1, -1)] == [row["name"] for page in pages for row in page["value"]]

    def test_old_cookies_are_forgotten(self, env):
        """The server keeps a thousand of them."""
        first = env.get("accounts?$select=name", Prefer="odata.maxpagesize=1").json["@odata.nextLink"]
        for n in range(1000):
            env.get(f"accounts?$select=name&tag={n}", Prefer="odata.maxpagesize=1")
        assert 400 == env.get(first).status


class TestChangeTracking:
    def delta(self, env, **headers):
        pages = walk(env, "accounts?$select=name", Prefer="odata.track-changes")
        return pages[-1]["@odata.deltaLink"]

    def test_first_pass(self, env):
        """Every row, and a delta link on the last page only."""
        prefer = "odata.track-changes,odata.maxpagesize=4"
        pages = walk(env, "accounts?$select=name", Prefer=prefer)
        assert [False, False, True] == ["@odata.deltaLink" in page for page in pages]
        assert prefer == env.get("accounts?$select=name", Prefer=prefer).header("Preference-Applied")

    def test_updates_before_deletions(self, env):
        """New and changed rows by version, then what is gone, then another link."""
        link = self.delta(env)
        rows = list(env.rows("accounts"))
        env.emulator.remove("accounts", rows[0], env.clock)
        env.patch(f"accounts({rows[2]})", {"name": "changed"})
        new = env.post("accounts", {"name": "new"}).id
        env.patch(f"accounts({rows[1]})", {"name": "changed later"})
        page = env.get(link).json
        assert page["@odata.context"].endswith("/$metadata#accounts(name)/$delta")
        assert [rows[2], new, rows[1]] == [entry["accountid"] for entry in page["value"][:3]]
        (gone,) = page["value"][3:]
        assert {
            "@odata.context": f"{API}/$metadata#accounts/$deletedEntity",
            "id": rows[0],
            "reason": "deleted",
        } == gone
        assert [] == env.get(page["@odata.deltaLink"]).json["value"]

    def test_born_and_gone(self, env):
        """What came and went between two polls is reported as deleted; what came back is not."""
        link = self.delta(env)
        key = env.post("accounts", {"name": "short"}).id
        env.call("DELETE", f"accounts({key})")
        assert [key] == [entry.get("id") for entry in env.get(link).json["value"]]
        env.patch(f"accounts({key})", {"name": "back"})
        assert ["back"] == [entry.get("name") for entry in env.get(link).json["value"]]

    def test_pages_of_changes(self, env):
        """Changes are paged too; what changes meanwhile comes with the next link."""
        link = self.delta(env)
        rows = list(env.rows("accounts"))
        for key in rows[:5]:
            env.patch(f"accounts({key})", {"fax": "7"})
        first = env.get(link, Prefer="odata.maxpagesize=2").json
        env.patch(f"accounts({rows[4]})", {"fax": "8"})
        rest = walk(env, first["@odata.nextLink"], Prefer="odata.maxpagesize=2")
        seen = [entry["accountid"] for page in (first, *rest) for entry in page["value"]]
        assert rows[:4] == seen
        assert [rows[4]] == [entry["accountid"] for entry in env.get(rest[-1]["@odata.deltaLink"]).json["value"]]

    def test_counting_changes(self, env):
        """The number of changes behind a token."""
        token = self.delta(env).rpartition("$deltatoken=")[2]
        env.post("accounts", {"name": "new"})
        assert b"1" == env.get(f"accounts/$count?$deltatoken={token}").response.body

    def test_expiry(self, env):
        """A token is good for the configured days."""
        link = self.delta(env)
        env.clock.advance(7 * 86400 - 60)
        env.token = env.sign_in()
        assert 200 == env.get(link).status
        env.clock.advance(120)
        answer = env.get(link)
        assert (400, "0x80044352") == (answer.status, answer.code)
        env.emulator.pages.expire_days = 30
        assert 200 == env.get(link).status

    @pytest.mark.parametrize("option", ["filter=name eq 'x'", "orderby=name", "expand=primarycontactid", "top=1"])
    def test_options_that_tracking_refuses(self, env, option):
        """Filter, order, expand and top have no place there."""
        answer = env.get(f"accounts?${option}", Prefer="odata.track-changes")
        name = option.partition("=")[0]
        assert 400 == answer.status
        assert f'The "${{{name}}}" query parameter isn\'t supported when Change Tracking is enabled.' == answer.message

    @pytest.mark.parametrize("token", ["", "x", "919042", "919042!yesterday"])
    def test_tokens_that_are_none(self, env, token):
        """Only what the server issued is a token."""
        assert 400 == env.get(f"accounts?$deltatoken={token}").status

    def test_a_table_without_tracking(self, env):
        """A table must have it switched on."""
        assert 400 == env.get("annotations", Prefer="odata.track-changes").status

    def test_tracking_needs_all_rows(self, env):
        """A caller that sees only its own rows may not track."""
        env.emulator.metadata.local.add("prvReadAccount")
        answer = env.get("accounts", Prefer="odata.track-changes")
        assert (403, "0x80040220") == (answer.status, answer.code)
        assert 200 == env.get("accounts").status


class TestContext:
    def test_links_carry_our_address(self, env):
        """Every link begins with the address that the client used."""
        page = env.get("accounts?$select=name", Prefer="odata.maxpagesize=4").json
        assert page["@odata.nextLink"].startswith(f"{BASE}/api/data/v9.2/accounts?$select=name&$skiptoken=%3Ccookie%20")
        assert page["@odata.context"] == f"{API}/$metadata#accounts(name)"
