"""Users of the CRM as employees, to find owners by; pure, read only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._fields import read_fields
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.connectors.dynamics365.kinds._maps import EMPLOYEE_COLUMNS
from periferia_link.domain import Employee

__all__ = ["EMPLOYEE_COLUMNS", "employee_from_wire"]


def employee_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Employee:
    """
    Make an employee of a user; one without the mapped code is known by e-mail or id.

    Raises:
        ValidationError: The row does not fit the model.
    """
    values = read_fields(Employee, row, "Employee", fields, system, terms=terms)
    key = str(row.get(fields["Employee"].key))
    code = str(values.get("code") or values.get("email") or key)
    values["code"] = code if len(code) <= 50 else key
    values.setdefault("name", values["code"])
    if fields["Employee"].columns.get("is_active") == "isdisabled" and "is_active" in values:
        values["is_active"] = values["is_active"] is False
    return Employee.model_validate(values)
