"""The emulated Dataverse: $batch, bulk messages, metadata, service protection, answers."""

from __future__ import annotations

import json
import uuid

import pytest

from dataverse_calls import API, BASE, Environment
from periferia_link.testing.emulators import FaultRule
from periferia_link.transport._odata import BatchPart, decode_batch, encode_batch

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
LONG = b'{"subject": "%s"}' % (b"x" * 201)
JSON = {"Content-Type": "application/json; type=entry"}


@pytest.fixture
def env():
    return Environment()


def post(path, body=b"{}", **part):
    return BatchPart("POST", f"/api/data/v9.2/{path}", JSON, body, **part)


def batch(env, *items, prefer=""):
    """Send a batch; the status, and the parts of its answer."""
    content_type, body = encode_batch(list(items), "batch_1")
    headers = {"Prefer": prefer} if prefer else {}
    answer = env.call("POST", "$batch", body, Content_Type=content_type, **headers)
    return answer.status, decode_batch(answer.header("Content-Type"), answer.response.body)


class TestBatch:
    def test_in_order(self, env):
        """Parts are executed and answered in order; a write tells the address twice."""
        status, (first, second) = batch(
            env, post("accounts", b'{"name": "A"}'), BatchPart("GET", "accounts?$select=name")
        )
        assert (200, 204, 200) == (status, first.status, second.status)
        assert first.header("Location") == first.header("OData-EntityId")
        assert ["A"] == [row["name"] for row in json.loads(second.body)["value"]]
        assert ["POST /api/data/v9.2/accounts 204", "GET /api/data/v9.2/accounts 200"] == env.emulator.log[
            -1
        ].operations

    def test_stops_at_the_first_failure(self, env):
        """Without continue-on-error the answer is 400 with the failure alone; what went before stays done."""
        status, parts = batch(env, post("tasks"), post("tasks", LONG), post("tasks"))
        assert (400, [400]) == (status, [part.status for part in parts])
        assert parts[0].header("REQ_ID")
        assert 1 == len(env.rows("tasks"))

    def test_goes_on_when_asked(self, env):
        """With continue-on-error every part has its own status."""
        status, parts = batch(env, post("tasks"), post("tasks", LONG), post("tasks"), prefer="odata.continue-on-error")
        assert (200, [204, 400, 204]) == (status, [part.status for part in parts])

    def test_change_sets(self, env):
        """All of a change set or nothing; a failed one is a single flat part."""
        good = [post("accounts", b'{"name": "A"}'), post("tasks")]
        status, (done, failed) = batch(
            env, good, [post("accounts"), post("tasks", LONG)], prefer="odata.continue-on-error"
        )
        assert 200 == status
        assert [204, 204] == [part.status for part in done]
        assert 400 == failed.status
        assert (1, 1) == (len(env.rows("accounts")), len(env.rows("tasks")))
        assert 2 == env.emulator.log[-1].wrote

    def test_references(self, env):
        """$1 is what the operation with that Content-ID created: in links and as an address."""
        items = [
            post("contacts", b'{"firstname": "Ana"}', content_id="1"),
            post("accounts", b'{"name": "A", "primarycontactid@odata.bind": "$1"}', content_id="2"),
            BatchPart("PATCH", "$1", JSON, b'{"jobtitle": "CEO"}', "3"),
        ]
        assert 200 == batch(env, items)[0]
        (contact,), (account,) = env.rows("contacts").values(), env.rows("accounts").values()
        assert (contact["contactid"], "CEO") == (account["_primarycontactid_value"], contact["jobtitle"])

    @pytest.mark.parametrize(
        "body", [b'{"primarycontactid@odata.bind": "$2"}', b'{"Account_Tasks@odata.bind": ["$9"]}']
    )
    def test_forward_references(self, env, body):
        """A reference to what is not there yet is refused."""
        status, (part,) = batch(env, [post("accounts", body, content_id="1"), post("contacts", content_id="2")])
        assert (400, 400) == (status, part.status)
        assert "does not exist in the batch context" in json.loads(part.body)["error"]["message"]
        assert {} == env.rows("accounts")

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/json", b"{}"),
            ("multipart/mixed; boundary=b", b"--b\r\n"),
            ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--"),
        ],
    )
    def test_no_batch(self, env, content_type, body):
        """What cannot be read is refused as a whole."""
        answer = env.call("POST", "$batch", body, Content_Type=content_type)
        assert (400, "0x80060888") == (answer.status, answer.code)

    def test_limits(self, env):
        """At most a thousand operations, and no batch inside; only POST."""
        content_type, body = encode_batch([post("tasks")] * 1001, "batch_1")
        assert 400 == env.call("POST", "$batch", body, Content_Type=content_type).status
        content_type, body = encode_batch([post("$batch")], "batch_1")
        assert 400 == env.call("POST", "$batch", body, Content_Type=content_type).status
        assert 405 == env.get("$batch").status

    def test_whole_urls_and_refusals_by_path(self, env):
        """Operations may carry whole addresses; unknown ones fail by themselves."""
        places = (f"{API}/WhoAmI", f"{API}/accounts?$skip=1", f"{API}/accounts?$top=1&$top=2", "/elsewhere", "$9")
        _, parts = batch(env, *(BatchPart("GET", place) for place in places), prefer="odata.continue-on-error")
        assert [200, 400, 400, 404, 400] == [part.status for part in parts]


class TestBulkMessages:
    def send(self, env, message, *targets, table="account", entity_set="accounts"):
        kind = {"@odata.type": f"Microsoft.Dynamics.CRM.{table}"}
        return env.post(f"{entity_set}/Microsoft.Dynamics.CRM.{message}", {"Targets": [kind | one for one in targets]})

    def test_create(self, env):
        """All the ids, in order."""
        answer = self.send(env, "CreateMultiple", {"name": "A"}, {"name": "B", "accountid": KEY})
        assert ["A", "B"] == [env.rows("accounts")[key]["name"] for key in answer.json["Ids"]]
        assert KEY == answer.json["Ids"][1]

    def test_all_or_nothing(self, env):
        """One bad target and none is created."""
        assert 400 == self.send(env, "CreateMultiple", {"name": "A"}, {"name": 5}).status
        assert {} == env.rows("accounts")

    def test_update(self, env):
        """Targets are found by their key; a missing one undoes all."""
        env.emulator.load({"accounts": [{"accountid": KEY, "name": "A"}]})
        assert 204 == self.send(env, "UpdateMultiple", {"accountid": KEY, "name": "B"}).status
        assert (
            404
            == self.send(
                env, "UpdateMultiple", {"accountid": KEY, "name": "C"}, {"accountid": str(uuid.uuid4())}
            ).status
        )
        assert 404 == self.send(env, "UpdateMultiple", {"name": "C"}).status
        assert "B" == env.rows("accounts")[KEY]["name"]

    def test_upsert(self, env):
        """By key or alternate key; a key column repeated in the body is refused on the create path only."""
        env.emulator.add_alternate_key("account", "accountnumber")
        by_key = {"@odata.id": "accounts(accountnumber='A-1')"}
        assert 400 == self.send(env, "UpsertMultiple", by_key | {"accountnumber": "A-1"}).status
        assert [204, 204] == [
            self.send(env, "UpsertMultiple", by_key | {"name": n}, {"accountid": KEY}).status for n in "AB"
        ]
        assert 204 == self.send(env, "UpsertMultiple", by_key | {"accountnumber": "A-1", "name": "C"}).status
        assert {("A-1", "C"), (None, None)} == {
            (row.get("accountnumber"), row.get("name")) for row in env.rows("accounts").values()
        }
        assert 400 == self.send(env, "UpsertMultiple", {"@odata.id": f"contacts({KEY})"}).status

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            {"Targets": []},
            {"Targets": [{}]},
            {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.contact"}]},
            {"Targets": [5]},
        ],
    )
    def test_types_are_mandatory(self, env, body):
        """Every target names its type."""
        assert 400 == env.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", body).status

    def test_unknown_actions(self, env):
        """An action without its full name, or one that is not there."""
        for path in ("accounts/CreateMultiple", "accounts/Microsoft.Dynamics.CRM.DeleteMultiple"):
            assert 400 == env.post(path, {"Targets": []}).status


class TestMetadata:
    def test_who_am_i(self, env):
        """Ids of organisation, business unit and user; with parentheses too."""
        answer = env.get("WhoAmI")
        assert env.emulator.organization_id == answer.json["OrganizationId"]
        assert "4" == answer.header("x-ms-dop-hint")
        assert answer.json == env.get("WhoAmI()").json

    def test_definitions(self, env):
        """As a collection with a filter, by name and by id."""
        select = "$select=LogicalName,EntitySetName,ChangeTrackingEnabled"
        (found,) = env.get(f"EntityDefinitions?{select}&$filter=LogicalName eq 'account'").json["value"]
        assert ("accounts", True) == (found["EntitySetName"], found["ChangeTrackingEnabled"])
        by_name = env.get(f"EntityDefinitions(LogicalName='account')?{select}").json
        assert found == {name: value for name, value in by_name.items() if name != "@odata.context"}
        assert by_name["EntitySetName"] == env.get(f"EntityDefinitions({found['MetadataId']})").json["EntitySetName"]
        tracked = env.get("EntityDefinitions?$select=SchemaName&$filter=ChangeTrackingEnabled eq true").json["value"]
        names = {each["SchemaName"] for each in tracked}
        assert {"Account", "Contact", "Lead", "Opportunity", "Incident"} <= names
        assert not {"Annotation", "Task", "Systemuser"} & names

    def test_attributes(self, env):
        """All of them, one, those of a type, with the options of a picklist."""
        one = env.get("EntityDefinitions(LogicalName='account')/Attributes(LogicalName='name')").json
        assert ("String", 160) == (one["AttributeType"], one["MaxLength"])
        cast = "Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
        lists = env.get(f"EntityDefinitions(LogicalName='account')/{cast}?$select=LogicalName&$expand=OptionSet").json[
            "value"
        ]
        options = {each["LogicalName"]: [o["Value"] for o in each["OptionSet"]["Options"]] for each in lists}
        assert [1, 2] == options["accountcategorycode"]
        assert "name" not in options
        expanded = env.get("EntityDefinitions(LogicalName='account')?$select=LogicalName&$expand=Attributes").json
        assert {"name", "ownerid"} <= {each["LogicalName"] for each in expanded["Attributes"]}

    def test_keys(self, env):
        """Alternate keys and the state of their index."""
        env.emulator.add_alternate_key("account", "pl_nit")
        for path in (
            "EntityDefinitions(LogicalName='account')/Keys",
            "EntityDefinitions(LogicalName='account')?$expand=Keys",
        ):
            found = env.get(path).json
            (key,) = found.get("value") or found["Keys"]
            assert (["pl_nit"], "Active") == (key["KeyAttributes"], key["EntityKeyIndexStatus"])

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("EntityDefinitions(LogicalName='nothing')", 404),
            ("EntityDefinitions(LogicalName='account')/Attributes(LogicalName='nothing')", 404),
            ("EntityDefinitions(LogicalName='account')/Nothing", 400),
            ("EntityDefinitions?$select=Nothing", 400),
            ("EntityDefinitions?$filter=Nothing eq 1", 400),
            ("EntityDefinitions?$top=1", 400),
        ],
    )
    def test_refusals(self, env, path, status):
        """Unknown tables, columns and properties."""
        assert status == env.get(path).status

    def test_methods(self, env):
        """Definitions are made, changed in parts and deleted; nothing else."""
        assert 405 == env.call("PUT", "EntityDefinitions", {}).status
        assert 405 == env.patch("EntityDefinitions(LogicalName='account')", {}).status

    def test_bulk_messages_are_announced(self, env):
        """Which messages a table has, by the documented query."""
        query = (
            "sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name eq @message and "
            "primaryobjecttypecode eq @table&@message='{}'&@table='account'"
        )
        assert 1 == len(env.get(query.format("CreateMultiple")).json["value"])
        assert [] == env.get(query.format("DeleteMultiple")).json["value"]

    def test_privileges(self, env):
        """What the caller may, and how far; what is denied is refused."""
        user = env.get("WhoAmI").json["UserId"]
        env.emulator.metadata.denied |= {"prvWriteAccount", "prvWriteOpportunity"}
        env.emulator.metadata.local.add("prvReadAccount")
        granted = env.get(f"systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()").json["RolePrivileges"]
        depths = {each["PrivilegeName"]: each["Depth"] for each in granted}
        assert ("Basic", "Global") == (depths["prvReadAccount"], depths["prvCreateAccount"])
        assert "prvWriteAccount" not in depths
        assert 204 == env.patch(f"accounts({KEY})", {"name": "A"}).status  # a creation, which is allowed
        refused = env.patch(f"accounts({KEY})", {"name": "B"})
        assert (403, "0x80040220") == (refused.status, refused.code)
        assert "is missing prvWriteAccount privilege" in refused.message
        assert 403 == env.post("WinOpportunity", {}).status


class TestServiceProtection:
    def test_requests(self, env):
        """Too many in the window: 429 with the seconds to wait, and then it goes on."""
        env.emulator.limits.requests = 3
        for _ in range(3):
            env.clock.advance(10)
            assert 200 == env.get("WhoAmI").status
        refused = env.get("WhoAmI")
        assert (429, "0x80072322", "280") == (refused.status, refused.code, refused.header("Retry-After"))
        assert "Number of requests exceeded the limit of 3 over time window of 300 seconds." == refused.message
        env.clock.advance(279)
        assert 429 == env.get("WhoAmI").status
        env.clock.advance(2)
        assert 200 == env.get("WhoAmI").status

    def test_impatience_is_punished(self, env):
        """Where the environment punishes, a request before Retry-After has passed makes the wait longer."""
        env.emulator.limits.requests, env.emulator.limits.penalty = 1, 30.0
        env.get("WhoAmI")
        first = int(env.get("WhoAmI").header("Retry-After"))
        env.clock.advance(10)
        assert first + 20 == int(env.get("WhoAmI").header("Retry-After"))
        env.clock.advance(first + 20)
        assert 200 == env.get("WhoAmI").status

    def test_execution_time(self, env):
        """Operations of a batch count each."""
        env.emulator.limits.seconds_a_request = 500.0
        batch(env, post("tasks"), post("tasks"), post("tasks"))
        refused = env.get("WhoAmI")
        assert (429, "0x80072321") == (refused.status, refused.code)
        assert "exceeded limit of 1,200,000 milliseconds" in refused.message

    def test_concurrency(self, env):
        """Requests that come while others are under way; one that is done makes room."""
        env.emulator.limits.concurrent = 1
        env.emulator.limits.in_flight = 1  # somebody else's request, not answered yet
        refused = env.get("WhoAmI")
        assert (429, "0x80072326", "1") == (refused.status, refused.code, refused.header("Retry-After"))
        env.emulator.limits.in_flight = 0
        assert 200 == env.get("WhoAmI").status
        assert 0 == env.emulator.limits.in_flight

    def test_servers(self, env):
        """Limits are per web server: the affinity cookie keeps a client on one, others go round."""
        env.emulator.limits.servers, env.emulator.limits.requests = 2, 2
        assert [200] * 4 == [env.get("WhoAmI").status for _ in range(4)]
        assert 429 == env.get("WhoAmI").status
        env.emulator.limits.restart()
        cookie = env.get("WhoAmI").header("Set-Cookie").partition(";")[0]
        assert [200, 429] == [env.get("WhoAmI", Cookie=cookie).status for _ in range(2)]

    def test_announced(self, env):
        """What is left stands in the headers, with a comma in thousands."""
        answer = env.get("WhoAmI")
        assert "5999" == answer.header("x-ms-ratelimit-burst-remaining-xrm-requests")
        assert "1,200.00" == answer.header("x-ms-ratelimit-time-remaining-xrm-requests")
        assert "," in answer.header("x-ms-service-request-id")

    def test_refused_sign_ins_are_not_counted(self, env):
        """401 comes before the limits."""
        env.emulator.limits.requests = 0
        assert 401 == env.get("WhoAmI", Authorization="Bearer x").status


class TestFaults:
    def test_status_faults_have_its_shape(self, env):
        """An injected refusal looks like one of Dataverse."""
        env.emulator.faults.add(FaultRule("status", params={"status": 503, "code": "0x80044150", "message": "later"}))
        answer = env.get("WhoAmI")
        assert (503, "0x80044150", "later") == (answer.status, answer.code, answer.message)

    def test_credentials(self, env):
        """What a client needs to sign in, with the scope of the environment."""
        known = env.emulator.credentials()
        assert f"{BASE}/.default" == known["scope"]
        assert {"tenant_id", "client_id", "client_secret", "authority", "scope"} == set(known)
