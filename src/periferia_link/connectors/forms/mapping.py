"""``FormMapping``: which question is what, in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from periferia_link.errors import ConfigurationError
from periferia_link.settings import parse_toml

__all__ = ["SCALES", "FormMapping", "Question", "Role", "load_mapping", "mapping_from", "mapping_text"]

Role = Literal[
    "nps", "csat", "ces", "rating", "comment", "text", "choice", "client", "contact", "email", "name", "ticket",
    "project", "ignore",
]  # fmt: skip

SCALES: Mapping[str, tuple[int, int]] = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "rating": (1, 5)}
"""The ends of each measure; a question with other ends is brought to them in proportion."""

_MANY = frozenset({"rating", "comment", "text", "choice", "ignore"})
_MAX_FILE = 1024 * 1024


class Question(BaseModel):
    """
    One question: its title as Forms writes it, and what it is for.

    ``aliases`` are titles that it had before or after an edit. ``scale`` are the ends of its numbers, ``reversed`` says
    that low is good, ``words`` gives numbers to words that are not known. ``options`` parts multiple choice where an
    option holds ``;``. An ``optional`` question may be missing from the form.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    title: str = Field(min_length=1, max_length=4_000)
    role: Role
    aliases: tuple[str, ...] = ()
    scale: tuple[int, int] | None = None
    reversed: bool = False
    words: Mapping[str, int] = Field(default_factory=dict)
    options: tuple[str, ...] = ()
    optional: bool = False

    @field_validator("aliases", "options", "scale", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _is_sound(self) -> Question:
        low, high = self.ends
        if low >= high or high - low > 100:
            msg = "the scale needs a low and a high end"
            raise ValueError(msg)
        if self.role == "nps" and (self.ends not in ((0, 10), (1, 10)) or self.reversed):
            msg = "an NPS question goes from 0 to 10"
            raise ValueError(msg)
        return self

    @property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest number."""
        return self.scale or SCALES.get(self.role, (1, 5))


class FormMapping(BaseModel):
    """
    What one form asks.

    ``form`` names the questionnaire for ever (it stands in every key). ``time_zone`` is that of the times in the
    export, which say none. ``day_first`` is needed only where a file does not show it. ``wave`` is a fixed text, or
    ``month``, ``quarter``, ``year`` of the answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    form: str = Field(min_length=1, max_length=120, pattern=r"^[^/\s]+$")
    time_zone: str
    day_first: bool | None = None
    wave: str | None = Field(default=None, min_length=1, max_length=100)
    questions: tuple[Question, ...] = Field(default=(), max_length=1_000)

    @field_validator("questions", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception:  # noqa: BLE001 - OSError, ValueError, KeyError by what is wrong with the name
            msg = "is no time zone, as America/Bogota is"
            raise ValueError(msg) from None
        return value

    @model_validator(mode="after")
    def _once_each(self) -> FormMapping:
        roles = [question.role for question in self.questions if question.role not in _MANY]
        twice = sorted({role for role in roles if roles.count(role) > 1})
        if twice:
            msg = f"two questions are {twice[0]}: make the second one a rating or a text"
            raise ValueError(msg)
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


def mapping_from(table: Mapping[str, Any], *, where: str) -> FormMapping:
    """
    Make a mapping of a table.

    Raises:
        ConfigurationError: Something in it is wrong; the message says where.
    """
    try:
        return FormMapping.model_validate(dict(table))
    except ValidationError as exc:
        fault = exc.errors(include_input=False, include_context=False, include_url=False)[0]
    place = ".".join(map(str, fault["loc"])) or "the table"
    msg = f"{where}: {place}: {fault['msg'].removeprefix('Value error, ')}"
    raise ConfigurationError(msg, hint="see docs/how-to/forms.md, or make one with 'periferia-link forms inspect FILE'")


def load_mapping(path: str | Path) -> FormMapping:
    """
    Read a mapping from a file.

    Raises:
        ConfigurationError: There is no such file, it is no TOML, or something in it is wrong.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8") if file.stat().st_size <= _MAX_FILE else ""
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"the mapping {file.name} cannot be read ({type(exc).__name__})"
        raise ConfigurationError(msg, hint="make one with 'periferia-link forms inspect FILE --output'") from None
    return mapping_from(parse_toml(text, where=file.name), where=file.name)


def mapping_text(mapping: FormMapping) -> str:
    """Return a mapping as TOML, ready to be edited."""
    lines = [f"form = {_quoted(mapping.form)}", f"time_zone = {_quoted(mapping.time_zone)}"]
    if mapping.day_first is not None:
        lines.append(f"day_first = {_value(mapping.day_first)}")
    if mapping.wave is not None:
        lines.append(f"wave = {_quoted(mapping.wave)}")
    for question in mapping.questions:
        told = question.model_dump(exclude_defaults=True)
        lines += ["", "[[questions]]", *(f"{key} = {_value(value)}" for key, value in told.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_quoted(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    signs = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(signs.get(sign, sign if sign.isprintable() else f"\\u{ord(sign):04x}") for sign in text) + '"'
