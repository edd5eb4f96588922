"""
Hours instead of amounts: an activity allocation in CO (hours × SAP's own tariff), or a record of CATS.

Source: BAPI_ACC_ACTIVITY_ALLOC_POST and _CHECK (DOC_HEADER, DOC_ITEMS, IGNORE_WARNINGS; DOC_NO) and
BAPI_CATIMESHEETMGR_INSERT and _DELETE (PROFILE, TESTRUN, CATSRECORDS_IN; CATSRECORDS_OUT) as public programs call
them. The columns of COBK, COEP and CATSDB are from memory and not verified on SAP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc._company import Company, Found, Record
from periferia_link.connectors.sap_rfc._tables import equals
from periferia_link.connectors.sap_rfc._unit_of_work import Step
from periferia_link.connectors.sap_rfc._values import KEY_PREFIX, decimal_of, inner, on_day, outer, short_key
from periferia_link.domain import Ref, TimeEntry
from periferia_link.errors import ConfigurationError, RecordInvalidError, RecordNotFoundError

__all__ = ["Allocations", "TimeSheets"]

_SYSTEM, _APPLICATION = "PERIFERIA", "PL"
_CANCELLED = "60"
_OURS = re.compile(rf"{KEY_PREFIX}[A-Z2-7]{{14}}")


def _hours_of(write: Write) -> TimeEntry:
    entry = write.entity
    assert isinstance(entry, TimeEntry)  # noqa: S101 - the connector has looked
    if entry.project is None or entry.cost_centre is None:
        msg = "hours need the order that takes them and the cost centre that gives them"
        raise RecordInvalidError(msg, hint="let the flow set project and cost centre of the time entry")
    return entry


class Allocations:
    """Time entries as documents of CO: the sender is the centre, the receiver the order, SAP has the tariff."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def keys(self) -> list[str]:
        """Return the documents with a key of ours."""
        rows = self._headers(["BELNR", "BLTXT"], [f"BLTXT LIKE '{KEY_PREFIX}%'"])
        return sorted(str(outer(row["BELNR"])) for row in rows if _OURS.fullmatch(row["BLTXT"]))

    def _headers(self, columns: Sequence[str], where: Sequence[str]) -> list[dict[str, str]]:
        return self._company.tables.rows("COBK", columns, [*self._area, *where])

    @property
    def _area(self) -> list[str]:
        return [equals("KOKRS", self._company.books.controlling_area)]

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the documents that there are, each with its first item."""
        numbers = [number for number in (inner(key, 10) for key in keys) if number and len(number) <= 10]
        columns = ["BELNR", "BUZEI", "LSTAR", "MBGBTR", "KOSTL", "AUFNR", "PERNR", "SGTXT"]
        items: dict[str, dict[str, str]] = {}
        for row in self._company.tables.matching("COEP", columns, "BELNR", numbers, self._area):
            items.setdefault(row["BELNR"], row)
        heads = self._company.tables.matching("COBK", ["BELNR", "BUDAT", "BLTXT"], "BELNR", numbers, self._area)
        return [
            (str(outer(head["BELNR"])), {**items[head["BELNR"]], **head}) for head in heads if head["BELNR"] in items
        ]

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Return the documents that were posted with these keys."""
        del field
        short = {short_key(value): value for value in values}
        rows = self._company.tables.matching("COBK", ["BELNR", "BLTXT"], "BLTXT", list(short), self._area)
        keys = {str(outer(row["BELNR"])): short[row["BLTXT"]] for row in rows if row["BLTXT"] in short}
        return [Found(key, record, keys[key]) for key, record in self.read(list(keys))]

    def entity(self, key: str, record: Record) -> TimeEntry:
        """Make a time entry of header and item."""
        return TimeEntry(
            ref=self._company.ref("TimeEntry", key),
            person=outer(record["PERNR"]) or "?",
            project=outer(record["AUFNR"]),
            cost_centre=outer(record["KOSTL"]),
            worked_on=on_day(record["BUDAT"]),
            hours=decimal_of(record["MBGBTR"]),
            note=record["SGTXT"] or None,
        )

    def step(self, write: Write) -> Step | Ref:
        """Return how to allocate the hours."""
        entry, company = _hours_of(write), self._company
        books, limits = company.books, company.limits
        header = {
            "CO_AREA": books.controlling_area,
            "DOCDATE": entry.worked_on,
            "POSTGDATE": entry.worked_on,
            "DOC_HDR_TX": short_key(write.create_key),
            "USERNAME": books.user.upper(),
        }
        item = {
            "SEND_CCTR": inner(entry.cost_centre, 10),
            "ACTTYPE": books.activity,
            "ACTVTY_QTY": entry.hours,
            "ACTIVITYUN": books.hour,
            "PERSON_NO": entry.person if entry.person.isdigit() else None,
            "SEG_TEXT": (entry.note or "")[:50].rstrip(),
            "REC_ORDER": inner(entry.project, 12),
        }
        return Step(
            what="create TimeEntry",
            function="BAPI_ACC_ACTIVITY_ALLOC_POST",
            parameters={
                "DOC_HEADER": limits.fitted("BAPIDOCHDRU12P", header),
                "IGNORE_WARNINGS": "X",
                "DOC_ITEMS": [limits.fitted("BAPIAAITM", item)],
            },
            key_of=lambda answer: outer(answer.get("DOC_NO")),
            ref_of=lambda key: company.ref("TimeEntry", key),
            check="BAPI_ACC_ACTIVITY_ALLOC_CHECK" if books.is_checked else None,
            period=f"{entry.worked_on:%Y-%m}",
        )


class TimeSheets:
    """Time entries as records of CATS, which SAP approves and transfers by its own rules."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def keys(self) -> list[str]:
        """Return the records with a key of ours."""
        rows = self._rows("EXTSYSTEM", [_SYSTEM])
        return sorted(str(outer(row["COUNTER"])) for row in rows if _OURS.fullmatch(row["EXTDOCUMENTNO"]))

    def _rows(self, column: str, values: Sequence[str]) -> list[dict[str, str]]:
        columns = ["COUNTER", "PERNR", "WORKDATE", "CATSHOURS", "SKOSTL", "RAUFNR", "LTXA1", "STATUS"]
        rows = self._company.tables.matching("CATSDB", [*columns, "EXTSYSTEM", "EXTDOCUMENTNO"], column, values, [])
        return [row for row in rows if row["STATUS"] != _CANCELLED]

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the records that there are; cancelled ones are not."""
        numbers = [number for number in (inner(key, 12) for key in keys) if number and len(number) <= 12]
        return [(str(outer(row["COUNTER"])), dict(row)) for row in self._rows("COUNTER", numbers)]

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Return the records that were entered with these keys."""
        del field
        short = {short_key(value): value for value in values}
        rows = self._rows("EXTDOCUMENTNO", list(short))
        return [
            Found(str(outer(row["COUNTER"])), dict(row), short[row["EXTDOCUMENTNO"]])
            for row in rows
            if row["EXTDOCUMENTNO"] in short
        ]

    def entity(self, key: str, record: Record) -> TimeEntry:
        """Make a time entry of a record."""
        return TimeEntry(
            ref=self._company.ref("TimeEntry", key),
            person=outer(record["PERNR"]) or "?",
            project=outer(record["RAUFNR"]),
            cost_centre=outer(record["SKOSTL"]),
            worked_on=on_day(record["WORKDATE"]),
            hours=decimal_of(record["CATSHOURS"]),
            note=record["LTXA1"] or None,
        )

    def step(self, write: Write) -> Step | Ref:
        """Return how to enter the hours, or how to take a record out."""
        if write.mode == "delete":
            return self._removal(write)
        entry, company = _hours_of(write), self._company
        books = company.books
        if not entry.person.isdigit():
            msg = "CATS knows people by their personnel number, which has digits only"
            raise RecordInvalidError(msg, hint="map the person to the personnel number in the flow")
        record = {
            "WORKDATE": entry.worked_on,
            "EMPLOYEENUMBER": entry.person,
            "SEND_CCTR": inner(entry.cost_centre, 10),
            "ACTTYPE": books.activity,
            "REC_ORDER": inner(entry.project, 12),
            "CATSHOURS": entry.hours,
            "UNIT": books.hour,
            "SHORTTEXT": (entry.note or "")[:40].rstrip(),
            "EXTSYSTEM": _SYSTEM,
            "EXTAPPLICATION": _APPLICATION,
            "EXTDOCUMENTNO": short_key(write.create_key),
        }
        parameters = {"PROFILE": books.profile, "CATSRECORDS_IN": [company.limits.fitted("BAPICATS1", record)]}
        return self._step(
            "create TimeEntry", "BAPI_CATIMESHEETMGR_INSERT", parameters, _counter, f"{entry.worked_on:%Y-%m}"
        )

    def _removal(self, write: Write) -> Step | Ref:
        ref = write.ref
        if ref is None:
            msg = f"{self._company.name}: a delete of a TimeEntry needs the record that it is about"
            raise ConfigurationError(msg)
        if not self.read([ref.id]):
            msg = f"there is no record {ref.id} in CATS"
            raise RecordNotFoundError(msg, hint="somebody deleted it", ref=ref)
        records = [self._company.limits.fitted("BAPICATS4", {"COUNTER": ref.id})]
        return self._step(
            "delete TimeEntry", "BAPI_CATIMESHEETMGR_DELETE", {"CATSRECORDS": records}, lambda _: ref.id, None
        )

    def _step(
        self,
        what: str,
        function: str,
        parameters: Mapping[str, Any],
        key_of: Callable[[Mapping[str, Any]], str | None],
        period: str | None,
    ) -> Step:
        return Step(
            what=what,
            function=function,
            parameters=parameters,
            key_of=key_of,
            ref_of=lambda key: self._company.ref("TimeEntry", key),
            check=function if self._company.books.is_checked else None,
            check_parameters={"TESTRUN": "X"},
            period=period,
        )


def _counter(answer: Mapping[str, Any]) -> str | None:
    rows = answer.get("CATSRECORDS_OUT") or ()
    return outer(rows[0].get("COUNTER")) if rows else None
