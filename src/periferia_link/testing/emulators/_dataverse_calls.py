"""One call to the emulated Web API taken apart, and the shape of its answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from periferia_link.testing.emulators._dataverse_addresses import API, segments
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_payload, bad_query
from periferia_link.testing.emulators._emulator import json_response, parse_json
from periferia_link.testing.emulators._odata import query_options
from periferia_link.typing import Request, Response

__all__ = ["Call", "answer", "read_call", "refused"]

_JSON = "application/json; odata.metadata=minimal"
_PREFERENCE = re.compile(r'\s*(?P<name>[\w.-]+)(?:\s*=\s*(?P<value>"[^"]*"|[^,\s]*))?\s*(?:,|$)')
_ANNOTATIONS = "odata.include-annotations"


@dataclass(frozen=True, slots=True)
class Call:
    """
    A request with its path cut into segments and its query decoded.

    ``root`` is the service root that the client used, such as ``https://host/api/data/v9.2``; ``contents`` are the
    addresses that earlier operations of the same change set created, by Content-ID.
    """

    request: Request
    root: str
    path: tuple[str, ...]
    options: Mapping[str, str]
    preferences: Mapping[str, str]
    now: datetime
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.method

    @property
    def body(self) -> Any:
        """
        The JSON body.

        Raises:
            DataverseRefused: 400, it is no JSON.
        """
        try:
            return parse_json(self.request.body)
        except (ValueError, RecursionError):
            raise bad_payload(self.path[0], "Microsoft.OData.ODataException: Invalid JSON.") from None

    def header(self, name: str) -> str | None:
        """Return a header; the literal ``null``, which clients send to defeat caches, counts as absent."""
        value = self.request.header(name)
        return None if value is None or value.strip().lower() == "null" else value.strip()

    @property
    def wants_representation(self) -> bool:
        """Whether the answer to a write shall hold the record."""
        return self.preferences.get("return") == "representation"

    @property
    def applied(self) -> str:
        """The value of ``Preference-Applied`` for the preferences that this server honours."""
        shown = {"odata.track-changes", "odata.maxpagesize", _ANNOTATIONS, "return"}
        pairs = ((name, value) for name, value in self.preferences.items() if name in shown)
        return ",".join(
            name if not value else f'{name}="{value}"' if name == _ANNOTATIONS else f"{name}={value}"
            for name, value in pairs
        )

    def annotates(self, term: str) -> bool:
        """Whether the client asked for an annotation, by name or by a pattern with ``*``."""
        wanted = self.preferences.get(_ANNOTATIONS, "")
        return any(fnmatchcase(term, pattern.strip()) for pattern in wanted.split(",") if pattern.strip())

    def link(self, **changes: str) -> str:
        """Return the URL of this call with other query options, as the server writes its links."""
        options = {name: value for name, value in self.options.items() if not name.startswith("$skip")} | {
            f"${name}": value for name, value in changes.items()
        }
        query = "&".join(f"{name}={quote(value, safe=_SAFE)}" for name, value in options.items())
        return f"{self.root}/{'/'.join(quote(part, safe=_SAFE) for part in self.path)}" + (f"?{query}" if query else "")


_SAFE = "$(),;'=/@*:"


def read_call(request: Request, base_url: str, now: datetime, contents: Mapping[str, str] | None = None) -> Call:
    """
    Take a request apart.

    Raises:
        DataverseRefused: 404, not below the service root; 400, the query cannot be read.
    """
    address = urlsplit(request.url)
    found = API.fullmatch(unquote(address.path))
    if found is None:
        raise DataverseRefused(404, "0x80060888", "Resource not found for the segment provided in the URL.")
    inside = found["path"] or ""
    version = unquote(address.path)[: len(unquote(address.path)) - len(inside)].rstrip("/")
    return Call(
        request=request,
        root=base_url + version,
        path=tuple(segments(inside)),
        options=query_options(request.url),
        preferences=dict(_preferences(value for name, value in request.headers if name.lower() == "prefer")),
        now=now,
        contents=contents or {},
    )


def _preferences(values: Iterable[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        for found in _PREFERENCE.finditer(value):
            yield found["name"].lower(), (found["value"] or "").strip('"')


def answer(
    call: Call, status: int, value: Any = None, headers: Iterable[tuple[str, str]] = (), *, applied: bool = False
) -> Response:
    """Make an answer; ``applied`` says which preferences were honoured."""
    pairs = [("OData-Version", "4.0"), *headers]
    if value is not None:
        pairs.insert(0, ("Content-Type", _JSON))
    if applied and call.applied:
        pairs.append(("Preference-Applied", call.applied))
    return json_response(status, value, pairs)


def refused(refusal: DataverseRefused, *, call: Call | None = None, empty_codes: bool = False) -> Response:
    """Make the answer of a refusal; annotations only where the client asked for them."""
    code = "" if empty_codes and refusal.code_is_optional else refusal.code
    error: dict[str, Any] = {"code": code, "message": refusal.message}
    details = {
        "ErrorDetails.OperationStatus": "0",
        "ErrorDetails.SubErrorCode": "0",
        **refusal.details,
        "HelpLink": f"http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{code[2:]}",
        "TraceText": "",
        "InnerError.Message": refusal.message,
    }
    for name, value in details.items():
        if call is not None and call.annotates(f"Microsoft.PowerApps.CDS.{name}"):
            error[f"@Microsoft.PowerApps.CDS.{name}"] = value
    return json_response(
        refusal.status, {"error": error}, [("Content-Type", _JSON), ("OData-Version", "4.0"), *refusal.headers]
    )


def no_such_call(call: Call) -> DataverseRefused:
    """Return the refusal of a method that an address does not take."""
    return DataverseRefused(405, "0x80060888", f"The requested resource does not support http method '{call.method}'.")


def check_options(call: Call, known: Iterable[str]) -> None:
    """
    Refuse query options that Dataverse does not have; parameters without ``$`` pass, as in OData.

    Raises:
        DataverseRefused: 400.
    """
    for name in call.options:
        if name == "$skip":
            msg = "Skip Clause is not supported in CRM"
            raise bad_query(msg)
        if name.startswith("$") and name[1:] not in known:
            msg = f"The query parameter {name} is not supported."
            raise bad_query(msg)
