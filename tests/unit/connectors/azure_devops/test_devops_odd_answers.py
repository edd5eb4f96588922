"""Answers that nobody promised, and calls that cannot be right: each has its typed end, and no outcome lies."""

from __future__ import annotations

import json

import pytest

from azure_devops_world import KEYS, World
from periferia_link.connectors.azure_devops import AzureDevOps
from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.domain import Interaction, Ref, WorkItem, WorkItemLink
from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    ContractBrokenError,
    FatalConnectorError,
    PaginationError,
    PermissionDeniedError,
    RecordInvalidError,
    RecordNotFoundError,
    TransientError,
)

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def world():
    return World(page_size=2)


def answers(world, body, status=200, on="read", headers=None, when="before"):
    text = body if isinstance(body, str) else json.dumps(body)
    world.line.next("status", when, on=on, status=status, body=text, headers=JSON if headers is None else headers)


class TestReads:
    @pytest.mark.parametrize("body", [[], {}, {"value": 5}, {"value": ["x"]}, "nonsense"])
    def test_a_collection_that_is_none(self, world, body):
        """No list of records is ContractBrokenError, never an empty list."""
        answers(world, body)
        with pytest.raises(ContractBrokenError):
            world.devops.get("WorkItem", ["1"])

    def test_success_that_is_no_json(self, world):
        """A text with 200 is not the service."""
        answers(world, "hello", headers={"Content-Type": "text/plain"})
        with pytest.raises(ContractBrokenError):
            world.devops.check()

    def test_none_of_the_items_is_there(self, world):
        """404 to a whole batch means that none of them can be seen."""
        answers(world, {"message": "TF401232: Work item 1 does not exist", "typeKey": "X"}, 404)
        assert [] == world.devops.get("WorkItem", ["1"])

    @pytest.mark.parametrize("body", [{"values": []}, {"values": [], "continuationToken": "", "isLastBatch": True}])
    def test_a_feed_that_does_not_go_on(self, world, body):
        """Without a token there is no next pull: said, not guessed."""
        answers(world, body)
        with pytest.raises(ContractBrokenError):
            list(world.devops.pull("WorkItem"))

    def test_comments_that_repeat(self, world):
        """A token for the second time ends the reading."""
        one = world.item("a")
        world.service.do("POST", f"Entrega/_apis/wit/workItems/{one}/comments", world.clock, b'{"text": "x"}')
        world.devops.get("Interaction", [f"{one}/1"])
        pages = world.devops.pull("Interaction")
        repeated = {"comments": [], "continuationToken": "t"}
        real = world.line.send

        def send(request, *, deadline):
            if "/comments" in request.url:
                answers(world, repeated)
            return real(request, deadline=deadline)

        world.line.send = send
        with pytest.raises(PaginationError):
            list(pages)

    def test_comments_of_an_item_that_went_away(self, world):
        """Gone between the feed and the read: no comments, no error."""
        one = world.item("a")
        world.service.do("POST", f"Entrega/_apis/wit/workItems/{one}/comments", world.clock, b'{"text": "x"}')
        real = world.line.send

        def send(request, *, deadline):
            if "/comments" in request.url:
                answers(world, {"message": "TF401232: gone", "typeKey": "X"}, 404)
            return real(request, deadline=deadline)

        world.line.send = send
        assert [] == [row for page in world.devops.pull("Interaction") for row in page.rows]

    def test_a_feed_of_comments_that_stands_still(self, world):
        """The same token again, and not the last batch."""
        cursor = list(world.devops.pull("Interaction"))[-1].cursor
        token = json.loads(cursor)["revisions"]
        answers(world, {"values": [], "continuationToken": token, "isLastBatch": False})
        with pytest.raises(PaginationError):
            list(world.devops.pull("Interaction", cursor))

    def test_projects_that_change_all_the_time(self, world):
        """The list is read again when a row is missing, and not for ever."""
        real, number = world.line.send, iter(range(1000))

        def send(request, *, deadline):
            rows = [{"id": f"p{next(number)}", "name": "x", "state": "wellFormed"} for _ in range(2)]
            answers(world, {"value": rows})
            return real(request, deadline=deadline)

        world.line.send = send
        with pytest.raises(PaginationError):
            list(world.devops.pull("Project"))

    def test_a_project_without_an_id(self, world):
        """A row that nobody can refer to is refused."""
        answers(world, {"value": [{"name": "x"}]})
        with pytest.raises(ContractBrokenError):
            list(world.devops.pull("Project"))

    def test_an_address_that_is_no_organisation(self, world):
        """connectionData without an instance id."""
        answers(world, {"x": 1})
        with pytest.raises(ContractBrokenError):
            world.devops.check()

    def test_types_that_cannot_be_seen(self, world):
        """check names the right that is missing; without types as well."""
        for body, status in (({"message": "TF50309: no"}, 403), ({"value": []}, 200)):
            real = world.line.send

            def send(request, *, deadline, body=body, status=status, real=real):
                if request.url.partition("?")[0].endswith("workitemtypes"):
                    answers(world, body, status)
                return real(request, deadline=deadline)

            world.line.send = send
            assert 1 == len(world.devops.check().missing)
            world.line.send = real

    def test_states_that_cannot_be_read(self, world):
        """Without the right to see the process an item has no category, and is read all the same."""
        one = world.item("a")
        with world.connect() as devops:
            real = world.line.send

            def send(request, *, deadline):
                if request.url.partition("?")[0].endswith("/states"):
                    answers(world, {"message": "TF50309: no"}, 403)
                return real(request, deadline=deadline)

            world.line.send = send
            (row,) = devops.get("WorkItem", [one])
            assert devops.decode("WorkItem", row).category is None

    def test_a_limit_that_is_used_up_paces(self, world):
        """X-RateLimit-Remaining: 0 waits until the reset, half a minute at most."""
        began = world.clock.now()
        reset = str(int(began.timestamp()) + 7)
        headers = {**JSON, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        answers(world, {"value": []}, headers=headers)
        world.devops.get("WorkItem", ["1"])
        world.devops.get("WorkItem", ["1"])
        assert 7 == (world.clock.now() - began).total_seconds()

    def test_an_update_without_its_date(self, world):
        """A change of state that does not say when is no basis for a clock."""
        one = world.item("a")
        answers(world, {"value": [{"fields": {"System.State": {"newValue": "New"}}}]})
        with pytest.raises(ContractBrokenError):
            world.devops.state_changes(one)

    def test_a_project_without_types(self, world):
        """Discovery of nothing is an error, not an empty table."""
        real = world.line.send

        def send(request, *, deadline):
            if request.url.partition("?")[0].endswith("workitemtypes"):
                answers(world, {"value": []})
            return real(request, deadline=deadline)

        world.line.send = send
        with pytest.raises(ContractBrokenError):
            world.devops.discover()


class TestWrites:
    @pytest.mark.parametrize(
        ("status", "body", "headers", "expected"),
        [
            (200, "hello", {"Content-Type": "text/plain"}, Unknown),
            (200, '"x"', JSON, Unknown),
            (200, '{"id": "x"}', JSON, Unknown),
            (302, "", {"Location": "https://elsewhere.example/"}, Unknown),
            (408, "", {}, Unknown),
            (413, "too large", {"Content-Type": "text/html"}, NotApplied),
            (403, "no", {"Content-Type": "text/html"}, NotApplied),
            (400, "no", {"Content-Type": "text/html"}, Unknown),
            (415, '{"message": "x", "typeKey": "VssRequestContentTypeNotSupportedException"}', JSON, NotApplied),
        ],
    )
    def test_odd_answers_to_a_creation(self, world, status, body, headers, expected):
        """What is not certain is unknown, and read back; what the service refused is not."""
        answers(world, body, status, "write", headers)
        assert isinstance(world.create(WorkItem(title="x")), expected)

    def test_another_item_than_the_one_asked_for(self, world):
        """An answer about another id proves nothing."""
        one = world.item("a")
        answers(world, {"id": 77, "rev": 5}, on="write")
        assert isinstance(world.update(one, "1", title="b"), Unknown)

    @pytest.mark.parametrize(
        ("status", "body", "headers", "error"),
        [
            (400, {"message": "VS403474: too many"}, JSON, ContractBrokenError),
            (403, {"message": "TF50309: no"}, JSON, PermissionDeniedError),
            (404, "no controller", {"Content-Type": "text/plain"}, FatalConnectorError),
            (401, {"count": 0, "value": []}, JSON, AuthenticationError),
        ],
    )
    def test_a_batch_that_is_refused_as_a_whole(self, world, status, body, headers, error):
        """Nothing was done, and no record is to blame."""
        answers(world, body, status, "write", headers)
        writes = [Write(key, "create", None, WorkItem(title="x"), frozenset({"title"})) for key in KEYS[:2]]
        for outcome in world.devops.write("WorkItem", writes):
            assert isinstance(outcome, NotApplied)
            assert isinstance(outcome.error, error)

    @pytest.mark.parametrize(
        ("part", "expected"),
        [
            ({"code": 200, "body": {"id": 7, "rev": 1}}, Applied),
            ({"code": 200, "body": "nonsense"}, Unknown),
            ({"code": 500, "body": "{}"}, Unknown),
            ({"code": 400, "body": {}}, NotApplied),
            ({"code": 404, "body": "{}"}, NotApplied),
        ],
    )
    def test_odd_parts(self, world, part, expected):
        """Each part is judged by itself."""
        answers(world, {"value": [part, part]}, on="write")
        writes = [Write(key, "create", None, WorkItem(title="x"), frozenset({"title"})) for key in KEYS[:2]]
        assert [expected] * 2 == [type(each) for each in world.devops.write("WorkItem", writes)]

    @pytest.mark.parametrize(("fault", "expected"), [("reset", Unknown), ("throttle", NotApplied)])
    def test_a_batch_on_a_broken_line(self, world, fault, expected):
        """Every write of the batch has the same fate."""
        world.line.next(fault)
        writes = [Write(key, "create", None, WorkItem(title="x"), frozenset({"title"})) for key in KEYS[:2]]
        assert [expected] * 2 == [type(each) for each in world.devops.write("WorkItem", writes)]

    def test_a_read_before_the_write_that_fails(self, world):
        """The item cannot be read: nothing was sent, and it may be tried again."""
        one = world.item("a")
        for _ in range(3):
            world.line.next("status", on="read")
        outcome = world.update(one, "1", tags=("x",))
        assert isinstance(outcome, NotApplied)
        assert isinstance(outcome.error, TransientError)
        assert [] == world.sent("PATCH")

    def test_a_read_before_the_write_that_takes_too_long(self, world):
        """The engine counts from the call on: a write that would leave late does not leave."""
        one = world.item("a")
        world.line.next("throttle", on="read", retry_after="40")
        outcome = world.update(one, "1", tags=("x",))
        assert isinstance(outcome.error, TransientError)
        assert [] == world.sent("PATCH")

    @pytest.mark.parametrize("body", ["", '{"results": [{"id": 1}]}', "[]"])
    def test_deletions_with_odd_results(self, world, body):
        """204 without a body is documented; anything else that tells nothing is unknown."""
        one, two = world.item("a"), world.item("b")
        writes = [Write(KEYS[0], "delete", Ref("devops", "WorkItem", key)) for key in (one, two)]
        answers(world, body, 200 if body else 204, "write", JSON if body else {})
        expected = Unknown if body else Applied
        assert [expected] * 2 == [type(each) for each in world.devops.write("WorkItem", writes)]

    def test_what_does_not_fit_into_a_batch_is_sent_again(self, world):
        """Two restorations: the first is sent, the second comes back for another request."""
        ids = [world.item("a"), world.item("b")]
        for each in ids:
            world.service.do("DELETE", f"_apis/wit/workitems/{each}", world.clock)
        writes = [Write(KEYS[0], "action", Ref("devops", "WorkItem", each), action="restore") for each in ids]
        first, second = world.devops.write("WorkItem", writes)
        assert isinstance(first, Applied)
        assert isinstance(second.error, TransientError)
        assert 1 == len(world.sent("PATCH"))

    def test_comments_on_a_broken_line(self, world):
        """Unknown when something left, not applied when the service refused."""
        about = Ref("devops", "WorkItem", world.item("a"))
        entity = Interaction(subject="x", regarding=about)
        write = Write(KEYS[0], "create", None, entity, frozenset({"subject", "regarding"}))
        for fault, expected in (("reset", Unknown), ("throttle", NotApplied), ("html", Unknown)):
            world.line.next(fault)
            assert isinstance(world.devops.write("Interaction", [write])[0], expected)
        answers(world, {"id": "x"}, on="write")
        assert isinstance(world.devops.write("Interaction", [write])[0], Unknown)

    def test_a_comment_that_is_none(self, world):
        """An id of another form, or nothing to say."""
        write = Write(KEYS[0], "delete", Ref("devops", "Interaction", "7"))
        assert isinstance(world.devops.write("Interaction", [write])[0].error, RecordNotFoundError)
        entity = Interaction.model_construct(
            subject=" ", text=None, regarding=Ref("devops", "WorkItem", "1"), external_ref=None
        )
        write = Write(KEYS[0], "create", None, entity, frozenset({"text"}))
        assert isinstance(world.devops.write("Interaction", [write])[0].error, RecordInvalidError)

    @pytest.mark.parametrize(
        "values",
        [
            {"external_ref": "a;b"},
            {"links": (WorkItemLink(relation="related", target="https://x.example"),)},
        ],
    )
    def test_records_that_cannot_be_written(self, world, values):
        """Refused before anything is sent, with the reason."""
        outcome = world.create(WorkItem(title="x", **values))
        assert isinstance(outcome.error, RecordInvalidError)
        assert [] == world.sent("POST")

    def test_versions_and_ids_are_numbers(self, world):
        """Anything else was not read here."""
        one = world.item("a")
        assert isinstance(world.update(one, "x", title="b").error, RecordInvalidError)
        assert isinstance(world.update("x", None, title="b").error, RecordNotFoundError)
        assert isinstance(world.update("999", None, tags=("a",)).error, RecordNotFoundError)

    def test_calls_that_are_wrong(self, world):
        """A change without a record of this system, a kind that is not the entity's: ConfigurationError."""
        entity = WorkItem(title="x")
        for write in (
            Write(KEYS[0], "update", None, entity, frozenset({"title"})),
            Write(KEYS[0], "delete", Ref("crm", "WorkItem", "1")),
            Write(KEYS[0], "create", None, Interaction(subject="x"), frozenset()),
        ):
            with pytest.raises(ConfigurationError):
                world.devops.write("WorkItem", [write])
        with pytest.raises(ConfigurationError):
            AzureDevOps("https://dev.azure.example/x")

    def test_notifications_and_rules(self, world):
        """suppress_notifications and bypass_rules travel in the address."""
        with world.connect(suppress_notifications=True, bypass_rules=True) as devops:
            made = world.create(WorkItem(title="x", category="completed"), devops=devops)
        assert "Closed" == world.there(made.ref.id)["fields"]["System.State"]
        assert "suppressNotifications=true" in world.service.log[-1].query


class TestBin:
    def test_an_item_that_left_the_bin_meanwhile(self, world):
        """Destroyed between the list and the look: it hides nothing."""
        world.service.do("DELETE", f"_apis/wit/workitems/{world.item('a')}", world.clock)
        made = world.made(WorkItem(title="x"))
        world.service.do("DELETE", f"_apis/wit/workitems/{made}", world.clock)
        real, once = world.line.send, []

        def send(request, *, deadline):
            if request.url.partition("?")[0].endswith(f"/recyclebin/{made}") and not once:
                once.append(1)
                answers(world, {"message": "TF401232: gone", "typeKey": "X"}, 404)
            return real(request, deadline=deadline)

        world.line.send = send
        assert [] == world.devops.find("WorkItem", "create_key", [KEYS[0]])
        assert [made] == [row.key for row in world.devops.find("WorkItem", "create_key", [KEYS[0]])]

    def test_a_date_that_cannot_be_read_hides_nothing(self, world):
        """An item of the bin with an odd date is looked at."""
        from periferia_link.connectors.azure_devops._finding import _is_since

        assert _is_since("some day", world.clock.now())
        assert not _is_since("1/10/2025 12:13:35 PM", world.clock.now())
