"""``$batch`` on the server's side: multipart/mixed read as strictly as the servers do, answers written as theirs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import urljoin

from periferia_link.testing.emulators._odata_values import ODataRefused
from periferia_link.typing import Request, Response

__all__ = ["InnerAnswer", "InnerRequest", "batch_response", "inner_request", "parse_batch"]

_MAX_BYTES = 64 * 1024 * 1024
_MAX_HEADERS = 100
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE", "MERGE"})
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_REQUEST_LINE = re.compile(r"([A-Z]+) (\S.*?)(?: HTTP/1\.[01])?", re.ASCII)
_BLANK_LINE = re.compile(rb"(?:\A|\r?\n)\r?\n")
_REFERENCE = re.compile(r"\$(?!metadata|batch|all|entity|crossjoin)(\w+)(?=\Z|[/?(])", re.ASCII)
_INCOMPLETE = "Incomplete Batch Request Body!"

Headers: TypeAlias = "tuple[tuple[str, str], ...]"


@dataclass(frozen=True, slots=True)
class InnerRequest:
    """
    One operation of a batch as it was sent.

    ``url`` is a full URL, an absolute path, a path beside ``$batch``, or starts with ``$1``: :func:`inner_request`
    makes a whole request of it. ``content_id`` comes from the part or from the headers inside it.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class InnerAnswer:
    """
    The answer to one operation; ``content_id`` is that of its request.

    ``is_id_inside`` writes it among the HTTP headers, as the Service Layer does in v1; else it stands in the part.
    """

    response: Response
    content_id: str | None = None
    is_id_inside: bool = False


def parse_batch(
    content_type: str,
    body: bytes,
    *,
    max_operations: int = 1000,
    needs_content_id: bool = False,
    needs_blank_line: bool = False,
) -> list[InnerRequest | list[InnerRequest]]:
    """
    Read a batch: operations in order, a change set as a list. LF and CRLF, with or without the space after a colon.

    Args:
        content_type: Header of the whole request, with its boundary.

        body: The multipart body.

        max_operations: More are refused (Dataverse takes 1000).

        needs_content_id: Refuse an operation of a change set without Content-ID (the Service Layer in v2).

        needs_blank_line: Refuse an operation without body whose blank line belongs to the boundary (the Service
            Layer; the official client of Dataverse writes its GET and DELETE so).

    Raises:
        ODataRefused: Not a batch, cut short, a read inside a change set, a nested batch, too many operations.
    """
    if len(body) > _MAX_BYTES:
        msg = f"The batch is larger than {_MAX_BYTES} bytes."
        raise ODataRefused(msg)
    found: list[InnerRequest | list[InnerRequest]] = []
    count = 0
    for headers, content in _parts(content_type, body):
        kind = _value(headers, "content-type")
        if _media_type(kind) == "multipart/mixed":
            changes = [_operation(part, inside, needs_blank_line) for part, inside in _parts(kind, content)]
            _check_changes(changes, needs_content_id=needs_content_id)
            count += len(changes)
            found.append(changes)
        else:
            count += 1
            found.append(_operation(headers, content, needs_blank_line))
        if count > max_operations:
            msg = f"The batch has more than {max_operations} operations."
            raise ODataRefused(msg)
    return found


def inner_request(inner: InnerRequest, batch: Request, created: Mapping[str, str] | None = None) -> Request:
    """
    Return the operation as a request of its own, with an absolute URL.

    Args:
        inner: An operation of the batch.

        batch: The request that brought it: relative URLs stand beside its own, headers are not inherited.

        created: URL of what each Content-ID created before, by id: it takes the place of ``$id``.

    Raises:
        ODataRefused: A reference to an id that is not there (yet).
    """
    here = batch.url.partition("?")[0]
    url = _absolute(here, inner.url)
    root = urljoin(here, ".")
    if url.startswith(root) and (found := _REFERENCE.match(url, len(root))):
        target = (created or {}).get(found[1])
        if target is None:
            msg = f"Content-ID Reference: '${found[1]}' does not exist in the batch context."
            raise ODataRefused(msg)
        url = _absolute(here, target) + url[found.end() :]
    return Request(inner.method, url, inner.headers, inner.body, "read" if inner.method == "GET" else "write")


def _absolute(here: str, url: str) -> str:
    try:
        return urljoin(here, url)
    except ValueError:
        msg = "The URL of an operation cannot be read."
        raise ODataRefused(msg) from None


def batch_response(answers: Sequence[InnerAnswer | Sequence[InnerAnswer]], boundary: str) -> tuple[str, bytes]:
    """
    Write the answer of a batch; a sequence is the change set that took effect, a failed one is ONE flat answer.

    Args:
        answers: In the order of the operations; those after a failure that stopped the batch are left out.

        boundary: Such as ``batchresponse_<guid>``; change sets get one made from it.

    Returns the Content-Type of the response and its body.
    """
    lines: list[bytes] = []
    for number, answer in enumerate(answers, 1):
        lines.append(f"--{boundary}".encode())
        if isinstance(answer, InnerAnswer):
            lines += _written(answer)
            continue
        nested = f"changesetresponse_{boundary.rpartition('_')[2]}_{number}"
        lines += [f"Content-Type: multipart/mixed; boundary={nested}".encode(), b""]
        for each in answer:
            lines += [f"--{nested}".encode(), *_written(each)]
        lines += [f"--{nested}--".encode()]
    lines += [f"--{boundary}--".encode(), b""]
    return f"multipart/mixed; boundary={boundary}", b"\r\n".join(lines)


def _written(answer: InnerAnswer) -> list[bytes]:
    """Return the lines of one part: its headers, the status, the headers inside, the body."""
    response = answer.response
    identity = [("Content-ID", answer.content_id)] if answer.content_id else []
    outside = [("Content-Type", "application/http"), ("Content-Transfer-Encoding", "binary")]
    inside = [*response.headers]
    if answer.is_id_inside:
        inside = [*identity, *inside]
    else:
        outside += identity
    status = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"
    text = [*(f"{name}: {value}" for name, value in outside), "", status]
    text += [*(f"{name}: {value}" for name, value in inside), ""]
    return [*(line.encode("latin-1") for line in text), response.body]


def _parts(content_type: str, body: bytes) -> list[tuple[Headers, bytes]]:
    """Cut a multipart body at its boundary; each part as its headers and its content."""
    boundary = _BOUNDARY.search(content_type)
    if _media_type(content_type) != "multipart/mixed" or boundary is None:
        msg = "The Content-Type of a batch is multipart/mixed with a boundary."
        raise ODataRefused(msg)
    mark = re.escape((boundary[1] or boundary[2]).encode("latin-1"))
    # the line end before a boundary belongs to it, not to the content
    marks = list(re.finditer(rb"(?:\A|\r?\n)--" + mark + rb"(--)?[ \t]*(?=(\r?\n)|\Z)", body))
    closing = next((i for i, found in enumerate(marks) if found[1]), 0)
    if not closing:
        raise ODataRefused(_INCOMPLETE, len(body))
    pairs = itertools.pairwise(marks[: closing + 1])
    return [_headers(body[start.end(2) : stop.start()], start.end(2)) for start, stop in pairs]


def _headers(part: bytes, at: int = 0) -> tuple[Headers, bytes]:
    """Split at the first blank line; without one the part is cut short."""
    end = _BLANK_LINE.search(part)
    if end is None:
        raise ODataRefused(_INCOMPLETE, at)
    lines = part[: end.start()].decode("latin-1").splitlines()
    pairs = [line.partition(":") for line in lines]
    if len(pairs) > _MAX_HEADERS or not all(colon and name.strip() for name, colon, _ in pairs):
        msg = "A header of the batch is not 'Name: value'."
        raise ODataRefused(msg, at)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs), part[end.end() :]


def _check_changes(changes: Sequence[InnerRequest], *, needs_content_id: bool) -> None:
    """Refuse a change set with a read in it, a Content-ID twice, or one missing."""
    ids = [change.content_id for change in changes if change.content_id]
    if any(change.method == "GET" for change in changes):
        msg = "A GET cannot stand in a change set."
    elif len(ids) != len(set(ids)):
        msg = "A Content-ID stands twice in a change set."
    elif needs_content_id and len(ids) != len(changes):
        msg = "An operation of a change set needs a Content-ID."
    else:
        return
    raise ODataRefused(msg)


def _operation(headers: Headers, content: bytes, needs_blank_line: bool) -> InnerRequest:  # noqa: FBT001 - private
    if _media_type(_value(headers, "content-type")) != "application/http":
        msg = "A part of a batch is application/http, or a change set of those."
        raise ODataRefused(msg)
    if _value(headers, "content-transfer-encoding").lower() not in ("", "binary"):
        msg = "The Content-Transfer-Encoding of a part is binary."
        raise ODataRefused(msg)
    first, _, rest = content.partition(b"\n")
    line = _REQUEST_LINE.fullmatch(first.decode("latin-1").strip())
    if line is None or line[1] not in _METHODS:
        msg = "A part of a batch starts with 'METHOD url HTTP/1.1'."
        raise ODataRefused(msg)
    if not needs_blank_line and not _BLANK_LINE.search(rest):
        rest = rest.rstrip() + b"\r\n\r\n"
    inside, body = _headers(rest)
    if line[2].partition("?")[0].endswith("$batch"):
        msg = "A batch cannot stand in a batch."
        raise ODataRefused(msg)
    content_id = _value(headers, "content-id") or _value(inside, "content-id")
    return InnerRequest(line[1], line[2], inside, body, content_id or None)


def _value(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
