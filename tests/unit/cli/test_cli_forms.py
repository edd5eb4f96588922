"""``periferia-link forms inspect``: what is recognised, in both languages, as JSON, and the page that shows it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")

from typer.testing import CliRunner

from forms_workbooks import EN, ES, text_csv, xlsx
from periferia_link.cli import app
from periferia_link.cli._forms import TEXTS
from periferia_link.connectors.forms import ExportFile, Forms, load_mapping
from periferia_link.connectors.forms._scales import _FAMILIES
from screens import check_screen

SPANISH = [
    "¿Qué tan probable es que nos recomiende a un colega?",
    "¿Qué tan satisfecho está con el servicio?",
    "Fue fácil resolver mi solicitud",
    "¿Por qué nos da esa calificación?",
    "¿Qué servicios usa?",
    "NIT de su empresa",
    "Número de caso",
    "El equipo cumple los plazos",
]
ENGLISH = [
    "How likely are you to recommend us?",
    "How satisfied are you with the service?",
    "It was easy to get help",
    "Why did you give that score?",
    "Which services do you use?",
    "Company",
    "Ticket",
    "The team keeps its deadlines",
]
ROWS = [
    [
        "9",
        "Muy satisfecho",
        "Totalmente de acuerdo",
        "Cumplen lo que prometen",
        "Nube;Datos;",
        "900123456-8",
        "77",
        "5",
    ],
    [
        "3",
        "Insatisfecho",
        "Algo en desacuerdo",
        "Demoras constantes en las entregas",
        "Nube;",
        "860034313-7",
        "78",
        "2",
    ],
    ["10", "Satisfecho", "De acuerdo", "", "Datos;Soporte;", "890903938-8", "", "4"],
]
ROLES = ["nps", "csat", "ces", "comment", "choice", "client", "ticket", "rating"]


def run(*arguments):
    return CliRunner().invoke(app, ["forms", "inspect", *map(str, arguments)])


@pytest.fixture
def export(tmp_path):
    def made(own=ES, titles=SPANISH, rows=ROWS, email="anonymous"):
        path = tmp_path / "Satisfacción 2026.csv"
        lines = [[*own, *titles]]
        for number, row in enumerate(rows, 1):
            lines.append([number, f"{12 + number}/11/2026 9:00", f"{12 + number}/11/2026 9:04", email, "", *row])
        path.write_bytes(text_csv(lines))
        return path

    return made


class TestInspect:
    @pytest.mark.parametrize(("own", "titles"), [(ES, SPANISH), (EN, ENGLISH)])
    def test_what_is_recognised(self, export, own, titles):
        """Scores, comment, choices, client and ticket, in both languages."""
        told = json.loads(run(export(own, titles), "--json").output)
        assert ROLES == [question["role"] for question in told["questions"]]
        assert (3, 3, True, "seen") == (told["rows"], told["anonymous"], told["day_first"], told["dates"])
        assert "satisfaccion-2026" == told["mapping"]["form"]

    def test_the_proposal_works(self, export, tmp_path):
        """What is written is read back, and the surveys have their scores."""
        file = tmp_path / "mapa.toml"
        assert 0 == run(export(), "--output", file).exit_code
        assert 2 == run(export(), "--output", file).exit_code
        with Forms(ExportFile(export()), mapping=load_mapping(file)) as forms:
            surveys = list(forms.each("Survey"))
        assert [(9, 5, 7), (3, 2, 3), (10, 4, 6)] == [(each.nps, each.csat, each.ces) for each in surveys]
        assert "900123456-8" == surveys[0].client_key

    def test_a_workbook(self, tmp_path):
        """The same from .xlsx."""
        pytest.importorskip("python_calamine", reason="the extra excel is not installed")
        path = tmp_path / "r.xlsx"
        at = datetime(2026, 11, 20, 9)
        path.write_bytes(xlsx([[*ES, SPANISH[0]], [1, at, at, "a@b.example", "Ana", 9], [2, at, at, "", "", 7]]))
        told = json.loads(run(path, "--json").output)
        assert (["nps"], "xlsx", "unneeded") == ([q["role"] for q in told["questions"]], told["format"], told["dates"])

    def test_nothing_to_score(self, export):
        """It is said, and so are dates that nothing decides."""
        told = json.loads(run(export(titles=["x"], rows=[["a"]]), "--json").output)
        assert ["no-score", "nobody-named"] == told["notes"]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [(["no-such.csv"], "cannot be read"), ([__file__], "there is no ID"), (["x.csv", "--zone", "Bogotá"], "")],
    )
    def test_mistakes(self, arguments, said):
        """Exit code 2, one sentence and the next step."""
        done = run(*arguments, "--lang", "en")
        assert 2 == done.exit_code
        assert said in done.output

    def test_no_answer_is_shown(self, export):
        """Titles and counts; who answered, and what, stays in the file."""
        output = run(export(email="ana@cliente.example"), "--lang", "es").output
        assert not [word for word in ("ana@", "900123456", "Demoras") if word in output]

    def test_every_word_has_its_sentence(self):
        """Families and notes are told in both languages."""
        assert {f"family.{family.name}" for family in _FAMILIES} <= set(TEXTS)


class TestPage:
    @pytest.mark.parametrize("lang", ["es", "en"])
    def test_the_page_shows_what_the_command_shows(self, export, lang):
        """The capture on the page is the output."""
        path = export()
        output = run(path, "--lang", lang).output
        text = f'$ periferia-link forms inspect "{path.name}" --lang {lang}\n\n{output}'
        check_screen(Path("docs/how-to/forms.md"), f"forms-{lang}", text)
