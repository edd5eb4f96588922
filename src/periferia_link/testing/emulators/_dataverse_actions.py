"""
Actions of the emulated Web API that move a sale or a case on: qualify, win, lose, resolve, send, and custom ones.

Sources: the action reference (``QualifyLead``, ``CloseIncident``: learn.microsoft.com …/mt491164 and …/mt607498),
``opportunity.md`` and ``incident.md`` of the table reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from periferia_link.testing.emulators._dataverse_addresses import Address, reference
from periferia_link.testing.emulators._dataverse_calls import Call, answer, check_options
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_payload, bad_value
from periferia_link.testing.emulators._dataverse_rows import LOOKUP_TABLE, Rows
from periferia_link.testing.emulators._dataverse_tables import Table
from periferia_link.testing.emulators._dataverse_values import read_payload
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["NAMESPACE", "Action", "Actions"]

NAMESPACE: Final = "Microsoft.Dynamics.CRM."
_CLOSING: Final = {"WinOpportunity": 1, "LoseOpportunity": 2}

Action: TypeAlias = Callable[[Mapping[str, Any], str | None], Mapping[str, Any] | None]
"""A custom action: the parameters and the id of the record it is bound to; what it returns is the answer."""


class Actions:
    """
    The actions of one environment; all of an action's changes happen, or none.

    ``custom`` holds those that an installation adds, by (name, logical name of the table it is bound to or "").
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.custom: dict[tuple[str, str], Action] = {}
        self._bound: dict[tuple[str, str], Callable[[Call, Address], Response]] = {
            ("QualifyLead", "lead"): self._qualify,
            ("SendEmail", "email"): self._send,
        }
        self._unbound: dict[str, Callable[[Call], Response]] = {
            "WinOpportunity": self._close_opportunity,
            "LoseOpportunity": self._close_opportunity,
            "CloseIncident": self._close_incident,
        }

    def subject_of(self, name: str) -> str:
        """Return the table that an unbound action changes; empty for a custom one."""
        return {"CloseIncident": "incident"}.get(name, "opportunity" if name in _CLOSING else "")

    def knows(self, name: str, table: str = "") -> bool:
        """Whether there is such an action, bound to *table* or unbound."""
        known = (name, table) in self._bound if table else name in self._unbound
        return known or (name, table) in self.custom

    def run(self, call: Call, name: str, address: Address | None = None) -> Response:
        """
        Answer a call of an action that :meth:`knows` knows.

        Raises:
            DataverseRefused: 400 or 404 as the parameters deserve.
        """
        check_options(call, ())
        table = address.table.logical if address else ""
        if (name, table) in self.custom:
            result = self.custom[name, table](_parameters(call), address.key if address else None)
            if result is None:
                return answer(call, 204)
            kind = f"{call.root}/$metadata#{NAMESPACE}{name}Response"
            return answer(call, 200, {"@odata.context": kind, **result})
        return self._bound[name, table](call, address) if address else self._unbound[name](call)

    # ------------------------------------------------------------------ opportunities and cases

    def _close_opportunity(self, call: Call) -> Response:
        """Answer ``WinOpportunity`` or ``LoseOpportunity``: the deal ends, an ``opportunityclose`` tells how."""
        message = call.path[0].partition("(")[0]
        close, status = _closing(call, message, "OpportunityClose", "opportunityid")
        table, key = self._target(close, "opportunityid", "opportunity")
        row = self.rows.get(table, key)
        if row["statecode"] != 0:
            msg = "The opportunity has already been closed."
            raise _already(msg)
        state = _CLOSING[message]
        ended = str(close.get("actualend") or call.now.isoformat())[:10]
        values: Record = {"statecode": state, "actualclosedate": ended}
        revenue = close.get("actualrevenue", row.get("estimatedvalue") if state == 1 else None)
        values["actualvalue"] = revenue
        self._end(call, table, key, values, status)
        self._closed(call, "opportunityclose", close, {"actualrevenue": revenue})
        return answer(call, 204)

    def _close_incident(self, call: Call) -> Response:
        """Answer ``CloseIncident``: the case is resolved, an ``incidentresolution`` tells how."""
        close, status = _closing(call, "CloseIncident", "IncidentResolution", "incidentid")
        table, key = self._target(close, "incidentid", "incident")
        if self.rows.get(table, key)["statecode"] != 0:
            msg = "Already Closed or Canceled"
            raise _already(msg)
        self._end(call, table, key, {"statecode": 1}, status)
        self._closed(call, "incidentresolution", close, {})
        return answer(call, 204)

    def _end(self, call: Call, table: Table, key: str, values: Record, status: int) -> None:
        # -1 lets the server choose the default status of the state
        chosen = {} if status == -1 else {"statuscode": status}
        self.rows.change(table, key, values | chosen, call.now)

    def _target(self, close: Mapping[str, Any], name: str, logical: str) -> tuple[Table, str]:
        address = reference(self.rows, str(close[f"{name}@odata.bind"]))
        if address.table.logical != logical or address.key is None or address.key not in self.rows.of(address.table):
            raise address.refusal
        return address.table, address.key

    def _closed(self, call: Call, logical: str, close: Mapping[str, Any], more: Record) -> None:
        """Keep the activity that closed the record, completed."""
        table = self.rows.schema[logical]
        body = {name: value for name, value in close.items() if name != "@odata.type"}
        payload = read_payload(self.rows, table, body)
        key = payload.values.pop(table.key, None)
        given = {name: value for name, value in payload.values.items() if name not in ("statecode", "statuscode")}
        key = self.rows.insert(table, given | {k: v for k, v in more.items() if v is not None}, key, call.now)
        self.rows.change(table, key, {"statecode": 1}, call.now)

    # ------------------------------------------------------------------ leads

    def _qualify(self, call: Call, address: Address) -> Response:
        """Answer ``QualifyLead``: the lead ends as qualified, what it became points back to it."""
        asked = _parameters(call)
        wanted = ("CreateAccount", "CreateContact", "CreateOpportunity")
        if any(not isinstance(asked.get(name), bool) for name in wanted) or not isinstance(asked.get("Status"), int):
            subject = "QualifyLead"
            raise _missing(subject, ", ".join((*wanted, "Status")))
        lead = self._existing(address)
        if lead["statecode"] != 0:
            msg = "The lead is already closed."
            raise _already(msg)
        made: dict[str, str] = {}
        if asked["CreateAccount"]:
            values = {"name": lead.get("companyname") or lead.get("fullname")}
            made["account"] = self._made(call, "account", lead, values | _shared(lead, _ACCOUNT))
        if asked["CreateContact"]:
            values = _shared(lead, _CONTACT) | _link("parentcustomerid", "account", made.get("account"))
            made["contact"] = self._made(call, "contact", lead, values)
        if asked["CreateOpportunity"]:
            made["opportunity"] = self._made(call, "opportunity", lead, self._deal(asked, lead, made))
        links = _link("parentaccountid", "account", made.get("account"))
        links |= _link("parentcontactid", "contact", made.get("contact"))
        links |= _link("qualifyingopportunityid", "opportunity", made.get("opportunity"))
        ended = {"statecode": 1} | ({} if asked["Status"] == -1 else {"statuscode": asked["Status"]})
        self.rows.change(address.table, str(address.key), links | ended, call.now)
        found = [
            {"@odata.type": f"#{NAMESPACE}{logical}", self.rows.schema[logical].key: key}
            for logical, key in made.items()
        ]
        kind = f"{call.root}/$metadata#Collection({NAMESPACE}crmbaseentity)"
        return answer(call, 200, {"@odata.context": kind, "value": found})

    def _deal(self, asked: Mapping[str, Any], lead: Record, made: Mapping[str, str]) -> Record:
        values: Record = {
            "name": lead.get("subject"),
            "estimatedvalue": lead.get("estimatedamount"),
            "estimatedclosedate": lead.get("estimatedclosedate"),
        }
        customer = asked.get("OpportunityCustomerId")
        account, contact = made.get("account"), made.get("contact")
        if isinstance(customer, Mapping):
            kind = str(customer.get("@odata.type", "")).removeprefix("#").removeprefix(NAMESPACE)
            if kind not in ("account", "contact"):
                subject = "QualifyLead"
                raise bad_payload(subject, "Microsoft.OData.ODataException: OpportunityCustomerId needs a type.")
            values |= _link("customerid", kind, str(customer.get(f"{kind}id", "")).lower())
        elif account or contact:
            values |= _link("customerid", "account" if account else "contact", account or contact)
        values |= _link("parentaccountid", "account", account or lead.get("_parentaccountid_value"))
        values |= _link("parentcontactid", "contact", contact or lead.get("_parentcontactid_value"))
        campaign = asked.get("SourceCampaignId")
        chosen = campaign.get("campaignid") if isinstance(campaign, Mapping) else lead.get("_campaignid_value")
        return values | _link("campaignid", "campaign", chosen)

    def _made(self, call: Call, logical: str, lead: Record, values: Record) -> str:
        full = {name: value for name, value in values.items() if value is not None}
        full |= _link("originatingleadid", "lead", lead["leadid"])
        owner = {name: value for name, value in lead.items() if name.startswith("_ownerid_value")}
        return self.rows.insert(self.rows.schema[logical], full | owner, None, call.now)

    # ------------------------------------------------------------------ mails

    def _send(self, call: Call, address: Address) -> Response:
        """Answer ``SendEmail``: the draft is sent."""
        if not isinstance(_parameters(call).get("IssueSend"), bool):
            subject = "SendEmail"
            raise _missing(subject, "IssueSend")
        if self._existing(address)["statecode"] != 0:
            msg = "The e-mail must be open to be sent."
            raise bad_value(msg, "0x80040203")
        sent = {"statecode": 1, "statuscode": 3, "senton": f"{call.now:%Y-%m-%dT%H:%M:%SZ}"}
        self.rows.change(address.table, str(address.key), sent, call.now)
        kind = f"{call.root}/$metadata#{NAMESPACE}SendEmailResponse"
        return answer(call, 200, {"@odata.context": kind, "Subject": ""})

    def _existing(self, address: Address) -> Record:
        if address.key is None or address.key not in self.rows.of(address.table):
            raise address.refusal
        return self.rows.get(address.table, address.key)


_ACCOUNT: Final = (
    "emailaddress1", "telephone1", "websiteurl", "address1_line1", "address1_city", "address1_stateorprovince",
    "address1_country", "address1_postalcode",
)  # fmt: skip
_CONTACT: Final = ("firstname", "middlename", "lastname", "jobtitle", "mobilephone", *_ACCOUNT)


def _shared(lead: Record, names: tuple[str, ...]) -> Record:
    return {name: lead[name] for name in names if name in lead and name != "websiteurl"}


def _link(column: str, target: str, key: str | None) -> Record:
    return {} if key is None else {f"_{column}_value": key, f"_{column}_value{LOOKUP_TABLE}": target}


def _parameters(call: Call) -> Mapping[str, Any]:
    body = call.body if call.request.body else {}
    if not isinstance(body, Mapping):
        raise bad_payload(call.path[0], "Microsoft.OData.ODataException: Parameters were expected.")
    return body


def _closing(call: Call, message: str, parameter: str, link: str) -> tuple[Mapping[str, Any], int]:
    asked = _parameters(call)
    close, status = asked.get(parameter), asked.get("Status")
    if not isinstance(close, Mapping) or f"{link}@odata.bind" not in close or not isinstance(status, int):
        raise _missing(message, f"{parameter} and Status")
    return close, status


def _missing(message: str, names: str) -> DataverseRefused:
    return bad_payload(message, f"Microsoft.OData.ODataException: {names} are required.")


def _already(text: str) -> DataverseRefused:
    return DataverseRefused(400, "0x80040203", text)
