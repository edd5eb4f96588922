"""Intervals of NPS, CSAT and CES, against the figures of a simulation and hand-made examples."""

from __future__ import annotations

import math

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.scores import ces, compare, csat, nps
from periferia_link.scores._distributions import student_p, student_quantile


def trinomial(n, up, down):
    """Every outcome of n answers and its probability."""
    stay = 1 - up - down
    for a in range(n + 1):
        for b in range(n + 1 - a):
            c = n - a - b
            ways = math.lgamma(n + 1) - math.lgamma(a + 1) - math.lgamma(b + 1) - math.lgamma(c + 1)
            yield a, b, math.exp(ways + a * math.log(up) + b * math.log(down) + c * math.log(stay))


class TestNps:
    @pytest.mark.parametrize(
        ("n", "up", "down", "cover", "width"),
        [(10, 0.5, 0.2, 0.961, 81), (10, 0.8, 0.03, 0.958, 67), (30, 0.5, 0.2, 0.948, 52), (30, 0.8, 0.03, 0.956, 37)],
    )
    def test_coverage_and_width(self, n, up, down, cover, width):
        """Coverage and full width are those of the simulation (20,000 draws), here summed over every outcome."""
        truth, covered, wide = (up - down) * 100, 0.0, 0.0
        for a, b, chance in trinomial(n, up, down):
            if chance < 1e-7:
                continue
            told = nps([10] * a + [0] * b + [8] * (n - a - b))
            covered += chance * (told.low <= truth <= told.high)
            wide += chance * (told.high - told.low)
        assert abs(covered - cover) < 0.006
        assert abs(wide - width) < 1.5

    def test_thirty_answers(self):
        """About 26 points to each side: a headline without its interval says little."""
        told = nps([10] * 15 + [8] * 9 + [3] * 6)
        assert (30.0, 30) == (round(told.value, 6), told.n)
        assert 25 < told.margin < 28
        assert "NPS 30.0 [0.7; 53.9], n = 30" == str(told)

    def test_scale(self):
        """0 to 6, 7 and 8, 9 and 10."""
        assert [-100, -100, 0, 0, 100, 100] == [nps([value]).value for value in (0, 6, 7, 8, 9, 10)]

    def test_a_finite_population(self):
        """37 of 55 know more than 37 of thousands; 55 of 55 know everything."""
        values = [10] * 20 + [5] * 17
        wide, narrow, whole = (nps(values, population=size) for size in (None, 55, 37))
        assert wide.margin > narrow.margin > whole.margin == 0
        assert narrow.margin == pytest.approx(wide.margin * math.sqrt(18 / 54))

    def test_weights(self):
        """An answer that counts half moves the score half, and fewer equal answers stand behind it."""
        told = nps([10, 0], weights=[1, 0.5])
        assert told.value == pytest.approx(100 / 3)
        assert told.weighed == pytest.approx(1.8)
        assert 2 == told.n
        assert nps([10], weights=[0]) is None

    @pytest.mark.parametrize(
        "call",
        [
            lambda: nps([11]),
            lambda: csat([0]),
            lambda: ces([8]),
            lambda: nps([1, 2], weights=[1]),
            lambda: nps([1], weights=[2]),
            lambda: nps([1, 2], population=1),
            lambda: nps([1], confidence=1),
            lambda: compare(nps([1]), csat([1])),
        ],
    )
    def test_mistakes(self, call):
        """What makes no sense is refused with a next step."""
        with pytest.raises(ConfigurationError) as refused:
            call()
        assert refused.value.hint

    def test_no_answers(self):
        """No answers, no score."""
        assert nps([]) is None is csat([]) is ces([])


class TestCsat:
    def test_top_two_boxes(self):
        """4 and 5 of 5; Wilson's interval never leaves 0 to 100."""
        told = csat([5] * 20 + [1] * 5)
        assert (80.0, 60.87, 91.14) == (told.value, round(told.low, 2), round(told.high, 2))
        assert (100.0, 100.0) == (csat([5, 4]).value, csat([5, 4]).high)
        assert 0 < csat([5, 4]).low < 50

    def test_a_finite_population(self):
        """Everybody answered: no interval."""
        assert csat([5, 1], population=2).margin == 0


class TestCes:
    def test_student(self):
        """The mean and Student's interval."""
        told = ces([7, 6, 5, 4, 7])
        deviation = math.sqrt(sum((value - 5.8) ** 2 for value in (7, 6, 5, 4, 7)) / 4)
        assert told.value == pytest.approx(5.8)
        assert told.value - told.low == pytest.approx(2.776445 * deviation / math.sqrt(5), rel=1e-5)

    def test_equal_answers_are_no_certainty(self):
        """Rounding to whole points hides something; one answer says nothing."""
        assert ces([6, 6, 6]).margin > 0.3
        assert (1, 7) == (ces([6]).low, ces([6]).high)

    @pytest.mark.parametrize(
        ("freedom", "quantile"), [(1, 12.7062), (2, 4.30265), (9, 2.26216), (30, 2.04227), (1e7, 1.95996)]
    )
    def test_quantiles(self, freedom, quantile):
        """Those of the printed tables."""
        assert student_quantile(0.95, freedom) == pytest.approx(quantile, rel=1e-4)
        assert student_p(quantile, freedom) == pytest.approx(0.05, rel=1e-3)


class TestTrend:
    def test_chance_and_more(self):
        """Thirty answers do not show ten points; three hundred show thirty."""
        small = compare(nps([10] * 15 + [0] * 15), nps([10] * 12 + [0] * 18))
        large = compare(nps([10] * 200 + [0] * 100), nps([10] * 150 + [0] * 150))
        assert not small.is_significant
        assert small.low < 0 < small.high
        assert large.is_significant
        assert large.difference == pytest.approx(100 / 3)

    def test_shares(self):
        """The test of two proportions; its interval tells the same."""
        told = compare(csat([5] * 80 + [1] * 20), csat([5] * 60 + [1] * 40))
        assert told.p_value == pytest.approx(0.0021, abs=0.0003)
        assert told.low > 0

    def test_means(self):
        """Welch's test."""
        told = compare(ces([7, 7, 6, 7, 6, 7]), ces([3, 4, 2, 3, 4, 3]))
        assert told.is_significant
        assert told.difference == pytest.approx(3.5)
        assert compare(ces([5, 6]), ces([6, 5])).p_value == pytest.approx(1.0)

    def test_two_censuses(self):
        """Where everybody answered twice a difference is a difference."""
        told = compare(nps([10, 0], population=2), nps([0, 0], population=2))
        assert (0.0, 100.0) == (told.p_value, told.difference)
        assert {"difference", "p_value", "is_significant"} <= set(told.to_dict())
