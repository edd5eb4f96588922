"""The columns of a fresh environment, by kind; an installation changes them in periferia.toml."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from periferia_link.connectors._field_map import FieldMap, KindMap

__all__ = [
    "CAMPAIGN_COLUMNS",
    "CLIENT_COLUMNS",
    "CONTACT_COLUMNS",
    "EMPLOYEE_COLUMNS",
    "INTERACTION_COLUMNS",
    "LEAD_COLUMNS",
    "OPPORTUNITY_COLUMNS",
    "SURVEY_COLUMNS",
    "TICKET_COLUMNS",
    "interaction_map",
    "own_survey_table",
    "with_invitations",
]

CLIENT_COLUMNS = KindMap(
    "accounts",
    "accountid",
    {
        "name": "name",
        "code": "accountnumber",
        "tax_id": "pl_nit",
        "city": "address1_city",
        "country": "address1_country",
        "email": "emailaddress1",
        "phone": "telephone1",
        "owner": "_ownerid_value",
        "is_active": "statecode",
        "updated_at": "modifiedon",
    },
)
"""Columns of ``account``; there is none for a NIT, every installation adds its own (here ``pl_nit``)."""

OPPORTUNITY_COLUMNS = KindMap(
    "opportunities",
    "opportunityid",
    {
        "name": "name",
        "number": "pl_number",
        "client": "_parentaccountid_value",
        "state": "statecode",
        "value": "estimatedvalue",
        "closed_value": "actualvalue",
        "closes_on": "estimatedclosedate",
        "closed_on": "actualclosedate",
        "owner": "_ownerid_value",
        "updated_at": "modifiedon",
    },
)
"""
Columns of ``opportunity``; ``pl_number`` stands for the number that an installation gives.

An opportunity has two amounts: ``value`` reads ``closed_value`` where it is filled, else the estimate.
"""

CONTACT_COLUMNS = KindMap(
    "contacts",
    "contactid",
    {
        "name": "fullname",
        "client": "_parentcustomerid_value",
        "email": "emailaddress1",
        "phone": "telephone1",
        "role": "jobtitle",
        "owner": "_ownerid_value",
        "is_active": "statecode",
        "updated_at": "modifiedon",
    },
)
"""Columns of ``contact``; the server makes ``fullname`` of first and last name."""

LEAD_COLUMNS = KindMap(
    "leads",
    "leadid",
    {
        "subject": "subject",
        "company": "companyname",
        "person": "fullname",
        "email": "emailaddress1",
        "phone": "telephone1",
        "source": "leadsourcecode",
        "state": "statecode",
        "value": "estimatedamount",
        "client": "_parentaccountid_value",
        "contact": "_parentcontactid_value",
        "opportunity": "_qualifyingopportunityid_value",
        "owner": "_ownerid_value",
        "opened_at": "createdon",
        "updated_at": "modifiedon",
    },
    choices={
        "source": {
            "advertisement": 1, "employee": 2, "referral": 3, "partner": 4, "public relations": 5, "seminar": 6,
            "event": 7, "web": 8, "word of mouth": 9, "other": 10,
        },
    },
)  # fmt: skip
"""Columns of ``lead``; what it became stands in three lookups once it is qualified (lead.md)."""

TICKET_COLUMNS = KindMap(
    "incidents",
    "incidentid",
    {
        "title": "title",
        "number": "ticketnumber",
        "description": "description",
        "type": "casetypecode",
        "status": "statecode",
        "raw_status": "statuscode",
        "priority": "prioritycode",
        "channel": "caseorigincode",
        "client": "_customerid_value",
        "contact": "_primarycontactid_value",
        "owner": "_ownerid_value",
        "external_ref": "pl_key",
        "opened_at": "createdon",
        "due_at": "resolveby",
        "updated_at": "modifiedon",
    },
    choices={
        "type": {
            "incident": 2, "service_request": 3, "complaint": 2, "claim": 2, "petition": 3, "suggestion": 3,
            "report": 2, "praise": 3,
        },
        "priority": {"high": 1, "normal": 2, "low": 3, "critical": 1},
        "channel": {"phone": 1, "email": 2, "web": 3},
        "status": {
            "in_progress": 1, "on_hold": 2, "pending_customer": 3, "resolved": 5, "cancelled": 6, "new": 1, "open": 1,
            "closed": 5,
        },
    },
)  # fmt: skip
"""
Columns of ``incident`` (incident.md). ``status`` is a pair of columns, its choices are numbers of ``statuscode``.

Where several words share a number the first is the one that is read.
"""

_NOTE = KindMap(
    "annotations",
    "annotationid",
    {
        "subject": "subject",
        "text": "notetext",
        "regarding": "_objectid_value",
        "owner": "_ownerid_value",
        "happened_at": "createdon",
        "updated_at": "modifiedon",
    },
)

_ACTIVITY: Final = {
    "subject": "subject",
    "text": "description",
    "regarding": "_regardingobjectid_value",
    "owner": "_ownerid_value",
    "happened_at": "actualend",
    "is_done": "statecode",
    "updated_at": "modifiedon",
}

_DIRECTED: Final = {"direction": "directioncode"}

INTERACTION_COLUMNS: Final[Mapping[str, KindMap]] = {
    "Interaction": _NOTE,
    "Interaction.phone": KindMap("phonecalls", "activityid", {**_ACTIVITY, **_DIRECTED}),
    "Interaction.email": KindMap("emails", "activityid", {**_ACTIVITY, **_DIRECTED}),
    "Interaction.meeting": KindMap("appointments", "activityid", {**_ACTIVITY, "happened_at": "scheduledstart"}),
    "Interaction.task": KindMap("tasks", "activityid", _ACTIVITY),
    "Interaction.social": KindMap("socialactivities", "activityid", {**_ACTIVITY, **_DIRECTED}),
}
"""
One map a table: notes under the kind's own name, activities under ``Interaction.<channel>``.

An installation adds a channel of its own the same way: ``[systems.crm.fields."Interaction.chat"]``.
"""

CAMPAIGN_COLUMNS = KindMap(
    "campaigns",
    "campaignid",
    {
        "name": "name",
        "code": "codename",
        "channel": "typecode",
        "status": "statuscode",
        "starts_on": "proposedstart",
        "ends_on": "proposedend",
        "cost": "totalactualcost",
        "owner": "_ownerid_value",
        "updated_at": "modifiedon",
    },
    choices={"channel": {"advertisement": 1, "direct marketing": 2, "event": 3, "co-branding": 4, "other": 5}},
)
"""
Columns of ``campaign`` (campaign.md).

The counts (sent, delivered, opened …) stand in columns or tables of the marketing product that an installation uses:
name them in the field map.
"""

SURVEY_COLUMNS = KindMap(
    "msfp_surveyresponses",
    "activityid",
    {
        "questionnaire": "msfp_sourcesurveyidentifier",
        "respondent": "msfp_respondent",
        "email": "msfp_respondentemailaddress",
        "started_at": "msfp_startdate",
        "answered_at": "msfp_submitdate",
        "nps": "msfp_npsscore",
        "answers": "msfp_questionresponseslist",
        "client": "_regardingobjectid_value",
        "updated_at": "modifiedon",
    },
)
"""
Columns of Customer Voice (msfp_surveyresponse.md); its table is read, never written.

Answers are told by its tables of questions and answers, where they hold them.
"""

EMPLOYEE_COLUMNS = KindMap(
    "systemusers",
    "systemuserid",
    {
        "code": "domainname",
        "name": "fullname",
        "email": "internalemailaddress",
        "is_active": "isdisabled",
        "updated_at": "modifiedon",
    },
)
"""Columns of ``systemuser``; their code is the name that they sign in with."""


def with_invitations(fields: FieldMap) -> FieldMap:
    """Return the columns with those of Customer Voice that lead from an answer to its invitation, where it is read."""
    columns = fields.get("Survey")
    if columns is None or columns.table != SURVEY_COLUMNS.table:
        return fields
    extra = (*columns.extra, "_msfp_surveyinviteid_value", "msfp_embedcontextparameters")
    return FieldMap({**fields.kinds, "Survey": replace(columns, extra=extra)})


def interaction_map(channel: str, fields: Collection[str]) -> str:
    """Return the name of the map for a channel: its own table, or notes where it has none."""
    name = f"Interaction.{channel}"
    return name if name in fields else "Interaction"


def own_survey_table(prefix: str, *, table: str = "", key: str = "") -> KindMap:
    """
    Return the map of a table of one's own that holds every field of a survey: ``<prefix>_surveies`` and its columns.

    Columns that are choices or texts of other names are changed in periferia.toml as for every kind.

    Args:
        prefix: Prefix of the publisher: ``cr123``.

        table: Entity set, where it is another one (the environment decides on plurals).

        key: Primary key, where it is another one.
    """
    texts = (
        "questionnaire", "wave", "respondent", "email", "started_at", "answered_at", "nps", "csat", "ces", "comment",
        "project", "client_key", "weight", "answers", "flags", "external_ref", "follow_up_ticket", "follow_up_work",
        "ticket_ended_at", "work_ended_at", "loop_closed_at", "ask_again_on",
    )  # fmt: skip
    columns = {name: f"{prefix}_{name.replace('_', '')}" for name in texts}
    columns |= {name: f"_{prefix}_{name}_value" for name in ("client", "contact", "ticket")}
    return KindMap(table or f"{prefix}_surveies", key or f"{prefix}_surveyid", columns | {"updated_at": "modifiedon"})
