"""
SAP Business One through its Service Layer: clients, projects, centres, people, cost postings, proposals, service calls.

Sources: SAP, "Working with SAP Business One Service Layer" 1.29 (sessions p. 16, filters and pages p. 32-35, batch
p. 77-78, concurrency p. 161-164, user tables p. 225) and the Service Layer API Reference 1.27; recorded answers of
10.0; public notes of tests against FP 2608. What none of them says is marked as such where it is used.

The functions of a kind are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.sap_business_one._connector import SapBusinessOne
from periferia_link.connectors.sap_business_one._discovery import Finding, Found, UserField
from periferia_link.connectors.sap_business_one._preparation import Preparation, Step
from periferia_link.connectors.sap_business_one._queries import Booked, Preview
from periferia_link.connectors.sap_business_one.kinds import SAP_FIELDS

if TYPE_CHECKING:
    from periferia_link.connectors.sap_business_one.kinds._client import client_from_wire, client_to_wire
    from periferia_link.connectors.sap_business_one.kinds._cost_centre import cost_centre_from_wire
    from periferia_link.connectors.sap_business_one.kinds._cost_entry import cost_entry_from_wire, cost_entry_to_wire
    from periferia_link.connectors.sap_business_one.kinds._employee import employee_from_wire
    from periferia_link.connectors.sap_business_one.kinds._exchange_rate import exchange_rate_from_wire
    from periferia_link.connectors.sap_business_one.kinds._invoice import invoice_from_wire, invoice_to_wire
    from periferia_link.connectors.sap_business_one.kinds._opportunity import opportunity_from_wire, opportunity_to_wire
    from periferia_link.connectors.sap_business_one.kinds._project import project_from_wire, project_to_wire
    from periferia_link.connectors.sap_business_one.kinds._service_call import (
        service_call_from_wire,
        service_call_to_wire,
    )

__all__ = [
    "SAP_FIELDS",
    "Booked",
    "Finding",
    "Found",
    "Preparation",
    "Preview",
    "SapBusinessOne",
    "Step",
    "UserField",
    "client_from_wire",
    "client_to_wire",
    "cost_centre_from_wire",
    "cost_entry_from_wire",
    "cost_entry_to_wire",
    "employee_from_wire",
    "exchange_rate_from_wire",
    "invoice_from_wire",
    "invoice_to_wire",
    "opportunity_from_wire",
    "opportunity_to_wire",
    "project_from_wire",
    "project_to_wire",
    "service_call_from_wire",
    "service_call_to_wire",
]


def __getattr__(name: str) -> Any:
    home = name.removesuffix("_from_wire").removesuffix("_to_wire")
    if name not in __all__ or home == name:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"{__name__}.kinds._{home}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
