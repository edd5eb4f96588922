"""Doubtful answers: flagged, weighed, never left out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from periferia_link.domain import Survey, SurveyAnswer
from periferia_link.scores import FLAGS, Norms, flags_of, is_detractor, judged, scorecard

BEGIN = datetime(2026, 11, 20, 14, tzinfo=timezone.utc)


def survey(number=1, *, seconds=120, ratings=(4, 5, 3, 4), opposite=(), minute=0, **values):
    ended = BEGIN + timedelta(minutes=minute)
    answers = [SurveyAnswer(question=f"q{n}", text=str(v), value=Decimal(v)) for n, v in enumerate(ratings)]
    answers += [
        SurveyAnswer(question=f"r{n}", text=str(v), value=Decimal(v), is_reversed=True) for n, v in enumerate(opposite)
    ]
    told = {"started_at": ended - timedelta(seconds=seconds), "answered_at": ended, "answers": tuple(answers)}
    return Survey(questionnaire="f", **{**told, "email": f"p{number}@c.example", **values})


class TestFlags:
    @pytest.mark.parametrize(
        ("made", "flags"),
        [
            ({}, ()),
            ({"seconds": 7}, ("fast",)),
            ({"seconds": 3}, ("fast", "very-fast")),
            ({"seconds": 1, "ratings": (5,)}, ()),
            ({"ratings": (5, 5, 5, 5, 5)}, ()),
            ({"ratings": (5, 5, 5), "opposite": (5,)}, ("straight-line",)),
            ({"ratings": (5, 5, 4), "opposite": (1,)}, ()),
            ({"nps": 10, "csat": 1}, ("contradiction",)),
            ({"nps": 0, "csat": 5}, ("contradiction",)),
            ({"nps": 9, "csat": 3}, ()),
            ({"comment": "asdfgh"}, ("gibberish",)),
            ({"comment": "xxxxxx"}, ("gibberish",)),
            ({"comment": "........"}, ("gibberish",)),
            ({"comment": "bcdfgh"}, ("gibberish",)),
            ({"comment": "Todo bien, gracias"}, ()),
            ({"comment": "jajaja"}, ()),
            ({"comment": "ok"}, ()),
            ({"comment": "SAP"}, ()),
            ({"comment": "-"}, ()),
            ({"nps": 10, "csat": 1, "comment": "qwerty"}, ("contradiction", "gibberish")),
        ],
    )
    def test_each(self, made, flags):
        """What is flagged and what is not; one flag alone makes nobody unreliable."""
        found = flags_of(survey(**made))
        assert flags == found
        assert set(found) <= set(FLAGS)
        assert (len(flags) < 2) == survey(**made, flags=found).is_reliable

    def test_half_the_median(self):
        """Twenty answers make a median; fewer make none."""
        wave = [survey(n, seconds=100) for n in range(20)]
        assert ("fast",) == flags_of(survey(seconds=49), Norms.of(wave))
        assert () == flags_of(survey(seconds=49), Norms.of(wave[:19]))


class TestWaves:
    def test_the_same_person_twice(self):
        """The later one is the duplicate; another answer of the same person is none."""
        first, second = survey(1), survey(1, minute=300)
        assert [(), ("duplicate",)] == [each.flags for each in judged([first, second])]
        assert [("duplicate",), ()] == [each.flags for each in judged([second, first])]
        assert [(), ()] == [each.flags for each in judged([first, survey(1, ratings=(1, 2, 3, 4))])]

    def test_nobody_is_anonymous_twice(self):
        """Anonymous answers that are alike are no duplicates, unless they are long and came within minutes."""
        few = [survey(email=None), survey(email=None, minute=1)]
        assert [(), ()] == [each.flags for each in judged(few)]
        many = [survey(email=None, ratings=range(1, 6), opposite=range(1, 6), minute=m) for m in (0, 1, 60)]
        assert [(), ("duplicate",), ()] == [each.flags for each in judged(many)]

    def test_weighed_and_shown(self):
        """Unreliable answers count half; with, weighed and without them stand side by side."""
        wave = [survey(n, nps=10, csat=5, ratings=(n % 5 + 1, 4, 3, 2), minute=n) for n in range(6)]
        wave.append(survey(9, nps=0, csat=5, comment="asdfgh"))
        told = judged(wave)
        assert [Decimal(1)] * 6 + [Decimal("0.5")] == [each.weight for each in told]
        score = scorecard(told, previous=wave[:3], population=50)["nps"]
        assert (7, 6, 1) == (score.everybody.n, score.reliable.n, score.unreliable)
        assert score.everybody.value < score.weighted.value < score.reliable.value == 100
        assert score.change.difference == pytest.approx(score.everybody.value - 100)
        assert {"everybody", "weighted", "reliable", "change"} <= set(score.to_dict())
        assert {"nps", "csat"} == set(scorecard(told))

    def test_detractors(self):
        """Up to 6, or up to 2; flags do not matter; the rule can be another one."""
        bad = survey(nps=6, flags=("fast", "very-fast"))
        assert is_detractor(bad)
        assert is_detractor(survey(csat=2))
        assert not is_detractor(survey(nps=7, csat=3))
        assert not is_detractor(survey())
        assert not is_detractor(bad, nps_at_most=4)
