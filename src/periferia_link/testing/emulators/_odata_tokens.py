"""The words of an OData expression: names, literals and signs, each with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from periferia_link.testing.emulators._odata_values import (
    ODataRefused,
    Quoted,
    read_guid,
    read_moment,
    read_number,
)

__all__ = ["Token", "literal", "refused_at", "tokens"]

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<typed>(?:datetimeoffset|datetime|guid)'[^']*')
    | (?P<text>'(?:[^']|'')*')
    | (?P<json>"(?:[^"\\]|\\.)*")
    | (?P<guid>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![\w-]))
    | (?P<moment>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?(?![\w:-]))
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?[mMdDfFlL]?(?![\w.]))
    | (?P<alias>@[A-Za-z_]\w*)
    | (?P<name>[A-Za-z_]\w*(?:[./][A-Za-z_]\w*)*)
    | (?P<sign>[(),\[\]=])
    """,
    re.VERBOSE | re.ASCII,
)


class Token(NamedTuple):
    """One word of an expression; ``at`` counts characters from 0."""

    kind: str
    text: str
    at: int

    def says(self, *words: str) -> bool:
        """Tell whether the token is one of these names or signs."""
        return self.kind in ("name", "sign") and self.text in words


def tokens(text: str, aliases: Mapping[str, str]) -> Iterator[Token]:
    """
    Cut *text* into tokens and end with one of the kind ``end``.

    Args:
        text: The expression.

        aliases: What stands for ``@name``: its tokens take the alias's place; an unknown alias is null.

    Raises:
        ODataRefused: A character that no token starts with, or a text without its closing quote.
    """
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at] in "'\"":
                raise refused_at(len(text), text, "There is an unterminated literal")
            raise refused_at(at, text)
        kind = str(found.lastgroup)
        if kind == "alias":
            value = aliases.get(found[0], "null")
            yield from (token._replace(at=at) for token in tokens(value, {}) if token.kind != "end")
        elif kind != "blank":
            yield Token(kind, found[0], at)
        at = found.end()
    yield Token("end", "", len(text))


def literal(token: Token, text: str, *, v3: bool) -> Any:
    """
    Return the value of a literal: Quoted text, Decimal, datetime or UUID.

    Args:
        token: The literal.

        text: The whole expression, for the refusal.

        v3: Whether ``datetime'…'``, ``guid'…'`` and ``10.5M`` are understood.

    Raises:
        ODataRefused: The token is no literal of this server.
    """
    kind, content = token.kind, token.text
    value: Any = None
    if kind == "text":
        value = Quoted(content[1:-1].replace("''", "'"))
    elif kind == "json":
        value = _unescaped(content)
    elif kind == "number":
        value = read_number(content.rstrip("mMdDfFlL") if v3 else content)
    elif kind == "guid":
        value = read_guid(content)
    elif kind == "moment":
        # an unquoted time without zone is refused by Microsoft's library; version 3 times have none
        if "T" in content and content[-1] != "Z" and content[-6] not in "+-":
            raise refused_at(token.at, text, "The time zone is missing")
        value = read_moment(content)
    elif kind == "typed" and v3:
        inside = content.split("'")[1]
        value = read_guid(inside) if content.startswith("guid") else read_moment(inside)
    if value is None:
        raise refused_at(token.at, text)
    return value


def refused_at(at: int, text: str, why: str = "Syntax error") -> ODataRefused:
    """Return the refusal of *text* for what stands at position *at*, in the words of the servers."""
    return ODataRefused(f"{why} at position {at} in '{text[:200]}'.", at)


def _unescaped(content: str) -> Quoted | None:
    try:
        return Quoted(json.loads(content))
    except ValueError:
        return None
