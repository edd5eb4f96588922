"""What every kind needs: whose books, which columns, how to read; and the shape of a kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc._fields import Books
from periferia_link.connectors.sap_rfc._limits import Limits
from periferia_link.connectors.sap_rfc._tables import Tables, equals
from periferia_link.connectors.sap_rfc._unit_of_work import Step
from periferia_link.domain import Entity, Ref
from periferia_link.errors import ContractBrokenError

__all__ = ["Company", "Found", "Kind", "Record"]

Record: TypeAlias = dict[str, Any]
"""What SAP told about one record: JSON can say it."""


class Found(NamedTuple):
    """A record that answers a question, and which one."""

    key: str
    record: Record
    match: str


@dataclass(slots=True)
class Company:
    """
    One company code behind one connection: what the kinds share.

    ``read`` calls a function that changes nothing.
    """

    name: str
    books: Books
    fields: FieldMap
    limits: Limits
    tables: Tables
    read: Callable[[str, Mapping[str, Any]], dict[str, Any]]
    _decimals: dict[str, int] | None = None
    _currency: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def columns(self, kind: str) -> KindMap:
        """Return the columns of a kind."""
        return self.fields[kind]

    def ref(self, kind: str, key: str) -> Ref:
        """Return the reference of a record."""
        return Ref(self.name, kind, key)

    def currency(self) -> str:
        """
        Return the currency of the books, as the company code has it.

        Raises:
            ConnectorError: The table cannot be read, or the company code is not there.
        """
        if self._currency is None:
            rows = self.tables.rows("T001", ["WAERS"], [equals("BUKRS", self.books.company_code)])
            if not rows:
                msg = f"there is no company code {self.books.company_code}"
                raise ContractBrokenError(msg, hint="correct company_code in the options", system=self.name)
            self._currency = rows[0]["WAERS"]
        return self._currency

    def decimals_of(self, currency: str) -> int:
        """
        Return the decimals that SAP keeps for a currency: TCURX names those that have not two.

        Raises:
            ConnectorError: The table cannot be read.
        """
        if currency in self.books.decimals:
            return self.books.decimals[currency]
        with self._lock:
            if self._decimals is None:
                rows = self.tables.rows("TCURX", ["CURRKEY", "CURRDEC"])
                self._decimals = {row["CURRKEY"]: int(row["CURRDEC"] or 2) for row in rows}
            return self._decimals.get(currency, 2)


class Kind(Protocol):
    """One kind over RFC; every method may raise a ``ConnectorError``."""

    def keys(self) -> list[str]:
        """Return the keys of all records, in order."""
        ...

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the records that there are."""
        ...

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Return the records that answer, by ``create_key`` or a natural key."""
        ...

    def entity(self, key: str, record: Record) -> Entity:
        """Make the entity of a record; pure."""
        ...

    def step(self, write: Write) -> Step | Ref:
        """Return what to do for a write; a reference where it is done already."""
        ...
