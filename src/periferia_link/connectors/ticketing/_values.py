"""Values of one field between wire and domain: texts, numbers, times, durations, words; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, get_args
from zoneinfo import ZoneInfo

from periferia_link.connectors.ticketing.profile import FieldRules, TimeRules, ValueMap
from periferia_link.domain import Entity, Money, Ref, TaxId

__all__ = ["UnknownWordError", "Values", "kind_of_value", "moment_from_wire", "moment_to_wire"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CLOCK = re.compile(r"(-?)(\d{1,5}):(\d{2})(?::(\d{2})(?:\.\d+)?)?")
_PER_HOUR = {"hours": Decimal(1), "minutes": Decimal(60), "seconds": Decimal(3600)}


class UnknownWordError(ValueError):
    """A word of the server that its profile does not know; the message holds neither record nor person."""


def kind_of_value(model: type[Entity], name: str) -> str:
    """Tell from the type of a field how it is read where the profile does not say."""
    annotation = model.model_fields[name].annotation
    kinds = {each for each in (annotation, *get_args(annotation)) if isinstance(each, type)}
    text = repr(annotation)
    for kind, reading in ((Ref, "ref"), (Money, "money"), (TaxId, "tax-id")):
        if kind in kinds:
            return reading
    if date in kinds:
        return "date"
    if "datetime" in text.lower():  # Instant is an annotated type of pydantic
        return "time"
    if "Decimal" in text:
        return "decimal"
    if bool in kinds:
        return "boolean"
    if int in kinds:
        return "integer"
    return "text" if str in kinds or "str" in text or "Literal" in text else "raw"


def moment_from_wire(value: Any, form: str, zone: str) -> datetime:
    """
    Read a moment; one that names no zone is in *zone*.

    Raises:
        ValueError: It is none.
    """
    if form in ("epoch", "epoch-ms"):
        seconds = Decimal(str(value)) / (1000 if form == "epoch-ms" else 1)
        return datetime.fromtimestamp(float(seconds), timezone.utc)
    text = str(value)
    moment = _iso(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(zone))
    return moment.astimezone(timezone.utc)


def moment_to_wire(moment: datetime, form: str, zone: str) -> Any:
    """Write a moment as the server wants it."""
    if form == "epoch":
        return int((moment - _EPOCH).total_seconds())
    if form == "epoch-ms":
        return int((moment - _EPOCH).total_seconds() * 1000)
    local = moment.astimezone(_zone(zone))
    if form != "iso":
        return local.strftime(form)
    return local.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Values:
    """Reads and writes the value of one field."""

    rules: FieldRules
    reading: str
    times: TimeRules
    words: ValueMap | None = None
    target: str = ""
    """Kind that a reference leads to."""

    def read(self, value: Any, system: str) -> Any:
        """
        Return the domain's value of a wire value that is set.

        Raises:
            ValueError: It is not what the profile says.
        """
        if self._is_nothing(value):
            return None
        if self.rules.pattern is not None:
            found = re.search(self.rules.pattern, str(value))
            if found is None:
                return None
            value = found.group(1)
        if self.words is not None:
            return _word(self.words, value)
        return self._converted(value, system)

    def _converted(self, value: Any, system: str) -> Any:
        reading = self.reading
        if reading in ("text", "id") or reading == "ref":
            if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
                return value  # the model refuses it, by the column's name
            return Ref(system, self.target, str(value)) if reading == "ref" else str(value)
        if reading == "tax-id":
            return TaxId.parse(str(value), self.rules.country)
        if reading == "time":
            zone = self.rules.zone or self.times.zone
            form = self.rules.format or self.times.format
            if form == "iso" and self.rules.zone is None and "zone" not in self.times.model_fields_set:
                return value  # the domain reads ISO itself, and refuses a time without a zone
            return moment_from_wire(value, form, zone)
        if reading == "date":
            return self._day(value)
        if reading in ("integer", "decimal"):
            return value
        if reading == "boolean":
            return _flag(value)
        if reading in ("hours", "minutes", "seconds", "clock"):
            return _hours(value, reading)
        return value

    def _day(self, value: Any) -> Any:
        text = str(value)
        form = self.rules.format
        if form is None and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return text
        zone = self.rules.zone or self.times.zone
        moment = moment_from_wire(value, form or self.times.format, zone)
        return moment.astimezone(_zone(zone)).date()

    def _is_nothing(self, value: Any) -> bool:
        nothing = self.rules.null
        if nothing is None and self.reading in ("time", "date"):
            nothing = self.times.null
        return bool(nothing) and not isinstance(value, dict | list) and value in (nothing or ())

    def write(self, value: Any) -> Any:
        """
        Return the wire value of a domain value; ``None`` empties the member.

        Raises:
            ValueError: The server has no word for it.
        """
        if value is None:
            return None
        if self.words is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            return _word_back(self.words, text)
        wire = self._written(value)
        how = self.rules.write_as
        if how == "integer":
            return int(wire)
        if how == "number":
            return Decimal(str(wire))
        return str(wire) if how == "text" else wire

    def _written(self, value: Any) -> Any:
        reading = self.reading
        if isinstance(value, Ref):
            return value.id
        if isinstance(value, TaxId):
            return value.printed
        if isinstance(value, datetime):
            form = self.rules.format or self.times.write or self.times.format
            return moment_to_wire(value, form, self.rules.zone or self.times.zone)
        if isinstance(value, date):
            pattern = self.rules.format
            return value.isoformat() if pattern in (None, "iso") else value.strftime(pattern or "")
        if isinstance(value, Decimal):
            if reading == "clock":
                seconds = int(value * 3600)
                return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
            if reading in ("minutes", "seconds"):
                return int(value * _PER_HOUR[reading])
            # decimals travel as texts unless the profile says that the server wants numbers
            return f"{value:f}"
        return value


def _word(words: ValueMap, value: Any) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str | int | Decimal):
        text = str(value)
    else:
        msg = "a word was expected"
        raise UnknownWordError(msg)
    if text in words.values:
        return words.values[text]
    if words.keep:
        return text
    if words.default is not None:
        return words.default
    msg = "the profile does not know this word of the server, and states no default"
    raise UnknownWordError(msg)


def _word_back(words: ValueMap, value: str) -> Any:
    if value in words.write:
        return words.write[value]
    for theirs, ours in words.values.items():
        if ours == value:
            return theirs
    if words.keep:
        return value
    msg = f"the profile has no word of the server for {value}"
    raise UnknownWordError(msg)


def _hours(value: Any, unit: str) -> Any:
    if isinstance(value, bool):
        return value
    if unit == "clock":
        found = _CLOCK.fullmatch(str(value))
        if found is None:
            msg = "a duration as 01:30:00 was expected"
            raise ValueError(msg)
        sign, hours, minutes, seconds = found.groups()
        total = Decimal(int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)) / 3600
        return (-total if sign else total).quantize(Decimal("0.0001")).normalize()
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return value
    if unit == "hours" or not amount.is_finite():
        return amount
    return (amount / _PER_HOUR[unit]).quantize(Decimal("0.0001")).normalize()


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(value.lower(), value)
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def _iso(text: str) -> datetime:
    # 3.10 reads neither Z nor +0000
    text = re.sub(r"[Zz]$", "+00:00", text)
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text)
    found = re.fullmatch(r"(.*?\d\d:\d\d:\d\d)\.(\d+)(.*)", text)
    if found:
        text = f"{found[1]}.{found[2][:6]:0<6}{found[3]}"
    return datetime.fromisoformat(text)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
