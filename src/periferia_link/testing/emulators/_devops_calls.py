"""One request to Azure DevOps, taken apart: organisation, project, resource, version, body."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from periferia_link.testing.emulators._devops_refusals import DevOpsRefused
from periferia_link.testing.emulators._json import json_response, parse_json
from periferia_link.typing import Clock, Request, Response

__all__ = ["Call", "Handler", "Route", "answered", "no_controller", "read_call", "stamp"]

_VERSION = re.compile(r"api-version\s*=\s*([0-9]+(?:\.[0-9]+)?(?:-preview(?:\.[0-9]+)?)?)", re.IGNORECASE)


@dataclass
class Call:
    """
    A request in the words of the service.

    ``place`` is what stands behind ``_apis``, ``variables`` what the route took out of it; ``project`` and ``team``
    stand before it. Query names are lower-case: the service does not mind.
    """

    request: Request
    clock: Clock
    organisation: str
    project: str | None
    team: str | None
    place: tuple[str, ...]
    query: Mapping[str, str]
    version: str
    user: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The current instant."""
        return self.clock.now()

    def flag(self, name: str) -> bool:
        """Whether a query parameter says true."""
        return self.query.get(name, "").lower() == "true"

    def number(self, name: str, default: int, *, most: int) -> int:
        """Read a whole number of the query."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isdecimal() or int(text) > most:
            message = f"The value {text} of {name} is outside 0 to {most}."
            raise DevOpsRefused(400, "VssPropertyValidationException", message)
        return int(text)

    def body(self) -> Any:
        """
        Read the JSON of the request.

        Raises:
            DevOpsRefused: It is none.
        """
        try:
            return parse_json(self.request.body)
        except (ValueError, RecursionError):
            message = "TF400898: An Internal Error Occurred. Activity Id: 740ce452-a52f-495e-92a3-7a9b2b678a9c."
            raise DevOpsRefused(400, "JsonReaderException", message) from None

    def record(self) -> dict[str, Any]:
        """
        Read a JSON object.

        Raises:
            DevOpsRefused: The body is something else.
        """
        body = self.body()
        if not isinstance(body, dict):
            message = "Value cannot be null. Parameter name: body"
            raise DevOpsRefused(400, "ArgumentNullException", message)
        return body


Handler: TypeAlias = Callable[[Any, Call], Response]
Route: TypeAlias = tuple[str, str, Handler]


def read_call(request: Request, clock: Clock) -> Call:
    """Take a request apart; what is no address of an API has an empty ``place``."""
    address = urlsplit(request.url)
    segments = [unquote(each) for each in address.path.split("/") if each]
    query = {name.lower(): value for name, value in parse_qsl(address.query, keep_blank_values=True)}
    apis = next((at for at, each in enumerate(segments) if each.lower() == "_apis"), len(segments))
    before, after = segments[:apis], segments[apis + 1 :]
    told = _VERSION.search(f"api-version={query['api-version']}" if "api-version" in query else "") or _VERSION.search(
        request.header("accept") or ""
    )
    return Call(
        request=request,
        clock=clock,
        organisation=before[0] if before else "",
        project=before[1] if len(before) > 1 else None,
        team=before[2] if len(before) > 2 else None,
        place=tuple(after) if apis < len(segments) else ("",),
        query=query,
        version=told[1] if told else "",
    )


def answered(call: Call, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that echoes the version; never with an ETag (recorded)."""
    version = call.version or "7.1"
    kind = f"application/json; charset=utf-8; api-version={version}"
    return json_response(status, value, {"Content-Type": kind, "Cache-Control": "no-cache", **(headers or {})})


def stamp(moment: datetime) -> str:
    """Write an instant as the service does: at most three digits of a second, none of them a closing zero."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def no_controller(call: Call) -> Response:
    """Answer an address that is none: in plain text (recorded), not in the envelope."""
    path = call.request.url.partition("?")[0]
    text = f"The controller for path '{path}' was not found or does not implement IController."
    return Response(404, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
