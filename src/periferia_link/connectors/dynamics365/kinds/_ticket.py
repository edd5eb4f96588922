"""Cases of the CRM as tickets; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.dynamics365.kinds._columns import named_choice, state_of
from periferia_link.connectors.dynamics365.kinds._fields import read_fields, written_fields
from periferia_link.connectors.dynamics365.kinds._labels import label_of
from periferia_link.connectors.dynamics365.kinds._links import TERMS, Terms
from periferia_link.connectors.dynamics365.kinds._maps import TICKET_COLUMNS
from periferia_link.domain import Ticket
from periferia_link.errors import RecordInvalidError

__all__ = ["TICKET_COLUMNS", "ticket_from_wire", "ticket_to_wire"]

_ENDED: Final = {"resolved": 1, "closed": 1, "cancelled": 2}
_BY_STATE: Final = {0: "in_progress", 1: "resolved", 2: "cancelled"}


def ticket_from_wire(row: Mapping[str, Any], fields: FieldMap, system: str, *, terms: Terms = TERMS) -> Ticket:
    """
    Make a ticket of a case; one of a person without company has that person as its contact.

    Raises:
        ValidationError: The row does not fit the model.
        RecordInvalidError: The state is none.
    """
    columns = fields["Ticket"]
    values = read_fields(Ticket, row, "Ticket", fields, system, terms=terms)
    if columns.columns.get("status") == "statecode":
        values["status"] = _status(row, columns)
    for name in ("raw_status", "raw_priority"):
        if name in values:
            values[name] = label_of(row, columns.columns[name])
    client = values.get("client")
    if getattr(client, "kind", None) == "Contact":
        del values["client"]
        values.setdefault("contact", client)
    return Ticket.model_validate(values)


def ticket_to_wire(
    entity: Ticket, fields: Collection[str], field_map: FieldMap, *, terms: Terms = TERMS
) -> dict[str, Any]:
    """
    Return the body that writes these fields of a ticket; those without a column do not travel.

    Args:
        entity: The ticket.

        fields: What to write.

        field_map: Columns of the installation.

        terms: Of the environment.

    Raises:
        RecordInvalidError: A link or word that the environment does not have.
    """
    columns = field_map["Ticket"]
    body = written_fields(
        entity, set(fields) - {"status", "raw_status", "raw_priority"}, "Ticket", field_map, terms=terms
    )
    column = columns.columns.get("status")
    if "status" in fields and column is not None:
        number = columns.choices["status"].get(entity.status)
        if number is None:
            msg = f"no status reason stands for {entity.status}"
            raise RecordInvalidError(msg, hint="give it a number under fields.Ticket.choices.status")
        body |= {column: number} if column != "statecode" else {
            "statecode": _ENDED.get(entity.status, 0), "statuscode": number
        }  # fmt: skip
    return body


def _status(row: Mapping[str, Any], columns: KindMap) -> str:
    state = state_of(row.get("statecode", 0), _BY_STATE, what="a case")
    word = named_choice(row.get("statuscode"), columns.choices["status"])
    # a status reason of the installation counts as what its state says
    return word if word is not None and _ENDED.get(word, 0) == row.get("statecode", 0) else state
