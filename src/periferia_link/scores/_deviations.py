"""The errors behind the intervals: adjusted Wald, Wilson, and the deviation of a mean."""

from __future__ import annotations

import math
from collections.abc import Mapping

from periferia_link.scores._distributions import z_of

__all__ = ["adjusted_wald", "mean_and_deviation", "wilson"]

_PSEUDO = 0.75  # answers added to promoters and to detractors; three in all
_BOX_SD = math.sqrt(1 / 12)  # what rounding to whole points hides, even where all answers are equal


def adjusted_wald(up: float, down: float, n: float) -> tuple[float, float]:
    """Return the centre and the standard error of promoters less detractors, as shares."""
    more = n + 4 * _PSEUDO
    p, d = (up + _PSEUDO) / more, (down + _PSEUDO) / more
    return p - d, math.sqrt((p + d - (p - d) ** 2) / more)


def wilson(share: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the interval of a share."""
    z = z_of(confidence)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def mean_and_deviation(shares: Mapping[int, float], n: float) -> tuple[float, float]:
    """Return the mean and the standard deviation of the population behind it, never below that of a whole point."""
    mean = math.fsum(value * share for value, share in shares.items())
    spread = math.fsum(share * (value - mean) ** 2 for value, share in shares.items())
    return mean, max(math.sqrt(spread * n / (n - 1)) if n > 1 else 0.0, _BOX_SD)
