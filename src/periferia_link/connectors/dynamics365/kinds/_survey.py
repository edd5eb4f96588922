"""Answers of Customer Voice, or of an own table, as surveys; pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._fields import read_fields, written_fields
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.connectors.dynamics365.kinds._maps import SURVEY_COLUMNS, own_survey_table
from periferia_link.domain import Ref, Survey

__all__ = ["SURVEY_COLUMNS", "own_survey_table", "survey_from_wire", "survey_to_wire"]

_CONTEXT = "msfp_embedcontextparameters"


def survey_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Survey:
    """
    Make a survey of a row; what it is about is told apart into client, contact and ticket.

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The answers are no list.
    """
    values = read_fields(Survey, row, "Survey", fields, system, terms=terms)
    about = values.get("client")
    field = {"Contact": "contact", "Ticket": "ticket"}.get(about.kind) if isinstance(about, Ref) else None
    if field is not None:
        values.pop("client")
        values.setdefault(field, about)
    elif isinstance(about, Ref) and about.kind != "Client":
        values.pop("client")  # an opportunity or order: told by the CRM itself
    if isinstance(values.get("answers"), Sequence):
        values["answers"] = [_answer(each) for each in values["answers"]]
    if "weight" in values:
        values["weight"] = Decimal(str(values["weight"]))
    values.setdefault("questionnaire", "customer-voice")
    custom = dict(values.get("custom", {}))
    if _CONTEXT in custom:
        # what the sender of a survey put into its link: the number of a case, say
        told = _object_of(custom.pop(_CONTEXT))
        values["custom"] = {name: value for name, value in custom.items() if value is not None} | told
    return Survey.model_validate(values)


def survey_to_wire(
    entity: Survey, fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS
) -> dict[str, Any]:
    """
    Return the body that writes these fields of a survey into an own table.

    Args:
        entity: The survey.

        fields: What to write.

        field_map: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: A link leads to no record of this environment.
    """
    return written_fields(entity, fields, "Survey", field_map, terms=terms)


def _answer(told: Any) -> Any:
    """Read one answer as we write it, or as Customer Voice lists it (question name, response and its number)."""
    if not isinstance(told, Mapping) or "question" in told:
        return told
    question = told.get("questionName") or told.get("msfp_name") or told.get("questionId") or "question"
    text = told.get("response", told.get("msfp_response"))
    return {
        "question": str(question),
        "text": text if isinstance(text, str) or text is None else json.dumps(text, ensure_ascii=False, default=str),
        "value": _number(text),
    }


def _object_of(text: Any) -> dict[str, Any]:
    try:
        told = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        told = None
    return {"context": told} if isinstance(told, dict) and told else {}


def _number(text: Any) -> Decimal | None:
    try:
        number = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
