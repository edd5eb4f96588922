"""Answers pushed by Power Automate: who sends, what comes twice, what comes late, what is no answer."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from periferia_link.connectors.forms import Forms, FormsWebhook, InboxFile, mapping_from
from periferia_link.errors import ConfigurationError

SECRET = "un-secreto-bastante-largo"
MAPPING = mapping_from(
    {"form": "f", "time_zone": "America/Bogota", "questions": [{"title": "¿Nos recomendaría?", "role": "nps"}]},
    where="test",
)


def message(**changes):
    told = {"form": "f", "response": "17", "submitted": "2026-11-20T14:05:00Z", "email": "ana@c.example"}
    return json.dumps({**told, "answers": {"¿Nos recomendaría?": "3", "¿Qué usa?": ["A", "B"]}, **changes}).encode()


@pytest.fixture
def inbox(tmp_path):
    return tmp_path / "inbox.jsonl"


@pytest.fixture
def hook(inbox):
    return FormsWebhook(SecretStr(SECRET), MAPPING, inbox=inbox)


def receive(hook, body, key=SECRET):
    return hook.receive({"x-periferia-KEY": key}, body)


class TestDeliveries:
    def test_from_the_flow_to_a_survey(self, hook, inbox):
        """On disk before it is acknowledged; the connector reads it with the next run."""
        told = receive(hook, message())
        assert (200, "f/17") == (told.status, told.row.key)
        with Forms(InboxFile(inbox), mapping=MAPPING) as forms:
            (survey,) = forms.each("Survey")
            assert (3, "ana@c.example", "A;B") == (survey.nps, survey.email, survey.answers[1].text)
            assert survey == forms.decode("Survey", told.row)
            *_, last = forms.pull("Survey")
            assert [()] == [page.rows for page in forms.pull("Survey", last.cursor)]

    @pytest.mark.parametrize("key", ["", "falso", SECRET + "x"])
    def test_a_wrong_secret(self, hook, inbox, key):
        """401, and nothing is kept."""
        assert 401 == receive(hook, message(), key).status
        assert 401 == hook.receive({}, message()).status
        assert not inbox.exists()

    def test_replays(self, hook, inbox):
        """The same delivery has one effect, an old version played again none, after a restart as well."""
        first, second = message(), message(modified="2026-11-21T10:00:00Z", answers={"¿Nos recomendaría?": "9"})
        assert receive(hook, first).row
        assert receive(hook, second).row
        again = FormsWebhook(SecretStr(SECRET), MAPPING, inbox=inbox)
        for receiver in (hook, again):
            for body in (first, second, message(name="Otra")):
                assert (200, None) == receive(receiver, body)[:2]
        with Forms(InboxFile(inbox), mapping=MAPPING) as forms:
            assert [9] == [survey.nps for survey in forms.each("Survey")]
        assert 2 == len(inbox.read_bytes().splitlines())

    def test_a_crash_in_the_middle_of_a_line(self, hook, inbox):
        """What was cut off does not count, and does not spoil what comes next."""
        receive(hook, message())
        inbox.write_bytes(inbox.read_bytes() + b'{"form": "f", "id": "18"')
        assert receive(hook, message(response="19")).row
        with Forms(InboxFile(inbox), mapping=MAPPING) as forms:
            assert ["f/17", "f/19"] == [survey.ref.id for survey in forms.each("Survey")]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"{", 400),
            (b"[]", 400),
            (b'"x"', 400),
            (message(form="otro"), 404),
            (message(response=""), 400),
            (message(response="a/b"), 400),
            (message(response="?row 3"), 400),
            (message(answers=["x"]), 400),
            (message(answers={"q": {"x": 1}}), 400),
            (message(answers={"q": "x" * 100_001}), 400),
            (message(answers={f"q{n}": "x" for n in range(1_001)}), 400),
            (message(submitted="ayer"), 400),
            (message(submitted=7), 400),
            (message(email=["x"]), 400),
            (message(extra=1), 400),
            (b" " * 1_100_000, 413),
        ],
    )
    def test_what_is_no_answer(self, hook, inbox, body, status):
        """Bounded and typed; the reason holds nothing of the content."""
        told = receive(hook, body)
        assert (status, None) == told[:2]
        assert told.reason
        assert not inbox.exists()

    def test_a_short_secret(self):
        """It would protect nothing; and the repr shows none."""
        with pytest.raises(ConfigurationError, match="16 characters"):
            FormsWebhook(SecretStr("corto"), MAPPING)
        assert SECRET not in repr(FormsWebhook(SecretStr(SECRET), MAPPING))
