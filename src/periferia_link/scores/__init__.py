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
from periferia_link.scores.scorecard import Score, scorecard
from periferia_link.scores.trend import Change, compare

__all__ = [
    "FLAGS",
    "UNRELIABLE_WEIGHT",
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
]
