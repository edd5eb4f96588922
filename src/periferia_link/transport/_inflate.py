"""The body of an answer, unpacked piece by piece and never beyond a limit: 200 kB of gzip can hold 200 MB."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import NoReturn

from periferia_link.errors import ContractBrokenError, UnavailableError

__all__ = ["ACCEPTED", "whole_body"]

ACCEPTED = "gzip, deflate"
"""What we ask for in Accept-Encoding, and can undo."""

_STEP = 256 * 1024
# Bytes that are set aside for an answer before it is there, whatever it says of itself.
_MOST_AHEAD = 16 * 1024 * 1024


def whole_body(chunks: Iterable[bytes], *, encoding: str, max_bytes: int, length: int = 0) -> bytes:
    """
    Read a body to its end.

    Args:
        chunks: As they come from the connection.

        encoding: The Content-Encoding header; empty for none.

        max_bytes: Decoded bytes that are accepted.

        length: Bytes that come, as far as it is known: memory for all of them is taken at once, instead of moving to a
            larger place again and again.

    Raises:
        ContractBrokenError: The body is larger, or packed in a way we did not ask for.
        UnavailableError: The packed stream is damaged or was cut short.
    """
    encoding = encoding.strip().lower()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        chunks, length = _unpacked(chunks, is_gzip=encoding != "deflate"), 0
    elif encoding not in {"", "identity"}:
        msg = "the answer is packed in a way that was not asked for"
        raise ContractBrokenError(msg, hint="look for a proxy that packs answers")
    room = min(length, max_bytes, _MOST_AHEAD)
    with io.BytesIO(bytes(room)) as body:  # hands out its buffer without a copy, and frees it whoever holds the error
        for chunk in chunks:
            if body.tell() + len(chunk) > max_bytes:
                msg = f"the answer is larger than {max_bytes} bytes"
                raise ContractBrokenError(msg, hint="ask for smaller pages, or raise max_bytes")
            body.write(chunk)
        body.truncate()
        return body.getvalue()


def _unpacked(chunks: Iterable[bytes], *, is_gzip: bool) -> Iterator[bytes]:
    inflater = None
    for chunk in chunks:
        if not chunk:
            continue
        inflater = inflater or zlib.decompressobj(_window(chunk, is_gzip=is_gzip))
        if inflater.eof:
            _damaged("goes on behind its end")
        yield from _pieces(inflater, chunk)
        if inflater.unused_data:
            _damaged("goes on behind its end")
    if inflater is not None and not inflater.eof:
        _damaged("was cut short")


def _pieces(inflater: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    piece = b""
    while not inflater.eof and (packed or len(piece) == _STEP):
        try:
            piece = inflater.decompress(packed, _STEP)
        except zlib.error:
            _damaged("is damaged")
        yield piece
        packed = inflater.unconsumed_tail


def _window(first: bytes, *, is_gzip: bool) -> int:
    """Return zlib's window code; "deflate" means zlib's format, and some servers send it bare (RFC 9110, 8.4.1.2)."""
    if is_gzip:
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if first[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS


def _damaged(how: str) -> NoReturn:
    msg = f"the packed answer {how}"
    raise UnavailableError(msg, hint="try again later")
