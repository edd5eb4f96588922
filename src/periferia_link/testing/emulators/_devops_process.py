"""The processes that come with Azure DevOps, as far as they matter here: types, states with categories, fields."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FIELDS", "PROCESSES", "READ_ONLY", "Field", "Process", "State", "WorkItemType"]


class Field(NamedTuple):
    """One field: the name that people see, and the type of its values."""

    name: str
    type: str
    identity: bool = False


class State(NamedTuple):
    """One state of a type; the category is what stays the same in every process."""

    name: str
    category: str
    color: str


class WorkItemType(NamedTuple):
    """One type: its states, the first of them initial, the reason of a new item and the values it begins with."""

    name: str
    states: tuple[State, ...]
    reason: str
    fields: tuple[str, ...]
    defaults: tuple[tuple[str, object], ...] = ()


class Process(NamedTuple):
    """One process; ``key`` is the id that is the same everywhere (recorded)."""

    name: str
    key: str
    types: tuple[WorkItemType, ...]


_COMMON, _SCHEDULING, _TCM = "Microsoft.VSTS.Common", "Microsoft.VSTS.Scheduling", "Microsoft.VSTS.TCM"

FIELDS: dict[str, Field] = {
    "System.Id": Field("ID", "integer"),
    "System.Rev": Field("Rev", "integer"),
    "System.AreaPath": Field("Area Path", "treePath"),
    "System.AreaId": Field("Area ID", "integer"),
    "System.IterationPath": Field("Iteration Path", "treePath"),
    "System.IterationId": Field("Iteration ID", "integer"),
    "System.TeamProject": Field("Team Project", "string"),
    "System.WorkItemType": Field("Work Item Type", "string"),
    "System.State": Field("State", "string"),
    "System.Reason": Field("Reason", "string"),
    "System.Title": Field("Title", "string"),
    "System.Description": Field("Description", "html"),
    "System.History": Field("History", "history"),
    "System.Tags": Field("Tags", "plainText"),
    "System.AssignedTo": Field("Assigned To", "string", identity=True),
    "System.CreatedBy": Field("Created By", "string", identity=True),
    "System.CreatedDate": Field("Created Date", "dateTime"),
    "System.ChangedBy": Field("Changed By", "string", identity=True),
    "System.ChangedDate": Field("Changed Date", "dateTime"),
    "System.RevisedDate": Field("Revised Date", "dateTime"),
    "System.AuthorizedDate": Field("Authorized Date", "dateTime"),
    "System.CommentCount": Field("Comment Count", "integer"),
    "System.Parent": Field("Parent", "integer"),
    "System.IsDeleted": Field("Is Deleted", "boolean"),
    "System.Watermark": Field("Watermark", "integer"),
    "System.NodeName": Field("Node Name", "string"),
    f"{_COMMON}.Priority": Field("Priority", "integer"),
    f"{_COMMON}.Severity": Field("Severity", "string"),
    f"{_COMMON}.ValueArea": Field("Value Area", "string"),
    f"{_COMMON}.StateChangeDate": Field("State Change Date", "dateTime"),
    f"{_COMMON}.ActivatedDate": Field("Activated Date", "dateTime"),
    f"{_COMMON}.ResolvedDate": Field("Resolved Date", "dateTime"),
    f"{_COMMON}.ClosedDate": Field("Closed Date", "dateTime"),
    f"{_COMMON}.ClosedBy": Field("Closed By", "string", identity=True),
    f"{_COMMON}.AcceptanceCriteria": Field("Acceptance Criteria", "html"),
    f"{_COMMON}.StackRank": Field("Stack Rank", "double"),
    f"{_SCHEDULING}.StoryPoints": Field("Story Points", "double"),
    f"{_SCHEDULING}.Effort": Field("Effort", "double"),
    f"{_SCHEDULING}.Size": Field("Size", "double"),
    f"{_SCHEDULING}.OriginalEstimate": Field("Original Estimate", "double"),
    f"{_SCHEDULING}.RemainingWork": Field("Remaining Work", "double"),
    f"{_SCHEDULING}.CompletedWork": Field("Completed Work", "double"),
    f"{_SCHEDULING}.DueDate": Field("Due Date", "dateTime"),
    f"{_SCHEDULING}.StartDate": Field("Start Date", "dateTime"),
    f"{_SCHEDULING}.TargetDate": Field("Target Date", "dateTime"),
    f"{_TCM}.ReproSteps": Field("Repro Steps", "html"),
}

READ_ONLY = frozenset(
    {
        "System.Id",
        "System.Rev",
        "System.RevisedDate",
        "System.AuthorizedDate",
        "System.CommentCount",
        "System.Parent",
        "System.IsDeleted",
        "System.Watermark",
        "System.NodeName",
    }
)
"""Fields that only the server writes."""

_SYSTEM = tuple(name for name in FIELDS if name.startswith("System."))
_EVERYWHERE = (*_SYSTEM, *(f"{_COMMON}.{name}" for name in ("Priority", "StateChangeDate", "ClosedDate", "ClosedBy")))
_DATED = tuple(f"{_SCHEDULING}.{name}" for name in ("DueDate", "StartDate", "TargetDate"))
_HOURS = tuple(f"{_SCHEDULING}.{name}" for name in ("OriginalEstimate", "RemainingWork", "CompletedWork"))
_STORY = (
    *_EVERYWHERE,
    *_DATED,
    *(
        f"{_COMMON}.{name}"
        for name in ("AcceptanceCriteria", "ValueArea", "StackRank", "ActivatedDate", "ResolvedDate")
    ),
)
_TASK = (*_EVERYWHERE, *_DATED, *_HOURS, f"{_COMMON}.StackRank", f"{_COMMON}.ActivatedDate")
_BUG = (*_STORY, *_HOURS, f"{_COMMON}.Severity", f"{_TCM}.ReproSteps")


def _states(*told: str) -> tuple[State, ...]:
    """Read ``Name=Category`` pairs; the colours are those of the category."""
    colors = {
        "Proposed": "b2b2b2",
        "InProgress": "007acc",
        "Resolved": "ff9d00",
        "Completed": "339933",
        "Removed": "ffffff",
    }
    pairs = (each.partition("=") for each in told)
    return tuple(State(name, category, colors[category]) for name, _, category in pairs)


_PRIORITY = ((f"{_COMMON}.Priority", 2),)
_BUSINESS = (*_PRIORITY, (f"{_COMMON}.ValueArea", "Business"))
_SEVERE = (*_BUSINESS, (f"{_COMMON}.Severity", "3 - Medium"))
_AGILE = _states("New=Proposed", "Active=InProgress", "Resolved=Resolved", "Closed=Completed", "Removed=Removed")
_AGILE_TASK = _states("New=Proposed", "Active=InProgress", "Closed=Completed", "Removed=Removed")
_SCRUM = _states("New=Proposed", "Approved=Proposed", "Committed=InProgress", "Done=Completed", "Removed=Removed")
_SCRUM_EPIC = _states("New=Proposed", "In Progress=InProgress", "Done=Completed", "Removed=Removed")
_SCRUM_TASK = _states("To Do=Proposed", "In Progress=InProgress", "Done=Completed", "Removed=Removed")
_BASIC = _states("To Do=Proposed", "Doing=InProgress", "Done=Completed")
_CMMI = _states("Proposed=Proposed", "Active=InProgress", "Resolved=Resolved", "Closed=Completed")


def _points(name: str) -> tuple[str, ...]:
    return (*_STORY, f"{_SCHEDULING}.{name}")


PROCESSES: dict[str, Process] = {
    process.name: process
    for process in (
        Process(
            "Agile",
            "adcc42ab-9882-485e-a3ed-7678f01f66bc",
            (
                WorkItemType("Epic", _AGILE, "New", _points("Effort"), _BUSINESS),
                WorkItemType("Feature", _AGILE, "New", _points("Effort"), _BUSINESS),
                WorkItemType("User Story", _AGILE, "New", _points("StoryPoints"), _BUSINESS),
                WorkItemType("Bug", _AGILE[:4], "New", (*_BUG, f"{_SCHEDULING}.StoryPoints"), _SEVERE),
                WorkItemType("Task", _AGILE_TASK, "New", _TASK, _PRIORITY),
                WorkItemType("Issue", _states("Active=InProgress", "Closed=Completed"), "New", _STORY, _PRIORITY),
            ),
        ),
        Process(
            "Scrum",
            "6b724908-ef14-45cf-84f8-768b5384da45",
            (
                WorkItemType("Epic", _SCRUM_EPIC, "New epic", _points("Effort"), _BUSINESS),
                WorkItemType("Feature", _SCRUM_EPIC, "New feature", _points("Effort"), _BUSINESS),
                WorkItemType("Product Backlog Item", _SCRUM, "New backlog item", _points("Effort"), _BUSINESS),
                WorkItemType("Bug", _SCRUM, "New defect reported", (*_BUG, f"{_SCHEDULING}.Effort"), _SEVERE),
                WorkItemType("Task", _SCRUM_TASK, "New task", _TASK, ()),
                WorkItemType(
                    "Impediment", _states("Open=InProgress", "Closed=Completed"), "New impediment", _STORY, _PRIORITY
                ),
            ),
        ),
        Process(
            "Basic",
            "b8a3a935-7e91-48b8-a94c-606d37c3e9f2",
            (
                WorkItemType("Epic", _BASIC, "Added to backlog", _points("Effort"), _PRIORITY),
                WorkItemType("Issue", _BASIC, "Added to backlog", _points("Effort"), _PRIORITY),
                WorkItemType("Task", _BASIC, "Added to backlog", _TASK, _PRIORITY),
            ),
        ),
        Process(
            "CMMI",
            "27450541-8e31-4150-9947-dc59f998fc01",
            (
                WorkItemType("Epic", _CMMI, "New", _points("Effort"), _BUSINESS),
                WorkItemType("Feature", _CMMI, "New", _points("Effort"), _BUSINESS),
                WorkItemType("Requirement", _CMMI, "New", _points("Size"), _BUSINESS),
                WorkItemType("Bug", _CMMI, "New", _BUG, _SEVERE),
                WorkItemType("Task", _CMMI, "New", _TASK, _PRIORITY),
            ),
        ),
    )
}
"""The four processes by name, with their ids (recorded: GET /_apis/process/processes)."""
