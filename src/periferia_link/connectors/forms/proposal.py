"""A first mapping, made by looking at an export: which question measures what, and how it was recognised."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from periferia_link.connectors.forms._headers import folded
from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.forms._reading import choices_of
from periferia_link.connectors.forms._responses import Export
from periferia_link.connectors.forms._scales import NO_ANSWER, family_of, number_in
from periferia_link.connectors.forms._times import DayOrder
from periferia_link.connectors.forms.mapping import FormMapping, Question

__all__ = ["Inspection", "Recognised", "inspect_export"]

_SAMPLE = 2_000
_FEW = 12
_ANONYMOUS = frozenset({"", "anonymous", "anonimo", "anonima"})

_WORDS: Mapping[str, re.Pattern[str]] = {
    "nps": re.compile(r"recom(?:end|mend)|likely to|probable (?:es )?que"),
    "csat": re.compile(r"satisf|conten(?:to|ta)\b|happy with"),
    "ces": re.compile(r"esfuerzo|facil|sencillo|effort|easy|easier|ease\b"),
    "comment": re.compile(
        r"comentari|por que|porque|suger|motivo|razon|mejorar|observaci|opini|cuent[ea]"
        r"|comment|why\b|suggest|feedback|improve|reason|tell us"
    ),
    "client": re.compile(
        r"\bnit\b|\bruc\b|\brut\b|empresa|compania|cliente|company|customer|client\b|account|organiza"
    ),
    "ticket": re.compile(
        r"ticket|radicado|\bcaso\b|numero de (?:solicitud|caso|pqr)|incident|case (?:number|id)|\bpqr"
    ),
    "project": re.compile(r"proyecto|project"),
    "email": re.compile(r"correo|e-?mail"),
    "name": re.compile(r"^(?:su |tu |your )?(?:nombre|name)\b"),
}
_REVERSED = re.compile(r"dificil|esfuerzo (?:tuvo|le|fue)|how much effort|difficult|hard\b|problema")


class Recognised(NamedTuple):
    """
    One question and what was made of it.

    ``how`` names what told: ``numbers 0-10``, ``words satisfaction``, ``title``, ``choices``, ``long texts`` …
    ``answered`` counts the answers among those that were looked at, ``different`` how many of them differ.
    """

    title: str
    question: Question
    how: str
    answered: int
    different: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        told = {"title": self.title, "role": self.question.role, "recognised": self.how, "answered": self.answered}
        return told | {
            "different": self.different,
            "scale": list(self.question.ends),
            "reversed": self.question.reversed,
        }


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """An export, looked at: format, language, dates, how many answers and anonymous ones, and a mapping to start."""

    format: str
    language: str
    order: DayOrder
    rows: int
    anonymous: int
    is_quiz: bool
    questions: tuple[Recognised, ...]
    mapping: FormMapping
    notes: Sequence[str] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        return {
            "format": self.format,
            "headers": self.language,
            "day_first": self.order.day_first,
            "dates": self.order.why,
            "rows": self.rows,
            "anonymous": self.anonymous,
            "quiz": self.is_quiz,
            "questions": [each.to_dict() for each in self.questions],
            "mapping": self.mapping.model_dump(mode="json", exclude_defaults=True),
            "notes": list(self.notes),
        }


def inspect_export(
    path: str | Path, *, form: str, time_zone: str, limits: Limits | None = None, sheet: str | None = None
) -> Inspection:
    """
    Look at an export and propose a mapping.

    Args:
        path: .xlsx or .csv.

        form: Name of the form.

        time_zone: Of its times.

        limits: Bounds of the file.

        sheet: Of a workbook.

    Raises:
        ConfigurationError: It cannot be read, is dangerous, or is no export of Forms.
        MissingDependencyError: It is a workbook, and the extra ``excel`` is not installed.
    """
    export = Export(Path(path), limits or Limits(), sheet=sheet)
    order = export.order()
    base = FormMapping(form=form, time_zone=time_zone, day_first=order.day_first if order.is_assumed else None)
    found: list[Counter[str]] = [Counter() for _ in export.titles]
    rows = anonymous = 0
    for raw in export.responses(base):
        rows += 1
        anonymous += folded(raw.email or "") in _ANONYMOUS
        if rows <= _SAMPLE:
            for text, texts in zip(raw.texts, found, strict=True):
                if text:
                    texts[text] += 1
    taken: set[str] = set()
    questions = tuple(_recognised(title, texts, taken) for title, texts in zip(export.titles, found, strict=True))
    notes = ["ambiguous-dates"] if order.is_assumed else []
    notes += [] if taken & {"nps", "csat", "ces"} else ["no-score"]
    notes += [] if taken & {"client", "project", "ticket"} or anonymous < rows else ["nobody-named"]
    return Inspection(
        format=export.kind,
        language=export.columns.language,
        order=order,
        rows=rows,
        anonymous=anonymous,
        is_quiz=bool(export.columns.points) or "points" in export.columns.own,
        questions=questions,
        mapping=base.model_copy(update={"questions": tuple(each.question for each in questions)}),
        notes=notes,
    )


def _recognised(title: str, texts: Counter[str], taken: set[str]) -> Recognised:
    role, how, more = _judged(folded(title), texts)
    if role in taken and role in ("nps", "csat", "ces"):
        role, more = "rating", {"scale": more.get("scale", (0, 10) if role == "nps" else (1, 5)), **more}
    elif role in taken and role not in ("rating", "comment", "text", "choice"):
        role = "text"
    taken.add(role)
    question = Question.model_validate({"title": title, "role": role, **more})
    return Recognised(title, question, how, sum(texts.values()), len(texts))


def _judged(title: str, texts: Counter[str]) -> tuple[str, str, dict[str, Any]]:
    """Return role, how it was recognised, and what else the question needs."""
    named = [role for role, pattern in _WORDS.items() if pattern.search(title)]
    words = [text for text in texts if folded(text) not in NO_ANSWER]
    if not words:
        return ("comment" if "comment" in named else "text"), "no answers", {}
    scored = _scored(title, named, words)
    if scored is not None:
        return scored
    for role in ("email", "ticket", "project", "client", "name"):
        if role in named and "comment" not in named:
            return role, "title", {}
    if any(text.endswith(";") or len(choices_of(text)) > 1 for text in words):
        return "choice", "choices", {}
    is_long = sum(map(len, words)) / len(words) > 25
    if "comment" in named or is_long:
        return "comment", "title" if "comment" in named else "long texts", {}
    return (
        ("choice", "few words", {})
        if len(texts) <= _FEW and sum(texts.values()) > len(texts)
        else ("text", "texts", {})
    )


def _scored(title: str, named: Sequence[str], words: Sequence[str]) -> tuple[str, str, dict[str, Any]] | None:
    family = family_of(words)
    if family is not None:
        is_reversed = "ces" in named and bool(_REVERSED.search(title)) and family.name.startswith("agreement")
        role = "csat" if family.name == "satisfaction" else "ces" if {"ces"} & {*named} else "rating"
        scale = (1, len(family.levels))
        more: dict[str, Any] = {"scale": scale} if scale != {"csat": (1, 5), "ces": (1, 7)}.get(role, (1, 5)) else {}
        return role, f"words {family.name}", more | ({"reversed": True} if is_reversed else {})
    numbers = [number_in(text) for text in words]
    known = [number for number in numbers if number is not None]
    if (
        len(known) < len(numbers)
        or not known
        or max(map(len, words)) > 40
        or {"ticket", "client", "project"} & {*named}
    ):
        return None
    low, high = min(known), max(known)
    if low < 0 or high > 10 or any(number % 1 for number in known):
        return None
    if "nps" in named and (high > 5 or low == 0):
        return "nps", "numbers 0-10", {}
    top = 5 if high <= 5 and low > 0 else 7 if high <= 7 and low > 0 else 10
    scale = (0 if low == 0 else 1, top)
    role = "csat" if "csat" in named else "ces" if "ces" in named else "rating"
    is_reversed = role == "ces" and bool(_REVERSED.search(title))
    usual = {"csat": (1, 5), "ces": (1, 7)}.get(role, (1, 5))
    more = ({} if scale == usual else {"scale": scale}) | ({"reversed": True} if is_reversed else {})
    return role, f"numbers {scale[0]}-{scale[1]}", more
