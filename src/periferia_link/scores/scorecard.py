"""The scores of a wave as they are reported: with and without the doubtful answers, beside the wave before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from periferia_link.domain import Survey
from periferia_link.scores.estimate import Estimate, Measured, estimate
from periferia_link.scores.trend import Change, compare

__all__ = ["Answered", "Score", "scorecard", "scorecard_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """
    One measure of a wave: all answers alike, weighted, the reliable ones alone, and the change of the first.

    ``unreliable`` counts the answers with two flags or more.
    """

    everybody: Estimate
    weighted: Estimate | None
    reliable: Estimate | None
    unreliable: int
    change: Change | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        told: dict[str, Any] = {"unreliable": self.unreliable}
        for name in ("everybody", "weighted", "reliable", "change"):
            part = getattr(self, name)
            told[name] = None if part is None else part.to_dict()
        return told


def scorecard(
    surveys: Iterable[Survey],
    *,
    previous: Iterable[Survey] | None = None,
    population: int | None = None,
    confidence: float = 0.95,
) -> Mapping[Measured, Score]:
    """
    Return the measures that a wave has answers for.

    Args:
        surveys: The wave, judged (:func:`~periferia_link.scores.judged`): flags and weights are taken as they are.

        previous: The wave before.

        population: How many were asked.

        confidence: Of the intervals and the test.

    Raises:
        ConfigurationError: More answers than people.
    """
    return scorecard_of(
        map(_answered, surveys), previous=map(_answered, previous or ()), population=population, confidence=confidence
    )


class Answered(NamedTuple):
    """What a score card needs of one answer: its scores by measure, whether two flags speak against it, its weight."""

    scores: Mapping[str, int]
    is_reliable: bool = True
    weight: float = 1.0


def scorecard_of(
    answers: Iterable[Answered],
    *,
    previous: Iterable[Answered] = (),
    population: int | None = None,
    confidence: float = 0.95,
) -> Mapping[Measured, Score]:
    """
    Return the measures of a wave of which no surveys were made: many answers, read as numbers.

    Args:
        answers: The wave.

        previous: The wave before.

        population: How many were asked.

        confidence: Of the intervals and the test.

    Raises:
        ConfigurationError: More answers than people.
    """
    wave, before = list(answers), list(previous)
    found: dict[Measured, Score] = {}
    for measure in get_args(Measured):
        answered = [answer for answer in wave if measure in answer.scores]
        everybody = estimate(measure, _values(answered, measure), population=population, confidence=confidence)
        if everybody is None:
            continue
        solid = [answer for answer in answered if answer.is_reliable]
        weights = [answer.weight for answer in answered]
        earlier = estimate(measure, _values(before, measure), confidence=confidence)
        found[measure] = Score(
            everybody=everybody,
            weighted=estimate(
                measure, _values(answered, measure), weights=weights, population=population, confidence=confidence
            ),
            reliable=estimate(measure, _values(solid, measure), population=population, confidence=confidence),
            unreliable=len(answered) - len(solid),
            change=compare(everybody, earlier) if earlier else None,
        )
    return found


def _answered(survey: Survey) -> Answered:
    scores = {name: value for name in get_args(Measured) if (value := getattr(survey, name)) is not None}
    return Answered(scores, survey.is_reliable, float(survey.weight))


def _values(answers: Iterable[Answered], measure: Measured) -> list[int]:
    return [answer.scores[measure] for answer in answers if measure in answer.scores]
