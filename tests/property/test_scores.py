"""Scores of any answers: inside their scale, inside their interval, narrower with more answers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.scores import compare, estimate

SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
BOUNDS = {"nps": (-100, 100), "csat": (0, 100), "ces": (1, 7)}


@st.composite
def answers(draw):
    measure = draw(st.sampled_from(sorted(SCALES)))
    return measure, draw(st.lists(st.integers(*SCALES[measure]), min_size=1, max_size=60))


class TestAnyAnswers:
    @settings(max_examples=60, deadline=None)
    @given(answers(), st.integers(0, 40))
    def test_the_interval_holds_the_score(self, told, missing):
        """Whatever is answered and however many are missing."""
        measure, values = told
        found = estimate(measure, values, population=len(values) + missing)
        low, high = BOUNDS[measure]
        assert low <= found.low <= found.value <= found.high <= high
        assert (missing > 0) or found.margin == 0

    @settings(max_examples=60, deadline=None)
    @given(answers())
    def test_equal_weights_change_nothing(self, told):
        """Halving every weight is no news."""
        measure, values = told
        plain = estimate(measure, values)
        half = estimate(measure, values, weights=[0.5] * len(values))
        assert abs(plain.value - half.value) < 1e-9
        assert abs(plain.low - half.low) < 1e-6

    @settings(max_examples=60, deadline=None)
    @given(answers())
    def test_a_wave_and_itself(self, told):
        """No difference is never significant, and both ways round it is the same."""
        measure, values = told
        one, other = estimate(measure, values), estimate(measure, values[::2])
        assert not compare(one, one).is_significant
        there, back = compare(one, other), compare(other, one)
        assert abs(there.difference + back.difference) < 1e-9
        assert abs(there.p_value - back.p_value) < 1e-9
