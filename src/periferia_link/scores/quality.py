"""
What makes an answer doubtful: told beside it, never a reason to delete it.

Sources: half the median time (mktginc.com, winnow.licrat.com); two seconds an item (Huang 2012), one second (Wood
2017); equal answers to opposite items (quirks.com 20090702). A flag alone proves nothing; two make an answer
unreliable.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from periferia_link.domain import Survey

__all__ = [
    "FLAGS",
    "UNRELIABLE_WEIGHT",
    "Given",
    "Norms",
    "flags_of",
    "given_of",
    "is_detractor",
    "judged",
    "judgements",
]

FLAGS = ("fast", "very-fast", "straight-line", "contradiction", "duplicate", "gibberish")
"""Every flag; two of them make an answer unreliable."""

UNRELIABLE_WEIGHT = Decimal("0.5")
"""What an unreliable answer counts, unless the caller says otherwise."""

_ENOUGH = 20  # answers with a time, before a median says anything
_ITEMS = 3  # a mail with one question is answered in a second
_GRID = 4
_LONG_TEXT = 10
_MANY_ANSWERS = 10
_MINUTES = 600.0
_KEYS = ("qwertyuiop", "asdfghjklñ", "zxcvbnm", "1234567890", "abcdefghijk")
_RUN = 4


class Given(NamedTuple):
    """
    What judging needs of one answer; ``values`` are its ratings, ``opposite`` those of items that ask the other way.

    ``who`` is ``None`` for an anonymous answer, ``at`` and ``seconds`` where they are known, ``items`` how many
    questions were answered, ``content`` all of the answer, to find it again.
    """

    who: str | None
    at: float | None
    seconds: float | None
    items: int
    values: tuple[float, ...]
    opposite: tuple[float, ...]
    nps: int | None
    csat: int | None
    texts: tuple[str, ...]
    content: int


@dataclass(frozen=True, slots=True)
class Norms:
    """
    What is usual in a wave: the median time of its answers, ``None`` where too few have one.

    ``per_item`` and ``careless`` are the seconds an item below which nobody has read it.
    """

    median_seconds: float | None = None
    per_item: float = 2.0
    careless: float = 1.0

    @classmethod
    def of(cls, answers: Iterable[Survey | Given]) -> Norms:
        """Return what is usual among these answers."""
        times = [seconds for each in answers if (seconds := _seconds(each)) is not None]
        return cls(statistics.median(times) if len(times) >= _ENOUGH else None)


def is_detractor(survey: Survey, *, nps_at_most: int = 6, csat_at_most: int = 2) -> bool:
    """
    Whether somebody has to call back: an NPS up to 6 or a CSAT up to 2.

    Flags do not matter here: an answer that is doubtful is a reason to ask, not to look away.
    """
    return (survey.nps is not None and survey.nps <= nps_at_most) or (
        survey.csat is not None and survey.csat <= csat_at_most
    )


def given_of(survey: Survey) -> Given:
    """Return what judging needs of a survey."""
    rated = [answer for answer in survey.answers if answer.value is not None]
    texts = [survey.comment] if survey.comment else []
    answered = [(answer.question, answer.text) for answer in survey.answers if answer.text]
    return Given(
        who=(survey.email or survey.respondent or "").casefold() or None,
        at=survey.answered_at.timestamp() if survey.answered_at else None,
        seconds=_seconds(survey),
        items=len(answered),
        values=tuple(float(answer.value or 0) for answer in rated if not answer.is_reversed),
        opposite=tuple(float(answer.value or 0) for answer in rated if answer.is_reversed),
        nps=survey.nps,
        csat=survey.csat,
        texts=tuple(texts),
        content=hash((survey.questionnaire, survey.wave, *answered)),
    )


def _seconds(told: Survey | Given) -> float | None:
    if isinstance(told, Given):
        return told.seconds
    if told.started_at is None or told.answered_at is None:
        return None
    seconds = (told.answered_at - told.started_at).total_seconds()
    return seconds if seconds >= 0 else None


def flags_of(answer: Survey | Given, norms: Norms | None = None) -> tuple[str, ...]:
    """
    Return what speaks against one answer, looked at alone; duplicates need the others (see :func:`judgements`).

    Args:
        answer: The answer.

        norms: What is usual in its wave; without it only the fixed floors count.
    """
    given = given_of(answer) if isinstance(answer, Survey) else answer
    limits = norms or Norms()
    found = list(_speed(given, limits))
    rated = given.values + given.opposite
    if given.opposite and given.values and len(rated) >= _GRID and len(set(rated)) == 1:
        found.append("straight-line")
    if given.nps is not None and given.csat is not None:
        praises, blames = given.nps >= 9 and given.csat <= 2, given.nps <= 2 and given.csat == 5
        found += ["contradiction"] * (praises or blames)
    if any(_is_gibberish(text) for text in given.texts):
        found.append("gibberish")
    return tuple(found)


def _speed(given: Given, norms: Norms) -> Iterator[str]:
    if given.seconds is None or given.items < _ITEMS:
        return
    is_below_usual = norms.median_seconds is not None and given.seconds < norms.median_seconds / 2
    if is_below_usual or given.seconds < norms.per_item * given.items:
        yield "fast"
    if given.seconds < norms.careless * given.items:
        yield "very-fast"


@lru_cache(maxsize=4_096)
def _is_gibberish(text: str) -> bool:
    """Whether a comment is a hand on the keyboard: one letter again and again, a row of keys, no vowel at all."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = re.sub(r"[^a-z0-9]", "", folded)
    if not letters:
        return len(text.strip()) > 3  # points and dashes where words were asked for; "-" and "..." say "nothing"
    if len(letters) < _RUN:
        return False
    if len(set(letters)) <= 2 and len(letters) > _RUN and not letters.isdecimal():
        return not {*letters} <= set("jaei")  # jajaja, jeje are laughter
    longest = max((len(word) for word in folded.split()), default=0)
    is_one_word = len(text.split()) == 1
    is_row = is_one_word and any(
        letters[at : at + _RUN + 1] in row for row in (*_KEYS, *(row[::-1] for row in _KEYS)) for at in (0,)
    )
    has_no_vowel = is_one_word and longest > _RUN + 1 and not re.search(r"[aeiouy0-9]", letters)
    return is_row or has_no_vowel


def judgements(answers: Sequence[Given], norms: Norms | None = None) -> Iterator[tuple[str, ...]]:
    """
    Yield the flags of every answer of a wave, in order; of two equal ones the later is the duplicate.

    Args:
        answers: All answers of one questionnaire.

        norms: What is usual; by default what is usual among them.
    """
    limits = norms or Norms.of(answers)
    again = _repeated(answers)
    for place, given in enumerate(answers):
        flags = flags_of(given, limits)
        yield (*flags, "duplicate") if place in again else flags


def _repeated(answers: Sequence[Given]) -> set[int]:
    """Find what the same person sent twice, and what is too much alike within minutes where nobody is named."""
    order = sorted(range(len(answers)), key=lambda place: (answers[place].at or 0.0, place))
    last: dict[tuple[str | None, int], float | None] = {}
    found: set[int] = set()
    for place in order:
        given = answers[place]
        if not given.items:
            continue
        key = (given.who, given.content)
        if key in last and (given.who is not None or _is_striking(given, last[key])):
            found.add(place)
        last[key] = given.at
    return found


def _is_striking(given: Given, before: float | None) -> bool:
    """Whether two anonymous answers are alike by more than chance: soon after, and long enough."""
    if given.at is None or before is None or given.at - before > _MINUTES:
        return False
    return given.items >= _MANY_ANSWERS or any(len(text.strip()) >= _LONG_TEXT for text in given.texts)


def judged(
    surveys: Iterable[Survey], norms: Norms | None = None, *, unreliable_weight: Decimal = UNRELIABLE_WEIGHT
) -> list[Survey]:
    """
    Return every survey of a wave with its flags and its weight; none is left out.

    Args:
        surveys: All answers of one questionnaire.

        norms: What is usual; by default what is usual among them.

        unreliable_weight: What an answer with two flags counts.
    """
    wave = list(surveys)
    told = judgements([given_of(survey) for survey in wave], norms)
    return [
        survey.model_copy(update={"flags": flags, "weight": unreliable_weight if len(flags) > 1 else Decimal(1)})
        for survey, flags in zip(wave, told, strict=True)
    ]
