"""
The standard tables that a Dynamics 365 environment starts with, as far as periferia_link reads and writes them.

Lengths, choices and navigation properties: Microsoft's table reference (``ce/developer/reference/entities``).
``pl_*`` columns stand for those that every installation adds to its own environment.
"""

from __future__ import annotations

from periferia_link.testing.emulators._dataverse_activities import activity_tables
from periferia_link.testing.emulators._dataverse_columns import (
    ACTIVE,
    build,
    choice,
    lookup,
    owned,
    texts,
    typed,
)
from periferia_link.testing.emulators._dataverse_sales import sales_tables
from periferia_link.testing.emulators._dataverse_surveys import survey_tables
from periferia_link.testing.emulators._dataverse_tables import Column, Table

__all__ = ["standard_tables"]


def _account() -> Table:
    table = Table("account", "accounts", "accountid", "name", states=ACTIVE, object_type_code=1)
    table.collections = {
        "Account_Tasks": ("task", "regardingobjectid"),
        "Account_Phonecalls": ("phonecall", "regardingobjectid"),
        "Account_Emails": ("email", "regardingobjectid"),
        "Account_Appointments": ("appointment", "regardingobjectid"),
        "Account_ActivityPointers": ("activitypointer", "regardingobjectid"),
        "Account_Annotation": ("annotation", "objectid"),
        "account_parent_account": ("account", "parentaccountid"),
        "contact_customer_accounts": ("contact", "parentcustomerid"),
        "incident_customer_accounts": ("incident", "customerid"),
        "opportunity_customer_accounts": ("opportunity", "customerid"),
        "opportunity_parent_account": ("opportunity", "parentaccountid"),
        "lead_customer_accounts": ("lead", "customerid"),
    }
    table.duplicate_rule = ("emailaddress1",)
    return build(
        table,
        *owned(),
        *texts(name=160, accountnumber=20, telephone1=50, telephone2=50, fax=50, emailaddress1=100, websiteurl=200),
        *texts(description=2000, address1_line1=250, address1_line2=250, address1_city=80, address1_stateorprovince=50),
        *texts(address1_country=80, address1_postalcode=20, tickersymbol=10, pl_nit=40, pl_key=100),
        *typed("Money", "revenue", "creditlimit", limit=2),
        *typed("Boolean", "creditonhold", "donotemail", "donotphone", "donotbulkemail"),
        *typed("Double", "address1_latitude", "address1_longitude", limit=5),
        *typed("Integer", "numberofemployees"),
        choice("accountcategorycode", "Preferred Customer", "Standard"),
        choice("customertypecode", "Competitor", "Consultant", "Customer", "Investor", "Partner", "Influencer"),
        choice("industrycode", "Accounting", "Agriculture and Non-petrol Natural Resource Extraction", "Broadcasting"),
        lookup("primarycontactid", "contact"),
        lookup("parentaccountid", "account"),
        lookup("originatingleadid", "lead"),
    )


def _contact() -> Table:
    table = Table("contact", "contacts", "contactid", "fullname", states=ACTIVE, object_type_code=2)
    table.collections = {
        "Contact_Tasks": ("task", "regardingobjectid"),
        "Contact_Phonecalls": ("phonecall", "regardingobjectid"),
        "Contact_Emails": ("email", "regardingobjectid"),
        "Contact_Appointments": ("appointment", "regardingobjectid"),
        "Contact_ActivityPointers": ("activitypointer", "regardingobjectid"),
        "Contact_Annotation": ("annotation", "objectid"),
        "account_primary_contact": ("account", "primarycontactid"),
        "incident_customer_contacts": ("incident", "customerid"),
        "opportunity_customer_contacts": ("opportunity", "customerid"),
    }
    table.duplicate_rule = ("firstname", "lastname", "emailaddress1")
    return build(
        table,
        *owned(),
        *texts(firstname=50, middlename=50, lastname=50, jobtitle=100, department=100, salutation=100),
        *texts(emailaddress1=100, emailaddress2=100, telephone1=50, mobilephone=50, fax=50, governmentid=50),
        *texts(description=2000, address1_line1=250, address1_city=80, address1_stateorprovince=50),
        *texts(address1_country=80, address1_postalcode=20, externaluseridentifier=50, pl_key=100),
        Column("fullname", "String", 160, is_read_only=True),
        *typed("Boolean", "donotemail", "donotphone", "donotbulkemail"),
        *typed("DateOnly", "birthdate"),
        Column("accountrolecode", "Picklist", options={1: "Decision Maker", 2: "Employee", 3: "Influencer"}),
        lookup("parentcustomerid", "account", "contact"),
        lookup("originatingleadid", "lead"),
    )


def _incident() -> Table:
    states = {
        0: ("Active", {1: "In Progress", 2: "On Hold", 3: "Waiting for Details", 4: "Researching"}),
        1: ("Resolved", {5: "Problem Solved", 1000: "Information Provided"}),
        2: ("Cancelled", {6: "Cancelled", 2000: "Merged"}),
    }
    table = Table("incident", "incidents", "incidentid", "title", states=states, object_type_code=112)
    table.collections = {
        "Incident_Tasks": ("task", "regardingobjectid"),
        "Incident_Phonecalls": ("phonecall", "regardingobjectid"),
        "Incident_Emails": ("email", "regardingobjectid"),
        "Incident_Appointments": ("appointment", "regardingobjectid"),
        "Incident_ActivityPointers": ("activitypointer", "regardingobjectid"),
        "Incident_Annotation": ("annotation", "objectid"),
        "Incident_IncidentResolutions": ("incidentresolution", "incidentid"),
        "incident_parent_incident": ("incident", "parentcaseid"),
    }
    return build(
        table,
        *owned(),
        *texts(title=200, ticketnumber=100, description=2000, productserialnumber=100, pl_key=100),
        *typed("DateTime", "resolveby", "responseby", "escalatedon"),
        *typed("DateOnly", "followupby"),
        *typed("Boolean", "firstresponsesent", "isescalated", "customercontacted"),
        choice("prioritycode", "High", "Normal", "Low"),
        choice("severitycode", "Default Value"),
        Column(
            "caseorigincode",
            "Picklist",
            options={1: "Phone", 2: "Email", 3: "Web", 2483: "Facebook", 3986: "Twitter", 700610000: "IoT"},
        ),
        choice("casetypecode", "Question", "Problem", "Request"),
        Column(
            "customersatisfactioncode",
            "Picklist",
            options={5: "Very Satisfied", 4: "Satisfied", 3: "Neutral", 2: "Dissatisfied", 1: "Very Dissatisfied"},
        ),
        lookup("customerid", "account", "contact"),
        lookup("primarycontactid", "contact"),
        lookup("responsiblecontactid", "contact"),
        lookup("parentcaseid", "incident"),
        lookup("masterid", "incident", read_only=True),
        lookup("subjectid", "subject"),
    )


def _subject() -> Table:
    table = Table("subject", "subjects", "subjectid", "title", change_tracking=False, object_type_code=129)
    return build(table, *texts(title=500, description=2000), lookup("parentsubject", "subject"))


def _systemuser() -> Table:
    table = Table("systemuser", "systemusers", "systemuserid", "fullname", change_tracking=False, object_type_code=8)
    return build(
        table,
        Column("ownerid", "Uniqueidentifier", is_read_only=True),
        *texts(firstname=64, lastname=64, fullname=200, internalemailaddress=100, domainname=1000, employeeid=100),
        *typed("Uniqueidentifier", "azureactivedirectoryobjectid", "applicationid"),
        *typed("Boolean", "isdisabled"),
        lookup("businessunitid", "businessunit"),
    )


def _team() -> Table:
    table = Table("team", "teams", "teamid", "name", change_tracking=False, object_type_code=9)
    return build(
        table,
        Column("ownerid", "Uniqueidentifier", is_read_only=True),
        *texts(name=160, description=2000, emailaddress=100),
        Column("teamtype", "Picklist", options={0: "Owner", 1: "Access", 2: "Security Group", 3: "Office Group"}),
        *typed("Boolean", "isdefault", read_only=True),
        *typed("Uniqueidentifier", "azureactivedirectoryobjectid"),
        lookup("administratorid", "systemuser"),
        lookup("businessunitid", "businessunit"),
    )


def _organisation() -> list[Table]:
    unit = Table("businessunit", "businessunits", "businessunitid", "name", change_tracking=False, object_type_code=10)
    money = Table(
        "transactioncurrency", "transactioncurrencies", "transactioncurrencyid", "currencyname", states=ACTIVE,
        change_tracking=False, object_type_code=9105,
    )  # fmt: skip
    whole = Table(
        "organization", "organizations", "organizationid", "name", change_tracking=False, object_type_code=1019
    )
    return [
        build(unit, *texts(name=160), lookup("parentbusinessunitid", "businessunit")),
        build(
            money,
            *texts(currencyname=100, isocurrencycode=5, currencysymbol=13),
            *typed("Integer", "currencyprecision"),
            *typed("Decimal", "exchangerate", limit=12),
        ),
        build(
            whole,
            *texts(name=160),
            *typed("Integer", "expirechangetrackingindays", "languagecode"),
            lookup("basecurrencyid", "transactioncurrency", read_only=True),
        ),
    ]


def standard_tables() -> list[Table]:
    """Return fresh table definitions; each emulator customises its own."""
    return [
        _account(),
        _contact(),
        *sales_tables(),
        _incident(),
        *activity_tables(),
        *survey_tables(),
        _subject(),
        _systemuser(),
        _team(),
        *_organisation(),
    ]
