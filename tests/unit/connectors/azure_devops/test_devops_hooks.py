"""Service hooks: the secret, the item, the replay; hosted by the standard library, followed by a read."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from azure_devops_world import World
from periferia_link.connectors.azure_devops import HookAnswer, ServiceHooks
from periferia_link.errors import ConfigurationError

LEAF = st.none() | st.integers() | st.text(max_size=5) | st.just([1]) | st.booleans()
HEADERS = {"Authorization": "Basic " + base64.b64encode(b"periferia-link:pa:ss").decode()}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def hooks():
    return ServiceHooks(password=SecretStr("pa:ss"))


def event(world, kind, number, **changes):
    return json.dumps(world.service.notification(kind, number, world.clock) | changes).encode()


class TestSecret:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Basic eDp5"},
            {"Authorization": ""},
            {"X-Periferia-Key": "pa:ss"},
            {"Authorization": "ñ"},
        ],
    )
    def test_without_it_nothing_happens(self, world, hooks, headers):
        """401, and no item; the content is not even looked at."""
        one = world.item("a")
        assert HookAnswer(401, reason="the secret is missing or wrong") == hooks.receive(
            headers, event(world, "created", one)
        )
        assert (one,) == hooks.receive(HEADERS, event(world, "created", one)).items

    def test_a_header_of_ones_own(self, world):
        """The other way to prove it: a header that the subscription sends; names have no case."""
        hooks = ServiceHooks(header_value=SecretStr("k-1"), header="X-Hook")
        assert 200 == hooks.receive({"x-HOOK": "k-1"}, event(world, "created", world.item("a"))).status
        assert 401 == hooks.receive({"x-hook": "k-2"}, event(world, "created", world.item("b"))).status

    @pytest.mark.parametrize(
        "secrets",
        [{}, {"password": SecretStr("")}, {"password": SecretStr("x"), "header_value": SecretStr("y")}],
    )
    def test_a_receiver_without_a_secret_is_refused(self, secrets):
        """Otherwise anybody could send."""
        with pytest.raises(ConfigurationError):
            ServiceHooks(**secrets)

    def test_it_shows_nothing(self, hooks):
        """The repr names the header, not the secret."""
        assert "ServiceHooks(authorization)" == repr(hooks)


class TestItem:
    def test_of_an_update_the_item_is_not_the_id(self, world, hooks):
        """resource.id is the number of the update there, the item in the other events."""
        for _ in range(3):
            world.item("a")
        one = world.item("b")
        world.service.amend(one, {"State": "Active"}, world.clock)
        told = world.service.notification("updated", one, world.clock)
        assert 2 == told["resource"]["id"]
        assert HookAnswer(200, (one,), "workitem.updated") == hooks.receive(HEADERS, json.dumps(told).encode())
        assert (one,) == hooks.receive(HEADERS, event(world, "commented", one)).items

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 400),
            (b"[]", 400),
            (b'{"id": ""}', 400),
            (b'{"id": "1", "eventType": "workitem.updated", "resource": {"id": 2}}', 400),
            (b'{"id": "1", "eventType": "workitem.created", "resource": {"id": "x"}}', 400),
            (b'{"id": "1", "eventType": "build.complete", "resource": {}}', 202),
            (b"x" * (2 * 1024 * 1024 + 1), 413),
        ],
        ids=["empty", "list", "no id", "no item", "no number", "another event", "too large"],
    )
    def test_what_is_no_event_of_an_item(self, hooks, body, status):
        """Refused or passed over, without an item."""
        answer = hooks.receive(HEADERS, body)
        assert (status, ()) == (answer.status, answer.items)
        assert answer.reason

    @settings(max_examples=40)
    @given(
        st.binary(max_size=60)
        | st.fixed_dictionaries(
            {"id": LEAF, "eventType": st.sampled_from(["workitem.updated", "workitem.created", "x", 7])},
            optional={"resource": LEAF | st.dictionaries(st.sampled_from(["id", "workItemId", "rev"]), LEAF)},
        ).map(lambda value: json.dumps(value).encode())
    )
    def test_nothing_breaks_it(self, body):
        """Whatever is sent, the answer is one of ours."""
        assert ServiceHooks(password=SecretStr("pa:ss")).receive(HEADERS, body).status in (200, 202, 400, 413)


class TestReplay:
    def test_the_same_delivery_is_passed_over(self, world, hooks):
        """Azure DevOps repeats what was not answered in time; an attacker what was overheard."""
        body = event(world, "created", world.item("a"))
        assert 1 == len(hooks.receive(HEADERS, body).items)
        assert () == hooks.receive(HEADERS, body).items

    def test_an_older_revision_is_passed_over(self, world, hooks):
        """Deliveries come in any order: the item was read again since."""
        one = world.item("a")
        old = event(world, "created", one)
        world.service.amend(one, {"Title": "b"}, world.clock)
        assert (one,) == hooks.receive(HEADERS, event(world, "updated", one)).items
        assert () == hooks.receive(HEADERS, old).items
        assert (one,) == hooks.receive(HEADERS, event(world, "updated", one)).items, "an equal one may tell of a link"

    def test_memory_is_bounded(self, world):
        """The oldest deliveries are forgotten."""
        hooks = ServiceHooks(password=SecretStr("pa:ss"), remembered=2)
        bodies = [event(world, "created", world.item(str(number))) for number in range(4)]
        for body in bodies:
            assert 1 == len(hooks.receive(HEADERS, body).items)
        assert 2 == len(hooks._seen) == len(hooks._revisions)

    def test_many_at_once(self, world, hooks):
        """One of sixteen threads with the same delivery gets the item."""
        body = event(world, "created", world.item("a"))
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(hooks.receive(HEADERS, body))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 1 == sum(len(answer.items) for answer in answers)


class TestHosted:
    def test_over_http_the_item_is_read_again(self, world, hooks):
        """Any server hosts it: what the delivery says is not believed, the item is read."""
        one = world.item("true title")
        told = world.service.notification("created", one, world.clock)
        told["resource"]["fields"]["System.Title"] = "a lie"
        read = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                answer = hooks.receive(dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
                read.extend(world.devops.decode("WorkItem", row) for row in world.devops.get("WorkItem", answer.items))
                self.send_response(answer.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            url = f"http://127.0.0.1:{server.server_port}/hooks"
            request = urllib.request.Request(url, json.dumps(told).encode(), HEADERS)
            with urllib.request.urlopen(request) as answer:
                assert 200 == answer.status
            server.shutdown()
            thread.join()
        assert ["true title"] == [item.title for item in read]
