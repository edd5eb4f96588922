"""
Microsoft's own SDK for Azure DevOps works against our stand-in, over TLS.

``pip install azure-devops setuptools trustme``; everything goes over loopback. What it cannot read (measured): the
reporting feeds, whose models have no attributes; there only the request is looked at.
"""

from __future__ import annotations

import importlib

import pytest

pytest.importorskip("azure.devops", reason="azure-devops is missing")
pytest.importorskip("trustme", reason="trustme is missing")

from periferia_link.clock import SystemClock
from periferia_link.testing.emulators import FaultRule, TlsIdentity, host
from periferia_link.testing.emulators.azure_devops import AzureDevOpsEmulator

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return TlsIdentity.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    """The SDK keeps resource locations for twelve hours on disk, below a folder named before its import."""
    patch = pytest.MonkeyPatch()
    patch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    yield importlib.import_module("azure.devops.connection")
    patch.undo()


@pytest.fixture
def service(tls, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", tls.ca_file)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    emulator = AzureDevOpsEmulator()
    with host(emulator, tls=tls):
        yield emulator


def connect(sdk, service, token):
    from msrest.authentication import BasicAuthentication

    return sdk.Connection(base_url=service.address, creds=BasicAuthentication("", token))


@pytest.fixture
def items(sdk, service):
    return connect(sdk, service, service.pat).clients_v7_1.get_work_item_tracking_client()


@pytest.fixture
def models(sdk):
    return importlib.import_module("azure.devops.v7_1.work_item_tracking.models")


def patch(models, **fields):
    return [
        models.JsonPatchOperation(op="add", path=f"/fields/System.{name}", value=value)
        for name, value in fields.items()
    ]


class TestItems:
    def test_create_read_update(self, items, models, service):
        """An item is made, read with its relations, and changed on its revision."""
        made = items.create_work_item(patch(models, Title="Uno", Tags="a; b"), "Entrega", "Task")
        assert (1, "New", "a; b") == (made.rev, made.fields["System.State"], made.fields["System.Tags"])
        change = [models.JsonPatchOperation(op="test", path="/rev", value=1), *patch(models, State="Active")]
        assert 2 == items.update_work_item(change, made.id).rev
        read = items.get_work_item(made.id, expand="All")
        assert ("Active", made.id) == (read.fields["System.State"], read.id)
        assert "ana" not in read.fields["System.CreatedBy"]["uniqueName"]

    def test_a_stale_revision_is_refused(self, items, models, service):
        """The SDK raises its service error for 412."""
        from azure.devops.exceptions import AzureDevOpsServiceError

        made = items.create_work_item(patch(models, Title="Uno"), "Entrega", "Task")
        change = [models.JsonPatchOperation(op="test", path="/rev", value=9), *patch(models, Title="Dos")]
        with pytest.raises(AzureDevOpsServiceError, match="VS403351") as refused:
            items.update_work_item(change, made.id)
        assert "TestPatchOperationFailedException" == refused.value.type_key

    def test_relations(self, items, models, service):
        """A child is linked; the revision stays; the parent shows at the other end."""
        parent, child = (items.create_work_item(patch(models, Title=t), "Entrega", "Task") for t in "pc")
        value = {"rel": "System.LinkTypes.Hierarchy-Forward", "url": child.url}
        operation = models.JsonPatchOperation(op="add", path="/relations/-", value=value)
        assert 1 == items.update_work_item([operation], parent.id).rev
        (relation,) = items.get_work_item(child.id, expand="Relations").relations
        assert ("System.LinkTypes.Hierarchy-Reverse", "Parent") == (relation.rel, relation.attributes["name"])

    def test_queries_and_batches(self, items, models, service):
        """WIQL gives ids, workitemsbatch the fields; more than 200 are refused."""
        from azure.devops.exceptions import AzureDevOpsServiceError

        clock = SystemClock()
        for number in range(5):
            service.enter("Entrega", "Task", {"Title": f"T{number}", "Tags": "x"}, clock)
        query = "SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS 'x' ORDER BY [System.Id] DESC"
        found = [each.id for each in items.query_by_wiql(models.Wiql(query=query), top=3).work_items]
        assert [5, 4, 3] == found
        asked = models.WorkItemBatchGetRequest(ids=found, fields=["System.Title"])
        assert ["T4", "T3", "T2"] == [item.fields["System.Title"] for item in items.get_work_items_batch(asked)]
        assert 2 == len(items.get_work_items([1, 2], error_policy="omit"))
        with pytest.raises(AzureDevOpsServiceError, match="VS403474"):
            items.get_work_items_batch(models.WorkItemBatchGetRequest(ids=list(range(1, 202))))

    def test_deletion_and_the_recycle_bin(self, items, models, service):
        """Deleted, listed, restored, destroyed."""
        from azure.devops.exceptions import AzureDevOpsServiceError

        made = items.create_work_item(patch(models, Title="Uno"), "Entrega", "Task")
        assert made.id == items.delete_work_item(made.id).id
        with pytest.raises(AzureDevOpsServiceError, match="TF401232"):
            items.get_work_item(made.id)
        assert [made.id] == [each.id for each in items.get_deleted_work_item_shallow_references()]
        assert "Uno" == items.get_deleted_work_item(made.id).name
        items.restore_work_item(models.WorkItemDeleteUpdate(is_deleted=False), made.id)
        assert 3 == items.get_work_item(made.id).rev
        items.delete_work_item(made.id, destroy=True)
        assert [] == items.get_deleted_work_item_shallow_references()

    def test_history_and_comments(self, items, models, service):
        """Updates tell old and new values; comments are a resource of their own."""
        made = items.create_work_item(patch(models, Title="Uno"), "Entrega", "Task")
        items.update_work_item(patch(models, State="Active"), made.id)
        updates = items.get_updates(made.id)
        assert ("New", "Active") == (
            updates[1].fields["System.State"].old_value,
            updates[1].fields["System.State"].new_value,
        )
        comment = items.add_comment(models.CommentCreate(text="hola"), "Entrega", made.id)
        assert ("hola", 1) == (comment.text, items.get_comments("Entrega", made.id).total_count)
        assert 3 == len(items.get_revisions(made.id))


class TestProjects:
    def test_types_states_fields_tags_nodes(self, items, models, service):
        """What discovery reads, read by the SDK."""
        states = items.get_work_item_type_states("Entrega", "Bug")
        assert ["Proposed", "InProgress", "Resolved", "Completed"] == [state.category for state in states]
        assert "User Story" in [kind.name for kind in items.get_work_item_types("Entrega")]
        assert "string" == items.get_work_item_field("System.Title").type
        node = items.create_or_update_classification_node(
            models.WorkItemClassificationNode(name="Datos"), "Entrega", "areas"
        )
        assert "\\Entrega\\Area\\Datos" == node.path
        tree = items.get_classification_node("Entrega", "areas", depth=2)
        assert ["Datos"] == [child.name for child in tree.children]
        items.create_work_item(patch(models, Title="Uno", Tags="x"), "Entrega", "Task")
        assert ["x"] == [tag.name for tag in items.get_tags("Entrega")]

    def test_projects_of_the_core_client(self, sdk, service):
        """The core area is found by its location as well."""
        core = connect(sdk, service, service.pat).clients_v7_1.get_core_client()
        assert ["Entrega", "Soporte"] == [project.name for project in core.get_projects()]


class TestFeeds:
    def test_the_requests_of_the_feeds_are_understood(self, items, service):
        """The models of the SDK are empty here: what counts is that its requests are answered 200."""
        service.enter("Entrega", "Task", {"Title": "T"}, SystemClock())
        items.read_reporting_revisions_get(project="Entrega", include_deleted=True, max_page_size=10)
        items.get_reporting_links_by_link_type(project="Entrega")
        paths = [(entry.path.rpartition("/")[2], entry.status) for entry in service.log[-2:]]
        assert [("workItemRevisions", 200), ("workItemLinks", 200)] == paths


class TestRefusals:
    def test_a_wrong_token_is_the_sign_in_page(self, sdk, service):
        """203 and a page: the SDK cannot read it (we raise AuthenticationError instead)."""
        with pytest.raises(Exception, match=r"text/html|deserialize|203|authenticat|authoriz"):
            connect(sdk, service, "wrong").clients_v7_1.get_work_item_tracking_client().get_work_item(1)
        assert 203 in {entry.status for entry in service.log}

    def test_the_sdk_sends_again_by_itself(self, items, models, service):
        """After a 429 with Retry-After it waits and asks again."""
        made = items.create_work_item(patch(models, Title="Uno"), "Entrega", "Task")
        service.faults.add(FaultRule("throttle", method="GET", path="*/workItems/*", params={"retry_after": "1"}))
        assert made.id == items.get_work_item(made.id).id
        assert [429, 200] == [entry.status for entry in service.log[-2:]]
