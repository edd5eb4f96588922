"""Business partners as clients; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timezone, tzinfo
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._columns import custom_columns, given_fields, texts
from periferia_link.connectors.sap_business_one.kinds._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import (
    checked_text,
    currency,
    etag,
    instant,
    is_yes,
    yes_no,
)
from periferia_link.domain import Client, Ref, TaxId

__all__ = ["client_from_wire", "client_to_wire"]


def client_from_wire(
    row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp", *, zone: tzinfo = timezone.utc
) -> Client:
    """
    Make a client of a business partner.

    Args:
        row: Columns of the field map, and DataVersion, UpdateDate and UpdateTime where they were read.

        fields: Columns of the installation.

        system: Instance name.

        zone: Where the wall clock of the server hangs.
    """
    columns = fields["Client"]
    given = given_fields(row, columns)
    country = str(given.pop("country", None) or "").upper()
    if len(country) == 2 and country.isalpha() and country.isascii():
        given["country"] = country
    if "tax_id" in given:
        given["tax_id"] = TaxId.parse(str(given["tax_id"]), given.get("country", "CO")) if given["tax_id"] else None
    if "currency" in given:
        given["currency"] = currency(given["currency"])
    if "is_active" in given:
        given["is_active"] = is_yes(given["is_active"])
    own = {
        "ref": Ref(system, "Client", str(row[columns.key])),
        "version": etag(row.get("DataVersion")),
        "updated_at": instant(row, zone),
        "custom": columns.custom(row),
    }
    return Client(**(texts(given, "code", "name", "city", "email", "phone") | own))


def client_to_wire(client: Client, names: frozenset[str], fields: FieldMap = SAP_FIELDS) -> dict[str, Any]:
    """
    Return the columns to send for the fields *names*; other fields never travel.

    Raises:
        RecordInvalidError: A value is longer than its column.
    """
    columns = fields["Client"]
    body = custom_columns(client.custom, names, columns)
    for name in sorted(names & columns.columns.keys()):
        value = getattr(client, name)
        if name == "is_active":
            body[columns.column(name)] = yes_no(value)
            if columns.column(name) == "Valid":
                body["Frozen"] = yes_no(not value)  # one radio button in SAP, two columns
        elif name == "tax_id":
            body[columns.column(name)] = checked_text("Client", name, value.printed if value else None)
        else:
            body[columns.column(name)] = checked_text("Client", name, value)
    return body
