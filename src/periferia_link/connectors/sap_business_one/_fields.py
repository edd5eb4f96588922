"""Where each kind lives in a fresh company, and how long its values may be."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.base import Capabilities, Mode

__all__ = ["KEY_FIELD", "LIMITS", "MARKER_TABLE", "RATES_TABLE", "SAP_FIELDS", "TRAITS", "Traits", "abilities"]

KEY_FIELD = "U_PL_Key"
"""User field that holds the create key, on business partners, projects and journal entries (alphanumeric, 64)."""

MARKER_TABLE = "U_PL_SYNC"
"""User table without object, whose unique Code makes a posting happen once."""

RATES_TABLE = "U_PL_RATES"
"""User table of dated cost rates, where there is one: Code, U_Employee, U_From, U_Hourly, U_Currency."""

SAP_FIELDS = FieldMap(
    {
        "Client": KindMap(
            "BusinessPartners",
            "CardCode",
            {
                "code": "CardCode",
                "name": "CardName",
                "tax_id": "FederalTaxID",
                "email": "EmailAddress",
                "phone": "Phone1",
                "city": "City",
                "country": "Country",
                "currency": "Currency",
                "is_active": "Valid",
            },
        ),
        "Project": KindMap(
            "Projects",
            "Code",
            {"code": "Code", "name": "Name", "starts_on": "ValidFrom", "ends_on": "ValidTo", "is_active": "Active"},
        ),
        "CostCentre": KindMap(
            "ProfitCenters",
            "CenterCode",
            {
                "code": "CenterCode",
                "name": "CenterName",
                "dimension": "InWhichDimension",
                "valid_from": "EffectiveFrom",
                "valid_to": "EffectiveTo",
                "is_active": "Active",
            },
        ),
        "Employee": KindMap(
            "EmployeesInfo",
            "EmployeeID",
            {
                "code": "ExternalEmployeeNumber",
                "email": "eMail",
                "document": "IdNumber",
                "cost_centre": "CostCenterCode",
                "is_active": "Active",
            },
        ),
        "CostEntry": KindMap(
            "JournalEntries",
            "JdtNum",
            {"posted_on": "ReferenceDate", "memo": "Memo", "reference": "Reference", "project": "ProjectCode"},
        ),
    }
)
"""The columns of a company without fields of its own."""

# Widths of the database columns; SAP refuses what is longer ("Value too long in property").
LIMITS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "Client": {"code": 15, "name": 100, "tax_id": 32, "email": 100, "phone": 20, "city": 100},
        "Project": {"code": 20, "name": 100},
        "CostEntry": {"memo": 50, "reference": 100, "project": 20, "account": 15, "distribution_rule": 8},
    }
)


class Traits(NamedTuple):
    """
    What reading a kind needs beside its columns.

    ``filter`` keeps the records that are of this kind; ``also`` are columns that the connector itself reads;
    ``has_numeric_key`` says how keys are written; ``stamp`` are the columns of creation and change.
    """

    filter: str = ""
    also: tuple[str, ...] = ()
    has_numeric_key: bool = False
    stamp: tuple[str, str] | None = None


_STAMPS = ("UpdateDate", "UpdateTime", "CreateDate")

TRAITS: Mapping[str, Traits] = MappingProxyType(
    {
        "Client": Traits("CardType eq 'cCustomer'", ("DataVersion", *_STAMPS), stamp=("UpdateDate", "CreateDate")),
        "Project": Traits(),
        "CostCentre": Traits(),
        "Employee": Traits(
            also=(
                *("FirstName", "LastName", "StartDate", "EmployeeCosts", "EmployeeCostUnit", "EmployeeCostsCurrency"),
                *_STAMPS[:2],
            ),
            has_numeric_key=True,
        ),
        # a company has many more entries than ours: those without our key are none of our business
        "CostEntry": Traits(f"{KEY_FIELD} gt ''", ("JournalEntryLines", KEY_FIELD), has_numeric_key=True),
    }
)

_VOLATILE = frozenset({"DataVersion", "@odata.etag", "odata.etag", *_STAMPS})


def abilities(
    *, marker: str, max_batch: int, parallel: int, settle: float, has_approvals: bool = False
) -> dict[str, Capabilities]:
    """
    Return what works, by kind.

    Args:
        marker: ``table`` makes a second posting impossible; ``field`` makes it findable.

        max_batch: Writes in one request.

        parallel: Requests in flight.

        settle: Seconds that a request may still be under way in SAP after we gave up.

        has_approvals: Whether an approval procedure takes postings: the draft survives while its change set, marker
            row included, is undone, so the marker stops no second one.
    """
    is_enforced = marker == "table" and not has_approvals
    upserts: frozenset[Mode] = frozenset({"create", "update"})
    return {
        "Client": Capabilities(
            feed="watermark",
            writes=upserts,
            create_guard="marker",
            concurrency="precondition",
            max_batch=max_batch,
            parallel=parallel,
            settle_seconds=settle,
            volatile=_VOLATILE,
            find_fields=frozenset({"code", "tax_id", "name", "email"}),
        ),
        "Project": Capabilities(
            writes=upserts,
            create_guard="marker",
            max_batch=max_batch,
            parallel=parallel,
            settle_seconds=settle,
            find_fields=frozenset({"code", "name"}),
        ),
        "CostCentre": Capabilities(parallel=parallel, find_fields=frozenset({"code"})),
        "Employee": Capabilities(
            parallel=parallel, volatile=_VOLATILE, find_fields=frozenset({"code", "email", "document"})
        ),
        "CostEntry": Capabilities(
            writes=frozenset({"create", "action"}),
            create_guard="server-key" if is_enforced else "marker",
            max_batch=max_batch,
            parallel=parallel,
            settle_seconds=0.0 if is_enforced else settle,
            find_fields=frozenset({"reference"}),
        ),
    }
