"""What a posting refers to: accounts, projects, clients, distribution rules, looked up before anything is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.sap_business_one.kinds._values import is_searchable, is_yes
from periferia_link.connectors.sap_business_one.reading._pages import Reads, Record
from periferia_link.connectors.sap_business_one.reading._rules import rules_by_centre
from periferia_link.errors import RecordInvalidError

if TYPE_CHECKING:
    from periferia_link.domain import Entity

__all__ = ["RULE_COLUMNS", "References"]

RULE_COLUMNS = ("FactorCode", "InWhichDimension", "Active", "DistributionRuleLines")

_KEYS: Mapping[str, str] = MappingProxyType(
    {"ChartOfAccounts": "Code", "Projects": "Code", "BusinessPartners": "CardCode"}
)
# (table, code, where it stands)
_Named = tuple[str, str | None, str]


class References:
    """
    Codes that are known to exist.

    SAP answers a posting with an unknown account, project or rule with -2028, the same code that hides a saved
    draft: asking first keeps the two apart. What was found once is not asked for again; what was not, is.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._lock = threading.Lock()
        self._known: dict[str, set[str]] = {table: set() for table in _KEYS}
        self._dimensions: dict[str, int] = {}

    def rules(self) -> list[Record]:
        """Read the distribution rules, with their lines."""
        return self._reads.every("DistributionRules", "FactorCode", select=RULE_COLUMNS)

    def centres(self) -> Mapping[tuple[int, str], str]:
        """Return the rule of each cost centre, by dimension and centre."""
        return rules_by_centre(self.rules())

    @property
    def dimensions(self) -> Mapping[str, int]:
        """The dimension of each active rule, as of the last :meth:`refresh`."""
        return MappingProxyType(self._dimensions)

    def refresh(self, entities: Iterable[Entity]) -> None:
        """
        Look up everything that postings and invoices name and that is not known yet.

        Raises:
            ConnectorError: SAP cannot be asked now.
        """
        entities = list(entities)
        named: dict[str, set[str]] = {table: set() for table in _KEYS}
        for entity in entities:
            for table, code, _ in _names(entity):
                if code:
                    named[table].add(code)
        rules = {rule for entity in entities for rule in _rules(entity)}
        with self._lock:
            for table, codes in named.items():
                self._learn(table, codes - self._known[table])
            if rules - self._dimensions.keys():
                rows = self._reads.every("DistributionRules", "FactorCode", select=RULE_COLUMNS[:3])
                active = (row for row in rows if is_yes(row.get("Active")))
                self._dimensions = {str(row["FactorCode"]): int(row["InWhichDimension"]) for row in active}

    def _learn(self, table: str, codes: set[str]) -> None:
        asked = sorted(code for code in codes if is_searchable(code))
        if asked:
            column = _KEYS[table]
            rows = self._reads.matching(table, column, column=column, values=asked, select=[column])
            self._known[table] |= {str(row[column]) for row in rows}

    def periods(self, numbers: Iterable[str]) -> dict[str, str]:
        """Return the month of postings, ``"2026-11"``, by number: a storno goes into the same one."""
        asked: list[str | int] = [int(number) for number in numbers if number.isascii() and number.isdigit()]
        if not asked:
            return {}
        select = ["JdtNum", "ReferenceDate"]
        rows = self._reads.matching("JournalEntries", "JdtNum", column="JdtNum", values=asked, select=select)
        return {str(row["JdtNum"]): str(row.get("ReferenceDate"))[:7] for row in rows}

    def check(self, entity: Entity) -> None:
        """
        Make sure that what an entity names exists; rules are checked when it is written.

        Raises:
            RecordInvalidError: One does not, by the last :meth:`refresh`.
        """
        for table, code, what in _names(entity):
            if code is not None and code not in self._known[table]:
                msg = f"{what} {code} does not exist in SAP"
                raise RecordInvalidError(msg, hint="create it in SAP, then release the record")


def _names(entity: Any) -> Iterable[_Named]:
    """Yield what a posting or an invoice names; other kinds are left to SAP."""
    kind = entity.kind()
    if kind not in ("CostEntry", "Invoice"):
        return
    if kind == "Invoice":
        yield "BusinessPartners", entity.client.id, "client"
    for number, line in enumerate(entity.lines, start=1):
        yield "ChartOfAccounts", line.account, f"line {number}: account"
        yield "Projects", line.project or getattr(line, "internal_order", None), f"line {number}: project"
    yield "Projects", entity.project, "project"


def _rules(entity: Any) -> Iterable[str]:
    if entity.kind() in ("CostEntry", "Invoice"):
        for line in entity.lines:
            codes = (line.distribution_rule, *getattr(line, "dimensions", ()))
            yield from (code for code in codes if code)
