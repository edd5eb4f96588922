"""The functions of ``$filter`` on texts, with the wildcards of SQL where a server has them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from periferia_link.testing.emulators._odata_values import Dialect, Quoted

__all__ = ["ARITY", "function"]

ARITY = {"startswith": 2, "endswith": 2, "contains": 2, "substringof": 2, "tolower": 1, "toupper": 1} | {
    "trim": 1,
    "length": 1,
}
"""How many texts each function takes; those of two answer yes or no."""


def function(name: str, dialect: Dialect) -> Callable[..., Any]:
    """Return the function *name* of texts; nulls never reach it."""
    changes: dict[str, Callable[[str], str]] = {"tolower": str.lower, "toupper": str.upper, "trim": str.strip}
    if change := changes.get(name):
        return lambda text: Quoted(change(text))
    if name == "length":
        return lambda text: Decimal(len(text))
    if name == "substringof":  # version 3 asks the other way round
        contains = function("contains", dialect)
        return lambda wanted, text: contains(text, wanted)
    if dialect.wildcards:
        return lambda text, wanted: bool(_like(name, dialect.folded(wanted)).fullmatch(dialect.folded(text)))
    finds: dict[str, Callable[[str, str], bool]] = {"startswith": str.startswith, "endswith": str.endswith}
    find = finds.get(name, operator.contains)
    return lambda text, wanted: find(dialect.folded(text), dialect.folded(wanted))


@lru_cache(maxsize=64)
def _like(name: str, wanted: str) -> re.Pattern[str]:
    """Return the pattern of a SQL LIKE: ``%`` any text, ``_`` one character, ``[a-c]`` and ``[^a]`` a set."""
    body = "".join(_wild(part) for part in re.split(r"(%+|_|\[[^\]]+\])", wanted))
    before = "" if name == "startswith" else ".*"
    after = "" if name == "endswith" else ".*"
    return re.compile(before + body + after, re.DOTALL)


def _wild(part: str) -> str:
    if part.startswith("%"):
        return ".*"
    if part == "_":
        return "."
    if len(part) > 2 and part[0] == "[" and part[-1] == "]":
        turned = "^" if part[1] == "^" else ""
        members = re.sub(r"([\\^\[&~|])", r"\\\1", part[1 + len(turned) : -1])
        return f"[{turned}{members}]" if members else re.escape(part)
    return re.escape(part)
