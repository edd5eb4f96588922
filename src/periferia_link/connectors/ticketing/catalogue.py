"""The profiles that are shipped, profiles in files, and the JSON Schema for editors."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from periferia_link.connectors.ticketing.profile import TicketProfile, merged
from periferia_link.errors import ConfigurationError
from periferia_link.settings import parse_toml

__all__ = ["load_profile", "profile_from", "profile_schema", "profile_text", "shipped_profiles"]

_HOME = "periferia_link.connectors.ticketing"
_DEEPEST = 4  # profiles that start from each other
_MAX_BYTES = 1024 * 1024


def shipped_profiles() -> list[str]:
    """Return the names of the profiles that come with the library."""
    folder = files(_HOME) / "profiles"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def profile_text(name: str | Path) -> str:
    """
    Return a profile as it stands in its file.

    Args:
        name: One that is shipped, or the path of a file.

    Raises:
        ConfigurationError: There is none of that name, or the file cannot be read.
    """
    if isinstance(name, str) and name in shipped_profiles():
        return (files(_HOME) / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    path = Path(name)
    if isinstance(name, str) and path.suffix != ".toml":
        near = get_close_matches(name, shipped_profiles(), n=1)
        msg = f"there is no profile {name}"
        hint = f"{f'did you mean {near[0]}? ' if near else ''}shipped are {', '.join(shipped_profiles())}"
        raise ConfigurationError(msg, hint=f"{hint}; or give the path of a file that ends in .toml")
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as exc:
        msg = f"the profile {path.name} cannot be read ({exc.strerror or 'no file'})"
        raise ConfigurationError(msg, hint=f"is this the right path: {path.absolute()}?") from exc
    except UnicodeDecodeError:
        text = None
    if text is None or len(raw) > _MAX_BYTES:
        msg = f"{path.name} is no UTF-8 text of at most 1 MiB"
        raise ConfigurationError(msg, hint="save it as UTF-8")
    return text


def load_profile(name: str | Path) -> TicketProfile:
    """
    Read a profile.

    Args:
        name: One that is shipped, or the path of a file.

    Raises:
        ConfigurationError: There is none, or something in it is wrong; the message says where.
    """
    return _shipped(name) if isinstance(name, str) and name in shipped_profiles() else _read(name)


@functools.cache
def _shipped(name: str) -> TicketProfile:
    return _read(name)


def _read(name: str | Path) -> TicketProfile:
    return profile_from(parse_toml(profile_text(name), where=_shown(name)), where=_shown(name))


def profile_from(table: Mapping[str, Any], *, where: str = "the profile") -> TicketProfile:
    """
    Make a profile of its tables.

    Args:
        table: What stands in the file.

        where: Name of the file, for messages.

    Raises:
        ConfigurationError: Something is wrong; the message says where, and holds no value.
    """
    whole = _extended(table, where)
    try:
        return TicketProfile.model_validate(whole)
    except ValidationError as exc:
        faults = exc.errors(include_input=False, include_context=False, include_url=False)
    fault = faults[0]
    key = ".".join(str(part) for part in fault["loc"])
    why = fault["msg"].removeprefix("Value error, ")
    msg = f"{where}: {f'{key}: ' if key else ''}{why[:1].lower()}{why[1:]}"
    more = f"; {len(faults) - 1} more" if len(faults) > 1 else ""
    raise ConfigurationError(msg, hint=f"docs/reference/ticket-profile.md explains every key{more}")


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a profile; shipped as ``ticket-profile.schema.json``."""
    schema = TicketProfile.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    field = definitions["FieldRules"]
    # a path alone stands for a table with nothing but it
    definitions["FieldRules"] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, field]}
    # what [list], [paging], [since] and [write] say for all kinds need not be said again
    schema.pop("description", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ticket profile of periferia_link",
        **{name: value for name, value in schema.items() if name != "title"},
    }


def _extended(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    whole = dict(table)
    for _ in range(_DEEPEST):
        base = whole.get("extends")
        if base is None:
            return whole
        if not isinstance(base, str) or base not in shipped_profiles():
            msg = f"{where}: extends names no profile that is shipped"
            raise ConfigurationError(msg, hint=f"shipped are {', '.join(shipped_profiles())}")
        below = parse_toml(profile_text(base), where=base)
        whole = merged(below, {name: value for name, value in whole.items() if name != "extends"})
        if "extends" in below:
            whole["extends"] = below["extends"]
    msg = f"{where}: profiles extend each other without end"
    raise ConfigurationError(msg, hint="name one that stands on its own")


def _shown(name: str | Path) -> str:
    return Path(name).name
