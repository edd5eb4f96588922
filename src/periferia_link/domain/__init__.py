"""
The typed domain: what the systems talk about, in the words of the field.

Each kind is loaded when it is first named: a script that reads clients does not build the models of surveys.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from periferia_link.domain._ref import Ref

if TYPE_CHECKING:
    from periferia_link.domain._base import Entity, Exact, Instant, Money, Period, Text, accounting_date, exact_sum
    from periferia_link.domain._tax_id import TaxId, nit_check_digit
    from periferia_link.domain.allocation import Allocation
    from periferia_link.domain.campaign import Campaign
    from periferia_link.domain.client import Client, folded_name
    from periferia_link.domain.client_context import ClientContext
    from periferia_link.domain.contact import Contact
    from periferia_link.domain.cost_centre import CostCentre
    from periferia_link.domain.cost_entry import CostEntry, CostLine
    from periferia_link.domain.employee import Employee, Rate
    from periferia_link.domain.exchange_rate import Exchange, ExchangeRate
    from periferia_link.domain.interaction import Interaction
    from periferia_link.domain.invoice import Invoice, InvoiceLine
    from periferia_link.domain.lead import Lead
    from periferia_link.domain.opportunity import Opportunity
    from periferia_link.domain.project import Project
    from periferia_link.domain.service_call import ServiceCall
    from periferia_link.domain.survey import Survey, SurveyAnswer
    from periferia_link.domain.ticket import Ticket, TicketEvent
    from periferia_link.domain.time_entry import TimeEntry
    from periferia_link.domain.work_item import WorkItem, WorkItemLink

__all__ = [
    "KINDS",
    "Allocation",
    "Campaign",
    "Client",
    "ClientContext",
    "Contact",
    "CostCentre",
    "CostEntry",
    "CostLine",
    "Employee",
    "Entity",
    "Exact",
    "Exchange",
    "ExchangeRate",
    "Instant",
    "Interaction",
    "Invoice",
    "InvoiceLine",
    "Lead",
    "Money",
    "Opportunity",
    "Period",
    "Project",
    "Rate",
    "Ref",
    "ServiceCall",
    "Survey",
    "SurveyAnswer",
    "TaxId",
    "Text",
    "Ticket",
    "TicketEvent",
    "TimeEntry",
    "WorkItem",
    "WorkItemLink",
    "accounting_date",
    "exact_sum",
    "folded_name",
    "nit_check_digit",
]

_HOMES = {
    "_base": ("Entity", "Exact", "Instant", "Money", "Period", "Text", "accounting_date", "exact_sum"),
    "_tax_id": ("TaxId", "nit_check_digit"),
    "allocation": ("Allocation",),
    "campaign": ("Campaign",),
    "client": (
        "Client",
        "folded_name",
    ),
    "client_context": ("ClientContext",),
    "contact": ("Contact",),
    "cost_centre": ("CostCentre",),
    "cost_entry": (
        "CostEntry",
        "CostLine",
    ),
    "employee": (
        "Employee",
        "Rate",
    ),
    "exchange_rate": (
        "Exchange",
        "ExchangeRate",
    ),
    "interaction": ("Interaction",),
    "invoice": (
        "Invoice",
        "InvoiceLine",
    ),
    "lead": ("Lead",),
    "opportunity": ("Opportunity",),
    "project": ("Project",),
    "service_call": ("ServiceCall",),
    "survey": (
        "Survey",
        "SurveyAnswer",
    ),
    "ticket": (
        "Ticket",
        "TicketEvent",
    ),
    "time_entry": ("TimeEntry",),
    "work_item": (
        "WorkItem",
        "WorkItemLink",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_KINDS = (
    "Allocation",
    "Campaign",
    "Client",
    "ClientContext",
    "Contact",
    "CostCentre",
    "CostEntry",
    "Employee",
    "ExchangeRate",
    "Interaction",
    "Invoice",
    "Lead",
    "Opportunity",
    "Project",
    "ServiceCall",
    "Survey",
    "Ticket",
    "TimeEntry",
    "WorkItem",
)


class _Kinds(MutableMapping[str, "type[Entity]"]):
    """Every kind by name, loaded when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, type[Entity] | None] = dict.fromkeys(_KINDS)

    def __getitem__(self, name: str) -> type[Entity]:
        model = self._loaded[name]
        if model is None:
            model = self._loaded[name] = __getattr__(name)
        return model

    def __setitem__(self, name: str, model: type[Entity]) -> None:
        self._loaded[name] = model

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)

    def __contains__(self, name: object) -> bool:
        return name in self._loaded


KINDS: MutableMapping[str, type[Entity]] = _Kinds()
"""Every kind by the name that stands in a :class:`Ref`; connectors for more kinds add theirs."""


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
