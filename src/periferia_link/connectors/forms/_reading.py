"""Answers under a mapping: which question each title is, and what its text means."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from periferia_link.connectors.forms._headers import folded, text_of
from periferia_link.connectors.forms._scales import Family, family_of, on_scale
from periferia_link.connectors.forms.mapping import SCALES, FormMapping, Question
from periferia_link.errors import ConfigurationError

__all__ = ["OFF", "Memory", "Numbers", "Plan", "Reader", "Scored", "choices_of"]

_SCORED = frozenset({"nps", "csat", "ces", "rating"})
_FAMILIES_OF = {"ces": "agreement-7"}
_KNOWN = 10_000


class Scored(NamedTuple):
    """
    What an answer says: ``value`` on the question's own scale, ``score`` on that of its measure.

    ``number`` is the value as a float.
    """

    value: Decimal
    score: int
    number: float


OFF = Scored(Decimal("NaN"), 0, float("nan"))
"""What an answer says that is not on its scale: equal to nothing but itself."""


class Memory(dict[Any, "Scored | None"]):
    """What each cell means, read when it comes for the first time; cells of workbooks are no texts yet."""

    def __init__(self, read: Callable[[str], Scored | None]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, cell: Any) -> Scored | None:
        text = text_of(cell)
        try:
            found = self._read(text)
        except ValueError:
            found = OFF
        if len(self) < _KNOWN:
            self[cell] = found
        return found


class Numbers(dict[Any, "float | None"]):
    """The number of each cell, NaN off the scale, ``None`` where it says nothing."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory

    def __missing__(self, cell: Any) -> float | None:
        found = self._memory[cell]
        number = None if found is None else found.number
        if len(self) < _KNOWN:
            self[cell] = number
        return number


class Reader:
    """Reads the answers to one question; what a text means is remembered, ``OFF`` where it is not on the scale."""

    def __init__(self, title: str, question: Question | None) -> None:
        self.title = title
        self.question = question
        self.role = question.role if question else "text"
        self.is_scored = self.role in _SCORED
        self.is_reversed = bool(question and question.reversed)
        self._words = {folded(word): number for word, number in question.words.items()} if question else {}
        self.memory = Memory(self._read)

    def score(self, text: str) -> Scored | None:
        """
        Return what an answer says, ``None`` where it says nothing.

        Raises:
            ValueError: It is not on the scale.
        """
        found = self.memory[text]
        if found is OFF:
            msg = "it is not on the scale"
            raise ValueError(msg)
        return found

    def _read(self, text: str) -> Scored | None:
        question = self.question
        if question is None:
            return None
        low, high = question.ends
        value = on_scale(text, low=low, high=high, words=self._words, family=self._family(text))
        if value is None:
            return None
        least, most = SCALES[self.role]
        upright = low + high - value if question.reversed else value
        scaled = upright if self.role in ("nps", "rating") else least + (upright - low) * (most - least) / (high - low)
        return Scored(value, int(Decimal(scaled).quantize(Decimal(1), ROUND_HALF_UP)), float(value))

    def _family(self, text: str) -> Family | None:
        if self.question and self.question.ends == (1, 7):
            return family_of([text, "algo de acuerdo"]) or family_of([text])
        return family_of([text]) or family_of([text, "satisfecho"])

    def plain(self, text: str) -> str:
        """Return the text of an answer: multiple choice without its last ``;``, a JSON list as one of its own."""
        if self.role in ("comment", "text") and self.question is not None:
            return text
        return ";".join(choices_of(text, self.question.options if self.question else ()))


def choices_of(text: str, options: Sequence[str] = ()) -> list[str]:
    """Return the choices of an answer: ``A;B;``, or ``["A","B"]`` as Power Automate writes them."""
    if text.startswith("[") and text.endswith("]"):
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, list) and all(isinstance(each, str) for each in told):
            return told
    if ";" not in text:
        return [text]
    found, rest = [], text
    for option in sorted((each for each in options if ";" in each), key=len, reverse=True):
        if f"{option};" in f"{rest};":
            found.append(option)
            rest = f"{rest};".replace(f"{option};", "", 1)
    return [*found, *(part.strip() for part in rest.split(";") if part.strip())]


class Plan(NamedTuple):
    """The readers of one header, in its order."""

    readers: tuple[Reader, ...]

    @classmethod
    def of(cls, mapping: FormMapping, titles: Sequence[str], *, is_whole: bool = True) -> Plan:
        """
        Find the questions of a mapping among titles.

        Args:
            mapping: What is looked for.

            titles: As they stand in the export or the message.

            is_whole: Every question stands there, so one that is missing was renamed or deleted.

        Raises:
            ConfigurationError: A question that is not optional is missing.
        """
        places = {folded(title): title for title in titles}
        found: dict[str, Question] = {}
        for question in mapping.questions:
            names = [name for name in (question.title, *question.aliases) if folded(name) in places]
            if names:
                found.update((places[folded(name)], question) for name in names[:1])
            elif is_whole and not question.optional:
                near = difflib.get_close_matches(folded(question.title), list(places), n=1, cutoff=0.6)
                raise _missing(question, places[near[0]] if near else None)
        return cls(tuple(Reader(title, found.get(title)) for title in titles))


def _missing(question: Question, near: str | None) -> ConfigurationError:
    msg = f"the form has no question {question.title[:80]!r} (role {question.role})"
    hint = "correct its title, or set optional = true"
    if near is not None:
        hint = f"was it edited? add aliases = [{json.dumps(near[:200], ensure_ascii=False)}]"
    return ConfigurationError(msg, hint=hint)
