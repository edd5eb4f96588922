"""From a table of a TOML file to a typed rule; mistakes name file, section, key and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, NoReturn, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from periferia_link.errors import ConfigurationError

__all__ = ["Addresses", "Rule", "read_rule"]


def _lead_there(addresses: Mapping[str, str]) -> Mapping[str, str]:
    for template in addresses.values():
        if not template.startswith("https://") or "{id}" not in template:
            msg = "needs addresses that begin with https:// and hold {id}"
            raise ValueError(msg)
    return addresses


Addresses = Annotated[Mapping[str, str], AfterValidator(_lead_there)]
"""Where people find the records of a role: ``{id}`` stands for the id of the record."""


class Rule(BaseModel):
    """Base of what stands in the file: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


_RuleT = TypeVar("_RuleT", bound=Rule)


def read_rule(model: type[_RuleT], table: Mapping[str, Any], *, section: str, file: str) -> _RuleT:
    """
    Check a table and make its rule.

    Args:
        model: The rule.

        table: What stands in the section.

        section: Its name, for messages: ``detractors``.

        file: Name of the file, for messages.

    Raises:
        ConfigurationError: A name or a value that does not fit, with file, section, key and the next step.
    """
    found: _RuleT | None = None
    try:
        found = model.model_validate(dict(table))
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    if found is None:  # refused out here: the exception above holds what was written
        _refuse(model, problem["type"], problem["loc"], problem["msg"], where=f"{file} [{section}]")
    return found


def _refuse(model: type[BaseModel], sort: str, steps: tuple[int | str, ...], message: str, *, where: str) -> NoReturn:
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    words = {"missing": "is missing", "extra_forbidden": "unknown key"}
    why = words.get(sort, message.removeprefix("Value error, "))
    msg = f"{where} {key}: {why[:1].lower()}{why[1:]}"
    raise ConfigurationError(msg, hint=_hint(model, steps))


def _hint(model: type[BaseModel], steps: Iterable[int | str]) -> str:
    """Say what the documentation of the innermost named field says, or which names there are."""
    meaning, here, is_name = "see the page on these rules", model, False
    for step in steps:
        fields: Mapping[str, Any] = getattr(here, "model_fields", {})
        if isinstance(step, int) or is_name or not fields:
            is_name = False
            continue
        if step not in fields:
            near = get_close_matches(step, fields, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            return f"{guess}known are {', '.join(fields)}"
        meaning = f"{step} is {fields[step].description}" if fields[step].description else meaning
        here = _inner(fields[step].annotation)
        # the next step into a table of tables is the name that the person gave
        is_name = get_origin(fields[step].annotation) is Mapping
    return meaning


def _inner(annotation: Any) -> Any:
    """Return the rule that a field holds: itself, in a list or as the values of a table."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for each in get_args(annotation) if hasattr(found := _inner(each), "model_fields")), annotation)
