"""
Actions of the Web API: what is no upsert. Closing a case or a deal, qualifying a lead, and any other by its name; pure.

An action travels in :attr:`Write.action` as its name, and its parameters as JSON behind a blank::

    QualifyLead {"CreateAccount": true, "CreateContact": true, "CreateOpportunity": true, "Status": 3}

A name that begins with ``/`` is bound to no record: ``/WinOpportunity {…}``.
Sources: CloseIncident (mt607498), WinOpportunity (mt607971), LoseOpportunity (mt608103), QualifyLead (mt491164).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError
from periferia_link.transport._json import dumps, loads
from periferia_link.transport._odata import BatchPart, key

__all__ = ["NAMESPACE", "action_request", "action_text", "closing"]

NAMESPACE: Final = "Microsoft.Dynamics.CRM."
_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}
_NAME: Final = re.compile(r"/?[A-Za-z_][\w.]{0,200}")

# Closing makes a record of its own beside: the parameter that holds it, its type and its link to what is closed.
_CLOSES: Final = {
    "CloseIncident": ("IncidentResolution", "incidentresolution", "incidentid", 5),
    "LoseOpportunity": ("OpportunityClose", "opportunityclose", "opportunityid", 4),
    "WinOpportunity": ("OpportunityClose", "opportunityclose", "opportunityid", 3),
}
_USUAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "QualifyLead": {"CreateAccount": True, "CreateContact": True, "CreateOpportunity": True, "Status": 3},
}


def action_text(name: str, parameters: Mapping[str, Any], *, is_bound: bool = True) -> str:
    """
    Write an action and its parameters as the text of :attr:`Write.action`.

    Raises:
        ConfigurationError: The name is none, or the parameters are no JSON.
    """
    text = name if is_bound else f"/{name}"
    if not _NAME.fullmatch(text):
        msg = "this is no name of an action"
        raise ConfigurationError(msg, hint="write it as the Web API reference does: QualifyLead, cr123_Recalculate")
    return f"{text} {dumps(dict(parameters)).decode()}" if parameters else text


def action_request(text: str, ref: Ref, table: str, *, tag: str = "") -> BatchPart:
    """
    Return the request of an action on a record.

    Args:
        text: What :func:`action_text` wrote.

        ref: The record.

        table: Its entity set.

        tag: Query with the marker for plug-ins.

    Raises:
        ConfigurationError: It cannot be read.
    """
    name, _, told = text.partition(" ")
    try:
        parameters = loads(told.encode(), exact=True) if told else {}
    except ValueError:
        parameters = None
    if not isinstance(parameters, dict) or not _NAME.fullmatch(name):
        msg = "the action cannot be read"
        raise ConfigurationError(msg, hint="make it with Dynamics365.action(name, …)")
    plain = name.removeprefix("/").removeprefix(NAMESPACE)
    if plain in _CLOSES:
        return BatchPart("POST", plain + tag, _JSON, dumps(_closing_body(plain, ref.id, parameters)))
    if name.startswith("/"):
        return BatchPart("POST", plain + tag, _JSON, dumps(parameters))
    url = f"{key(table, uuid.UUID(ref.id))}/{NAMESPACE}{plain}{tag}"
    return BatchPart("POST", url, _JSON, dumps({**_USUAL.get(plain, {}), **parameters}))


def closing(table: str, ref: Ref, body: dict[str, Any], *, subject: str, tag: str = "") -> BatchPart | None:
    """
    Take a final state out of a body and return the action that sets it; ``None`` where a column is enough.

    A case is resolved and a deal is won or lost by an action only: it files who closed it, when and for how much.

    Args:
        table: Entity set.

        ref: The record.

        body: Columns to write; those that the action sets are taken out.

        subject: What the record of the closing is called where what is closed has no title or name.

        tag: Query with the marker for plug-ins.
    """
    name = {
        ("incidents", 1): "CloseIncident",
        ("opportunities", 1): "WinOpportunity",
        ("opportunities", 2): "LoseOpportunity",
    }.get((table, body.get("statecode", 0)))  # fmt: skip
    if name is None:
        return None
    del body["statecode"]
    called = next((str(body[column]) for column in ("title", "name") if body.get(column)), subject)
    closed: dict[str, Any] = {"subject": called[:200]}
    for column, told in (("actualvalue", "actualrevenue"), ("actualclosedate", "actualend")):
        if table == "opportunities" and body.get(column) is not None:
            value = body.pop(column)
            # a day of the calendar as an instant: at noon it is that day in every zone of the region
            closed[told] = f"{value}T12:00:00Z" if told == "actualend" else value
    parameters = {"Status": body.pop("statuscode"), _CLOSES[name][0]: closed}
    return BatchPart("POST", name + tag, _JSON, dumps(_closing_body(name, ref.id, parameters)))


def _closing_body(name: str, record: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    holder, logical, link, status = _CLOSES[name]
    told = parameters.get(holder)
    table = "incidents" if link == "incidentid" else "opportunities"
    closed = {
        "@odata.type": NAMESPACE + logical,
        "subject": name,
        **(told if isinstance(told, dict) else {}),
        f"{link}@odata.bind": f"/{table}({record})",
    }
    return {"Status": status, **parameters, holder: closed}
