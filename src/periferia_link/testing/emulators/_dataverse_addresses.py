"""Which record an address means: ``accounts(<guid>)``, ``accounts(accountnumber='A')``, ``/contacts(<guid>)``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from periferia_link.testing.emulators._dataverse_refusals import bad_query, not_found, not_found_by_key
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._odata_values import read_guid

__all__ = ["API", "Address", "locate", "reference", "segments"]

API = re.compile(r"/(?:[^/]+/)?api/data/v9(?:\.\d+){0,2}(?:/(?P<path>.*))?", re.DOTALL)
"""The service root: any 9.x version, with or without the organisation name of on-premises servers."""

_SEGMENT = re.compile(r"(?P<name>[\w.$]+)(?:\((?P<key>.*)\))?", re.DOTALL)
_PAIR = re.compile(r"(?P<name>\w+)=(?P<value>'(?:[^']|'')*'|[^',]+)")


class Address(NamedTuple):
    """
    A record, there or not: its id where the address gives one or the alternate key leads to one.

    ``alternate`` holds the key columns of an alternate key; ``segment`` is the address as the client wrote it.
    """

    table: Table
    key: str | None
    alternate: Mapping[str, Any]
    segment: str

    @property
    def refusal(self) -> Exception:
        """The answer when no record is there."""
        return not_found(self.table.logical, self.key) if self.key else not_found_by_key(self.table.logical)


def segments(path: str) -> list[str]:
    """Cut a decoded path at its slashes, but not at those inside a quoted key."""
    parts, quoted, start = [], False, 0
    for at, sign in enumerate(path):
        if sign == "'":
            quoted = not quoted
        elif sign == "/" and not quoted:
            parts.append(path[start:at])
            start = at + 1
    parts.append(path[start:])
    return [part for part in parts if part]


def split_segment(segment: str) -> tuple[str, str | None]:
    """Return the name and what stands in its parentheses."""
    found = _SEGMENT.fullmatch(segment)
    if found is None:
        raise _unknown_segment()
    return found["name"], found["key"]


def locate(rows: Rows, segment: str) -> Address | Table:
    """
    Read one segment as an entity set or as one record of it.

    Raises:
        DataverseRefused: 400, no such entity set or a key that the table does not have.
    """
    name, predicate = split_segment(segment)
    table = rows.schema.of_set(name)
    if table is None:
        raise _unknown_segment()
    if predicate is None:
        return table
    if (guid := read_guid(predicate)) is not None:
        return Address(table, str(guid), {}, segment)
    return _by_columns(rows, table, predicate, segment)


def reference(rows: Rows, text: str) -> Address:
    """
    Read the target of ``@odata.bind`` or ``@odata.id``: relative, absolute or with the whole URL.

    Raises:
        DataverseRefused: 400, it is not the address of a record.
    """
    path = unquote(urlsplit(text).path) if "://" in text else text
    inside = API.fullmatch(path)
    parts = segments(inside["path"] or "" if inside else path)
    found = locate(rows, parts[0]) if len(parts) == 1 else None
    if not isinstance(found, Address):
        raise _unknown_segment()
    return found


def _by_columns(rows: Rows, table: Table, predicate: str, segment: str) -> Address:
    values = dict(_pairs(table, predicate))
    if set(values) == {table.key}:
        guid = read_guid(str(values[table.key]))
        if guid is None or table.logical == "systemuser":
            raise _wrong_key(table)
        return Address(table, str(guid), {}, segment)
    if table.is_elastic and set(values) == {table.key, "partitionid"}:
        guid = read_guid(str(values[table.key]))
        if guid is None:
            raise _wrong_key(table)
        return Address(table, str(guid), {}, segment)
    if not any(set(values) == set(columns) for columns in table.alternate_keys.values()):
        raise _wrong_key(table)
    return Address(table, rows.find(table, values), values, segment)


def _pairs(table: Table, predicate: str) -> Iterator[tuple[str, Any]]:
    at = 0
    while at < len(predicate):
        found = _PAIR.match(predicate, at)
        if found is None or predicate[found.end() : found.end() + 1] not in ("", ","):
            raise _wrong_key(table)
        yield found["name"], _literal(table, found["name"], found["value"].strip())
        at = found.end() + 1


def _literal(table: Table, name: str, text: str) -> Any:
    column = table.readable(name)
    if column is None:
        raise _wrong_key(table)
    is_text = column.type in ("String", "Memo")
    if is_text is not text.startswith("'"):
        raise _wrong_key(table)
    if is_text:
        return text[1:-1].replace("''", "'")
    if column.type in ("Integer", "BigInt", "Picklist"):
        return int(text)
    return Decimal(text) if column.type in ("Decimal", "Double", "Money") else text.lower()


def _wrong_key(table: Table) -> Exception:
    return bad_query(
        f"The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{table.logical}'. Ensure that "
        "the names and number of key properties match the declared or alternate key properties for the resource "
        f"'Microsoft.Dynamics.CRM.{table.logical}'."
    )


def _unknown_segment() -> Exception:
    return bad_query(
        "URL was not parsed due to an ODataUnrecognizedPathException. Resource not found for the segment provided in "
        "the URL."
    )
