"""Leads of the CRM; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._columns import state_of
from periferia_link.connectors.dynamics365.kinds._contact import name_columns
from periferia_link.connectors.dynamics365.kinds._fields import read_fields, written_fields
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.connectors.dynamics365.kinds._maps import LEAD_COLUMNS
from periferia_link.domain import Lead

__all__ = ["LEAD_COLUMNS", "lead_from_wire", "lead_to_wire"]

_STATES: Final = {"open": (0, 1), "qualified": (1, 3), "disqualified": (2, 4)}
_NAMES: Final = {code: name for name, (code, _) in _STATES.items()}


def lead_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Lead:
    """
    Make a lead of a row.

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The state is none.
    """
    values = read_fields(Lead, row, "Lead", fields, system, terms=terms)
    if "state" in values:
        values["state"] = state_of(values["state"], _NAMES, what="a lead")
    return Lead.model_validate(values)


def lead_to_wire(entity: Lead, fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS) -> dict[str, Any]:
    """
    Return the body that writes these fields of a lead; those without a column do not travel.

    A lead that is only marked as qualified becomes nothing: the action ``QualifyLead`` makes the other records.

    Args:
        entity: The lead.

        fields: What to write.

        field_map: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: A link, amount or source that the environment does not have.
    """
    columns = field_map["Lead"].columns
    body = written_fields(entity, fields, "Lead", field_map, terms=terms)
    if "person" in fields and columns.get("person") == "fullname":
        body |= name_columns(entity.person)
    if "state" in fields and columns.get("state") == "statecode":
        state, status = _STATES[entity.state]
        body |= {"statecode": state, "statuscode": status}
    return body
