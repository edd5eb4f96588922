"""Stored SQL queries of the emulated company (``SQLQueries``), run on tables of the database with an allow list."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_call import Call
from periferia_link.testing.emulators._sap_columns import COLUMNS, LINE_TABLES
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_reads import page_size
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES, Table
from periferia_link.typing import Response

__all__ = ["Queries"]

_TABLE = re.compile(r"\b(?:from|join)\s+[\[\"]?(@?\w+)", re.IGNORECASE)
_DAY = re.compile(r"'(\d{4})-(\d{2})-(\d{2})'")
_PARAMETER = re.compile(r"(?<![\w:]):(\w+)")
_GIVEN = re.compile(r"(\w+)\s*=\s*(?:'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?))\s*(?:&|$)")


class Queries:
    """
    Stored queries.

    ``allowed`` are the tables of ``b1s_sqltable.conf``; ``excluded`` are columns that nobody reads, ``TABLE.column``.
    """

    def __init__(self, company: Company) -> None:
        self.company = company
        self.allowed = {*COLUMNS}
        self.excluded = {"OHEM.salary"}

    def create(self, table: Table, body: Mapping[str, Any], now: datetime) -> Record:
        """
        Store a query.

        Raises:
            RefusedError: 701 for text that is no query, 702 for a table and 703 for a column that may not be read.
        """
        self._must_run(body.get("SqlText"))
        return self.company.create(table, {**body, "ParamList": _names(body.get("SqlText"))}, now)

    def change(self, table: Table, record: Record, body: Mapping[str, Any], now: datetime) -> None:
        """Change a stored query; the same texts are refused."""
        body = dict(body)
        if "SqlText" in body:
            self._must_run(body["SqlText"])
            body["ParamList"] = _names(body["SqlText"])
        self.company.change(table, record, body, now)

    def page(self, call: Call, code: str) -> Response:
        """
        Answer one page of what a query finds.

        Raises:
            RefusedError: There is no such query, or 704: a parameter is missing or unknown.
        """
        record = self.company.find(TABLES["SQLQueries"], code)
        if record is None:
            raise Refusal.NOT_FOUND.error()
        given = {name: value for name, value in call.options.items() if not name.startswith("$")}
        named = given.pop("ParamList", None)  # the pages after a POST are read with GET (seen in public code)
        text = call.json().get("ParamList") if call.method == "POST" else named or _joined(given)
        rows = self._run(record["SqlText"], _parameters(str(text or "")))
        size, applied = page_size(call.headers, 20)
        skip = int(call.options.get("$skip", "0"))
        body: dict[str, Any] = dict(call.edition.context("SAPB1.SQLQueryResult"))
        body |= {"SqlText": record["SqlText"], "value": rows[skip : skip + size]}
        if skip + size < len(rows):
            link = "@odata.nextLink" if call.edition.is_v2 else "odata.nextLink"
            kept = _joined(given) if call.method == "GET" else ""
            body[link] = f"SQLQueries('{code}')/List?{kept}&$skip={skip + size}"
        return call.edition.answer(200, body, headers=applied)

    # ------------------------------------------------------------------ running

    def _must_run(self, text: object) -> None:
        names = _names(text)
        self._run(str(text), dict.fromkeys(names.split(",") if names else (), ""))

    def _run(self, text: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        if not text.lstrip().lower().startswith("select") or ";" in text:
            raise Refusal.SQL_SYNTAX.error()
        wanted = set(_names(text).split(",")) - {""}
        if wanted != set(parameters):
            raise Refusal.SQL_PARAMETER.error()
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.row_factory = sqlite3.Row
            for name in dict.fromkeys(found.upper() for found in _TABLE.findall(text)):
                if name not in self.allowed and name.removeprefix("@") not in self.company.books["UserTablesMD"]:
                    raise Refusal.SQL_TABLE.error(key=name)
                self._fill(connection, name)
            compact = {name: _compact(value) for name, value in parameters.items()}
            try:
                return [dict(row) for row in connection.execute(_DAY.sub(r"'\1\2\3'", text), compact)]
            except sqlite3.OperationalError as error:
                unknown = "no such column" in str(error)
                raise (Refusal.SQL_COLUMN if unknown else Refusal.SQL_SYNTAX).error() from None

    def _fill(self, connection: sqlite3.Connection, name: str) -> None:
        columns = self._columns(name)
        shown = {column: kept for column, kept in columns.items() if f"{name}.{column}" not in self.excluded}
        # text compares without case there, as SQL Server does
        kinds = ", ".join(f"[{column}] COLLATE NOCASE" for column in shown)
        connection.execute(f"CREATE TABLE [{name}] ({kinds})")
        places = ", ".join("?" for _ in shown)
        rows = ([_plain(row.get(kept)) for kept in shown.values()] for row in self._rows(name))
        connection.executemany(f"INSERT INTO [{name}] VALUES ({places})", rows)  # noqa: S608 - names from our tables

    def _columns(self, name: str) -> dict[str, str]:
        """Return columns of the database with the property that holds each, user fields among them."""
        known = COLUMNS.get(name, {"Code": "Code", "Name": "Name"})
        return {**known, **{field: field for field in sorted(self.company.user_fields.get(name, ()))}}

    def _rows(self, name: str) -> Iterable[Mapping[str, Any]]:
        books = self.company.books
        if name.startswith("@"):
            return books[f"U_{name[1:]}"].values()
        if name in LINE_TABLES:
            table, lines, key = LINE_TABLES[name]
            return ({**line, key: row[key]} for row in books[table].values() for line in row[lines])
        return next((books[table.name] for table in TABLES.values() if table.database == name), books[name]).values()


def _names(text: object) -> str:
    """Return the parameters of a query as ``ParamList`` lists them."""
    return ",".join(dict.fromkeys(_PARAMETER.findall(str(text))))


def _joined(options: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in options.items())


def _parameters(text: str) -> dict[str, object]:
    """Return the values of ``Code='C1'&Year=2026``."""
    found: dict[str, object] = {}
    place = 0
    while place < len(text):
        pair = _GIVEN.match(text, place)
        if pair is None:
            raise Refusal.SQL_PARAMETER.error()
        name, words, number = pair.groups()
        found[name] = float(number) if words is None else unquote_plus(words).replace("''", "'")
        place = pair.end()
    return found


def _compact(value: object) -> object:
    return _DAY.sub(r"\1\2\3", f"'{value}'").strip("'") if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """Return a value as a column holds it: days as ``20261121``, amounts as numbers."""
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return value.replace("-", "")
        if re.fullmatch(r"-?\d+\.\d+", value):
            return float(value)
        return {"tYES": "Y", "tNO": "N"}.get(value, value)
    return value if value is None or isinstance(value, (int, float)) else str(value)
