"""Accounts of the CRM as clients; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.dynamics365._columns import link, own_values, plain_columns, ref_of
from periferia_link.connectors.dynamics365._countries import country_code
from periferia_link.domain import Client, TaxId
from periferia_link.errors import RecordInvalidError

__all__ = ["CLIENT_COLUMNS", "client_from_wire", "client_to_wire"]

CLIENT_COLUMNS = KindMap(
    "accounts",
    "accountid",
    {
        "name": "name",
        "code": "accountnumber",
        "tax_id": "pl_nit",
        "city": "address1_city",
        "country": "address1_country",
        "email": "emailaddress1",
        "phone": "telephone1",
        "owner": "_ownerid_value",
        "is_active": "statecode",
        "updated_at": "modifiedon",
    },
)
"""Columns of ``account``; there is none for a NIT, every installation adds its own (here ``pl_nit``)."""

_STATE = "statecode"
_PLAIN = frozenset({"name", "code", "city", "country", "email", "phone", "currency"})


def client_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str) -> Client:
    """
    Make a client of an account; the country may be given by name.

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The country is none that we know, or the state is none.
    """
    columns = fields["Client"]
    values = own_values(row, "Client", fields, system)
    if isinstance(values.get("country"), str):
        values["country"] = _country(values["country"], columns)
    if isinstance(values.get("tax_id"), str):
        values["tax_id"] = TaxId.parse(values["tax_id"], _country_of(values))
    if "owner" in values:
        values["owner"] = ref_of(values["owner"], "User", system)
    if "is_active" in values and columns.columns["is_active"] == _STATE:
        values["is_active"] = _is_active(values["is_active"])
    return Client.model_validate(values)


def client_to_wire(
    entity: Client, fields: Collection[str], field_map: FieldMap, *, navigation: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """
    Return the body that writes these fields of a client; those without a column do not travel.

    Args:
        entity: The client.

        fields: What to write; times and ids are the server's.

        field_map: Columns of the installation.

        navigation: Navigation properties of lookups, where they differ from the column's name.

    Raises:
        RecordInvalidError: The owner is no user of this environment.
    """
    columns = field_map["Client"]
    body = dict(plain_columns(entity, _PLAIN & set(fields), columns))
    mapped = set(fields) & set(columns.columns)
    if "tax_id" in mapped:
        body[columns.columns["tax_id"]] = entity.tax_id.printed if entity.tax_id else None
    if "owner" in mapped and entity.owner is not None:
        body |= link(columns.columns["owner"], entity.owner, field_map, navigation or {})
    if "is_active" in mapped:
        column, on = columns.columns["is_active"], entity.is_active
        # always as a pair: alone, a state takes the first status of the list (update-delete-entities-using-web-api.md)
        body |= {_STATE: 0 if on else 1, "statuscode": 1 if on else 2} if column == _STATE else {column: on}
    if "custom" in fields:
        body |= {name: value for name, value in entity.custom.items() if name in columns.extra and name[:1] != "_"}
    return body


def _country(text: str, columns: KindMap) -> str:
    code = country_code(text)
    if code is None:
        msg = f"{columns.columns['country']}: not a country that we know"
        raise RecordInvalidError(msg, hint="write the ISO code of the country, such as CO")
    return code


def _country_of(values: Mapping[str, Any]) -> str:
    country = values.get("country", "CO")
    return country if isinstance(country, str) else "CO"


def _is_active(state: Any) -> bool:
    if isinstance(state, bool) or not isinstance(state, int) or state not in (0, 1):
        msg = f"{_STATE}: not a state of an account"
        raise RecordInvalidError(msg, hint="expected are 0 (active) and 1 (inactive)")
    return state == 0
