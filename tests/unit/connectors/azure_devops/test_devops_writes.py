"""Writing to Azure DevOps: JSON Patch on a revision, marker, merged tags, relations, recycle bin, comments, batches."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from azure_devops_world import KEYS, World
from periferia_link.connectors.azure_devops import DEVOPS_FIELDS
from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.domain import Interaction, Ref, WorkItem, WorkItemLink
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    FatalConnectorError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
    WriteRefusedError,
)


@pytest.fixture
def world():
    return World()


class TestCreation:
    def test_a_new_item_carries_tag_and_hyperlink(self, world):
        """Both name the key of the creation; neither shows among our tags and links."""
        made = world.made(WorkItem(title="x", tags=("a",)))
        there = world.there(made)
        assert f"a; pl:{KEYS[0]}" == there["fields"]["System.Tags"]
        assert [f"https://dev.azure.example/periferia?pl={KEYS[0]}"] == [each["url"] for each in there["relations"]]
        assert (("a",), ()) == (world.read(made).tags, world.read(made).links)

    def test_the_marker_may_be_a_field(self, world):
        """An installation with a field of its own needs no tag for each item."""
        world.service.org.add_field("Custom.Key", "Key", "string", "Task")
        with world.connect(marker_field="Custom.Key") as devops:
            made = world.create(WorkItem(title="x"), devops=devops).ref.id
            assert (KEYS[0], None) == tuple(world.there(made)["fields"].get(n) for n in ("Custom.Key", "System.Tags"))
            assert [made] == [row.key for row in devops.find("WorkItem", "create_key", [KEYS[0]])]

    def test_a_deleted_one_is_found_in_the_recycle_bin(self, world):
        """It exists, and does not count: it is neither adopted nor made again blindly."""
        made = world.made(WorkItem(title="x"))
        world.service.do("DELETE", f"_apis/wit/workitems/{made}", world.clock)
        (row,) = world.devops.find("WorkItem", "create_key", [KEYS[0]])
        assert (made, KEYS[0]) == (row.key, row.match)
        assert "recycle bin" in row.pending

    def test_old_deletions_are_not_looked_through(self, world):
        """The bin is read back to the time of looking back, newest first."""
        made = world.made(WorkItem(title="x"))
        world.service.do("DELETE", f"_apis/wit/workitems/{made}", world.clock)
        world.clock.sleep(8 * 86_400)
        assert [] == world.devops.find("WorkItem", "create_key", [KEYS[0]])

    def test_a_bin_that_cannot_be_listed_is_no_absence(self, world):
        """More than 20,000 items: an error of ours, never "it is not there"."""
        for number in range(3):
            world.service.do("DELETE", f"_apis/wit/workitems/{world.item(str(number))}", world.clock)
        world.service.org.bin_cap = 2
        with pytest.raises(FatalConnectorError):
            world.devops.find("WorkItem", "create_key", [KEYS[0]])

    def test_the_initial_state_is_not_sent(self, world):
        """``proposed`` is where a new item begins; another state is refused by the process, and said."""
        assert "New" == world.there(world.made(WorkItem(title="x", category="proposed")))["fields"]["System.State"]
        refused = world.create(WorkItem(title="x", category="completed"), KEYS[1])
        assert isinstance(refused.error, RecordInvalidError)
        assert "TF401320" == refused.error.code

    def test_without_a_project_nobody_knows_where(self, world):
        """The item or the settings name the project."""
        with world.connect(project=None) as devops:
            assert isinstance(world.create(WorkItem(title="x"), devops=devops).error, RecordInvalidError)
            assert isinstance(world.create(WorkItem(title="x", project="Soporte"), devops=devops), Applied)

    @pytest.mark.parametrize(
        ("entity", "code"),
        [
            (WorkItem(title="x", project="Nada"), "TF200016"),
            (WorkItem(title="x", type="Nada"), "VS402323"),
            (WorkItem(title="x", assignee="nadie@otro.example"), "RuleValidationException"),
            (WorkItem(title="x", iteration="Entrega\\Nada"), "TF401347"),
            (WorkItem(title="x" * 300), "TF401320"),
            (WorkItem(title="x", parent=Ref("devops", "WorkItem", "999")), "TF401232"),
        ],
        ids=["project", "type", "person", "iteration", "title", "parent"],
    )
    def test_what_the_service_refuses_is_parked(self, world, entity, code):
        """One record is refused with its number and a next step; its values stay out of the message."""
        refused = world.create(entity)
        assert isinstance(refused, NotApplied)
        assert isinstance(refused.error, RecordInvalidError)
        assert code == refused.error.code
        assert "nadie@" not in str(refused.error)

    @pytest.mark.parametrize("tags", [("a;b",), ("a,b",)])
    def test_a_tag_that_would_be_two(self, world, tags):
        """A separator inside a tag is refused before anything is sent."""
        assert isinstance(world.create(WorkItem(title="x", tags=tags)).error, RecordInvalidError)
        assert [] == world.sent("POST", "PATCH")


class TestUpdate:
    def test_the_revision_is_tested_first(self, world):
        """test /rev comes before anything else; a stale one is a conflict (412)."""
        one = world.item("a")
        world.service.amend(one, {"Title": "b"}, world.clock)
        stale = world.update(one, "1", title="c")
        assert isinstance(stale.error, RecordConflictError)
        assert ("b", 412) == (world.there(one)["fields"]["System.Title"], stale.error.status_code)
        assert "3" == world.update(one, "2", title="c").version

    def test_tags_are_merged(self, world):
        """The field is one text: what people put there stays, whatever its case."""
        one = world.item("a", Tags="Cliente; río")
        assert isinstance(world.update(one, "1", tags=("CLIENTE", "detractor")), Applied)
        assert "Cliente; detractor; río" == world.there(one)["fields"]["System.Tags"]

    def test_tags_that_are_there_need_no_write(self, world):
        """Nothing to say is no request."""
        one = world.item("a", Tags="a; b")
        assert "1" == world.update(one, "1", tags=("b",)).version
        assert [] == world.sent("PATCH")

    def test_a_tag_that_came_meanwhile_is_not_lost(self, world):
        """What was read is guarded by the revision: a tag that somebody adds in between is a conflict, then merged."""
        one = world.item("a", Tags="a")
        (before,) = world.devops.get("WorkItem", [one])
        world.service.amend(one, {"Tags": "a; b"}, world.clock)
        assert isinstance(world.update(one, before.version, tags=("c",)).error, RecordConflictError)
        assert isinstance(world.update(one, "2", tags=("c",)), Applied)
        assert "a; b; c" == world.there(one)["fields"]["System.Tags"]

    def test_the_category_becomes_the_state_of_the_process(self, world):
        """``completed`` is Closed in Agile and Done in Basic; the same category again changes nothing."""
        agile = world.item("a")
        assert isinstance(world.update(agile, "1", category="completed"), Applied)
        assert "Closed" == world.there(agile)["fields"]["System.State"]
        assert "2" == world.update(agile, "2", category="completed").version
        assert 2 == world.there(agile)["rev"]

    def test_a_category_that_the_type_lacks(self, world):
        """A task of Agile is never resolved: parked with what there is."""
        refused = world.update(world.item("a"), "1", category="resolved")
        assert "resolved" in refused.error.message
        assert "completed" in refused.error.hint

    def test_another_parent_replaces_the_first(self, world):
        """An item has one parent; the old one is removed in the same document."""
        one, first, second = world.item("a"), world.item("f", kind="Feature"), world.item("g", kind="Feature")
        for parent in (first, second, second):
            assert isinstance(world.update(one, None, parent=Ref("devops", "WorkItem", parent)), Applied)
        assert second == world.read(one).parent.id
        assert isinstance(world.update(one, None, parent=None), Applied)
        assert world.read(one).parent is None

    def test_links_are_added_and_those_of_people_stay(self, world):
        """Ticket, lead, SAP project: hyperlinks; an item: related. A second time adds nothing."""
        hand = {"rel": "Hyperlink", "url": "https://hand.example/1"}
        one, other = world.item("a", relations=[hand]), world.item("b")
        links = (
            WorkItemLink(relation="hyperlink", target="https://helpdesk.example/tickets/7", comment="ticket"),
            WorkItemLink(relation="related", target=other),
        )
        for _ in range(2):
            assert isinstance(world.update(one, None, links=links), Applied)
        told = {each.target for each in world.read(one).links}
        assert {"https://hand.example/1", "https://helpdesk.example/tickets/7", other} == told
        assert 3 == len(world.there(one)["relations"])

    def test_project_and_type_are_not_changed_from_here(self, world):
        """Moving items is for people: parked, nothing sent."""
        one = world.item("a")
        assert isinstance(world.update(one, "1", project="Soporte").error, RecordInvalidError)
        assert isinstance(world.update(one, "1", type="Bug").error, RecordInvalidError)
        assert isinstance(world.update(one, "1", project="entrega", title="b"), Applied)

    def test_a_field_is_emptied(self, world):
        """None empties a field."""
        one = world.item("a", Description="<p>x</p>", AssignedTo="ana@periferia.example")
        assert isinstance(world.update(one, "1", description=None, assignee=None), Applied)
        assert (None, None) == (world.read(one).description, world.read(one).assignee)

    def test_markdown(self, world):
        """With markdown the format travels in the same document as the text."""
        with world.connect(markdown=True) as devops:
            made = world.create(WorkItem(title="x", description="# Uno"), devops=devops).ref.id
        assert {"System.Description": "markdown"} == world.there(made)["formats"]

    def test_external_ref_is_one_tag(self, world):
        """It is found by that tag, and replaced when it changes."""
        made = world.made(WorkItem(title="x", external_ref="helpdesk:Ticket:7"))
        assert isinstance(world.update(made, None, external_ref="helpdesk:Ticket:8"), Applied)
        assert "helpdesk:Ticket:8" == world.read(made).external_ref
        assert [] == world.devops.find("WorkItem", "external_ref", ["helpdesk:Ticket:7"])
        assert [made] == [row.key for row in world.devops.find("WorkItem", "external_ref", ["helpdesk:Ticket:8"])]

    def test_external_ref_may_be_a_field(self, world):
        """Mapped to a field of the installation it is written and searched there."""
        world.service.org.add_field("Custom.Ref", "Ref", "string", "Task")
        fields = DEVOPS_FIELDS.merged({"WorkItem": {"columns": {"external_ref": "Custom.Ref"}}})
        with world.connect(fields=fields) as devops:
            made = world.create(WorkItem(title="x", external_ref="a, b"), devops=devops).ref.id
            (row,) = devops.find("WorkItem", "external_ref", ["a, b"])
            assert (made, "a, b") == (row.key, devops.decode("WorkItem", row).external_ref)


class TestBatches:
    def test_many_are_one_request(self, world):
        """200 creations are one batch; each has an outcome of its own."""
        writes = [Write(KEYS[n], "create", None, WorkItem(title=f"t{n}"), frozenset({"title"})) for n in range(200)]
        writes[7] = writes[7]._replace(entity=WorkItem(title="x", type="Nada"))
        outcomes = world.devops.write("WorkItem", writes)
        assert ["PATCH /periferia/_apis/wit/$batch"] == world.sent("PATCH", "POST")
        assert [7] == [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Applied)]
        assert isinstance(outcomes[7].error, RecordInvalidError)

    def test_a_conflict_stops_no_neighbour(self, world):
        """Each part has its own code."""
        one, two = world.item("a"), world.item("b")
        world.service.amend(one, {"Title": "moved"}, world.clock)
        writes = [
            Write(KEYS[0], "update", Ref("devops", "WorkItem", key), WorkItem(title="z"), frozenset({"title"}), "1")
            for key in (one, two)
        ]
        stale, good = world.devops.write("WorkItem", writes)
        assert isinstance(stale.error, RecordConflictError)
        assert isinstance(good, Applied)

    def test_deletions_are_one_request(self, world):
        """Several go to the recycle bin at once; one that is not there is said."""
        ids = [world.item("a"), "404404", world.item("b")]
        writes = [Write(KEYS[0], "delete", Ref("devops", "WorkItem", key)) for key in ids]
        outcomes = world.devops.write("WorkItem", writes)
        assert [True, False, True] == [isinstance(each, Applied) for each in outcomes]
        assert isinstance(outcomes[1].error, RecordNotFoundError)
        assert 1 == len(world.sent("POST"))

    def test_a_deletion_looks_at_the_revision(self, world):
        """Deletion has no precondition there: the revision is read and compared before."""
        one = world.item("a")
        world.service.amend(one, {"Title": "b"}, world.clock)
        write = Write(KEYS[0], "delete", Ref("devops", "WorkItem", one), if_version="1")
        assert isinstance(world.devops.write("WorkItem", [write])[0].error, RecordConflictError)
        assert isinstance(world.devops.write("WorkItem", [write._replace(if_version="2")])[0], Applied)

    @pytest.mark.parametrize("body", ["[]", '{"value": []}', '{"value": [1, 2]}', '{"value": [{"code": 200}, {}]}'])
    def test_a_batch_without_its_parts_is_unknown(self, world, body):
        """An answer that does not tell of each write tells of none."""
        writes = [Write(key, "create", None, WorkItem(title="x"), frozenset({"title"})) for key in KEYS[:2]]
        headers = {"Content-Type": "application/json"}
        world.line.next("status", "after", status=200, body=body, headers=headers)
        assert all(isinstance(each, Unknown) for each in world.devops.write("WorkItem", writes))


class TestActions:
    def test_a_comment_is_one_revision(self, world):
        """comment:TEXT goes by System.History."""
        one = world.item("a")
        assert isinstance(world.act(one, "comment:Falta el criterio: 2"), Applied)
        (comment,) = world.service.books["comments"].values()
        assert ("Falta el criterio: 2", 1) == (comment["text"], world.there(one)["fields"]["System.CommentCount"])

    def test_tags_and_links_one_by_one(self, world):
        """tag, untag, link, unlink."""
        one, two = world.item("a", Tags="keep"), world.item("b")
        for action in ("tag:dor", f"link:related:{two}", "link:hyperlink:https://erp.example/p/1"):
            assert isinstance(world.act(one, action), Applied)
        read = world.read(one)
        assert (("dor", "keep"), 2) == (read.tags, len(read.links))
        for action in ("untag:DOR", "unlink:hyperlink:https://erp.example/p/1", "untag:nothing"):
            assert isinstance(world.act(one, action), Applied)
        read = world.read(one)
        assert (("keep",), [two]) == (read.tags, [each.target for each in read.links])

    def test_restore(self, world):
        """What was deleted comes back, with its tags."""
        one = world.item("a", Tags="x")
        write = Write(KEYS[0], "delete", Ref("devops", "WorkItem", one))
        assert isinstance(world.devops.write("WorkItem", [write])[0], Applied)
        assert isinstance(world.act(one, "restore"), Applied)
        assert ("x",) == world.read(one).tags
        assert isinstance(world.act(one, "restore").error, RecordNotFoundError)

    def test_an_unknown_action_is_a_mistake_of_the_caller(self, world):
        """Nothing is sent."""
        with pytest.raises(ConfigurationError):
            world.act(world.item("a"), "explode:now")
        assert [] == world.sent("PATCH")


class TestComments:
    def make(self, world, **values):
        about = Ref("devops", "WorkItem", values.pop("item", None) or world.item("a"))
        entity = Interaction(subject="Revisión", text="<p>Listo</p>", regarding=about, **values)
        write = Write(KEYS[3], "create", None, entity, frozenset(entity.model_fields_set))
        return world.devops.write("Interaction", [write])[0]

    def test_a_comment_is_found_by_its_last_line(self, world):
        """The read-back of a comment looks through the discussions that changed of late."""
        made = self.make(world)
        (row,) = world.devops.find("Interaction", "create_key", [KEYS[3]])
        assert (made.ref.id, KEYS[3]) == (row.key, row.match)
        entity = world.devops.decode("Interaction", row)
        assert ("Revisión", "<p>Listo</p>", KEYS[3]) == (entity.subject, entity.text, entity.external_ref)

    def test_a_comment_keeps_its_key_when_it_changes(self, world):
        """An update writes the whole text, last line included."""
        made = self.make(world)
        entity = world.devops.decode("Interaction", world.devops.get("Interaction", [made.ref.id])[0])
        changed = entity.model_copy(update={"text": "<p>Otra</p>"})
        write = Write(KEYS[4], "update", made.ref, changed, frozenset({"text"}))
        assert isinstance(world.devops.write("Interaction", [write])[0], Applied)
        assert [made.ref.id] == [row.key for row in world.devops.find("Interaction", "create_key", [KEYS[3]])]

    def test_it_belongs_to_an_item_of_this_system(self, world):
        """Elsewhere, or nowhere: refused before anything is sent."""
        refused = self.make(world, item="77")
        assert isinstance(refused.error, RecordNotFoundError)
        entity = Interaction(subject="x", regarding=Ref("crm", "Client", "1"))
        write = Write(KEYS[3], "create", None, entity, frozenset({"subject", "regarding"}))
        assert isinstance(world.devops.write("Interaction", [write])[0].error, RecordInvalidError)


class TestAnswersToldApart:
    def refused(self, world, status, body, headers=None, **params):
        told = {"Content-Type": "application/json", **(headers or {})}
        world.line.next("status", status=status, body=body, headers=told, **params)
        return world.create(WorkItem(title="x"))

    def test_403_is_a_missing_right(self, world):
        """The system stops: nothing else would be let in either."""
        body = json.dumps({"message": "TF50309: no permission", "typeKey": "InvalidAccessException"})
        assert isinstance(self.refused(world, 403, body).error, PermissionDeniedError)

    def test_throttling_in_a_batch_part(self, world):
        """TF400733 inside a batch is throttling of that part."""
        writes = [Write(key, "create", None, WorkItem(title="x"), frozenset({"title"})) for key in KEYS[:2]]
        part = {"code": 429, "body": json.dumps({"value": {"Message": "TF400733: blocked"}})}
        body = json.dumps({"count": 2, "value": [part, part]})
        world.line.next("status", status=200, body=body, headers={"Content-Type": "application/json"})
        assert all(isinstance(each.error, ThrottledError) for each in world.devops.write("WorkItem", writes))

    def test_a_stopped_organisation_is_no_effect(self, world):
        """503 TF24668 behind a BOM: certainly not done, and the run stops instead of trying for ever."""
        world.service.stopped = True
        outcome = world.create(WorkItem(title="x"))
        assert isinstance(outcome, NotApplied)
        assert type(outcome.error) is FatalConnectorError
        assert "TF24668" == outcome.error.code

    def test_a_plain_404_is_the_wrong_address(self, world):
        """text/plain: the service has no such address; no record is parked for it."""
        outcome = self.refused(world, 404, "The controller was not found", {"Content-Type": "text/plain"})
        assert isinstance(outcome.error, FatalConnectorError)

    def test_a_json_success_without_an_id_is_unknown(self, world):
        """200 with something else than an item proves nothing."""
        assert isinstance(self.refused(world, 200, '{"count": 0, "value": []}'), Unknown)

    def test_another_5xx_is_unknown(self, world):
        """A gateway may answer before the server does."""
        assert isinstance(self.refused(world, 502, "bad gateway", {"Content-Type": "text/html"}), Unknown)

    def test_a_spent_token_is_refused_once(self, world):
        """A personal access token is not renewed: AuthenticationError, and nothing was done."""
        world.service.spent.add(world.service.pat)
        outcome = world.create(WorkItem(title="x"))
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, AuthenticationError)

    def test_an_expired_bearer_is_renewed(self, world):
        """203 to a POST: the token is dropped, the write is sent again with another; twice in a row is a refusal."""

        class Tokens:
            def __init__(self):
                self.forgotten = 0

            def get_token(self, *scopes, **_):
                from periferia_link.transport._auth import IssuedToken

                return IssuedToken("expired", 2**31)

            def forget(self, token):
                self.forgotten += 1

        tokens = Tokens()
        with world.connect(credential=tokens) as devops:
            first, second = (world.create(WorkItem(title="x"), devops=devops) for _ in range(2))
        assert isinstance(first.error, UnavailableError)
        assert 0.0 == first.retry_after
        assert isinstance(second.error, AuthenticationError)
        assert 2 == tokens.forgotten

    def test_plan_only_writes_nothing(self, world):
        """Reads are the same; every write is refused, paths included."""
        with world.connect(plan_only=True) as devops:
            assert isinstance(world.create(WorkItem(title="x"), devops=devops).error, WriteRefusedError)
            with pytest.raises(WriteRefusedError):
                devops.ensure_path("areas", "Entrega\\Nueva")

    def test_nothing_secret_shows(self, world):
        """Neither repr nor error carry the token."""
        with world.connect(token=SecretStr("very-secret-token")) as devops:
            outcome = world.create(WorkItem(title="x"), devops=devops)
        assert "very-secret" not in f"{devops!r}{outcome!r}{outcome.error}"
