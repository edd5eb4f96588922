"""The emulated Dataverse: sign-in, single records, conditions, links, states, refusals."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from dataverse_calls import BASE, Environment
from periferia_link.testing.emulators import make
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.testing.emulators.entra import EntraEmulator
from periferia_link.typing import Request

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
OTHER = "4026be43-6b69-4111-8f65-78e7d1620f5e"


@pytest.fixture
def env():
    return Environment()


class TestSignIn:
    def test_a_token_of_the_environment(self, env):
        """A token for this environment is let in."""
        assert 200 == env.get("WhoAmI").status

    @pytest.mark.parametrize("token", ["", "Basic abc", "Bearer", "Bearer nonsense"])
    def test_anything_else(self, env, token):
        """401 with the challenge that names authority and resource."""
        answer = env.get("WhoAmI", Authorization=token)
        assert 401 == answer.status
        assert f"resource_id={BASE}/" in answer.header("WWW-Authenticate")
        assert env.emulator.entra.tenant_id in answer.header("WWW-Authenticate")

    def test_a_token_of_another_audience(self, env):
        """A token of the same Entra for another environment is refused."""
        env.token = env.sign_in("https://other.crm.dynamics.com/.default")
        assert 401 == env.get("WhoAmI").status

    def test_an_expired_token(self, env):
        """Tokens live about an hour."""
        env.clock.advance(3600)
        assert 401 == env.get("WhoAmI").status

    def test_shared_entra(self):
        """The emulator takes the Entra that it is given, or makes its own."""
        entra = EntraEmulator(seed=5)
        assert entra is make("dynamics365", entra=entra).entra
        assert Dynamics365Emulator(seed=2).entra.tenant_id != entra.tenant_id


class TestAddresses:
    @pytest.mark.parametrize("version", ["v9.0", "v9.1", "v9.2", "v9.2.1"])
    def test_any_version_9(self, env, version):
        """Every 9.x is served, and stands in the links."""
        answer = env.get(f"{BASE}/api/data/{version}/accounts")
        assert f"{BASE}/api/data/{version}/$metadata#accounts" == answer.json["@odata.context"]

    @pytest.mark.parametrize("path", ["/", "/api/data/v8.2/accounts", "/api/data/accounts", "/other"])
    def test_elsewhere(self, env, path):
        """Other paths are not found."""
        assert 404 == env.get(BASE + path).status

    @pytest.mark.parametrize("path", ["accountz", "account", "accounts(", "accounts()x", "no(1)"])
    def test_unknown_segments(self, env, path):
        """Unknown segments are refused with the captured message."""
        answer = env.get(path)
        assert (400, "0x80060888") == (answer.status, answer.code)
        assert "ODataUnrecognizedPathException" in answer.message

    @pytest.mark.parametrize(
        "key", ["name='A'", "accountnumber='A',name='B'", "accountnumber=5", "accountnumber", "x='1'", "7", "''"]
    )
    def test_keys_that_the_table_does_not_have(self, env, key):
        """Only the primary key and defined alternate keys are keys."""
        env.emulator.add_alternate_key("account", "accountnumber")
        answer = env.get(f"accounts({key})")
        assert (400, "0x80060888") == (answer.status, answer.code)
        assert "Microsoft.Dynamics.CRM.account" in answer.message

    def test_the_key_by_name(self, env):
        """The primary key may be named, but not that of system users."""
        env.emulator.load({"accounts": [{"accountid": KEY}], "systemusers": [{"systemuserid": KEY}]})
        assert 200 == env.get(f"accounts(accountid={KEY})").status
        assert 200 == env.get(f"systemusers({KEY})").status
        assert 400 == env.get(f"systemusers(systemuserid={KEY})").status

    def test_a_slash_in_a_key(self, env):
        """Slashes, quotes and blanks stand in quoted keys."""
        env.emulator.add_alternate_key("account", "accountnumber")
        env.emulator.load({"accounts": [{"accountid": KEY, "accountnumber": "A/1 'x'"}]})
        assert KEY == env.get("accounts(accountnumber='A%2F1%20''x''')").json["accountid"]

    def test_methods(self, env):
        """PATCH on a collection and POST on a record are no methods there."""
        assert [405, 405, 405] == [
            env.patch("accounts", {}).status,
            env.post(f"accounts({KEY})", {}).status,
            env.call("DELETE", "accounts").status,
        ]

    def test_the_service_document(self, env):
        """The root lists the entity sets."""
        assert {"accounts", "opportunities", "tasks"} <= {each["name"] for each in env.get("").json["value"]}

    def test_a_url_beyond_the_limit(self, env):
        """32,768 characters are enough."""
        assert 414 == env.get("accounts?$filter=name eq '" + "x" * 33_000 + "'").status


class TestCreate:
    def test_no_content_and_the_address(self, env):
        """204 with OData-EntityId; server columns are filled."""
        answer = env.post("accounts", {"name": "Andes", "revenue": Decimal("1234567.891")})
        assert 204 == answer.status
        assert f"{BASE}/api/data/v9.2/accounts({answer.id})" == answer.header("OData-EntityId")
        row = env.rows("accounts")[answer.id]
        assert ("Andes", 0, 1, "2026-03-02T13:00:00Z") == (
            row["name"],
            row["statecode"],
            row["statuscode"],
            row["createdon"],
        )
        assert Decimal("1234567.89") == row["revenue"]
        assert env.emulator.rows.user_id == row["_ownerid_value"]

    def test_representation(self, env):
        """201 with the selected columns, an etag and no address."""
        answer = env.post("accounts?$select=name", {"name": "A"}, Prefer="return=representation")
        assert (201, "A", None) == (answer.status, answer.json["name"], answer.header("OData-EntityId"))
        assert answer.header("ETag") == answer.json["@odata.etag"]

    def test_a_chosen_key(self, env):
        """The key in the body is taken; a taken one is refused."""
        assert KEY == env.post("accounts", {"accountid": KEY, "name": "A"}).id
        again = env.post("accounts", {"accountid": KEY, "name": "B"})
        assert (412, "0x80040237") == (again.status, again.code)

    def test_always_in_the_first_state(self, env):
        """A statecode is ignored, a status of another state refused (reported from real environments)."""
        answer = env.post("accounts", {"name": "A", "statecode": 1})
        assert 0 == env.rows("accounts")[answer.id]["statecode"]
        refused = env.post("accounts", {"name": "A", "statecode": 1, "statuscode": 2})
        assert (400, "0x80048408") == (refused.status, refused.code)
        assert "2 is not a valid status code for state code AccountState.Active" in refused.message

    def test_deep_insert_is_one_transaction(self, env):
        """Nested records are created along, or nothing is."""
        good = {"name": "A", "primarycontactid": {"firstname": "Ana"}, "Account_Tasks": [{"subject": "call"}]}
        key = env.post("accounts", good).id
        (task,) = env.rows("tasks").values()
        assert (key, "account") == (
            task["_regardingobjectid_value"],
            task["_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname"],
        )
        bad = good | {"Account_Tasks": [{"subject": "x" * 201}]}
        assert 400 == env.post("accounts", bad).status
        assert [1, 1, 1] == [len(env.rows(name)) for name in ("accounts", "contacts", "tasks")]

    def test_duplicate_rules_are_off_unless_asked(self, env):
        """The rule applies with the header only, and answers 500."""
        env.post("accounts", {"name": "A", "emailaddress1": "a@x.example"})
        assert 204 == env.post("accounts", {"name": "B", "emailaddress1": "a@x.example"}).status
        refused = env.post("accounts", {"emailaddress1": "a@x.example"}, MSCRM_SuppressDuplicateDetection="false")
        assert 204 == refused.status  # the header has a dot, not a dash
        call = Request(
            "POST",
            f"{BASE}/api/data/v9.2/accounts",
            (("Authorization", f"Bearer {env.token}"), ("MSCRM.SuppressDuplicateDetection", "false")),
            b'{"emailaddress1": "a@x.example"}',
        )
        assert 500 == env.emulator.handle(call, env.clock).status


class TestUpsert:
    def test_creates_and_updates(self, env):
        """PATCH on an unknown id creates under it, then updates: both 204."""
        assert [204, 204] == [env.patch(f"accounts({KEY})", {"name": name}).status for name in "AB"]
        assert "B" == env.rows("accounts")[KEY]["name"]

    def test_create_only(self, env):
        """If-None-Match: * never updates."""
        assert 204 == env.patch(f"accounts({KEY})", {"name": "A"}, If_None_Match="*").status
        again = env.patch(f"accounts({KEY})", {"name": "B"}, If_None_Match="*")
        assert (412, "0x80040237", "A") == (again.status, again.code, env.rows("accounts")[KEY]["name"])

    def test_update_only(self, env):
        """If-Match: * never creates."""
        answer = env.patch(f"accounts({KEY})", {"name": "A"}, If_Match="*")
        assert (404, "0x80040217", f"account With Id = {KEY} Does Not Exist") == (
            answer.status,
            answer.code,
            answer.message,
        )
        assert {} == env.rows("accounts")

    def test_versions(self, env):
        """A current etag updates, an outdated one is refused; the word null is no condition."""
        env.patch(f"accounts({KEY})", {"name": "A"}, If_None_Match="null", If_Match="null")
        etag = env.get(f"accounts({KEY})").header("ETag")
        assert 204 == env.patch(f"accounts({KEY})", {"name": "B"}, If_Match=etag).status
        stale = env.patch(f"accounts({KEY})", {"name": "C"}, If_Match=etag)
        assert (412, "0x80060882") == (stale.status, stale.code)
        assert 412 == env.call("DELETE", f"accounts({KEY})", If_Match=etag).status

    def test_empty_codes(self, env):
        """Older servers leave the code of a failed precondition empty."""
        env.emulator.empty_codes = True
        assert "" == env.patch(f"accounts({KEY})", {"name": "A"}, If_Match="*").code

    def test_alternate_keys(self, env):
        """Creates with the key's value, echoes the address, drops key columns on update, lets the body win on create."""
        env.emulator.add_alternate_key("account", "accountnumber")
        path = "accounts(accountnumber='A-1')"
        first = env.patch(path, {"name": "A"})
        assert (204, f"{BASE}/api/data/v9.2/{path}") == (first.status, first.header("OData-EntityId"))
        env.patch(path, {"name": "B", "accountnumber": "ignored"})
        (row,) = env.rows("accounts").values()
        assert ("B", "A-1") == (row["name"], row["accountnumber"])
        env.patch("accounts(accountnumber='A-2')", {"accountnumber": "A-9"})
        assert {"A-1", "A-9"} == {row["accountnumber"] for row in env.rows("accounts").values()}
        missing = env.get("accounts(accountnumber='none')")
        assert (404, "0x80060891") == (missing.status, missing.code)

    def test_representation_tells_created_from_updated(self, env):
        """201 the first time, 200 the second."""
        sent = [env.patch(f"accounts({KEY})", {"name": "A"}, Prefer="return=representation").status for _ in range(2)]
        assert [201, 200] == sent

    def test_a_taken_alternate_key(self, env):
        """Another record with the same key value is refused, with details for those who ask."""
        env.emulator.add_alternate_key("account", "pl_nit")
        env.post("accounts", {"pl_nit": "900"})
        for refused in (
            env.post("accounts", {"pl_nit": "900"}, Prefer='odata.include-annotations="*"'),
            env.patch(f"accounts({KEY})", {"pl_nit": "900"}, If_None_Match="*"),
        ):
            assert (412, "0x80060892") == (refused.status, refused.code)
        details = env.post("accounts", {"pl_nit": "900"}, Prefer='odata.include-annotations="Microsoft.*"').json[
            "error"
        ]
        assert (
            "<DuplicateAttributes><pl_nit>900</pl_nit></DuplicateAttributes>"
            == details["@Microsoft.PowerApps.CDS.ErrorDetails.DuplicateAttributes"]
        )
        assert 1 == len(env.rows("accounts"))
        assert [204, 204] == [env.post("accounts", {}).status for _ in range(2)]  # empty keys do not clash

    def test_a_body_that_is_none(self, env):
        """Bodies that are no JSON object are refused."""
        for body in (b"", b"{", b"[]", b'"x"', b'{"name": NaN}'):
            assert 400 == env.call("PATCH", f"accounts({KEY})", body).status


class TestRead:
    @pytest.fixture
    def row(self, env):
        env.emulator.load(
            {
                "contacts": [{"contactid": OTHER, "firstname": "Ana", "lastname": "Ruiz"}],
                "accounts": [
                    {
                        "accountid": KEY,
                        "name": "A",
                        "revenue": 5,
                        "creditonhold": True,
                        "accountcategorycode": 2,
                        "_primarycontactid_value": OTHER,
                    }
                ],
                "tasks": [{"subject": "T", "_regardingobjectid_value": KEY}],
            }
        )
        return env

    def test_select(self, row):
        """Selected columns, the key always, money with its currency; others not."""
        found = row.get(f"accounts({KEY})?$select=name,revenue,_primarycontactid_value").json
        assert {"name", "revenue", "_primarycontactid_value", "_transactioncurrencyid_value", "accountid"} == {
            name for name in found if "@" not in name
        }
        assert Decimal("5.0") == found["revenue"]

    def test_unknown_columns(self, row):
        """A lookup is selected by its value column; case matters; unknown ones are named."""
        for name in ("primarycontactid", "Name", "nothing", "_name_value"):
            answer = row.get(f"accounts({KEY})?$select={name}")
            assert (400, "0x80060888") == (answer.status, answer.code)
            assert f"'{name}'" in answer.message

    def test_annotations(self, row):
        """Labels, lookup tables and navigation properties, only those asked for."""
        path = f"accounts({KEY})?$select=creditonhold,accountcategorycode,revenue,_primarycontactid_value"
        labels = row.get(path, Prefer='odata.include-annotations="OData.Community.*"').json
        assert ["Yes", "Standard", "$5.00", "Ana Ruiz"] == [
            labels[f"{name}@OData.Community.Display.V1.FormattedValue"]
            for name in ("creditonhold", "accountcategorycode", "revenue", "_primarycontactid_value")
        ]
        assert "_primarycontactid_value@Microsoft.Dynamics.CRM.lookuplogicalname" not in labels
        assert not [name for name in row.get(path).json if name.partition("@")[2] and name[0] != "@"]

    def test_not_modified(self, row):
        """304 for a current etag; never with expanded links or annotations."""
        etag = row.get(f"accounts({KEY})").header("ETag")
        assert 304 == row.get(f"accounts({KEY})", If_None_Match=etag).status
        assert 200 == row.get(f"accounts({KEY})?$expand=primarycontactid", If_None_Match=etag).status
        assert 200 == row.get(f"accounts({KEY})", If_None_Match=etag, Prefer='odata.include-annotations="*"').status
        row.emulator.tables["account"].optimistic_concurrency = False
        assert 200 == row.get(f"accounts({KEY})", If_None_Match=etag).status

    def test_expand(self, row):
        """Single links as an object, collections with their own next link, nested ones too."""
        found = row.get(f"accounts({KEY})?$select=name&$expand=primarycontactid($select=fullname;$expand=ownerid2)")
        assert 400 == found.status
        found = row.get(
            f"accounts({KEY})?$select=name&$expand=primarycontactid($select=fullname),Account_Tasks($select=subject;$filter=subject eq 't')"
        ).json
        assert "Ana Ruiz" == found["primarycontactid"]["fullname"]
        assert ["T"] == [task["subject"] for task in found["Account_Tasks"]]
        assert found["Account_Tasks@odata.nextLink"].startswith(
            f"{BASE}/api/data/v9.2/accounts({KEY})/Account_Tasks?$select=subject"
        )

    @pytest.mark.parametrize(
        "expand",
        [
            "nothing",
            "primarycontactid($top=1)",
            "Account_Tasks($orderby=subject)",
            "primarycontactid($expand=account_primary_contact($top=1))",
            "ownerid",
            ",".join(["primarycontactid"] * 16),
            "primary contactid",
        ],
    )
    def test_expansions_that_are_refused(self, row, expand):
        """Unknown properties, options that are not allowed there, more than fifteen."""
        assert 400 == row.get(f"accounts({KEY})?$expand={expand}").status

    def test_one_property(self, row):
        """Properties are read, written and emptied one by one."""
        assert "A" == row.get(f"accounts({KEY})/name").json["value"]
        assert 204 == row.get(f"accounts({KEY})/fax").status
        assert 204 == row.call("PUT", f"accounts({KEY})/name", {"value": "B"}).status
        assert 204 == row.call("DELETE", f"accounts({KEY})/name").status
        assert 204 == row.get(f"accounts({KEY})/name").status
        assert [400, 400, 400, 405] == [
            row.get(f"accounts({KEY})/nothing").status,
            row.call("PUT", f"accounts({KEY})/name", {"v": 1}).status,
            row.call("PUT", f"accounts({KEY})/modifiedon", {"value": "2026-01-01T00:00:00Z"}).status,
            row.post(f"accounts({KEY})/name", {"value": 1}).status,
        ]

    def test_along_links(self, row):
        """The record behind a lookup, the records of a collection."""
        assert "Ana" == row.get(f"accounts({KEY})/primarycontactid?$select=firstname").json["firstname"]
        assert ["T"] == [task["subject"] for task in row.get(f"accounts({KEY})/Account_Tasks").json["value"]]
        assert 204 == row.get(f"contacts({OTHER})/parentcustomerid_account").status
        assert 400 == row.get(f"accounts({KEY})/a/b/c").status

    def test_missing(self, row):
        """A record that is not there is 404."""
        assert 404 == row.get(f"accounts({uuid.uuid4()})").status


class TestCustomising:
    def test_columns_on_demand(self, env):
        """Loaded rows bring custom columns; unknown standard ones are a mistake of the test."""
        env.emulator.load(
            {"accounts": [{"accountid": KEY, "cr123_vip": True, "cr123_rank": 3, "cr123_rate": Decimal("1.5")}]}
        )
        assert 204 == env.patch(f"accounts({KEY})", {"cr123_vip": False, "cr123_rank": 4}).status
        assert 400 == env.patch(f"accounts({KEY})", {"cr123_vip": "yes"}).status
        with pytest.raises(ValueError, match="colour"):
            env.emulator.load({"accounts": [{"colour": "red"}]})
        with pytest.raises(ValueError, match="entity set"):
            env.emulator.load({"things": [{}]})

    def test_loaded_states(self, env):
        """A loaded state brings its first status; a table without states may have none."""
        env.emulator.load(
            {"opportunities": [{"opportunityid": KEY, "statecode": 2}], "annotations": [{"subject": "S"}]}
        )
        assert 4 == env.rows("opportunities")[KEY]["statuscode"]
        assert "statecode" not in next(iter(env.rows("annotations").values()))

    def test_own_tables_and_lookups(self, env):
        """Tables, columns and lookups of an installation, spelled as there."""
        env.emulator.add_table("pl_project", "pl_projects", {"pl_name": "String", "pl_budget": "Money"})
        env.emulator.add_column("pl_project", "pl_client", "Lookup", targets="account")
        env.emulator.load({"accounts": [{"accountid": KEY, "name": "A"}]})
        made = env.post("pl_projects", {"pl_name": "P", "pl_budget": 5, "pl_client@odata.bind": f"/accounts({KEY})"}).id
        read = env.get(f"pl_projects({made})?$select=pl_name&$expand=pl_client($select=name)").json
        assert ("P", "A", made) == (read["pl_name"], read["pl_client"]["name"], read["pl_projectid"])

    def test_reset(self, env):
        """Books, log and counters go; the customisation stays."""
        env.emulator.add_alternate_key("account", "pl_nit")
        first = env.post("accounts", {"name": "A"}).id
        env.emulator.reset()
        assert Dynamics365Emulator().books == env.emulator.books
        assert first == env.post("accounts", {"name": "A"}).id
        assert "account_pl_nit" in env.emulator.tables["account"].alternate_keys

    def test_plug_ins(self, env):
        """A plug-in stops writes with its message."""
        env.emulator.rows.plug_ins["account"] = "The NIT is not registered."
        answer = env.post("accounts", {"name": "A"})
        assert (400, "0x80040265", "The NIT is not registered.") == (answer.status, answer.code, answer.message)

    def test_the_log_counts_records(self, env):
        """Only committed changes are counted."""
        env.post("accounts", {"name": "A", "primarycontactid": {"firstname": "Ana"}})
        env.post("accounts", {"name": "A", "Account_Tasks": [{"subject": "x" * 300}]})
        assert [2, 0] == [entry.wrote for entry in env.emulator.log]
