"""Formatted values: what people see in the CRM instead of a number; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["LABEL", "label_of"]

LABEL: Final = "@OData.Community.Display.V1.FormattedValue"
"""Annotation of a column whose number has a text: choices, states, lookups, dates, amounts."""


def label_of(row: Mapping[str, Any], column: str) -> str | None:
    """Return the label of a column, or its value as text where no label was asked for."""
    value = row.get(column + LABEL, row.get(column))
    return None if value is None else str(value)
