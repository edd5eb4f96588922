"""The assignment is optimal: compared with trying every one."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from periferia_link.assignment._cheapest import cheapest


@st.composite
def tables(draw):
    """Draw a table of costs, any shape, often with equal ones."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    cost = st.integers(-20, 20)
    return [[draw(cost) for _ in range(columns)] for _ in range(rows)]


def best(costs):
    """Return the least sum by trying all."""
    rows, columns = len(costs), len(costs[0])
    if rows <= columns:
        return min(sum(costs[r][c] for r, c in enumerate(chosen)) for chosen in permutations(range(columns), rows))
    return min(sum(costs[r][c] for c, r in enumerate(chosen)) for chosen in permutations(range(rows), columns))


class TestCheapest:
    @settings(max_examples=200, deadline=None)
    @given(tables())
    def test_optimal(self, costs):
        """As many pairs as possible, no column twice, the least sum."""
        found = cheapest(costs)
        given_columns = [column for column in found if column is not None]
        assert min(len(costs), len(costs[0])) == len(given_columns) == len(set(given_columns))
        assert best(costs) == sum(costs[row][column] for row, column in enumerate(found) if column is not None)
