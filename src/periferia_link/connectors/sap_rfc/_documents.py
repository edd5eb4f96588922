"""
Documents of FI (BKPF with BSEG): posted, taken back, read back by our key.

Reading back needs a search, and no BAPI of accounting has one: BKPF is asked by company code and reference number,
which is an index of the table (BKPF~1 with BUKRS, BSTAT, XBLNR). Nothing in SAP refuses a second document with the
same reference (measured on mock-sap, documented for all but vendor invoices): so the guard is a marker, and a lost
commit is waited for before it is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc._company import Company, Found, Record
from periferia_link.connectors.sap_rfc._postings import HEADER_CHARACTERS, posting_to_wire
from periferia_link.connectors.sap_rfc._tables import Row, equals
from periferia_link.connectors.sap_rfc._unit_of_work import Step
from periferia_link.connectors.sap_rfc._values import (
    KEY_PREFIX,
    day_of,
    decimal_of,
    inner,
    on_day,
    outer,
    shifted,
    short_key,
)
from periferia_link.domain import CostEntry, CostLine, Ref
from periferia_link.errors import ConfigurationError, RecordNotFoundError

__all__ = ["Documents"]

_HEADER = ("BUKRS", "BELNR", "GJAHR", "XBLNR", "BUDAT", "WAERS", "HWAER", "BKTXT", "STBLG", "XREVERSAL")
_ITEM = ("BELNR", "GJAHR", "BUZEI", "SHKZG", "WRBTR", "DMBTR", "HKONT", "KOSTL", "AUFNR", "SGTXT", "ZUONR")
_OURS = re.compile(rf"{KEY_PREFIX}[A-Z2-7]{{14}}")
_OBJECT_KEY = re.compile(r"[0-9A-Z]{10}.{4}\d{4}")
_REVERSAL = re.compile(r"cancel(?::(?P<on>\d{4}-\d{2}-\d{2}))?")
_STORNO = "2"  # XREVERSAL of the document that takes another one back


class Documents:
    """Cost entries: those that carry a key of ours are listed, every document is read by its number."""

    def __init__(self, company: Company) -> None:
        self._company = company

    # ------------------------------------------------------------------ reading

    def keys(self) -> list[str]:
        """Return the documents with a key of ours; those that take others back carry it too and do not count."""
        rows = self._headers(("BELNR", "BUKRS", "GJAHR", "XBLNR", "XREVERSAL"), [f"XBLNR LIKE '{KEY_PREFIX}%'"])
        return sorted(_key(row) for row in rows if _OURS.fullmatch(row["XBLNR"]) and _counts(row))

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the documents that there are."""
        asked = set(keys)  # a key of another form is asked for by its beginning, and found nowhere
        numbers = sorted({number for key in asked if (number := inner(key[:10], 10))})
        rows = self._company.tables.matching(self._table, _HEADER, "BELNR", numbers, self._mine)
        return self._with_items([row for row in rows if _key(row) in asked])

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Return the documents that were posted with these keys."""
        assert field == "create_key"  # noqa: S101 - the connector lets no other through
        short = {short_key(value): value for value in values}
        rows = self._company.tables.matching(self._table, _HEADER, "XBLNR", list(short), self._mine)
        ours = [row for row in rows if row["XBLNR"] in short and _counts(row)]
        return [Found(key, record, short[record["header"]["XBLNR"]]) for key, record in self._with_items(ours)]

    @property
    def _code(self) -> str:
        return self._company.books.company_code

    @property
    def _table(self) -> str:
        return self._company.columns("CostEntry").table

    @property
    def _mine(self) -> list[str]:
        return [equals("BUKRS", self._code)]

    def _headers(self, columns: Sequence[str], where: Sequence[str]) -> list[Row]:
        return self._company.tables.rows(self._table, columns, [*self._mine, *where])

    def _with_items(self, headers: Sequence[Row]) -> list[tuple[str, Record]]:
        years: dict[str, list[Row]] = {}
        for header in headers:
            years.setdefault(header["GJAHR"], []).append(header)
        items: dict[tuple[str, str], list[Row]] = {}
        for year, some in years.items():
            where = [*self._mine, equals("GJAHR", year)]
            numbers = [header["BELNR"] for header in some]
            for row in self._company.tables.matching("BSEG", _ITEM, "BELNR", numbers, where):
                items.setdefault((row["BELNR"], row["GJAHR"]), []).append(row)
        return [(_key(header), self._record(header, items)) for header in headers]

    def _record(self, header: Row, items: dict[tuple[str, str], list[Row]]) -> Record:
        lines = sorted(items.get((header["BELNR"], header["GJAHR"]), ()), key=lambda row: row["BUZEI"])
        decimals = {name: self._company.decimals_of(name) for name in {header["WAERS"], header["HWAER"]} if name}
        return {"header": header, "items": lines, "decimals": decimals}

    def entity(self, key: str, record: Record) -> CostEntry:
        """Make a cost entry of header and items."""
        header, decimals = record["header"], record["decimals"]
        currency, local = header["WAERS"], header["HWAER"]
        is_foreign = bool(local) and local != currency
        lines = tuple(
            _line(item, decimals[currency], decimals[local] if is_foreign else None) for item in record["items"]
        )
        given: dict[str, Any] = {
            "memo": _memo(header["BKTXT"], record["items"]),
            "reference": next((item["ZUONR"] for item in record["items"] if item["ZUONR"]), None),
            "local_currency": local if is_foreign else None,
            "is_cancelled": bool(outer(header["STBLG"])) or None,
        }
        return CostEntry(
            ref=self._company.ref("CostEntry", key),
            posted_on=on_day(header["BUDAT"]),
            currency=currency,
            company=header["BUKRS"],
            lines=lines,
            **{name: value for name, value in given.items() if value is not None},
        )

    # ------------------------------------------------------------------ writing

    def step(self, write: Write) -> Step | Ref:
        """Return how to post, or how to take back."""
        if write.mode == "action":
            return self._reversal(write)
        entry, company = write.entity, self._company
        assert isinstance(entry, CostEntry)  # noqa: S101 - the connector has looked
        return Step(
            what="create CostEntry",
            function="BAPI_ACC_DOCUMENT_POST",
            parameters=posting_to_wire(entry, write.create_key, company.books, company.limits, company.decimals_of),
            key_of=lambda answer: _object_key(answer.get("OBJ_KEY")),
            ref_of=lambda key: company.ref("CostEntry", key),
            check="BAPI_ACC_DOCUMENT_CHECK" if company.books.is_checked else None,
            period=f"{entry.posted_on:%Y-%m}",
        )

    def _reversal(self, write: Write) -> Step | Ref:
        found = _REVERSAL.fullmatch(write.action or "")
        if found is None or write.ref is None:
            msg = f"{self._company.name} has no action {write.action} of a CostEntry"
            raise ConfigurationError(msg, hint="it has cancel, or cancel:2026-11-30 with the day of the reversal")
        ref = write.ref
        there = self.read([ref.id])
        if not there:
            msg = f"there is no document {ref.id}"
            raise RecordNotFoundError(msg, hint="was it archived, or posted in another company code?", ref=ref)
        if outer(there[0][1]["header"]["STBLG"]):
            return ref  # somebody has taken it back already
        on = date.fromisoformat(found["on"]) if found["on"] else day_of(there[0][1]["header"]["BUDAT"])
        books = self._company.books
        values = {
            "OBJ_TYPE": "BKPFF",
            "OBJ_KEY": ref.id,
            "OBJ_KEY_R": ref.id,
            "PSTNG_DATE": on,
            "COMP_CODE": books.company_code,
            "REASON_REV": books.reversal_reason,
        }
        return Step(
            what="cancel CostEntry",
            function="BAPI_ACC_DOCUMENT_REV_POST",
            parameters={"REVERSAL": self._company.limits.fitted("BAPIACREV", values), "BUS_ACT": "RFBU"},
            key_of=lambda answer: _object_key(answer.get("OBJ_KEY")),
            ref_of=lambda _: ref,
            check="BAPI_ACC_DOCUMENT_REV_CHECK" if books.is_checked else None,
            period=f"{on:%Y-%m}" if on else None,
        )


def _key(header: Row) -> str:
    """Return the key as the BAPI gives it: document, company code, year."""
    return f"{header['BELNR']}{header['BUKRS']:4}{header['GJAHR']}"


def _counts(header: Row) -> bool:
    return header.get("XREVERSAL") != _STORNO


def _object_key(value: Any) -> str | None:
    """Return the key of a new document; SAP gives ``$`` where it posted nothing."""
    text = str(value or "")
    return text if _OBJECT_KEY.fullmatch(text) else None


def _memo(header: str, items: Iterable[Row]) -> str | None:
    if len(header) >= HEADER_CHARACTERS - 1:  # a blank at the cut is lost
        longer = (item["SGTXT"] for item in items if item["SGTXT"].startswith(header))
        return next(longer, header)
    return header or None


def _line(item: Row, decimals: int, local_decimals: int | None) -> CostLine:
    """Make a line: S is debit (Soll), H is credit (Haben)."""
    side = {"S": "debit", "H": "credit"}[item["SHKZG"]]
    given: dict[str, Decimal | str | None] = {
        side: shifted(decimal_of(item["WRBTR"]), decimals),
        "project": outer(item["AUFNR"]),
        "cost_centre": outer(item["KOSTL"]),
        "memo": item["SGTXT"] or None,
    }
    if local_decimals is not None:
        given[f"local_{side}"] = shifted(decimal_of(item["DMBTR"]), local_decimals)
    return CostLine(
        account=outer(item["HKONT"]) or "",
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
