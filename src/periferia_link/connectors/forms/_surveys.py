"""Answers as surveys: scores, comment, who answered and what it is about; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from periferia_link.connectors.forms._headers import folded
from periferia_link.connectors.forms._reading import Plan, Reader
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.domain import Ref, Survey
from periferia_link.errors import RecordInvalidError

__all__ = ["survey_of"]

_ANONYMOUS = frozenset({"", "anonymous", "anonimo", "anonima"})
_TIMES = {"started": "started_at", "completed": "answered_at", "modified": "updated_at"}
_ABOUT = {"client": "client_key", "project": "project"}


def survey_of(
    body: Mapping[str, Any], plan: Plan, mapping: FormMapping, *, ref: Ref, version: str | None, dates: str | None
) -> Survey:
    """
    Make a survey of one answer.

    Args:
        body: See :class:`RawResponse`.

        plan: Readers of its titles.

        mapping: Of the form.

        ref: Where it was read.

        version: Its hash.

        dates: What was assumed about its dates, if anything was.

    Raises:
        ValueError: It has another shape.
        RecordInvalidError: It has no ID of its own, or an answer is not on its scale.
    """
    values: dict[str, Any] = {"ref": ref, "version": version, "questionnaire": mapping.form}
    custom: dict[str, Any] = {"time_zone": mapping.time_zone} | ({"dates": dates} if dates else {})
    if body["id"].startswith("?"):
        msg = f"{body['id'][1:]} has no ID of its own"
        raise RecordInvalidError(msg, hint="export the answers again: somebody changed the sheet", ref=ref)
    for name, field in _TIMES.items():
        if body[name] is not None:
            values[field] = datetime.fromisoformat(body[name])
    values["wave"] = _wave(mapping, values.get("answered_at"))
    for name, field in (("email", "email"), ("name", "respondent")):
        text = body[name] or ""
        if folded(text) not in _ANONYMOUS:
            values[field] = text
    _answer(body["answers"], plan, values, custom, ref)
    points = {str(title): str(number) for title, number in body["points"]}
    if points:
        custom["points"] = points.pop("", None)
        custom["question_points"] = points
    return Survey(**values, custom={name: value for name, value in custom.items() if value})


def _answer(told: Any, plan: Plan, values: dict[str, Any], custom: dict[str, Any], ref: Ref) -> None:
    answers: list[dict[str, Any]] = []
    comments: list[str] = []
    for (_, text), reader in zip(told, plan.readers, strict=True):
        if not text or reader.role == "ignore":
            continue
        answer: dict[str, Any] = {"question": reader.title, "text": reader.plain(text)}
        if reader.is_scored:
            _score(reader, text, answer, values, ref)
        elif reader.role == "comment":
            comments.append(text)
        elif reader.role in ("ticket", "contact"):
            custom[reader.role] = text
        elif reader.role in _ABOUT:
            values[_ABOUT[reader.role]] = text
        elif reader.role in ("email", "name"):
            values.setdefault("email" if reader.role == "email" else "respondent", text)
        answers.append(answer)
    values["answers"] = tuple(answers)
    if comments:
        values["comment"] = "\n".join(comments)


def _score(reader: Reader, text: str, answer: dict[str, Any], values: dict[str, Any], ref: Ref) -> None:
    try:
        found = reader.score(text)
    except ValueError:
        found, is_on_scale = None, False
    else:
        is_on_scale = True
    if not is_on_scale:
        msg = f"the answer to {reader.title[:80]!r} is not on its scale"
        hint = "give its number under words in the mapping, or correct scale"
        raise RecordInvalidError(msg, hint=hint, ref=ref)
    if found is None:
        return
    answer["value"] = found[0]
    if reader.is_reversed:
        answer["is_reversed"] = True
    if reader.role != "rating":
        answer["measure"] = reader.role
        values[reader.role] = found[1]


def _wave(mapping: FormMapping, answered: datetime | None) -> str | None:
    if mapping.wave not in ("month", "quarter", "year"):
        return mapping.wave
    if answered is None:
        return None
    day = answered.astimezone(mapping.zone)
    names = {
        "month": f"{day.year}-{day.month:02d}",
        "quarter": f"{day.year}-Q{(day.month + 2) // 3}",
        "year": f"{day.year}",
    }
    return names[mapping.wave]
