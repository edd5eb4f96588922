"""``periferia-link forms score``: scores with intervals, with and without doubtful answers, beside the wave before."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")

from typer.testing import CliRunner

from forms_workbooks import ES, text_csv
from periferia_link.cli import app
from periferia_link.cli._forms_score import TEXTS
from periferia_link.connectors.forms import ExportFile, Forms, load_mapping
from periferia_link.scores import FLAGS, judged, scorecard
from screens import check_screen

TITLES = ["¿Nos recomendaría?", "¿Satisfecho?", "¿Fue fácil?", "¿Por qué?"]
MAPPING = """\
form = "satisfaccion"
time_zone = "America/Bogota"
questions = [
  {{ title = "¿Nos recomendaría?", role = "nps" }},
  {{ title = "¿Satisfecho?", role = "csat" }},
  {{ title = "¿Fue fácil?", role = "ces" }},
  {{ title = "¿Por qué?", role = "{comment}" }},
]
"""


def run(*arguments):
    return CliRunner().invoke(app, ["forms", "score", *map(str, arguments)])


@pytest.fixture
def wave(tmp_path, monkeypatch):
    """Stand in a folder with a mapping; return what writes a wave of so many answers, some of them doubtful."""
    monkeypatch.chdir(tmp_path)
    Path("satisfaccion.toml").write_text(MAPPING.format(comment="comment"), encoding="utf-8")

    def written(name, number, good, begin=datetime(2026, 11, 13, 9)):
        chance, rows = random.Random(name), [[*ES, *TITLES]]
        for at in range(1, number + 1):
            likes = chance.random() < good
            nps, csat = chance.choice((9, 10) if likes else (3, 6, 7)), chance.choice((4, 5) if likes else (1, 2, 3))
            ces = chance.choice((5, 6, 7) if likes else (2, 3, 5))
            start, why = begin + timedelta(hours=at), "Cumplen" if likes else "Demoras"
            end = start + timedelta(seconds=2 if at % 10 == 0 else chance.randint(60, 240))
            times = [f"{moment:%d/%m/%Y %H:%M:%S}" for moment in (start, end)]
            rows.append([at, *times, f"p{at}@c.example", "", nps, 1 if at % 20 == 0 and likes else csat, ces, why])
        Path(name).write_bytes(text_csv(rows))
        return name

    return written


class TestScore:
    def test_as_the_library_says(self, wave):
        """The same numbers as surveys made of the same file, judged and put on a card."""
        now, before = wave("Q4.csv", 60, 0.7), wave("Q3.csv", 50, 0.5)
        done = run(now, "-m", "satisfaccion.toml", "--previous", before, "--population", "90", "--json")
        told = json.loads(done.output)
        mapping, waves = load_mapping("satisfaccion.toml"), []
        for name in (now, before):
            with Forms(ExportFile(name), mapping=mapping) as forms:
                waves.append(judged(forms.each("Survey")))
        expected = scorecard(waves[0], previous=waves[1], population=90)
        assert {name: one.to_dict() for name, one in expected.items()} == told["scores"]
        assert (60, sum(not one.is_reliable for one in waves[0])) == (told["answers"], told["unreliable"])
        assert told["unreliable"] > 0

    def test_off_the_scale(self, wave):
        """Answers that are not on their scale are counted beside the scores."""
        path = Path(wave("Q4.csv", 5, 0.9))
        path.write_text(path.read_text(encoding="utf-8-sig").replace(",10,", ",77,").replace(",9,", ",77,"))
        told = json.loads(run(path, "-m", "satisfaccion.toml", "--json").output)
        assert told["unread"] > 0
        assert told["unread"] + told["scores"].get("nps", {"everybody": {"n": 0}})["everybody"]["n"] == 5

    def test_nothing_to_score(self, wave):
        """It is said."""
        Path("texts.toml").write_text(
            'form = "f"\ntime_zone = "UTC"\nquestions = [{ title = "¿Por qué?", role = "comment" }]', encoding="utf-8"
        )
        done = run(wave("Q4.csv", 3, 0.5), "-m", "texts.toml", "--lang", "es")
        assert (0, True) == (done.exit_code, "Ninguna respuesta" in done.output)

    def test_mistakes(self, wave):
        """No such file, another form, more answers than people: one sentence, exit code 2."""
        name = wave("Q4.csv", 5, 0.9)
        for arguments in (["no.csv"], [name, "--population", "3"], [name, "--previous", "no.csv"]):
            assert 2 == run(*arguments, "-m", "satisfaccion.toml").exit_code
        assert 2 == run(name, "-m", "no.toml").exit_code

    def test_every_flag_has_its_word(self):
        """In both languages."""
        assert {f"flag.{flag}" for flag in FLAGS} <= set(TEXTS)

    @pytest.mark.parametrize("lang", ["es", "en"])
    def test_the_page_shows_what_the_command_shows(self, wave, lang):
        """The capture on the page is the output."""
        wave("Q4.csv", 60, 0.75)
        wave("Q3.csv", 50, 0.6)
        words = [
            "Q4.csv",
            "--mapping",
            "satisfaccion.toml",
            "--previous",
            "Q3.csv",
            "--population",
            "90",
            "--lang",
            lang,
        ]
        done = run(*words)
        assert 0 == done.exit_code, done.output
        text = f"$ periferia-link forms score {' '.join(words)}\n\n{done.output}"
        check_screen(Path("docs/how-to/forms.md"), f"forms-score-{lang}", text)
