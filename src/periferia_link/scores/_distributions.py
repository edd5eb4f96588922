"""Student's t and the normal distribution: what intervals and tests need of them, with ``math`` alone."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["student_p", "student_quantile", "z_of", "z_p"]

_NORMAL = NormalDist()
_LARGE = 1e6  # degrees of freedom from which t is the normal distribution


def z_of(confidence: float) -> float:
    """Return how many standard errors an interval reaches to each side: 1.96 for 0.95."""
    return _NORMAL.inv_cdf((1 + confidence) / 2)


def z_p(z: float) -> float:
    """Return the two-sided probability of a standard score at least that far from zero."""
    return math.erfc(abs(z) / math.sqrt(2))


def student_p(t: float, freedom: float) -> float:
    """Return the two-sided probability of a t at least that far from zero."""
    if freedom > _LARGE:
        return z_p(t)
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def student_quantile(confidence: float, freedom: float) -> float:
    """Return the t that leaves ``1 - confidence`` outside, by bisection: 2.262 for 0.95 and 9."""
    if freedom > _LARGE:
        return z_of(confidence)
    low, high = 0.0, 1.0
    while student_p(high, freedom) > 1 - confidence:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, freedom) > 1 - confidence else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function by its continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    total = d
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + step * d or tiny)
            c = 1 + step / c or tiny
            total *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * total
