"""Periticket, the in-house help desk: tickets, who worked how long for which project, and who these people are."""

from periferia_link.connectors.periticket._preset import (
    PERITICKET_FIELDS,
    Periticket,
    employee_from_wire,
    time_entry_from_wire,
)

__all__ = ["PERITICKET_FIELDS", "Periticket", "employee_from_wire", "time_entry_from_wire"]
