"""The typed domain: what the systems talk about, in the words of the field."""

from periferia_link.domain._base import Entity, Exact, Instant, Money, Period, Ref, Text, accounting_date, exact_sum
from periferia_link.domain._tax_id import TaxId, nit_check_digit
from periferia_link.domain.client import Client, folded_name
from periferia_link.domain.cost_centre import CostCentre
from periferia_link.domain.cost_entry import CostEntry, CostLine
from periferia_link.domain.employee import Employee, Rate
from periferia_link.domain.opportunity import Opportunity
from periferia_link.domain.project import Project
from periferia_link.domain.time_entry import TimeEntry

__all__ = [
    "KINDS",
    "Client",
    "CostCentre",
    "CostEntry",
    "CostLine",
    "Employee",
    "Entity",
    "Exact",
    "Instant",
    "Money",
    "Opportunity",
    "Period",
    "Project",
    "Rate",
    "Ref",
    "TaxId",
    "Text",
    "TimeEntry",
    "accounting_date",
    "exact_sum",
    "folded_name",
    "nit_check_digit",
]

KINDS: dict[str, type[Entity]] = {
    kind.__name__: kind for kind in (Client, CostCentre, CostEntry, Employee, Opportunity, Project, TimeEntry)
}
"""Every kind by the name that stands in a :class:`Ref`; connectors for more kinds add theirs."""
