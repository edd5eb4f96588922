"""Questions of one's own to an environment: filters, FetchXML, counts and sums, written so that no value can escape."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.dynamics365.querying._filters import (
    after,
    before,
    between,
    contains,
    either,
    ends_with,
    every,
    exactly,
    excluding,
    function,
    is_empty,
    is_filled,
    one_of,
    other_than,
    starts_with,
)

if TYPE_CHECKING:
    from periferia_link.connectors.dynamics365.querying._fetch_xml import Aggregate, Condition, FetchXml, Link

__all__ = [
    "Aggregate",
    "Condition",
    "FetchXml",
    "Link",
    "after",
    "before",
    "between",
    "contains",
    "either",
    "ends_with",
    "every",
    "exactly",
    "excluding",
    "function",
    "is_empty",
    "is_filled",
    "one_of",
    "other_than",
    "starts_with",
]


def __getattr__(name: str) -> Any:
    """Load FetchXML when it is first asked for: most programs never do."""
    if name in ("Aggregate", "Condition", "FetchXml", "Link"):
        return getattr(importlib.import_module(f"{__name__}._fetch_xml"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
