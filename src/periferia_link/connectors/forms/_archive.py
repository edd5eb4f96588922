"""
A workbook is looked at before it is opened: archives that unpack to more than they say, and XML that defines things.

The reader of workbooks unpacks everything at once and makes room for the whole rectangle between the first and the
last cell, so both are bounded here, from the bytes alone.
"""

from __future__ import annotations

import functools
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from periferia_link.connectors.forms._limits import Limits
from periferia_link.errors import ConfigurationError

__all__ = ["check_workbook"]

_BLOCK = 256 * 1024
_PARTS = 2_000
_RATIO = 500  # sheets of equal rows reach 100; a bomb has 1,000
_SMALL = 1024 * 1024  # below this size nobody is hurt by a ratio
_PROLOG = 64 * 1024
_DEFINES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ROOT = re.compile(rb"<[A-Za-z_]")
_CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,7})([0-9]{1,9})["']""")
_ODD = (b"r='", b"r =", b"r= ", b"r\n", b"r\t", b"r\r", b"=\n", b"=\t", b"=\r")
_TAIL = 64
_LEGACY = b"\xd0\xcf\x11\xe0"


def check_workbook(path: Path, limits: Limits) -> None:
    """
    Refuse a workbook that would hurt whoever opens it.

    Raises:
        ConfigurationError: It is none, it is protected by a password, or it is larger than its limits.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) == _LEGACY:
                _refuse("the file is an old or a password-protected workbook", "save it as .xlsx, without a password")
            with zipfile.ZipFile(file) as archive:
                _check_parts(archive, file, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, RuntimeError) as exc:
        msg = f"the file is no workbook: {type(exc).__name__}"
        raise ConfigurationError(msg, hint="export the answers again: in Forms, Open in Excel") from None
    except OSError as exc:
        msg = f"the file cannot be read: {exc.strerror or type(exc).__name__}"
        raise ConfigurationError(msg, hint="check the path and the rights of the file") from None


def _check_parts(archive: zipfile.ZipFile, file: BinaryIO, limits: Limits) -> None:
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if len(parts) > _PARTS or len(set(names)) != len(names):
        _refuse("the workbook has too many parts, or two of one name", "export the answers again")
    if "xl/workbook.xml" not in names:
        _refuse("the file is an archive, and no workbook", "give the .xlsx that Forms exports")
    left = limits.max_unpacked
    for part in parts:
        if part.flag_bits & 0x1:
            _refuse("the workbook is protected by a password", "save it without a password")
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            _refuse("the workbook is packed in a way that Excel does not use", "export the answers again")
        reach = _Reach()
        left -= _check_part(part, file, left, reach)
        columns, rows = reach.span
        if reach.is_odd or _is_too_much(columns, rows, limits):
            columns, rows = _reach_in_full(_unpacked(part, file))
        if _is_too_much(columns, rows, limits):
            _refuse(
                f"the workbook spans {columns:,} columns and {rows:,} rows, more than its limits",
                "delete what stands far away from the answers, or raise max_rows, max_columns and max_cells",
            )


def _is_too_much(columns: int, rows: int, limits: Limits) -> bool:
    return columns * rows > limits.max_cells or rows > limits.max_rows + 1 or columns > limits.max_columns


def _check_part(part: zipfile.ZipInfo, file: BinaryIO, left: int, reach: _Reach) -> int:
    """Unpack one part without keeping it: its real size, its prolog, and how far its cells reach."""
    is_xml = part.filename.lower().endswith((".xml", ".rels", ".vml"))
    is_sheet = is_xml and "worksheets/" in part.filename
    size, prolog = 0, b""
    is_in_prolog = is_xml
    for block in _unpacked(part, file):
        size += len(block)
        if size > left or (size > _SMALL and size > _RATIO * max(1, part.compress_size)):
            _refuse("the workbook unpacks to far more than it is", "it may be a bomb; export the answers again")
        if is_in_prolog:
            prolog += block
            is_in_prolog = _check_prolog(prolog)
        if is_sheet:
            reach.look(block)
    if is_in_prolog:
        _check_prolog(prolog, is_whole=True)
    return size


def _unpacked(part: zipfile.ZipInfo, file: BinaryIO) -> Iterator[bytes]:
    """Yield what a part really holds: the size that the archive states is not believed."""
    file.seek(part.header_offset)
    head = file.read(30)
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        msg = "no header"
        raise zipfile.BadZipFile(msg)
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    packed = part.compress_size
    unpacker = zlib.decompressobj(-15) if part.compress_type == zipfile.ZIP_DEFLATED else None
    while packed > 0 and (block := file.read(min(_BLOCK, packed))):
        packed -= len(block)
        if unpacker is None:
            yield block
            continue
        while block:
            yield unpacker.decompress(block, _BLOCK)
            block = unpacker.unconsumed_tail


def _check_prolog(prolog: bytes, *, is_whole: bool = False) -> bool:
    """Refuse definitions before the root element; whether the root is still to come."""
    if prolog[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in prolog[:_PROLOG]:
        _refuse("the workbook holds XML in an encoding that Excel does not write", "export the answers again")
    root = _ROOT.search(prolog)
    if _DEFINES.search(prolog, 0, root.start() if root else len(prolog)):
        _refuse("the workbook holds XML with a DOCTYPE", "no program that exports answers writes one")
    if root is None and (is_whole or len(prolog) > _PROLOG):
        _refuse("the workbook holds XML without a beginning", "export the answers again")
    return root is None


class _Reach:
    """
    How far the cells of a sheet reach: by the lengths of their references first, which costs little.

    Where that leaves more room than the limits allow, or something is written as Excel does not write it, every
    reference is read.
    """

    def __init__(self) -> None:
        self.letters = self.digits = 1
        self.is_odd = False
        self._tail = b""

    @property
    def span(self) -> tuple[int, int]:
        """Columns and rows that references of these lengths can name."""
        return sum(26**size for size in range(1, self.letters + 1)), 10**self.digits - 1

    def look(self, block: bytes) -> None:
        """Look at the next block."""
        text, begin = self._tail + block, 0
        self._tail = text[-_TAIL:]
        self.is_odd = self.is_odd or any(sign in text for sign in _ODD)
        pattern = _longer_than(self.letters, self.digits)
        while not self.is_odd and (found := pattern.search(text, begin)) is not None:
            reference = _CELL.match(text, found.start())
            if reference is not None:
                self.letters = max(self.letters, len(reference[1]))
                self.digits = max(self.digits, len(reference[2]))
                pattern = _longer_than(self.letters, self.digits)
            begin = found.end()


@functools.lru_cache(maxsize=64)
def _longer_than(letters: int, digits: int) -> re.Pattern[bytes]:
    return re.compile(b'r="(?![A-Z]{1,%d}[0-9]{1,%d}")' % (letters, digits))


def _reach_in_full(blocks: Iterator[bytes]) -> tuple[int, int]:
    """Return the last column and row that any cell of a sheet names."""
    column = row = 0
    tail = b""
    for block in blocks:
        text = tail + block
        found = _CELL.findall(text)
        if found:
            letters, numbers = zip(*found, strict=True)
            column = max(column, *map(_column, set(letters)))
            row = max(row, *map(int, set(numbers)))
        tail = text[-_TAIL:]
    return column, row


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _refuse(what: str, step: str) -> NoReturn:
    raise ConfigurationError(what, hint=step)
