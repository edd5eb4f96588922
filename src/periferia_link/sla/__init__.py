"""SLA and PQR: business calendars, policies, clocks worked out from the history, legal terms, priorities."""

from periferia_link.sla.calendar import BusinessCalendar
from periferia_link.sla.clock import SlaClock, measure
from periferia_link.sla.forecast import Experience, Forecast, forecast
from periferia_link.sla.history import history_of, reassignments, reopenings, time_in_state
from periferia_link.sla.holiday_set import HolidaySet
from periferia_link.sla.holidays_of import holidays_of
from periferia_link.sla.legal import LEGAL_TERMS, legal_deadline
from periferia_link.sla.policy import Escalation, Policy, Target
from periferia_link.sla.priority import PriorityRule, decide_priority
from periferia_link.sla.rules_file import SlaRules, read_priority, read_sla

__all__ = [
    "LEGAL_TERMS",
    "BusinessCalendar",
    "Escalation",
    "Experience",
    "Forecast",
    "HolidaySet",
    "Policy",
    "PriorityRule",
    "SlaClock",
    "SlaRules",
    "Target",
    "decide_priority",
    "forecast",
    "history_of",
    "holidays_of",
    "legal_deadline",
    "measure",
    "read_priority",
    "read_sla",
    "reassignments",
    "reopenings",
    "time_in_state",
]
