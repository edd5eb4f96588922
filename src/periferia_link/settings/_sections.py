"""The tables of the company, its ledger, its flows and its plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from periferia_link.domain import Money
from periferia_link.settings._tables import Section

__all__ = ["Ceilings", "Company", "FlowSettings", "LedgerSettings", "Plugins"]


class Company(Section):
    """Whose books these are: their calendar, currency and language."""

    zone: str = Field(default="America/Bogota", description='the IANA zone of the books, such as "America/Bogota"')
    currency: str = Field(default="COP", pattern=r"^[A-Z]{3}$", description='the ISO 4217 code, such as "COP"')
    decimals: int = Field(
        default_factory=lambda before: _decimals(before.get("currency", "COP")),
        ge=0,
        le=6,
        description="how many decimals the books keep",
    )
    language: Literal["es", "en"] = Field(default="es", description='the language of reports, "es" or "en"')

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            msg = "is no IANA time zone of this machine"
            raise ValueError(msg) from None
        return zone

    @property
    def tzinfo(self) -> tzinfo:
        """The zone as an object for dates."""
        return ZoneInfo(self.zone)


def _decimals(currency: str) -> int:
    # ISO gives the peso two decimals; Colombian books have none
    return 0 if currency == "COP" else Money.of(0, currency).decimals


class LedgerSettings(Section):
    """Where the engine remembers."""

    path: Path = Field(default=Path("periferia.db"), description="a file; a relative path is relative to this one")


class Ceilings(Section):
    """
    How much one run may change; what is not given here stays as the flow has it.

    ``percent`` counts updates and deletes against the records known from before. ``money`` is in the currency of the
    books.
    """

    creates: int | None = Field(default=None, ge=0, description="the most records that one run may create")
    updates: int | None = Field(default=None, ge=0, description="the most records that one run may change")
    deletes: int | None = Field(default=None, ge=0, description="the most records that one run may delete")
    percent: float | None = Field(default=None, ge=0, le=100, description="a share of the records, 0 to 100")
    money: Decimal | None = Field(default=None, ge=0, description='the most money that one run may post, as "80000000"')


class FlowSettings(Section):
    """What an installation decides about one flow; what is not given stays as the flow has it."""

    enabled: bool = Field(default=True, description="true or false: whether the flow runs")
    starts: date | None = Field(default=None, description="the first day whose records count, as 2026-01-31")
    on_conflict: Literal["source", "target", "review"] | None = Field(
        default=None, description='who wins a field that both sides changed: "source", "target" or "review"'
    )
    on_delete: Literal["ignore", "delete", "adjust"] | None = Field(
        default=None, description='what a deletion in the source does: "ignore", "delete" or "adjust"'
    )
    per: str | None = Field(default=None, min_length=1, description='what is put together, such as "day" or "month"')
    ceilings: Ceilings = Field(default_factory=Ceilings, description="a table of limits")
    options: Mapping[str, Any] = Field(default_factory=dict, description="a table that the flow itself reads")


class Plugins(Section):
    """What is loaded from other packages, by name; nothing is loaded that is not named here."""

    connectors: tuple[str, ...] = Field(default=(), description='names of entry points, as ["acme-crm"]')
