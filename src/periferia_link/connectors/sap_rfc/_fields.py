"""Where the kinds live in FI/CO: columns, what works for each, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from periferia_link.connectors._field_map import FieldMap, KindMap
from periferia_link.connectors.base import Capabilities

__all__ = ["FI_CO_FIELDS", "Books", "Hours", "abilities"]

Hours: TypeAlias = Literal["document", "allocation", "cats"]

FI_CO_FIELDS = FieldMap(
    {
        # the address comes from BAPI_CUSTOMER_GETLIST, the tax number from KNA1
        "Client": KindMap(
            table="KNA1",
            key="CUSTOMER",
            columns={
                "code": "CUSTOMER",
                "name": "NAME",
                "city": "CITY",
                "country": "COUNTRY",
                "phone": "TEL1_NUMBR",
                "tax_id": "STCD1",
            },
        ),
        # internal orders; EXT_ORD_NO of the function is AUFK-AUFEX of the table, and holds our key
        "Project": KindMap(
            table="AUFK",
            key="ORDER",
            columns={
                "code": "ORDER",
                "name": "ORDER_NAME",
                "starts_on": "DATE_WORK_BEGINS",
                "ends_on": "DATE_WORK_ENDS",
            },
        ),
        "CostCentre": KindMap(
            table="CSKS",
            key="COSTCENTER",
            columns={"code": "COSTCENTER", "name": "NAME", "valid_from": "VALID_FROM", "valid_to": "VALID_TO"},
        ),
        "CostEntry": KindMap(
            table="BKPF",
            key="BELNR",
            columns={
                "posted_on": "BUDAT",
                "currency": "WAERS",
                "memo": "BKTXT",
                "reference": "ZUONR",
                "company": "BUKRS",
            },
        ),
        "TimeEntry": KindMap(
            table="CATSDB",
            key="COUNTER",
            columns={"worked_on": "WORKDATE", "hours": "CATSHOURS", "person": "PERNR", "project": "RAUFNR"},
        ),
    }
)
"""
The columns of a fresh installation.

Names of BAPI2075_7 and BAPIAAITM as public ABAP programs use them; BAPI0012_CCOUTPUTLIST, CATSDB and COBK from memory.
"""


@dataclass(frozen=True, slots=True)
class Books:
    """
    Whose books these are and how they are kept.

    ``order_type`` must have external numbers: the code of the project is the number of the order. ``profile`` is the
    data entry profile of CATS, ``activity`` the activity type of an hour, ``hour`` the unit of measure.
    """

    company_code: str
    controlling_area: str
    user: str
    document_type: str = "SA"
    order_type: str = ""
    reversal_reason: str = "01"
    hours: Hours = "document"
    profile: str = ""
    activity: str = ""
    hour: str = "H"
    is_checked: bool = True
    decimals: Mapping[str, int] = field(default_factory=dict)


def abilities(books: Books, *, parallel: int, settle: float) -> dict[str, Capabilities]:
    """Return what works, by kind: a kind that is not named does not exist over this transport."""
    created = {"create_guard": "marker", "settle_seconds": settle, "parallel": parallel}
    found = {
        "Client": Capabilities(parallel=parallel, find_fields=frozenset({"code", "tax_id"})),
        "Project": Capabilities(parallel=parallel, find_fields=frozenset({"code"})),
        "CostCentre": Capabilities(parallel=parallel, find_fields=frozenset({"code"})),
        "ExchangeRate": Capabilities(parallel=parallel),
        "CostEntry": Capabilities(writes=frozenset({"create", "action"}), **created),  # type: ignore[arg-type]
    }
    if books.order_type:
        found["Project"] = Capabilities(
            writes=frozenset({"create"}),
            find_fields=frozenset({"code"}),
            **created,  # type: ignore[arg-type]
        )
    if books.hours != "document":
        modes = {"create", "delete"} if books.hours == "cats" else {"create"}
        found["TimeEntry"] = Capabilities(writes=frozenset(modes), **created)  # type: ignore[arg-type]
    return found
