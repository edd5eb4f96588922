"""Opportunities of the CRM as the domain knows them; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.dynamics365._columns import link, own_values, plain_columns, ref_of
from periferia_link.domain import Money, Opportunity
from periferia_link.errors import RecordInvalidError

__all__ = ["OPPORTUNITY_COLUMNS", "opportunity_from_wire", "opportunity_to_wire"]

OPPORTUNITY_COLUMNS = KindMap(
    "opportunities",
    "opportunityid",
    {
        "name": "name",
        "number": "pl_number",
        "client": "_parentaccountid_value",
        "state": "statecode",
        "value": "estimatedvalue",
        "closed_value": "actualvalue",
        "closes_on": "estimatedclosedate",
        "closed_on": "actualclosedate",
        "owner": "_ownerid_value",
        "updated_at": "modifiedon",
    },
)
"""
Columns of ``opportunity``; ``pl_number`` stands for the number that an installation gives.

An opportunity has two amounts: ``value`` reads ``closed_value`` where it is filled, else the estimate.
"""

_STATES: Final = {"open": (0, 1), "won": (1, 3), "lost": (2, 4)}
_NAMES: Final = {code: name for name, (code, _) in _STATES.items()}
_PLAIN = frozenset({"name", "number", "closes_on", "closed_on"})
_LINKS = ("client", "owner")


def opportunity_from_wire(
    row: Mapping[str, Any], fields: FieldMap, system: str, *, currency: str = "COP"
) -> Opportunity:
    """
    Make an opportunity of a row; its amounts are in *currency* (ISO 4217).

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The state is none.
    """
    values = own_values(row, "Opportunity", fields, system)
    estimate, closed = values.pop("value", None), values.pop("closed_value", None)
    if closed is not None or estimate is not None:
        values["value"] = {"amount": estimate if closed is None else closed, "currency": currency}
    if "client" in values:
        values["client"] = ref_of(values["client"], "Client", system)
    if "owner" in values:
        values["owner"] = ref_of(values["owner"], "User", system)
    if "state" in values:
        values["state"] = _state(values["state"])
    return Opportunity.model_validate(values)


def opportunity_to_wire(
    entity: Opportunity,
    fields: Collection[str],
    field_map: FieldMap,
    *,
    currency: str = "COP",
    navigation: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """
    Return the body that writes these fields of an opportunity; those without a column do not travel.

    The value of an open one is the estimate, that of a closed one the actual revenue.

    Args:
        entity: The opportunity.

        fields: What to write; times and ids are the server's.

        field_map: Columns of the installation.

        currency: The currency of the environment (ISO 4217).

        navigation: Navigation properties of lookups, where they differ from the column's name.

    Raises:
        RecordInvalidError: The value is in another currency, or a link leads to no record of this environment.
    """
    columns = field_map["Opportunity"]
    body = dict(plain_columns(entity, _PLAIN & set(fields), columns))
    mapped = set(fields) & set(columns.columns)
    for name in _LINKS:
        if name in mapped and (name != "owner" or entity.owner is not None):
            body |= link(columns.columns[name], getattr(entity, name), field_map, navigation or {})
    if "value" in mapped:
        body[_value_column(entity, columns)] = _amount(entity.value, currency)
    if "state" in mapped:
        state, status = _STATES[entity.state]
        body |= {columns.columns["state"]: state, "statuscode": status}
    if "custom" in fields:
        body |= {name: value for name, value in entity.custom.items() if name in columns.extra and name[:1] != "_"}
    return body


def _state(code: Any) -> str:
    name = None if isinstance(code, bool) or not isinstance(code, int) else _NAMES.get(code)
    if name is None:
        msg = "statecode: not a state of an opportunity"
        raise RecordInvalidError(msg, hint="expected are 0 (open), 1 (won) and 2 (lost)")
    return name


def _value_column(entity: Opportunity, columns: KindMap) -> str:
    is_closed = entity.state != "open" and "closed_value" in columns.columns
    return columns.columns["closed_value" if is_closed else "value"]


def _amount(value: Money | None, currency: str) -> Any:
    if value is None:
        return None
    if value.currency != currency:
        msg = f"the value is in {value.currency}, the environment keeps {currency}"
        raise RecordInvalidError(msg, hint="convert it first, or set currency for the environment it belongs to")
    return value.amount
