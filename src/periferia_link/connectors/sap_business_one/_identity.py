"""Which company this is, and what it lacks: asked at every check, never cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.sap_business_one.kinds import KEY_FIELD, KEYED, MARKER_TABLE, RATES_TABLE
from periferia_link.connectors.sap_business_one.reading._pages import Reads
from periferia_link.transport._odata import query

if TYPE_CHECKING:
    from periferia_link.connectors.sap_business_one.writing._plans import Books

__all__ = ["Company", "company_of"]

_NOT_VERIFIED = "exactly-once posting is proved on the emulator, not yet verified on SAP"


_ALWAYS_KEYED = ("Client", "Project", "CostEntry")


@dataclass(frozen=True, slots=True)
class Company:
    """
    What a company says about itself, and what the flows will miss in it.

    ``unkeyed`` are kinds beside clients, projects and postings whose records cannot carry our key.
    """

    installation: str
    missing: tuple[str, ...]
    next_step: str | None
    details: dict[str, str]
    unkeyed: tuple[str, ...] = ()


def company_of(reads: Reads, books: Books, fields: FieldMap) -> Company:
    """
    Ask the company (CompanyService_GetAdminInfo), the licence (LicenseService_GetInstallationNumber) and the tables.

    User tables and fields are tried, not looked up in the metadata: a node of the Service Layer knows those that were
    there when it was started.

    Raises:
        ConnectorError: SAP refuses one of the calls.
    """
    about = reads.call("CompanyService_GetAdminInfo")
    installation = str(reads.call("LicenseService_GetInstallationNumber").get("value") or "")
    bare = [kind for kind in sorted(KEYED) if not _has(reads, fields[kind].table, KEY_FIELD)]
    missing = [f"user field {KEY_FIELD} on {fields[kind].table}" for kind in _ALWAYS_KEYED if kind in bare]
    if books.marker == "table" and not _has(reads, MARKER_TABLE, "Code"):
        missing.append(f"user table {MARKER_TABLE} (no object)")
    step = None
    if missing:
        step = "run periferia-link init sap, then restart the Service Layer on every node"
    currency = str(about.get("LocalCurrency") or "")
    if currency != books.currency:
        missing.append(f"the books are kept in {currency}, the connector is configured for {books.currency}")
        step = step or f'set currency = "{currency}"'
    kept = about.get("TotalsAccuracy")
    if isinstance(kept, int) and kept < books.decimals:
        missing.append(f"the books keep {kept} decimals, the connector is configured for {books.decimals}")
        step = step or f"set decimals = {kept}"
    unkeyed = tuple(kind for kind in bare if kind not in _ALWAYS_KEYED)
    details = {
        "company": str(about.get("CompanyName") or ""),
        "currency": currency,
        "decimals": str(kept),
        "posting": _NOT_VERIFIED if books.marker == "table" else f"marker in the entry only; {_NOT_VERIFIED}",
        "rates": "dated" if _has(reads, RATES_TABLE, "Code") else "one for each employee",
    }
    if unkeyed:
        details["read only"] = f"{', '.join(unkeyed)}: {KEY_FIELD} is missing there (periferia-link init sap)"
    return Company(installation, tuple(missing), step, details, unkeyed)


def _has(reads: Reads, table: str, column: str) -> bool:
    return reads.probe(query(table, select=[column], top=1))
