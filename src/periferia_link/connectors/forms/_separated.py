"""CSV exports, by the standard library: encoding and separator are found out, never asked for."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from periferia_link.connectors.forms._limits import Limits
from periferia_link.errors import ConfigurationError

__all__ = ["SeparatedTable"]

_SEPARATORS = ",;\t|"
_HEAD = 256 * 1024


class SeparatedTable:
    """
    A text file with a header; a cell that begins with ``=`` is text like any other.

    Raises:
        ConfigurationError: The file is no text, or has no header.
    """

    sheet: str | None = None

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD)
        except OSError as exc:
            msg = f"the file cannot be read: {exc.strerror}"
            raise ConfigurationError(msg, hint="check the path and the rights of the file") from None
        self._encoding = _encoding_of(head, path)
        text = head.decode(self._encoding, "replace").lstrip("\ufeff")
        if text.lower().startswith("sep=") and len(text) > 4:
            self._separator, self._skip = text[4], 1
        else:
            self._separator, self._skip = _separator_of(text), 0
        self.header: Sequence[str] = next(self._lines(), [])

    def rows(self) -> Iterator[Sequence[str]]:
        """Yield the rows below the header."""
        lines = self._lines()
        next(lines, None)
        yield from lines

    def _lines(self) -> Iterator[Sequence[str]]:
        number = 0
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                for number, row in enumerate(csv.reader(file, delimiter=self._separator)):
                    if number >= self._skip and (row or number == self._skip):
                        if number == self._skip and row:
                            row[0] = row[0].lstrip("\ufeff")
                        yield row
        except (csv.Error, UnicodeError, OSError) as exc:
            failure = ConfigurationError(
                f"the file is no CSV from line {number + 1} on ({type(exc).__name__})",
                hint="export the answers again, or save the workbook as CSV UTF-8",
            )
        else:
            return
        raise failure


def _encoding_of(head: bytes, path: Path) -> str:
    """Return UTF-8, UTF-16 (what Excel calls Unicode text) or the code page of western Windows."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if b"\x00" in head:
        msg = f"{path.suffix or 'the file'} is no text"
        raise ConfigurationError(msg, hint="give a .csv or an .xlsx")
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(_HEAD):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _separator_of(text: str) -> str:
    """Return what parts the header into most columns; multiple choice puts ``;`` into answers, not into headers."""
    first = _first_record(text)
    return max(_SEPARATORS, key=lambda sign: (first.count(sign), sign == ","))


def _first_record(text: str) -> str:
    """Return the header with the quoted parts taken out: headers hold line breaks and separators between quotes."""
    out, is_quoted = [], False
    for sign in text:
        if sign == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            if sign in "\r\n":
                break
            out.append(sign)
    return "".join(out)
