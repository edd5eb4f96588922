"""Dynamics 365 (Dataverse Web API): clients and opportunities, to read and to write."""

from periferia_link.connectors.dynamics365._client import client_from_wire, client_to_wire
from periferia_link.connectors.dynamics365._connector import Dynamics365
from periferia_link.connectors.dynamics365._kinds import DYNAMICS365_FIELDS
from periferia_link.connectors.dynamics365._opportunity import opportunity_from_wire, opportunity_to_wire

__all__ = [
    "DYNAMICS365_FIELDS",
    "Dynamics365",
    "client_from_wire",
    "client_to_wire",
    "opportunity_from_wire",
    "opportunity_to_wire",
]
