"""
SAP Business One through its Service Layer: clients, projects, cost centres, employees, cost postings.

Sources: SAP, "Working with SAP Business One Service Layer" 1.29 (sessions p. 16, filters and pages p. 32-35, batch
p. 77-78, concurrency p. 161-164, user tables p. 225) and the Service Layer API Reference 1.27; recorded answers of
10.0; public notes of tests against FP 2608. What none of them says is marked as such where it is used.
"""

from periferia_link.connectors.sap_business_one._connector import SapBusinessOne
from periferia_link.connectors.sap_business_one._fields import SAP_FIELDS
from periferia_link.connectors.sap_business_one._master_data import (
    client_from_wire,
    client_to_wire,
    cost_centre_from_wire,
    employee_from_wire,
    project_from_wire,
    project_to_wire,
)
from periferia_link.connectors.sap_business_one._postings import cost_entry_from_wire, cost_entry_to_wire

__all__ = [
    "SAP_FIELDS",
    "SapBusinessOne",
    "client_from_wire",
    "client_to_wire",
    "cost_centre_from_wire",
    "cost_entry_from_wire",
    "cost_entry_to_wire",
    "employee_from_wire",
    "project_from_wire",
    "project_to_wire",
]
