"""
Customer Voice in the emulated Dataverse: surveys, invitations, responses and the answers to each question.

Source: table reference ``ce/developer/reference/entities/msfp_*.md``, irregular plurals and mixed case included.
"""

from __future__ import annotations

from periferia_link.testing.emulators._dataverse_activities import activity
from periferia_link.testing.emulators._dataverse_columns import ACTIVE, build, lookup, owned, texts, typed
from periferia_link.testing.emulators._dataverse_tables import Column, Table

__all__ = ["survey_tables"]

_STATES = {
    0: ("Open", {1: "Open"}),
    1: ("Completed", {2: "Completed"}),
    2: ("Canceled", {3: "Canceled"}),
    3: ("Scheduled", {4: "Scheduled"}),
}


def _survey() -> Table:
    table = Table("msfp_survey", "msfp_surveies", "msfp_surveyid", "msfp_name", states=ACTIVE, object_type_code=10_201)
    table.collections = {"msfp_msfp_survey_msfp_question_survey": ("msfp_question", "msfp_survey")}
    return build(
        table,
        *owned(),
        *texts(msfp_name=100, msfp_friendlyname=100, msfp_description=2000, msfp_sourcesurveyidentifier=100),
        *texts(msfp_otherproperties=100_000, msfp_surveyurl=2000),
    )


def _question() -> Table:
    table = Table(
        "msfp_question", "msfp_questions", "msfp_questionid", "msfp_name", states=ACTIVE, object_type_code=10_202
    )
    return build(
        table,
        *owned(),
        *texts(msfp_name=100, msfp_questiontext=4000, msfp_sourcequestionidentifier=100, msfp_subtitle=2000),
        *texts(msfp_questionchoices=10_000, msfp_sourceparentquestionidentifier=100, msfp_otherproperties=100_000),
        *texts(msfp_sourcesurveyidentifier=100),
        Column("msfp_questiontype", "Picklist", options={
            647390000: "Single choice", 647390001: "Multi choice", 647390002: "Short text", 647390003: "Long text",
            647390004: "Rating", 647390005: "Date", 647390006: "Ranking", 647390007: "Likert",
            647390008: "Net Promoter Score",
        }),
        *typed("Integer", "msfp_sequence"),
        *typed("Boolean", "msfp_responserequired"),
        lookup("msfp_survey", "msfp_survey"),
    )  # fmt: skip


def _answer() -> Table:
    table = Table(
        "msfp_questionresponse", "msfp_questionresponses", "msfp_questionresponseid", "msfp_name", states=ACTIVE,
        object_type_code=10_203,
    )  # fmt: skip
    return build(
        table,
        *owned(),
        *texts(msfp_name=100, msfp_response=4000, msfp_keyphrases=4000, msfp_sourceresponseidentifier=100),
        *texts(msfp_sourcequestionidentifier=100, msfp_sourcesurveyidentifier=100, msfp_otherproperties=100_000),
        *typed("Double", "msfp_sentimentvalue", limit=5),
        lookup("msfp_questionid", "msfp_question"),
        lookup("msfp_surveyresponseid", "msfp_surveyresponse"),
    )


def _response() -> Table:
    sentiments = {647390000: "Positive", 647390001: "Neutral", 647390002: "Negative"}
    table = activity(
        "msfp_surveyresponse", "msfp_surveyresponses", 10_204, _STATES,
        *texts(msfp_respondent=100, msfp_respondentemailaddress=100, msfp_locale=100, msfp_language=100),
        *texts(msfp_sourceresponseidentifier=100, msfp_sourcesurveyidentifier=100, msfp_otherproperties=100_000),
        *texts(msfp_questionresponseslist=100_000, msfp_embedcontextparameters=100_000),
        *texts(msfp_satisfactionmetricvalue=100_000, msfp_name=100, msfp_responsetype=100, msfp_surveyresponseurl=4000),
        *typed("Boolean", "msfp_isquestionresponsegenerated"),
        *typed("Integer", "msfp_npsscore"),
        *typed("DateTime", "msfp_startdate", "msfp_submitdate"),
        Column("msfp_sentiment", "Picklist", options=sentiments),
        lookup("msfp_surveyid", "msfp_survey", msfp_surveyid_msfp_surveyresponse="msfp_survey"),
        lookup("msfp_surveyinviteid", "msfp_surveyinvite", msfp_surveyinviteid_msfp_surveyresponse="msfp_surveyinvite"),
    )  # fmt: skip
    table.collections["msfp_msfp_surveyresponse_msfp_questionresponse_surveyresponseid"] = (
        "msfp_questionresponse", "msfp_surveyresponseid",
    )  # fmt: skip
    table.change_tracking = True
    return table


def _invitation() -> Table:
    table = activity(
        "msfp_surveyinvite", "msfp_surveyinvites", 10_205, _STATES,
        *texts(msfp_inviteemailaddress=100, msfp_channel=100, msfp_invitationlink=4000),
        *typed("DateTime", "msfp_inviteexpirydate", "msfp_invitesentdate"),
        lookup("msfp_surveyid", "msfp_survey", msfp_surveyid_msfp_surveyinvite="msfp_survey"),
    )  # fmt: skip
    table.change_tracking = True
    return table


def survey_tables() -> list[Table]:
    """Return fresh definitions; their schema names are written small, unlike those of the tables of Dynamics 365."""
    tables = [_survey(), _question(), _answer(), _response(), _invitation()]
    for table in tables:
        table.schema = table.logical
    return tables
