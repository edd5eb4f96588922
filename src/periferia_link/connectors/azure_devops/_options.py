"""What can be tuned, checked once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from periferia_link.errors import ConfigurationError

__all__ = ["SCOPE", "Options"]

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""What a token of Entra is asked for: the application id of Azure DevOps."""

_Check = tuple[Callable[[Any], bool], str]


def _text(form: str, most: int, what: str) -> _Check:
    pattern = re.compile(form, re.ASCII)
    return lambda value: isinstance(value, str) and len(value) <= most and pattern.fullmatch(value) is not None, what


def _whole(low: int, high: int) -> _Check:
    return (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        f"it is a whole number from {low} to {high}",
    )


def _seconds(*, may_be_zero: bool = True) -> _Check:
    def is_good(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and 0 <= value < math.inf and (may_be_zero or value > 0)

    return is_good, "it is a number of seconds" + ("" if may_be_zero else ", more than none")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(each, str) for each in value)


_SWITCH: Final[_Check] = (lambda value: isinstance(value, bool), "it is true or false")
_CHECKS: Final[Mapping[str, _Check]] = {
    "project": _text(r"[^\\/:*?\"<>|;#$&+\x00-\x1f]+", 64, "it is the name of a project"),
    "types": (_is_list, 'it is a list of types, as ["Task"]'),
    "page_size": _whole(1, 1_000),
    "max_batch": _whole(1, 200),
    "overlap": _seconds(),
    "lookback": _seconds(may_be_zero=False),
    "settle": _seconds(),
    "bin_depth": _whole(0, 20_000),
    "marker_field": _text(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+", 400, "it is a reference name, as Custom.Key"),
    "marker_url": _text(r"https://[^\s?#]+", 500, "it is an https address without a query"),
    "markdown": _SWITCH,
    "create_paths": _SWITCH,
    "bypass_rules": _SWITCH,
    "suppress_notifications": _SWITCH,
    "bearer": _SWITCH,
    "parallel": _whole(1, 16),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The keyword arguments of :class:`AzureDevOps` that tune it; see there."""

    project: str | None = None
    types: Sequence[str] = ()
    page_size: int = 1_000
    max_batch: int = 200
    overlap: float = 600.0
    lookback: float = 7 * 86_400.0
    settle: float = 60.0
    bin_depth: int = 200
    marker_field: str | None = None
    marker_url: str | None = None
    markdown: bool = False
    create_paths: bool = False
    bypass_rules: bool = False
    suppress_notifications: bool = False
    bearer: bool = False
    parallel: int = 4

    @classmethod
    def checked(cls, name: str, **values: Any) -> Options:
        """
        Return options that make sense.

        Raises:
            ConfigurationError: An unknown option, or a value that is none.
        """
        defaults = {each.name: each.default for each in fields(cls)}
        for option, value in values.items():
            if option not in defaults:
                msg = f"{name}: Azure DevOps has no option {option}"
                raise ConfigurationError(msg, hint=f"it has {', '.join(defaults)}")
            is_good, form = _CHECKS[option]
            if not is_good(value) and not (value is None and defaults[option] is None):
                msg = f"{name}: the option {option} is wrong: {form}"
                raise ConfigurationError(msg, hint=f"correct it in [systems.{name}.options]")
        return cls(**values)
