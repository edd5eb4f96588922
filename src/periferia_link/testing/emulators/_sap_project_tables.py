"""Project management, time sheets and attachments of the emulated company."""

from __future__ import annotations

from periferia_link.testing.emulators._sap_entity_set import YES_NO, Lines, Table, none

__all__ = ["ATTACHMENTS", "CENTRE_TYPES", "PROJECT_MANAGEMENTS", "SUBPROJECTS", "TIME_SHEETS"]

PROJECT_MANAGEMENTS = Table(
    "ProjectManagements",
    "PM_ProjectDocumentData",
    "AbsEntry",
    "OPMG",
    defaults=none(
        "AbsEntry Owner ProjectName StartDate FinishedPercent DocNum Series BusinessPartner BusinessPartnerName "
        "ContactPerson Territory SalesEmployee DueDate ClosingDate FinancialProject Industry Reason AttachmentEntry"
    )
    | {"ProjectType": "pt_Internal", "AllowSubprojects": "tNO", "ProjectStatus": "pst_Started"}
    | {"RiskLevel": "rlt_Low", "PM_StagesCollection": []},
    lengths={"ProjectName": 254, "BusinessPartner": 15, "FinancialProject": 20},
    dates=frozenset({"StartDate", "DueDate", "ClosingDate", "CloseDate"}),
    enums={"AllowSubprojects": YES_NO},
    lines={
        "PM_StagesCollection": Lines(
            "PM_StageData", "LineID", none("LineID StageID StageType StartDate CloseDate Task Description")
        )
    },
    required=("ProjectName",),
    references={"BusinessPartner": "BusinessPartners", "FinancialProject": "Projects"},
    actions={"CancelProject": {"ProjectStatus": "pst_Canceled"}},
    has_numeric_key=True,
)
SUBPROJECTS = Table(  # reached by ProjectManagementService_* only
    "ProjectManagementSubprojects",
    "PM_SubprojectDocumentData",
    "AbsEntry",
    "OPHA",
    defaults=none(
        "AbsEntry Owner SubprojectName StartDate FinishedPercent ParentID ProjectID Order SubprojectType "
        "SubprojectContribution SubprojectEndDate ActualCost PlannedCost DueDate"
    )
    | {"SubprojectStatus": "sst_Open", "PMS_StagesCollection": []},
    dates=frozenset({"StartDate", "SubprojectEndDate", "DueDate", "CloseDate"}),
    lines={
        "PMS_StagesCollection": Lines("PMS_StageData", "LineID", none("LineID StageID StageType StartDate CloseDate"))
    },
    required=("ProjectID",),
    verbs=frozenset(),
    has_numeric_key=True,
)
TIME_SHEETS = Table(
    "ProjectManagementTimeSheet",
    "PM_TimeSheetData",
    "AbsEntry",
    "OTSH",
    defaults=none("AbsEntry DocNumber UserID LastName FirstName Department OwnerCode DateFrom DateTo UserCode")
    | {"TimeSheetType": "tsh_Employee", "PM_TimeSheetLineDataCollection": []},
    dates=frozenset({"DateFrom", "DateTo", "Date"}),
    lines={
        "PM_TimeSheetLineDataCollection": Lines(
            "PM_TimeSheetLineData",
            "LineID",
            none(
                "LineID Date ActivityType LaborItem StartTime EndTime ServiceCall CostCenter FinancialProject Break "
                "NonBillableTime EffectiveTime BillableTime ProjectID SubprojectID StageID"
            ),
        )
    },
    required=("UserID", "DateFrom"),
    has_numeric_key=True,
)
CENTRE_TYPES = Table(
    "CostCenterTypes",
    "CostCenterType",
    "CostCenterTypeCode",
    "OCCT",
    defaults=none("CostCenterTypeCode CostCenterTypeName"),
)
ATTACHMENTS = Table(
    "Attachments2",
    "Attachments2",
    "AbsoluteEntry",
    "OATC",
    defaults=none("AbsoluteEntry") | {"Attachments2_Lines": []},
    dates=frozenset({"AttachmentDate"}),
    lines={
        "Attachments2_Lines": Lines(
            "Attachments2_Line",
            "LineNum",
            none("AbsoluteEntry LineNum SourcePath FileName FileExtension AttachmentDate UserID FreeText")
            | {"Override": "tNO"},
        )
    },
    verbs=frozenset({"GET", "POST", "PATCH"}),
    has_numeric_key=True,
)
