"""Answers as numbers, for reports over a whole form: no survey is made of each, which is what takes the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import getitem, itemgetter
from typing import Any, NamedTuple

from periferia_link.connectors.forms._headers import text_of
from periferia_link.connectors.forms._reading import OFF, Memory, Numbers, Plan, Reader
from periferia_link.connectors.forms._responses import Export, Moment
from periferia_link.connectors.forms._seconds import Seconds
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.connectors.forms.sources import OpenedExport, ResponseSource

__all__ = ["MeasuredAnswer", "measured_answers"]

_ANONYMOUS = frozenset({"", "anonymous", "anonimo", "anonima", "anónimo", "anónima"})
_APART = frozenset({"comment", "ignore"})


class MeasuredAnswer(NamedTuple):
    """
    The numbers of one answer: ``scores`` by measure, ``values`` of its ratings and ``opposite`` of reversed ones.

    ``unread`` counts the answers that are not on their scale. The other fields are those of
    :class:`~periferia_link.scores.Given`.
    """

    id: str
    who: str | None
    at: float | None
    seconds: float | None
    items: int
    values: tuple[float, ...]
    opposite: tuple[float, ...]
    scores: Mapping[str, int]
    texts: tuple[str, ...]
    content: int
    unread: int


def measured_answers(source: ResponseSource, mapping: FormMapping) -> Iterator[MeasuredAnswer]:
    """
    Yield the numbers of every answer of a source, one at a time.

    Args:
        source: Where the answers are.

        mapping: Which question is what.

    Raises:
        LinkError: The source cannot be read, or lacks a question of the mapping.
    """
    snapshot = source.look()
    if isinstance(snapshot, OpenedExport):
        yield from _of_export(snapshot.export(), mapping)
        return
    titles: tuple[str, ...] | None = None
    measure = _Measure(())
    for raw in snapshot.responses(mapping):
        if raw.titles is not titles and raw.titles != titles:
            titles = raw.titles
            plan = Plan.of(mapping, titles, is_whole=source.kind != "inbox")
            measure = _Measure([*enumerate(plan.readers)])
        yield measure(raw.id, raw.texts, _named(raw.email, raw.name), _seconds(raw.started), _seconds(raw.completed))


def _of_export(export: Export, mapping: FormMapping) -> Iterator[MeasuredAnswer]:
    """Take the numbers from the cells as they are: no text, no time and no answer is made of them."""
    columns = export.columns
    readers = Plan.of(mapping, columns.titles).readers
    measure = _Measure([(place, reader) for (place, _), reader in zip(columns.questions, readers, strict=True)])
    seconds = Seconds(lambda: export.order(mapping.day_first), mapping.zone).of
    width = columns.width
    begun, ended, email, name = (columns.own.get(field, -1) for field in ("started", "completed", "email", "name"))
    for number, row in export.rows():
        # the cell behind the last one stands for columns that the file does not have: it is empty
        cells = [*row, None] if len(row) == width else [*row[:width], *[None] * (width + 1 - min(len(row), width))]
        who = _named(text_of(cells[email]), text_of(cells[name]))
        yield measure(number, cells, who, seconds(cells[begun]), seconds(cells[ended]))


class _Measure:
    """
    Takes the numbers of answers to one set of questions.

    Answers are looked up column by column in what their texts meant before: nothing is made of a single one.
    """

    def __init__(self, readers: Sequence[tuple[int, Reader]]) -> None:
        self._upright = _Ratings([each for each in readers if each[1].is_scored and not each[1].is_reversed])
        self._opposite = _Ratings([each for each in readers if each[1].is_scored and each[1].is_reversed])
        self._scores: list[tuple[str, int, Memory]] = [
            (each.role, place, each.memory) for place, each in readers if each.role in ("nps", "csat", "ces")
        ]
        self._comments = [place for place, each in readers if each.role == "comment"]
        self._others = [place for place, each in readers if not each.is_scored and each.role not in _APART]
        self._all = _picker([place for place, _ in readers])

    def __call__(
        self, number: str, cells: Sequence[Any], who: str | None, begun: float | None, ended: float | None
    ) -> MeasuredAnswer:
        """Return the numbers of one answer."""
        upright, answered, unread = self._upright.of(cells)
        opposite, more, odd = self._opposite.of(cells)
        scored = [(role, memory[cells[place]]) for role, place, memory in self._scores]
        comments = [text_of(cells[place]) for place in self._comments]
        others = [text_of(cells[place]) for place in self._others]
        return MeasuredAnswer(
            number,
            who,
            ended,
            ended - begun if begun is not None and ended is not None and ended >= begun else None,
            answered + more + len(comments) - comments.count("") + len(others) - others.count(""),
            upright,
            opposite,
            {role: found.score for role, found in scored if found and found is not OFF},
            tuple([text for text in comments if text]),
            hash(self._all(cells)),
            unread + odd,
        )


class _Ratings:
    """The columns of ratings that are read alike."""

    def __init__(self, readers: Sequence[tuple[int, Reader]]) -> None:
        self._places = [place for place, _ in readers]
        self._numbers = [Numbers(reader.memory) for _, reader in readers]
        self._pick = _picker(self._places)

    def of(self, cells: Sequence[Any]) -> tuple[tuple[float, ...], int, int]:
        """Return the numbers, how many were answered, and how many of those are not on their scale."""
        numbers: tuple[Any, ...] = tuple(map(getitem, self._numbers, self._pick(cells)))
        try:
            is_whole = not math.isnan(sum(numbers))
        except TypeError:  # one of them says nothing
            is_whole = False
        if is_whole:
            return numbers, len(numbers), 0
        told = [each for each in numbers if each is not None]
        good = tuple([each for each in told if not math.isnan(each)])
        return good, sum([text_of(cells[place]) != "" for place in self._places]), len(told) - len(good)


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda cells: tuple([cells[place] for place in places])


def _named(*names: str | None) -> str | None:
    """Return who answered: the first of these that names somebody."""
    for name in names:
        if name and name.casefold() not in _ANONYMOUS:
            return name
    return None


def _seconds(moment: Moment) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else None
