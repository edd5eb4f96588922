"""
The standard tables that a Dynamics 365 environment starts with, as far as periferia_link reads and writes them.

Lengths, choices and navigation properties: Microsoft's table reference (``ce/developer/reference/entities``).
``pl_*`` columns stand for those that every installation adds to its own environment.
"""

from __future__ import annotations

from typing import Final

from periferia_link.testing.emulators._dataverse_tables import Column, ColumnType, Table

__all__ = ["standard_tables"]

_ACTIVE: Final = {0: ("Active", {1: "Active"}), 1: ("Inactive", {2: "Inactive"})}
_REGARDING: Final = ("account", "contact", "incident", "lead", "opportunity")


def _texts(**limits: int) -> list[Column]:
    return [Column(name, "String" if limit <= 1000 else "Memo", limit) for name, limit in limits.items()]


def _typed(kind: ColumnType, *names: str, limit: int | None = None) -> list[Column]:
    return [Column(name, kind, limit) for name in names]


def _choice(name: str, *labels: str) -> Column:
    return Column(name, "Picklist", options=dict(enumerate(labels, start=1)))


def _lookup(name: str, *targets: str, read_only: bool = False, **navigation: str) -> Column:
    """Build a lookup: with one target the navigation property has the column's name, else one per target."""
    plain = {name: targets[0]} if len(targets) == 1 else {f"{name}_{target}": target for target in targets}
    return Column(name, "Lookup", targets=plain | navigation, is_read_only=read_only)


def _common() -> list[Column]:
    return [
        Column("createdon", "DateTime", is_read_only=True),
        Column("modifiedon", "DateTime", is_read_only=True),
        Column("versionnumber", "BigInt", is_read_only=True),
        _lookup("createdby", "systemuser", read_only=True),
        _lookup("modifiedby", "systemuser", read_only=True),
    ]


def _owned() -> list[Column]:
    return [
        _lookup("ownerid", "principal"),
        _lookup("owningbusinessunit", "businessunit", read_only=True),
        _lookup("transactioncurrencyid", "transactioncurrency"),
    ]


def _build(table: Table, *columns: Column) -> Table:
    table.add(Column(table.key, "Uniqueidentifier"), *_common(), *columns)
    if table.states:
        states = {code: label for code, (label, _) in table.states.items()}
        statuses = {code: label for _, reasons in table.states.values() for code, label in reasons.items()}
        table.add(Column("statecode", "State", options=states), Column("statuscode", "Status", options=statuses))
    return table


def _account() -> Table:
    table = Table("account", "accounts", "accountid", "name", states=_ACTIVE, object_type_code=1)
    table.collections = {
        "Account_Tasks": ("task", "regardingobjectid"),
        "Account_Annotation": ("annotation", "objectid"),
        "account_parent_account": ("account", "parentaccountid"),
        "contact_customer_accounts": ("contact", "parentcustomerid"),
        "incident_customer_accounts": ("incident", "customerid"),
        "opportunity_customer_accounts": ("opportunity", "customerid"),
        "opportunity_parent_account": ("opportunity", "parentaccountid"),
    }
    table.duplicate_rule = ("emailaddress1",)
    return _build(
        table,
        *_owned(),
        *_texts(name=160, accountnumber=20, telephone1=50, telephone2=50, fax=50, emailaddress1=100, websiteurl=200),
        *_texts(description=2000, address1_line1=250, address1_city=80, address1_stateorprovince=50),
        *_texts(address1_country=80, address1_postalcode=20, pl_nit=40, pl_key=100),
        *_typed("Money", "revenue", "creditlimit", limit=2),
        *_typed("Boolean", "creditonhold", "donotemail"),
        *_typed("Double", "address1_latitude", "address1_longitude", limit=5),
        *_typed("Integer", "numberofemployees"),
        _choice("accountcategorycode", "Preferred Customer", "Standard"),
        _choice("customertypecode", "Competitor", "Consultant", "Customer", "Investor", "Partner", "Influencer"),
        _lookup("primarycontactid", "contact"),
        _lookup("parentaccountid", "account"),
    )


def _contact() -> Table:
    table = Table("contact", "contacts", "contactid", "fullname", states=_ACTIVE, object_type_code=2)
    table.collections = {
        "Contact_Tasks": ("task", "regardingobjectid"),
        "account_primary_contact": ("account", "primarycontactid"),
    }
    table.duplicate_rule = ("firstname", "lastname", "emailaddress1")
    return _build(
        table,
        *_owned(),
        *_texts(firstname=50, lastname=50, jobtitle=100, emailaddress1=100, telephone1=50, mobilephone=50),
        *_texts(description=2000, address1_city=80, address1_country=80, pl_key=100),
        Column("fullname", "String", 160, is_read_only=True),
        *_typed("DateOnly", "birthdate"),
        _lookup("parentcustomerid", "account", "contact"),
    )


def _lead() -> Table:
    states = {
        0: ("Open", {1: "New", 2: "Contacted"}),
        1: ("Qualified", {3: "Qualified"}),
        2: ("Disqualified", {4: "Lost", 5: "Cannot Contact", 6: "No Longer Interested", 7: "Canceled"}),
    }
    table = Table("lead", "leads", "leadid", "fullname", states=states, object_type_code=4)
    table.collections = {"Lead_Tasks": ("task", "regardingobjectid")}
    table.duplicate_rule = ("firstname", "lastname", "emailaddress1")
    return _build(
        table,
        *_owned(),
        *_texts(subject=300, firstname=50, lastname=50, companyname=100, emailaddress1=100, telephone1=50),
        *_texts(mobilephone=50, description=2000, address1_city=80, address1_country=80, pl_key=100),
        Column("fullname", "String", 160, is_read_only=True),
        *_typed("Money", "estimatedamount", "budgetamount", limit=2),
        _choice("leadsourcecode", "Advertisement", "Employee Referral", "External Referral", "Partner", "Web"),
        _choice("leadqualitycode", "Hot", "Warm", "Cold"),
        _lookup("parentaccountid", "account"),
        _lookup("parentcontactid", "contact"),
    )


def _opportunity() -> Table:
    states = {
        0: ("Open", {1: "In Progress", 2: "On Hold"}),
        1: ("Won", {3: "Won"}),
        2: ("Lost", {4: "Canceled", 5: "Out-Sold"}),
    }
    table = Table("opportunity", "opportunities", "opportunityid", "name", states=states, object_type_code=3)
    table.collections = {"Opportunity_Tasks": ("task", "regardingobjectid")}
    return _build(
        table,
        *_owned(),
        *_texts(name=300, stepname=200, description=2000, pl_number=100, pl_key=100),
        *_typed("Money", "estimatedvalue", "actualvalue", "budgetamount", limit=2),
        *_typed("DateOnly", "estimatedclosedate", "actualclosedate"),
        *_typed("Integer", "closeprobability"),
        _choice("opportunityratingcode", "Hot", "Warm", "Cold"),
        _lookup("customerid", "account", "contact"),
        _lookup("parentaccountid", "account"),
        _lookup("parentcontactid", "contact"),
        _lookup("originatingleadid", "lead"),
    )


def _incident() -> Table:
    states = {
        0: ("Active", {1: "In Progress", 2: "On Hold", 3: "Waiting for Details", 4: "Researching"}),
        1: ("Resolved", {5: "Problem Solved", 1000: "Information Provided"}),
        2: ("Cancelled", {6: "Cancelled", 2000: "Merged"}),
    }
    table = Table("incident", "incidents", "incidentid", "title", states=states, object_type_code=112)
    table.collections = {"Incident_Tasks": ("task", "regardingobjectid")}
    return _build(
        table,
        *_owned(),
        *_texts(title=200, ticketnumber=100, description=2000, pl_key=100),
        *_typed("DateTime", "resolveby", "responseby"),
        _choice("prioritycode", "High", "Normal", "Low"),
        _choice("caseorigincode", "Phone", "Email", "Web"),
        _choice("casetypecode", "Question", "Problem", "Request"),
        _lookup("customerid", "account", "contact"),
        _lookup("primarycontactid", "contact"),
    )


def _annotation() -> Table:
    table = Table("annotation", "annotations", "annotationid", "subject", change_tracking=False, object_type_code=5)
    return _build(
        table,
        *_owned(),
        *_texts(subject=500, filename=255, mimetype=256, notetext=100_000, documentbody=1_000_000),
        *_typed("Boolean", "isdocument"),
        _lookup("objectid", *_REGARDING),
    )


def _task() -> Table:
    states = {
        0: ("Open", {2: "Not Started", 3: "In Progress", 4: "Waiting on someone else", 7: "Deferred"}),
        1: ("Completed", {5: "Completed"}),
        2: ("Canceled", {6: "Canceled"}),
    }
    table = Table("task", "tasks", "activityid", "subject", states=states, change_tracking=False, object_type_code=4212)
    return _build(
        table,
        *_owned(),
        *_texts(subject=200, description=2000, pl_key=100),
        *_typed("DateTime", "scheduledstart", "scheduledend", "actualend"),
        *_typed("Integer", "percentcomplete"),
        Column("prioritycode", "Picklist", options={0: "Low", 1: "Normal", 2: "High"}),
        Column(
            "regardingobjectid",
            "Lookup",
            targets={f"regardingobjectid_{target}_task": target for target in _REGARDING},
        ),
    )


def _systemuser() -> Table:
    table = Table("systemuser", "systemusers", "systemuserid", "fullname", change_tracking=False, object_type_code=8)
    return _build(
        table,
        Column("ownerid", "Uniqueidentifier", is_read_only=True),
        *_texts(firstname=64, lastname=64, fullname=200, internalemailaddress=100, domainname=1000),
        *_typed("Uniqueidentifier", "azureactivedirectoryobjectid", "applicationid"),
        *_typed("Boolean", "isdisabled"),
    )


def standard_tables() -> list[Table]:
    """Return fresh table definitions; each emulator customises its own."""
    return [
        _account(),
        _contact(),
        _lead(),
        _opportunity(),
        _incident(),
        _annotation(),
        _task(),
        _systemuser(),
    ]
