"""
NPS, CSAT and CES, each with the number of answers behind it and an interval.

Sources: adjusted Wald for the NPS (MeasuringU; Rocks, The American Statistician 2016), Wilson for shares,
Student for means, the factor of a finite population.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from periferia_link.errors import ConfigurationError
from periferia_link.scores._deviations import adjusted_wald, mean_and_deviation, wilson
from periferia_link.scores._distributions import student_quantile, z_of

__all__ = ["Estimate", "Measured", "ces", "csat", "estimate", "nps"]

Measured: TypeAlias = Literal["nps", "csat", "ces"]

_SCALES: Mapping[str, tuple[int, int]] = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
_BOUNDS: Mapping[str, tuple[float, float]] = {"nps": (-100.0, 100.0), "csat": (0.0, 100.0), "ces": (1.0, 7.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    A score and how far it can be trusted.

    ``value`` is in points from -100 to 100 (NPS), per cent from 0 to 100 (CSAT), points from 1 to 7 (CES); ``low`` and
    ``high`` are the ends of the interval, ``n`` the answers, ``weighed`` the number of equal answers that weigh as
    much, ``population`` how many were asked where that is known, ``counts`` the answers by their number.
    """

    measure: Measured
    value: float
    low: float
    high: float
    n: int
    weighed: float
    population: int | None = None
    confidence: float = 0.95
    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def margin(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return the score as JSON-ready fields, numbers with two decimals."""
        told = asdict(self) | {"counts": {str(number): count for number, count in sorted(self.counts.items())}}
        return {key: round(value, 2) if isinstance(value, float) else value for key, value in told.items()}

    def __str__(self) -> str:
        return f"{self.measure.upper()} {self.value:.1f} [{self.low:.1f}; {self.high:.1f}], n = {self.n}"


def estimate(
    measure: Measured,
    values: Iterable[int],
    *,
    weights: Sequence[float] | None = None,
    population: int | None = None,
    confidence: float = 0.95,
) -> Estimate | None:
    """
    Return the score of some answers; ``None`` where there is none.

    Args:
        measure: ``nps``, ``csat`` or ``ces``.

        values: The answers, whole numbers on the scale of the measure.

        weights: How much each counts, from 0 to 1; all of them 1 without it.

        population: How many could have answered (37 leaders of 55): the fewer are missing, the narrower the interval.

        confidence: Of the interval.

    Raises:
        ConfigurationError: An answer outside the scale, weights that do not fit, a population below the answers.
    """
    taken = list(values)
    told = _checked(measure, taken, weights, population, confidence)
    weighed = sum(told) ** 2 / sum(each * each for each in told) if any(told) else 0.0
    if not weighed:
        return None
    total = math.fsum(told)
    masses: dict[int, float] = {}
    for value, weight in zip(taken, told, strict=True):
        masses[value] = masses.get(value, 0.0) + weight
    shares = {value: mass / total for value, mass in masses.items()}
    score, low, high = _INTERVALS[measure](shares, weighed, _missing(weighed, population), confidence)
    least, most = _BOUNDS[measure]
    return Estimate(
        measure=measure,
        value=score,
        low=max(least, min(low, score)),
        high=min(most, max(high, score)),
        n=len(taken),
        weighed=weighed,
        population=population,
        confidence=confidence,
        counts=dict(Counter(taken)),
    )


def nps(values: Iterable[int], **more: Any) -> Estimate | None:
    """
    Return promoters (9, 10) less detractors (0 to 6) in points; see :func:`estimate`.

    Raises:
        ConfigurationError: As :func:`estimate`.
    """
    return estimate("nps", values, **more)


def csat(values: Iterable[int], **more: Any) -> Estimate | None:
    """
    Return the share of the two top boxes of 1 to 5 in per cent; see :func:`estimate`.

    Raises:
        ConfigurationError: As :func:`estimate`.
    """
    return estimate("csat", values, **more)


def ces(values: Iterable[int], **more: Any) -> Estimate | None:
    """
    Return the mean of 1 to 7, where high is easy; see :func:`estimate`.

    Raises:
        ConfigurationError: As :func:`estimate`.
    """
    return estimate("ces", values, **more)


def _checked(
    measure: str, values: Sequence[int], weights: Sequence[float] | None, population: int | None, confidence: float
) -> list[float]:
    low, high = _SCALES[measure]
    told = [1.0] * len(values) if weights is None else [float(weight) for weight in weights]
    if not all(low <= value <= high for value in values):
        msg = f"an answer is not on the scale of {measure}, {low} to {high}"
        raise ConfigurationError(msg, hint="give the scale of the question in its mapping")
    if len(told) != len(values) or not all(0 <= weight <= 1 for weight in told):
        msg = "every answer needs one weight from 0 to 1"
        raise ConfigurationError(msg, hint="leave the weights out where all count alike")
    if (population is not None and population < len(values)) or not 0 < confidence < 1:
        msg = "the population is smaller than the answers, or the confidence is not between 0 and 1"
        raise ConfigurationError(msg, hint="give how many people were asked")
    return told


def _missing(weighed: float, population: int | None) -> float:
    """Return the share of the error that remains in a finite population: 0 when everybody answered."""
    if population is None:
        return 1.0
    return max(0.0, (population - weighed) / (population - 1)) if population > 1 else 0.0


def _nps_interval(
    shares: Mapping[int, float], n: float, missing: float, confidence: float
) -> tuple[float, float, float]:
    up = math.fsum(share for value, share in shares.items() if value >= 9)
    down = math.fsum(share for value, share in shares.items() if value <= 6)
    if not missing:
        return (up - down) * 100, (up - down) * 100, (up - down) * 100
    centre, error = adjusted_wald(up * n, down * n, n)
    reach = z_of(confidence) * error * math.sqrt(missing)
    return (up - down) * 100, (centre - reach) * 100, (centre + reach) * 100


def _csat_interval(
    shares: Mapping[int, float], n: float, missing: float, confidence: float
) -> tuple[float, float, float]:
    top = math.fsum(share for value, share in shares.items() if value >= 4)
    low, high = wilson(top, n / missing, confidence) if missing else (top, top)
    return top * 100, low * 100, high * 100


def _ces_interval(
    shares: Mapping[int, float], n: float, missing: float, confidence: float
) -> tuple[float, float, float]:
    mean, deviation = mean_and_deviation(shares, n)
    if not missing:
        return mean, mean, mean
    if n < 2:
        return mean, *_BOUNDS["ces"]
    reach = student_quantile(confidence, n - 1) * deviation * math.sqrt(missing / n)
    return mean, mean - reach, mean + reach


_INTERVALS = {"nps": _nps_interval, "csat": _csat_interval, "ces": _ces_interval}
