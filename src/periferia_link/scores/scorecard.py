"""The scores of a wave as they are reported: with and without the doubtful answers, beside the wave before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from periferia_link.domain import Survey
from periferia_link.scores.estimate import Estimate, Measured, estimate
from periferia_link.scores.trend import Change, compare

__all__ = ["Score", "scorecard"]


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
    wave, before = list(surveys), list(previous or ())
    found: dict[Measured, Score] = {}
    for measure in get_args(Measured):
        answered = [survey for survey in wave if getattr(survey, measure) is not None]
        everybody = estimate(measure, _values(answered, measure), population=population, confidence=confidence)
        if everybody is None:
            continue
        solid = [survey for survey in answered if survey.is_reliable]
        weights = [float(survey.weight) for survey in answered]
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


def _values(surveys: Iterable[Survey], measure: Measured) -> list[int]:
    return [value for survey in surveys if (value := getattr(survey, measure)) is not None]
