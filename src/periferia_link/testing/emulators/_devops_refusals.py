"""How Azure DevOps refuses: status, ``typeKey`` and a message that begins with its TF or VS number."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from periferia_link.testing.emulators._json import json_response
from periferia_link.typing import Response

__all__ = ["DevOpsRefused", "envelope", "rule_broken", "unreadable"]

_SERVER = "Microsoft.TeamFoundation.WorkItemTracking.Server"


class DevOpsRefused(Exception):  # noqa: N818 - a refusal, answered as such
    """
    A request that is refused.

    The texts of recorded refusals are literal (TF200016, TF401232, TF400497, TF400813); those of the documentation
    and of public issues are as told there; the others have the right status and ``typeKey`` in our own words.
    """

    def __init__(self, status: int, key: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.key = key
        self.message = message
        self.headers = dict(headers or {})

    def response(self, version: str = "") -> Response:
        """Return the answer, with the correlation header that carries the message."""
        return envelope(self.status, self.key, self.message, headers=self.headers, version=version)


def envelope(
    status: int, key: str, message: str, *, headers: Mapping[str, str] | None = None, version: str = ""
) -> Response:
    """Make the error answer that every resource of the service gives."""
    body = {
        "$id": "1",
        "innerException": None,
        "message": message,
        "typeName": f"{_SERVER}.{key}, {_SERVER}",
        "typeKey": key,
        "errorCode": 0,
        "eventId": 3200,
    }
    kind = "application/json; charset=utf-8" + (f"; api-version={version}" if version else "")
    return json_response(
        status, body, {"Content-Type": kind, "X-TFS-ServiceError": quote(message, safe=""), **(headers or {})}
    )


def rule_broken(field: str, error: str) -> DevOpsRefused:
    """Refuse a value that the process does not allow in a field."""
    message = f"TF401320: Rule Error for field {field}. Error code: {error}."
    return DevOpsRefused(400, "RuleValidationException", message)


def unreadable(number: object) -> DevOpsRefused:
    """Refuse an item that is not there, or that this identity may not see: one answer for both."""
    message = f"TF401232: Work item {number} does not exist, or you do not have permissions to read it."
    return DevOpsRefused(404, "WorkItemUnauthorizedAccessException", message)
