"""Sales opportunities; pure. Amounts are in the currency of the books."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timezone, tzinfo
from types import MappingProxyType
from typing import Any

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds._columns import custom_columns, given_fields, written_texts
from periferia_link.connectors.sap_business_one.kinds._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one.kinds._values import amount, checked_amount, checked_text, day, instant
from periferia_link.domain import Money, Opportunity, Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["opportunity_from_wire", "opportunity_to_wire"]

_WORDS: Mapping[str, str] = MappingProxyType({"sos_Open": "open", "sos_Sold": "won", "sos_Missed": "lost"})
_STATES: Mapping[str, str] = MappingProxyType({word: state for state, word in _WORDS.items()})


def opportunity_from_wire(
    row: Mapping[str, Any],
    fields: FieldMap = SAP_FIELDS,
    system: str = "erp",
    *,
    zone: tzinfo = timezone.utc,
    house_currency: str = "COP",
) -> Opportunity:
    """
    Make an opportunity of a row.

    Args:
        row: Columns of the field map, UpdateDate and UpdateTime.

        fields: Columns of the installation.

        system: Instance name.

        zone: Where the wall clock of the server hangs.

        house_currency: Currency of the books.

    Raises:
        RecordInvalidError: The state is none that SAP has.
    """
    columns = fields["Opportunity"]
    given = given_fields(row, columns)
    key = str(row[columns.key])
    for name in ("closes_on", "closed_on"):
        if name in given:
            given[name] = day(given[name])
    if "state" in given:
        state = _WORDS.get(str(given["state"]))
        if state is None:
            msg = "the state of the opportunity is none of open, sold and missed"
            raise RecordInvalidError(msg, hint="compare the field map with the company")
        given["state"] = state
    for name, kind in (("client", "Client"), ("owner", "Employee")):
        if name in given:
            given[name] = Ref(system, kind, str(given[name])) if given[name] not in (None, "", -1, 0) else None
    if "value" in given:
        given["value"] = None if given["value"] is None else Money.of(amount(given["value"]), house_currency)
    if given.get("number") is not None:
        given["number"] = str(given["number"])
    given["name"] = given.get("name") or f"#{key}"
    own = {
        "ref": Ref(system, "Opportunity", key),
        "updated_at": instant(row, zone),
        "custom": columns.custom(row),
    }
    return Opportunity(**(given | own))


def opportunity_to_wire(
    opportunity: Opportunity,
    names: frozenset[str],
    fields: FieldMap = SAP_FIELDS,
    *,
    house_currency: str = "COP",
    decimals: int = 2,
) -> dict[str, Any]:
    """
    Return the columns to send for the fields *names*; SAP numbers opportunities itself.

    Args:
        opportunity: The sale.

        names: Fields to send.

        fields: Columns of the installation.

        house_currency: Currency of the books: amounts in another one are refused.

        decimals: Decimals that the books keep.

    Raises:
        RecordInvalidError: A value does not fit its column, or its amount is in another currency.
    """
    columns = fields["Opportunity"]
    body = custom_columns(opportunity.custom, names, columns)
    body |= written_texts(
        "Opportunity", opportunity, names - {"number", "state", "client", "owner", "value", "custom"}, columns
    )
    for name in sorted(names & columns.columns.keys() & {"state", "client", "owner", "value"}):
        column, value = columns.column(name), getattr(opportunity, name)
        if name == "state":
            body[column] = _STATES[value]
        elif name == "value":
            body[column] = None if value is None else _local(value, house_currency, decimals)
        elif name == "owner":
            body[column] = int(value.id) if value is not None and value.id.isdigit() else None
        else:
            body[column] = checked_text("Opportunity", name, value.id if value is not None else None)
    return body


def _local(value: Money, house_currency: str, decimals: int) -> Any:
    if value.currency != house_currency:
        msg = f"the amount is in {value.currency}, SAP keeps opportunities in {house_currency}"
        raise RecordInvalidError(msg, hint="convert it in the flow, with the rate of the day")
    return checked_amount(value.amount, decimals, where="value")
