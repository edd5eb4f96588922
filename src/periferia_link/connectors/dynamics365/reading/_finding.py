"""Which spellings to ask for when a record is looked up by what people type, and which row answers which value."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from periferia_link import domain

__all__ = ["answered", "chunked", "is_askable", "spellings"]

# 100 conditions stay below the 500 of a query, and 24,000 characters below the 32,768 of a URL.
_MOST = 100
_MOST_CHARACTERS = 24_000
_OVERHEAD = 40
_LONGEST = 1000


def is_askable(value: str) -> bool:
    """Whether a record can be found by the value: not empty or endless, no control character or lone surrogate."""
    return 0 < len(value) <= _LONGEST and not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in value)


def spellings(field: str, value: str) -> list[str]:
    """Return the texts under which a value may stand in its column: a tax id is typed in many ways."""
    if field != "tax_id":
        return [value]
    tax_id = domain.TaxId.parse(value)
    body, digit = value[:-1], value[-1:]
    dotted = f"{body[:-6]}.{body[-6:-3]}.{body[-3:]}" if body.isdigit() and len(body) > 6 else body
    found = [value, f"{body}-{digit}", body, f"{dotted}-{digit}", dotted]
    return list(dict.fromkeys([*found, *([tax_id.number, tax_id.printed] if tax_id else [])]))


def answered(field: str, held: object, asked: Sequence[str]) -> str | None:
    """
    Return which of the asked values a column answers, or ``None``.

    Dataverse compares without case and accents; tax ids are compared in their normal form.
    """
    if not isinstance(held, str):
        return None
    same = _is_same_tax_id if field == "tax_id" else _is_same_text
    return next((value for value in asked if same(value, held)), None)


def chunked(values: Sequence[str]) -> Iterator[list[str]]:
    """Cut values into lists that fit into one query each."""
    chunk: list[str] = []
    size = 0
    for value in values:
        length = 3 * len(value.encode()) + _OVERHEAD  # percent-encoded, at worst
        if chunk and (len(chunk) == _MOST or size + length > _MOST_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(value)
        size += length
    if chunk:
        yield chunk


def _is_same_text(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _is_same_tax_id(one: str, other: str) -> bool:
    if _plain(one) == _plain(other):
        return True
    number = domain.TaxId.parse(one)
    return number is not None and number == domain.TaxId.parse(other)


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum()).upper()


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold().rstrip()
