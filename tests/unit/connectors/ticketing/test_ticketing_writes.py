"""Writes through a profile: what is sent, what must hold before, and what an answer means."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from periferia_link.connectors.base import Applied, NotApplied, Unknown, Write
from periferia_link.connectors.ticketing import TicketHooks, Ticketing
from periferia_link.connectors.ticketing.catalogue import profile_from
from periferia_link.domain import Ref, Ticket
from periferia_link.errors import (
    AuthenticationError,
    PermissionDeniedError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
    WriteRefusedError,
)
from periferia_link.testing import ManualClock
from periferia_link.typing import Response

KEY = "5f0c7d0e-9f0e-5a34-8f8e-3b1f6f3f0a10"
REF = Ref("helpdesk", "Ticket", "7")
FIELDS = {"title": {"path": "subject", "longest": 20}, "status": {"path": "state", "map": "status"}}
STATUS = {"status": {"values": {"o": "open", "d": "resolved"}, "write": {"on_hold": {"state": "o", "hold": True}}}}


class Server:
    """Answers by method and path, in turn; keeps what it was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def send(self, request, *, deadline):
        body = json.loads(request.body) if request.body else None
        self.sent.append((request.method, urlsplit(request.url).path, body, dict(request.headers), request.intent))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, content, *more = answer
        kind = "application/json"
        if isinstance(content, str):
            kind, content = "text/html" if content.startswith("<") else "text/plain", content.encode()
        elif content is not None:
            content = json.dumps(content).encode()
        return Response(status, (("Content-Type", kind), *more), content or b"")

    def close(self):
        pass


def desk(server, write=None, **options):
    rules = {"modes": ["create", "update", "delete"], "reference": "ref", **(write or {})}
    kind = {"path": "tickets", "version": "rev", "fields": FIELDS, "write": rules}
    tables = {"map": STATUS, **options.pop("tables", {})}
    described = profile_from({"profile": 1, "name": "n", "title": "N", "kinds": {"Ticket": kind}, **tables})
    clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
    return Ticketing(
        "https://desk.example", profile=described, token=SecretStr("t"), wire=server, clock=clock, **options
    )


def create(**values):
    entity = Ticket(**({"title": "Señal caída"} | values))
    return Write(KEY, "create", None, entity, frozenset(entity.model_fields_set))


def update(version=None, **values):
    return Write(KEY, "update", REF, Ticket(**({"title": "x"} | values)), frozenset(values), version)


def outcome(connector, write):
    return connector.write("Ticket", [write])[0]


class TestCreates:
    """A record and our key."""

    def test_what_is_sent_and_told(self):
        """Members, our key, the id and version of the answer."""
        server = Server((201, {"id": 7, "rev": 3}))
        assert Applied(REF, "3") == outcome(desk(server), create(status="open"))
        ((method, path, body, _, _),) = server.sent
        assert ("POST", "/tickets") == (method, path)
        assert {"subject": "Señal caída", "state": "o", "ref": KEY} == body

    def test_wrapped_with_fixed_members(self):
        """{"ticket": {...}}, with what always goes along; the id inside."""
        rules = {"create": {"wrap": "ticket", "fixed": {"queue": 1}, "record": "ticket", "success": [200, 201]}}
        server = Server((200, {"ticket": {"id": 7}}))
        assert Applied(REF) == outcome(desk(server, rules), create())
        assert {"ticket": {"subject": "Señal caída", "ref": KEY, "queue": 1}} == server.sent[0][2]

    def test_our_key_in_a_text(self):
        """As its last line; nobody sees it when the record is read."""
        rules = {"reference": "subject", "reference_in": "text"}
        server = Server((201, {"id": 7}), (200, [{"id": 7, "subject": f"x\n\n[periferia-link {KEY}]"}]))
        connector = desk(server, rules)
        outcome(connector, create())
        assert f"Señal caída\n\n[periferia-link {KEY}]" == server.sent[0][2]["subject"]
        (row,) = connector.find("Ticket", "create_key", [KEY])
        assert "x" == connector.decode("Ticket", row).title

    def test_a_word_with_several_members(self):
        """On hold is a flag beside the state."""
        server = Server((201, {"id": 7}))
        outcome(desk(server), create(status="on_hold"))
        assert {"state": "o", "hold": True} == {name: server.sent[0][2][name] for name in ("state", "hold")}

    def test_a_text_that_would_be_cut(self):
        """It is parked with that reason; nothing is sent."""
        found = outcome(desk(server := Server()), create(title="x" * 21))
        assert isinstance(found.error, RecordInvalidError)
        assert "cut it at 20" in str(found.error)
        assert [] == server.sent

    def test_a_word_that_the_server_lacks(self):
        """The same for a state without a word."""
        found = outcome(desk(Server()), create(status="cancelled"))
        assert isinstance(found, NotApplied)
        assert "no word of the server for cancelled" in str(found.error)

    def test_plan_only(self):
        """Nothing leaves, no one-time address either."""
        rules = {"once": "one-time-url"}
        found = outcome(desk(server := Server(), rules, plan_only=True), create())
        assert isinstance(found.error, WriteRefusedError)
        assert [] == server.sent

    def test_a_key_header(self):
        """The same key with every attempt."""
        server = Server((201, {"id": 7}))
        connector = desk(server, {"once": "key-header"})
        outcome(connector, create())
        assert KEY == server.sent[0][3]["Idempotency-Key"]
        assert "server-key" == connector.supports("Ticket").create_guard


class TestOneTimeAddresses:
    """An address that takes one record."""

    LINK = (200, {"data": {"link": "https://desk.example/tickets/@poe/abc"}})

    def test_it_is_asked_for_and_used(self):
        """Only the second request is a write."""
        server = Server(self.LINK, (201, {"id": 7}))
        assert Applied(REF) == outcome(desk(server, {"once": "one-time-url"}), create())
        assert [("/tickets/@poe", "session"), ("/tickets/@poe/abc", "write")] == [(s[1], s[4]) for s in server.sent]

    def test_a_second_attempt_uses_the_same_one(self):
        """The server refuses it as spent: ours was the first; it is read back, and nothing is under way."""
        server = Server(self.LINK, (503, None), (400, {"error": "not valid"}))
        connector = desk(server, {"once": "one-time-url"})
        assert isinstance(outcome(connector, create()), Unknown)
        again = outcome(connector, create())
        assert isinstance(again, Unknown)
        assert again.is_answered
        assert 3 == len(server.sent)

    def test_a_link_that_leads_away(self):
        """Nothing is sent there."""
        server = Server((200, {"data": {"link": "https://evil.example/x"}}))
        found = outcome(desk(server, {"once": "one-time-url"}), create())
        assert isinstance(found, NotApplied)
        assert 1 == len(server.sent)


class TestChanges:
    """On the version that was read."""

    def test_a_version_in_the_header(self):
        """Quoted or not, as the server wants it."""
        server = Server((200, {"id": 7, "rev": 4}), (200, {"id": 7, "rev": 5}))
        assert Applied(REF, "4") == outcome(desk(server, {"if_match": "version"}), update("3", title="y"))
        assert '"3"' == server.sent[0][3]["If-Match"]
        assert {"subject": "y"} == server.sent[0][2]
        outcome(desk(server, {"if_match": "version", "quoted": False}), update("4", title="z"))
        assert "4" == server.sent[1][3]["If-Match"]

    def test_an_etag_that_is_asked_for_first(self):
        """Then the row is compared with the version that was meant, and only then it is sent."""
        item = (200, {"id": 7, "rev": 3}, ("ETag", '"abc"'))
        server = Server(item, item, (200, {"id": 7, "rev": 4}))
        assert isinstance(outcome(desk(server, {"if_match": "etag"}), update("3", title="y")), Applied)
        assert '"abc"' == server.sent[2][3]["If-Match"]
        server = Server(item, item)
        found = outcome(desk(server, {"if_match": "etag"}), update("2", title="y"))
        assert isinstance(found.error, RecordConflictError)
        assert ["GET", "GET"] == [sent[0] for sent in server.sent]

    def test_read_compare_write(self):
        """Without preconditions the version is compared before; what nobody asked for is not read."""
        server = Server((200, {"id": 7, "rev": 3}))
        assert isinstance(outcome(desk(server), update("2", title="y")).error, RecordConflictError)
        server = Server((200, {"id": 7, "rev": 3}))
        assert isinstance(outcome(desk(server), update(None, title="y")), Applied)
        assert ["PATCH"] == [sent[0] for sent in server.sent]

    def test_a_record_that_is_gone(self):
        """Told as that."""
        assert isinstance(outcome(desk(Server((404, None))), update("2", title="y")).error, RecordNotFoundError)

    def test_a_denied_change_that_answers_200(self):
        """Read back and compared; the sentence of the server proves nothing."""
        rules = {"verify": True, "update": {"method": "PUT", "body": "text", "success": [200]}}
        server = Server((200, ["No está permitido"]), (200, {"id": 7, "subject": "viejo", "state": "o"}))
        found = outcome(desk(server, rules), update(None, title="y"))
        assert isinstance(found, NotApplied)
        assert "kept its own title" in str(found.error)
        server = Server((200, ["Listo"]), (200, {"id": 7, "subject": "y", "rev": 9}))
        assert Applied(REF, "9") == outcome(desk(server, rules), update(None, title="y"))

    @pytest.mark.parametrize(("status", "good"), [(204, True), (404, False)])
    def test_a_delete(self, status, good):
        """Done, or not there."""
        found = outcome(desk(Server((status, None))), Write(KEY, "delete", REF))
        assert good == isinstance(found, Applied)
        assert good or isinstance(found.error, RecordNotFoundError)


class TestAnswers:
    """Applied, certainly not, or nobody knows."""

    @pytest.mark.parametrize(
        ("declared", "answer", "fine"),
        [
            ("record", {"id": 7, "rev": 1}, True),
            ("record", {"id": 8, "rev": 1}, False),
            ("record", ["Listo"], False),
            ("record", None, False),
            ("record", "<html>Sign in</html>", False),
            ("some", {"attribute": {}}, True),
            ("some", "listo", False),
            ("empty", None, True),
            ("empty", {"id": 7}, False),
            ("text", ["Listo"], True),
            ("text", "listo", True),
            ("text", {"error": "x"}, False),
            ("text", "<html>Sign in</html>", False),
            ("any", None, True),
            ("any", "listo", True),
            ("any", "<html>", False),
        ],
    )
    def test_only_a_declared_shape_is_a_success(self, declared, answer, fine):
        """Everything else has an unknown fate."""
        rules = {"update": {"body": declared, "success": [200]}}
        found = outcome(desk(Server((200, answer)), rules), update(None, title="y"))
        assert isinstance(found, Applied if fine else Unknown)

    @pytest.mark.parametrize(
        ("status", "verdict", "error"),
        [
            (400, NotApplied, RecordInvalidError),
            (422, NotApplied, RecordInvalidError),
            (403, NotApplied, PermissionDeniedError),
            (404, NotApplied, RecordNotFoundError),
            (409, NotApplied, RecordConflictError),
            (412, NotApplied, RecordConflictError),
            (428, NotApplied, RecordConflictError),
            (429, NotApplied, ThrottledError),
            (401, NotApplied, UnavailableError),
            (418, NotApplied, RecordInvalidError),
            (202, Unknown, Exception),
            (302, Unknown, Exception),
            (408, Unknown, Exception),
            (500, Unknown, Exception),
            (503, Unknown, Exception),
        ],
    )
    def test_by_status(self, status, verdict, error):
        """Of a change."""
        found = outcome(desk(Server((status, {"x": 1}))), update(None, title="y"))
        assert isinstance(found, verdict)
        assert isinstance(found.error, error)

    def test_two_refused_credentials_in_a_row(self):
        """The first may be a session that ended; the second stops the system."""
        connector = desk(Server((401, None), (401, None)))
        assert isinstance(outcome(connector, create()).error, UnavailableError)
        assert isinstance(outcome(connector, create()).error, AuthenticationError)

    def test_a_key_that_is_taken(self):
        """Most likely by our own request: it is read back."""
        found = outcome(desk(Server((409, {}))), create())
        assert isinstance(found, Unknown)
        assert found.is_answered

    def test_why_it_was_refused(self):
        """The members it names; its sentence only where the profile allows, and without what we sent."""
        refusal = (422, {"errors": [{"field": "subject", "message": "Señal caída ya existe para Ana"}]})
        found = outcome(desk(Server(refusal)), create())
        assert "refused: subject" in found.error.message
        assert "Ana" not in str(found.error)
        tables = {"errors": {"message": ["errors.0.message"], "quote": True}}
        found = outcome(desk(Server(refusal), tables=tables), create())
        assert "refused: … ya existe para Ana" in found.error.message

    def test_a_403_about_one_record(self):
        """Some servers say it of a queue that is not there."""
        found = outcome(desk(Server((403, {})), tables={"errors": {"denied_is": "record"}}), create())
        assert isinstance(found.error, RecordInvalidError)

    def test_a_hook_judges(self):
        """A server that answers 200 with a list of complaints."""

        class Mine(TicketHooks):
            def took_effect(self, kind, mode, answer):
                return b"denied" not in answer.body

        found = outcome(desk(Server((200, ["denied"])), hooks=Mine()), update(None, title="y"))
        assert isinstance(found, NotApplied)
        assert isinstance(outcome(desk(Server((200, ["ok"])), hooks=Mine()), update(None, title="y")), Applied)
