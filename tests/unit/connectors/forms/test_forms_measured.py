"""Answers as numbers, for reports: the same as what surveys say, whatever the file looks like."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms_workbooks import ES, text_csv, xlsx
from periferia_link.connectors.forms import ExportFile, Forms, InboxFile, mapping_from
from periferia_link.connectors.forms._inbox import Inbox
from periferia_link.connectors.forms._seconds import Seconds
from periferia_link.connectors.forms._times import DayOrder, instant_of
from periferia_link.connectors.forms.measured import measured_answers
from periferia_link.errors import ConfigurationError
from periferia_link.scores.quality import given_of

DAY_FIRST, MONTH_FIRST = DayOrder(day_first=True, why="seen"), DayOrder(day_first=False, why="seen")
QUESTIONS = [
    {"title": "¿Nos recomendaría?", "role": "nps"},
    {"title": "¿Satisfecho?", "role": "csat"},
    {"title": "¿Fue difícil?", "role": "ces", "reversed": True},
    {"title": "Rapidez", "role": "rating"},
    {"title": "¿Por qué?", "role": "comment"},
    {"title": "Interno", "role": "ignore"},
    {"title": "Área", "role": "choice"},
]
HEADER = [*ES, *(question["title"] for question in QUESTIONS)]
AT, LATER = "13/11/2026 9:00:00", "13/11/2026 9:01:30"
ROWS = [
    ["1", AT, LATER, "ana@c.example", "Ana", "9", "Satisfecho", "2", "5", "Todo bien", "x", "TI;"],
    ["2", AT, LATER, "anonymous", "", "0", "Muy insatisfecho", "6", "", "", "", ""],
    ["3", AT, "", "anónimo", "Luis", "", "", "", "", " ", "", "Ventas"],
    ["4", LATER, AT, "", "", "10", "5", "1", "4 estrellas", "Gracias"],
    ["5", AT, LATER, "b@c.example", "Bea", "7", "No aplica", "7", "3", "", "", " "],
]


def mapping(questions=QUESTIONS, **more):
    return mapping_from({"form": "f", "time_zone": "America/Bogota", "questions": questions, **more}, where="test")


def dated(rows):
    """Return rows as a workbook holds them: dates and numbers are no texts."""
    told = {AT: datetime(2026, 11, 13, 9), LATER: datetime(2026, 11, 13, 9, 1, 30)}
    return [[told.get(cell, int(cell) if cell.isdecimal() else cell) for cell in row] for row in rows]


@pytest.fixture(params=["csv", "xlsx"])
def source(request, tmp_path):
    def written(rows):
        path = tmp_path / f"respuestas.{request.param}"
        if request.param == "xlsx":
            pytest.importorskip("python_calamine", reason="the extra excel is not installed")
            path.write_bytes(xlsx([HEADER, *dated(rows)]))
        else:
            path.write_bytes(text_csv([HEADER, *rows]))
        return ExportFile(path)

    return written


class TestNumbers:
    def test_as_the_surveys_say(self, source):
        """Scores, ratings, times, comments and the number of answers are those of the surveys of the same file."""
        told = source(ROWS)
        with Forms(told, mapping=mapping()) as forms:
            surveys = {survey.ref.id: survey for survey in forms.each("Survey")}
        numbers = {f"f/{each.id}": each for each in measured_answers(told, mapping())}
        assert surveys.keys() == numbers.keys()
        for key, survey in surveys.items():
            wanted, found = given_of(survey), numbers[key]
            scores = {"nps": survey.nps, "csat": survey.csat, "ces": survey.ces}
            assert {name: score for name, score in scores.items() if score is not None} == found.scores
            assert (wanted.values, wanted.opposite, wanted.items) == (found.values, found.opposite, found.items)
            assert (wanted.at, wanted.seconds, wanted.texts) == (found.at, found.seconds, found.texts)
            assert wanted.who == (found.who.casefold() if found.who else None)
            assert 0 == found.unread

    def test_what_is_not_on_its_scale(self, source):
        """Is counted and left out; the rest of the answer counts."""
        (found,) = measured_answers(source([[*ROWS[0][:5], "11", "Satisfecho", "9", "5", "", "", ""]]), mapping())
        assert (2, (4.0, 5.0), (), {"csat": 4}, 4) == (
            found.unread, found.values, found.opposite, found.scores, found.items,
        )  # fmt: skip

    def test_rows_that_are_not_alone(self, source):
        """A row that stands there twice counts once; one that has no ID of its own says so."""
        rows = [ROWS[0], ROWS[0], ["1", *ROWS[1][1:]], ["", *ROWS[1][1:]]]
        assert ["1", "?row 4", "?row 5"] == [each.id for each in measured_answers(source(rows), mapping())]

    def test_equal_answers_are_found_again(self, source):
        """Two answers of one content have one mark, another answer has another."""
        again = ["9", *ROWS[0][1:]]
        first, second, third = (each.content for each in measured_answers(source([ROWS[0], again, ROWS[1]]), mapping()))
        assert first == second != third

    def test_a_form_without_ratings_or_with_one(self, source):
        """However many columns are rated."""
        for questions in (QUESTIONS[4:5], QUESTIONS[:1]):
            found = list(measured_answers(source(ROWS), mapping(questions)))
            assert [each["title"] == "¿Nos recomendaría?" for each in questions] == [bool(found[0].scores)]

    def test_received_answers(self, tmp_path):
        """What a webhook received is measured in the same way; a message may leave questions out."""
        inbox = Inbox(tmp_path / "answers.jsonl")
        path = tmp_path / "respuestas.csv"
        path.write_bytes(text_csv([HEADER, *ROWS]))
        for raw in ExportFile(path).look().responses(mapping()):
            inbox.add("f", raw)
            inbox.add("f", raw._replace(id=f"short {raw.id}", titles=raw.titles[:2], texts=raw.texts[:2]))
        received = {each.id: each for each in measured_answers(InboxFile(inbox.path), mapping())}
        for each in measured_answers(ExportFile(path), mapping()):
            assert each[:9] == received[each.id][:9]
            assert {"nps", "csat"} & {*each.scores} == {*received[f"short {each.id}"].scores}


class TestSeconds:
    @given(
        moment=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
        zone=st.sampled_from(["America/Bogota", "Europe/Madrid", "America/Santiago", "Australia/Lord_Howe", "UTC"]),
        order=st.sampled_from([DAY_FIRST, MONTH_FIRST]),
    )
    @settings(max_examples=150, deadline=None)
    def test_as_an_instant(self, moment, zone, order):
        """Dates and texts give the second that the careful reading gives, in every zone."""
        told = Seconds(lambda: order, ZoneInfo(zone))
        pattern = "%d/%m/%Y" if order.day_first else "%m/%d/%Y"
        cells = [moment, moment.strftime(f"{pattern} %H:%M:%S"), moment.strftime(f"{pattern} %H:%M")]
        cells += [moment.isoformat(), moment.replace(tzinfo=timezone.utc)]
        for cell in (*cells, *cells):
            assert instant_of(cell, order, ZoneInfo(zone)).timestamp() == told.of(cell)

    @pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia"])
    def test_when_clocks_change(self, zone):
        """Every quarter of an hour of the days on which clocks change is the right one."""
        told, place = Seconds(lambda: DAY_FIRST, ZoneInfo(zone)), ZoneInfo(zone)
        begin = datetime(2011, 1, 1)
        days = [begin + timedelta(days=day) for day in range(365)]
        changes = [day for day in days if place.utcoffset(day) != place.utcoffset(day + timedelta(days=1))]
        assert len(changes) >= 2
        for day in changes:
            for quarter in range(100):
                cell = day + timedelta(minutes=15 * quarter)
                assert instant_of(cell, DAY_FIRST, place).timestamp() == told.of(cell)

    @pytest.mark.parametrize("cell", [None, "", "ayer", "32/13/2026 10:00:00", "01/01/2026 24:00:00", True, 1e12])
    def test_no_time(self, cell):
        """Nothing, or what is none, is no time."""
        assert Seconds(lambda: DAY_FIRST, ZoneInfo("UTC")).of(cell) is None

    def test_a_serial_number(self):
        """A number is a date as Excel counts them."""
        assert datetime(2026, 1, 5, 8, tzinfo=timezone.utc).timestamp() == Seconds(
            lambda: DAY_FIRST, ZoneInfo("UTC")
        ).of(46027 + 1 / 3)


class TestInbox:
    def test_lines_that_are_none(self, tmp_path):
        """What is no answer of this form is passed over; a time that cannot be read parks its answer, no other."""
        inbox = Inbox(tmp_path / "answers.jsonl")
        assert ([], 0) == (list(inbox.each("f")), inbox.size())
        path = tmp_path / "respuestas.csv"
        path.write_bytes(text_csv([HEADER, *ROWS[:2]]))
        first, second = ExportFile(path).look().responses(mapping())
        inbox.add("f", first._replace(completed="?"))
        inbox.add("other", second)
        with inbox.path.open("ab") as file:
            file.write(b'nonsense\n{"form": "f"}\n')
        inbox.add("f", second)
        assert [("?", "1"), (second.completed, "2")] == [(raw.completed, raw.id) for raw in inbox.each("f")]
        found = {each.id: each.at for each in measured_answers(InboxFile(inbox.path), mapping())}
        assert {"1": None, "2": second.completed.timestamp()} == found


class TestSheets:
    def test_by_name(self, tmp_path):
        """A sheet is taken by its name; another name is refused with those that are there."""
        pytest.importorskip("python_calamine", reason="the extra excel is not installed")
        path = tmp_path / "libro.xlsx"
        path.write_bytes(xlsx([HEADER, *dated(ROWS)]))
        assert 5 == len(list(measured_answers(ExportFile(path, sheet="Sheet1"), mapping())))
        with pytest.raises(ConfigurationError, match="no sheet Otra") as caught:
            list(measured_answers(ExportFile(path, sheet="Otra"), mapping()))
        assert "Sheet1" in caught.value.hint

    def test_empty_or_broken(self, tmp_path):
        """A workbook without cells, and one that the reader cannot read, are told as such."""
        pytest.importorskip("python_calamine", reason="the extra excel is not installed")
        path = tmp_path / "libro.xlsx"
        for content, said in ((xlsx([]), "is empty"), (xlsx([HEADER], sheet1="<worksheet><sheetData><row>"), "read")):
            path.write_bytes(content)
            with pytest.raises(ConfigurationError, match=said):
                list(measured_answers(ExportFile(path), mapping()))
