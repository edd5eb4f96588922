"""Reads the books of an emulator record by record: they may be larger than what fits into memory twice."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["records"]

_BLANKS = " \t\r\n"


def records(chunks: Iterable[bytes], table: str) -> Iterator[dict[str, Any]]:
    """
    Yield the records of one table out of ``{"table": {"key": {…}}}``.

    Args:
        chunks: The JSON, UTF-8, cut anywhere.

        table: Which one; the others are passed over.

    Raises:
        ValueError: It is not JSON of that shape, or it ends early.
    """
    text = _Text(chunks)
    text.open()
    while (name := text.key()) is not None:
        text.open()
        while text.key() is not None:
            record = text.value()
            if name == table:
                yield record


class _Text:
    """JSON text of which only the part around the current place is kept."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._place = 0

    def open(self) -> None:
        """Step into an object."""
        self._take("{")

    def key(self) -> str | None:
        """Return the next key of the object, or step out of it."""
        if self._peek() == ",":
            self._place += 1
        if self._peek() == "}":
            self._place += 1
            return None
        name = str(self.value())
        self._take(":")
        return name

    def value(self) -> Any:
        """Return the value here; more is read until it is whole."""
        self._peek()
        while True:
            try:
                found, self._place = self._scan(self._text, self._place)
            except ValueError:  # noqa: PERF203 - once for each chunk
                if not self._more():
                    raise
            else:
                return found

    def _take(self, letter: str) -> None:
        if self._peek() != letter:
            msg = f"{letter} expected"
            raise ValueError(msg)
        self._place += 1

    def _peek(self) -> str:
        while True:
            while self._place < len(self._text) and self._text[self._place] in _BLANKS:
                self._place += 1
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                return ""

    def _more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._text, self._place = self._text[self._place :] + self._utf8.decode(chunk), 0
        return True
