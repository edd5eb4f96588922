"""How far the cells of a sheet reach: from its bytes, before anything makes room for them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

__all__ = ["Reach", "reach_in_full"]

_LETTERS = 26
_MOST_WAITING = 1024 * 1024
_MOST_SIGNS, _FAR = 8, 10**9
_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]*)0*([0-9]*)["']""")
_TAG = re.compile(rb"<(?:[^\s<>/!?:]*:)?(row|c)(?=[\s/>])([^<]*)")
_PREFIXED = re.compile(rb"<[^\s<>/!?:]*:(?:row|c)[\s/>]")
_PLAIN = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: [stcvmph]{1,2}="[0-9A-Za-z]{0,12}"){0,4}/?>')


class Reach:
    """
    A bound of how far cells reach, found by looking for those that lie outside of it, which costs little.

    ``is_odd`` tells that cells are written in a way in which Excel does not write them: then only reading each of them
    tells the truth (:func:`reach_in_full`), and so it does where the bound is more than what is allowed.
    """

    def __init__(self) -> None:
        self.is_odd = False
        self._columns, self._digits = _LETTERS, 1
        self._carried = b""

    @property
    def span(self) -> tuple[int, int]:
        """Columns and rows that no cell lies beyond."""
        return self._columns, 10**self._digits - 1

    def look(self, block: bytes) -> None:
        """
        Look at the next block; a tag that is not whole waits for the one after it.

        Raises:
            ValueError: A tag has no end.
        """
        if self.is_odd:
            return
        text = self._carried + block
        end = text.rfind(b"<")
        self._carried = _waiting(text[max(end, 0) :])
        if end > 0:
            self._judge(text, end)

    def end(self) -> None:
        """Look at what waited."""
        if not self.is_odd and self._carried:
            self._judge(self._carried, len(self._carried))
        self._carried = b""

    def _judge(self, text: bytes, end: int) -> None:
        if b":" in text and _PREFIXED.search(text):
            self.is_odd = True
        begin = 0
        while not self.is_odd and (found := _outside(self._columns, self._digits).search(text, begin, end)) is not None:
            begin = found.start()
            cell = _PLAIN.match(text, begin)
            if cell is None:
                self.is_odd = True
            else:
                self._widen(cell[1], len(cell[2]))

    def _widen(self, letters: bytes, digits: int) -> None:
        column = _column(letters)
        bound = -(-column // _LETTERS) * _LETTERS if len(letters) < 3 else _column(b"ZZZ")
        self._columns, self._digits = max(self._columns, bound), max(self._digits, digits)


@functools.lru_cache(maxsize=256)
def _outside(columns: int, digits: int) -> re.Pattern[bytes]:
    """Find cells that lie further out, or that are written in another way."""
    inside = b"[A-Z]"
    if columns > _LETTERS:
        inside = b"(?:[A-Z]|[A-%c][A-Z])" % (64 + min(columns // _LETTERS - 1, _LETTERS))
    if columns > _column(b"ZZ"):
        inside = b"[A-Z]{1,3}"
    attributes = rb'(?: [stcvmph]{1,2}="[0-9A-Za-z]{0,12}"){0,4}'
    return re.compile(rb'<c(?! r="%b[0-9]{1,%d}"%b/?>)(?=[\s/>])' % (inside, digits, attributes))


def reach_in_full(blocks: Iterator[bytes]) -> tuple[int, int]:
    """
    Return the last column and row that cells of a sheet can have, however they are written.

    Cells without a reference stand beside the one before them, rows without one below.

    Raises:
        ValueError: A tag has no end.
    """
    columns = rows = bare = most_bare = bare_rows = 0
    carried = b""
    for block in blocks:
        text = carried + block
        end = max(text.rfind(b"<"), 0)
        carried = _waiting(text[end:])
        for kind, column, row in _named(text, end):
            columns, rows = max(columns, column), max(rows, row)
            bare = 0 if kind == b"row" else bare + (not column)
            most_bare, bare_rows = max(most_bare, bare), bare_rows + (kind == b"row" and not row)
    for _, column, row in _named(carried, len(carried)):
        columns, rows, most_bare = max(columns, column), max(rows, row), most_bare + 1
    return columns + most_bare, rows + bare_rows


def _named(text: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, column and row of every tag of a row or a cell; 0 where it does not say."""
    for tag in _TAG.finditer(text, 0, end):
        column = row = 0
        for letters, number in _REFERENCE.findall(tag[2]):
            column = max(column, _column(letters) if len(letters) < _MOST_SIGNS else _FAR)
            row = max(row, int(number or 0) if len(number) < _MOST_SIGNS else _FAR)
        yield tag[1], column, row


def _waiting(text: bytes) -> bytes:
    """Return what waits for the next block: text that goes on for ever is dropped, a tag that does is refused."""
    if len(text) <= _MOST_WAITING:
        return text
    if _TAG.match(text):
        msg = "a tag without an end"
        raise ValueError(msg)
    return b"<!"


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * _LETTERS + letter - 64
    return number
