"""
The entity sets of the emulated company: keys, fields, lengths, kinds of value, and what a new company holds.

Field names are those of SAP's Service Layer API Reference 1.27. Lengths are those of the database columns, as people
met them in "Value too long in property" answers; the 50 and 100 of user tables are from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from periferia_link.testing.emulators._sap_refusals import Refusal

__all__ = ["TABLES", "Lines", "Table", "empty_books", "user_table"]

_YES_NO = {"Y": "tYES", "N": "tNO"}


@dataclass(frozen=True, slots=True)
class Lines:
    """A collection inside a record; a PATCH merges its rows by ``key``."""

    entity: str
    key: str
    defaults: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """
    One entity set.

    ``entity`` is its name in messages, ``database`` the table that user fields hang on, ``defaults`` every field with
    the value of a record that does not say. ``enums`` map stored values to member names: both are understood.
    ``has_etag``: on SAP's list of objects with optimistic concurrency. ``taken`` is the refusal of a second record
    with one key. ``verbs`` are the methods that the object allows; ``actions`` its bound actions.
    """

    name: str
    entity: str
    key: str
    database: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    dates: frozenset[str] = frozenset()
    amounts: frozenset[str] = frozenset()
    enums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lines: Mapping[str, Lines] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
    has_numeric_key: bool = False
    has_etag: bool = False
    is_stamped: bool = False
    taken: Refusal = Refusal.EXISTS

    def key_of(self, record: Mapping[str, Any]) -> str:
        """Return the key as it stands in the books."""
        if self.key == "TableName,FieldID":
            return f"TableName='{record['TableName']}',FieldID={record['FieldID']}"
        return str(record[self.key])

    def literal(self, key: str) -> str:
        """Return the key as it stands in an address: ``('C1')``, ``(7)``, ``(TableName='OJDT',FieldID=0)``."""
        if self.has_numeric_key or self.key == "TableName,FieldID":
            return f"({key})"
        return "('" + key.replace("'", "''") + "')"


_STAMPS: dict[str, Any] = {"CreateDate": None, "CreateTime": None, "UpdateDate": None, "UpdateTime": None}
_STAMP_DATES = frozenset({"CreateDate", "UpdateDate"})


def _none(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split())


_CLIENTS = Table(
    "BusinessPartners",
    "BusinessPartner",
    "CardCode",
    "OCRD",
    defaults=_none(
        "CardCode CardName CardForeignName Address ZipCode MailAddress Phone1 Phone2 Cellular Fax ContactPerson Notes "
        "FederalTaxID UnifiedFederalTaxID Currency City County Country EmailAddress Website ProjectCode ValidFrom "
        "ValidTo"
    )
    | {"CardType": "cCustomer", "GroupCode": 100, "SalesPersonCode": -1, "Series": 1, "Valid": "tYES", "Frozen": "tNO"}
    | {"BPAddresses": [], "ContactEmployees": [], "BPFiscalTaxIDCollection": [], "DataVersion": 1}
    | _STAMPS,
    lengths={"CardCode": 15, "CardName": 100, "FederalTaxID": 32, "EmailAddress": 100, "Phone1": 20, "City": 100}
    | {"Country": 3, "Currency": 3},
    dates=_STAMP_DATES | {"ValidFrom", "ValidTo"},
    enums={"CardType": {"C": "cCustomer", "S": "cSupplier", "L": "cLid"}, "Valid": _YES_NO, "Frozen": _YES_NO},
    lines={
        "BPAddresses": Lines("BPAddress", "AddressName", _none("AddressName Street City Country AddressType")),
        "ContactEmployees": Lines("ContactEmployee", "InternalCode", _none("InternalCode Name E_Mail Phone1")),
        "BPFiscalTaxIDCollection": Lines("BPFiscalTaxID", "TaxId0", _none("TaxId0 Address AddrType")),
    },
    has_etag=True,
    is_stamped=True,
    taken=Refusal.CODE_TAKEN,
)
_PROJECTS = Table(
    "Projects",
    "Project",
    "Code",
    "OPRJ",
    defaults=_none("Code Name ValidFrom ValidTo") | {"Active": "tYES"},
    lengths={"Code": 20, "Name": 100},
    dates=frozenset({"ValidFrom", "ValidTo"}),
    enums={"Active": _YES_NO},
)
_CENTRES = Table(
    "ProfitCenters",
    "ProfitCenter",
    "CenterCode",
    "OPRC",
    defaults=_none("CenterCode CenterName GroupCode CostCenterType EffectiveFrom EffectiveTo CenterOwner")
    | {"InWhichDimension": 1, "Active": "tYES"},
    lengths={"CenterCode": 8, "CenterName": 30},
    dates=frozenset({"EffectiveFrom", "EffectiveTo"}),
    enums={"Active": _YES_NO},
)
_RULES = Table(
    "DistributionRules",
    "DistributionRule",
    "FactorCode",
    "OOCR",
    defaults=_none("FactorCode FactorDescription TotalFactor")
    | {"Direct": "N", "InWhichDimension": 1, "Active": "tYES", "IsFixedAmount": "tNO", "DistributionRuleLines": []},
    lengths={"FactorCode": 8, "FactorDescription": 30},
    dates=frozenset({"EffectiveFrom", "EffectiveTo"}),
    amounts=frozenset({"TotalFactor", "TotalInCenter"}),
    enums={"Active": _YES_NO, "IsFixedAmount": _YES_NO},
    lines={
        "DistributionRuleLines": Lines(
            "DistributionRuleLine", "CenterCode", _none("CenterCode TotalInCenter EffectiveFrom EffectiveTo")
        )
    },
)
_DIMENSIONS = Table(
    "Dimensions",
    "Dimension",
    "DimensionCode",
    "ODIM",
    defaults=_none("DimensionCode DimensionName DimensionDescription") | {"IsActive": "tNO"},
    enums={"IsActive": _YES_NO},
    verbs=frozenset({"GET", "PATCH"}),
    has_numeric_key=True,
)
_EMPLOYEES = Table(
    "EmployeesInfo",
    "EmployeeInfo",
    "EmployeeID",
    "OHEM",
    defaults=_none(
        "EmployeeID LastName FirstName MiddleName JobTitle Department Branch Manager OfficePhone MobilePhone eMail "
        "StartDate StatusCode Salary SalaryUnit SalaryCurrency EmployeeCosts EmployeeCostUnit EmployeeCostsCurrency "
        "TerminationDate IdNumber Remarks CostCenterCode ExternalEmployeeNumber EmployeeCode"
    )
    | {"Active": "tYES"}
    | _STAMPS,
    lengths={"LastName": 50, "FirstName": 50, "eMail": 100, "ExternalEmployeeNumber": 16},
    dates=_STAMP_DATES | {"StartDate", "TerminationDate"},
    amounts=frozenset({"Salary", "EmployeeCosts"}),
    enums={"Active": _YES_NO},
    actions=frozenset({"Cancel", "Close"}),
    has_numeric_key=True,
    is_stamped=True,
)
_ACCOUNTS = Table(
    "ChartOfAccounts",
    "ChartOfAccount",
    "Code",
    "OACT",
    defaults=_none("Code Name FatherAccountKey FormatCode ExternalCode ProjectCode")
    | {"ActiveAccount": "tYES", "AccountType": "at_Expenses", "AcctCurrency": "##", "ValidFor": "tYES"},
    lengths={"Code": 15, "Name": 100},
    enums={"ActiveAccount": _YES_NO, "ValidFor": _YES_NO},
)
_ENTRY_LINE = _none(
    "Line_ID AccountCode ShortName ContraAccount LineMemo DueDate ReferenceDate1 TaxDate Reference1 Reference2 "
    "AdditionalReference ProjectCode CostingCode CostingCode2 CostingCode3 CostingCode4 CostingCode5 CostElementCode "
    "FCCurrency BPLID FederalTaxID"
) | dict.fromkeys(("Debit", "Credit", "FCDebit", "FCCredit"), "0")
_ENTRY: dict[str, Any] = _none(
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
    | {"AccountCode": 15, "ProjectCode": 20, "U_PL_Key": 64}
    | dict.fromkeys(("CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5"), 8),
    dates=frozenset({"ReferenceDate", "DueDate", "TaxDate", "VatDate", "StornoDate", "ReferenceDate1"}),
    amounts=frozenset({"Debit", "Credit", "FCDebit", "FCCredit"}),
    enums={"IsCostCenterTransfer": _YES_NO},
    lines={"JournalEntryLines": Lines("JournalEntryLine", "Line_ID", _ENTRY_LINE)},
    actions=frozenset({"Cancel"}),
    verbs=frozenset({"GET", "POST", "PATCH"}),
    has_numeric_key=True,
)
_DRAFTS = Table(
    "Drafts",
    "Document",
    "DocEntry",
    "OJDT",  # a company that adds a field to a document adds it to its draft table, too
    defaults={"DocEntry": None, "DocObjectCode": "30", "AuthorizationStatus": "dasPending", "DataVersion": 1} | _ENTRY,
    lengths=_ENTRIES.lengths,
    dates=_ENTRIES.dates,
    amounts=_ENTRIES.amounts,
    lines=_ENTRIES.lines,
    verbs=frozenset({"GET", "DELETE"}),
    has_numeric_key=True,
    has_etag=True,
)
_USER_TABLES = Table(
    "UserTablesMD",
    "UserTablesMD",
    "TableName",
    defaults=_none("TableName TableDescription") | {"TableType": "bott_NoObject", "Archivable": "tNO"},
    lengths={"TableName": 19, "TableDescription": 30},
)
_USER_FIELDS = Table(
    "UserFieldsMD",
    "UserFieldsMD",
    "TableName,FieldID",
    defaults=_none("TableName FieldID Name Description DefaultValue LinkedTable")
    | {"Type": "db_Alpha", "SubType": "st_None", "Size": 50, "EditSize": 50, "Mandatory": "tNO"},
)
# Not ours to write, but the recorded exchanges speak of them: they keep the emulator honest about shapes and etags.
_ITEMS = Table(
    "Items",
    "Item",
    "ItemCode",
    "OITM",
    defaults=_none("ItemCode ItemName") | {"DataVersion": 1} | _STAMPS,
    lengths={"ItemCode": 50, "ItemName": 200},
    dates=_STAMP_DATES | {"ValidFrom", "ValidTo", "FrozenFrom", "FrozenTo"},
    has_etag=True,
    is_stamped=True,
    taken=Refusal.ITEM_TAKEN,
)
_ORDERS = Table(
    "Orders",
    "Document",
    "DocEntry",
    "ORDR",
    defaults={"DocEntry": None, "DocNum": None, "DocType": "dDocument_Items", "Cancelled": "tNO", "DataVersion": 1},
    actions=frozenset({"Cancel", "Close"}),
    verbs=frozenset({"GET", "PATCH"}),
    has_numeric_key=True,
    has_etag=True,
)
_BANKS = Table("Banks", "Bank", "BankCode", "ODSC", defaults=_none("BankCode BankName CountryCode"))

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        *(_CLIENTS, _PROJECTS, _CENTRES, _RULES, _DIMENSIONS, _EMPLOYEES, _ACCOUNTS, _ENTRIES, _DRAFTS),
        *(_USER_TABLES, _USER_FIELDS, _ITEMS, _ORDERS, _BANKS),
    )
}


def user_table(name: str) -> Table:
    """Return the entity set of a user table without object: ``U_MYTABLE``, key Code, Name unique as well."""
    return Table(
        name,
        name,
        "Code",
        "@" + name.removeprefix("U_"),
        defaults=_none("Code Name"),
        lengths={"Code": 50, "Name": 100},
    )


def _field(table: str, number: int, name: str, size: int = 64) -> dict[str, Any]:
    record = dict(_USER_FIELDS.defaults)
    return record | {"TableName": table, "FieldID": number, "Name": name, "Size": size, "EditSize": size}


def empty_books() -> dict[str, dict[str, dict[str, Any]]]:
    """
    Return a new company: a few accounts of the Colombian chart (PUC), five dimensions, the general cost centre.

    The marker table ``U_PL_SYNC`` and the field ``U_PL_Key`` are installed; take them out to see a bare company.
    """
    books: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in TABLES}
    records: dict[str, list[dict[str, Any]]] = {
        "ChartOfAccounts": [
            {"Code": "250505", "Name": "Salarios por pagar", "AccountType": "at_Other"},
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
        "UserTablesMD": [{"TableName": "PL_SYNC", "TableDescription": "periferia_link markers"}],
        "UserFieldsMD": [_field(table, 0, "PL_Key") for table in ("OCRD", "OPRJ", "OJDT")],
    }
    for name, rows in records.items():
        table = TABLES[name]
        for row in rows:
            books[name][table.key_of(row)] = dict(table.defaults) | row
    return books
