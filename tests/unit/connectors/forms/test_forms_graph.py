"""The workbook in OneDrive: looked at first, downloaded when it changed, from hosts of a list, without the bearer."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest

from forms_workbooks import EN, text_csv
from periferia_link.connectors.forms import Forms, GraphWorkbook, SurveySource, mapping_from
from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.registry import build
from periferia_link.domain import Survey, SurveyAnswer
from periferia_link.errors import (
    ConfigurationError,
    FatalConnectorError,
    OriginError,
    PermissionDeniedError,
    TransientError,
)
from periferia_link.settings import SystemSettings
from periferia_link.testing.emulators import FaultRule, InProcessWire, ManualClock
from periferia_link.testing.emulators.graph import GraphEmulator
from periferia_link.testing.memory import MemoryConnector

GRAPH, DOWNLOADS = "https://graph.example", "https://tenant-my.sharepoint.com"
ENTRA = "https://login.example"
LINK = "https://tenant-my.sharepoint.com/personal/ana/Documents/Encuestas/r.csv"
TABLE = {"form": "f", "time_zone": "America/Bogota", "questions": [{"title": "NPS", "role": "nps"}]}
MAPPING = mapping_from(TABLE, where="test")


class Seen:
    """A wire that remembers what was sent."""

    def __init__(self, wire):
        self.wire, self.requests = wire, []

    def send(self, request, *, deadline):
        self.requests.append(request)
        return self.wire.send(request, deadline=deadline)

    def close(self):
        self.wire.close()


class World:
    def __init__(self):
        self.clock = ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))
        self.graph = GraphEmulator()
        emulators = {GRAPH: self.graph, DOWNLOADS: self.graph.downloads, ENTRA: self.graph.entra}
        self.wire = Seen(InProcessWire(emulators, self.clock))
        self.write("9")

    def write(self, *scores):
        at = "2026-11-20 09:00"
        rows = [[*EN, "NPS"], *([n, at, at, "anonymous", "", score] for n, score in enumerate(scores, 1))]
        self.graph.put_file("Encuestas/r.csv", text_csv(rows), self.clock)

    def get_token(self, *scopes, **_):
        from periferia_link.transport._auth import IssuedToken

        entra = self.graph.entra
        token = entra._issue("https://graph.microsoft.com", entra.credentials()["client_id"], self.clock)
        return IssuedToken(token, int(self.clock.now().timestamp()) + 3600)

    def source(self, **more):
        told = {"share": LINK, "clock": self.clock, "url": f"{GRAPH}/v1.0", "wire": self.wire, "deadline": 30.0, **more}
        return GraphWorkbook(self, **told)

    def forms(self, **more):
        return Forms(self.source(**more), mapping=MAPPING)

    def paths(self):
        told = [request.url.partition("?")[0].rpartition("/")[2] for request in self.wire.requests]
        self.wire.requests.clear()
        return told


@pytest.fixture
def world():
    return World()


class TestReading:
    def test_only_what_changed_is_downloaded(self, world):
        """Metadata, content, the other host; then metadata alone, until the content changes."""
        with world.forms() as forms:
            *_, last = forms.pull("Survey")
            assert ["driveItem", "content", "download"] == world.paths()
            assert [((), True, False)] == [(p.rows, p.is_last, p.is_scan) for p in forms.pull("Survey", last.cursor)]
            assert ["driveItem"] == world.paths()
            assert 1 == len(forms.get("Survey", ["f/1"]))
            assert ["driveItem"] == world.paths()
            world.write("9", "3")
            assert 2 == sum(len(page.rows) for page in forms.pull("Survey", last.cursor))
            assert ["driveItem", "content", "download"] == world.paths()

    def test_the_bearer_stays(self, world):
        """Graph gets it, the other host does not."""
        with world.forms() as forms:
            forms.check()
        told = {request.url.split("/")[2]: request.header("authorization") for request in world.wire.requests}
        assert {"graph.example", "tenant-my.sharepoint.com"} == set(told)
        assert told["graph.example"].startswith("Bearer ")
        assert told["tenant-my.sharepoint.com"] is None

    @pytest.mark.parametrize(
        "where",
        [
            "https://evil.example/x",
            "https://sharepoint.com.evil.example/x",
            "https://evilsharepoint.com/x",
            "http://tenant.sharepoint.com/x",
            "https://user@evil.example/x",
            "/relative",
        ],
    )
    def test_other_hosts_are_refused(self, world, where):
        """Nothing is sent there."""
        world.graph.download_redirect = where
        with world.forms() as forms, pytest.raises(OriginError):
            list(forms.pull("Survey"))
        assert all(request.url.startswith(GRAPH) for request in world.wire.requests)

    def test_configured(self, world):
        """From periferia.toml: an application of Entra, a sharing link, a mapping inside the table."""
        told = world.graph.entra.credentials()
        settings = SystemSettings(
            name="encuestas",
            connector="forms",
            url=f"{GRAPH}/v1.0",
            credential={
                "kind": "client-secret",
                **{k: told[k] for k in ("tenant_id", "client_id", "client_secret")},
                "authority": ENTRA,
            },
            options={"share": LINK, "mapping": TABLE},
        )
        with build("encuestas", settings, clock=world.clock, wire=world.wire) as forms:
            assert "forms:f" == forms.check().system_id
            assert "2026-11-20T14:00:00Z" == forms.check().details["modified"]
            assert [9] == [survey.nps for survey in forms.each("Survey")]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"mapping": TABLE}, "one source"),
            ({"mapping": TABLE, "file": "a.csv", "inbox": "b"}, "one source"),
            ({"mapping": TABLE, "file": "a.csv", "fiel": 1}, "no option fiel"),
            ({"mapping": TABLE, "file": "a.csv", "page_size": 0}, "page_size is wrong"),
            ({"mapping": {**TABLE, "time_zone": "Bogotá"}, "file": "a.csv"}, "time_zone"),
            ({"mapping": {**TABLE, "questions": TABLE["questions"] * 2}, "file": "a.csv"}, "two questions are nps"),
            ({"mapping": "no-such.toml", "file": "a.csv"}, "cannot be read"),
            ({"mapping": TABLE, "share": LINK}, "application of Entra"),
        ],
    )
    def test_mistakes_of_the_file(self, options, message):
        """Each is told with its place."""
        with pytest.raises(ConfigurationError, match=message):
            build("x", SystemSettings(name="x", connector="forms", options=options))


class TestRefusals:
    def test_gone(self, world):
        """A workbook that is not there is no empty one."""
        world.graph.remove_file(world.graph.drive.at("Encuestas/r.csv")["id"], world.clock)
        with world.forms() as forms, pytest.raises(FatalConnectorError, match="is not there"):
            list(forms.pull("Survey"))

    def test_forbidden(self, world):
        """The right that is missing is named."""
        world.graph.faults.add(FaultRule.parse({"fault": "status", "params": {"status": 403, "code": "accessDenied"}}))
        with world.forms() as forms, pytest.raises(PermissionDeniedError, match=r"Files\.Read\.All"):
            list(forms.pull("Survey"))

    @pytest.mark.parametrize("status", [429, 503, 509])
    def test_slow_down(self, world, status):
        """Everybody waits as long as it says, and goes on."""
        world.graph.closed_status = status
        world.graph.closed_until = world.clock.now() + timedelta(seconds=20)
        with world.forms() as forms:
            for _ in range(2):
                with suppress(TransientError):
                    assert 1 == len(list(forms.each("Survey")))
            assert 1 == len(list(forms.each("Survey")))
        assert world.clock.now() >= world.graph.closed_until

    def test_too_large(self, world):
        """The size is known before the download."""
        with world.forms(limits=Limits(max_bytes=5)) as forms, pytest.raises(ConfigurationError, match="larger"):
            list(forms.pull("Survey"))
        assert "content" not in world.paths()

    def test_an_address_that_expired(self, world):
        """What the other host refuses is tried again later, and its key is in no message."""
        world.graph.download_redirect = f"{DOWNLOADS}/download?tempauth=secreto"
        with world.forms() as forms, pytest.raises((TransientError, FatalConnectorError)) as refused:
            list(forms.pull("Survey"))
        assert "secreto" not in str(refused.value)


class TestOtherSurveys:
    def test_customer_voice_under_a_mapping(self):
        """Surveys of any connector, read again: scores, client and comment by the mapping."""
        crm = MemoryConnector("crm", [Survey])
        answers = (SurveyAnswer(question="NPS", text="2"), SurveyAnswer(question="¿Empresa?", text="900123456"))
        crm.put(Survey(questionnaire="cv", answers=answers, email="anonymous"))
        questions = [*TABLE["questions"], {"title": "¿Empresa?", "role": "client"}, {"title": "¿Y?", "role": "comment"}]
        told = mapping_from({**TABLE, "questions": questions}, where="test")
        with Forms(SurveySource(crm), mapping=told) as forms:
            (survey,) = forms.each("Survey")
            assert (2, "900123456", None) == (survey.nps, survey.client_key, survey.email)
