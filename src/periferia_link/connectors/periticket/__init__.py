"""Periticket, the in-house help desk: who worked how long for which project, and who these people are."""

from periferia_link.connectors.periticket._connector import Periticket
from periferia_link.connectors.periticket._wire import PERITICKET_FIELDS, employee_from_wire, time_entry_from_wire

__all__ = ["PERITICKET_FIELDS", "Periticket", "employee_from_wire", "time_entry_from_wire"]
