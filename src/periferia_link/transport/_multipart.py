"""
``$batch`` as bytes: multipart/mixed out, and whatever servers answer in; pure, no I/O.

Written in CRLF. Read with CRLF or LF, with or without the space after a colon, with Content-ID outside (v4) or inside
(v3) the part, and with a failed change set answered as one flat part: SAP's guide and servers differ in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from periferia_link.errors import ConfigurationError, ContractBrokenError
from periferia_link.typing import Response

__all__ = ["BatchPart", "PartAnswer", "decode_batch", "encode_batch"]

_BOUNDARY = re.compile(r"[A-Za-z0-9_.-]{1,50}")
_BOUNDARY_PARAMETER = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})\b")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")

_Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BatchPart:
    """One request inside a batch; ``url`` is an absolute path, a full URL or ``$1`` (an earlier part)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    content_id: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class PartAnswer(Response):
    """The answer to one part; ``content_id`` where the server gave one."""

    content_id: str | None = None


def encode_batch(items: Sequence[BatchPart | Sequence[BatchPart]], boundary: str) -> tuple[str, bytes]:
    """
    Write a batch and return its Content-Type and body.

    Args:
        items: Requests, executed in order; an inner list is a change set (all or nothing, no GET).

        boundary: Unique text for this request, such as ``batch_<uuid>``.

    Raises:
        ConfigurationError: The batch cannot be written: empty, a GET in a change set, a Content-ID twice, a boundary
            that occurs in a body, a line break in a URL or header.
    """
    if not items or not _BOUNDARY.fullmatch(boundary):
        msg = "a batch needs at least one part and a plain boundary"
        raise ConfigurationError(msg)
    numbers = _Numbers()
    body = bytearray()
    for position, item in enumerate(items, start=1):
        body += b"--" + boundary.encode() + b"\r\n"
        if isinstance(item, BatchPart):
            body += _envelope(numbers.of(item, required=False)) + _inner(item, boundary)
        else:
            body += _change_set(item, f"changeset_{position}_{boundary}", boundary, numbers)
        body += b"\r\n"
    body += b"--" + boundary.encode() + b"--\r\n"
    return f"multipart/mixed; boundary={boundary}", bytes(body)


def decode_batch(content_type: str, body: bytes, *, max_parts: int = 1000) -> list[PartAnswer | list[PartAnswer]]:
    """
    Read the answer to a batch: one entry per part, a list for a change set that succeeded.

    The Content-Length of a part is not believed: recorded answers carry wrong ones.

    Args:
        content_type: Header of the whole answer; it names the boundary.

        body: Decoded body.

        max_parts: Refuse more answers than this, change sets counted by their members.

    Raises:
        ContractBrokenError: It is no batch answer, or it was cut short.
    """
    answers: list[PartAnswer | list[PartAnswer]] = []
    count = 0
    for headers, inner in _parts(content_type, body, max_parts):
        kind = _first(headers, "content-type") or ""
        answer: PartAnswer | list[PartAnswer]
        if kind.lower().startswith("multipart/mixed"):
            answer = [_answer(*part) for part in _parts(kind, inner, max_parts)]
            count += len(answer)
        else:
            answer = _answer(headers, inner)
            count += 1
        if count > max_parts:
            _broken(f"more than {max_parts} parts")
        answers.append(answer)
    return answers


class _Numbers:
    """Content-IDs of one batch: given ones are kept, change sets get the missing ones, none comes twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last = 0

    def of(self, part: BatchPart, *, required: bool) -> str | None:
        content_id = part.content_id
        while content_id is None and required:
            self._last += 1
            if str(self._last) not in self._taken:
                content_id = str(self._last)
        if content_id is None:
            return None
        if content_id in self._taken or _UNSAFE.search(content_id):
            msg = f"Content-ID {content_id!r} comes twice in one batch, or is no plain text"
            raise ConfigurationError(msg)
        self._taken.add(content_id)
        return content_id


def _change_set(parts: Sequence[BatchPart], boundary: str, outer: str, numbers: _Numbers) -> bytes:
    if not parts or any(part.method.upper() == "GET" for part in parts):
        msg = "a change set needs at least one part and holds no GET"
        raise ConfigurationError(msg)
    # b1sl looks for the header with the space; a server that reads it without accepts this form as well.
    out = bytearray(f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode())
    for part in parts:
        out += b"--" + boundary.encode() + b"\r\n"
        out += _envelope(numbers.of(part, required=True)) + _inner(part, outer) + b"\r\n"
    return bytes(out + b"--" + boundary.encode() + b"--")


def _envelope(content_id: str | None) -> bytes:
    number = "" if content_id is None else f"Content-ID: {content_id}\r\n"
    return f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{number}\r\n".encode()


def _inner(part: BatchPart, boundary: str) -> bytes:
    lines = [f"{part.method} {part.url} HTTP/1.1", *(f"{name}: {value}" for name, value in part.headers.items())]
    if any(_UNSAFE.search(line) for line in lines) or " " in part.url or boundary.encode() in part.body:
        msg = f"a {part.method} part of the batch cannot be written: blank, line break or boundary inside"
        raise ConfigurationError(msg, hint="percent-encode the URL; take a fresh boundary")
    try:
        head = "\r\n".join(lines).encode("ascii")
    except UnicodeEncodeError:
        msg = f"a {part.method} part of the batch has a URL or header beyond ASCII"
        raise ConfigurationError(msg, hint="percent-encode the URL") from None
    return head + b"\r\n\r\n" + part.body


def _parts(content_type: str, body: bytes, max_parts: int) -> list[tuple[_Headers, bytes]]:
    boundary = _BOUNDARY_PARAMETER.search(content_type)
    if not content_type.strip().lower().startswith("multipart/mixed") or boundary is None:
        _broken("not multipart/mixed")
    name = (boundary[1] or boundary[2]).encode()
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(name) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[tuple[_Headers, bytes]] = []
    start: int | None = None
    for mark in delimiter.finditer(body):
        if start is not None:
            if len(parts) == max_parts:
                _broken(f"more than {max_parts} parts")
            parts.append(_split(body[start : mark.start()]))
        if mark[1]:
            return parts
        start = mark.end()
    return _broken("cut short: its closing boundary is missing")


def _answer(envelope: _Headers, inner: bytes) -> PartAnswer:
    status_line, _, rest = inner.lstrip().partition(b"\n")
    status = _STATUS_LINE.match(status_line)
    if status is None:
        _broken("a part without a status line")
    headers, body = _split(b"\n" + rest)
    content_id = _first(envelope, "content-id") or _first(headers, "content-id")
    return PartAnswer(int(status[1]), headers, body.rstrip(b"\r\n"), content_id)


def _split(part: bytes) -> tuple[_Headers, bytes]:
    """Split headers from what follows their blank line; *part* starts with the line break before the first header."""
    blank = _BLANK_LINE.search(part)
    head, body = (part[: blank.start()], part[blank.end() :]) if blank else (part, b"")
    lines = (line.partition(":") for line in head.decode("latin-1").split("\n"))
    return tuple((name.strip(), value.strip()) for name, colon, value in lines if colon), body


def _first(headers: _Headers, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)


def _broken(what: str) -> NoReturn:
    msg = f"the answer to a batch is {what}"
    raise ContractBrokenError(msg, hint="read back what was sent before sending again")
