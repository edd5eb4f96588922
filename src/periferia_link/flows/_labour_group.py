"""What the name of a group of labour cost says: project, centre, day, currency, and whatever else parts postings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from periferia_link.domain import Exchange

__all__ = ["LabourGroup"]

_TOLD = re.compile("(company|rate|dimension[1-5])=")


class LabourGroup(NamedTuple):
    """
    One posting to be: hours of one project, cost centre and day, in one currency and at one exchange rate.

    A cost that gets another exchange rate, dimension or company leaves its group: it is taken back there as it was
    booked, and booked anew in the other one. ``entry`` is set where every time entry has a posting of its own.
    """

    project: str
    centre: str
    day: date
    currency: str
    entry: str = ""
    company: str = ""
    exchange: Exchange | None = None
    dimensions: Mapping[int, str] = {}

    def names(self) -> tuple[str, ...]:
        """Return the texts that the ledger keeps; what is not set takes no place."""
        names = [self.project, self.centre, self.day.isoformat(), self.currency]
        if self.entry:
            names.append(self.entry)
        if self.company:
            names.append(f"company={self.company}")
        if self.exchange is not None:
            factor = f"{self.exchange.factor.normalize():f}"
            names.append(f"rate={factor} {self.exchange.on.isoformat()} {self.exchange.source}")
        names += [f"dimension{number}={code}" for number, code in sorted(self.dimensions.items())]
        return tuple(names)

    @classmethod
    def read(cls, names: Sequence[str]) -> LabourGroup:
        """Return what the texts say."""
        told = {found[1]: name[found.end() :] for name in names[4:] if (found := _TOLD.match(name))}
        entry = next((name for name in names[4:] if not _TOLD.match(name)), "")
        exchange = None
        if "rate" in told:
            factor, on, source = told["rate"].split(" ", 2)
            exchange = Exchange(factor=Decimal(factor), on=date.fromisoformat(on), source=source)
        dimensions = {int(name[9:]): code for name, code in told.items() if name.startswith("dimension")}
        day, company = date.fromisoformat(names[2]), told.get("company", "")
        return cls(names[0], names[1], day, names[3], entry, company, exchange, dimensions)
