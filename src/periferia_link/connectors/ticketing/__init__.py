"""Any help desk with a REST interface, described by a profile: tickets, work logs, people and what else it keeps."""

from periferia_link.connectors.ticketing._connector import Ticketing, fields_of
from periferia_link.connectors.ticketing._records import Records
from periferia_link.connectors.ticketing.catalogue import load_profile, profile_schema, shipped_profiles
from periferia_link.connectors.ticketing.hooks import TicketHooks
from periferia_link.connectors.ticketing.profile import TicketProfile

__all__ = [
    "Records",
    "TicketHooks",
    "TicketProfile",
    "Ticketing",
    "fields_of",
    "load_profile",
    "profile_schema",
    "shipped_profiles",
]
