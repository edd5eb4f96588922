"""Profit centres as cost centres, with the distribution rule that stands for each; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._columns import given_fields
from periferia_link.connectors.sap_business_one.kinds._fields import RULE, SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import day, is_yes
from periferia_link.domain import CostCentre, Ref

__all__ = ["cost_centre_from_wire"]


def cost_centre_from_wire(row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp") -> CostCentre:
    """Make a cost centre of a row that the connector has joined with its distribution rule."""
    columns = fields["CostCentre"]
    given = given_fields(row, columns)
    for name in ("valid_from", "valid_to"):
        if name in given:
            given[name] = day(given[name])
    if "is_active" in given:
        given["is_active"] = is_yes(given["is_active"])
    given["name"] = given.get("name") or given.get("code")
    given |= {"distribution_rule": row.get(RULE), "custom": columns.custom(row)}
    return CostCentre(**(given | {"ref": Ref(system, "CostCentre", str(row[columns.key]))}))
