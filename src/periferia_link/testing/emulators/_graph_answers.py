"""Answers of Graph: JSON, and the error envelope in both of its spellings."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from periferia_link.testing.emulators._emulator import json_response
from periferia_link.typing import Response

__all__ = ["GraphRefused", "envelope"]


def envelope(
    status: int,
    code: str,
    message: str,
    *,
    inner: Mapping[str, Any] | None = None,
    spelling: str = "innerError",
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    """Make a refusal; the inner error nests and carries the request id."""
    request = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{status} {code}"))
    tail = {"date": "2026-11-20T14:00:00", "request-id": request, "client-request-id": request}
    body = {"error": {"code": code, "message": message, spelling: {**(inner or {}), **tail}}}
    answer = json_response(status, body)
    return Response(status, (*answer.headers, ("request-id", request), *headers), answer.body)


class GraphRefused(Exception):  # noqa: N818 - an answer, raised where it is known
    """A refusal on its way to the client."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.more = status, code, message, more

    def response(self, spelling: str) -> Response:
        """Return it as an answer."""
        return envelope(self.status, self.code, self.message, spelling=spelling, **self.more)
