"""Marketing documents and what stands beside them: invoices, orders, requests for approval, currencies."""

from __future__ import annotations

from typing import Any

from periferia_link.testing.emulators._sap_entity_set import YES_NO, Lines, Table, none

__all__ = ["APPROVALS", "COSTING", "CURRENCIES", "DOCUMENT", "INVOICES", "OBJECTS", "ORDERS"]

COSTING = ("CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5")
DOCUMENT_LINE: dict[str, Any] = none(
    "LineNum ItemCode ItemDescription Quantity Price UnitPrice Currency Rate DiscountPercent LineTotal RowTotalFC "
    "AccountCode TaxCode VatGroup ProjectCode FreeText BaseType BaseEntry BaseLine ShipDate"
) | {"LineStatus": "bost_Open", **dict.fromkeys(COSTING)}
DOCUMENT: dict[str, Any] = none(
    "DocEntry DocNum DocDate DocDueDate CardCode CardName NumAtCard DocTotal DocCurrency DocRate Reference1 Reference2 "
    "Comments JournalMemo SalesPersonCode ContactPersonCode Series TaxDate DocObjectCode FederalTaxID DiscountPercent "
    "CreationDate DocTime UpdateDate UpdateTime TransNum VatSum VatSumFc DocTotalFc DocTotalSys Project CancelDate "
    "ClosingDate PaidToDate"
) | {
    "DocType": "dDocument_Items",
    "Printed": "psNo",
    "Confirmed": "tYES",
    "DocumentStatus": "bost_Open",
    "Cancelled": "tNO",
    "CancelStatus": "csNo",
    "AuthorizationStatus": "dasWithout",
    "DataVersion": 1,
    "DocumentLines": [],
}
LENGTHS = {
    "CardCode": 15,
    "CardName": 100,
    "NumAtCard": 100,
    "Reference1": 11,
    "Reference2": 11,
    "Comments": 254,
    "JournalMemo": 50,
    "Project": 20,
    "DocCurrency": 3,
    "ItemCode": 50,
    "ItemDescription": 100,
    "AccountCode": 15,
    "ProjectCode": 20,
    "FreeText": 100,
    "TaxCode": 8,
    "VatGroup": 8,
    **dict.fromkeys(COSTING, 8),
}
DATES = frozenset(
    {"DocDate", "DocDueDate", "TaxDate", "CreationDate", "UpdateDate", "CancelDate", "ClosingDate", "ShipDate"}
)
AMOUNTS = frozenset(
    {"DocTotal", "DocTotalFc", "DocTotalSys", "VatSum", "VatSumFc", "DocRate", "DiscountPercent", "PaidToDate"}
    | {"Quantity", "Price", "UnitPrice", "Rate", "LineTotal", "RowTotalFC"}
)
OBJECTS = {"13": "oInvoices", "17": "oOrders", "30": "oJournalEntries"}
"""What a draft may be of: the member that v2 shows, by the number that v1 shows (SAP's metadata, SAP's guide)."""

ENUMS = {
    "DocObjectCode": OBJECTS,
    "DocType": {"I": "dDocument_Items", "S": "dDocument_Service"},
    "DocumentStatus": {"O": "bost_Open", "C": "bost_Close"},
    **dict.fromkeys(("Cancelled", "Confirmed"), YES_NO),
}
STAMPS = ("CreationDate", "DocTime", "UpdateDate", "UpdateTime")


def _document(name: str, database: str, code: str, *, verbs: str, actions: dict[str, dict[str, Any]]) -> Table:
    """Return the entity set of one kind of marketing document; *code* is its number among SAP's objects."""
    return Table(
        name,
        "Document",
        "DocEntry",
        database,
        shares=("OINV", "ORDR"),  # a user field of one marketing document stands on all of them
        defaults=DOCUMENT | {"DocObjectCode": OBJECTS[code]},
        lengths=LENGTHS,
        dates=DATES,
        amounts=AMOUNTS,
        enums=ENUMS,
        lines={"DocumentLines": Lines("DocumentLine", "LineNum", DOCUMENT_LINE)},
        actions=actions,
        verbs=frozenset(verbs.split()),
        has_numeric_key=True,
        has_etag=True,
        stamps=STAMPS,
    )


_CLOSE = {"DocumentStatus": "bost_Close"}
INVOICES = _document(
    "Invoices", "OINV", "13", verbs="GET POST PATCH", actions={"Cancel": {}, "Close": _CLOSE, "Reopen": {}}
)
ORDERS = _document(
    "Orders",
    "ORDR",
    "17",
    verbs="GET POST PATCH",
    actions={
        "Cancel": _CLOSE | {"Cancelled": "tYES", "CancelStatus": "csYes"},
        "Close": _CLOSE,
        "Reopen": {"DocumentStatus": "bost_Open"},
    },
)
APPROVALS = Table(
    "ApprovalRequests",
    "ApprovalRequest",
    "Code",
    "OWDD",
    defaults=none("Code ObjectType ObjectEntry DraftEntry OriginatorID CreationDate CreationTime Remarks CurrentStage")
    | {"Status": "arsPending", "DraftType": "112", "IsDraft": "Y"},
    dates=frozenset({"CreationDate"}),
    enums={"Status": {"W": "arsPending", "Y": "arsApproved", "N": "arsNotApproved", "P": "arsGenerated"}},
    verbs=frozenset({"GET"}),
    has_numeric_key=True,
    stamps=("CreationDate", "CreationTime", "", ""),
)
CURRENCIES = Table(
    "Currencies",
    "Currency",
    "Code",
    "OCRN",
    defaults=none("Code Name DocumentsCode InternationalDescription HundredthName EnglishName")
    | {"Decimals": "cdDefault"},
    lengths={"Code": 3, "Name": 20},
)
