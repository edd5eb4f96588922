"""Where each kind lives in a fresh company, and how long its values may be."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from periferia_link.connectors._field_map import FieldMap, KindMap

__all__ = ["DRAFTS", "KEYED_TABLES", "KEY_FIELD", "LIMITS", "MARKER_TABLE", "RATES_TABLE", "RULE", "SAP_FIELDS"]

KEY_FIELD = "U_PL_Key"
"""User field that holds the create key (alphanumeric, 64)."""

KEYED_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "BusinessPartners": "OCRD",
        "Projects": "OPRJ",
        "JournalEntries": "OJDT",
        "Invoices": "OINV",
        "SalesOpportunities": "OOPR",
        "ServiceCalls": "OSCL",
    }
)
"""Entity sets whose records carry :data:`KEY_FIELD`, and the table it hangs on; a field of OINV is on drafts, too."""

MARKER_TABLE = "U_PL_SYNC"
"""User table without object, whose unique Code makes a creation happen once."""

RATES_TABLE = "U_PL_RATES"
"""User table of dated cost rates, where there is one: Code, U_Employee, U_From, U_Hourly, U_Currency."""

DRAFTS = "Drafts"
"""Entity set of documents that are no documents yet."""

RULE = "DistributionRule"
"""Where the connector puts the rule of a cost centre into its row: SAP keeps rules in a table of their own."""

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
        "Invoice": KindMap(
            "Invoices",
            "DocEntry",
            {
                "number": "DocNum",
                "client": "CardCode",
                "currency": "DocCurrency",
                "project": "Project",
                "posted_on": "DocDate",
                "due_on": "DocDueDate",
                "reference": "NumAtCard",
            },
        ),
        "Opportunity": KindMap(
            "SalesOpportunities",
            "SequentialNo",
            {
                "number": "SequentialNo",
                "name": "OpportunityName",
                "client": "CardCode",
                "state": "Status",
                "value": "MaxLocalTotal",
                "closes_on": "PredictedClosingDate",
                "closed_on": "ClosingDate",
                "owner": "DataOwnershipfield",
            },
        ),
        "ServiceCall": KindMap(
            "ServiceCalls",
            "ServiceCallID",
            {
                "number": "DocNum",
                "subject": "Subject",
                "client": "CustomerCode",
                "status": "Status",
                "priority": "Priority",
                "description": "Description",
                "resolution": "Resolution",
                "project": "BPProjectCode",
                "external_ref": "CustomerRefNo",
            },
            # the three that every company has; others are numbers of the table of service call statuses
            choices={"status": {"open": -3, "pending": -2, "closed": -1}},
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
        "Invoice": {
            "reference": 100,
            "project": 20,
            "description": 100,
            "item": 50,
            "account": 15,
            "tax_code": 8,
            "distribution_rule": 8,
        },
        "Opportunity": {"name": 100},
        "ServiceCall": {"subject": 254, "project": 20, "external_ref": 100},
    }
)
