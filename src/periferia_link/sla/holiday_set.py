"""Holiday sets: dates with a name and a version, given by hand or taken from the package ``holidays``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import date

__all__ = ["NO_HOLIDAYS", "HolidaySet"]


class HolidaySet:
    """
    Which days are holidays, and for which years that is known.

    ``version`` says where the dates come from: a new law moves deadlines of the past, so every result names it.

    Args:
        name: Where the dates hold, such as ``CO``.

        version: Source and release of the dates.

        of_year: Holidays of one year; asked once for each year.

        years: Years that the source knows; ``None`` is all.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str,
        of_year: Callable[[int], Iterable[date]],
        years: range | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self._of_year = of_year
        self._years = years
        self._known: dict[int, frozenset[date]] = {}

    @classmethod
    def of(cls, name: str, dates: Iterable[date]) -> HolidaySet:
        """Return a set of given dates; it knows the years from its first date to its last."""
        days = sorted(set(dates))
        by_year: dict[int, list[date]] = {}
        for day in days:
            by_year.setdefault(day.year, []).append(day)
        digest = hashlib.blake2b("".join(map(str, days)).encode(), digest_size=4).hexdigest()
        years = range(days[0].year, days[-1].year + 1) if days else None
        return cls(name, version=f"{name} {digest}", of_year=lambda year: by_year.get(year, ()), years=years)

    def has(self, day: date) -> bool:
        """Whether *day* is a holiday."""
        known = self._known.get(day.year)
        if known is None:
            known = self._known[day.year] = frozenset(self._of_year(day.year)) if self.knows(day.year) else frozenset()
        return day in known

    def knows(self, year: int) -> bool:
        """Whether the source says anything about that year."""
        return self._years is None or year in self._years

    def __repr__(self) -> str:
        return f"HolidaySet({self.name!r}, {self.version!r})"


NO_HOLIDAYS = HolidaySet("none", version="", of_year=lambda _year: ())
"""Every day is a working day as its weekday says."""
