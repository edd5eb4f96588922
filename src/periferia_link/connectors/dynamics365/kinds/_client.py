"""Accounts of the CRM as clients; pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.dynamics365.kinds._columns import (
    ETAG,
    custom_columns,
    named,
    plain_writer,
    ref_of,
    state_of,
)
from periferia_link.connectors.dynamics365.kinds._countries import country_code
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms, bind
from periferia_link.connectors.dynamics365.kinds._maps import CLIENT_COLUMNS
from periferia_link.domain import Client, TaxId
from periferia_link.errors import RecordInvalidError

__all__ = ["CLIENT_COLUMNS", "client_from_wire", "client_reader", "client_to_wire", "client_writer"]

_STATE = "statecode"
_STATES = {0: "active", 1: "inactive"}
_PLAIN = frozenset({"name", "code", "city", "country", "email", "phone", "currency"})
_OTHERS = frozenset({"tax_id", "owner", "is_active"})


def client_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Client:
    """
    Make a client of an account; the country may be given by name.

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The country is none that we know, or the state is none.
    """
    return client_reader(fields, system, terms=terms)(row)


def client_reader(fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Callable[[Mapping[str, Any]], Client]:
    """
    Return :func:`client_from_wire` for many rows: what does not change from row to row is looked up once.

    Args:
        fields: Columns of the installation.

        system: Instance name.

        terms: Of the environment.
    """
    del terms
    columns = fields["Client"]
    mapped, extra, key = tuple(columns.columns.items()), columns.extra, columns.key
    has_state = columns.columns.get("is_active") == _STATE
    Client.model_rebuild()  # its validator is made when it is first used
    validate = Client.__pydantic_validator__.validate_python

    def read(row: Mapping[str, Any]) -> Client:
        found = row.get
        values = {name: value for name, column in mapped if (value := found(column)) is not None and value != ""}
        country = values.get("country", "CO")
        if isinstance(country, str) and "country" in values:
            values["country"] = country = _country(country, columns)
        if isinstance(values.get("tax_id"), str):
            values["tax_id"] = TaxId.parse(values["tax_id"], country if isinstance(country, str) else "CO")
        if "owner" in values:
            values["owner"] = ref_of(values["owner"], "User", system)
        if has_state and "is_active" in values:
            values["is_active"] = state_of(values["is_active"], _STATES, what="an account") == "active"
        values["ref"] = named(system, "Client", found(key))
        values["version"] = found(ETAG)
        if extra:
            values["custom"] = columns.custom(row)
        client: Client = validate(values)
        return client

    return read


def client_to_wire(
    entity: Client, fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS
) -> dict[str, Any]:
    """
    Return the body that writes these fields of a client; those without a column do not travel.

    Args:
        entity: The client.

        fields: What to write; times and ids are the server's.

        field_map: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: The owner is no user of this environment.
    """
    return client_writer(fields, field_map, terms=terms)(entity)


def client_writer(
    fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS
) -> Callable[[Client], dict[str, Any]]:
    """
    Return :func:`client_to_wire` for many clients: what does not change from one to the next is looked up once.

    Args:
        fields: What to write; times and ids are the server's.

        field_map: Columns of the installation.

        terms: Of the environment.
    """
    columns = field_map["Client"]
    plain, mapped = plain_writer(_PLAIN.intersection(fields), columns), columns.columns
    others, has_custom = _OTHERS.intersection(fields).intersection(mapped), "custom" in fields

    def write(entity: Client) -> dict[str, Any]:
        body = plain(entity)
        if "tax_id" in others:
            body[mapped["tax_id"]] = entity.tax_id.printed if entity.tax_id else None
        if "owner" in others and entity.owner is not None:
            body |= bind(mapped["owner"], entity.owner, field_map, terms, table=columns.table)
        if "is_active" in others:
            column, on = mapped["is_active"], entity.is_active
            # always as a pair: alone, a state takes the first status of the list, as
            # update-delete-entities-using-web-api.md says
            body |= {_STATE: 0 if on else 1, "statuscode": 1 if on else 2} if column == _STATE else {column: on}
        if has_custom:
            body |= custom_columns(entity, columns)
        return body

    return write


_code_of = functools.lru_cache(1024)(country_code)


def _country(text: str, columns: KindMap) -> str:
    code = _code_of(text)
    if code is None:
        msg = f"{columns.columns['country']}: not a country that we know"
        raise RecordInvalidError(msg, hint="write the ISO code of the country, such as CO")
    return code
