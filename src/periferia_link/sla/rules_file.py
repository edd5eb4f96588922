"""Calendars, policies, legal terms and the priority rule from ``[sla]`` and ``[priority]`` of a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError

from periferia_link.domain.ticket import TicketType
from periferia_link.errors import ConfigurationError
from periferia_link.sla.calendar import BusinessCalendar, window_of
from periferia_link.sla.holiday_set import NO_HOLIDAYS, HolidaySet
from periferia_link.sla.holidays_of import holidays_of
from periferia_link.sla.legal import legal_policy
from periferia_link.sla.policy import Policy
from periferia_link.sla.priority import PriorityRule

__all__ = ["SlaRules", "read_priority", "read_sla"]

_ModelT = TypeVar("_ModelT", bound=BaseModel)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CALENDAR_KEYS = ("zone", "hours", "holidays", "region", "special")
_TYPES: tuple[TicketType, ...] = get_args(TicketType)


class SlaRules(NamedTuple):
    """What ``[sla]`` says: calendars by name and policies by position."""

    calendars: Mapping[str, BusinessCalendar]
    policies: tuple[Policy, ...]


def read_sla(
    table: Mapping[str, Any],
    *,
    file: str = "periferia.toml",
    zone: str = "America/Bogota",
    holidays: Callable[..., HolidaySet] = holidays_of,
) -> SlaRules:
    """
    Read the table ``[sla]``: ``calendars``, ``policies`` and ``legal``.

    Args:
        table: What stands under ``[sla]``.

        file: Its name, for messages.

        zone: Zone of calendars that name none.

        holidays: Gives the holiday set of a country; the package ``holidays`` without it.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
        MissingDependencyError: A calendar wants the holidays of a country, and the extra is not installed.
    """
    place = _Place(file, "sla")
    place.check_known(table, ("calendars", "policies", "legal"))
    calendars = {
        name: _calendar(name, one, place.at("calendars", name), zone=zone, holidays=holidays)
        for name, one in place.subtables(table, "calendars")
    }
    calendars.setdefault("always", BusinessCalendar.always(zone=ZoneInfo(zone)))
    policies = [_policy(name, one, place.at("policies", name)) for name, one in place.subtables(table, "policies")]
    policies += _legal(place.subtable(table, "legal"), place.at("legal"))
    for policy in policies:
        where = place.at("policies", policy.id)
        for name in (policy.calendar, *(one.calendar for one in policy.targets if one.calendar)):
            if name not in calendars:
                where.refuse("calendar", f"there is no calendar {name}", hint=f"known are {', '.join(calendars)}")
    return SlaRules(MappingProxyType(calendars), tuple(sorted(policies, key=lambda one: one.position)))


def read_priority(table: Mapping[str, Any], *, file: str = "periferia.toml") -> PriorityRule:
    """
    Read the table ``[priority]``.

    Raises:
        ConfigurationError: A name or a value that does not fit, with section, key and the next step.
    """
    return _model(PriorityRule, table, _Place(file, "priority"))


class _Place(NamedTuple):
    file: str
    table: str

    def at(self, *names: str) -> _Place:
        return _Place(self.file, ".".join((self.table, *names)))

    def refuse(self, key: str, why: str, *, hint: str) -> NoReturn:
        where = f"{self.file} [{self.table}] {key}".rstrip()
        msg = f"{where}: {why}"
        raise ConfigurationError(msg, hint=hint)

    def check_known(self, table: Mapping[str, Any], known: Iterable[str]) -> None:
        names = list(known)
        for key in table:
            if key not in names:
                near = get_close_matches(key, names, n=1)
                guess = f"did you mean {near[0]}? " if near else ""
                self.refuse(key, "unknown key", hint=f"{guess}known are {', '.join(names)}")

    def subtable(self, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            self.refuse(key, "is not a table", hint=f"write it as [{self.at(key).table}] with one key a line")
        return value

    def subtables(self, table: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
        inner = self.subtable(table, key)
        return [(name, self.at(key).subtable(inner, name)) for name in inner]


# ---------------------------------------------------------------------- policies


def _policy(name: str, table: Mapping[str, Any], place: _Place) -> Policy:
    if "id" in table:
        place.refuse("id", "unknown key", hint="the name of the table is the id")
    return _model(Policy, {"id": name, **table}, place)


def _legal(table: Mapping[str, Any], place: _Place) -> list[Policy]:
    """Presets that the file names, by type of ticket; without the table none is used."""
    place.check_known(table, ("calendar", *_TYPES))
    terms: dict[str, list[TicketType]] = {}
    for kind in _TYPES:
        if kind in table:
            terms.setdefault(str(table[kind]), []).append(kind)
    calendar = table.get("calendar")
    if terms and not isinstance(calendar, str):
        place.refuse("calendar", "is missing", hint="name the calendar whose working days count")
    return [_legal_policy(term, kinds, str(calendar), place) for term, kinds in terms.items()]


def _legal_policy(term: str, kinds: list[TicketType], calendar: str, place: _Place) -> Policy:
    try:
        return legal_policy(term, types=frozenset(kinds), calendar=calendar)
    except ConfigurationError as exc:
        place.refuse(kinds[0], exc.message, hint=exc.hint or "")


def _model(model: type[_ModelT], table: Mapping[str, Any], place: _Place) -> _ModelT:
    place.check_known(table, model.model_fields)
    found: _ModelT | None = None
    try:
        found = model.model_validate(dict(table))
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    if found is None:  # refused out here: the exception above holds what was written
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"]]
        key = "".join(steps).removeprefix(".")
        why = {"missing": "is missing", "extra_forbidden": "unknown key"}.get(
            problem["type"], problem["msg"].removeprefix("Value error, ")
        )
        place.refuse(key, why[:1].lower() + why[1:], hint=_hint(model, problem["loc"]))
    return found


def _hint(model: type[BaseModel], steps: Iterable[int | str]) -> str:
    """Return what the documentation of the innermost named field says."""
    meaning, name = "see the page on SLA rules", ""
    here: Any = model
    for step in steps:
        fields = getattr(here, "model_fields", {})
        if isinstance(step, str) and step in fields:
            meaning, name = fields[step].description or meaning, step
            kinds = [one for one in get_args(fields[step].annotation) if hasattr(one, "model_fields")]
            here = kinds[0] if kinds else fields[step].annotation
        elif isinstance(step, str) and fields:
            return f"known are {', '.join(fields)}"
    return f"{name} is {meaning}" if name else meaning


# ---------------------------------------------------------------------- calendars


def _calendar(
    name: str, table: Mapping[str, Any], place: _Place, *, zone: str, holidays: Callable[..., HolidaySet]
) -> BusinessCalendar:
    place.check_known(table, _CALENDAR_KEYS)
    windows: dict[int, list[tuple[time, time | timedelta]]] = {}
    hours = place.subtable(table, "hours")
    if not hours:
        place.refuse("hours", "is missing", hint='give days and hours: hours = { mon-fri = ["08:00-17:00"] }')
    for days, spans in hours.items():
        for day in _weekdays(days, place):
            windows.setdefault(day, []).extend(_spans(name, spans, place.at("hours"), days))
    special = {
        _day(text, place.at("special")): _spans(name, spans, place.at("special"), text)
        for text, spans in place.subtable(table, "special").items()
    }
    return BusinessCalendar(
        name,
        windows=windows,
        zone=_zone(str(table.get("zone", zone)), place),
        holidays=_holidays(table, place, holidays),
        special=special,
    )


def _zone(name: str, place: _Place) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        place.refuse("zone", "is no IANA time zone of this machine", hint='write it as "America/Bogota"')


def _weekdays(text: str, place: _Place) -> list[int]:
    first, dash, last = text.lower().partition("-")
    if first not in _DAYS or (dash and last not in _DAYS):
        place.refuse(f"hours.{text}", "is no weekday", hint=f"write mon-fri or one of {', '.join(_DAYS)}")
    begin = _DAYS.index(first)
    end = _DAYS.index(last) if dash else begin
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _spans(name: str, spans: Any, place: _Place, key: str) -> list[tuple[time, time | timedelta]]:
    if not isinstance(spans, (list, tuple)) or not all(isinstance(one, str) and "-" in one for one in spans):
        place.refuse(key, "is no list of hours", hint='write ["08:00-12:00", "13:00-17:00"]; [] is closed')
    found = []
    for one in spans:
        begin, _, end = one.partition("-")
        try:
            found.append(window_of(begin.strip(), end.strip(), name))
        except ConfigurationError as exc:
            place.refuse(key, exc.message, hint=exc.hint or "")
    return found


def _day(value: Any, place: _Place) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        place.refuse(str(value)[:20], "is no day", hint="write days as 2026-12-24")


def _holidays(table: Mapping[str, Any], place: _Place, known: Callable[..., HolidaySet]) -> HolidaySet:
    value = table.get("holidays")
    if value is None:
        return NO_HOLIDAYS
    if isinstance(value, str):
        region = table.get("region")
        return known(value, region=region) if region else known(value)
    if not isinstance(value, (list, tuple)):
        place.refuse("holidays", "is neither a country nor a list of days", hint='write "CO" or [2026-12-24]')
    return HolidaySet.of("given", [_day(one, place) for one in value])
