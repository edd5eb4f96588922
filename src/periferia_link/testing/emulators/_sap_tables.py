"""
The entity sets of the emulated company: keys, fields, lengths, kinds of value, and what a new company holds.

Field names are those of SAP's Service Layer API Reference 1.27. Lengths are those of the database columns, as people
met them in "Value too long in property" answers; the 50 and 100 of user tables are from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periferia_link.testing.emulators._sap_custom_tables import (
    QUERIES,
    SUBSCRIPTIONS,
    USER_FIELDS,
    USER_KEYS,
    USER_OBJECTS,
    USER_TABLES,
    user_field,
    user_table,
)
from periferia_link.testing.emulators._sap_document_tables import (
    APPROVALS,
    COSTING,
    CURRENCIES,
    DOCUMENT,
    INVOICES,
    ORDERS,
)
from periferia_link.testing.emulators._sap_entity_set import (
    STAMP_DATES,
    STAMP_NAMES,
    STAMPS,
    YES_NO,
    Lines,
    Table,
    none,
)
from periferia_link.testing.emulators._sap_project_tables import (
    ATTACHMENTS,
    CENTRE_TYPES,
    PROJECT_MANAGEMENTS,
    SUBPROJECTS,
    TIME_SHEETS,
)
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_sales_tables import ACTIVITIES, OPPORTUNITIES, SERVICE_CALLS

__all__ = ["KEYED", "TABLES", "Lines", "Table", "empty_books", "user_table"]

_CLIENTS = Table(
    "BusinessPartners",
    "BusinessPartner",
    "CardCode",
    "OCRD",
    defaults=none(
        "CardCode CardName CardForeignName Address ZipCode MailAddress Phone1 Phone2 Cellular Fax ContactPerson Notes "
        "FederalTaxID UnifiedFederalTaxID Currency City County Country EmailAddress Website ProjectCode ValidFrom "
        "ValidTo"
    )
    | {"CardType": "cCustomer", "GroupCode": 100, "SalesPersonCode": -1, "Series": 1, "Valid": "tYES", "Frozen": "tNO"}
    | {"BPAddresses": [], "ContactEmployees": [], "BPFiscalTaxIDCollection": [], "DataVersion": 1}
    | STAMPS,
    lengths={"CardCode": 15, "CardName": 100, "FederalTaxID": 32, "EmailAddress": 100, "Phone1": 20, "City": 100}
    | {"Country": 3, "Currency": 3},
    dates=STAMP_DATES | {"ValidFrom", "ValidTo"},
    enums={"CardType": {"C": "cCustomer", "S": "cSupplier", "L": "cLid"}, "Valid": YES_NO, "Frozen": YES_NO},
    lines={
        "BPAddresses": Lines("BPAddress", "AddressName", none("AddressName Street City Country AddressType")),
        "ContactEmployees": Lines("ContactEmployee", "InternalCode", none("InternalCode Name E_Mail Phone1")),
        "BPFiscalTaxIDCollection": Lines("BPFiscalTaxID", "TaxId0", none("TaxId0 Address AddrType")),
    },
    has_etag=True,
    stamps=STAMP_NAMES,
    taken=Refusal.CODE_TAKEN,
)
_PROJECTS = Table(
    "Projects",
    "Project",
    "Code",
    "OPRJ",
    defaults=none("Code Name ValidFrom ValidTo") | {"Active": "tYES"},
    lengths={"Code": 20, "Name": 100},
    dates=frozenset({"ValidFrom", "ValidTo"}),
    enums={"Active": YES_NO},
)
_CENTRES = Table(
    "ProfitCenters",
    "ProfitCenter",
    "CenterCode",
    "OPRC",
    defaults=none("CenterCode CenterName GroupCode CostCenterType EffectiveFrom EffectiveTo CenterOwner")
    | {"InWhichDimension": 1, "Active": "tYES"},
    lengths={"CenterCode": 8, "CenterName": 30},
    dates=frozenset({"EffectiveFrom", "EffectiveTo"}),
    enums={"Active": YES_NO},
)
_RULES = Table(
    "DistributionRules",
    "DistributionRule",
    "FactorCode",
    "OOCR",
    defaults=none("FactorCode FactorDescription TotalFactor")
    | {"Direct": "N", "InWhichDimension": 1, "Active": "tYES", "IsFixedAmount": "tNO", "DistributionRuleLines": []},
    lengths={"FactorCode": 8, "FactorDescription": 30},
    dates=frozenset({"EffectiveFrom", "EffectiveTo"}),
    amounts=frozenset({"TotalFactor", "TotalInCenter"}),
    enums={"Active": YES_NO, "IsFixedAmount": YES_NO},
    lines={
        "DistributionRuleLines": Lines(
            "DistributionRuleLine", "CenterCode", none("CenterCode TotalInCenter EffectiveFrom EffectiveTo")
        )
    },
)
_DIMENSIONS = Table(
    "Dimensions",
    "Dimension",
    "DimensionCode",
    "ODIM",
    defaults=none("DimensionCode DimensionName DimensionDescription") | {"IsActive": "tNO"},
    enums={"IsActive": YES_NO},
    verbs=frozenset({"GET", "PATCH"}),
    has_numeric_key=True,
)
_EMPLOYEES = Table(
    "EmployeesInfo",
    "EmployeeInfo",
    "EmployeeID",
    "OHEM",
    defaults=none(
        "EmployeeID LastName FirstName MiddleName JobTitle Department Branch Manager OfficePhone MobilePhone eMail "
        "StartDate StatusCode Salary SalaryUnit SalaryCurrency EmployeeCosts EmployeeCostUnit EmployeeCostsCurrency "
        "TerminationDate IdNumber Remarks CostCenterCode ExternalEmployeeNumber EmployeeCode"
    )
    | {"Active": "tYES"}
    | STAMPS,
    lengths={"LastName": 50, "FirstName": 50, "eMail": 100, "ExternalEmployeeNumber": 16},
    dates=STAMP_DATES | {"StartDate", "TerminationDate"},
    amounts=frozenset({"Salary", "EmployeeCosts"}),
    enums={"Active": YES_NO},
    actions={"Cancel": {"Active": "tNO"}, "Close": {"Active": "tNO"}},
    has_numeric_key=True,
    stamps=STAMP_NAMES,
)
_ACCOUNTS = Table(
    "ChartOfAccounts",
    "ChartOfAccount",
    "Code",
    "OACT",
    defaults=none("Code Name FatherAccountKey FormatCode ExternalCode ProjectCode")
    | {"ActiveAccount": "tYES", "AccountType": "at_Expenses", "AcctCurrency": "##", "ValidFor": "tYES"},
    lengths={"Code": 15, "Name": 100},
    enums={"ActiveAccount": YES_NO, "ValidFor": YES_NO},
)
_SUMS = ("Debit", "Credit", "FCDebit", "FCCredit", "DebitSys", "CreditSys")
_ENTRY_LINE = none(
    "Line_ID AccountCode ShortName ContraAccount LineMemo DueDate ReferenceDate1 TaxDate Reference1 Reference2 "
    "AdditionalReference ProjectCode CostElementCode FCCurrency BPLID FederalTaxID"
) | dict.fromkeys(COSTING)
_ENTRY_LINE |= dict.fromkeys(_SUMS, "0")
_ENTRY: dict[str, Any] = none(
    "JdtNum ReferenceDate DueDate TaxDate VatDate Memo Reference Reference2 Reference3 ProjectCode TransactionCode "
    "Indicator Series Number AttachmentEntry StornoDate"
) | {"OriginalJournal": "ttJournalEntry", "Original": None, "IsCostCenterTransfer": "tNO", "JournalEntryLines": []}
_ENTRIES = Table(
    "JournalEntries",
    "JournalEntry",
    "JdtNum",
    "OJDT",
    defaults=_ENTRY,
    lengths={"Memo": 50, "Reference": 100, "Reference2": 100, "Reference3": 27, "LineMemo": 50, "TransactionCode": 4}
    | {"AccountCode": 15, "ProjectCode": 20, **dict.fromkeys(COSTING, 8)},
    dates=frozenset({"ReferenceDate", "DueDate", "TaxDate", "VatDate", "StornoDate", "ReferenceDate1"}),
    amounts=frozenset(_SUMS),
    enums={"IsCostCenterTransfer": YES_NO},
    lines={"JournalEntryLines": Lines("JournalEntryLine", "Line_ID", _ENTRY_LINE)},
    actions={"Cancel": {}},
    verbs=frozenset({"GET", "POST", "PATCH"}),
    has_numeric_key=True,
)
# Drafts of documents, and what an approval procedure makes of a journal entry. A field that a company adds to a
# document stands on its draft as well.
_DRAFTS = Table(
    "Drafts",
    "Document",
    "DocEntry",
    "ODRF",
    shares=("OJDT", "OINV", "ORDR"),
    defaults=DOCUMENT | _ENTRY,
    lengths=dict(_ENTRIES.lengths) | dict(INVOICES.lengths),
    dates=_ENTRIES.dates | INVOICES.dates,
    amounts=_ENTRIES.amounts | INVOICES.amounts,
    enums=INVOICES.enums,
    lines={**INVOICES.lines, **_ENTRIES.lines},
    actions={
        "Cancel": {"Cancelled": "tYES", "DocumentStatus": "bost_Close"},
        "Close": {"DocumentStatus": "bost_Close"},
    },
    verbs=frozenset({"GET", "POST", "PATCH", "DELETE"}),
    has_numeric_key=True,
    has_etag=True,
    stamps=INVOICES.stamps,
)
# Not ours to write, but the recorded exchanges speak of them: they keep the emulator honest about shapes and etags.
_ITEMS = Table(
    "Items",
    "Item",
    "ItemCode",
    "OITM",
    defaults=none("ItemCode ItemName") | {"DataVersion": 1} | STAMPS,
    lengths={"ItemCode": 50, "ItemName": 200},
    dates=STAMP_DATES | {"ValidFrom", "ValidTo", "FrozenFrom", "FrozenTo"},
    has_etag=True,
    stamps=STAMP_NAMES,
    taken=Refusal.ITEM_TAKEN,
)
_BANKS = Table("Banks", "Bank", "BankCode", "ODSC", defaults=none("BankCode BankName CountryCode"))

KEYED = ("OCRD", "OPRJ", "OJDT", "OINV", "OOPR", "OSCL")
"""Tables of the database that have the field of our key in a new company."""

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        *(_CLIENTS, _PROJECTS, _CENTRES, CENTRE_TYPES, _RULES, _DIMENSIONS, _EMPLOYEES, _ACCOUNTS, CURRENCIES),
        *(_ENTRIES, _DRAFTS, INVOICES, ORDERS, APPROVALS, OPPORTUNITIES, SERVICE_CALLS, ACTIVITIES),
        *(PROJECT_MANAGEMENTS, SUBPROJECTS, TIME_SHEETS, ATTACHMENTS),
        *(USER_TABLES, USER_FIELDS, USER_KEYS, USER_OBJECTS, QUERIES, SUBSCRIPTIONS, _ITEMS, _BANKS),
    )
}


def empty_books() -> dict[str, dict[str, dict[str, Any]]]:
    """
    Return a new company: a few accounts of the Colombian chart (PUC), five dimensions, the general cost centre.

    The marker table ``U_PL_SYNC`` and the field ``U_PL_Key`` are installed; take them out to see a bare company.
    """
    books: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in (*TABLES, "ORTT")}
    records: dict[str, list[dict[str, Any]]] = {
        "ChartOfAccounts": [
            {"Code": "130505", "Name": "Clientes nacionales", "AccountType": "at_Other"},
            {"Code": "240805", "Name": "Impuesto sobre las ventas por pagar", "AccountType": "at_Other"},
            {"Code": "250505", "Name": "Salarios por pagar", "AccountType": "at_Other"},
            {"Code": "413595", "Name": "Ingresos por servicios", "AccountType": "at_Revenues"},
            {"Code": "510506", "Name": "Sueldos (gasto de nómina)"},
            {"Code": "510595", "Name": "Costo de nómina distribuido a proyectos"},
            {"Code": "613595", "Name": "Costo de servicios: mano de obra"},
            {"Code": "720506", "Name": "Mano de obra directa: sueldos"},
            {"Code": "7", "Name": "Costos de producción (título)", "ActiveAccount": "tNO"},
        ],
        "Dimensions": [
            {"DimensionCode": n, "DimensionName": f"Dimensión {n}", "IsActive": "tYES" if n <= 2 else "tNO"}
            for n in range(1, 6)
        ],
        # the general centre has no rule of its own: using it as CostingCode fails with -2028
        "ProfitCenters": [{"CenterCode": "Centr_z", "CenterName": "Centro general"}],
        "Currencies": [
            {"Code": "COP", "Name": "Peso colombiano", "DocumentsCode": "COP"},
            {"Code": "USD", "Name": "Dólar", "DocumentsCode": "USD"},
            {"Code": "EUR", "Name": "Euro", "DocumentsCode": "EUR"},
        ],
        "UserTablesMD": [{"TableName": "PL_SYNC", "TableDescription": "periferia_link markers"}],
        "UserFieldsMD": [user_field(table, 0, "PL_Key") for table in KEYED],
    }
    for name, rows in records.items():
        table = TABLES[name]
        for row in rows:
            books[name][table.key_of(row)] = dict(table.defaults) | row
    return books
