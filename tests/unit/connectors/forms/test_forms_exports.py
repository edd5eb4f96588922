"""Exports: headers in two languages, quiz columns, duplicates, answers of every kind, dates, zones."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from forms_workbooks import EN, ES, text_csv, xlsx
from periferia_link.connectors.forms import ExportFile, Forms, mapping_from
from periferia_link.connectors.forms._limits import Limits
from periferia_link.errors import ConfigurationError, RecordInvalidError

SHARED = Path(__file__).resolve().parents[5] / "shared" / "data" / "forms_export_es.csv"


def mapping(*questions, **more):
    told = {"form": "f", "time_zone": "America/Bogota", "questions": list(questions), **more}
    return mapping_from(told, where="test")


def nps(title="¿Nos recomendaría?", **more):
    return {"title": title, "role": "nps", **more}


def answer(number=1, *answers, email="ana@cliente.example", name="Ana", at="20/11/2026 9:00"):
    return [str(number), at, at, email, name, *answers]


@pytest.fixture
def read(tmp_path):
    def surveys(content, told, *, suffix=".csv", **limits):
        path = tmp_path / f"respuestas{suffix}"
        path.write_bytes(content)
        with Forms(ExportFile(path, limits=Limits(**limits)), mapping=told) as forms:
            return list(forms.each("Survey"))

    return surveys


class TestHeaders:
    @pytest.mark.parametrize("own", [ES, EN, tuple(title.upper().replace(" ", "\u00a0") for title in ES)])
    def test_both_languages(self, read, own):
        """Spanish and English, whatever case and blanks."""
        (survey,) = read(text_csv([[*own, "¿Nos recomendaría?"], answer(1, "10")]), mapping(nps()))
        assert (10, "ana@cliente.example", "Ana") == (survey.nps, survey.email, survey.respondent)
        assert "f/1" == survey.ref.id

    def test_quiz_columns(self, read):
        """Points and feedback are no questions; the points are kept beside the answers."""
        header = [*ES, "Total de puntos", "Comentarios del cuestionario", "Hora de la última modificación"]
        header += ["¿Capital?", "Puntos: ¿Capital?", "Comentarios: ¿Capital?"]
        row = [*answer(1), "5", "bien", "21/11/2026 8:00", "Bogotá", "5", "sí"]
        (survey,) = read(text_csv([header, row]), mapping())
        assert [("¿Capital?", "Bogotá")] == [(each.question, each.text) for each in survey.answers]
        assert ("5", {"¿Capital?": "5"}) == (survey.custom["points"], survey.custom["question_points"])
        assert datetime(2026, 11, 21, 13, tzinfo=timezone.utc) == survey.updated_at

    def test_questions_that_are_called_like_columns(self, read):
        """The first of two is that of Forms; questions of one title are told apart."""
        header = [*EN, "Name", "Email", "Email"]
        row = answer(1, "Luis", "luis@otro.example", "b@otro.example", email="anonymous", name="")
        told = mapping({"title": "Name", "role": "name"}, {"title": "Email #2", "role": "email"})
        (survey,) = read(text_csv([header, row]), told)
        assert ("Luis", "b@otro.example") == (survey.respondent, survey.email)
        assert ["Name", "Email", "Email #2"] == [each.question for each in survey.answers]

    def test_an_edited_question(self, read):
        """It is refused with the new title, and found again by its alias."""
        content = text_csv([[*ES, "¿Qué ajustaría del\n servicio?"], answer(1, "Nada")])
        told = {"title": "¿Qué ajustarían del servicio?", "role": "comment"}
        with pytest.raises(ConfigurationError, match=r"no question .*aliases = .*ajustaría"):
            read(content, mapping(told))
        (survey,) = read(content, mapping({**told, "aliases": ["¿que ajustaria del servicio?"]}))
        assert "Nada" == survey.comment
        assert [] == [s.comment for s in read(content, mapping({**told, "optional": True})) if s.comment]

    def test_questions_move(self, read):
        """A question inserted later moves the others; they are found by title."""
        (survey,) = read(text_csv([[*ES, "Nueva", "¿Nos recomendaría?"], answer(1, "3", "9")]), mapping(nps()))
        assert 9 == survey.nps

    def test_what_is_no_export(self, read):
        """The message says what is missing."""
        with pytest.raises(ConfigurationError, match="there is no ID"):
            read(text_csv([["a", "b"], ["1", "2"]]), mapping())

    @pytest.mark.parametrize(("separator", "encoding"), [(";", "cp1252"), ("\t", "utf-16"), (",", "utf-8")])
    def test_what_excel_makes_of_csv(self, read, separator, encoding):
        """Separators and encodings of Excel are found out."""
        rows = [[*ES, "¿Por qué?"], answer(1, 'Así; "es", señor')]
        told = mapping({"title": "¿Por qué?", "role": "comment"})
        (survey,) = read(text_csv(rows, separator=separator, encoding=encoding), told)
        assert 'Así; "es", señor' == survey.comment


class TestAnswers:
    @pytest.mark.parametrize("email", ["anonymous", "Anónimo", "", "ANONYMOUS"])
    def test_anonymous(self, read, email):
        """Nobody is called anonymous."""
        surveys = read(
            text_csv([[*EN, "x"], *(answer(n, "1", email=email, name="Anonymous") for n in (1, 2, 3))]), mapping()
        )
        assert [(None, None)] * 3 == [(survey.email, survey.respondent) for survey in surveys]

    @pytest.mark.parametrize(
        ("told", "text", "score"),
        [
            ({"role": "csat"}, "Muy satisfecha", 5),
            ({"role": "csat"}, "2", 2),
            ({"role": "csat"}, "4 - Satisfecho", 4),
            ({"role": "csat"}, "★★★", 3),
            ({"role": "csat", "scale": [1, 10]}, "10", 5),
            ({"role": "csat", "reversed": True}, "1", 5),
            ({"role": "csat", "words": {"De lujo": 5}}, "de lujo", 5),
            ({"role": "csat"}, "Very dissatisfied", 1),
            ({"role": "csat"}, "No aplica", None),
            ({"role": "ces"}, "Algo de acuerdo", 5),
            ({"role": "ces"}, "Totalmente de acuerdo", 7),
            ({"role": "ces", "scale": [1, 5]}, "Muy fácil", 7),
            ({"role": "ces", "reversed": True}, "7", 1),
            ({"role": "nps"}, "10 (muy probable)", 10),
            ({"role": "nps"}, "0", 0),
        ],
    )
    def test_words_and_numbers(self, read, told, text, score):
        """On the scale of the measure, whichever way the question asks."""
        (survey,) = read(text_csv([[*ES, "q"], answer(1, text)]), mapping({"title": "q", **told}))
        assert score == getattr(survey, told["role"])

    def test_off_the_scale(self, read):
        """The record is refused, and what was answered is not told."""
        with pytest.raises(RecordInvalidError, match="not on its scale") as refused:
            read(text_csv([[*ES, "¿Nos recomendaría?"], answer(1, "una palabra rara")]), mapping(nps()))
        assert "rara" not in str(refused.value)

    def test_multiple_choice(self, read):
        """``A;B;``, one choice, a JSON list, and options that hold the separator."""
        header = [*ES, "a", "b", "c", "d"]
        row = answer(1, "A;B;", "AGOL;", '["Opción A","Opción B"]', "Sí; casi siempre;No;")
        told = mapping({"title": "d", "role": "choice", "options": ["Sí; casi siempre", "No"]})
        (survey,) = read(text_csv([header, row]), told)
        assert ["A;B", "AGOL", "Opción A;Opción B", "Sí; casi siempre;No"] == [each.text for each in survey.answers]

    def test_a_comment_is_left_alone(self, read):
        """A semicolon at its end, and a formula, are text."""
        told = mapping({"title": "c", "role": "comment"})
        texts = ['=HYPERLINK("http://x")', "Bien; pero lento;", "+57 300", "@cmd"]
        surveys = read(text_csv([[*ES, "c"], *(answer(n, text) for n, text in enumerate(texts, 1))]), told)
        assert texts == [survey.comment for survey in surveys]

    def test_what_it_is_about(self, read):
        """Client, contact, ticket and project as they were typed."""
        roles = ["client", "contact", "ticket", "project"]
        told = mapping(*({"title": role, "role": role} for role in roles), wave="quarter")
        row = answer(1, "900.123.456-8", "Ana", "INC-77", "PRY-1")
        (survey,) = read(text_csv([[*ES, *roles], row]), told)
        assert ("900.123.456-8", "PRY-1", "2026-Q4") == (survey.client_key, survey.project, survey.wave)
        assert ("INC-77", "Ana") == (survey.custom["ticket"], survey.custom["contact"])
        assert (None, None) == (survey.client, survey.ticket)

    def test_a_row_twice(self, read):
        """Equal rows come once; another row with the same ID, or without one, is told and not lost."""
        rows = [[*ES, "x"], answer(1, "a"), answer(1, "a"), answer(2, "b")]
        assert ["f/1", "f/2"] == [survey.ref.id for survey in read(text_csv(rows), mapping())]
        for wrong in (answer(1, "c"), answer("", "c")):
            with pytest.raises(RecordInvalidError, match="row 3 has no ID of its own"):
                read(text_csv([[*ES, "x"], answer(1, "a"), wrong]), mapping())


class TestDates:
    def times(self, read, *texts, own=EN, **more):
        rows = [[*own, "x"], *(answer(number, "1", at=text) for number, text in enumerate(texts, 1))]
        return read(text_csv(rows), mapping(**more))

    def test_one_day_decides_for_the_file(self, read):
        """A first number above 12 anywhere says day first for every row."""
        surveys = self.times(read, "2/10/2026 9:00", "13/10/2026 9:00")
        assert [2, 13] == [survey.answered_at.day for survey in surveys]
        assert [10, 10] == [survey.answered_at.month for survey in surveys]
        assert "dates" not in surveys[0].custom

    def test_the_order_of_answers_decides(self, read):
        """Only one reading lets time go on."""
        surveys = self.times(read, "1/9/2026 9:00", "2/8/2026 9:00", "3/7/2026 9:00")
        assert [1, 2, 3] == [survey.answered_at.month for survey in surveys]

    @pytest.mark.parametrize(("own", "month"), [(EN, 2), (ES, 10)])
    def test_nothing_decides(self, read, own, month):
        """The language of the headers does, and every survey says so."""
        (survey,) = self.times(read, "2/10/2026 9:00", own=own)
        assert month == survey.answered_at.month
        assert survey.custom["dates"].endswith("assumed")

    def test_it_can_be_said(self, read):
        """The mapping knows better."""
        (survey,) = self.times(read, "2/10/2026 9:00", day_first=True)
        assert 10 == survey.answered_at.month
        assert "dates" not in survey.custom

    def test_both_orders(self, read):
        """A file that mixes them is refused."""
        with pytest.raises(ConfigurationError, match="both orders"):
            self.times(read, "13/10/2026 9:00", "10/13/2026 9:00")

    @pytest.mark.parametrize(
        ("text", "hour"),
        [
            ("2026-11-20T14:05:00Z", 14),
            ("2026-11-20 09:05", 14),
            ("2026-11-20T14:05:00.1234567+00:00", 14),
            ("11/20/2026 9:05:00 AM", 14),
            ("20/11/26 2:05 p. m.", 19),
        ],
    )
    def test_forms_of_time(self, read, text, hour):
        """With a zone it counts, without one it is that of the mapping."""
        (survey,) = self.times(read, text)
        assert (hour, 5, 20) == (survey.answered_at.hour, survey.answered_at.minute, survey.answered_at.day)
        assert "America/Bogota" == survey.custom["time_zone"]

    def test_no_time(self, read):
        """One bad time parks one answer."""
        with pytest.raises(RecordInvalidError, match="a time that is none"):
            self.times(read, "ayer")


class TestWorkbooks:
    @pytest.fixture(autouse=True)
    def _reader(self):
        pytest.importorskip("python_calamine", reason="the extra excel is not installed")

    def test_cells_of_every_kind(self, read):
        """Dates and numbers of Excel, texts, formulas (the value that stands there), empty cells."""
        at = datetime(2026, 11, 20, 9, 5)
        rows = [
            [*ES, "¿Nos recomendaría?", "¿Por qué?", "Suma"],
            [1, at, at, "ana@cliente.example", "Ana", 9, "=2+2 es cuatro", ("1+1", "2")],
            [2, at, at, "anonymous", None, None, None, None],
        ]
        told = mapping(nps(), {"title": "¿Por qué?", "role": "comment"})
        first, second = read(xlsx(rows), told, suffix=".xlsx")
        assert (9, "=2+2 es cuatro", "2") == (first.nps, first.comment, first.answers[2].text)
        assert datetime(2026, 11, 20, 14, 5, tzinfo=timezone.utc) == first.answered_at
        assert (None, ()) == (second.nps, second.answers)

    def test_a_workbook_and_its_csv_are_one(self, read):
        """The same answers have the same keys and scores from both."""
        at = datetime(2026, 11, 20, 9, 5)
        book = read(xlsx([[*ES, "q"], [1, at, at, "a@b.example", "Ana", 4]]), mapping(), suffix=".xlsx")
        text = read(text_csv([[*ES, "q"], answer(1, "4", email="a@b.example", at="20/11/2026 9:05")]), mapping())
        assert [survey.model_dump() for survey in book] == [survey.model_dump() for survey in text]


class TestRealExport:
    @pytest.mark.skipif(not SHARED.exists(), reason="the folder shared/data is not beside this repository")
    def test_spanish_words(self):
        """Fifteen answers, satisfaction in words, dates that nothing decides."""
        told = mapping({"title": "¿Qué tan satisfecho está con el servicio?", "role": "csat"})
        with Forms(ExportFile(SHARED), mapping=told) as forms:
            surveys = list(forms.each("Survey"))
            assert "month first, assumed" == forms.check().details["dates"]
        assert [5, 4, 3, 2, 1, 4, 5, 4, 3, 4, 5, 2, 3, 4, 5] == [survey.csat for survey in surveys]
        assert all("assumed" in survey.custom["dates"] for survey in surveys)
