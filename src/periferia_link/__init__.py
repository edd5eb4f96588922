"""
Operational integration of business systems: typed, exactly once, traceable.

Every name below is loaded when it is first used: importing the package opens no file and loads no HTTP client, no
database and no connector. The rest of the public surface lives in ``errors``, ``typing``, ``domain``,
``connectors.base``, ``ledger``, ``engine``, ``flows`` and ``testing``.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from periferia_link._version import __version__

if TYPE_CHECKING:
    from periferia_link.connectors.azure_devops import AzureDevOps
    from periferia_link.connectors.base import Capabilities, Connector
    from periferia_link.connectors.dynamics365 import Dynamics365
    from periferia_link.connectors.forms import Forms
    from periferia_link.connectors.periticket import Periticket
    from periferia_link.connectors.sap_business_one import SapBusinessOne
    from periferia_link.connectors.sap_rfc import SapRfc
    from periferia_link.connectors.ticketing import Ticketing, TicketProfile
    from periferia_link.domain import (
        Client,
        Contact,
        CostCentre,
        CostEntry,
        Employee,
        Interaction,
        Invoice,
        Lead,
        Money,
        Opportunity,
        Period,
        Project,
        Ref,
        Survey,
        TaxId,
        Ticket,
        TimeEntry,
        WorkItem,
    )
    from periferia_link.engine import Engine, Flow, Plan, RunReport
    from periferia_link.errors import LinkError
    from periferia_link.flows import clients, labour_costs, projects
    from periferia_link.installation import Installation
    from periferia_link.ledger import SqliteLedger
    from periferia_link.settings import Settings

__all__ = [
    "AzureDevOps",
    "Capabilities",
    "Client",
    "Connector",
    "Contact",
    "CostCentre",
    "CostEntry",
    "Dynamics365",
    "Employee",
    "Engine",
    "Flow",
    "Forms",
    "Installation",
    "Interaction",
    "Invoice",
    "Lead",
    "LinkError",
    "Money",
    "Opportunity",
    "Period",
    "Periticket",
    "Plan",
    "Project",
    "Ref",
    "RunReport",
    "SapBusinessOne",
    "SapRfc",
    "Settings",
    "SqliteLedger",
    "Survey",
    "TaxId",
    "Ticket",
    "TicketProfile",
    "Ticketing",
    "TimeEntry",
    "WorkItem",
    "__version__",
    "clients",
    "labour_costs",
    "projects",
]

_HOMES = {
    "connectors.azure_devops": ("AzureDevOps",),
    "connectors.base": ("Capabilities", "Connector"),
    "connectors.dynamics365": ("Dynamics365",),
    "connectors.forms": ("Forms",),
    "connectors.periticket": ("Periticket",),
    "connectors.sap_business_one": ("SapBusinessOne",),
    "connectors.sap_rfc": ("SapRfc",),
    "connectors.ticketing": ("TicketProfile", "Ticketing"),
    "domain": (
        "Client",
        "Contact",
        "CostCentre",
        "CostEntry",
        "Employee",
        "Interaction",
        "Invoice",
        "Lead",
        "Money",
        "Opportunity",
        "Period",
        "Project",
        "Ref",
        "Survey",
        "TaxId",
        "Ticket",
        "TimeEntry",
        "WorkItem",
    ),
    "engine": ("Engine", "Flow", "Plan", "RunReport"),
    "errors": ("LinkError",),
    "flows": ("clients", "labour_costs", "projects"),
    "installation": ("Installation",),
    "ledger": ("SqliteLedger",),
    "settings": ("Settings",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
