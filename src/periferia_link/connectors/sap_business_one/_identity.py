"""Which company this is, and what it lacks: asked at every check, never cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from periferia_link.connectors.sap_business_one._fields import KEY_FIELD, MARKER_TABLE, RATES_TABLE
from periferia_link.connectors.sap_business_one._reads import Reads
from periferia_link.transport._odata import query

if TYPE_CHECKING:
    from periferia_link.connectors.sap_business_one._writes import Books

__all__ = ["Company", "company_of"]

_KEYED_SETS = ("BusinessPartners", "Projects", "JournalEntries")
_NOT_VERIFIED = "exactly-once posting is proved on the emulator, not yet verified on SAP"


@dataclass(frozen=True, slots=True)
class Company:
    """What a company says about itself, and what the flows will miss in it."""

    installation: str
    missing: tuple[str, ...]
    next_step: str | None
    details: dict[str, str]


def company_of(reads: Reads, books: Books) -> Company:
    """
    Ask the company (CompanyService_GetAdminInfo), the licence (LicenseService_GetInstallationNumber) and the tables.

    User tables and fields are tried, not looked up in the metadata: a node of the Service Layer knows those that were
    there when it was started.

    Raises:
        ConnectorError: SAP refuses one of the calls.
    """
    about = reads.call("CompanyService_GetAdminInfo")
    installation = str(reads.call("LicenseService_GetInstallationNumber").get("value") or "")
    missing = [f"user field {KEY_FIELD} on {table}" for table in _KEYED_SETS if not _has(reads, table, KEY_FIELD)]
    if books.marker == "table" and not _has(reads, MARKER_TABLE, "Code"):
        missing.append(f"user table {MARKER_TABLE} (no object)")
    step = None
    if missing:
        step = "create them in SAP (Tools, Customization Tools), then restart the Service Layer on every node"
    currency = str(about.get("LocalCurrency") or "")
    if currency != books.currency:
        missing.append(f"the books are kept in {currency}, the connector is configured for {books.currency}")
        step = step or f'set currency = "{currency}"'
    kept = about.get("TotalsAccuracy")
    if isinstance(kept, int) and kept < books.decimals:
        missing.append(f"the books keep {kept} decimals, the connector is configured for {books.decimals}")
        step = step or f"set decimals = {kept}"
    details = {
        "company": str(about.get("CompanyName") or ""),
        "currency": currency,
        "decimals": str(kept),
        "posting": _NOT_VERIFIED if books.marker == "table" else f"marker in the entry only; {_NOT_VERIFIED}",
        "rates": "dated" if _has(reads, RATES_TABLE, "Code") else "one for each employee",
    }
    return Company(installation, tuple(missing), step, details)


def _has(reads: Reads, table: str, column: str) -> bool:
    return reads.probe(query(table, select=[column], top=1))
