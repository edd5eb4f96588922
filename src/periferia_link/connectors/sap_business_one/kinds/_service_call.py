"""Service calls; pure. They name their client in CustomerCode, not CardCode."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timezone, tzinfo
from types import MappingProxyType
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._columns import (
    custom_columns,
    given_fields,
    texts,
    written_texts,
)
from periferia_link.connectors.sap_business_one.kinds._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import checked_text, instant
from periferia_link.domain import Ref, ServiceCall
from periferia_link.errors import RecordInvalidError

__all__ = ["service_call_from_wire", "service_call_to_wire"]

_WORDS: Mapping[str, str] = MappingProxyType({"scp_Low": "low", "scp_Medium": "normal", "scp_High": "high"})
_PRIORITIES: Mapping[str, str] = MappingProxyType({word: priority for priority, word in _WORDS.items()})


def service_call_from_wire(
    row: Mapping[str, Any], fields: FieldMap = SAP_FIELDS, system: str = "erp", *, zone: tzinfo = timezone.utc
) -> ServiceCall:
    """
    Make a service call of a row; a status that the field map has no word for is its number.

    Args:
        row: Columns of the field map and those of the moments.

        fields: Columns and statuses of the installation.

        system: Instance name.

        zone: Where the wall clock of the server hangs.
    """
    columns = fields["ServiceCall"]
    given = given_fields(row, columns)
    if "client" in given:
        given["client"] = Ref(system, "Client", str(given["client"])) if given["client"] else None
    if "priority" in given:
        given["priority"] = _WORDS.get(str(given["priority"]))
    if "status" in given:
        words = {number: word for word, number in reversed(tuple(columns.choices.get("status", {}).items()))}
        given["status"] = words.get(given["status"], given["status"])
    own = {
        "ref": Ref(system, "ServiceCall", str(row[columns.key])),
        "opened_at": instant(row, zone, "CreationDate", "CreationTime"),
        "closed_at": instant(row, zone, "ClosingDate", "ClosingTime"),
        "updated_at": instant(row, zone, "UpdateDate", "UpdatedTime"),
        "custom": columns.custom(row),
    }
    plain = texts(given, "number", "subject", "status", "description", "resolution", "project", "external_ref")
    return ServiceCall(**(plain | own))


def service_call_to_wire(call: ServiceCall, names: frozenset[str], fields: FieldMap = SAP_FIELDS) -> dict[str, Any]:
    """
    Return the columns to send for the fields *names*; SAP numbers calls and keeps their moments itself.

    Args:
        call: The case.

        names: Fields to send.

        fields: Columns and statuses of the installation.

    Raises:
        RecordInvalidError: A value does not fit its column, or no status has that word.
    """
    columns = fields["ServiceCall"]
    body = custom_columns(call.custom, names, columns)
    long = names & columns.columns.keys() & {"description", "resolution"}
    body |= {columns.column(name): getattr(call, name) for name in long}  # memo columns take line breaks
    body |= written_texts(
        "ServiceCall", call, names - long - {"number", "client", "status", "priority", "custom"}, columns
    )
    for name in sorted(names & columns.columns.keys() & {"client", "status", "priority"}):
        column, value = columns.column(name), getattr(call, name)
        if name == "client":
            body[column] = checked_text("ServiceCall", name, value.id if value is not None else None)
        elif name == "priority":
            body[column] = _PRIORITIES[value] if value is not None else None
        elif value is not None:
            body[column] = _status(value, columns.choices.get("status", {}))
    return body


def _status(word: str, numbers: Mapping[str, int]) -> int:
    if word in numbers:
        return numbers[word]
    if word.removeprefix("-").isdigit():
        return int(word)
    msg = f"no status of service calls stands for {word}"
    raise RecordInvalidError(msg, hint="give it a number under fields.ServiceCall.choices.status")
