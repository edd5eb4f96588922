"""What a posting refers to: accounts, projects, distribution rules, looked up before anything is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from periferia_link.connectors.sap_business_one._master_data import rules_by_centre
from periferia_link.connectors.sap_business_one._reads import Reads, Record
from periferia_link.connectors.sap_business_one._values import is_searchable, is_yes
from periferia_link.domain import CostEntry
from periferia_link.errors import RecordInvalidError

__all__ = ["RULE_COLUMNS", "References"]

RULE_COLUMNS = ("FactorCode", "InWhichDimension", "Active", "DistributionRuleLines")


class References:
    """
    Codes that are known to exist.

    SAP answers a posting with an unknown account, project or rule with -2028, the same code that hides a saved
    draft: asking first keeps the two apart. What was found once is not asked for again; what was not, is.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._lock = threading.Lock()
        self._known: dict[str, set[str]] = {"ChartOfAccounts": set(), "Projects": set()}
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

    def refresh(self, entries: Iterable[CostEntry]) -> None:
        """
        Look up everything that the entries name and that is not known yet.

        Raises:
            ConnectorError: SAP cannot be asked now.
        """
        entries = list(entries)
        lines = [line for entry in entries for line in entry.lines]
        named: dict[str, set[str | None]] = {
            "ChartOfAccounts": {line.account for line in lines},
            "Projects": {line.project for line in lines} | {entry.project for entry in entries},
        }
        with self._lock:
            for table, codes in named.items():
                self._learn(table, {code for code in codes if code} - self._known[table])
            if {line.distribution_rule for line in lines if line.distribution_rule} - self._dimensions.keys():
                rules = self._reads.every("DistributionRules", "FactorCode", select=RULE_COLUMNS[:3])
                active = (rule for rule in rules if is_yes(rule.get("Active")))
                self._dimensions = {str(rule["FactorCode"]): int(rule["InWhichDimension"]) for rule in active}

    def _learn(self, table: str, codes: set[str]) -> None:
        asked = sorted(code for code in codes if is_searchable(code))
        if asked:
            rows = self._reads.matching(table, "Code", column="Code", values=asked, select=["Code"])
            self._known[table] |= {str(row["Code"]) for row in rows}

    def check(self, entry: CostEntry) -> None:
        """
        Make sure that the accounts and projects of an entry exist; rules are checked when it is written.

        Raises:
            RecordInvalidError: One does not, by the last :meth:`refresh`.
        """
        for number, line in enumerate(entry.lines, start=1):
            self._must_exist("ChartOfAccounts", line.account, f"line {number}: account")
            self._must_exist("Projects", line.project, f"line {number}: project")
        self._must_exist("Projects", entry.project, "project")

    def _must_exist(self, table: str, code: str | None, what: str) -> None:
        if code is not None and code not in self._known[table]:
            msg = f"{what} {code} does not exist in SAP"
            raise RecordInvalidError(msg, hint="create it in SAP, then release the posting")
