"""Answers as numbers, for reports over a whole form: no survey is made of each, which is what takes the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from periferia_link.connectors.forms._reading import COMMENT, IGNORED, SCORED, Plan
from periferia_link.connectors.forms._responses import RawResponse
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.connectors.forms.sources import ResponseSource

__all__ = ["MeasuredAnswer", "measured_answers"]

_ANONYMOUS = frozenset({"", "anonymous", "anonimo", "anonima", "anónimo", "anónima"})


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
    plan: Plan | None = None
    titles: tuple[str, ...] = ()
    for raw in source.look().responses(mapping):
        if plan is None or len(raw.answers) != len(titles) or source.kind not in ("file", "graph"):
            titles = tuple([title for title, _ in raw.answers])
            plan = Plan.of(mapping, titles, is_whole=source.kind != "inbox")
        yield _measured(raw, plan)


def _measured(raw: RawResponse, plan: Plan) -> MeasuredAnswer:
    values: list[float] = []
    opposite: list[float] = []
    scores: dict[str, int] = {}
    texts: list[str] = []
    items = unread = 0
    for (_, text), (what, memory, reader) in zip(raw.answers, plan.parts, strict=True):
        if not text or what == IGNORED:
            continue
        items += 1
        if what == SCORED:
            found = memory.get(text)
            if found is None:
                try:
                    found = reader.score(text)
                except ValueError:
                    unread += 1
                    continue
                if found is None:
                    continue
            (opposite if reader.is_reversed else values).append(found[2])
            if reader.role != "rating":
                scores[reader.role] = found[1]
        elif what == COMMENT:
            texts.append(text)
    begun, ended = _moment(raw.started), _moment(raw.completed)
    seconds = ended - begun if begun is not None and ended is not None and ended >= begun else None
    who = next((text for text in (raw.email, raw.name) if text and text.casefold() not in _ANONYMOUS), None)
    return MeasuredAnswer(
        raw.id, who, ended, seconds, items, tuple(values), tuple(opposite), scores, tuple(texts),
        hash(raw.answers), unread,
    )  # fmt: skip


def _moment(told: str | None) -> float | None:
    if told is None or told == "?":
        return None
    return datetime.fromisoformat(told).timestamp()
