"""The assignment problem: one column for each row, at the least cost in all (Hungarian method)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["cheapest"]


def cheapest(costs: Sequence[Sequence[float]]) -> list[int | None]:
    """
    Return for each row its column, so that the sum of the costs is least; no column is given twice.

    Where there are more rows than columns, the rows that would cost most stay without one (``None``). Shortest
    augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987): the time grows with the square of the
    smaller side and with the larger one. Costs are finite; equal costs go to the earlier row and column.
    """
    rows, columns = len(costs), len(costs[0]) if costs else 0
    if not columns:
        return [None] * rows
    if rows > columns:
        turned = cheapest([[costs[row][column] for row in range(rows)] for column in range(columns)])
        found: list[int | None] = [None] * rows
        for column, row in enumerate(turned):
            if row is not None:
                found[row] = column
        return found
    return _augment(costs, rows, columns)


def _augment(costs: Sequence[Sequence[float]], rows: int, columns: int) -> list[int | None]:
    # column 0 is a stand-in for the row that looks for its place; rows and columns count from 1
    of_row = [0.0] * (rows + 1)
    of_column = [0.0] * (columns + 1)
    owner = [0] * (columns + 1)
    for row in range(1, rows + 1):
        owner[0] = row
        came_from = _path(costs, of_row, of_column, owner)
        column = came_from.pop()
        while column:
            before = came_from[column]
            owner[column] = owner[before]
            column = before
    found: list[int | None] = [None] * rows
    for column in range(1, columns + 1):
        if owner[column]:
            found[owner[column] - 1] = column - 1
    return found


def _path(
    costs: Sequence[Sequence[float]],
    of_row: list[float],
    of_column: list[float],
    owner: Sequence[int],
) -> list[int]:
    """Grow a tree of tight edges to a free column; returns where each column came from, and that column."""
    columns = len(of_column) - 1
    least = [float("inf")] * (columns + 1)
    came_from = [0] * (columns + 1)
    is_used = [False] * (columns + 1)
    here = 0
    while owner[here]:
        is_used[here] = True
        current, step, following = owner[here], float("inf"), 0
        line, base = costs[current - 1], of_row[current]
        for column in range(1, columns + 1):
            if is_used[column]:
                continue
            slack = line[column - 1] - base - of_column[column]
            if slack < least[column]:
                least[column], came_from[column] = slack, here
            if least[column] < step:
                step, following = least[column], column
        for column in range(columns + 1):
            if is_used[column]:
                of_row[owner[column]] += step
                of_column[column] -= step
            else:
                least[column] -= step
        here = following
    return [*came_from, here]
