"""Scores of surveys: NPS, CSAT and CES with their intervals, trends, and what makes an answer doubtful. Pure."""

from periferia_link.scores.estimate import Estimate, Measured, ces, csat, estimate, nps
from periferia_link.scores.quality import (
    FLAGS,
    UNRELIABLE_WEIGHT,
    Given,
    Norms,
    flags_of,
    given_of,
    is_detractor,
    judged,
    judgements,
)
from periferia_link.scores.scorecard import Answered, Score, scorecard, scorecard_of
from periferia_link.scores.trend import Change, compare

__all__ = [
    "FLAGS",
    "UNRELIABLE_WEIGHT",
    "Answered",
    "Change",
    "Estimate",
    "Given",
    "Measured",
    "Norms",
    "Score",
    "ces",
    "compare",
    "csat",
    "estimate",
    "flags_of",
    "given_of",
    "is_detractor",
    "judged",
    "judgements",
    "nps",
    "scorecard",
    "scorecard_of",
]
