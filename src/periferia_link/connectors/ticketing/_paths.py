"""Paths into JSON: ``a.b``, ``a.0``, ``a[id=7].value``, ``^b`` for the parent row; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["PARENT", "first_set", "look_up", "put", "top_member"]

PARENT = "^"
"""Under this member a nested row holds the row that it stands in."""

_STEP = re.compile(r"([^.\[\]]+)(?:\[([^=\[\]]+)=([^\[\]]*)\])?")


class _Step(NamedTuple):
    name: str
    key: str | None = None
    value: str | None = None


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[_Step, ...]:
    text = path
    steps: list[_Step] = []
    if text.startswith(PARENT):
        steps.append(_Step(PARENT))
        text = text[1:]
    steps += [_Step(*found.groups()) for found in _STEP.finditer(text)]
    return tuple(steps)


def look_up(value: Any, path: str) -> Any:
    """Return what stands at the path, ``None`` where it leads nowhere; an empty path is the value itself."""
    for name, key, wanted in _steps(path):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal():
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
        if key is not None:
            entries = value if isinstance(value, list) else ()
            value = next(
                (entry for entry in entries if isinstance(entry, Mapping) and str(entry.get(key)) == wanted), None
            )
        if value is None:
            return None
    return value


def first_set(value: Any, paths: tuple[str, ...]) -> Any:
    """Return what stands at the first path that leads to something."""
    return next((found for path in paths if (found := look_up(value, path)) not in (None, "")), None)


def put(record: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path, making the objects and list entries on the way."""
    steps = _steps(path)
    place = record
    for number, (name, key, wanted) in enumerate(steps):
        is_last = number == len(steps) - 1
        if key is not None:
            entries = place.setdefault(name, [])
            entry = next((entry for entry in entries if str(entry.get(key)) == wanted), None)
            if entry is None:
                entry = {key: int(wanted) if wanted and wanted.isdecimal() else wanted}
                entries.append(entry)
            place = entry
        elif is_last:
            place[name] = value
        else:
            place = place.setdefault(name, {})


def top_member(path: str) -> str | None:
    """Return the member of the record that a path begins with; ``None`` for the parent's."""
    steps = _steps(path)
    return None if not steps or steps[0].name == PARENT else steps[0].name
