"""A live exchange becomes a fixture: nothing secret or personal in it, and our connectors read it back."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import SecretStr

import periferia_link
from periferia_link.errors import ConfigurationError, OutcomeUnknownError, UnavailableError
from periferia_link.testing.emulators import ManualClock
from periferia_link.testing.recorder import Recorder, Redaction, Replay
from periferia_link.testing.systems import EmulatedSystems
from periferia_link.typing import Request, Response

CANARY = "c4n4ry+s3cret/~"
GUID = "1f0b9c52-9c9b-4c0f-8f5e-2f6f0d8b7a11"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.sig"


class Scripted:
    """Answers every request the same way."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.is_closed = False

    def send(self, request, *, deadline):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.is_closed = True


def json_of(value, *headers):
    return Response(200, (("Content-Type", "application/json"), *headers), json.dumps(value).encode())


@pytest.fixture
def record(tmp_path):
    """Record one exchange; return the text of the file and the line."""

    def of(request, answer, **options):
        path = tmp_path / "recording.jsonl"
        with Recorder(Scripted(answer), path, **options) as recorder:
            recorder.send(request, deadline=5)
        text = path.read_text(encoding="utf-8")
        return text, json.loads(text)

    return of


class TestSecrets:
    """Whatever could open a door is gone, in whatever form it travels."""

    @pytest.mark.parametrize(
        "request_",
        [
            Request("GET", f"https://x.test/?sig={CANARY}"),
            Request("GET", "https://x.test/", (("Authorization", f"Bearer {CANARY}"),)),
            Request("GET", "https://x.test/", (("Cookie", f"B1SESSION={CANARY}"),)),
            Request("GET", "https://x.test/", (("X-Own", f"key {CANARY}"),)),
            Request("POST", "https://x.test/", (), json.dumps({"deep": [{"Password": CANARY}]}).encode()),
            Request("POST", "https://x.test/", (), f"free text with {CANARY}".encode()),
            Request(
                "POST",
                "https://x.test/",
                (("Content-Type", "application/x-www-form-urlencoded"),),
                b"client_secret=c4n4ry%2Bs3cret%2F~&scope=a",
            ),
            Request(
                "POST",
                "https://x.test/",
                (),
                json.dumps({"basic": base64.b64encode(CANARY.encode()).decode()}).encode(),
            ),
        ],
        ids=["query", "bearer", "cookie", "header", "json", "text", "form", "base64"],
    )
    def test_in_a_request(self, record, request_):
        """The credential in use shows nowhere, neither plain nor encoded."""
        text, _ = record(request_, json_of({}), secrets=[CANARY])

        hidden = (CANARY, CANARY.replace("+", "%2B").replace("/", "%2F"), base64.b64encode(CANARY.encode()).decode())
        assert [form for form in hidden if form in text] == []
        assert "REDACTED" in text

    def test_in_an_answer(self, record):
        """Tokens that a system hands out, cookies that it sets, tokens inside of texts."""
        answer = json_of({"access_token": "abc", "SessionId": "s-1", "note": f"use {JWT} now"}, ("Set-Cookie", "S=abc"))
        text, line = record(Request("POST", "https://x.test/token"), answer)

        assert ["abc", "s-1", "eyJ"] == [form for form in ("abc", "s-1", "eyJ") if form not in text]
        assert "Set-Cookie" not in dict(line["response"]["headers"])

    def test_a_login_is_recorded_without_its_password(self, record):
        """The keys stay, so that the request can be recognised."""
        _, line = record(
            Request("POST", "https://x.test/Login", (), b'{"UserName": "svc", "Password": "pw", "CompanyDB": "DB"}'),
            json_of({}),
        )

        assert {"UserName": "svc", "Password": "REDACTED", "CompanyDB": "DB"} == line["request"]["body"]["json"]


class TestPeople:
    """Whoever is in the data stays out of the fixture; what belongs together still does."""

    def test_addresses_and_names(self, record):
        """E-mail addresses anywhere, and values under personal names; empty ones stay empty."""
        answer = json_of(
            {
                "emailaddress1": "ana@cliente.co",
                "note": "ask ana@cliente.co",
                "telephone1": "+57 1",
                "mobile": "",
                "fax": None,
            }
        )
        text, line = record(Request("GET", "https://x.test/"), answer)
        body = line["response"]["body"]["json"]

        assert "ana" not in text
        assert body["note"] == f"ask {body['emailaddress1']}"
        assert body["telephone1"].startswith("redacted-")
        assert ("", None) == (body["mobile"], body["fax"])

    def test_names_of_the_installation(self, record):
        """Columns that only the installation knows are named, and others kept."""
        rules = Redaction(names=frozenset({"CardName"}), keep=frozenset({"email"}))
        _, line = record(
            Request("GET", "https://x.test/"), json_of({"cardname": "ACME", "email": "a@b.co"}), redaction=rules
        )

        assert line["response"]["body"]["json"]["cardname"].startswith("redacted-")
        assert line["response"]["body"]["json"]["email"] == "a@b.co"

    def test_ids_hang_together(self, record):
        """A GUID becomes another one, the same in address, body and answer; with a salt, another one again."""
        request_ = Request("GET", f"https://x.test/accounts({GUID})?$filter=id eq {GUID}")
        text, line = record(request_, json_of({"accountid": GUID.upper(), "parent": GUID}))
        body = line["response"]["body"]["json"]

        assert GUID not in text.lower()
        assert body["accountid"] == body["parent"]
        assert body["parent"] in line["request"]["url"]
        assert body["parent"] != Redaction(salt="x").text(GUID)

    def test_ids_may_stay(self):
        """Where they say nothing."""
        assert GUID == Redaction(keeps_guids=True).text(GUID)

    def test_redacting_twice_changes_nothing(self):
        """A replay redacts what it is asked: that must find the line."""
        rules = Redaction()
        once = rules.text(f"{GUID} ana@cliente.co")

        assert once == rules.text(once)


class TestBodies:
    """Other things than JSON."""

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b"", None),
            (b"\xff\xfe\x00", {"binary": 3}),
            (b"--batch_1\r\n", {"text": "--batch_1\r\n"}),
            (b"[1]", {"json": [1]}),
        ],
    )
    def test_each(self, body, expected):
        """Nothing, bytes, text, JSON."""
        assert expected == Redaction().body(body, "application/octet-stream")

    def test_there_and_back(self):
        """What a recording holds is sent again."""
        rules = Redaction()
        for body, kind in (
            (b"a=1&b=2", "application/x-www-form-urlencoded"),
            (b'{"a": 1}', None),
            (b"plain", None),
            (b"", None),
        ):
            assert body == rules.bytes_of(rules.body(body, kind))


class TestFiles:
    """A recording is a new file."""

    def test_an_existing_file_is_left_alone(self, tmp_path):
        """Nobody loses a fixture by recording again."""
        path = tmp_path / "there.jsonl"
        path.write_text("kept")
        with pytest.raises(ConfigurationError, match=r"cannot be written to there\.jsonl"):
            Recorder(Scripted(json_of({})), path)
        assert path.read_text() == "kept"

    @pytest.mark.parametrize("text", ["not json", '{"n": 1}', "[1]"])
    def test_what_is_no_recording(self, tmp_path, text):
        """Said so, with the name of the file."""
        (tmp_path / "x.jsonl").write_text(text)
        with pytest.raises(ConfigurationError, match=r"x\.jsonl is no recording"):
            Replay.load(tmp_path / "x.jsonl")

    def test_the_wire_behind_is_closed(self, tmp_path):
        """With the recorder."""
        wire = Scripted(json_of({}))
        Recorder(wire, tmp_path / "x.jsonl").close()
        assert wire.is_closed


class TestReplay:
    """Tests that need no system."""

    def test_each_answer_once_in_order(self, tmp_path):
        """The same question, asked twice, got two answers."""
        path = tmp_path / "x.jsonl"
        ask = Request("GET", "https://x.test/a")
        with Recorder(Scripted(json_of(1), json_of(2)), path) as recorder:
            recorder.send(ask, deadline=5)
            recorder.send(ask, deadline=5)
        replay = Replay.load(path)

        assert [b"1", b"2"] == [replay.send(ask, deadline=5).body for _ in range(2)]
        assert 0 == replay.left
        with pytest.raises(ConfigurationError, match=r"no answer to GET https://x\.test/a") as refused:
            replay.send(ask, deadline=5)
        assert refused.value.hint == "everything in it was asked for"
        replay.close()

    def test_another_body_is_another_question(self, tmp_path):
        """A write that changed is not answered with the old answer."""
        path = tmp_path / "x.jsonl"
        with Recorder(Scripted(json_of({})), path) as recorder:
            recorder.send(Request("POST", "https://x.test/a", (), b'{"name": "A"}'), deadline=5)
        with pytest.raises(ConfigurationError, match="with this body") as refused:
            Replay.load(path).send(Request("POST", "https://x.test/a", (), b'{"name": "B"}'), deadline=5)
        assert "POST https://x.test/a" in refused.value.hint

    @pytest.mark.parametrize(("intent", "error"), [("read", UnavailableError), ("write", OutcomeUnknownError)])
    def test_a_failure_is_played_too(self, tmp_path, intent, error):
        """What broke in the recording breaks in the replay."""
        path = tmp_path / "x.jsonl"
        ask = Request("POST", "https://x.test/a", intent=intent)
        with (
            Recorder(Scripted(OutcomeUnknownError("gone", hint="read back")), path) as recorder,
            pytest.raises(OutcomeUnknownError),
        ):
            recorder.send(ask, deadline=5)
        with pytest.raises(error, match="holds a failure here"):
            Replay.load(path).send(ask, deadline=5)


class TestConnectors:
    """The whole way: a connector against a system, recorded; the same connector against the recording."""

    def test_periticket(self, tmp_path):
        """The same people come out, and neither the token nor a person is in the file."""
        clock = ManualClock()
        desk = EmulatedSystems(clock)("periticket")
        desk.emulator.load(
            {"people": [{"id": "p1", "employee_code": "E1", "name": "Noa Galvis", "email": "noa@empresa.co"}]}
        )
        token = desk.credentials["token"]

        def people(wire, secret):
            with periferia_link.Periticket(desk.url, token=SecretStr(secret), clock=clock, wire=wire) as helpdesk:
                helpdesk.check()
                return [one.code for one in helpdesk.each("Employee")]

        rules = Redaction(names=frozenset({"name"}))
        path = tmp_path / "desk.jsonl"
        live = people(Recorder(desk.wire, path, secrets=[token], redaction=rules), token)
        replay = Replay.load(path, redaction=rules)

        assert live == people(replay, "another-token") == ["E1"]
        assert 0 == replay.left
        text = path.read_text(encoding="utf-8")
        assert [word for word in (token, "Noa", "noa@") if word in text] == []

    def test_dynamics365(self, tmp_path):
        """A token, a GUID of an organisation, server-driven pages."""
        clock = ManualClock()
        crm = EmulatedSystems(clock)("dynamics365")
        path = tmp_path / "crm.jsonl"
        credential = crm.entra_application()
        with periferia_link.Dynamics365(
            crm.url, credential=credential, clock=clock, wire=Recorder(crm.wire, path)
        ) as connector:
            live = connector.check()
        with periferia_link.Dynamics365(
            crm.url, credential=credential, clock=clock, wire=Replay.load(path)
        ) as connector:
            replayed = connector.check()

        assert live.system_id not in path.read_text(encoding="utf-8")
        assert replayed.system_id == Redaction().text(live.system_id)
        assert "Bearer" not in path.read_text(encoding="utf-8")
