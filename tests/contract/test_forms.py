"""Microsoft Forms keeps the contract: from a file, and from a workbook through the emulated Graph."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from forms_workbooks import EN, text_csv
from periferia_link.connectors.forms import ExportFile, Forms, GraphWorkbook, mapping_from
from periferia_link.testing.contract import BreakableWire, ConnectorContract
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.graph import GraphEmulator

GRAPH = "https://graph.example"
DOWNLOADS = "https://tenant.sharepoint.com"
MAPPING = mapping_from(
    {
        "form": "satisfaccion",
        "time_zone": "America/Bogota",
        "day_first": True,
        "questions": [
            {"title": "¿Nos recomendaría?", "role": "nps"},
            {"title": "¿Por qué?", "role": "comment"},
            {"title": "NIT", "role": "client"},
        ],
    },
    where="test",
)


class Answers:
    """The rows of one form, and what people do with them."""

    def __init__(self, save):
        self.rows: dict[int, list[str]] = {}
        self.save = save
        self.write()

    def write(self):
        header = [*EN, "¿Nos recomendaría?", "¿Por qué?", "NIT"]
        self.save(text_csv([header, *self.rows.values()]))

    def seed(self, kind, count):
        first = max(self.rows, default=0) + 1
        for number in range(first, first + count):
            times = ["20/11/2026 9:00", "20/11/2026 9:05"]
            self.rows[number] = [str(number), *times, f"p{number}@prueba.example", "Ana", "9", "Bien", "900123456"]
        self.write()
        return [f"satisfaccion/{number}" for number in range(first, first + count)]

    def touch(self, kind, key):
        self.rows[int(key.partition("/")[2])][6] += " de verdad"
        self.write()

    def erase(self, kind, key):
        del self.rows[int(key.partition("/")[2])]
        self.write()


class _Kept(ConnectorContract):
    kinds = ("Survey",)

    @pytest.fixture
    def seed(self, answers):
        return answers.seed

    @pytest.fixture
    def touch(self, answers):
        return answers.touch

    @pytest.fixture
    def erase(self, answers):
        return answers.erase

    @pytest.fixture
    def absent(self):
        return "satisfaccion/99999"


class TestExportFile(_Kept):
    """A file on this machine."""

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "respuestas.csv"

    @pytest.fixture
    def answers(self, path):
        return Answers(path.write_bytes)

    @pytest.fixture
    def connector(self, answers, path):
        with Forms(ExportFile(path), mapping=MAPPING, page_size=3) as connector:
            yield connector


class Tokens:
    """A credential, as far as a connector sees it: tokens of the emulated Entra."""

    def __init__(self, graph, clock, audience="https://graph.microsoft.com"):
        self.graph, self.clock, self.audience = graph, clock, audience

    def get_token(self, *scopes, **_):
        from periferia_link.transport._auth import IssuedToken

        entra = self.graph.entra
        token = entra._issue(self.audience, entra.credentials()["client_id"], self.clock)
        return IssuedToken(token, int(self.clock.now().timestamp()) + 3600)


class TestGraphWorkbook(_Kept):
    """A file in OneDrive."""

    @pytest.fixture
    def clock(self):
        return ManualClock(datetime(2026, 11, 20, 14, tzinfo=timezone.utc))

    @pytest.fixture
    def graph(self):
        return GraphEmulator()

    @pytest.fixture
    def faults(self, graph, clock):
        wire = InProcessWire({GRAPH: graph, DOWNLOADS: graph.downloads}, clock)
        return BreakableWire(wire, graph)

    @pytest.fixture
    def answers(self, graph, clock):
        return Answers(lambda content: graph.put_file("Encuestas/respuestas.csv", content, clock))

    def workbook(self, graph, clock, faults, **more):
        item = graph.drive.at("Encuestas/respuestas.csv")["id"]
        tokens = Tokens(graph, clock, **more)
        return GraphWorkbook(
            tokens, clock=clock, drive=graph.drive.key, item=item, url=f"{GRAPH}/v1.0", wire=faults, deadline=30.0
        )

    @pytest.fixture
    def connector(self, answers, graph, clock, faults):
        with Forms(self.workbook(graph, clock, faults), mapping=MAPPING, page_size=3) as connector:
            yield connector

    @pytest.fixture
    def locked_out(self, answers, graph, clock, faults):
        source = self.workbook(graph, clock, faults, audience="https://another.example")
        with Forms(source, mapping=MAPPING) as connector:
            yield connector

    @pytest.fixture
    def wait(self, clock):
        return clock.sleep
