"""Opportunities of the CRM as the domain knows them; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.dynamics365.kinds._columns import (
    amount,
    custom_columns,
    money,
    own_values,
    plain_columns,
    ref_of,
    state_of,
)
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms, bind
from periferia_link.connectors.dynamics365.kinds._maps import OPPORTUNITY_COLUMNS
from periferia_link.domain import Opportunity

__all__ = ["OPPORTUNITY_COLUMNS", "opportunity_from_wire", "opportunity_to_wire"]

_STATES: Final = {"open": (0, 1), "won": (1, 3), "lost": (2, 4)}
_NAMES: Final = {code: name for name, (code, _) in _STATES.items()}
_PLAIN = frozenset({"name", "number", "closes_on", "closed_on", "proposal_state", "proposal", "approved_on"})
_BILLED = ("proposed", "invoiced")
_LINKS = ("client", "owner")


def opportunity_from_wire(
    row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS
) -> Opportunity:
    """
    Make an opportunity of a row; its amounts are in the currency of the environment.

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The state is none.
    """
    values = own_values(row, "Opportunity", fields, system)
    estimate, closed = values.pop("value", None), values.pop("closed_value", None)
    if closed is not None or estimate is not None:
        values["value"] = money(estimate if closed is None else closed, terms.currency)
    for name in _BILLED:
        if name in values:
            values[name] = money(values[name], terms.currency)
    if "client" in values:
        values["client"] = ref_of(values["client"], "Client", system)
    if "owner" in values:
        values["owner"] = ref_of(values["owner"], "User", system)
    if "state" in values:
        values["state"] = state_of(values["state"], _NAMES, what="an opportunity")
    return Opportunity.model_validate(values)


def opportunity_to_wire(
    entity: Opportunity,
    fields: Collection[str],
    field_map: FieldMap,
    *,
    terms: Terms = TERMS,
) -> dict[str, Any]:
    """
    Return the body that writes these fields of an opportunity; those without a column do not travel.

    The value of an open one is the estimate, that of a closed one the actual revenue.

    Args:
        entity: The opportunity.

        fields: What to write; times and ids are the server's.

        field_map: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: The value is in another currency, or a link leads to no record of this environment.
    """
    columns = field_map["Opportunity"]
    body = dict(plain_columns(entity, _PLAIN & set(fields), columns))
    mapped = set(fields) & set(columns.columns)
    for name in _LINKS:
        if name in mapped and (name != "owner" or entity.owner is not None):
            body |= bind(columns.columns[name], getattr(entity, name), field_map, terms, table=columns.table)
    if "value" in mapped:
        body[_value_column(entity, columns)] = amount(entity.value, terms.currency)
    body |= {columns.columns[name]: amount(getattr(entity, name), terms.currency) for name in _BILLED if name in mapped}
    if "state" in mapped:
        state, status = _STATES[entity.state]
        body |= {columns.columns["state"]: state, "statuscode": status}
    if "custom" in fields:
        body |= custom_columns(entity, columns)
    return body


def _value_column(entity: Opportunity, columns: KindMap) -> str:
    is_closed = entity.state != "open" and "closed_value" in columns.columns
    return columns.columns["closed_value" if is_closed else "value"]
