"""Campaigns of the CRM; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._fields import read_fields, written_fields
from periferia_link.connectors.dynamics365.kinds._labels import label_of
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.connectors.dynamics365.kinds._maps import CAMPAIGN_COLUMNS
from periferia_link.domain import Campaign

__all__ = ["CAMPAIGN_COLUMNS", "campaign_from_wire", "campaign_to_wire"]

_DAYS: Final = ("proposedstart", "proposedend", "actualstart", "actualend")


def campaign_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Campaign:
    """
    Make a campaign of a row.

    Raises:
        ValidationError: The row does not fit the model.
    """
    values = read_fields(Campaign, row, "Campaign", fields, system, terms=terms)
    if fields["Campaign"].columns.get("status") == "statuscode" and "status" in values:
        values["status"] = label_of(row, "statuscode")
    return Campaign.model_validate(values)


def campaign_to_wire(
    entity: Campaign, fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS
) -> dict[str, Any]:
    """
    Return the body that writes these fields of a campaign; its cost is summed up by the server.

    Args:
        entity: The campaign.

        fields: What to write.

        field_map: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: A link, amount or channel that the environment does not have.
    """
    summed = {"cost"} if field_map["Campaign"].columns.get("cost") == "totalactualcost" else set()
    body = written_fields(entity, set(fields) - summed, "Campaign", field_map, terms=terms)
    # the days of a campaign are instants: at noon they are that day in every zone of the region
    return body | {name: f"{body[name]}T12:00:00Z" for name in _DAYS if body.get(name)}
