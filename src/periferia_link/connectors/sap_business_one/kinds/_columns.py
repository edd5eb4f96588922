"""Columns of a row and fields of an entity: what every kind does alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.sap_business_one.kinds._values import checked_text

__all__ = ["custom_columns", "given_fields", "texts", "written_texts"]


def given_fields(row: Mapping[str, Any], columns: KindMap) -> dict[str, Any]:
    """Return the fields that the row knows: a column that was not read is not empty, it is unknown."""
    return {name: row[column] for name, column in columns.columns.items() if column in row}


def texts(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return *given* with empty texts as nothing, and numbers of text columns as text."""
    known = {name: given[name] for name in names if name in given}
    return given | {name: None if value in (None, "") else str(value) for name, value in known.items()}


def custom_columns(custom: Mapping[str, Any], names: frozenset[str], columns: KindMap) -> dict[str, Any]:
    """Return the columns of the installation to send: those of the field map that the record has a value for."""
    if "custom" not in names:
        return {}
    return {column: custom[column] for column in columns.extra if column in custom}


def written_texts(kind: str, entity: Any, names: frozenset[str], columns: KindMap) -> dict[str, Any]:
    """
    Return the text and date columns for the fields *names*, checked; anything else is the caller's.

    Raises:
        RecordInvalidError: A text is longer than its column.
    """
    body: dict[str, Any] = {}
    for name in sorted(names & columns.columns.keys()):
        value = getattr(entity, name)
        if value is None or isinstance(value, str):
            body[columns.column(name)] = checked_text(kind, name, value)
        elif isinstance(value, date):
            body[columns.column(name)] = value.isoformat()
    return body
