"""JSON of the emulators: decimals travel as exact numbers, in and out."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from periferia_link.typing import Json, Response

__all__ = ["dump_json", "json_response", "parse_json"]

# json cannot write a Decimal as a number, and a float would change it: it is written as a string behind
# a mark that no record can hold, and mark and quotes are taken off afterwards.
_MARK = secrets.token_hex(16)
_EXACT = re.compile(f'"{_MARK}([^"]*)"')


def dump_json(value: Json) -> bytes:
    """
    Write *value* as compact UTF-8 JSON; a Decimal becomes the number with exactly its digits.

    Raises:
        TypeError: Something in it is not JSON.
    """
    exact = False

    def number(leaf: Any) -> str:
        nonlocal exact
        if not isinstance(leaf, Decimal) or not leaf.is_finite():
            msg = f"{type(leaf).__name__} is not JSON"
            raise TypeError(msg)
        exact = True
        return f"{_MARK}{leaf}"

    text = json.dumps(value, default=number, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A lone surrogate, which JSON can say and UTF-8 cannot, goes out as its escape.
    return (_EXACT.sub(r"\1", text) if exact else text).encode("utf-8", "backslashreplace")


def parse_json(body: bytes) -> Json:
    """
    Read JSON; numbers with a fraction become Decimal.

    Raises:
        ValueError: The body is not JSON; NaN and Infinity are not either.
    """
    return json.loads(body, parse_float=Decimal, parse_constant=_not_json)


def _not_json(word: str) -> None:
    msg = f"{word} is not JSON"
    raise ValueError(msg)


def json_response(
    status: int, value: Json = None, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
) -> Response:
    """
    Answer with JSON, or with an empty body when *value* is None.

    Args:
        status: The status code.

        value: What the body says; Decimals are written exactly.

        headers: Further headers; a ``Content-Type`` among them replaces ours.
    """
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
    if value is None:
        return Response(status, pairs)
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs = (("Content-Type", "application/json; charset=utf-8"), *pairs)
    return Response(status, pairs, dump_json(value))
