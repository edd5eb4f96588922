"""What reading and writing a kind needs beside its columns, and what works with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from periferia_link.connectors.base import Capabilities, Mode
from periferia_link.connectors.sap_business_one.kinds._fields import KEY_FIELD

__all__ = ["KEYED", "TRAITS", "Stamp", "Traits", "abilities"]


class Stamp(NamedTuple):
    """
    The columns that tell when a record changed: day and time of change, day of creation.

    Where no column tells the day of creation, new records are found by their number, which only grows.
    """

    changed: str
    time: str
    created: str = ""


class Traits(NamedTuple):
    """
    How one kind is read.

    ``filter`` keeps the records that are of this kind; ``also`` are columns that the connector itself reads;
    ``has_numeric_key`` says how keys are written; ``is_versioned``: SAP compares the etag of a write (DataVersion).
    ``stamp``: changes are asked for by day.
    """

    filter: str = ""
    also: tuple[str, ...] = ()
    has_numeric_key: bool = False
    is_versioned: bool = False
    stamp: Stamp | None = None


_DOCUMENT = (
    *("DocType", "DocumentLines", "DocumentStatus", "AuthorizationStatus", "Cancelled", "CancelStatus"),
    *("DataVersion", "UpdateDate", "UpdateTime", "CreationDate", KEY_FIELD),
)

TRAITS: Mapping[str, Traits] = MappingProxyType(
    {
        "Client": Traits(
            "CardType eq 'cCustomer'",
            ("DataVersion", "UpdateDate", "UpdateTime", "CreateDate"),
            is_versioned=True,
            stamp=Stamp("UpdateDate", "UpdateTime", "CreateDate"),
        ),
        "Project": Traits(),
        "CostCentre": Traits(),
        "Employee": Traits(
            also=(
                *("FirstName", "LastName", "StartDate", "EmployeeCosts", "EmployeeCostUnit", "EmployeeCostsCurrency"),
                *("UpdateDate", "UpdateTime"),
            ),
            has_numeric_key=True,
        ),
        # a company has many more entries than ours: those without our key are none of our business
        "CostEntry": Traits(f"{KEY_FIELD} gt ''", ("JournalEntryLines", KEY_FIELD), has_numeric_key=True),
        # cancelling makes a second document with the fields of the first
        "Invoice": Traits(
            f"{KEY_FIELD} gt '' and CancelStatus ne 'csCancellation'",
            _DOCUMENT,
            has_numeric_key=True,
            is_versioned=True,
        ),
        "Opportunity": Traits(
            "OpportunityType eq 'boOpSales'",
            ("UpdateDate", "UpdateTime"),
            has_numeric_key=True,
            stamp=Stamp("UpdateDate", "UpdateTime"),
        ),
        "ServiceCall": Traits(
            also=("CreationDate", "CreationTime", "ClosingDate", "ClosingTime", "UpdateDate", "UpdatedTime"),
            has_numeric_key=True,
            stamp=Stamp("UpdateDate", "UpdatedTime", "CreationDate"),
        ),
    }
)

KEYED = frozenset({"Client", "Project", "CostEntry", "Invoice", "Opportunity", "ServiceCall"})
"""Kinds whose records carry our key."""

_VOLATILE = frozenset(
    {"DataVersion", "@odata.etag", "odata.etag", "UpdateDate", "UpdateTime", "UpdatedTime", "CreateDate"}
)
_UPSERTS: frozenset[Mode] = frozenset({"create", "update"})


def abilities(
    *, marker: str, max_batch: int, parallel: int, settle: float, has_approvals: bool = False
) -> dict[str, Capabilities]:
    """
    Return what works, by kind.

    Args:
        marker: ``table`` makes a second creation impossible; ``field`` makes it findable.

        max_batch: Writes in one request.

        parallel: Requests in flight.

        settle: Seconds that a request may still be under way in SAP after we gave up.

        has_approvals: Whether an approval procedure takes postings: the draft survives while its change set, marker
            row included, is undone, so the marker stops no second one.
    """

    def writable(modes: frozenset[Mode], *found_by: str, is_enforced: bool, **more: Any) -> Capabilities:
        told: dict[str, Any] = {
            "writes": modes,
            "create_guard": "server-key" if is_enforced else "marker",
            "max_batch": max_batch,
            "parallel": parallel,
            "settle_seconds": 0.0 if is_enforced else settle,
            "find_fields": frozenset(found_by),
        }
        return Capabilities(**(told | more))

    by_marker = marker == "table"
    changes: dict[str, Any] = {"volatile": _VOLATILE, "feed": "watermark"}
    return {
        "Client": writable(
            _UPSERTS, "code", "tax_id", "name", "email", is_enforced=False, concurrency="precondition", **changes
        ),
        "Project": writable(_UPSERTS, "code", "name", is_enforced=False),
        "CostCentre": Capabilities(parallel=parallel, find_fields=frozenset({"code"})),
        "Employee": Capabilities(
            parallel=parallel, volatile=_VOLATILE, find_fields=frozenset({"code", "email", "document"})
        ),
        "ExchangeRate": Capabilities(parallel=parallel),
        "CostEntry": writable(
            frozenset({"create", "action"}), "reference", is_enforced=by_marker and not has_approvals
        ),
        # a draft is what an approver is asked about: writing one asks nobody
        "Invoice": writable(
            frozenset({"create", "update", "delete", "action"}),
            "reference",
            "number",
            is_enforced=by_marker,
            concurrency="precondition",
            volatile=_VOLATILE,
        ),
        "Opportunity": writable(_UPSERTS, "number", "name", is_enforced=by_marker, **changes),
        "ServiceCall": writable(
            frozenset({*_UPSERTS, "action"}), "number", "external_ref", is_enforced=by_marker, **changes
        ),
    }
