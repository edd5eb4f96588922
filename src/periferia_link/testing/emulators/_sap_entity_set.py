"""What an entity set of the emulated Service Layer is: key, fields with their kinds and lengths, methods, actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from periferia_link.testing.emulators._sap_refusals import Refusal

__all__ = ["STAMPS", "STAMP_DATES", "STAMP_NAMES", "YES_NO", "Lines", "Table", "none"]

YES_NO = {"Y": "tYES", "N": "tNO"}


@dataclass(frozen=True, slots=True)
class Lines:
    """A collection inside a record; a PATCH merges its rows by ``key``."""

    entity: str
    key: str
    defaults: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """
    One entity set.

    ``entity`` is its name in messages, ``database`` the table that user fields hang on (and those that it ``shares``
    them with), ``defaults`` every field with the value of a record that does not say. ``enums`` map stored values to
    member names: both are understood. ``required`` are the fields that a new record must give.
    ``references`` name the set that a field points into. ``has_etag``: on SAP's list of objects with optimistic
    concurrency. ``stamps`` are the fields of day and time of creation, day and time of the last change ("" where the
    object has none). ``taken`` is the refusal of a second record with one key. ``verbs`` are the methods that the
    object allows; ``actions`` its bound actions with what they set.
    """

    name: str
    entity: str
    key: str
    database: str = ""
    shares: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    dates: frozenset[str] = frozenset()
    amounts: frozenset[str] = frozenset()
    enums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lines: Mapping[str, Lines] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    actions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verbs: frozenset[str] = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
    has_numeric_key: bool = False
    has_etag: bool = False
    stamps: tuple[str, ...] = ()
    taken: Refusal = Refusal.EXISTS

    def key_of(self, record: Mapping[str, Any]) -> str:
        """Return the key as it stands in the books."""
        if "," in self.key:
            table, number = self.key.split(",")
            return f"{table}='{record[table]}',{number}={record[number]}"
        return str(record[self.key])

    def literal(self, key: str) -> str:
        """Return the key as it stands in an address: ``('C1')``, ``(7)``, ``(TableName='OJDT',FieldID=0)``."""
        if self.has_numeric_key or "," in self.key:
            return f"({key})"
        return "('" + key.replace("'", "''") + "')"


STAMP_NAMES = ("CreateDate", "CreateTime", "UpdateDate", "UpdateTime")
STAMPS: dict[str, Any] = {"CreateDate": None, "CreateTime": None, "UpdateDate": None, "UpdateTime": None}
STAMP_DATES = frozenset({"CreateDate", "UpdateDate"})


def none(names: str) -> dict[str, Any]:
    """Return fields that are null unless a record says otherwise."""
    return dict.fromkeys(names.split())
