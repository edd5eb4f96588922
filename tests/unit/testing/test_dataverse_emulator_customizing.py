"""Tables, columns, keys and relationships of the emulated Dataverse made over the API; elastic tables."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from dataverse_calls import Environment

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
TYPE = "Microsoft.Dynamics.CRM.{}AttributeMetadata"


def label(text):
    return {"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def text(schema, **more):
    return {"@odata.type": TYPE.format("String"), "SchemaName": schema, "MaxLength": 50, **more}


def project(**more):
    return {
        "SchemaName": "pl_Project",
        "EntitySetName": "pl_projects",
        "Attributes": [text("pl_Name", IsPrimaryName=True), text("pl_Code")],
        **more,
    }


@pytest.fixture
def env():
    return Environment()


class TestTables:
    def test_a_new_table_works(self, env):
        """Made with its columns, it takes records with state and owner, and keeps the lengths."""
        made = env.post("EntityDefinitions", project())
        assert 204 == made.status
        assert 204 == env.post("pl_projects", {"pl_name": "P", "pl_code": "1"}).status
        assert "0x80044331" == env.post("pl_projects", {"pl_name": "x" * 51}).code
        (row,) = env.rows("pl_projects").values()
        assert (0, 1) == (row["statecode"], row["statuscode"])
        definition = env.get("EntityDefinitions(LogicalName='pl_project')").json
        assert ("pl_Project", "pl_projects", True) == tuple(
            definition[name] for name in ("SchemaName", "EntitySetName", "IsCustomEntity")
        )

    def test_deleting(self, env):
        """A custom table goes with its rows; a standard one stays."""
        env.post("EntityDefinitions", project())
        assert 204 == env.call("DELETE", "EntityDefinitions(LogicalName='pl_project')").status
        assert 400 == env.get("pl_projects").status
        assert 403 == env.call("DELETE", "EntityDefinitions(LogicalName='account')").status

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {},
            project(SchemaName="Account"),
            project(Attributes=[text("pl_Code")]),
            project(Attributes=[{"@odata.type": TYPE.format("Odd"), "SchemaName": "pl_X", "IsPrimaryName": True}]),
        ],
    )
    def test_refusals(self, env, body):
        """No definition, a name that is taken, no primary name, an unknown type."""
        assert 400 == env.post("EntityDefinitions", body).status


class TestColumns:
    def test_choices(self, env):
        """A choice comes with its options; others are refused, labels are shown."""
        options = [{"Value": 1, "Label": label("Gold")}, {"Value": 2, "Label": label("Silver")}]
        body = {"@odata.type": TYPE.format("Picklist"), "SchemaName": "pl_Tier", "OptionSet": {"Options": options}}
        path = "EntityDefinitions(LogicalName='account')/Attributes"
        assert 204 == env.post(path, body).status
        assert 400 == env.post(path, body).status
        assert 400 == env.post("accounts", {"name": "A", "pl_tier": 3}).status
        made = env.post("accounts", {"name": "A", "pl_tier": 2}).id
        row = env.get(f"accounts({made})?$select=pl_tier", Prefer='odata.include-annotations="*"').json
        assert "Silver" == row["pl_tier@OData.Community.Display.V1.FormattedValue"]
        assert "pl_Tier" == env.get(f"{path}(LogicalName='pl_tier')").json["SchemaName"]

    def test_deleting(self, env):
        """A custom column goes with its values, a standard one stays."""
        made = env.post("accounts", {"name": "A", "pl_nit": "1"}).id
        path = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='{}')"
        assert 204 == env.call("DELETE", path.format("pl_nit")).status
        assert 400 == env.get(f"accounts({made})?$select=pl_nit").status
        assert 403 == env.call("DELETE", path.format("name")).status
        assert 404 == env.call("DELETE", path.format("pl_nowhere")).status


class TestKeys:
    def test_a_key_at_work(self, env):
        """Made over the API it can be addressed, until it is deleted."""
        path = "EntityDefinitions(LogicalName='account')/Keys"
        assert 204 == env.post(path, {"SchemaName": "pl_ByNit", "KeyAttributes": ["pl_nit"]}).status
        assert 204 == env.patch("accounts(pl_nit='900')", {"name": "A"}).status
        (key,) = env.get(path).json["value"]
        assert 204 == env.call("DELETE", f"{path}({key['MetadataId']})").status
        assert 400 == env.get("accounts(pl_nit='900')").status
        assert 404 == env.call("DELETE", f"{path}({key['MetadataId']})").status

    def test_columns_that_are_not_there(self, env):
        """A key needs columns of the table."""
        path = "EntityDefinitions(LogicalName='account')/Keys"
        assert 400 == env.post(path, {"SchemaName": "pl_K", "KeyAttributes": ["nowhere"]}).status
        assert 400 == env.post(path, {"SchemaName": "pl_K"}).status


class TestRelationships:
    def test_many_to_one(self, env):
        """Each lookup with the property that binds it, case as it is."""
        env.emulator.add_column("account", "cr123_segment", "Lookup", targets="contact", schema_name="cr123_Segment")
        path = "EntityDefinitions(LogicalName='account')/ManyToOneRelationships"
        select = "$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
        found = {row["ReferencingAttribute"]: row for row in env.get(f"{path}?{select}").json["value"]}
        assert "cr123_Segment" == found["cr123_segment"]["ReferencingEntityNavigationPropertyName"]
        assert "owner" == found["ownerid"]["ReferencedEntity"]
        made = env.post("contacts", {"firstname": "Ana"}).id
        bind = {"cr123_segment@odata.bind": f"/contacts({made})"}
        assert 400 == env.post("accounts", bind).status
        assert 204 == env.post("accounts", {"cr123_Segment@odata.bind": f"/contacts({made})"}).status

    def test_one_to_many(self, env):
        """What points to a table, by the name of the collection."""
        found = env.get("EntityDefinitions(LogicalName='account')/OneToManyRelationships").json["value"]
        names = {row["ReferencedEntityNavigationPropertyName"]: row["ReferencingEntity"] for row in found}
        assert "task" == names["Account_Tasks"]
        assert [] == env.get("EntityDefinitions(LogicalName='account')/ManyToManyRelationships").json["value"]

    def test_a_new_relationship(self, env):
        """A lookup column comes with it and can be bound and expanded."""
        env.post("EntityDefinitions", project())
        body = {
            "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
            "SchemaName": "pl_account_project",
            "ReferencedEntity": "account",
            "ReferencingEntity": "pl_project",
            "Lookup": {"@odata.type": TYPE.format("Lookup"), "SchemaName": "pl_Client"},
        }
        assert 204 == env.post("RelationshipDefinitions", body).status
        client = env.post("accounts", {"name": "A"}).id
        env.post("pl_projects", {"pl_name": "P", "pl_Client@odata.bind": f"/accounts({client})"})
        row = env.get(f"accounts({client})?$select=name&$expand=pl_account_project($select=pl_name)").json
        assert ["P"] == [each["pl_name"] for each in row["pl_account_project"]]
        found = env.get("RelationshipDefinitions(SchemaName='pl_account_project')").json
        assert "pl_client" == found["ReferencingAttribute"]
        assert 404 == env.get("RelationshipDefinitions(SchemaName='nowhere')").status
        assert 501 == env.post("RelationshipDefinitions", {"@odata.type": "ManyToMany"}).status

    def test_the_document(self, env):
        """$metadata is XML with every entity set."""
        answer = env.get("$metadata")
        assert "application/xml" == answer.header("Content-Type")
        root = ET.fromstring(answer.response.body)
        names = {element.get("Name") for element in root.iter("{http://docs.oasis-open.org/odata/ns/edm}EntitySet")}
        assert {"accounts", "msfp_surveies"} <= names


class TestElasticTables:
    @pytest.fixture
    def env(self):
        env = Environment()
        assert 204 == env.post("EntityDefinitions", project(TableType="Elastic")).status
        return env

    def test_identity(self, env):
        """A row is its key and its partition, and every answer brings a session token."""
        body = {"pl_projectid": KEY, "pl_name": "P", "pl_code": "1", "partitionid": "a'b"}
        made = env.post("pl_projects", body)
        assert made.header("OData-EntityId").endswith(f"(pl_projectid={KEY},partitionid='a''b')")
        assert made.header("x-ms-session-token")
        found = env.get(f"pl_projects(pl_projectid={KEY},partitionid='a''b')?$select=pl_name").json
        assert ("P", "a'b") == (found["pl_name"], found["partitionid"])

    def test_an_upsert_replaces(self, env):
        """What an upsert leaves out is empty afterwards; an update with If-Match keeps it."""
        path = f"pl_projects(pl_projectid={KEY},partitionid='a')"
        env.post("pl_projects", {"pl_projectid": KEY, "pl_name": "P", "pl_code": "1", "partitionid": "a"})
        env.patch(path, {"pl_name": "Q"}, If_Match="*")
        assert "1" == env.rows("pl_projects")[KEY]["pl_code"]
        env.patch(path, {"pl_name": "R", "partitionid": "a"})
        assert "pl_code" not in env.rows("pl_projects")[KEY]

    def test_time_to_live(self, env):
        """A row leaves when its time is over."""
        env.post("pl_projects", {"pl_name": "P", "partitionid": "a", "ttlinseconds": 60})
        env.clock.sleep(59)
        assert 1 == len(env.get("pl_projects?$select=pl_name").json["value"])
        env.clock.sleep(timedelta(seconds=2).total_seconds())
        assert [] == env.get("pl_projects?$select=pl_name").json["value"]

    def test_deleting_many(self, env):
        """Only elastic tables have DeleteMultiple."""
        env.post("pl_projects", {"pl_projectid": KEY, "pl_name": "P", "partitionid": "a"})
        target = {"@odata.type": "Microsoft.Dynamics.CRM.pl_project", "pl_projectid": KEY, "partitionid": "a"}
        path = "pl_projects/Microsoft.Dynamics.CRM.DeleteMultiple"
        assert 204 == env.post(path, {"Targets": [target]}).status
        assert {} == env.rows("pl_projects")
        made = env.post("accounts", {"name": "A"}).id
        target = {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": made}
        answer = env.post("accounts/Microsoft.Dynamics.CRM.DeleteMultiple", {"Targets": [target]})
        assert "DeleteMultiple has not yet been implemented." == answer.message
