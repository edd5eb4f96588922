"""Columns of the emulated Dataverse that the server fills: names, numbers of cases, sizes of notes, currencies."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._emulator import Record

__all__ = ["LOOKUP_TABLE", "check_required", "computed", "first_values"]

LOOKUP_TABLE = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_CASE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ0123456789"


def check_required(table: Table, row: Mapping[str, Any]) -> None:
    """
    Refuse what the server's own logic refuses; columns that only forms demand may be empty.

    Source: "You should specify a parent contact or account.", seen in several public test suites of the platform.

    Raises:
        DataverseRefused: 400, a case without a customer.
    """
    if table.logical == "incident" and row.get("_customerid_value") is None:
        raise DataverseRefused(400, "0x80040203", "You should specify a parent contact or account.")


def first_values(table: Table, key: str, count: int) -> Record:
    """
    Return what a new row gets when nobody says otherwise.

    Args:
        table: The table.

        key: Id of the new row.

        count: How many rows of the table were made so far.
    """
    if table.logical == "incident":
        number = int(key.replace("-", ""), 16)
        letters = "".join(_CASE_LETTERS[number // 31**place % len(_CASE_LETTERS)] for place in range(6))
        return {"ticketnumber": f"CAS-{1000 + count:05d}-{letters}", "prioritycode": 2, "caseorigincode": 1}
    if table.key == "activityid" and table.logical != "activitypointer":
        return {"activitytypecode": table.logical, "prioritycode": 1, "isregularactivity": True}
    if table.logical == "annotation":
        return {"isdocument": False}
    return {}


def computed(table: Table, row: Mapping[str, Any], currency: str) -> Record:
    """Return the columns that follow from others; *currency* is the one of the organisation."""
    made: Record = {}
    if table.logical in ("systemuser", "team"):
        made["ownerid"] = row[table.key]
    elif "fullname" in table.columns and any(part in row for part in ("firstname", "lastname")):
        parts = ("firstname", "middlename", "lastname")
        made["fullname"] = " ".join(row[part] for part in parts if row.get(part))
    if table.logical == "annotation":
        made |= _of_a_note(row)
    if "_transactioncurrencyid_value" not in row and any(row[name] is not None for name in table.money & row.keys()):
        made["_transactioncurrencyid_value"] = currency
    return made


def _of_a_note(row: Mapping[str, Any]) -> Record:
    made: Record = {}
    if "_objectid_value" in row:
        made["objecttypecode"] = row.get(f"_objectid_value{LOOKUP_TABLE}", "account")
    if (body := row.get("documentbody")) is not None:
        try:
            made |= {"filesize": len(base64.b64decode(body, validate=True)), "isdocument": True}
        except ValueError:
            msg = "The attachment is not a valid Base-64 string."
            raise DataverseRefused(400, "0x80040203", msg) from None
    return made
