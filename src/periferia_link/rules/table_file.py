"""Small tables that people keep in a spreadsheet and save as CSV: rates, prices; headings in Spanish or English."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

from periferia_link.errors import ConfigurationError
from periferia_link.rules.detractor_rule import folded

__all__ = ["DecimalSign", "FileRow", "day_of", "decimal_of", "read_rows", "sign_of"]

DecimalSign = Literal[",", "."]

_MAX_BYTES = 8 * 1024 * 1024
_SEPARATORS = ";,\t"
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_DAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")


class FileRow(NamedTuple):
    """One line of a file: ``values`` by the name that we give the column; empty cells are not there."""

    number: int
    values: Mapping[str, str]


def read_rows(path: Path, headings: Mapping[str, Sequence[str]], *, needed: Iterable[str]) -> list[FileRow]:
    """
    Read a CSV file; encoding and separator are found out, columns that nobody knows are left alone.

    Args:
        path: The file.

        headings: Our name of a column and the headings that people give it, without accents and in lower case.

        needed: Columns that must be there.

    Raises:
        ConfigurationError: The file cannot be read, or a column is missing.
    """
    text = _text(path)
    head = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=head.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    known = {folded(heading): name for name, given in headings.items() for heading in (name, *given)}
    columns = [known.get(folded(cell.replace("_", " ")), known.get(folded(cell))) for cell in rows[0]] if rows else []
    missing = [name for name in needed if name not in columns]
    if missing:
        names = " or ".join((missing[0], *headings[missing[0]]))
        msg = f"{path.name} has no column {missing[0]}"
        raise ConfigurationError(msg, hint=f"name it {names} in the first line")
    found = []
    for number, cells in enumerate(rows[1:], start=2):
        values = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name and cell.strip()}
        if values:
            found.append(FileRow(number, values))
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as exc:
        msg = f"{path.name} cannot be read ({exc.strerror or 'no file'})"
        raise ConfigurationError(msg, hint=f"is this the right path: {path}?") from None
    if len(raw) > _MAX_BYTES or b"\x00" in raw:
        msg = f"{path.name} is no small table of text"
        raise ConfigurationError(msg, hint="save the sheet as CSV UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")  # what Excel in Spanish saves as plain CSV


def sign_of(texts: Iterable[str]) -> DecimalSign | None:
    """
    Return which sign parts the decimals in all these numbers; ``None`` when nothing says so.

    Raises:
        ValueError: They disagree.
    """
    signs: set[DecimalSign] = set()
    for text in texts:
        kinds = {sign for sign in text if sign in ".,"}
        if len(kinds) == 2:
            signs.add("," if text.rfind(",") > text.rfind(".") else ".")
        elif kinds:
            (sign,) = kinds
            other: DecimalSign = "." if sign == "," else ","
            if text.count(sign) > 1:
                signs.add(other)
            elif len(text.partition(sign)[2]) != 3:
                signs.add("," if sign == "," else ".")
    if len(signs) > 1:
        msg = "some numbers have a decimal comma and some a decimal point"
        raise ValueError(msg)
    return signs.pop() if signs else None


def decimal_of(text: str, sign: DecimalSign | None) -> Decimal:
    """
    Return an exact number; blanks and a currency sign around it do not matter.

    Args:
        text: As it stands in the cell.

        sign: What parts the decimals in this file; without it a number that could be read in two ways is refused.

    Raises:
        ValueError: It is none, or ``52.000`` may be fifty-two or fifty-two thousand.
    """
    bare = re.sub(r"[\s$ \u00a0']", "", text)
    if not _NUMBER.fullmatch(bare):
        msg = "is no number"
        raise ValueError(msg)
    kinds = {one for one in bare if one in ".,"}
    if kinds and sign is None:
        msg = "may be read in two ways"
        raise ValueError(msg)
    if sign is not None:
        whole, _, part = bare.partition(sign)
        thousands = "." if sign == "," else ","
        groups = whole.split(thousands)
        if sign in part or thousands in part or any(len(group) != 3 for group in groups[1:]):
            msg = "is no number"
            raise ValueError(msg)
        bare = "".join(groups) + (f".{part}" if part else "")
    return Decimal(bare)


def day_of(text: str) -> date:
    """
    Return a day, written ``2026-12-31`` or day first, ``31/12/2026``.

    Raises:
        ValueError: It is none.
    """
    found = _DAY.fullmatch(text)
    if found:
        return date(int(found[3]), int(found[2]), int(found[1]))
    return date.fromisoformat(text[:10])
