"""Public holidays of countries, by the package ``holidays`` (extra ``calendars``), imported when first asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from importlib.metadata import version

from periferia_link.errors import ConfigurationError, MissingDependencyError
from periferia_link.sla.holiday_set import HolidaySet

__all__ = ["holidays_of"]

_KNOWN = range(1950, 2101)


def holidays_of(country: str, *, region: str | None = None) -> HolidaySet:
    """
    Return the public holidays of a country, such as ``CO`` (ISO 3166-1 alpha-2).

    Colombia needs release 0.109 or later: Ley 2578 of 2026 added a holiday in July, first kept in 2026.

    Args:
        country: Two letters.

        region: Subdivision with holidays of its own, as the package names it.

    Raises:
        MissingDependencyError: The package is not installed.
        ConfigurationError: It does not know the country or the region.
    """
    try:
        import holidays  # noqa: PLC0415 - an extra, and half a second to import
    except ImportError as exc:
        msg = "public holidays need the package holidays"
        raise MissingDependencyError(msg, hint='pip install "periferia-link[calendars]", or list the dates') from exc
    country, release = country.upper(), version("holidays")
    regions = holidays.list_supported_countries().get(country)
    name = f"{country}-{region}" if region else country
    if regions is None or (region is not None and region not in regions):
        msg = f"the package holidays {release} does not know {name}"
        raise ConfigurationError(msg, hint='give the code of a country, as "CO", or list the dates')

    def of_year(year: int) -> Iterable[date]:
        return list(holidays.country_holidays(country, subdiv=region, years=year))

    return HolidaySet(name, version=f"holidays {release} {name}", of_year=of_year, years=_KNOWN)
