"""What SAP keeps in tables of their own and the domain wants in one record: rules of centres, rates of people."""

from __future__ import annotations

from collections.abc import Callable

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one._refusals import NO_SUCH_SET
from periferia_link.connectors.sap_business_one.kinds import RATES_TABLE
from periferia_link.connectors.sap_business_one.kinds._fields import RULE
from periferia_link.connectors.sap_business_one.reading._pages import Reads, Record
from periferia_link.connectors.sap_business_one.reading._references import References
from periferia_link.errors import ContractBrokenError

__all__ = ["Joins"]

_RATE_COLUMNS = ("Code", "U_Employee", "U_From", "U_Hourly", "U_Currency")


class Joins:
    """Adds to the rows of a kind what belongs to them; both tables are small and are read once for a pull."""

    def __init__(self, reads: Reads, references: References, fields: FieldMap) -> None:
        self._reads = reads
        self._references = references
        self._fields = fields

    def of(self, kind: str) -> Callable[[Record], Record] | None:
        """
        Return what completes a row of *kind*, where something is missing in it.

        Raises:
            ConnectorError: SAP refuses to give the other table.
        """
        if kind == "CostCentre":
            return self._with_rule()
        if kind == "Employee":
            return self._with_rates()
        return None

    def _with_rule(self) -> Callable[[Record], Record]:
        columns, rules = self._fields["CostCentre"], self._references.centres()
        dimension = columns.columns.get("dimension", "InWhichDimension")
        return lambda row: row | {RULE: rules.get((int(row.get(dimension) or 1), str(row[columns.key])))}

    def _with_rates(self) -> Callable[[Record], Record]:
        code, rates = self._fields["Employee"].columns.get("code", ""), self._rates()

        def with_rates(row: Record) -> Record:
            mine = rates.get(str(row.get(code)))
            return row | {RATES_TABLE: mine} if mine else row

        return with_rates

    def _rates(self) -> dict[str, list[Record]]:
        """Read the dated rates by employee code, where the company has the table."""
        try:
            records = self._reads.every(RATES_TABLE, "Code", select=_RATE_COLUMNS)
        except ContractBrokenError as exc:
            if exc.code in NO_SUCH_SET:
                return {}
            raise
        rates: dict[str, list[Record]] = {}
        for record in records:
            rates.setdefault(str(record.get("U_Employee")), []).append(record)
        return rates
