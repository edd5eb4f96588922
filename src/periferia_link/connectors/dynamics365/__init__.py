"""
Dynamics 365 (Dataverse Web API): the kinds of a CRM and tables of one's own, to read and to write.

The functions of a kind are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.dynamics365._connector import Dynamics365
from periferia_link.connectors.dynamics365._options import Options
from periferia_link.connectors.dynamics365.kinds import DYNAMICS365_FIELDS

if TYPE_CHECKING:
    from periferia_link.connectors.dynamics365._scripts import Attachment
    from periferia_link.connectors.dynamics365.kinds._campaign import campaign_from_wire, campaign_to_wire
    from periferia_link.connectors.dynamics365.kinds._client import client_from_wire, client_to_wire
    from periferia_link.connectors.dynamics365.kinds._contact import contact_from_wire, contact_to_wire
    from periferia_link.connectors.dynamics365.kinds._employee import employee_from_wire
    from periferia_link.connectors.dynamics365.kinds._interaction import interaction_from_wire, interaction_to_wire
    from periferia_link.connectors.dynamics365.kinds._lead import lead_from_wire, lead_to_wire
    from periferia_link.connectors.dynamics365.kinds._links import Terms
    from periferia_link.connectors.dynamics365.kinds._maps import own_survey_table
    from periferia_link.connectors.dynamics365.kinds._opportunity import opportunity_from_wire, opportunity_to_wire
    from periferia_link.connectors.dynamics365.kinds._survey import survey_from_wire, survey_to_wire
    from periferia_link.connectors.dynamics365.kinds._ticket import ticket_from_wire, ticket_to_wire

__all__ = [
    "DYNAMICS365_FIELDS",
    "Attachment",
    "Dynamics365",
    "Options",
    "Terms",
    "campaign_from_wire",
    "campaign_to_wire",
    "client_from_wire",
    "client_to_wire",
    "contact_from_wire",
    "contact_to_wire",
    "employee_from_wire",
    "interaction_from_wire",
    "interaction_to_wire",
    "lead_from_wire",
    "lead_to_wire",
    "opportunity_from_wire",
    "opportunity_to_wire",
    "own_survey_table",
    "survey_from_wire",
    "survey_to_wire",
    "ticket_from_wire",
    "ticket_to_wire",
]

_HOMES = {"Attachment": "_scripts", "Terms": "kinds._links", "own_survey_table": "kinds._maps"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    home = _HOMES.get(name) or f"kinds._{name.partition('_')[0]}"
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
