"""Columns of SAP's database behind the properties of the Service Layer, as stored queries name them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["COLUMNS", "LINE_TABLES"]


def _columns(pairs: str) -> dict[str, str]:
    """Return columns by name from ``column=property`` or plain names where both are the same."""
    found = {}
    for pair in pairs.split():
        column, _, kept = pair.partition("=")
        found[column] = kept or column
    return found


_DOCUMENT = _columns(
    "DocEntry DocNum DocType DocDate DocDueDate TaxDate CardCode CardName NumAtCard DocTotal DocTotalFC=DocTotalFc "
    "DocTotalSy=DocTotalSys VatSum DocCur=DocCurrency DocRate Comments JrnlMemo=JournalMemo Project "
    "ObjType=DocObjectCode DocStatus=DocumentStatus CANCELED=Cancelled TransId=TransNum CreateDate=CreationDate "
    "UpdateDate UpdateTS=UpdateTime"
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "OCRD": _columns(
        "CardCode CardName CardType LicTradNum=FederalTaxID Phone1 City Country E_Mail=EmailAddress Currency "
        "ProjectCod=ProjectCode validFor=Valid frozenFor=Frozen CreateDate UpdateDate UpdateTS=UpdateTime"
    ),
    "OPRJ": _columns("PrjCode=Code PrjName=Name ValidFrom ValidTo Active"),
    "OPRC": _columns("PrcCode=CenterCode PrcName=CenterName GrpCode=GroupCode DimCode=InWhichDimension Active"),
    "OOCR": _columns("OcrCode=FactorCode OcrName=FactorDescription DimCode=InWhichDimension Active"),
    "OCR1": _columns("OcrCode=FactorCode PrcCode=CenterCode PrcAmount=TotalInCenter ValidFrom=EffectiveFrom"),
    "OHEM": _columns(
        "empID=EmployeeID lastName=LastName firstName=FirstName email=eMail ExtEmpNo=ExternalEmployeeNumber Active "
        "CostCenter=CostCenterCode salary=Salary salaryUnit=SalaryUnit emplCost=EmployeeCosts "
        "empCostUnt=EmployeeCostUnit empCostCur=EmployeeCostsCurrency startDate=StartDate termDate=TerminationDate "
        "govID=IdNumber CreateDate UpdateDate"
    ),
    "OACT": _columns("AcctCode=Code AcctName=Name FatherNum=FatherAccountKey Postable=ActiveAccount"),
    "OITM": _columns("ItemCode ItemName"),
    "OJDT": _columns(
        "TransId=JdtNum Number RefDate=ReferenceDate DueDate TaxDate Memo Ref1=Reference Ref2=Reference2 "
        "Ref3=Reference3 Project=ProjectCode StornoToTr=Original"
    ),
    "JDT1": _columns(
        "TransId=JdtNum Line_ID Account=AccountCode ShortName Debit Credit FCDebit FCCredit FCCurrency SYSDeb=DebitSys "
        "SYSCred=CreditSys LineMemo Project=ProjectCode ProfitCode=CostingCode OcrCode2=CostingCode2 "
        "OcrCode3=CostingCode3 OcrCode4=CostingCode4 OcrCode5=CostingCode5 RefDate=ReferenceDate1 TaxDate"
    ),
    "OINV": _DOCUMENT,
    "ORDR": _DOCUMENT,
    "ODRF": {**_DOCUMENT, "WddStatus": "AuthorizationStatus"},
    "INV1": _columns(
        "DocEntry LineNum ItemCode "
        "Dscription=ItemDescription "  # codespell:ignore
        "Quantity Price LineTotal AcctCode=AccountCode TaxCode Project=ProjectCode OcrCode=CostingCode"
    ),
    "OOPR": _columns(
        "OpprId=SequentialNo CardCode CardName=CustomerName Name=OpportunityName Status MaxSumLoc=MaxLocalTotal "
        "OpenDate=StartDate PredDate=PredictedClosingDate CloseDate=ClosingDate PrjCode=ProjectCode"
    ),
    "OSCL": _columns(
        "callID=ServiceCallID subject=Subject customer=CustomerCode custmrName=CustomerName status=Status "
        "priority=Priority createDate=CreationDate closeDate=ClosingDate BPProjCode=BPProjectCode"
    ),
    "ORTT": _columns("Currency RateDate Rate"),
}
LINE_TABLES: Mapping[str, tuple[str, str, str]] = {
    "JDT1": ("JournalEntries", "JournalEntryLines", "JdtNum"),
    "INV1": ("Invoices", "DocumentLines", "DocEntry"),
    "OCR1": ("DistributionRules", "DistributionRuleLines", "FactorCode"),
}
"""Tables of lines: their set, the collection in its records, and the key of the record."""
