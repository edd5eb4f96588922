"""HTTP/1.1 messages: requests read from bytes within limits, responses written as one block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus

from periferia_link.typing import Response

__all__ = ["BadMessage", "Head", "Reader", "encode", "read_body", "read_head"]

MAX_HEAD = 64 * 1024
MAX_BODY = 256 * 1024 * 1024
_BLOCK = 64 * 1024

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = frozenset({204, 304})


class BadMessage(Exception):  # noqa: N818 - it ends a connection, nobody outside the server sees it
    """The client sent something that is not a request, or too much of it; ``status`` answers it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and headers. ``target`` is what stood in the line: a path and query, or a whole URL."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return every value of that header, lower-cased."""
        return [value.lower() for key, value in self.headers if key.lower() == name]

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for ``100 Continue`` before it sends the body."""
        return "100-continue" in self.all("expect")

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to go on using the connection."""
        connection = ",".join(self.all("connection"))
        return "keep-alive" in connection if self.version == "HTTP/1.0" else "close" not in connection


class Reader:
    """The bytes that came and were not used yet."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()

    def feed(self, block: bytes) -> None:
        """Add bytes that somebody else received."""
        self._buffer += block

    def until(self, mark: bytes, limit: int) -> bytes | None:
        """
        Return the bytes before *mark* and drop the mark; None when the client left before.

        Raises:
            BadMessage: More than *limit* bytes came without a mark.
        """
        seen = 0
        while (end := self._buffer.find(mark, seen)) < 0:
            if len(self._buffer) > limit:
                raise BadMessage(431, "too many header bytes")
            seen = max(0, len(self._buffer) - len(mark) + 1)
            if not self._more():
                return None
        if end > limit:
            raise BadMessage(431, "too many header bytes")
        taken = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return taken

    def exactly(self, size: int) -> bytes:
        """
        Return that many bytes.

        Raises:
            ConnectionError: The client left before.
        """
        while len(self._buffer) < size:
            if not self._more():
                msg = "the client left in the middle of a body"
                raise ConnectionError(msg)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _more(self) -> bool:
        block = self._receive(_BLOCK)
        self._buffer += block
        return bool(block)


def read_head(reader: Reader) -> Head | None:
    """
    Read the next request line and headers; None when the client left.

    Raises:
        BadMessage: They are malformed or larger than 64 KiB.
    """
    block = reader.until(b"\r\n\r\n", MAX_HEAD)
    if block is None:
        return None
    # RFC 9112, 2.2: a server ignores an empty line before the request line.
    first, *lines = block.decode("latin-1").lstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith(("/", "http://", "https://")):
        raise BadMessage(400, "the request line is malformed")
    return Head(words[0], words[1], words[2], tuple(_header(line) for line in lines))


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    # RFC 9112, 5.1 and 5.2: no blank before the colon, no folded lines.
    if not colon or not name or name.strip() != name:
        raise BadMessage(400, "a header line is malformed")
    return name, value.strip(" \t")


def read_body(reader: Reader, head: Head) -> bytes:
    """
    Read the body that the headers announce.

    Raises:
        BadMessage: The framing is ambiguous, or the body is larger than 256 MiB.
        ConnectionError: The client left before the end.
    """
    lengths, codings = head.all("content-length"), head.all("transfer-encoding")
    if codings:
        if lengths or codings != ["chunked"]:
            raise BadMessage(400, "the framing of the body is ambiguous")
        return _chunks(reader)
    if not lengths:
        return b""
    if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
        raise BadMessage(400, "the length of the body is malformed")
    size = int(lengths[0][:20])
    if size > MAX_BODY:
        raise BadMessage(413, "the body is too large")
    return reader.exactly(size) if size else b""


def _chunks(reader: Reader) -> bytes:
    body = bytearray()
    while size := _chunk_size(reader):
        if len(body) + size > MAX_BODY:
            raise BadMessage(413, "the body is too large")
        body += reader.exactly(size)
        if reader.exactly(2) != b"\r\n":
            raise BadMessage(400, "a chunk is longer than it says")
    while reader.until(b"\r\n", MAX_HEAD):
        pass  # trailers, until the empty line
    return bytes(body)


def _chunk_size(reader: Reader) -> int:
    line = reader.until(b"\r\n", MAX_HEAD)
    if line is None:
        msg = "the client left in the middle of a body"
        raise ConnectionError(msg)
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
        raise BadMessage(400, "the size of a chunk is malformed")
    return int(digits, 16)


def encode(response: Response, *, now: datetime, method: str = "GET", close: bool = False, bare: bool = False) -> bytes:
    """
    Write a response as the bytes of one block, header and body together.

    A client that sees the header alone in one packet may wait 40 ms for the second (Nagle and delayed
    acknowledgement), so hosts hand the whole block to one ``sendall``.

    Args:
        response: What to answer.

        now: The instant for the ``Date`` header.

        method: Of the request: the answer to HEAD has no body.

        close: Say that the connection closes after this.

        bare: Leave ``Content-Length`` out: the end of the connection is the end of the body.

    Raises:
        ValueError: A header holds a line break.
    """
    names = {name.lower() for name, _ in response.headers}
    lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if "date" not in names:
        lines.append(f"Date: {format_datetime(now, usegmt=True)}")
    if "content-length" not in names and response.status not in _BODILESS and not bare:
        lines.append(f"Content-Length: {len(response.body)}")
    if close and "connection" not in names:
        lines.append("Connection: close")
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1:
        msg = "a response header holds a line break"
        raise ValueError(msg)
    silent = method == "HEAD" or response.status in _BODILESS
    return head.encode("latin-1") + b"\r\n\r\n" + (b"" if silent else response.body)
