"""The kinds of a company: their columns, what works with them, and the functions that make and read them."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from periferia_link.connectors.sap_business_one.kinds._fields import (
    DRAFTS,
    KEY_FIELD,
    KEYED_TABLES,
    MARKER_TABLE,
    RATES_TABLE,
    SAP_FIELDS,
)
from periferia_link.connectors.sap_business_one.kinds._traits import KEYED, TRAITS, Traits, abilities

if TYPE_CHECKING:
    from periferia_link.domain import Entity

__all__ = [
    "DRAFTS",
    "KEYED",
    "KEYED_TABLES",
    "KEY_FIELD",
    "MARKER_TABLE",
    "RATES_TABLE",
    "SAP_FIELDS",
    "TOLD",
    "TRAITS",
    "Traits",
    "abilities",
    "from_wire",
    "to_wire",
]

_HOMES: Final[Mapping[str, str]] = {
    "Client": "client",
    "CostCentre": "cost_centre",
    "CostEntry": "cost_entry",
    "Employee": "employee",
    "ExchangeRate": "exchange_rate",
    "Invoice": "invoice",
    "Opportunity": "opportunity",
    "Project": "project",
    "ServiceCall": "service_call",
}

TOLD: Final[Mapping[str, tuple[str, ...]]] = {
    "Client": ("zone",),
    "CostEntry": ("house_currency",),
    "Employee": ("zone", "house_currency", "hours_per_day"),
    "ExchangeRate": ("house_currency",),
    "Invoice": ("zone", "house_currency"),
    "Opportunity": ("zone", "house_currency"),
    "ServiceCall": ("zone",),
}
"""What the reading function of a kind is told beside row, field map and system."""


def from_wire(kind: str) -> Callable[..., Entity]:
    """Return what makes an entity of a row; the models of a kind are loaded with its first row."""
    made: Callable[..., Entity] = _function(kind, "from_wire")
    return made


def to_wire(kind: str) -> Callable[..., dict[str, Any]]:
    """Return what makes a body of an entity."""
    made: Callable[..., dict[str, Any]] = _function(kind, "to_wire")
    return made


@functools.cache
def _function(kind: str, what: str) -> Any:
    home = _HOMES[kind]
    return getattr(importlib.import_module(f"{__name__}._{home}"), f"{home}_{what}")
