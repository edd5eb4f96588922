"""
Cost centres: listed by BAPI_COSTCENTER_GETLIST1, read by BAPI_COSTCENTER_GETDETAIL1.

Source: public ABAP and JCo programs (CONTROLLINGAREA, COMPANYCODE_FROM, DATE_FROM; COSTCENTERLIST;
COSTCENTERDETAIL of BAPI0012_CCOUTPUTLIST). In FI/CO a posting names the centre itself: it is its own rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_rfc._company import Company, Found, Record
from periferia_link.connectors.sap_rfc._messages import messages_of
from periferia_link.connectors.sap_rfc._unit_of_work import Step
from periferia_link.connectors.sap_rfc._values import day_of, inner, outer
from periferia_link.domain import CostCentre, Ref
from periferia_link.errors import ConfigurationError
from periferia_link.typing import Clock

__all__ = ["Centres"]

_LOCK = "LOCK_IND_ACTUAL_PRIMARY_COSTS"  # a centre that takes no primary costs takes no posting of ours


class Centres:
    """Cost centres of the company code that are valid today."""

    def __init__(self, company: Company, clock: Clock) -> None:
        self._company = company
        self._clock = clock

    def _today(self) -> str:
        return f"{self._clock.now():%Y%m%d}"

    def keys(self) -> list[str]:
        """Return the centres of the company code that are valid today."""
        books = self._company.books
        answer = self._company.read(
            "BAPI_COSTCENTER_GETLIST1",
            {
                "CONTROLLINGAREA": books.controlling_area,
                "COMPANYCODE_FROM": books.company_code,
                "DATE_FROM": self._today(),
            },
        )
        found = (outer(row.get("COSTCENTER")) for row in answer.get("COSTCENTERLIST") or ())
        return sorted({key for key in found if key})

    def read(self, keys: Sequence[str]) -> list[tuple[str, Record]]:
        """Return the centres that there are; SAP shows one at a time."""
        found = []
        for key in dict.fromkeys(keys):
            record = self._detail(key)
            if record is not None:
                found.append((key, record))
        return found

    def _detail(self, key: str) -> Record | None:
        code = inner(key, 10)
        if code is None or len(code) > 10:
            return None
        answer = self._company.read(
            "BAPI_COSTCENTER_GETDETAIL1",
            {"CONTROLLINGAREA": self._company.books.controlling_area, "COSTCENTER": code, "KEYDATE": self._today()},
        )
        detail = answer.get("COSTCENTERDETAIL") or {}
        if any(message.is_refusal for message in messages_of(answer)) or not detail:
            return None
        return {**{name: str(value) for name, value in detail.items()}, "COSTCENTER": code}

    def find(self, field: str, values: Sequence[str]) -> list[Found]:
        """Return centres by code."""
        del field
        asked = {outer(value): value for value in values}
        return [Found(key, record, asked[key]) for key, record in self.read([key for key in asked if key])]

    def entity(self, key: str, record: Record) -> CostCentre:
        """Make a cost centre of its detail."""
        columns = self._company.columns("CostCentre")
        given: dict[str, Any] = {name: record[column] for name, column in columns.columns.items() if column in record}
        code = outer(record[columns.key]) or key
        for name in ("valid_from", "valid_to"):
            if name in given:
                given[name] = _bounded(day_of(given[name]))
        own = {
            "ref": self._company.ref("CostCentre", key),
            "code": code,
            "name": given.get("name") or code,
            "distribution_rule": code,
            "is_active": record.get(_LOCK) != "X",
            "custom": columns.custom(record),
        }
        return CostCentre(**(given | own))

    def step(self, write: Write) -> Step | Ref:
        """Centres are made by controlling, not by us."""
        msg = f"{self._company.name} does not {write.mode} cost centres"
        raise ConfigurationError(msg, hint="the kind is read-only here")


def _bounded(day: date | None) -> date | None:
    """Read SAP's last day as no end."""
    return None if day is not None and day.year == 9999 else day
