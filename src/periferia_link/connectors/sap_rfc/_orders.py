"""
Projects are internal orders (órdenes internas) here: opened, read, and booked on by every cost line that names one.

Source: BAPI_INTERNALORDER_CREATE (I_MASTER_DATA of BAPI2075_7, TESTRUN; ORDERID), GETLIST (CONTROLLING_AREA,
ORDER_TYPE; ORDER_LIST) and GETDETAIL (ORDERID; MASTER_DATA, SYSTEM_STATUS) as public ABAP and CAP programs call them.
No BAPI changes an order, so the kind has no update. The name of MASTER_DATA in GETDETAIL is from memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc._company import Company, Found, Record
from periferia_link.connectors.sap_rfc._messages import messages_of
from periferia_link.connectors.sap_rfc._tables import equals
from periferia_link.connectors.sap_rfc._unit_of_work import Step
from periferia_link.connectors.sap_rfc._values import day_of, inner, outer, short_key
from periferia_link.domain import Project, Ref
from periferia_link.errors import RecordInvalidError

__all__ = ["Orders"]

_STRUCTURE = "BAPI2075_7"
_KEY_FIELD, _KEY_COLUMN = "EXT_ORD_NO", "AUFEX"
_STATUS = re.compile(r"I\d{4}")
_ENDED = frozenset({"I0043", "I0045", "I0046", "I0076"})  # locked, technically complete, closed, marked for deletion


class Orders:
    """Internal orders of the company code, of one order type where the settings name it."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def keys(self) -> list[str]:
        """Return the orders of the controlling area, those of our order type."""
        books = self._company.books
        asked = {"CONTROLLING_AREA": books.controlling_area, "ORDER_TYPE": books.order_type}
        answer = self._company.read(
            "BAPI_INTERNALORDER_GETLIST", {name: value for name, value in asked.items() if value}
        )
        found = (outer(row.get("ORDER")) for row in answer.get("ORDER_LIST") or ())
        return sorted({key for key in found if key})

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the orders that there are; SAP shows one at a time."""
        found = []
        for key in dict.fromkeys(keys):
            record = self._detail(key)
            if record is not None:
                found.append((key, record))
        return found

    def _detail(self, key: str) -> Record | None:
        number = inner(key, 12)
        if number is None or len(number) > 12:
            return None
        answer = self._company.read("BAPI_INTERNALORDER_GETDETAIL", {"ORDERID": number})
        master = answer.get("MASTER_DATA") or {}
        if any(message.is_refusal for message in messages_of(answer)) or outer(master.get("ORDER")) != outer(number):
            return None
        status = {str(value) for row in answer.get("SYSTEM_STATUS") or () for value in row.values()}
        master = {name: str(value) for name, value in master.items()}
        return {"master": master, "status": sorted(code for code in status if _STATUS.fullmatch(code))}

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Return orders by number, or by the key of ours in their external number."""
        if field == "code":
            asked = {outer(value): value for value in values}
            return [Found(key, record, asked[key]) for key, record in self.read([key for key in asked if key])]
        short = {short_key(value): value for value in values}
        rows = list(
            self._company.tables.matching(
                self._company.columns("Project").table,
                ["AUFNR", _KEY_COLUMN],
                _KEY_COLUMN,
                list(short),
                [equals("BUKRS", self._company.books.company_code)],
            )
        )
        keys = {outer(row["AUFNR"]): short[row[_KEY_COLUMN]] for row in rows if row[_KEY_COLUMN] in short}
        return [Found(key, record, keys[key]) for key, record in self.read([key for key in keys if key])]

    def entity(self, key: str, record: Record) -> Project:
        """Make a project of the master data."""
        columns, master = self._company.columns("Project"), record["master"]
        given: dict[str, Any] = {name: master[column] for name, column in columns.columns.items() if column in master}
        for name in ("starts_on", "ends_on"):
            if name in given:
                given[name] = day_of(given[name])
        if "code" in given:
            given["code"] = outer(given["code"])
        return Project(
            **(given | {"ref": self._company.ref("Project", key), "is_active": not _ENDED & set(record["status"])}),
            custom=columns.custom(master),
        )

    def step(self, write: Write) -> Step | Ref:
        """Return how to open an order; a test run looks at it first."""
        project, company = write.entity, self._company
        assert isinstance(project, Project)  # noqa: S101 - the connector has looked
        columns, books = company.columns("Project"), company.books
        if not project.code:
            msg = "the project has no code, which is the number of its order"
            raise RecordInvalidError(msg, hint="let the flow set the code")
        values: dict[str, Any] = {
            column: getattr(project, name)
            for name, column in columns.columns.items()
            if name in write.fields | {"code", "name"} and name != "code"
        }
        values |= {
            columns.column("code"): inner(project.code, 12),
            "ORDER_TYPE": books.order_type,
            "CO_AREA": books.controlling_area,
            "COMP_CODE": books.company_code,
            _KEY_FIELD: short_key(write.create_key),
        }
        return Step(
            what="create Project",
            function="BAPI_INTERNALORDER_CREATE",
            parameters={"I_MASTER_DATA": company.limits.fitted(_STRUCTURE, values)},
            key_of=lambda answer: outer(answer.get("ORDERID")),
            ref_of=lambda key: company.ref("Project", key),
            check="BAPI_INTERNALORDER_CREATE" if books.is_checked else None,
            check_parameters={"TESTRUN": "X"},
        )
