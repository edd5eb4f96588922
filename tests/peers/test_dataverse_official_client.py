"""
Microsoft's own Dataverse client and azure-identity work against our stand-ins, over TLS.

``pip install PowerPlatform-Dataverse-Client azure-identity trustme``; everything goes over loopback.
"""

from __future__ import annotations

import asyncio
import uuid
import warnings

import pytest

official = pytest.importorskip("PowerPlatform.Dataverse.client", reason="PowerPlatform-Dataverse-Client is missing")
identity = pytest.importorskip("azure.identity", reason="azure-identity is missing")
pytest.importorskip("trustme", reason="trustme is missing")

from PowerPlatform.Dataverse.core.errors import HttpError  # noqa: E402

from periferia_link.testing.emulators import FaultRule, TlsIdentity, host  # noqa: E402
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator  # noqa: E402

# what third parties leave open at interpreter level is not ours to judge
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return TlsIdentity.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def environment(tls, monkeypatch):
    """An environment and its Entra on loopback; the sync client trusts one variable, the async one another."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", tls.ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", tls.ca_file)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    emulator = Dynamics365Emulator()
    emulator.add_alternate_key("account", "accountnumber")
    with host(emulator.entra, tls=tls), host(emulator, tls=tls):
        yield emulator


@pytest.fixture
def client(environment):
    known = environment.credentials()
    credential = identity.ClientSecretCredential(
        known["tenant_id"],
        known["client_id"],
        known["client_secret"],
        authority=known["authority"],
        disable_instance_discovery=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with official.DataverseClient(environment.base_url, credential) as opened:
            yield opened


def sent(emulator, method):
    return [entry for entry in emulator.log if entry.method == method]


class TestRecords:
    def test_create_and_retrieve(self, client):
        """A created record comes back with its values, label and exact amount included."""
        key = client.records.create(
            "account", {"name": "Andes S.A.S.", "revenue": 1234567.89, "accountcategorycode": 1}
        )
        found = client.records.retrieve(
            "account", key, select=["name", "revenue", "accountcategorycode"], include_annotations="*"
        )
        assert "Andes S.A.S." == found["name"]
        assert 1234567.89 == found["revenue"]
        assert "Preferred Customer" == found["accountcategorycode@OData.Community.Display.V1.FormattedValue"]

    def test_update_and_delete(self, client, environment):
        """Update only updates, delete deletes, and a missing record is found missing."""
        key = client.records.create("account", {"name": "before"})
        client.records.update("account", key, {"name": "after"})
        assert "after" == environment.books["accounts"][key]["name"]
        client.records.delete("account", key)
        assert client.records.retrieve("account", key) is None

    def test_update_never_creates(self, client, environment):
        """The client sends If-Match: *; a record that is gone stays gone."""
        with pytest.raises(HttpError) as raised:
            client.records.update("account", str(uuid.uuid4()), {"name": "ghost"})
        assert 404 == raised.value.status_code
        assert {} == environment.books["accounts"]

    def test_bulk_messages(self, client, environment):
        """CreateMultiple returns ids, UpdateMultiple changes each of them."""
        keys = client.records.create("account", [{"name": f"n{n}"} for n in range(5)])
        assert 5 == len(set(keys))
        client.records.update("account", keys, {"description": "all"})
        assert ["all"] * 5 == [environment.books["accounts"][key]["description"] for key in keys]

    def test_upsert_by_alternate_key(self, client, environment):
        """One item is a PATCH, several are UpsertMultiple; the second time updates."""
        one = {"alternate_key": {"accountnumber": "A-1"}, "record": {"name": "first"}}
        two = {"alternate_key": {"accountnumber": "A-2"}, "record": {"name": "second"}}
        client.records.upsert("account", [one])
        client.records.upsert("account", [one | {"record": {"name": "changed"}}, two])
        names = {row["accountnumber"]: row["name"] for row in environment.books["accounts"].values()}
        assert {"A-1": "changed", "A-2": "second"} == names

    def test_labels_of_choices(self, client, environment):
        """A choice may be given by its label: the client asks for the picklists of the table."""
        key = client.records.create("account", {"name": "A", "accountcategorycode": "Standard"})
        assert 2 == environment.books["accounts"][key]["accountcategorycode"]

    def test_links(self, client):
        """A bound lookup can be expanded."""
        contact = client.records.create("contact", {"firstname": "Ana", "lastname": "Ruiz"})
        key = client.records.create("account", {"name": "A", "primarycontactid@odata.bind": f"/contacts({contact})"})
        found = client.records.retrieve("account", key, select=["name"], expand=["primarycontactid"])
        assert "Ana Ruiz" == found["primarycontactid"]["fullname"]

    def test_refusals_keep_their_code(self, client):
        """The client reads code and request id of a refusal."""
        with pytest.raises(HttpError) as raised:
            client.records.create("task", {"subject": "x" * 201})
        assert 400 == raised.value.status_code
        assert "0x80044331" == raised.value.details["service_error_code"]
        assert raised.value.details["service_request_id"]


class TestQueries:
    def test_pages(self, client, environment):
        """Every row once, in pages of the asked size, next links followed."""
        environment.load({"accounts": [{"name": f"n{n:03}"} for n in range(23)]})
        pages = [
            [row["name"] for row in page] for page in client.records.list_pages("account", select=["name"], page_size=5)
        ]
        assert [5, 5, 5, 5, 3] == [len(page) for page in pages]
        assert 23 == len({name for page in pages for name in page})

    def test_filter_order_top(self, client, environment):
        """Filter, order and top reach the rows."""
        environment.load({"accounts": [{"name": f"n{n:03}", "numberofemployees": n} for n in range(9)]})
        found = client.records.list(
            "account",
            select=["name"],
            filter="numberofemployees gt 3 and contains(name,'N0')",
            orderby=["name desc"],
            top=2,
        )
        assert ["n008", "n007"] == [row["name"] for row in found]

    def test_quotes_in_filters(self, client, environment):
        """The query builder's quoting is understood."""
        environment.load({"accounts": [{"name": "L'Oréal & Co + 1"}, {"name": "other"}]})
        found = (
            client.query.builder("account")
            .select("name")
            .where(__import__("PowerPlatform.Dataverse", fromlist=["col"]).col("name") == "L'Oréal & Co + 1")
            .execute()
        )
        assert ["L'Oréal & Co + 1"] == [row["name"] for row in found]


class TestBatches:
    def test_operations_in_order(self, client, environment):
        """Creates, updates and reads in one request, each with its own answer."""
        key = client.records.create("account", {"name": "old"})
        batch = client.batch.new()
        batch.records.create("account", {"name": "new"})
        batch.records.update("account", key, {"name": "newer"})
        batch.records.retrieve("account", key, select=["name"])
        result = batch.execute()
        assert not result.has_errors
        assert "newer" == result.responses[-1].data["name"]
        assert 1 == len([entry for entry in environment.log if entry.path.endswith("/$batch")])

    def test_change_set_with_reference(self, client, environment):
        """What one operation creates, the next one links to by its Content-ID."""
        batch = client.batch.new()
        with batch.changeset() as changes:
            contact = changes.records.create("contact", {"firstname": "Ana"})
            changes.records.create("account", {"name": "A", "primarycontactid@odata.bind": contact})
        result = batch.execute()
        assert not result.has_errors
        (account,), (person,) = environment.books["accounts"].values(), environment.books["contacts"].values()
        assert person["contactid"] == account["_primarycontactid_value"]

    def test_change_set_is_all_or_nothing(self, client, environment):
        """One refusal takes the whole change set back."""
        batch = client.batch.new()
        with batch.changeset() as changes:
            changes.records.create("account", {"name": "kept?"})
            changes.records.create("task", {"subject": "x" * 201})
        result = batch.execute(continue_on_error=True)
        assert result.has_errors
        assert {} == environment.books["accounts"]

    def test_goes_on_when_asked(self, client, environment):
        """With continue-on-error each part has its own status."""
        batch = client.batch.new()
        batch.records.create("task", {"subject": "x" * 201})
        batch.records.create("task", {"subject": "short"})
        result = batch.execute(continue_on_error=True)
        assert [400, 204] == [part.status_code for part in result.responses]
        assert 1 == len(environment.books["tasks"])


class TestMetadata:
    def test_table(self, client):
        """Names and keys of a table."""
        info = client.tables.get("account")
        assert "accounts" == info["entity_set_name"]
        assert info["metadata_id"]

    def test_tables(self, client):
        """The list of tables, filtered and projected."""
        found = client.tables.list(filter="ChangeTrackingEnabled eq true", select=["LogicalName"])
        assert "account" in {table["LogicalName"] for table in found}
        assert "annotation" not in {table["LogicalName"] for table in found}

    def test_columns_and_keys(self, client):
        """Columns by type, and alternate keys with the state of their index."""
        texts = client.tables.list_columns("account", filter="AttributeType eq 'String'", select=["LogicalName"])
        assert "accountnumber" in {column["LogicalName"] for column in texts}
        (key,) = client.tables.get_alternate_keys("account")
        assert (["accountnumber"], "Active") == (key.key_attributes, key.status)

    def test_unknown_table(self, client):
        """A table that is not there is not found."""
        assert client.tables.get("nowhere") is None


class TestCustomizing:
    def test_a_table_from_nothing(self, client, environment):
        """The client makes a table with columns, fills it and takes it away again."""
        made = client.tables.create("new_Project", {"new_Code": "string", "new_Hours": "decimal"})
        assert "new_projects" == made["entity_set_name"]
        key = client.records.create("new_Project", {"new_name": "P", "new_code": "1", "new_hours": 1.5})
        assert "1" == environment.books["new_projects"][key]["new_code"]
        client.tables.add_columns("new_Project", {"new_Open": "bool"})
        client.records.update("new_Project", key, {"new_open": True})
        assert client.records.retrieve("new_Project", key, select=["new_open"])["new_open"] is True
        client.tables.delete("new_Project")
        assert client.tables.get("new_Project") is None

    def test_a_key_from_nothing(self, client, environment):
        """A key that the client makes takes upserts."""
        client.tables.create_alternate_key("account", "new_by_nit", ["pl_nit"])
        item = {"alternate_key": {"pl_nit": "900"}, "record": {"name": "A"}}
        client.records.upsert("account", [item])
        client.records.upsert("account", [item | {"record": {"name": "B"}}])
        assert ["B"] == [row["name"] for row in environment.books["accounts"].values()]
        (listed,) = [k for k in client.tables.get_alternate_keys("account") if k.schema_name == "new_by_nit"]
        client.tables.delete_alternate_key("account", listed.metadata_id)
        assert ["accountnumber"] == [k.key_attributes[0] for k in client.tables.get_alternate_keys("account")]

    def test_a_lookup_from_nothing(self, client):
        """A lookup that the client makes can be bound by the name that it reports."""
        client.tables.create_lookup_field("account", "new_Segment", "contact")
        found = client.tables.list_table_relationships("account")
        names = {row.get("ReferencingEntityNavigationPropertyName") for row in found}
        assert {"new_Segment", "primarycontactid"} <= names
        person = client.records.create("contact", {"lastname": "Ruiz"})
        key = client.records.create("account", {"name": "A", "new_Segment@odata.bind": f"/contacts({person})"})
        read = client.records.retrieve("account", key, select=["_new_segment_value"])
        assert person == read["_new_segment_value"]


class TestMoreQueries:
    def test_fetch_xml(self, client, environment):
        """The client's paging by cookie reads every row once."""
        environment.load({"accounts": [{"name": f"n{n}"} for n in range(7)]})
        xml = '<fetch count="3"><entity name="account"><attribute name="name"/></entity></fetch>'
        pages = [[row["name"] for row in page] for page in client.query.fetchxml(xml).execute_pages()]
        assert [3, 3, 1] == [len(page) for page in pages]
        assert 7 == len({name for page in pages for name in page})

    def test_files(self, client, environment, tmp_path):
        """A file goes up, in one request and in chunks."""
        environment.add_column("account", "pl_contract", "File", limit=64)
        key = client.records.create("account", {"name": "A"})
        path = tmp_path / "c.txt"
        path.write_bytes(b"0123456789")
        for mode in ("small", "chunk"):
            client.files.upload("account", key, "pl_contract", str(path), mode=mode)
        kept = environment.books["files"][environment.books["accounts"][key]["pl_contract"]]
        assert ("c.txt", "MDEyMzQ1Njc4OQ==") == (kept["name"], kept["content"])


class TestLimits:
    def test_throttling_is_understood(self, client, environment):
        """The client reads the code and the waiting time of service protection."""
        client.records.create("account", {"name": "first"})
        environment.limits.requests = len(environment.log)
        with pytest.raises(HttpError) as raised:
            client.records.create("account", {"name": "second"})
        assert 429 == raised.value.status_code
        assert "0x80072322" == raised.value.details["service_error_code"]
        assert raised.value.details["retry_after"] >= 1

    def test_token_of_another_system(self, client, environment):
        """A token that Entra forgot is refused with 401."""
        client.records.create("account", {"name": "first"})
        environment.entra.revoke()
        with pytest.raises(HttpError) as raised:
            client.records.create("account", {"name": "second"})
        assert 401 == raised.value.status_code

    def test_blind_retries_make_duplicates(self, client, environment):
        """What our transport must never do: the client repeats a create whose answer was lost."""
        client.records.create("account", {"name": "warm"})
        environment.faults.add(FaultRule("reset", method="POST", path="*/accounts", when="after", times=1))
        client.records.create("account", {"name": "twice"})
        assert ["twice", "twice"] == sorted(
            r["name"] for r in environment.books["accounts"].values() if r["name"] != "warm"
        )


class TestAsyncClient:
    """The asynchronous client of the same package, over TLS too."""

    @pytest.fixture
    def work(self, environment):
        aio = pytest.importorskip("PowerPlatform.Dataverse.aio")
        pytest.importorskip("aiohttp")
        azure = pytest.importorskip("azure.identity.aio")
        known = environment.credentials()

        def run(job):
            async def main():
                credential = azure.ClientSecretCredential(
                    known["tenant_id"],
                    known["client_id"],
                    known["client_secret"],
                    authority=known["authority"],
                    disable_instance_discovery=True,
                )
                async with credential, aio.AsyncDataverseClient(environment.base_url, credential) as opened:
                    return await job(opened)

            return asyncio.run(main())

        return run

    def test_records(self, work, environment):
        """Create, read, update, delete, one and many."""

        async def job(client):
            key = await client.records.create("account", {"name": "A"})
            await client.records.update("account", key, {"name": "B"})
            found = await client.records.retrieve("account", key, select=["name"])
            await client.records.delete("account", key)
            many = await client.records.create("account", [{"name": f"n{n}"} for n in range(3)])
            return found["name"], await client.records.retrieve("account", key), len(many)

        assert ("B", None, 3) == work(job)
        assert 3 == len(environment.books["accounts"])

    def test_pages(self, work, environment):
        """Next links are followed."""
        environment.load({"accounts": [{"name": f"n{n}"} for n in range(8)]})

        async def job(client):
            listed = await client.records.list("account", select=["name"], page_size=3)
            pages = [len(page) async for page in client.records.list_pages("account", select=["name"], page_size=3)]
            return len(list(listed)), pages

        assert (8, [3, 3, 2]) == work(job)

    def test_upsert(self, work, environment):
        """One item is a PATCH, several are UpsertMultiple."""
        one = {"alternate_key": {"accountnumber": "A-1"}, "record": {"name": "first"}}
        two = {"alternate_key": {"accountnumber": "A-2"}, "record": {"name": "second"}}

        async def job(client):
            await client.records.upsert("account", [one])
            await client.records.upsert("account", [one | {"record": {"name": "changed"}}, two])

        work(job)
        names = {row["accountnumber"]: row["name"] for row in environment.books["accounts"].values()}
        assert {"A-1": "changed", "A-2": "second"} == names

    def test_batch(self, work, environment):
        """A change set with a reference inside."""

        async def job(client):
            batch = client.batch.new()
            async with batch.changeset() as changes:
                person = changes.records.create("contact", {"firstname": "Ana"})
                changes.records.create("account", {"name": "A", "primarycontactid@odata.bind": person})
            return await batch.execute()

        assert not work(job).has_errors
        (account,), (person,) = environment.books["accounts"].values(), environment.books["contacts"].values()
        assert person["contactid"] == account["_primarycontactid_value"]

    def test_metadata(self, work):
        """Names of a table, its columns and keys."""

        async def job(client):
            info = await client.tables.get("account")
            columns = await client.tables.list_columns("account", select=["LogicalName"])
            (key,) = await client.tables.get_alternate_keys("account")
            return info["entity_set_name"], "name" in {c["LogicalName"] for c in columns}, key.key_attributes

        assert ("accounts", True, ["accountnumber"]) == work(job)
