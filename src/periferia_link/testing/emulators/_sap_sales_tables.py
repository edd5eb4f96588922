"""Sales opportunities, service calls and activities of the emulated company."""

from __future__ import annotations

from periferia_link.testing.emulators._sap_entity_set import YES_NO, Lines, Table, none

__all__ = ["ACTIVITIES", "OPPORTUNITIES", "SERVICE_CALLS"]

OPPORTUNITIES = Table(
    "SalesOpportunities",
    "SalesOpportunities",
    "SequentialNo",
    "OOPR",
    defaults=none(
        "SequentialNo CardCode SalesPerson ContactPerson Source InterestField1 InterestLevel StartDate "
        "PredictedClosingDate MaxLocalTotal MaxSystemTotal WeightedSumLC WeightedSumSC GrossProfit Remarks "
        "ReasonForClosing TotalAmountLocal TotalAmounSystem ClosingGrossProfitLocal ClosingPercentage CurrentStageNo "
        "OpportunityName Industry DataOwnershipfield StatusRemarks ProjectCode CustomerName Territory ClosingDate "
        "LinkedDocumentNumber AttachmentEntry UpdateDate UpdateTime"
    )
    | {"Status": "sos_Open", "ClosingType": "sos_Days", "OpportunityType": "boOpSales", "LinkedDocumentType": None}
    | {"SalesOpportunitiesLines": [], "SalesOpportunitiesReasons": []},
    lengths={"CardCode": 15, "OpportunityName": 100, "StatusRemarks": 254, "ProjectCode": 20, "CustomerName": 100},
    dates=frozenset({"StartDate", "PredictedClosingDate", "ClosingDate", "UpdateDate"}),
    amounts=frozenset(
        {"MaxLocalTotal", "MaxSystemTotal", "WeightedSumLC", "WeightedSumSC", "GrossProfit", "TotalAmountLocal"}
        | {"TotalAmounSystem", "ClosingGrossProfitLocal", "ClosingPercentage", "PercentageRate", "WeightedAmountLocal"}
    ),
    enums={"Status": {"O": "sos_Open", "L": "sos_Missed", "W": "sos_Sold"}},
    lines={
        "SalesOpportunitiesLines": Lines(
            "SalesOpportunitiesLine",
            "LineNum",
            none(
                "LineNum SalesPerson StartDate ClosingDate StageKey PercentageRate MaxLocalTotal MaxSystemTotal "
                "Remarks WeightedAmountLocal DocumentNumber ContactPerson DataOwnershipfield"
            )
            | {"Status": "so_Open", "DocumentType": "bodt_MinusOne"},
        ),
        "SalesOpportunitiesReasons": Lines("SalesOpportunitiesReason", "RowNo", none("RowNo Reason")),
    },
    required=("CardCode",),
    references={"CardCode": "BusinessPartners", "ProjectCode": "Projects"},
    actions={"Close": {"Status": "sos_Sold"}},
    has_numeric_key=True,
    stamps=("", "", "UpdateDate", "UpdateTime"),
)
SERVICE_CALLS = Table(
    "ServiceCalls",
    "ServiceCall",
    "ServiceCallID",
    "OSCL",
    defaults=none(
        "ServiceCallID Subject CustomerCode CustomerName ContactCode ManufacturerSerialNum InternalSerialNum "
        "ContractID ResolutionDate ResolutionTime Origin ItemCode ItemDescription CallType ProblemType ProblemSubType "
        "AssigneeCode Description TechnicianCode Resolution CreationDate CreationTime UpdateDate UpdatedTime Responder "
        "ResponseByTime ResponseByDate ResponseOnTime ResponseOnDate ResolutionOnDate ResolutionOnTime ClosingDate "
        "ClosingTime AssignedDate AssignedTime Queue Series DocNum CustomerRefNo BPContactPerson BPPhone1 BPeMail "
        "BPProjectCode Telephone AttachmentEntry"
    )
    | {"Status": -3, "Priority": "scp_Low", "BelongsToAQueue": "tNO", "ServiceBPType": "srvcSales"}
    | {"ServiceCallActivities": [], "ServiceCallSolutions": []},
    lengths={"Subject": 254, "CustomerCode": 15, "CustomerName": 100, "CustomerRefNo": 100, "BPProjectCode": 20}
    | {"Queue": 20, "BPeMail": 100},
    dates=frozenset(
        {"CreationDate", "UpdateDate", "ClosingDate", "ResponseByDate", "ResponseOnDate", "ResolutionDate"}
        | {"ResolutionOnDate", "AssignedDate"}
    ),
    enums={"Priority": {"L": "scp_Low", "M": "scp_Medium", "H": "scp_High"}, "BelongsToAQueue": YES_NO},
    lines={
        "ServiceCallActivities": Lines("ServiceCallActivity", "LineNum", none("LineNum ActivityCode")),
        "ServiceCallSolutions": Lines("ServiceCallSolution", "LineNum", none("LineNum SolutionID")),
    },
    required=("CustomerCode", "Subject"),
    references={"CustomerCode": "BusinessPartners", "BPProjectCode": "Projects", "TechnicianCode": "EmployeesInfo"},
    actions={"Close": {"Status": -1}},
    has_numeric_key=True,
    stamps=("CreationDate", "CreationTime", "UpdateDate", "UpdatedTime"),
)
ACTIVITIES = Table(
    "Activities",
    "Activity",
    "ActivityCode",
    "OCLG",
    defaults=none(
        "ActivityCode CardCode Notes ActivityDate ActivityTime StartDate StartTime CloseDate Phone Subject DocType "
        "DocNum DocEntry Details ActivityType EndDueDate EndTime Duration SalesEmployee ContactPersonCode HandledBy "
        "HandledByEmployee ReminderPeriod ReminderType ParentObjectId ParentObjectType SalesOpportunityId"
    )
    | {"Closed": "tNO", "Priority": "pr_Normal", "ActivityProperty": "cn_Conversation", "DurationType": "du_Minuts"}
    | {"Reminder": "tNO", "DataVersion": 1},
    lengths={"CardCode": 15, "Details": 100},
    dates=frozenset({"ActivityDate", "StartDate", "CloseDate", "EndDueDate"}),
    enums={"Closed": YES_NO, "Reminder": YES_NO},
    references={"CardCode": "BusinessPartners"},
    has_numeric_key=True,
    has_etag=True,
)
