"""
A workbook is looked at before it is opened: archives that unpack to more than they say, and XML that defines things.

The reader of workbooks unpacks everything at once and makes room for the whole rectangle between the first and the
last cell, so both are bounded here, from the bytes alone.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.forms._reach import Reach, reach_in_full
from periferia_link.errors import ConfigurationError

__all__ = ["check_workbook"]

_BLOCK = 256 * 1024
_PARTS = 2_000
_RATIO = 500  # sheets of equal rows reach 100; a bomb has 1,000
_SMALL = 1024 * 1024  # below this size nobody is hurt by a ratio
_PROLOG = 64 * 1024
_DEFINES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ROOT = re.compile(rb"<[A-Za-z_]")
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
        reach = Reach()
        left -= _check_part(part, file, left, reach)
        columns, rows = reach.span
        if reach.is_odd or _is_too_much(columns, rows, limits):
            columns, rows = reach_in_full(_unpacked(part, file))
        if _is_too_much(columns, rows, limits):
            _refuse(
                f"the workbook spans {columns:,} columns and {rows:,} rows, more than its limits",
                "delete what stands far away from the answers, or raise max_rows, max_columns and max_cells",
            )


def _is_too_much(columns: int, rows: int, limits: Limits) -> bool:
    return columns * rows > limits.max_cells or rows > limits.max_rows + 1 or columns > limits.max_columns


def _check_part(part: zipfile.ZipInfo, file: BinaryIO, left: int, reach: Reach) -> int:
    """Unpack one part without keeping it: its real size, its prolog, and how far its cells reach."""
    size, prolog = 0, b""
    # a sheet is whatever the workbook says is one, so no name is trusted: what begins as XML is looked at as XML
    is_xml = is_in_prolog = True
    for block in _unpacked(part, file):
        size += len(block)
        if size > left or (size > _SMALL and size > _RATIO * max(1, part.compress_size)):
            _refuse("the workbook unpacks to far more than it is", "it may be a bomb; export the answers again")
        if is_in_prolog:
            prolog += block
            is_xml = is_in_prolog = _is_xml(part.filename, prolog)
            is_in_prolog = is_xml and _check_prolog(prolog)
        if is_xml:
            reach.look(block)
    if is_in_prolog:
        _check_prolog(prolog, is_whole=True)
    reach.end()
    return size


def _is_xml(name: str, begin: bytes) -> bool:
    return name.lower().endswith((".xml", ".rels", ".vml")) or begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


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


def _refuse(what: str, step: str) -> NoReturn:
    raise ConfigurationError(what, hint=step)
