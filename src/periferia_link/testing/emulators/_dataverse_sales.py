"""The sales and marketing tables of the emulated Dataverse: leads, opportunities and how they close, campaigns."""

from __future__ import annotations

from periferia_link.testing.emulators._dataverse_columns import ACTIVE, build, choice, lookup, owned, texts, typed
from periferia_link.testing.emulators._dataverse_tables import Column, Table

__all__ = ["sales_tables"]


def _lead() -> Table:
    states = {
        0: ("Open", {1: "New", 2: "Contacted"}),
        1: ("Qualified", {3: "Qualified"}),
        2: ("Disqualified", {4: "Lost", 5: "Cannot Contact", 6: "No Longer Interested", 7: "Canceled"}),
    }
    table = Table("lead", "leads", "leadid", "fullname", states=states, object_type_code=4)
    table.collections = {
        "Lead_Tasks": ("task", "regardingobjectid"),
        "Lead_Phonecalls": ("phonecall", "regardingobjectid"),
        "Lead_Emails": ("email", "regardingobjectid"),
        "Lead_Appointments": ("appointment", "regardingobjectid"),
        "Lead_ActivityPointers": ("activitypointer", "regardingobjectid"),
        "Lead_Annotation": ("annotation", "objectid"),
        "account_originating_lead": ("account", "originatingleadid"),
        "contact_originating_lead": ("contact", "originatingleadid"),
        "opportunity_originating_lead": ("opportunity", "originatingleadid"),
    }
    table.duplicate_rule = ("firstname", "lastname", "emailaddress1")
    return build(
        table,
        *owned(),
        *texts(subject=300, firstname=50, middlename=50, lastname=50, companyname=100, jobtitle=100),
        *texts(emailaddress1=100, telephone1=50, mobilephone=50, websiteurl=200, description=2000),
        *texts(address1_line1=250, address1_city=80, address1_stateorprovince=50, address1_country=80),
        *texts(address1_postalcode=20, pl_number=100, pl_key=100),
        Column("fullname", "String", 160, is_read_only=True),
        *typed("Money", "estimatedamount", "budgetamount", "revenue", limit=2),
        *typed("DateOnly", "estimatedclosedate"),
        *typed("Integer", "numberofemployees"),
        *typed("Boolean", "donotemail", "donotphone", "donotbulkemail"),
        choice(
            "leadsourcecode", "Advertisement", "Employee Referral", "External Referral", "Partner",
            "Public Relations", "Seminar", "Trade Show", "Web", "Word of Mouth", "Other",
        ),
        choice("leadqualitycode", "Hot", "Warm", "Cold"),
        lookup("customerid", "account", "contact"),
        lookup("parentaccountid", "account"),
        lookup("parentcontactid", "contact"),
        lookup("campaignid", "campaign"),
        lookup("qualifyingopportunityid", "opportunity"),
        lookup("originatingcaseid", "incident"),
    )  # fmt: skip


def _opportunity() -> Table:
    states = {
        0: ("Open", {1: "In Progress", 2: "On Hold"}),
        1: ("Won", {3: "Won"}),
        2: ("Lost", {4: "Canceled", 5: "Out-Sold"}),
    }
    table = Table("opportunity", "opportunities", "opportunityid", "name", states=states, object_type_code=3)
    table.collections = {
        "Opportunity_Tasks": ("task", "regardingobjectid"),
        "Opportunity_Phonecalls": ("phonecall", "regardingobjectid"),
        "Opportunity_Emails": ("email", "regardingobjectid"),
        "Opportunity_Appointments": ("appointment", "regardingobjectid"),
        "Opportunity_ActivityPointers": ("activitypointer", "regardingobjectid"),
        "Opportunity_Annotation": ("annotation", "objectid"),
        "Opportunity_OpportunityClose": ("opportunityclose", "opportunityid"),
        "opportunity_qualifying_lead": ("lead", "qualifyingopportunityid"),
    }
    return build(
        table,
        *owned(),
        *texts(name=300, stepname=200, description=2000, customerneed=2000, pl_number=100, pl_key=100),
        *typed("Money", "estimatedvalue", "actualvalue", "budgetamount", limit=2),
        *typed("DateOnly", "estimatedclosedate", "actualclosedate"),
        *typed("Integer", "closeprobability"),
        choice("opportunityratingcode", "Hot", "Warm", "Cold"),
        lookup("customerid", "account", "contact"),
        lookup("parentaccountid", "account"),
        lookup("parentcontactid", "contact"),
        lookup("originatingleadid", "lead"),
        lookup("campaignid", "campaign"),
    )


def _campaign() -> Table:
    reasons = {0: "Proposed", 1: "Ready To Launch", 2: "Launched", 3: "Completed", 4: "Canceled", 5: "Suspended"}
    states = {0: ("Active", reasons), 1: ("Inactive", {6: "Inactive"})}
    table = Table("campaign", "campaigns", "campaignid", "name", states=states, object_type_code=4400)
    table.collections = {
        "Campaign_Tasks": ("task", "regardingobjectid"),
        "campaign_leads": ("lead", "campaignid"),
        "campaign_opportunities": ("opportunity", "campaignid"),
        "Campaign_CampaignResponses": ("campaignresponse", "regardingobjectid"),
    }
    counts = ("sent", "delivered", "opened", "clicked", "answered", "unsubscribed")
    return build(
        table,
        *owned(),
        *texts(name=128, codename=32, message=256, objective=2000, description=2000, promotioncodename=128, pl_key=100),
        *typed("DateTime", "proposedstart", "proposedend", "actualstart", "actualend"),
        *typed("Money", "budgetedcost", "othercost", "expectedrevenue", limit=2),
        *typed("Money", "totalactualcost", "totalcampaignactivityactualcost", limit=2, read_only=True),
        *typed("Integer", "expectedresponse", *(f"pl_{name}" for name in counts)),
        choice("typecode", "Advertisement", "Direct Marketing", "Event", "Co-branding", "Other"),
        *typed("Boolean", "istemplate"),
    )


def _list() -> Table:
    table = Table("list", "lists", "listid", "listname", states=ACTIVE, object_type_code=4300)
    return build(
        table,
        *owned(),
        *texts(listname=128, description=2000, purpose=512),
        Column("createdfromcode", "Picklist", options={1: "Account", 2: "Contact", 4: "Lead"}),
        *typed("Integer", "membercount", read_only=True),
    )


def sales_tables() -> list[Table]:
    """Return fresh definitions."""
    return [_lead(), _opportunity(), _campaign(), _list()]
