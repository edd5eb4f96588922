"""
Which column is what: the columns that Forms adds, in Spanish and English, quiz columns, and the questions.

Source: headers of real exports in both languages (wire sheet of Forms, section 3.1). The language is that of whoever
exported, so both are always recognised; questions are found by their header, never by their place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from periferia_link.errors import ConfigurationError

__all__ = ["WHOLE", "Columns", "folded", "text_of"]

_OWN: Mapping[str, tuple[str, Literal["es", "en", "any"]]] = {
    "id": ("id", "any"),
    "start time": ("started", "en"),
    "hora de inicio": ("started", "es"),
    "completion time": ("completed", "en"),
    "hora de finalizacion": ("completed", "es"),
    "email": ("email", "en"),
    "correo electronico": ("email", "es"),
    "correo": ("email", "es"),
    "name": ("name", "en"),
    "nombre": ("name", "es"),
    "total points": ("points", "en"),
    "total de puntos": ("points", "es"),
    "quiz feedback": ("feedback", "en"),
    "comentarios del cuestionario": ("feedback", "es"),
    "last modified time": ("modified", "en"),
    "hora de la ultima modificacion": ("modified", "es"),
    "language": ("language", "en"),
    "idioma": ("language", "es"),
}
WHOLE: dict[Any, str] = {float(number): str(number) for number in range(101)}
"""Texts of the numbers that answers are."""

_QUIZ = re.compile(r"(?P<what>points - |puntos: |feedback - |comentarios: )(?P<question>.+)", re.DOTALL)


def folded(text: str) -> str:
    """Return a text as it is compared: no accents, no case, one blank between words (NBSP is one, too)."""
    plain = unicodedata.normalize("NFKD", text)
    return " ".join("".join(sign for sign in plain if not unicodedata.combining(sign)).casefold().split())


def text_of(cell: Any) -> str:
    """Return the text of a cell: whole numbers without a point, times as they are, nothing as nothing."""
    if type(cell) is str:
        return cell.strip()
    if cell is None:
        return ""
    if type(cell) is float:
        known = WHOLE.get(cell)
        if known is not None:
            return known
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(int(cell)) if isinstance(cell, bool) else str(cell)


@dataclass(frozen=True)
class Columns:
    """
    Where everything stands in a row.

    ``own`` are the columns of Forms by field (``id``, ``started`` …), ``questions`` place and title of each question
    (a title that stands there again gets ``#2``), ``points`` those of a quiz, by question.
    """

    own: Mapping[str, int]
    questions: tuple[tuple[int, str], ...]
    points: tuple[tuple[int, str], ...]
    language: Literal["es", "en"]
    width: int

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """The questions, in the order of the file."""
        return tuple(title for _, title in self.questions)

    @cached_property
    def begin(self) -> int:
        """Place of the first question where all of them stand side by side; 0 where they do not."""
        places = [place for place, _ in self.questions]
        return places[0] if places and places == list(range(places[0], places[0] + len(places))) else 0

    @cached_property
    def end(self) -> int:
        """Place behind the last question."""
        return self.begin + len(self.questions)

    @classmethod
    def of(cls, header: Sequence[Any], *, max_columns: int) -> Columns:
        """
        Read a header.

        Raises:
            ConfigurationError: It is no export of Forms, or too wide.
        """
        titles = [text_of(cell) for cell in header]
        while titles and not titles[-1]:
            titles.pop()
        if len(titles) > max_columns:
            msg = f"the file has {len(titles):,} columns, more than {max_columns:,}"
            raise ConfigurationError(msg, hint="raise max_columns if that is right")
        own, languages = _own_columns(titles)
        if "id" not in own:
            msg = "the first columns are not those of Microsoft Forms: there is no ID"
            raise ConfigurationError(msg, hint="give the file that Forms exports, with its first columns as they are")
        questions, points = _questions(titles, len(own))
        spoken = [language for language in languages if language != "any"]
        language: Literal["es", "en"] = "es" if spoken.count("es") > spoken.count("en") else "en"
        return cls(own, tuple(questions), tuple(points), language, len(titles))


def _own_columns(titles: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Take the columns of Forms from the beginning, until one comes again or is none: it is a question then."""
    own: dict[str, int] = {}
    languages: list[str] = []
    for place, title in enumerate(titles):
        field, language = _OWN.get(folded(title), ("", "any"))
        if not field or field in own:
            break
        own[field] = place
        languages.append(language)
    return own, languages


def _questions(titles: Sequence[str], begin: int) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    questions: list[tuple[int, str]] = []
    points: list[tuple[int, str]] = []
    names = set(map(folded, titles[begin:]))
    for place, title in enumerate(titles[begin:], begin):
        quiz = _QUIZ.match(title.casefold())
        if quiz and folded(quiz["question"]) in names:
            if quiz["what"].startswith(("points", "puntos")):
                points.append((place, title[quiz.start("question") :]))
        elif title:
            questions.append((place, title))
    return list(_told_apart(questions)), points


def _told_apart(questions: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    seen: dict[str, int] = {}
    for place, title in questions:
        name = " ".join(title.split())
        seen[folded(name)] = number = seen.get(folded(name), 0) + 1
        yield place, name if number == 1 else f"{name} #{number}"
