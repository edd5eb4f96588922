"""What can be tuned in periferia.toml, checked once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from periferia_link.errors import ConfigurationError

__all__ = ["OPTIONS", "checked_options", "server_zone", "service_root"]


def _is_whole(low: int, high: float = math.inf) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_text(form: str) -> Callable[[Any], bool]:
    pattern = re.compile(form)
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_hours(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and 0 < Decimal(str(value)) <= 24
    except InvalidOperation:
        return False


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


OPTIONS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = MappingProxyType(
    {
        "approvals": (lambda value: isinstance(value, bool), "it is true or false"),
        "currency": (_is_text(r"[A-Z]{3}"), "it is an ISO 4217 code, such as COP"),
        "decimals": (_is_whole(0, 6), "it is a whole number from 0 to 6"),
        "hours_per_day": (_is_hours, "it is a number of hours, more than 0"),
        "language": (_is_text(r"ln_\w{1,40}"), "it reads like ln_Spanish_La"),
        "marker": (_is_text("table|field"), "it is table or field"),
        "max_batch": (_is_whole(1, 100), "it is a whole number from 1 to 100"),
        "page_size": (_is_whole(1, 10_000), "it is a whole number from 1 to 10000"),
        "parallel": (_is_whole(1, 40), "it is a whole number from 1 to 40"),
        "settle": (_is_seconds, "it is a number of seconds"),
        "tax_code": (_is_text(r"\S{1,8}"), "it is the code of a tax in SAP, 8 characters at most"),
        "zone": (lambda value: isinstance(value, str), "it reads like America/Bogota"),
    }
)
"""Names of the options, how each is checked, and what to say of a wrong one."""


def checked_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the options of a table ``[systems.NAME.options]``.

    Raises:
        ConfigurationError: One is unknown or has an impossible value.
    """
    unknown = sorted(options.keys() - OPTIONS.keys())
    if unknown:
        msg = f"systems.{name}.options: unknown {', '.join(unknown)}"
        raise ConfigurationError(msg, hint=f"known are {', '.join(sorted(OPTIONS))}")
    for option, value in options.items():
        is_right, form = OPTIONS[option]
        if value is not None and not is_right(value):
            msg = f"{name}: {option} cannot be {value!r}"
            raise ConfigurationError(msg, hint=form)
    return dict(options)


def server_zone(name: str) -> ZoneInfo:
    """
    Return the zone of the server's wall clock.

    Raises:
        ConfigurationError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        msg = f"{name!r} is no time zone"
        raise ConfigurationError(msg, hint='write it as "America/Bogota"') from None


def service_root(url: str) -> str:
    """Return the address of the service root, OData 4 unless the address says otherwise."""
    plain = url.rstrip("/")
    return f"{plain}/" if urlsplit(plain).path.startswith("/b1s/") else f"{plain}/b1s/v2/"
