"""One request on a resource of the emulated Service Layer, alone or as part of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from periferia_link.testing.emulators._json import parse_json
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_wire import Edition

__all__ = ["Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request on a resource. ``resource`` is decoded and relative to the root; header names are lower case."""

    method: str
    resource: str
    edition: Edition
    now: datetime
    options: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> dict[str, Any]:
        """
        Return the object in the body; an empty body is an empty object.

        Raises:
            RefusedError: It is no JSON object.
        """
        try:
            value = parse_json(self.body) if self.body.strip() else {}
        except (ValueError, RecursionError):
            raise Refusal.BODY.error() from None
        if not isinstance(value, dict):
            raise Refusal.BODY.error()
        return value

    @property
    def wants_no_content(self) -> bool:
        """Whether the caller does not want the new record back."""
        return "return-no-content" in self.headers.get("prefer", "")
