"""Answers under a mapping: which question each title is, and what its text means."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from periferia_link.connectors.forms._headers import folded
from periferia_link.connectors.forms._scales import Family, family_of, on_scale
from periferia_link.connectors.forms.mapping import SCALES, FormMapping, Question
from periferia_link.errors import ConfigurationError

__all__ = ["COMMENT", "IGNORED", "SCORED", "TEXT", "Plan", "Reader", "choices_of"]

_SCORED = frozenset({"nps", "csat", "ces", "rating"})
_FAMILIES_OF = {"ces": "agreement-7"}
_KNOWN = 10_000
TEXT, SCORED, COMMENT, IGNORED = range(4)
_DOES = {"comment": COMMENT, "ignore": IGNORED}


class Reader:
    """
    Reads the answers to one question; what a text means is remembered.

    ``value`` is the number on the question's own scale, ``score`` the one on that of the measure.
    """

    def __init__(self, title: str, question: Question | None) -> None:
        self.title = title
        self.question = question
        self.role = question.role if question else "text"
        self.is_scored = self.role in _SCORED
        self.does = SCORED if self.is_scored else _DOES.get(self.role, TEXT)
        self.is_reversed = bool(question and question.reversed)
        self._words = {folded(word): number for word, number in question.words.items()} if question else {}
        self.memory: dict[str, tuple[Decimal, int, float] | None] = {}

    def score(self, text: str) -> tuple[Decimal, int, float] | None:
        """
        Return value, score and value as a float, ``None`` where the answer says nothing.

        Raises:
            ValueError: It is not on the scale.
        """
        try:
            return self.memory[text]
        except KeyError:
            pass
        found = self._read(text)
        if len(self.memory) < _KNOWN:
            self.memory[text] = found
        return found

    def _read(self, text: str) -> tuple[Decimal, int, float] | None:
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
        return value, int(Decimal(scaled).quantize(Decimal(1), ROUND_HALF_UP)), float(value)

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
    """The readers of one header, in its order; ``parts`` are what each does, for those who read a million answers."""

    readers: tuple[Reader, ...]
    parts: tuple[tuple[int, dict[str, tuple[Decimal, int, float] | None], Reader], ...]

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
        readers = tuple(Reader(title, found.get(title)) for title in titles)
        return cls(readers, tuple((each.does, each.memory, each) for each in readers))


def _missing(question: Question, near: str | None) -> ConfigurationError:
    msg = f"the form has no question {question.title[:80]!r} (role {question.role})"
    hint = "correct its title, or set optional = true"
    if near is not None:
        hint = f"was it edited? add aliases = [{json.dumps(near[:200], ensure_ascii=False)}]"
    return ConfigurationError(msg, hint=hint)
