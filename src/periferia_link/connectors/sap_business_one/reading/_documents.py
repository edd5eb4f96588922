"""Invoices and their drafts: one record in two tables, found by the key that both carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Page, Row
from periferia_link.connectors.sap_business_one._refusals import NO_SUCH_SET
from periferia_link.connectors.sap_business_one.kinds import DRAFTS, KEY_FIELD, MARKER_TABLE, TRAITS
from periferia_link.connectors.sap_business_one.kinds._document import DRAFT, invoice_key, version_of
from periferia_link.connectors.sap_business_one.kinds._values import is_searchable
from periferia_link.connectors.sap_business_one.reading._pages import Reads, Record
from periferia_link.errors import ContractBrokenError
from periferia_link.transport._json import remade

__all__ = ["Documents"]

_NUMBER = "DocEntry"
_INVOICE_CODES = frozenset({"oInvoices", "13"})
_IS_NO_CANCELLATION = "CancelStatus ne 'csCancellation'"
_IS_OPEN = "DocumentStatus eq 'bost_Open'"  # booked, a draft is closed, and the invoice stands for it
_NAMED = re.compile(r"(draft|invoice)-(\d{1,18})")


class Documents:
    """
    Reads invoices and the drafts that are to become some.

    An invoice stands for the draft that it was made of. Drafts of other documents, closed drafts and the second
    document that a cancellation makes are left out.
    """

    def __init__(self, reads: Reads, fields: FieldMap, *, has_markers: bool) -> None:
        self._reads = reads
        self._table = fields["Invoice"].table
        self._has_markers = has_markers
        self._select = list(dict.fromkeys([_NUMBER, *fields["Invoice"].select, *TRAITS["Invoice"].also]))

    def pull(self) -> Iterator[Page]:
        """List the invoices that carry our key, then the drafts; one record for each key."""
        seen: set[str] = set()
        for table, where in (
            (self._table, (TRAITS["Invoice"].filter,)),
            (DRAFTS, (f"{KEY_FIELD} gt ''", _IS_OPEN)),
        ):
            for records, is_last in self._reads.pages(table, _NUMBER, select=self._columns(table), where=where):
                rows = []
                for record in self._kept(table, records):
                    row = self.row(record)
                    if row.key not in seen:
                        seen.add(row.key)
                        rows.append(row)
                if rows or (is_last and table == DRAFTS):
                    yield Page(rows, is_last=is_last and table == DRAFTS, is_scan=True)

    def get(self, ids: Iterable[str]) -> list[Row]:
        """Read documents by id."""
        return [self.row(record) for record in self.located(ids).values()]

    def located(self, ids: Iterable[str]) -> dict[str, Record]:
        """Return the rows of documents by id: their number, their table and their state; absent ones are left out."""
        ids = list(dict.fromkeys(ids))
        numbers: dict[str, list[int]] = {"invoice": [], "draft": []}
        keys = []
        for name in ids:
            told = _NAMED.fullmatch(name)
            if told is not None:
                numbers[told[1]].append(int(told[2]))
            elif is_searchable(name):
                keys.append(name)
        rows = self._matching(self._table, KEY_FIELD, keys) if keys else []
        missing = [key for key in keys if key not in {invoice_key(row) for row in rows}]
        rows += self._matching(DRAFTS, KEY_FIELD, missing) if missing else []
        for kind, table in (("invoice", self._table), ("draft", DRAFTS)):
            if numbers[kind]:
                rows += self._matching(table, _NUMBER, numbers[kind])
        found: dict[str, Record] = {}
        for row in rows:
            for name in (invoice_key(row), f"{'draft' if row.get(DRAFT) else 'invoice'}-{row[_NUMBER]}"):
                if name in ids:
                    found.setdefault(name, row)  # of copies that people made the first counts
        return found

    def find(self, column: str, values: Sequence[str]) -> list[Record]:
        """Read documents by a column, drafts as well; SAP numbers drafts apart, so only invoices have that number."""
        asked: list[str | int] = [value for value in values if is_searchable(value)]
        if column == "DocNum":
            asked = [int(value) for value in values if value.isascii() and value.isdigit()]
        if not asked:
            return []
        rows = self._matching(self._table, column, asked)
        keys = {invoice_key(row) for row in rows}
        drafts = [] if column == "DocNum" else self._matching(DRAFTS, column, asked)
        return [*rows, *(row for row in drafts if invoice_key(row) not in keys)]

    def created(self, keys: Sequence[str]) -> list[Row]:
        """Find what was made with our keys; a marker without a document tells that people deleted the document."""
        found = self.located(keys)
        rows = [self.row(record, match=key) for key, record in found.items()]
        return rows + self.deleted([key for key in keys if key not in found and is_searchable(key)])

    def deleted(self, keys: Sequence[str]) -> list[Row]:
        """Return a row for each of our keys that has a marker: the record was made, and nobody finds it any more."""
        if not keys or not self._has_markers:
            return []
        codes = {key.replace("-", ""): key for key in keys}
        try:
            markers = self._reads.matching(MARKER_TABLE, "Code", column="Code", values=codes, select=["Code"])
        except ContractBrokenError as exc:
            if exc.code in NO_SUCH_SET:
                return []
            raise
        told = "it was made, and is not there any more: delete the row {} of U_PL_SYNC to have it made again"
        return [
            Row(codes[code], None, marker, codes[code], told.format(code))
            for marker in markers
            if (code := str(marker["Code"])) in codes
        ]

    def markers(self, keys: Iterable[str]) -> frozenset[str]:
        """Return which of our keys have a marker row."""
        if not self._has_markers:
            return frozenset()
        return frozenset(row.key for row in self.deleted([key for key in keys if is_searchable(key)]))

    def _matching(self, table: str, column: str, values: Iterable[str | int]) -> list[Record]:
        where = (_IS_OPEN,) if table == DRAFTS else (_IS_NO_CANCELLATION,)
        records = self._reads.matching(
            table, _NUMBER, column=column, values=values, select=self._columns(table), where=where
        )
        return self._kept(table, records)

    def _columns(self, table: str) -> list[str]:
        return [*self._select, "DocObjectCode"] if table == DRAFTS else self._select

    def _kept(self, table: str, records: Iterable[Record]) -> list[Record]:
        if table != DRAFTS:
            return list(records)
        return [
            remade(record | {DRAFT: True}, record)
            for record in records
            if str(record.get("DocObjectCode")) in _INVOICE_CODES
        ]

    def row(self, record: Record, match: str | None = None) -> Row:
        """Return the row of a document."""
        return Row(invoice_key(record), version_of(record), record, match)
