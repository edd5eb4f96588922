"""Contacts of the CRM; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.dynamics365.kinds._columns import state_of
from periferia_link.connectors.dynamics365.kinds._fields import read_fields, written_fields
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.connectors.dynamics365.kinds._maps import CONTACT_COLUMNS
from periferia_link.domain import Contact

__all__ = ["CONTACT_COLUMNS", "contact_from_wire", "contact_to_wire", "name_columns"]

_STATES = {0: "active", 1: "inactive"}


def contact_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Contact:
    """
    Make a contact of a row.

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The state is none.
    """
    values = read_fields(Contact, row, "Contact", fields, system, terms=terms)
    if "is_active" in values and fields["Contact"].columns["is_active"] == "statecode":
        values["is_active"] = state_of(values["is_active"], _STATES, what="a contact") == "active"
    return Contact.model_validate(values)


def contact_to_wire(
    entity: Contact, fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS
) -> dict[str, Any]:
    """
    Return the body that writes these fields of a contact; those without a column do not travel.

    Args:
        entity: The contact.

        fields: What to write.

        field_map: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: A link leads to no record of this environment.
    """
    columns = field_map["Contact"].columns
    body = written_fields(entity, fields, "Contact", field_map, terms=terms)
    if "name" in fields and columns.get("name") == "fullname":
        body |= name_columns(entity.name)
    if "is_active" in fields and columns.get("is_active") == "statecode":
        body |= {"statecode": 0, "statuscode": 1} if entity.is_active else {"statecode": 1, "statuscode": 2}
    return body


def name_columns(name: str | None) -> dict[str, str | None]:
    """
    Split a person's name into first and last name, of which the server makes the full name again.

    Two words are one and one; of more, the last two are family names as people of the region have them.
    """
    words = (name or "").split()
    given = max(1, len(words) - 2) if len(words) > 1 else 0
    return {"firstname": " ".join(words[:given]) or None, "lastname": " ".join(words[given:]) or None}
