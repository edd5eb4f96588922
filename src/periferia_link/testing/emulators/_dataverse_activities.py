"""Activities and notes of the emulated Dataverse: calls, mails, tasks, appointments, closings, their parties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from periferia_link.testing.emulators._dataverse_columns import REGARDING, build, choice, lookup, owned, texts, typed
from periferia_link.testing.emulators._dataverse_tables import Column, Table

__all__ = ["ACTIVITIES", "activity", "activity_tables"]

ACTIVITIES: Final = (
    "task", "phonecall", "email", "appointment", "opportunityclose", "incidentresolution",
    "campaignresponse",
    "msfp_surveyresponse", "msfp_surveyinvite",
)  # fmt: skip
"""The tables that ``activitypointers`` lists together."""

_PARTIES: Final = {
    1: "Sender", 2: "To Recipient", 3: "CC Recipient", 4: "BCC Recipient", 5: "Required attendee",
    6: "Optional attendee", 7: "Organizer", 8: "Regarding", 9: "Owner", 10: "Resource", 11: "Customer",
}  # fmt: skip
_DONE: Final = {1: ("Completed", {2: "Completed"}), 2: ("Canceled", {3: "Canceled"})}
_States = Mapping[int, tuple[str, Mapping[int, str]]]


def activity(logical: str, entity_set: str, code: int, states: _States, *columns: Column) -> Table:
    """
    Build an activity: key ``activityid``, name ``subject``, a record that it regards.

    The navigation properties of an activity carry its name: ``regardingobjectid_incident_phonecall``.
    """
    table = Table(logical, entity_set, "activityid", "subject", states=states, change_tracking=False)
    table.object_type_code = code
    suffix = "" if logical == "activitypointer" else f"_{logical}"
    table.collections = {
        f"{logical}_activity_parties": ("activityparty", "activityid"),
        f"{logical}_Annotation": ("annotation", "objectid"),
    }
    owner = lookup("ownerid", "principal")
    return build(
        table,
        *owned(),
        owner._replace(targets={"ownerid": "principal", f"ownerid{suffix}": "principal"}),
        *texts(subject=400, pl_key=100, category=250),
        Column("description", "Memo", 1_000_000 if logical == "email" else 2000),
        *typed("DateTime", "scheduledstart", "scheduledend", "actualstart", "actualend", "sortdate"),
        *typed("Integer", "actualdurationminutes", "scheduleddurationminutes"),
        *typed("EntityName", "activitytypecode", read_only=True),
        *typed("Boolean", "isregularactivity", "isbilled"),
        Column("prioritycode", "Picklist", options={0: "Low", 1: "Normal", 2: "High"}),
        Column(
            "regardingobjectid",
            "Lookup",
            targets={f"regardingobjectid_{target}{suffix}": target for target in (*REGARDING, "campaign")},
        ),
        *columns,
    )


def _task() -> Table:
    states = {
        0: ("Open", {2: "Not Started", 3: "In Progress", 4: "Waiting on someone else", 7: "Deferred"}),
        1: ("Completed", {5: "Completed"}),
        2: ("Canceled", {6: "Canceled"}),
    }
    # 200 on the server for the subject of a task, as its reference says; the other activities hold 400
    return activity("task", "tasks", 4212, states, *texts(subject=200), *typed("Integer", "percentcomplete"))


def _phonecall() -> Table:
    states = {
        0: ("Open", {1: "Open"}),
        1: ("Completed", {2: "Made", 4: "Received"}),
        2: ("Canceled", {3: "Canceled"}),
    }
    return activity(
        "phonecall", "phonecalls", 4210, states, *texts(subject=200, phonenumber=200),
        *typed("Boolean", "directioncode", "leftvoicemail"),
    )  # fmt: skip


def _email() -> Table:
    states = {
        0: ("Open", {1: "Draft", 8: "Failed"}),
        1: ("Completed", {2: "Completed", 3: "Sent", 4: "Received", 6: "Pending Send", 7: "Sending"}),
        2: ("Canceled", {5: "Canceled"}),
    }
    return activity(
        "email", "emails", 4202, states,
        *texts(subject=800, sender=250, torecipients=500, messageid=320, trackingtoken=50),
        *typed("Boolean", "directioncode", "deliveryreceiptrequested"),
        *typed("DateTime", "senton", read_only=True),
    )  # fmt: skip


def _appointment() -> Table:
    states = {
        0: ("Open", {1: "Free", 2: "Tentative"}),
        1: ("Completed", {3: "Completed"}),
        2: ("Canceled", {4: "Canceled"}),
        3: ("Scheduled", {5: "Busy", 6: "Out of Office"}),
    }
    return activity(
        "appointment", "appointments", 4201, states, *texts(subject=200, location=200),
        *typed("Boolean", "isalldayevent"),
    )  # fmt: skip


def _closings() -> list[Table]:
    states = {0: ("Open", {1: "Open"}), **_DONE}
    return [
        activity(
            "opportunityclose", "opportunitycloses", 4208, states, *texts(subject=200),
            *typed("Money", "actualrevenue", limit=2), lookup("opportunityid", "opportunity"),
        ),
        activity(
            "incidentresolution", "incidentresolutions", 4206, states, *texts(subject=200, resolution=400),
            *typed("Integer", "timespent"), choice("resolutiontypecode", "Open", "Cancelled", "Problem Solved"),
            lookup("incidentid", "incident"),
        ),
        activity(
            "campaignresponse", "campaignresponses", 4401, {0: ("Open", {1: "Open"}), 1: ("Closed", {2: "Closed"}),
            2: ("Canceled", {3: "Canceled"})}, *texts(subject=200, firstname=50, lastname=50, companyname=100),
            *texts(emailaddress=100, telephone=50), *typed("DateTime", "receivedon"),
            choice("responsecode", "Interested", "Not Interested", "Do Not Send Marketing Materials", "Error"),
        ),
    ]  # fmt: skip


def _activityparty() -> Table:
    table = Table(
        "activityparty", "activityparties", "activitypartyid", "addressused",
        change_tracking=False, optimistic_concurrency=False, object_type_code=135,
    )  # fmt: skip
    table.refuses = {"Create": "direct", "Update": "", "Delete": ""}
    navigation = {f"activityid_{name}": name for name in ("activitypointer", *ACTIVITIES)}
    return build(
        table,
        *texts(addressused=320),
        Column("participationtypemask", "Picklist", options=_PARTIES),
        Column("activityid", "Lookup", targets=navigation),
        lookup("partyid", "account", "contact", "lead", "opportunity", "systemuser", "incident"),
    )


def _activitypointer() -> Table:
    states = {0: ("Open", {1: "Open"}), **_DONE, 3: ("Scheduled", {4: "Scheduled"})}
    table = activity("activitypointer", "activitypointers", 4200, states)
    table.refuses = {"Create": "", "Update": "", "Delete": ""}
    table.members = ACTIVITIES
    return table


def _annotation() -> Table:
    table = Table("annotation", "annotations", "annotationid", "subject", change_tracking=False, object_type_code=5)
    targets = (*REGARDING, "campaign", *ACTIVITIES)
    return build(
        table,
        *owned(),
        *texts(subject=500, filename=255, mimetype=256, notetext=100_000),
        Column("documentbody", "Memo", 44_739_243),  # 32 MB of Base64, the largest that an environment can allow
        *typed("Boolean", "isdocument"),
        *typed("Integer", "filesize", read_only=True),
        *typed("EntityName", "objecttypecode", read_only=True),
        *texts(pl_key=100),
        lookup("objectid", *targets),
    )


def activity_tables() -> list[Table]:
    """Return fresh definitions."""
    return [
        _task(), _phonecall(), _email(), _appointment(), *_closings(), _activityparty(),
        _activitypointer(), _annotation(),
    ]  # fmt: skip
