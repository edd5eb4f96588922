"""
A wave beside the one before: by how much a score moved, and whether that is more than chance.

Sources: NPS, the normal test over adjusted-Wald errors; shares, the "N - 1" test of two proportions (Campbell 2007)
and Newcombe's interval; means, Welch's test.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from periferia_link.errors import ConfigurationError
from periferia_link.scores._deviations import adjusted_wald, mean_and_deviation, wilson
from periferia_link.scores._distributions import student_p, student_quantile, z_of, z_p
from periferia_link.scores.estimate import Estimate, Measured

__all__ = ["Change", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    By how much a score moved since the wave before, in its own unit.

    ``p_value`` is how often chance alone moves it at least that far; ``is_significant`` says that it is less than
    ``1 - confidence``.
    """

    measure: Measured
    difference: float
    low: float
    high: float
    p_value: float
    confidence: float = 0.95

    @property
    def is_significant(self) -> bool:
        """Whether it is more than chance."""
        return self.p_value < 1 - self.confidence

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        told = {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}
        return told | {"is_significant": self.is_significant}


def compare(now: Estimate, before: Estimate) -> Change:
    """
    Compare two waves of one measure.

    Raises:
        ConfigurationError: They measure different things, or with another confidence.
    """
    if now.measure != before.measure or now.confidence != before.confidence:
        msg = f"{now.measure} and {before.measure} cannot be compared"
        raise ConfigurationError(msg, hint="compare the same measure with the same confidence")
    difference = now.value - before.value
    low, high, p_value = {"nps": _of_nps, "csat": _of_shares, "ces": _of_means}[now.measure](now, before)
    return Change(
        measure=now.measure,
        difference=difference,
        low=min(low, difference),
        high=max(high, difference),
        p_value=min(1.0, p_value),
        confidence=now.confidence,
    )


def _remaining(told: Estimate) -> float:
    """Return the share of the error that a finite population leaves."""
    if told.population is None or told.population <= 1:
        return 1.0 if told.population is None else 0.0
    return max(0.0, (told.population - told.weighed) / (told.population - 1))


def _of_nps(now: Estimate, before: Estimate) -> tuple[float, float, float]:
    centres, errors = [], []
    for told in (now, before):
        up = sum(count for value, count in told.counts.items() if value >= 9) * told.weighed / told.n
        down = sum(count for value, count in told.counts.items() if value <= 6) * told.weighed / told.n
        centre, error = adjusted_wald(up, down, told.weighed)
        left = _remaining(told)
        centres.append(centre if left else told.value / 100)
        errors.append(error * math.sqrt(left))
    error = math.hypot(*errors)
    moved = centres[0] - centres[1]
    reach = z_of(now.confidence) * error
    return (moved - reach) * 100, (moved + reach) * 100, _chance(moved, error)


def _chance(moved: float, error: float) -> float:
    """Return the probability under no change; two censuses differ or they do not."""
    if error == 0:
        return 1.0 if abs(moved) < 1e-12 else 0.0
    return z_p(moved / error)


def _of_shares(now: Estimate, before: Estimate) -> tuple[float, float, float]:
    a, b = now.value / 100, before.value / 100
    left_a, left_b = _remaining(now), _remaining(before)
    if not left_a and not left_b:
        return (a - b) * 100, (a - b) * 100, _chance(a - b, 0.0)
    n_a, n_b = now.weighed / max(left_a, 1e-9), before.weighed / max(left_b, 1e-9)
    (low_a, high_a), (low_b, high_b) = wilson(a, n_a, now.confidence), wilson(b, n_b, now.confidence)
    low = a - b - math.hypot(a - low_a, high_b - b)
    high = a - b + math.hypot(high_a - a, b - low_b)
    together = (a * n_a + b * n_b) / (n_a + n_b)
    error = math.sqrt(together * (1 - together) * (1 / n_a + 1 / n_b) * (n_a + n_b) / (n_a + n_b - 1))
    return low * 100, high * 100, _chance(a - b, error)


def _of_means(now: Estimate, before: Estimate) -> tuple[float, float, float]:
    parts, freedoms = [], []
    for told in (now, before):
        shares = {value: count / told.n for value, count in told.counts.items()}
        _, deviation = mean_and_deviation(shares, max(told.weighed, 1.0))
        parts.append(deviation**2 * _remaining(told) / told.weighed)
        freedoms.append(max(told.weighed - 1, 1.0))
    error, moved = math.sqrt(sum(parts)), now.value - before.value
    if error == 0:
        return moved, moved, _chance(moved, 0.0)
    freedom = sum(parts) ** 2 / sum(part**2 / each for part, each in zip(parts, freedoms, strict=True))
    reach = student_quantile(now.confidence, freedom) * error
    return moved - reach, moved + reach, student_p(moved / error, freedom)
