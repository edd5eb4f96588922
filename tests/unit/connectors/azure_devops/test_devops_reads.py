"""Reading Azure DevOps: two feeds, windows, batches, categories, history, nodes, discovery."""

from __future__ import annotations

import json
from datetime import date

import pytest

from azure_devops_world import KEYS, URL, World
from periferia_link.domain import Project, Ref, WorkItem, WorkItemLink
from periferia_link.errors import (
    ConfigurationError,
    ExpiredCursorError,
    PaginationError,
    RecordInvalidError,
    RecordNotFoundError,
)


@pytest.fixture
def world():
    return World(page_size=3)


def keys(pages):
    return [row.key for page in pages for row in page.rows]


def link(number):
    return {"rel": "System.LinkTypes.Related", "url": f"{URL}/periferia/_apis/wit/workItems/{number}"}


class TestFeeds:
    def test_a_link_brings_both_items_although_no_revision_moved(self, world):
        """reporting/workitemlinks is followed too: a link made later is a change of both ends."""
        one, two, _ = (world.item(str(number)) for number in range(3))
        cursor = list(world.devops.pull("WorkItem"))[-1].cursor
        world.clock.sleep(1000)
        world.service.amend(one, {}, world.clock, relations=[link(two)])
        assert 1 == world.there(one)["rev"]
        assert {one, two} == set(keys(world.devops.pull("WorkItem", cursor)))

    def test_a_removed_link_is_a_change_as_well(self, world):
        """A link that went away brings its items again."""
        one, two = world.item("a"), world.item("b")
        world.service.amend(one, {}, world.clock, relations=[link(two)])
        cursor = list(world.devops.pull("WorkItem"))[-1].cursor
        world.clock.sleep(1000)
        assert world.act(one, f"unlink:related:{two}").ref.id == one
        assert {one, two} == set(keys(world.devops.pull("WorkItem", cursor)))
        assert () == world.read(one).links

    def test_both_tokens_are_kept(self, world):
        """The cursor holds the tokens of both feeds: the watermarks of the next pull."""
        world.item("a")
        cursor = json.loads(list(world.devops.pull("WorkItem"))[-1].cursor)
        assert cursor["revisions"]
        assert cursor["links"]

    def test_nothing_new_is_two_requests(self, world):
        """A quiet pull asks each feed once and reads no item."""
        world.item("a")
        cursor = list(world.devops.pull("WorkItem"))[-1].cursor
        before = len(world.service.log)
        assert [] == keys(world.devops.pull("WorkItem", cursor))
        asked = [entry.path.rpartition("/")[2] for entry in world.service.log[before:]]
        assert ["workitemrevisions", "workitemlinks"] == asked

    def test_a_feed_that_stands_still_is_told(self, world):
        """The same token again, and not the last batch: PaginationError instead of an endless pull."""
        world.item("a")
        cursor = list(world.devops.pull("WorkItem"))[-1].cursor
        token = json.loads(cursor)["revisions"]
        body = json.dumps({"values": [], "continuationToken": token, "isLastBatch": False})
        world.line.next("status", on="read", status=200, body=body, headers={"Content-Type": "application/json"})
        with pytest.raises(PaginationError):
            list(world.devops.pull("WorkItem", cursor))

    def test_a_token_that_the_service_refuses_is_expired(self, world):
        """A forgotten continuation token is a full read, not an error of a record."""
        cursor = json.dumps({"revisions": "nonsense", "links": "1", "begin": None, "feed": "revisions"})
        with pytest.raises(ExpiredCursorError):
            list(world.devops.pull("WorkItem", cursor))

    def test_another_project_and_other_types_stay_out(self, world):
        """``project`` and ``types`` restrict the pull."""
        task, _, _ = world.item("a"), world.item("b", kind="Bug"), world.item("c", project="Soporte")
        with world.connect(types=["Task"]) as devops:
            assert [task] == keys(devops.pull("WorkItem"))
            assert [] == devops.get("WorkItem", ["3"])

    def test_a_restored_item_comes_back(self, world):
        """Deleted, it is told as deleted; restored, it is a row again."""
        one = world.item("a")
        cursor = list(world.devops.pull("WorkItem"))[-1].cursor
        world.service.do("DELETE", f"_apis/wit/workitems/{one}", world.clock)
        pages = list(world.devops.pull("WorkItem", cursor))
        assert [one] == [key for page in pages for key in page.deleted]
        assert one == world.act(one, "restore").ref.id
        assert [one] == keys(world.devops.pull("WorkItem", pages[-1].cursor))


class TestTargetedReads:
    def test_items_are_read_200_at_a_time(self):
        """More than 200 ids are several batches; the service refuses more in one (VS403474)."""
        world = World()
        ids = [world.item(str(number)) for number in range(201)]
        assert 201 == len(world.devops.get("WorkItem", ids))
        assert 2 == sum(path.endswith("workitemsbatch") for path in world.sent("POST"))

    def test_null_elements_are_tolerated(self, world):
        """errorPolicy=omit leaves nulls where an item is gone."""
        one = world.item("a")
        assert [one] == [row.key for row in world.devops.get("WorkItem", ["77", one, "78"])]

    def test_queries_are_read_in_windows(self, world, monkeypatch):
        """Above the limit of one answer the next window begins behind the last id."""
        from periferia_link.connectors.azure_devops import _api

        ids = [world.item(str(number)) for number in range(7)]
        monkeypatch.setattr(_api, "_WINDOW", 3)
        assert ids == list(world.devops.query())
        assert 3 == sum("wiql" in path for path in world.sent("POST"))
        assert ids[:1] == list(world.devops.query("[System.Title] = '0'"))

    def test_fields_are_named_where_links_do_not_travel(self, world):
        """Without links and parent in the map, only the mapped fields are asked for."""
        from periferia_link.connectors.azure_devops import DEVOPS_FIELDS

        one = world.item("a", Tags="x")
        with world.connect(fields=DEVOPS_FIELDS.merged({"WorkItem": {"columns": {"links": "", "parent": ""}}})) as bare:
            (row,) = bare.get("WorkItem", [one])
            assert "relations" not in row.body
            assert (("x",), "proposed") == (bare.decode("WorkItem", row).tags, bare.decode("WorkItem", row).category)


class TestItems:
    def test_the_category_is_the_same_in_every_process(self, world):
        """New (Agile) and To Do (Basic) are both proposed; names differ, categories do not."""
        agile, basic = world.item("a"), world.item("b", project="Soporte")
        with world.connect(project=None) as devops:
            rows = devops.get("WorkItem", [agile, basic])
            told = [devops.decode("WorkItem", row) for row in rows]
        assert [("New", "proposed"), ("To Do", "proposed")] == [(each.state, each.category) for each in told]

    def test_states_are_asked_for_once(self, world):
        """Categories are remembered by project and type."""
        for number in range(5):
            world.item(str(number))
        list(world.devops.pull("WorkItem"))
        list(world.devops.pull("WorkItem"))
        assert 1 == sum(path.endswith("/states") for path in world.sent("GET"))

    def test_relations_are_parent_and_links(self, world):
        """The parent is a reference; other relations are links in our words; the marker is none."""
        parent = world.item("p", kind="Feature")
        links = (WorkItemLink(relation="hyperlink", target="https://crm.example/opp/1", comment="opportunity"),)
        made = world.made(WorkItem(title="x", parent=Ref("devops", "WorkItem", parent), links=links))
        read = world.read(made)
        assert (Ref("devops", "WorkItem", parent), links) == (read.parent, read.links)
        assert [("child", made)] == [(each.relation, each.target) for each in world.read(parent).links]

    def test_points_and_hours(self, world):
        """Stories are estimated in points, tasks in hours: one field of the model, the right one of the process."""
        story = world.made(WorkItem(title="s", type="User Story", estimate=5), KEYS[1])
        task = world.made(WorkItem(title="t", type="Task", estimate=7, remaining=3), KEYS[2])
        assert 5 == world.there(story)["fields"]["Microsoft.VSTS.Scheduling.StoryPoints"]
        assert 7 == world.there(task)["fields"]["Microsoft.VSTS.Scheduling.OriginalEstimate"]
        assert (5, 7, 3) == (world.read(story).estimate, world.read(task).estimate, world.read(task).remaining)

    def test_custom_fields_travel(self, world):
        """A field of the installation is read into custom, and written from there."""
        from periferia_link.connectors.azure_devops import DEVOPS_FIELDS

        world.service.org.add_field("Custom.Cliente", "Cliente", "string", "Task")
        with world.connect(fields=DEVOPS_FIELDS.merged({"WorkItem": {"extra": ["Custom.Cliente"]}})) as devops:
            made = world.create(WorkItem(title="x", custom={"Custom.Cliente": "Andes"}), devops=devops).ref.id
            (row,) = devops.get("WorkItem", [made])
            assert {"Custom.Cliente": "Andes"} == devops.decode("WorkItem", row).custom

    def test_a_refusal_names_fields_and_no_values(self, world):
        """A priority of 9 does not fit: the message says which field, not what stood there."""
        (row,) = world.devops.get("WorkItem", [world.item("Ana Secreta")])
        row.body["fields"]["Microsoft.VSTS.Common.Priority"] = 9
        with pytest.raises(RecordInvalidError, match="priority") as refused:
            world.devops.decode("WorkItem", row)
        assert "Secreta" not in str(refused.value)


class TestHistory:
    def test_state_changes_have_their_instant_and_category(self, world):
        """What SLA clocks need: from, to, when, and the neutral state."""
        one = world.item("a")
        world.clock.sleep(3600)
        world.service.amend(one, {"State": "Active"}, world.clock)
        world.clock.sleep(7200)
        world.service.amend(one, {"State": "Closed"}, world.clock)
        told = world.devops.state_changes(one)
        assert [(None, "New"), ("New", "Active"), ("Active", "Closed")] == [(c.before, c.after) for c in told]
        assert ["proposed", "in_progress", "completed"] == [change.category for change in told]
        assert [0, 1, 3] == [(change.at - told[0].at).total_seconds() / 3600 for change in told]

    def test_long_histories_are_paged(self, world):
        """More than 200 updates are several pages."""
        one = world.item("a")
        for number in range(205):
            world.service.amend(one, {"Title": str(number)}, world.clock)
        world.service.amend(one, {"State": "Active"}, world.clock)
        assert ["New", "Active"] == [change.after for change in world.devops.state_changes(one)]

    def test_what_is_not_there_has_no_history(self, world):
        """An item that is gone, or an id that is none."""
        for number in ("999", "x"):
            with pytest.raises(RecordNotFoundError):
                world.devops.state_changes(number)


class TestNodes:
    def test_paths_are_read_and_made(self, world):
        """Areas and iterations as paths; what is missing above is made as well; twice is once."""
        made = world.devops.ensure_path("areas", "Entrega\\Datos\\Migración")
        assert ["Entrega\\Datos", "Entrega\\Datos\\Migración"] == made
        assert [] == world.devops.ensure_path("areas", "entrega\\datos\\migración")
        assert ["Entrega", *made] == world.devops.paths("areas")

    def test_iterations_have_days(self, world):
        """A sprint carries its first and last day."""
        world.devops.ensure_path("iterations", "Entrega\\Sprint 1", starts=date(2026, 12, 1), ends=date(2026, 12, 12))
        (node,) = [node for node in world.service.books["nodes"].values() if node["name"] == "Sprint 1"]
        assert {"startDate": "2026-12-01T00:00:00Z", "finishDate": "2026-12-12T00:00:00Z"} == node["attributes"]

    def test_somebody_made_it_meanwhile(self, world):
        """A path is its own key: a conflict means that it is there."""
        body = json.dumps({"message": "TF237018: The name Datos is already in use", "typeKey": "X"})
        world.line.next("status", status=409, body=body, headers={"Content-Type": "application/json"})
        assert ["Entrega\\Datos"] == world.devops.ensure_path("areas", "Entrega\\Datos")
        world.devops.ensure_path("areas", "Entrega\\Otra")
        world.service.do("POST", "Entrega/_apis/wit/classificationNodes/areas", world.clock, b'{"name": "Tercera"}')
        assert [] == world.devops.ensure_path("areas", "Entrega\\Tercera")

    @pytest.mark.parametrize("path", ["Otro\\Datos", "Entrega\\\\x", "Entrega\\a/b", "Entrega\\a?b"])
    def test_a_path_that_is_none_is_refused(self, world, path):
        """It begins with the project, and names have no special signs."""
        with pytest.raises(RecordInvalidError):
            world.devops.ensure_path("areas", path)

    def test_missing_paths_are_made_on_request(self, world):
        """With create_paths a new item brings its area; without, the service refuses it."""
        entity = WorkItem(title="x", area="Entrega\\Datos")
        assert "TF401347" == world.create(entity).error.code
        with world.connect(create_paths=True) as devops:
            assert (
                "Entrega\\Datos" == world.there(world.create(entity, devops=devops).ref.id)["fields"]["System.AreaPath"]
            )


class TestProjectsAndDiscovery:
    def test_projects_are_read(self, world):
        """Team projects are projects, all of them, in pages."""
        for number in range(5):
            world.service.org.add_project(f"P{number}", "Scrum", world.clock.now())
        names = [project.name for project in world.devops.each("Project")]
        assert ["Entrega", "Soporte", "P0", "P1", "P2", "P3", "P4"] == names
        assert isinstance(next(iter(world.devops.each("Project"))), Project)

    def test_discovery_writes_the_table(self, world):
        """Process, types, states with categories, custom fields: TOML that the settings read."""
        world.service.org.add_field("Custom.Cliente", "Cliente \n x", "string", "Task")
        text = world.devops.discover()
        assert "process Agile" in text
        assert "# Task: New = Proposed, Active = InProgress, Closed = Completed, Removed = Removed" in text
        assert 'extra = ["Custom.Cliente"]' in text
        tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")
        told = tomllib.loads(text)["systems"]["devops"]
        assert {"project": "Entrega"} == told["options"]
        assert {"WorkItem"} == set(told["fields"])

    def test_discovery_takes_out_what_no_type_has(self, world):
        """A mapped standard field that no type of the project has is emptied."""
        text = world.devops.discover("Soporte")
        assert "process Basic" in text
        assert "acceptance" not in text.partition("columns =")[2] or "acceptance =" in text

    def test_without_a_project_nobody_knows_where(self, world):
        """Discovery and nodes need a project."""
        with world.connect(project=None) as devops, pytest.raises(ConfigurationError):
            devops.discover()

    def test_check_says_what_is_missing(self, world):
        """The organisation is known by its instance id; a project that cannot be seen is said."""
        info = world.devops.check()
        assert (world.service.org.key, []) == (info.system_id, list(info.missing))
        with world.connect(project="Nada") as devops:
            assert ["access to the project Nada"] == list(devops.check().missing)
