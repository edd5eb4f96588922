"""Words of a scale and the number that each stands for, in Spanish and English; numbers with words around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from periferia_link.connectors.forms._headers import folded

__all__ = ["NO_ANSWER", "Family", "family_of", "number_in", "on_scale"]

_NUMBER = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{1,3})?(?=$|[\s\-\u2013\u2014.:;,)(=/])")
_STARS = re.compile(r"[★⭐]+")

NO_ANSWER = frozenset(
    {
        *("no aplica", "n/a", "na", "n.a.", "no sabe", "no se", "ns/nr", "no responde", "prefiero no responder", "-"),
        *("not applicable", "don't know", "do not know", "prefer not to say", "no opinion", "sin opinion"),
    }
)
"""Answers that say nothing: no number, and no mistake."""


class Family(NamedTuple):
    """Words of one kind, from the lowest level; each level is one phrase or several that mean the same."""

    name: str
    levels: tuple[tuple[str, ...], ...]

    @property
    def by_word(self) -> dict[str, int]:
        """Return word -> level, from 1."""
        return {word: level for level, words in enumerate(self.levels, 1) for word in words}


_NEUTRAL = ("neutral", "neutro", "indiferente", "neither", "ninguno de los dos")
_FAMILIES = (
    Family(
        "satisfaction",
        (
            (
                "muy insatisfecho",
                "muy insatisfecha",
                "totalmente insatisfecho",
                "very dissatisfied",
                "very unsatisfied",
            ),
            ("insatisfecho", "insatisfecha", "poco satisfecho", "dissatisfied", "unsatisfied", "somewhat dissatisfied"),
            (
                *(*_NEUTRAL, "ni satisfecho ni insatisfecho", "ni satisfecha ni insatisfecha"),
                "neither satisfied nor dissatisfied",
            ),
            ("satisfecho", "satisfecha", "satisfied", "somewhat satisfied"),
            ("muy satisfecho", "muy satisfecha", "totalmente satisfecho", "very satisfied", "extremely satisfied"),
        ),
    ),
    Family(
        "agreement",
        (
            ("totalmente en desacuerdo", "muy en desacuerdo", "strongly disagree"),
            ("en desacuerdo", "disagree"),
            (*_NEUTRAL, "ni de acuerdo ni en desacuerdo", "neither agree nor disagree"),
            ("de acuerdo", "agree"),
            ("totalmente de acuerdo", "muy de acuerdo", "strongly agree"),
        ),
    ),
    Family(
        "agreement-7",
        (
            ("totalmente en desacuerdo", "muy en desacuerdo", "strongly disagree"),
            ("en desacuerdo", "disagree"),
            ("algo en desacuerdo", "parcialmente en desacuerdo", "somewhat disagree", "slightly disagree"),
            (*_NEUTRAL, "ni de acuerdo ni en desacuerdo", "neither agree nor disagree"),
            ("algo de acuerdo", "parcialmente de acuerdo", "somewhat agree", "slightly agree"),
            ("de acuerdo", "agree"),
            ("totalmente de acuerdo", "muy de acuerdo", "strongly agree"),
        ),
    ),
    Family(
        "quality",
        (
            ("muy malo", "muy mala", "pesimo", "pesima", "deficiente", "very poor", "very bad"),
            ("malo", "mala", "poor", "bad"),
            ("regular", "aceptable", "fair", "average"),
            ("bueno", "buena", "good"),
            ("muy bueno", "muy buena", "excelente", "very good", "excellent"),
        ),
    ),
    Family(
        "ease",
        (
            ("muy dificil", "very difficult", "very hard"),
            ("dificil", "difficult", "hard"),
            (*_NEUTRAL, "ni facil ni dificil", "neither easy nor difficult"),
            ("facil", "easy"),
            ("muy facil", "very easy"),
        ),
    ),
    Family(
        "expectation",
        (
            ("muy por debajo", "muy por debajo de expectativas", "muy por debajo de mis expectativas", "far below"),
            ("por debajo", "por debajo de expectativas", "por debajo de mis expectativas", "below expectations"),
            ("cumple expectativas", "cumple mis expectativas", "cumple", "meets expectations"),
            ("supera expectativas", "supera mis expectativas", "exceeds expectations"),
            ("supera ampliamente", "supera ampliamente mis expectativas", "far exceeds expectations"),
        ),
    ),
    Family(
        "likelihood",
        (
            ("definitivamente no", "definitely not", "nada probable", "very unlikely"),
            ("probablemente no", "probably not", "poco probable", "unlikely"),
            (*_NEUTRAL, "no estoy seguro", "no estoy segura", "not sure", "tal vez", "maybe"),
            ("probablemente si", "probably", "probably yes", "probable", "likely"),
            ("definitivamente si", "definitely", "definitely yes", "muy probable", "very likely"),
        ),
    ),
    Family(
        "frequency",
        (
            ("nunca", "never"),
            ("rara vez", "casi nunca", "rarely"),
            ("a veces", "algunas veces", "sometimes"),
            ("casi siempre", "frecuentemente", "often", "usually"),
            ("siempre", "always"),
        ),
    ),
)


def family_of(words: Iterable[str]) -> Family | None:
    """Return the family that every word belongs to (answers that say nothing aside); the shortest where several do."""
    told = {folded(word) for word in words} - NO_ANSWER - {""}
    fitting = [family for family in _FAMILIES if told and told <= family.by_word.keys()]
    return min(fitting, key=lambda family: len(family.levels)) if fitting and not told <= {*_NEUTRAL} else None


def number_in(text: str) -> Decimal | None:
    """Return the number of an answer: ``9``, ``10 - Muy probable``, ``4 estrellas``, stars; ``None`` without one."""
    stars = _STARS.fullmatch(text.replace("\ufe0f", ""))
    if stars:
        return Decimal(len(stars[0]))
    found = _NUMBER.match(text)
    return Decimal(found[0].replace(",", ".")) if found else None


def on_scale(text: str, *, low: int, high: int, words: Mapping[str, int], family: Family | None) -> Decimal | None:
    """
    Return where an answer stands between two ends, ``None`` where it says nothing.

    Args:
        text: The answer.

        low: Number of the lower end.

        high: Number of the upper end.

        words: Numbers of words, folded, as the mapping gives them.

        family: Words that are known.

    Raises:
        ValueError: It is not on the scale.
    """
    word = folded(text).rstrip(" ;.")
    if not word or word in NO_ANSWER:
        return None
    number = Decimal(words[word]) if word in words else number_in(text.strip())
    if number is None and family is not None and word in family.by_word:
        step = Decimal(high - low) / (len(family.levels) - 1)
        number = low + step * (family.by_word[word] - 1)
    if number is None or not low <= number <= high:
        msg = "it is not on the scale"
        raise ValueError(msg)
    return number
