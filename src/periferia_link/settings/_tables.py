"""Reading one table of the file into one model, with errors that say where and what next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from periferia_link.errors import ConfigurationError

__all__ = ["Place", "Section", "read_section"]

SectionT = TypeVar("SectionT", bound="Section")


class Section(BaseModel):
    """Base of every table: immutable, without keys that nobody knows; errors never show what was written."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, defer_build=True
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A table of a file, for messages."""

    file: str
    table: str = ""

    def at(self, *names: str) -> Place:
        """Return the place of a table inside this one."""
        return Place(self.file, ".".join(filter(None, (self.table, *names))))

    def refuse(self, key: str, why: str, *, hint: str) -> NoReturn:
        """
        Say what is wrong with one key; *why* never holds what was written there.

        Raises:
            ConfigurationError: Always.
        """
        table = f"[{self.table}]" if self.table else ""
        msg = f"{' '.join(filter(None, (self.file, table, key)))}: {why}"
        raise ConfigurationError(msg, hint=hint)

    def check_known(self, table: Mapping[str, Any], known: Collection[str], *, what: str = "key") -> None:
        """
        Refuse names that nobody reads: they are typing errors.

        Raises:
            ConfigurationError: With the nearest known name.
        """
        for name in table:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                guess = f"did you mean {near[0]}? " if near else ""
                self.refuse(name, f"unknown {what}", hint=f"{guess}known are {', '.join(sorted(known))}")

    def subtable(self, table: Mapping[str, Any], key: str) -> dict[str, Any]:
        """
        Return the table under *key*, empty when it is absent.

        Raises:
            ConfigurationError: Something else stands there.
        """
        value = table.get(key, {})
        if not isinstance(value, dict):
            self.refuse(key, "is not a table", hint=f"write it as [{self.at(key).table}] with one key a line")
        return value


def read_section(model: type[SectionT], table: Mapping[str, Any], place: Place) -> SectionT:
    """
    Make the model of a table.

    Raises:
        ConfigurationError: An unknown key, a missing one, or a value that does not fit; the first one found.
    """
    place.check_known(table, model.model_fields)
    section: SectionT | None = None
    try:
        section = model.model_validate(dict(table))
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    if section is None:  # refused out here: the exception above holds what was written
        key = str(problem["loc"][0]) if problem["loc"] else ""
        field = model.model_fields.get(key)
        why = "is missing" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        meaning = field.description if field and field.description else "see the documentation of the settings"
        place.refuse(key, why[:1].lower() + why[1:], hint=f"{key} is {meaning}")
    return section
