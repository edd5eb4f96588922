"""How the emulated company gets tables, fields and keys of its own; the Service Layer sees them after a restart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import Table

__all__ = ["customized"]

_DATABASE = re.compile(r"[A-Z0-9]{3,8}")
_NAME = re.compile(r"\w+", re.ASCII)
_WIDEST = 254


def customized(company: Company, table: Table, body: Mapping[str, Any], now: datetime) -> Record:
    """
    Add a user table, a field or a key.

    Raises:
        RefusedError: -2035, it is there already; -2028, its table is not; -5002, a name or a size that cannot be.
    """
    checked = company.checked(table, body)
    if table.name == "UserTablesMD":
        _must_be_name(checked.get("TableName"), "TableName")
        return company.create(table, body, now)
    home = str(checked.get("TableName") or "")
    known = company.books["UserTablesMD"]
    if not (home[1:] in known if home.startswith("@") else _DATABASE.fullmatch(home)):
        raise Refusal.REFERENCE.error()
    name = "Name" if table.name == "UserFieldsMD" else "KeyName"
    _must_be_name(checked.get(name), name)
    there = [row for row in company.books[table.name].values() if row["TableName"] == home]
    if any(row[name] == checked[name] for row in there):
        raise Refusal.EXISTS.error()
    if name == "KeyName":
        _must_have_columns(company, home, checked)
    elif checked.get("Type", "db_Alpha") == "db_Alpha" and int(checked.get("Size") or 1) > _WIDEST:
        raise Refusal.VALUE.error(value=checked["Size"], name="Size")
    if name == "Name" and checked.get("Size") and not checked.get("EditSize"):
        body = {**body, "EditSize": checked["Size"]}
    record = company.create(table, body, now)
    company.uniques.forget()
    return record


def _must_be_name(name: object, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refusal.VALUE.error(value=name, name=where)


def _must_have_columns(company: Company, home: str, key: Record) -> None:
    """Refuse a key over fields that the table lacks (the database knows them before the Service Layer does)."""
    fields = {row["Name"] for row in company.books["UserFieldsMD"].values() if row["TableName"] == home}
    columns = [line.get("ColumnAlias") or "" for line in key.get("UserKeysMD_Elements") or []]
    if not columns or any(column.removeprefix("U_") not in fields for column in columns):
        raise Refusal.REFERENCE.error()
