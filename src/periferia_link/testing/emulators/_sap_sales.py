"""What the emulated company does with sales opportunities and service calls: stages, sums, ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from periferia_link.testing.emulators._books import Record
from periferia_link.testing.emulators._sap_company import Company
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES, Table

__all__ = ["Sales"]

_OPPORTUNITIES, _CALLS = TABLES["SalesOpportunities"], TABLES["ServiceCalls"]
_CLOSED = -1
"""The status of a closed service call; -3 is open, -2 pending."""


@dataclass(slots=True)
class Sales:
    """
    Opportunities and service calls of one company.

    ``stages`` are the percentages of the sales stages by number.
    """

    company: Company
    stages: Mapping[int, int]

    def create(self, table: Table, body: Mapping[str, Any], now: datetime) -> Record:
        """
        Add an opportunity or a service call and return it.

        Raises:
            RefusedError: What it points at is not there, or a field is missing or unknown.
        """
        body = dict(body)
        today = now.date().isoformat()
        client = self.company.books["BusinessPartners"].get(body.get("CardCode") or body.get("CustomerCode") or "")
        if client is not None:
            body.setdefault("CustomerName", client["CardName"])
        if table is _CALLS:
            record = self.company.create(table, body, now)
            record["DocNum"] = record["ServiceCallID"]
            return record
        body.setdefault("StartDate", today)
        lines = body.get("SalesOpportunitiesLines") or [{}]
        body["SalesOpportunitiesLines"] = [
            {"LineNum": n, "StageKey": 1, "StartDate": body["StartDate"]} | line for n, line in enumerate(lines)
        ]
        record = self.company.create(table, body, now)
        self._sum(record, body)
        return record

    def change(self, table: Table, record: Record, body: Mapping[str, Any], now: datetime, *, replaces: bool) -> None:
        """
        Change one of them.

        Raises:
            RefusedError: -5006, an opportunity that is sold or missed stays as it is.
        """
        today = now.date().isoformat()
        if table is _OPPORTUNITIES:
            if record["Status"] != "sos_Open" and body.get("Status") not in ("sos_Open", "O"):
                raise Refusal.NOT_SUPPORTED.error()
            self.company.change(table, record, body, now, replaces=replaces)
            record["ClosingDate"] = None if record["Status"] == "sos_Open" else record["ClosingDate"] or today
            self._sum(record, body)
            return
        self.company.change(table, record, body, now, replaces=replaces)
        if record["Status"] != _CLOSED:
            record["ClosingDate"] = record["ClosingTime"] = None
        elif record["ClosingDate"] is None:
            record["ClosingDate"], record["ClosingTime"] = record["UpdateDate"], record["UpdatedTime"]

    def _sum(self, record: Record, body: Mapping[str, Any]) -> None:
        """Bring header and last stage together: what was given wins, the header over the stage."""
        last = record["SalesOpportunitiesLines"][-1]
        total = body.get("MaxLocalTotal")
        amount = Decimal(str(total if total is not None else last["MaxLocalTotal"] or record["MaxLocalTotal"] or 0))
        percent = last["PercentageRate"]
        share = Decimal(str(percent if percent is not None else self.stages.get(int(last["StageKey"] or 1), 0)))
        weighted = format(amount * share / 100, "f")
        last |= {"MaxLocalTotal": format(amount, "f"), "PercentageRate": format(share, "f")}
        last["WeightedAmountLocal"] = weighted
        record |= {"MaxLocalTotal": format(amount, "f"), "WeightedSumLC": weighted}
        record |= {"CurrentStageNo": last["LineNum"], "ClosingPercentage": format(share, "f")}
        record["TotalAmountLocal"] = format(amount if record["Status"] == "sos_Sold" else Decimal(0), "f")
